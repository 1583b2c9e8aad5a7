//! What programs of this machine send: the metrics of `statsd`.

use crate::config::StatsdConfig;
use crate::record::{Monotonic, Sample};

/// Listens, and sums up.
pub struct Programs;

impl Programs {
    /// Begins to listen. What keeps it from that is told once, and tried again.
    pub fn listen(_config: &StatsdConfig) -> Self {
        Self
    }

    /// What was summed up since it was last asked: each metric once, its dimensions the tags alone.
    pub fn take(&mut self, _now: Monotonic) -> Vec<Sample> {
        Vec::new()
    }
}
