//! The finished form of the configuration: what the rest of the program reads.
//!
//! Nothing here knows JSON or serde. Every default is filled in by `validate` and by [`Config::built_in`], nowhere else.
//!
//! Pure.

mod journal;
mod logs;
mod metrics;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::template::{Purpose, Template};
pub use journal::{JournalConfig, JournalFormat, JournalLevel, LONGEST_SINCE, Since};
pub use logs::{
    Compression, FileEntryConfig, FilterConfig, GroupClass, InitialPosition, Logs, MaskConfig, MultiLineConfig,
    TimeConfig, ZoneConfig,
};
pub use metrics::{
    Collected, CollectorConfig, MeasurementConfig, Metrics, PluginConfig, ProcessesOf, Resources, StatsdConfig,
};

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file it was read from, absolute; none for the built-in one.
    pub origin: Option<PathBuf>,
    /// The files of its folder that were merged over it, as they are named beside it; in order.
    pub fragments: Vec<PathBuf>,
    /// The agent as a whole.
    pub agent: Agent,
    /// Log files.
    pub logs: Logs,
    /// Host metrics.
    pub metrics: Metrics,
}

/// The agent as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// What names this machine.
    pub instance: Instance,
    /// How to sign in; none = the standard AWS credential chain.
    pub sign_in: Option<SignIn>,
    /// The AWS region; none = the chain's.
    pub region: Option<String>,
    /// A role to assume with the credentials of the sign-in, for every section that names none of its own.
    pub role: Option<String>,
    /// How AWS is reached.
    pub network: Network,
    /// The first sign-in after a boot comes at a random moment of this span, so that a fleet does not come back as one.
    pub startup_spread: Duration,
    /// Time between two samplings of the host's metrics.
    pub metrics_interval: Duration,
    /// The longest a record waits for others to fill its batch.
    pub logs_interval: Duration,
    /// The own log's file where one is named.
    pub log_file: Option<PathBuf>,
    /// More in the own log.
    pub debug: bool,
    /// Warnings and errors only in the own log; `debug` wins.
    pub is_quiet: bool,
    /// The AWS SDK says in the own log what it does, not only what goes wrong.
    pub is_sdk_logged: bool,
    /// Who the configuration wants this program to run as.
    pub run_as_user: Option<String>,
    /// The host's name is none of the dimensions that metrics have by themselves.
    pub omits_hostname: bool,
    /// Where the state lies, where the configuration says so.
    pub state_directory: Option<PathBuf>,
    /// Metrics that could not be sent for this long are given up.
    pub metrics_buffer_age: Duration,
    /// Metrics that wait on disk take at most this.
    pub metrics_buffer_bytes: u64,
}

/// What the instance id is made of: `{prefix}-{serial}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its first part.
    pub prefix: String,
    /// Its second part; wins over `command`.
    pub serial: Option<String>,
    /// A shell command that prints the second part; none = `000000000000`.
    pub command: Option<String>,
}

/// How to sign in, where it is not the standard credential chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// As a user of a Cognito user pool; the user's name is the instance id.
    Cognito(Cognito),
    /// As a device of AWS IoT with an X.509 certificate.
    Iot(Iot),
}

/// A user of a Cognito user pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cognito {
    /// The AWS account, 12 digits.
    pub account_id: String,
    /// `{region}_{id}`.
    pub user_pool_id: String,
    /// `{region}:{uuid}`.
    pub identity_pool_id: String,
    /// The pool's public app client.
    pub app_client_id: String,
    /// Where the user's password is read, anew at each sign-in.
    pub password: PasswordSource,
    /// `USER_PASSWORD_AUTH` was asked for: the password itself is sent.
    pub sends_password: bool,
}

/// Where a password is read. It is never a part of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// `agent.authentication.password` in this configuration file.
    Config(PathBuf),
    /// The first line of a file.
    File(PathBuf),
    /// The systemd credential `cognito-password`, else the variable `CLOUDWATCH_PUBLISHER_PASSWORD`.
    Outside,
}

/// A device of AWS IoT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Iot {
    /// The credential provider's host, with a port where it is not 443.
    pub url: String,
    /// The role alias.
    pub role_alias: String,
    /// The thing's name.
    pub thing_name: String,
    /// The certificate in PEM.
    pub certificate: PathBuf,
    /// The private key, where it is not in the same file.
    pub key: Option<PathBuf>,
}

/// How AWS is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// The endpoint of every service, in place of AWS's own.
    pub endpoint: Option<String>,
    /// Whether the endpoints that speak IPv6 too are used.
    pub is_dual_stack: bool,
    /// PEM certificates that are trusted beside the system's.
    pub ca_bundle: Option<PathBuf>,
    /// The proxy for `http://`; none = the environment's.
    pub http_proxy: Option<String>,
    /// The proxy for `https://`; none = the environment's.
    pub https_proxy: Option<String>,
    /// Hosts that are reached without a proxy, as in the variable `NO_PROXY`; none = the environment's.
    pub no_proxy: Option<String>,
}

/// Text that is never shown, and wiped from memory when it is no longer needed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself: for the one who signs in.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a secret)")
    }
}

/// The predecessor's, where it had the key.
pub(super) mod defaults {
    use std::time::Duration;

    pub const PREFIX: &str = "sys";
    pub const METRICS_INTERVAL: Duration = Duration::from_secs(300);
    /// The CloudWatch Agent's, for files that name what is measured as its own do.
    pub const SECTIONS_INTERVAL: Duration = Duration::from_secs(60);
    pub const LOGS_INTERVAL: Duration = Duration::from_secs(10);
    pub const NAMESPACE: &str = "System/Default";
    pub const GROUP: &str = "/system/default/{instance_id}";
    pub const STREAM: &str = "{file_name}";
    pub const JOURNAL_STREAM: &str = "journal";
    pub const METRICS_FLUSH: Duration = Duration::from_secs(60);
    pub const METRICS_BUFFER_DAYS: u64 = 14;
    pub const METRICS_BUFFER_MB: u64 = 64;
    pub const PARTIAL_LINE_TIMEOUT: Duration = Duration::from_secs(30);
    /// One request a stream, eight streams side by side: at 100 ms a request that is 80 MB a second, far above any device.
    pub const CONCURRENCY: usize = 8;
    /// 10,000 systems that sign in within it make 67 UserAuthentication requests a second; 120 are allowed.
    pub const STARTUP_SPREAD: Duration = Duration::from_secs(300);
}

impl Config {
    /// The configuration of `local` without a file: this host's metrics every 5 s, and the logs it lets us read.
    pub fn built_in() -> Self {
        let folder = if cfg!(target_os = "macos") { "/private/var/log" } else { "/var/log" };
        let entries =
            ["*.log", "*/*.log", "syslog", "messages"].map(|name| FileEntryConfig::new(&format!("{folder}/{name}")));
        Self {
            origin: None,
            fragments: Vec::new(),
            agent: Agent {
                instance: Instance {
                    prefix: defaults::PREFIX.to_string(),
                    serial: Some("local".to_string()),
                    command: None,
                },
                sign_in: None,
                region: None,
                role: None,
                network: Network::default(),
                startup_spread: Duration::ZERO,
                metrics_interval: Duration::from_secs(5),
                logs_interval: Duration::from_secs(2),
                log_file: None,
                debug: false,
                is_quiet: false,
                is_sdk_logged: false,
                run_as_user: None,
                omits_hostname: false,
                state_directory: None,
                metrics_buffer_age: Duration::from_secs(defaults::METRICS_BUFFER_DAYS * 86_400),
                metrics_buffer_bytes: defaults::METRICS_BUFFER_MB * 1_048_576,
            },
            logs: Logs {
                entries: entries.into(),
                journals: Vec::new(),
                endpoint: None,
                role: None,
                concurrency: defaults::CONCURRENCY,
                compression: Compression::Gzip,
            },
            metrics: Metrics {
                namespace: Template::known(defaults::NAMESPACE, Purpose::Namespace),
                flush_interval: Duration::from_secs(5),
                role: None,
                endpoint: None,
                collected: Collected::Standard,
                append_dimensions: None,
                aggregation_dimensions: Vec::new(),
            },
        }
    }
}
