//! Decides what is read, what is sent, and what an answer means, for all log streams together.
//!
//! Blocks of a file's bytes go in, or whole records of a source that knows their times; batches come out, outcomes go in, settled
//! positions come out. Each stream is sent in order, one request at a time; streams go side by side. Memory has a ceiling:
//! beyond it nothing more is read, whatever the network does.
//! Easy to break: a stream that may not be written must not keep others from being read, so it keeps nothing in memory and
//! is read again later.
//!
//! Pure: no I/O, no clock, no tasks; the time and chance are handed in.

mod days;
mod intake;
mod open;
#[cfg(test)]
mod times;

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::batch::Batch;
use super::ledger::{Ledger, Ticket};
use super::outcome::{Cause, Receipt, SendError};
use super::retry::{Chance, Gate, delay};
use super::treatment::{Memory, Treatment};
use crate::record::{FileId, Mark, Monotonic, Offset, StreamId, Wall};
pub use intake::Record;
use open::Open;

/// What the pipeline is told once.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// A record is sent at the latest this long after it was read.
    pub interval: Duration,
    /// Requests under way at a time, over all streams.
    pub concurrency: usize,
    /// What records held in memory may weigh, beyond one block.
    pub max_bytes: usize,
}

/// The longest pause for a stream that may not be written.
const LONGEST_HOLD: Duration = Duration::from_secs(300);
/// How often records are sent again with a corrected time before they are given up.
const MAX_RETIMED: u8 = 3;

#[derive(Debug, Default)]
struct Stream {
    open: Open,
    closed: VecDeque<Batch>,
    in_flight: bool,
    held_until: Monotonic,
    failures: u32,
    /// Why it was put aside last, where it was not written since.
    refusal: Option<String>,
    /// It is one a day: no record goes to it, but to the stream of its UTC day.
    is_dated: bool,
    /// Of which stream, and of which day it is; none where it was opened as it is.
    day_of: Option<(StreamId, i64)>,
}

impl Stream {
    /// Nothing waits in it or is under way.
    fn is_empty(&self) -> bool {
        self.open.since().is_none() && self.closed.is_empty() && !self.in_flight
    }
}

#[derive(Debug)]
struct Followed {
    stream: StreamId,
    /// Where its last record went: the stream, or that of a day.
    current: StreamId,
    /// The days that its records went to and that are still there.
    days: Vec<StreamId>,
    treatment: usize,
    memory: Memory,
}

/// What the caller has to do after an outcome or a push.
#[derive(Debug, Default)]
pub struct Effects {
    /// Files whose position moved.
    pub settled: Vec<(FileId, Mark)>,
    /// Files to be read again from their settled position.
    pub rewind: Vec<FileId>,
    /// Records given up, to be logged.
    pub refused: Vec<(StreamId, Cause, usize)>,
    /// Files of which a record was given up, or may have been: others were in the same request. Some more than once.
    pub unsent: Vec<FileId>,
    /// Records masked as a whole, since a pattern of the mask took too many steps on them, to be logged.
    pub unsearchable: Vec<(StreamId, usize)>,
    /// Streams put aside, with the reason and for how long.
    pub held: Vec<(StreamId, String, Duration)>,
}

impl Effects {
    fn keep(&mut self, file: FileId) {
        if self.unsent.last() != Some(&file) {
            self.unsent.push(file);
        }
    }

    /// Whatever of the batch was given up may be of any of its files.
    fn keep_all(&mut self, batch: &Batch) {
        self.unsent.extend(batch.tickets().map(Ticket::file));
    }
}

/// Counts since the start, and what waits now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records accepted.
    pub sent: u64,
    /// Text bytes of batches accepted.
    pub bytes_sent: u64,
    /// Records given up.
    pub refused: u64,
    /// Records left out by patterns.
    pub filtered: u64,
    /// Records read and neither sent nor given up.
    pub waiting: u64,
    /// What they weigh: text and what a record costs beside it.
    pub waiting_bytes: usize,
}

/// The state of delivery for all streams.
#[derive(Debug)]
pub struct Pipeline {
    settings: Settings,
    /// Shared with the framing of the block that is being taken.
    treatments: Vec<Arc<Treatment>>,
    /// What turns our own times into the world's, as well as it is known.
    offset: Offset,
    /// CloudWatch's clock was asked: the offset is right.
    is_clock_known: bool,
    streams: Vec<Stream>,
    files: HashMap<FileId, Followed>,
    ledger: Ledger,
    gate: Gate,
    in_flight: usize,
    is_draining: bool,
    counts: Counts,
    effects: Effects,
    /// Where the search for the next batch begins, so that every stream has its turn.
    turn: usize,
    /// The streams of days.
    days: HashMap<(StreamId, i64), StreamId>,
    /// Streams that are over: their numbers are used again.
    free: Vec<StreamId>,
    /// With so many days it is time to look which are over.
    many_days: usize,
    /// The open batch, of this stream and with this index, that took what was read last and no ticket covers yet.
    run: Option<(StreamId, usize)>,
}

impl Pipeline {
    /// A pipeline with the treatments that files will name by index.
    pub fn new(settings: Settings, treatments: Vec<Treatment>) -> Self {
        Self {
            settings,
            treatments: treatments.into_iter().map(Arc::new).collect(),
            offset: Offset::default(),
            is_clock_known: false,
            streams: Vec::new(),
            files: HashMap::new(),
            ledger: Ledger::default(),
            gate: Gate::default(),
            in_flight: 0,
            is_draining: false,
            counts: Counts::default(),
            effects: Effects::default(),
            turn: 0,
            days: HashMap::new(),
            free: Vec::new(),
            many_days: days::MANY,
            run: None,
        }
    }

    /// Tells what turns our own times into the world's, and whether that was measured: to be told anew when it is known better.
    pub fn set_offset(&mut self, offset: Offset, is_measured: bool) {
        (self.offset, self.is_clock_known) = (offset, is_measured);
    }

    /// The true time, where it is known.
    fn true_time(&self, now: Monotonic) -> Option<Wall> {
        self.is_clock_known.then(|| self.offset.wall(now))
    }

    /// Takes up a file: where its records go and what is done with them.
    pub fn follow(&mut self, file: FileId, stream: StreamId, treatment: usize) {
        let streams = stream.0 as usize + 1;
        if self.streams.len() < streams {
            self.streams.resize_with(streams, Stream::default);
        }
        let (current, days, memory) = (stream, Vec::new(), Memory::default());
        self.files.insert(file, Followed { stream, current, days, treatment, memory });
    }

    /// Reads no more of a file that began anew under another number. What was read of it still settles.
    pub fn retire(&mut self, file: FileId) {
        self.files.remove(&file);
        if self.ledger.is_settled(file) {
            self.ledger.forget(file);
        }
    }

    /// Lets go of a file. What was read of it is still delivered, but moves no position any more.
    pub fn forget(&mut self, file: FileId) {
        self.files.remove(&file);
        self.ledger.forget(file);
    }

    /// Whether more of `file` may be read now.
    pub fn may_read(&self, file: FileId, now: Monotonic) -> bool {
        let Some(followed) = self.files.get(&file) else {
            return false;
        };
        let is_open = |id: &StreamId| {
            let stream = self.streams.get(id.0 as usize);
            stream.is_some_and(|stream| stream.closed.is_empty() && stream.held_until <= now)
        };
        !self.is_draining && !self.is_pressed() && is_open(&followed.stream) && followed.days.iter().all(is_open)
    }

    /// Whether nothing of `file` waits.
    pub fn is_settled(&self, file: FileId) -> bool {
        self.ledger.is_settled(file)
    }

    fn is_pressed(&self) -> bool {
        self.counts.waiting_bytes >= self.settings.max_bytes
    }

    /// When the stream's next batch may be sent, as far as the stream itself is concerned.
    fn due(&self, stream: &Stream) -> Option<Monotonic> {
        if stream.in_flight {
            return None;
        }
        let due = if stream.closed.is_empty() {
            let opened = stream.open.since()?;
            if self.is_draining || self.is_pressed() { Monotonic(0) } else { opened.after(self.settings.interval) }
        } else {
            Monotonic(0)
        };
        Some(due.max(stream.held_until))
    }

    /// The batch to send now, if there is one. Its outcome must be told.
    pub fn take(&mut self, now: Monotonic) -> Option<Batch> {
        if self.in_flight >= self.settings.concurrency || !self.gate.may_send(now) {
            return None;
        }
        let count = self.streams.len();
        let turns = (0..count).map(|step| (self.turn + step) % count);
        let index = turns.into_iter().find(|index| self.due(&self.streams[*index]).is_some_and(|due| due <= now))?;
        self.turn = index + 1;
        let stream = &mut self.streams[index];
        let mut batch = stream.closed.pop_front().or_else(|| stream.open.close(1).next())?;
        batch.sort();
        stream.in_flight = true;
        self.in_flight += 1;
        self.gate.started();
        Some(batch)
    }

    /// When something is due next that an outcome does not bring.
    pub fn next_due(&self) -> Option<Monotonic> {
        if self.in_flight >= self.settings.concurrency {
            return None;
        }
        let first = self.streams.iter().filter_map(|stream| self.due(stream)).min()?;
        match self.gate.is_down() {
            false => Some(first),
            true => self.gate.opens_at().map(|opens| opens.max(first)),
        }
    }

    /// Learns what became of a batch that [`Pipeline::take`] gave out.
    pub fn outcome(&mut self, batch: Batch, result: Result<Receipt, SendError>, now: Monotonic, chance: Chance) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let stream = &mut self.streams[batch.stream.0 as usize];
        stream.in_flight = false;
        match result {
            Ok(receipt) => {
                self.gate.answered();
                (stream.failures, stream.refusal) = (0, None);
                self.accepted(batch, receipt);
            }
            Err(SendError::Busy { retry_after, .. }) => self.again(batch, now, retry_after, chance),
            Err(SendError::Unreachable { .. } | SendError::Unauthorised { .. }) => self.again(batch, now, None, chance),
            Err(SendError::Forbidden { detail } | SendError::MissingDestination { detail }) => {
                self.gate.answered();
                self.hold(batch, detail, now, chance);
            }
            Err(SendError::Refused { .. }) => {
                self.gate.answered();
                stream.refusal = None;
                self.refused(batch);
            }
        }
    }

    fn again(&mut self, batch: Batch, now: Monotonic, retry_after: Option<Duration>, chance: Chance) {
        self.gate.failed(now, retry_after, chance);
        self.streams[batch.stream.0 as usize].closed.push_front(batch);
    }

    fn accepted(&mut self, batch: Batch, receipt: Receipt) {
        self.counts.bytes_sent += batch.text_bytes() as u64;
        let (mut again, mut given_up): (Vec<Range<usize>>, usize) = (Vec::new(), 0);
        for (range, cause) in receipt.refused {
            // Whatever the cause: with a wrong clock a record of today is older than any retention.
            if batch.is_own_time(range.start) && batch.retimed < MAX_RETIMED {
                again.push(range);
            } else {
                given_up += range.len();
                self.effects.refused.push((self.opened_as(batch.stream), cause, range.len()));
            }
        }
        if given_up > 0 {
            self.effects.keep_all(&batch);
        }
        let later: usize = again.iter().map(ExactSizeIterator::len).sum();
        self.counts.refused += given_up as u64;
        self.counts.sent += (batch.len() - given_up - later) as u64;
        if again.is_empty() {
            return self.settle(&batch);
        }
        self.remove_from_waiting(&batch);
        let mut rest = batch.only(&again);
        rest.retimed += 1;
        self.counts.waiting += rest.len() as u64;
        self.counts.waiting_bytes += rest.bytes();
        self.streams[rest.stream.0 as usize].closed.push_front(rest);
    }

    /// Halves a batch until the record that CloudWatch refuses is alone, and gives that one up.
    fn refused(&mut self, batch: Batch) {
        // Before it is halved: the ticket of a record may be in the other half.
        self.effects.keep_all(&batch);
        if batch.len() > 1 {
            let stream = &mut self.streams[batch.stream.0 as usize];
            let (first, second) = batch.split();
            stream.closed.push_front(second);
            stream.closed.push_front(first);
            return;
        }
        self.counts.refused += batch.len() as u64;
        self.effects.refused.push((self.opened_as(batch.stream), Cause::Invalid, batch.len()));
        self.settle(&batch);
    }

    fn settle(&mut self, batch: &Batch) {
        self.remove_from_waiting(batch);
        for ticket in batch.tickets() {
            let file = ticket.file();
            self.effects.settled.extend(self.ledger.settle(ticket).map(|mark| (file, mark)));
            if !self.files.contains_key(&file) && self.ledger.is_settled(file) {
                self.ledger.forget(file);
            }
        }
    }

    /// Gives up a record that CloudWatch would refuse for certain.
    fn give_up(&mut self, file: FileId, stream: StreamId, cause: Cause) {
        self.effects.keep(file);
        self.counts.refused += 1;
        match self.effects.refused.last_mut() {
            Some((of, why, count)) if (*of, *why) == (stream, cause) => *count += 1,
            _ => self.effects.refused.push((stream, cause, 1)),
        }
    }

    /// Tells of a record that was masked as a whole.
    fn tell_unsearchable(&mut self, stream: StreamId) {
        match self.effects.unsearchable.last_mut() {
            Some((of, count)) if *of == stream => *count += 1,
            _ => self.effects.unsearchable.push((stream, 1)),
        }
    }

    fn remove_from_waiting(&mut self, batch: &Batch) {
        self.counts.waiting = self.counts.waiting.saturating_sub(batch.len() as u64);
        self.counts.waiting_bytes = self.counts.waiting_bytes.saturating_sub(batch.bytes());
    }

    /// Puts a stream aside for a while, and keeps nothing of it: its files are read again.
    fn hold(&mut self, batch: Batch, detail: String, now: Monotonic, chance: Chance) {
        let opened = self.opened_as(batch.stream);
        let stream = &mut self.streams[batch.stream.0 as usize];
        stream.failures += 1;
        stream.refusal = Some(detail.clone());
        // At least half the span: one stream more or less makes no herd, and a quick retry helps nobody.
        let pause = delay(stream.failures + 3, LONGEST_HOLD, Chance(0.5 + chance.0 / 2.0));
        stream.held_until = now.after(pause);
        self.effects.held.push((opened, detail, pause));
        let mut dropped: Vec<Batch> = stream.closed.drain(..).chain(stream.open.close(usize::MAX)).collect();
        dropped.push(batch);
        for batch in dropped {
            self.remove_from_waiting(&batch);
            for file in batch.tickets().map(super::ledger::Ticket::file) {
                self.ledger.abandon(file);
                self.effects.rewind.push(file);
                if let Some(followed) = self.files.get_mut(&file) {
                    followed.memory = Memory::default();
                }
            }
        }
    }

    /// No more reading: everything held is due at once.
    pub fn drain(&mut self) {
        self.is_draining = true;
    }

    /// Whether nothing waits and nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.counts.waiting == 0 && self.in_flight == 0
    }

    /// When the oldest record that waits was read; those under way do not count.
    pub fn oldest(&self) -> Option<Monotonic> {
        let batches = self.streams.iter().flat_map(|stream| stream.closed.iter().chain(stream.open.iter()));
        batches.map(|batch| batch.opened).min()
    }

    /// Counts since the start, and what waits now.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Streams that may not be written, and why, where anything follows that would go there.
    pub fn refusals(&self) -> Vec<(StreamId, &str)> {
        let streams = (0..).map(StreamId).zip(&self.streams);
        let mut refusals: Vec<_> = streams.filter_map(|(id, stream)| Some((id, stream.refusal.as_deref()?))).collect();
        if !refusals.is_empty() {
            let streams =
                self.files.values().flat_map(|followed| std::iter::once(&followed.stream).chain(&followed.days));
            let wanted: HashSet<StreamId> = streams.copied().collect();
            refusals.retain(|(id, _)| wanted.contains(id));
            refusals.iter_mut().for_each(|(id, _)| *id = self.opened_as(*id));
        }
        refusals
    }

    /// What there is to do since the last call.
    pub fn effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoding::Encoding;
    use super::super::filter::{Filter, Pattern};
    use super::super::lines::Block;
    use super::super::mask::{BuiltIn, Mask};
    use super::super::treatment::Start;
    use super::*;
    use crate::record::Wall;

    const FILE: FileId = FileId(1);
    const STREAM: StreamId = StreamId(0);
    const NOW: Monotonic = Monotonic(1000);

    fn pipeline() -> Pipeline {
        let settings = Settings { interval: Duration::ZERO, concurrency: 2, max_bytes: 1_000_000 };
        let debug = Filter { exclude: vec![Pattern::new("debug").unwrap()], ..Filter::default() };
        let mut pipeline = Pipeline::new(settings, vec![debug.into()]);
        pipeline.follow(FILE, STREAM, 0);
        pipeline
    }

    fn push(pipeline: &mut Pipeline, text: &str) {
        pipeline.push(FILE, Block::of(text.as_bytes()), NOW);
    }

    fn refused() -> Result<Receipt, SendError> {
        Err(SendError::Refused { detail: String::new() })
    }

    fn texts(batch: &Batch) -> Vec<String> {
        batch.records(crate::record::Offset(0), NOW).map(|(_, text)| text.to_owned()).collect()
    }

    fn settled(pipeline: &mut Pipeline) -> Option<u64> {
        pipeline.effects().settled.last().map(|(_, mark)| mark.offset)
    }

    #[test]
    fn a_stream_that_may_not_be_written_is_named_until_it_is_written() {
        let mut pipeline = pipeline();
        push(&mut pipeline, "one\n");
        let batch = pipeline.take(NOW).unwrap();
        pipeline.outcome(batch, Err(SendError::Forbidden { detail: "no".to_owned() }), NOW, Chance(0.5));
        assert_eq!(pipeline.refusals(), [(STREAM, "no")]);
        let later = NOW.after(LONGEST_HOLD);
        pipeline.push(FILE, Block::of(b"one\n"), later);
        let batch = pipeline.take(later).unwrap();
        assert_eq!(pipeline.refusals().len(), 1, "nothing was answered yet");
        pipeline.outcome(batch, Ok(Receipt::default()), later, Chance(0.5));
        assert_eq!(pipeline.refusals().len(), 0);
    }

    #[test]
    fn a_filtered_line_still_moves_the_position() {
        let mut pipeline = pipeline();
        push(&mut pipeline, "debug one\ndebug two\n");
        assert_eq!(settled(&mut pipeline), Some(20));
        assert_eq!((pipeline.counts().filtered, pipeline.counts().waiting), (2, 0));
    }

    #[test]
    fn a_position_moves_on_the_answer_and_not_before() {
        let mut pipeline = pipeline();
        push(&mut pipeline, "one\ndebug two\n");
        let batch = pipeline.take(NOW).unwrap();
        assert_eq!(settled(&mut pipeline), None);
        pipeline.outcome(batch, Ok(Receipt::default()), NOW, Chance(0.5));
        assert_eq!(settled(&mut pipeline), Some(14));
    }

    /// Sends everything to an endpoint that refuses a batch with `bad` in it; what arrived.
    fn send_to_one_that_refuses_bad(pipeline: &mut Pipeline) -> Vec<String> {
        let mut arrived = Vec::new();
        while let Some(batch) = pipeline.take(NOW) {
            let texts = texts(&batch);
            let is_bad = texts.iter().any(|text| text == "bad");
            pipeline.outcome(batch, if is_bad { refused() } else { Ok(Receipt::default()) }, NOW, Chance(0.5));
            arrived.extend(if is_bad { Vec::new() } else { texts });
        }
        arrived
    }

    #[test]
    fn a_refusal_is_split_down_to_the_one_bad_record() {
        let mut pipeline = pipeline();
        push(&mut pipeline, "a\nb\nbad\nc\nd\n");
        let arrived = send_to_one_that_refuses_bad(&mut pipeline);
        assert_eq!(arrived, ["a", "b", "c", "d"]);
        let effects = pipeline.effects();
        assert_eq!(effects.refused, [(STREAM, Cause::Invalid, 1)]);
        assert!(effects.unsent.contains(&FILE), "which file it is of is told");
        assert_eq!(effects.settled.last().map(|(_, mark)| mark.offset), Some(12));
    }

    #[test]
    fn however_many_bad_records_never_stop_what_comes_after() {
        let mut pipeline = pipeline();
        push(&mut pipeline, &format!("{}good\n", "bad\n".repeat(40)));
        let arrived = send_to_one_that_refuses_bad(&mut pipeline);
        assert_eq!(arrived, ["good"]);
        assert_eq!(pipeline.effects().refused.len(), 40);
    }

    #[test]
    fn a_file_let_go_of_leaves_nothing_behind_once_it_is_settled() {
        let mut pipeline = pipeline();
        push(&mut pipeline, "one\n");
        pipeline.retire(FILE);
        let batch = pipeline.take(NOW).unwrap();
        pipeline.outcome(batch, Ok(Receipt::default()), NOW, Chance(0.5));
        assert_eq!(pipeline.effects().settled.len(), 1);
        assert!(pipeline.ledger.is_empty());
    }

    fn push_records(pipeline: &mut Pipeline, from: u64, records: &[(&str, i64)]) -> Vec<u64> {
        let records = records.iter().zip(from..);
        let records = records.map(|((text, time), at)| Record { text, time: Wall(*time), end: at + 1 });
        pipeline.push_records(FILE, from, records, NOW)
    }

    #[test]
    fn a_whole_record_keeps_its_lines_and_its_time() {
        let mut pipeline = pipeline();
        push_records(&mut pipeline, 0, &[("later", 20), ("one\ntwo", 10)]);
        let batch = pipeline.take(NOW).unwrap();
        let records: Vec<_> = batch.records(crate::record::Offset(0), NOW).collect();
        assert_eq!(records, [(Wall(10), "one\ntwo"), (Wall(20), "later")]);
        pipeline.outcome(batch, Ok(Receipt::default()), NOW, Chance(0.5));
        assert_eq!(settled(&mut pipeline), Some(2));
    }

    #[test]
    fn a_record_that_is_left_out_still_moves_the_position() {
        let mut pipeline = pipeline();
        push_records(&mut pipeline, 5, &[("debug", 1), (" ", 2), ("", 3)]);
        assert_eq!(settled(&mut pipeline), Some(8));
        assert_eq!((pipeline.counts().filtered, pipeline.counts().waiting), (1, 0));
    }

    #[test]
    fn a_record_too_long_for_an_event_is_cut_and_settles_as_one() {
        let mut pipeline = pipeline();
        let long = "x".repeat(3_000_000);
        let ends = push_records(&mut pipeline, 0, &[("short", 1), (&long, 2), ("end", 3)]);
        assert!(ends.iter().all(|end| [1, 2].contains(end)), "{ends:?}");
        let (mut count, mut last) = (0, None);
        while let Some(batch) = pipeline.take(NOW) {
            count += batch.len();
            pipeline.outcome(batch, Ok(Receipt::default()), NOW, Chance(0.5));
            for (_, mark) in pipeline.effects().settled {
                assert!(mark.offset == 3 || ends.contains(&mark.offset));
                last = Some(mark.offset);
            }
        }
        assert_eq!((count, last), (5, Some(3)));
    }

    #[test]
    fn records_whose_own_time_is_refused_are_given_up_by_count_and_stop_nothing() {
        let mut pipeline = pipeline();
        push_records(&mut pipeline, 0, &[("new", 1_000), ("old", 1)]);
        let batch = pipeline.take(NOW).unwrap();
        let receipt = Receipt { refused: vec![(0..1, Cause::TooOld)] };
        pipeline.outcome(batch, Ok(receipt), NOW, Chance(0.5));
        let effects = pipeline.effects();
        assert_eq!(effects.refused, [(STREAM, Cause::TooOld, 1)]);
        assert_eq!(effects.unsent.len(), 1);
        assert_eq!(effects.settled.last().map(|(_, mark)| mark.offset), Some(2));
        assert_eq!((pipeline.counts().sent, pipeline.counts().refused), (1, 1));
    }

    #[test]
    fn times_days_apart_go_in_batches_of_their_own_and_nothing_is_stuck() {
        let mut pipeline = pipeline();
        let day = 86_400_000;
        push_records(&mut pipeline, 0, &[("a", 0), ("b", 3 * day), ("c", 1), ("d", 3 * day + 1)]);
        let mut arrived = Vec::new();
        while let Some(batch) = pipeline.take(NOW) {
            arrived.push(texts(&batch));
            pipeline.outcome(batch, Ok(Receipt::default()), NOW, Chance(0.5));
        }
        assert_eq!(arrived, [["a", "c"], ["b", "d"]]);
        assert_eq!(settled(&mut pipeline), Some(4));
    }

    #[test]
    fn no_position_lies_inside_a_record_of_several_lines() {
        let multi_line = Some(Start::Pattern(Pattern::new("^began").unwrap()));
        let settings = Settings { interval: Duration::ZERO, concurrency: 2, max_bytes: 10_000_000 };
        let mut pipeline = Pipeline::new(settings, vec![Treatment { multi_line, ..Treatment::default() }]);
        pipeline.follow(FILE, STREAM, 0);
        let record = format!("began\n{}", "  at a line\n".repeat(20_000));
        let text = format!("{}began\n  unfinished\n", record.repeat(9));
        let (mut at, mut end) = (0, 0);
        while end < text.len() {
            end = (at + 400_000).min(text.len());
            let block = Block { start: at, offset: at as u64, ..Block::of(&text.as_bytes()[..end]) };
            at = usize::try_from(pipeline.push(FILE, block, NOW).offset).unwrap();
        }
        assert_eq!(at, 9 * record.len());
        let mut arrived = Vec::new();
        while let Some(batch) = pipeline.take(NOW) {
            arrived.extend(texts(&batch));
            pipeline.outcome(batch, Ok(Receipt::default()), NOW, Chance(0.5));
            let settled = settled(&mut pipeline).unwrap();
            assert_eq!(settled % record.len() as u64, 0);
        }
        assert_eq!(arrived, vec![record.trim_end(); 9]);
    }

    #[test]
    fn the_rest_of_a_long_line_is_known_for_one_by_what_stands_before_it() {
        let mask = Mask::new(vec![BuiltIn::Jwt], Vec::new()).unwrap();
        let rest = |before: &str, encoding: Encoding| {
            let settings = Settings { interval: Duration::ZERO, concurrency: 1, max_bytes: 10_000_000 };
            let mut pipeline = Pipeline::new(settings, vec![Treatment { mask: mask.clone(), ..Treatment::default() }]);
            pipeline.follow(FILE, STREAM, 0);
            let units = |text: &str| match encoding.unit_bytes() {
                1 => text.as_bytes().to_vec(),
                _ => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            };
            let (start, word) = (units(before).len(), "half-of-a-token-longer-than-the-least");
            let bytes = units(&format!("{before}{word} and more\nnext\n"));
            let block = Block { start, offset: 4_000_000, encoding, ..Block::of(&bytes) };
            pipeline.push(FILE, block, NOW);
            texts(&pipeline.take(NOW).unwrap())
        };
        let whole = ["half-of-a-token-longer-than-the-least and more", "next"];
        let cut = ["[cut: goes on from the event before] [masked] and more", "next"];
        for encoding in [Encoding::UTF_8, Encoding::of("utf-16le").unwrap()] {
            assert_eq!(rest("x".repeat(64).as_str(), encoding), cut);
            assert_eq!(rest("x\n", encoding), whole);
            assert_eq!(rest("x\0\0", encoding), whole, "behind a hole a line begins");
            assert_eq!(rest("", encoding), whole);
        }
    }

    #[test]
    fn a_stream_that_may_not_be_written_keeps_nothing_and_stops_no_other() {
        let mut pipeline = pipeline();
        pipeline.follow(FileId(2), StreamId(1), 0);
        push(&mut pipeline, "one\ntwo\n");
        let batch = pipeline.take(NOW).unwrap();
        push(&mut pipeline, "three\n");
        pipeline.outcome(batch, Err(SendError::Forbidden { detail: String::new() }), NOW, Chance(0.5));
        let effects = pipeline.effects();
        assert!(effects.rewind.contains(&FILE) && effects.settled.is_empty());
        assert_eq!((pipeline.counts().waiting, pipeline.counts().waiting_bytes), (0, 0));
        assert!(!pipeline.may_read(FILE, NOW) && pipeline.may_read(FileId(2), NOW));
        let (_, _, pause) = effects.held[0];
        assert!(pipeline.may_read(FILE, NOW.after(pause)));
    }

    #[test]
    fn records_that_a_wrong_clock_dated_are_sent_again_and_given_up_only_after_some_times() {
        for cause in [Cause::TooOld, Cause::TooNew, Cause::Expired] {
            let mut pipeline = pipeline();
            push(&mut pipeline, "one\ntwo\n");
            for _ in 0..MAX_RETIMED {
                let batch = pipeline.take(NOW).unwrap();
                let receipt = Receipt { refused: vec![(0..batch.len(), cause)] };
                pipeline.outcome(batch, Ok(receipt), NOW, Chance(0.5));
                assert_eq!((pipeline.counts().waiting, settled(&mut pipeline)), (2, None), "{cause:?}");
            }
            let batch = pipeline.take(NOW).unwrap();
            let receipt = Receipt { refused: vec![(0..1, cause)] };
            pipeline.outcome(batch, Ok(receipt), NOW, Chance(0.5));
            assert_eq!(settled(&mut pipeline), Some(8));
            let counts = pipeline.counts();
            assert_eq!((counts.sent, counts.refused, counts.waiting), (1, 1, 0), "{cause:?}");
        }
    }
}
