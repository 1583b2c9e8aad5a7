//! Files that go on from one table to the next, when a new configuration takes over.
//!
//! A file that was deleted, or renamed to who knows where, has nothing but its descriptor: it is handed over with all that is known of
//! it. Reading goes on at what is settled: what was read beyond that is read again. A file whose entry is gone is let go of.

use std::collections::HashSet;

use super::Files;
use super::identity::Inode;
use super::table::Row;

/// A followed file on its way from one table to the next.
#[derive(Debug)]
pub struct HeldFile {
    /// Its entry's name in the state.
    entry: String,
    row: Row,
}

impl Files {
    /// All that is followed. Copies are found again as what they are.
    pub fn hand_over(self) -> Vec<HeldFile> {
        let entries = self.entries;
        let rows = self.rows.into_values().filter(|row| row.copy_of.is_none());
        rows.map(|row| HeldFile { entry: entries[row.entry].entry.key.clone(), row }).collect()
    }

    /// Goes on with `held`, which knows more than any state, before its first look.
    pub fn holding(mut self, held: Vec<HeldFile>) -> Self {
        let known: Vec<(usize, Row)> =
            held.into_iter().filter_map(|held| Some((self.entry_of(&held.entry)?, held.row))).collect();
        let places: HashSet<(usize, Inode)> = known.iter().map(|(entry, row)| (*entry, row.inode)).collect();
        let stale = self.rows.iter().filter(|(_, row)| places.contains(&(row.entry, row.inode)));
        for id in stale.map(|(&id, _)| id).collect::<Vec<_>>() {
            if let Some(row) = self.rows.remove(&id) {
                self.streams.leave(&row.stream, id);
            }
        }
        for (entry, row) in known {
            self.open += usize::from(row.descriptor.is_some());
            self.take_up(row.anew(entry));
        }
        self
    }
}
