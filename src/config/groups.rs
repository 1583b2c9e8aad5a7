//! Judges what is asked for log groups once this machine's own values are known: names that are written differently may come out as one.
//!
//! What is written alike `validate` has judged before, with the lines at hand.
//!
//! Pure.

use std::collections::HashMap;

use super::problem::Problem;
use super::settings::{Config, GroupClass};
use super::template::{Facts, Template};

/// What is asked for one group, and by which name.
#[derive(Clone, Copy)]
struct Asked<'a> {
    by: &'a Template,
    days: Option<u16>,
    class: GroupClass,
}

/// The groups of `config` of which two different things are asked.
pub(super) fn at_odds(config: &Config, facts: &Facts) -> Vec<Problem> {
    let entries = &config.logs.entries;
    let of_entries = entries.iter().map(|it| Asked { by: &it.group, days: it.retention_days, class: it.group_class });
    let journals = &config.logs.journals;
    let of_journals = journals.iter().map(|it| Asked { by: &it.group, days: it.retention_days, class: it.group_class });
    let mut classes: HashMap<String, Asked<'_>> = HashMap::new();
    let mut retentions: HashMap<String, Asked<'_>> = HashMap::new();
    let mut problems = Vec::new();
    for asked in of_entries.chain(of_journals) {
        let name = asked.by.resolve(facts);
        let first = *classes.entry(name.clone()).or_insert(asked);
        if first.class != asked.class {
            problems.push(problem(&name, asked, first, "class", |asked| format!("`{}`", asked.class.name())));
        }
        // Who says nothing leaves the group's retention as it is.
        let Some(days) = asked.days else { continue };
        let first = *retentions.entry(name.clone()).or_insert(asked);
        if first.days != Some(days) {
            let shown = |asked: Asked<'_>| format!("`{}` days", asked.days.unwrap_or_default());
            problems.push(problem(&name, asked, first, "retention", shown));
        }
    }
    problems.dedup();
    problems
}

fn problem(name: &str, asked: Asked<'_>, first: Asked<'_>, what: &str, shown: impl Fn(Asked<'_>) -> String) -> Problem {
    let ((key, place), (other, _)) = (asked.by.origin(), first.by.origin());
    let message = format!(
        "{key} is `{}`; here that is the group `{name}`, with a {what} of {}; it has {} already",
        asked.by.text(),
        shown(asked),
        shown(first)
    );
    let hint = format!("{other} is `{}`, which is the same group: a group has one {what}", first.by.text());
    Problem { place, file: None, message, hint }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{check_for, parse};

    fn told(logs: &str) -> Vec<String> {
        let config = parse(&format!(r#"{{"logs": {logs}}}"#), Path::new("/x.json"), &|_| None).unwrap().config;
        let facts = Facts { instance_id: "rpi-1".to_owned(), hostname: "pi".to_owned(), ..Facts::default() };
        let problems = at_odds(&config, &facts);
        assert_eq!(check_for(&config, &facts).is_err(), !problems.is_empty());
        problems.into_iter().map(|problem| format!("{}; {}", problem.message, problem.hint)).collect()
    }

    fn of(one: &str, other: &str) -> Vec<String> {
        told(&format!(
            r#"{{"logs_collected": {{"files": {{"collect_list": [{{"file_path": "/a", {one}}}, {{"file_path": "/b", {other}}}]}}}}}}"#
        ))
    }

    #[test]
    fn two_retentions_of_one_group_are_a_problem_however_its_name_is_written() {
        let told = of(
            r#""log_group_name": "/x/{hostname}", "retention_in_days": 7"#,
            r#""log_group_name": "/x/pi", "retention_in_days": 30"#,
        );
        let expected = "logs.logs_collected.files.collect_list[1].log_group_name is `/x/pi`; here that is the group `/x/pi`, with a \
                        retention of `30` days; it has `7` days already; logs.logs_collected.files.collect_list[0].log_group_name is \
                        `/x/{hostname}`, which is the same group: a group has one retention";
        assert_eq!(told, [expected]);
    }

    #[test]
    fn two_classes_of_one_group_are_a_problem_of_a_journal_too() {
        let told = told(
            r#"{"log_group_name": "/x/{instance_id}", "logs_collected": {
                "files": {"collect_list": [{"file_path": "/a", "log_group_class": "INFREQUENT_ACCESS"}]},
                "journal": {"log_group_name": "/x/rpi-1"}}}"#,
        );
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("a class of `STANDARD`; it has `INFREQUENT_ACCESS` already"), "{told:?}");
    }

    #[test]
    fn groups_that_agree_or_say_nothing_or_are_others_are_no_problem() {
        for (one, other) in [
            (r#""log_group_name": "/x/{hostname}", "retention_in_days": 7"#, r#""log_group_name": "/x/pi""#),
            (
                r#""log_group_name": "/x/{hostname}", "retention_in_days": 7"#,
                r#""log_group_name": "/x/pi", "retention_in_days": 7"#,
            ),
            (
                r#""log_group_name": "/x/{hostname}", "retention_in_days": 7"#,
                r#""log_group_name": "/x/other", "retention_in_days": 30"#,
            ),
            (
                r#""log_group_name": "/x/{hostname}/{date}", "retention_in_days": 7"#,
                r#""log_group_name": "/x/pi/2026-11-21", "retention_in_days": 30"#,
            ),
        ] {
            assert_eq!(of(one, other), [] as [&str; 0], "{one} {other}");
        }
    }
}
