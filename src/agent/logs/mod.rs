//! The log thread, as the loop knows it: what it is told, and what it wants done.
//!
//! One plain thread owns the table of files, the sources of records (`records`) and the pipeline (`thread`); everything else reaches
//! it as an [`Event`] and hears of it as an [`Action`].

mod records;
mod thread;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::saver::Urgency;
use crate::clock::Clock;
use crate::delivery::batch::Batch;
use crate::delivery::outcome::{Receipt, SendError};
use crate::delivery::pipeline::{Counts, Settings};
use crate::delivery::treatment::Treatment;
use crate::record::{FileId, Monotonic, SavedFile, SavedJournal, StreamName, Wall};
use crate::sources::child::Wake;
use crate::sources::file::{FileEntry, HeldFile};
use crate::state::Changes;
pub use records::{RecordsOf, RecordsParts};
use thread::LogThread;

/// What the log thread is started with.
pub struct Parts {
    /// What to follow.
    pub entries: Vec<FileEntry>,
    /// The filter of each entry.
    pub treatments: Vec<Treatment>,
    /// What the pipeline is told.
    pub settings: Settings,
    /// What each entry asks for its group.
    pub groups: Vec<GroupWish>,
    /// Where the last run ended.
    pub saved: Vec<SavedFile>,
    /// Files that the shift before held.
    pub held: Vec<HeldFile>,
    /// What is never followed.
    pub never: Vec<std::path::PathBuf>,
    /// Descriptors that files may use.
    pub max_open: usize,
    /// Sources of whole records. Their treatments and groups come behind those of `entries`.
    pub records: Vec<RecordsParts>,
}

/// What the log thread is told.
#[derive(Debug)]
pub enum Event {
    /// Something may have happened to a file.
    Wake,
    /// A source of records may have something.
    Ready,
    /// What became of a batch.
    Outcome(Batch, Result<Receipt, SendError>),
    /// The store began anew: everything is to be saved again.
    SaveAll,
    /// All that is known of this file is on disk, and it may be deleted.
    Remove(FileId),
    /// No more reading; what is open is due at once.
    Stop,
    /// No more reading nor sending: once what is in flight is answered, everything is left to the next shift.
    HandOver,
    /// The same without waiting for answers.
    LetGo,
}

/// What the log thread wants done.
#[derive(Debug)]
pub enum Action {
    /// Send a batch, and tell the outcome.
    Send(Batch, Destination),
    /// Save positions.
    Save(Changes, Urgency),
    /// The counts, now and then.
    Tell(Told),
    /// Save a file's position, and tell when it is on disk: then it is deleted.
    Retire(FileId, SavedFile),
    /// The last word before a new configuration takes over.
    Leave(Left),
}

/// What the log thread leaves to the next.
#[derive(Debug, Default)]
pub struct Left {
    /// Files where they stand, with their descriptors: a deleted one has nothing else, nor has any where the disk takes no positions.
    pub files: Vec<HeldFile>,
    /// Where sources of records stand.
    pub journals: Vec<SavedJournal>,
}

/// Where a batch goes.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The stream.
    pub stream: StreamName,
    /// What is asked for its group.
    pub group: GroupWish,
}

impl Destination {
    /// The stream that a request goes to whose first record is of `time`.
    pub fn on_day_of(&self, time: Option<Wall>) -> Self {
        Self { stream: time.map_or_else(|| self.stream.clone(), |time| self.stream.on_day_of(time)), group: self.group }
    }
}

/// What an entry asks for its group.
#[derive(Clone, Copy, Debug, Default)]
pub struct GroupWish {
    /// How many days it keeps records, where the config says so.
    pub retention_days: Option<u16>,
    /// It is of the class `INFREQUENT_ACCESS`, where it is made.
    pub is_infrequent: bool,
}

/// What the log thread tells of itself.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Counts of records.
    pub counts: Counts,
    /// Files followed.
    pub files: u64,
    /// Bytes in them that are not settled.
    pub lag_bytes: u64,
    /// Files that were deleted by `auto_removal`.
    pub removed: u64,
    /// Sources of records.
    pub journals: u64,
    /// How long ago the oldest was written of what they have and is not settled, in milliseconds.
    pub journal_lag_ms: u64,
    /// What keeps a source of records from being read.
    pub trouble: Option<String>,
    /// How many streams may not be written, and the first of them with the reason.
    pub refused: (u64, Option<String>),
    /// When the oldest record that waits was read.
    pub oldest: Option<Monotonic>,
    /// When this was told.
    pub at: Monotonic,
}

/// A way to speak to the log thread; it ends when the last is gone.
#[derive(Clone)]
pub struct Logs {
    inbox: Sender<Event>,
}

impl Logs {
    /// Tells the thread something.
    pub fn tell(&self, event: Event) {
        // A thread that has ended has nothing left to hear.
        let _ = self.inbox.send(event);
    }
}

/// Starts the log thread. It ends, and closes the channel of actions, once it was stopped and everything is answered.
///
/// # Errors
/// When the system gives no thread.
#[allow(clippy::disallowed_methods, reason = "sends are bounded by the pipeline, saves by the sends")]
pub fn start(parts: Parts, clock: Clock) -> io::Result<(Logs, UnboundedReceiver<Action>)> {
    let (inbox, events) = channel();
    let (outbox, actions) = unbounded_channel();
    let wake = inbox.clone();
    let thread = std::thread::Builder::new().name("logs".to_owned());
    thread.spawn(move || {
        let ready = wake.clone();
        let ready: Wake = Arc::new(move || {
            let _ = ready.send(Event::Ready);
        });
        let mut thread = LogThread::new(parts, clock, outbox, &ready);
        drop(ready);
        // A hint must not keep the thread alive: it holds the sender only as long as the table lives.
        thread.wake_by(Box::new(move || {
            let _ = wake.send(Event::Wake);
        }));
        thread.run(&events);
    })?;
    Ok((Logs { inbox }, actions))
}
