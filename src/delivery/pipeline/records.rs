//! The second way in: whole records of a source that knows their times, such as the journal.
//!
//! The rule that is easy to break: a record that is left out moves the position too, and a batch may close in the middle of what
//! is pushed, so that the source must know which places can come back as settled.
//!
//! Pure: no I/O, no clock, no tasks.

use super::Pipeline;
use crate::delivery::batch::Time;
use crate::delivery::lines::{Line, pieces};
use crate::record::{FileId, Mark, Monotonic, Wall};

/// A whole record, however many lines it has, of a source that gives records their times.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What is sent; blank where the source leaves it out.
    pub text: &'a str,
    /// When it happened.
    pub time: Wall,
    /// The offset behind it.
    pub end: u64,
}

impl Pipeline {
    /// Takes whole records, the first of which begins at offset `from`. Answers the offsets, beside the end of the last record,
    /// that [`Effects::settled`] may name: the source keeps what they stand for.
    pub fn push_records<'a>(
        &mut self,
        file: FileId,
        from: u64,
        records: impl Iterator<Item = Record<'a>>,
        now: Monotonic,
    ) -> Vec<u64> {
        let mut ends_of_batches = Vec::new();
        let Some(followed) = self.files.get(&file).copied() else {
            return ends_of_batches;
        };
        let (mut at, mark) = (from, |offset| Mark { offset, tail: 0 });
        for Record { text, time, end } in records {
            let is_blank = text.bytes().all(|byte| byte.is_ascii_whitespace());
            if !is_blank && self.filters.get(followed.filter).is_none_or(|filter| filter.keeps(text)) {
                let line = Line { text: text.into(), end: 0, continued: false, goes_on: false };
                let time = Time::Parsed(time);
                pieces(&line, |text| {
                    self.append(file, followed.stream, time, text, now, || {
                        ends_of_batches.push(at);
                        mark(at)
                    });
                });
            } else if !is_blank {
                self.counts.filtered += 1;
            }
            at = end;
        }
        if at > from {
            self.cover(file, followed.stream, mark(at));
        }
        ends_of_batches
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Settings, StreamId};
    use super::*;
    use crate::delivery::batch::Batch;
    use crate::delivery::filter::{Filter, Pattern};
    use crate::delivery::outcome::{Cause, Receipt};
    use crate::delivery::retry::Chance;
    use crate::record::Offset;

    const FILE: FileId = FileId(1);
    const STREAM: StreamId = StreamId(0);
    const NOW: Monotonic = Monotonic(1000);

    fn pipeline() -> Pipeline {
        let settings = Settings { interval: Duration::ZERO, concurrency: 2, max_bytes: 1_000_000 };
        let debug = Filter { exclude: vec![Pattern::new("debug").unwrap()], ..Filter::default() };
        let mut pipeline = Pipeline::new(settings, vec![debug]);
        pipeline.follow(FILE, STREAM, 0);
        pipeline
    }

    fn texts(batch: &Batch) -> Vec<String> {
        batch.records(Offset(0), NOW).map(|(_, text)| text.to_owned()).collect()
    }

    fn settled(pipeline: &mut Pipeline) -> Option<u64> {
        pipeline.effects().settled.last().map(|(_, mark)| mark.offset)
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
        let records: Vec<_> = batch.records(Offset(0), NOW).collect();
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
        assert_eq!(arrived.concat(), ["a", "b", "c", "d"]);
        assert_eq!(settled(&mut pipeline), Some(4));
    }
}
