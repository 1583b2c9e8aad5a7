//! Finds the time that a record's text says of itself.
//!
//! A format is strftime's directives or `auto`. The time is searched in the record's first line: the earliest place at which
//! the whole format stands and names a day that there is. What the text leaves out (year, day, zone) is filled in so that the
//! time is the latest that is not ahead. Easy to break: whatever stands in a text, the answer is a time or none, never a
//! panic, and never a time that somebody only might have meant: with `auto` an address, a version or a number is no time.
//!
//! Pure: no I/O, no clock, no tasks; the zone is handed in.

mod auto;
mod cursor;
mod format;
mod matching;
mod parts;
mod zones;

#[cfg(test)]
mod tests;

use std::ops::Range;

use jiff::tz::TimeZone;

use crate::record::Wall;
use format::Piece;
use parts::Parts;

/// What finds the time in a record.
#[derive(Clone, Debug)]
pub struct TimeFormat {
    shape: Shape,
    /// The zone of times that name none.
    zone: TimeZone,
}

#[derive(Clone, Debug)]
enum Shape {
    Auto,
    Pieces(Vec<Piece>),
}

/// A time, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The time, to the millisecond.
    pub at: Wall,
    /// The bytes of the text that say it.
    pub range: Range<usize>,
}

impl TimeFormat {
    /// The format of these directives, or `auto`; times without a zone are those of `zone`.
    ///
    /// # Errors
    /// When it cannot be one: what is wrong with it, and from the second line on what would be right.
    pub fn new(format: &str, zone: TimeZone) -> Result<Self, String> {
        let shape = if format == "auto" { Shape::Auto } else { Shape::Pieces(format::parse(format)?) };
        Ok(Self { shape, zone })
    }

    /// What a time of this format does not say, where that makes times worse than they could be.
    pub fn lacks(&self) -> Option<&'static str> {
        match &self.shape {
            Shape::Auto => None,
            Shape::Pieces(pieces) => format::lacks(pieces),
        }
    }

    /// The time that `text` says, where it says one; `now` fills in a year or a day that it leaves out.
    pub fn find(&self, text: &str, now: Wall) -> Option<Found> {
        self.find_after(text, now, None)
    }

    /// The same where the time of the record before is known: it decides for an hour that the clock showed twice.
    pub fn find_after(&self, text: &str, now: Wall, before: Option<Wall>) -> Option<Found> {
        let line = first_line(text);
        let resolve = |parts: &Parts| parts.resolve(line, &self.zone, now, before);
        match &self.shape {
            Shape::Auto => auto::find(line, resolve),
            Shape::Pieces(pieces) => matching::find(pieces, line, resolve),
        }
    }

    /// Whether a time stands in `line`.
    pub fn finds(&self, line: &str) -> bool {
        // Which year and day it is does not matter; a leap year lets 29 February be a day.
        self.find(line, LEAP_DAY).is_some()
    }
}

/// 2024-03-01T00:00:00Z.
const LEAP_DAY: Wall = Wall(1_709_251_200_000);

/// A record's first line.
fn first_line(text: &str) -> &str {
    let end = memchr::memchr(b'\n', text.as_bytes()).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// What is left of `text` without the time in `range`: neither brackets that held nothing else nor the white space that
/// parted it from the rest.
pub fn without(text: &str, range: &Range<usize>) -> String {
    let (mut before, mut after) =
        (text.get(..range.start).unwrap_or_default(), text.get(range.end..).unwrap_or_default());
    for (open, close) in [('[', ']'), ('(', ')'), ('<', '>'), ('"', '"')] {
        if let (Some(left), Some(right)) = (before.strip_suffix(open), after.strip_prefix(close)) {
            (before, after) = (left, right);
            break;
        }
    }
    if before.is_empty() || before.ends_with([' ', '\t']) {
        after = after.trim_start_matches([' ', '\t']);
    }
    [before.trim_start_matches([' ', '\t']), after].concat()
}
