//! Sets up the AWS SDK, and turns its errors into reactions: one table for every service.
//!
//! The SDK's own retries are off: a body that is sent again is built again, with times by the clock as it is known then
//! (delivery, root cause 6), and back-off belongs to the endpoint as a whole. The clock that signs is ours, corrected by
//! the `Date` of every answer.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_config::meta::region::ProvideRegion;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::{DateTime, Format};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;

use crate::clock::Clock;
use crate::delivery::outcome::SendError;
use crate::record::{Offset, Wall};

/// How long a connection may take to stand.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Credentials are renewed this long before they end.
const RENEWAL_MARGIN: Duration = Duration::from_secs(300);

/// Where a request's own time limit comes from: this, and what its body needs on the slowest line that still serves.
const REQUEST_LIMIT: Duration = Duration::from_secs(20);
const SLOWEST_BYTES_PER_SECOND: u64 = 8 * 1024;

/// How long a request with a body of `bytes` may take before it counts as lost.
pub fn time_limit(bytes: usize) -> Duration {
    REQUEST_LIMIT + Duration::from_secs(bytes as u64 / SLOWEST_BYTES_PER_SECOND)
}

/// What `send` answers within `limit`; a request that takes longer counts as lost.
///
/// # Errors
/// When the limit is over.
pub async fn within<T>(limit: Duration, send: impl Future<Output = T>) -> Result<T, SendError> {
    let late = |_| SendError::Unreachable { detail: format!("no answer within {} s", limit.as_secs()) };
    tokio::time::timeout(limit, send).await.map_err(late)
}

/// Where credentials come from.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// The standard chain: environment, profiles, SSO, web identity, ECS, IMDS, `credential_process`.
    Chain,
    /// Made up, for an endpoint that checks none.
    MadeUp,
}

/// No region is known.
#[derive(Debug, thiserror::Error)]
#[error(
    "finding the AWS region: none is set; set `agent.region` in the configuration, the variable AWS_REGION, or `region` in \
     the AWS profile"
)]
pub struct NoRegion;

/// The SDK's settings for all clients.
///
/// # Errors
/// When neither `region` nor the chain names a region.
pub async fn load(region: Option<&str>, credentials: &Credentials, clock: &Clock) -> Result<SdkConfig, NoRegion> {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_LIMIT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .time_source(SigningTime(clock.clone()))
        .disable_clock_skew_correction(true);
    if let (Some(region), Credentials::Chain) = (region, credentials) {
        warn_of_another_region(region).await;
    }
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Credentials::MadeUp = credentials {
        let made_up = aws_credential_types::Credentials::new("made-up", "made-up", None, None, "made up");
        loader = loader.credentials_provider(SharedCredentialsProvider::new(made_up));
    }
    let config = loader.load().await;
    if config.region().is_none() {
        return Err(NoRegion);
    }
    Ok(renewed(&config))
}

/// The config's region wins; that the environment or the profile names another one is worth a word.
async fn warn_of_another_region(region: &str) {
    let environment = aws_config::environment::region::EnvironmentVariableRegionProvider::new();
    let profile = aws_config::profile::ProfileFileRegionProvider::new();
    let other = match environment.region().await {
        Some(other) => Some(other),
        None => profile.region().await,
    };
    if let Some(other) = other.filter(|other| other.as_ref() != region) {
        log::warn!(region, other:% = other; "agent.region differs from the AWS environment or profile: agent.region is used");
    }
}

/// The same settings with nothing remembered of the credentials: the next request asks their source anew.
pub fn renewed(config: &SdkConfig) -> SdkConfig {
    let cache =
        aws_config::identity::IdentityCache::lazy().buffer_time(RENEWAL_MARGIN).load_timeout(REQUEST_LIMIT).build();
    config.to_builder().identity_cache(cache).build()
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

fn system_time(wall: Wall) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(wall.0).unwrap_or_default())
}

#[derive(Debug)]
struct SigningTime(Clock);

impl TimeSource for SigningTime {
    fn now(&self) -> SystemTime {
        system_time(self.0.wall())
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

/// The reaction to an error of the SDK.
pub fn reaction<E>(error: SdkError<E, Response>) -> SendError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let detail = words(&error);
    let retry_after = error.raw_response().and_then(retry_after);
    let status = error.raw_response().map(|response| response.status().as_u16());
    match &error {
        SdkError::ServiceError(service) => table(service.err().code(), status, detail, retry_after),
        SdkError::ResponseError(_) => table(None, status, detail, retry_after),
        SdkError::ConstructionFailure(_) => SendError::Unauthorised { detail },
        // Credentials are fetched as a part of sending: what goes wrong there is told by the chain of causes alone.
        SdkError::DispatchFailure(failure) if failure.is_other() && is_about_credentials(&error) => {
            SendError::Unauthorised { detail }
        }
        _ => SendError::Unreachable { detail },
    }
}

/// The one table: AWS's error code, or else the HTTP status, and what is to be done about it. Codes: service models of
/// CloudWatch and CloudWatch Logs in botocore 1.43.11 and the common errors of the AWS API, read 2026-11-21.
#[allow(clippy::too_many_lines, reason = "a table is read from top to bottom, in one place")]
fn table(code: Option<&str>, status: Option<u16>, detail: String, retry_after: Option<Duration>) -> SendError {
    match (code.unwrap_or_default(), status.unwrap_or_default()) {
        (
            "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "SlowDown"
            | "OperationAbortedException"
            | "ServiceUnavailableException"
            | "ServiceUnavailable"
            | "InternalFailure"
            | "InternalServiceFault"
            | "InternalServerError"
            | "InternalServiceError"
            | "RequestTimeout",
            _,
        ) => SendError::Busy { retry_after, detail },
        ("ResourceNotFoundException", _) => SendError::MissingDestination { detail },
        (
            "LimitExceededException"
            | "AccessDeniedException"
            | "AccessDenied"
            | "NotAuthorized"
            | "UnauthorizedOperation",
            _,
        ) => SendError::Forbidden { detail },
        (
            "ExpiredTokenException"
            | "ExpiredToken"
            | "RequestExpired"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "InvalidAccessKeyId"
            | "OptInRequired"
            | "RequestTimeTooSkewed",
            _,
        ) => SendError::Unauthorised { detail },
        // CloudWatch no longer looks at sequence tokens: the same again.
        ("InvalidSequenceTokenException", _) => SendError::Busy { retry_after, detail },
        (_, 500.. | 429 | 408) => SendError::Busy { retry_after, detail },
        (_, 401 | 407) => SendError::Unauthorised { detail },
        // The content of the request, and nothing but that: what this list names is split and may cost a record.
        (
            "InvalidParameterException"
            | "InvalidParameterValue"
            | "InvalidParameterValueException"
            | "InvalidParameterCombination"
            | "InvalidParameterCombinationException"
            | "MissingParameter"
            | "MissingRequiredParameterException"
            | "InvalidFormat"
            | "InvalidFormatFault"
            | "ValidationError"
            | "ValidationException"
            | "SerializationException",
            _,
        ) => SendError::Refused { detail },
        // A firewall's or a portal's page, or an answer cut short, says nothing about the request.
        ("", _) => SendError::Unreachable { detail },
        // A word that is new here may mean anything: the stream waits, and nothing is lost.
        _ => SendError::Forbidden { detail },
    }
}

/// The causes of an error in one line, each said once.
fn words(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for text in causes(error).map(ToString::to_string) {
        if !words.iter().any(|word| word.contains(&text)) {
            words.push(text);
        }
    }
    words.join(": ")
}

fn is_about_credentials(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<aws_credential_types::provider::error::CredentialsError>())
}

/// The error, and what it says caused it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

fn retry_after(response: &Response) -> Option<Duration> {
    response.headers().get("retry-after")?.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_reaction() {
        let cases = [
            (Some("ThrottlingException"), 400, "busy"),
            (Some("ServiceUnavailableException"), 500, "busy"),
            (None, 503, "busy"),
            (Some("SomethingNew"), 500, "busy"),
            (Some("SomethingNew"), 400, "forbidden"),
            (Some("ValidationException"), 400, "refused"),
            (Some("InvalidParameterException"), 400, "refused"),
            (Some("ResourceNotFoundException"), 400, "missing destination"),
            (Some("AccessDeniedException"), 400, "forbidden"),
            (Some("LimitExceededException"), 400, "forbidden"),
            (Some("ExpiredTokenException"), 400, "unauthorised"),
            (Some("InvalidSignatureException"), 400, "unauthorised"),
            (Some("UnrecognizedClientException"), 400, "unauthorised"),
            (Some("InvalidSequenceTokenException"), 400, "busy"),
            (None, 403, "unreachable"),
            (None, 302, "unreachable"),
            (None, 407, "unauthorised"),
        ];
        for (code, status, expected) in cases {
            assert_eq!(table(code, Some(status), String::new(), None).kind(), expected, "{code:?} {status}");
        }
    }

    #[test]
    fn a_larger_body_may_take_longer() {
        assert_eq!(time_limit(0), Duration::from_secs(20));
        assert_eq!(time_limit(400 * 1024), Duration::from_secs(70));
    }
}
