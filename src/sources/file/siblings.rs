//! Looks around in a file's folder when rotation took it away: where it is now, which file is a copy of it, and which were
//! written in its place and rotated too before anyone looked.
//!
//! A folder is listed once a look, however many of its files moved.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

use super::identity::Inode;
use super::names;
use super::read;
use super::table::{Row, Stat};
use crate::record::{Fingerprint, Mark};

/// The folders listed on this look.
#[derive(Debug, Default)]
pub(super) struct Folders {
    listed: HashMap<PathBuf, io::Result<Names>>,
}

/// The names in a folder, found by what is asked for: many files of one folder may be rotated at once.
#[derive(Debug, Default)]
struct Names {
    by_number: HashMap<u64, Vec<OsString>>,
    /// By the name that each had before rotation, as far as it tells.
    by_original: HashMap<Vec<u8>, Vec<OsString>>,
}

/// Where a file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whereabouts {
    Found(PathBuf),
    /// The folder can be read, and it is not there.
    Nowhere,
    /// The folder is not there, or cannot be read now.
    Unknown,
}

impl Folders {
    /// Where in the folder of `path` the file `inode` is.
    pub(super) fn find(&mut self, path: &Path, inode: Inode) -> Whereabouts {
        let Some(folder) = path.parent() else {
            return Whereabouts::Nowhere;
        };
        let Ok(names) = self.list(folder) else {
            return Whereabouts::Unknown;
        };
        let is_it = |path: &PathBuf| stat(path).is_some_and(|stat| stat.inode == inode);
        let by_number = names.by_number.get(&inode.number).into_iter().flatten();
        // An overlay file system lists other numbers than it gives to files: there the name must help.
        let found = by_number.chain(names.rotated(path)).map(|name| folder.join(name)).find(is_it);
        found.map_or(Whereabouts::Nowhere, Whereabouts::Found)
    }

    /// The files beside `path` that have a name which rotation gives it, the one written to last at the end.
    pub(super) fn rotated(&mut self, path: &Path) -> Vec<(PathBuf, Stat)> {
        let Some(folder) = path.parent() else {
            return Vec::new();
        };
        let Ok(names) = self.list(folder) else {
            return Vec::new();
        };
        let paths = names.rotated(path).map(|name| folder.join(name));
        let mut found: Vec<_> = paths
            .filter(|path| !names::is_compressed(path))
            .filter_map(|path| stat(&path).map(|stat| (path, stat)))
            .collect();
        found.retain(|(_, stat)| stat.is_file);
        // Written in the same tick: `app.log.2` is older than `app.log.1`.
        found.sort_by(|(a, one), (b, other)| {
            one.modified
                .cmp(&other.modified)
                .then_with(|| b.as_os_str().len().cmp(&a.as_os_str().len()))
                .then_with(|| b.cmp(a))
        });
        found
    }

    fn list(&mut self, folder: &Path) -> &io::Result<Names> {
        self.listed.entry(folder.to_owned()).or_insert_with(|| Names::of(folder))
    }
}

impl Names {
    fn of(folder: &Path) -> io::Result<Self> {
        let mut names = Self::default();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if let Some(original) = names::original(&entry.file_name()) {
                names.by_original.entry(original).or_default().push(entry.file_name());
            }
            names.by_number.entry(entry.ino()).or_default().push(entry.file_name());
        }
        Ok(names)
    }

    /// The names that rotation gives the file at `path`.
    fn rotated(&self, path: &Path) -> impl Iterator<Item = &OsString> {
        let name = path.file_name().unwrap_or_default().as_bytes();
        self.by_original.get(name).into_iter().flatten()
    }
}

/// What the file system says of `path`; none where it says nothing.
pub(super) fn stat(path: &Path) -> Option<Stat> {
    fs::metadata(path).ok().map(|metadata| Stat::of(&metadata))
}

/// Whether the file at `path` begins like `head` and has before `read` what stood there.
pub(super) fn is_like(path: &Path, head: Fingerprint, read: Mark) -> bool {
    read::open(path).and_then(|file| read::fits(&file, head, read)).unwrap_or(false)
}

/// Whether a file with `stat` was made in the place of `row` after `row` had left it.
pub(super) fn is_successor(stat: &Stat, row: &Row) -> bool {
    match (stat.born, row.born) {
        (Some(born), Some(before)) => born > before.max(row.restarted) && stat.modified >= row.modified,
        _ => stat.modified > row.modified,
    }
}
