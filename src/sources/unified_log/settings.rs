//! What is read of the unified log, how patiently, and what a person is told where that cannot be.
//!
//! Pure: no I/O, no clock, no tasks.

use std::time::Duration;

use super::command::Level;
use super::format::Format;

/// What is read, and how it is written.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The config entry (see `SavedJournal::entry`).
    pub key: String,
    /// Which entries, in the language of `log help predicates`.
    pub predicate: String,
    /// The least urgent ones.
    pub level: Level,
    /// How they are written.
    pub format: Format,
    /// This machine's name, for the format `text`.
    pub host: String,
    /// The program `log`.
    pub program: String,
    /// The path of our own program: what it writes is never read.
    pub own: String,
}

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// From the stream's first line until what it tells is complete, and what came before is in the store.
    pub settle: Duration,
    /// How long a stream may say nothing before it is replaced, and a show before it is given up.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { settle: Duration::from_secs(2), patience: Duration::from_secs(600) }
    }
}

/// The program that tells.
pub const PROGRAM: &str = "/usr/bin/log";
/// Why nothing, or not everything, would be read: to be told at the start and by `check`.
pub fn warning(predicate: Option<&str>, is_root: bool) -> Option<String> {
    if predicate.is_none_or(|predicate| predicate.trim().is_empty()) {
        return Some(
            "without a `predicate` nothing of the unified log is read: it is millions of entries a day".to_owned(),
        );
    }
    let refused = "the unified log is told to root only: nothing of it is read until the daemon runs as root";
    (!is_root).then(|| refused.to_owned())
}
