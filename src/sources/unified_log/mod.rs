//! Reads macOS's unified log through `/usr/bin/log`.
//!
//! `log stream` tells what happens and keeps nothing; `log show` tells what was kept, and ends. So the store of the system is
//! the buffer: wherever the stream had a hole (a start, a child that died, a pause in which nobody read), `log show` fills it
//! from the settled position on, and [`seam`] leaves out what was handed over. Easy to break: the stream is started before the
//! last show, and what it says is kept until that show has ended. Otherwise what happens between the two is lost.

pub mod command;
pub mod entry;
pub mod format;
mod running;
pub mod seam;
pub mod settings;

use std::time::Duration;

pub use self::command::Level;
use self::entry::{Entry, Line};
pub use self::format::Format;
use self::running::{Heard, Running};
use self::seam::{Saved, Seam};
pub use self::settings::{PROGRAM, Pace, Settings, warning};
use crate::record::{BootId, Mark, Monotonic, SavedJournal, Wall};
use crate::sources::child::{Backoff, Wake};
use crate::sources::records::Chunk;

/// A position farther back is caught up with before a stream is started: its words would have to wait for too long.
const LONG_GAP_US: i64 = 60_000_000;
/// What the stream may say while it waits for the show.
const MAX_KEPT_BYTES: usize = 4 * 1024 * 1024;
/// How long the stream's banner is waited for.
const BANNER_PATIENCE: Duration = Duration::from_secs(10);
/// Bad lines are told of this often.
const TELL_PAUSE: Duration = Duration::from_secs(60);
/// Without being read for so long, a stream is not believed to be whole.
const AWAY: Duration = Duration::from_secs(10);
/// From a gap in the stream until it is filled: under a load that it cannot keep up with, another gap is near.
const GAP_PAUSE: Duration = Duration::from_secs(1);
const SILENT: &str = "`log show` said nothing for too long";
const ENDED: &str = "`log stream` ended";

/// The unified log, as a source of records.
pub struct UnifiedLog {
    settings: Settings,
    pace: Pace,
    wake: Wake,
    seam: Seam,
    /// Nothing before it is wanted: the time of the very first start.
    begin_us: i64,
    /// Behind the last record that was handed over.
    offset: u64,
    phase: Phase,
    backoff: Backoff,
    complaint: Option<String>,
    chunk: Chunk,
    wall: Wall,
    saved: SavedJournal,
    /// That reading begins at `saved` is not in the state yet.
    is_new: bool,
    bad_lines: u64,
    told_bad_lines: u64,
    tells_not_before: Monotonic,
}

enum Phase {
    /// Nothing runs, for good.
    Stopped,
    /// Nothing runs.
    Resting { until: Monotonic },
    /// A long gap is filled; nobody listens to what happens meanwhile, since that would be another gap to fill.
    Filling { show: Running, since_us: i64 },
    /// The stream has been started; what it says is kept until a show has told everything up to it.
    Joining(Joining),
    /// What happens is handed over.
    Following(Running),
}

struct Joining {
    stream: Running,
    /// When the stream was started.
    since_us: i64,
    kept: Vec<u8>,
    show: Show,
    /// Nobody read for long, after the show had begun: what the stream left out may have come too late for it.
    was_away: bool,
}

/// What lines told beside their entries.
#[derive(Default)]
struct Told {
    has_dropped: bool,
    /// The time of the last entry.
    last_us: Option<i64>,
}

enum Show {
    /// The stream has to be there first.
    At(Monotonic),
    Running(Running),
}

impl UnifiedLog {
    /// Goes on where an earlier run ended, or begins with `begin`. `wake` is called when there may be something to read.
    pub fn new(settings: Settings, pace: Pace, saved: Option<SavedJournal>, begin: Wall, wake: Wake) -> Self {
        let at = |time: Wall| Saved { time_us: time.0.saturating_mul(1000), around: Vec::new() };
        let place = saved.as_ref().map_or(at(begin), |saved| Saved::from_text(&saved.cursor).unwrap_or(at(saved.time)));
        Self {
            wake,
            seam: Seam::new(&place),
            begin_us: if saved.is_some() { i64::MIN } else { place.time_us },
            offset: 0,
            phase: Phase::Resting { until: Monotonic(0) },
            pace,
            backoff: Backoff::default(),
            complaint: None,
            chunk: Chunk::default(),
            wall: begin,
            is_new: saved.is_none(),
            saved: saved.unwrap_or_else(|| saved_journal(&settings.key, &place)),
            bad_lines: 0,
            told_bad_lines: 0,
            tells_not_before: Monotonic(0),
            settings,
        }
    }

    /// To be called before each reading, and when [`UnifiedLog::next_due`] says so.
    pub fn tend(&mut self, now: Monotonic, wall: Wall) {
        self.wall = wall;
        self.phase = match std::mem::replace(&mut self.phase, Phase::Stopped) {
            Phase::Resting { until } if now >= until => self.begin(now, wall.0.saturating_mul(1000)),
            phase => phase,
        };
        self.tell_of_bad_lines(now);
    }

    /// When it wants to be tended, unless it wakes before.
    pub fn next_due(&self) -> Option<Monotonic> {
        match &self.phase {
            Phase::Stopped => None,
            Phase::Resting { until } => Some(*until),
            Phase::Joining(Joining { show: Show::At(at), .. }) => Some(*at),
            Phase::Joining(Joining { show: Show::Running(running), .. })
            | Phase::Filling { show: running, .. }
            | Phase::Following(running) => Some(running.silent_at(self.pace.patience)),
        }
    }

    /// Where reading begins, once: to be saved at once, so that nothing is lost if the program ends before the first entry.
    pub fn take_beginning(&mut self) -> Option<SavedJournal> {
        std::mem::take(&mut self.is_new).then(|| self.saved.clone())
    }

    /// The next records, and the offset at which they begin.
    pub fn read(&mut self, now: Monotonic) -> Option<(u64, &Chunk)> {
        let mut records = std::mem::take(&mut self.chunk);
        records.clear();
        let from = self.offset;
        self.phase = match std::mem::replace(&mut self.phase, Phase::Stopped) {
            Phase::Filling { show, since_us } => self.fill(show, since_us, now, &mut records),
            Phase::Joining(joining) => self.join(joining, now, &mut records),
            Phase::Following(stream) => self.follow(stream, now, &mut records),
            phase => phase,
        };
        self.chunk = records;
        (!self.chunk.is_empty()).then_some((from, &self.chunk))
    }

    /// The pipeline took what was read. Every offset is remembered here, so that it may name any.
    pub fn advance(&mut self, _ends: &[u64]) {}

    /// Everything up to `to` is settled. What is to be saved.
    pub fn settle(&mut self, to: Mark) -> Option<SavedJournal> {
        let waiting = match &self.phase {
            Phase::Joining(joining) => Some(joining.since_us),
            _ => None,
        };
        self.saved = saved_journal(&self.settings.key, &self.seam.settle(to.offset, waiting));
        Some(self.saved.clone())
    }

    /// Reads again from the settled position on; counting goes on from there, too.
    pub fn rewind(&mut self) {
        self.offset = self.seam.rewind();
        if !matches!(self.phase, Phase::Stopped) {
            self.phase = Phase::Resting { until: Monotonic(0) };
        }
    }

    /// When the oldest was written of what is known of and not settled.
    pub fn behind(&self) -> Option<Wall> {
        self.seam.behind_us().map(|time_us| Wall(time_us.div_euclid(1000)))
    }

    /// What is to be saved of it, for a state that began anew.
    pub fn saved(&self) -> Option<SavedJournal> {
        Some(self.saved.clone())
    }

    /// Reads no more.
    pub fn stop(&mut self) {
        self.phase = Phase::Stopped;
    }

    /// Behind the last record that was handed over: where the next begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether what happens is handed over as it happens.
    pub fn is_following(&self) -> bool {
        matches!(self.phase, Phase::Following(_))
    }

    /// Why nothing is read, while that is so.
    pub fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// What it is called in the own log.
    pub fn key(&self) -> &str {
        &self.settings.key
    }

    /// Lines that were no entries, since the start.
    pub fn bad_lines(&self) -> u64 {
        self.bad_lines
    }

    fn begin(&mut self, now: Monotonic, now_us: i64) -> Phase {
        if now_us.saturating_sub(self.seam.show_from(now_us)) > LONG_GAP_US {
            return match self.show(now, now_us) {
                Ok(show) => Phase::Filling { show, since_us: now_us },
                Err(error) => self.rest(now, &error),
            };
        }
        let words = command::stream(&self.settings.predicate, self.settings.level);
        match self.start(&words, now) {
            Ok(stream) => {
                let show = Show::At(now.after(BANNER_PATIENCE));
                Phase::Joining(Joining { stream, since_us: now_us, kept: Vec::new(), show, was_away: false })
            }
            Err(error) => self.rest(now, &error),
        }
    }

    fn fill(&mut self, mut show: Running, since_us: i64, now: Monotonic, records: &mut Chunk) -> Phase {
        match show.hear(now) {
            Heard::Lines(lines) => drop(self.hand_over(&lines, records)),
            Heard::Nothing if show.silence(now) > self.pace.patience => return self.rest(now, SILENT),
            Heard::Nothing => {}
            Heard::End(Ok(())) => {
                self.is_well();
                self.seam.handed(since_us);
                return Phase::Resting { until: now };
            }
            Heard::End(Err(error)) => return self.rest(now, &error),
        }
        Phase::Filling { show, since_us }
    }

    fn join(&mut self, mut joining: Joining, now: Monotonic, records: &mut Chunk) -> Phase {
        let is_shown = matches!(joining.show, Show::Running(_));
        joining.was_away |= is_shown && now.since(joining.stream.looked()) > AWAY;
        match joining.stream.hear(now) {
            Heard::Lines(lines) => {
                // Its first line is the banner: from now on it listens.
                if let Show::At(at) = &mut joining.show
                    && joining.kept.is_empty()
                {
                    *at = now.after(self.pace.settle);
                }
                joining.kept.extend_from_slice(&lines);
            }
            Heard::Nothing => {}
            Heard::End(end) => return self.rest(now, &end.err().unwrap_or_else(|| ENDED.to_owned())),
        }
        if joining.kept.len() > MAX_KEPT_BYTES {
            return self.rest(now, "more happens than can wait for `log show`");
        }
        match &mut joining.show {
            Show::At(at) if now < *at => {}
            Show::At(_) => match self.show(now, self.wall.0.saturating_mul(1000)) {
                Ok(show) => joining.show = Show::Running(show),
                Err(error) => return self.rest(now, &error),
            },
            Show::Running(show) => match show.hear(now) {
                Heard::Lines(lines) => drop(self.hand_over(&lines, records)),
                Heard::Nothing if show.silence(now) > self.pace.patience => return self.rest(now, SILENT),
                Heard::Nothing => {}
                Heard::End(Ok(())) => {
                    self.is_well();
                    self.seam.handed(joining.since_us);
                    let mut told = self.hand_over(&joining.kept, records);
                    told.has_dropped |= joining.was_away;
                    return self.after(&told, joining.stream, now);
                }
                Heard::End(Err(error)) => return self.rest(now, &error),
            },
        }
        Phase::Joining(joining)
    }

    fn follow(&mut self, mut stream: Running, now: Monotonic, records: &mut Chunk) -> Phase {
        // Where nobody read for long the stream has left something out, whether it says so or not.
        let was_away = now.since(stream.looked()) > AWAY;
        match stream.hear(now) {
            Heard::Lines(lines) => {
                let mut told = self.hand_over(&lines, records);
                told.has_dropped |= was_away;
                self.after(&told, stream, now)
            }
            // Quiet, or hung: nobody can tell, and a new one costs little.
            Heard::Nothing if stream.silence(now) > self.pace.patience => Phase::Resting { until: now },
            Heard::Nothing => Phase::Following(stream),
            Heard::End(end) => self.rest(now, &end.err().unwrap_or_else(|| ENDED.to_owned())),
        }
    }

    /// Goes on with a stream, or fills the gap that it left.
    fn after(&mut self, told: &Told, stream: Running, now: Monotonic) -> Phase {
        if told.has_dropped {
            log::debug!("the stream of the unified log left something out: it is shown from the store");
            return Phase::Resting { until: now.after(GAP_PAUSE) };
        }
        if let Some(last) = told.last_us {
            self.seam.handed(last);
        }
        Phase::Following(stream)
    }

    fn show(&self, now: Monotonic, now_us: i64) -> Result<Running, String> {
        let from = self.seam.show_from(now_us);
        self.start(&command::show(&self.settings.predicate, self.settings.level, from), now)
    }

    fn start(&self, words: &[String], now: Monotonic) -> Result<Running, String> {
        let running = Running::start(&self.settings.program, words, &self.wake, now);
        running.map_err(|error| format!("`{}`: {error}", self.settings.program))
    }

    /// Tries again after a pause. A cause is told once, until it was well again.
    fn rest(&mut self, now: Monotonic, cause: &str) -> Phase {
        self.backoff.ended(now);
        if self.complaint.as_deref() != Some(cause) {
            log::warn!(cause; "the unified log cannot be read; it is tried again and again");
            self.complaint = Some(cause.to_owned());
        }
        Phase::Resting { until: self.backoff.until() }
    }

    fn is_well(&mut self) {
        self.backoff.worked();
        self.complaint = None;
    }

    /// Turns lines into records.
    fn hand_over(&mut self, lines: &[u8], records: &mut Chunk) -> Told {
        let mut told = Told::default();
        for line in lines.split(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            match entry::parse(&line) {
                Line::Entry(entry) => {
                    told.last_us = Some(entry.time_us);
                    self.take(&entry, &line, records);
                }
                Line::Dropped => told.has_dropped = true,
                Line::Bad => self.bad_lines += 1,
                Line::Notice | Line::Finished => {}
            }
        }
        told
    }

    fn take(&mut self, entry: &Entry<'_>, line: &str, records: &mut Chunk) {
        if entry.time_us < self.begin_us || entry.process_path == self.settings.own {
            return;
        }
        if self.seam.take(entry.identity, entry.time_us, self.offset + 1) {
            self.offset += 1;
            let text = format::format(self.settings.format, &self.settings.host, line, entry);
            records.push(&text, Wall(entry.time_us.div_euclid(1000)), "", "");
        }
    }

    fn tell_of_bad_lines(&mut self, now: Monotonic) {
        if self.bad_lines > self.told_bad_lines && now >= self.tells_not_before {
            let count = self.bad_lines - self.told_bad_lines;
            log::warn!(count; "lines of the unified log were no entries");
            self.told_bad_lines = self.bad_lines;
            self.tells_not_before = now.after(TELL_PAUSE);
        }
    }
}

fn saved_journal(key: &str, place: &Saved) -> SavedJournal {
    SavedJournal {
        entry: key.to_owned(),
        cursor: place.to_text(),
        is_past: true,
        time: Wall(place.time_us.div_euclid(1000)),
        boot: BootId(String::new()),
    }
}
