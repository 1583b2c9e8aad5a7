//! How the pipeline deals with times that records bring along: order, age, and days that are mixed.

use std::time::Duration;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::super::batch::MAX_SPAN_MS;
use super::super::lines::Block;
use super::super::timestamp::TimeFormat;
use super::super::treatment::{Start, TimeStep};
use super::open::MAX_OPEN;
use super::*;

const FILE: FileId = FileId(1);
const STREAM: StreamId = StreamId(0);
const NOW: Monotonic = Monotonic(1_000);
/// The wall time at [`NOW`].
const WALL: i64 = 1_795_255_200_000;
const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// Follows a file whose lines begin with a count of milliseconds from 1970, or have no time, and another without times.
fn pipeline(is_clock_known: bool, interval: Duration) -> Pipeline {
    let settings = Settings { interval, concurrency: 1, max_bytes: 4_000_000 };
    let format = TimeFormat::new("%s", TimeZone::UTC).unwrap();
    let timed = Treatment { time: Some(TimeStep { format, is_trimmed: false }), ..Treatment::default() };
    let mut pipeline = Pipeline::new(settings, vec![timed, Treatment::default()]);
    pipeline.set_offset(Offset(WALL - 1_000), is_clock_known);
    pipeline.follow(FILE, STREAM, 0);
    pipeline.follow(FileId(2), STREAM, 1);
    pipeline
}

fn push(pipeline: &mut Pipeline, file: FileId, offset: u64, text: &str) {
    pipeline.push(file, Block { offset, ..Block::of(text.as_bytes()) }, NOW);
}

/// Sends all there is to an endpoint that takes everything; how many records each request had.
fn send_all(pipeline: &mut Pipeline) -> Vec<usize> {
    let mut requests = Vec::new();
    pipeline.drain();
    while let Some(batch) = pipeline.take(NOW) {
        let times: Vec<i64> = batch.records(Offset(WALL - 1_000), NOW).map(|(at, _)| at.0).collect();
        assert!(times.is_sorted());
        assert!(times[times.len() - 1] - times[0] <= i64::try_from(MAX_SPAN_MS).unwrap());
        requests.push(batch.len());
        pipeline.outcome(batch, Ok(Receipt::default()), NOW, Chance(0.5));
    }
    requests
}

fn settled(pipeline: &mut Pipeline) -> Option<u64> {
    pipeline.effects().settled.last().map(|(_, mark)| mark.offset)
}

#[test]
fn a_file_that_mixes_days_makes_a_request_a_day_and_not_one_a_record() {
    let mut pipeline = pipeline(true, Duration::ZERO);
    let text: String = (0..3_000).map(|at| format!("{} line\n", WALL - (at % 14) * DAY - at)).collect();
    push(&mut pipeline, FILE, 0, &text);
    let requests = send_all(&mut pipeline);
    assert!(requests.len() <= MAX_OPEN, "{requests:?}");
    assert_eq!(requests.iter().sum::<usize>(), 3_000);
    assert_eq!(settled(&mut pipeline), Some(text.len() as u64));
    assert!(pipeline.ledger.is_settled(FILE) && pipeline.is_empty());
}

#[test]
fn days_that_are_mixed_fill_their_batches() {
    let mut pipeline = pipeline(true, Duration::from_secs(60));
    let text: String = (0..50_000).map(|at| format!("{} line\n", WALL - (at % 2) * 3 * DAY)).collect();
    push(&mut pipeline, FILE, 0, &text);
    let requests = send_all(&mut pipeline);
    assert!(requests.len() <= 6, "{requests:?}");
    assert_eq!((requests.iter().sum::<usize>(), settled(&mut pipeline)), (50_000, Some(text.len() as u64)));
}

#[test]
fn two_files_of_one_stream_with_and_without_times_share_two_batches() {
    let mut pipeline = pipeline(true, Duration::from_secs(60));
    let mut offset = 0;
    for at in 0..500 {
        let text = format!("{} line\n", WALL + at);
        push(&mut pipeline, FILE, offset, &text);
        push(&mut pipeline, FileId(2), offset, &text);
        offset += text.len() as u64;
    }
    assert_eq!(send_all(&mut pipeline), [500, 500]);
    let ends: Vec<_> = pipeline.effects().settled.iter().map(|(_, mark)| mark.offset).collect();
    assert_eq!(ends, [offset, offset]);
}

#[test]
fn more_days_than_there_is_room_for_are_still_all_sent() {
    // With a clock that nobody knows, any time may be right.
    let mut pipeline = pipeline(false, Duration::ZERO);
    let text: String = (0..200).map(|at| format!("{} line\n", WALL - (at % 40) * 2 * DAY)).collect();
    push(&mut pipeline, FILE, 0, &text);
    assert_eq!(send_all(&mut pipeline).iter().sum::<usize>(), 200);
    assert_eq!(settled(&mut pipeline), Some(text.len() as u64));
}

#[test]
fn a_time_that_is_certain_to_be_refused_costs_no_request_stops_nothing_and_is_not_inherited() {
    let mut pipeline = pipeline(true, Duration::ZERO);
    let year = 365 * DAY;
    let (old, new) = (WALL - 15 * DAY, WALL + 70 * year);
    let text = format!("{old} old\n  its trace\n{new} new\n{WALL} good\n");
    push(&mut pipeline, FILE, 0, &text);
    assert_eq!(send_all(&mut pipeline), [1, 1]);
    let effects = pipeline.effects();
    assert_eq!(effects.refused, [(STREAM, Cause::TooOld, 1), (STREAM, Cause::TooNew, 1)]);
    assert_eq!(effects.unsent, [FILE]);
    assert_eq!(effects.settled.last().map(|(_, mark)| mark.offset), Some(text.len() as u64));
    let counts = pipeline.counts();
    assert_eq!((counts.sent, counts.refused, counts.waiting), (2, 2, 0));
    let more = format!("{old} old\n");
    push(&mut pipeline, FILE, text.len() as u64, &more);
    assert_eq!(
        settled(&mut pipeline),
        Some((text.len() + more.len()) as u64),
        "with nothing to send the position moves at once"
    );
}

#[test]
fn a_time_in_doubt_is_not_inherited_and_one_that_is_taken_is() {
    for (ahead, is_inherited) in [(-14 * DAY, false), (-13 * DAY, true), (HOUR, true), (3 * HOUR, false)] {
        let mut pipeline = pipeline(true, Duration::ZERO);
        push(&mut pipeline, FILE, 0, &format!("{} began\n  at main\n", WALL + ahead));
        let requests = send_all(&mut pipeline);
        assert_eq!(requests, if is_inherited { vec![2] } else { vec![1, 1] }, "{ahead}");
    }
}

#[test]
fn while_nobody_knows_the_time_cloudwatch_says_which_records_it_takes() {
    let mut pipeline = pipeline(false, Duration::ZERO);
    push(&mut pipeline, FILE, 0, &format!("{} old\n{} new\n", WALL - 15 * DAY, WALL + 9 * DAY));
    assert_eq!(send_all(&mut pipeline), [1, 1]);
    assert_eq!(pipeline.counts().refused, 0);
}

#[test]
fn a_time_before_1970_never_gets_into_a_request() {
    let mut pipeline = pipeline(false, Duration::ZERO);
    let records = [("good", WALL), ("bad", -1)].into_iter().zip(1..);
    let records = records.map(|((text, time), end)| Record { text, time: Wall(time), end });
    pipeline.push_records(FileId(2), 0, records, NOW);
    assert_eq!(send_all(&mut pipeline), [1]);
    assert_eq!(pipeline.effects().refused, [(STREAM, Cause::TooOld, 1)]);
}

#[test]
fn what_may_be_taken_when_it_arrives_is_sent() {
    let edges = [-14 * DAY + 2 * SECOND, -14 * DAY - 2 * SECOND, 2 * HOUR, 3 * HOUR, DAY];
    for edge in edges {
        assert_eq!(super::super::batch::Time::Parsed(Wall(WALL + edge)).refusal(Some(Wall(WALL))), None, "{edge}");
    }
}

#[test]
fn a_record_of_several_lines_begins_where_a_time_stands_and_has_that_time() {
    let settings = Settings { interval: Duration::ZERO, concurrency: 1, max_bytes: 1_000 };
    let format = TimeFormat::new("%s", TimeZone::UTC).unwrap();
    let treatment = Treatment {
        multi_line: Some(Start::Time),
        time: Some(TimeStep { format, is_trimmed: true }),
        ..Treatment::default()
    };
    let mut pipeline = Pipeline::new(settings, vec![treatment]);
    pipeline.follow(FILE, STREAM, 0);
    let text = format!("{WALL} one\n  at main\n{} two\n{WALL} is not told yet\n", WALL + 1);
    push(&mut pipeline, FILE, 0, &text);
    pipeline.drain();
    let batch = pipeline.take(NOW).unwrap();
    let records: Vec<_> = batch.records(Offset(0), NOW).collect();
    assert_eq!(records, [(Wall(WALL), "one\n  at main"), (Wall(WALL + 1), "two")]);
}

#[test]
fn a_stream_that_is_put_aside_keeps_none_of_its_days() {
    let mut pipeline = pipeline(true, Duration::ZERO);
    let text = format!("{WALL} a\n{} b\n{} c\n", WALL - 3 * DAY, WALL - 6 * DAY);
    push(&mut pipeline, FILE, 0, &text);
    let batch = pipeline.take(NOW).unwrap();
    pipeline.outcome(batch, Err(SendError::Forbidden { detail: String::new() }), NOW, Chance(0.5));
    let effects = pipeline.effects();
    assert!(effects.rewind.contains(&FILE) && effects.settled.is_empty());
    assert_eq!((pipeline.counts().waiting, pipeline.counts().waiting_bytes), (0, 0));
    assert!(pipeline.files[&FILE].memory.time.is_none(), "it is read again from where that is not known");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_the_times_a_position_moves_over_settled_records_only(
        // Days back (16 and more: refused; 40: none of its own), and whether a block ends behind it.
        lines in prop::collection::vec((prop_oneof![0_i64..18, Just(40)], any::<bool>()), 1..60),
        answers in prop::collection::vec(0_u8..4, 0..40),
    ) {
        let mut pipeline = pipeline(true, Duration::ZERO);
        let (mut offset, mut block, mut ends) = (0_u64, String::new(), Vec::new());
        for (index, (days, ends_block)) in lines.iter().enumerate() {
            let time = if *days == 40 { String::new() } else { (WALL - days * DAY).to_string() };
            block.push_str(&format!("{time} #{index}\n"));
            ends.push(offset + block.len() as u64);
            if *ends_block || index + 1 == lines.len() {
                push(&mut pipeline, FILE, offset, &block);
                offset += block.len() as u64;
                block.clear();
            }
        }
        let mut answers = answers.into_iter();
        let mut arrived = vec![false; lines.len()];
        let mut at = NOW;
        pipeline.drain();
        let mut position = 0;
        while !pipeline.is_empty() {
            let effects = pipeline.effects();
            position = effects.settled.last().map_or(position, |(_, mark)| mark.offset);
            let Some(batch) = pipeline.take(at) else {
                at = pipeline.next_due().unwrap().max(Monotonic(at.0 + 1));
                continue;
            };
            let texts: Vec<String> = batch.records(Offset(0), at).map(|(_, text)| text.to_owned()).collect();
            let result = match answers.next() {
                Some(0) => Err(SendError::Unreachable { detail: String::new() }),
                Some(1) if texts.len() > 1 => Err(SendError::Refused { detail: String::new() }),
                _ => Ok(Receipt::default()),
            };
            if result.is_ok() {
                for text in &texts {
                    arrived[text.split('#').nth(1).unwrap().parse::<usize>().unwrap()] = true;
                }
            }
            pipeline.outcome(batch, result, at, Chance(0.5));
            for (_, mark) in pipeline.effects().settled {
                prop_assert!(mark.offset > position);
                position = mark.offset;
                // What is before the position arrived, or was refused for a time of its own.
                for (index, (days, _)) in lines.iter().enumerate() {
                    let is_refused = *days > 14 && *days != 40;
                    prop_assert!(ends[index] > position || arrived[index] || is_refused, "line {index} at {position}");
                }
            }
        }
        position = pipeline.effects().settled.last().map_or(position, |(_, mark)| mark.offset);
        prop_assert_eq!(position, offset);
        prop_assert!(pipeline.ledger.is_settled(FILE));
    }
}
