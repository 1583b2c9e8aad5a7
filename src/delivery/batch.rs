//! A batch of records that satisfies every limit of PutLogEvents by construction.
//!
//! One text arena plus (time, range) pairs: no allocation a record. Limits: AWS API reference of PutLogEvents, service model
//! in botocore 1.43.11, read 2026-11-21. Easy to break: a record counts its UTF-8 bytes plus 26, not its characters; and
//! records that bring their own times may come in any order, so that a batch is sorted before it is sent ([`Batch::sort`]).
//!
//! Pure: no I/O, no clock, no tasks.

use std::ops::Range;

use super::ledger::Ticket;
use super::outcome::Cause;
use crate::record::{Monotonic, Offset, StreamId, Wall};

/// The most that the records of a batch may weigh together, each with [`EVENT_OVERHEAD_BYTES`].
pub const MAX_BATCH_BYTES: usize = 1_048_576;
/// The most records in a batch.
pub const MAX_BATCH_EVENTS: usize = 10_000;
/// What a record weighs beyond its text.
pub const EVENT_OVERHEAD_BYTES: usize = 26;
/// The longest text of a record: a record may weigh as much as a batch.
pub const MAX_MESSAGE_BYTES: usize = MAX_BATCH_BYTES - EVENT_OVERHEAD_BYTES;
/// Valid records of a batch span no more than this.
pub const MAX_SPAN_MS: u64 = 24 * 60 * 60 * 1000;
/// CloudWatch takes nothing older than 14 days; an hour of it is left for the way.
pub const MAX_AGE_MS: i64 = (14 * 24 - 1) * 60 * 60 * 1000;
/// What is older than this when it is read is refused for certain: 14 days, and a minute by which our clock may be wrong.
const CERTAINLY_TOO_OLD_MS: i64 = (14 * 24 * 60 + 1) * 60 * 1000;
/// CloudWatch takes nothing more than two hours ahead; some minutes of them are left for a clock that goes wrong.
const MAX_AHEAD_MS: i64 = 110 * 60 * 1000;
/// A day ahead is more than any batch waits, and no clock but a wrong one.
const CERTAINLY_TOO_NEW_MS: i64 = 24 * 60 * 60 * 1000;

/// When a record happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// The agent read it then; becomes wall time when the request is built.
    Own(Monotonic),
    /// Its text or its source says so.
    Parsed(Wall),
}

impl Time {
    /// What times of one kind are sorted by.
    fn order(self) -> i64 {
        match self {
            Self::Own(at) => i64::try_from(at.0).unwrap_or(i64::MAX),
            Self::Parsed(at) => at.0,
        }
    }

    /// Why CloudWatch will refuse a record of this time, where that is certain. `now`: the true time, where it is known.
    pub fn refusal(self, now: Option<Wall>) -> Option<Cause> {
        let Self::Parsed(at) = self else { return None };
        // A time before 1970 does not even fit into a request, and would have all of it refused.
        let is_before = |time: i64| at.0 < time;
        match now {
            _ if is_before(0) => Some(Cause::TooOld),
            Some(now) if is_before(now.0.saturating_sub(CERTAINLY_TOO_OLD_MS)) => Some(Cause::TooOld),
            Some(now) if at.0 > now.0.saturating_add(CERTAINLY_TOO_NEW_MS) => Some(Cause::TooNew),
            _ => None,
        }
    }

    /// Whether CloudWatch takes a record of this time, with something left for the way. `now`: the true time, where it is known.
    pub fn is_taken(self, now: Option<Wall>) -> bool {
        let Self::Parsed(at) = self else { return true };
        let around = |now: Wall| now.0.saturating_sub(MAX_AGE_MS)..=now.0.saturating_add(MAX_AHEAD_MS);
        at.0 >= 0 && now.is_none_or(|now| around(now).contains(&at.0))
    }

    /// Milliseconds from `self` to `other` where both are of one kind.
    pub(super) fn distance_ms(self, other: Self) -> Option<i64> {
        match (self, other) {
            (Self::Own(from), Self::Own(to)) => Some(i64::try_from(to.0).ok()? - i64::try_from(from.0).ok()?),
            (Self::Parsed(from), Self::Parsed(to)) => Some(to.0.saturating_sub(from.0)),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Event {
    time: Time,
    start: u32,
    end: u32,
}

/// A ticket that is settled once the first `after` records of its batch are.
#[derive(Clone, Copy, Debug)]
struct Due {
    ticket: Ticket,
    after: usize,
}

/// Records of one stream that CloudWatch will take in one request, in the order in which they came until it is sorted.
#[derive(Debug)]
pub struct Batch {
    /// Where they go.
    pub stream: StreamId,
    /// When its first record came.
    pub opened: Monotonic,
    /// How often records were sent again because the clock had been wrong.
    pub retimed: u8,
    text: String,
    events: Vec<Event>,
    /// The first and the last of its times.
    span: Option<(Time, Time)>,
    tickets: Vec<Due>,
}

impl Batch {
    /// An empty batch.
    pub fn new(stream: StreamId, opened: Monotonic) -> Self {
        Self { stream, opened, retimed: 0, text: String::new(), events: Vec::new(), span: None, tickets: Vec::new() }
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// What it weighs by CloudWatch's count.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.events.len() * EVENT_OVERHEAD_BYTES
    }

    /// Bytes of text.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Whether a record of `length` bytes at `time` can be added without breaking a limit.
    pub fn fits(&self, time: Time, length: usize) -> bool {
        self.is_near(time)
            && self.events.len() < MAX_BATCH_EVENTS
            && self.bytes() + length + EVENT_OVERHEAD_BYTES <= MAX_BATCH_BYTES
    }

    /// Whether `time` lies within a day of all its times, and is of their kind.
    pub fn is_near(&self, time: Time) -> bool {
        let is_near = |other: Time| other.distance_ms(time).is_some_and(|span| span.unsigned_abs() < MAX_SPAN_MS);
        self.span.is_none_or(|(earliest, latest)| is_near(earliest) && is_near(latest))
    }

    /// Adds a record; the caller has asked [`Batch::fits`].
    pub fn push(&mut self, time: Time, text: &str) {
        debug_assert!(!text.is_empty() && self.fits(time, text.len()));
        let start = self.arena_end();
        self.text.push_str(text);
        self.events.push(Event { time, start, end: self.arena_end() });
        let (earliest, latest) = self.span.unwrap_or((time, time));
        let earliest = if time.order() < earliest.order() { time } else { earliest };
        let latest = if time.order() > latest.order() { time } else { latest };
        self.span = Some((earliest, latest));
    }

    /// Puts the records into the order of their times; those of one time stay as they came. A ticket waits for the last of
    /// its records, wherever that went. No record and no ticket may be added after this.
    pub fn sort(&mut self) {
        if self.events.is_sorted_by_key(|event| event.time.order()) {
            return;
        }
        let mut order: Vec<usize> = (0..self.events.len()).collect();
        order.sort_by_key(|index| self.events[*index].time.order());
        let mut places = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, index)| places[*index] = place);
        self.events = order.into_iter().map(|index| self.events[index]).collect();
        // Where the last of the first so many records went.
        let ends: Vec<usize> = std::iter::once(0)
            .chain(places.iter().scan(0, |end, place| {
                *end = (*end).max(place + 1);
                Some(*end)
            }))
            .collect();
        for due in &mut self.tickets {
            due.after = ends.get(due.after).copied().unwrap_or(due.after);
        }
    }

    /// The arena holds at most `MAX_BATCH_BYTES` bytes, which fits a `u32`.
    fn arena_end(&self) -> u32 {
        u32::try_from(self.text.len()).unwrap_or(u32::MAX)
    }

    /// Ties `ticket` to the records that the batch holds now: it settles with the last of them.
    pub fn tie(&mut self, ticket: Ticket) {
        self.tickets.push(Due { ticket, after: self.events.len() });
    }

    /// The ticket that was tied last.
    pub fn newest_ticket(&self) -> Option<Ticket> {
        self.tickets.last().map(|due| due.ticket)
    }

    /// Lets the newest ticket settle with the records that the batch holds now.
    pub fn retie_newest(&mut self) {
        let after = self.events.len();
        if let Some(due) = self.tickets.last_mut() {
            due.after = after;
        }
    }

    /// All its tickets.
    pub fn tickets(&self) -> impl Iterator<Item = Ticket> + '_ {
        self.tickets.iter().map(|due| due.ticket)
    }

    /// The records, with the wall times that `offset` gives. A time of our own that became too old while it waited is moved
    /// to where CloudWatch still takes it: the record is worth more than its time.
    pub fn records(&self, offset: Offset, now: Monotonic) -> impl Iterator<Item = (Wall, &str)> + '_ {
        let oldest = Wall(offset.wall(now).0 - MAX_AGE_MS);
        self.events.iter().map(move |event| {
            let wall = match event.time {
                Time::Own(at) => offset.wall(at).max(oldest),
                Time::Parsed(at) => at,
            };
            (wall, &self.text[event.start as usize..event.end as usize])
        })
    }

    /// Whether the time of the record at `index` is the agent's own.
    pub fn is_own_time(&self, index: usize) -> bool {
        self.events.get(index).is_some_and(|event| matches!(event.time, Time::Own(_)))
    }

    /// Both halves, in order; tickets go with the half that completes them.
    pub fn split(self) -> (Self, Self) {
        let middle = self.events.len() / 2;
        let mut first = self.part(0..middle);
        let mut second = self.part(middle..self.events.len());
        for due in self.tickets {
            if due.after <= middle {
                first.tickets.push(due);
            } else {
                second.tickets.push(Due { after: due.after - middle, ..due });
            }
        }
        (first, second)
    }

    /// The records of `ranges` alone, with all tickets: what is settled already settles with the rest.
    pub fn only(self, ranges: &[Range<usize>]) -> Self {
        let mut rest = self.part(ranges.iter().cloned().flatten());
        let after = rest.events.len();
        rest.tickets = self.tickets.into_iter().map(|due| Due { after, ..due }).collect();
        rest
    }

    fn part(&self, indices: impl Iterator<Item = usize>) -> Self {
        let mut part = Self::new(self.stream, self.opened);
        part.retimed = self.retimed;
        for index in indices {
            let event = self.events[index];
            part.push(event.time, &self.text[event.start as usize..event.end as usize]);
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ledger::Ledger;
    use super::*;
    use crate::record::{FileId, Mark};

    const FILE: FileId = FileId(1);

    fn is_within_limits(batch: &Batch) -> bool {
        let records: Vec<_> = batch.records(Offset(0), Monotonic(0)).collect();
        let weight: usize = records.iter().map(|(_, text)| text.len() + 26).sum();
        let times = || records.iter().map(|(time, _)| time.0);
        let span = times().max().unwrap_or(0) - times().min().unwrap_or(0);
        weight <= 1_048_576 && records.len() <= 10_000 && times().is_sorted() && span <= 86_400_000
    }

    fn mark(offset: usize) -> Mark {
        Mark { offset: offset as u64, tail: 0 }
    }

    #[test]
    fn a_batch_is_filled_to_the_byte() {
        let mut batch = Batch::new(StreamId(0), Monotonic(0));
        let time = Time::Own(Monotonic(0));
        assert!(batch.fits(time, MAX_MESSAGE_BYTES) && !batch.fits(time, MAX_MESSAGE_BYTES + 1));
        batch.push(time, &"x".repeat(1_000_000));
        assert!(batch.fits(time, 1_048_576 - 1_000_000 - 52) && !batch.fits(time, 1_048_576 - 1_000_000 - 51));
        assert!(!batch.fits(Time::Own(Monotonic(MAX_SPAN_MS + 1)), 1));
        assert!(!batch.fits(Time::Parsed(Wall(0)), 1), "times of two kinds do not compare");
    }

    #[test]
    fn times_that_alternate_share_a_batch_as_long_as_it_spans_no_day() {
        let hour = 3_600_000;
        let mut batch = Batch::new(StreamId(0), Monotonic(0));
        for time in [10, 0, 23, 5, 22] {
            let time = Time::Parsed(Wall(time * hour));
            assert!(batch.fits(time, 1));
            batch.push(time, "x");
        }
        assert!(!batch.fits(Time::Parsed(Wall(24 * hour)), 1), "a day from the first");
        assert!(!batch.fits(Time::Parsed(Wall(-hour)), 1), "a day from the last");
        batch.sort();
        let times: Vec<_> = batch.records(Offset(0), Monotonic(0)).map(|(time, _)| time.0 / hour).collect();
        assert_eq!(times, [0, 5, 10, 22, 23]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_fits_breaks_no_limit(records in prop::collection::vec((0u64..30_000_000, 1usize..300_000), 1..40)) {
            let (mut batch, mut now) = (Batch::new(StreamId(0), Monotonic(0)), 0);
            for (pause, length) in records {
                now += pause;
                if batch.fits(Time::Own(Monotonic(now)), length) {
                    batch.push(Time::Own(Monotonic(now)), &"x".repeat(length));
                }
                prop_assert!(is_within_limits(&batch));
            }
        }

        #[test]
        fn a_ticket_of_a_sorted_batch_settles_with_the_last_of_its_records(
            times in prop::collection::vec(0i64..80_000_000, 1..40),
        ) {
            let (mut ledger, mut batch) = (Ledger::default(), Batch::new(StreamId(0), Monotonic(0)));
            for time in &times {
                batch.push(Time::Parsed(Wall(*time)), &batch.len().to_string());
                batch.tie(ledger.open(FILE, mark(batch.len())));
            }
            batch.sort();
            prop_assert!(is_within_limits(&batch));
            let order: Vec<usize> =
                batch.records(Offset(0), Monotonic(0)).map(|(_, text)| text.parse().unwrap()).collect();
            let of_one_time = order.windows(2).filter(|pair| times[pair[0]] == times[pair[1]]);
            prop_assert!(of_one_time.clone().all(|pair| pair[0] < pair[1]), "those of one time stay as they came");
            let (first, second) = batch.split();
            let arrived: Vec<usize> = order[..first.len()].to_vec();
            let gapless = (0..).take_while(|index| arrived.contains(index)).count();
            let settled = first.tickets().filter_map(|ticket| ledger.settle(ticket)).last().unwrap_or_default();
            prop_assert_eq!(settled.offset, gapless as u64);
            let settled = second.tickets().filter_map(|ticket| ledger.settle(ticket)).last();
            prop_assert_eq!(settled.map(|mark| mark.offset), Some(times.len() as u64));
        }

        #[test]
        fn halves_keep_records_order_and_tickets(ties in prop::collection::vec(1usize..4, 1..20)) {
            let (mut ledger, mut batch) = (Ledger::default(), Batch::new(StreamId(0), Monotonic(0)));
            let mut ends = Vec::new();
            for count in ties {
                for _ in 0..count {
                    batch.push(Time::Own(Monotonic(0)), &batch.len().to_string());
                }
                batch.tie(ledger.open(FILE, mark(batch.len())));
                ends.push(batch.len());
            }
            let (count, tickets) = (batch.len(), batch.tickets().count());
            let (first, second) = batch.split();
            let halves = [&first, &second];
            let texts: Vec<_> = halves.iter().flat_map(|half| half.records(Offset(0), Monotonic(0))).collect();
            prop_assert!(texts.iter().enumerate().all(|(index, (_, text))| *text == index.to_string()));
            prop_assert_eq!((texts.len(), first.tickets().count() + second.tickets().count()), (count, tickets));
            let position = first.tickets().filter_map(|ticket| ledger.settle(ticket)).last().unwrap_or_default();
            // The first half settles all tickets that it completes, and none that it does not.
            let completed = ends.iter().copied().filter(|end| *end <= first.len()).max().unwrap_or(0);
            prop_assert_eq!(position.offset, completed as u64);
            let position = second.tickets().filter_map(|ticket| ledger.settle(ticket)).last();
            prop_assert_eq!(position.map(|mark| mark.offset), Some(count as u64));
            prop_assert!(ledger.is_settled(FILE));
        }
    }
}
