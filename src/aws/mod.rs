//! Sets up the AWS SDK: where AWS is, how it is reached, who says who we are.
//!
//! The SDK's own retries are off: a body that is sent again is built again, with times by the clock as it is known then
//! (delivery, root cause 6), and back-off belongs to the endpoint as a whole. The clock that signs is ours, corrected by
//! the `Date` of every answer. The SDK keeps no credentials either: whoever signs in does, and knows when to renew them.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use aws_config::identity::IdentityCache;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::TimeSource;
use aws_smithy_types::retry::RetryConfig;

use crate::clock::Clock;
use crate::config::Network;
use crate::record::Wall;

mod http;
mod proxy;
mod reaction;
mod requests;
mod route;
mod trust;
mod tunnel;
mod untrusted;

pub use reaction::{reaction, words};
pub use requests::{LearnTime, ReadyBody, SameTime, time_limit, within};
pub use route::Route;
pub use tunnel::Stream;
pub use untrusted::{tls_cause, untrusted};

/// How long a connection may take to stand, its proxy and TLS included.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Where AWS is and how it is reached.
#[derive(Clone, Copy, Debug)]
pub struct Reach<'a> {
    /// The region; none = the environment's, else the profile's.
    pub region: Option<&'a str>,
    /// The profile of the AWS configuration files, and nothing but it; none = the chain, with `AWS_PROFILE`, else `default`.
    pub profile: Option<&'a str>,
    /// Proxy, trust, endpoint.
    pub network: &'a Network,
}

/// Why the SDK could not be set up. Each is for a person to mend.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No region is known.
    #[error(
        "finding the AWS region: none is set; set `agent.region` in the configuration, the variable AWS_REGION, or \
         `region` in the AWS profile"
    )]
    NoRegion,
    /// The certificates to trust cannot be had.
    #[error("reading the CA certificates of {origin}: {path}: {reason}")]
    CaBundle {
        /// The key or the variable that names the file.
        origin: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The proxy's URL is wrong. Its password is not in here.
    #[error(
        "setting up the proxy of {origin}: `{shown}` {reason}; right is, for example, `http://proxy.example.com:3128`"
    )]
    Proxy {
        /// The key or the variable that names it.
        origin: &'static str,
        /// The URL without user and password.
        shown: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The SDK's settings for all clients, with the standard chain as the source of credentials, asked anew at each call.
///
/// # Errors
/// When neither `reach` nor the chain names a region, and when the proxy or the certificates to trust are wrong.
pub async fn load(reach: &Reach<'_>, clock: &Clock) -> Result<SdkConfig, LoadError> {
    let route = Route::of(reach.network)?;
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_LIMIT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .time_source(SigningTime(clock.clone()))
        .disable_clock_skew_correction(true)
        .identity_cache(IdentityCache::no_cache())
        .http_client(route.http_client());
    if let Some(region) = reach.region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    if let Some(profile) = reach.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &reach.network.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if reach.network.is_dual_stack {
        loader = loader.use_dual_stack(true);
    }
    let sdk = loader.load().await;
    if sdk.region().is_none() {
        return Err(LoadError::NoRegion);
    }
    Ok(match reach.profile {
        None => sdk,
        Some(profile) => with_credentials(&sdk, of_profile(&sdk, profile)),
    })
}

/// The credentials of a profile that was named on purpose: what lies in the environment does not come before them, as it does
/// in the chain, and where it has none or is not there, that is an error.
fn of_profile(sdk: &SdkConfig, profile: &str) -> SharedCredentialsProvider {
    let provider = ProfileFileCredentialsProvider::builder().configure(&settings_of(sdk)).profile_name(profile).build();
    SharedCredentialsProvider::new(provider)
}

/// The settings for what asks for credentials: our way to AWS and our clock. The retries are the session's.
pub fn settings_of(sdk: &SdkConfig) -> ProviderConfig {
    let mut settings = ProviderConfig::without_region()
        .with_region(sdk.region().cloned())
        .with_use_dual_stack(sdk.use_dual_stack())
        .with_use_fips(sdk.use_fips())
        .with_behavior_version(sdk.behavior_version())
        .with_retry_config(RetryConfig::disabled());
    if let Some(client) = sdk.http_client() {
        settings = settings.with_http_client(client);
    }
    if let Some(time) = sdk.time_source() {
        settings = settings.with_time_source(time);
    }
    if let Some(limits) = sdk.timeout_config() {
        settings = settings.with_timeout_config(limits.clone());
    }
    settings
}

/// The same settings with other credentials, and no cache of them in the SDK.
pub fn with_credentials(sdk: &SdkConfig, provider: SharedCredentialsProvider) -> SdkConfig {
    sdk.to_builder().credentials_provider(provider).identity_cache(IdentityCache::no_cache()).build()
}

/// The config's region wins; that the environment or the profile names another one is worth a word.
pub async fn warn_of_another_region(reach: &Reach<'_>) {
    let Some(region) = reach.region else { return };
    let environment = aws_config::environment::region::EnvironmentVariableRegionProvider::new();
    let mut profile = aws_config::profile::region::Builder::default();
    if let Some(name) = reach.profile {
        profile = profile.profile_name(name);
    }
    let other = match environment.region().await {
        Some(other) => Some(other),
        None => profile.build().region().await,
    };
    if let Some(other) = other.filter(|other| other.as_ref() != region) {
        log::warn!(region, other:% = other; "agent.region differs from the AWS environment or profile: agent.region is used");
    }
}

#[derive(Debug)]
struct SigningTime(Clock);

impl TimeSource for SigningTime {
    fn now(&self) -> SystemTime {
        system_time(self.0.wall())
    }
}

fn system_time(wall: Wall) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(wall.0).unwrap_or_default())
}
