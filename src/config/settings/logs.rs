//! The finished form of `logs`: log files, and what is done with their records.
//!
//! Pure.

use std::time::Duration;

use super::super::template::{Purpose, Template};
use super::{JournalConfig, defaults};
use crate::delivery::encoding::Encoding;

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

impl FileEntryConfig {
    /// An entry for a pattern with every default.
    pub(crate) fn new(pattern: &str) -> Self {
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
