//! The shape of the JSON: every key of `docs/configuration.md`, with the sentence it has there.
//!
//! Only the shape knows serde. A field that is wrong or absent is empty; defaults stand in `settings`. Keys that only the
//! CloudWatch Agent has stand in `unbuilt`.
//!
//! Pure.

use serde::Deserialize;

use super::key::{Anything, Key, List, OneOrMany, Texts};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
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
    /// Uses the endpoints that speak IPv6 too.
    pub use_dualstack_endpoint: Key<bool>,
    /// A file of CA certificates to trust.
    pub ca_bundle: Key<String>,
    /// The proxy for `http://`.
    pub http_proxy: Key<String>,
    /// The proxy for `https://`.
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
    pub password: Key<String>,
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

/// How the password is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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
#[serde(default)]
pub struct Credentials {
    /// The role's ARN.
    pub role_arn: Key<String>,
}

/// Logs and where they go.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Logs {
    /// The log group of every entry that names none.
    pub log_group_name: Key<String>,
    /// The log stream of every entry that names none.
    pub log_stream_name: Key<String>,
    /// Days that the groups keep their records.
    pub retention_in_days: Key<i64>,
    /// `STANDARD` or `INFREQUENT_ACCESS`: the class of groups that are made.
    pub log_group_class: Key<GroupClass>,
    /// The longest, in seconds, that a record waits for others to fill its batch: wins over `agent.logs_collection_interval`.
    pub force_flush_interval: Key<i64>,
    /// The endpoint of CloudWatch Logs, in place of AWS's own.
    pub endpoint_override: Key<String>,
    /// A role that is assumed for logs.
    pub credentials: Key<Credentials>,
    /// How many requests are under way at once at the most.
    pub concurrency: Key<i64>,
    /// What becomes of a request's body: `gzip` or `none`.
    pub compression: Key<Compression>,
    /// What must not leave the device.
    pub mask: List<MaskRule>,
    /// Where records come from.
    pub logs_collected: Key<LogsCollected>,
}

/// The class of a log group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GroupClass {
    /// Everything.
    Standard,
    /// Cheaper, with less.
    InfrequentAccess,
}

/// What becomes of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Compressed.
    Gzip,
    /// As it is.
    None,
}

/// A built-in rule by name, or a pattern and what stands in place of what it finds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MaskRule {
    /// A built-in rule.
    pub name: Key<String>,
    /// A regular expression.
    pub pattern: Key<String>,
    /// What stands in its place.
    pub replace: Key<String>,
}

/// Where records come from.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LogsCollected {
    /// Log files.
    pub files: Key<Files>,
    /// The journal of systemd; on macOS the unified log.
    pub journal: Key<Journal>,
    /// The journal in the CloudWatch Agent's form.
    pub journald: Key<Journald>,
}

/// Log files.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Files {
    /// What is followed.
    pub collect_list: List<FileEntry>,
}

/// A pattern of files and what is done with their records.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FileEntry {
    /// A path or a glob; every match is followed.
    pub file_path: Key<String>,
    /// The log group.
    pub log_group_name: Key<String>,
    /// The log stream.
    pub log_stream_name: Key<String>,
    /// Days that the group keeps its records.
    pub retention_in_days: Key<i64>,
    /// The class of the group, where it is made.
    pub log_group_class: Key<GroupClass>,
    /// Where reading begins in files that are there at the very first start: `end` or `beginning`.
    pub initial_position: Key<InitialPosition>,
    /// Seconds after a file was rotated away until its last line is sent although no newline ends it.
    pub partial_line_timeout: Key<i64>,
    /// Where there are any, only records in which one of these regular expressions is found are sent.
    pub include_patterns: List<String>,
    /// Records in which one of these regular expressions is found are not sent.
    pub exclude_patterns: List<String>,
    /// The CloudWatch Agent's form of the two lists above.
    pub filters: List<Filter>,
    /// A regular expression that finds the first line of a record.
    pub multi_line_start_pattern: Key<String>,
    /// How the time stands in a record.
    pub timestamp_format: Key<String>,
    /// The zone of times without one.
    pub timezone: Key<Timezone>,
    /// Leaves the time out of the record.
    pub trim_timestamp: Key<bool>,
    /// The file's encoding.
    pub encoding: Key<String>,
    /// A regular expression: files whose base name it finds are left out.
    pub blacklist: Key<String>,
    /// `false` = only the newest match is followed.
    pub publish_multi_logs: Key<bool>,
    /// Deletes a rotated file once all of it is acknowledged.
    pub auto_removal: Key<bool>,
    /// What must not leave the device.
    pub mask: List<MaskRule>,
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InitialPosition {
    /// At the beginning.
    Beginning,
    /// At the end.
    End,
}

/// The zone of times without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Timezone {
    /// This machine's.
    Local,
    /// This machine's: the CloudWatch Agent's other spelling.
    #[serde(rename = "LOCAL")]
    AlsoLocal,
    /// UTC.
    #[serde(rename = "UTC")]
    Utc,
}

/// The CloudWatch Agent's filter.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// `include` or `exclude`.
    #[serde(rename = "type")]
    pub kind: Key<FilterKind>,
    /// A regular expression.
    pub expression: Key<String>,
}

/// What a filter does with what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FilterKind {
    /// Keeps it.
    Include,
    /// Leaves it out.
    Exclude,
}

/// The journal. `true` stands for `{"collect": true}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Journal {
    /// Whether it is read.
    pub collect: Key<bool>,
    /// Only these units.
    pub units: List<String>,
    /// Not these units.
    pub exclude_units: List<String>,
    /// Only these syslog identifiers.
    pub identifiers: List<String>,
    /// Only this priority and more urgent ones.
    pub priority: Key<Anything>,
    /// Only entries with these fields.
    pub matches: List<Anything>,
    /// Not entries with these fields.
    pub exclude_matches: List<Anything>,
    /// Where to begin: `now`, `boot` or a duration.
    pub since: Key<String>,
    /// The journal's namespace.
    pub namespace: Key<String>,
    /// The journal's folder.
    pub directory: Key<String>,
    /// `text`, `json` or `message`.
    pub format: Key<String>,
    /// As for files.
    pub include_patterns: List<String>,
    /// As for files.
    pub exclude_patterns: List<String>,
    /// As for files.
    pub filters: List<Filter>,
    /// The log group.
    pub log_group_name: Key<String>,
    /// The log stream.
    pub log_stream_name: Key<String>,
    /// Days that the group keeps its records.
    pub retention_in_days: Key<i64>,
    /// What must not leave the device.
    pub mask: List<MaskRule>,
    /// macOS: what to read of the unified log.
    pub predicate: Key<String>,
    /// macOS: the least level.
    pub level: Key<String>,
}

/// The journal in the CloudWatch Agent's form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Journald {
    /// Several readings of the journal.
    pub collect_list: List<JournaldEntry>,
}

/// One reading of the journal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct JournaldEntry {
    /// Only these units.
    pub units: List<String>,
    /// Only this priority and more urgent ones.
    pub priority: Key<String>,
    /// Only entries with these fields.
    pub matches: List<Texts>,
    /// As for files.
    pub filters: List<Filter>,
    /// The log group.
    pub log_group_name: Key<String>,
    /// The log stream.
    pub log_stream_name: Key<String>,
    /// Days that the group keeps its records.
    pub retention_in_days: Key<i64>,
    /// The class of the group, where it is made.
    pub log_group_class: Key<GroupClass>,
}

/// Metrics of this machine.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// The CloudWatch namespace.
    pub namespace: Key<String>,
    /// The longest, in seconds, that a sample waits for others to fill its request.
    pub force_flush_interval: Key<i64>,
    /// The endpoint of CloudWatch, in place of AWS's own.
    pub endpoint_override: Key<String>,
    /// A role that is assumed for metrics.
    pub credentials: Key<Credentials>,
    /// Dimensions of one's own on every metric.
    pub append_dimensions: Texts,
    /// Dimensions over which metrics are summed up.
    pub aggregation_dimensions: List<Vec<String>>,
    /// What is measured; absent = the 13 metrics of the predecessor.
    pub metrics_collected: Key<MetricsCollected>,
}

/// What is measured.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MetricsCollected {
    /// Processors.
    pub cpu: Key<Collector>,
    /// File systems.
    pub disk: Key<Collector>,
    /// Disks.
    pub diskio: Key<Collector>,
    /// Memory.
    pub mem: Key<Collector>,
    /// Network interfaces.
    pub net: Key<Collector>,
    /// Connections.
    pub netstat: Key<Collector>,
    /// Swap space.
    pub swap: Key<Collector>,
    /// Processes as a whole.
    pub processes: Key<Collector>,
    /// Single processes.
    pub procstat: List<Procstat>,
    /// Metrics that programs of this machine send by StatsD.
    pub statsd: Key<Statsd>,
    /// Load over 1, 5 and 15 minutes.
    pub load: Key<Anything>,
    /// Time since the start.
    pub uptime: Key<Anything>,
    /// Every temperature sensor.
    pub temperature: Key<Anything>,
    /// Raspberry Pi: under-voltage and throttling.
    pub throttled: Key<Anything>,
    /// The agent itself.
    #[serde(rename = "self")]
    pub itself: Key<Anything>,
    /// A 1 at each interval.
    pub heartbeat: Key<Anything>,
}

/// One subject's metrics.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Collector {
    /// Which metrics.
    pub measurement: List<Measurement>,
    /// Which devices; `*` = all.
    pub resources: List<String>,
    /// All processors together.
    pub totalcpu: Key<bool>,
    /// File systems that are left out.
    pub ignore_file_system_types: List<String>,
    /// Leaves the device out of the dimensions.
    pub drop_device: Key<bool>,
    /// Dimensions of one's own.
    pub append_dimensions: Texts,
    /// Metrics of which only the sum is sent.
    pub drop_original_metrics: List<String>,
    /// Seconds between two samplings.
    pub metrics_collection_interval: Key<i64>,
}

/// A metric: its name, or an object. A text stands for its name.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Measurement {
    /// Its name.
    pub name: Key<String>,
    /// The name it is sent under.
    pub rename: Key<String>,
    /// Its unit.
    pub unit: Key<String>,
}

/// Processes that are measured one by one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Procstat {
    /// A file that holds the process id.
    pub pid_file: Key<String>,
    /// A regular expression for the program's name.
    pub exe: Key<String>,
    /// A regular expression for the whole command line.
    pub pattern: Key<String>,
    /// Which metrics.
    pub measurement: List<Measurement>,
    /// Dimensions of one's own.
    pub append_dimensions: Texts,
    /// Metrics of which only the sum is sent.
    pub drop_original_metrics: List<String>,
    /// Seconds between two samplings.
    pub metrics_collection_interval: Key<i64>,
}

/// StatsD.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Statsd {
    /// Where it listens.
    pub service_address: Key<String>,
    /// Messages that may wait.
    pub allowed_pending_messages: Key<i64>,
    /// What joins the parts of a name.
    pub metric_separator: Key<String>,
    /// Seconds between two samplings.
    pub metrics_collection_interval: Key<i64>,
    /// Seconds over which values are summed up.
    pub metrics_aggregation_interval: Key<i64>,
    /// Metrics of which only the sum is sent.
    pub drop_original_metrics: List<String>,
}
