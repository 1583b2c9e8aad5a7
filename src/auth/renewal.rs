//! Decides when credentials are fetched.
//!
//! Ahead of their end, at a random moment: early enough that some attempts may fail, and never with the rest of the fleet.
//! After a failure at a random moment of a span that doubles; after a no that a person has to mend, rarely: Cognito locks a
//! user after five wrong passwords. The rule that is easy to break: whatever comes in, and in whatever order, the next
//! attempt is never far in the future without a reason, and attempts never follow each other without a pause.
//!
//! Pure: no I/O, no clock, no tasks; chance is handed in.

use std::time::Duration;

use super::error::SignInError;
use crate::delivery::retry::{Chance, LONGEST_SPAN, delay};
use crate::record::Monotonic;

/// The part of their life after which credentials are renewed: at the earliest, and at the latest. Of an hour five minutes
/// are left for attempts that fail.
const RENEWED_AFTER: (f64, f64) = (8.0 / 12.0, 11.0 / 12.0);
/// Credentials without an end, and those of a source that says none, are looked at again after this: it costs no request.
const WITHOUT_END: Duration = Duration::from_secs(3600);
/// The longest span between two attempts while AWS asks for patience. Nobody is spared while it cannot be reached: there the
/// span is that of delivery, which goes on within 30 s of AWS's return.
const LONGEST_BUSY_SPAN: Duration = Duration::from_secs(300);
/// Between two attempts after AWS said no, and between two renewals of credentials that are refused; the last one stays.
/// Cognito's lock after five wrong passwords grows up to some 15 minutes.
const RARELY: [Duration; 4] =
    [Duration::from_secs(300), Duration::from_secs(900), Duration::from_secs(1800), Duration::from_secs(3600)];
/// How far a rare attempt comes before or after its time, so that a fleet that was told no together does not ask together.
const RARELY_JITTER: f64 = 0.2;
/// A machine that started longer ago than this does not wait before its first sign-in.
const JUST_STARTED: Duration = Duration::from_secs(600);
/// A machine is up for this long when its services start, at the most: the spread begins here.
const BOOT_TAKES: Duration = Duration::from_secs(60);

/// How long the first sign-in waits, `uptime` after the machine's start: a random moment of `spread` right after a boot, so
/// that a fleet does not come back from a power failure as one. A service that is started again has waited for a part of it
/// already: only what is left of the spread counts.
pub fn first_after(uptime: Duration, spread: Duration, chance: Chance) -> Duration {
    let left = (BOOT_TAKES + spread).saturating_sub(uptime).min(spread);
    if uptime < JUST_STARTED { left.mul_f64(chance.0.clamp(0.0, 1.0)) } else { Duration::ZERO }
}

/// When credentials are fetched.
#[derive(Clone, Debug)]
pub struct Renewal {
    next: Monotonic,
    /// Failures in a row for the network's or AWS's sake.
    failures: u32,
    /// Times in a row that AWS said no.
    rejections: usize,
    /// Renewals in a row that were asked for by a refusal.
    refusals: usize,
    /// The fetch that is due was asked for by a refusal.
    is_refused: bool,
    /// When credentials came last.
    fetched: Monotonic,
}

impl Renewal {
    /// The first fetch comes at `first`.
    pub fn new(first: Monotonic) -> Self {
        let fetched = Monotonic::default();
        Self { next: first, failures: 0, rejections: 0, refusals: 0, is_refused: false, fetched }
    }

    /// When the next fetch is due.
    pub fn next(&self) -> Monotonic {
        self.next
    }

    /// Credentials came; they end at `end`, where they end.
    pub fn fetched(&mut self, now: Monotonic, end: Option<Monotonic>, chance: Chance) {
        let (earliest, latest) = RENEWED_AFTER;
        let part = earliest + (latest - earliest) * chance.0.clamp(0.0, 1.0);
        let wait = match end {
            // A life of nothing would be a loop without a pause.
            Some(end) => end.since(now).mul_f64(part).max(Duration::from_secs(1)),
            None => WITHOUT_END.mul_f64(part),
        };
        // A renewal on its own time, with nothing refused before it: what was refused once is forgotten.
        let refusals = if self.is_refused { self.refusals } else { 0 };
        *self = Self { next: now.after(wait), failures: 0, rejections: 0, refusals, is_refused: false, fetched: now };
    }

    /// A fetch failed.
    pub fn failed(&mut self, now: Monotonic, error: &SignInError, chance: Chance) {
        let wait = match error {
            SignInError::Unreachable(_) => self.delay(LONGEST_SPAN, chance),
            // Spans that grew in an outage stay long: the whole fleet comes back from it.
            SignInError::Busy(_) => self.delay(LONGEST_BUSY_SPAN, chance),
            SignInError::Rejected(_) => {
                self.rejections += 1;
                self.failures = 0;
                rarely(self.rejections, chance)
            }
        };
        self.next = now.after(wait);
    }

    fn delay(&mut self, longest: Duration, chance: Chance) -> Duration {
        self.failures += 1;
        self.rejections = 0;
        delay(self.failures, longest, chance)
    }

    /// A service refused what was fetched last. The first time it is fetched anew at once, then rarely: where a service
    /// refuses what is fresh, the fault is elsewhere.
    pub fn refused(&mut self, now: Monotonic, chance: Chance) {
        let is_failing = self.failures + u32::from(self.rejections > 0) > 0;
        // Of requests that were under way together one counts; what fails is tried again in its own time.
        if self.is_refused || is_failing {
            return;
        }
        self.is_refused = true;
        let due = if self.refusals == 0 { now } else { self.fetched.after(rarely(self.refusals, chance)) };
        self.refusals += 1;
        self.next = self.next.min(due.max(now));
    }

    /// What was wrong may have been mended by hand: the next attempt comes at once.
    pub fn mended(&mut self, now: Monotonic) {
        self.rejections = 0;
        self.next = self.next.min(now);
    }
}

fn rarely(times: usize, chance: Chance) -> Duration {
    let span = RARELY[times.saturating_sub(1).min(RARELY.len() - 1)];
    span.mul_f64(1.0 - RARELY_JITTER + 2.0 * RARELY_JITTER * chance.0.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HALF: Chance = Chance(0.5);
    const MINUTE: u64 = 60_000;

    fn after(minutes: u64) -> Monotonic {
        Monotonic(minutes * MINUTE)
    }

    #[test]
    fn only_a_machine_that_just_started_waits_before_its_first_sign_in() {
        let spread = Duration::from_secs(300);
        assert_eq!(first_after(Duration::from_secs(30), spread, HALF), Duration::from_secs(150));
        assert_eq!(first_after(Duration::from_secs(601), spread, HALF), Duration::ZERO);
    }

    #[test]
    fn however_often_it_is_started_again_the_first_sign_in_comes_within_the_spread_of_a_boot() {
        let spread = Duration::from_secs(300);
        for uptime in (0..700).map(Duration::from_secs) {
            let first = uptime + first_after(uptime, spread, Chance(1.0));
            assert!(first <= (BOOT_TAKES + spread).max(uptime), "started after {uptime:?}, signs in after {first:?}");
        }
        let hour = Duration::from_secs(3600);
        assert_eq!(
            first_after(Duration::from_secs(599), hour, Chance(1.0)),
            hour + BOOT_TAKES - Duration::from_secs(599)
        );
    }

    #[test]
    fn an_hour_is_renewed_between_forty_and_fifty_five_minutes() {
        for (chance, minutes) in [(0.0, 40), (1.0, 55)] {
            let mut renewal = Renewal::new(Monotonic(0));
            renewal.fetched(after(100), Some(after(160)), Chance(chance));
            assert_eq!(renewal.next(), after(100 + minutes));
        }
    }

    #[test]
    fn a_refusal_renews_once_and_then_rarely() {
        let mut renewal = Renewal::new(Monotonic(0));
        renewal.fetched(after(0), Some(after(60)), HALF);
        renewal.refused(after(1), HALF);
        assert_eq!(renewal.next(), after(1));
        renewal.refused(after(1), HALF);
        for (fetched, next) in [(1, 6), (6, 21), (21, 51)] {
            renewal.fetched(after(fetched), Some(after(fetched + 600)), HALF);
            renewal.refused(after(fetched), HALF);
            assert_eq!(renewal.next(), after(next), "fetched in minute {fetched}");
        }
    }

    #[test]
    fn a_refusal_is_forgotten_once_the_credentials_served() {
        let mut renewal = Renewal::new(Monotonic(0));
        renewal.fetched(after(0), Some(after(60)), HALF);
        renewal.refused(after(1), HALF);
        renewal.fetched(after(1), Some(after(61)), HALF);
        renewal.fetched(renewal.next(), Some(after(200)), HALF);
        renewal.refused(after(70), HALF);
        assert_eq!(renewal.next(), after(70));
    }

    #[test]
    fn a_wrong_password_is_tried_few_times_and_at_once_when_it_is_mended() {
        let wrong = SignInError::Rejected("wrong".into());
        let mut renewal = Renewal::new(Monotonic(0));
        let mut attempts = 0;
        while renewal.next() < after(24 * 60) {
            attempts += 1;
            renewal.failed(renewal.next(), &wrong, HALF);
        }
        assert!(attempts <= 27, "{attempts} attempts in a day");
        renewal.mended(after(24 * 60));
        assert_eq!(renewal.next(), after(24 * 60));
    }

    #[test]
    fn within_the_first_half_hour_a_wrong_password_is_tried_three_times() {
        let wrong = SignInError::Rejected("wrong".into());
        let mut renewal = Renewal::new(Monotonic(0));
        let mut attempts = 0;
        while renewal.next() < after(30) {
            attempts += 1;
            renewal.failed(renewal.next(), &wrong, Chance(0.0));
        }
        assert_eq!(attempts, 3);
    }

    /// What may happen to a session.
    #[derive(Clone, Debug)]
    enum Event {
        Fetched { life_seconds: Option<u64> },
        Unreachable,
        Busy,
        Rejected,
        Refused,
        Mended,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            proptest::option::of(0u64..200_000).prop_map(|life_seconds| Event::Fetched { life_seconds }),
            Just(Event::Unreachable),
            Just(Event::Busy),
            Just(Event::Rejected),
            Just(Event::Refused),
            Just(Event::Mended),
        ]
    }

    proptest! {
        #[test]
        fn credentials_are_renewed_ahead_of_their_end(life in 4u64..1_000_000, chance in 0.0f64..=1.0) {
            let (now, end) = (after(5), after(5).after(Duration::from_secs(life)));
            let mut renewal = Renewal::new(Monotonic(0));
            renewal.fetched(now, Some(end), Chance(chance));
            prop_assert!(renewal.next() > now);
            let left = end.since(renewal.next());
            prop_assert!(left >= Duration::from_secs(life) / 13, "{left:?} of {life} s are left");
            prop_assert!(left <= Duration::from_secs(life) * 2 / 5, "{left:?} of {life} s are left");
        }

        #[test]
        fn the_next_attempt_is_never_far_without_a_reason(
            events in proptest::collection::vec((event(), 0u64..10_000_000, 0.0f64..=1.0), 1..60)
        ) {
            let mut renewal = Renewal::new(Monotonic(0));
            let mut now = Monotonic(0);
            let mut longest_life = Duration::from_secs(3600);
            for (event, pause, chance) in events {
                now = now.after(Duration::from_millis(pause));
                let chance = Chance(chance);
                match event {
                    Event::Fetched { life_seconds } => {
                        let life = life_seconds.map(Duration::from_secs);
                        longest_life = longest_life.max(life.unwrap_or_default());
                        renewal.fetched(now, life.map(|life| now.after(life)), chance);
                        prop_assert!(renewal.next() > now, "a loop without a pause");
                    }
                    Event::Unreachable => renewal.failed(now, &SignInError::Unreachable(String::new()), chance),
                    Event::Busy => renewal.failed(now, &SignInError::Busy(String::new()), chance),
                    Event::Rejected => {
                        renewal.failed(now, &SignInError::Rejected(String::new()), chance);
                        prop_assert!(renewal.next() >= now.after(Duration::from_secs(240)), "a locked user");
                    }
                    Event::Refused => renewal.refused(now, chance),
                    Event::Mended => {
                        renewal.mended(now);
                        prop_assert!(renewal.next() <= now);
                    }
                }
                prop_assert!(renewal.next() <= now.after(longest_life.max(Duration::from_secs(4320))));
            }
        }

        #[test]
        fn an_outage_of_an_hour_costs_few_attempts_and_ends_within_half_a_minute(seed in 0u64..10_000) {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut renewal = Renewal::new(Monotonic(0));
            let mut attempts = 0;
            while renewal.next() < after(60) {
                attempts += 1;
                renewal.failed(renewal.next(), &SignInError::Unreachable(String::new()), Chance(random.f64()));
            }
            prop_assert!(attempts < 400, "{attempts} attempts in an hour");
            prop_assert!(renewal.next() <= after(60).after(Duration::from_secs(30)));
            // Who is throttled then comes back with the whole fleet.
            let back = renewal.next();
            renewal.failed(back, &SignInError::Busy(String::new()), Chance(1.0));
            prop_assert_eq!(renewal.next().since(back), LONGEST_BUSY_SPAN);
        }
    }
}
