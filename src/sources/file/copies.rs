//! Files that begin anew, and the copies that hold what they were.
//!
//! Copytruncate copies a log and then empties it. What was not read before is in the copy alone, so the copy goes on where the
//! original was read to, in its stream and before its new content; what is acknowledged of the original is saved for the copy.

use std::path::PathBuf;
use std::sync::Arc;

use super::look::Look;
use super::read;
use super::siblings;
use super::table::{Place, Row, Stat};
use super::{Change, Files, Retired};
use crate::record::FileId;

impl Files {
    /// A new file is a copy of a known one: it waits until that one is truncated.
    pub(super) fn shadow(&mut self, of: FileId, index: usize, look: &mut Look<'_>) {
        let seen = &look.seen[index];
        let Some(original) = self.rows.get(&of) else {
            return self.appear(index, look);
        };
        let (first_path, stream) = (Arc::clone(&original.first_path), original.stream.clone());
        let mut row = Row::new(seen.entry, seen.inode, seen.path.as_path().into(), first_path, stream);
        (row.head, row.read, row.settled, row.copy_of) = (original.head, original.read, original.settled, Some(of));
        row.skipped = original.skipped;
        let Some(stat) = siblings::stat(&seen.path).filter(|stat| stat.inode == seen.inode) else {
            return;
        };
        self.insert(row, &stat, look);
    }

    /// The file begins anew: a copy of what it was goes on with the rest, and it is read from its beginning under a new number.
    pub(super) fn restart(&mut self, id: FileId, index: Option<usize>, look: &mut Look<'_>) {
        let heir = self.heir(id, look);
        let Some(mut old) = self.rows.remove(&id) else {
            return;
        };
        if let Some(heir) = heir {
            self.inherit(id, &old, heir, look);
        }
        if old.descriptor.is_some() {
            self.open -= 1;
        }
        let path = index.map_or_else(|| Arc::clone(&old.path), |index| look.seen[index].path.as_path().into());
        let stat = old.descriptor.as_ref().and_then(|file| file.metadata().ok()).map(|metadata| Stat::of(&metadata));
        let descriptor = old.descriptor.take();
        let mut row = Row::new(old.entry, old.inode, path, Arc::clone(&old.first_path), old.stream.clone());
        row.place = if index.is_some() { Place::Here } else { old.place };
        if let Some(stat) = stat.or_else(|| siblings::stat(&row.path).filter(|stat| stat.inode == row.inode)) {
            row.note(&stat, look.now);
            row.restarted = stat.changed;
        }
        (row.grown_at, row.stirred_at, row.is_announced) = (look.now, look.now, true);
        let new = self.new_id();
        let (entry, path, stream) = (row.entry, row.path.to_path_buf(), row.stream.clone());
        self.streams.join(&stream, (entry, &self.name_owner(entry, &row.first_path)), new);
        self.streams.leave(&stream, id);
        self.rows.insert(new, row);
        match descriptor {
            Some(file) => self.keep_open(new, file),
            None => self.hold(new),
        }
        look.changes.push(if old.is_announced {
            Change::Replaced { old: id, new, entry, path, stream }
        } else {
            Change::Appeared { file: new, entry, path, stream, from: 0 }
        });
        self.save(new, look);
    }

    /// The copy of `id` that holds what was not read of it: one that was seen, or one beside it that no pattern matches.
    fn heir(&mut self, id: FileId, look: &mut Look<'_>) -> Option<FileId> {
        let shadows = self.rows.iter().filter(|(_, row)| row.copy_of == Some(id));
        if let Some((&shadow, _)) = shadows.max_by_key(|(_, row)| row.modified) {
            return Some(shadow);
        }
        let old = self.rows.get(&id)?;
        let candidates = look.folders.rotated(&old.path);
        let is_copy = |(path, stat): &&(PathBuf, Stat)| {
            // Of a file that was empty at the last look nothing is known but that a copy of it was made since.
            let may_be = old.head.length > 0 || stat.born.is_some_and(|born| born > old.changed);
            may_be
                && stat.size > old.read.offset
                && !self.is_followed(old.entry, stat.inode)
                && siblings::is_like(path, old.head, old.read)
        };
        let (path, stat) = candidates.iter().rev().find(is_copy)?;
        let mut row =
            Row::new(old.entry, stat.inode, path.as_path().into(), Arc::clone(&old.first_path), old.stream.clone());
        (row.head, row.read, row.settled, row.skipped) = (old.head, old.read, old.settled, old.skipped);
        (row.place, row.copy_of) = (Place::Away { is_found: true }, Some(id));
        Some(self.insert(row, stat, look))
    }

    /// `heir` goes on where `old` was read to.
    fn inherit(&mut self, id: FileId, old: &Row, heir: FileId, look: &mut Look<'_>) {
        let Some(row) = self.rows.get_mut(&heir) else {
            return;
        };
        if let Some(stat) = siblings::stat(&row.path).filter(|stat| stat.inode == row.inode) {
            row.note(&stat, look.now);
        }
        row.copy_of = None;
        row.skipped = row.skipped.max(old.skipped);
        if siblings::is_like(&row.path, old.head, old.read) {
            (row.read, row.settled) = (old.read, old.settled);
        } else if let Ok(end) = read::open(&row.path).and_then(|file| read::mark(&file, row.size.min(old.read.offset)))
            && row.size <= old.read.offset
        {
            // The original grew and was read further after it was copied: all of the copy was read.
            (row.read, row.settled) = (end, end);
        }
        if row.settled.offset < row.read.offset {
            row.heir_of = Some(id);
            self.retired.insert(id, Retired { heir, read: row.read });
        }
        self.announce(heir, look);
        self.save(heir, look);
    }

    /// A copy that outgrew its original was written to itself, and one whose original is gone has nothing to wait for.
    pub(super) fn release_copies(&mut self, look: &mut Look<'_>) {
        let is_free = |row: &Row| {
            row.copy_of.is_some_and(|of| self.rows.get(&of).is_none_or(|original| row.size > original.size))
        };
        let free: Vec<FileId> = self.rows.iter().filter(|(_, row)| is_free(row)).map(|(&id, _)| id).collect();
        for id in free {
            if let Some(row) = self.rows.get_mut(&id) {
                row.copy_of = None;
            }
            self.announce(id, look);
            self.save(id, look);
        }
    }
}
