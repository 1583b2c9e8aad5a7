//! What the pipeline tells of itself.
//!
//! Pure: no I/O, no clock, no tasks.

use std::time::Duration;

use crate::delivery::outcome::Cause;
use crate::record::{FileId, Mark, StreamId};

/// What the caller has to do after an outcome or a push.
#[derive(Debug, Default)]
pub struct Effects {
    /// Files whose position moved.
    pub settled: Vec<(FileId, Mark)>,
    /// Files to be read again from their settled position.
    pub rewind: Vec<FileId>,
    /// Records given up, to be logged.
    pub refused: Vec<(StreamId, Cause, usize)>,
    /// Streams put aside, with the reason and for how long.
    pub held: Vec<(StreamId, String, Duration)>,
}

/// Counts since the start, and what waits now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records accepted.
    pub sent: u64,
    /// Text bytes of batches accepted.
    pub bytes_sent: u64,
    /// Records given up.
    pub refused: u64,
    /// Records left out by patterns.
    pub filtered: u64,
    /// Records read and neither sent nor given up.
    pub waiting: u64,
    /// What they weigh: text and what a record costs beside it.
    pub waiting_bytes: usize,
}
