//! CloudWatch Logs: puts records into streams, and makes groups and streams that are missing.

use std::io;

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::operation::put_log_events::PutLogEventsOutput;
use aws_sdk_cloudwatchlogs::types::{LogGroup, LogGroupClass, RejectedLogEventsInfo};
use bytes::Bytes;

use super::{Sink, put_log_events};
use crate::aws::{LearnTime, ReadyBody, SameTime, reaction, time_limit, within};
use crate::clock::Clock;
use crate::delivery::batch::Batch;
use crate::delivery::outcome::{Cause, Receipt, SendError};
use crate::record::{Monotonic, Offset, StreamName};

/// A client of CloudWatch Logs.
#[derive(Clone, Debug)]
pub struct CloudWatchLogs {
    clock: Clock,
    client: Client,
    is_gzip: bool,
}

/// One PutLogEvents, ready to be sent.
#[derive(Clone, Debug)]
pub struct LogsRequest {
    /// The body as it goes over the wire.
    pub body: Bytes,
    /// How many records it holds.
    pub count: usize,
    /// What their times were made with.
    pub offset: Offset,
}

impl CloudWatchLogs {
    /// A client that signs as `config` says; `endpoint` in place of AWS's own.
    pub fn new(config: &SdkConfig, endpoint: Option<&str>, clock: &Clock, is_gzip: bool) -> Self {
        let client = client(config, endpoint, clock);
        Self { clock: clock.clone(), client, is_gzip }
    }

    /// Writes the request that carries `batch` to `to`; costs CPU time, so off the runtime's thread.
    ///
    /// # Errors
    /// None that writing to memory could give.
    pub fn request(&self, batch: &Batch, to: &StreamName, offset: Offset, now: Monotonic) -> io::Result<LogsRequest> {
        let expected = batch.bytes() + batch.len() * 20;
        let body = put_log_events::body(to, batch.records(offset, now), expected, self.is_gzip)?;
        Ok(LogsRequest { body: body.into(), count: batch.len(), offset })
    }

    /// Makes the group and the stream, as far as they are missing: the group of the class `INFREQUENT_ACCESS` where it
    /// `is_infrequent`, else as CloudWatch does, `STANDARD`. Notes in `has_made_group` that the group was, whatever
    /// becomes of the stream.
    ///
    /// # Errors
    /// By reaction; that something exists already is none. What is refused is the name: no record is to blame.
    pub async fn create(
        &self,
        to: &StreamName,
        is_infrequent: bool,
        has_made_group: &mut bool,
    ) -> Result<(), SendError> {
        self.create_missing(to, is_infrequent, has_made_group).await.map_err(|error| match error {
            SendError::Refused { detail } => SendError::Forbidden { detail },
            error => error,
        })
    }

    async fn create_missing(
        &self,
        to: &StreamName,
        is_infrequent: bool,
        has_made_group: &mut bool,
    ) -> Result<(), SendError> {
        match self.create_stream(to).await {
            Err(SendError::MissingDestination { .. }) => {
                let class = is_infrequent.then_some(LogGroupClass::InfrequentAccess);
                let send = self.client.create_log_group().log_group_name(&*to.group).set_log_group_class(class).send();
                exists_is_fine(
                    within(time_limit(0), send).await?.map_err(|error| (is_existing(&error), reaction(error))),
                )?;
                *has_made_group = true;
                self.create_stream(to).await
            }
            result => result,
        }
    }

    async fn create_stream(&self, to: &StreamName) -> Result<(), SendError> {
        let send = self.client.create_log_stream().log_group_name(&*to.group).log_stream_name(&*to.stream).send();
        exists_is_fine(within(time_limit(0), send).await?.map_err(|error| (is_existing(&error), reaction(error))))
    }

    /// The class of `group`; none where there is no such group.
    ///
    /// # Errors
    /// By reaction.
    pub async fn class_of(&self, group: &str) -> Result<Option<String>, SendError> {
        // Groups come in the order of their names: where it is there, it is the first that begins like it.
        let send = self.client.describe_log_groups().log_group_name_prefix(group).limit(1).send();
        let found = within(time_limit(0), send).await?.map_err(reaction)?;
        let found = found.log_groups().iter().find(|found| found.log_group_name() == Some(group));
        let class = |found: &LogGroup| {
            found.log_group_class().map_or_else(|| "STANDARD".to_owned(), |class| class.as_str().to_owned())
        };
        Ok(found.map(class))
    }

    /// Sets how many days `group` keeps its records.
    ///
    /// # Errors
    /// By reaction.
    pub async fn set_retention(&self, group: &str, days: u16) -> Result<(), SendError> {
        let send = self.client.put_retention_policy().log_group_name(group).retention_in_days(days.into()).send();
        within(time_limit(0), send).await?.map(drop).map_err(reaction)
    }
}

impl Sink for CloudWatchLogs {
    type Request = LogsRequest;

    async fn send(&self, request: LogsRequest) -> Result<Receipt, SendError> {
        let limit = time_limit(request.body.len());
        // The names and records that the SDK would write are in the ready body.
        let operation =
            self.client.put_log_events().log_group_name("-").log_stream_name("-").set_log_events(Some(vec![]));
        let ready = ReadyBody { bytes: request.body, is_gzip: self.is_gzip };
        let time = SameTime { clock: self.clock.clone(), offset: request.offset };
        let signed_by = aws_sdk_cloudwatchlogs::config::Builder::new().time_source(time);
        match within(limit, operation.customize().interceptor(ready).config_override(signed_by).send()).await? {
            Ok(output) => Ok(receipt(&output, request.count)),
            Err(error) if is_accepted_before(&error) => Ok(Receipt::default()),
            Err(error) => Err(about_its_name(reaction(error))),
        }
    }
}

/// A request refused for the name of its group or stream: no record in it is to blame.
fn about_its_name(error: SendError) -> SendError {
    match error {
        SendError::Refused { detail } if detail.contains("logGroupName") || detail.contains("logStreamName") => {
            SendError::Forbidden { detail }
        }
        error => error,
    }
}

type LogsError<E> = aws_sdk_cloudwatchlogs::error::SdkError<E>;

fn client(config: &SdkConfig, endpoint: Option<&str>, clock: &Clock) -> Client {
    let builder = aws_sdk_cloudwatchlogs::config::Builder::from(config).interceptor(LearnTime(clock.clone()));
    let builder = match endpoint {
        Some(endpoint) => builder.endpoint_url(endpoint),
        None => builder,
    };
    Client::from_conf(builder.build())
}

fn code_of<E: aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata>(error: &LogsError<E>) -> Option<&str> {
    error.as_service_error().and_then(|service| service.code())
}

fn is_existing<E: aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata>(error: &LogsError<E>) -> bool {
    code_of(error) == Some("ResourceAlreadyExistsException")
}

fn is_accepted_before<E: aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata>(error: &LogsError<E>) -> bool {
    code_of(error) == Some("DataAlreadyAcceptedException")
}

fn exists_is_fine<T>(result: Result<T, (bool, SendError)>) -> Result<(), SendError> {
    match result {
        Ok(_) | Err((true, _)) => Ok(()),
        Err((false, error)) => Err(error),
    }
}

fn receipt(output: &PutLogEventsOutput, count: usize) -> Receipt {
    let refused = output.rejected_log_events_info().map(|info| refused(info, count)).unwrap_or_default();
    Receipt { refused }
}

/// What was not kept: too old and expired at the front (their ends are exclusive), too new at the back.
fn refused(info: &RejectedLogEventsInfo, count: usize) -> Vec<(std::ops::Range<usize>, Cause)> {
    let index = |index: Option<i32>| index.and_then(|index| usize::try_from(index).ok()).map(|index| index.min(count));
    let too_old = index(info.too_old_log_event_end_index()).unwrap_or(0);
    let expired = index(info.expired_log_event_end_index()).unwrap_or(0).max(too_old);
    let too_new = index(info.too_new_log_event_start_index()).unwrap_or(count).max(expired);
    let ranges = [(0..too_old, Cause::TooOld), (too_old..expired, Cause::Expired), (too_new..count, Cause::TooNew)];
    ranges.into_iter().filter(|(range, _)| !range.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_indices_become_ranges() {
        let info = |old: Option<i32>, expired: Option<i32>, new: Option<i32>| {
            RejectedLogEventsInfo::builder()
                .set_too_old_log_event_end_index(old)
                .set_expired_log_event_end_index(expired)
                .set_too_new_log_event_start_index(new)
                .build()
        };
        assert_eq!(refused(&info(Some(2), None, None), 5), [(0..2, Cause::TooOld)]);
        assert_eq!(
            refused(&info(Some(2), Some(3), Some(4)), 5),
            [(0..2, Cause::TooOld), (2..3, Cause::Expired), (4..5, Cause::TooNew)]
        );
        assert_eq!(refused(&info(Some(9), Some(1), Some(-1)), 5), [(0..5, Cause::TooOld)]);
        assert_eq!(refused(&info(None, None, None), 5), []);
    }
}
