//! Joins what `log show` tells to what `log stream` tells, so that every entry is handed over once.
//!
//! The unified log has no cursor: a gap is filled by asking for everything since a time, a little early, and leaving out what
//! was handed over already. Easy to break: the time that is saved must not pass an entry that is not settled, also where
//! entries come out of order; and where memory ends an entry is handed over twice rather than lost.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::{HashSet, VecDeque};

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;

/// How far before its position reading goes on: entries are that much out of order, and reach the store that late.
pub const OVERLAP_US: i64 = 5_000_000;
/// Settled entries that are remembered at the most: enough for 13,000 a second.
const MAX_SETTLED: usize = 65_536;
/// Of those, what is saved: enough for 140 a second to be told once after a restart.
const MAX_SAVED: usize = 1_024;

/// What survives a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Every entry before this time is settled, in microseconds since 1970.
    pub time_us: i64,
    /// Settled entries around it: identity, and microseconds since 1970.
    pub around: Vec<(u64, i64)>,
}

impl Saved {
    /// As one word.
    pub fn to_text(&self) -> String {
        let bytes = self.around.iter().flat_map(|&(identity, time)| [identity.to_le_bytes(), time.to_le_bytes()]);
        format!("{}.{}", self.time_us, BASE64_STANDARD_NO_PAD.encode(bytes.flatten().collect::<Vec<u8>>()))
    }

    /// From such a word; none where it is not one.
    pub fn from_text(text: &str) -> Option<Self> {
        let (time, around) = text.split_once('.')?;
        let bytes = BASE64_STANDARD_NO_PAD.decode(around).ok()?;
        let (numbers, rest) = bytes.as_chunks();
        let (pairs, odd) = numbers.as_chunks();
        let pair = |[identity, time]: &[[u8; 8]; 2]| (u64::from_le_bytes(*identity), i64::from_le_bytes(*time));
        let is_whole = rest.is_empty() && odd.is_empty();
        is_whole.then_some(Self { time_us: time.parse().ok()?, around: pairs.iter().map(pair).collect() })
    }
}

/// An entry that was handed over.
#[derive(Clone, Copy, Debug)]
struct Given {
    offset: u64,
    time_us: i64,
    identity: u64,
}

/// What was handed over, and how far it is settled.
#[derive(Debug)]
pub struct Seam {
    /// In the order in which it was handed over: offsets rise, times almost do. No identity stands in it twice.
    given: VecDeque<Given>,
    known: HashSet<u64>,
    /// Everything up to this offset is settled.
    settled: u64,
    /// Every entry before this time is settled, but for those that may come [`OVERLAP_US`] late.
    position_us: i64,
    /// Every entry before this time was handed over, but for such.
    handed_us: i64,
}

impl Seam {
    /// Goes on where an earlier run ended.
    pub fn new(saved: &Saved) -> Self {
        let given = |&(identity, time_us): &(u64, i64)| Given { offset: 0, time_us, identity };
        Self {
            given: saved.around.iter().map(given).collect(),
            known: saved.around.iter().map(|&(identity, _)| identity).collect(),
            settled: 0,
            position_us: saved.time_us,
            handed_us: saved.time_us,
        }
    }

    /// Whether an entry is to be handed over, as the one that ends at `offset`; if so, it is remembered.
    pub fn take(&mut self, identity: u64, time_us: i64, offset: u64) -> bool {
        let is_new = self.known.insert(identity);
        if is_new {
            self.given.push_back(Given { offset, time_us, identity });
        }
        is_new
    }

    /// Everything up to `offset` is settled. What is to be saved, where entries from `waiting_us` on are known of and not
    /// handed over yet.
    pub fn settle(&mut self, offset: u64, waiting_us: Option<i64>) -> Saved {
        self.settled = self.settled.max(offset);
        let settled = self.given.partition_point(|given| given.offset <= self.settled);
        let waiting = self.given.iter().skip(settled).map(|given| given.time_us).chain(waiting_us);
        let last = settled.checked_sub(1).and_then(|last| self.given.get(last)).map(|last| last.time_us);
        self.advance(waiting.chain(last).min());
        self.forget(settled);
        let around = self.given.iter().take_while(|given| given.offset <= self.settled);
        let around = around.filter(|given| self.is_around(given)).map(|given| (given.identity, given.time_us));
        let mut around: Vec<_> = around.collect();
        around.drain(..around.len().saturating_sub(MAX_SAVED));
        Saved { time_us: self.position_us, around }
    }

    /// Every entry before `time_us` was handed over: a show told all of it, or the stream has come so far.
    pub fn handed(&mut self, time_us: i64) {
        self.handed_us = time_us;
    }

    /// Forgets what was handed over and is not settled: it will be handed over again. Answers the settled offset.
    pub fn rewind(&mut self) -> u64 {
        self.handed_us = self.position_us;
        while let Some(last) = self.given.back().copied().filter(|given| given.offset > self.settled) {
            self.given.pop_back();
            self.known.remove(&last.identity);
        }
        self.settled
    }

    /// From when on `log show` is to be asked. A position in the future, where the clock was set back, would show nothing.
    pub fn show_from(&self, now_us: i64) -> i64 {
        self.handed_us.max(self.position_us).min(now_us).saturating_sub(OVERLAP_US)
    }

    /// The time of the oldest entry that was handed over and is not settled.
    pub fn behind_us(&self) -> Option<i64> {
        let settled = self.given.partition_point(|given| given.offset <= self.settled);
        self.given.get(settled).map(|given| given.time_us)
    }

    /// How many entries are remembered.
    pub fn len(&self) -> usize {
        self.given.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// Entries that are a little late are read again anyway: for them the position does not go back, since what was settled
    /// before it is forgotten. For a clock that was set back it does.
    fn advance(&mut self, to: Option<i64>) {
        if let Some(to) = to.filter(|&to| to > self.position_us || to < self.position_us.saturating_sub(OVERLAP_US)) {
            self.position_us = to;
        }
    }

    /// Forgets settled entries that no show will tell again, and the oldest beyond what memory may hold.
    fn forget(&mut self, settled: usize) {
        let mut left = settled;
        while let Some(first) = self.given.front().copied().filter(|_| left > 0) {
            if left <= MAX_SETTLED && self.is_around(&first) {
                break;
            }
            self.given.pop_front();
            self.known.remove(&first.identity);
            left -= 1;
        }
    }

    /// Whether a show may tell the entry again: it begins with a whole second, and the times of one entry differ a little.
    fn is_around(&self, given: &Given) -> bool {
        const ROUNDED_US: i64 = 2_000_000;
        given.time_us >= self.position_us.saturating_sub(OVERLAP_US + ROUNDED_US)
    }
}

#[cfg(test)]
#[path = "seam/tests.rs"]
mod tests;
