//! The metrics that can be published, section by section of `metrics_collected`, under the CloudWatch Agent's names.
//!
//! Source of the first nine sections: the agent's `registered_metrics.go` and `default_unit.go`, version 1.300071, read
//! 2026-11-21. The others are ours.
//!
//! Pure.

use crate::record::Unit;

/// A section of `metrics_collected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Plugin {
    /// Processors.
    Cpu,
    /// File systems.
    Disk,
    /// Disks.
    Diskio,
    /// Memory.
    Mem,
    /// Network interfaces.
    Net,
    /// Connections.
    Netstat,
    /// Swap space.
    Swap,
    /// Processes as a whole.
    Processes,
    /// Single processes.
    Procstat,
    /// Load over 1, 5 and 15 minutes.
    Load,
    /// Time since the start.
    Uptime,
    /// Temperature sensors.
    Temperature,
    /// Raspberry Pi: under-voltage and throttling.
    Throttled,
    /// The agent itself.
    Itself,
    /// A 1 at each interval.
    Heartbeat,
}

impl Plugin {
    /// The key of its section, and what its metrics' names begin with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Disk => "disk",
            Self::Diskio => "diskio",
            Self::Mem => "mem",
            Self::Net => "net",
            Self::Netstat => "netstat",
            Self::Swap => "swap",
            Self::Processes => "processes",
            Self::Procstat => "procstat",
            Self::Load => "load",
            Self::Uptime => "uptime",
            Self::Temperature => "temperature",
            Self::Throttled => "throttled",
            Self::Itself => "self",
            Self::Heartbeat => "heartbeat",
        }
    }

    /// The dimensions that tell its devices apart; not every metric has all of them.
    pub fn dimensions(self) -> &'static [&'static str] {
        match self {
            Self::Cpu => &["cpu"],
            Self::Disk => &["path", "device", "fstype"],
            Self::Diskio => &["name"],
            Self::Net => &["interface"],
            Self::Procstat => &["exe", "pattern", "pidfile", "pid_finder", "process_name"],
            Self::Temperature => &["sensor"],
            _ => &[],
        }
    }

    /// The CloudWatch Agent has it, too.
    pub fn is_agents(self) -> bool {
        self <= Self::Procstat
    }
}

/// Whether the CloudWatch Agent has a metric of this name that is not supported here: figures of EBS and of instance stores come
/// of the NVMe controller's own log.
pub fn is_unsupported(plugin: Plugin, name: &str) -> bool {
    let name = name.strip_prefix("diskio_").unwrap_or(name);
    plugin == Plugin::Diskio && ["ebs_", "instance_store_"].iter().any(|start| name.starts_with(start))
}

/// A metric that can be published.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its section.
    pub plugin: Plugin,
    /// Its name within the section.
    pub field: &'static str,
    /// Its unit, where the configuration names no other.
    pub unit: Unit,
    /// It is measured on macOS, too (`sources/host/macos.rs`), where the CloudWatch Agent has some more.
    pub is_on_macos: bool,
}

impl Metric {
    /// The name under which it is published, where the configuration names no other.
    pub fn name(&self) -> String {
        match (self.plugin, self.field) {
            // Ours: it needs no second word.
            (Plugin::Heartbeat, _) => "heartbeat".to_owned(),
            // The agent counts the processes in a look of its own.
            (Plugin::Procstat, "pid_count") => "procstat_lookup_pid_count".to_owned(),
            (plugin, field) => format!("{}_{field}", plugin.name()),
        }
    }
}

const fn metric(plugin: Plugin, field: &'static str, unit: Unit, is_on_macos: bool) -> Metric {
    Metric { plugin, field, unit, is_on_macos }
}

/// The metrics of a section, in the order of the table.
pub fn metrics_of(plugin: Plugin) -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().filter(move |metric| metric.plugin == plugin)
}

/// The metric that a measurement names, with or without its section before it.
pub fn find(plugin: Plugin, name: &str) -> Option<&'static Metric> {
    let short = name.strip_prefix(plugin.name()).and_then(|rest| rest.strip_prefix('_'));
    metrics_of(plugin).find(|metric| metric.field == name || Some(metric.field) == short || metric.name() == name)
}

/// All of them.
pub const METRICS: &[Metric] = &[
    metric(Plugin::Cpu, "time_active", Unit::None, false),
    metric(Plugin::Cpu, "time_guest", Unit::None, false),
    metric(Plugin::Cpu, "time_guest_nice", Unit::None, false),
    metric(Plugin::Cpu, "time_idle", Unit::None, false),
    metric(Plugin::Cpu, "time_iowait", Unit::None, false),
    metric(Plugin::Cpu, "time_irq", Unit::None, false),
    metric(Plugin::Cpu, "time_nice", Unit::None, false),
    metric(Plugin::Cpu, "time_softirq", Unit::None, false),
    metric(Plugin::Cpu, "time_steal", Unit::None, false),
    metric(Plugin::Cpu, "time_system", Unit::None, false),
    metric(Plugin::Cpu, "time_user", Unit::None, false),
    metric(Plugin::Cpu, "usage_active", Unit::Percent, true),
    metric(Plugin::Cpu, "usage_guest", Unit::Percent, false),
    metric(Plugin::Cpu, "usage_guest_nice", Unit::Percent, false),
    metric(Plugin::Cpu, "usage_idle", Unit::Percent, true),
    metric(Plugin::Cpu, "usage_iowait", Unit::Percent, false),
    metric(Plugin::Cpu, "usage_irq", Unit::Percent, false),
    metric(Plugin::Cpu, "usage_nice", Unit::Percent, false),
    metric(Plugin::Cpu, "usage_softirq", Unit::Percent, false),
    metric(Plugin::Cpu, "usage_steal", Unit::Percent, false),
    metric(Plugin::Cpu, "usage_system", Unit::Percent, false),
    metric(Plugin::Cpu, "usage_user", Unit::Percent, false),
    metric(Plugin::Disk, "free", Unit::Bytes, true),
    metric(Plugin::Disk, "inodes_free", Unit::Count, true),
    metric(Plugin::Disk, "inodes_total", Unit::Count, true),
    metric(Plugin::Disk, "inodes_used", Unit::Count, true),
    metric(Plugin::Disk, "total", Unit::Bytes, true),
    metric(Plugin::Disk, "used", Unit::Bytes, true),
    metric(Plugin::Disk, "used_percent", Unit::Percent, true),
    metric(Plugin::Diskio, "iops_in_progress", Unit::Count, false),
    metric(Plugin::Diskio, "io_time", Unit::Milliseconds, false),
    metric(Plugin::Diskio, "reads", Unit::Count, false),
    metric(Plugin::Diskio, "read_bytes", Unit::Bytes, true),
    metric(Plugin::Diskio, "read_time", Unit::Milliseconds, false),
    metric(Plugin::Diskio, "writes", Unit::Count, false),
    metric(Plugin::Diskio, "write_bytes", Unit::Bytes, true),
    metric(Plugin::Diskio, "write_time", Unit::Milliseconds, false),
    metric(Plugin::Mem, "active", Unit::Bytes, false),
    metric(Plugin::Mem, "available", Unit::Bytes, true),
    metric(Plugin::Mem, "available_percent", Unit::Percent, true),
    metric(Plugin::Mem, "buffered", Unit::Bytes, false),
    metric(Plugin::Mem, "cached", Unit::Bytes, false),
    metric(Plugin::Mem, "free", Unit::Bytes, true),
    metric(Plugin::Mem, "inactive", Unit::Bytes, false),
    metric(Plugin::Mem, "shared", Unit::Bytes, false),
    metric(Plugin::Mem, "total", Unit::Bytes, true),
    metric(Plugin::Mem, "used", Unit::Bytes, true),
    metric(Plugin::Mem, "used_percent", Unit::Percent, true),
    metric(Plugin::Net, "bytes_sent", Unit::Bytes, true),
    metric(Plugin::Net, "bytes_recv", Unit::Bytes, true),
    metric(Plugin::Net, "drop_in", Unit::Count, false),
    metric(Plugin::Net, "drop_out", Unit::Count, false),
    metric(Plugin::Net, "err_in", Unit::Count, true),
    metric(Plugin::Net, "err_out", Unit::Count, true),
    metric(Plugin::Net, "packets_sent", Unit::Count, true),
    metric(Plugin::Net, "packets_recv", Unit::Count, true),
    metric(Plugin::Netstat, "tcp_close", Unit::Count, false),
    metric(Plugin::Netstat, "tcp_close_wait", Unit::Count, false),
    metric(Plugin::Netstat, "tcp_closing", Unit::Count, false),
    metric(Plugin::Netstat, "tcp_established", Unit::Count, false),
    metric(Plugin::Netstat, "tcp_fin_wait1", Unit::Count, false),
    metric(Plugin::Netstat, "tcp_fin_wait2", Unit::Count, false),
    metric(Plugin::Netstat, "tcp_last_ack", Unit::Count, false),
    metric(Plugin::Netstat, "tcp_listen", Unit::Count, false),
    metric(Plugin::Netstat, "tcp_none", Unit::Count, false),
    metric(Plugin::Netstat, "tcp_syn_sent", Unit::Count, false),
    metric(Plugin::Netstat, "tcp_syn_recv", Unit::Count, false),
    metric(Plugin::Netstat, "tcp_time_wait", Unit::Count, false),
    metric(Plugin::Netstat, "udp_socket", Unit::Count, false),
    metric(Plugin::Processes, "blocked", Unit::Count, true),
    metric(Plugin::Processes, "dead", Unit::Count, false),
    metric(Plugin::Processes, "idle", Unit::Count, true),
    metric(Plugin::Processes, "paging", Unit::Count, false),
    metric(Plugin::Processes, "running", Unit::Count, true),
    metric(Plugin::Processes, "sleeping", Unit::Count, true),
    metric(Plugin::Processes, "stopped", Unit::Count, true),
    metric(Plugin::Processes, "total", Unit::Count, true),
    metric(Plugin::Processes, "total_threads", Unit::Count, false),
    metric(Plugin::Processes, "wait", Unit::Count, false),
    metric(Plugin::Processes, "zombies", Unit::None, true),
    metric(Plugin::Procstat, "cpu_time", Unit::None, false),
    metric(Plugin::Procstat, "cpu_time_guest", Unit::None, false),
    metric(Plugin::Procstat, "cpu_time_guest_nice", Unit::None, false),
    metric(Plugin::Procstat, "cpu_time_idle", Unit::None, false),
    metric(Plugin::Procstat, "cpu_time_iowait", Unit::None, false),
    metric(Plugin::Procstat, "cpu_time_irq", Unit::None, false),
    metric(Plugin::Procstat, "cpu_time_nice", Unit::None, false),
    metric(Plugin::Procstat, "cpu_time_soft_irq", Unit::None, false),
    metric(Plugin::Procstat, "cpu_time_steal", Unit::None, false),
    metric(Plugin::Procstat, "cpu_time_stolen", Unit::None, false),
    metric(Plugin::Procstat, "cpu_time_system", Unit::None, false),
    metric(Plugin::Procstat, "cpu_time_user", Unit::None, false),
    metric(Plugin::Procstat, "cpu_usage", Unit::Percent, true),
    metric(Plugin::Procstat, "involuntary_context_switches", Unit::None, false),
    metric(Plugin::Procstat, "memory_data", Unit::Bytes, false),
    metric(Plugin::Procstat, "memory_locked", Unit::Bytes, false),
    metric(Plugin::Procstat, "memory_rss", Unit::Bytes, true),
    metric(Plugin::Procstat, "memory_stack", Unit::Bytes, false),
    metric(Plugin::Procstat, "memory_swap", Unit::Bytes, false),
    metric(Plugin::Procstat, "memory_vms", Unit::Bytes, true),
    metric(Plugin::Procstat, "nice_priority", Unit::None, false),
    metric(Plugin::Procstat, "num_fds", Unit::None, false),
    metric(Plugin::Procstat, "num_threads", Unit::None, false),
    metric(Plugin::Procstat, "pid", Unit::None, true),
    metric(Plugin::Procstat, "read_bytes", Unit::Bytes, false),
    metric(Plugin::Procstat, "read_count", Unit::None, false),
    metric(Plugin::Procstat, "realtime_priority", Unit::None, false),
    metric(Plugin::Procstat, "rlimit_cpu_time_hard", Unit::None, false),
    metric(Plugin::Procstat, "rlimit_cpu_time_soft", Unit::None, false),
    metric(Plugin::Procstat, "rlimit_file_locks_hard", Unit::None, false),
    metric(Plugin::Procstat, "rlimit_file_locks_soft", Unit::None, false),
    metric(Plugin::Procstat, "rlimit_memory_data_hard", Unit::Bytes, false),
    metric(Plugin::Procstat, "rlimit_memory_data_soft", Unit::Bytes, false),
    metric(Plugin::Procstat, "rlimit_memory_locked_hard", Unit::Bytes, false),
    metric(Plugin::Procstat, "rlimit_memory_locked_soft", Unit::Bytes, false),
    metric(Plugin::Procstat, "rlimit_memory_rss_hard", Unit::Bytes, false),
    metric(Plugin::Procstat, "rlimit_memory_rss_soft", Unit::Bytes, false),
    metric(Plugin::Procstat, "rlimit_memory_stack_hard", Unit::Bytes, false),
    metric(Plugin::Procstat, "rlimit_memory_stack_soft", Unit::Bytes, false),
    metric(Plugin::Procstat, "rlimit_memory_vms_hard", Unit::Bytes, false),
    metric(Plugin::Procstat, "rlimit_memory_vms_soft", Unit::Bytes, false),
    metric(Plugin::Procstat, "rlimit_nice_priority_hard", Unit::None, false),
    metric(Plugin::Procstat, "rlimit_nice_priority_soft", Unit::None, false),
    metric(Plugin::Procstat, "rlimit_num_fds_hard", Unit::None, false),
    metric(Plugin::Procstat, "rlimit_num_fds_soft", Unit::None, false),
    metric(Plugin::Procstat, "rlimit_realtime_priority_hard", Unit::None, false),
    metric(Plugin::Procstat, "rlimit_realtime_priority_soft", Unit::None, false),
    metric(Plugin::Procstat, "rlimit_signals_pending_hard", Unit::None, false),
    metric(Plugin::Procstat, "rlimit_signals_pending_soft", Unit::None, false),
    metric(Plugin::Procstat, "signals_pending", Unit::None, false),
    metric(Plugin::Procstat, "voluntary_context_switches", Unit::None, false),
    metric(Plugin::Procstat, "write_bytes", Unit::Bytes, false),
    metric(Plugin::Procstat, "write_count", Unit::None, false),
    metric(Plugin::Procstat, "pid_count", Unit::None, true),
    metric(Plugin::Swap, "free", Unit::Bytes, true),
    metric(Plugin::Swap, "used", Unit::Bytes, true),
    metric(Plugin::Swap, "used_percent", Unit::Percent, true),
    metric(Plugin::Load, "1", Unit::None, true),
    metric(Plugin::Load, "5", Unit::None, true),
    metric(Plugin::Load, "15", Unit::None, true),
    metric(Plugin::Uptime, "seconds", Unit::Seconds, true),
    metric(Plugin::Temperature, "celsius", Unit::None, true),
    metric(Plugin::Throttled, "under_voltage", Unit::None, false),
    metric(Plugin::Throttled, "frequency_capped", Unit::None, false),
    metric(Plugin::Throttled, "throttled", Unit::None, false),
    metric(Plugin::Throttled, "soft_temperature_limit", Unit::None, false),
    metric(Plugin::Itself, "records_sent", Unit::Count, true),
    metric(Plugin::Itself, "records_refused", Unit::Count, true),
    metric(Plugin::Itself, "lag_seconds", Unit::Seconds, true),
    metric(Plugin::Itself, "samples_waiting", Unit::Count, true),
    metric(Plugin::Itself, "resident_bytes", Unit::Bytes, true),
    metric(Plugin::Heartbeat, "", Unit::Count, true),
];
