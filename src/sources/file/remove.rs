//! Deletes rotated files (`auto_removal`): only where every byte is acknowledged, and that is on disk.
//!
//! Rotated is a file that was followed under another name, has one now that rotation made of it, and another file stands in its old place; or,
//! where only the newest match is followed, an older match with the same name but for a number. In doubt it stays. Never deleted: what may
//! still be written to, what is under its first name without a successor, what a link leads to, what was not sent from its first byte to its
//! last, by every entry that follows it, what failed to be read, and whatever is not, byte for byte at both ends, what was read.
//!
//! Easy to break: a writer may have the file open for longer than anyone knows. It is read on from its descriptor for a while.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::away::REMOVAL_PATIENCE;
use super::identity::Inode;
use super::look::Look;
use super::newest::successor;
use super::siblings;
use super::table::{Place, Row, Stat};
use super::{Change, Files, names, read};
use crate::record::{FileId, Monotonic};

/// A file that could not be deleted is offered again after so long.
const AGAIN: Duration = Duration::from_secs(600);
/// An older match under its own name may be another program's that has little to say: it has to be at rest for longer.
const PASSED_OVER_REST: Duration = Duration::from_secs(3600);

impl Files {
    /// Tells which files may be deleted once what is known of them is on disk.
    pub(super) fn offer_removals(&mut self, look: &mut Look<'_>) {
        let is_asked = |row: &&Row| self.entries[row.entry].entry.removes;
        if !self.rows.values().any(|row| is_asked(&row)) {
            return;
        }
        let newest = self.newest();
        let is_due = |row: &Row| self.is_removable(row, &newest, look.now);
        let due: Vec<FileId> =
            self.rows.iter().filter(|(_, row)| is_asked(row) && is_due(row)).map(|(&id, _)| id).collect();
        for file in due {
            let Some(row) = self.rows.get_mut(&file) else { continue };
            row.offered_at = Some(look.now);
            row.first_offered_at = row.first_offer().or(row.offered_at);
            let saved = row.saved(&self.entries[row.entry].entry.key);
            look.changes.push(Change::Retire { file, saved });
        }
    }

    /// Deletes `file`, of which everything that was offered with [`Change::Retire`] is on disk now. None where it is not to be deleted any more.
    pub fn remove(&mut self, file: FileId) -> Option<Result<Change, (PathBuf, io::Error)>> {
        let row = self.rows.get(&file)?;
        let now = row.offered_at?;
        if self.rest_before_removal(row, &self.newest()).is_none() || !self.is_sent_by_all(row) {
            return None;
        }
        let (path, bytes, inode) = (row.path.to_path_buf(), row.size, row.inode);
        let opened = match what_was_read(row, self.entries[row.entry].pattern.folder()) {
            Ok(opened) => opened?,
            Err(error) => return Some(Err((path, error))),
        };
        if let Err(error) = fs::remove_file(&path) {
            return Some(Err((path, error)));
        }
        self.read_on(inode, &opened, now);
        Some(Ok(Change::Removed { path, bytes }))
    }

    /// A late writer may still have it open: what it writes comes from the descriptor.
    fn read_on(&mut self, inode: Inode, opened: &File, now: Monotonic) {
        let rows = self.rows.iter_mut().filter(|(_, row)| row.inode == inode);
        let ids: Vec<FileId> = rows
            .map(|(&id, row)| {
                (row.place, row.stirred_at, row.placed_at) = (Place::Deleted, now, None);
                id
            })
            .collect();
        for id in ids {
            if let Ok(own) = opened.try_clone() {
                self.keep_open(id, own);
            }
        }
    }

    /// Whether all of it is sent, it is put aside and at rest, and it was not tried for too long.
    fn is_removable(&self, row: &Row, newest: &[Option<&Row>], now: Monotonic) -> bool {
        // What happened before this run is not known.
        let since = row.grown_at.max(self.began.unwrap_or(now));
        let is_at_rest = |quiet: Duration| now.since(since) >= quiet;
        is_sent(row)
            && is_at_rest(self.entries[row.entry].entry.partial_line_timeout)
            && row.offered_at.is_none_or(|offered| now.since(offered) >= AGAIN)
            && row.first_offer().is_none_or(|first| now.since(first) < REMOVAL_PATIENCE)
            && self.rest_before_removal(row, newest).is_some_and(is_at_rest)
            && self.is_sent_by_all(row)
    }

    /// Whether every entry that follows the file has sent all of it.
    fn is_sent_by_all(&self, row: &Row) -> bool {
        let mut all = self.rows.values().filter(|other| other.inode == row.inode);
        all.all(|other| is_sent(other) && other.settled.offset >= row.size)
    }

    /// For how long a file that rotation put aside, and in whose place something else is written now, has to be at rest; none where it
    /// is no such file.
    fn rest_before_removal(&self, row: &Row, newest: &[Option<&Row>]) -> Option<Duration> {
        if !row.can_reopen() {
            return None;
        }
        let quiet = self.entries[row.entry].entry.partial_line_timeout;
        let is_replaced = || {
            let successor = siblings::stat(&row.first_path);
            successor.is_some_and(|stat| stat.is_file && stat.inode != row.inode)
        };
        if names::is_rotated_from(&row.path, &row.first_path) && is_replaced() {
            return Some(quiet);
        }
        let newest = successor(row, newest)?;
        let is_its_own =
            names::is_numbered_like(&row.path, &newest.path) || names::is_rotated_from(&row.path, &newest.path);
        is_its_own.then_some(quiet.max(PASSED_OVER_REST))
    }
}

/// Whether the entry has sent all of it, from its first byte on.
fn is_sent(row: &Row) -> bool {
    let is_whole = row.skipped == 0 && !row.has_failed && !row.is_suspect;
    row.is_announced && is_whole && row.copy_of.is_none() && row.is_read() && row.is_settled()
}

/// The file at its path where it is the one that was read, to its last byte, and no link leads to it below `base`: what stands in the
/// config without a wildcard may be a link.
fn what_was_read(row: &Row, base: &Path) -> io::Result<Option<File>> {
    let is_link = |path: &Path| fs::symlink_metadata(path).map(|metadata| metadata.is_symlink());
    for folder in row.path.ancestors().skip(1).take_while(|folder| *folder != base && folder.starts_with(base)) {
        if is_link(folder)? {
            return Ok(None);
        }
    }
    let file = read::open(&row.path)?;
    let stat = Stat::of(&file.metadata()?);
    if stat.inode != row.inode || stat.size != row.settled.offset || !read::fits(&file, row.head, row.settled)? {
        return Ok(None);
    }
    // The name itself, last of all: it must still be the file's own.
    let own = fs::symlink_metadata(&row.path)?;
    Ok((own.is_file() && Stat::of(&own).inode == row.inode).then_some(file))
}
