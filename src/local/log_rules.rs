//! The limits of CloudWatch Logs: which names, retentions and batches are granted, and which events of a batch are dropped.
//!
//! A broken limit refuses the whole batch; only an event's time drops that event alone, with HTTP 200. Numbers from
//! botocore's model of the service and the page of PutLogEvents, read 2026-11-21.
//!
//! Pure: no I/O, no clock, no tasks.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::record::Wall;

/// What an event costs beside its message, in bytes.
pub const EVENT_OVERHEAD_BYTES: usize = 26;
/// The most that a batch may hold, overheads included, in bytes.
pub const MAX_BATCH_BYTES: usize = 1_048_576;
/// The most that an event may hold, overhead included, in bytes.
pub const MAX_EVENT_BYTES: usize = 1_048_576;
/// The most events in a batch.
pub const MAX_BATCH_EVENTS: usize = 10_000;
const HOUR_MS: i64 = 3_600_000;
/// How far the events of a batch may be apart.
const MAX_SPAN_MS: i64 = 24 * HOUR_MS;
/// How far ahead an event may be.
const MAX_AHEAD_MS: i64 = 2 * HOUR_MS;
/// How old an event may be, whatever the retention.
const MAX_AGE_MS: i64 = 14 * 24 * HOUR_MS;
/// The retentions that are on offer, in days.
pub const RETENTIONS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// An event of PutLogEvents as it arrives.
#[derive(Debug, Deserialize)]
pub struct Event<'a> {
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// The line.
    #[serde(borrow, default)]
    pub message: Cow<'a, str>,
}

impl Event<'_> {
    /// Milliseconds since 1970. A batch without one was refused before anybody asks.
    pub fn at(&self) -> i64 {
        self.timestamp.unwrap_or_default()
    }
}

/// Which events of a batch are dropped for their time: indices into the batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// Those from here on lie too far ahead.
    pub too_new_from: Option<usize>,
    /// Those before here are older than 14 days.
    pub too_old_until: Option<usize>,
    /// Those before here are older than the group's retention.
    pub expired_until: Option<usize>,
}

impl Rejected {
    /// The events that are kept, of a batch of `events`.
    pub fn kept(&self, events: usize) -> std::ops::Range<usize> {
        let start = self.too_old_until.unwrap_or(0).max(self.expired_until.unwrap_or(0));
        let end = self.too_new_from.unwrap_or(events);
        start.min(end)..end
    }

    /// As in the answer of PutLogEvents; none where nothing was dropped.
    pub fn info(&self) -> Option<Value> {
        let mut info = serde_json::Map::new();
        let fields = [
            ("tooNewLogEventStartIndex", self.too_new_from),
            ("tooOldLogEventEndIndex", self.too_old_until),
            ("expiredLogEventEndIndex", self.expired_until),
        ];
        for (name, index) in fields {
            if let Some(index) = index {
                info.insert(name.into(), json!(index));
            }
        }
        (!info.is_empty()).then_some(Value::Object(info))
    }
}

/// Checks a group's name; `new` where the group is to be made, when AWS's own prefix is refused too.
pub fn check_group_name(name: Option<&str>, new: bool) -> Result<&str, Refusal> {
    let name = check_length(name, "logGroupName")?;
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_/#".contains(&b)) {
        let pattern = "satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+";
        return Err(Refusal::constraint(name, "logGroupName", pattern));
    }
    if new && name.starts_with("aws/") {
        return Err(Refusal::parameter("Log groups starting with AWS/ are reserved for AWS."));
    }
    Ok(name)
}

/// Checks a stream's name.
pub fn check_stream_name(name: Option<&str>) -> Result<&str, Refusal> {
    let name = check_length(name, "logStreamName")?;
    if name.contains([':', '*']) {
        return Err(Refusal::constraint(name, "logStreamName", "satisfy regular expression pattern: [^:*]*"));
    }
    Ok(name)
}

fn check_length<'a>(name: Option<&'a str>, member: &str) -> Result<&'a str, Refusal> {
    let Some(name) = name else {
        return Err(Refusal::constraint("null", member, "not be null"));
    };
    match name.chars().count() {
        0 => Err(Refusal::constraint(name, member, "have length greater than or equal to 1")),
        1..=512 => Ok(name),
        _ => Err(Refusal::constraint(name, member, "have length less than or equal to 512")),
    }
}

/// Checks a retention in days.
pub fn check_retention(days: Option<i64>) -> Result<i32, Refusal> {
    let offered = days.and_then(|days| RETENTIONS.into_iter().find(|offered| i64::from(*offered) == days));
    offered.ok_or_else(|| {
        let days = days.map_or("null".into(), |days| days.to_string());
        let offered = RETENTIONS.map(|days| days.to_string()).join(", ");
        Refusal::constraint(&days, "retentionInDays", &format!("satisfy enum value set: [{offered}]"))
    })
}

/// Checks everything about a batch but times against the clock. Answers its size in bytes, overheads included.
pub fn check_batch(events: Option<&[Event<'_>]>) -> Result<usize, Refusal> {
    let Some(events) = events else {
        return Err(Refusal::constraint("null", "logEvents", "not be null"));
    };
    if events.is_empty() {
        return Err(Refusal::constraint("[]", "logEvents", "have length greater than or equal to 1"));
    }
    if events.len() > MAX_BATCH_EVENTS {
        return Err(Refusal::constraint("[…]", "logEvents", "have length less than or equal to 10000"));
    }
    let mut total = 0;
    for (index, event) in events.iter().enumerate() {
        total += check_event(index + 1, event)?;
    }
    if total > MAX_BATCH_BYTES {
        return Err(Refusal::parameter(format!("Upload too large: {total} bytes exceeds limit of {MAX_BATCH_BYTES}")));
    }
    if !events.is_sorted_by_key(Event::at) {
        return Err(Refusal::parameter("Log events in a single PutLogEvents request must be in chronological order."));
    }
    Ok(total)
}

fn check_event(number: usize, event: &Event<'_>) -> Result<usize, Refusal> {
    if event.message.is_empty() {
        let member = format!("logEvents.{number}.member.message");
        return Err(Refusal::constraint("", &member, "have length greater than or equal to 1"));
    }
    let member = || format!("logEvents.{number}.member.timestamp");
    match event.timestamp {
        None => return Err(Refusal::constraint("null", &member(), "not be null")),
        Some(at) if at < 0 => {
            return Err(Refusal::constraint(&at.to_string(), &member(), "have value greater than or equal to 0"));
        }
        Some(_) => {}
    }
    let bytes = event.message.len() + EVENT_OVERHEAD_BYTES;
    if bytes > MAX_EVENT_BYTES {
        let message = format!("Log event too large: {bytes} bytes exceeds limit of {MAX_EVENT_BYTES}");
        return Err(Refusal::parameter(message));
    }
    Ok(bytes)
}

/// Judges the times of a batch that is in order, against the endpoint's time and the group's retention: what is dropped
/// for its time, and whether the rest spans more than a day.
pub fn judge_times(events: &[Event<'_>], retention_days: Option<i32>, now: Wall) -> Result<Rejected, Refusal> {
    let older_than = |limit_ms: i64| {
        let until = events.partition_point(|event| event.at() < now.0 - limit_ms);
        (until > 0).then_some(until)
    };
    let too_new_from = events.partition_point(|event| event.at() <= now.0 + MAX_AHEAD_MS);
    let rejected = Rejected {
        too_new_from: (too_new_from < events.len()).then_some(too_new_from),
        too_old_until: older_than(MAX_AGE_MS),
        expired_until: retention_days.and_then(|days| older_than(i64::from(days) * 24 * HOUR_MS)),
    };
    let kept = &events[rejected.kept(events.len())];
    let span = kept.first().zip(kept.last()).map_or(0, |(first, last)| last.at() - first.at());
    if span > MAX_SPAN_MS {
        let message = "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.";
        return Err(Refusal::parameter(message));
    }
    Ok(rejected)
}
