//! `auto_removal` on real files: what is deleted, when, and what never is.

// A test that cannot write its files has failed.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cloudwatch_publisher::delivery::encoding::Encoding;
use cloudwatch_publisher::delivery::lines::Ending;
use cloudwatch_publisher::record::{FileId, Mark, Monotonic, SavedFile};
use cloudwatch_publisher::sources::file::{Change, FileEntry, Files, SavedKey, StartAt};

/// Longer than a file has to be at rest.
const QUIET_S: u64 = 31;

/// A folder, a table that follows a pattern in it, and a state that saves at once.
struct Rig {
    root: tempfile::TempDir,
    entries: Vec<FileEntry>,
    files: Files,
    /// Which entry follows each file.
    followed: BTreeMap<FileId, usize>,
    /// The entry whose records nobody takes.
    refused_entry: Option<usize>,
    removed: usize,
    sent: String,
    now: u64,
    state: BTreeMap<SavedKey, SavedFile>,
    in_flight: Vec<(FileId, Mark)>,
    is_endpoint_up: bool,
    is_state_up: bool,
}

impl Rig {
    fn new(pattern: &str) -> Self {
        Self::with(pattern, |_| ())
    }

    fn with(pattern: &str, change: impl Fn(&mut FileEntry)) -> Self {
        Self::several(&[pattern], change)
    }

    /// An entry for each pattern, of which the first removes its files.
    fn several(patterns: &[&str], change: impl Fn(&mut FileEntry)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let entry = |(index, pattern): (usize, &&str)| {
            let mut entry = FileEntry {
                key: format!("entry {index}"),
                pattern: format!("{}/{pattern}", root.path().display()),
                group: "g".into(),
                stream: Some(format!("{{file_name}} {index}")),
                start_at: StartAt::End,
                is_new: false,
                partial_line_timeout: Duration::from_secs(30),
                is_multi_line: false,
                encoding: Encoding::UTF_8,
                newest_only: false,
                removes: index == 0,
                blacklist: None,
            };
            change(&mut entry);
            entry
        };
        let entries: Vec<FileEntry> = patterns.iter().enumerate().map(entry).collect();
        Self {
            files: Files::new(entries.clone(), Vec::new(), Vec::new(), 100),
            root,
            entries,
            followed: BTreeMap::new(),
            refused_entry: None,
            removed: 0,
            sent: String::new(),
            now: 1_000_000,
            state: BTreeMap::new(),
            in_flight: Vec::new(),
            is_endpoint_up: true,
            is_state_up: true,
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

    /// Rotates as logrotate does.
    fn rotate(&self) {
        self.rename("app.log", "app.log.1");
        self.append("app.log", "next\n");
    }

    /// Writes, has it read, and rotates.
    fn read_and_rotate(&mut self, text: &str) {
        self.append("app.log", text);
        self.step();
        self.rotate();
    }

    /// Looks, reads, settles where the endpoint is up, and deletes what may be deleted where the state is up.
    fn step(&mut self) {
        self.now += 10;
        let changes = self.files.look(Monotonic(self.now));
        self.note(&changes);
        while let Some(file) = self.files.next_ready(|_| true) {
            let Some(block) = self.files.read(file) else { continue };
            let new = &block.bytes[block.start..];
            let whole = memchr::memrchr(b'\n', new).map_or(0, |at| at + 1);
            let taken = if block.ending == Ending::Gone { new.len() } else { whole };
            let to = Mark::at(block.offset + taken as u64, &block.bytes[..block.start + taken]);
            self.sent += std::str::from_utf8(&new[..taken]).unwrap();
            self.files.advance(file, to);
            self.in_flight.push((file, to));
        }
        if self.is_endpoint_up {
            let is_taken = |(file, _): &(FileId, Mark)| self.followed.get(file) != self.refused_entry.as_ref();
            let (taken, rest) = std::mem::take(&mut self.in_flight).into_iter().partition(is_taken);
            self.in_flight = rest;
            let taken: Vec<(FileId, Mark)> = taken;
            for (file, to) in taken {
                let saved = self.files.settle(file, to);
                saved.into_iter().for_each(|saved| self.save(saved));
            }
        }
        changes.into_iter().for_each(|change| self.take_in(change));
    }

    fn take_in(&mut self, change: Change) {
        match change {
            Change::Save(saved) => self.save(saved),
            Change::Retire { file, saved } if self.is_state_up => {
                self.save(saved);
                if let Some(Ok(change)) = self.files.remove(file) {
                    assert!(matches!(change, Change::Removed { .. }));
                    self.removed += 1;
                }
            }
            Change::Gone { forget: Some(key), .. } => {
                self.state.remove(&key);
            }
            _ => {}
        }
    }

    fn note(&mut self, changes: &[Change]) {
        for change in changes {
            if let Change::Appeared { file, entry, .. } | Change::Replaced { new: file, entry, .. } = change {
                self.followed.insert(*file, *entry);
            }
        }
    }

    fn save(&mut self, saved: SavedFile) {
        let key = SavedKey { entry: saved.entry.clone(), device: saved.device, inode: saved.inode };
        self.state.insert(key, saved);
    }

    /// Lets the time pass after which a file is at rest, with looks before and after it.
    fn rest(&mut self) {
        (0..2).for_each(|_| self.step());
        self.now += QUIET_S * 1000;
        (0..2).for_each(|_| self.step());
    }

    /// The program ends without a word and starts again from what is saved.
    fn restart(&mut self) {
        self.in_flight.clear();
        let state = self.state.values().cloned().collect();
        self.files = Files::new(self.entries.clone(), state, Vec::new(), 100);
    }

    /// Lets an hour pass.
    fn rest_long(&mut self) {
        self.step();
        self.now += 3_600_000;
        (0..2).for_each(|_| self.step());
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.root.path()).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

#[test]
fn a_rotated_file_is_deleted_once_all_of_it_is_acknowledged_saved_and_at_rest() {
    for pattern in ["app.log", "app.log*"] {
        let mut rig = Rig::new(pattern);
        rig.read_and_rotate("one\ntwo\nunfinished");
        (rig.is_endpoint_up, rig.is_state_up) = (false, false);
        rig.rest();
        assert_eq!(rig.names(), ["app.log", "app.log.1"], "{pattern}: nothing is acknowledged");
        rig.is_endpoint_up = true;
        rig.rest();
        assert_eq!(rig.names(), ["app.log", "app.log.1"], "{pattern}: nothing is saved");
        rig.is_state_up = true;
        rig.now += 600_000;
        rig.step();
        if pattern == "app.log" {
            assert_eq!(rig.names(), ["app.log"], "{pattern}");
            rig.now += 60_000;
            rig.step();
            assert_eq!(rig.state.len(), 1, "the state knows nothing of it");
        } else {
            // Its last line has no end, and a writer may come back to a name that is followed.
            assert_eq!(rig.names(), ["app.log", "app.log.1"], "{pattern}");
            rig.append("app.log.1", "\n");
            rig.rest();
            assert_eq!(rig.names(), ["app.log"], "{pattern}");
        }
    }
}

#[test]
fn what_is_still_written_to_is_not_deleted() {
    let mut rig = Rig::new("app.log");
    rig.read_and_rotate("one\n");
    for _ in 0..5 {
        rig.append("app.log.1", "late\n");
        rig.step();
        rig.now += 20_000;
        rig.step();
        assert_eq!(rig.names(), ["app.log", "app.log.1"]);
    }
    rig.rest();
    assert_eq!(rig.names(), ["app.log"]);
}

#[test]
fn without_a_successor_or_a_name_that_rotation_gives_nothing_is_deleted() {
    let mut rig = Rig::new("*");
    rig.append("app.log", "one\n");
    rig.append("other.log", "one\n");
    rig.rest();
    rig.rename("app.log", "app.log.1");
    rig.rest();
    assert_eq!(rig.names(), ["app.log.1", "other.log"], "nothing stands in its place");
    rig.rename("app.log.1", "app.log.for-me");
    rig.append("app.log", "next\n");
    rig.rest();
    assert_eq!(rig.names(), ["app.log", "app.log.for-me", "other.log"], "somebody wants to keep it");
}

#[test]
fn what_was_rotated_before_it_was_followed_stays() {
    let mut rig = Rig::new("app.log*");
    rig.append("app.log.1", "old\n");
    rig.append("app.log", "new\n");
    rig.rest();
    assert_eq!(rig.names(), ["app.log", "app.log.1"]);
}

#[test]
fn a_file_that_was_joined_at_its_end_stays_also_after_a_restart() {
    let mut rig = Rig::with("app.log", |entry| entry.is_new = true);
    rig.append("app.log", "nobody sent this\n");
    rig.step();
    rig.entries[0].is_new = false;
    rig.read_and_rotate("this was sent\n");
    rig.rest();
    assert_eq!(rig.names(), ["app.log", "app.log.1"]);
    rig.restart();
    rig.rest();
    assert_eq!(rig.names(), ["app.log", "app.log.1"]);
}

#[test]
fn after_a_crash_it_is_deleted_once_it_is_at_rest_again_and_never_before_it_is_acknowledged() {
    let mut rig = Rig::new("app.log");
    rig.append("app.log", "one\n");
    rig.step();
    rig.is_endpoint_up = false;
    rig.read_and_rotate("two\n");
    rig.rest();
    rig.restart();
    rig.rest();
    assert_eq!(rig.names(), ["app.log", "app.log.1"], "not acknowledged");
    rig.is_endpoint_up = true;
    rig.is_state_up = false;
    rig.rest();
    // Killed between the acknowledgement and the end of the file.
    rig.restart();
    rig.is_state_up = true;
    rig.step();
    rig.step();
    assert_eq!(rig.names(), ["app.log", "app.log.1"], "a writer may still have it");
    rig.rest();
    assert_eq!(rig.names(), ["app.log"]);
}

#[test]
fn what_is_not_the_file_that_was_read_stays() {
    let mut rig = Rig::new("app.log");
    rig.read_and_rotate("one\n");
    rig.step();
    // Right before it would be deleted another file takes its name.
    let imposter = |rig: &Rig| {
        fs::remove_file(rig.path("app.log.1")).unwrap();
        fs::write(rig.path("app.log.1"), "two\n").unwrap();
    };
    rig.now += QUIET_S * 1000;
    let changes = rig.files.look(Monotonic(rig.now));
    let offered = changes.iter().find_map(|change| match change {
        Change::Retire { file, .. } => Some(*file),
        _ => None,
    });
    imposter(&rig);
    assert!(rig.files.remove(offered.unwrap()).is_none());
    assert_eq!(fs::read_to_string(rig.path("app.log.1")).unwrap(), "two\n");
}

#[test]
fn what_a_link_leads_to_stays() {
    let outside = tempfile::tempdir().unwrap();
    let mut rig = Rig::new("**/app.log*");
    symlink(outside.path(), rig.path("linked")).unwrap();
    let write = |path: &Path, text: &str| {
        OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    };
    let (log, rotated) = (outside.path().join("app.log"), outside.path().join("app.log.1"));
    write(&log, "one\n");
    rig.step();
    fs::rename(&log, &rotated).unwrap();
    write(&log, "two\n");
    rig.rest();
    assert!(rotated.exists() && log.exists());
    // A link as the name itself: what it leads to is not rotated by its renaming.
    write(&outside.path().join("target"), "one\n");
    symlink(outside.path().join("target"), rig.path("app.log")).unwrap();
    rig.step();
    rig.rename("app.log", "app.log.1");
    rig.append("app.log", "two\n");
    rig.rest();
    assert!(rig.path("app.log.1").symlink_metadata().is_ok() && outside.path().join("target").exists());
}

#[test]
fn where_only_the_newest_match_is_followed_the_older_ones_are_deleted_and_the_newest_never() {
    let mut rig = Rig::with("app-*.log", |entry| entry.newest_only = true);
    let tick = || std::thread::sleep(Duration::from_millis(20)); // Times of files advance with the kernel's tick.
    rig.append("app-1.log", "one\n");
    rig.rest();
    assert_eq!(rig.names(), ["app-1.log"]);
    rig.append("app-1.log", "more\n");
    rig.step();
    tick();
    rig.append("app-2.log", "two\n");
    rig.append("keep.log", "not of the pattern\n");
    rig.step();
    assert_eq!(rig.names(), ["app-1.log", "app-2.log", "keep.log"]);
    rig.rest();
    assert_eq!(rig.names(), ["app-1.log", "app-2.log", "keep.log"], "its writer may have little to say");
    (0..2).for_each(|_| rig.rest_long());
    assert_eq!(rig.names(), ["app-2.log", "keep.log"]);
}

#[test]
fn a_live_file_that_is_quiet_beside_a_newer_match_stays() {
    let mut rig = Rig::with("worker-*.log", |entry| entry.newest_only = true);
    let tick = || std::thread::sleep(Duration::from_millis(20)); // Times of files advance with the kernel's tick.
    rig.append("worker-a.log", "one\n");
    rig.step();
    tick();
    rig.append("worker-b.log", "two\n");
    (0..3).for_each(|_| rig.rest_long());
    assert_eq!(rig.names(), ["worker-a.log", "worker-b.log"]);
    tick();
    rig.append("worker-a.log", "an hour later\n");
    rig.step();
    assert!(rig.sent.ends_with("an hour later\n"), "{}", rig.sent);
}

#[test]
fn what_a_late_writer_adds_to_a_deleted_file_is_sent() {
    let mut rig = Rig::new("app.log");
    let mut writer = OpenOptions::new().append(true).create(true).open(rig.path("app.log")).unwrap();
    writer.write_all(b"one\n").unwrap();
    rig.step();
    rig.rotate();
    rig.rest();
    assert_eq!(rig.names(), ["app.log"]);
    for (text, later) in [("late\n", 30_000), ("later\n", 50_000)] {
        rig.now += later;
        writer.write_all(text.as_bytes()).unwrap();
        rig.step();
        assert!(rig.sent.ends_with(text), "{}", rig.sent);
    }
    for _ in 0..2 {
        rig.now += 60_000;
        rig.step();
    }
    assert_eq!(rig.state.len(), 1, "it is let go once it is at rest");
}

#[test]
fn a_file_that_another_entry_has_not_sent_yet_stays() {
    for second in ["app.log", "app.log*"] {
        let mut rig = Rig::several(&["app.log", second], |_| ());
        rig.append("app.log", "one\n");
        rig.step();
        rig.refused_entry = Some(1);
        rig.read_and_rotate("two\n");
        rig.rest();
        assert_eq!(rig.names(), ["app.log", "app.log.1"], "{second}: the other entry has not sent it");
        rig.refused_entry = None;
        rig.rest();
        assert_eq!(rig.names(), ["app.log"], "{second}");
    }
}

#[test]
fn a_file_of_which_a_record_was_given_up_stays_also_after_a_restart_and_that_is_told_once() {
    let mut rig = Rig::new("app.log");
    rig.append("app.log", "one\n");
    rig.step();
    let file = *rig.followed.keys().next().unwrap();
    assert_eq!(rig.files.keep(file), Some(rig.path("app.log")));
    assert_eq!(rig.files.keep(file), None, "it was told");
    rig.read_and_rotate("two\n");
    rig.rest();
    assert_eq!(rig.names(), ["app.log", "app.log.1"]);
    rig.restart();
    rig.rest();
    rig.rest_long();
    assert_eq!(rig.names(), ["app.log", "app.log.1"]);
    assert_eq!(fs::read_to_string(rig.path("app.log")).unwrap(), "next\n");
}

#[test]
fn what_cannot_be_deleted_is_tried_for_a_day_whether_its_name_is_followed_or_not() {
    for pattern in ["app.log", "app.log*"] {
        let mut rig = Rig::new(pattern);
        rig.read_and_rotate("one\n");
        rig.is_state_up = false;
        (0..2).for_each(|_| rig.step());
        let mut offers = Vec::new();
        for _ in 0..3 * 24 * 12 {
            rig.now += 300_000;
            let changes = rig.files.look(Monotonic(rig.now));
            let offered = changes.iter().filter(|change| matches!(change, Change::Retire { .. })).count();
            offers.extend(std::iter::repeat_n(rig.now, offered));
        }
        let span = Duration::from_millis(offers.last().unwrap() - offers[0]);
        assert!(offers.len() > 100 && span < Duration::from_secs(86_400), "{pattern}: {} in {span:?}", offers.len());
    }
}

#[test]
fn without_the_key_nothing_is_deleted() {
    let mut rig = Rig::with("app.log*", |entry| entry.removes = false);
    rig.read_and_rotate("one\n");
    rig.rest();
    assert_eq!(rig.names(), ["app.log", "app.log.1"]);
}
