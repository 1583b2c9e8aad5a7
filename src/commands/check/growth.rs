//! Measures how fast a log grows, from what is there now.
//!
//! A file's size by its age says most: it averages over day and night. Its age counts from its birth where the file system keeps that, or from the latest
//! rotation, whichever is later: a file that is emptied in place (`copytruncate`) is older than what is in it. Where neither is known, or what is in the file is
//! younger than ten minutes, how much it grew while `check` ran says something too; the larger of the two counts. What is younger counts as if ten minutes
//! old: of a few seconds nothing follows for a month. A file that has been quiet for longer than it was written to is taken for finished.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::cost::BYTES_AN_EVENT;

/// What is younger says too little by its size.
const YOUNG: Duration = Duration::from_secs(600);
/// What says that it was made before 2000 was made without a clock, or by an image's builder: then it is not known when.
const CLOCK_FLOOR: Duration = Duration::from_secs(946_684_800);
/// Of the end of a file so much is looked at for how long its lines are.
const SAMPLE_BYTES: u64 = 65_536;
/// So long the sizes are watched at least.
const WATCHED: Duration = Duration::from_millis(1_500);

/// The sizes of files at a moment.
pub struct Watch {
    began: Instant,
    sizes: BTreeMap<PathBuf, u64>,
}

impl Watch {
    /// Begins to watch.
    pub fn begin(paths: impl Iterator<Item = PathBuf>) -> Self {
        let sizes = paths.filter_map(|path| Some((path.clone(), fs::metadata(&path).ok()?.len()))).collect();
        Self { began: Instant::now(), sizes }
    }

    /// How each file grows. Where one needs it, waits until all were watched for long enough.
    pub fn end(self) -> BTreeMap<PathBuf, Growth> {
        let rotations = rotations(self.sizes.keys());
        let history = |path: &PathBuf| History::of(path, rotations.get(path).copied());
        let needs_watching = |path: &PathBuf| history(path).is_some_and(|known| known.is_young(SystemTime::now()));
        if self.sizes.keys().any(needs_watching) {
            std::thread::sleep(WATCHED.saturating_sub(self.began.elapsed()));
        }
        let (took, now) = (self.began.elapsed(), SystemTime::now());
        let of_file = |(path, before): (&PathBuf, &u64)| {
            let grown = fs::metadata(path).ok()?.len().saturating_sub(*before);
            let history = history(path)?;
            let rate = rate(&history, now, bytes(grown) / took.as_secs_f64().max(0.001)) * with_events(path);
            Some((path.clone(), Growth { rate, is_begin_known: history.age(now).is_some() }))
        };
        self.sizes.iter().filter_map(of_file).collect()
    }
}

/// How a file grows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// Bytes a second, events' own bytes included.
    pub rate: f64,
    /// Whether it is known since when what is in it was written; otherwise only what came while it was watched counts.
    pub is_begin_known: bool,
}

/// What is known of how a file came to its size.
#[derive(Clone, Copy, Debug)]
struct History {
    size: u64,
    born: Option<SystemTime>,
    rotated: Option<SystemTime>,
    written: SystemTime,
}

impl History {
    fn of(path: &Path, rotated: Option<SystemTime>) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self { size: found.len(), born: found.created().ok(), rotated, written: found.modified().ok()? })
    }

    /// How long ago what is in the file was begun; none where that is not known.
    fn age(&self, now: SystemTime) -> Option<Duration> {
        let is_of_a_clock = |time: &SystemTime| *time >= SystemTime::UNIX_EPOCH + CLOCK_FLOOR;
        let began = self.born.into_iter().chain(self.rotated).filter(is_of_a_clock).max();
        began.and_then(|began| now.duration_since(began).ok()).filter(|age| !age.is_zero())
    }

    fn is_young(&self, now: SystemTime) -> bool {
        self.age(now).is_none_or(|age| age < YOUNG)
    }
}

/// When the youngest file was last written to that is named after one of `paths`: `app.log.1`, `app.log-20261121.gz`. Each folder is read once.
fn rotations<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> BTreeMap<PathBuf, SystemTime> {
    let mut folders: BTreeMap<&Path, BTreeSet<&[u8]>> = BTreeMap::new();
    for path in paths {
        if let (Some(folder), Some(name)) = (path.parent(), path.file_name()) {
            folders.entry(folder).or_default().insert(name.as_bytes());
        }
    }
    let mut latest: BTreeMap<PathBuf, SystemTime> = BTreeMap::new();
    for (folder, names) in folders {
        for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            let name = entry.file_name();
            let name = name.as_bytes();
            let ends = name.iter().enumerate().filter(|(_, byte)| matches!(byte, b'.' | b'-')).map(|(at, _)| at);
            let stems: Vec<&[u8]> = ends.filter_map(|at| name.get(..at)).filter(|stem| names.contains(stem)).collect();
            let written = if stems.is_empty() { None } else { entry.metadata().ok().and_then(|it| it.modified().ok()) };
            let Some(written) = written else { continue };
            for stem in stems {
                let time = latest.entry(folder.join(OsStr::from_bytes(stem))).or_insert(written);
                *time = written.max(*time);
            }
        }
    }
    latest
}

/// Bytes a second. `watched` is the rate while it was looked at.
fn rate(history: &History, now: SystemTime, watched: f64) -> f64 {
    let Some(age) = history.age(now) else {
        return watched;
    };
    let quiet = now.duration_since(history.written).unwrap_or_default();
    if quiet > age.saturating_sub(quiet) && quiet > YOUNG {
        return watched;
    }
    let by_age = bytes(history.size) / age.max(YOUNG).as_secs_f64();
    if history.is_young(now) { by_age.max(watched) } else { by_age }
}

/// By how much the bytes that CloudWatch counts are more than those of the file: each line is an event.
fn with_events(path: &Path) -> f64 {
    let end = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(SAMPLE_BYTES)))?;
        let mut end = Vec::new();
        file.take(SAMPLE_BYTES).read_to_end(&mut end)?;
        Ok(end)
    };
    let end = end().unwrap_or_default();
    let lines = end.iter().filter(|byte| **byte == b'\n').count();
    if end.is_empty() { 1.0 } else { factor(end.len(), lines) }
}

fn factor(length: usize, lines: usize) -> f64 {
    let (length, lines) = (u64::try_from(length).unwrap_or(u64::MAX), u64::try_from(lines).unwrap_or(u64::MAX));
    // The newline itself is not sent.
    bytes(length.saturating_add(lines.saturating_mul(BYTES_AN_EVENT - 1))) / bytes(length.max(1))
}

/// Exact up to 2^53 bytes, more than a disk has.
fn bytes(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        let begin = if seconds < 86_400 { Duration::ZERO } else { CLOCK_FLOOR };
        SystemTime::UNIX_EPOCH + begin + Duration::from_secs(seconds)
    }

    #[test]
    fn a_rate_is_that_of_the_time_in_which_what_is_there_was_written() {
        let day = 86_400;
        let now = at(10 * day);
        let history = |size, born: Option<u64>, rotated: Option<u64>, written: u64| History {
            size,
            born: born.map(at),
            rotated: rotated.map(at),
            written: at(written),
        };
        for (what, history, watched, expected) in [
            ("size by age", history(86_400, Some(9 * day), None, 10 * day), 50.0, 1.0),
            ("emptied in place", history(86_400, Some(day), Some(9 * day), 10 * day), 50.0, 1.0),
            ("no birth known", history(86_400, None, Some(9 * day), 10 * day), 50.0, 1.0),
            ("nothing known", history(86_400, None, None, 10 * day), 50.0, 50.0),
            ("young and fast", history(1_000, Some(10 * day - 100), None, 10 * day), 50.0, 50.0),
            ("young and slow", history(6_000, Some(10 * day - 100), None, 10 * day), 0.0, 10.0),
            ("written at once a second ago", history(202_020, Some(10 * day - 1), None, 10 * day), 0.0, 336.7),
            ("made without a clock", history(86_400, Some(77), None, 10 * day), 50.0, 50.0),
            ("made without a clock, rotated", history(86_400, Some(77), Some(9 * day), 10 * day), 50.0, 1.0),
            ("finished", history(86_400, Some(day), None, 2 * day), 0.0, 0.0),
            ("born tomorrow", history(86_400, Some(11 * day), None, 10 * day), 2.0, 2.0),
        ] {
            assert!((rate(&history, now, watched) - expected).abs() < 1e-9, "{what}: {}", rate(&history, now, watched));
        }
    }

    #[test]
    fn each_line_counts_26_bytes_more_and_its_newline_not() {
        assert!((factor(100, 1) - 1.25).abs() < 1e-9);
        assert!((factor(100, 0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_file_that_grows_is_measured_and_its_rotated_sibling_says_since_when() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.log");
        fs::write(&path, "x".repeat(1_000)).unwrap();
        fs::write(folder.path().join("app.log.1"), "").unwrap();
        fs::write(folder.path().join("app.logbook"), "").unwrap();
        let hour_ago = SystemTime::now() - Duration::from_secs(3_600);
        let sibling = File::options().write(true).open(folder.path().join("app.log.1")).unwrap();
        sibling.set_modified(hour_ago).unwrap();
        // Of a name that begins another's.
        let short = folder.path().join("app");
        let found = rotations([&path, &short].into_iter());
        assert_eq!(found.get(&path), Some(&hour_ago));
        assert!(found[&short] > hour_ago, "app.log itself is named after app");
        let watch = Watch::begin([path.clone(), folder.path().join("gone")].into_iter());
        fs::write(&path, "x".repeat(4_000)).unwrap();
        let rates = watch.end();
        // 3,000 bytes in 1.5 s and what the test took besides.
        assert!(rates.len() == 1 && rates[&path].rate > 0.0 && rates[&path].rate.is_finite(), "{rates:?}");
    }
}
