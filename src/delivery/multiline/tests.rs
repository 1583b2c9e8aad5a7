//! Whatever windows a file is read in, and whatever its writer does meanwhile, the same bytes make the same records.

use proptest::prelude::*;

use super::super::batch::MAX_MESSAGE_BYTES;
use super::super::encoding::Encoding;
use super::super::lines::{CONTINUED, CUT, pieces};
use super::*;

fn is_dated(line: &str) -> bool {
    line.starts_with("2026-")
}

/// The records of a block, and up to where it was taken.
fn records(block: Block<'_>) -> (Vec<String>, usize) {
    let mut records = Records::new(block, Inside::default(), Some(is_dated));
    let texts = records.by_ref().map(|record| record.text.into_owned()).collect();
    (texts, records.taken())
}

const TRACE: &str = "2026-11-21 failed\n  at one\n\n  at two\n";

#[test]
fn a_record_is_complete_with_the_next_start_and_not_before() {
    let (texts, taken) = records(Block::of(format!("{TRACE}2026-11-21 next\n").as_bytes()));
    assert_eq!(texts, ["2026-11-21 failed\n  at one\n\n  at two"]);
    assert_eq!(taken, TRACE.len());
    assert_eq!(records(Block::of(TRACE.as_bytes())), (vec![], 0));
}

#[test]
fn a_quiet_file_ends_its_record_and_not_its_line() {
    let text = format!("{TRACE}  at thr");
    let (texts, taken) = records(Block { ending: Ending::Quiet, ..Block::of(text.as_bytes()) });
    assert_eq!((texts, taken), (vec![TRACE.trim_end().to_owned()], TRACE.len()));
    let (texts, taken) = records(Block { ending: Ending::Gone, ..Block::of(text.as_bytes()) });
    assert_eq!((texts, taken), (vec![text.clone()], text.len()));
}

#[test]
fn lines_before_the_first_start_are_a_record_of_their_own() {
    let (texts, _) = records(Block::of(b"\n  at nine\n  at ten\n\n\n2026-11-21 next\n2026-11-21 last\n"));
    assert_eq!(texts, ["  at nine\n  at ten", "2026-11-21 next"]);
}

#[test]
fn carriage_returns_before_line_feeds_go() {
    let (texts, _) = records(Block::of(b"2026-1\r\n at a\r\n\r\n at b\r\n\r\n2026-2\r\n"));
    assert_eq!(texts, ["2026-1\n at a\n\n at b"]);
}

#[test]
fn blank_lines_alone_are_taken_and_not_sent() {
    assert_eq!(records(Block { ending: Ending::Quiet, ..Block::of(b"\n \n\t\r\n") }), (vec![], 6));
}

#[test]
fn without_a_start_a_line_is_a_record() {
    let mut all = Records::new(Block::of(TRACE.as_bytes()), Inside::default(), None::<fn(&str) -> bool>);
    assert_eq!(
        all.by_ref().map(|line| line.text.into_owned()).collect::<Vec<_>>(),
        TRACE.replace("\n\n", "\n").lines().collect::<Vec<_>>()
    );
    assert_eq!((all.taken(), all.inside()), (TRACE.len(), Inside::default()));
}

/// What a file becomes that is read in windows of these sizes (over and over), each with the ending that its number gives.
struct Reading {
    records: Vec<String>,
    events: Vec<String>,
    widest: usize,
}

/// Reads all of `bytes`, as a source does: a window of which nothing is taken is read again when it is wider, and only the last
/// bytes of a file may be quiet or gone.
fn read(bytes: &[u8], windows: &[usize], ending: Ending, encoding: Encoding) -> Reading {
    let mut reading = Reading { records: Vec::new(), events: Vec::new(), widest: 0 };
    let (mut at, mut window, mut inside) = (0, 0, Inside::default());
    for step in windows.iter().cycle() {
        window += step;
        let end = (at + window).min(bytes.len());
        let begin = at - at.min(3);
        let is_end = end == bytes.len();
        let block = Block {
            bytes: &bytes[begin..end],
            start: at - begin,
            offset: at as u64,
            ending: if is_end { ending } else { Ending::Growing },
            encoding,
        };
        reading.widest = reading.widest.max(end - at);
        let mut records = Records::new(block, inside, Some(is_dated));
        let mut last_end = at - begin;
        for record in records.by_ref() {
            assert!(record.end > last_end, "every record takes bytes");
            last_end = record.end;
            pieces(&record, |event| reading.events.push(event.to_owned()));
            reading.records.push(record.text.into_owned());
        }
        assert!(records.taken() >= last_end && records.taken() <= end - begin);
        if begin + records.taken() > at {
            (at, window, inside) = (begin + records.taken(), 0, records.inside());
        }
        if is_end && (at == bytes.len() || ending != Ending::Gone) {
            break;
        }
    }
    reading
}

fn text_of_lines() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        3 => Just("2026-11-21 began"),
        3 => Just("  at here"),
        1 => Just(""),
        1 => Just("  "),
        1 => Just("漢字 ä 😀"),
        1 => Just("2026-ਊ\u{a00}\u{0d0a}"),
    ];
    prop::collection::vec((line, prop_oneof![Just("\n"), Just("\r\n")]), 0..40)
        .prop_map(|lines| lines.into_iter().map(|(line, end)| format!("{line}{end}")).collect())
}

/// What people would write at first.
fn reference(text: &str) -> Vec<String> {
    let mut records: Vec<Vec<&str>> = vec![Vec::new()];
    for line in text.lines() {
        if is_dated(line) {
            records.push(Vec::new());
        }
        records.last_mut().unwrap().push(line);
    }
    let is_blank = |line: &&&str| line.trim_ascii().is_empty();
    let trim = |lines: Vec<&str>| {
        let first = lines.iter().take_while(is_blank).count();
        let last = lines.iter().rev().take_while(is_blank).count();
        lines.get(first..lines.len() - last).unwrap_or_default().join("\n")
    };
    records.into_iter().map(trim).filter(|record| !record.is_empty()).collect()
}

fn encoded(text: &str, encoding: Encoding) -> Vec<u8> {
    match encoding.name() {
        "UTF-16LE" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "UTF-16BE" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => text.into(),
    }
}

const FAMILIES: [&str; 9] =
    ["utf-8", "utf-16le", "utf-16be", "windows-1252", "shift_jis", "gb18030", "iso-2022-jp", "euc-kr", "big5"];

proptest! {
    #[test]
    fn any_windows_and_encodings_give_the_records_that_the_whole_text_gives(
        text in text_of_lines(),
        windows in prop::collection::vec(1usize..60, 1..8),
        family in 0usize..3,
    ) {
        let encoding = Encoding::of(FAMILIES[family]).unwrap();
        let reading = read(&encoded(&text, encoding), &windows, Ending::Gone, encoding);
        prop_assert_eq!(reading.records, reference(&text));
    }

    #[test]
    fn a_file_that_is_quiet_between_records_gives_the_same_as_one_that_is_not(
        text in text_of_lines(),
        quiet in prop::collection::vec(any::<bool>(), 1..10),
        windows in prop::collection::vec(1usize..60, 1..8),
    ) {
        // The writer pauses before some of the starts, for so long that the file is read to its end.
        let mut parts: Vec<String> = Vec::new();
        for (line, is_quiet) in text.split_inclusive('\n').zip(quiet.iter().cycle()) {
            match parts.last_mut() {
                Some(part) if !(is_dated(line) && *is_quiet) => part.push_str(line),
                _ => parts.push(line.to_owned()),
            }
        }
        let came: Vec<String> = parts
            .iter()
            .flat_map(|part| read(part.as_bytes(), &windows, Ending::Quiet, Encoding::UTF_8).records)
            .collect();
        prop_assert_eq!(came, reference(&text));
    }

    #[test]
    fn arbitrary_bytes_of_every_family_are_taken_to_the_last_and_break_nothing(
        parts in prop::collection::vec(
            prop_oneof![
                Just(b"\n".to_vec()),
                Just(b"\n\0".to_vec()),
                Just(b"\0\n".to_vec()),
                Just(b"2026-".to_vec()),
                Just(b"\x1b$B".to_vec()),
                Just(vec![0; 3]),
                prop::collection::vec(any::<u8>(), 0..8),
            ],
            0..60,
        ),
        windows in prop::collection::vec(1usize..60, 1..8),
        family in 0usize..9,
    ) {
        let (bytes, encoding) = (parts.concat(), Encoding::of(FAMILIES[family]).unwrap());
        let some = read(&bytes, &windows, Ending::Gone, encoding).records;
        let at_once = read(&bytes, &[bytes.len().max(1)], Ending::Gone, encoding).records;
        prop_assert_eq!(some, at_once);
    }
}

#[test]
fn a_record_too_large_for_an_event_is_cut_between_lines_and_marked() {
    let lines: String =
        (0..30_000).map(|number| format!("  at line number {number:06} of this very long trace\n")).collect();
    let text = format!("2026-11-21 failed\n{lines}2026-11-21 next\n");
    let reading = read(text.as_bytes(), &[1_300_000, 10_000], Ending::Gone, Encoding::UTF_8);
    assert!(reading.events.iter().all(|event| event.len() <= MAX_MESSAGE_BYTES));
    assert_eq!(reading.events.last().map(String::as_str), Some("2026-11-21 next"));
    let parts = &reading.events[..reading.events.len() - 1];
    assert_eq!(parts.len(), 2);
    let joined: Vec<&str> = parts.iter().map(|part| part.trim_start_matches(CONTINUED).trim_end_matches(CUT)).collect();
    assert_eq!(joined.join("\n"), format!("2026-11-21 failed\n{}", lines.trim_end()));
    assert!(parts[0].ends_with(CUT) && parts[1].starts_with(CONTINUED) && !parts[1].ends_with(CUT));
    assert!(joined.iter().all(|part| part.ends_with("trace")), "no line is cut");
}

#[test]
fn the_cut_is_at_the_same_place_in_whatever_windows() {
    let lines: String = (0..60_000).map(|number| format!("  at {number:06} {}\n", "x".repeat(number % 50))).collect();
    let text = format!("2026-11-21 failed\n{lines}");
    let at_once = read(text.as_bytes(), &[text.len()], Ending::Gone, Encoding::UTF_8).events;
    assert!(at_once.len() > 1);
    for windows in [[300_000, 77_777], [1_310_720, 1]] {
        let reading = read(text.as_bytes(), &windows, Ending::Gone, Encoding::UTF_8);
        assert_eq!(reading.events, at_once);
    }
}

#[test]
fn endless_input_is_taken_in_pieces_whatever_it_is() {
    let endless = "x".repeat(3_000_000);
    let blank = "\n".repeat(3_000_000);
    let trace = format!("2026-11-21 dump\n{endless}\n  at the end\n2026-11-21 next\n");
    for (name, text) in [("one line", &endless), ("blank lines", &blank), ("a line in a record", &trace)] {
        for encoding in ["utf-8", "utf-16le", "utf-16be", "shift_jis"].map(|label| Encoding::of(label).unwrap()) {
            let bytes = encoded(text, encoding);
            let reading = read(&bytes, &[256 * 1024, 1024 * 1024], Ending::Gone, encoding);
            assert!(reading.widest <= 1280 * 1024, "{name}: a window of {} bytes", reading.widest);
            assert!(reading.events.iter().all(|event| event.len() <= MAX_MESSAGE_BYTES), "{name}");
            let sent: usize = reading.events.iter().map(|event| event.matches('x').count()).sum();
            assert_eq!(
                sent,
                text.matches('x').count()
                    + reading.events.iter().map(|event| event.matches("next event").count()).sum::<usize>(),
                "{name}"
            );
        }
    }
    let reading = read(trace.as_bytes(), &[256 * 1024, 1024 * 1024], Ending::Gone, Encoding::UTF_8);
    let last = &reading.events[reading.events.len() - 2..];
    assert!(
        last[0].starts_with(CONTINUED) && last[0].ends_with("xx\n  at the end"),
        "{}",
        &last[0][last[0].len() - 40..]
    );
    assert_eq!(last[1], "2026-11-21 next");
}
