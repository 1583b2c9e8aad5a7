//! The log thread: looks at folders, reads files and other sources, and has the pipeline decide what becomes of it.
//!
//! Plain synchronous code. Easy to break: a position is saved only from [`Effects::settled`].

mod looks;
mod streams;

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::records::{Records, RecordsParts};
use super::{Action, Event, GroupWish, Left, Parts, Told, Urgency};
use crate::clock::Clock;
use crate::delivery::pipeline::{Effects, Pipeline};
use crate::delivery::retry::Chance;
use crate::record::{FileId, Monotonic, SavedJournal, StreamId, StreamName, Wall};
use crate::sources::child::Wake;
use crate::sources::file::Files;
use crate::state::Changes;
use streams::Streams;

/// The counts are told this often though nothing happens: whoever watches takes a thread that is silent for long to hang.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How often the counts are told.
const TELL_PAUSE: Duration = Duration::from_millis(500);
/// After that many settled bytes a save does not wait for others.
const SAVE_BYTES: u64 = 64 * 1024 * 1024;

/// The thread's state.
pub(super) struct LogThread {
    clock: Clock,
    outbox: UnboundedSender<Action>,
    files: Files,
    records: Vec<Records>,
    pipeline: Pipeline,
    streams: Streams,
    groups: Vec<GroupWish>,
    keys: Vec<String>,
    has_looked: bool,
    next_look: Monotonic,
    looks_not_before: Monotonic,
    next_tell: Monotonic,
    sent_at_last_save: u64,
    /// Files that were deleted.
    removed: u64,
    /// Batches of which the outcome is not known.
    in_flight: usize,
    going: Going,
}

/// How far the thread is asked to end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    /// Not at all.
    On,
    /// Once all is sent.
    Empty,
    /// Once what is in flight is answered.
    HandingOver,
    /// At once.
    Leaving,
}

impl LogThread {
    /// A thread that follows what `parts` say.
    pub(super) fn new(parts: Parts, clock: Clock, outbox: UnboundedSender<Action>, ready: &Wake) -> Self {
        let keys: Vec<String> = parts.entries.iter().map(|entry| entry.key.clone()).collect();
        let first_source = parts.entries.len();
        let reserved: Vec<StreamName> = parts.records.iter().map(|records| records.stream.clone()).collect();
        let files = Files::beside(&reserved, parts.entries, parts.saved, parts.never, parts.max_open);
        let mut thread = Self {
            clock,
            outbox,
            files: files.holding(parts.held),
            records: Vec::new(),
            pipeline: Pipeline::new(parts.settings, parts.treatments),
            streams: Streams::default(),
            groups: parts.groups,
            keys,
            has_looked: false,
            next_look: Monotonic(0),
            looks_not_before: Monotonic(0),
            next_tell: Monotonic(0),
            sent_at_last_save: 0,
            removed: 0,
            in_flight: 0,
            going: Going::On,
        };
        for (index, parts) in parts.records.into_iter().enumerate() {
            thread.add(first_source + index, parts, ready);
        }
        thread
    }

    fn add(&mut self, entry: usize, parts: RecordsParts, ready: &Wake) {
        // That reading begins the source says itself.
        log::debug!(stream:% = parts.stream; "a source of records goes to this stream");
        let records = Records::new(self.records.len(), parts.of, parts.saved, ready);
        let stream = self.stream(parts.stream, entry);
        self.pipeline.follow(records.file, stream, entry);
        self.records.push(records);
    }

    /// Has `wake` called, from another thread, when a look is likely to find something.
    pub(super) fn wake_by(&mut self, wake: Box<dyn Fn() + Send>) {
        self.files.wake_by(wake);
    }

    /// Works until it is told to end, or nobody can tell it anything any more.
    pub(super) fn run(mut self, events: &Receiver<Event>) {
        loop {
            let mut now = self.clock.now();
            if now >= self.next_look && self.going == Going::On {
                self.look(now);
                now = self.clock.now();
            }
            if matches!(self.going, Going::On | Going::Empty) {
                self.send_due(now);
            }
            self.pipeline.set_offset(self.clock.offset(), self.clock.measured().is_some());
            let has_read = self.going == Going::On && (self.read_one(now) | self.read_records(now));
            self.perform_effects();
            self.end_streams();
            self.tell(now);
            if self.is_over() {
                return self.leave();
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
                self.in_flight = self.in_flight.saturating_sub(1);
                self.pipeline.outcome(batch, result, self.clock.now(), Chance(fastrand::f64()));
            }
            Event::SaveAll => {
                let (save, journals) = (self.files.saved(), self.saved_journals());
                let changes = Changes { save, journals, entries: self.keys.clone(), ..Changes::default() };
                self.save(changes, Urgency::Now);
            }
            Event::Remove(file) => self.remove(file),
            Event::Stop => {
                self.going = Going::Empty;
                self.records.iter_mut().for_each(Records::stop);
                self.pipeline.drain();
            }
            Event::HandOver => self.going = Going::HandingOver,
            Event::LetGo => self.going = Going::Leaving,
        }
    }

    fn is_over(&self) -> bool {
        match self.going {
            Going::On => false,
            Going::Empty => self.pipeline.is_empty(),
            Going::HandingOver => self.in_flight == 0,
            Going::Leaving => true,
        }
    }

    /// The last word. What was read and not settled is read again by whoever goes on.
    fn leave(self) {
        if self.going != Going::Empty {
            let left = Left { journals: self.saved_journals(), files: self.files.hand_over() };
            let _ = self.outbox.send(Action::Leave(left));
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
        let (mut has_read, mut to_save) = (false, Changes::default());
        for records in &mut self.records {
            to_save.journals.extend(records.tend(now, self.clock.system()));
            has_read |= self.pipeline.may_read(records.file, now) && records.read_into(&mut self.pipeline, now);
        }
        if !to_save.is_empty() {
            self.save(to_save, Urgency::Now);
        }
        has_read
    }

    /// The source with this number; none where it is a file's.
    fn records_of(&mut self, file: FileId) -> Option<&mut Records> {
        self.records.iter_mut().find(|records| records.file == file)
    }

    fn saved_journals(&self) -> Vec<SavedJournal> {
        self.records.iter().filter_map(Records::saved).collect()
    }

    fn perform_effects(&mut self) {
        let Effects { settled, rewind, refused, unsent, unsearchable, held } = self.pipeline.effects();
        let mut to_save = Changes::default();
        // First: what is saved below says it.
        for path in unsent.into_iter().filter_map(|file| self.files.keep(file)) {
            log::warn!(path:% = path.display(); "a file of which a record was given up will not be deleted");
        }
        for (file, mark) in settled {
            match self.records_of(file) {
                Some(records) => to_save.journals.extend(records.settle(mark)),
                None => to_save.save.extend(self.files.settle(file, mark)),
            }
        }
        for file in rewind {
            match self.records_of(file) {
                Some(records) => records.rewind(),
                None => self.files.rewind(file),
            }
        }
        for (stream, cause, count) in refused {
            let stream = self.name_of(stream);
            log::warn!(stream, count, cause = cause.text(); "records were given up");
        }
        for (stream, count) in unsearchable {
            let stream = self.name_of(stream);
            log::warn!(stream, count; "records were masked as a whole: a pattern of `mask` took too many steps");
        }
        for (stream, error, pause) in held {
            let stream = self.name_of(stream);
            log::warn!(stream, error, pause_s = pause.as_secs(); "a stream is put aside for a while");
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
        if now < self.next_tell && !self.is_over() {
            return;
        }
        self.next_tell = now.after(TELL_PAUSE);
        let wall = self.clock.system();
        let age = |written: Wall| u64::try_from(wall.0.saturating_sub(written.0)).unwrap_or_default();
        let told = Told {
            counts: self.pipeline.counts(),
            files: self.files.len() as u64,
            removed: self.removed,
            lag_bytes: self.files.lag_bytes(),
            journals: self.records.len() as u64,
            journal_lag_ms: self.records.iter().filter_map(Records::behind).map(age).max().unwrap_or_default(),
            refused: self.refused(),
            trouble: self.trouble(),
            oldest: self.pipeline.oldest(),
            at: now,
        };
        let _ = self.outbox.send(Action::Tell(told));
    }

    /// What keeps the first source of records from being read that is in trouble, and how many others are.
    fn trouble(&self) -> Option<String> {
        let is_alone = self.records.len() == 1;
        let mut troubles = self.records.iter().filter_map(|records| records.trouble(is_alone));
        let first = troubles.next()?;
        Some(match troubles.count() {
            0 => first,
            more => format!("{first}; {more} more in trouble"),
        })
    }

    /// How many streams may not be written, and the first of them with the reason.
    fn refused(&self) -> (u64, Option<String>) {
        let refusals = self.pipeline.refusals();
        let named = |(id, cause): &(StreamId, &str)| format!("{}: {cause}", self.name_of(*id));
        (refusals.len() as u64, refusals.first().map(named))
    }

    fn pause(&self, now: Monotonic) -> Duration {
        let next_look = if self.going == Going::On { self.next_look } else { now.after(TELL_PAUSE) };
        if self.going == Going::HandingOver {
            return TELL_PAUSE;
        }
        let due = self.pipeline.next_due().unwrap_or(next_look);
        // One that may not read now is read again when the pipeline has room: what it wanted by then, it wants still.
        let readable = self.records.iter().filter(|records| self.pipeline.may_read(records.file, now));
        let sources = readable.filter_map(Records::next_due).min().unwrap_or(next_look);
        due.min(next_look).min(sources).since(now).clamp(Duration::from_millis(1), HEARTBEAT)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::agent::logs::RecordsOf;
    use crate::delivery::pipeline::Settings;
    use crate::delivery::treatment::Treatment;
    use crate::sources::unified_log;

    /// A thread that reads the unified log by a program that there is not, and holds `max_bytes` at the most.
    fn thread(max_bytes: usize) -> (LogThread, UnboundedReceiver<Action>) {
        thread_reading(&["journal"], max_bytes)
    }

    fn records_of(key: &str) -> RecordsParts {
        let settings = unified_log::Settings {
            key: key.to_owned(),
            predicate: String::new(),
            level: unified_log::Level::Default,
            format: unified_log::Format::Text,
            host: String::new(),
            program: "no-such-program".to_owned(),
            own: String::new(),
        };
        RecordsParts {
            of: RecordsOf::UnifiedLog { settings: Box::new(settings), begin: Wall(0) },
            stream: StreamName { group: "g".into(), stream: "s".into() },
            saved: None,
        }
    }

    #[allow(clippy::disallowed_methods, reason = "nobody sends much")]
    pub(super) fn thread_reading(keys: &[&str], max_bytes: usize) -> (LogThread, UnboundedReceiver<Action>) {
        let parts = Parts {
            entries: Vec::new(),
            treatments: keys.iter().map(|_| Treatment::default()).collect(),
            settings: Settings { interval: Duration::from_secs(10), concurrency: 1, max_bytes },
            groups: keys.iter().map(|_| GroupWish::default()).collect(),
            saved: Vec::new(),
            held: Vec::new(),
            never: Vec::new(),
            max_open: 10,
            records: keys.iter().copied().map(records_of).collect(),
        };
        let (outbox, actions) = unbounded_channel();
        let ready: Wake = Arc::new(|| ());
        (LogThread::new(parts, Clock::default(), outbox, &ready), actions)
    }

    #[test]
    fn after_a_slow_look_the_thread_still_tells_that_it_lives() {
        let (mut thread, _actions) = thread(0);
        let now = Monotonic(1_000_000);
        for slow in [10, 60, 1_000].map(Duration::from_secs) {
            thread.rest_after_look(now, slow);
            let over = now.after(slow);
            assert!(thread.pause(over) <= HEARTBEAT, "{slow:?}");
            let pause = thread.next_look.since(over);
            assert!(
                pause >= slow.min(looks::LONGEST_LOOK_PAUSE) && pause <= slow.max(looks::LONGEST_LOOK_PAUSE),
                "{pause:?}"
            );
        }
        thread.rest_after_look(now, Duration::from_millis(100));
        assert_eq!(thread.next_look.since(now.after(Duration::from_millis(100))), Duration::from_secs(5));
    }

    #[test]
    fn of_several_sources_in_trouble_one_is_named_and_the_others_are_counted() {
        for (keys, expected) in [
            (["journal"].as_slice(), "the unified log is not read: `no-such-program`"),
            (&["one", "two", "three"], "the unified log (`one`) is not read: `no-such-program`"),
        ] {
            let (mut thread, _actions) = thread_reading(keys, 1_000);
            assert_eq!(thread.trouble(), None);
            thread.read_records(Monotonic(1_000_000));
            let trouble = thread.trouble().unwrap();
            assert!(trouble.starts_with(expected), "{trouble}");
            assert_eq!(trouble.ends_with("; 2 more in trouble"), keys.len() == 3, "{trouble}");
        }
    }

    #[test]
    fn a_source_that_may_not_read_keeps_nobody_awake() {
        let now = Monotonic(1_000_000);
        let (mut pressed, _actions) = thread(0);
        pressed.next_look = now.after(looks::LOOK_PAUSE);
        assert!(pressed.records[0].next_due().is_some_and(|due| due <= now), "it is due, and in vain");
        assert_eq!(pressed.pause(now), looks::LOOK_PAUSE);
        let (mut free, _actions) = thread(1_000);
        free.next_look = now.after(looks::LOOK_PAUSE);
        assert_eq!(free.pause(now), Duration::from_millis(1));
    }
}
