//! One section of `metrics_collected` at work: looks at its part of the machine, and remembers what its counters were.
//!
//! Easy to break: a figure that is not known is left out, never made up; and one device that cannot be read costs its own
//! figures, never those of its neighbours.

use std::path::{Path, PathBuf};

use super::macos;
use super::reading::Reading;
use super::scan::Scan;
use super::sections::cpu::Cpu;
use super::sections::diskio::Diskio;
use super::sections::look;
use super::sections::net::Net;
use super::sections::procstat::Procstat;
use super::sections::space::Space;
use super::sections::temperature::Trust;
use super::sections::throttled::Throttled;
use super::sections::wanted::Wanted;
use super::sensors;
use super::tree::Tree;
use super::trouble::Told;
use crate::config::PluginConfig;
use crate::record::Monotonic;

/// A section at work.
pub struct Collector {
    root: PathBuf,
    plugin: PluginConfig,
    tree: Tree,
    section: Section,
    told: Told,
}

/// What a section remembers from one look to the next.
enum Section {
    Cpu(Cpu),
    Disk(look::Disk),
    Diskio(Diskio, Wanted),
    Mem,
    Net(Net, Wanted),
    Netstat,
    Swap,
    Processes,
    Procstat(Box<Procstat>),
    Load,
    Uptime,
    Temperature(Trust),
    Throttled(Throttled),
    Heartbeat,
    /// Any of them on macOS.
    Mac(Box<macos::Section>),
    /// The agent tells of itself, where it knows how it fares.
    Silent,
}

impl Collector {
    /// Of the machine whose `proc` and `sys` are under `root`. Looks at it once, so that there is something to compare with.
    pub fn new(root: &Path, plugin: PluginConfig, now: Monotonic) -> Self {
        Self::with_space(root, plugin, now, Space::new(root))
    }

    /// As `new`, with the space of file systems as it is told.
    pub fn with_space(root: &Path, plugin: PluginConfig, now: Monotonic, space: Space) -> Self {
        let section = Section::new(root, &plugin, space);
        let mut collector =
            Self { root: root.to_owned(), plugin, tree: Tree::new(root), section, told: Told::default() };
        collector.collect(now);
        collector
    }

    /// What it looks at.
    pub fn plugin(&self) -> &PluginConfig {
        &self.plugin
    }

    /// The figures of this moment: all that the section has, whichever are published. What cannot be measured is told once.
    pub fn collect(&mut self, now: Monotonic) -> Vec<Reading> {
        let mut scan = Scan::new(&self.root);
        self.collect_with(now, &mut scan)
    }

    /// The same, with a look at the processes that all who are due at this moment share.
    pub fn collect_with(&mut self, now: Monotonic, scan: &mut Scan) -> Vec<Reading> {
        let tree = &self.tree;
        let looked = match &mut self.section {
            Section::Cpu(cpu) => look::at_cpu(tree, cpu),
            Section::Disk(disk) => look::at_disk(tree, disk),
            Section::Diskio(diskio, wanted) => look::at_diskio(tree, diskio, wanted),
            Section::Mem => look::at_mem(tree),
            Section::Net(net, wanted) => look::at_net(tree, net, wanted),
            Section::Netstat => Ok(look::at_netstat(tree, &mut self.told)),
            Section::Swap => look::at_swap(tree),
            Section::Processes => look::at_processes(tree),
            Section::Procstat(procstat) => Ok(procstat.collect(now, scan)),
            Section::Load => look::at_load(tree),
            Section::Uptime => look::at_uptime(tree),
            Section::Temperature(trust) => Ok(sensors::temperatures(&self.root, trust)),
            Section::Throttled(throttled) => Ok(throttled.collect()),
            Section::Heartbeat => Ok(vec![Reading { field: "", dimensions: Vec::new(), value: 1.0 }]),
            Section::Mac(section) => section.collect(now),
            Section::Silent => Ok(Vec::new()),
        };
        self.told.settle(self.plugin.plugin().name(), looked).unwrap_or_default()
    }
}

impl Section {
    fn new(root: &Path, plugin: &PluginConfig, space: Space) -> Self {
        if cfg!(target_os = "macos") && root == Path::new("/") && macos::has(plugin) {
            return Self::Mac(Box::new(macos::Section::new(plugin.clone(), space)));
        }
        match plugin {
            PluginConfig::Cpu { each, has_total } => Self::Cpu(Cpu::new(each, *has_total)),
            PluginConfig::Disk { mounts, ignored_types, drops_device } => Self::Disk(look::Disk {
                mounts: mounts.clone(),
                ignored_types: ignored_types.clone(),
                drops_device: *drops_device,
                space,
            }),
            PluginConfig::Diskio { devices } => Self::Diskio(Diskio::default(), Wanted::new(devices)),
            PluginConfig::Mem => Self::Mem,
            PluginConfig::Net { interfaces } => Self::Net(Net::default(), Wanted::new(interfaces)),
            PluginConfig::Netstat => Self::Netstat,
            PluginConfig::Swap => Self::Swap,
            PluginConfig::Processes => Self::Processes,
            PluginConfig::Procstat(of) => Self::Procstat(Box::new(Procstat::new(of))),
            PluginConfig::Load => Self::Load,
            PluginConfig::Uptime => Self::Uptime,
            PluginConfig::Temperature { sensors } => Self::Temperature(Trust::new(sensors)),
            PluginConfig::Throttled => Self::Throttled(Throttled::new(root)),
            PluginConfig::Heartbeat => Self::Heartbeat,
            PluginConfig::Itself => Self::Silent,
        }
    }
}
