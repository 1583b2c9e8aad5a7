//! What was vacuumed before it was read: tells it once a place.

use super::resume::Gap;

/// What is gone behind the place at which reading goes on.
#[derive(Debug, Default)]
pub struct Gaps {
    found: Option<Gap>,
    /// The place behind which one was found last.
    behind: String,
}

impl Gaps {
    /// A gap behind the place `cursor`; it is not told yet. Whether it is news.
    pub fn found(&mut self, gap: Gap, cursor: String) -> bool {
        let is_new = self.behind != cursor;
        if is_new {
            (self.found, self.behind) = (Some(gap), cursor);
        }
        is_new
    }

    /// Tells what was found, once. Of a reading with filters it is not to be told before an entry comes: as long as there is none,
    /// nothing that it wants may be lost.
    pub fn tell(&mut self, journal: &str) {
        match self.found.take() {
            Some(Gap::Of(gap)) => log::warn!(
                journal, gap_s = gap.as_secs();
                "the journal was vacuumed before all of it was read: what it held of this time is lost"
            ),
            Some(Gap::RestOfBoot) => log::warn!(
                journal;
                "the journal was vacuumed before all of it was read: the rest of an earlier boot is lost"
            ),
            None => {}
        }
    }
}
