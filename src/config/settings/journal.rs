//! The finished form of `journal` and `journald`.
//!
//! Pure.

use std::path::PathBuf;
use std::time::Duration;

use super::super::template::{Purpose, Template};
use super::{FilterConfig, GroupClass, MaskConfig, defaults};

/// One reading of the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalConfig {
    /// What the state knows the reading by.
    pub key: String,
    /// The log group.
    pub group: Template,
    /// The log stream.
    pub stream: Template,
    /// Days that the group keeps its records; none = left as it is.
    pub retention_days: Option<u16>,
    /// Only these units, by name or pattern; none = all.
    pub units: Vec<String>,
    /// Not these units.
    pub exclude_units: Vec<String>,
    /// Only these syslog identifiers; none = all.
    pub identifiers: Vec<String>,
    /// Only this priority and more urgent ones, or a range of them, as journalctl takes it.
    pub priority: Option<String>,
    /// Only entries for which one of these holds, each as journalctl takes them: values of one field are alternatives, different
    /// fields must all be so.
    pub matches: Vec<Vec<(String, String)>>,
    /// No entries for which all pairs of one of these hold.
    pub exclude_matches: Vec<Vec<(String, String)>>,
    /// Where it begins when it is read for the first time.
    pub since: Since,
    /// The journal's namespace.
    pub namespace: Option<String>,
    /// The folder of the journal's files.
    pub directory: Option<PathBuf>,
    /// What a record looks like.
    pub format: JournalFormat,
    /// macOS: which entries of the unified log; none = nothing is read.
    pub predicate: Option<String>,
    /// macOS: the least urgent entries.
    pub level: JournalLevel,
    /// As for files.
    pub include_patterns: Vec<String>,
    /// As for files.
    pub exclude_patterns: Vec<String>,
    /// As for files.
    pub filters: Vec<FilterConfig>,
    /// As for files.
    pub group_class: GroupClass,
    /// As for files.
    pub mask: Vec<MaskConfig>,
}

/// A longer time back is a mistake: CloudWatch takes nothing older than 14 days.
pub const LONGEST_SINCE: Duration = Duration::from_secs(14 * 86_400);

/// Where the journal begins when it is read for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// With what is written from now on.
    Now,
    /// With the current boot.
    Boot,
    /// So long ago.
    Ago(Duration),
}

/// The least urgent entries of the unified log that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalLevel {
    /// Default, error and fault.
    Default,
    /// Info, too.
    Info,
    /// Debug, too.
    Debug,
}

/// What a record of the journal looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalFormat {
    /// `host identifier[pid]: message`
    Text,
    /// An object of all fields.
    Json,
    /// The message alone.
    Message,
}

impl JournalConfig {
    /// A reading of the journal with every default.
    pub fn new(key: &str) -> Self {
        Self {
            key: key.to_string(),
            group: Template::known(defaults::GROUP, Purpose::Group),
            stream: Template::known(defaults::JOURNAL_STREAM, Purpose::Stream),
            retention_days: None,
            units: Vec::new(),
            exclude_units: Vec::new(),
            identifiers: Vec::new(),
            priority: None,
            matches: Vec::new(),
            exclude_matches: Vec::new(),
            since: Since::Now,
            namespace: None,
            directory: None,
            format: JournalFormat::Text,
            predicate: None,
            level: JournalLevel::Default,
            include_patterns: Vec::new(),
            exclude_patterns: Vec::new(),
            filters: Vec::new(),
            group_class: GroupClass::Standard,
            mask: Vec::new(),
        }
    }
}
