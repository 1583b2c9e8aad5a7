//! Deletes rotated files (`auto_removal`): only where every byte is acknowledged, and that is on disk.
//!
//! Rotated is a file that was followed under another name, has one now that rotation made of it, and another file stands in its old place; or,
//! where only the newest match is followed, an older match. In doubt it stays. Never deleted: what may still be written to, what is under its
//! first name without a successor, what a link leads to, what was not read from its first byte on or failed to be read, and whatever is not,
//! byte for byte at both ends, what was read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::identity::Inode;
use super::look::Look;
use super::siblings::{self, Folders};
use super::table::{Place, Row, Stat};
use super::{Change, Files, names, read};
use crate::record::{FileId, Monotonic};

/// A file that could not be deleted is offered again after so long.
const AGAIN: Duration = Duration::from_secs(600);

impl Files {
    /// Tells which files may be deleted once what is known of them is on disk.
    pub(super) fn offer_removals(&mut self, look: &mut Look<'_>) {
        let is_asked = |row: &&Row| self.entries[row.entry].entry.removes;
        if !self.rows.values().any(|row| is_asked(&row)) {
            return;
        }
        let due: Vec<FileId> = self
            .rows
            .iter()
            .filter(|(_, row)| is_asked(row) && self.is_removable(row, look.now) && self.is_rotated(row))
            .map(|(&id, _)| id)
            .collect();
        for file in due {
            let Some(row) = self.rows.get_mut(&file) else { continue };
            row.offered_at = Some(look.now);
            let saved = row.saved(&self.entries[row.entry].entry.key);
            look.changes.push(Change::Retire { file, saved });
        }
    }

    /// Deletes `file`, of which everything that was offered with [`Change::Retire`] is on disk now. None where it is not to be deleted any more.
    pub fn remove(&mut self, file: FileId) -> Option<Result<Vec<Change>, (PathBuf, io::Error)>> {
        let row = self.rows.get(&file)?;
        let is_offered = row.offered_at.is_some() && row.settled.offset >= row.size && row.is_settled();
        if !is_offered || !self.is_rotated(row) {
            return None;
        }
        let (path, bytes) = (row.path.to_path_buf(), row.size);
        match is_what_was_read(row, self.entries[row.entry].pattern.folder()) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(Err((path, error))),
        }
        if let Err(error) = fs::remove_file(&path) {
            return Some(Err((path, error)));
        }
        let now = row.offered_at.unwrap_or_default();
        let mut look = Look { now, seen: &[], folders: Folders::default(), vacated: Vec::new(), changes: Vec::new() };
        look.changes.push(Change::Removed { path, bytes });
        self.forget(file, &mut look);
        Some(Ok(look.changes))
    }

    /// Whether all of it is settled, and it is at rest.
    fn is_removable(&self, row: &Row, now: Monotonic) -> bool {
        let quiet = self.entries[row.entry].entry.partial_line_timeout;
        // What happened before this run is not known.
        let since = row.grown_at.max(self.began.unwrap_or(now));
        let is_whole = row.skipped == 0 && !row.has_failed && !row.is_suspect;
        row.is_announced
            && is_whole
            && row.copy_of.is_none()
            && row.is_read()
            && row.is_settled()
            && now.since(since) >= quiet
            && row.offered_at.is_none_or(|offered| now.since(offered) >= AGAIN)
    }

    /// Whether rotation put it aside and something else is written now.
    fn is_rotated(&self, row: &Row) -> bool {
        if !matches!(row.place, Place::Here | Place::Away { is_found: true }) {
            return false;
        }
        let is_replaced = || {
            let successor = siblings::stat(&row.first_path);
            successor.is_some_and(|stat| stat.is_file && stat.inode != row.inode)
        };
        self.is_passed_over(row) || (names::is_rotated_from(&row.path, &row.first_path) && is_replaced())
    }
}

/// Whether the file at its path is the one that was read, to its last byte, and no link leads to it below `base`.
fn is_what_was_read(row: &Row, base: &Path) -> io::Result<bool> {
    let is_link = |path: &Path| fs::symlink_metadata(path).map(|metadata| metadata.is_symlink());
    for folder in row.path.ancestors().skip(1).take_while(|folder| *folder != base && folder.starts_with(base)) {
        if is_link(folder)? {
            return Ok(false);
        }
    }
    let file = read::open(&row.path)?;
    let stat = Stat::of(&file.metadata()?);
    if stat.inode != row.inode || stat.size != row.settled.offset || !read::fits(&file, row.head, row.settled)? {
        return Ok(false);
    }
    // The name itself, last of all: it must still be the file's own.
    let own = fs::symlink_metadata(&row.path)?;
    Ok(own.is_file() && Stat::of(&own).inode == Inode { ..row.inode })
}
