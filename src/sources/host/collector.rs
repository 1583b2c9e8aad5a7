//! One section of `metrics_collected` at work: looks at its part of the machine, and remembers what its counters were.
//!
//! Easy to break: a figure that is not known is left out, never made up; and one device that cannot be read costs its own
//! figures, never those of its neighbours.

use std::path::Path;

use super::reading::Reading;
use super::sections::cpu::Cpu;
use super::sections::diskio::Diskio;
use super::sections::look;
use super::sections::net::Net;
use super::sections::space::Space;
use super::sections::wanted::Wanted;
use super::tree::Tree;
use super::trouble::Told;
use crate::config::PluginConfig;
use crate::record::Monotonic;

/// A section at work.
pub struct Collector {
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
    /// Not built yet.
    Silent,
}

impl Collector {
    /// Of the machine whose `proc` and `sys` are under `root`. Looks at it once, so that there is something to compare with.
    pub fn new(root: &Path, plugin: PluginConfig, now: Monotonic) -> Self {
        Self::with_space(root, plugin, now, Space::new(root))
    }

    /// As `new`, with the space of file systems as it is told.
    pub fn with_space(root: &Path, plugin: PluginConfig, now: Monotonic, space: Space) -> Self {
        let section = Section::new(&plugin, space);
        let mut collector = Self { plugin, tree: Tree::new(root), section, told: Told::default() };
        collector.collect(now);
        collector
    }

    /// What it looks at.
    pub fn plugin(&self) -> &PluginConfig {
        &self.plugin
    }

    /// The figures of this moment: all that the section has, whichever are published. What cannot be measured is told once.
    pub fn collect(&mut self, _now: Monotonic) -> Vec<Reading> {
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
            Section::Silent => Ok(Vec::new()),
        };
        self.told.settle(self.plugin.plugin().name(), looked).unwrap_or_default()
    }
}

impl Section {
    fn new(plugin: &PluginConfig, space: Space) -> Self {
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
            _ => Self::Silent,
        }
    }
}
