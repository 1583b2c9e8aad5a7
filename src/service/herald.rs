//! Tells the service manager how the agent fares, and that it lives.
//!
//! Driven by the agent's main loop, which tells its status every second: where that stops, no sign of life is given any more and the
//! service manager starts the program anew. Nor is one given once the thread that reads logs has been silent for long: a program that
//! hangs in half must not look alive.

use std::sync::Arc;
use std::time::Duration;

use super::glance;
use super::notify::Notifier;
use super::watchdog::Beat;
use crate::record::{Monotonic, Phase, Status};

/// The line is told at most this often.
const LINE_PAUSE: Duration = Duration::from_secs(3);
/// The thread that reads logs tells something twice a second; a look at a very slow disk may take a while.
const MAX_SILENCE_MS: u64 = 5 * 60 * 1000;

/// What was told, and what comes next.
pub struct Herald {
    notifier: Arc<Notifier>,
    /// Half of what the service manager waits.
    pace: Option<Duration>,
    /// Watches where the service manager does not.
    beat: Option<Beat>,
    next_sign: Monotonic,
    line: String,
    next_line: Monotonic,
    is_stopping: bool,
}

impl Herald {
    /// A herald for `notifier`, which gives a sign of life at least every `watchdog_limit`.
    pub fn new(notifier: Arc<Notifier>, watchdog_limit: Option<Duration>) -> Self {
        Self {
            notifier,
            pace: watchdog_limit.map(|limit| limit / 2),
            beat: None,
            next_sign: Monotonic(0),
            line: String::new(),
            next_line: Monotonic(0),
            is_stopping: false,
        }
    }

    /// The same with a watchdog of our own.
    pub fn with_beat(self, beat: Option<Beat>) -> Self {
        Self { beat, ..self }
    }

    /// Takes in how the agent fares at `now`.
    pub fn hear(&mut self, status: &Status, now: Monotonic) {
        if let Some(pace) = self.pace.filter(|_| now >= self.next_sign && is_alive(status))
            && self.notifier.alive()
        {
            // A second early: it is the next status that is waited for.
            self.next_sign = now.after(pace.saturating_sub(Duration::from_secs(1)));
        }
        if let Some(beat) = self.beat.as_ref().filter(|_| is_alive(status)) {
            beat.beat();
        }
        if status.phase == Phase::Stopping && !self.is_stopping {
            (self.is_stopping, self.next_line) = (true, now);
            self.notifier.stopping();
        }
        let line = glance::line(status);
        if line != self.line && now >= self.next_line && self.notifier.status(&line) {
            (self.line, self.next_line) = (line, now.after(LINE_PAUSE));
        }
    }
}

fn is_alive(status: &Status) -> bool {
    status.logs_silent_ms < MAX_SILENCE_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_log_thread_is_no_life() {
        assert!(is_alive(&Status { logs_silent_ms: MAX_SILENCE_MS - 1, ..Status::default() }));
        assert!(!is_alive(&Status { logs_silent_ms: MAX_SILENCE_MS, ..Status::default() }));
    }

    #[test]
    fn the_line_is_told_when_it_changed_and_not_too_often() {
        let mut herald = Herald::new(Arc::default(), None);
        let told = |herald: &mut Herald, records_sent, now| {
            let status = Status { phase: Phase::Running, requests_ok: 1, records_sent, ..Status::default() };
            herald.hear(&status, Monotonic(now));
            herald.line.contains(&format!(" {records_sent} records"))
        };
        assert!(told(&mut herald, 2, 10_000));
        assert!(!told(&mut herald, 3, 11_000));
        assert!(told(&mut herald, 4, 13_000));
    }

    #[test]
    fn a_sign_of_life_comes_well_within_half_the_time() {
        let mut herald = Herald::new(Arc::default(), Some(Duration::from_secs(60)));
        herald.hear(&Status::default(), Monotonic(1_000));
        assert_eq!(herald.next_sign, Monotonic(30_000));
        herald.hear(&Status { logs_silent_ms: MAX_SILENCE_MS, ..Status::default() }, Monotonic(40_000));
        assert_eq!(herald.next_sign, Monotonic(30_000));
    }
}
