//! The unified log of macOS, read through a stand-in for `/usr/bin/log` that dies, hangs, drops, refuses and prints garbage:
//! every entry comes once. What the real one prints is known from its documentation and from recordings; no Mac was here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests state what must be")]

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use cloudwatch_publisher::record::{Mark, Monotonic, SavedJournal, Wall};
use cloudwatch_publisher::sources::unified_log::command::Level;
use cloudwatch_publisher::sources::unified_log::format::Format;
use cloudwatch_publisher::sources::unified_log::{Pace, Settings, UnifiedLog, warning};
use rustix::process::{Pid, test_kill_process};
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

/// 2026-11-21 09:00:00 UTC.
const BASE: Wall = Wall(1_795_251_600_000);
const PATIENCE: Duration = Duration::from_secs(600);
/// A virtual minute passes in that many readings.
const STEP: Duration = Duration::from_millis(20);

/// A Mac: its log, and one who reads it.
struct Mac {
    folder: TempDir,
    entries: usize,
    source: UnifiedLog,
    woken: Receiver<()>,
    now: Monotonic,
    /// What was handed over and is not settled, with the offsets behind.
    under_way: Vec<(u64, String)>,
    settled: Vec<String>,
    saved: Option<SavedJournal>,
}

fn source(folder: &Path, format: Format, saved: Option<&SavedJournal>) -> (UnifiedLog, Receiver<()>) {
    let settings = Settings {
        key: "journal".to_owned(),
        predicate: "subsystem == \"com.example\"".to_owned(),
        level: Level::Default,
        format,
        host: "mac".to_owned(),
        program: folder.join("log").display().to_string(),
        own: "/opt/own".to_owned(),
    };
    let (wake, woken) = channel();
    let wake = Arc::new(move || {
        let _ = wake.send(());
    });
    let pace = Pace { patience: PATIENCE, ..Pace::default() };
    (UnifiedLog::new(settings, pace, saved.cloned(), BASE, wake), woken)
}

impl Mac {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/unified_log/log"), folder.path().join("log"))
            .unwrap();
        fs::write(folder.path().join("store"), "").unwrap();
        let (source, woken) = source(folder.path(), Format::Message, None);
        let (under_way, settled) = (Vec::new(), Vec::new());
        Self { folder, entries: 0, source, woken, now: Monotonic(0), under_way, settled, saved: None }
    }

    /// The next entries come into being, a hundredth of a second apart.
    fn logs(&mut self, count: usize) {
        let mut lines = String::new();
        for number in self.entries..self.entries + count {
            let (second, part) = (number / 100 % 60, number % 100);
            writeln!(
                lines,
                r#"{{"eventType":"logEvent","bootUUID":"E312ED28","threadID":7,"processID":97,"processImagePath":"\/usr\/bin\/thing","timestamp":"2026-11-21 09:{:02}:{second:02}.{part:02}0000+0000","machTimestamp":{},"eventMessage":"entry {number}"}}"#,
                number / 6000,
                20_147_685_217_463 + number * 240_000,
            )
            .unwrap();
        }
        self.entries += count;
        let mut store = OpenOptions::new().append(true).open(self.folder.path().join("store")).unwrap();
        store.write_all(lines.as_bytes()).unwrap();
    }

    fn behaves(&self, mode: &str) {
        fs::write(self.folder.path().join("mode"), mode).unwrap();
    }

    fn asked(&self) -> String {
        fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default()
    }

    /// The time by the entries.
    fn wall(&self) -> Wall {
        Wall(BASE.0 + i64::try_from(self.entries).unwrap() * 10)
    }

    fn read(&mut self) -> bool {
        self.source.tend(self.now, self.wall());
        if let Some(begun) = self.source.take_beginning() {
            self.saved = Some(begun);
        }
        let read = self.source.read(self.now).map_or(Vec::new(), |(from, chunk)| {
            chunk.records(from).map(|record| (record.end, record.text.to_owned())).collect()
        });
        self.now = self.now.after(STEP);
        let has_read = !read.is_empty();
        self.under_way.extend(read);
        has_read
    }

    #[track_caller]
    fn read_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < Duration::from_secs(60), "never: {what}; {:?}", self.source.complaint());
            if !self.read() {
                let _ = self.woken.recv_timeout(Duration::from_millis(5));
            }
        }
    }

    #[track_caller]
    fn read_all(&mut self) {
        self.read_until("all entries", |mac| mac.under_way.len() + mac.settled.len() >= mac.entries);
    }

    /// CloudWatch has the first so many of those under way.
    fn settle(&mut self, count: usize) {
        let settled: Vec<_> = self.under_way.drain(..count).collect();
        if let Some((offset, _)) = settled.last() {
            self.saved = self.source.settle(Mark { offset: *offset, tail: 0 });
        }
        self.settled.extend(settled.into_iter().map(|(_, text)| text));
    }

    /// The program ends, and starts again.
    fn restart(&mut self) {
        self.under_way.clear();
        (self.source, self.woken) = source(self.folder.path(), Format::Message, self.saved.as_ref());
    }

    #[track_caller]
    fn each_came_once(mut self) {
        // What would come twice would come now.
        (0..50).for_each(|_| {
            self.read();
        });
        self.settle(self.under_way.len());
        let expected: Vec<String> = (0..self.entries).map(|number| format!("entry {number}")).collect();
        let mut came = self.settled;
        came.sort_by_key(|text| text.rsplit(' ').next().and_then(|number| number.parse::<usize>().ok()));
        assert!(came == expected, "{} came, of {}", came.len(), expected.len());
    }
}

#[test]
fn what_happened_before_between_and_after_comes_once_and_in_order() {
    let mut mac = Mac::new();
    mac.logs(150);
    mac.read_all();
    mac.read_until("the stream", |mac| mac.source.is_following());
    for _ in 0..5 {
        mac.logs(100);
        mac.read_all();
    }
    let came: Vec<&str> = mac.under_way.iter().map(|(_, text)| text.as_str()).collect();
    assert!(came.is_sorted_by_key(|text| text.rsplit(' ').next().and_then(|number| number.parse::<usize>().ok())));
    mac.each_came_once();
}

#[test]
fn what_happens_while_the_program_is_down_comes_after_the_restart_and_nothing_twice() {
    let mut mac = Mac::new();
    for round in 1..5 {
        mac.logs(700);
        mac.read_all();
        mac.settle(mac.under_way.len() - round * 100);
        mac.logs(300);
        mac.restart();
        mac.read_all();
    }
    mac.each_came_once();
}

#[test]
fn a_stream_that_dies_in_the_middle_of_a_line_costs_no_entry() {
    let mut mac = Mac::new();
    mac.behaves("dies");
    for _ in 0..4 {
        mac.logs(50);
        mac.read_all();
        mac.settle(mac.under_way.len() / 2);
    }
    assert!(mac.asked().matches("stream ").count() > 2, "{}", mac.asked());
    mac.each_came_once();
}

#[test]
fn a_stream_that_leaves_something_out_has_it_shown_from_the_store() {
    let mut mac = Mac::new();
    mac.behaves("drops");
    mac.read_until("the stream", |mac| mac.asked().contains("stream "));
    mac.logs(500);
    mac.read_until("the shows", |mac| mac.asked().matches("show ").count() > 2);
    mac.behaves("");
    mac.logs(500);
    mac.read_all();
    mac.each_came_once();
}

#[test]
fn garbage_is_counted_and_stops_nothing() {
    let mut mac = Mac::new();
    mac.behaves("garbage");
    mac.logs(10);
    mac.read_until("the stream", |mac| mac.source.is_following());
    mac.logs(10);
    mac.read_all();
    assert_eq!(mac.source.bad_lines(), 3);
    mac.each_came_once();
}

#[test]
fn where_it_is_refused_that_is_said_and_once_it_is_not_everything_comes() {
    let mut mac = Mac::new();
    mac.behaves("refuse");
    mac.logs(100);
    mac.read_until("a refusal", |mac| mac.source.complaint().is_some());
    assert_eq!(mac.source.complaint(), Some("log: Must be admin to run 'stream' command"));
    assert!(mac.under_way.is_empty());
    mac.behaves("");
    mac.read_all();
    mac.read_until("no complaint", |mac| mac.source.complaint().is_none());
    mac.each_came_once();
}

#[test]
fn a_program_that_is_not_there_is_looked_for_again() {
    let mut mac = Mac::new();
    let (log, aside) = (mac.folder.path().join("log"), mac.folder.path().join("aside"));
    fs::rename(&log, &aside).unwrap();
    mac.logs(10);
    mac.read_until("an error", |mac| mac.source.complaint().is_some_and(|why| why.contains("No such file")));
    fs::rename(&aside, &log).unwrap();
    mac.read_all();
    mac.each_came_once();
}

#[test]
fn a_show_that_hangs_is_given_up_and_asked_again() {
    let mut mac = Mac::new();
    mac.behaves("hangs");
    mac.logs(100);
    mac.read_until("the show", |mac| mac.asked().contains("show "));
    mac.now = mac.now.after(PATIENCE);
    mac.read_until("giving it up", |mac| mac.source.complaint() == Some("`log show` said nothing for too long"));
    mac.behaves("");
    mac.read_all();
    mac.each_came_once();
}

#[test]
fn a_stream_that_says_nothing_for_long_is_replaced_since_it_may_hang() {
    let mut mac = Mac::new();
    mac.logs(10);
    mac.read_until("the stream", |mac| mac.source.is_following());
    let streams = mac.asked().matches("stream ").count();
    mac.now = mac.now.after(PATIENCE * 2);
    mac.read_until("another stream", |mac| mac.asked().matches("stream ").count() > streams);
    mac.logs(10);
    mac.read_all();
    mac.each_came_once();
}

#[test]
fn where_nobody_could_read_for_long_the_stream_is_not_believed() {
    let mut mac = Mac::new();
    mac.logs(10);
    mac.read_until("the stream", |mac| mac.source.is_following());
    let shows = mac.asked().matches("show ").count();
    while mac.woken.try_recv().is_ok() {}
    mac.logs(2000);
    // Some of it waits to be read.
    mac.woken.recv_timeout(Duration::from_secs(60)).unwrap();
    mac.now = mac.now.after(Duration::from_secs(60));
    mac.read_until("another show", |mac| mac.asked().matches("show ").count() > shows);
    mac.read_all();
    mac.each_came_once();
}

#[test]
fn where_nobody_could_read_for_long_while_the_log_was_shown_the_stream_is_not_believed() {
    let mut mac = Mac::new();
    mac.logs(10);
    let shows = |mac: &Mac| mac.asked().matches("show ").count();
    mac.read_until("the show", |mac| shows(mac) == 1);
    assert!(!mac.source.is_following());
    mac.now = mac.now.after(Duration::from_secs(60));
    mac.read_until("another show", |mac| shows(mac) > 1);
    mac.read_all();
    mac.each_came_once();
}

#[test]
fn what_was_put_aside_comes_again_and_what_is_settled_does_not() {
    let mut mac = Mac::new();
    mac.logs(400);
    mac.read_all();
    mac.settle(150);
    mac.under_way.clear();
    mac.source.rewind();
    assert_eq!(mac.source.offset(), 150);
    mac.logs(100);
    mac.read_all();
    mac.each_came_once();
}

#[test]
fn a_gap_of_days_is_filled_before_the_stream_is_listened_to() {
    let mut mac = Mac::new();
    mac.logs(10);
    mac.read_all();
    mac.settle(10);
    mac.logs(20_000);
    mac.restart();
    mac.read_until("the first show", |mac| !mac.under_way.is_empty());
    assert!(mac.asked().lines().last().unwrap().starts_with("show "), "{}", mac.asked());
    mac.read_all();
    mac.each_came_once();
}

#[test]
fn a_saved_word_that_cannot_be_read_leaves_the_time() {
    let mut mac = Mac::new();
    mac.logs(3000);
    mac.read_all();
    mac.settle(3000);
    let saved = mac.saved.as_mut().unwrap();
    assert_eq!(saved.time, Wall(BASE.0 + 29_990));
    "?".clone_into(&mut saved.cursor);
    mac.restart();
    mac.logs(10);
    mac.read_until("the new ones", |mac| mac.under_way.iter().any(|(_, text)| text == "entry 3009"));
    assert!(mac.under_way.len() < 1000, "the overlap is told twice, and no more: {}", mac.under_way.len());
}

#[test]
fn what_was_there_before_the_very_first_start_is_not_read() {
    let mut mac = Mac::new();
    let old = r#"{"timestamp":"2026-11-21 08:59:59.900000+0000","machTimestamp":1,"eventMessage":"old"}"#;
    let own = r#"{"timestamp":"2026-11-21 09:00:00.000000+0000","machTimestamp":2,"eventMessage":"x","processImagePath":"/opt/own"}"#;
    fs::write(mac.folder.path().join("store"), format!("{old}\n{own}\n")).unwrap();
    mac.logs(5);
    mac.read_all();
    mac.each_came_once();
}

#[test]
fn a_recording_of_a_mac_is_read_as_it_was_written() {
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/unified_log/recording.ndjson");
    let recording = fs::read_to_string(recording).unwrap();
    let expected = [
        "mac sudo[51184]: alice : TTY=ttys001 ; PWD=/Users/alice ; USER=root ; COMMAND=/bin/ls",
        "mac kernel[0]: Sandbox: cat(15505) deny(1) file-read-data /private/etc/hosts",
        "mac bluetoothd[1766]: HIDInterruptData: Before Dispatch",
        "mac taskgated[156]: MacOS error: -67062",
        "mac Über Uns[4242]: first line\n\tsecond \"line\"\n",
        "",
        "mac logd[90]: lost >=7 unreliable messages from 10:00:01 to 10:00:01 (Exact start-approx. end)",
    ];
    for (format, first) in [(Format::Text, expected[0]), (Format::Json, recording.lines().nth(1).unwrap())] {
        let mut mac = Mac::new();
        fs::write(mac.folder.path().join("store"), &recording).unwrap();
        (mac.source, mac.woken) = source(mac.folder.path(), format, None);
        mac.entries = 7;
        mac.read_all();
        let texts: Vec<&str> = mac.under_way.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts[0], first);
        if format == Format::Text {
            assert_eq!(texts, expected);
        }
        assert_eq!(mac.source.bad_lines(), 0);
    }
}

/// Where a reader finds the folder that it reads, in a process of its own.
const FOLDER: &str = "UNIFIED_LOG_FOLDER";

#[test]
#[ignore = "what the next test kills"]
fn reads_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (mut source, woken) = source(Path::new(&folder), Format::Message, None);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        let now = Monotonic(u64::try_from(began.elapsed().as_millis()).unwrap());
        source.tend(now, BASE);
        source.read(now);
        let _ = woken.recv_timeout(Duration::from_millis(5));
    }
}

/// Whether a process is there, and not only waiting for someone to hear of its end.
fn is_alive(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
    test_kill_process(process).is_ok()
        && !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn after_kill_9_of_the_reader_a_stream_lives_on_and_ends_at_its_next_line() {
    let mac = Mac::new();
    mac.behaves("by-hand");
    let (lines, stream) = (mac.folder.path().join("lines"), mac.folder.path().join("stream"));
    assert!(Command::new("mkfifo").arg(&lines).status().unwrap().success());
    let mut reader = Command::new(std::env::current_exe().unwrap())
        .args(["reads_until_it_is_killed", "--exact", "--ignored", "--test-threads=1"])
        .env(FOLDER, mac.folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let number = || fs::read_to_string(&stream).ok()?.strip_suffix('\n')?.parse().ok();
    let stream = Pid::from_raw(wait_for("the stream", number)).unwrap();
    reader.kill().unwrap();
    reader.wait().unwrap();
    assert!(is_alive(stream), "it wrote nothing, so it cannot know");
    // Whoever opens it to read and write waits for nobody, also where the stream has ended.
    OpenOptions::new().read(true).write(true).open(&lines).unwrap().write_all(b"entry\n").unwrap();
    wait_for("the end of the stream", || (!is_alive(stream)).then_some(()));
}

/// What it costs to read entries, for docs/installation-macos.md: `cargo test --release --test unified_log -- --ignored --nocapture cpu`.
#[test]
#[ignore = "a measurement"]
fn cpu_time_of_fifty_thousand_entries() {
    let mut mac = Mac::new();
    let spent = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
    };
    mac.read_until("the stream", |mac| mac.source.is_following());
    for (way, is_restart) in [("streamed", false), ("shown after a restart", true)] {
        let (before, bytes) = (spent(), fs::metadata(mac.folder.path().join("store")).unwrap().len());
        if is_restart {
            mac.restart();
        }
        for _ in 0..50 {
            mac.logs(1_000);
            if !is_restart {
                mac.read_all();
                mac.settle(mac.under_way.len());
            }
        }
        mac.read_all();
        mac.settle(mac.under_way.len());
        let bytes = fs::metadata(mac.folder.path().join("store")).unwrap().len() - bytes;
        println!(
            "50,000 entries of {} bytes, {way}: {:?} of CPU time, with the test's own",
            bytes / 50_000,
            spent() - before
        );
    }
    mac.each_came_once();
}

#[test]
fn what_is_missing_is_said_before_anything_is_read() {
    assert!(warning(None, true).unwrap().contains("`predicate`"));
    assert!(warning(Some(" "), true).unwrap().contains("`predicate`"));
    assert!(warning(Some("process == \"x\""), false).unwrap().contains("root"));
    assert_eq!(warning(Some("process == \"x\""), true), None);
}
