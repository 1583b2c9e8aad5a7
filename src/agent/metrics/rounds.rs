//! Looks at the machine when that is due, and makes a round of what was found: saved at once, and kept for the next request.

use super::looks::Looked;
use super::{MAX_FRESH, MAX_FRESH_SAMPLES, Metrics, OFFSET_STEP_MS};
use crate::agent::saver::Urgency;
use crate::record::{Monotonic, Offset, Round, Sample};
use crate::state::{Changes, RoundId};

impl Metrics {
    pub(super) fn sample(&mut self, now: Monotonic) {
        let clock = self.parts.clock.clone();
        for looked in self.looks.look(now, move || clock.now()) {
            self.looked(looked);
        }
    }

    /// What was found is of the moment at which looking began.
    pub(super) fn looked(&mut self, (at, found): Looked) {
        if found.left_out > 0 {
            log::warn!(count = found.left_out; "figures that are no numbers were left out");
        }
        self.keep(at, found.samples);
    }

    /// Hands a round to the saver, and keeps it for the next request.
    pub(super) fn keep(&mut self, at: Monotonic, samples: Vec<Sample>) {
        if samples.is_empty() {
            return;
        }
        let round = Round { boot: self.parts.boot.clone(), at, system: self.parts.clock.system(), samples };
        let id = self.next_id;
        self.next_id = RoundId(id.0 + 1);
        let mut changes = Changes { add_rounds: vec![(id, round.clone())], ..Changes::default() };
        changes.boot_offset = self.new_offset().map(|offset| (self.parts.boot.clone(), offset));
        self.saver.save(changes, Urgency::Now);
        self.fresh.push_back((id, round));
        self.make_room();
    }

    /// Leaves to the disk what is too much for memory.
    pub(super) fn make_room(&mut self) {
        let is_saved = |this: &Self| this.fresh.front().is_some_and(|(id, _)| this.saver.has_saved(*id));
        while self.fresh.len() > MAX_FRESH || (self.fresh_samples() > MAX_FRESH_SAMPLES && is_saved(self)) {
            self.leave_on_disk();
        }
    }

    /// The measured offset, where it is worth saving.
    fn new_offset(&mut self) -> Option<Offset> {
        let measured = self.parts.clock.measured()?;
        let is_known = self.saved_offset.is_some_and(|saved| (saved.0 - measured.0).abs() < OFFSET_STEP_MS);
        (!is_known).then(|| *self.saved_offset.insert(measured))
    }
}
