//! The real binary against moto, a stand-in for AWS that no one of this project wrote: what boto3 reads back from it is what
//! was written to the files, line by line, and the metrics are there.
//!
//! moto enforces next to none of AWS's limits: that is the embedded endpoint's part. Here stands what a second opinion can
//! tell: that the requests mean what we think they mean.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests state what must be"
)]

#[path = "support/python.rs"]
mod environment;
#[path = "moto/stand_in.rs"]
mod stand_in;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use stand_in::StandIn;
use tempfile::TempDir;

const GROUP: &str = "/test/moto";
const NAMESPACE: &str = "Test/Moto";
/// More than any step takes on a slow machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(90);
/// What an event may hold: 1 MB with the 26 bytes that CloudWatch adds.
const MAX_MESSAGE_BYTES: usize = 1_048_576 - 26;

#[test]
fn every_line_written_is_read_back_once_and_in_order() {
    let Some(scene) = Scene::new() else { return };
    let mut app = Written::open(&scene.path("app.log"));
    let mut other = Written::open(&scene.path("other.log"));
    app.line("there before the start");
    other.raw(b"first\r\nsecond\r\n", &["first", "second"]);

    let agent = scene.start();
    app.line("    leading white space is part of a stack trace");
    app.line("\ta tab as well, and at the end two blanks  ");
    app.raw(b"\n\r\n\n", &[]);
    app.line("Zürich, 東京, 🦀, and \u{202e}controls\u{1}");
    app.raw(b"not \xff\xfe UTF-8 \xc3\n", &["not \u{fffd}\u{fffd} UTF-8 \u{fffd}"]);
    for number in 0..2_500 {
        app.line(&format!("line {number} of app \"quoted\" \\ {{}}"));
        other.line(&format!("line {number} of other"));
    }
    scene.wait_for("app.log", &app);
    assert_eq!(scene.stand_in.ask(&["group", GROUP]), json!({"retention": 7, "streams": ["app.log", "other.log"]}));

    // Rotation as logrotate does it, with a writer that keeps the old file open for a while.
    fs::rename(scene.path("app.log"), scene.path("app.log.1")).unwrap();
    app.line("into the old file, after it was renamed");
    app.file = open(&scene.path("app.log"));
    app.line("into the new file");
    scene.wait_for("app.log", &app);
    assert!(stop(agent).success());

    app.line("written while nobody looked");
    other.line("here as well");
    let agent = scene.start();
    app.line("written after the second start");
    scene.wait_for("app.log", &app);
    scene.wait_for("other.log", &other);
    assert!(stop(agent).success());
    // At least once is promised after a crash; there was none, so nothing comes twice.
    assert_eq!(scene.read_back("app.log"), app.lines);
    assert_eq!(scene.read_back("other.log"), other.lines);
    scene.prove_that_bodies_were_compressed();
}

#[test]
fn a_line_over_the_limit_arrives_in_pieces_between_whole_neighbours() {
    let Some(scene) = Scene::new() else { return };
    let mut app = Written::open(&scene.path("app.log"));
    let agent = scene.start();
    // Numbered, so that pieces in another order are no such line.
    let long: String = (0..125_000).map(|number| format!("é{number:010}")).collect();
    app.line("before");
    app.line(&long);
    app.line("after");
    let arrived = |messages: &Vec<String>| messages.last().is_some_and(|last| last == "after");
    let messages = wait("the line after the long one", || Some(scene.read_back("app.log")).filter(arrived));
    assert!(stop(agent).success());
    // Not `assert_eq!`: a megabyte of text explains nothing.
    assert!(messages[0] == "before", "another line, of {} bytes, came first", messages[0].len());
    let pieces = &messages[1..messages.len() - 1];
    assert!(pieces.len() > 1, "1.5 MB fit no single event");
    assert!(pieces.iter().all(|piece| piece.len() <= MAX_MESSAGE_BYTES), "a piece is over the limit");
    assert!(pieces.iter().all(|piece| !piece.contains('\u{fffd}')), "a character was cut in two");
    // Each piece may carry a mark of its own before or after its part of the line: what is left of it is the line.
    let parts: String = pieces.iter().map(|piece| unmarked(piece, &long)).collect();
    assert!(parts == long, "the pieces hold {} of {} bytes, or hold them in another order", parts.len(), long.len());
}

#[test]
fn check_asks_for_rights_and_leaves_nothing_behind() {
    let Some(scene) = Scene::new() else { return };
    let mut app = Written::open(&scene.path("app.log"));
    Written::open(&scene.path("other.log")).line("x");
    let agent = scene.start();
    app.line("from the agent");
    scene.wait_for("app.log", &app);
    assert!(stop(agent).success());
    let metrics = scene.stand_in.ask(&["metrics", NAMESPACE]);
    let report = scene.check_aws();
    let rights = report["aws"]["rights"].as_array().unwrap();
    let verdicts: Vec<&Value> = rights.iter().map(|right| &right["verdict"]).collect();
    assert!(verdicts.len() == 5 && verdicts.iter().all(|verdict| *verdict == "allowed"), "{rights:#?}");
    assert_eq!(scene.read_back("app.log"), app.lines);
    assert_eq!(scene.stand_in.ask(&["metrics", NAMESPACE]), metrics);
    assert_eq!(scene.stand_in.ask(&["group", GROUP]), json!({"retention": 7, "streams": ["app.log", "other.log"]}));
}

#[test]
fn a_group_that_is_deleted_under_way_is_made_again() {
    let Some(scene) = Scene::new() else { return };
    let mut app = Written::open(&scene.path("app.log"));
    let agent = scene.start();
    app.line("into the first group");
    scene.wait_for("app.log", &app);
    scene.stand_in.ask(&["delete-group", GROUP]);
    assert_eq!(scene.stand_in.ask(&["group", GROUP]), Value::Null);
    // What the first group held went with it.
    app.lines.clear();
    app.line("into the second group");
    scene.wait_for("app.log", &app);
    assert_eq!(scene.stand_in.ask(&["group", GROUP])["retention"], 7);
    assert!(stop(agent).success());
}

#[test]
fn the_thirteen_metrics_are_there_with_plausible_values_of_their_own_times() {
    let Some(scene) = Scene::new() else { return };
    let agent = scene.start();
    let began = seconds_now();
    let complete = |metrics: &Value| {
        let metrics = metrics.as_array().unwrap();
        let has = |name: &str| metrics.iter().any(|metric| metric["name"] == name && points(metric).len() >= 3);
        METRICS.iter().all(|(name, _, _)| has(name))
    };
    let mut last = Value::Null;
    let found = wait_or(|| {
        last = scene.stand_in.ask(&["metrics", NAMESPACE]);
        complete(&last).then(|| last.clone())
    });
    let found = found.unwrap_or_else(|| panic!("three points of each metric did not come: {last:#}"));
    assert!(stop(agent).success());
    assert_eq!(found.as_array().unwrap().len(), METRICS.len(), "another metric, or other dimensions: {found:#}");
    for (name, least, most) in METRICS {
        let metric = found.as_array().unwrap().iter().find(|metric| metric["name"] == name).unwrap();
        let dimensions = metric["dimensions"].as_array().unwrap();
        assert_eq!(dimensions[0], json!(["InstanceId", "test-moto"]), "{name}");
        assert_eq!(dimensions[1][0], "Hostname", "{name}");
        assert!(!dimensions[1][1].as_str().unwrap().is_empty(), "{name}");
        for (at, value) in points(metric) {
            assert!((least..=most).contains(&value), "{name} is {value}, and should be in {least}..={most}");
            assert!(
                (began - 5.0..=seconds_now() + 5.0).contains(&at),
                "{name} was measured at {at}, the test began at {began}"
            );
        }
    }
    let busy = found.as_array().unwrap().iter().find(|metric| metric["name"] == "CPUUtilization").unwrap();
    assert!(points(busy)[0].1 > 0.0, "the first share of the processor is measured, not made up");
}

/// The predecessor's metrics, with the least and the most that a sane machine could give.
const METRICS: [(&str, f64, f64); 13] = [
    ("CPUUtilization", 0.0, 100.0),
    ("CPUCount", 1.0, 4_096.0),
    ("MemoryUtilization", 0.1, 100.0),
    ("MemoryUsed", 1e6, 1e14),
    ("MemoryAvailable", 1e6, 1e14),
    ("DiskReadBytes", 0.0, 1e12),
    ("DiskWriteBytes", 0.0, 1e12),
    ("DiskReadOps", 0.0, 1e9),
    ("DiskWriteOps", 0.0, 1e9),
    ("NetworkIn", 0.0, 1e12),
    ("NetworkOut", 0.0, 1e12),
    ("NetworkPacketsIn", 0.0, 1e9),
    ("NetworkPacketsOut", 0.0, 1e9),
];

/// A folder for the agent and its files, and the stand-in that it talks to.
struct Scene {
    stand_in: StandIn,
    folder: TempDir,
}

impl Scene {
    fn new() -> Option<Self> {
        Some(Self { stand_in: StandIn::start()?, folder: tempfile::tempdir().unwrap() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self) -> Agent {
        let follow = |name: &str| json!({"file_path": self.path(name), "initial_position": "beginning"});
        let config = json!({
            "agent": {
                "instance": {"prefix": "test", "serial": "moto"},
                "region": "eu-west-1",
                "metrics_collection_interval": 1,
                "logs_collection_interval": 1,
                "endpoint_override": self.stand_in.proxy,
                "state_directory": self.path("state"),
                "logfile": self.path("agent.log"),
            },
            "metrics": {"namespace": NAMESPACE, "force_flush_interval": 2},
            "logs": {
                "log_group_name": GROUP,
                "retention_in_days": 7,
                "logs_collected": {"files": {"collect_list": [follow("app.log"), follow("other.log")]}},
            },
        });
        let path = self.path("config.json");
        fs::write(&path, config.to_string()).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_cloudwatch-publisher"))
            .arg("run")
            .arg(&path)
            .envs([("AWS_ACCESS_KEY_ID", "made-up"), ("AWS_SECRET_ACCESS_KEY", "made-up"), ("AWS_REGION", "eu-west-1")])
            // The stand-in is on this machine, whatever proxy the rest of the world is behind.
            .env("NO_PROXY", "127.0.0.1")
            .spawn()
            .unwrap();
        Agent { process, log: self.path("agent.log") }
    }

    /// Has the program judge the configuration of the last start, rights at AWS included; what it printed.
    fn check_aws(&self) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_cloudwatch-publisher"))
            .args(["check", "--json", "--aws"])
            .arg(self.path("config.json"))
            .envs([("AWS_ACCESS_KEY_ID", "made-up"), ("AWS_SECRET_ACCESS_KEY", "made-up"), ("AWS_REGION", "eu-west-1")])
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn read_back(&self, stream: &str) -> Vec<String> {
        self.stand_in.messages(GROUP, stream)
    }

    /// Waits until everything that was written is there, and compares it.
    fn wait_for(&self, stream: &str, written: &Written) {
        let mut last = Vec::new();
        let enough = wait_or(|| {
            last = self.read_back(stream);
            (last.len() >= written.lines.len()).then_some(())
        });
        assert!(enough.is_some(), "{stream}: only {} of {} lines came", last.len(), written.lines.len());
        let differs = last.iter().zip(&written.lines).position(|(read, wrote)| read != wrote);
        if let Some(at) = differs {
            panic!("{stream}, line {at}: wrote {:?}, read back {:?}", written.lines[at], last[at]);
        }
        assert_eq!(last.len(), written.lines.len(), "{stream}: lines came twice");
    }

    fn prove_that_bodies_were_compressed(&self) {
        let seen = self.stand_in.seen();
        assert!(seen["PutLogEvents"].as_u64() > Some(0), "{seen}");
        assert_eq!(seen["PutLogEvents in gzip"], seen["PutLogEvents"], "{seen}");
    }
}

/// The running agent. A test that fails leaves none behind, and shows what it logged.
struct Agent {
    process: Child,
    log: PathBuf,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            println!("the agent's own log:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

/// Ends the agent as a service manager does.
fn stop(mut agent: Agent) -> ExitStatus {
    kill_process(Pid::from_child(&agent.process), Signal::TERM).unwrap();
    wait("the agent's end", || agent.process.try_wait().unwrap())
}

/// A file, and the lines that must be read back from its stream.
struct Written {
    file: File,
    lines: Vec<String>,
}

impl Written {
    fn open(path: &Path) -> Self {
        Self { file: open(path), lines: Vec::new() }
    }

    fn line(&mut self, line: &str) {
        self.raw(format!("{line}\n").as_bytes(), &[line]);
    }

    fn raw(&mut self, bytes: &[u8], lines: &[&str]) {
        self.file.write_all(bytes).unwrap();
        self.lines.extend(lines.iter().map(|line| (*line).to_owned()));
    }
}

fn open(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

fn points(metric: &Value) -> Vec<(f64, f64)> {
    let points = metric["points"].as_array().unwrap();
    points.iter().map(|point| (point[0].as_f64().unwrap(), point[1].as_f64().unwrap())).collect()
}

/// The part of `piece` that stands in `line`: without a mark of up to 64 bytes at its beginning or end.
fn unmarked<'a>(piece: &'a str, line: &str) -> &'a str {
    let borders = |from: usize| (from..=from + 64).filter(|at| piece.is_char_boundary(*at));
    for begin in borders(0) {
        for end in borders(piece.len().saturating_sub(64)).filter(|end| *end <= piece.len() && *end > begin).rev() {
            if line.contains(&piece[begin..end]) {
                return &piece[begin..end];
            }
        }
    }
    panic!("a piece of {} bytes holds nothing of the line", piece.len())
}

fn seconds_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

fn wait<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    wait_or(ask).unwrap_or_else(|| panic!("{what} did not come within {PATIENCE:?}"))
}

/// Asks until there is an answer, or patience ends.
fn wait_or<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() > end {
            return answer;
        }
        thread::sleep(Duration::from_millis(200));
    }
}
