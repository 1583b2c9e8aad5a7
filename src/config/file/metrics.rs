//! The shape of the section `metrics`.
//!
//! Pure.

use super::Credentials;
use crate::config::key::{Key, List, Texts};
use serde::Deserialize;

/// Metrics of this machine.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
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
    /// Dimensions that every metric has; placeholders and `${aws:InstanceId}` are filled in.
    pub append_dimensions: Texts,
    /// Sets of dimensions: every metric that has them is published once more with these alone, summed up over all others.
    pub aggregation_dimensions: List<Vec<String>>,
    /// What is measured; absent = the 13 metrics of the predecessor.
    pub metrics_collected: Key<MetricsCollected>,
}

/// What is measured.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
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
    pub load: Key<Collector>,
    /// Time since the start.
    pub uptime: Key<Collector>,
    /// Every temperature sensor.
    pub temperature: Key<Collector>,
    /// Raspberry Pi: under-voltage and throttling.
    pub throttled: Key<Collector>,
    /// The agent itself.
    #[serde(rename = "self")]
    pub itself: Key<Collector>,
    /// A 1 at each interval.
    pub heartbeat: Key<Collector>,
}

/// One subject's metrics, or `true` or `false`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(default)]
pub struct Collector {
    /// Whether it is measured; the section's value in place of the object is short for it.
    pub collect: Key<bool>,
    /// Which metrics.
    pub measurement: List<Measurement>,
    /// Which devices, interfaces, mount points or sensors; `*` = all.
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
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
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
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
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

/// StatsD, or `true` or `false`.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(default)]
pub struct Statsd {
    /// Whether it is listened for; the section's value in place of the object is short for it.
    pub collect: Key<bool>,
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
