//! The command lines of `/usr/bin/log`.
//!
//! Easy to break: `log show` takes its start in whole seconds only, includes that second, and takes a time without a zone for
//! local time, which is told twice when summer time ends. So the zone is always said, and the second is rounded down.
//!
//! Pure: no I/O, no clock, no tasks.

use jiff::Timestamp;

/// The least urgent entries that are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Default, error and fault.
    #[default]
    Default,
    /// Info, too. macOS keeps such entries in memory only: what was missed is not found again.
    Info,
    /// Debug, too. As for info.
    Debug,
}

impl Level {
    /// As `log stream --level` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// Tells what is happening now.
pub fn stream(predicate: &str, level: Level) -> Vec<String> {
    ["stream", "--style", "ndjson", "--level", level.name(), "--predicate", predicate].map(str::to_owned).to_vec()
}

/// Tells what was kept since `from_us`, microseconds since 1970.
pub fn show(predicate: &str, level: Level, from_us: i64) -> Vec<String> {
    let start = second(from_us);
    let mut words =
        ["show", "--style", "ndjson", "--start", &start, "--predicate", predicate].map(str::to_owned).to_vec();
    let more: &[&str] = match level {
        Level::Default => &[],
        Level::Info => &["--info"],
        Level::Debug => &["--info", "--debug"],
    };
    words.extend(more.iter().map(|&word| word.to_owned()));
    words
}

/// The whole second, in UTC, as `log show --start` takes it.
fn second(us: i64) -> String {
    let seconds = us.div_euclid(1_000_000);
    // A time beyond the calendar would show nothing: then better everything that is kept.
    let at = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    let text = at.to_string();
    format!("{}+0000", text.trim_end_matches('Z').replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_a_whole_second_and_says_its_zone() {
        assert_eq!(second(1_795_251_600_999_999), "2026-11-21 09:00:00+0000");
        assert_eq!(second(-1), "1969-12-31 23:59:59+0000");
        assert_eq!(second(i64::MAX), "1970-01-01 00:00:00+0000");
    }

    #[test]
    fn show_is_asked_for_the_levels_of_the_stream() {
        let asked = |level| {
            let words = show("p", level, 0);
            (words.contains(&"--info".to_owned()), words.contains(&"--debug".to_owned()))
        };
        assert_eq!(asked(Level::Default), (false, false));
        assert_eq!(asked(Level::Info), (true, false));
        assert_eq!(asked(Level::Debug), (true, true));
        assert_eq!(stream("p", Level::Debug)[4], "debug");
    }

    #[test]
    fn a_predicate_stays_one_word_whatever_is_in_it() {
        let predicate = r#"subsystem == "com.example" AND NOT eventMessage CONTAINS "$(rm -rf /)""#;
        assert_eq!(stream(predicate, Level::Default).last().map(String::as_str), Some(predicate));
        assert_eq!(show(predicate, Level::Default, 0)[6], predicate);
    }
}
