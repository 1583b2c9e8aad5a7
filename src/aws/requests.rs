//! What a request of ours has that the SDK's own has not: a time limit, the time it is signed by, a body written beforehand.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::{DateTime, Format};

use super::system_time;
use crate::clock::Clock;
use crate::delivery::outcome::SendError;
use crate::record::{Offset, Wall};

/// Where a request's own time limit comes from: this, and what its body needs on the slowest line that still serves.
const LEAST_LIMIT: Duration = Duration::from_secs(20);
const SLOWEST_BYTES_PER_SECOND: u64 = 8 * 1024;

/// How long a request with a body of `bytes` may take before it counts as lost.
pub fn time_limit(bytes: usize) -> Duration {
    LEAST_LIMIT + Duration::from_secs(bytes as u64 / SLOWEST_BYTES_PER_SECOND)
}

/// What `send` answers within `limit`; a request that takes longer counts as lost.
///
/// # Errors
/// When the limit is over.
pub async fn within<T>(limit: Duration, send: impl Future<Output = T>) -> Result<T, SendError> {
    let late = |_| SendError::Unreachable { detail: format!("no answer within {} s", limit.as_secs()) };
    tokio::time::timeout(limit, send).await.map_err(late)
}

/// The time by which one request is signed: that of the offset by which the times in its body were made. A body with wrong
/// times is then signed wrongly too, and refused rather than taken.
#[derive(Debug)]
pub struct SameTime {
    /// What tells the time since the start.
    pub clock: Clock,
    /// What the body was made with.
    pub offset: Offset,
}

impl TimeSource for SameTime {
    fn now(&self) -> SystemTime {
        system_time(self.offset.wall(self.clock.now()))
    }
}

/// Learns the true time from every answer.
#[derive(Debug)]
pub struct LearnTime(pub Clock);

impl Intercept for LearnTime {
    fn name(&self) -> &'static str {
        "LearnTime"
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let headers = context.response().headers();
        // A portal or proxy that answers in AWS's place tells nothing about AWS's clock.
        let is_aws = headers.get("x-amzn-requestid").is_some();
        let date = headers.get("date").and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Some(date) = date.filter(|_| is_aws) {
            self.0.learn(Wall(date.secs() * 1000));
        }
        Ok(())
    }
}

/// Sends a body that was written beforehand in place of the SDK's own, before the request is signed.
#[derive(Debug)]
pub struct ReadyBody {
    /// The body, as it goes over the wire.
    pub bytes: bytes::Bytes,
    /// Whether it is compressed with gzip.
    pub is_gzip: bool,
}

impl Intercept for ReadyBody {
    fn name(&self) -> &'static str {
        "ReadyBody"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let request = context.request_mut();
        if self.is_gzip {
            request.headers_mut().insert("content-encoding", "gzip");
        }
        request.headers_mut().insert("content-length", self.bytes.len().to_string());
        *request.body_mut() = SdkBody::from(self.bytes.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_body_may_take_longer() {
        assert_eq!(time_limit(0), Duration::from_secs(20));
        assert_eq!(time_limit(400 * 1024), Duration::from_secs(70));
    }
}
