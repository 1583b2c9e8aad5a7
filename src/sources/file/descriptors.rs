//! Keeps the number of open descriptors within its bound.
//!
//! A descriptor is what saves the rest of a file that is renamed and deleted, so as many as possible stay open; those that
//! guard nothing unread are closed first, the longest unused before others. A closed file is opened again by its path, and
//! proved to be the same before a byte of it is taken.

use std::fs::File;
use std::io;

use super::Files;
use super::read;
use super::table::{Row, Stat};
use crate::record::FileId;

impl Files {
    /// Keeps `file` open for `id` while there is room, or where nothing else leads to it.
    pub(super) fn keep_open(&mut self, id: FileId, file: File) {
        let Some(row) = self.rows.get_mut(&id) else {
            return;
        };
        if row.descriptor.is_none() && (self.open < self.max_open || !row.can_reopen()) {
            row.descriptor = Some(file);
            self.open += 1;
        }
    }

    /// Opens `id` where it is not, as long as there is room and its path leads to it.
    pub(super) fn hold(&mut self, id: FileId) {
        if self.open < self.max_open
            && self.rows.get(&id).is_some_and(|row| row.descriptor.is_none() && row.can_reopen())
        {
            // What fails here is tried and told again when there is something to read.
            let _ = self.reopen(id);
        }
    }

    /// Makes sure that `id` is open; where it is not the file it was, the next look tells what became of it.
    pub(super) fn reopen(&mut self, id: FileId) -> io::Result<bool> {
        let Some(row) = self.rows.get_mut(&id) else {
            return Ok(false);
        };
        if row.descriptor.is_some() {
            return Ok(true);
        }
        if !row.can_reopen() {
            return Ok(false);
        }
        let file = read::open(&row.path)?;
        if Stat::of(&file.metadata()?).inode != row.inode {
            return Ok(false);
        }
        if !read::fits(&file, row.head, row.read)? {
            row.is_suspect = true;
            return Ok(false);
        }
        self.make_room();
        let Some(row) = self.rows.get_mut(&id) else {
            return Ok(false);
        };
        row.descriptor = Some(file);
        self.open += 1;
        Ok(true)
    }

    /// Closes what can best be spared where the bound is reached: an eighth at once, so that it is seldom done.
    fn make_room(&mut self) {
        if self.open < self.max_open {
            return;
        }
        let rank = |row: &Row| (!row.is_read(), row.is_away(), row.used);
        let spare = |row: &Row| row.descriptor.is_some() && row.can_reopen();
        let mut spared: Vec<_> =
            self.rows.iter().filter(|(_, row)| spare(row)).map(|(&id, row)| (rank(row), id)).collect();
        spared.sort_unstable();
        // What guards unread bytes is only given up one by one.
        let idle = spared.iter().take_while(|((is_needed, ..), _)| !is_needed).count();
        spared.truncate(idle.min(self.max_open / 8).max(1));
        for (_, id) in spared {
            self.close(id);
        }
    }

    /// Closes `id`.
    pub(super) fn close(&mut self, id: FileId) {
        if self.rows.get_mut(&id).is_some_and(|row| row.descriptor.take().is_some()) {
            self.open -= 1;
        }
    }
}
