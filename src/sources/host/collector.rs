//! One section of `metrics_collected` at work: looks at its part of the machine, and remembers what its counters were.
//!
//! Easy to break: a figure that is not known is left out, never made up; and one device that cannot be read costs its own
//! figures, never those of its neighbours.

use std::path::{Path, PathBuf};

use super::macos;
use super::reading::Reading;
use super::scan::Scan;
use super::sections::load;
use super::sections::procstat::Procstat;
use super::sections::temperature::Trust;
use super::sections::throttled::Throttled;
use super::sensors;
use super::trouble::{Told, Trouble};
use crate::config::PluginConfig;
use crate::record::Monotonic;

/// A section at work.
pub struct Collector {
    root: PathBuf,
    plugin: PluginConfig,
    work: Work,
    told: Told,
}

enum Work {
    Mac(Box<macos::Section>),
    Procstat(Procstat),
    Load,
    Uptime,
    Temperature(Trust),
    Throttled(Throttled),
    Heartbeat,
    Nothing,
}

impl Collector {
    /// Of the machine whose `proc` and `sys` are under `root`. Looks at it once, so that there is something to compare with.
    pub fn new(root: &Path, plugin: PluginConfig, now: Monotonic) -> Self {
        let work = match &plugin {
            PluginConfig::Procstat(of) => Work::Procstat(Procstat::new(of)),
            PluginConfig::Heartbeat => Work::Heartbeat,
            _ if cfg!(target_os = "macos") && root == Path::new("/") => {
                macos::Section::new(plugin.clone()).map_or(Work::Nothing, |section| Work::Mac(Box::new(section)))
            }
            PluginConfig::Load => Work::Load,
            PluginConfig::Uptime => Work::Uptime,
            PluginConfig::Temperature => Work::Temperature(Trust::default()),
            PluginConfig::Throttled => Work::Throttled(Throttled::new(root)),
            _ => Work::Nothing,
        };
        let mut collector = Self { root: root.to_owned(), plugin, work, told: Told::default() };
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

    /// The same, with a look at the processes that others had of this moment, too.
    pub fn collect_with(&mut self, now: Monotonic, scan: &mut Scan) -> Vec<Reading> {
        let looked = match &mut self.work {
            Work::Mac(section) => section.collect(now),
            Work::Procstat(procstat) => Ok(procstat.collect(now, scan)),
            Work::Load => text(&self.root, "proc/loadavg", load::parse).map(load::readings),
            Work::Uptime => text(&self.root, "proc/uptime", load::parse_uptime)
                .map(|value| vec![Reading { field: "seconds", dimensions: Vec::new(), value }]),
            Work::Temperature(trust) => Ok(sensors::temperatures(&self.root, trust)),
            Work::Throttled(throttled) => Ok(throttled.collect()),
            Work::Heartbeat => Ok(vec![Reading { field: "", dimensions: Vec::new(), value: 1.0 }]),
            Work::Nothing => Ok(Vec::new()),
        };
        self.told.settle(self.plugin.plugin().name(), looked).unwrap_or_default()
    }
}

fn text<T>(root: &Path, name: &str, parse: fn(&str) -> Option<T>) -> Result<T, Trouble> {
    let path = root.join(name);
    let text = std::fs::read_to_string(&path).map_err(|error| Trouble::unreadable(&path, &error))?;
    parse(&text).ok_or_else(|| Trouble::not_understood(&path, "is not understood"))
}
