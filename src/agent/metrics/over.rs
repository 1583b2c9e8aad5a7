//! How sampling ends, and how it goes on under a new configuration.

use std::path::Path;
use std::time::Duration;

use super::sections::Sections;
use super::{Metrics, Parts, Way};
use crate::delivery::retry::Gate;
use crate::record::Monotonic;

/// How long a look that was begun is waited for at the end. One at a disk that hangs never comes back.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

impl Metrics {
    /// The same samples and counts in a new shift: what was measured last stays the base of the next rates.
    pub fn go_on(mut self, parts: Parts, way: Way) -> Self {
        let now = parts.clock.now();
        match &mut self.sections {
            Some(sections) => sections.go_on(parts.sampling.clone(), now),
            None => {
                self.looking = tokio::task::JoinSet::new();
                self.sections = Some(Sections::new(parts.sampling.clone(), Path::new("/"), parts.status.clone(), now));
            }
        }
        self.next_flush = self.next_flush.min(now.after(parts.flush));
        (self.parts, self.way, self.gate) = (parts, way, Gate::default());
        self
    }

    /// Has the work that was begun answered, so that nothing of it is sent twice.
    pub(super) async fn settle(&mut self) {
        if let Ok(Some(Ok(looked))) = tokio::time::timeout(LOOK_LIMIT, self.looking.join_next()).await {
            self.looked(looked);
        }
        while let Some(Ok((datums, result))) = self.under_way.join_next().await {
            self.answered(datums, result);
            if self.work.is_some() {
                self.send(self.parts.clock.now());
            }
        }
        self.abandon_work();
        self.tell();
    }

    /// Sends once more what is fresh, and what programs sent until now.
    pub(super) async fn finish(&mut self) {
        let now = self.parts.clock.now();
        if let Some(rest) = self.sections.as_mut().map(|sections| sections.rest(now)) {
            self.keep(now, rest.samples);
        }
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
