//! How sampling ends, and how it goes on under a new configuration.

use super::{Metrics, Parts, Way};
use crate::delivery::retry::Gate;
use crate::record::Monotonic;

impl Metrics {
    /// The same samples and counts in a new shift: what was measured last stays the base of the next rates.
    pub fn go_on(mut self, parts: Parts, way: Way) -> Self {
        let now = parts.clock.now();
        let rest = self.looks.go_on(parts.sampling.clone(), now);
        self.looked((now, rest));
        self.next_flush = self.next_flush.min(now.after(parts.flush));
        (self.parts, self.way, self.gate) = (parts, way, Gate::default());
        self
    }

    /// Has the work that was begun answered, so that nothing of it is sent twice.
    pub(super) async fn settle(&mut self) {
        self.settle_looks().await;
        while let Some(Ok((datums, result))) = self.under_way.join_next().await {
            self.answered(datums, result);
            if self.work.is_some() {
                self.send(self.parts.clock.now());
            }
        }
        self.abandon_work();
        self.tell();
    }

    async fn settle_looks(&mut self) {
        if let Some(looked) = self.looks.settle().await {
            self.looked(looked);
        }
    }

    /// Sends once more what is fresh, and what programs sent until now.
    pub(super) async fn finish(&mut self) {
        self.settle_looks().await;
        let now = self.parts.clock.now();
        let rest = self.looks.rest(now);
        self.looked((now, rest));
        self.next_flush = Monotonic(0);
        self.backlog = self.backlog_end;
        while !self.fresh.is_empty() || self.work.is_some() {
            self.send(self.parts.clock.now());
            let Some(Ok((datums, result))) = self.under_way.join_next().await else {
                break;
            };
            let is_failure = result.is_err();
            self.answered(datums, result);
            if is_failure {
                break;
            }
        }
        self.tell();
    }
}
