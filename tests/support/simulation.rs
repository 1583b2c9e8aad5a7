//! A small world around the pipeline: files that grow and rotate, a state that saves late, an endpoint, and a process that dies.
//!
//! One step at a time, in an order that a seed decides. Each step checks what must hold at every moment; the world is
//! driven by the same few calls as the log thread makes. Easy to break: what the world excuses (a line that nobody could
//! save) must stay narrow, or the simulation proves nothing.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::HashSet;
use std::time::Duration;

use cloudwatch_publisher::delivery::batch::{Batch, EVENT_OVERHEAD_BYTES};
use cloudwatch_publisher::delivery::encoding::Encoding;
use cloudwatch_publisher::delivery::filter::{Filter, Pattern};
use cloudwatch_publisher::delivery::lines::{Block, Ending};
use cloudwatch_publisher::delivery::pipeline::{Pipeline, Settings};
use cloudwatch_publisher::delivery::retry::Chance;
use cloudwatch_publisher::delivery::treatment::Treatment;
use cloudwatch_publisher::record::{FileId, Mark, Monotonic, Offset, StreamId, TAIL_BYTES};

use crate::model_endpoint::{Bar, Endpoint, Key, Request, Weather};

/// When the machine of the simulation started.
const STARTED: Offset = Offset(1_800_000_000_000);
/// The longest that anything is put off: a stream's hold, an endpoint's own wish.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What a case is made of.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub seed: u64,
    pub steps: u32,
    /// Whether the endpoint, the clock and the process fail.
    pub has_faults: bool,
    /// Lines in a burst of writing, at the most.
    pub burst: u32,
    /// Bytes that fill a line, at the most.
    pub filler: usize,
    pub max_bytes: usize,
}

/// Where lines come from: one writer, whose file is rotated and truncated.
#[derive(Debug)]
struct Source {
    stream: usize,
    filter: usize,
    written: u32,
    /// The files of the source, oldest first: indices.
    files: Vec<usize>,
}

#[derive(Debug)]
struct Line {
    key: Key,
    end: usize,
    /// What is to arrive; none where a filter leaves it out.
    text: Option<String>,
}

#[derive(Debug)]
struct ModelFile {
    id: FileId,
    source: usize,
    content: Vec<u8>,
    /// The end of a line whose beginning is written.
    unwritten: Vec<u8>,
    lines: Vec<Line>,
    read: Mark,
    settled: Mark,
    saved: Mark,
    /// Rotated away; nobody writes to it any more.
    is_resting: bool,
    /// Truncated or let go: it cannot be read again.
    is_gone: bool,
}

impl ModelFile {
    fn has_more(&self) -> bool {
        !self.is_gone && self.read.offset < self.content.len() as u64
    }

    fn read_to(&self) -> usize {
        usize::try_from(self.read.offset).unwrap()
    }

    /// The writer has flushed half of its last line only. The key stays whole: a line cut short for good is known by it.
    fn take_back_half_a_line(&mut self) {
        let text = self.lines.last().and_then(|line| line.text.as_ref());
        if let Some(text) = text.filter(|text| text.is_ascii() && text.len() > 40) {
            self.unwritten = self.content.split_off(self.content.len() - text.len() / 2);
        }
    }
}

/// Everything.
pub struct World {
    pub case: Case,
    rng: fastrand::Rng,
    now: Monotonic,
    /// What the agent believes.
    offset: Offset,
    sources: Vec<Source>,
    files: Vec<ModelFile>,
    next_id: u64,
    pipeline: Pipeline,
    settings: Settings,
    pub endpoint: Endpoint,
    in_flight: Vec<(Batch, Request)>,
    unsaved: Vec<(usize, Mark)>,
    /// Lines that nobody could have saved.
    excused: HashSet<Key>,
    largest_block: usize,
}

fn pipeline(settings: Settings) -> Pipeline {
    let debug = Filter { exclude: vec![Pattern::new("debug").unwrap()], ..Filter::default() };
    Pipeline::new(settings, vec![Treatment::default(), debug.into()])
}

impl World {
    pub fn new(case: Case) -> Self {
        let mut rng = fastrand::Rng::with_seed(case.seed);
        let interval = Duration::from_millis(rng.u64(0..6000));
        let settings = Settings { interval, concurrency: rng.usize(1..4), max_bytes: case.max_bytes };
        let streams = rng.usize(1..4);
        let retention_days = (0..streams).map(|_| if rng.bool() { 3 } else { 3653 }).collect();
        let mut world = Self {
            case,
            now: Monotonic(rng.u64(0..100_000)),
            offset: STARTED,
            sources: Vec::new(),
            files: Vec::new(),
            next_id: 0,
            pipeline: pipeline(settings),
            settings,
            endpoint: Endpoint::new(retention_days),
            in_flight: Vec::new(),
            unsaved: Vec::new(),
            excused: HashSet::new(),
            largest_block: 0,
            rng,
        };
        for source in 0..streams + world.rng.usize(0..2) {
            let filter = world.rng.usize(0..2);
            world.sources.push(Source { stream: source % streams, filter, written: 0, files: Vec::new() });
            world.new_file(source);
        }
        world
    }

    /// Lives through the case, then through fair weather until everything has arrived, and checks the outcome.
    pub fn run(&mut self) {
        for _ in 0..self.case.steps {
            self.step();
            self.check();
        }
        self.clear_up();
        self.settle_everything();
        self.check_outcome();
    }

    fn happens(&mut self, probability: f64) -> bool {
        self.rng.f64() < probability
    }

    fn step(&mut self) {
        match self.rng.u32(0..100) {
            0..18 => self.write(),
            18..20 => self.rotate(),
            20..21 => self.truncate(),
            21..45 => self.read_any(),
            45..60 => self.take_any(),
            60..78 => self.receive_any(),
            78..90 => self.pass_time(),
            90..93 => self.save_some(),
            93..94 => self.let_go(),
            _ if self.case.has_faults => self.fault(),
            _ => self.read_any(),
        }
        if self.happens(0.7) {
            self.perform_effects();
        }
    }

    // The writers.

    fn new_file(&mut self, source: usize) {
        let (index, id) = (self.files.len(), self.new_id());
        self.files.push(ModelFile {
            id,
            source,
            content: Vec::new(),
            unwritten: Vec::new(),
            lines: Vec::new(),
            read: Mark::default(),
            settled: Mark::default(),
            saved: Mark::default(),
            is_resting: false,
            is_gone: false,
        });
        self.sources[source].files.push(index);
        self.follow(index);
    }

    fn new_id(&mut self) -> FileId {
        self.next_id += 1;
        FileId(self.next_id)
    }

    fn follow(&mut self, index: usize) {
        let (file, source) = (&self.files[index], &self.sources[self.files[index].source]);
        let stream = StreamId(u32::try_from(source.stream).unwrap());
        self.pipeline.follow(file.id, stream, source.filter);
    }

    /// The file that the writer of some source writes to.
    fn any_current(&mut self) -> usize {
        let source = self.rng.usize(0..self.sources.len());
        *self.sources[source].files.last().unwrap()
    }

    fn write(&mut self) {
        let index = self.any_current();
        for _ in 0..self.rng.u32(1..=self.case.burst) {
            self.write_line(index);
        }
        if self.happens(0.2) && self.write_line(index) {
            self.files[index].take_back_half_a_line();
        }
    }

    /// Writes a line, and tells so; now and then a blank one instead.
    fn write_line(&mut self, index: usize) -> bool {
        self.finish_line(index);
        let source = self.files[index].source;
        let key = Key { source, number: self.sources[source].written };
        if self.files[index].content.is_empty() && self.happens(0.1) {
            self.files[index].content.extend_from_slice(b"\xef\xbb\xbf");
        }
        if self.happens(0.05) {
            let blank: &[u8] = if self.rng.bool() { b"\n" } else { b" \r\n" };
            self.files[index].content.extend_from_slice(blank);
            return false;
        }
        self.sources[source].written += 1;
        let kind = match self.rng.u32(0..100) {
            0..2 if self.case.has_faults => "poison",
            2..15 => "debug",
            _ => "fine",
        };
        let filler = "x".repeat(self.rng.usize(0..=self.case.filler));
        let mut bytes = format!("{}.{} {kind} {filler}", key.source, key.number).into_bytes();
        if self.happens(0.05) {
            bytes.extend_from_slice(b"\xff\xc3\xa4");
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let is_left_out = self.sources[source].filter == 1 && kind == "debug";
        bytes.extend_from_slice(if self.happens(0.1) { b"\r\n" } else { b"\n" });
        let file = &mut self.files[index];
        file.content.extend_from_slice(&bytes);
        file.lines.push(Line { key, end: file.content.len(), text: (!is_left_out).then_some(text) });
        true
    }

    fn finish_line(&mut self, index: usize) {
        let file = &mut self.files[index];
        file.content.append(&mut file.unwritten);
    }

    /// The file is renamed and a new one made; the old one rests, perhaps with half a line at its end.
    fn rotate(&mut self) {
        let index = self.any_current();
        let file = &mut self.files[index];
        if !file.unwritten.is_empty() {
            file.unwritten.clear();
            let (length, last) = (file.content.len(), file.lines.last_mut().unwrap());
            last.end = length;
            let begins = file.content.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
            let written = String::from_utf8_lossy(&file.content[begins..length]).into_owned();
            last.text = Some(written.trim_start_matches('\u{feff}').to_owned());
        }
        file.is_resting = true;
        self.new_file(self.files[index].source);
    }

    /// The file is emptied: what was not read is lost, for anyone.
    fn truncate(&mut self) {
        let index = self.any_current();
        let read_to = self.files[index].read_to();
        self.excuse(index, read_to);
        self.files[index].is_gone = true;
        self.new_file(self.files[index].source);
    }

    /// A resting file is deleted and let go, whatever is unread of it.
    fn let_go(&mut self) {
        let index = self.rng.usize(0..self.files.len());
        let file = &self.files[index];
        if !file.is_resting || file.is_gone || (file.has_more() && self.rng.bool()) {
            return;
        }
        let (id, read_to) = (file.id, file.read_to());
        self.excuse(index, read_to);
        self.files[index].is_gone = true;
        self.pipeline.forget(id);
    }

    fn excuse(&mut self, index: usize, from: usize) {
        self.excused.extend(self.files[index].lines.iter().filter(|line| line.end > from).map(|line| line.key));
    }

    // What the log thread does.

    fn read_any(&mut self) {
        let source = self.rng.usize(0..self.sources.len());
        let window = 1 + self.rng.usize(0..=self.case.filler * 4 + 40);
        self.read_of(source, window);
    }

    fn take_any(&mut self) {
        self.take();
    }

    /// Reads a window of the oldest file of `source` that has more.
    fn read_of(&mut self, source: usize, mut window: usize) -> bool {
        let Some(index) = self.sources[source].files.iter().copied().find(|index| self.files[*index].has_more()) else {
            return false;
        };
        let file = &self.files[index];
        if !self.pipeline.may_read(file.id, self.now) {
            return false;
        }
        let from = file.read_to();
        let rest = &file.content[from..];
        if let Some(newline) = rest.iter().position(|byte| *byte == b'\n') {
            window = window.max(newline + 1);
        }
        let to = from + window.min(rest.len());
        let (begin, is_end) = (from.saturating_sub(TAIL_BYTES), to == file.content.len());
        let block = Block {
            bytes: &file.content[begin..to],
            start: from - begin,
            offset: from as u64,
            ending: if file.is_resting && is_end { Ending::Gone } else { Ending::Growing },
            encoding: Encoding::UTF_8,
        };
        self.largest_block = self.largest_block.max(to - from);
        let mark = self.pipeline.push(file.id, block, self.now);
        let is_progress = mark.offset > file.read.offset;
        assert!(mark.offset >= file.read.offset && mark.offset <= to as u64, "taken beyond the window");
        self.files[index].read = mark;
        is_progress
    }

    fn take(&mut self) -> bool {
        let due = self.pipeline.next_due();
        let Some(batch) = self.pipeline.take(self.now) else {
            assert!(due.is_none_or(|due| due > self.now), "due at {due:?}, and nothing to take at {:?}", self.now);
            return false;
        };
        assert!(due.is_some_and(|due| due <= self.now), "taken at {:?} and due at {due:?}", self.now);
        let stream = batch.stream.0 as usize;
        assert!(self.in_flight.iter().all(|(_, other)| other.stream != stream), "two requests of a stream at once");
        let events = batch.records(self.offset, self.now).map(|(time, text)| (time, text.to_owned())).collect();
        self.in_flight.push((batch, Request { stream, events, is_clock_right: self.offset == STARTED }));
        assert!(self.in_flight.len() <= self.settings.concurrency);
        true
    }

    fn receive_any(&mut self) {
        if !self.in_flight.is_empty() {
            let index = self.rng.usize(0..self.in_flight.len());
            self.receive(index);
        }
    }

    fn receive(&mut self, index: usize) {
        let (batch, request) = self.in_flight.swap_remove(index);
        let result = self.endpoint.answer(&request, STARTED.wall(self.now));
        let is_answered = matches!(self.endpoint.weather, Weather::Fair | Weather::Busy(_) | Weather::Unauthorised);
        if is_answered && self.happens(0.9) {
            self.offset = STARTED;
        }
        let chance = Chance(self.rng.f64());
        self.pipeline.outcome(batch, result, self.now, chance);
    }

    fn pass_time(&mut self) {
        self.perform_effects();
        let next_due = self.pipeline.next_due();
        let millis = match self.rng.u32(0..100) {
            0 => self.rng.u64(0..30 * 60 * 60 * 1000),
            1..5 => self.rng.u64(0..600_000),
            5..40 => next_due.map_or(0, |due| due.0.saturating_sub(self.now.0)),
            _ => self.rng.u64(0..3000),
        };
        self.now.0 += millis;
    }

    fn perform_effects(&mut self) {
        let effects = self.pipeline.effects();
        for (id, mark) in effects.settled {
            let index = self.files.iter().position(|file| file.id == id).unwrap();
            self.settle(index, mark);
        }
        for id in effects.rewind {
            let file = self.files.iter_mut().find(|file| file.id == id).unwrap();
            if !file.is_gone {
                file.read = file.settled;
            }
        }
        for (stream, _, pause) in effects.held {
            assert!(pause >= Duration::from_secs(1) && pause <= LONGEST_PAUSE, "held for {pause:?}");
            self.lose_what_cannot_be_read_again(Some(stream.0 as usize));
        }
    }

    /// What was read of files that are gone is lost with the memory of it.
    fn lose_what_cannot_be_read_again(&mut self, stream: Option<usize>) {
        for index in 0..self.files.len() {
            let (file, of) = (&self.files[index], self.sources[self.files[index].source].stream);
            if file.is_gone && stream.is_none_or(|stream| stream == of) {
                let settled = usize::try_from(file.settled.offset).unwrap();
                self.excuse(index, settled);
            }
        }
    }

    /// The heart of it: a position moves only past lines that arrived, or that were refused for good or left out.
    fn settle(&mut self, index: usize, mark: Mark) {
        let file = &self.files[index];
        let to = usize::try_from(mark.offset).unwrap();
        assert!(mark.offset >= file.settled.offset, "a position moved back");
        assert!(mark.offset <= file.read.offset, "a position beyond what was read");
        assert_eq!(mark, Mark::at(mark.offset, &file.content[..to]), "a mark that its file does not fit");
        assert!(to == 0 || file.content[to - 1] == b'\n' || to == file.content.len(), "a position inside a line");
        let from = usize::try_from(file.settled.offset).unwrap();
        for line in file.lines.iter().filter(|line| line.end > from && line.end <= to && line.text.is_some()) {
            assert!(self.endpoint.is_done_with(line.key), "{:?} is settled and did not arrive", line.key);
        }
        self.files[index].settled = mark;
        self.unsaved.push((index, mark));
    }

    fn save_some(&mut self) {
        let count = self.rng.usize(0..=self.unsaved.len());
        for (index, mark) in self.unsaved.drain(..count) {
            self.files[index].saved = mark;
        }
    }

    // What goes wrong.

    fn fault(&mut self) {
        match self.rng.u32(0..20) {
            0..5 => {
                let wish = self.rng.bool().then(|| Duration::from_secs(self.rng.u64(0..1000)));
                let busy = Weather::Busy(wish);
                let kinds = [Weather::Unreachable, Weather::AnswersLost, busy, Weather::Unauthorised];
                self.endpoint.weather = kinds[self.rng.usize(0..kinds.len())];
            }
            5..10 => self.endpoint.weather = Weather::Fair,
            10..13 => {
                let stream = self.rng.usize(0..self.endpoint.bars.len());
                let kinds = [Bar::Forbidden, Bar::Missing, Bar::Refused];
                self.endpoint.bars[stream] = Some(kinds[self.rng.usize(0..kinds.len())]);
            }
            13..16 => self.endpoint.bars.fill(None),
            16..18 => {
                let days = [0, 1, 4, 20, 3000][self.rng.usize(0..5)];
                let away = days * 24 * 60 * 60 * 1000 + self.rng.i64(0..8 * 60 * 60 * 1000);
                self.offset.0 += if self.rng.bool() { away } else { -away };
            }
            18 => self.stop(),
            _ => self.crash(),
        }
    }

    /// An orderly end: what is held is sent, as far as the endpoint takes it.
    fn stop(&mut self) {
        self.pipeline.drain();
        for _ in 0..self.rng.u32(0..20) {
            self.take();
            self.receive_any();
            self.perform_effects();
        }
        self.crash();
    }

    /// The process dies, and another goes on from what is saved. What was under way may arrive or not.
    fn crash(&mut self) {
        for (_, request) in std::mem::take(&mut self.in_flight) {
            if self.happens(0.5) {
                let _ = self.endpoint.answer(&request, STARTED.wall(self.now));
            }
        }
        self.save_some();
        self.unsaved.clear();
        self.lose_what_cannot_be_read_again(None);
        self.pipeline = pipeline(self.settings);
        for index in 0..self.files.len() {
            let id = self.new_id();
            let file = &mut self.files[index];
            (file.id, file.read, file.settled) = (id, file.saved, file.saved);
            if !file.is_gone {
                self.follow(index);
            }
        }
    }

    // What must hold.

    fn check(&mut self) {
        let counts = self.pipeline.counts();
        // Invalid bytes grow to three on their way into text; there are few of them.
        let bound = self.case.max_bytes + self.largest_block * (2 + EVENT_OVERHEAD_BYTES);
        assert!(counts.waiting_bytes <= bound, "{} bytes wait, {bound} may", counts.waiting_bytes);
        assert_eq!(counts.waiting == 0, counts.waiting_bytes == 0, "{counts:?}");
        let in_flight: usize = self.in_flight.iter().map(|(batch, _)| batch.len()).sum();
        assert!(counts.waiting >= in_flight as u64);
        if self.in_flight.is_empty() && counts.waiting > 0 {
            let due = self.pipeline.next_due().unwrap();
            assert!(due <= self.now.after(self.settings.interval + LONGEST_PAUSE), "nothing is due before {due:?}");
        }
    }

    /// The last fault is over; every writer finishes its line.
    fn clear_up(&mut self) {
        self.endpoint.weather = Weather::Fair;
        self.endpoint.bars.fill(None);
        self.offset = STARTED;
        for index in 0..self.files.len() {
            self.finish_line(index);
        }
    }

    fn is_settled(&self) -> bool {
        let is_done = |file: &ModelFile| file.is_gone || file.settled.offset == file.content.len() as u64;
        self.pipeline.is_empty() && self.files.iter().all(is_done)
    }

    /// Does what the log thread would, until there is nothing left, and fails where that takes too long.
    fn settle_everything(&mut self) {
        let latest = self.now.after(LONGEST_PAUSE * 2 + self.settings.interval * 4 + Duration::from_secs(10));
        while !self.is_settled() {
            let mut is_busy = false;
            for source in 0..self.sources.len() {
                is_busy |= self.read_of(source, self.case.filler * 100 + 4000);
            }
            while self.take() {
                is_busy = true;
            }
            while !self.in_flight.is_empty() {
                self.receive_any();
            }
            self.perform_effects();
            self.check();
            if !is_busy {
                let look = self.now.after(Duration::from_secs(2));
                self.now = self.pipeline.next_due().unwrap_or(look).clamp(Monotonic(self.now.0 + 1), look);
            }
            assert!(self.now <= latest, "stuck: {:?}", self.pipeline.counts());
        }
        let counts = self.pipeline.counts();
        assert_eq!((counts.waiting, counts.waiting_bytes), (0, 0));
    }

    fn check_outcome(&self) {
        for line in self.files.iter().flat_map(|file| &file.lines) {
            let arrived = self.endpoint.times_arrived.get(&line.key).copied().unwrap_or(0);
            if line.text.is_none() {
                assert_eq!(arrived, 0, "{:?} was to be left out", line.key);
            } else if !self.excused.contains(&line.key) {
                assert!(self.endpoint.is_done_with(line.key), "{:?} is lost", line.key);
            }
            assert!(self.case.has_faults || arrived <= 1, "{:?} came {arrived} times", line.key);
        }
        self.check_texts_and_order();
    }

    /// Every record is what was written, in its own stream, and what comes first comes in the order of writing.
    fn check_texts_and_order(&self) {
        let written = self.files.iter().flat_map(|file| &file.lines).map(|line| (line.key, line));
        let written: std::collections::HashMap<Key, &Line> = written.collect();
        let mut newest: Vec<Option<u32>> = vec![None; self.sources.len()];
        let mut seen = HashSet::new();
        for (stream, text) in &self.endpoint.arrived {
            let key = Key::of(text);
            // A file that was truncated in the middle of a line never told the rest of it.
            assert_eq!(written[&key].text.as_deref(), Some(text.as_str()), "{key:?} is not what was written");
            assert_eq!(self.sources[key.source].stream, *stream, "{key:?} is in the wrong stream");
            if !seen.insert(key) || self.endpoint.has_sent_back(key) {
                continue;
            }
            let before = newest[key.source].replace(key.number);
            assert!(before < Some(key.number), "{key:?} came after {before:?}");
        }
    }
}
