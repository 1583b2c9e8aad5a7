//! The shape of the JSON: every key of `docs/configuration.md`, with the sentence it has there.
//!
//! Only the shape knows serde. A field that is wrong or absent is empty; defaults stand in `settings`. Keys that only the
//! CloudWatch Agent has stand in `foreign`.
//!
//! Pure.
mod logs;
mod metrics;

use super::key::{Key, OneOrMany};
use super::settings::Secret;
use serde::Deserialize;

pub use logs::*;
pub use metrics::*;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(default)]
pub struct File {
    /// The agent as a whole.
    pub agent: Key<Agent>,
    /// Logs and where they go.
    pub logs: Key<Logs>,
    /// Metrics of this machine.
    pub metrics: Key<Metrics>,
}

/// The agent as a whole.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(default)]
pub struct Agent {
    /// What names this machine.
    pub instance: Key<Instance>,
    /// How to sign in; absent = the standard AWS credential chain.
    pub authentication: Key<Authentication>,
    /// The AWS region. Required with `authentication`; where given, it wins over the chain's.
    pub region: Key<String>,
    /// Seconds between two samplings of the host's metrics.
    pub metrics_collection_interval: Key<i64>,
    /// The longest, in seconds, that a record waits for others to fill its batch.
    pub logs_collection_interval: Key<i64>,
    /// The own log's file; rotated at 100 MiB, 5 backups.
    pub logfile: Key<String>,
    /// More in the own log.
    pub debug: Key<bool>,
    /// The folder of the state: positions, and metrics that wait.
    pub state_directory: Key<String>,
    /// The endpoint of every service, in place of AWS's own.
    pub endpoint_override: Key<String>,
    /// Days after which metrics that could not be sent are given up.
    pub metrics_buffer_days: Key<i64>,
    /// MiB on disk that waiting metrics take at the most.
    pub metrics_buffer_mb: Key<i64>,
    /// Leaves the dimension `Hostname` out.
    pub omit_hostname: Key<bool>,
    /// A role that is assumed with the credentials of the chain.
    pub credentials: Key<Credentials>,
    /// The user to run as: the service manager's business.
    pub run_as_user: Key<String>,
    /// The first sign-in after a boot comes at a random moment of so many seconds, so that a fleet does not come back as one.
    pub startup_spread: Key<i64>,
    /// Uses the endpoints that speak IPv6 too.
    pub use_dualstack_endpoint: Key<bool>,
    /// A file of CA certificates to trust.
    pub ca_bundle: Key<String>,
    /// The proxy for `http://`; empty for none, whatever the environment says.
    pub http_proxy: Key<String>,
    /// The proxy for `https://`; empty for none, whatever the environment says.
    pub https_proxy: Key<String>,
    /// Hosts that are reached without a proxy.
    pub no_proxy: Key<String>,
    /// What the AWS SDK writes into the own log.
    pub aws_sdk_log_level: Key<String>,
    /// Less in the own log.
    pub quiet: Key<bool>,
}

/// What the instance id is made of: `{prefix}-{serial}`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(default)]
pub struct Instance {
    /// The first part of the instance id.
    pub prefix: Key<String>,
    /// The second part, verbatim; wins over `command`.
    pub serial: Key<String>,
    /// A shell command whose output, trimmed and lower-cased, is the second part.
    pub command: Key<String>,
}

/// A Cognito user or an IoT device.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(default, rename_all = "camelCase")]
pub struct Authentication {
    /// Cognito: the AWS account, 12 digits.
    pub account_id: Key<String>,
    /// Cognito: the user pool.
    pub user_pool_id: Key<String>,
    /// Cognito: the identity pool.
    pub identity_pool_id: Key<String>,
    /// Cognito: the user pool's app client.
    pub app_client_id: Key<String>,
    /// Cognito: the password of the user, whose name is the instance id.
    pub password: Key<Secret>,
    /// Cognito: a file that holds the password, instead of `password`.
    #[serde(rename = "password_file")]
    pub password_file: Key<String>,
    /// Cognito: how the password is proved.
    pub auth_flow: Key<AuthFlow>,
    /// IoT: the credential provider's endpoint.
    pub iot_url: Key<String>,
    /// IoT: the role alias.
    pub role_alias: Key<String>,
    /// IoT: the thing's name.
    pub thing_name: Key<String>,
    /// IoT: the certificate's path, or a list of the certificate's and the key's.
    pub certificate: Key<OneOrMany>,
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// How the password is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum AuthFlow {
    /// By SRP: it never leaves the device.
    #[serde(rename = "USER_SRP_AUTH")]
    Srp,
    /// By sending it.
    #[serde(rename = "USER_PASSWORD_AUTH")]
    Password,
}

/// A role to assume.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(default)]
pub struct Credentials {
    /// The role's ARN.
    pub role_arn: Key<String>,
}
