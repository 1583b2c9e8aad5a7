//! Decides when an endpoint may be spoken to again after a failure.
//!
//! Back-off belongs to the endpoint, not to a stream: while it is down there is one probe at a time for everyone, at a
//! random moment of a span that doubles (full jitter), so that a fleet does not come back all at once. A span of 30 s makes
//! a handful of requests a minute, and sending goes on within 30 s of the endpoint's return.
//!
//! Pure: no I/O, no clock, no tasks; chance is handed in.

use std::time::Duration;

use crate::record::Monotonic;

/// The first span.
pub const FIRST_SPAN: Duration = Duration::from_secs(1);
/// The longest span.
pub const LONGEST_SPAN: Duration = Duration::from_secs(30);

/// A number from 0 to 1, by chance.
#[derive(Clone, Copy, Debug)]
pub struct Chance(pub f64);

/// A random moment of the span that `failures` failures in a row have led to.
pub fn delay(failures: u32, longest: Duration, chance: Chance) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST_SPAN.saturating_mul(1 << doublings).min(longest).mul_f64(chance.0.clamp(0.0, 1.0))
}

/// Whether an endpoint may be spoken to.
#[derive(Debug, Default)]
pub struct Gate {
    failures: u32,
    opens_at: Monotonic,
    is_probing: bool,
}

impl Gate {
    /// Whether a request may go out now.
    pub fn may_send(&self, now: Monotonic) -> bool {
        self.failures == 0 || (!self.is_probing && now >= self.opens_at)
    }

    /// Whether the last request failed.
    pub fn is_down(&self) -> bool {
        self.failures > 0
    }

    /// When a request may go out again, where none may now for want of time.
    pub fn opens_at(&self) -> Option<Monotonic> {
        (self.failures > 0 && !self.is_probing).then_some(self.opens_at)
    }

    /// A request goes out.
    pub fn started(&mut self) {
        self.is_probing = self.failures > 0;
    }

    /// A request was answered, be it with a refusal: the endpoint is there.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// A request failed for the endpoint's sake. The endpoint's own wish (`retry_after`) is kept where it is longer.
    pub fn failed(&mut self, now: Monotonic, retry_after: Option<Duration>, chance: Chance) {
        // Of requests that were in flight together one counts: the others tell nothing new.
        if self.is_probing || self.failures == 0 {
            self.failures += 1;
        }
        self.is_probing = false;
        let wait =
            delay(self.failures, LONGEST_SPAN, chance).max(retry_after.unwrap_or_default().min(LONGEST_SPAN * 10));
        self.opens_at = self.opens_at.max(now.after(wait));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_endpoint_that_is_down_gets_one_probe_at_a_time() {
        let mut gate = Gate::default();
        assert!(gate.may_send(Monotonic(0)));
        gate.failed(Monotonic(0), None, Chance(1.0));
        assert!(!gate.may_send(Monotonic(999)));
        assert!(gate.may_send(Monotonic(1000)));
        gate.started();
        assert!(!gate.may_send(Monotonic(5000)), "a probe is under way");
        gate.answered();
        assert!(gate.may_send(Monotonic(5000)));
    }

    #[test]
    fn requests_that_fail_together_count_once() {
        let mut gate = Gate::default();
        for _ in 0..8 {
            gate.failed(Monotonic(0), None, Chance(1.0));
        }
        assert_eq!(gate.opens_at(), Some(Monotonic(1000)));
    }

    #[test]
    fn the_endpoints_own_wish_is_kept() {
        let mut gate = Gate::default();
        gate.failed(Monotonic(0), Some(Duration::from_secs(7)), Chance(0.0));
        assert_eq!(gate.opens_at(), Some(Monotonic(7000)));
    }

    #[test]
    fn an_hour_of_outage_costs_a_handful_of_requests_a_minute() {
        let (mut gate, mut now, mut requests) = (Gate::default(), Monotonic(0), 0);
        gate.failed(now, None, Chance(0.5));
        while now < Monotonic(3_600_000) {
            now = gate.opens_at().unwrap();
            gate.started();
            requests += 1;
            gate.failed(now, None, Chance(0.5));
        }
        assert!(requests <= 60 * 5, "{requests} requests in an hour");
    }

    proptest! {
        #[test]
        fn a_delay_is_never_longer_than_its_span(failures in 1u32..1000, chance in 0.0f64..=1.0) {
            let longest = delay(failures, LONGEST_SPAN, Chance(1.0));
            prop_assert!(delay(failures, LONGEST_SPAN, Chance(chance)) <= longest);
            prop_assert!(longest <= LONGEST_SPAN);
        }
    }
}
