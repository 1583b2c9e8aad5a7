//! The batches of a stream that still take records.
//!
//! One, as a rule. A batch spans no more than a day, so records whose times lie days apart go into several side by side: a file
//! that mixes two days must not make a request for each record. What CloudWatch takes at all lies within 15 days, so that there is
//! room for every day of them. Easy to break: batches leave in the order in which they were begun, since with times of our own
//! that is the order of the records.
//!
//! Pure: no I/O, no clock, no tasks.

use crate::delivery::batch::{Batch, Time};
use crate::record::{Monotonic, StreamId};

/// The most batches that are open at a time: a day each for what CloudWatch takes, and one for times of our own.
pub const MAX_OPEN: usize = 17;

/// The batches of a stream that still take records, in the order in which they were begun.
#[derive(Debug, Default)]
pub struct Open {
    batches: Vec<Batch>,
}

/// Where a record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Into the open batch of this index.
    Into(usize),
    /// Into a new one, once so many of the oldest are closed.
    NewAfter(usize),
}

impl Open {
    /// Where a record of `length` bytes at `time` goes.
    pub fn place(&self, time: Time, length: usize) -> Place {
        if let Some(index) = self.batches.iter().position(|batch| batch.fits(time, length)) {
            return Place::Into(index);
        }
        let full = self.batches.iter().position(|batch| batch.is_near(time));
        let is_too_many = self.batches.len() >= MAX_OPEN;
        Place::NewAfter(full.map_or(usize::from(is_too_many), |index| index + 1))
    }

    /// Closes the oldest `count`.
    pub fn close(&mut self, count: usize) -> impl Iterator<Item = Batch> + '_ {
        self.batches.drain(..count.min(self.batches.len()))
    }

    /// Begins a batch; its index.
    pub fn begin(&mut self, stream: StreamId, now: Monotonic) -> usize {
        self.batches.push(Batch::new(stream, now));
        self.batches.len() - 1
    }

    /// The batch of this index.
    pub fn get(&mut self, index: usize) -> Option<&mut Batch> {
        self.batches.get_mut(index)
    }

    /// When the oldest was begun.
    pub fn since(&self) -> Option<Monotonic> {
        self.batches.first().map(|batch| batch.opened)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter()
    }
}
