//! Records of several lines and encodings: when what is left of a file is offered, and as what. The framing is the program's own.

use cloudwatch_publisher::delivery::encoding::Encoding;
use cloudwatch_publisher::delivery::multiline::{Inside, Records};

use super::*;

fn following(pattern: &str, is_multi_line: bool, encoding: &str) -> Rig {
    let root = tempfile::tempdir().unwrap();
    let encoding = Encoding::of(encoding).unwrap();
    let entry = FileEntry { is_new: false, is_multi_line, encoding, ..entry(root.path(), pattern) };
    Rig::with(root, vec![entry], 1000)
}

/// Reads all there is; the number of windows.
fn read(rig: &mut Rig) -> usize {
    let is_multi_line = rig.entries[0].is_multi_line;
    let mut windows = 0;
    while let Some(file) = rig.files.next_ready(|_| true) {
        let Some(block) = rig.files.read(file) else { continue };
        windows += 1;
        assert!(windows < 10_000, "reads for ever");
        let start = is_multi_line.then_some(|line: &str| line.starts_with("2026-"));
        let mut records = Records::new(block, Inside::default(), start);
        let texts: Vec<String> = records.by_ref().map(|record| record.text.into_owned()).collect();
        let to = Mark::at(block.offset + (records.taken() - block.start) as u64, &block.bytes[..records.taken()]);
        rig.sent.entry(rig.streams[&file].clone()).or_default().extend(texts);
        rig.files.advance(file, to);
        rig.in_flight.push((file, to));
    }
    rig.acknowledge();
    windows
}

fn step(rig: &mut Rig) -> usize {
    rig.look();
    read(rig)
}

const FIRST: &str = "2026-11-21 failed\n  at one\n";
const SECOND: &str = "2026-11-21 failed again\n  at two\n";

#[test]
fn the_last_record_comes_once_its_file_was_quiet_and_waiting_for_it_costs_nothing() {
    let mut rig = following("app.log", true, "utf-8");
    rig.append("app.log", FIRST);
    assert_eq!(step(&mut rig), 1);
    for _ in 0..4 {
        rig.pass(1);
        assert_eq!(step(&mut rig), 0, "nothing has changed");
    }
    rig.expect("app.log", &[]);
    rig.pass(1);
    assert_eq!(step(&mut rig), 1);
    rig.expect("app.log", &["2026-11-21 failed\n  at one"]);
    rig.pass(600);
    assert_eq!(step(&mut rig), 0);
    assert_eq!(rig.files.lag_bytes(), 0);
}

#[test]
fn a_record_that_grows_is_waited_for_anew() {
    let mut rig = following("app.log", true, "utf-8");
    rig.append("app.log", FIRST);
    for line in ["  at two\n", "\n", "  at three\n"] {
        step(&mut rig);
        rig.pass(4);
        rig.append("app.log", line);
    }
    step(&mut rig);
    rig.expect("app.log", &[]);
    rig.pass(5);
    step(&mut rig);
    rig.expect("app.log", &["2026-11-21 failed\n  at one\n  at two\n\n  at three"]);
}

#[test]
fn a_record_that_grows_for_long_is_not_read_again_with_every_line() {
    let mut rig = following("app.log", true, "utf-8");
    rig.append("app.log", "2026-11-21 failed\n");
    let line = format!("  at {}\n", "x".repeat(8_000));
    let mut windows = 0;
    for _ in 0..120 {
        rig.append("app.log", &line);
        windows += step(&mut rig);
        rig.pass(1);
    }
    assert!((20..80).contains(&windows), "{windows}");
    rig.append("app.log", SECOND);
    for _ in 0..16 {
        rig.append("app.log", "  at three\n");
        step(&mut rig);
        rig.pass(1);
    }
    let record = format!("2026-11-21 failed\n{}", line.repeat(120));
    rig.expect("app.log", &[record.trim_end()]);
    rig.pass(5);
    step(&mut rig);
    let second = format!("{SECOND}{}", "  at three\n".repeat(16));
    rig.expect("app.log", &[record.trim_end(), second.trim_end()]);
}

#[test]
fn bytes_that_came_between_the_look_and_the_read_are_not_taken_for_quiet() {
    let mut rig = following("app.log", true, "utf-8");
    rig.append("app.log", FIRST);
    step(&mut rig);
    rig.pass(5);
    rig.look();
    rig.append("app.log", "  at two\n");
    read(&mut rig);
    rig.expect("app.log", &[]);
    step(&mut rig);
    rig.expect("app.log", &[]);
    rig.pass(5);
    step(&mut rig);
    rig.expect("app.log", &["2026-11-21 failed\n  at one\n  at two"]);
}

#[test]
fn an_unfinished_line_waits_though_its_record_is_sent() {
    let mut rig = following("app.log", true, "utf-8");
    rig.append("app.log", &format!("{FIRST}  at tw"));
    step(&mut rig);
    rig.pass(5);
    step(&mut rig);
    rig.expect("app.log", &["2026-11-21 failed\n  at one"]);
    rig.rename("app.log", "app.log.1");
    rig.pass(20);
    step(&mut rig);
    assert_eq!(rig.sent["app.log"].len(), 1);
    rig.pass(10);
    step(&mut rig);
    rig.expect("app.log", &["2026-11-21 failed\n  at one", "  at tw"]);
}

#[test]
fn a_restart_in_the_middle_of_a_record_does_not_split_it() {
    let mut rig = following("app.log", true, "utf-8");
    rig.append("app.log", &format!("{FIRST}2026-11-21 failed again\n  at"));
    step(&mut rig);
    rig.expect("app.log", &["2026-11-21 failed\n  at one"]);
    rig.restart();
    step(&mut rig);
    rig.append("app.log", " two\n");
    step(&mut rig);
    rig.restart();
    step(&mut rig);
    assert_eq!(rig.sent["app.log"].len(), 1);
    rig.pass(5);
    step(&mut rig);
    rig.expect("app.log", &["2026-11-21 failed\n  at one", "2026-11-21 failed again\n  at two"]);
}

#[test]
fn the_last_record_of_a_rotated_file_comes_before_those_of_the_new_one() {
    for pattern in ["app.log", "app.log*"] {
        let mut rig = following(pattern, true, "utf-8");
        rig.append("app.log", FIRST);
        step(&mut rig);
        rig.rename("app.log", "app.log.1");
        rig.append("app.log", &format!("{SECOND}2026-11-21 third\n"));
        rig.append("app.log.1", "  at late\n");
        step(&mut rig);
        rig.expect("app.log", &[]);
        rig.pass(5);
        step(&mut rig);
        rig.expect(
            "app.log",
            &["2026-11-21 failed\n  at one\n  at late", "2026-11-21 failed again\n  at two", "2026-11-21 third"],
        );
    }
}

#[test]
fn a_writer_that_never_leaves_the_rotated_file_does_not_keep_the_new_one_from_being_read() {
    let mut rig = following("app.log", true, "utf-8");
    rig.append("app.log", FIRST);
    step(&mut rig);
    rig.rename("app.log", "app.log.1");
    rig.append("app.log", &format!("{SECOND}2026-11-21 third\n"));
    for _ in 0..12 {
        assert!(!rig.sent["app.log"].iter().any(|record| *record == SECOND.trim_end()), "it waits a while");
        rig.append("app.log.1", "  at late\n");
        step(&mut rig);
        rig.pass(3);
        if rig.now > 1_032_000 {
            break;
        }
    }
    step(&mut rig);
    assert!(rig.sent["app.log"].contains(&SECOND.trim_end().to_owned()), "{:?}", rig.sent);
}

#[test]
fn a_record_larger_than_a_window_comes_whole() {
    let mut rig = following("app.log", true, "utf-8");
    let large = format!("2026-11-21 dump\n{}", "  at a line of forty bytes in some file\n".repeat(20_000));
    rig.append("app.log", &format!("{FIRST}{large}{SECOND}"));
    step(&mut rig);
    rig.pass(5);
    step(&mut rig);
    rig.expect("app.log", &[FIRST.trim_end(), large.trim_end(), SECOND.trim_end()]);
}

#[test]
fn no_line_of_a_file_that_rests_is_cut_at_the_end_of_a_window() {
    let mut rig = following("app.log", false, "utf-8");
    rig.append("app.log", "before\n");
    step(&mut rig);
    let all = lines(0, 20_000);
    rig.append("app.log", &text(&all));
    rig.append("app.log", "unfinished");
    rig.rename("app.log", "app.log.1");
    // As long as the endpoint is away nothing is read.
    for _ in 0..4 {
        rig.look();
        rig.pass(20);
    }
    step(&mut rig);
    let sent = &rig.sent["app.log"];
    assert_eq!((sent[0].as_str(), sent.last().map(String::as_str)), ("before", Some("unfinished")));
    assert!(sent[1..sent.len() - 1] == all);
}

fn utf_16(text: &str, is_little: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if is_little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
}

#[test]
fn a_file_in_utf_16_is_read_on_after_a_restart_in_the_middle_of_a_unit() {
    for (label, mark, is_little) in
        [("utf-8", "\u{feff}", true), ("utf-8", "\u{feff}", false), ("utf-16be", "", false), ("utf-16", "", true)]
    {
        let mut rig = following("app.log", false, label);
        // U+0A0A and U+010A hold bytes that look like line feeds; the file is cut at every place.
        let bytes = utf_16(&format!("{mark}one ਊ\r\ntwo \u{a0a}\u{10a}\nthree 😀\n"), is_little);
        let path = rig.path("app.log");
        for byte in bytes {
            OpenOptions::new().append(true).create(true).open(&path).unwrap().write_all(&[byte]).unwrap();
            step(&mut rig);
            rig.restart();
        }
        step(&mut rig);
        rig.expect("app.log", &["one ਊ", "two \u{a0a}\u{10a}", "three 😀"]);
    }
}

#[test]
fn a_file_in_utf_16_that_is_there_already_is_read_from_its_last_whole_line() {
    for is_little in [true, false] {
        let mut rig = following("app.log", false, "utf-8");
        rig.entries[0].is_new = true;
        rig.files = Files::new(rig.entries.clone(), Vec::new(), Vec::new(), 10);
        fs::write(rig.path("app.log"), utf_16("\u{feff}old\nunfin", is_little)).unwrap();
        step(&mut rig);
        let mut file = OpenOptions::new().append(true).open(rig.path("app.log")).unwrap();
        file.write_all(&utf_16("ished\nnew\n", is_little)).unwrap();
        step(&mut rig);
        rig.expect("app.log", &["unfinished", "new"]);
    }
}

#[test]
fn a_position_that_an_earlier_version_left_within_a_unit_does_not_garble_what_follows() {
    let mut rig = following("app.log", false, "utf-8");
    fs::write(rig.path("app.log"), utf_16("\u{feff}old\nnew\n", true)).unwrap();
    rig.look();
    // Taken for UTF-8, its first line ends behind the byte 0x0A.
    let (_, saved) = rig.state.iter_mut().next().unwrap();
    saved.settled = Mark::at(9, &utf_16("\u{feff}old\n", true)[..9]);
    rig.restart();
    step(&mut rig);
    rig.expect("app.log", &["new"]);
}

#[test]
fn a_wide_hole_in_a_file_in_utf_16_is_skipped_and_no_unit_is_cut() {
    for is_little in [true, false] {
        let mut rig = following("app.log", false, if is_little { "utf-16le" } else { "utf-16be" });
        let file = File::create(rig.path("app.log")).unwrap();
        file.write_all_at(&utf_16("after\n", is_little), 3_000_000).unwrap();
        step(&mut rig);
        rig.expect("app.log", &["after"]);
    }
}
