//! What the endpoint counts of itself: for tests, for the benchmark and for the page.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeMap;

use serde::Serialize;

use super::logs::Taken;
use super::operation::Operation;

/// Counts since the endpoint was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Requests to AWS operations by operation, whatever became of them.
    pub requests: BTreeMap<&'static str, u64>,
    /// Requests answered with success.
    pub succeeded: u64,
    /// Requests refused by error code, and requests that met a fault by the fault's name.
    pub refused: BTreeMap<String, u64>,
    /// Bytes of request bodies as they came over the wire.
    pub wire_bytes: u64,
    /// Bytes of request bodies after inflating.
    pub body_bytes: u64,
    /// Log events taken.
    pub events: u64,
    /// Log events dropped for their time.
    pub events_rejected: u64,
    /// Bytes of the messages taken.
    pub message_bytes: u64,
    /// Batches of log events taken.
    pub batches: u64,
    /// Their bytes, 26 an event included.
    pub batch_bytes: u64,
    /// Bytes of the largest of them.
    pub batch_bytes_max: u64,
    /// Bytes of the smallest of them.
    pub batch_bytes_min: u64,
    /// Events in the longest of them.
    pub batch_events_max: u64,
    /// Batches that were at least 95 % full, by bytes or by number of events.
    pub batches_full: u64,
    /// Metric datums taken.
    pub datums: u64,
}

impl Counts {
    /// A request arrived.
    pub fn asked(&mut self, operation: Operation, wire_bytes: usize) {
        *self.requests.entry(operation.name()).or_default() += 1;
        self.wire_bytes += wire_bytes as u64;
    }

    /// A request was refused, or met a fault, of that name.
    pub fn refused(&mut self, name: &str) {
        *self.refused.entry(name.to_owned()).or_default() += 1;
    }

    /// All requests to AWS operations.
    pub fn all_requests(&self) -> u64 {
        self.requests.values().sum()
    }

    /// Requests to one operation.
    pub fn requests_to(&self, operation: Operation) -> u64 {
        self.requests.get(operation.name()).copied().unwrap_or_default()
    }

    /// A batch of `sent` events was taken.
    pub fn took_batch(&mut self, taken: &Taken, sent: usize) {
        use super::log_rules::{MAX_BATCH_BYTES, MAX_BATCH_EVENTS};
        let bytes = taken.batch_bytes as u64;
        self.events += taken.events as u64;
        self.events_rejected += (sent - taken.events) as u64;
        self.message_bytes += taken.message_bytes as u64;
        self.batch_bytes_min = if self.batches == 0 { bytes } else { self.batch_bytes_min.min(bytes) };
        self.batch_bytes_max = self.batch_bytes_max.max(bytes);
        self.batch_events_max = self.batch_events_max.max(sent as u64);
        self.batches += 1;
        self.batch_bytes += bytes;
        let full = taken.batch_bytes * 100 >= MAX_BATCH_BYTES * 95 || sent * 100 >= MAX_BATCH_EVENTS * 95;
        self.batches_full += u64::from(full);
    }
}
