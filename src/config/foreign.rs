//! The keys of the CloudWatch Agent that are not supported: they are known, and do nothing.
//!
//! Each is a warning by name, never silence. A key that stands here need not stand in the shape;
//! whatever is below it is not judged.
//!
//! Pure.

use super::problem::Problem;
use super::tree::Node;

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
    "metrics.metrics_collected.statsd.deployment.environment",
    "metrics.metrics_collected.statsd.service.name",
    "metrics.metrics_collected.system",
];

/// Whether the key at this path (`[]` for an index) stands in the list.
pub fn is_foreign(general_path: &str) -> bool {
    FOREIGN.contains(&general_path)
}

/// All of them.
#[cfg(test)]
pub fn all() -> &'static [&'static str] {
    FOREIGN
}

/// The names in the list right below a path.
pub fn keys_below(parent: &str) -> impl Iterator<Item = &'static str> + use<> {
    let start = if parent.is_empty() { String::new() } else { format!("{parent}.") };
    let below = FOREIGN.iter().filter_map(move |path| path.strip_prefix(start.as_str()));
    below.filter(|rest| !rest.contains(['.', '[']))
}

/// Warns of each key in the file that does nothing, the topmost only.
pub fn warn(tree: &Node, warnings: &mut Vec<Problem>) {
    tree.walk(&mut |node| {
        if !is_foreign(&node.general_path()) {
            return true;
        }
        let says = "is known to the CloudWatch Agent and not supported here: it has no effect";
        warnings.push(Problem::at(node.place, format!("{} {says}", node.path)));
        false
    });
}
