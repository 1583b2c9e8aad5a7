//! `status`: whether the daemon delivers, and if not, why.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::print::print;
use super::{Failure, NOT_PERMITTED, SOFTWARE, UNAVAILABLE, start};
use crate::config::{self, DEFAULT_PATH, DEFAULT_STATE_DIRECTORY};
use crate::record::Status;
use crate::service::control::{self, Question, Report};
use crate::service::glance::{bytes, count, grouped, journals_behind, span};

/// The state folder that systemd makes for the service.
const SYSTEMD_STATE_DIRECTORY: &str = "/var/lib/cloudwatch-publisher";
/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Between two questions while something is waited for.
const PAUSE: Duration = Duration::from_millis(300);

/// Prints how the daemon fares; waits for its first delivery up to `wait` seconds.
pub fn perform(path: Option<&Path>, wait: Option<u32>, json: bool) -> Result<(), Failure> {
    let folders = state_folders(path)?;
    let until = Instant::now() + Duration::from_secs(wait.unwrap_or(0).into());
    let report: Report = loop {
        let answer = ask(&folders, Question::Status, LIMIT);
        let is_final = match &answer {
            Ok(Report { delivering, .. }) => *delivering,
            Err(failure) => failure.code != UNAVAILABLE,
        };
        if is_final || Instant::now() >= until {
            break answer?;
        }
        std::thread::sleep(PAUSE);
    };
    let text = if json { serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)? } else { page(&report) };
    print(&text)?;
    if report.delivering { Ok(()) } else { Err(Failure::new(UNAVAILABLE, "")) }
}

/// Where a daemon may have its state.
#[derive(Debug, PartialEq, Eq)]
pub struct Folders {
    /// Where the configuration says, or where one is wherever nothing is said.
    first: Vec<PathBuf>,
    /// Where it may be besides: `agent.state_directory` may have been edited since it started. Only one that works by
    /// `config` is meant there.
    others: Vec<PathBuf>,
    config: PathBuf,
}

impl Folders {
    /// The sockets to ask at.
    fn sockets(&self) -> impl Iterator<Item = PathBuf> {
        let works_by = |path: &PathBuf| {
            let report = control::ask(path, Question::Status, LIMIT);
            report.is_ok_and(|report: Report| report.config == self.config)
        };
        let others = self.others.iter().map(|folder| control::path_in(folder)).filter(works_by);
        self.first.iter().map(|folder| control::path_in(folder)).chain(others)
    }
}

/// Asks the daemon that has one of `folders`.
pub fn ask<T: for<'a> Deserialize<'a>>(folders: &Folders, question: Question, limit: Duration) -> Result<T, Failure> {
    let mut last = None;
    for path in folders.sockets() {
        match control::ask(&path, question, limit) {
            Ok(answer) => return Ok(answer),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(not_permitted(&path)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                last.get_or_insert(path);
            }
            Err(error) => {
                let text = format!("error: the agent at {} did not answer as it should: {error}", path.display());
                return Err(Failure::new(UNAVAILABLE, text));
            }
        }
    }
    let path = last.ok_or_else(|| Failure::new(SOFTWARE, "error: there is no state folder to look in"))?;
    Err(Failure::new(
        UNAVAILABLE,
        format!(
            "error: no agent answers at {}: is it running? `systemctl status amazon-cloudwatch-publisher`",
            path.display()
        ),
    ))
}

/// What a user hears who may not ask.
pub fn not_permitted(path: &Path) -> Failure {
    let text =
        format!("error: only root and the user of the service may ask the agent at {}; use sudo", path.display());
    Failure::new(NOT_PERMITTED, text)
}

/// Where a daemon may have its state: where the configuration says; else where the environment does; else in systemd's folder or
/// the default one. A configuration that is wrong now may have been right when the daemon started.
pub fn state_folders(path: Option<&Path>) -> Result<Folders, Failure> {
    let file = path.unwrap_or(Path::new(DEFAULT_PATH));
    let named = match config::load(file) {
        Ok(loaded) => loaded.config.agent.state_directory.into_iter().collect(),
        Err(failure @ config::Failure::Missing(_)) if path.is_some() => return Err(start::refused(failure)),
        Err(_) => config::state_directories_of_broken(file),
    };
    let from_systemd = std::env::var_os("STATE_DIRECTORY").map(PathBuf::from);
    let config = std::path::absolute(file).unwrap_or_else(|_| file.to_path_buf());
    Ok(folders(named, from_systemd, config))
}

fn folders(named: Vec<PathBuf>, from_systemd: Option<PathBuf>, config: PathBuf) -> Folders {
    let usual = || [SYSTEMD_STATE_DIRECTORY, DEFAULT_STATE_DIRECTORY].map(PathBuf::from);
    match from_systemd {
        from_systemd if !named.is_empty() => {
            Folders { first: named, others: from_systemd.into_iter().chain(usual()).collect(), config }
        }
        Some(folder) => Folders { first: vec![folder], others: usual().into(), config },
        None => Folders { first: usual().into(), others: Vec::new(), config },
    }
}

/// The figures for a person.
fn page(report: &Report) -> String {
    let Report { summary, version, pid, config, uptime_ms, status, .. } = report;
    let rows = [
        ("agent", format!("version {version}, process {pid}, up {}", span(*uptime_ms))),
        ("configuration", config.display().to_string()),
        (
            "instance id",
            if status.instance_id.is_empty() { "not known".to_owned() } else { status.instance_id.clone() },
        ),
        ("logs", logs(status)),
        ("metrics", metrics(status)),
        ("requests", format!("{} answered, {} failed", grouped(status.requests_ok), grouped(status.requests_failed))),
        ("clock", clock(status.clock_skew_ms)),
        ("memory", bytes(status.resident_bytes)),
    ];
    let lines = rows.iter().map(|(name, text)| format!("  {name:<15}{text}"));
    std::iter::once(summary.clone()).chain(lines).collect::<Vec<_>>().join("\n")
}

fn logs(status: &Status) -> String {
    let oldest = match status.lag_ms {
        0 => String::new(),
        lag => format!(", the oldest for {}", span(lag)),
    };
    let waits = match (status.lag_bytes, status.records_waiting) {
        // Of a stream that is refused nothing is held: its journal is read again.
        (0, 0) if status.journal_lag_ms > 0 => "records wait to be read again".to_owned(),
        (0, 0) => "nothing waits".to_owned(),
        // What a journal holds is not known as bytes are.
        (0, 1) => format!("1 record waits{oldest}"),
        (0, waiting) => format!("{} wait{oldest}", count(waiting, "record")),
        (lag, _) => format!("{} wait{oldest}", bytes(lag)),
    };
    let from = match (status.files, status.journals) {
        (files, 0) => count(files, "file"),
        (0, journals) => count(journals, "journal"),
        (files, journals) => format!("{} and {}", count(files, "file"), count(journals, "journal")),
    };
    let (refused, behind) = (refused(status.records_refused), journals_behind(status));
    format!("{} sent from {from}{refused}; {waits}{behind}", count(status.records_sent, "record"))
}

fn metrics(status: &Status) -> String {
    let refused = refused(status.samples_refused);
    format!("{} sent{refused}; {} wait", count(status.samples_sent, "sample"), grouped(status.samples_waiting))
}

fn refused(number: u64) -> String {
    if number == 0 { String::new() } else { format!(", {} given up", grouped(number)) }
}

fn clock(skew_ms: Option<i64>) -> String {
    match skew_ms {
        None => "not compared with AWS yet".to_owned(),
        Some(skew) if skew.unsigned_abs() < 5_000 => "right".to_owned(),
        Some(skew) if skew > 0 => format!("{} ahead of AWS: its time counts", span(skew.unsigned_abs())),
        Some(skew) => format!("{} behind AWS: its time counts", span(skew.unsigned_abs())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Answers every question in `folder` as an agent with `config` does, as long as the test runs.
    fn agent(folder: &Path, config: &Path) {
        let listener = UnixListener::bind(control::path_in(folder)).unwrap();
        let report = Report { config: config.to_path_buf(), pid: 7, ..Report::default() };
        let answer = serde_json::to_string(&report).unwrap() + "\n";
        std::thread::spawn(move || {
            for asker in listener.incoming().map_while(Result::ok) {
                let _ = BufReader::new(&asker).read_line(&mut String::new());
                let _ = (&asker).write_all(answer.as_bytes());
            }
        });
    }

    #[test]
    fn what_waits_is_told_of_files_and_of_journals() {
        let sent = |status: Status| logs(&Status { records_sent: 7, ..status });
        let two_days = 172_800_000;
        for (status, expected) in [
            (Status { files: 2, ..Status::default() }, "7 records sent from 2 files; nothing waits"),
            (
                Status { files: 1, journals: 1, lag_bytes: 3_000, lag_ms: 4_000, ..Status::default() },
                "7 records sent from 1 file and 1 journal; 3,000 B wait, the oldest for 4 s",
            ),
            (
                Status { journals: 1, records_waiting: 16, lag_ms: 5_486, journal_lag_ms: 5_600, ..Status::default() },
                "7 records sent from 1 journal; 16 records wait, the oldest for 5 s",
            ),
            (
                Status { journals: 1, records_waiting: 1, journal_lag_ms: two_days, ..Status::default() },
                "7 records sent from 1 journal; 1 record waits; the journal is 2 d behind",
            ),
            (
                Status { journals: 2, journal_lag_ms: two_days, ..Status::default() },
                "7 records sent from 2 journals; records wait to be read again; a journal is 2 d behind",
            ),
        ] {
            assert_eq!(sent(status), expected);
        }
    }

    #[test]
    fn an_agent_is_found_though_its_state_directory_was_edited_and_another_one_is_not_taken_for_it() {
        let (edited, started) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let config = started.path().join("x.json");
        agent(started.path(), &config);
        let asked = |config: PathBuf| {
            let folders = folders(vec![edited.path().to_path_buf()], Some(started.path().to_path_buf()), config);
            ask::<Report>(&folders, Question::Status, LIMIT).map(|report| report.pid)
        };
        assert_eq!(asked(config).ok(), Some(7));
        let failure = asked("/etc/of-another.json".into()).err().unwrap();
        assert!(failure.code == UNAVAILABLE && failure.text.contains(edited.path().to_str().unwrap()));
    }
}
