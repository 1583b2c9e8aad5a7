//! Sends one batch, making its destination where that is missing.

use super::logs::Destination;
use crate::clock::Clock;
use crate::delivery::batch::Batch;
use crate::delivery::outcome::{Receipt, SendError};
use crate::sinks::Sink;
use crate::sinks::cloudwatch_logs::CloudWatchLogs;

/// A batch, and what became of it.
#[derive(Debug)]
pub struct Delivered {
    /// The batch, back from its way.
    pub batch: Batch,
    /// Where it went.
    pub to: Destination,
    /// What became of it.
    pub result: Result<Receipt, SendError>,
    /// The destination had to be made.
    pub is_created: bool,
}

/// Builds the request by the clock as it is known now, off this thread, and sends it.
pub async fn deliver(sink: CloudWatchLogs, clock: Clock, batch: Batch, to: Destination) -> Delivered {
    let writer = sink.clone();
    let (offset, now) = (clock.offset(), clock.now());
    let written = tokio::task::spawn_blocking(move || {
        let request = writer.request(&batch, &to.stream, offset, now);
        (batch, to, request)
    });
    let Ok((batch, to, request)) = written.await else {
        // Only a panic ends up here, and in a release that ends the program.
        std::future::pending().await
    };
    let mut is_created = false;
    let result = match sink.send(request.clone()).await {
        Err(SendError::MissingDestination { .. }) => match sink.create(&to.stream).await {
            Ok(()) => {
                is_created = true;
                log::info!(stream:% = to.stream; "made a log stream");
                sink.send(request).await
            }
            // It is the name that is refused, not a record: no record may be given up for it.
            Err(SendError::Refused { detail }) => Err(SendError::Forbidden { detail }),
            Err(error) => Err(error),
        },
        result => result,
    };
    Delivered { batch, to, result, is_created }
}
