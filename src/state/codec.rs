//! Decides how positions and waiting rounds look as bytes: a format byte, then CBOR.
//!
//! The rule that is easy to break: bytes of an older agent must stay readable. A change of a shape gets a new format byte and
//! keeps the arm that reads the old one; bytes with an unknown format byte are [`Unreadable`], never guessed at.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use minicbor::bytes::{ByteArray, ByteSlice};

use crate::record::{
    BootId, Dimensions, Distribution, Fingerprint, Mark, Monotonic, Round, Sample, SavedFile, SavedJournal, StreamName,
    Unit, Value, Wall,
};

/// The format byte of what this version writes.
const FORMAT: u8 = 1;
/// That of a round.
const ROUND_FORMAT: u8 = 2;

/// Bytes that are not what this version or an older one wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a saved {what} cannot be read: {why}")]
pub struct Unreadable {
    /// What the bytes should have been.
    pub what: &'static str,
    /// Why they are not.
    pub why: String,
}

impl Unreadable {
    fn new(what: &'static str, why: impl ToString) -> Self {
        Self { what, why: why.to_string() }
    }
}

/// The key of a followed file: its config entry, then device and inode of eight bytes each.
pub(super) fn file_key(entry: &str, device: u64, inode: u64) -> Vec<u8> {
    [entry.as_bytes(), &device.to_be_bytes(), &inode.to_be_bytes()].concat()
}

/// What [`file_key`] was made of.
fn file_key_parts(key: &[u8]) -> Option<(&str, u64, u64)> {
    let (rest, inode) = key.split_last_chunk::<8>()?;
    let (entry, device) = rest.split_last_chunk::<8>()?;
    Some((std::str::from_utf8(entry).ok()?, u64::from_be_bytes(*device), u64::from_be_bytes(*inode)))
}

/// A file's value: everything that its key does not say. Hashes are eight plain bytes: CBOR's integers would need nine.
type FileShape<'a> = (&'a ByteSlice, Option<&'a ByteSlice>, &'a str, &'a str, u64, ByteArray<8>, u64, ByteArray<8>);

/// The same, and how many bytes at its beginning nobody sent, where there are any.
type LongFileShape<'a> =
    (&'a ByteSlice, Option<&'a ByteSlice>, &'a str, &'a str, u64, ByteArray<8>, u64, ByteArray<8>, u64);

/// The bytes of a followed file.
pub(super) fn file_value(file: &SavedFile) -> Result<Vec<u8>, Unreadable> {
    let first = (file.first_path != file.path).then(|| path_bytes(&file.first_path));
    let (path, StreamName { group, stream }) = (path_bytes(&file.path), &file.stream);
    let head = ByteArray::from(file.head.hash.to_be_bytes());
    let tail = ByteArray::from(file.settled.tail.to_be_bytes());
    let shape: FileShape = (path, first, group, stream, file.head.length, head, file.settled.offset, tail);
    if file.skipped == 0 {
        return encoded("position", shape);
    }
    let (path, first, group, stream, length, head, offset, tail) = shape;
    let shape: LongFileShape = (path, first, group, stream, length, head, offset, tail, file.skipped);
    encoded("position", shape)
}

/// The followed file that `key` and `value` say.
pub(super) fn file(key: &[u8], value: &[u8]) -> Result<SavedFile, Unreadable> {
    let what = "position";
    let (entry, device, inode) = file_key_parts(key).ok_or_else(|| Unreadable::new(what, "its key is cut"))?;
    let body = body(what, value)?;
    let long = minicbor::decode(body).or_else(|_| {
        let (path, first, group, stream, length, head, offset, tail): FileShape = minicbor::decode(body)?;
        Ok((path, first, group, stream, length, head, offset, tail, 0))
    });
    let (path, first, group, stream, length, head, offset, tail, skipped): LongFileShape =
        long.map_err(|e: minicbor::decode::Error| Unreadable::new(what, e))?;
    Ok(SavedFile {
        entry: entry.to_owned(),
        device,
        inode,
        path: bytes_path(path),
        first_path: bytes_path(first.unwrap_or(path)),
        stream: StreamName { group: group.into(), stream: stream.into() },
        head: Fingerprint { length, hash: u64::from_be_bytes(*head) },
        settled: Mark { offset, tail: u64::from_be_bytes(*tail) },
        skipped,
    })
}

/// A journal's place, whether it is past it, and the time and boot of the entry there.
type JournalShape<'a> = (&'a str, bool, i64, &'a str);

/// The bytes of a place in a journal; its config entry is the key.
pub(super) fn journal_value(journal: &SavedJournal) -> Result<Vec<u8>, Unreadable> {
    let shape: JournalShape = (&journal.cursor, journal.is_past, journal.time.0, &journal.boot.0);
    encoded("place in a journal", shape)
}

/// The place in a journal that `key` and `value` say.
pub(super) fn journal(key: &[u8], value: &[u8]) -> Result<SavedJournal, Unreadable> {
    let what = "place in a journal";
    let entry = std::str::from_utf8(key).map_err(|e| Unreadable::new(what, e))?;
    let (cursor, is_past, time, boot): JournalShape =
        minicbor::decode(body(what, value)?).map_err(|e| Unreadable::new(what, e))?;
    Ok(SavedJournal {
        entry: entry.to_owned(),
        cursor: cursor.to_owned(),
        is_past,
        time: Wall(time),
        boot: BootId(boot.to_owned()),
    })
}

/// A sample's name, unit, value, and which of the round's sets of dimensions it has.
type SampleShape<'a> = (&'a str, u8, f64, u64);

/// What few samples have: which sample it is, whether it is of high resolution, and of a distribution the counted values, the
/// least, the greatest and the count (its sum stands as the sample's value).
type RareShape = (u64, bool, Option<(Vec<(f64, f64)>, f64, f64, f64)>);

/// A round's boot, its time there, the system's time, the sets of dimensions in it, its samples, and what few of them have: the
/// last is absent from what an older version wrote.
type RoundShape<'a> = (&'a str, u64, i64, Vec<Vec<(&'a str, &'a str)>>, Vec<SampleShape<'a>>, Vec<RareShape>);

/// A round as version 1 wrote it.
type OldRoundShape<'a> = (&'a str, u64, i64, Vec<Vec<(&'a str, &'a str)>>, Vec<SampleShape<'a>>);

/// The bytes of a round. Samples of one round share few sets of dimensions, so each set is written once.
pub(super) fn round_value(round: &Round) -> Result<Vec<u8>, Unreadable> {
    let mut sets: Vec<&Dimensions> = Vec::new();
    // What programs send may have a set each: looking through all of them for each would be quadratic.
    let mut places: HashMap<&Dimensions, usize> = HashMap::new();
    let mut samples: Vec<SampleShape> = Vec::with_capacity(round.samples.len());
    let mut rare: Vec<RareShape> = Vec::new();
    for (place, sample) in (0..).zip(&round.samples) {
        let index = *places.entry(&sample.dimensions).or_insert_with(|| {
            sets.push(&sample.dimensions);
            sets.len() - 1
        });
        let (value, many) = match &sample.value {
            Value::One(value) => (*value, None),
            Value::Distribution(it) => (it.sum, Some((it.counted.clone(), it.minimum, it.maximum, it.count))),
        };
        if many.is_some() || sample.is_high_resolution {
            rare.push((place, sample.is_high_resolution, many));
        }
        // A usize fits u64 on every machine there is.
        samples.push((&sample.name, unit_code(sample.unit), value, index as u64));
    }
    let sets = sets.iter().map(|set| set.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect()).collect();
    let shape: RoundShape = (&round.boot.0, round.at.0, round.system.0, sets, samples, rare);
    let mut bytes = encoded("round", shape)?;
    bytes[0] = ROUND_FORMAT;
    Ok(bytes)
}

/// The round that `value` says.
pub(super) fn round(value: &[u8]) -> Result<Round, Unreadable> {
    let what = "round";
    let (boot, at, system, sets, samples, rare) = round_shape(value)?;
    let sets: Vec<Dimensions> =
        sets.into_iter().map(|set| set.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()).collect();
    let samples = samples.into_iter().map(|(name, unit, value, set)| {
        let set = usize::try_from(set).ok().and_then(|set| sets.get(set));
        Ok(Sample {
            name: name.to_owned(),
            unit: unit_of(unit).ok_or_else(|| Unreadable::new(what, format!("unit {unit} is not known")))?,
            value: Value::One(value),
            dimensions: set.ok_or_else(|| Unreadable::new(what, "a sample's dimensions are missing"))?.clone(),
            is_high_resolution: false,
        })
    });
    let mut samples = samples.collect::<Result<Vec<_>, Unreadable>>()?;
    for (place, is_high_resolution, many) in rare {
        let sample = usize::try_from(place).ok().and_then(|place| samples.get_mut(place));
        let sample = sample.ok_or_else(|| Unreadable::new(what, "a sample is missing"))?;
        sample.is_high_resolution = is_high_resolution;
        if let (Value::One(sum), Some((counted, minimum, maximum, count))) = (&sample.value, many) {
            sample.value = Value::Distribution(Distribution { counted, minimum, maximum, sum: *sum, count });
        }
    }
    Ok(Round { boot: BootId(boot.to_owned()), at: Monotonic(at), system: Wall(system), samples })
}

fn round_shape(value: &[u8]) -> Result<RoundShape<'_>, Unreadable> {
    let what = "round";
    let unreadable = |error: minicbor::decode::Error| Unreadable::new(what, error);
    match value.split_first() {
        Some((&ROUND_FORMAT, body)) => minicbor::decode(body).map_err(unreadable),
        _ => {
            let old: OldRoundShape = minicbor::decode(body(what, value)?).map_err(unreadable)?;
            let (boot, at, system, sets, samples) = old;
            Ok((boot, at, system, sets, samples, Vec::new()))
        }
    }
}

/// The boot of the round that `value` says, without reading the rest of it.
pub(super) fn round_boot(value: &[u8]) -> Result<&str, Unreadable> {
    let what = "round";
    let body = match value.split_first() {
        Some((&ROUND_FORMAT, body)) => body,
        _ => body(what, value)?,
    };
    let mut decoder = minicbor::Decoder::new(body);
    decoder.array().and_then(|_| decoder.str()).map_err(|e| Unreadable::new(what, e))
}

fn encoded(what: &'static str, shape: impl minicbor::Encode<()>) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = vec![FORMAT];
    minicbor::encode(shape, &mut bytes).map_err(|e| Unreadable::new(what, e))?;
    Ok(bytes)
}

/// What follows the format byte.
fn body<'a>(what: &'static str, value: &'a [u8]) -> Result<&'a [u8], Unreadable> {
    match value.split_first() {
        Some((&FORMAT, body)) => Ok(body),
        Some((other, _)) => Err(Unreadable::new(what, format!("format {other} is not known"))),
        None => Err(Unreadable::new(what, "it is empty")),
    }
}

fn path_bytes(path: &Path) -> &ByteSlice {
    path.as_os_str().as_bytes().into()
}

fn bytes_path(bytes: &ByteSlice) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// Units in the order of their codes, which are kept for ever: a new unit comes last.
const UNITS: [Unit; 27] = [
    Unit::None,
    Unit::Count,
    Unit::Percent,
    Unit::Bytes,
    Unit::Seconds,
    Unit::Milliseconds,
    Unit::Microseconds,
    Unit::Kilobytes,
    Unit::Megabytes,
    Unit::Gigabytes,
    Unit::Terabytes,
    Unit::Bits,
    Unit::Kilobits,
    Unit::Megabits,
    Unit::Gigabits,
    Unit::Terabits,
    Unit::BytesPerSecond,
    Unit::KilobytesPerSecond,
    Unit::MegabytesPerSecond,
    Unit::GigabytesPerSecond,
    Unit::TerabytesPerSecond,
    Unit::BitsPerSecond,
    Unit::KilobitsPerSecond,
    Unit::MegabitsPerSecond,
    Unit::GigabitsPerSecond,
    Unit::TerabitsPerSecond,
    Unit::CountPerSecond,
];

fn unit_code(unit: Unit) -> u8 {
    // There are 27.
    UNITS.iter().position(|known| *known == unit).and_then(|code| u8::try_from(code).ok()).unwrap_or_default()
}

fn unit_of(code: u8) -> Option<Unit> {
    UNITS.get(usize::from(code)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, unit: Unit, value: f64, pairs: &[(&str, &str)]) -> Sample {
        let dimensions = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Sample { name: name.to_owned(), unit, value: Value::One(value), dimensions, is_high_resolution: false }
    }

    #[test]
    fn a_position_reads_back_as_it_was_written() {
        let mut file = SavedFile {
            entry: "/var/log/*.log".to_owned(),
            device: u64::MAX,
            inode: 0,
            path: PathBuf::from(OsStr::from_bytes(b"/var/log/caf\xe9.log")),
            first_path: PathBuf::from("/var/log/first.log"),
            stream: StreamName { group: "g".into(), stream: "s".into() },
            head: Fingerprint { length: 1024, hash: u64::MAX },
            settled: Mark { offset: 1 << 40, tail: 7 },
            skipped: 0,
        };
        let key = file_key(&file.entry, file.device, file.inode);
        assert_eq!(super::file(&key, &file_value(&file).unwrap()), Ok(file.clone()));
        file.first_path.clone_from(&file.path);
        file.skipped = 1 << 33;
        assert_eq!(super::file(&key, &file_value(&file).unwrap()), Ok(file));
    }

    #[test]
    fn a_place_in_a_journal_reads_back_as_it_was_written() {
        for (cursor, is_past) in [("s=1;i=2;b=3", true), ("", false)] {
            let journal = SavedJournal {
                entry: "journal".to_owned(),
                cursor: cursor.to_owned(),
                is_past,
                time: Wall(-1),
                boot: BootId("b0".to_owned()),
            };
            assert_eq!(super::journal(b"journal", &journal_value(&journal).unwrap()), Ok(journal));
        }
        assert!(super::journal(b"\xff", &[FORMAT]).is_err());
    }

    #[test]
    fn a_round_reads_back_to_the_last_bit_of_its_values() {
        let host = [("InstanceId", "i-1")];
        let round = Round {
            boot: BootId("b0".to_owned()),
            at: Monotonic(u64::MAX),
            system: Wall(-1),
            samples: vec![
                sample("cpu", Unit::Percent, 0.1 + 0.2, &host),
                sample("temperature", Unit::None, f64::MIN_POSITIVE, &[]),
                sample("disk", Unit::Bytes, 1e300, &[("InstanceId", "i-1"), ("path", "/")]),
                sample("mem", Unit::Count, -0.0, &host),
                sample("up", Unit::Seconds, 1.0, &host),
                sample("ping", Unit::Milliseconds, 2.0, &host),
            ],
        };
        let bytes = round_value(&round).unwrap();
        assert_eq!(super::round(&bytes), Ok(round));
        assert_eq!(round_boot(&bytes), Ok("b0"));
    }

    #[test]
    fn a_round_of_many_sets_is_written_in_a_moment_and_each_set_once() {
        const SETS: usize = 20_000;
        let shared = |number: usize| [("host", "a".repeat(40)), ("tag", (number % SETS).to_string())];
        let samples = (0..2 * SETS).map(|number| {
            let pairs = shared(number);
            sample("m", Unit::Count, 1.0, &pairs.each_ref().map(|(name, value)| (*name, value.as_str())))
        });
        let round =
            Round { boot: BootId("b0".to_owned()), at: Monotonic(1), system: Wall(2), samples: samples.collect() };
        let began = std::time::Instant::now();
        let bytes = round_value(&round).unwrap();
        let took = began.elapsed();
        assert!(took < std::time::Duration::from_secs(1), "{took:?}");
        assert_eq!(round_shape(&bytes).unwrap().3.len(), SETS);
        assert_eq!(super::round(&bytes), Ok(round));
    }

    #[test]
    fn a_distribution_and_a_high_resolution_read_back_and_every_unit_has_a_code() {
        let many =
            Distribution { counted: vec![(1.5, 2.0), (3.0, 0.5)], minimum: 1.5, maximum: 3.0, sum: 4.5, count: 2.5 };
        let mut samples: Vec<Sample> = Unit::ALL.iter().map(|unit| sample("m", *unit, 1.0, &[])).collect();
        samples[3].value = Value::Distribution(many);
        samples[7].is_high_resolution = true;
        let round = Round { boot: BootId("b0".to_owned()), at: Monotonic(1), system: Wall(2), samples };
        assert_eq!(super::round(&round_value(&round).unwrap()), Ok(round));
    }

    #[test]
    fn a_round_of_version_1_is_read() {
        let old: OldRoundShape = ("b0", 1, 2, vec![vec![("a", "b")]], vec![("cpu", 2, 7.5, 0)]);
        let bytes = encoded("round", old).unwrap();
        let round = super::round(&bytes).unwrap();
        assert_eq!(round.samples, [sample("cpu", Unit::Percent, 7.5, &[("a", "b")])]);
        assert_eq!(round_boot(&bytes), Ok("b0"));
    }

    #[test]
    fn an_unknown_format_and_cut_or_random_bytes_are_unreadable_and_no_panic() {
        assert!(super::round(&[]).is_err());
        assert!(super::round(&[ROUND_FORMAT + 1, 0x80]).unwrap_err().to_string().contains("format 3 is not known"));
        let round = Round {
            boot: BootId("b0".to_owned()),
            at: Monotonic(1),
            system: Wall(2),
            samples: vec![sample("cpu", Unit::Percent, 1.0, &[("a", "b")])],
        };
        let bytes = round_value(&round).unwrap();
        for length in 0..bytes.len() {
            assert!(super::round(&bytes[..length]).is_err(), "cut at {length}");
        }
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let mut garbage: Vec<u8> = (0..random.usize(..64)).map(|_| random.u8(..)).collect();
            garbage.insert(0, FORMAT);
            let _ = super::round(&garbage);
            let _ = round_boot(&garbage);
            let _ = super::file(&garbage, &garbage);
            let _ = super::journal(&garbage, &garbage);
        }
    }
}
