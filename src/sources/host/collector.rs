//! One section of `metrics_collected` at work: looks at its part of the machine, and remembers what its counters were.
//!
//! Easy to break: a figure that is not known is left out, never made up; and one device that cannot be read costs its own
//! figures, never those of its neighbours.

use std::path::Path;

use super::reading::Reading;
use super::tree::Tree;
use crate::config::PluginConfig;
use crate::record::Monotonic;

/// A section at work.
pub struct Collector {
    plugin: PluginConfig,
    _tree: Tree,
}

impl Collector {
    /// Of the machine whose `proc` and `sys` are under `root`. Looks at it once, so that there is something to compare with.
    pub fn new(root: &Path, plugin: PluginConfig, now: Monotonic) -> Self {
        let mut collector = Self { plugin, _tree: Tree::new(root) };
        collector.collect(now);
        collector
    }

    /// What it looks at.
    pub fn plugin(&self) -> &PluginConfig {
        &self.plugin
    }

    /// The figures of this moment: all that the section has, whichever are published. What cannot be measured is told once.
    pub fn collect(&mut self, _now: Monotonic) -> Vec<Reading> {
        Vec::new()
    }
}
