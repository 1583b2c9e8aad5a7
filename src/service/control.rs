//! The control socket: how `status` and `reload` speak to the daemon.
//!
//! A Unix socket in the state folder, which only root and the service's own user can reach. A question is one line of JSON, and so is its
//! answer. The rule that is easy to break: whoever asks must not be able to hold the daemon up, nor to fill its memory: lines are short,
//! askers few, and each has a time limit. Who waits for a reload takes no seat of those who ask for the status.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

use super::glance;
use crate::record::Status;

/// How long an asker may take to ask, and to take the answer.
const LIMIT: Duration = Duration::from_secs(5);
/// The longest question.
const MAX_QUESTION_BYTES: u64 = 4 * 1024;
/// How many may ask at the same time.
const MAX_ASKERS: usize = 8;
/// How many may wait for reloads, which take their time.
const MAX_WAITING: usize = 8;
/// After an accept that failed: no descriptor is free.
const PAUSE: Duration = Duration::from_secs(1);

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Question {
    /// How the agent fares; the answer is a [`Report`].
    Status,
    /// To read the configuration anew; the answer is an [`Outcome`].
    Reload,
}

/// How the agent fares, and which agent it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Whether AWS takes what there is.
    pub delivering: bool,
    /// The same with reasons, in one line.
    pub summary: String,
    /// The version of the program that runs.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Its configuration's file.
    pub config: PathBuf,
    /// For how long it runs, in milliseconds.
    pub uptime_ms: u64,
    /// All figures.
    pub status: Status,
}

/// What became of a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The configuration's file.
    pub config: PathBuf,
    /// Why the new configuration is not in force, with the exit code that says so; none where it is.
    pub refusal: Option<Refusal>,
}

/// Why a new configuration is not in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The exit code of `reload`.
    pub code: u8,
    /// All of it, as `check` says it.
    pub text: String,
    /// What the agent does now.
    #[serde(default)]
    pub after: After,
}

/// What an agent does that did not do what was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum After {
    /// It goes on with the configuration before.
    #[default]
    GoesOn,
    /// It works by the new one as far as it can, and waits for the instance id.
    WaitsForId,
    /// It ends.
    Ends,
}

/// A wish for a reload; what became of it goes to those who asked.
pub type Wish = Option<oneshot::Sender<Outcome>>;

/// What the socket answers from.
#[derive(Clone)]
pub struct Desk {
    /// The facts that do not change.
    pub report: Report,
    /// How the agent fares.
    pub status: watch::Receiver<Status>,
    /// For how long it runs, in milliseconds.
    pub uptime_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Where reloads are asked for.
    pub wishes: mpsc::Sender<Wish>,
}

/// The socket, which is removed when this is dropped.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
}

impl Drop for Control {
    fn drop(&mut self) {
        // Without it the next agent removes what is left.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The socket's path, given the state folder.
pub fn path_in(state_directory: &Path) -> PathBuf {
    state_directory.join("control")
}

impl Control {
    /// Answers at `path` from now on, in a task on the current runtime. Whoever calls it holds the folder's lock: a socket that is
    /// there was left by an agent that was killed.
    ///
    /// # Errors
    /// When there can be no socket: the path is too long for one, or nothing can be written there.
    pub fn open(path: PathBuf, desk: Desk) -> io::Result<Self> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        let control = Self { path };
        std::fs::set_permissions(&control.path, std::fs::Permissions::from_mode(0o600))?;
        tokio::spawn(listen(listener, desk));
        Ok(control)
    }
}

async fn listen(listener: UnixListener, desk: Desk) {
    let askers = Arc::new(Semaphore::new(MAX_ASKERS));
    let waiting = Arc::new(Semaphore::new(MAX_WAITING));
    // The semaphore is never closed.
    while let Ok(seat) = Arc::clone(&askers).acquire_owned().await {
        match listener.accept().await {
            Ok((asker, _)) => {
                let (desk, waiting) = (desk.clone(), Arc::clone(&waiting));
                tokio::spawn(async move {
                    // An asker that goes away has nothing left to hear.
                    let _ = attend(asker, desk, seat, &waiting).await;
                });
            }
            Err(error) => {
                log::warn!(error:%; "cannot take who asks for the status");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn attend(asker: UnixStream, desk: Desk, seat: OwnedSemaphorePermit, waiting: &Semaphore) -> io::Result<()> {
    let (read, mut write) = asker.into_split();
    let mut line = String::new();
    timeout(LIMIT, BufReader::new(read.take(MAX_QUESTION_BYTES)).read_line(&mut line)).await??;
    let answer = match serde_json::from_str(&line) {
        Ok(Question::Status) => serde_json::to_string(&desk.report_now()),
        Ok(Question::Reload) => {
            drop(seat);
            let outcome = match waiting.try_acquire() {
                Ok(_place) => desk.reload().await,
                Err(_) => desk.unavailable("too many wait for a reload", After::GoesOn),
            };
            serde_json::to_string(&outcome)
        }
        Err(error) => Ok(serde_json::json!({"error": error.to_string()}).to_string()),
    };
    let answer = answer.map_err(io::Error::other)? + "\n";
    timeout(LIMIT, write.write_all(answer.as_bytes())).await?
}

impl Desk {
    fn report_now(&self) -> Report {
        let status = self.status.borrow().clone();
        Report {
            delivering: glance::is_delivering(&status),
            summary: glance::line(&status),
            uptime_ms: (self.uptime_ms)(),
            status,
            ..self.report.clone()
        }
    }

    async fn reload(&self) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        let ending = || self.unavailable("the agent ends", After::Ends);
        if self.wishes.send(Some(answer)).await.is_err() {
            return ending();
        }
        outcome.await.unwrap_or_else(|_| ending())
    }

    fn unavailable(&self, why: &str, after: After) -> Outcome {
        let refusal = Some(Refusal { code: UNAVAILABLE, text: format!("error: {why}"), after });
        Outcome { config: self.report.config.clone(), refusal }
    }
}

/// sysexits.h: what the command needs is not there.
const UNAVAILABLE: u8 = 69;

/// Asks the daemon at `path`; waits `limit` for its answer.
///
/// # Errors
/// When none listens there, it may not be asked, or it does not answer as it should.
pub fn ask<T: for<'a> Deserialize<'a>>(path: &Path, question: Question, limit: Duration) -> io::Result<T> {
    use std::io::{BufRead, Write};
    let mut daemon = std::os::unix::net::UnixStream::connect(path)?;
    daemon.set_write_timeout(Some(limit))?;
    daemon.set_read_timeout(Some(limit))?;
    let mut line = serde_json::to_string(&question).map_err(io::Error::other)?;
    line.push('\n');
    daemon.write_all(line.as_bytes())?;
    line.clear();
    io::BufReader::new(daemon).read_line(&mut line)?;
    serde_json::from_str(&line).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Phase;

    struct Scene {
        _folder: tempfile::TempDir,
        path: PathBuf,
        status: watch::Sender<Status>,
        wishes: mpsc::Receiver<Wish>,
    }

    fn scene() -> (Scene, Desk) {
        let folder = tempfile::tempdir().unwrap();
        let path = path_in(folder.path());
        let status = watch::Sender::new(Status { phase: Phase::Running, requests_ok: 1, ..Status::default() });
        let (wish, wishes) = mpsc::channel(8);
        let report = Report { version: "1".to_owned(), pid: 7, config: "/etc/x.json".into(), ..Report::default() };
        let desk = Desk { report, status: status.subscribe(), uptime_ms: Arc::new(|| 17), wishes: wish };
        (Scene { _folder: folder, path, status, wishes }, desk)
    }

    async fn asked<T: for<'a> Deserialize<'a> + Send + 'static>(path: &Path, question: Question) -> io::Result<T> {
        let path = path.to_path_buf();
        tokio::task::spawn_blocking(move || ask(&path, question, Duration::from_secs(20))).await.unwrap()
    }

    #[tokio::test]
    async fn a_status_is_what_was_told_last() {
        let (scene, desk) = scene();
        let control = Control::open(scene.path.clone(), desk).unwrap();
        let report: Report = asked(&scene.path, Question::Status).await.unwrap();
        assert!(report.delivering);
        assert_eq!((report.pid, report.uptime_ms, report.config), (7, 17, "/etc/x.json".into()));
        scene.status.send_modify(|status| status.records_stuck_ms = Some(4_000));
        let report: Report = asked(&scene.path, Question::Status).await.unwrap();
        assert!(!report.delivering && report.summary.starts_with("not delivering for 4 s"), "{}", report.summary);
        drop(control);
        assert!(!scene.path.exists());
    }

    #[tokio::test]
    async fn a_reload_is_answered_once_it_is_done() {
        let (mut scene, desk) = scene();
        let _control = Control::open(scene.path.clone(), desk).unwrap();
        let refusal = Some(Refusal { code: 78, text: "1 problem".to_owned(), after: After::WaitsForId });
        let (asked, ()) = tokio::join!(asked::<Outcome>(&scene.path, Question::Reload), async {
            let wish = scene.wishes.recv().await.unwrap().unwrap();
            wish.send(Outcome { config: "/etc/x.json".into(), refusal: refusal.clone() }).unwrap();
        });
        assert_eq!(asked.unwrap().refusal, refusal);
    }

    #[tokio::test]
    async fn who_ends_meanwhile_says_so() {
        let (scene, desk) = scene();
        let _control = Control::open(scene.path.clone(), desk).unwrap();
        drop(scene.wishes);
        let outcome: Outcome = asked(&scene.path, Question::Reload).await.unwrap();
        let refusal = outcome.refusal.unwrap();
        assert_eq!((refusal.code, refusal.after), (UNAVAILABLE, After::Ends));
    }

    #[tokio::test]
    async fn what_a_killed_agent_left_is_replaced_and_only_its_owner_may_ask() {
        let (scene, desk) = scene();
        drop(std::os::unix::net::UnixListener::bind(&scene.path).unwrap());
        let refused = asked::<Report>(&scene.path, Question::Status).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let _control = Control::open(scene.path.clone(), desk).unwrap();
        assert_eq!(std::fs::metadata(&scene.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(asked::<Report>(&scene.path, Question::Status).await.unwrap().pid, 7);
    }

    #[tokio::test]
    async fn nonsense_and_silence_keep_nobody_else_from_asking() {
        let (scene, desk) = scene();
        let _control = Control::open(scene.path.clone(), desk).unwrap();
        let _silent: Vec<_> =
            (1..MAX_ASKERS).map(|_| std::os::unix::net::UnixStream::connect(&scene.path).unwrap()).collect();
        let mut nonsense = UnixStream::connect(&scene.path).await.unwrap();
        nonsense.write_all(&[b'x'; 10_000]).await.unwrap_or_default();
        let mut answer = String::new();
        let _ = BufReader::new(nonsense).read_line(&mut answer).await;
        assert!(answer.contains("error"), "{answer}");
        assert_eq!(asked::<Report>(&scene.path, Question::Status).await.unwrap().pid, 7);
    }

    #[tokio::test]
    async fn those_who_wait_for_a_reload_keep_nobody_from_asking_for_the_status() {
        let (mut scene, desk) = scene();
        let _control = Control::open(scene.path.clone(), desk).unwrap();
        let mut askers = Vec::new();
        for _ in 0..=MAX_ASKERS.max(MAX_WAITING) {
            let mut asker = UnixStream::connect(&scene.path).await.unwrap();
            asker.write_all(b"{\"ask\":\"reload\"}\n").await.unwrap();
            askers.push(asker);
        }
        let mut wishes = Vec::new();
        for _ in 0..MAX_WAITING {
            wishes.push(scene.wishes.recv().await.unwrap().unwrap());
        }
        assert_eq!(asked::<Report>(&scene.path, Question::Status).await.unwrap().pid, 7);
        let one_too_many: Outcome = asked(&scene.path, Question::Reload).await.unwrap();
        assert_eq!(one_too_many.refusal.unwrap().code, UNAVAILABLE);
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_is_an_error_and_no_panic() {
        let (_scene, desk) = scene();
        assert!(Control::open(PathBuf::from(format!("/tmp/{}", "x".repeat(200))), desk).is_err());
    }
}
