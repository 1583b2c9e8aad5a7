//! Following real files through everything that rotation, people and file systems do to them: each line once, complete and in
//! order. The table is driven directly, with a framer of a few lines in the pipeline's place and a clock that tests move.

// A test that cannot write its files has failed.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "tailing/records.rs"]
mod records;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cloudwatch_publisher::delivery::encoding::Encoding;
use cloudwatch_publisher::delivery::filter::Pattern;
use cloudwatch_publisher::delivery::lines::Ending;
use cloudwatch_publisher::record::{FileId, Mark, Monotonic, SavedFile};
use cloudwatch_publisher::sources::file::{Change, FileEntry, Files, SavedKey, StartAt};

/// A folder, a table that follows files in it, and what came out.
struct Rig {
    root: tempfile::TempDir,
    entries: Vec<FileEntry>,
    max_open: usize,
    files: Files,
    now: u64,
    streams: HashMap<FileId, String>,
    sent: BTreeMap<String, Vec<String>>,
    state: BTreeMap<SavedKey, SavedFile>,
    /// Acknowledgements that are held back.
    in_flight: Vec<(FileId, Mark)>,
    is_endpoint_up: bool,
    changes: Vec<Change>,
}

fn entry(root: &Path, pattern: &str) -> FileEntry {
    FileEntry {
        key: pattern.to_owned(),
        pattern: format!("{}/{pattern}", root.display()),
        group: "g".into(),
        stream: None,
        start_at: StartAt::End,
        is_new: true,
        partial_line_timeout: Duration::from_secs(30),
        is_multi_line: false,
        encoding: Encoding::UTF_8,
        newest_only: false,
        removes: false,
        blacklist: None,
    }
}

impl Rig {
    /// Follows `patterns` in a new folder; every file begins at its first byte.
    fn new(patterns: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let entries = patterns.iter().map(|p| FileEntry { is_new: false, ..entry(root.path(), p) }).collect();
        Self::with(root, entries, 1000)
    }

    fn with(root: tempfile::TempDir, entries: Vec<FileEntry>, max_open: usize) -> Self {
        let never = vec![root.path().join("own.log")];
        let files = Files::new(entries.clone(), Vec::new(), never, max_open);
        Self {
            root,
            entries,
            max_open,
            files,
            now: 1_000_000,
            streams: HashMap::new(),
            sent: BTreeMap::new(),
            state: BTreeMap::new(),
            in_flight: Vec::new(),
            is_endpoint_up: true,
            changes: Vec::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn copy_truncate(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).unwrap();
        self.truncate(from);
    }

    fn truncate(&self, name: &str) {
        OpenOptions::new().write(true).open(self.path(name)).unwrap().set_len(0).unwrap();
    }

    fn look(&mut self) {
        self.now += 10;
        for change in self.files.look(Monotonic(self.now)) {
            match &change {
                Change::Appeared { file, stream, .. } | Change::Replaced { new: file, stream, .. } => {
                    self.streams.insert(*file, stream.stream.to_string());
                }
                Change::Save(saved) => self.save(saved.clone()),
                Change::Gone { forget: Some(key), .. } => {
                    self.state.remove(key);
                }
                _ => {}
            }
            self.changes.push(change);
        }
    }

    fn save(&mut self, saved: SavedFile) {
        let key = SavedKey { entry: saved.entry.clone(), device: saved.device, inode: saved.inode };
        self.state.insert(key, saved);
    }

    /// Reads all there is, and acknowledges it where the endpoint is up. The number of windows.
    fn read(&mut self) -> usize {
        let mut windows = 0;
        while let Some(file) = self.files.next_ready(|_| true) {
            let Some(block) = self.files.read(file) else { continue };
            windows += 1;
            assert!(windows < 100_000, "reads for ever");
            let new = &block.bytes[block.start..];
            let mut taken = memchr::memrchr(b'\n', new).map_or(0, |at| at + 1);
            if block.ending == Ending::Gone || (taken == 0 && new.len() > 1024 * 1024) {
                taken = new.len();
            }
            let text = String::from_utf8_lossy(&new[..taken]).into_owned();
            let to = Mark::at(block.offset + taken as u64, &block.bytes[..block.start + taken]);
            let stream = self.sent.entry(self.streams[&file].clone()).or_default();
            stream.extend(
                text.lines().map(|line| line.trim_start_matches('\0').to_owned()).filter(|line| !line.is_empty()),
            );
            self.files.advance(file, to);
            self.in_flight.push((file, to));
        }
        self.acknowledge();
        windows
    }

    fn acknowledge(&mut self) {
        if self.is_endpoint_up {
            for (file, to) in std::mem::take(&mut self.in_flight) {
                if let Some(saved) = self.files.settle(file, to) {
                    self.save(saved);
                }
            }
        }
    }

    fn step(&mut self) {
        self.look();
        self.read();
        // What only a look can settle is settled on the next one.
        self.look();
        self.read();
    }

    fn pass(&mut self, seconds: u64) {
        self.now += seconds * 1000;
    }

    /// The program ends without a word and starts again from what is saved.
    fn restart(&mut self) {
        self.stop();
        self.start();
    }

    fn stop(&mut self) {
        self.in_flight.clear();
        self.files = Files::new(Vec::new(), Vec::new(), Vec::new(), 1);
        self.streams.clear();
    }

    fn start(&mut self) {
        let entries = self.entries.iter().cloned().map(|entry| FileEntry { is_new: false, ..entry }).collect();
        let state = self.state.values().cloned().collect();
        self.files = Files::new(entries, state, vec![self.path("own.log")], self.max_open);
    }

    #[track_caller]
    fn expect(&self, stream: &str, lines: &[&str]) {
        assert_eq!(self.sent.get(stream).map_or(&[][..], Vec::as_slice), lines, "{stream}; all: {:?}", self.sent);
    }

    fn count(&self, is_meant: impl Fn(&Change) -> bool) -> usize {
        self.changes.iter().filter(|change| is_meant(change)).count()
    }
}

/// `count` lines of some 60 bytes, from `first` on: more than a fingerprint covers.
fn lines(first: usize, count: usize) -> Vec<String> {
    (first..first + count).map(|n| format!("2026-11-21T04:00:00Z host program[12]: message number {n:06}")).collect()
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn whole_lines_come_once_and_an_unfinished_one_is_held() {
    let mut rig = Rig::new(&["app.log"]);
    rig.append("app.log", "one\ntwo\nthr");
    rig.step();
    rig.expect("app.log", &["one", "two"]);
    rig.pass(600);
    rig.step();
    rig.append("app.log", "ee\n");
    rig.step();
    rig.expect("app.log", &["one", "two", "three"]);
    assert_eq!(rig.files.lag_bytes(), 0);
}

#[test]
fn a_file_that_is_there_at_the_first_start_begins_where_the_entry_says() {
    for (start_at, wanted) in [
        (StartAt::End, &["new"][..]),
        (StartAt::LinesBeforeEnd(1), &["two", "new"]),
        (StartAt::Beginning, &["one", "two", "new"]),
    ] {
        let root = tempfile::tempdir().unwrap();
        let entries = vec![FileEntry { start_at, ..entry(root.path(), "*.log") }];
        let mut rig = Rig::with(root, entries, 10);
        rig.append("app.log", "one\ntwo\n");
        rig.step();
        rig.append("app.log", "new\n");
        rig.append("late.log", "late\n");
        rig.step();
        rig.expect("app.log", wanted);
        rig.expect("late.log", &["late"]);
    }
}

#[test]
fn a_first_start_at_the_end_is_saved_at_once() {
    let root = tempfile::tempdir().unwrap();
    let entries = vec![entry(root.path(), "*.log")];
    let mut rig = Rig::with(root, entries, 10);
    rig.append("app.log", "old\n");
    rig.look();
    rig.stop();
    rig.append("app.log", "while down\n");
    rig.start();
    rig.step();
    rig.expect("app.log", &["while down"]);
}

#[test]
fn rename_and_create_under_load_with_late_writes_keeps_every_line_in_order() {
    let mut rig = Rig::new(&["app.log"]);
    let all = lines(0, 3000);
    let mut writer = File::create(rig.path("app.log")).unwrap();
    for (number, line) in all.iter().enumerate() {
        if number % 500 == 250 {
            let _ = fs::rename(rig.path("app.log.1"), rig.path("app.log.2"));
            rig.rename("app.log", "app.log.1");
        }
        // The writer goes on for 20 lines before it notices.
        if number % 500 == 270 {
            rig.step();
            writer = File::create(rig.path("app.log")).unwrap();
        }
        writeln!(writer, "{line}").unwrap();
        if number % 37 == 0 {
            rig.step();
        }
    }
    rig.step();
    assert_eq!(rig.sent["app.log"], all);
}

#[test]
fn late_writes_after_the_new_file_began_come_too() {
    let mut rig = Rig::new(&["app.log"]);
    rig.append("app.log", "a1\n");
    rig.step();
    rig.rename("app.log", "app.log.1");
    rig.append("app.log", "b1\n");
    rig.append("app.log.1", "a2\n");
    rig.step();
    rig.expect("app.log", &["a1", "a2", "b1"]);
    rig.append("app.log.1", "a3\n");
    rig.step();
    rig.expect("app.log", &["a1", "a2", "b1", "a3"]);
}

#[test]
fn rename_create_and_delete_at_once_loses_nothing() {
    let mut rig = Rig::new(&["app.log"]);
    rig.append("app.log", "a1\n");
    rig.step();
    rig.append("app.log", "a2\n");
    rig.rename("app.log", "app.log.1");
    rig.append("app.log", "b1\n");
    fs::remove_file(rig.path("app.log.1")).unwrap();
    rig.step();
    rig.expect("app.log", &["a1", "a2", "b1"]);
    rig.pass(61);
    rig.step();
    assert_eq!((rig.files.len(), rig.files.open()), (1, 1), "let go after a rest");
    assert_eq!(rig.state.len(), 1);
}

#[test]
fn rotated_names_that_still_match_are_not_read_again() {
    let mut rig = Rig::new(&["app.log*"]);
    for generation in 0..5 {
        for older in (1..=generation).rev() {
            rig.rename(
                &if older == 1 { "app.log".into() } else { format!("app.log.{}", older - 1) },
                &format!("app.log.{older}"),
            );
        }
        if generation > 0 {
            rig.append("app.log.1", &format!("late {}\n", generation - 1));
        }
        rig.append("app.log", &format!("same first line\ngeneration {generation}\n"));
        rig.step();
    }
    let mut wanted = Vec::new();
    for generation in 0..5 {
        wanted.extend(["same first line".to_owned(), format!("generation {generation}"), format!("late {generation}")]);
    }
    wanted.pop();
    assert_eq!(rig.sent["app.log"], wanted);
    assert_eq!(rig.sent.len(), 1, "{:?}", rig.sent);
}

#[test]
fn copytruncate_gives_each_line_once_whether_the_copy_matches_or_not() {
    for pattern in ["app.log", "app.log*"] {
        for size in [2, 100] {
            let mut rig = Rig::new(&[pattern]);
            let all = lines(0, size * 6);
            for (round, part) in all.chunks(size * 2).enumerate() {
                rig.append("app.log", &text(&part[..size]));
                rig.step();
                // These are not read before the copy is made: only the copy has them.
                rig.append("app.log", &text(&part[size..]));
                for older in (1..=round).rev() {
                    rig.rename(&format!("app.log.{older}"), &format!("app.log.{}", older + 1));
                }
                rig.copy_truncate("app.log", "app.log.1");
                rig.step();
            }
            assert_eq!(rig.sent.get("app.log"), Some(&all), "{pattern} {size}");
            assert_eq!(rig.sent.len(), 1);
        }
    }
}

#[test]
fn a_look_between_copy_and_truncate_changes_nothing() {
    let mut rig = Rig::new(&["app.log*"]);
    let all = lines(0, 300);
    rig.append("app.log", &text(&all[..100]));
    rig.step();
    // A copy in the making.
    let content = fs::read(rig.path("app.log")).unwrap();
    fs::write(rig.path("app.log.1"), &content[..2000]).unwrap();
    rig.step();
    rig.append("app.log", &text(&all[100..200]));
    fs::copy(rig.path("app.log"), rig.path("app.log.1")).unwrap();
    rig.step();
    rig.truncate("app.log");
    rig.append("app.log", &text(&all[200..]));
    rig.step();
    assert_eq!(rig.sent["app.log"], all);
    assert_eq!(rig.sent.len(), 1);
}

#[test]
fn truncated_and_rewritten_larger_begins_anew() {
    let mut rig = Rig::new(&["app.log"]);
    rig.append("app.log", "one\ntwo\n");
    rig.step();
    rig.truncate("app.log");
    rig.append("app.log", "three\nfour\nfive\nsix\n");
    rig.step();
    rig.expect("app.log", &["one", "two", "three", "four", "five", "six"]);
    assert_eq!(rig.count(|change| matches!(change, Change::Replaced { .. })), 1);
}

#[test]
fn rewritten_to_the_same_size_begins_anew() {
    let mut rig = Rig::new(&["app.log"]);
    rig.append("app.log", "one\n");
    rig.step();
    std::thread::sleep(Duration::from_millis(20)); // Times of files advance with the kernel's tick.
    fs::write(rig.path("app.log"), "two\n").unwrap();
    rig.step();
    rig.expect("app.log", &["one", "two"]);
}

#[test]
fn truncated_and_rewritten_larger_while_down_begins_anew() {
    let mut rig = Rig::new(&["app.log"]);
    rig.append("app.log", "one\ntwo\n");
    rig.step();
    rig.stop();
    fs::write(rig.path("app.log"), "three\nfour\nfive\n").unwrap();
    rig.start();
    rig.step();
    rig.expect("app.log", &["one", "two", "three", "four", "five"]);
    rig.restart();
    rig.step();
    rig.expect("app.log", &["one", "two", "three", "four", "five"]);
}

#[test]
fn copytruncate_while_down_goes_on_in_the_copy() {
    for pattern in ["app.log", "app.log*"] {
        let mut rig = Rig::new(&[pattern]);
        rig.append("app.log", "one\n");
        rig.step();
        rig.stop();
        rig.append("app.log", "two\n");
        rig.copy_truncate("app.log", "app.log.1");
        rig.append("app.log", "three\n");
        rig.start();
        rig.step();
        rig.expect("app.log", &["one", "two", "three"]);
        rig.restart();
        rig.step();
        rig.expect("app.log", &["one", "two", "three"]);
    }
}

#[test]
fn several_rotations_during_an_outage_lose_nothing() {
    let mut rig = Rig::new(&["app.log"]);
    rig.append("app.log", "a\n");
    rig.step();
    for generation in ["b", "c", "d"] {
        rig.append("app.log", &format!("{generation} end\n"));
        rig.rename("app.log", "app.log.1");
        rig.append("app.log", &format!("{generation} begin\n"));
        fs::remove_file(rig.path("app.log.1")).unwrap();
        rig.look(); // Looks go on; reading has stopped.
        rig.pass(3600);
    }
    rig.step();
    rig.expect("app.log", &["a", "b end", "b begin", "c end", "c begin", "d end", "d begin"]);
}

#[test]
fn copytruncate_during_an_outage_loses_nothing_and_settles_in_order() {
    let mut rig = Rig::new(&["app.log"]);
    rig.append("app.log", "a\n");
    rig.step();
    rig.is_endpoint_up = false;
    rig.append("app.log", "b\n");
    rig.step();
    rig.append("app.log", "c\n");
    rig.copy_truncate("app.log", "app.log.1");
    rig.append("app.log", "d\n");
    rig.step();
    rig.expect("app.log", &["a", "b", "c", "d"]);
    // Nothing was acknowledged since `a`: after a crash all of it comes again.
    rig.restart();
    rig.is_endpoint_up = true;
    rig.step();
    rig.expect("app.log", &["a", "b", "c", "d", "b", "c", "d"]);
    rig.restart();
    rig.step();
    rig.expect("app.log", &["a", "b", "c", "d", "b", "c", "d"]);
}

#[test]
fn what_is_acknowledged_after_a_truncation_is_saved_for_the_copy() {
    let mut rig = Rig::new(&["app.log"]);
    rig.append("app.log", "a\n");
    rig.step();
    rig.is_endpoint_up = false;
    rig.append("app.log", "b\n");
    rig.step();
    rig.append("app.log", "c\n");
    rig.copy_truncate("app.log", "app.log.1");
    rig.step();
    rig.is_endpoint_up = true;
    rig.acknowledge();
    rig.restart();
    rig.step();
    rig.expect("app.log", &["a", "b", "c"]);
}

#[test]
fn rotation_while_down_reads_the_rest_before_the_new_file() {
    let mut rig = Rig::new(&["app.log"]);
    rig.append("app.log", "one\n");
    rig.step();
    rig.stop();
    rig.append("app.log", "two\n");
    rig.rename("app.log", "app.log.1");
    rig.append("app.log", "three\n");
    rig.start();
    rig.step();
    rig.expect("app.log", &["one", "two", "three"]);
    rig.append("app.log.1", "late\n");
    rig.step();
    rig.expect("app.log", &["one", "two", "three", "late"]);
}

#[test]
fn a_generation_that_nobody_saw_is_found_beside_the_known_ones() {
    for pattern in ["app.log", "app.log*"] {
        for is_down in [false, true] {
            let mut rig = Rig::new(&[pattern]);
            rig.append("app.log", "one\n");
            rig.step();
            if is_down {
                rig.stop();
            }
            std::thread::sleep(Duration::from_millis(20)); // Times of files advance with the kernel's tick.
            rig.append("app.log", "two\n");
            rig.rename("app.log", "app.log.1");
            rig.append("app.log", "three\n");
            rig.rename("app.log.1", "app.log.2");
            rig.rename("app.log", "app.log.1");
            rig.append("app.log", "four\n");
            if is_down {
                rig.start();
            }
            rig.step();
            rig.expect("app.log", &["one", "two", "three", "four"]);
        }
    }
}

#[test]
fn a_file_renamed_away_is_let_go_after_a_rest() {
    let mut rig = Rig::new(&["app.log"]);
    rig.append("app.log", "one\n");
    rig.step();
    rig.rename("app.log", "elsewhere");
    rig.step();
    assert_eq!(rig.files.len(), 1);
    rig.pass(601);
    rig.step();
    assert_eq!((rig.files.len(), rig.files.open(), rig.state.len()), (0, 0, 0));
}

#[test]
fn deleted_files_that_cannot_be_sent_are_held_up_to_a_bound() {
    let mut rig = Rig::new(&["*.log"]);
    for name in ["a.log", "b.log"] {
        let file = File::create(rig.path(name)).unwrap();
        file.set_len(200 * 1024 * 1024).unwrap();
        file.write_all_at(b"line\n", 0).unwrap();
    }
    rig.look();
    for name in ["a.log", "b.log"] {
        fs::remove_file(rig.path(name)).unwrap();
    }
    rig.look();
    assert_eq!(rig.files.len(), 2);
    rig.pass(61);
    rig.look();
    assert_eq!(rig.files.len(), 1, "the oldest was let go");
    let lost: Vec<_> = rig
        .changes
        .iter()
        .filter_map(|change| if let Change::LetGo { bytes, .. } = change { Some(*bytes) } else { None })
        .collect();
    assert_eq!(lost, [200 * 1024 * 1024]);
}

#[test]
fn an_inode_that_is_used_again_is_another_file() {
    for is_down in [false, true] {
        // One descriptor: the file's own is closed, so its number can be given to another.
        let root = tempfile::Builder::new().tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let entries = vec![FileEntry { is_new: false, ..entry(root.path(), "*.log") }];
        let mut rig = Rig::with(root, entries, 1);
        rig.append("a.log", "one\ntwo\n");
        rig.step();
        rig.append("z.log", "other\n");
        rig.step();
        if is_down {
            rig.stop();
        }
        // Other bytes and another name under the same number: what a file system does that gives it out again.
        let content = "three\nfour\nfive\nsix\n";
        fs::write(rig.path("a.log"), content).unwrap();
        rig.rename("a.log", "b.log");
        if is_down {
            rig.start();
        }
        rig.step();
        assert!(
            rig.sent.values().flatten().filter(|line| *line == "three" || *line == "six").count() == 2,
            "{:?}",
            rig.sent
        );
        assert_eq!(rig.sent.values().flatten().count(), 7);
    }
}

#[test]
fn a_symbolic_link_that_is_switched_goes_on_in_its_stream() {
    let mut rig = Rig::new(&["current.log"]);
    fs::create_dir(rig.path("real")).unwrap();
    rig.append("real/a", "a1\n");
    rig.append("real/b", "b1\n");
    symlink(rig.path("real/a"), rig.path("current.log")).unwrap();
    rig.step();
    symlink(rig.path("real/b"), rig.path("new")).unwrap();
    rig.append("real/a", "a2\n");
    rig.rename("new", "current.log");
    rig.step();
    rig.append("real/a", "a3\n");
    rig.append("real/b", "b2\n");
    rig.step();
    rig.expect("current.log", &["a1", "a2", "b1", "a3", "b2"]);
}

#[test]
fn a_file_that_appears_late_and_a_folder_moved_into_place_are_read_whole() {
    let mut rig = Rig::new(&["logs/*/app.log", "late.log"]);
    rig.step();
    fs::create_dir_all(rig.path("tmp/x")).unwrap();
    rig.append("tmp/x/app.log", "in folder\n");
    rig.append("late.log", "late\n");
    rig.rename("tmp", "logs");
    rig.step();
    rig.expect("app.log", &["in folder"]);
    rig.expect("late.log", &["late"]);
}

#[test]
fn equal_first_lines_and_equal_base_names_stay_two_files() {
    let mut rig = Rig::new(&["*/app.log", "*.txt"]);
    for folder in ["a", "b"] {
        fs::create_dir(rig.path(folder)).unwrap();
        rig.append(&format!("{folder}/app.log"), "same\n");
    }
    rig.append("x.txt", &text(&lines(0, 50)));
    rig.step();
    rig.append("y.txt", &text(&lines(0, 50)));
    rig.append("a/app.log", "from a\n");
    rig.append("b/app.log", "from b\n");
    rig.step();
    assert_eq!((&rig.sent["x.txt"], &rig.sent["y.txt"]), (&lines(0, 50), &lines(0, 50)));
    let safe = rig.path("b/app.log").to_string_lossy().trim_start_matches('/').replace('/', "-");
    rig.expect("app.log", &["same", "from a"]);
    rig.expect(&safe, &["same", "from b"]);
    rig.restart();
    rig.append("b/app.log", "more\n");
    rig.step();
    rig.expect(&safe, &["same", "from b", "more"]);
}

#[test]
fn a_file_that_cannot_be_opened_is_told_once_and_followed_when_it_can() {
    let mut rig = Rig::new(&["loop.log"]);
    // Permission never denies root: a link that leads to itself cannot be opened by anyone.
    symlink(rig.path("loop.log"), rig.path("loop.log")).unwrap();
    rig.step();
    rig.step();
    assert_eq!(rig.count(|change| matches!(change, Change::Unreadable { .. })), 1);
    fs::remove_file(rig.path("loop.log")).unwrap();
    rig.append("loop.log", "granted\n");
    rig.step();
    rig.expect("loop.log", &["granted"]);
}

#[test]
fn five_thousand_files_share_few_descriptors() {
    let root = tempfile::tempdir().unwrap();
    let entries = vec![FileEntry { is_new: false, ..entry(root.path(), "*.log") }];
    let mut rig = Rig::with(root, entries, 1024);
    for number in 0..5000 {
        fs::write(rig.path(&format!("{number}.log")), format!("first {number}\n")).unwrap();
    }
    rig.step();
    assert_eq!(rig.files.len(), 5000);
    let before = Instant::now();
    (0..10).for_each(|_| rig.look());
    println!("a look at 5,000 idle files: {:?}", before.elapsed() / 10);
    for number in 0..5000 {
        rig.append(&format!("{number}.log"), &format!("second {number}\n"));
    }
    rig.step();
    for number in (0..5000).step_by(7) {
        rig.append(&format!("{number}.log"), &format!("third {number}\n"));
        rig.rename(&format!("{number}.log"), &format!("{number}.log.1"));
        rig.append(&format!("{number}.log"), &format!("fourth {number}\n"));
    }
    rig.step();
    assert!(rig.files.open() <= 1024, "{} descriptors", rig.files.open());
    for number in 0..5000 {
        let mut wanted = vec![format!("first {number}"), format!("second {number}")];
        if number % 7 == 0 {
            wanted.extend([format!("third {number}"), format!("fourth {number}")]);
        }
        assert_eq!(rig.sent[&format!("{number}.log")], wanted);
    }
}

#[test]
fn a_name_that_is_no_text_is_followed_and_found_again() {
    let mut rig = Rig::new(&["*.log"]);
    let path = rig.root.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.log"));
    fs::write(&path, "one\n").unwrap();
    rig.step();
    rig.restart();
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"two\n").unwrap();
    rig.step();
    rig.expect("caf\u{fffd}.log", &["one", "two"]);
}

#[test]
fn the_last_line_of_a_rotated_file_is_sent_after_a_rest() {
    let mut rig = Rig::new(&["app.log"]);
    rig.append("app.log", "one\nunfinished");
    rig.step();
    rig.rename("app.log", "app.log.1");
    rig.append("app.log", "two\n");
    rig.step();
    rig.expect("app.log", &["one", "two"]);
    rig.pass(31);
    rig.step();
    rig.expect("app.log", &["one", "two", "unfinished"]);
    rig.pass(601);
    rig.step();
    assert_eq!(rig.files.len(), 1);
}

#[test]
fn a_hole_left_by_a_writer_at_its_old_place_is_skipped() {
    let mut rig = Rig::new(&["app.log"]);
    let writer = File::create(rig.path("app.log")).unwrap();
    let place = 3 * 1024 * 1024 + 17;
    let old = "x".repeat(99) + "\n";
    let old = old.repeat(place / 100) + "end of the old one\n";
    writer.write_all_at(old.as_bytes(), 0).unwrap();
    rig.step();
    rig.truncate("app.log");
    writer.write_all_at(b"behind the hole\n", old.len() as u64).unwrap();
    rig.step();
    assert_eq!(rig.sent["app.log"].last().unwrap(), "behind the hole");
    assert_eq!(rig.sent["app.log"].len(), place / 100 + 2);
}

#[test]
fn a_line_longer_than_a_window_comes_whole() {
    let mut rig = Rig::new(&["app.log"]);
    let long = "y".repeat(900_000);
    rig.append("app.log", &format!("a\n{long}\nb\n"));
    rig.step();
    rig.expect("app.log", &["a", &long, "b"]);
}

#[test]
fn what_is_never_to_be_read_is_not() {
    let root = tempfile::tempdir().unwrap();
    let blacklist = Some(Pattern::new("^(?!good)(?!own)").unwrap());
    let entries = vec![FileEntry { is_new: false, blacklist, ..entry(root.path(), "*") }];
    let mut rig = Rig::with(root, entries, 10);
    for name in ["own.log", "own.log.1", "a.gz", "secret.log", "good.log"] {
        rig.append(name, "x\n");
    }
    fs::hard_link(rig.path("own.log"), rig.path("linked.log")).unwrap();
    fs::create_dir(rig.path("folder")).unwrap();
    rig.step();
    assert_eq!(rig.sent.keys().collect::<Vec<_>>(), ["good.log"]);
}

#[test]
fn only_the_newest_match_is_followed_where_the_entry_says_so() {
    let root = tempfile::tempdir().unwrap();
    let entries = vec![FileEntry { is_new: false, newest_only: true, ..entry(root.path(), "*.log") }];
    let mut rig = Rig::with(root, entries, 10);
    rig.append("a.log", "a1\n");
    std::thread::sleep(Duration::from_millis(20)); // Times of files advance with the kernel's tick.
    rig.append("b.log", "b1\n");
    rig.step();
    rig.expect("a.log", &[]);
    std::thread::sleep(Duration::from_millis(20));
    rig.append("b.log", "b2\n");
    rig.append("c.log", "c1\n");
    rig.step();
    rig.expect("b.log", &["b1", "b2"]);
    rig.expect("c.log", &["c1"]);
}

#[test]
fn where_only_the_newest_match_is_followed_the_older_is_read_to_its_end_first_in_the_one_stream() {
    let root = tempfile::tempdir().unwrap();
    let one = FileEntry { newest_only: true, stream: Some("one".to_owned()), ..entry(root.path(), "*.log") };
    let mut rig = Rig::with(root, vec![FileEntry { is_new: false, ..one }], 10);
    let tick = || std::thread::sleep(Duration::from_millis(20)); // Times of files advance with the kernel's tick.
    rig.append("1.log", "a\nb\nunfinished");
    rig.look();
    tick();
    rig.append("2.log", "c\n");
    rig.step();
    rig.expect("one", &["a", "b", "c"]);
    rig.pass(31);
    rig.step();
    rig.expect("one", &["a", "b", "c", "unfinished"]);
    rig.pass(31);
    rig.step();
    assert_eq!(rig.files.open(), 1, "the older one is let go");
    tick();
    rig.append("2.log", "d\n");
    rig.restart();
    rig.step();
    rig.expect("one", &["a", "b", "c", "unfinished", "d"]);
    // A program that goes back to the older one loses nothing, and nothing comes twice.
    tick();
    rig.append("1.log", "\ne\n");
    rig.step();
    rig.expect("one", &["a", "b", "c", "unfinished", "d", "e"]);
}

#[test]
fn an_unchanged_file_is_not_read_again_after_a_restart() {
    let mut rig = Rig::new(&["*.log"]);
    rig.append("a.log", "one\ntwo");
    rig.step();
    rig.restart();
    rig.step();
    rig.append("a.log", "\n");
    rig.restart();
    rig.step();
    rig.expect("a.log", &["one", "two"]);
}

#[test]
fn of_files_that_share_a_stream_the_older_goes_first_also_when_it_may_not() {
    let mut rig = Rig::new(&["app.log"]);
    rig.append("app.log", "one\n");
    rig.look();
    rig.rename("app.log", "app.log.1");
    rig.append("app.log", "two\n");
    rig.look();
    let asked = RefCell::new(Vec::new());
    let ready = rig.files.next_ready(|file| {
        asked.borrow_mut().push(file);
        false
    });
    assert_eq!(ready, None);
    asked.borrow_mut().dedup();
    assert_eq!(asked.borrow().len(), 1, "the younger one is not even asked for");
    rig.step();
    rig.expect("app.log", &["one", "two"]);
}

mod any_sequence {
    use super::*;
    use proptest::prelude::*;

    /// What people, programs and rotation do to a folder.
    #[derive(Clone, Debug)]
    enum Deed {
        Append(u8),
        AppendToRotated(u8),
        Rotate,
        CopyTruncate,
        Truncate,
        DeleteOldest,
        Look,
        Read,
        Acknowledge,
        EndpointDown,
        EndpointUp,
        Crash,
        Rest,
    }

    fn deed() -> impl Strategy<Value = Deed> {
        prop_oneof![
            8 => (1..30u8).prop_map(Deed::Append),
            2 => (1..4u8).prop_map(Deed::AppendToRotated),
            3 => Just(Deed::Rotate),
            2 => Just(Deed::CopyTruncate),
            1 => Just(Deed::Truncate),
            2 => Just(Deed::DeleteOldest),
            8 => Just(Deed::Look),
            8 => Just(Deed::Read),
            2 => Just(Deed::Acknowledge),
            1 => Just(Deed::EndpointDown),
            1 => Just(Deed::EndpointUp),
            1 => Just(Deed::Crash),
            1 => Just(Deed::Rest),
        ]
    }

    struct World {
        rig: Rig,
        next: usize,
        generations: usize,
        written: Vec<String>,
        is_finished: bool,
        was_crash: bool,
        was_deletion: bool,
    }

    impl World {
        fn write(&mut self, name: &str, count: u8) {
            let new = lines(self.next, count.into());
            self.next += usize::from(count);
            self.rig.append(name, &text(&new));
            self.written.extend(new);
        }

        fn shift(&self) {
            for older in (1..=self.generations).rev() {
                self.rig.rename(&format!("app.log.{older}"), &format!("app.log.{}", older + 1));
            }
        }

        fn perform(&mut self, deed: &Deed) {
            match deed {
                Deed::Append(count) => self.write("app.log", *count),
                // Nobody writes to a copy, or to a file that was put aside long ago.
                Deed::AppendToRotated(count) if self.generations > 0 && !self.is_finished => {
                    self.write("app.log.1", *count)
                }
                Deed::Rotate if self.rig.path("app.log").exists() => {
                    // A generation that nobody looks at is seen only while it stands beside the others.
                    self.rig.look();
                    self.shift();
                    self.rig.rename("app.log", "app.log.1");
                    self.generations += 1;
                    self.is_finished = false;
                }
                Deed::CopyTruncate if self.rig.path("app.log").exists() => {
                    self.rig.look();
                    self.shift();
                    self.rig.copy_truncate("app.log", "app.log.1");
                    self.generations += 1;
                    self.is_finished = true;
                    self.rig.look();
                }
                Deed::Truncate if self.rig.path("app.log").exists() => {
                    // What is not read before a truncation without a copy is lost to anyone.
                    self.rig.step();
                    self.rig.truncate("app.log");
                    self.rig.look();
                }
                Deed::DeleteOldest if self.generations > 0 => {
                    self.rig.look();
                    self.was_deletion = true;
                    fs::remove_file(self.rig.path(&format!("app.log.{}", self.generations))).unwrap();
                    self.generations -= 1;
                }
                Deed::Look => self.rig.look(),
                Deed::Read => {
                    self.rig.read();
                }
                Deed::Acknowledge => self.rig.acknowledge(),
                Deed::EndpointDown => self.rig.is_endpoint_up = false,
                Deed::EndpointUp => self.rig.is_endpoint_up = true,
                Deed::Crash => {
                    // A deleted file lives in the descriptor alone: what is not acknowledged of it is lost to anyone.
                    if self.was_deletion {
                        self.rig.is_endpoint_up = true;
                        self.rig.step();
                    }
                    self.rig.restart();
                    self.rig.look();
                    self.was_crash = true;
                }
                Deed::Rest => {
                    self.rig.pass(700);
                    self.is_finished = true;
                }
                _ => {}
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_is_lost_and_without_a_crash_nothing_comes_twice(
            deeds in prop::collection::vec(deed(), 1..60),
            matches_rotated in any::<bool>(),
            max_open in 1..4usize,
        ) {
            let root = tempfile::tempdir().unwrap();
            let pattern = if matches_rotated { "app.log*" } else { "app.log" };
            let entries = vec![FileEntry { is_new: false, ..entry(root.path(), pattern) }];
            let mut rig = Rig::with(root, entries, max_open * 400);
            rig.look();
            let mut world = World { rig, next: 0, generations: 0, written: Vec::new(), is_finished: false, was_crash: false, was_deletion: false };
            for deed in &deeds {
                world.perform(deed);
            }
            world.rig.is_endpoint_up = true;
            world.rig.step();
            world.rig.step();
            let mut sent: Vec<&String> = world.rig.sent.values().flatten().collect();
            sent.sort();
            let count = sent.len();
            sent.dedup();
            let mut written: Vec<&String> = world.written.iter().collect();
            written.sort();
            prop_assert_eq!(&sent, &written, "lost");
            if !world.was_crash {
                prop_assert_eq!(count, written.len(), "twice");
            }
        }
    }
}
