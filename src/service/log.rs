//! The own log: where it goes, what a line looks like, and how often the same warning may come.
//!
//! A line is a time in UTC, the level, a constant message and facts as `name=value`. A warning comes once a minute for each
//! cause (its message with its `path`, `cause`, `stream`, `entry` or `journal`); the next one after that says how often it was
//! left out.
//! Whatever happens to the disk, logging neither fails nor panics, and the daemon never waits for it: a thread writes
//! (`backlog`).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use log::kv::{self, Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};

use super::backlog::{Backlog, Item};
use super::journal::Journal;
use super::rotate::RotatedFile;
use super::rotate::own_files;
use crate::config::Agent;

/// The size at which the file is rotated: the predecessor's 100 MiB.
const MAX_BYTES: u64 = 100 * 1024 * 1024;

/// How long the same warning is left out after it came.
const QUIET_TIME: Duration = Duration::from_secs(60);

/// How many causes are remembered: more means that something else is wrong.
const MAX_CAUSES: usize = 1_000;

/// How long what is not written yet may hold up the end of the program.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// The modules that speak of requests to AWS.
const ABOUT_REQUESTS: [&str; 4] = ["agent", "auth", "aws", "sinks"];

/// The facts that, with the message, make a cause.
const CAUSE_FACTS: [&str; 5] = ["path", "cause", "stream", "entry", "journal"];

/// Where the own log was asked to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Stderr: what `local`, `check` and the other commands use.
    Stderr,
    /// Where the daemon logs: the file that is named; else stderr under systemd; else the default path; else stderr.
    Daemon {
        /// The file that the configuration names.
        named: Option<PathBuf>,
        /// The file where it names none.
        default: PathBuf,
    },
}

/// The own log, started.
#[derive(Clone, Debug)]
pub struct OwnLog {
    file: Option<PathBuf>,
    loudness: Arc<Loudness>,
}

/// How much of what is said is written.
#[derive(Debug, Default)]
struct Loudness {
    is_debug: AtomicBool,
    is_quiet: AtomicBool,
    /// What is said of requests to AWS.
    tells_requests: AtomicBool,
}

impl OwnLog {
    /// The files that it goes to, newest first, whether they exist or not; empty where it goes elsewhere.
    pub fn files(&self) -> Vec<PathBuf> {
        self.file.as_deref().map(own_files).unwrap_or_default()
    }

    /// Has more in it from now on, or less, as the configuration says.
    pub fn set(&self, agent: &Agent) {
        let set = |to: &AtomicBool, is: bool| to.store(is, Ordering::Relaxed);
        set(&self.loudness.is_debug, agent.debug);
        set(&self.loudness.is_quiet, agent.is_quiet);
        set(&self.loudness.tells_requests, agent.is_sdk_logged);
        log::set_max_level(self.loudness.loudest());
    }
}

/// Starts the own log for the rest of the program's life.
///
/// A file that is named and cannot be written is a warning, and stderr takes its place. A second start changes nothing.
pub fn start(destination: &Destination, agent: Option<&Agent>) -> OwnLog {
    let is_systemd = std::env::var_os("JOURNAL_STREAM").is_some();
    let (output, warning) = choose(destination, is_systemd);
    let own_log = OwnLog { file: output.path(), loudness: Arc::default() };
    let way = match destination {
        Destination::Stderr => Way::Direct(Mutex::new(output)),
        Destination::Daemon { .. } => Way::behind(output),
    };
    let logger = Logger { loudness: Arc::clone(&own_log.loudness), way, causes: Mutex::default() };
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(own_log.loudness.loudest());
        agent.into_iter().for_each(|agent| own_log.set(agent));
        flush_before_a_panic();
    }
    if let Some((path, error)) = warning {
        log::warn!(path:% = path.display(), error:% = error; "cannot write the own log's file: logging to stderr");
    }
    own_log
}

/// A panic ends a release at once: what was said right before it is what one looks for.
fn flush_before_a_panic() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        log::logger().flush();
        told(panic);
    }));
}

type Refused = Option<(PathBuf, std::io::Error)>;

fn choose(destination: &Destination, is_systemd: bool) -> (Output, Refused) {
    let stderr = || Journal::of_stderr().map_or(Output::Stderr, Output::Journal);
    let open = |path: &Path| RotatedFile::open(path, MAX_BYTES).map(|file| Output::File(path.to_path_buf(), file));
    match destination {
        Destination::Daemon { named: Some(path), .. } => match open(path) {
            Ok(output) => (output, None),
            Err(error) => (stderr(), Some((path.clone(), error))),
        },
        Destination::Daemon { named: None, default } if !is_systemd => (open(default).unwrap_or(Output::Stderr), None),
        Destination::Daemon { .. } => (stderr(), None),
        Destination::Stderr => (Output::Stderr, None),
    }
}

enum Output {
    Stderr,
    Journal(Journal),
    File(PathBuf, RotatedFile),
}

impl Output {
    fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Stderr | Self::Journal(_) => None,
            Self::File(path, _) => Some(path.clone()),
        }
    }

    /// Writes a line, with its time where nobody else notes it. What cannot be written is lost: there is nowhere to say so.
    fn append(&mut self, line: &Line) {
        let text = || format!("{:.3} {:<5} {}\n", line.time, line.level, line.text);
        let to_stderr = |text: String| std::io::stderr().lock().write_all(text.as_bytes());
        let _ = match self {
            Self::Stderr => to_stderr(text()),
            // A journal that takes no entry is being restarted: it reads stderr once it is back.
            Self::Journal(journal) => journal.send(line).or_else(|_| to_stderr(text())),
            Self::File(_, file) => file.append(text().as_bytes()),
        };
    }

    fn write(&mut self, item: Item<Line>) {
        match item {
            Item::Said(line) => self.append(&line),
            Item::Dropped(count) => {
                let message = "the own log could not be written: lines of it were dropped";
                let facts = vec![("count".to_owned(), count.to_string())];
                let record = Record::builder().level(Level::Warn).target(module_path!()).build();
                self.append(&Line::new(&record, format!("{message} count={count}"), facts));
            }
        }
    }
}

/// A line of the own log.
pub struct Line {
    time: Timestamp,
    /// How grave it is.
    pub level: Level,
    /// Who says it.
    pub target: String,
    /// The place in the source: module, file and line.
    pub place: (Option<&'static str>, Option<&'static str>, Option<u32>),
    /// What it says, its facts included.
    pub text: String,
    /// The facts.
    pub facts: Vec<(String, String)>,
}

impl Line {
    fn new(record: &Record<'_>, text: String, facts: Vec<(String, String)>) -> Self {
        Self {
            time: Timestamp::now(),
            level: record.level(),
            target: record.target().to_owned(),
            place: (record.module_path_static(), record.file_static(), record.line()),
            text,
            facts,
        }
    }
}

/// How a line gets to its output.
enum Way {
    Direct(Mutex<Output>),
    Behind(Arc<Backlog<Line>>),
}

impl Way {
    /// By a thread that writes it.
    fn behind(mut output: Output) -> Self {
        let backlog = Backlog::start(move |item| output.write(item));
        backlog.map_or_else(|_| Self::Direct(Mutex::new(Output::Stderr)), Self::Behind)
    }
}

struct Logger {
    loudness: Arc<Loudness>,
    way: Way,
    causes: Mutex<Causes>,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.loudness.of(metadata.target())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut facts = Facts::default();
        // A fact that cannot be shown is left out.
        let _ = record.key_values().visit(&mut facts);
        let mut text = format(record, &facts);
        if record.level() <= Level::Warn {
            let cause = cause(record, &facts);
            let mut causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner);
            match causes.admit(cause, Instant::now()) {
                Admission::Quiet => return,
                Admission::Speak { left_out: 0 } => {}
                Admission::Speak { left_out } => {
                    let _ = write!(text, " repeated={left_out}");
                }
            }
        }
        let line = Line::new(record, text, facts.0);
        match &self.way {
            Way::Direct(output) => output.lock().unwrap_or_else(PoisonError::into_inner).append(&line),
            Way::Behind(backlog) => backlog.say(line),
        }
    }

    fn flush(&self) {
        if let Way::Behind(backlog) = &self.way {
            backlog.flush(FLUSH_LIMIT);
        }
    }
}

impl Loudness {
    /// Our own modules talk, others only warn.
    fn of(&self, target: &str) -> LevelFilter {
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        let mut modules = target.split("::");
        let is_ours = modules.next() == Some("cloudwatch_publisher");
        let is_about_requests = is_ours && modules.next().is_some_and(|module| ABOUT_REQUESTS.contains(&module));
        match is_ours {
            true if is(&self.is_debug) || (is_about_requests && is(&self.tells_requests)) => LevelFilter::Debug,
            true if !is(&self.is_quiet) => LevelFilter::Info,
            _ => LevelFilter::Warn,
        }
    }

    /// The most that anyone may say.
    fn loudest(&self) -> LevelFilter {
        ABOUT_REQUESTS
            .iter()
            .map(|module| self.of(&format!("cloudwatch_publisher::{module}")))
            .max()
            .unwrap_or(LevelFilter::Warn)
    }
}

/// The facts of a line, in their order.
#[derive(Default)]
struct Facts(Vec<(String, String)>);

impl<'kvs> VisitSource<'kvs> for Facts {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let value = value.to_string();
        // What is not known of a matter is no fact.
        if !value.is_empty() {
            self.0.push((key.to_string(), value));
        }
        Ok(())
    }
}

/// Message and facts on one line.
fn format(record: &Record<'_>, facts: &Facts) -> String {
    let mut line = on_one_line(&record.args().to_string());
    for (name, value) in &facts.0 {
        let is_plain = !value.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"');
        // Writing to a String cannot fail.
        let _ = match is_plain {
            true => write!(line, " {name}={value}"),
            false => write!(line, " {name}=\"{}\"", on_one_line(value).replace('"', "\\\"")),
        };
    }
    line
}

/// The text with its control characters made visible: a line of the log is one line.
fn on_one_line(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_string();
    }
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

fn cause(record: &Record<'_>, facts: &Facts) -> String {
    let mut cause = format!("{} {}", record.level(), record.args());
    for (name, value) in facts.0.iter().filter(|(name, _)| CAUSE_FACTS.contains(&name.as_str())) {
        let _ = write!(cause, " {name}={value}");
    }
    cause
}

/// What became of a warning.
#[derive(Debug, PartialEq, Eq)]
enum Admission {
    /// It was there less than a minute ago.
    Quiet,
    /// It comes, after so many that did not.
    Speak { left_out: u64 },
}

/// When each cause was last told, and how often it was left out since.
#[derive(Default)]
struct Causes(HashMap<String, (Instant, u64)>);

impl Causes {
    fn admit(&mut self, cause: String, now: Instant) -> Admission {
        if let Some((told, left_out)) = self.0.get_mut(&cause) {
            if now.duration_since(*told) < QUIET_TIME {
                *left_out += 1;
                return Admission::Quiet;
            }
            let speak = Admission::Speak { left_out: *left_out };
            (*told, *left_out) = (now, 0);
            return speak;
        }
        if self.0.len() >= MAX_CAUSES {
            self.0.retain(|_, (told, _)| now.duration_since(*told) < QUIET_TIME);
        }
        // With a thousand different causes within a minute, each further one is told each time.
        if self.0.len() < MAX_CAUSES {
            self.0.insert(cause, (now, 0));
        }
        Admission::Speak { left_out: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logger(path: &Path, debug: bool) -> Logger {
        let destination = Destination::Daemon { named: Some(path.to_path_buf()), default: PathBuf::new() };
        let (output, _) = choose(&destination, false);
        let loudness = Loudness { is_debug: debug.into(), ..Loudness::default() };
        Logger { loudness: Arc::new(loudness), way: Way::behind(output), causes: Mutex::default() }
    }

    fn say(log: &Logger, level: Level, target: &str, message: &str, facts: &[(&str, &str)]) {
        log.log(
            &Record::builder().level(level).target(target).key_values(&facts).args(format_args!("{message}")).build(),
        );
        log.flush();
    }

    fn lines(path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        // Without the time.
        text.lines().map(|line| line.split_once(' ').unwrap().1.to_string()).collect()
    }

    #[test]
    fn a_line_is_a_message_and_the_facts_that_are_known() {
        let pairs = [("path", "/var/log/x"), ("error", "no \"such\"\nfile"), ("hint", "")];
        let mut facts = Facts::default();
        kv::Source::visit(&pairs.as_slice(), &mut facts).unwrap();
        let record = Record::builder().level(Level::Warn).args(format_args!("cannot read")).build();
        assert_eq!(format(&record, &facts), r#"cannot read path=/var/log/x error="no \"such\"\nfile""#);
    }

    #[test]
    fn the_same_warning_comes_once_a_minute_and_counts_the_rest() {
        let mut causes = Causes::default();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(causes.admit("a".to_string(), at(0)), Admission::Speak { left_out: 0 });
        assert_eq!(causes.admit("a".to_string(), at(1)), Admission::Quiet);
        assert_eq!(causes.admit("b".to_string(), at(2)), Admission::Speak { left_out: 0 });
        assert_eq!(causes.admit("a".to_string(), at(59)), Admission::Quiet);
        assert_eq!(causes.admit("a".to_string(), at(60)), Admission::Speak { left_out: 2 });
    }

    #[test]
    fn causes_that_nobody_repeats_are_forgotten() {
        let mut causes = Causes::default();
        let start = Instant::now();
        for number in 0..3_000 {
            causes.admit(number.to_string(), start + Duration::from_secs(number));
        }
        assert!(causes.0.len() <= MAX_CAUSES);
    }

    #[test]
    fn warnings_differ_by_path_and_not_by_other_facts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.log");
        let log = logger(&path, false);
        let ours = "cloudwatch_publisher::agent";
        say(&log, Level::Warn, ours, "cannot read", &[("path", "/a"), ("error", "1")]);
        say(&log, Level::Warn, ours, "cannot read", &[("path", "/a"), ("error", "2")]);
        say(&log, Level::Warn, ours, "cannot read", &[("path", "/b"), ("error", "1")]);
        assert_eq!(lines(&path), ["WARN  cannot read path=/a error=1", "WARN  cannot read path=/b error=1"]);
    }

    #[test]
    fn debugging_is_ours_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.log");
        let log = logger(&path, true);
        say(&log, Level::Debug, "cloudwatch_publisher::agent", "sent", &[]);
        say(&log, Level::Info, "hyper::client", "chatter", &[]);
        say(&log, Level::Error, "hyper::client", "broken", &[]);
        assert_eq!(lines(&path), ["DEBUG sent", "ERROR broken"]);
    }

    #[test]
    fn quiet_leaves_warnings_and_debugging_wins_over_it() {
        let target = |module: &str| format!("cloudwatch_publisher::{module}");
        let of = |is_debug: bool, is_quiet: bool, tells: bool, module: &str| {
            let loudness =
                Loudness { is_debug: is_debug.into(), is_quiet: is_quiet.into(), tells_requests: tells.into() };
            assert!(loudness.of(&target(module)) <= loudness.loudest());
            loudness.of(&target(module))
        };
        assert_eq!(of(false, false, false, "sources"), LevelFilter::Info);
        assert_eq!(of(false, true, false, "sources"), LevelFilter::Warn);
        assert_eq!(of(true, true, false, "sources"), LevelFilter::Debug);
        assert_eq!(of(false, true, true, "agent"), LevelFilter::Debug);
        assert_eq!(of(false, true, true, "sources"), LevelFilter::Warn);
    }

    #[test]
    fn the_file_that_is_named_wins_and_stderr_takes_the_place_of_one_that_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.log");
        let in_the_way = file.join("below/own.log");
        let daemon = |named: Option<&Path>, default: &Path| Destination::Daemon {
            named: named.map(Path::to_path_buf),
            default: default.to_path_buf(),
        };
        let path = |destination: &Destination, is_systemd| {
            let (output, refused) = choose(destination, is_systemd);
            (output.path(), refused.is_some())
        };
        assert_eq!(path(&daemon(Some(&file), &in_the_way), true), (Some(file.clone()), false));
        assert_eq!(path(&daemon(None, &file), true), (None, false));
        assert_eq!(path(&daemon(None, &file), false), (Some(file.clone()), false));
        assert_eq!(path(&daemon(None, &in_the_way), false), (None, false));
        assert_eq!(path(&daemon(Some(&in_the_way), &file), false), (None, true));
    }

    #[test]
    fn a_full_disk_neither_fails_nor_panics() {
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let log = logger(full, false);
        say(&log, Level::Error, "cloudwatch_publisher", "lost", &[]);
        say(&log, Level::Error, "cloudwatch_publisher", "lost too", &[]);
    }
}
