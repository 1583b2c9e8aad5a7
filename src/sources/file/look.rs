//! One look at the folders: finds what is there, has [`rotation`](super::rotation) decide what became of each file, and does it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::identity::Inode;
use super::newest::is_newer;
use super::read::{self, Disk};
use super::rotation::{Known, Seen, Step, compare};
use super::siblings::{self, Folders};
use super::table::{Place, Row, Stat};
use super::{Change, Files, names, streams};
use crate::record::{FileId, Mark, Monotonic};

/// How long a file that may be a copy in the making must have had the same size before it is read.
const COPYING_MS: u64 = 3_000;

/// What belongs to one look.
pub(super) struct Look<'a> {
    pub(super) now: Monotonic,
    pub(super) seen: &'a [Seen],
    pub(super) folders: Folders,
    /// The paths that known files left on this look.
    pub(super) vacated: Vec<(FileId, Arc<Path>)>,
    pub(super) changes: Vec<Change>,
}

impl Files {
    /// Looks at the folders once: what is new, moved, truncated and gone, in the order in which it is to be taken in.
    pub fn look(&mut self, now: Monotonic) -> Vec<Change> {
        if let Some(wake) = &self.wake {
            wake.rearm();
        }
        self.looks += 1;
        self.began.get_or_insert(now);
        self.rows.values_mut().for_each(|row| row.is_stuck = false);
        let seen = self.find();
        let known: Vec<Known<'_>> = self.rows.iter().map(|(&id, row)| row.known(id)).collect();
        let steps = compare(&known, &seen, &mut Disk);
        drop(known);
        let mut look = Look { now, seen: &seen, folders: Folders::default(), vacated: Vec::new(), changes: Vec::new() };
        for step in steps {
            self.perform(step, &mut look);
        }
        self.release_copies(&mut look);
        self.visit_away(&mut look);
        self.offer_removals(&mut look);
        if self.looks == 1 {
            self.order_streams();
        }
        for row in self.rows.values_mut() {
            row.rest(&self.entries[row.entry].entry, now);
        }
        self.rest_older(now);
        let ready: Vec<FileId> = self.rows.iter().filter(|(_, row)| row.has_more()).map(|(&id, _)| id).collect();
        ready.into_iter().for_each(|id| self.enqueue(id));
        self.tidy(&seen);
        let mut changes = std::mem::take(&mut self.pending);
        changes.append(&mut look.changes);
        changes
    }

    /// Has the files of each stream read in the order in which they were written, also those that were rotated before this
    /// run: what is in its place goes last, what was rotated by when it was written last.
    fn order_streams(&mut self) {
        let names: HashSet<_> = self.rows.values().map(|row| row.stream.clone()).collect();
        let rows = &self.rows;
        let age = |file| rows.get(&file).map(|row| (row.path == row.first_path && !row.is_away(), row.modified));
        names.iter().for_each(|name| self.streams.sort(name, age));
    }

    fn find(&mut self) -> Vec<Seen> {
        let exempt: HashSet<Inode> = self.exempt.iter().filter_map(|path| Some(siblings::stat(path)?.inode)).collect();
        let (mut seen, mut refused) = (Vec::with_capacity(self.rows.len()), Vec::new());
        for (index, followed) in self.entries.iter().enumerate() {
            let blacklist = followed.entry.blacklist.as_ref();
            let is_meant = |path: &Path| names::is_meant(path, blacklist, &self.exempt);
            let mut found = |file: super::find::Found| {
                let stat = Stat::of(&file.metadata);
                if is_meant(&file.path) && !exempt.contains(&stat.inode) {
                    let (inode, size, changed, modified) = (stat.inode, stat.size, stat.changed, stat.modified);
                    seen.push(Seen {
                        entry: index,
                        path: file.path,
                        inode,
                        size,
                        changed,
                        modified,
                        is_link: file.is_link,
                    });
                }
            };
            followed.pattern.walk(&mut found, &mut |path, error| {
                refused.push((path.to_owned(), std::io::Error::from(error.kind())))
            });
        }
        refused.iter().for_each(|(path, error)| self.refuse(path, error));
        seen
    }

    fn perform(&mut self, step: Step, look: &mut Look<'_>) {
        match step {
            Step::Changed(id, index) => self.meet(id, index, look),
            Step::Moved(id, index) => {
                let old = self.rows.get(&id).map(|row| Arc::clone(&row.path));
                self.meet(id, index, look);
                self.vacate(id, old, look);
            }
            Step::Left(id) => self.leave(id, look),
            Step::Copied(of, index) => self.shadow(of, index, look),
            Step::Restarted(id, index) => self.restart(id, Some(index), look),
            Step::Undecided(index) => {
                let seen = &look.seen[index];
                let state = self.undecided.entry((seen.entry, seen.inode)).or_insert((seen.size, look.now));
                if state.0 != seen.size {
                    *state = (seen.size, look.now);
                }
                if look.now.0.saturating_sub(state.1.0) >= COPYING_MS {
                    self.appear(index, look);
                }
            }
            Step::Appeared(index) => self.appear(index, look),
        }
    }

    /// A known file is where a pattern leads to.
    fn meet(&mut self, id: FileId, index: usize, look: &mut Look<'_>) {
        let seen = &look.seen[index];
        let Some(row) = self.rows.get_mut(&id) else {
            return;
        };
        let stat = siblings::stat(&seen.path).filter(|stat| stat.inode == seen.inode);
        (row.place, row.missing_since) = (Place::Here, None);
        if let Some(stat) = stat {
            row.note(&stat, look.now);
        }
        let is_moved = row.path.as_os_str() != seen.path.as_os_str();
        if is_moved {
            let from = std::mem::replace(&mut row.path, seen.path.as_path().into());
            row.placed_at = None;
            if row.is_announced {
                look.changes.push(Change::Moved { file: id, from: from.to_path_buf(), to: Some(seen.path.clone()) });
            }
            look.changes.push(Change::Save(row.saved(&self.entries[row.entry].entry.key)));
        }
        self.announce(id, look);
        self.hold(id);
        // Also while reading has stopped: a copy is only recognised by what is known of the original.
        if let Some(row) = self.rows.get_mut(&id) {
            row.grow_head();
        }
    }

    pub(super) fn announce(&mut self, id: FileId, look: &mut Look<'_>) {
        if let Some(row) = self.rows.get_mut(&id).filter(|row| !row.is_announced && row.copy_of.is_none()) {
            row.is_announced = true;
            let (entry, path, stream, from) = (row.entry, row.path.to_path_buf(), row.stream.clone(), row.read.offset);
            look.changes.push(Change::Appeared { file: id, entry, path, stream, from });
        }
    }

    /// Adds a row; its number.
    pub(super) fn insert(&mut self, mut row: Row, stat: &Stat, look: &mut Look<'_>) -> FileId {
        let id = self.new_id();
        row.note(stat, look.now);
        (row.grown_at, row.stirred_at) = (look.now, look.now);
        self.streams.join(&row.stream, (row.entry, &self.name_owner(row.entry, &row.first_path)), id);
        let is_copy = row.copy_of.is_some();
        self.rows.insert(id, row);
        self.announce(id, look);
        self.hold(id);
        // Also where nothing is settled yet: rotated away while the program is down, it is found by what was saved.
        if !is_copy {
            self.save(id, look);
        }
        id
    }

    /// A file that nobody knew.
    pub(super) fn appear(&mut self, index: usize, look: &mut Look<'_>) {
        let seen = &look.seen[index];
        let key = (seen.entry, seen.inode);
        let followed = &self.entries[seen.entry].entry;
        if followed.newest_only && look.seen.iter().any(|other| other.entry == seen.entry && is_newer(other, seen)) {
            return;
        }
        let was_there = followed.is_new && (self.looks == 1 || self.unread.contains_key(&key));
        let (start_at, encoding) = (followed.start_at, followed.encoding);
        let opened = read::open(&seen.path).and_then(|file| {
            let stat = Stat::of(&file.metadata()?);
            let size = self.unread.get(&key).map_or(stat.size, |&then| then.min(stat.size));
            let encoding = read::encoding(&file, encoding)?.0;
            let from = if was_there { read::start(&file, size, start_at, encoding)? } else { Mark::default() };
            Ok((read::fingerprint(&file)?, from, stat, file))
        });
        let (head, from, stat, file) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                if was_there {
                    self.unread.entry(key).or_insert(seen.size);
                }
                return self.refuse(&seen.path, &error);
            }
        };
        if stat.inode != seen.inode {
            // The name went to another file since: the next look sees that one.
            return;
        }
        self.unread.remove(&key);
        let first_path = self.owner_of(seen, &stat, look);
        let wanted = streams::wanted(followed.stream.as_deref(), &first_path);
        let group = streams::wanted_group(&followed.group, &first_path);
        let owner = self.name_owner(seen.entry, &first_path);
        let stream = self.streams.choose((seen.entry, &owner), &first_path, &group, &wanted);
        if *stream.stream != *wanted {
            log::warn!(path:% = seen.path.display(), stream:% = stream.stream, wanted:% = wanted; "another file has the stream's name; taking another name");
        }
        let mut row = Row::new(seen.entry, seen.inode, seen.path.as_path().into(), first_path, stream);
        (row.head, row.read, row.settled, row.settled_then, row.skipped) = (head, from, from, from.offset, from.offset);
        let id = self.insert(row, &stat, look);
        self.keep_open(id, file);
    }

    pub(super) fn save(&self, id: FileId, look: &mut Look<'_>) {
        if let Some(row) = self.rows.get(&id) {
            look.changes.push(Change::Save(row.saved(&self.entries[row.entry].entry.key)));
        }
    }

    fn tidy(&mut self, seen: &[Seen]) {
        let looks = self.looks;
        self.refused.retain(|_, (_, last)| *last + 1 >= looks);
        if !self.undecided.is_empty() || !self.unread.is_empty() {
            let there: HashMap<(usize, Inode), ()> = seen.iter().map(|seen| ((seen.entry, seen.inode), ())).collect();
            self.undecided.retain(|key, _| there.contains_key(key));
            self.unread.retain(|key, _| there.contains_key(key));
        }
        if let Some(mut wake) = self.wake.take() {
            wake.watch(&self.folders());
            self.wake = Some(wake);
        }
    }

    /// The folders in which something may happen.
    fn folders(&self) -> HashSet<PathBuf> {
        let mut folders: HashSet<PathBuf> = HashSet::new();
        let bases = self.entries.iter().map(|followed| followed.pattern.folder());
        let mut last = Path::new("");
        for folder in self.rows.values().filter_map(|row| row.path.parent()).chain(bases) {
            // Most files stand beside the one before: comparing is cheaper than hashing.
            if folder.as_os_str() != last.as_os_str() && !folders.contains(folder) {
                folders.insert(folder.to_owned());
            }
            last = folder;
        }
        folders
    }
}
