//! A model of PutLogEvents that knows every limit by itself and misbehaves as it is told.
//!
//! The limits are written down here a second time on purpose (AWS API reference of PutLogEvents, read 2026-11-21): the
//! simulation must not believe the code that it watches. What breaks a limit fails the test at once.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::Duration;

use cloudwatch_publisher::delivery::outcome::{Cause, Receipt, SendError};
use cloudwatch_publisher::record::Wall;

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Which line a record is: its source, and its number there. Every line of the simulation begins with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub source: usize,
    pub number: u32,
}

impl Key {
    /// The key that `text` begins with.
    pub fn of(text: &str) -> Self {
        let word = text.split(' ').next().unwrap();
        let (source, number) = word.split_once('.').unwrap();
        Self { source: source.parse().unwrap(), number: number.parse().unwrap() }
    }
}

/// How the endpoint fares, for everyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    Fair,
    /// No request gets through.
    Unreachable,
    /// Requests are applied and their answers lost.
    AnswersLost,
    Busy(Option<Duration>),
    Unauthorised,
}

/// Why one stream may not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    Forbidden,
    Missing,
    Refused,
}

/// A request on its way.
#[derive(Debug)]
pub struct Request {
    pub stream: usize,
    pub events: Vec<(Wall, String)>,
    /// The times in it are right.
    pub is_clock_right: bool,
}

/// What became of records so far.
#[derive(Debug)]
pub struct Endpoint {
    pub weather: Weather,
    pub bars: Vec<Option<Bar>>,
    /// Days that each stream's records are kept.
    pub retention_days: Vec<i64>,
    /// Every record that was kept, as often as it was, in the order of arrival.
    pub arrived: Vec<(usize, String)>,
    pub times_arrived: HashMap<Key, u32>,
    /// Records that were the only one of a request that was refused.
    pub refused_alone: HashSet<Key>,
    /// How often a record was left out of a request for its time.
    pub times_rejected: HashMap<Key, u32>,
    /// Records that were left out although their time was right.
    pub rejected_rightly: HashSet<Key>,
    pub requests: u64,
    /// The last request of each stream whose answer was lost, where all of it was kept.
    unanswered: Vec<Option<Vec<String>>>,
}

impl Endpoint {
    pub fn new(retention_days: Vec<i64>) -> Self {
        let streams = retention_days.len();
        Self {
            weather: Weather::Fair,
            bars: vec![None; streams],
            retention_days,
            arrived: Vec::new(),
            times_arrived: HashMap::new(),
            refused_alone: HashSet::new(),
            times_rejected: HashMap::new(),
            rejected_rightly: HashSet::new(),
            requests: 0,
            unanswered: vec![None; streams],
        }
    }

    /// Whether nothing more can be asked for the record: it was kept, or refused for good.
    pub fn is_done_with(&self, key: Key) -> bool {
        self.times_arrived.contains_key(&key) || self.has_given_up(key)
    }

    /// Whether the record may be given up: refused alone, too old in truth, or sent in vain with a new time again and again.
    pub fn has_given_up(&self, key: Key) -> bool {
        self.refused_alone.contains(&key)
            || self.rejected_rightly.contains(&key)
            || self.times_rejected.get(&key).is_some_and(|times| *times >= 4)
    }

    /// Whether the endpoint sent the record back once, so that it may come late.
    pub fn has_sent_back(&self, key: Key) -> bool {
        self.refused_alone.contains(&key) || self.times_rejected.contains_key(&key)
    }

    /// The answer to `request` at the time `now`.
    pub fn answer(&mut self, request: &Request, now: Wall) -> Result<Receipt, SendError> {
        self.requests += 1;
        check_limits(&request.events);
        let detail = String::new();
        match self.weather {
            Weather::Unreachable => return Err(SendError::Unreachable { detail }),
            Weather::Busy(retry_after) => return Err(SendError::Busy { retry_after, detail }),
            Weather::Unauthorised => return Err(SendError::Unauthorised { detail }),
            Weather::Fair | Weather::AnswersLost => {}
        }
        let result = match self.bars[request.stream] {
            Some(Bar::Forbidden) => Err(SendError::Forbidden { detail }),
            Some(Bar::Missing) => Err(SendError::MissingDestination { detail }),
            Some(Bar::Refused) => Err(self.refuse(request)),
            None if request.events.iter().any(|(_, text)| text.contains("poison")) => Err(self.refuse(request)),
            None => Ok(self.apply(request, now)),
        };
        if self.weather == Weather::AnswersLost {
            let is_kept_whole = result.as_ref().is_ok_and(|receipt| receipt.refused.is_empty());
            self.unanswered[request.stream] = is_kept_whole.then(|| texts(request));
            return Err(SendError::Unreachable { detail: String::new() });
        }
        result
    }

    fn refuse(&mut self, request: &Request) -> SendError {
        if let [(_, text)] = request.events.as_slice() {
            self.refused_alone.insert(Key::of(text));
        }
        SendError::Refused { detail: String::new() }
    }

    fn apply(&mut self, request: &Request, now: Wall) -> Receipt {
        if self.unanswered[request.stream].take().is_some_and(|before| before == texts(request)) {
            // DataAlreadyAccepted, which the sink reports as success.
            return Receipt::default();
        }
        let (events, count) = (&request.events, request.events.len());
        let first_after = |bound: i64| events.iter().position(|(time, _)| time.0 >= bound).unwrap_or(count);
        let too_old = first_after(now.0 - 14 * DAY_MS);
        let expired = first_after(now.0 - self.retention_days[request.stream] * DAY_MS).max(too_old);
        let too_new = first_after(now.0 + 2 * HOUR_MS + 1).max(expired);
        let ranges = [(0..too_old, Cause::TooOld), (too_old..expired, Cause::Expired), (too_new..count, Cause::TooNew)];
        let refused: Vec<(Range<usize>, Cause)> = ranges.into_iter().filter(|(range, _)| !range.is_empty()).collect();
        for (_, text) in refused.iter().flat_map(|(range, _)| &events[range.clone()]) {
            *self.times_rejected.entry(Key::of(text)).or_default() += 1;
            if request.is_clock_right {
                self.rejected_rightly.insert(Key::of(text));
            }
        }
        for (_, text) in &events[expired..too_new] {
            *self.times_arrived.entry(Key::of(text)).or_default() += 1;
            self.arrived.push((request.stream, text.clone()));
        }
        Receipt { refused }
    }
}

fn texts(request: &Request) -> Vec<String> {
    request.events.iter().map(|(_, text)| text.clone()).collect()
}

/// Fails where `events` break a limit of PutLogEvents.
pub fn check_limits(events: &[(Wall, String)]) {
    assert!((1..=10_000).contains(&events.len()), "{} records in a request", events.len());
    let weight: usize = events.iter().map(|(_, text)| text.len() + 26).sum();
    assert!(weight <= 1_048_576, "a request of {weight} bytes");
    assert!(events.iter().all(|(_, text)| !text.is_empty()), "an empty record");
    assert!(events.is_sorted_by_key(|(time, _)| *time), "records out of order of time");
    let span = events.last().unwrap().0.0 - events[0].0.0;
    assert!(span <= DAY_MS, "a request that spans {span} ms");
}
