//! Sends one batch, making its destination where that is missing.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::logs::Destination;
use crate::auth::{Session, SignInError};
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
    /// The number of the credentials that signed it.
    pub credentials: u64,
    /// The group had to be made.
    pub has_made_group: bool,
}

/// What a batch is sent with.
pub struct Way {
    /// Takes it.
    pub sink: CloudWatchLogs,
    /// Signs it.
    pub session: Session,
    /// Times it.
    pub clock: Clock,
    /// One for each request that may be written at this moment, [`WRITERS`] in all.
    pub turns: Arc<Semaphore>,
}

/// How many requests are written at the same time: a thread keeps the memory that it ever wrote with, some 3 MB, and the fewer write
/// at once the fewer have done so.
pub const WRITERS: usize = 2;

/// Builds the request by the clock as it is known now, off this thread, and sends it; again where the destination had to be
/// made first. The first sign-in is waited for: it may take minutes, and learns the time. Nothing is written while nobody could
/// sign it.
pub async fn deliver(way: Way, mut batch: Batch, to: Destination) -> Delivered {
    let Way { sink, session, clock, turns } = way;
    if let Err(trouble) = session.credentials().await {
        let (result, credentials) = (Err(not_signed_in(trouble)), session.number());
        return Delivered { batch, to, result, credentials, has_made_group: false };
    }
    let (mut is_created, mut has_made_group) = (false, false);
    loop {
        let turn = turns.acquire().await;
        let (writer, offset, now) = (sink.clone(), clock.offset(), clock.now());
        // The day is that of the times which CloudWatch gets.
        let first = batch.records(offset, now).next().map(|(time, _)| time);
        let to = to.on_day_of(first);
        let name = to.stream.clone();
        let written = tokio::task::spawn_blocking(move || {
            let request = writer.request(&batch, &name, offset, now);
            (batch, request)
        });
        let request;
        (batch, request) = match written.await {
            Ok(written) => written,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        // Only now: its thread rests, and may be the one that writes the next.
        drop(turn);
        let credentials = session.number();
        let result = match request {
            Err(error) => Err(SendError::Unreachable { detail: error.to_string() }),
            Ok(request) => sink.send(request).await,
        };
        let result = match result {
            Err(SendError::MissingDestination { .. }) if !is_created => {
                match sink.create(&to.stream, to.group.is_infrequent, &mut has_made_group).await {
                    Ok(()) => {
                        is_created = true;
                        log::info!(stream:% = to.stream; "made a log stream");
                        continue;
                    }
                    Err(error) => Err(error),
                }
            }
            result => result,
        };
        return Delivered { batch, to, result, credentials, has_made_group };
    }
}

/// What a request comes to that nobody could sign.
pub fn not_signed_in(trouble: SignInError) -> SendError {
    match trouble {
        SignInError::Unreachable(detail) => SendError::Unreachable { detail },
        SignInError::Busy(detail) => SendError::Busy { retry_after: None, detail },
        SignInError::Rejected(detail) => SendError::Unauthorised { detail },
    }
}
