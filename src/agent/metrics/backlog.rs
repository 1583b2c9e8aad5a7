//! The samples that wait on disk: which are sent next, and which are given up.
//!
//! Rounds are named by increasing ids. Those from `backlog` to before `backlog_end` are on disk and not known to be sent;
//! what is fresh lies behind them.

use super::{Metrics, PAGE_BYTES, PAGE_ROUNDS, TIDY_PAUSE, TIDY_PAUSE_AFTER_LOSS};
use crate::agent::saver::Urgency;
use crate::record::{Monotonic, Round};
use crate::state::{Changes, RoundId};

impl Metrics {
    /// The oldest fresh round waits on disk alone from now on.
    pub(super) fn leave_on_disk(&mut self) {
        let Some((id, round)) = self.fresh.pop_front() else {
            return;
        };
        if self.saver.has_saved(id) {
            self.backlog = self.backlog.min(id);
            self.backlog_end = self.backlog_end.max(RoundId(id.0 + 1));
            self.on_disk.put([&(id, round)]);
        } else {
            self.give_up(round.samples.len(), "neither sent nor saved in time");
            self.forget(vec![id]);
        }
    }

    /// When something from disk goes. Before the endpoint has answered once, this boot's clock may be wrong by years, and nobody can
    /// tell which times CloudWatch would take: what is fresh goes first, and where nothing is, one round.
    pub(super) fn backlog_due(&self) -> Option<Monotonic> {
        let earliest = if self.is_clock_known() { Monotonic(0) } else { self.probe_at };
        (self.backlog < self.backlog_end).then(|| self.backlog_at.max(earliest))
    }

    pub(super) fn load_backlog(&mut self) {
        let count = if self.is_clock_known() { PAGE_ROUNDS } else { 1 };
        let page = match self.store.rounds(self.backlog, count, PAGE_BYTES) {
            Ok(page) => page,
            Err(error) => {
                log::warn!(error:% = error; "cannot read the samples that wait");
                self.backlog_at = self.parts.clock.now().after(TIDY_PAUSE);
                return;
            }
        };
        let rounds: Vec<_> = page.rounds.into_iter().filter(|(id, _)| *id < self.backlog_end).collect();
        let last = rounds.iter().map(|(id, _)| *id).chain(page.unreadable.iter().copied()).max();
        self.backlog = last.map_or(self.backlog_end, |id| RoundId(id.0 + 1));
        self.on_disk.take(&rounds);
        if self.backlog >= self.backlog_end {
            self.on_disk.clear();
        }
        if !page.unreadable.is_empty() {
            self.give_up(page.unreadable.len(), "rounds that cannot be read");
            self.saver.save(Changes { remove_rounds: page.unreadable, ..Changes::default() }, Urgency::Later);
        }
        self.begin(rounds, false);
    }

    /// Gives up what waited too long or takes too much room, oldest first.
    pub(super) fn tidy(&mut self, now: Monotonic) {
        if now < self.next_tidy {
            return;
        }
        self.next_tidy = now.after(TIDY_PAUSE);
        let max_age = i64::try_from(self.parts.max_age.as_millis()).unwrap_or(i64::MAX);
        let oldest_allowed =
            if self.is_clock_known() { self.parts.clock.wall().0.saturating_sub(max_age) } else { i64::MIN };
        let excess = self.store.waiting().bytes.saturating_sub(self.parts.max_bytes);
        let max_bytes = match usize::try_from(excess) {
            Ok(0) => PAGE_BYTES,
            excess => excess.unwrap_or(PAGE_BYTES).min(PAGE_BYTES),
        };
        let Ok(page) = self.store.rounds(self.backlog, PAGE_ROUNDS, max_bytes) else { return };
        let is_given_up = |round: &Round| excess > 0 || self.wall(round).0 < oldest_allowed;
        let rounds: Vec<_> =
            page.rounds.into_iter().filter(|(id, round)| *id < self.backlog_end && is_given_up(round)).collect();
        let Some((last, _)) = rounds.last() else { return };
        self.backlog = self.backlog.max(RoundId(last.0 + 1));
        self.on_disk.take(&rounds);
        let samples = rounds.iter().map(|(_, round)| round.samples.len()).sum();
        let cause = if excess > 0 { "more wait than `metrics_buffer_mb` allows" } else { "they waited too long" };
        self.give_up(samples, cause);
        self.forget(rounds.into_iter().map(|(id, _)| id).collect());
        // Only a commit makes room: what is given up must not be counted twice.
        self.next_tidy = now.after(TIDY_PAUSE_AFTER_LOSS);
    }
}
