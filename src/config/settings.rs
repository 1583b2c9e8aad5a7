//! The finished form of the configuration: what the rest of the program reads.
//!
//! Nothing here knows JSON or serde. Every default is filled in by `validate` and by [`Config::built_in`], nowhere else.
//!
//! Pure.

mod journal;
mod metrics;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::template::{Purpose, Template};
use crate::delivery::encoding::Encoding;
pub use journal::{JournalConfig, JournalFormat, JournalLevel, LONGEST_SINCE, Since};
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

/// Log files and where their records go.
#[derive(Clone, Debug, PartialEq)]
pub struct Logs {
    /// What is followed, in the order of the file.
    pub entries: Vec<FileEntryConfig>,
    /// What is read of the journal.
    pub journals: Vec<JournalConfig>,
    /// Where the requests go, where it is not AWS's own endpoint of the region.
    pub endpoint: Option<String>,
    /// How many requests are under way at once at the most (one a stream).
    pub concurrency: usize,
    /// A role to assume for logs, in place of the agent's.
    pub role: Option<String>,
    /// What becomes of a request's body.
    pub compression: Compression,
}

/// What becomes of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// It is compressed.
    Gzip,
    /// It is sent as it is.
    None,
}

/// One entry of `collect_list`: a pattern of files, and what is done with their records.
#[derive(Clone, Debug, PartialEq)]
pub struct FileEntryConfig {
    /// What the state knows the entry by: its pattern, with a number where several entries have the same.
    pub key: String,
    /// An absolute path or glob.
    pub pattern: String,
    /// The log group.
    pub group: Template,
    /// The log stream; resolved for each file.
    pub stream: Template,
    /// Days that the group keeps its records; none = left as it is.
    pub retention_days: Option<u16>,
    /// The class of the group where it is made.
    pub group_class: GroupClass,
    /// Where reading begins in a file that is there at the very first start.
    pub initial_position: InitialPosition,
    /// How long after its rotation a file's last line without a newline is waited for.
    pub partial_line_timeout: Duration,
    /// Files whose base name this finds are left out. Checked.
    pub blacklist: Option<String>,
    /// Where there are any, only a record in which one of them is found is sent. Checked.
    pub include_patterns: Vec<String>,
    /// A record in which one of them is found is not sent; wins over `include_patterns`. Checked.
    pub exclude_patterns: Vec<String>,
    /// The CloudWatch Agent's filters: each must agree. Checked.
    pub filters: Vec<FilterConfig>,
    /// Where a record begins that has several lines; none = a line is a record.
    pub multi_line: Option<MultiLineConfig>,
    /// How the time stands in a record; none = records carry the time at which they were read.
    pub time: Option<TimeConfig>,
    /// How the file's bytes become text, where no byte order mark says it.
    pub encoding: Encoding,
    /// What must not leave the device.
    pub mask: Vec<MaskConfig>,
    /// Only the newest match is followed.
    pub is_newest_only: bool,
    /// A rotated file is deleted once every byte of it is acknowledged.
    pub is_removed: bool,
}

/// The class of a log group, fixed when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupClass {
    /// Everything.
    Standard,
    /// Cheaper, with less.
    InfrequentAccess,
}

impl GroupClass {
    /// CloudWatch's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::InfrequentAccess => "INFREQUENT_ACCESS",
        }
    }
}

/// Where a record of several lines begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MultiLineConfig {
    /// In a line in which this regular expression is found. Checked.
    Pattern(String),
    /// In a line in which the time is found.
    Time,
}

/// How the time stands in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeConfig {
    /// Directives of strftime, or `auto`. Checked.
    pub format: String,
    /// The zone of times that name none.
    pub zone: ZoneConfig,
    /// The time is left out of the record.
    pub is_trimmed: bool,
}

/// The zone of times that name none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneConfig {
    /// This machine's.
    Local,
    /// UTC.
    Utc,
    /// The one that the system's time zone database has under this name. Checked.
    Named(String),
}

/// A rule of what must not leave the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskConfig {
    /// A built-in one, by its name. Checked.
    BuiltIn(String),
    /// What a regular expression finds, and what stands in its place. Checked.
    Pattern {
        /// The regular expression.
        pattern: String,
        /// What stands in place of what it finds.
        replace: String,
    },
}

/// A filter of the CloudWatch Agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterConfig {
    /// What it finds is left out; else what it does not find.
    pub is_exclude: bool,
    /// A regular expression.
    pub expression: String,
}

/// Where reading begins in a file that is there at the very first start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialPosition {
    /// At its beginning.
    Beginning,
    /// At its end.
    End,
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

impl FileEntryConfig {
    /// An entry for a pattern with every default.
    pub(super) fn new(pattern: &str) -> Self {
        Self {
            key: pattern.to_string(),
            pattern: pattern.to_string(),
            group: Template::known(defaults::GROUP, Purpose::Group),
            stream: Template::known(defaults::STREAM, Purpose::Stream),
            retention_days: None,
            group_class: GroupClass::Standard,
            initial_position: InitialPosition::End,
            partial_line_timeout: defaults::PARTIAL_LINE_TIMEOUT,
            blacklist: None,
            include_patterns: Vec::new(),
            exclude_patterns: Vec::new(),
            filters: Vec::new(),
            multi_line: None,
            time: None,
            encoding: Encoding::UTF_8,
            mask: Vec::new(),
            is_newest_only: false,
            is_removed: false,
        }
    }
}
