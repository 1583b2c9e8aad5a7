//! The shape of the section `logs`.
//!
//! Pure.

use super::Credentials;
use crate::config::key::{Key, List, Match, TextOrNumber, Texts};
use serde::Deserialize;

/// Logs and where they go.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GroupClass {
    /// Everything.
    Standard,
    /// Cheaper, with less.
    InfrequentAccess,
}

/// What becomes of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Compressed.
    Gzip,
    /// As it is.
    None,
}

/// A built-in rule by name, or a pattern and what stands in place of what it finds.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
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
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
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
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(default)]
pub struct Files {
    /// What is followed.
    pub collect_list: List<FileEntry>,
}

/// A pattern of files and what is done with their records.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
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
    /// A regular expression that finds the first line of a record of several lines, or `{timestamp_format}`: a line with a time.
    pub multi_line_start_pattern: Key<String>,
    /// How the time stands in a record: directives as `%Y-%m-%d %H:%M:%S`, or `auto`; without it records carry the time of reading.
    pub timestamp_format: Key<String>,
    /// The zone of times that name none: `Local`, `UTC` or a name such as `Europe/Berlin`.
    pub timezone: Key<String>,
    /// Leaves the time out of the record.
    pub trim_timestamp: Key<bool>,
    /// The files' encoding, by a label of the WHATWG; a byte order mark knows better.
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum InitialPosition {
    /// At the beginning.
    Beginning,
    /// At the end.
    End,
}

/// The CloudWatch Agent's filter.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FilterKind {
    /// Keeps it.
    Include,
    /// Leaves it out.
    Exclude,
}

/// The journal. `true` stands for `{"collect": true}`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
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
    pub priority: Key<TextOrNumber>,
    /// Only entries with these fields.
    pub matches: List<Match>,
    /// Not entries with these fields.
    pub exclude_matches: List<Match>,
    /// Where to begin: `now`, `boot` or a duration.
    pub since: Key<String>,
    /// The journal's namespace.
    pub namespace: Key<String>,
    /// The journal's folder.
    pub directory: Key<String>,
    /// `text`, `json` or `message`.
    pub format: Key<JournalFormat>,
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
    /// The class of the group, where it is made.
    pub log_group_class: Key<GroupClass>,
    /// What must not leave the device.
    pub mask: List<MaskRule>,
    /// macOS: what to read of the unified log.
    pub predicate: Key<String>,
    /// macOS: the least level.
    pub level: Key<JournalLevel>,
}

/// What a record of the journal looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum JournalFormat {
    /// A line with host, program and process id.
    Text,
    /// An object of all fields.
    Json,
    /// The message alone.
    Message,
}

/// The journal in the CloudWatch Agent's form.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(default)]
pub struct Journald {
    /// Several readings of the journal.
    pub collect_list: List<JournaldEntry>,
}

/// One reading of the journal.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
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

/// The least level of the unified log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum JournalLevel {
    /// Default, error and fault.
    Default,
    /// Info, too.
    Info,
    /// Debug, too.
    Debug,
}
