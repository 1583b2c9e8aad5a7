//! Keeps the log groups, their streams and the lines that were taken, within a ceiling of memory.
//!
//! Each line has a serial number, one above the last over all streams: it is the cursor of whoever follows. When the
//! ceiling is met the oldest lines of the largest stream go, so a chatty stream never drives out a quiet one.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::log_rules::{Event, Rejected, check_batch, judge_times};
use super::refusal::Refusal;
use crate::record::{StreamName, Wall};

/// What a kept line costs beside its text: its place in the queue and the allocator's share.
const LINE_OVERHEAD_BYTES: usize = 48;

/// A line that is kept.
#[derive(Debug)]
pub struct Line {
    /// Above that of every line taken before.
    pub serial: u64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The text.
    pub message: Box<str>,
}

/// A log stream.
#[derive(Debug, Default)]
pub struct Stream {
    /// When it was made, in milliseconds since 1970.
    pub created: i64,
    /// Lines taken so far, kept or not.
    pub taken: u64,
    /// Bytes of their messages.
    pub taken_bytes: u64,
    /// When the last were taken, in milliseconds since 1970.
    pub last_ingestion: Option<i64>,
    /// The lines that are kept, in the order in which they came.
    pub lines: VecDeque<Line>,
    held: usize,
}

/// A log group.
#[derive(Debug)]
pub struct Group {
    /// When it was made, in milliseconds since 1970.
    pub created: i64,
    /// Days; none: for ever.
    pub retention_days: Option<i32>,
    /// `STANDARD` or `INFREQUENT_ACCESS`.
    pub class: String,
    /// By name.
    pub streams: BTreeMap<Arc<str>, Stream>,
}

/// What became of a batch that was not refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken {
    /// What was dropped for its time.
    pub rejected: Rejected,
    /// Events taken.
    pub events: usize,
    /// Bytes of their messages.
    pub message_bytes: usize,
    /// Bytes of the whole batch, 26 an event included.
    pub batch_bytes: usize,
}

/// Every group.
#[derive(Debug, Default)]
pub struct Logs {
    /// By name.
    pub groups: BTreeMap<Arc<str>, Group>,
    ceiling: usize,
    held: usize,
    serial: u64,
    kept: usize,
}

impl Logs {
    /// An empty store that keeps up to `ceiling` bytes of lines; with 0 it only counts.
    pub fn new(ceiling: usize) -> Self {
        Self { ceiling, ..Self::default() }
    }

    /// The serial number of the newest line.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// How many lines are kept.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Memory that the kept lines take, in bytes.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Makes a group.
    pub fn create_group(&mut self, name: &str, class: &str, now: Wall) -> Result<(), Refusal> {
        if self.groups.contains_key(name) {
            return Err(Refusal::new("ResourceAlreadyExistsException", "The specified log group already exists"));
        }
        let group = Group { created: now.0, retention_days: None, class: class.into(), streams: BTreeMap::new() };
        self.groups.insert(name.into(), group);
        Ok(())
    }

    /// Makes a stream.
    pub fn create_stream(&mut self, group: &str, stream: &str, now: Wall) -> Result<(), Refusal> {
        let streams = &mut self.group_mut(group)?.streams;
        if streams.contains_key(stream) {
            return Err(Refusal::new("ResourceAlreadyExistsException", "The specified log stream already exists"));
        }
        streams.insert(stream.into(), Stream { created: now.0, ..Stream::default() });
        Ok(())
    }

    /// Sets how long a group keeps its lines. (This store keeps them while there is room.)
    pub fn put_retention(&mut self, group: &str, days: i32) -> Result<(), Refusal> {
        self.group_mut(group)?.retention_days = Some(days);
        Ok(())
    }

    /// Takes a batch, or refuses it whole.
    pub fn put_events(
        &mut self,
        group: &str,
        stream: &str,
        events: Option<&[Event<'_>]>,
        now: Wall,
    ) -> Result<Taken, Refusal> {
        let batch_bytes = check_batch(events)?;
        let events = events.unwrap_or_default();
        let (ceiling, mut serial) = (self.ceiling, self.serial);
        let group = self.group_mut(group)?;
        let missing = || Refusal::new("ResourceNotFoundException", "The specified log stream does not exist.");
        let rejected = judge_times(events, group.retention_days, now);
        let stream = group.streams.get_mut(stream).ok_or_else(missing)?;
        let rejected = rejected?;
        let kept = &events[rejected.kept(events.len())];
        let mut message_bytes = 0;
        let held_before = stream.held;
        for event in kept {
            serial += 1;
            message_bytes += event.message.len();
            if ceiling > 0 {
                stream.held += event.message.len() + LINE_OVERHEAD_BYTES;
                stream.lines.push_back(Line { serial, timestamp: event.at(), message: event.message.as_ref().into() });
            }
        }
        stream.taken += kept.len() as u64;
        stream.taken_bytes += message_bytes as u64;
        stream.last_ingestion = Some(now.0);
        let grown = stream.held - held_before;
        self.serial = serial;
        self.held += grown;
        self.kept += if ceiling > 0 { kept.len() } else { 0 };
        self.make_room();
        Ok(Taken { rejected, events: kept.len(), message_bytes, batch_bytes })
    }

    /// Lets a group and all its streams go. Whether it was there.
    pub fn delete_group(&mut self, group: &str) -> bool {
        let Some(group) = self.groups.remove(group) else {
            return false;
        };
        group.streams.values().for_each(|stream| self.forget(stream));
        true
    }

    /// Lets a stream go. Whether it was there.
    pub fn delete_stream(&mut self, group: &str, stream: &str) -> bool {
        let Some(stream) = self.groups.get_mut(group).and_then(|group| group.streams.remove(stream)) else {
            return false;
        };
        self.forget(&stream);
        true
    }

    /// Every stream with its group's name and its own.
    pub fn streams(&self) -> impl Iterator<Item = (StreamName, &Stream)> {
        self.groups.iter().flat_map(|(group, held)| {
            held.streams
                .iter()
                .map(|(stream, held)| (StreamName { group: Arc::clone(group), stream: Arc::clone(stream) }, held))
        })
    }

    /// One stream.
    pub fn stream(&self, group: &str, stream: &str) -> Option<&Stream> {
        self.groups.get(group)?.streams.get(stream)
    }

    fn group_mut(&mut self, group: &str) -> Result<&mut Group, Refusal> {
        let missing = || Refusal::new("ResourceNotFoundException", "The specified log group does not exist.");
        self.groups.get_mut(group).ok_or_else(missing)
    }

    fn forget(&mut self, stream: &Stream) {
        self.held -= stream.held;
        self.kept -= stream.lines.len();
    }

    /// Makes room for a while, so that the search for the largest stream is rare.
    fn make_room(&mut self) {
        if self.held <= self.ceiling {
            return;
        }
        let target = self.ceiling - self.ceiling / 16;
        while self.held > target {
            let mut sizes: Vec<&mut Stream> = self.groups.values_mut().flat_map(|g| g.streams.values_mut()).collect();
            sizes.sort_unstable_by_key(|stream| std::cmp::Reverse(stream.held));
            let second = sizes.get(1).map_or(0, |stream| stream.held);
            let Some(largest) = sizes.into_iter().next() else {
                return;
            };
            while self.held > target && largest.held >= second {
                let Some(line) = largest.lines.pop_front() else { return };
                let freed = line.message.len() + LINE_OVERHEAD_BYTES;
                largest.held -= freed;
                self.held -= freed;
                self.kept -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall(1_795_233_628_000);

    fn store(ceiling: usize) -> Logs {
        let mut logs = Logs::new(ceiling);
        logs.create_group("g", "STANDARD", NOW).unwrap();
        logs.create_stream("g", "loud", NOW).unwrap();
        logs.create_stream("g", "quiet", NOW).unwrap();
        logs
    }

    fn put(logs: &mut Logs, stream: &str, messages: &[&str]) {
        let events: Vec<_> = messages.iter().map(|m| Event { timestamp: Some(NOW.0), message: (*m).into() }).collect();
        logs.put_events("g", stream, Some(&events), NOW).unwrap();
    }

    #[test]
    fn the_largest_stream_makes_room_and_the_quiet_one_keeps_its_lines() {
        let mut logs = store(10_000);
        put(&mut logs, "quiet", &["one", "two"]);
        for _ in 0..1000 {
            put(&mut logs, "loud", &["a line of the stream that never stops", "and another"]);
        }
        assert!(logs.held() <= 10_000);
        assert_eq!(logs.stream("g", "quiet").unwrap().lines.len(), 2);
        let loud = logs.stream("g", "loud").unwrap();
        assert_eq!(loud.taken, 2000);
        assert_eq!(loud.lines.back().unwrap().serial, 2002);
        assert_eq!(logs.kept(), loud.lines.len() + 2);
    }

    #[test]
    fn what_is_deleted_frees_its_room() {
        let mut logs = store(10_000);
        put(&mut logs, "quiet", &["one"]);
        put(&mut logs, "loud", &["two"]);
        assert!(logs.delete_stream("g", "quiet"));
        assert!(!logs.delete_stream("g", "quiet"));
        assert!(logs.delete_group("g"));
        assert_eq!((logs.held(), logs.kept()), (0, 0));
    }

    #[test]
    fn without_memory_lines_are_counted_and_not_kept() {
        let mut logs = store(0);
        put(&mut logs, "loud", &["one", "two"]);
        assert_eq!((logs.kept(), logs.held(), logs.serial()), (0, 0, 2));
        assert_eq!(logs.stream("g", "loud").unwrap().taken_bytes, 6);
    }
}
