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

/// Builds the request by the clock as it is known now, off this thread, and sends it; again where the destination had to be
/// made first.
pub async fn deliver(sink: CloudWatchLogs, clock: Clock, mut batch: Batch, to: Destination) -> Delivered {
    let mut is_created = false;
    loop {
        let (writer, name, offset, now) = (sink.clone(), to.stream.clone(), clock.offset(), clock.now());
        let written = tokio::task::spawn_blocking(move || {
            let request = writer.request(&batch, &name, offset, now);
            (batch, request)
        });
        let Ok((written, request)) = written.await else {
            // Only a panic ends up here, and in a release that ends the program.
            std::future::pending().await
        };
        batch = written;
        let result = match sink.send(request).await {
            Err(SendError::MissingDestination { .. }) if !is_created => sink.create(&to.stream).await.map(|()| None),
            result => result.map(Some),
        };
        let result = match result {
            Ok(None) => {
                is_created = true;
                log::info!(stream:% = to.stream; "made a log stream");
                continue;
            }
            Ok(Some(receipt)) => Ok(receipt),
            Err(error) => Err(error),
        };
        return Delivered { batch, to, result, is_created };
    }
}
