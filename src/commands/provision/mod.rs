//! `provision`: what an administrator sets up in AWS, a file a command.

mod board;
mod dashboard;
mod deploy;
mod destroy;
mod fleet;
mod list;
mod progress;
mod remove;
mod rotate;
mod users;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::provider::ProvideCredentials;

use super::print::print;
use super::{Failure, NOT_PERMITTED, UNAVAILABLE, start};
use crate::agent::Stop;
use crate::aws::{self, LoadError, Reach};
use crate::cli::provision::{Provision, Target};
use crate::clock::Clock;
use crate::config::Network;
use crate::provision::call::{CallError, CallFailure};
use crate::provision::outputs::{Outputs, OutputsError};
use crate::provision::stack::StackError;
use crate::service::memory;

/// One attempt, and all attempts of one call: a person waits for it.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(20);
const CALL_LIMIT: Duration = Duration::from_secs(60);
const ATTEMPTS: u32 = 5;
/// Some sources of credentials ask a browser or another program.
const CREDENTIALS_LIMIT: Duration = Duration::from_secs(60);

const NO_REGION: &str =
    "finding the AWS region: none is set; give --region, or set AWS_REGION, or `region` in the AWS profile";

/// Performs one of the administrator's commands.
pub fn perform(command: &Provision) -> Result<(), Failure> {
    // New passwords are in this process, and the administrator's own credentials.
    memory::keep_private();
    start::block_on(async {
        match command {
            Provision::Deploy(options) => deploy::perform(options).await,
            Provision::Users(options) => users::perform(options).await,
            Provision::List(options) => list::perform(options).await,
            Provision::Rotate(options) => rotate::perform(options).await,
            Provision::Remove(options) => remove::perform(options).await,
            Provision::Destroy(options) => destroy::perform(options).await,
            Provision::Dashboard(options) => dashboard::perform(options).await,
        }
    })
}

/// The SDK's settings for an administrator: the credentials are there, no call hangs, and what is throttled is tried again.
async fn connect(target: &Target) -> Result<SdkConfig, Failure> {
    let network = Network::default();
    let reach = Reach { region: target.region.as_deref(), profile: target.profile.as_deref(), network: &network };
    let sdk = aws::load(&reach, &Clock::default()).await.map_err(|error| match error {
        LoadError::NoRegion => Failure::new(super::CONFIG, format!("error: {NO_REGION}")),
        error => Failure::new(super::CONFIG, format!("error: {error}")),
    })?;
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_LIMIT).operation_timeout(CALL_LIMIT);
    let timeouts = match sdk.timeout_config().and_then(TimeoutConfig::connect_timeout) {
        Some(limit) => timeouts.connect_timeout(limit),
        None => timeouts,
    };
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
    // Kept for the command's few minutes: some sources take seconds, or ask a person.
    let cache = IdentityCache::lazy().load_timeout(CREDENTIALS_LIMIT).build();
    let builder = sdk.into_builder().timeout_config(timeouts.build()).retry_config(retries).identity_cache(cache);
    let sdk = builder.build();
    has_credentials(&sdk).await?;
    Ok(sdk)
}

/// Asks for credentials before anything else does: what the SDK says where there are none helps nobody.
async fn has_credentials(sdk: &SdkConfig) -> Result<(), Failure> {
    let missing = |cause: String| {
        let ways = "set AWS_PROFILE or --profile, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in with `aws sso login`";
        Failure::new(NOT_PERMITTED, format!("error: no AWS credentials to set up the fleet with: {cause}\n  {ways}"))
    };
    let Some(provider) = sdk.credentials_provider() else {
        return Err(missing("there is no source of them".to_owned()));
    };
    match tokio::time::timeout(CREDENTIALS_LIMIT, provider.provide_credentials()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(missing(format!("{:#}", anyhow::Error::from(error)))),
        Err(_) => Err(missing(format!("their source did not answer within {} s", CREDENTIALS_LIMIT.as_secs()))),
    }
}

/// Does `work`, unless it is interrupted: then what goes on without us is said.
async fn interruptible<T>(stack: &str, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut signals = start::signals()?.subscribe();
    tokio::select! {
        result = work => result,
        _ = signals.wait_for(|stop| *stop >= Stop::Soon) => Err(Failure::new(
            super::INTERRUPTED,
            format!("interrupted: what CloudFormation has begun with stack `{stack}` goes on\n  the same command again waits for it"),
        )),
    }
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
    print(&text)
}

/// What a device's config needs, one a line.
fn print_outputs(outputs: &Outputs) -> Result<(), Failure> {
    let named = serde_json::to_value(outputs).map_err(anyhow::Error::from)?;
    let mut lines = Vec::new();
    for (name, value) in named.as_object().into_iter().flatten() {
        let text = match value {
            serde_json::Value::Array(items) => {
                items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(", ")
            }
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        lines.push(format!("{name:<16}  {text}"));
    }
    print(&lines.join("\n"))
}

impl From<StackError> for Failure {
    fn from(error: StackError) -> Self {
        match error {
            StackError::Call(error) => error.into(),
            error @ StackError::Proposal { .. } => Self::new(UNAVAILABLE, format!("error: {error}")),
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let code = match error.kind {
            CallFailure::NotPermitted => NOT_PERMITTED,
            CallFailure::Unavailable | CallFailure::Refused => UNAVAILABLE,
        };
        Self::new(code, format!("error: {error}"))
    }
}

impl From<OutputsError> for Failure {
    fn from(error: OutputsError) -> Self {
        match error {
            OutputsError::Call(error) => error.into(),
            error => Self::new(UNAVAILABLE, format!("error: {error}")),
        }
    }
}
