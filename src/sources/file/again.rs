//! Going back: reading again what was read and never settled, and saving again what the state lost.

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

    /// What is to be saved of all files, for a state that began anew.
    pub fn saved(&self) -> Vec<SavedFile> {
        let rows = self.rows.values().filter(|row| row.is_announced && row.heir_of.is_none());
        rows.map(|row| row.saved(&self.entries[row.entry].entry.key)).collect()
    }
}
