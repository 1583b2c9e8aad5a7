//! Counts what became of requests for records, over all shifts, and makes the status of it.

use super::{logs, metrics, resources};
use crate::auth::Session;
use crate::clock::Clock;
use crate::delivery::pipeline::Counts;
use crate::record::{Monotonic, Phase, Status};

/// What became of requests for records.
#[derive(Debug, Default)]
pub struct Tally {
    ok: u64,
    failed: u64,
    trouble: Option<String>,
    stuck_since: Option<Monotonic>,
    /// Since when the shift before was stuck: where this one fails too, it has been for that long.
    was_stuck_since: Option<Monotonic>,
    /// What shifts before this one counted.
    before: Counts,
    /// Files that they deleted.
    removed_before: u64,
}

impl Tally {
    /// A request was answered with success.
    pub fn succeeded(&mut self) {
        self.ok += 1;
        (self.trouble, self.stuck_since, self.was_stuck_since) = (None, None, None);
    }

    /// A request failed.
    pub fn failed(&mut self, trouble: String, now: Monotonic) {
        self.failed += 1;
        self.trouble = Some(trouble);
        let since = self.was_stuck_since.take().unwrap_or(now);
        self.stuck_since.get_or_insert(since);
    }

    /// A shift begins. What troubled the one before may be mended by its configuration: what is not is told again soon.
    pub fn begin(&mut self) {
        self.trouble = None;
        self.was_stuck_since = self.stuck_since.take().or(self.was_stuck_since);
    }

    /// A shift is over that counted `counts`.
    pub fn end(&mut self, counts: Counts, removed: u64) {
        self.removed_before += removed;
        self.before.sent += counts.sent;
        self.before.bytes_sent += counts.bytes_sent;
        self.before.refused += counts.refused;
        self.before.filtered += counts.filtered;
    }

    /// How the agent fares, given what its parts tell. `before` is what was told last.
    pub fn status(
        &self,
        before: &Status,
        logs: &logs::Told,
        metrics: metrics::Told,
        session: &Session,
        clock: &Clock,
    ) -> Status {
        let now = clock.now();
        let age = |since: Monotonic| now.0.saturating_sub(since.0);
        // A sign-in that fails is at the root of all else.
        let sign_in = session.told().trouble.map(|trouble| trouble.to_string());
        Status {
            phase: Phase::Running,
            instance_id: before.instance_id.clone(),
            records_sent: self.before.sent + logs.counts.sent,
            records_refused: self.before.refused + logs.counts.refused,
            records_filtered: self.before.filtered + logs.counts.filtered,
            bytes_sent: self.before.bytes_sent + logs.counts.bytes_sent,
            records_waiting: logs.counts.waiting,
            lag_bytes: logs.lag_bytes,
            lag_ms: logs.oldest.map_or(0, age),
            files: logs.files,
            files_removed: self.removed_before + logs.removed,
            journals: logs.journals,
            journal_lag_ms: logs.journal_lag_ms,
            samples_sent: metrics.sent,
            samples_refused: metrics.refused,
            samples_waiting: metrics.waiting,
            requests_ok: self.ok + metrics.requests_ok,
            requests_failed: self.failed + metrics.requests_failed,
            trouble: sign_in.or_else(|| self.trouble.clone()).or(metrics.trouble),
            records_stuck_ms: self.stuck_since.map(age),
            samples_stuck_ms: metrics.stuck_since.map(age),
            streams_refused: logs.refused.0,
            stream_trouble: logs.refused.1.clone(),
            source_trouble: logs.trouble.clone(),
            reload_trouble: before.reload_trouble.clone(),
            logs_silent_ms: age(logs.at),
            clock_skew_ms: clock.skew_ms(),
            resident_bytes: resources::resident_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_that_a_reload_does_not_end_has_lasted_since_its_beginning() {
        let mut tally = Tally::default();
        tally.failed("away".to_owned(), Monotonic(1_000));
        tally.begin();
        tally.begin();
        assert_eq!((&tally.trouble, tally.stuck_since), (&None, None), "the new configuration may have mended it");
        tally.failed("away".to_owned(), Monotonic(9_000));
        assert_eq!(tally.stuck_since, Some(Monotonic(1_000)));
        tally.begin();
        tally.succeeded();
        tally.failed("away".to_owned(), Monotonic(20_000));
        assert_eq!(tally.stuck_since, Some(Monotonic(20_000)));
    }
}
