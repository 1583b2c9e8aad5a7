//! The log thread: looks at folders, reads files and the journal, and has the pipeline decide what becomes of it.
//!
//! One plain thread owns the table of files, the readings of the journal and the pipeline; everything else reaches it as an [`Event`] and hears of it as
//! an [`Action`]. Easy to break: a position is saved only from [`Effects::settled`].

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::records::{self, Records};
use super::saver::Urgency;
use crate::clock::Clock;
use crate::delivery::batch::Batch;
use crate::delivery::filter::Filter;
use crate::delivery::outcome::{Receipt, SendError};
use crate::delivery::pipeline::{Counts, Effects, Pipeline, Settings};
use crate::delivery::retry::Chance;
use crate::record::{FileId, Monotonic, SavedFile, StreamId, StreamName};
use crate::sources::child::Wake;
use crate::sources::file::{Change, FileEntry, Files};
use crate::state::{Changes, FileKey};

/// A look at least this often: a new file is noticed within it, whatever becomes of notifications.
const LOOK_PAUSE: Duration = Duration::from_secs(2);
/// Between two looks at the least, however many notifications come.
const LOOK_PAUSE_BUSY: Duration = Duration::from_millis(200);
/// A look may take a share of the time of one in this.
const LOOK_SHARE: u32 = 50;
/// How often the counts are told.
const TELL_PAUSE: Duration = Duration::from_millis(500);
/// After that many settled bytes a save does not wait for others.
const SAVE_BYTES: u64 = 64 * 1024 * 1024;

/// What the log thread is started with.
pub struct Parts {
    /// What to follow.
    pub entries: Vec<FileEntry>,
    /// The filter of each entry.
    pub filters: Vec<Filter>,
    /// What the pipeline is told.
    pub settings: Settings,
    /// The retention that each entry asks for.
    pub retention_days: Vec<Option<u16>>,
    /// Where the last run ended.
    pub saved: Vec<SavedFile>,
    /// What is never followed.
    pub never: Vec<std::path::PathBuf>,
    /// Descriptors that files may use.
    pub max_open: usize,
    /// The sources that are no files.
    pub records: records::Parts,
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
    /// No more reading.
    Stop,
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
}

/// Where a batch goes.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The stream.
    pub stream: StreamName,
    /// How many days its group is to keep it, where the config says so.
    pub retention_days: Option<u16>,
}

/// What the log thread tells of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// Counts of records.
    pub counts: Counts,
    /// Files followed.
    pub files: u64,
    /// Bytes in them that are not settled.
    pub lag_bytes: u64,
    /// When the oldest record that waits was read.
    pub oldest: Option<Monotonic>,
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
    let (wake, ready) = (inbox.clone(), inbox.clone());
    let ready: Wake = Arc::new(move || drop(ready.send(Event::Ready)));
    let thread = std::thread::Builder::new().name("logs".to_owned());
    thread.spawn(move || {
        let mut thread = LogThread::new(parts, clock, outbox, ready);
        // A hint must not keep the thread alive: it holds the sender only as long as the table lives.
        thread.files.wake_by(Box::new(move || {
            let _ = wake.send(Event::Wake);
        }));
        thread.run(&events);
    })?;
    Ok((Logs { inbox }, actions))
}

struct LogThread {
    clock: Clock,
    outbox: UnboundedSender<Action>,
    files: Files,
    records: Vec<Records>,
    pipeline: Pipeline,
    streams: HashMap<StreamName, StreamId>,
    destinations: Vec<Destination>,
    retention_days: Vec<Option<u16>>,
    keys: Vec<String>,
    has_looked: bool,
    next_look: Monotonic,
    looks_not_before: Monotonic,
    next_tell: Monotonic,
    sent_at_last_save: u64,
    is_stopping: bool,
}

impl LogThread {
    fn new(parts: Parts, clock: Clock, outbox: UnboundedSender<Action>, ready: Wake) -> Self {
        let keys: Vec<String> = parts.entries.iter().map(|entry| entry.key.clone()).collect();
        let sources = records::sources(parts.records, &ready);
        let mut thread = Self {
            clock,
            outbox,
            files: Files::new(parts.entries, parts.saved, parts.never, parts.max_open),
            records: Vec::new(),
            pipeline: Pipeline::new(parts.settings, parts.filters),
            streams: HashMap::new(),
            destinations: Vec::new(),
            retention_days: parts.retention_days,
            keys,
            has_looked: false,
            next_look: Monotonic(0),
            looks_not_before: Monotonic(0),
            next_tell: Monotonic(0),
            sent_at_last_save: 0,
            is_stopping: false,
        };
        for (entry, (records, stream)) in (thread.keys.len()..).zip(sources) {
            let stream = thread.stream(stream, entry);
            thread.pipeline.follow(records.file, stream, entry);
            thread.records.push(records);
        }
        thread
    }

    fn run(mut self, events: &Receiver<Event>) {
        loop {
            let now = self.clock.now();
            if now >= self.next_look && !self.is_stopping {
                self.look(now);
            }
            self.send_due(now);
            let has_read = self.read_one(now) | self.read_records(now);
            self.perform_effects();
            self.tell(now);
            if self.is_stopping && self.pipeline.is_empty() {
                return;
            }
            let pause = if has_read { Duration::ZERO } else { self.pause(now) };
            match events.recv_timeout(pause) {
                Ok(event) => {
                    self.handle(event);
                    while let Ok(event) = events.try_recv() {
                        self.handle(event);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Ready => {}
            Event::Wake => self.next_look = self.next_look.min(self.looks_not_before),
            Event::Outcome(batch, result) => {
                self.pipeline.outcome(batch, result, self.clock.now(), Chance(fastrand::f64()));
            }
            Event::SaveAll => {
                let journals = self.records.iter().filter_map(|records| records.saved()).collect();
                let (save, entries) = (self.files.saved(), self.keys.clone());
                let changes = Changes { save, journals, entries, ..Changes::default() };
                self.save(changes, Urgency::Now);
            }
            Event::Stop => {
                self.is_stopping = true;
                self.pipeline.drain();
                self.records.iter_mut().for_each(|records| records.stop());
            }
        }
    }

    fn look(&mut self, now: Monotonic) {
        let changes = self.files.look(now);
        let took = self.clock.now().since(now);
        self.looks_not_before = now.after(LOOK_PAUSE_BUSY.max(took * LOOK_SHARE));
        self.next_look = now.after(LOOK_PAUSE.max(took * LOOK_SHARE));
        let mut to_save = Changes::default();
        if !std::mem::replace(&mut self.has_looked, true) {
            // From now on a file that was not there is a new one, also when it comes while nobody looks.
            to_save.entries.clone_from(&self.keys);
        }
        for change in changes {
            self.take_in(change, &mut to_save);
        }
        if !to_save.is_empty() {
            self.save(to_save, Urgency::Now);
        }
    }

    fn take_in(&mut self, change: Change, to_save: &mut Changes) {
        match change {
            Change::Appeared { file, entry, path, stream, from } => {
                log::info!(path:% = path.display(), stream:% = stream, from; "following a file");
                let stream = self.stream(stream, entry);
                self.pipeline.follow(file, stream, entry);
            }
            Change::Replaced { old, new, entry, path, stream } => {
                self.pipeline.retire(old);
                log::info!(path:% = path.display(); "a file began anew");
                let stream = self.stream(stream, entry);
                self.pipeline.follow(new, stream, entry);
            }
            Change::Moved { from, to, .. } => {
                let to = to.as_ref().map_or_else(|| "elsewhere".into(), |to| to.display().to_string());
                log::debug!(path:% = from.display(), to; "a file was moved");
            }
            Change::Gone { file, path, forget } => {
                log::info!(path:% = path.display(); "a file is followed no more");
                file.into_iter().for_each(|file| self.pipeline.forget(file));
                let key = |key: crate::sources::file::SavedKey| FileKey {
                    entry: key.entry,
                    device: key.device,
                    inode: key.inode,
                };
                to_save.forget.extend(forget.map(key));
            }
            Change::Save(saved) => to_save.save.push(saved),
            Change::LetGo { path, bytes, .. } => {
                log::error!(path:% = path.display(), bytes; "a deleted file was let go before all of it was sent");
            }
            Change::Unreadable { path, error } => {
                log::warn!(path:% = path.display(), error; "cannot read; it is tried again on every look");
            }
        }
    }

    fn stream(&mut self, name: StreamName, entry: usize) -> StreamId {
        let destinations = &mut self.destinations;
        let retention_days = self.retention_days.get(entry).copied().flatten();
        *self.streams.entry(name).or_insert_with_key(|name| {
            destinations.push(Destination { stream: name.clone(), retention_days });
            // A machine with four billion streams has other troubles.
            StreamId(u32::try_from(destinations.len() - 1).unwrap_or(u32::MAX))
        })
    }

    fn send_due(&mut self, now: Monotonic) {
        while let Some(batch) = self.pipeline.take(now) {
            let to = self.destinations[batch.stream.0 as usize].clone();
            log::debug!(stream:% = to.stream, records = batch.len(), bytes = batch.bytes(); "sending");
            let _ = self.outbox.send(Action::Send(batch, to));
        }
    }

    /// Reads one window of one file, where there is anything to read and room for it.
    fn read_one(&mut self, now: Monotonic) -> bool {
        let pipeline = &self.pipeline;
        let may_read = |file: FileId| pipeline.may_read(file, now);
        let Some(file) = self.files.next_ready(may_read) else {
            return false;
        };
        let Some(block) = self.files.read(file) else {
            if self.files.needs_look() {
                self.next_look = self.looks_not_before;
            }
            return true;
        };
        let to = self.pipeline.push(file, block, now);
        self.files.advance(file, to);
        true
    }

    /// Takes what each source of records has, where there is room for it.
    fn read_records(&mut self, now: Monotonic) -> bool {
        let mut has_read = false;
        let mut to_save = Changes::default();
        for records in &mut self.records {
            records.tend(now, &self.clock);
            to_save.journals.extend(records.take_beginning());
            has_read |= self.pipeline.may_read(records.file, now) && records.read(&mut self.pipeline, now);
        }
        if !to_save.is_empty() {
            self.save(to_save, Urgency::Now);
        }
        has_read
    }

    fn perform_effects(&mut self) {
        let Effects { settled, rewind, refused, held } = self.pipeline.effects();
        let mut to_save = Changes::default();
        for (file, mark) in settled {
            match records::of(&mut self.records, file) {
                Some(source) => to_save.journals.extend(source.settle(mark)),
                None => to_save.save.extend(self.files.settle(file, mark)),
            }
        }
        for file in rewind {
            match records::of(&mut self.records, file) {
                Some(source) => source.rewind(),
                None => self.files.rewind(file),
            }
        }
        for (stream, cause, count) in refused {
            let stream = &self.destinations[stream.0 as usize].stream;
            log::warn!(stream:% = stream, count, cause = cause.text(); "records were given up");
        }
        for (stream, error, pause) in held {
            let stream = &self.destinations[stream.0 as usize].stream;
            log::warn!(stream:% = stream, error, pause_s = pause.as_secs(); "a stream is put aside for a while");
        }
        if !to_save.is_empty() {
            let sent = self.pipeline.counts().bytes_sent;
            let is_much = sent - self.sent_at_last_save > SAVE_BYTES;
            if is_much {
                self.sent_at_last_save = sent;
            }
            self.save(to_save, if is_much { Urgency::Now } else { Urgency::Later });
        }
    }

    fn save(&self, changes: Changes, urgency: Urgency) {
        let _ = self.outbox.send(Action::Save(changes, urgency));
    }

    fn tell(&mut self, now: Monotonic) {
        if now < self.next_tell && !(self.is_stopping && self.pipeline.is_empty()) {
            return;
        }
        self.next_tell = now.after(TELL_PAUSE);
        let told = Told {
            counts: self.pipeline.counts(),
            files: self.files.len() as u64,
            lag_bytes: self.files.lag_bytes(),
            oldest: self.pipeline.oldest(),
        };
        let _ = self.outbox.send(Action::Tell(told));
    }

    fn pause(&self, now: Monotonic) -> Duration {
        let next_look = if self.is_stopping { now.after(TELL_PAUSE) } else { self.next_look };
        let due = self.pipeline.next_due().unwrap_or(next_look);
        let sources = self.records.iter().filter_map(|records| records.next_due()).min().unwrap_or(next_look);
        due.min(next_look).min(sources).since(now).max(Duration::from_millis(1))
    }
}
