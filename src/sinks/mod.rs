//! Where batches go. A sink sends what it is handed and says what became of it; it decides nothing.

pub mod cloudwatch_logs;
pub mod cloudwatch_metrics;
mod put_log_events;

use crate::delivery::outcome::{Receipt, SendError};

/// Takes requests of one kind. Implemented by CloudWatch Logs, CloudWatch metrics, and the tests' faulty sink.
pub trait Sink {
    /// What it takes: fits every limit of the destination already.
    type Request;

    /// Sends one request, within its own time limit.
    fn send(&self, request: Self::Request) -> impl Future<Output = Result<Receipt, SendError>> + Send;
}
