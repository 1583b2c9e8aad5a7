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

fn rank(row: &Row) -> (i128, &Path) {
    (row.modified, &row.path)
}

/// What is newer than `row`, where only the newest match is followed; `newest` as of [`Files::newest`].
pub(super) fn successor<'a>(row: &Row, newest: &[Option<&'a Row>]) -> Option<&'a Row> {
    let newest = newest.get(row.entry).copied().flatten()?;
    (row.place == Place::Here && rank(newest) > rank(row)).then_some(newest)
}

impl Files {
    /// The path by which an entry tells apart who has a stream's name: that of the file, or of the pattern where one file follows the other.
    pub(super) fn name_owner(&self, entry: usize, first_path: &Arc<Path>) -> Arc<Path> {
        match self.entries.get(entry).filter(|followed| followed.entry.newest_only) {
            Some(followed) => Path::new(&followed.entry.pattern).into(),
            None => Arc::clone(first_path),
        }
    }

    /// The newest match of each entry that follows only that one.
    pub(super) fn newest(&self) -> Vec<Option<&Row>> {
        let mut newest: Vec<Option<&Row>> = vec![None; self.entries.len()];
        let followed =
            |row: &&Row| self.entries[row.entry].entry.newest_only && row.place == Place::Here && row.is_announced;
        for row in self.rows.values().filter(followed) {
            let best = &mut newest[row.entry];
            *best = Some(best.map_or(row, |best| if rank(row) > rank(best) { row } else { best }));
        }
        newest
    }

    /// Has the unfinished last line of an older match taken once it is at rest, and lets go of its descriptor once all is settled: a file
    /// that is deleted must not hold the disk.
    pub(super) fn rest_older(&mut self, now: Monotonic) {
        if !self.entries.iter().any(|followed| followed.entry.newest_only) {
            return;
        }
        let newest = self.newest();
        let is_older = |row: &Row| successor(row, &newest).is_some();
        let older: Vec<FileId> = self.rows.iter().filter(|(_, row)| is_older(row)).map(|(&id, _)| id).collect();
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
