//! The CloudWatch Agent's own configurations, of its tests: what it takes is taken, with a warning for each key that does nothing, and what it refuses is refused.
//!
//! They are that project's, and not in this one: they are read where `CWAGENT_CONFIGS` says, else in `../shared/data/cwagent-configs`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use cloudwatch_publisher::config;
use serde_json::Value;

use super::root;

/// What the agent refuses and so do we, each with the key that the message must name.
const REFUSED: [(&str, &str); 16] = [
    ("invalidAgent", "agent.logfile is a list; a text is expected"),
    ("invalidLogFilesWithDuplicateEntry", "logs.logs_collected.files.collect_list[1] follows the same files"),
    ("invalidLogFilesWithFilters", "logs.logs_collected.files.collect_list[0].filters[0].type is the text `match`"),
    ("invalidLogFilesWithMissingFilePath", "logs.logs_collected.files.collect_list[0] has no `file_path`"),
    ("invalidLogFilesWithNoFileConfigured", "logs.logs_collected.files follows no file"),
    ("invalidLogJournaldWithInvalidFilterType", "logs.logs_collected.journald.collect_list[0].filters[0].type is"),
    (
        "invalidLogJournaldWithInvalidLogStreamNameType",
        "logs.logs_collected.journald.collect_list[0].log_stream_name is",
    ),
    ("invalidLogJournaldWithInvalidUnitsType", "logs.logs_collected.journald.collect_list[0].units is `123`"),
    ("invalidMetricsWithAdditionalProperties", "metrics.typo is not a key"),
    ("invalidMetricsWithInvalidAggregationDimensions", "metrics.aggregation_dimensions[0] is the text `InstanceId`"),
    ("invalidMetricsWithInvalidAppendDimensions", "metrics.metrics_collected.cpu.append_dimensions is the text `foo`"),
    ("invalidMetricsWithInvalidMeasurement", "metrics.metrics_collected.disk.measurement[0].unit is `11`"),
    ("invalidMetricsWithInvalidMetrics_Collected", "metrics.metrics_collected.append_dimensions is not a key"),
    ("invalidMetricsWithNoMetricsDefined", "metrics.metrics_collected"),
    ("invalidMetricsWithinvalidMetricsCollected", "metrics.metrics_collected.cpu.totalcpu is the text `false`"),
    ("invalidProcstatMeasurement", "metrics.metrics_collected.procstat[0]"),
];

/// What the agent refuses in a section that does nothing here and is not judged, each with that section.
const NOT_JUDGED: [(&str, &str); 11] = [
    ("invalidJMX", "metrics.metrics_collected.jmx"),
    ("invalidLogWindowsEventsWithInvalidEventFormatType", "logs.logs_collected.windows_events"),
    ("invalidLogWindowsEventsWithInvalidEventIdsType", "logs.logs_collected.windows_events"),
    ("invalidLogWindowsEventsWithInvalidEventLevelType", "logs.logs_collected.windows_events"),
    ("invalidLogWindowsEventsWithInvalidEventName", "logs.logs_collected.windows_events"),
    ("invalidLogWindowsEventsWithInvalidFilterType", "logs.logs_collected.windows_events"),
    ("invalidLogWindowsEventsWithMissingEventIdsAndEventLevels", "logs.logs_collected.windows_events"),
    ("invalidLogWindowsEventsWithMissingEventNameAndLevel", "logs.logs_collected.windows_events"),
    ("invalidMetricsDestinations", "metrics.metrics_destinations"),
    ("invalidOTLPMetrics", "metrics.metrics_collected.otlp"),
    ("invalidTrace", "traces"),
];

/// The agent's files; none, with a word, where they are not here.
pub fn files() -> Option<BTreeMap<String, Vec<PathBuf>>> {
    let beside = || root().join("../shared/data/cwagent-configs");
    let folder = std::env::var_os("CWAGENT_CONFIGS").map_or_else(beside, PathBuf::from);
    if !folder.is_dir() {
        // Not `println!`: of a test that passes the harness swallows that.
        let said = "skipped: the CloudWatch Agent's files are not here; `CWAGENT_CONFIGS` may name their folder\n";
        let _ = std::io::stderr().write_all(said.as_bytes());
        return None;
    }
    let json = |name: &str| {
        let entries = std::fs::read_dir(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        assert!(!files.is_empty(), "no JSON in {name}");
        files
    };
    let folders = ["schema-valid", "schema-invalid", "tocwconfig-linux", "tocwconfig-darwin"];
    Some(folders.map(|name| (name.to_string(), json(name))).into())
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// The keys that the document lists as not supported.
fn unsupported() -> Vec<String> {
    let document = include_str!("../../docs/configuration.md");
    let section = document.split("\n## Of the CloudWatch Agent and not supported\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section.lines().filter_map(|line| Some(line.strip_prefix("- `")?.trim_end_matches('`').to_string())).collect()
}

/// The paths in a value that stand in `listed`, the topmost only.
fn found(value: &Value, path: &str, general: &str, listed: &[String], paths: &mut Vec<String>) {
    if listed.iter().any(|known| known == general) {
        paths.push(path.to_string());
        return;
    }
    let below = |path: &str, key: &str| if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
    match value {
        Value::Object(pairs) => {
            pairs.iter().for_each(|(key, value)| found(value, &below(path, key), &below(general, key), listed, paths));
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| found(item, &format!("{path}[{index}]"), &format!("{general}[]"), listed, paths)),
        _ => {}
    }
}

#[test]
fn what_the_agent_takes_is_taken_with_a_warning_for_each_key_that_does_nothing() {
    let Some(files) = files() else { return };
    let listed = unsupported();
    let mut wrong = Vec::new();
    let valid = ["schema-valid", "tocwconfig-linux", "tocwconfig-darwin"];
    for path in valid.iter().flat_map(|folder| &files[*folder]) {
        let text = std::fs::read_to_string(path).unwrap();
        let environment = |name: &str| Some(if name == "ENV_REGION" { "us-west-2" } else { "set" }.to_string());
        let loaded = match config::parse(&text, path, &environment) {
            Ok(loaded) => loaded,
            Err(failure) => {
                wrong.push(failure.to_string());
                continue;
            }
        };
        let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
        let mut expected = Vec::new();
        found(&value, "", "", &listed, &mut expected);
        for key in expected {
            if !loaded.warnings.iter().any(|warning| warning.message.starts_with(&format!("{key} "))) {
                wrong.push(format!("{}: nothing is said of {key}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn what_the_agent_refuses_is_refused_by_name_unless_it_is_in_a_section_that_does_nothing_here() {
    let Some(files) = files() else { return };
    let mut wrong = Vec::new();
    for path in &files["schema-invalid"] {
        let name = name(path);
        let refused = REFUSED.iter().find(|(known, _)| *known == name);
        let not_judged = NOT_JUDGED.iter().find(|(known, _)| *known == name);
        match (config::load(path), refused, not_judged) {
            (Err(failure), Some((_, key)), None) if failure.to_string().contains(key) => {}
            (Ok(loaded), None, Some((_, key))) if loaded.warnings.iter().any(|told| told.message.starts_with(key)) => {}
            (Ok(_), ..) => wrong.push(format!("{name} is accepted")),
            (Err(failure), ..) => wrong.push(format!("{name}: {failure}")),
        }
    }
    assert_eq!(files["schema-invalid"].len(), REFUSED.len() + NOT_JUDGED.len(), "a file without its line here");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
