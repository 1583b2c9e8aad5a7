//! What `check` found, as `--json` prints it: the names of its fields are a promise (`docs/configuration.md`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::cost::{Estimate, Prices};
use super::permissions::Rights;
use crate::config::Problem;

/// The version of the form.
pub const FORMAT: u32 = 1;

/// All of it. What cannot be known because the configuration is wrong is empty.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The version of this form: it changes where a field goes or gets another meaning.
    pub format: u32,
    /// Whether `run` would start.
    pub ok: bool,
    /// The main file.
    pub configuration: PathBuf,
    /// What is merged over it, in order.
    pub merged: Vec<PathBuf>,
    /// What is wrong.
    pub problems: Vec<Told>,
    /// What is not as one may think.
    pub warnings: Vec<Told>,
    /// What the settings came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
    /// The files that are followed as things are now.
    pub files: Vec<Followed>,
    /// Files and folders that cannot be read.
    pub unreadable: Vec<Unreadable>,
    /// The readings of the journal.
    pub journals: Vec<Journal>,
    /// The metrics that are published.
    pub metrics: Vec<Metric>,
    /// The sections of metrics that have nothing to measure here: they are among the warnings.
    #[serde(skip)]
    pub silent: Vec<&'static str>,
    /// Where StatsD is listened for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statsd: Option<String>,
    /// What a month costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// What AWS says, with `--aws`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<Rights>,
    /// Why AWS was not asked, with `--aws`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_error: Option<String>,
}

/// A problem or a warning.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The file; none where it is about none.
    pub file: Option<PathBuf>,
    /// From 1; none where it is about a file as a whole.
    pub line: Option<usize>,
    /// Characters from 1.
    pub column: Option<usize>,
    /// The key, such as `logs.retention_in_days`; none where it is about none.
    pub path: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What would be right; empty where the message says it all.
    pub hint: String,
}

impl Told {
    /// A problem in the configuration at `main`.
    pub fn new(problem: &Problem, main: &std::path::Path) -> Self {
        let file = problem.file.as_ref().map(|name| main.with_file_name(name));
        let is_in_main = file.is_none() && problem.place.is_some();
        Self {
            file: file.or_else(|| is_in_main.then(|| main.to_path_buf())),
            line: problem.place.map(|place| place.line),
            column: problem.place.map(|place| place.column),
            path: key_of(problem),
            message: problem.message.clone(),
            hint: problem.hint.clone(),
        }
    }

    /// Something that is about no place in a file.
    pub fn general(message: impl Into<String>) -> Self {
        let (file, line, column, path) = (None, None, None, None);
        Self { file, line, column, path, message: message.into(), hint: String::new() }
    }
}

/// The key that a message begins with: those about one do.
fn key_of(problem: &Problem) -> Option<String> {
    problem.place?;
    let path: String = problem
        .message
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '$'))
        .collect();
    let is_key = path.contains('.') || ["agent", "logs", "metrics"].contains(&path.as_str());
    is_key.then_some(path)
}

/// The settings in brief.
#[derive(Debug, Serialize)]
pub struct Settings {
    /// What names this machine.
    pub instance_id: String,
    /// Its host name.
    pub host_name: String,
    /// The region, of the configuration or the credential chain; none where neither names one.
    pub region: Option<String>,
    /// `chain`, `cognito` or `iot`.
    pub credentials: &'static str,
    /// The namespace of metrics.
    pub namespace: String,
    /// The state's folder, where the configuration names it.
    pub state_directory: Option<PathBuf>,
    /// Seconds between two samplings, unless a section has its own.
    pub metrics_collection_interval: u64,
    /// The longest, in seconds, that a sample waits.
    pub metrics_flush_interval: u64,
    /// The longest, in seconds, that a record waits.
    pub logs_collection_interval: u64,
}

/// A file that is followed.
#[derive(Debug, Serialize)]
pub struct Followed {
    /// The index of its entry.
    #[serde(skip)]
    pub entry: usize,
    /// Where it is.
    pub path: PathBuf,
    /// The log group; what is not known in its name stands there as it is written.
    pub group: String,
    /// The log stream.
    pub stream: String,
    /// The stream that it would have had, if another file had not had that first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// The byte at which a first start begins.
    pub from: u64,
    /// Its size.
    pub bytes: u64,
    /// Bytes a day that it grows by, as measured now.
    pub bytes_a_day: f64,
    /// Whether it is known since when it was written; otherwise only what came while `check` ran counts.
    pub is_begin_known: bool,
    /// Days that the group is told to keep records; none: it is left as it is.
    pub retention_days: Option<u16>,
    /// Whether the group is made as INFREQUENT_ACCESS.
    pub is_infrequent: bool,
}

/// What cannot be read.
#[derive(Debug, Serialize)]
pub struct Unreadable {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// A reading of the journal.
#[derive(Debug, Serialize)]
pub struct Journal {
    /// What tells it from others.
    pub key: String,
    /// The log group.
    pub group: String,
    /// The log stream.
    pub stream: String,
    /// Bytes a day by the last hour; none where that cannot be read.
    pub bytes_a_day: Option<f64>,
    /// Days that the group is told to keep records; none: it is left as it is.
    pub retention_days: Option<u16>,
    /// Whether the group is made as INFREQUENT_ACCESS.
    pub is_infrequent: bool,
}

/// A metric.
#[derive(Debug, PartialEq, Serialize)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its unit, as CloudWatch calls it.
    pub unit: &'static str,
    /// Its dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// Whether it is of high resolution.
    pub high_resolution: bool,
    /// How often it is sampled.
    #[serde(skip)]
    pub interval: Duration,
}

/// The estimate and what it was made with.
#[derive(Debug, Serialize)]
pub struct Cost {
    /// Dollars a month.
    pub estimate: Estimate,
    /// By these prices.
    pub prices: Prices,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Place;

    #[test]
    fn a_problem_is_told_with_its_file_and_its_key() {
        let told = |problem: &Problem| Told::new(problem, Path::new("/etc/x.json"));
        let main = told(&Problem::at(Place::new(3, 5), "logs.retention_in_days is `10`").hint("7 or 14"));
        assert_eq!((main.file.as_deref(), main.line, main.column), (Some(Path::new("/etc/x.json")), Some(3), Some(5)));
        assert_eq!((main.path.as_deref(), main.hint.as_str()), (Some("logs.retention_in_days"), "7 or 14"));
        let other = told(&Problem::at(Place::new(1, 1), "agent is `1`").of_file(Some("x.d/a.json".into())));
        assert_eq!(other.file.as_deref(), Some(Path::new("/etc/x.d/a.json")));
        assert_eq!(other.path.as_deref(), Some("agent"));
        let broken = told(&Problem::at(Place::new(1, 1), "the file is not JSON"));
        assert_eq!(broken.path, None);
        let general = told(&Problem::general("the file has too many bytes"));
        assert_eq!((general.file, general.line, general.path), (None, None, None));
        let listed = told(&Problem::at(Place::new(1, 1), "logs.logs_collected.files.collect_list[2].x is not a key"));
        assert_eq!(listed.path.as_deref(), Some("logs.logs_collected.files.collect_list[2].x"));
    }
}
