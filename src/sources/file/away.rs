//! Files that no pattern leads to any more: read on for late writers, and let go in the end.
//!
//! A rotated file is read to its end from the open descriptor. A deleted one is held while it is unsent, but does not fill
//! the disk for ever: beyond a bound the oldest that make no progress are let go, counted.

use std::time::Duration;

use super::Files;
use super::look::Look;
use super::siblings::{self, Whereabouts};
use super::table::{Place, Row, Stat};
use crate::record::FileId;

/// A renamed file is let go after so long without a change, everything settled.
pub(super) const QUIET: Duration = Duration::from_secs(600);
/// A deleted one sooner: its writer has to be one that still has it open.
const DELETED_QUIET: Duration = Duration::from_secs(60);
/// For so long it is tried to delete a file.
pub(super) const REMOVAL_PATIENCE: Duration = Duration::from_secs(86_400);
/// What deleted files that make no progress may hold of the disk.
const MAX_DELETED_BYTES: u64 = 256 * 1024 * 1024;

impl Files {
    /// Looks after every file that has no matching name.
    pub(super) fn visit_away(&mut self, look: &mut Look<'_>) {
        let away: Vec<FileId> = self.rows.iter().filter(|(_, row)| row.is_away()).map(|(&id, _)| id).collect();
        for id in away {
            self.visit(id, look);
        }
        self.bound_deleted(look);
    }

    fn visit(&mut self, id: FileId, look: &mut Look<'_>) {
        let Some(stat) = self.stat_away(id, look) else {
            return;
        };
        let Some(row) = self.rows.get_mut(&id) else {
            return;
        };
        row.note(&stat, look.now);
        // One that another table held was told there.
        self.announce(id, look);
        let Some(row) = self.rows.get_mut(&id) else {
            return;
        };
        if stat.links == 0 && row.descriptor.is_some() {
            row.place = Place::Deleted;
        }
        if row.settled.offset != row.settled_then {
            (row.settled_then, row.stirred_at) = (row.settled.offset, look.now);
        }
        if row.is_suspect || row.size < row.read.offset {
            return self.restart(id, None, look);
        }
        let entry = &self.entries[row.entry].entry;
        let quiet = match row.place {
            Place::Deleted => DELETED_QUIET,
            // It is deleted before it is let go; where that fails, it is tried again.
            _ if entry.removes && row.offered_at.is_some() => REMOVAL_PATIENCE,
            _ if entry.removes => QUIET + entry.partial_line_timeout,
            _ => QUIET,
        };
        let is_done = row.is_read() && row.is_settled() && row.copy_of.is_none();
        if is_done && look.now.since(row.stirred_at) >= quiet {
            self.forget(id, look);
        }
    }

    /// What the file system says of a file that is away; none where it was lost.
    fn stat_away(&mut self, id: FileId, look: &mut Look<'_>) -> Option<Stat> {
        let row = self.rows.get_mut(&id)?;
        if let Some(file) = &row.descriptor {
            let stat = Stat::of(&file.metadata().ok()?);
            if stat.links > 0
                && row.can_reopen()
                && siblings::stat(&row.path).is_none_or(|at_path| at_path.inode != row.inode)
            {
                match look.folders.find(&row.path, row.inode) {
                    Whereabouts::Found(path) => row.path = path.into(),
                    _ => row.place = Place::Away { is_found: false },
                }
            }
            return Some(stat);
        }
        if let Some(stat) = siblings::stat(&row.path).filter(|stat| stat.inode == row.inode) {
            return Some(stat);
        }
        match look.folders.find(&row.path, row.inode) {
            Whereabouts::Found(path) if siblings::is_like(&path, row.head, row.read) => {
                row.path = path.into();
                siblings::stat(&row.path)
            }
            Whereabouts::Unknown => None,
            _ => {
                self.lose(id, look);
                None
            }
        }
    }

    fn bound_deleted(&mut self, look: &mut Look<'_>) {
        let is_deleted = |row: &Row| row.place == Place::Deleted;
        let mut held: u64 = self.rows.values().filter(|row| is_deleted(row)).map(|row| row.size).sum();
        if held <= MAX_DELETED_BYTES {
            return;
        }
        let is_idle = |row: &Row| look.now.since(row.stirred_at) >= DELETED_QUIET;
        let idle: Vec<(FileId, u64)> = self
            .rows
            .iter()
            .filter(|(_, row)| is_deleted(row) && is_idle(row))
            .map(|(&id, row)| (id, row.size))
            .collect();
        for (id, size) in idle {
            if held <= MAX_DELETED_BYTES {
                break;
            }
            held -= size;
            self.lose(id, look);
        }
    }
}
