//! The only reader of clocks: time since the machine started, and the wall time that belongs to it.
//!
//! A machine without a clock chip starts in 1970 or in the past and may stay there. The `Date` of every answer from
//! CloudWatch tells the true time; where the system's clock is more than [`TOLERANCE_MS`] off it, CloudWatch's counts. Times
//! that were taken before are right as soon as this one is, since they are kept as time since the start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use crate::record::{BootId, Monotonic, Offset, Round, Wall};

/// A `Date` has whole seconds and comes late by an answer's way: nearer than this the system's clock is the better one.
pub const TOLERANCE_MS: i64 = 5_000;

/// The system's clock is read in whole milliseconds and adjusted in small steps: less than this is no news.
const SYSTEM_JITTER_MS: i64 = 100;
/// A `Date` has whole seconds.
const DATE_JITTER_MS: i64 = 2_000;

const NOT_MEASURED: i64 = i64::MIN;

/// A handle on the time; all clones learn together.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The wall time at which the machine started, by CloudWatch's clock.
    measured: Arc<AtomicI64>,
    /// What was answered last: kept while it is about right, so that the times of a stream do not jitter back and forth.
    steady: Arc<AtomicI64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { measured: Arc::new(AtomicI64::new(NOT_MEASURED)), steady: Arc::new(AtomicI64::new(NOT_MEASURED)) }
    }
}

impl Clock {
    /// Time since the machine started, time asleep included.
    pub fn now(&self) -> Monotonic {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let id = rustix::time::ClockId::Boottime;
        // On macOS this one goes on while the machine sleeps.
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let id = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(id);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let milliseconds = u64::try_from(time.tv_nsec).unwrap_or_default() / 1_000_000;
        Monotonic(seconds * 1000 + milliseconds)
    }

    /// Microseconds on the kernel's `CLOCK_MONOTONIC`: what systemd wants to hear of a reload.
    pub fn kernel_us(&self) -> u64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        seconds * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default() / 1_000
    }

    /// What the system's clock says, right or wrong.
    #[allow(clippy::disallowed_methods, reason = "this module is where the clock is read")]
    pub fn system(&self) -> Wall {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// What turns time since the start into wall time, as far as is known now.
    pub fn offset(&self) -> Offset {
        let system = self.system_offset();
        let found = choose(system, self.measured());
        let jitter = if found == system { SYSTEM_JITTER_MS } else { DATE_JITTER_MS };
        let steady = self.steady.load(Ordering::Relaxed);
        if steady != NOT_MEASURED && (found.0 - steady).abs() <= jitter {
            return Offset(steady);
        }
        self.steady.store(found.0, Ordering::Relaxed);
        found
    }

    /// The wall time, as far as is known now.
    pub fn wall(&self) -> Wall {
        self.offset().wall(self.now())
    }

    /// Learns that CloudWatch's clock says `date` now.
    pub fn learn(&self, date: Wall) {
        let now = i64::try_from(self.now().0).unwrap_or_default();
        self.measured.store(date.0 - now, Ordering::Relaxed);
    }

    /// The offset by CloudWatch's clock, once an answer told it.
    pub fn measured(&self) -> Option<Offset> {
        match self.measured.load(Ordering::Relaxed) {
            NOT_MEASURED => None,
            start => Some(Offset(start)),
        }
    }

    /// How far the system's clock is ahead of CloudWatch's, in milliseconds.
    pub fn skew_ms(&self) -> Option<i64> {
        self.measured().map(|measured| self.system_offset().0 - measured.0)
    }

    /// When a round was taken: by the clock of its boot, as far as that was ever measured.
    pub fn wall_of(&self, round: &Round, current: &BootId, earlier: &BTreeMap<String, Offset>) -> Wall {
        if round.boot == *current {
            return self.offset().wall(round.at);
        }
        let system = Offset(round.system.0.saturating_sub_unsigned(round.at.0));
        choose(system, earlier.get(&round.boot.0).copied()).wall(round.at)
    }

    fn system_offset(&self) -> Offset {
        Offset(self.system().0 - i64::try_from(self.now().0).unwrap_or_default())
    }
}

/// The system's offset while it is about right, CloudWatch's where it is not.
fn choose(system: Offset, measured: Option<Offset>) -> Offset {
    match measured {
        Some(measured) if (system.0 - measured.0).abs() > TOLERANCE_MS => measured,
        _ => system,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_clock_counts_while_it_is_about_right() {
        assert_eq!(choose(Offset(1_000_000), None), Offset(1_000_000));
        assert_eq!(choose(Offset(1_000_000), Some(Offset(1_004_000))), Offset(1_000_000));
        assert_eq!(choose(Offset(0), Some(Offset(1_700_000_000_000))), Offset(1_700_000_000_000));
    }

    #[test]
    fn a_time_taken_before_the_clock_was_right_becomes_right() {
        let clock = Clock::default();
        let taken = clock.now();
        let truth = clock.system().0 + 86_400_000;
        clock.learn(Wall(truth));
        let told = clock.offset().wall(taken).0;
        assert!((told - truth).abs() < 5_000, "{told} is not near {truth}");
        assert!(clock.skew_ms().is_some_and(|skew| (skew + 86_400_000).abs() < 5_000));
    }

    #[test]
    fn a_round_of_an_earlier_boot_is_timed_by_what_that_boot_learned() {
        let (clock, current, earlier) = (Clock::default(), BootId("now".into()), BootId("before".into()));
        let round =
            |system| Round { boot: earlier.clone(), at: Monotonic(60_000), system: Wall(system), samples: vec![] };
        let learned = BTreeMap::from([("before".to_owned(), Offset(1_700_000_000_000))]);
        assert_eq!(clock.wall_of(&round(60_000), &current, &learned), Wall(1_700_000_060_000));
        assert_eq!(clock.wall_of(&round(1_700_000_061_000), &current, &learned), Wall(1_700_000_061_000));
        assert_eq!(clock.wall_of(&round(60_000), &current, &BTreeMap::new()), Wall(60_000));
    }

    #[test]
    fn the_offset_does_not_jitter_with_the_seconds_of_dates() {
        let clock = Clock::default();
        let truth = clock.system().0 + 86_400_000;
        clock.learn(Wall(truth));
        let first = clock.offset();
        clock.learn(Wall(truth - 900));
        assert_eq!(clock.offset(), first);
        clock.learn(Wall(truth + 60_000));
        assert!(clock.offset().0 > first.0 + 50_000);
    }
}
