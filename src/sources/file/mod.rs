//! Follows log files: finds them, recognises them through every kind of rotation, and hands over what is written to them.
//!
//! [`Files`] is owned by one thread that looks at the folders ([`Files::look`]), reads what is there ([`Files::next_ready`],
//! [`Files::read`], [`Files::advance`]) and passes on what is acknowledged ([`Files::settle`]). The rule that is easy to
//! break: when in doubt a file is read again (a duplicate) rather than skipped (a loss), and nothing is saved but what is
//! settled without a gap.
//!
//! Does its file I/O in the calling thread and never waits; the time is handed in.

mod again;
mod away;
pub mod barred;
mod copies;
mod descriptors;
pub mod find;
mod hold;
pub mod identity;
mod leave;
mod look;
pub mod names;
mod newest;
pub mod preview;
mod read;
mod remove;
pub mod rotation;
mod siblings;
pub mod streams;
mod table;
mod turns;
mod wake;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::delivery::encoding::Encoding;
use crate::delivery::filter;
use crate::delivery::lines::Ending;
use crate::record::{FileId, Mark, Monotonic, SavedFile, StreamName};
use find::Pattern;
pub use hold::HeldFile;
use identity::Inode;
use read::Window;
use streams::Streams;
use table::{Place, Row};
use wake::Wake;

/// Where reading begins in files that are there when an entry is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// Behind the last whole line.
    End,
    /// At the first byte.
    Beginning,
    /// So many whole lines before the end.
    LinesBeforeEnd(u32),
}

/// One entry of the config: which files, and how they are read.
#[derive(Clone, Debug)]
pub struct FileEntry {
    /// The entry's stable name in the state.
    pub key: String,
    /// An absolute path or glob.
    pub pattern: String,
    /// The log group of its files; filled in like `stream`.
    pub group: Arc<str>,
    /// The stream of each file; `{file_name}` and `{file_path}` are filled in. None: the base name.
    pub stream: Option<String>,
    /// Where reading begins in the files that are there at the first look of a new entry.
    pub start_at: StartAt,
    /// No state knows this entry. Files that appear later, and all files of a known entry, are read from the beginning.
    pub is_new: bool,
    /// How long the unfinished last line of a file that was rotated away is waited for.
    pub partial_line_timeout: Duration,
    /// Records have several lines: what is left of a file is offered once more when it was quiet, as [`Ending::Quiet`].
    pub is_multi_line: bool,
    /// How the files' bytes become text, where no byte order mark says it.
    pub encoding: Encoding,
    /// Of several new matches only the one written to last is followed; all share the stream's name, one after the other.
    pub newest_only: bool,
    /// A rotated file is offered for removal once all of it is settled.
    pub removes: bool,
    /// Base names that are left out.
    pub blacklist: Option<filter::Pattern>,
}

/// A file's key in the state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SavedKey {
    /// The entry's key.
    pub entry: String,
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// What a look found, in the order in which it is to be taken in.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A file is followed from now on.
    Appeared {
        /// Its number.
        file: FileId,
        /// The index of its entry.
        entry: usize,
        /// Where it is.
        path: PathBuf,
        /// Where its records go.
        stream: StreamName,
        /// The offset at which reading begins.
        from: u64,
    },
    /// A followed file has another path; none where it has none that is known.
    Moved {
        /// Its number.
        file: FileId,
        /// Where it was.
        from: PathBuf,
        /// Where it is.
        to: Option<PathBuf>,
    },
    /// A file was truncated or rewritten: it begins anew under a new number; acknowledgements of the old one go on to be
    /// handed to [`Files::settle`].
    Replaced {
        /// The number of what was there.
        old: FileId,
        /// The number of what is there now.
        new: FileId,
        /// The index of its entry.
        entry: usize,
        /// Where it is.
        path: PathBuf,
        /// Where its records go.
        stream: StreamName,
    },
    /// A file is followed no more: deleted, or put aside and at rest.
    Gone {
        /// Its number; none where it was only known from the state.
        file: Option<FileId>,
        /// Where it was last.
        path: PathBuf,
        /// What the state is to forget; none where another file has taken the same place in it.
        forget: Option<SavedKey>,
    },
    /// To be saved at once.
    Save(SavedFile),
    /// A rotated file of which everything is settled: once what is to be saved of it is on disk, [`Files::remove`] may be called.
    Retire {
        /// Its number.
        file: FileId,
        /// What is to be saved of it before.
        saved: SavedFile,
    },
    /// A rotated file was deleted. It is read on from its descriptor for late writers; then a [`Change::Gone`] follows.
    Removed {
        /// Where it was.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// Bytes were given up: a deleted file was held for too long, or was gone before it could be read. A [`Change::Gone`] follows.
    LetGo {
        /// Its number, where it was followed in this run.
        file: Option<FileId>,
        /// Where it was last.
        path: PathBuf,
        /// How many bytes nobody has read.
        bytes: u64,
    },
    /// A file or folder cannot be read. Told once for each cause; it is tried again on every look.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: String,
    },
}

/// An entry and what is remembered of it.
#[derive(Debug)]
struct Followed {
    entry: FileEntry,
    pattern: Pattern,
}

/// A window that the pipeline has not answered for yet.
#[derive(Debug)]
struct HandedOut {
    file: FileId,
    /// Where it ended in the file.
    end: u64,
    /// There may be more.
    is_full: bool,
    /// As what its last bytes were offered.
    ending: Ending,
}

/// A file that began anew, of which acknowledgements are still awaited because another file holds its rest.
#[derive(Debug)]
struct Retired {
    heir: FileId,
    read: Mark,
}

/// The table of followed files.
pub struct Files {
    entries: Vec<Followed>,
    rows: BTreeMap<FileId, Row>,
    retired: BTreeMap<FileId, Retired>,
    streams: Streams,
    /// Files that may have something to read, each once.
    queue: VecDeque<FileId>,
    window: Window,
    /// The window handed out last.
    handed_out: Option<HandedOut>,
    exempt: Vec<PathBuf>,
    /// What could not be read, why, and on which look that was last so.
    refused: HashMap<PathBuf, (io::ErrorKind, u64)>,
    /// Files that may be copies in the making: their size, and since when it is that.
    undecided: HashMap<(usize, Inode), (u64, Monotonic)>,
    /// Files that were there at the first look and could not be read: their size then.
    unread: HashMap<(usize, Inode), u64>,
    pending: Vec<Change>,
    max_open: usize,
    open: usize,
    reads: u64,
    looks: u64,
    /// When the first look was.
    began: Option<Monotonic>,
    next_id: u64,
    wake: Option<Wake>,
}

impl Files {
    /// A table that follows `entries`, goes on where `saved` says, and never follows a path in `never` (nor a rotated one of
    /// it). At most `max_open` descriptors are used for files that can be opened again.
    pub fn new(entries: Vec<FileEntry>, saved: Vec<SavedFile>, never: Vec<PathBuf>, max_open: usize) -> Self {
        Self::beside(&[], entries, saved, never, max_open)
    }

    /// The same, and no file gets a name in `reserved`: those streams are others'.
    pub fn beside(
        reserved: &[StreamName],
        entries: Vec<FileEntry>,
        saved: Vec<SavedFile>,
        never: Vec<PathBuf>,
        max_open: usize,
    ) -> Self {
        let mut files = Self {
            entries: entries.into_iter().map(Followed::new).collect(),
            rows: BTreeMap::new(),
            retired: BTreeMap::new(),
            streams: Streams::default(),
            queue: VecDeque::new(),
            window: Window::default(),
            handed_out: None,
            exempt: never,
            refused: HashMap::new(),
            undecided: HashMap::new(),
            unread: HashMap::new(),
            pending: Vec::new(),
            max_open: max_open.max(1),
            open: 0,
            reads: 0,
            looks: 0,
            began: None,
            next_id: 0,
            wake: None,
        };
        reserved.iter().for_each(|name| files.streams.reserve(name.clone()));
        files.expect(saved);
        files
    }

    /// Has `wake` called, from another thread, when a look is likely to find something. Hints only: look every other second
    /// all the same.
    pub fn wake_by(&mut self, wake: Box<dyn Fn() + Send>) {
        self.wake = Wake::new(wake, self.exempt.clone());
    }

    /// How many files are followed.
    pub fn len(&self) -> usize {
        self.rows.values().filter(|row| row.is_announced).count()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many descriptors of followed files are open.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Bytes in followed files that are not settled yet.
    pub fn lag_bytes(&self) -> u64 {
        let lag = |row: &Row| row.size.saturating_sub(row.settled.offset);
        self.rows.values().filter(|row| row.is_announced).map(lag).sum()
    }

    /// Whether a read found something that only a look can settle: the next one is wanted soon.
    pub fn needs_look(&self) -> bool {
        self.rows.values().any(|row| row.is_suspect)
    }

    /// Everything of `file` up to `to` is acknowledged: what is to be saved of it. None where the file began anew since, or
    /// where an older part of its content is not acknowledged yet.
    pub fn settle(&mut self, file: FileId, to: Mark) -> Option<SavedFile> {
        if let Some(retired) = self.retired.get(&file) {
            let (heir, is_done) = (retired.heir, to.offset >= retired.read.offset);
            if is_done {
                self.retired.remove(&file);
            }
            let row = self.rows.get_mut(&heir)?;
            row.settled = to;
            if is_done {
                row.heir_of = None;
                row.settled = row.ahead.take().unwrap_or(to);
            }
            return Some(row.saved(&self.entries[row.entry].entry.key));
        }
        let row = self.rows.get_mut(&file)?;
        if row.heir_of.is_some() {
            row.ahead = Some(to);
            return None;
        }
        if to.offset < row.settled.offset {
            return None;
        }
        row.settled = to;
        Some(row.saved(&self.entries[row.entry].entry.key))
    }
}

impl Files {
    /// Notes that `path` cannot be read, and tells it where that is new.
    fn refuse(&mut self, path: &Path, error: &io::Error) {
        let known = self.refused.insert(path.to_owned(), (error.kind(), self.looks));
        if known.is_none_or(|(kind, _)| kind != error.kind()) {
            self.pending.push(Change::Unreadable { path: path.to_owned(), error: error.to_string() });
        }
    }

    /// Takes in what the state knows: files put aside before those in their place, so that streams keep their order.
    fn expect(&mut self, mut saved: Vec<SavedFile>) {
        saved.sort_by_key(|file| file.path == file.first_path);
        for file in saved {
            let Some(entry) = self.entry_of(&file.entry) else {
                continue;
            };
            let inode = Inode { device: file.device, number: file.inode };
            let mut row = Row::new(entry, inode, file.path.into(), file.first_path.into(), file.stream);
            (row.head, row.read, row.settled, row.size) = (file.head, file.settled, file.settled, file.settled.offset);
            row.skipped = file.skipped;
            row.place = Place::Expected;
            self.take_up(row);
        }
    }

    fn entry_of(&self, key: &str) -> Option<usize> {
        self.entries.iter().position(|followed| followed.entry.key == key)
    }

    /// Adds a file of an earlier run or shift. A name once given is kept, unless the config asks for another now.
    fn take_up(&mut self, mut row: Row) {
        let (id, entry) = (self.new_id(), &self.entries[row.entry].entry);
        let wanted = streams::wanted(entry.stream.as_deref(), &row.first_path);
        let group = streams::wanted_group(&entry.group, &row.first_path);
        let is_kept = row.stream.group == group && streams::is_variant(&row.stream.stream, &wanted, &row.first_path);
        let wanted = if is_kept { &*row.stream.stream } else { &wanted };
        let owner = self.name_owner(row.entry, &row.first_path);
        row.stream = self.streams.choose((row.entry, &owner), &row.first_path, &group, wanted);
        self.streams.join(&row.stream, (row.entry, &owner), id);
        self.rows.insert(id, row);
    }

    fn new_id(&mut self) -> FileId {
        self.next_id += 1;
        FileId(self.next_id)
    }
}

impl Followed {
    fn new(entry: FileEntry) -> Self {
        let pattern = Pattern::new(&entry.pattern).unwrap_or_else(|error| {
            log::warn!(pattern:% = entry.pattern, error:% = error; "cannot read glob; taking it as a plain path");
            Pattern::literal(&entry.pattern)
        });
        Self { entry, pattern }
    }
}
