//! Which groups `check --aws` asks about: each by one of its streams; where no file matches yet, by a stream that nobody has.
//!
//! The rule that is easy to break: a name in which something is not known yet is not a name. AWS is not asked about it, and that is said.
//!
//! Pure.

use std::collections::BTreeSet;

use serde::Serialize;

use super::report::Report;
use crate::config::{Config, Facts};
use crate::record::{StreamName, Wall};

/// More groups than this are not asked about: a configuration has few.
const MAX_GROUPS: usize = 50;
/// A stream that nobody has.
const NO_STREAM: &str = "cloudwatch-publisher-check";

/// Where the records of a configuration go: a group, one of its streams, and its retention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Group and stream.
    pub stream: StreamName,
    /// The retention that is to be set.
    pub retention_days: Option<u16>,
}

/// A group that AWS is not asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotAsked {
    /// As far as its name is known.
    pub group: String,
    /// Why.
    pub because: String,
}

/// What AWS is asked about, and what not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// A stream of each group.
    pub asked: Vec<Target>,
    /// The other groups.
    pub not_asked: Vec<NotAsked>,
}

/// Whether something in the name of a group is not known yet. The day is: it is that of the record.
pub fn is_open(group: &str) -> bool {
    group.replace("{date}", "").contains('{')
}

/// The groups of a configuration, each once, on the day of `now`.
pub fn targets(report: &Report, config: &Config, facts: &Facts, now: Wall) -> Targets {
    let target = |group: &str, stream: &str, retention_days: Option<u16>| Target {
        stream: StreamName { group: group.into(), stream: stream.into() }.on_day_of(now),
        retention_days,
    };
    let files = report.files.iter().map(|file| target(&file.group, &file.stream, file.retention_days));
    let journals =
        report.journals.iter().map(|journal| target(&journal.group, &journal.stream, journal.retention_days));
    let matched: BTreeSet<usize> = report.files.iter().map(|file| file.entry).collect();
    let unmatched = config.logs.entries.iter().enumerate().filter(|(index, _)| !matched.contains(index));
    let unmatched = unmatched.map(|(_, entry)| target(&entry.group.resolve(facts), NO_STREAM, entry.retention_days));
    chosen(files.chain(journals).chain(unmatched))
}

fn chosen(all: impl Iterator<Item = Target>) -> Targets {
    let (mut seen, mut targets) = (BTreeSet::new(), Targets::default());
    for target in all.filter(|target| seen.insert(target.stream.group.clone())) {
        let because = if is_open(&target.stream.group) {
            "its name is not known yet".to_owned()
        } else if targets.asked.len() >= MAX_GROUPS {
            format!("{MAX_GROUPS} groups at the most are asked about")
        } else {
            targets.asked.push(target);
            continue;
        };
        targets.not_asked.push(NotAsked { group: target.stream.group.to_string(), because });
    }
    targets
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_group_is_asked_about_or_said_not_to_be() {
        let entry = |number: usize| format!(r#"{{"file_path": "/l/{number}", "log_group_name": "/g/{number}"}}"#);
        let mut entries: Vec<String> = (0..60).map(entry).collect();
        entries.insert(0, r#"{"file_path": "/l/a", "log_group_name": "/g/{account_id}"}"#.to_owned());
        entries.insert(1, r#"{"file_path": "/l/b", "log_group_name": "/g/{date}"}"#.to_owned());
        let text =
            format!(r#"{{"logs": {{"logs_collected": {{"files": {{"collect_list": [{}]}}}}}}}}"#, entries.join(","));
        let config = crate::config::parse(&text, Path::new("/x.json"), &|_| None).unwrap().config;
        let report = Report::default();
        let found = targets(&report, &config, &Facts::default(), Wall(0));
        assert_eq!((found.asked.len(), found.not_asked.len()), (MAX_GROUPS, 12));
        assert_eq!(&*found.asked[0].stream.group, "/g/1970-01-01");
        assert_eq!(found.not_asked[0].group, "/g/{account_id}");
        assert_eq!(found.not_asked[0].because, "its name is not known yet");
        assert_eq!(found.not_asked[11].group, "/g/59");
        let known = Facts { account_id: Some("111111111111".to_owned()), ..Facts::default() };
        assert_eq!(&*targets(&report, &config, &known, Wall(0)).asked[0].stream.group, "/g/111111111111");
    }
}
