//! Entries of which only the newest match is followed (`publish_multi_logs: false`).
//!
//! The newest is the one written to last. When another becomes it, the one before is read to its end and then rests: its place is
//! kept, so that a program that goes back to it loses nothing and sends nothing twice. All matches share the names of the entry, one
//! after the other.

use std::path::Path;
use std::sync::Arc;

use super::Files;
use super::rotation::Seen;
use super::table::{Place, Row};
use crate::delivery::lines::Ending;
use crate::record::{FileId, Monotonic};

/// Whether `one` is newer than `other`.
pub(super) fn is_newer(one: &Seen, other: &Seen) -> bool {
    (one.modified, &one.path) > (other.modified, &other.path)
}

impl Files {
    /// The path by which an entry tells apart who has a stream's name: that of the file, or of the pattern where one file follows the other.
    pub(super) fn name_owner(&self, entry: usize, first_path: &Arc<Path>) -> Arc<Path> {
        match self.entries.get(entry).filter(|followed| followed.entry.newest_only) {
            Some(followed) => Path::new(&followed.entry.pattern).into(),
            None => Arc::clone(first_path),
        }
    }

    /// Whether the entry follows its newest match only, and `row` is an older one.
    pub(super) fn is_passed_over(&self, row: &Row) -> bool {
        let rank = |row: &Row| (row.modified, Arc::clone(&row.path));
        self.entries[row.entry].entry.newest_only
            && row.place == Place::Here
            && self.rows.values().any(|other| {
                other.entry == row.entry && other.place == Place::Here && other.is_announced && rank(other) > rank(row)
            })
    }

    /// Has the unfinished last line of an older match taken once it is at rest, and lets go of its descriptor once all is settled: a file
    /// that is deleted must not hold the disk.
    pub(super) fn rest_older(&mut self, now: Monotonic) {
        if !self.entries.iter().any(|followed| followed.entry.newest_only) {
            return;
        }
        let older: Vec<FileId> =
            self.rows.iter().filter(|(_, row)| self.is_passed_over(row)).map(|(&id, _)| id).collect();
        for id in older {
            let Some(row) = self.rows.get_mut(&id) else { continue };
            let is_quiet = now.since(row.grown_at) >= self.entries[row.entry].entry.partial_line_timeout;
            if is_quiet && !row.is_read() {
                row.ending = Ending::Gone;
            }
            if is_quiet && row.is_read() && row.is_settled() {
                self.close(id);
            }
        }
    }
}
