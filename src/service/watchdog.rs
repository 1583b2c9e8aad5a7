//! Ends the process when the main loop has stopped turning, so that whoever started it starts it again.
//!
//! Where systemd watches, it does this itself; launchd does not. Easy to break: time is counted in this thread's own ticks,
//! never read from a clock. A machine that slept for a night or a process that was stopped with SIGSTOP finds one long tick,
//! not a limit that passed.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How many ticks a limit has: silence is noticed within a tenth of it.
const TICKS: u32 = 10;
/// How long the last line may take: what holds up the main loop may hold up the own log as well.
const LAST_LINE_LIMIT: Duration = Duration::from_secs(1);

/// What the main loop beats. Dropped, nothing is watched any more.
#[derive(Debug, Default)]
pub struct Beat {
    beats: Arc<AtomicU64>,
}

impl Beat {
    /// Says that the main loop turns.
    pub fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }
}

/// Aborts the process once nothing has beaten for `limit` of running time. Nothing is lost by it but what was not saved, as
/// in a power cut. Where the system gives no thread, a warning says that nobody watches.
pub fn start(limit: Duration) -> Beat {
    start_with(limit, move || abort(limit)).unwrap_or_else(|error| {
        log::warn!(error:%; "no watchdog: a main loop that hangs will not be restarted");
        Beat::default()
    })
}

/// As [`start`], with `end` in place of the abort.
///
/// # Errors
/// When the system gives no thread.
pub fn start_with(limit: Duration, end: impl FnOnce() + Send + 'static) -> io::Result<Beat> {
    let beat = Beat::default();
    let beats = Arc::downgrade(&beat.beats);
    std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || watch(&beats, limit / TICKS, end))?;
    Ok(beat)
}

fn watch(beats: &Weak<AtomicU64>, tick: Duration, end: impl FnOnce()) {
    let mut silence = Silence::default();
    loop {
        // Does not count the time that the machine sleeps, and is late by one tick after a SIGSTOP.
        std::thread::sleep(tick);
        let Some(beats) = beats.upgrade() else { return };
        if silence.has_lasted(beats.load(Ordering::Relaxed)) {
            return end();
        }
    }
}

/// How many ticks in a row brought no beat.
#[derive(Debug, Default)]
struct Silence {
    heard: u64,
    ticks: u32,
}

impl Silence {
    /// One tick later, with so many `beats` in all: whether that is the end.
    fn has_lasted(&mut self, beats: u64) -> bool {
        self.ticks = if beats == self.heard { self.ticks + 1 } else { 0 };
        self.heard = beats;
        self.ticks >= TICKS
    }
}

#[allow(clippy::disallowed_methods, reason = "the loop that would save positions is the one that hangs")]
fn abort(limit: Duration) {
    let (written, is_written) = channel();
    let last_line = std::thread::Builder::new().spawn(move || {
        log::error!(limit_s = limit.as_secs(); "the main loop hangs: the process is aborted, to be started again");
        log::logger().flush();
        // Nobody may be left to hear.
        let _ = written.send(());
    });
    if last_line.is_ok() {
        let _ = is_written.recv_timeout(LAST_LINE_LIMIT);
    }
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command, Stdio};

    use rustix::process::{Pid, Signal, kill_process};

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn only_as_many_silent_ticks_in_a_row_as_the_limit_has_are_the_end() {
        let mut silence = Silence::default();
        for beats in 1..100 {
            assert!(!silence.has_lasted(beats));
            assert!((1..TICKS).all(|_| !silence.has_lasted(beats)), "beat {beats}");
        }
        assert!(silence.has_lasted(99));
    }

    #[test]
    fn a_loop_that_never_beat_is_one_that_hangs() {
        let (end, ended) = channel();
        let beat = start_with(Duration::from_millis(20), move || end.send(()).unwrap()).unwrap();
        ended.recv_timeout(LONG).unwrap();
        drop(beat);
    }

    #[test]
    fn a_loop_that_has_ended_is_watched_no_more() {
        let (end, ended) = channel::<()>();
        // `end` is dropped with the thread that would have called it.
        drop(start_with(Duration::from_millis(20), move || end.send(()).unwrap()).unwrap());
        assert!(ended.recv_timeout(LONG).is_err_and(|why| why == std::sync::mpsc::RecvTimeoutError::Disconnected));
    }

    /// Not a promise: what the two below start as a process of its own.
    #[test]
    fn process_under_test() {
        let Ok(kind) = std::env::var("WATCHDOG_TEST") else { return };
        crate::service::memory::keep_private();
        let beat = start(Duration::from_secs(1));
        for number in 0_u64.. {
            if kind == "beats" {
                beat.beat();
            }
            // Once a second or so a line, to be waited for.
            if number.is_multiple_of(20) && writeln!(std::io::stderr(), "beat").is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn run(kind: &str) -> Child {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "--nocapture", "service::watchdog::tests::process_under_test"]);
        command.env("WATCHDOG_TEST", kind).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn a_process_whose_loop_hangs_is_aborted() {
        let mut hanging = run("hangs");
        const SIGABRT: i32 = 6;
        assert_eq!(hanging.wait().unwrap().signal(), Some(SIGABRT));
    }

    #[test]
    fn a_process_that_was_stopped_for_longer_than_the_limit_goes_on() {
        let mut beating = run("beats");
        let mut lines = BufReader::new(beating.stderr.take().unwrap()).lines();
        let mut next_beat = || lines.by_ref().any(|line| line.unwrap().contains("beat"));
        assert!(next_beat());
        let pid = Pid::from_child(&beating);
        kill_process(pid, Signal::STOP).unwrap();
        // The time itself is what is tested: three limits.
        std::thread::sleep(Duration::from_secs(3));
        kill_process(pid, Signal::CONT).unwrap();
        let beats_on = (0..3).all(|_| next_beat());
        beating.kill().unwrap();
        beating.wait().unwrap();
        assert!(beats_on, "aborted");
    }
}
