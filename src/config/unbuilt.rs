//! The keys that are known and do nothing: ours that are not built yet, and the CloudWatch Agent's that are not supported.
//!
//! Each is a warning by name, never silence. What is built leaves this list in the same commit. A key of the CloudWatch Agent
//! that stands here need not stand in the shape; whatever is below it is not judged.
//!
//! Pure.

use super::problem::Problem;
use super::tree::{Node, Value};

/// A key that does nothing.
struct Unbuilt {
    /// Its path, `[]` for any index.
    path: &'static str,
    /// What happens instead.
    instead: &'static str,
    /// The value, as JSON, with which nothing would be different: no warning.
    harmless: &'static str,
}

const fn later(path: &'static str, instead: &'static str) -> Unbuilt {
    Unbuilt { path, instead, harmless: "" }
}

const fn unless(path: &'static str, harmless: &'static str, instead: &'static str) -> Unbuilt {
    Unbuilt { path, instead, harmless }
}

/// Ours, known but not built yet.
const LATER: &[Unbuilt] = &[
    later("agent.run_as_user", "the program runs as whoever starts it; a service manager can choose the user"),
    later("agent.aws_sdk_log_level", "the AWS SDK logs warnings only"),
    unless("agent.quiet", "false", "the own log is as talkative as ever"),
    unless("logs.log_group_class", "\"STANDARD\"", "groups are made as `STANDARD`"),
    unless(
        "logs.logs_collected.journald.collect_list[].log_group_class",
        "\"STANDARD\"",
        "the group is made as `STANDARD`",
    ),
    unless(
        "logs.logs_collected.files.collect_list[].log_group_class",
        "\"STANDARD\"",
        "the group is made as `STANDARD`",
    ),
    unless("logs.logs_collected.files.collect_list[].publish_multi_logs", "true", "every match is followed"),
    unless("logs.logs_collected.files.collect_list[].auto_removal", "false", "no file is removed"),
];

/// The CloudWatch Agent's, not supported: its sections and keys by `translator/config/schema.json` and its examples.
const FOREIGN: &[&str] = &[
    "csm",
    "opentelemetry",
    "traces",
    "agent.deployment.environment",
    "agent.internal",
    "agent.service.name",
    "agent.system_metrics_enabled",
    "agent.user_agent",
    "logs.deployment.environment",
    "logs.metrics_collected",
    "logs.service.name",
    "logs.logs_collected.application_signals",
    "logs.logs_collected.windows_events",
    "logs.logs_collected.files.collect_list[].backpressure_mode",
    "logs.logs_collected.files.collect_list[].deployment.environment",
    "logs.logs_collected.files.collect_list[].service.name",
    "metrics.deployment.environment",
    "metrics.metrics_destinations",
    "metrics.service.name",
    "metrics.metrics_collected.collectd",
    "metrics.metrics_collected.efa",
    "metrics.metrics_collected.ethtool",
    "metrics.metrics_collected.jmx",
    "metrics.metrics_collected.nvidia_gpu",
    "metrics.metrics_collected.nvidia_smi",
    "metrics.metrics_collected.otlp",
    "metrics.metrics_collected.prometheus",
    "metrics.metrics_collected.system",
];

/// Whether the key at this path (`[]` for an index) stands in the lists.
pub fn is_listed(general_path: &str) -> bool {
    is_foreign(general_path) || LATER.iter().any(|key| key.path == general_path)
}

fn is_foreign(general_path: &str) -> bool {
    FOREIGN.contains(&general_path)
}

/// The CloudWatch Agent's keys that are not supported.
#[cfg(test)]
pub fn foreign() -> &'static [&'static str] {
    FOREIGN
}

/// The names in the lists right below a path.
pub fn keys_below(parent: &str) -> impl Iterator<Item = &'static str> + use<> {
    let start = if parent.is_empty() { String::new() } else { format!("{parent}.") };
    let all = LATER.iter().map(|key| key.path).chain(FOREIGN.iter().copied());
    all.filter_map(move |path| path.strip_prefix(start.as_str())).filter(|rest| !rest.contains(['.', '[']))
}

/// Warns of each key in the file that does nothing, the topmost only.
pub fn warn(tree: &Node, warnings: &mut Vec<Problem>) {
    tree.walk(&mut |node| {
        let general = node.general_path();
        let message = if is_foreign(&general) {
            format!("{} is known to the CloudWatch Agent and not supported here: it has no effect", node.path)
        } else if let Some(key) = LATER.iter().find(|key| key.path == general) {
            if is_harmless(&node.value, key) {
                return false;
            }
            format!("{} is known but not built yet: {}", node.path, key.instead)
        } else {
            return true;
        };
        warnings.push(Problem::at(node.place, message));
        false
    });
}

fn is_harmless(value: &Value, key: &Unbuilt) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(it) => key.harmless == it.to_string(),
        Value::Text(it) => key.harmless.eq_ignore_ascii_case(&format!("\"{}\"", it.as_str())),
        Value::List(items) => items.is_empty() && key.harmless == "[]",
        Value::Object(_) | Value::Number(_) => false,
    }
}
