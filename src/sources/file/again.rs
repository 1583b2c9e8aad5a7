//! Going back: reading again what was read and never settled, saving again what the state lost, and keeping what CloudWatch refused.

use std::path::PathBuf;

use super::Files;
use crate::delivery::lines::Ending;
use crate::record::{FileId, SavedFile};

impl Files {
    /// What was read of `file` beyond its settled position will not be settled: it is read again from there.
    pub fn rewind(&mut self, file: FileId) {
        let id = match self.retired.remove(&file) {
            Some(retired) => retired.heir,
            None => file,
        };
        let Some(row) = self.rows.get_mut(&id) else {
            return;
        };
        if id != file {
            (row.heir_of, row.ahead) = (None, None);
        }
        (row.read, row.offered, row.offered_as) = (row.settled, 0, Ending::Growing);
        self.handed_out.take_if(|window| window.file == id);
        self.enqueue(id);
    }

    /// A record of `file` was given up: whatever follows, the file is not deleted. Where it would have been, and that is new, its path.
    pub fn keep(&mut self, file: FileId) -> Option<PathBuf> {
        let id = self.retired.get(&file).map_or(file, |retired| retired.heir);
        let row = self.rows.get_mut(&id)?;
        let is_new = row.skipped == 0;
        row.skipped = row.skipped.max(1);
        (is_new && self.entries[row.entry].entry.removes).then(|| row.path.to_path_buf())
    }

    /// What is to be saved of all files, for a state that began anew.
    pub fn saved(&self) -> Vec<SavedFile> {
        let rows = self.rows.values().filter(|row| row.is_announced && row.heir_of.is_none());
        rows.map(|row| row.saved(&self.entries[row.entry].entry.key)).collect()
    }
}
