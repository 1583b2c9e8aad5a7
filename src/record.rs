//! The nouns that everyone shares: records and samples, where they go, where reading goes on, and how the agent fares.
//!
//! Times the agent gives itself are [`Monotonic`]: they become [`Wall`] time only when a request is built, so that a clock
//! that was wrong when a line was read does no harm once it is right.
//!
//! Pure: no I/O, no clock, no tasks.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Milliseconds since this machine started, time asleep included. Never steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// This time and `duration` later.
    pub fn after(self, duration: std::time::Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero where it is not after it.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wall(pub i64);

const DAY_MS: i64 = 86_400_000;

impl Wall {
    /// The number of its UTC day, counted from 1970-01-01.
    pub fn day_number(self) -> i64 {
        self.0.div_euclid(DAY_MS)
    }

    /// Its UTC day, as ISO 8601 writes it: `2026-11-21`.
    fn day(self) -> String {
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        time.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
    }
}

/// What turns [`Monotonic`] into [`Wall`] time: the wall time, in milliseconds, at which this machine started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offset(pub i64);

impl Offset {
    /// The wall time of `at` under this offset.
    pub fn wall(self, at: Monotonic) -> Wall {
        Wall(self.0.saturating_add(i64::try_from(at.0).unwrap_or(i64::MAX)))
    }
}

/// One run of the machine, from its start to its end: monotonic times of different boots do not compare.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BootId(pub String);

/// A log stream in CloudWatch Logs: the destination of records.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamName {
    /// The log group, 1–512 of `a-zA-Z0-9_-/.#`.
    pub group: Arc<str>,
    /// The stream within the group, 1–512 characters without `:` and `*`.
    pub stream: Arc<str>,
}

/// What stands in a stream's name for the UTC day of its records.
const DATE: &str = "{date}";

impl StreamName {
    /// Whether it is a stream a day.
    pub fn is_dated(&self) -> bool {
        self.group.contains(DATE) || self.stream.contains(DATE)
    }

    /// The stream of the UTC day of `time`; the same where it has none.
    pub fn on_day_of(&self, time: Wall) -> Self {
        if !self.is_dated() {
            return self.clone();
        }
        let day = time.day();
        Self { group: self.group.replace(DATE, &day).into(), stream: self.stream.replace(DATE, &day).into() }
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.group, self.stream)
    }
}

/// A stream's number in this run of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// A followed file's number in this run of the agent. A file that was truncated and begins anew gets a new number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u64);

/// A point in a file up to which something is true: bytes before it, and what stood right before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Bytes from the file's beginning.
    pub offset: u64,
    /// XXH3 of the up to [`TAIL_BYTES`] bytes before `offset`: tells a file that goes on from one that was rewritten.
    pub tail: u64,
}

/// How many bytes before a mark its `tail` covers.
pub const TAIL_BYTES: usize = 256;

impl Mark {
    /// The mark at `offset`, given what stands before it: at least the last [`TAIL_BYTES`] bytes, or all there are.
    pub fn at(offset: u64, before: &[u8]) -> Self {
        let tail = before.get(before.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
        Self { offset, tail: xxhash_rust::xxh3::xxh3_64(tail) }
    }
}

/// The hash of a file's first bytes: with device and inode, what a file is recognised by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// How many of the first bytes are covered; grows with the file up to [`HEAD_BYTES`].
    pub length: u64,
    /// XXH3 of them.
    pub hash: u64,
}

/// How many of a file's first bytes its fingerprint covers at the most.
pub const HEAD_BYTES: usize = 1024;

/// What the state keeps of a followed file: enough to find it again and go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// The config entry that follows it (see `FileEntry::key`).
    pub entry: String,
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Where it was last seen.
    pub path: PathBuf,
    /// Where it was first seen: the path that owns the stream's name.
    pub first_path: PathBuf,
    /// Where its records go: a name once given is kept.
    pub stream: StreamName,
    /// How it begins.
    pub head: Fingerprint,
    /// Everything before this point is settled.
    pub settled: Mark,
    /// Bytes of it that nobody sent, at the least so many: those that were there when reading began at its end, and one more than none
    /// where a record was given up.
    pub skipped: u64,
}

/// What the state keeps of a journal that is read: where to go on. A journal has a [`FileId`] too, and a [`Mark`] whose `offset`
/// counts the records that were handed over in this run; its source knows which place a mark stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedJournal {
    /// The config entry that reads it (see `JournalConfig::key`).
    pub entry: String,
    /// The journal's own name of a place in it. Empty where it held nothing when reading began: all that is there is new.
    pub cursor: String,
    /// The entry at that place is settled; else it is the first one to be read.
    pub is_past: bool,
    /// The time of that entry: where to go on when the place is gone.
    pub time: Wall,
    /// The boot in which that entry was written.
    pub boot: BootId,
}

/// Every unit of CloudWatch with its spelling (`StandardUnit` of PutMetricData, botocore 1.43.11, read 2026-11-21).
macro_rules! units {
    ($($unit:ident $name:literal)*) => {
        /// A metric's unit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "the names are CloudWatch's own")]
        pub enum Unit {
            $($unit,)*
        }

        impl Unit {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$unit,)*];

            /// CloudWatch's spelling.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$unit => $name,)*
                }
            }
        }
    };
}

units! {
    Seconds "Seconds"
    Microseconds "Microseconds"
    Milliseconds "Milliseconds"
    Bytes "Bytes"
    Kilobytes "Kilobytes"
    Megabytes "Megabytes"
    Gigabytes "Gigabytes"
    Terabytes "Terabytes"
    Bits "Bits"
    Kilobits "Kilobits"
    Megabits "Megabits"
    Gigabits "Gigabits"
    Terabits "Terabits"
    Percent "Percent"
    Count "Count"
    BytesPerSecond "Bytes/Second"
    KilobytesPerSecond "Kilobytes/Second"
    MegabytesPerSecond "Megabytes/Second"
    GigabytesPerSecond "Gigabytes/Second"
    TerabytesPerSecond "Terabytes/Second"
    BitsPerSecond "Bits/Second"
    KilobitsPerSecond "Kilobits/Second"
    MegabitsPerSecond "Megabits/Second"
    GigabitsPerSecond "Gigabits/Second"
    TerabitsPerSecond "Terabits/Second"
    CountPerSecond "Count/Second"
    None "None"
}

/// What was measured at one moment, or seen over a span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// A figure: finite, within ±2^360.
    One(f64),
    /// Figures that were summed up before they are sent.
    Distribution(Distribution),
}

impl Value {
    /// The figure, or the sum of all.
    pub fn sum(&self) -> f64 {
        match self {
            Self::One(value) => *value,
            Self::Distribution(many) => many.sum,
        }
    }
}

/// Many figures: how often each was seen, and what they come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Distinct values and how often each was seen; where there are very many, near ones are told as one.
    pub counted: Vec<(f64, f64)>,
    /// The least of all.
    pub minimum: f64,
    /// The greatest of all.
    pub maximum: f64,
    /// The sum of all.
    pub sum: f64,
    /// How many there were; with a sampling rate not a whole number.
    pub count: f64,
}

/// Name and value pairs, in the order in which they are sent.
pub type Dimensions = Arc<[(String, String)]>;

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The metric's name, 1–255 ASCII characters.
    pub name: String,
    /// What the value counts.
    pub unit: Unit,
    /// The figure or figures.
    pub value: Value,
    /// What it was measured on: at most 30 pairs.
    pub dimensions: Dimensions,
    /// Kept by the second instead of by the minute (`StorageResolution` 1): it is sampled more often than that.
    pub is_high_resolution: bool,
}

/// The figures of one moment: what one sampling gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// The boot in which it was taken.
    pub boot: BootId,
    /// When, on this boot's own clock.
    pub at: Monotonic,
    /// What the system's clock said then; the best there is for a boot whose offset nobody ever measured.
    pub system: Wall,
    /// The figures.
    pub samples: Vec<Sample>,
}

/// Who a user is for Cognito's identity pool: a stable name and no secret, so that it is asked for once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whose: identity pool, user pool and user.
    pub key: String,
    /// `{region}:{uuid}`.
    pub id: String,
}

/// What the agent is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It begins, or takes a new configuration over.
    #[default]
    Starting,
    /// The command that names this machine failed; it is run again.
    WaitingForId,
    /// It publishes, as far as it can.
    Running,
    /// It was asked to end.
    Stopping,
}

/// How the agent fares: what the page, `STATUS=` and the command `status` show. Counts are since the start, over reloads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// What the agent is about.
    pub phase: Phase,
    /// Who it is for AWS; empty while that is not known.
    pub instance_id: String,
    /// Records that CloudWatch took.
    pub records_sent: u64,
    /// Records that were given up, each kind counted and logged.
    pub records_refused: u64,
    /// Records that a pattern of the config left out.
    pub records_filtered: u64,
    /// Message bytes that CloudWatch took.
    pub bytes_sent: u64,
    /// Records read and not yet settled.
    pub records_waiting: u64,
    /// Bytes in followed files that are not settled yet.
    pub lag_bytes: u64,
    /// Age of the oldest record that waits, in milliseconds.
    pub lag_ms: u64,
    /// Files followed.
    pub files: u64,
    /// Rotated files that were deleted by `auto_removal`.
    pub files_removed: u64,
    /// Readings of the journal.
    pub journals: u64,
    /// How long ago the oldest entry of a journal was written that is known of and not settled, in milliseconds.
    pub journal_lag_ms: u64,
    /// Samples that CloudWatch took.
    pub samples_sent: u64,
    /// Samples that were given up.
    pub samples_refused: u64,
    /// Samples that wait in memory or on disk.
    pub samples_waiting: u64,
    /// Requests answered with success.
    pub requests_ok: u64,
    /// Requests that failed, for whatever reason.
    pub requests_failed: u64,
    /// What went wrong last, where nothing has succeeded since.
    pub trouble: Option<String>,
    /// For how long no record could be sent, in milliseconds; none where the last request got through.
    pub records_stuck_ms: Option<u64>,
    /// The same for samples.
    pub samples_stuck_ms: Option<u64>,
    /// Log streams that CloudWatch does not let be written, while others go on.
    pub streams_refused: u64,
    /// The first of them, and why; none where there is none.
    pub stream_trouble: Option<String>,
    /// What keeps the journal from being read as it should be; none where nothing does.
    pub source_trouble: Option<String>,
    /// Why the last reload was refused; none where it was not.
    pub reload_trouble: Option<String>,
    /// For how long the thread that reads logs has told nothing, in milliseconds.
    pub logs_silent_ms: u64,
    /// How far the system's clock is from CloudWatch's, in milliseconds; none until measured.
    pub clock_skew_ms: Option<i64>,
    /// Resident memory of the agent, in bytes.
    pub resident_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dated_stream_is_named_after_the_utc_day_of_a_record() {
        let name = |stream: &str| StreamName { group: "/g/{date}".into(), stream: stream.into() };
        for (time, day) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (1_795_219_199_999, "2026-11-20"),
            (1_795_219_200_000, "2026-11-21"),
            (1_709_164_800_000, "2024-02-29"),
        ] {
            let given = name("app-{date}").on_day_of(Wall(time));
            assert_eq!((&*given.group, &*given.stream), (&*format!("/g/{day}"), &*format!("app-{day}")));
        }
        let plain = StreamName { group: "g".into(), stream: "s".into() };
        assert!(!plain.is_dated() && plain.on_day_of(Wall(0)) == plain);
    }
}
