//! Whose turn it is to be read, and the reading.
//!
//! Files take turns, a window each. Of files that share a stream the older goes first, also when it may not be read now:
//! otherwise their records would come out of order.

use std::io;

use super::read::{self, Filled};
use super::{Files, HandedOut};
use crate::delivery::lines::{Block, Ending};
use crate::record::{FileId, Mark};

/// How many holes and windows of nothing but NUL are skipped at once.
const MAX_SKIPS: usize = 4096;

impl Files {
    /// The next file with something to read that `may` be read, in turn; of files that share a stream the oldest. Without a
    /// call of [`Files::advance`] it is not named again before the next look.
    pub fn next_ready(&mut self, may: impl Fn(FileId) -> bool) -> Option<FileId> {
        for _ in 0..self.queue.len() * 2 {
            let id = self.queue.pop_front()?;
            let Some(row) = self.rows.get_mut(&id) else {
                continue;
            };
            row.is_queued = false;
            if !row.has_more() {
                continue;
            }
            let oldest = self.oldest_of_its_stream(id);
            if oldest == id && may(id) {
                return Some(id);
            }
            self.enqueue(oldest);
            self.enqueue(id);
        }
        None
    }

    /// A window of `file` from where the pipeline's last [`Files::advance`] left off. None where there is nothing to take now;
    /// if something is wrong, the next look says what.
    pub fn read(&mut self, file: FileId) -> Option<Block<'_>> {
        match self.fill(file) {
            Ok(Some((start, end))) => {
                let row = self.rows.get(&file)?;
                let ending = self.handed_out.as_ref().map(|window| window.ending).unwrap_or_default();
                let encoding = row.encoding.unwrap_or(self.entries[row.entry].entry.encoding);
                Some(Block { bytes: self.window.bytes(end), start, offset: row.read.offset, ending, encoding })
            }
            Ok(None) => {
                self.rows.get_mut(&file)?.is_stuck = true;
                None
            }
            Err(error) => {
                let row = self.rows.get_mut(&file)?;
                (row.is_stuck, row.has_failed) = (true, true);
                let path = row.path.to_path_buf();
                self.refuse(&path, &error);
                None
            }
        }
    }

    /// The pipeline took the bytes of `file` up to `to`.
    pub fn advance(&mut self, file: FileId, to: Mark) {
        let Some(row) = self.rows.get_mut(&file) else {
            return;
        };
        let is_progress = to.offset > row.read.offset;
        if let Some(HandedOut { end, is_full, ending, .. }) = self.handed_out.take_if(|window| window.file == file) {
            // What is left is an unfinished record, unless the window was full.
            row.needs_wide = is_full && !is_progress && !row.needs_wide;
            row.offered = if is_full && (is_progress || row.needs_wide) { 0 } else { end };
            row.offered_as = ending;
        }
        row.read = to;
        if row.has_more() {
            self.enqueue(file);
        }
    }

    /// Fills the window for `id`; what of it is filled and new.
    fn fill(&mut self, id: FileId) -> io::Result<Option<(usize, usize)>> {
        self.reads += 1;
        if !self.reopen(id)? {
            return Ok(None);
        }
        let Some(row) = self.rows.get_mut(&id).filter(|row| row.is_readable()) else {
            return Ok(None);
        };
        let entry = &self.entries[row.entry].entry;
        row.used = self.reads;
        let Some(file) = row.descriptor.as_ref() else {
            return Ok(None);
        };
        for _ in 0..MAX_SKIPS {
            let filled = self.window.fill(file, row.read, row.needs_wide)?;
            let Filled::Bytes { start, end, is_full } = filled else {
                row.is_suspect = true;
                return Ok(None);
            };
            if row.encoding.is_none() {
                let (encoding, is_final) = read::encoding(file, entry.encoding)?;
                row.encoding = is_final.then_some(encoding);
            }
            if let Some(offset) = self.window.behind_hole(file, row.read, filled) {
                let mark = read::mark(file, offset)?;
                if row.settled == row.read {
                    row.settled = mark;
                }
                row.read = mark;
                continue;
            }
            if end == start || self.window.is_empty_space(start, end) {
                return Ok(None);
            }
            let reached = row.read.offset + (end - start) as u64;
            if reached > row.size {
                (row.size, row.ending) = (reached, Ending::Growing);
            }
            row.grow_head();
            if row.is_suspect {
                return Ok(None);
            }
            // Behind a full window the file goes on, or may.
            let ending = if is_full { Ending::Growing } else { row.ending };
            self.handed_out = Some(HandedOut { file: id, end: reached, is_full, ending });
            return Ok(Some((start, end)));
        }
        Ok(None)
    }

    pub(super) fn enqueue(&mut self, id: FileId) {
        if let Some(row) = self.rows.get_mut(&id).filter(|row| !row.is_queued) {
            row.is_queued = true;
            self.queue.push_back(id);
        }
    }

    fn oldest_of_its_stream(&self, id: FileId) -> FileId {
        let Some(row) = self.rows.get(&id) else {
            return id;
        };
        let is_first = |other: &FileId| {
            *other == id
                || self.rows.get(other).is_some_and(|other| other.has_more() || other.is_awaited() || other.is_resting)
        };
        self.streams.files(&row.stream).iter().copied().find(is_first).unwrap_or(id)
    }
}
