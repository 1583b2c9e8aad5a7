//! The finished form of `metrics`.
//!
//! Pure.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::super::catalogue::{Metric, Plugin};
use super::super::template::Template;
use crate::record::Unit;

/// Host metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// The CloudWatch namespace.
    pub namespace: Template,
    /// The longest a sample waits for others to fill its request.
    pub flush_interval: Duration,
    /// A role to assume for metrics, in place of the agent's.
    pub role: Option<String>,
    /// Where the requests go, where it is not AWS's own endpoint of the region.
    pub endpoint: Option<String>,
    /// What is measured.
    pub collected: Collected,
    /// Names and values of dimensions that every metric gets; none = the default ones.
    pub append_dimensions: Option<Vec<(String, Template)>>,
    /// Each metric is published once more for each of these sets of dimensions, summed up over all others.
    pub aggregation_dimensions: Vec<Vec<String>>,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Collected {
    /// The 13 metrics of the Python publisher.
    Standard,
    /// What `metrics_collected` names.
    Chosen {
        /// Collectors, in the order of the table of plugins; `procstat` may stand several times.
        collectors: Vec<CollectorConfig>,
        /// Metrics that programs of this machine send.
        statsd: Option<StatsdConfig>,
    },
}

impl Collected {
    /// Whether it is the 13 metrics.
    pub fn is_standard(&self) -> bool {
        *self == Self::Standard
    }
}

/// One section of `metrics_collected`, or one entry of `procstat`.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectorConfig {
    /// What it looks at.
    pub plugin: PluginConfig,
    /// Time between two samplings; below 60 s its metrics are of high resolution.
    pub interval: Duration,
    /// Which metrics, each once.
    pub measurements: Vec<MeasurementConfig>,
    /// Names and values of dimensions of its own.
    pub append_dimensions: Vec<(String, Template)>,
    /// Metrics of which only the sums over `aggregation_dimensions` are sent, by the name within the section.
    pub drop_original: Vec<&'static str>,
}

/// One metric of a section.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasurementConfig {
    /// Which.
    pub metric: &'static Metric,
    /// The name it is sent under, in place of its own.
    pub rename: Option<String>,
    /// Its unit, in place of its own.
    pub unit: Option<Unit>,
}

impl MeasurementConfig {
    /// The name it is sent under.
    pub fn sent_as(&self) -> String {
        self.rename.clone().unwrap_or_else(|| self.metric.name())
    }
}

/// What a collector looks at.
#[derive(Clone, Debug, PartialEq)]
pub enum PluginConfig {
    /// Processors.
    Cpu {
        /// Whether each processor is told apart: only `Resources::All` and `Resources::Unset` have a meaning.
        each: Resources,
        /// All processors together.
        has_total: bool,
    },
    /// File systems.
    Disk {
        /// Which mount points.
        mounts: Resources,
        /// Types of file systems that are left out.
        ignored_types: Vec<String>,
        /// The device is no dimension.
        drops_device: bool,
    },
    /// Disks.
    Diskio {
        /// Which devices.
        devices: Resources,
    },
    /// Memory.
    Mem,
    /// Network interfaces.
    Net {
        /// Which interfaces.
        interfaces: Resources,
    },
    /// Connections.
    Netstat,
    /// Swap space.
    Swap,
    /// Processes as a whole.
    Processes,
    /// Single processes.
    Procstat(ProcessesOf),
    /// Load over 1, 5 and 15 minutes.
    Load,
    /// Time since the start.
    Uptime,
    /// Temperature sensors.
    Temperature {
        /// Which sensors.
        sensors: Resources,
    },
    /// Raspberry Pi: under-voltage and throttling.
    Throttled,
    /// The agent itself.
    Itself,
    /// A 1 at each interval.
    Heartbeat,
}

impl PluginConfig {
    /// Its section.
    pub fn plugin(&self) -> Plugin {
        match self {
            Self::Cpu { .. } => Plugin::Cpu,
            Self::Disk { .. } => Plugin::Disk,
            Self::Diskio { .. } => Plugin::Diskio,
            Self::Mem => Plugin::Mem,
            Self::Net { .. } => Plugin::Net,
            Self::Netstat => Plugin::Netstat,
            Self::Swap => Plugin::Swap,
            Self::Processes => Plugin::Processes,
            Self::Procstat(_) => Plugin::Procstat,
            Self::Load => Plugin::Load,
            Self::Uptime => Plugin::Uptime,
            Self::Temperature { .. } => Plugin::Temperature,
            Self::Throttled => Plugin::Throttled,
            Self::Itself => Plugin::Itself,
            Self::Heartbeat => Plugin::Heartbeat,
        }
    }
}

/// Which of a section's devices, mount points or interfaces are told one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resources {
    /// `resources` is not there: what the section does without.
    Unset,
    /// `*`.
    All,
    /// Those named.
    Named(Vec<String>),
}

/// Which processes one entry of `procstat` looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessesOf {
    /// The one whose id stands in this file.
    PidFile(PathBuf),
    /// Those whose program's name this regular expression finds. Checked.
    Exe(String),
    /// Those whose whole command line this regular expression finds. Checked.
    Pattern(String),
}

/// What listens for StatsD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsdConfig {
    /// Where: UDP.
    pub address: SocketAddr,
    /// Time over which values are summed up.
    pub aggregation: Duration,
    /// Time between two readings of what was summed up; below 60 s its metrics are of high resolution.
    pub interval: Duration,
    /// What joins the parts of a name.
    pub separator: String,
    /// Packets that may wait.
    pub max_pending: usize,
    /// The most tags of a metric: CloudWatch takes 30 dimensions, of which one is its kind and some are those of all metrics.
    pub max_tags: usize,
    /// Metrics of which only the sums over `aggregation_dimensions` are sent.
    pub drop_original: Vec<String>,
}

impl StatsdConfig {
    /// Whether what listens under one hears just what it would under the other.
    pub fn is_heard_alike(&self, other: &Self) -> bool {
        (self.address, &self.separator) == (other.address, &other.separator)
            && (self.max_pending, self.max_tags) == (other.max_pending, other.max_tags)
    }

    /// Time between two times at which what was summed up is taken.
    pub fn pause(&self) -> Duration {
        if self.aggregation.is_zero() { self.interval } else { self.aggregation }
    }
}
