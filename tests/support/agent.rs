//! The real program on a folder of its own, against an endpoint in the test's process that refuses what AWS refuses.
//!
//! The rule that is easy to break: nothing here sleeps for a time that "should do". What a test waits for is a condition with
//! a limit that is generous on a busy machine; only how much happens *within* a time may be measured by sleeping.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cloudwatch_publisher::local::{Endpoint, Options};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Where log records go.
pub const GROUP: &str = "/test/agent";
/// Where metrics go.
pub const NAMESPACE: &str = "Test/Agent";
/// The key that must not be seen anywhere.
pub const SECRET: &str = "kept-secret-0123456789";
/// More than any step takes on a slow machine that is busy with something else.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A folder for the agent and its files, and the endpoint that it talks to.
pub struct Scene {
    /// Judge and witness.
    pub endpoint: Endpoint,
    folder: TempDir,
    config: Value,
    words: Vec<OsString>,
}

impl Scene {
    /// A scene that follows `files` of its folder from their beginning, a record waiting a second at the most.
    pub fn new(files: &[&str]) -> Self {
        Self::with(files, Options::default())
    }

    /// The same with an endpoint of one's choice.
    pub fn with(files: &[&str], options: Options) -> Self {
        let endpoint = Endpoint::start_on_own_thread(options).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let follow = |name: &&str| json!({"file_path": path(name), "initial_position": "beginning"});
        let entries: Vec<Value> = files.iter().map(follow).collect();
        let config = json!({
            "agent": {
                "instance": {"prefix": "test", "serial": "agent"},
                "region": "eu-west-1",
                "metrics_collection_interval": 300,
                "logs_collection_interval": 1,
                "endpoint_override": endpoint.url(),
                "state_directory": path("state"),
                "logfile": path("agent.log"),
            },
            "metrics": {"namespace": NAMESPACE, "force_flush_interval": 1},
            "logs": {
                "log_group_name": GROUP,
                "retention_in_days": 7,
                "logs_collected": {"files": {"collect_list": entries}},
            },
        });
        let words = vec![env!("CARGO_BIN_EXE_cloudwatch-publisher").into()];
        Self { endpoint, folder, config, words }
    }

    /// Sets a key of the config, by JSON pointer.
    pub fn set(&mut self, pointer: &str, value: impl Into<Value>) {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        self.config.pointer_mut(parent).unwrap()[key] = value.into();
    }

    /// Takes a key out of the config, by JSON pointer.
    pub fn unset(&mut self, pointer: &str) {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        self.config.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
    }

    /// Takes another program than this build's: `words` start it.
    #[allow(dead_code, reason = "not every test that has a scene has a program of its own")]
    pub fn take_program(&mut self, words: Vec<OsString>) {
        self.words = words;
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the config; answers its path.
    pub fn config(&self) -> PathBuf {
        let path = self.path("config.json");
        fs::write(&path, self.config.to_string()).unwrap();
        path
    }

    /// The program with nothing around it but what tests give it.
    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.words[0]);
        let inherited = ["PATH", "LD_LIBRARY_PATH", "TMPDIR"].map(|name| (name, std::env::var_os(name)));
        command
            .args(&self.words[1..])
            .args(arguments)
            .env_clear()
            .envs(inherited.into_iter().filter_map(|(name, value)| Some((name, value?))))
            .env("HOME", self.folder.path())
            .env("AWS_ACCESS_KEY_ID", "made-up")
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null());
        command
    }

    /// Starts the daemon.
    pub fn start(&self) -> Agent {
        let config = self.config();
        let mut command = self.program(&["run"]);
        command.arg(config);
        self.spawn(command)
    }

    /// Starts what `command` says, its stderr in a file.
    pub fn spawn(&self, mut command: Command) -> Agent {
        let stderr = OpenOptions::new().create(true).append(true).open(self.path("stderr")).unwrap();
        let process = command.stderr(stderr).spawn().unwrap();
        Agent { process, log: self.path("agent.log"), stderr: self.path("stderr") }
    }

    /// What the agent logged, backups and stderr included.
    pub fn own_log(&self) -> String {
        ["agent.log", "stderr"].iter().map(|name| fs::read_to_string(self.path(name)).unwrap_or_default()).collect()
    }

    /// The records of a stream as they came.
    pub fn records(&self, stream: &str) -> Vec<String> {
        self.endpoint.events(GROUP, stream).into_iter().map(|(_, text)| text).collect()
    }

    /// Waits until `count` records of a stream came, those that came twice counted twice.
    pub fn wait_for_taken(&self, stream: &str, count: u64, limit: Duration) {
        let taken = || self.endpoint.taken(GROUP, stream);
        let enough = poll(limit, || (taken() >= count).then_some(()));
        assert!(enough.is_some(), "{stream}: {} of {count} records came in {limit:?}", taken());
    }

    /// Waits until every record came, and proves that none came twice and none in another order.
    pub fn wait_for_exactly(&self, written: &Written) {
        self.wait_for_taken(&written.stream, written.records.len() as u64, PATIENCE);
        let came = self.records(&written.stream);
        compare(&written.stream, &came, &written.records);
    }

    /// Waits until every record came within `limit`; some may have come twice, none in another order.
    pub fn wait_for_all(&self, written: &Written, limit: Duration) {
        let mut came = Vec::new();
        let all = poll(limit, || {
            came = first_ones(self.records(&written.stream));
            (came.len() >= written.records.len()).then_some(())
        });
        if all.is_none() {
            compare(&format!("{} after {limit:?}", written.stream), &came, &written.records);
        }
        compare(&written.stream, &came, &written.records);
    }

    /// Proves that the endpoint refused nothing but what it is told to refuse, and what is refused on first sight of a group.
    pub fn assert_nothing_refused_but(&self, expected: &[&str]) {
        let counts = self.endpoint.counts();
        let on_first_sight = ["ResourceNotFoundException", "ResourceAlreadyExistsException"];
        let others: Vec<_> = counts
            .refused
            .iter()
            .filter(|(code, _)| !on_first_sight.contains(&code.as_str()) && !expected.contains(&code.as_str()))
            .collect();
        assert!(others.is_empty(), "the endpoint refused {others:?}");
        assert_eq!(counts.events_rejected, 0, "records were dropped for their time");
    }
}

/// Each record where it came first.
pub fn first_ones(records: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    records.into_iter().filter(|record| seen.insert(record.clone())).collect()
}

fn compare(what: &str, came: &[String], wrote: &[String]) {
    let differs = came.iter().zip(wrote).position(|(came, wrote)| came != wrote);
    if let Some(at) = differs {
        panic!("{what}: record {at} should be {:?} and is {:?}", wrote[at], came[at]);
    }
    assert_eq!(came.len(), wrote.len(), "{what}: that many records came (left) of those that were written (right)");
}

/// The running agent. A test that fails leaves none behind, and shows what it logged.
pub struct Agent {
    process: Child,
    log: PathBuf,
    stderr: PathBuf,
}

impl Agent {
    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What it ever took at the same time, in KiB, less the pages of the program and its libraries; none where the system does not tell.
    pub fn peak_own_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let kib = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.trim().trim_end_matches(" kB").trim().parse().ok()
        };
        Some(kib("VmHWM")? - kib("RssFile")?)
    }

    /// Its standard output, where it is piped.
    pub fn stdout(&mut self) -> std::process::ChildStdout {
        self.process.stdout.take().unwrap()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
    }

    /// Sends SIGKILL, and waits until the process is gone.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        assert_eq!(self.process.wait().unwrap().signal(), Some(9), "it had ended by itself");
    }

    /// Waits for its end; how it ended and how long that took.
    pub fn wait(&mut self, limit: Duration) -> (ExitStatus, Duration) {
        let began = Instant::now();
        let status = poll(limit, || self.process.try_wait().unwrap());
        (status.unwrap_or_else(|| panic!("it did not end within {limit:?}")), began.elapsed())
    }

    /// Ends it as a service manager does, within the time that is promised.
    pub fn stop(mut self) {
        self.terminate();
        let (status, took) = self.wait(PATIENCE);
        assert_eq!(status.code(), Some(0), "{status}");
        assert!(took <= Duration::from_secs(11), "SIGTERM took {took:?}");
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            for path in [&self.log, &self.stderr] {
                let text = fs::read_to_string(path).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                println!("the end of {}:\n{}", path.display(), lines[lines.len().saturating_sub(40)..].join("\n"));
            }
        }
    }
}

/// A file that is written to, and the records that must come of it.
pub struct Written {
    /// The stream that they come in.
    pub stream: String,
    /// In their order.
    pub records: Vec<String>,
    file: File,
    path: PathBuf,
}

impl Written {
    /// Opens `name` in the scene's folder; the stream is called the same.
    pub fn open(scene: &Scene, name: &str) -> Self {
        let path = scene.path(name);
        Self { stream: name.to_owned(), records: Vec::new(), file: append(&path), path }
    }

    /// Writes one record.
    pub fn line(&mut self, text: &str) {
        writeln!(self.file, "{text}").unwrap();
        self.records.push(text.to_owned());
    }

    /// Writes `count` more records, numbered on, at once.
    pub fn lines(&mut self, count: usize) {
        let from = self.records.len();
        let new: Vec<String> =
            (from..from + count).map(|number| format!("record {number} of {}", self.stream)).collect();
        self.file.write_all((new.join("\n") + "\n").as_bytes()).unwrap();
        self.records.extend(new);
    }

    /// Renames the file to `name` beside it, writes one more record into it, and begins a new one in its place.
    pub fn rotate(&mut self, name: &str) {
        fs::rename(&self.path, self.path.with_file_name(name)).unwrap();
        self.lines(1);
        self.file = append(&self.path);
    }
}

/// Opens a file for appending; makes it where it is missing.
pub fn append(path: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(path).unwrap()
}

/// Asks again and again; what was found, or none where the limit passed.
pub fn poll<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = ask() {
            return Some(found);
        }
        if Instant::now() > deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for a condition.
pub fn wait_until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    assert!(poll(limit, || is_so().then_some(())).is_some(), "after {limit:?} still not so: {what}");
}

/// This machine's time in milliseconds since 1970.
pub fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}
