//! Files that leave their path: where they went, and what was written in their place meanwhile.
//!
//! A renamed file is read on where it is now. What was written at its path since, and rotated away too before anyone looked,
//! goes on in its stream: it is told by a name that rotation gives and by having been made later.

use std::path::Path;
use std::sync::Arc;

use super::identity::Inode;
use super::look::Look;
use super::names;
use super::rotation::Seen;
use super::siblings::{self, Whereabouts};
use super::table::{Place, Row, Stat};
use super::{Change, Files, SavedKey};
use crate::record::FileId;

impl Files {
    /// No pattern leads to a known file any more.
    pub(super) fn leave(&mut self, id: FileId, look: &mut Look<'_>) {
        let Some(row) = self.rows.get_mut(&id) else {
            return;
        };
        let old = Arc::clone(&row.path);
        let stat = row.descriptor.as_ref().and_then(|file| file.metadata().ok()).map(|metadata| Stat::of(&metadata));
        if let Some(stat) = &stat {
            row.note(stat, look.now);
        }
        if stat.is_some_and(|stat| stat.links == 0) {
            (row.place, row.stirred_at, row.placed_at) = (Place::Deleted, look.now, None);
            return self.vacate(id, Some(old), look);
        }
        match look.folders.find(&old, row.inode) {
            Whereabouts::Found(path) if stat.is_some() || siblings::is_like(&path, row.head, row.read) => {
                self.put_aside(id, &path, look);
            }
            _ if stat.is_some() => {
                (row.place, row.stirred_at, row.placed_at) = (Place::Away { is_found: false }, look.now, None);
            }
            // The folder may come back: a medium that is not mounted yet, a permission that is given later.
            Whereabouts::Unknown if look.now.since(*row.missing_since.get_or_insert(look.now)) < super::away::QUIET => {
                return;
            }
            Whereabouts::Unknown => return self.lose(id, look),
            Whereabouts::Found(_) | Whereabouts::Nowhere => {
                self.vacate(id, Some(old), look);
                return self.lose(id, look);
            }
        }
        self.vacate(id, Some(old), look);
    }

    /// A file was renamed to where no pattern leads: it is read on there.
    pub(super) fn put_aside(&mut self, id: FileId, path: &Path, look: &mut Look<'_>) {
        let Some(row) = self.rows.get_mut(&id) else {
            return;
        };
        if let Some(stat) = siblings::stat(path) {
            row.note(&stat, look.now);
        }
        let from = std::mem::replace(&mut row.path, path.into());
        row.placed_at = None;
        (row.place, row.stirred_at, row.missing_since) = (Place::Away { is_found: true }, look.now, None);
        if row.is_announced {
            look.changes.push(Change::Moved { file: id, from: from.to_path_buf(), to: Some(path.to_owned()) });
        }
        look.changes.push(Change::Save(row.saved(&self.entries[row.entry].entry.key)));
        self.announce(id, look);
        self.hold(id);
    }

    /// A known file left its path `old`: what was written there since, and rotated away before anyone looked, is followed too.
    pub(super) fn vacate(&mut self, id: FileId, old: Option<Arc<Path>>, look: &mut Look<'_>) {
        let (Some(row), Some(old)) = (self.rows.get(&id), old) else {
            return;
        };
        look.vacated.push((id, Arc::clone(&old)));
        // Only what rotated from the place that owns the stream is its continuation.
        if old != row.first_path || row.modified == i128::MIN {
            return;
        }
        let (entry, first_path, stream) = (row.entry, Arc::clone(&row.first_path), row.stream.clone());
        let mut missed = look.folders.rotated(&old);
        missed.retain(|(path, stat)| {
            let is_seen = || look.seen.iter().any(|seen| (seen.entry, seen.inode) == (entry, stat.inode));
            let is_copy = || row.read.offset > 0 && siblings::is_like(path, row.head, row.read);
            siblings::is_successor(stat, row) && !self.is_followed(entry, stat.inode) && !is_seen() && !is_copy()
        });
        for (path, stat) in missed {
            let mut new = Row::new(entry, stat.inode, path.as_path().into(), Arc::clone(&first_path), stream.clone());
            new.place = Place::Away { is_found: true };
            self.insert(new, &stat, look);
        }
    }

    /// The path that owns the new file's stream: its own, unless it was written in the place of a file that left on this look
    /// and rotated before anyone looked.
    pub(super) fn owner_of(&self, seen: &Seen, stat: &Stat, look: &Look<'_>) -> Arc<Path> {
        if names::original(seen.path.file_name().unwrap_or_default()).is_none() {
            return seen.path.as_path().into();
        }
        let is_before = |id: &FileId, old: &Arc<Path>| {
            let row = self.rows.get(id).filter(|row| row.entry == seen.entry && row.first_path == *old);
            row.is_some_and(|row| row.modified != i128::MIN && siblings::is_successor(stat, row))
        };
        let is_owner = |(id, old): &&(FileId, Arc<Path>)| {
            names::is_rotated_from(&seen.path, old) && seen.path.parent() == old.parent() && is_before(id, old)
        };
        let owner = look.vacated.iter().find(is_owner);
        owner.map_or_else(|| seen.path.as_path().into(), |(_, old)| Arc::clone(old))
    }

    pub(super) fn is_followed(&self, entry: usize, inode: Inode) -> bool {
        self.rows.values().any(|row| row.inode == inode && row.entry == entry)
    }

    /// Forgets `id`, and counts what nobody has read of it.
    pub(super) fn lose(&mut self, id: FileId, look: &mut Look<'_>) {
        let Some(row) = self.rows.get(&id) else {
            return;
        };
        let bytes = row.size.saturating_sub(row.read.offset);
        if bytes > 0 && row.copy_of.is_none() {
            let file = row.is_announced.then_some(id);
            look.changes.push(Change::LetGo { file, path: row.path.to_path_buf(), bytes });
        }
        self.forget(id, look);
    }

    pub(super) fn forget(&mut self, id: FileId, look: &mut Look<'_>) {
        self.close(id);
        let Some(row) = self.rows.remove(&id) else {
            return;
        };
        self.streams.leave(&row.stream, id);
        let is_taken = self.is_followed(row.entry, row.inode);
        let (entry, Inode { device, number: inode }) = (self.entries[row.entry].entry.key.clone(), row.inode);
        let forget = (!is_taken).then_some(SavedKey { entry, device, inode });
        look.changes.push(Change::Gone { file: row.is_announced.then_some(id), path: row.path.to_path_buf(), forget });
    }
}
