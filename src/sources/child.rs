//! A program whose output is a source: started again when it ends, read no faster than what it says is taken.
//!
//! A thread waits for its output and holds at most one piece of it; while nobody takes that, the pipe fills and the program
//! blocks: that is the whole back-pressure. It runs with nothing of our environment but the path, so that no secret goes there,
//! and in a process group of its own, so that Ctrl-C is ours alone. Easy to break: the program must end when this value or this
//! process does. Dropping kills it; after `kill -9` of ours it finds its standard output closed.
//!
//! Decides nothing: [`Backoff`] is pure.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{self, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::record::Monotonic;

/// What a piece of output holds at the most: as much as a pipe does.
const PIECE_BYTES: usize = 64 * 1024;
/// A complaint is kept so far.
const COMPLAINT_BYTES: usize = 500;
/// Complaints that wait; what comes beyond is read and dropped.
const COMPLAINTS: usize = 8;
/// The first and the longest pause before it is started again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Called from another thread when there is something to take.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A running program.
#[derive(Debug)]
pub struct Child {
    /// None once it was waited for.
    process: Option<process::Child>,
    pieces: Receiver<Vec<u8>>,
    complaints: Receiver<String>,
}

/// What a program has for us.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Some of what it wrote.
    Bytes(Vec<u8>),
    /// It ended. Everything that it wrote was handed out.
    Ended(Ending),
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Ending {
    /// It said that all is well.
    pub fn is_good(self) -> bool {
        self == Self::Code(0)
    }

    fn of(status: ExitStatus) -> Self {
        match status.code() {
            Some(code) => Self::Code(code),
            None => Self::Signal(status.signal().unwrap_or_default()),
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

impl Child {
    /// Starts `program`; `wake` is called whenever [`Child::take`] may have something new.
    ///
    /// # Errors
    /// When there is no such program, it may not be run, or the system gives no process or thread.
    pub fn start(program: &str, arguments: &[String], wake: Wake) -> io::Result<Self> {
        let mut process = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("LC_ALL", "C")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        // One piece waits, one is being filled.
        let (piece, pieces) = sync_channel(1);
        let (complaint, complaints) = sync_channel(COMPLAINTS);
        // From here on an error drops the child, which kills it.
        let child = Self { process: Some(process), pieces, complaints };
        if let (Some(stdout), Some(stderr)) = (stdout, stderr) {
            let woken = Arc::clone(&wake);
            thread::Builder::new().name("child".to_owned()).spawn(move || forward(stdout, &piece, &*wake))?;
            thread::Builder::new().name("child-errors".to_owned()).spawn(move || {
                listen(stderr, &complaint, &*woken);
            })?;
        }
        Ok(child)
    }

    /// What it wrote next, or that it ended; none where there is nothing now. Never waits for output.
    pub fn take(&mut self) -> Option<Output> {
        match self.pieces.try_recv() {
            Ok(bytes) if !bytes.is_empty() => Some(Output::Bytes(bytes)),
            Err(TryRecvError::Empty) => None,
            Ok(_) | Err(TryRecvError::Disconnected) => {
                let mut process = self.process.take()?;
                // Its output is closed, so it is ending; one that closed it and lives on is of no use to anybody.
                let _ = process.kill();
                let ending = process.wait().map_or(Ending::Code(-1), Ending::of);
                Some(Output::Ended(ending))
            }
        }
    }

    /// The next line that it wrote to its standard error.
    pub fn complaint(&mut self) -> Option<String> {
        self.complaints.try_recv().ok()
    }

    /// The last complaint of a program that has ended; waits until its standard error is closed.
    pub fn last_complaint(&mut self) -> Option<String> {
        self.all_complaints().last()
    }

    /// Ends the program and answers what it complained of, oldest first; waits until its standard error is closed.
    pub fn last_words(&mut self) -> Vec<String> {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
        }
        self.all_complaints().collect()
    }

    fn all_complaints(&mut self) -> impl Iterator<Item = String> {
        // A grandchild may hold it open for ever.
        let limit = Duration::from_millis(200);
        std::iter::from_fn(move || self.complaints.recv_timeout(limit).ok()).take(COMPLAINTS)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            // A process that hangs in the kernel must not hang this thread.
            let _ = thread::Builder::new().name("reaper".to_owned()).spawn(move || process.wait());
        }
    }
}

/// Hands on what is written, until that ends or nobody takes it any more.
fn forward(mut output: impl Read, pieces: &SyncSender<Vec<u8>>, wake: &(dyn Fn() + Send + Sync)) {
    // One room for all: many a piece is a single line, for which 64 KiB need not be cleared.
    let mut room = vec![0; PIECE_BYTES];
    loop {
        match output.read(&mut room) {
            Ok(0) => break,
            Ok(length) => {
                if pieces.send(room[..length].to_vec()).is_err() {
                    return;
                }
                wake();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    // An empty piece is the end: the channel itself closes only after whoever is woken has looked.
    if pieces.send(Vec::new()).is_ok() {
        wake();
    }
}

/// Hands on complaints line by line, the beginning of each.
fn listen(mut output: impl Read, complaints: &SyncSender<String>, wake: &(dyn Fn() + Send + Sync)) {
    let (mut line, mut bytes) = (Vec::new(), [0; 1024]);
    let tell = |line: &mut Vec<u8>| {
        let text = String::from_utf8_lossy(line).trim().to_owned();
        line.clear();
        if !text.is_empty() && complaints.try_send(text).is_ok() {
            wake();
        }
    };
    loop {
        let read = match output.read(&mut bytes) {
            Ok(0) => break,
            Ok(length) => &bytes[..length],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        for &byte in read {
            if byte == b'\n' {
                tell(&mut line);
            } else if line.len() < COMPLAINT_BYTES {
                line.push(byte);
            }
        }
    }
    tell(&mut line);
}

/// When a program that ended is started again: after a second, then twice as long each time, a minute at the most.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    failures: u32,
    not_before: Monotonic,
}

impl Backoff {
    /// Whether it may be started.
    pub fn is_over(&self, now: Monotonic) -> bool {
        now >= self.not_before
    }

    /// When it may be started.
    pub fn until(&self) -> Monotonic {
        self.not_before
    }

    /// It did what it is for.
    pub fn worked(&mut self) {
        self.failures = 0;
    }

    /// It ended; answers the pause.
    pub fn ended(&mut self, now: Monotonic) -> Duration {
        let (first, longest) = PAUSES;
        let pause = first.saturating_mul(1 << self.failures.min(10)).min(longest);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.after(pause);
        pause
    }

    /// It may be started at once: it ended because we wanted it to.
    pub fn skip(&mut self) {
        self.not_before = Monotonic(0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;

    fn shell(script: &str) -> (Child, mpsc::Receiver<()>) {
        let (woken, wakes) = mpsc::channel();
        let wake: Wake = Arc::new(move || {
            let _ = woken.send(());
        });
        (Child::start("sh", &["-c".to_owned(), script.to_owned()], wake).unwrap(), wakes)
    }

    /// Everything it writes, and how it ends.
    fn all(child: &mut Child, wakes: &mpsc::Receiver<()>) -> (Vec<u8>, Ending) {
        let mut bytes = Vec::new();
        loop {
            match child.take() {
                Some(Output::Bytes(more)) => bytes.extend(more),
                Some(Output::Ended(ending)) => return (bytes, ending),
                None => wakes.recv_timeout(Duration::from_secs(20)).unwrap(),
            }
        }
    }

    #[test]
    fn all_that_it_wrote_is_handed_out_before_its_end() {
        let (mut child, wakes) = shell("seq 1 100000; echo first >&2; echo last >&2; exit 3");
        let (bytes, ending) = all(&mut child, &wakes);
        let expected: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
        assert!(bytes == expected.as_bytes());
        assert_eq!((ending, ending.is_good()), (Ending::Code(3), false));
        assert_eq!(child.last_complaint().as_deref(), Some("last"));
    }

    #[test]
    fn a_signal_is_told_and_a_missing_program_is_an_error() {
        let (mut child, wakes) = shell("kill -9 $$");
        assert_eq!(all(&mut child, &wakes).1, Ending::Signal(9));
        let error = Child::start("no-such-program", &[], Arc::new(|| ())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn while_nothing_is_taken_it_blocks_and_nothing_piles_up() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("written");
        let (mut child, wakes) = shell(&format!("head -c 10000000 /dev/zero; touch {}", mark.display()));
        wakes.recv_timeout(Duration::from_secs(20)).unwrap();
        // The pipe, the piece that waits and the one being filled: it cannot get far.
        thread::sleep(Duration::from_millis(300));
        assert!(!mark.exists(), "it wrote 10 MB although nobody took any");
        assert_eq!(all(&mut child, &wakes).0.len(), 10_000_000);
        assert!(mark.exists());
    }

    #[test]
    fn it_ends_with_its_value_and_gets_no_secret() {
        let (mut child, wakes) = shell("env; echo pid=$$; exec sleep 1000");
        let mut bytes = Vec::new();
        while !String::from_utf8_lossy(&bytes).contains("pid=") {
            match child.take() {
                Some(Output::Bytes(more)) => bytes.extend(more),
                other => assert!(other.is_none() && wakes.recv_timeout(Duration::from_secs(20)).is_ok(), "{other:?}"),
            }
        }
        let text = String::from_utf8(bytes).unwrap();
        let names: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        assert!(
            names.iter().all(|name| ["PATH", "LC_ALL", "PWD", "_", "SHLVL", "OLDPWD", "pid"].contains(name)),
            "{names:?}"
        );
        let pid = text.lines().find_map(|line| line.strip_prefix("pid=")).unwrap();
        drop(child);
        let began = Instant::now();
        while std::fs::metadata(format!("/proc/{pid}")).is_ok() {
            assert!(began.elapsed() < Duration::from_secs(20), "it lives on");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_anew_once_it_worked() {
        let mut backoff = Backoff::default();
        assert!(backoff.is_over(Monotonic(0)));
        let pauses: Vec<u64> = (0..8).map(|_| backoff.ended(Monotonic(0)).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(!backoff.is_over(Monotonic(59_999)) && backoff.is_over(backoff.until()));
        backoff.worked();
        assert_eq!(backoff.ended(Monotonic(0)).as_secs(), 1);
        backoff.skip();
        assert!(backoff.is_over(Monotonic(0)));
    }
}
