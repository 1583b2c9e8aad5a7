//! Measures this machine: the 13 metrics that are published where a config names none.
//!
//! Two rules are easy to break. A figure that is not known is left out, never made up: no 0 before there is anything to
//! compare with, no rate from a counter that restarted. And each part stands alone: what cannot be read costs its own
//! figures and one warning, never those of its neighbours.
//!
//! | metric | unit | value |
//! |---|---|---|
//! | CPUUtilization | Percent | busy time / all time since the look before (see [`cpu`]) |
//! | CPUCount | Count | logical processors that are online |
//! | MemoryUtilization | Percent | 100 × (total − available) / total |
//! | MemoryUsed, MemoryAvailable | Bytes | total − available; the kernel's own estimate of what programs can still get |
//! | DiskReadBytes, DiskWriteBytes | Bytes | per second, all physical disks together (see [`disk_io`]) |
//! | DiskReadOps, DiskWriteOps | Count | per second, likewise |
//! | NetworkIn, NetworkOut | Bytes | per second, all physical interfaces together (see [`network`]) |
//! | NetworkPacketsIn, NetworkPacketsOut | Count | per second, likewise |
//!
//! Per second means: divided by the time that really passed since the same counters were read before, time asleep
//! included. CPUUtilization needs no time at all, as its counters stand still while the machine sleeps.
//!
//! Where the figures come from, subject by subject:
//!
//! | | Linux | macOS | why |
//! |---|---|---|---|
//! | memory | `sysinfo` (under another root: `proc/meminfo`) | `sysinfo` | the same truth on both |
//! | CPU | `proc/stat` | `sysinfo` | `sysinfo` gives shares, not times: 0 on the first look, and no say in the interval |
//! | disks | `proc/diskstats` | `sysinfo`, bytes only | `sysinfo` counts per mounted volume and knows no operations |
//! | network | `proc/net/dev` | `sysinfo` | one file instead of a dozen for each interface, and under any root |
//!
//! In a container the figures are those the kernel shows there: memory, CPU and disks of the whole host, the network of
//! the container.
//!
//! [`cpu`], [`memory`], [`disk_io`], [`network`] and [`rate`] are pure; [`tree`] and [`system`] read; this file joins
//! them. The time is handed in.

pub mod collector;
pub mod cpu;
pub mod disk_io;
pub mod macos;
pub mod memory;
pub mod network;
pub mod rate;
pub mod reading;
pub mod scan;
pub mod sections;
pub mod sensors;
pub mod system;
pub mod tree;
pub mod trouble;

use std::path::Path;

use crate::record::{Dimensions, Monotonic, Sample, Unit, Value};

use cpu::{Cpu, CpuTimes};
use memory::Memory;
use rate::{Counters, Devices, Since};
use system::System;
use tree::Tree;
use trouble::{Told, Trouble};

/// What the samples of this machine are made from, and what the counters were when last looked at.
pub struct Host {
    machine: Machine,
    dimensions: Dimensions,
    cpu: Since<CpuTimes>,
    disks: Since<Devices>,
    interfaces: Since<Devices>,
    told: Told,
}

/// Where the figures are read.
enum Machine {
    /// Linux: `/proc` and `/sys`.
    Tree(Tree),
    /// Everything else: `sysinfo`.
    System(Box<System>),
}

impl Host {
    /// Looks at the machine once, so that the first sample has something to compare with.
    ///
    /// `root` is the folder that holds `proc` and `sys`: `/`, or a copy or a mount of another machine's. `now` is when
    /// this look is taken.
    pub fn new(root: &Path, dimensions: Dimensions, now: Monotonic) -> Self {
        let machine = if cfg!(target_os = "macos") && root == Path::new("/") {
            Machine::System(Box::new(System::new(now)))
        } else {
            Machine::Tree(Tree::new(root))
        };
        let mut host = Self {
            machine,
            dimensions,
            cpu: Since::default(),
            disks: Since::default(),
            interfaces: Since::default(),
            told: Told::default(),
        };
        host.sample(now);
        host
    }

    /// The figures of this moment, in the order of the table above.
    ///
    /// Without those that need two looks where the last one is less than [`rate::MIN_INTERVAL`] ago, and without those
    /// that could not be read. Values are finite and not negative; a Percent is at most 100.
    pub fn sample(&mut self, now: Monotonic) -> Vec<Sample> {
        let mut samples = Vec::with_capacity(13);
        self.sample_cpu(now, &mut samples);
        self.sample_memory(&mut samples);
        self.sample_disks(now, &mut samples);
        self.sample_interfaces(now, &mut samples);
        samples
    }

    fn sample_cpu(&mut self, now: Monotonic, samples: &mut Vec<Sample>) {
        let looked = self.machine.cpu(now);
        let Some(cpu) = self.told.settle("cpu", looked) else {
            return;
        };
        if let Some((before, _)) = self.cpu.step(now, cpu.times)
            && let Some(percent) = cpu::utilization(&before, &cpu.times)
        {
            self.push(samples, "CPUUtilization", Unit::Percent, percent);
        }
        self.push(samples, "CPUCount", Unit::Count, f64::from(cpu.processors));
    }

    fn sample_memory(&mut self, samples: &mut Vec<Sample>) {
        let looked = self.machine.memory();
        let Some(memory) = self.told.settle("memory", looked) else {
            return;
        };
        self.push(samples, "MemoryUtilization", Unit::Percent, memory.utilization());
        self.push(samples, "MemoryUsed", Unit::Bytes, memory.used_bytes() as f64);
        self.push(samples, "MemoryAvailable", Unit::Bytes, memory.available_bytes() as f64);
    }

    fn sample_disks(&mut self, now: Monotonic, samples: &mut Vec<Sample>) {
        if self.disks.is_due(now) {
            let looked = self.machine.disks();
            let Some(disks) = self.told.settle("disks", looked) else {
                return;
            };
            let step = self.disks.step(now, disks);
            self.push_rates(samples, disk_io::METRICS, step, &self.disks);
        }
    }

    fn sample_interfaces(&mut self, now: Monotonic, samples: &mut Vec<Sample>) {
        if self.interfaces.is_due(now) {
            let looked = self.machine.interfaces();
            let Some(interfaces) = self.told.settle("network", looked) else {
                return;
            };
            let step = self.interfaces.step(now, interfaces);
            self.push_rates(samples, network::METRICS, step, &self.interfaces);
        }
    }

    fn push_rates(
        &self,
        samples: &mut Vec<Sample>,
        metrics: [(&str, Unit); Counters::KINDS],
        step: Option<(Devices, f64)>,
        newest: &Since<Devices>,
    ) {
        let Some((before, seconds)) = step else { return };
        let Some(grown) = newest.newest().and_then(|after| after.grown_since(&before)) else {
            return;
        };
        for ((name, unit), grown) in metrics.into_iter().zip(grown.0) {
            if let Some(grown) = grown {
                self.push(samples, name, unit, grown as f64 / seconds);
            }
        }
    }

    fn push(&self, samples: &mut Vec<Sample>, name: &str, unit: Unit, value: f64) {
        samples.push(Sample {
            name: name.to_owned(),
            unit,
            value: Value::One(value),
            dimensions: self.dimensions.clone(),
            is_high_resolution: false,
        });
    }
}

impl Machine {
    fn cpu(&mut self, now: Monotonic) -> Result<Cpu, Trouble> {
        match self {
            Self::Tree(tree) => tree.cpu(),
            Self::System(system) => system.cpu(now),
        }
    }

    fn memory(&self) -> Result<Memory, Trouble> {
        match self {
            Self::Tree(tree) => tree.memory(),
            Self::System(_) => system::memory(),
        }
    }

    fn disks(&mut self) -> Result<Devices, Trouble> {
        match self {
            Self::Tree(tree) => tree.disks(),
            Self::System(_) => system::boot_disk(),
        }
    }

    fn interfaces(&mut self) -> Result<Devices, Trouble> {
        match self {
            Self::Tree(tree) => tree.interfaces(),
            Self::System(_) => system::interfaces(),
        }
    }
}
