//! What survives the end of the program: positions in followed files and in journals, and rounds of samples that wait to be sent.
//!
//! One embedded crash-safe store (redb) in one folder, held by one process at a time. The rule that is easy to break: a commit
//! counts once [`Store::commit`] has returned `Ok`, never before; after an `Err` it may or may not have happened, and the same
//! changes are committed again (every change is one that may be made twice). A store that cannot be read is never a reason to
//! skip: it is set aside, a new one begins, and every file is read again from its beginning.
//!
//! Everything here blocks on the disk: off the runtime's thread.

mod changes;
mod checked;
mod codec;
mod disk;
mod engine;
mod folder;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use changes::{Changes, FileKey, Page, RoundId, Waiting};
pub use disk::Disk;
use engine::{Bad, Engine, Fault};
use folder::Folder;

use crate::record::{Identity, Offset, SavedFile, SavedJournal};

/// What an opened store found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// No earlier run left anything.
    First,
    /// What the last run saved.
    Resumed,
    /// There was a state, and it cannot be read, or is gone. What there is of it is set aside (`state.redb.damaged`) and a new
    /// one has begun: every file is to be read from its beginning.
    Lost {
        /// What is wrong with it.
        reason: String,
    },
}

/// Why the state folder could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds it.
    #[error(
        "taking the state folder `{}`: another agent{} uses it; each agent needs a folder of its own (`agent.state_directory`)",
        dir.display(), pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Held {
        /// The folder.
        dir: PathBuf,
        /// Who, where the lock file says it.
        pid: Option<u32>,
    },
    /// It cannot be made, written or locked.
    #[error(
        "taking the state folder: cannot {doing} `{}`; the agent needs a folder it may write to (`agent.state_directory`)",
        path.display()
    )]
    Folder {
        /// What we were doing with `path`: `make`, `write`, `lock`, `open`, `rename`.
        doing: &'static str,
        /// The folder or a file in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store in it may be sound, but cannot be written.
    #[error("opening the state `{}`: it cannot be written", path.display())]
    Store {
        /// The store's file.
        path: PathBuf,
        /// What the store said.
        source: Box<redb::Error>,
    },
}

/// Why the store did not do it. It stays usable: try again later.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or what stands on it.
    #[error("{doing} the state")]
    Failed {
        /// `reading` or `saving`.
        doing: &'static str,
        /// What the store said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store had to be opened again and what it held is lost; a new one has begun. All that is worth keeping is to be
    /// saved again, not only these changes.
    #[error("the state is lost ({reason}); a new one has begun")]
    Lost {
        /// What is wrong with it.
        reason: String,
    },
}

/// The store, open and held by this process.
#[derive(Debug)]
pub struct Store {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    place: Place,
    /// None after a failed write, until it has been opened again.
    engine: Option<Engine>,
    /// What waited when it was last known.
    waiting: Waiting,
    /// The store was found lost since the last commit, and a new one begun: the next commit says so, whoever found it.
    lost: Option<String>,
}

/// Where the store is opened again after a failed write.
#[derive(Debug)]
enum Place {
    Folder(Folder),
    Disk(Arc<dyn Disk>),
}

impl Store {
    /// Takes the folder `dir`, making it where it is missing, and opens the store in it.
    pub fn open(dir: &Path) -> Result<(Self, Opened), OpenError> {
        let mut folder = Folder::take(dir)?;
        let (engine, opened) = open_in(&mut folder)?;
        Ok((Self::of(Place::Folder(folder), engine), opened))
    }

    /// A store on `disk` instead of in a folder: what a test cuts the power of. An empty disk becomes a new store; the reason
    /// where what is on it is no sound state.
    pub fn on_disk(disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        let engine = open_on(&disk)?;
        Ok(Self::of(Place::Disk(disk), engine))
    }

    /// A store that ends with the program: for a machine whose disk cannot be written, so that it delivers all the same.
    ///
    /// # Errors
    /// When the store cannot be begun.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::on_disk(Arc::new(disk::Memory::default()))
    }

    fn of(place: Place, engine: Engine) -> Self {
        let waiting = engine.waiting;
        Self { inner: Mutex::new(Inner { place, engine: Some(engine), waiting, lost: None }) }
    }

    /// Makes `changes` durable in one transaction: they survive a power cut once this has returned.
    pub fn commit(&self, changes: &Changes) -> Result<(), StoreError> {
        let mut inner = self.lock();
        inner.engine()?;
        if let Some(reason) = inner.lost.take() {
            return Err(StoreError::Lost { reason });
        }
        let engine = inner.engine()?;
        let done = engine.commit(changes);
        let waiting = engine.waiting;
        inner.waiting = waiting;
        done.map_err(|e| {
            // After a failed write redb refuses everything until it is opened again, which finds the last sound commit.
            inner.engine = None;
            StoreError::Failed { doing: "saving", source: e.into() }
        })
    }

    /// Every saved position.
    pub fn files(&self) -> Result<Vec<SavedFile>, StoreError> {
        self.read(Engine::files)
    }

    /// Every saved place in a journal.
    pub fn journals(&self) -> Result<Vec<SavedJournal>, StoreError> {
        self.read(Engine::journals)
    }

    /// The keys of all config entries that were ever followed.
    pub fn entries(&self) -> Result<BTreeSet<String>, StoreError> {
        self.read(Engine::entries)
    }

    /// The identities that Cognito gave, one a user.
    pub fn identities(&self) -> Result<Vec<Identity>, StoreError> {
        self.read(Engine::identities)
    }

    /// Waiting rounds from number `from` on, oldest first: at most `max_count` and, but for the first, `max_bytes` of them.
    pub fn rounds(&self, from: RoundId, max_count: usize, max_bytes: usize) -> Result<Page, StoreError> {
        self.read(|engine| engine.rounds(from, max_count, max_bytes))
    }

    /// How much waits. Costs no I/O.
    pub fn waiting(&self) -> Waiting {
        self.lock().waiting
    }

    /// The offset last measured in each boot of which a round may still wait. Other boots are forgotten at the next start.
    pub fn boots(&self) -> Result<BTreeMap<String, Offset>, StoreError> {
        Ok(self.read(Engine::boots)?.into_iter().map(|(boot, offset)| (boot.0, offset)).collect())
    }

    fn read<T>(&self, read: impl FnOnce(&Engine) -> Result<T, Bad>) -> Result<T, StoreError> {
        let mut inner = self.lock();
        let done = read(inner.engine()?);
        done.map_err(|e| {
            inner.engine = None;
            StoreError::Failed { doing: "reading", source: e.into() }
        })
    }

    /// Nothing that is kept here is left half-changed by a panic, so a poisoned lock is as good as another.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The database, opened again where a write had failed.
    fn engine(&mut self) -> Result<&mut Engine, StoreError> {
        if self.engine.is_none() {
            let (engine, opened) = match &mut self.place {
                Place::Disk(disk) => (open_on(disk)?, Opened::Resumed),
                Place::Folder(folder) => {
                    open_in(folder).map_err(|e| StoreError::Failed { doing: "opening again", source: e.into() })?
                }
            };
            let next = self.waiting.next;
            self.waiting = Waiting { next: engine.waiting.next.max(next), ..engine.waiting };
            let engine = self.engine.insert(engine);
            engine.waiting = self.waiting;
            if let Opened::Lost { reason } = opened {
                self.lost = Some(reason);
            }
        }
        match &mut self.engine {
            Some(engine) => Ok(engine),
            None => Err(StoreError::Failed { doing: "opening again", source: "it is closed".into() }),
        }
    }
}

/// Opens the store in `folder`; sets aside what is damaged there and begins a new one.
fn open_in(folder: &mut Folder) -> Result<(Engine, Opened), OpenError> {
    let reason = match folder.open_store()? {
        None if !folder.had_store => return Ok((begin_in(folder)?, Opened::First)),
        None => "the file is gone".to_owned(),
        Some(file) => match open_file(file) {
            Ok(engine) => return Ok((engine, Opened::Resumed)),
            Err(Fault::NotWritten(e)) => {
                return Err(OpenError::Store { path: folder.store_path(), source: e.into() });
            }
            Err(Fault::Damaged(reason)) => {
                folder.set_aside()?;
                reason
            }
        },
    };
    Ok((begin_in(folder)?, Opened::Lost { reason }))
}

fn open_file(file: std::fs::File) -> Result<Engine, Fault> {
    match file.size() {
        Ok(0) => Err(Fault::Damaged("the file is empty".to_owned())),
        Ok(_) => Engine::open(Arc::new(file)),
        Err(e) => Err(Fault::Damaged(e.to_string())),
    }
}

fn begin_in(folder: &mut Folder) -> Result<Engine, OpenError> {
    let file = folder.begin_store()?;
    let created = Engine::create(Arc::new(file));
    let engine = created.map_err(|e| OpenError::Store { path: folder.store_path(), source: e.into() })?;
    folder.adopt()?;
    Ok(engine)
}

fn open_on(disk: &Arc<dyn Disk>) -> Result<Engine, StoreError> {
    let fault = |source| StoreError::Failed { doing: "opening", source };
    if disk.size().map_err(|e| fault(e.into()))? == 0 {
        return Engine::create(disk.clone()).map_err(|e| fault(e.into()));
    }
    Engine::open(disk.clone()).map_err(|e| match e {
        Fault::Damaged(reason) => StoreError::Lost { reason },
        Fault::NotWritten(e) => fault(e.into()),
    })
}
