//! Streams that are one a day: each record goes to that of its own UTC day, which is over at midnight.
//!
//! A stream of a day is a stream like any other, with a number of its own, so that order and settling are what they are. Its name is
//! made when a request is built, of the time that CloudWatch gets: a clock that was wrong when a record was read does not misname its
//! stream. Easy to break: an agent runs for years, so the number of a day that is over is used again, and so is that of any stream that
//! nothing goes to any more.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::HashSet;

use super::{Pipeline, Stream};
use crate::delivery::batch::Time;
use crate::record::{FileId, StreamId};

/// With so many days at the least it is looked which are over.
pub(super) const MANY: usize = 64;

impl Pipeline {
    /// A stream that files may be said to go to. Where it `is_dated`, it stands for one a day.
    pub fn open_stream(&mut self, is_dated: bool) -> StreamId {
        self.add(Stream { is_dated, ..Stream::default() })
    }

    /// The stream, as it was opened, that `id` is or is a day of.
    pub fn opened_as(&self, id: StreamId) -> StreamId {
        self.streams.get(id.0 as usize).and_then(|stream| stream.day_of).map_or(id, |(of, _)| of)
    }

    /// The stream for a record of `file`, which goes to the dated `stream`, at `time`.
    pub(super) fn turn_to(&mut self, file: FileId, stream: StreamId, time: Time) -> StreamId {
        let wall = match time {
            Time::Own(at) => self.offset.wall(at),
            Time::Parsed(at) => at,
        };
        let key = (stream, wall.day_number());
        let id = match self.days.get(&key) {
            Some(id) => *id,
            None => {
                self.end_days();
                let id = self.add(Stream { day_of: Some(key), ..Stream::default() });
                self.days.insert(key, id);
                id
            }
        };
        if let Some(followed) = self.files.get_mut(&file).filter(|followed| followed.current != id) {
            followed.current = id;
            if !followed.days.contains(&id) {
                followed.days.push(id);
            }
        }
        id
    }

    /// Ends the streams, as they were opened, that hold nothing and that no file goes to: their numbers are used again. None as long as
    /// anything of a stream is still to be told: it would be told of another.
    pub fn end_streams(&mut self) -> HashSet<StreamId> {
        if !self.effects.refused.is_empty() || !self.effects.held.is_empty() {
            return HashSet::new();
        }
        self.end_all_days();
        let wanted = self.files.values().map(|followed| followed.stream).chain(self.days.keys().map(|(of, _)| *of));
        let kept: HashSet<StreamId> = wanted.chain(self.free.iter().copied()).collect();
        let all = (0..).map(StreamId).zip(&self.streams);
        let is_over =
            |(id, stream): &(StreamId, &Stream)| stream.day_of.is_none() && stream.is_empty() && !kept.contains(id);
        let over: HashSet<StreamId> = all.filter(is_over).map(|(id, _)| id).collect();
        self.release(&over);
        over
    }

    fn release(&mut self, over: &HashSet<StreamId>) {
        for id in over {
            self.streams[id.0 as usize] = Stream::default();
        }
        self.free.extend(over);
    }

    fn add(&mut self, stream: Stream) -> StreamId {
        if let Some(id) = self.free.pop() {
            self.streams[id.0 as usize] = stream;
            return id;
        }
        self.streams.push(stream);
        // A machine with four billion streams has other troubles.
        StreamId(u32::try_from(self.streams.len() - 1).unwrap_or(u32::MAX))
    }

    /// Frees the days that hold nothing and that no file is at, once there are many.
    fn end_days(&mut self) {
        if self.days.len() >= self.many_days {
            self.end_all_days();
            self.many_days = MANY.max(self.days.len() * 2);
        }
    }

    fn end_all_days(&mut self) {
        let current: HashSet<StreamId> = self.files.values().map(|followed| followed.current).collect();
        // One that may not be written is what its files come back to.
        let wanted: HashSet<StreamId> =
            self.files.values().flat_map(|followed| followed.days.iter().copied()).collect();
        let is_over = |id: &StreamId, stream: &Stream| {
            stream.is_empty() && !current.contains(id) && (stream.refusal.is_none() || !wanted.contains(id))
        };
        let over: HashSet<StreamId> =
            self.days.values().filter(|id| is_over(id, &self.streams[id.0 as usize])).copied().collect();
        self.days.retain(|_, id| !over.contains(id));
        self.files.values_mut().for_each(|followed| followed.days.retain(|id| !over.contains(id)));
        self.release(&over);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Record, Settings};
    use super::*;
    use crate::delivery::lines::Block;
    use crate::delivery::outcome::{Receipt, SendError};
    use crate::delivery::retry::Chance;
    use crate::record::{Monotonic, Offset, StreamName, Wall};

    const DAY: i64 = 86_400_000;
    const NOW: Monotonic = Monotonic(1_000);

    fn pipeline(files: u64) -> (Pipeline, StreamId) {
        let settings = Settings { interval: Duration::ZERO, concurrency: 8, max_bytes: 1_000_000 };
        let mut pipeline = Pipeline::new(settings, Vec::new());
        let stream = pipeline.open_stream(true);
        (1..=files).for_each(|file| pipeline.follow(FileId(file), stream, 0));
        (pipeline, stream)
    }

    fn push(pipeline: &mut Pipeline, from: u64, records: &[(&str, i64)]) {
        let records = records.iter().zip(from..);
        let records = records.map(|((text, time), at)| Record { text, time: Wall(*time), end: at + 1 });
        pipeline.push_records(FileId(1), from, records, NOW);
    }

    /// Has everything accepted; the texts by the name of the stream that they went to.
    fn send(pipeline: &mut Pipeline, offset: Offset) -> Vec<(String, String)> {
        let name = StreamName { group: "g".into(), stream: "{date}".into() };
        let mut arrived = Vec::new();
        while let Some(batch) = pipeline.take(NOW) {
            let stream = batch.records(offset, NOW).next().map(|(time, _)| name.on_day_of(time).stream.to_string());
            arrived.extend(batch.records(offset, NOW).map(|(_, text)| (stream.clone().unwrap(), text.to_owned())));
            pipeline.outcome(batch, Ok(Receipt::default()), NOW, Chance(0.5));
        }
        arrived
    }

    fn settled(pipeline: &mut Pipeline) -> Option<u64> {
        pipeline.effects().settled.last().map(|(_, mark)| mark.offset)
    }

    #[test]
    fn records_go_to_the_stream_of_their_own_day_in_order_and_settle_as_ever() {
        let (mut pipeline, _) = pipeline(1);
        push(&mut pipeline, 0, &[("a", DAY - 2), ("b", DAY - 1), ("c", DAY), ("late", DAY - 3), ("d", DAY + 1)]);
        let arrived = send(&mut pipeline, Offset(0));
        let of = |day: &str| -> Vec<&str> {
            arrived.iter().filter(|(stream, _)| stream == day).map(|(_, text)| text.as_str()).collect()
        };
        assert_eq!(of("1970-01-01"), ["late", "a", "b"]);
        assert_eq!(of("1970-01-02"), ["c", "d"]);
        assert_eq!(settled(&mut pipeline), Some(5));
    }

    #[test]
    fn a_position_waits_for_the_day_before() {
        let (mut pipeline, _) = pipeline(1);
        push(&mut pipeline, 0, &[("a", DAY - 1), ("b", DAY)]);
        let (first, second) = (pipeline.take(NOW).unwrap(), pipeline.take(NOW).unwrap());
        pipeline.outcome(second, Ok(Receipt::default()), NOW, Chance(0.5));
        assert_eq!(settled(&mut pipeline), None);
        pipeline.outcome(first, Ok(Receipt::default()), NOW, Chance(0.5));
        assert_eq!(settled(&mut pipeline), Some(2));
    }

    #[test]
    fn a_clock_that_is_put_right_before_the_request_puts_the_day_right() {
        let (mut pipeline, _) = pipeline(1);
        pipeline.push(FileId(1), Block::of(b"early\n"), NOW);
        let today = Offset(20_000 * DAY);
        assert_eq!(send(&mut pipeline, today), [("2024-10-04".to_owned(), "early".to_owned())]);
        assert_eq!(settled(&mut pipeline), Some(6));
    }

    #[test]
    fn over_years_the_days_that_are_over_leave_nothing_behind() {
        let (mut pipeline, stream) = pipeline(3);
        for day in 0..5_000 {
            let from = u64::try_from(day).unwrap();
            push(&mut pipeline, from, &[("x", day * DAY)]);
            assert_eq!(send(&mut pipeline, Offset(0)).len(), 1);
            assert_eq!(settled(&mut pipeline), Some(from + 1));
        }
        assert!(pipeline.streams.len() <= MANY + 2, "{}", pipeline.streams.len());
        assert!(pipeline.files[&FileId(1)].days.len() <= MANY + 1);
        let newest = pipeline.files[&FileId(1)].current;
        assert_eq!(pipeline.opened_as(newest), stream);
    }

    #[test]
    fn over_years_the_streams_that_nothing_goes_to_leave_nothing_behind() {
        let settings = Settings { interval: Duration::ZERO, concurrency: 8, max_bytes: 1_000_000 };
        let mut pipeline = Pipeline::new(settings, Vec::new());
        for number in 0..5_000 {
            let (file, stream) = (FileId(number), pipeline.open_stream(number % 2 == 0));
            pipeline.follow(file, stream, 0);
            assert!(pipeline.end_streams().is_empty(), "a file goes there");
            pipeline.push(file, Block::of(b"x\n"), NOW);
            pipeline.retire(file);
            assert!(pipeline.end_streams().is_empty(), "a record waits");
            let batch = pipeline.take(NOW).unwrap();
            assert!(pipeline.end_streams().is_empty(), "a batch is under way");
            assert_eq!(pipeline.opened_as(batch.stream), stream);
            pipeline.outcome(batch, Ok(Receipt::default()), NOW, Chance(0.5));
            assert_eq!(settled(&mut pipeline), Some(2));
            assert_eq!(pipeline.end_streams(), HashSet::from([stream]));
            assert!(pipeline.end_streams().is_empty(), "it is over once");
        }
        assert!(pipeline.streams.len() <= 2 && pipeline.days.is_empty(), "{}", pipeline.streams.len());
    }

    #[test]
    fn what_is_to_be_told_of_a_stream_is_told_before_another_has_its_number() {
        let (mut pipeline, stream) = pipeline(1);
        push(&mut pipeline, 0, &[("a", 0)]);
        pipeline.forget(FileId(1));
        let batch = pipeline.take(NOW).unwrap();
        pipeline.outcome(batch, Err(SendError::Refused { detail: "no".to_owned() }), NOW, Chance(0.5));
        assert!(pipeline.end_streams().is_empty());
        assert_eq!(pipeline.effects().refused[0].0, stream);
        assert_eq!(pipeline.end_streams(), HashSet::from([stream]));
    }

    #[test]
    fn a_day_that_may_not_be_written_is_told_under_its_stream_and_read_again() {
        let (mut pipeline, stream) = pipeline(1);
        push(&mut pipeline, 0, &[("a", 0), ("b", DAY)]);
        let batch = pipeline.take(NOW).unwrap();
        pipeline.outcome(batch, Err(SendError::Forbidden { detail: "no".to_owned() }), NOW, Chance(0.5));
        assert_eq!(pipeline.refusals(), [(stream, "no")]);
        let effects = pipeline.effects();
        assert!(effects.held.iter().all(|(id, ..)| *id == stream) && effects.rewind == [FileId(1)]);
        assert!(!pipeline.may_read(FileId(1), NOW), "it would read what it cannot send");
        send(&mut pipeline, Offset(0));
        assert_eq!(settled(&mut pipeline), None, "nothing is settled behind the gap");
        let later = NOW.after(Duration::from_secs(600));
        assert!(pipeline.may_read(FileId(1), later));
        push(&mut pipeline, 0, &[("a", 0), ("b", DAY)]);
        while let Some(batch) = pipeline.take(later) {
            pipeline.outcome(batch, Ok(Receipt::default()), later, Chance(0.5));
        }
        assert_eq!((settled(&mut pipeline), pipeline.refusals().len()), (Some(2), 0));
    }
}
