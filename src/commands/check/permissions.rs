//! `check --aws`: signs in, and asks AWS for each right that the configuration needs, without writing anything.
//!
//! A right is proved by a request that AWS refuses for what is in it, once it has judged who asks: an event of 1970, which no stream takes, or a group that is
//! there already. The rule that is easy to break: nothing may be left behind, so where no such request is known the answer is "cannot tell".
//! That AWS judges rights before contents is documented for none of these operations `[?]`; a denial is certain in any case.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::types::{MetricDatum, StandardUnit};
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_smithy_types::DateTime;
use serde::Serialize;
use tokio::sync::mpsc;

use super::super::access::{self, Identities, SignedIn};
use super::super::{Failure, NOT_PERMITTED, UNAVAILABLE};
use super::targets::{NotAsked, Target, Targets};
use crate::aws::{within, words};
use crate::clock::Clock;
use crate::config::{Config, Facts};
use crate::record::StreamName;

/// How long a sign-in may take, and how long one request.
const SIGN_IN_LIMIT: Duration = Duration::from_secs(60);
const REQUEST_LIMIT: Duration = Duration::from_secs(20);
/// No group takes an event of that time: it is over 14 days old. In milliseconds since 1970.
const LONG_AGO: i64 = 1_000;
/// A key that nobody has.
const NO_KEY: &str = "00000000-0000-4000-8000-000000000000";
/// No retention that CloudWatch offers.
const NO_RETENTION: i32 = 2;

/// What AWS says of a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It would let us.
    Allowed,
    /// It would not.
    Denied,
    /// It cannot be asked without leaving something behind, or gave no clear answer.
    CannotTell,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::CannotTell => "cannot tell",
        })
    }
}

/// A right, and what AWS says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Right {
    /// `logs:PutLogEvents`
    pub action: &'static str,
    /// The group or the namespace.
    pub on: String,
    /// What AWS says.
    pub verdict: Verdict,
    /// Whether `run` needs it as things are now.
    pub is_needed: bool,
    /// What it was told by.
    pub because: String,
}

/// Who is signed in, and what AWS lets them do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rights {
    /// The ARN that AWS knows them by; none where it did not say.
    pub identity: Option<String>,
    /// The rights.
    pub rights: Vec<Right>,
    /// The groups that AWS was not asked about.
    pub not_asked: Vec<NotAsked>,
}

impl Rights {
    /// The failure that these rights mean.
    pub fn failure(&self) -> Option<Failure> {
        let is_denied = |right: &&Right| right.is_needed && right.verdict == Verdict::Denied;
        let denied: Vec<String> =
            self.rights.iter().filter(is_denied).map(|right| format!("{} on {}", right.action, right.on)).collect();
        (!denied.is_empty())
            .then(|| Failure::new(NOT_PERMITTED, format!("error: AWS does not permit {}", denied.join(", "))))
    }
}

/// Signs in as `run` would.
pub async fn sign_in(config: &Config, facts: &Facts) -> Result<SignedIn, Failure> {
    let clock = Clock::default();
    let mut at_once = config.clone();
    // Who checks by hand is no fleet that comes back as one.
    at_once.agent.startup_spread = Duration::ZERO;
    let (tell, _kept) = mpsc::channel(1);
    let identities = Identities { known: Vec::new(), tell };
    let signed_in = access::sign_in(&at_once, facts, &clock, &identities).await?;
    for (what, access) in [("logs", &signed_in.logs), ("metrics", &signed_in.metrics)] {
        let answer = tokio::time::timeout(SIGN_IN_LIMIT, access.session.credentials()).await;
        let reason = match answer {
            Ok(Ok(_)) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", SIGN_IN_LIMIT.as_secs()),
        };
        return Err(Failure::new(UNAVAILABLE, format!("error: signing in for {what}: {reason}")));
    }
    Ok(signed_in)
}

/// Asks. `publishes`: whether there are metrics.
pub async fn ask(
    config: &Config,
    facts: &Facts,
    signed_in: &SignedIn,
    targets: Targets,
    publishes: bool,
) -> Result<Rights, Failure> {
    let identity = identity(config, &signed_in.logs.sdk).await;
    let logs = logs_client(&signed_in.logs.sdk, config.logs.endpoint.as_deref());
    let mut rights = Vec::new();
    for target in &targets.asked {
        rights.extend(of_group(&logs, target, &region(&signed_in.logs.sdk)).await?);
    }
    rights.push(put_metric_data(config, facts, &signed_in.metrics.sdk, publishes).await?);
    Ok(Rights { identity, rights, not_asked: targets.not_asked })
}

fn region(sdk: &SdkConfig) -> String {
    sdk.region().map(ToString::to_string).unwrap_or_default()
}

fn logs_client(sdk: &SdkConfig, endpoint: Option<&str>) -> aws_sdk_cloudwatchlogs::Client {
    let builder = aws_sdk_cloudwatchlogs::config::Builder::from(sdk);
    let builder = endpoint.into_iter().fold(builder, |builder, endpoint| builder.endpoint_url(endpoint));
    aws_sdk_cloudwatchlogs::Client::from_conf(builder.build())
}

/// Everybody may ask who they are. An endpoint of one's own need not know.
async fn identity(config: &Config, sdk: &SdkConfig) -> Option<String> {
    if config.agent.network.endpoint.is_some() {
        return None;
    }
    let client = aws_sdk_sts::Client::new(sdk);
    let answer = within(REQUEST_LIMIT, client.get_caller_identity().send()).await.ok()?.ok()?;
    answer.arn
}

/// What AWS answered: nothing was wrong, an error of its own by name, or no answer of AWS's.
enum Answer {
    Done,
    Code(String, String),
}

/// The answer; a failure where AWS cannot be reached.
fn answer<T, E, R>(result: Result<Result<T, SdkError<E, R>>, impl fmt::Display>) -> Result<Answer, Failure>
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
{
    let unreachable = |reason: String| Failure::new(UNAVAILABLE, format!("error: asking AWS: {reason}"));
    match result {
        Err(late) => Err(unreachable(late.to_string())),
        Ok(Ok(_)) => Ok(Answer::Done),
        Ok(Err(error)) => match error.as_service_error().and_then(|service| service.code()) {
            Some(code) => {
                let message = error.as_service_error().and_then(|service| service.message()).unwrap_or_default();
                Ok(Answer::Code(code.to_owned(), message.to_owned()))
            }
            None => Err(unreachable(words(&error))),
        },
    }
}

fn is_denial(code: &str) -> bool {
    code.contains("AccessDenied") || code.contains("NotAuthorized") || code.contains("UnauthorizedOperation")
}

/// A verdict of an answer; `proofs` are the errors that come after rights were judged.
fn judged(answer: &Answer, proofs: &[&str]) -> (Verdict, String) {
    match answer {
        Answer::Done => (Verdict::Allowed, "AWS took the request, in which nothing was to be kept".to_owned()),
        Answer::Code(code, message) if is_denial(code) => (Verdict::Denied, format!("{code}: {message}")),
        Answer::Code(code, _) if proofs.contains(&code.as_str()) => {
            (Verdict::Allowed, format!("AWS refused the contents of the request only ({code})"))
        }
        Answer::Code(code, message) => (Verdict::CannotTell, format!("{code}: {message}")),
    }
}

/// Whether a group is there, as far as the answer of PutLogEvents tells.
fn group_exists(answer: &Answer) -> Option<bool> {
    match answer {
        Answer::Done => Some(true),
        Answer::Code(code, message) if code == "ResourceNotFoundException" => Some(!message.contains("group")),
        Answer::Code(..) => None,
    }
}

async fn of_group(
    client: &aws_sdk_cloudwatchlogs::Client,
    target: &Target,
    region: &str,
) -> Result<Vec<Right>, Failure> {
    let on = target.stream.group.to_string();
    let right = |action, (verdict, because): (Verdict, String), is_needed| Right {
        action,
        on: on.clone(),
        verdict,
        is_needed,
        because,
    };
    let put = put_log_events(client, &target.stream).await?;
    let exists = group_exists(&put);
    let has_stream = matches!(put, Answer::Done);
    let mut rights = vec![right("logs:PutLogEvents", judged(&put, &["ResourceNotFoundException"]), true)];
    let makes_stream = create_stream(client, &target.stream, exists, has_stream).await?;
    rights.push(right("logs:CreateLogStream", makes_stream, !has_stream));
    let makes_group = create_group(client, &on, exists, region).await?;
    rights.push(right("logs:CreateLogGroup", makes_group, exists != Some(true)));
    if let Some(days) = target.retention_days {
        rights.push(right("logs:PutRetentionPolicy", put_retention(client, &on, days, exists).await?, true));
    }
    Ok(rights)
}

/// An event of 1970: where the stream is there, AWS says that it was too old, and keeps nothing.
async fn put_log_events(client: &aws_sdk_cloudwatchlogs::Client, to: &StreamName) -> Result<Answer, Failure> {
    let event = InputLogEvent::builder().timestamp(LONG_AGO).message("cloudwatch-publisher check --aws").build();
    let event = event.map_err(anyhow::Error::from)?;
    let request = client.put_log_events().log_group_name(&*to.group).log_stream_name(&*to.stream).log_events(event);
    answer(within(REQUEST_LIMIT, request.send()).await)
}

/// A stream that is there is not made again, and none is made in a group that is not there. In between a request would leave an empty stream.
async fn create_stream(
    client: &aws_sdk_cloudwatchlogs::Client,
    to: &StreamName,
    group_exists: Option<bool>,
    stream_exists: bool,
) -> Result<(Verdict, String), Failure> {
    let is_safe = stream_exists || group_exists == Some(false);
    // A colon may not stand in a stream's name.
    let name = if is_safe { to.stream.to_string() } else { format!("{}:", to.stream) };
    let request = client.create_log_stream().log_group_name(&*to.group).log_stream_name(name);
    let answer = answer(within(REQUEST_LIMIT, request.send()).await)?;
    Ok(match judged(&answer, &["ResourceAlreadyExistsException", "ResourceNotFoundException"]) {
        (Verdict::CannotTell, _) if !is_safe => {
            (Verdict::CannotTell, "the stream is not there yet, and asking for one would make it".to_owned())
        }
        told => told,
    })
}

/// A group that is there is not made again; one that is not, not with a key that is not there.
async fn create_group(
    client: &aws_sdk_cloudwatchlogs::Client,
    group: &str,
    exists: Option<bool>,
    region: &str,
) -> Result<(Verdict, String), Failure> {
    let mut request = client.create_log_group().log_group_name(group);
    if exists != Some(true) {
        request = request.kms_key_id(format!("arn:aws:kms:{region}:000000000000:key/{NO_KEY}"));
    }
    let answer = answer(within(REQUEST_LIMIT, request.send()).await)?;
    Ok(match judged(&answer, &["ResourceAlreadyExistsException", "InvalidParameterException"]) {
        (Verdict::Allowed, _) if matches!(answer, Answer::Done) => {
            (Verdict::Allowed, "AWS made the group, which it should not have with a key that is not there".to_owned())
        }
        told => told,
    })
}

/// Setting the retention that is set already changes nothing; otherwise one that CloudWatch does not offer tells a denial only.
async fn put_retention(
    client: &aws_sdk_cloudwatchlogs::Client,
    group: &str,
    days: u16,
    exists: Option<bool>,
) -> Result<(Verdict, String), Failure> {
    let is_set = exists == Some(true) && present_retention(client, group).await == Some(i32::from(days));
    let is_safe = is_set || exists == Some(false);
    let days = if is_safe { i32::from(days) } else { NO_RETENTION };
    let request = client.put_retention_policy().log_group_name(group).retention_in_days(days);
    let answer = answer(within(REQUEST_LIMIT, request.send()).await)?;
    Ok(match judged(&answer, &["ResourceNotFoundException"]) {
        (Verdict::Allowed, _) if is_set => (Verdict::Allowed, "AWS set the retention that was set already".to_owned()),
        (Verdict::CannotTell, _) if !is_safe => {
            let because = "the group's retention is another, or not known, and asking could change it";
            (Verdict::CannotTell, because.to_owned())
        }
        told => told,
    })
}

/// The retention of a group, where we may ask for it.
async fn present_retention(client: &aws_sdk_cloudwatchlogs::Client, group: &str) -> Option<i32> {
    let request = client.describe_log_groups().log_group_name_prefix(group);
    let answer = within(REQUEST_LIMIT, request.send()).await.ok()?.ok()?;
    answer.log_groups().iter().find(|found| found.log_group_name() == Some(group))?.retention_in_days()
}

/// CloudWatch takes neither a value of 1970 nor one that is no number.
async fn put_metric_data(config: &Config, facts: &Facts, sdk: &SdkConfig, is_needed: bool) -> Result<Right, Failure> {
    let builder = aws_sdk_cloudwatch::config::Builder::from(sdk);
    let endpoint = config.metrics.endpoint.as_deref();
    let builder = endpoint.into_iter().fold(builder, |builder, endpoint| builder.endpoint_url(endpoint));
    let client = aws_sdk_cloudwatch::Client::from_conf(builder.build());
    let namespace = config.metrics.namespace.resolve(facts);
    let datum = MetricDatum::builder()
        .metric_name("Check")
        .unit(StandardUnit::None)
        .timestamp(DateTime::from_millis(LONG_AGO))
        .value(f64::NAN)
        .build();
    let request = client.put_metric_data().namespace(&namespace).metric_data(datum);
    let answer = answer(within(REQUEST_LIMIT, request.send()).await)?;
    let proofs = ["InvalidParameterValue", "InvalidParameterValueException", "InvalidParameterCombination"];
    let (verdict, because) = judged(&answer, &proofs);
    Ok(Right { action: "cloudwatch:PutMetricData", on: namespace, verdict, is_needed, because })
}
