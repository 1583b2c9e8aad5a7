//! The state folder: who holds it, whether an earlier run left something, and how a damaged store is set aside.
//!
//! The rule that is easy to break: the file `lock` is never deleted. It is what the lock is taken on, it holds the pid of who
//! holds the folder, and its second line says that a store was made here: a store that is gone is then a loss to tell of, not
//! a first start.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::OpenError;

/// The store's file.
const STORE: &str = "state.redb";
/// A store until its first commit is on disk: a cut while it is made leaves no half-made store.
const UNFINISHED: &str = "state.redb.new";
/// The newest store that could not be read.
const DAMAGED: &str = "state.redb.damaged";
/// What the lock is taken on.
const LOCK: &str = "lock";

/// A state folder that this process holds.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    /// Held while this lives.
    lock: File,
    /// A store was made here once.
    pub(super) had_store: bool,
}

impl Folder {
    /// Makes the folder where it is missing, and takes it for this process.
    pub(super) fn take(dir: &Path) -> Result<Self, OpenError> {
        let fault = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Folder { doing, path, source }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(fault("make", dir))?;
        let path = dir.join(LOCK);
        let mut lock = open_private(&path, false).map_err(fault("write", &path))?;
        let locked = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        // Text of our own; what is longer is not ours, and 64 bytes of it do.
        let mut text = String::new();
        let read = (&mut lock).take(64).read_to_string(&mut text);
        match locked {
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(OpenError::Held {
                    dir: dir.to_owned(),
                    pid: text.lines().next().and_then(|pid| pid.parse().ok()),
                });
            }
            Err(e) => return Err(fault("lock", &path)(e.into())),
            Ok(()) => {}
        }
        // A lock file that is not text is as good as an empty one: only the word on the loss depends on it.
        let had_store = read.is_ok() && text.lines().nth(1) == Some(STORE);
        let folder = Self { dir: dir.to_owned(), lock, had_store };
        folder.sign(had_store).map_err(fault("write", &path))?;
        Ok(folder)
    }

    /// The store's path.
    pub(super) fn store_path(&self) -> PathBuf {
        self.dir.join(STORE)
    }

    /// The store's file; none where there is none.
    pub(super) fn open_store(&self) -> Result<Option<File>, OpenError> {
        let path = self.store_path();
        match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(OpenError::Folder { doing: "open", path, source }),
        }
    }

    /// An empty file for a new store, which becomes the store with [`Folder::adopt`].
    pub(super) fn begin_store(&self) -> Result<File, OpenError> {
        let path = self.dir.join(UNFINISHED);
        open_private(&path, true).map_err(|source| OpenError::Folder { doing: "write", path, source })
    }

    /// Makes the new store the store, durably, and notes that there is one.
    pub(super) fn adopt(&mut self) -> Result<(), OpenError> {
        let path = self.store_path();
        let done = fs::rename(self.dir.join(UNFINISHED), &path)
            .and_then(|()| File::open(&self.dir)?.sync_all())
            .and_then(|()| if self.had_store { Ok(()) } else { self.sign(true).and_then(|()| self.lock.sync_all()) });
        self.had_store |= done.is_ok();
        done.map_err(|source| OpenError::Folder { doing: "write", path, source })
    }

    /// Puts the store out of the way under its other name, over an older one.
    pub(super) fn set_aside(&self) -> Result<(), OpenError> {
        let path = self.store_path();
        fs::rename(&path, self.dir.join(DAMAGED)).map_err(|source| OpenError::Folder { doing: "rename", path, source })
    }

    /// Writes the lock file's text, in place: the file is never without its lock.
    fn sign(&self, has_store: bool) -> io::Result<()> {
        let store = if has_store { STORE } else { "" };
        let text = format!("{}\n{store}\n", std::process::id());
        self.lock.write_all_at(text.as_bytes(), 0)?;
        self.lock.set_len(text.len() as u64)
    }
}

/// Opens a file that nobody else may read, making it where it is missing.
fn open_private(path: &Path, empty: bool) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(empty).mode(0o600).open(path)
}
