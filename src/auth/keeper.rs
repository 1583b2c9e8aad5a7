//! The task that signs in: waits until a fetch is due, fetches, tells.
//!
//! When to fetch is decided by `renewal`, how by the source; only this task asks either of them. The rule that is easy to break:
//! a refusal is about the credentials that were handed out, not about those that came meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use tokio::sync::watch;

use super::REQUEST_LIMIT;
use super::error::SignInError;
use super::renewal::Renewal;
use super::session::{Asked, Held, Start, State};
use super::source::Source;
use crate::clock::Clock;
use crate::delivery::retry::Chance;
use crate::record::Monotonic;

/// How long one attempt may take: up to five requests, of which only some may need all their time.
const FETCH_LIMIT: Duration = REQUEST_LIMIT.saturating_mul(4);
/// A timer stands still while the machine sleeps: the clock, which does not, is looked at again after this.
const LONGEST_NAP: Duration = Duration::from_secs(30);
/// A failure that a person has to mend is said again after this.
const SAID_AGAIN_AFTER: Duration = Duration::from_secs(24 * 3600);
/// While no answer has told the true time yet, the machine's clock may be wrong, and with it what an end means: credentials
/// that look ended are kept for this long, and such that seem to live for years are fetched again after it, by a clock that
/// has learned.
const ASSUMED_LIFE: Duration = Duration::from_secs(300);

/// The task that signs in.
pub(super) struct Keeper {
    name: String,
    source: Source,
    clock: Clock,
    chance: fn() -> Chance,
    renewal: Renewal,
    tell: watch::Sender<State>,
    said: Said,
}

/// What the own log knows of this session: what is said once is not said again.
#[derive(PartialEq)]
enum Said {
    Nothing,
    SignedIn,
    Failed { error: SignInError, at: Monotonic },
}

impl Keeper {
    /// Fetches from `source` for the first time at `first`.
    pub fn new(source: Source, start: Start, first: Monotonic, tell: watch::Sender<State>) -> Self {
        let (name, renewal) = (source.name(), Renewal::new(first));
        Self { name, source, clock: start.clock, chance: start.chance, renewal, tell, said: Said::Nothing }
    }

    /// Keeps credentials until nobody holds the session any more.
    pub async fn keep(mut self, asked: Arc<Asked>) {
        loop {
            if !self.wait(&asked).await {
                return;
            }
            let fetch = async {
                self.source.ready().await;
                tokio::time::timeout(FETCH_LIMIT, self.source.fetch()).await
            };
            let fetched = tokio::select! {
                fetched = fetch => fetched,
                () = self.tell.closed() => return,
            };
            let late = format!("signing in with {}: no answer within {} s", self.name, FETCH_LIMIT.as_secs());
            let fetched = fetched.unwrap_or(Err(SignInError::Unreachable(late)));
            match fetched.and_then(|credentials| self.held(credentials)) {
                Ok(held) => self.succeeded(held),
                Err(error) => self.failed(error),
            }
        }
    }

    /// Waits until a fetch is due; false when nobody holds the session any more.
    async fn wait(&mut self, asked: &Asked) -> bool {
        loop {
            let (clock, next) = (self.clock.clone(), self.renewal.next());
            if clock.now() >= next {
                return true;
            }
            let trouble = self.tell.borrow().trouble.clone();
            tokio::select! {
                () = due(next, || clock.now(), tokio::time::sleep) => {}
                () = self.tell.closed() => return false,
                () = asked.wake.notified() => self.asked(asked.refused.swap(0, Ordering::Relaxed)),
                () = self.source.mended(trouble.as_ref()) => self.renewal.mended(self.clock.now()),
            }
        }
    }

    /// A request asked: a service refused the credentials of that number, or somebody waits (zero).
    fn asked(&mut self, refused: u64) {
        let now = self.clock.now();
        if refused == 0 || refused != self.tell.borrow().number {
            return;
        }
        self.renewal.refused(now, (self.chance)());
        let next = self.renewal.next();
        self.tell.send_modify(|state| {
            state.next = Some(next);
            state.is_spent = next <= now;
        });
    }

    /// Credentials with their end by our own clock.
    fn held(&self, credentials: Credentials) -> Result<Held, SignInError> {
        let now = self.clock.now();
        let Some(expiry) = credentials.expiry() else {
            return Ok(Held { credentials, end: None });
        };
        let expiry = expiry.duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = Duration::from_millis(u64::try_from(self.clock.wall().0).unwrap_or_default());
        let left = expiry.saturating_sub(wall);
        if !left.is_zero() {
            return Ok(Held { credentials, end: Some(now.after(left)) });
        }
        if self.clock.measured().is_none() {
            return Ok(Held { credentials, end: Some(now.after(ASSUMED_LIFE)) });
        }
        let stale = format!("signing in with {}: the credentials it gives have ended already", self.name);
        Err(SignInError::Unreachable(stale))
    }

    fn succeeded(&mut self, held: Held) {
        let now = self.clock.now();
        let assumed = now.after(ASSUMED_LIFE);
        let is_clock_known = self.clock.measured().is_some();
        let end = held.end.map(|end| if is_clock_known { end } else { end.min(assumed) });
        self.renewal.fetched(now, end, (self.chance)());
        let next = self.renewal.next();
        self.say_success();
        self.tell.send_modify(|state| {
            *state = State { held: Some(held), number: state.number + 1, next: Some(next), ..State::default() };
        });
    }

    fn failed(&mut self, error: SignInError) {
        let now = self.clock.now();
        self.renewal.failed(now, &error, (self.chance)());
        let next = self.renewal.next();
        self.say_failure(&error, now, next);
        self.tell.send_modify(|state| {
            // What ended is not kept in memory either.
            state.held = state.held.take().filter(|held| held.serves(now));
            state.is_spent = false;
            state.trouble = Some(error);
            state.next = Some(next);
        });
    }

    fn say_success(&mut self) {
        let source = self.name.as_str();
        match self.said {
            Said::Nothing => log::info!(source; "signed in"),
            Said::SignedIn => log::debug!(source; "credentials renewed"),
            Said::Failed { .. } => log::info!(source; "signed in again"),
        }
        self.said = Said::SignedIn;
    }

    fn say_failure(&mut self, error: &SignInError, now: Monotonic, next: Monotonic) {
        if self.source.is_told_elsewhere() || !self.said.is_news(error, now) {
            return;
        }
        let (level, pause_s) = (level(error), next.since(now).as_secs());
        log::log!(level, cause:% = error, pause_s; "cannot sign in");
        self.said = Said::Failed { error: error.clone(), at: now };
    }
}

impl Said {
    /// Whether a failure is worth a line. The words of a network that is down change from attempt to attempt: only another
    /// kind of failure is news there.
    fn is_news(&self, error: &SignInError, now: Monotonic) -> bool {
        match (self, error) {
            (Self::Failed { error: SignInError::Rejected(said), at }, SignInError::Rejected(error)) => {
                said != error || now.since(*at) >= SAID_AGAIN_AFTER
            }
            (Self::Failed { error: said, .. }, error) => std::mem::discriminant(said) != std::mem::discriminant(error),
            _ => true,
        }
    }
}

/// What a person has to mend is an error; the rest may pass.
fn level(error: &SignInError) -> log::Level {
    match error {
        SignInError::Rejected(_) => log::Level::Error,
        SignInError::Unreachable(_) | SignInError::Busy(_) => log::Level::Warn,
    }
}

/// Comes back when `now` has reached `moment`, be it that it jumped there while the machine, and `sleep` with it, stood still.
async fn due<S: Future>(moment: Monotonic, now: impl Fn() -> Monotonic, sleep: impl Fn(Duration) -> S) {
    loop {
        let pause = moment.since(now());
        if pause.is_zero() {
            return;
        }
        sleep(pause.min(LONGEST_NAP)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_failure_is_said_once_until_it_is_another_one() {
        let now = Monotonic(0);
        let said = |error: &SignInError| Said::Failed { error: error.clone(), at: now };
        let (no_route, timeout) =
            (SignInError::Unreachable("no route".into()), SignInError::Unreachable("timeout".into()));
        let (wrong, disabled) = (SignInError::Rejected("wrong".into()), SignInError::Rejected("disabled".into()));
        assert!(Said::Nothing.is_news(&no_route, now) && Said::SignedIn.is_news(&no_route, now));
        assert!(!said(&no_route).is_news(&timeout, now));
        assert!(said(&no_route).is_news(&wrong, now));
        assert!(!said(&wrong).is_news(&wrong, now));
        assert!(said(&wrong).is_news(&disabled, now));
    }

    #[test]
    fn what_a_person_has_to_mend_is_an_error_and_said_again_once_a_day() {
        let (wrong, down) = (SignInError::Rejected("wrong".into()), SignInError::Unreachable("down".into()));
        assert_eq!((level(&wrong), level(&down)), (log::Level::Error, log::Level::Warn));
        let said = |error: &SignInError| Said::Failed { error: error.clone(), at: Monotonic(0) };
        let after = |hours: u64| Monotonic(hours * 3_600_000);
        assert!(!said(&wrong).is_news(&wrong, after(23)) && said(&wrong).is_news(&wrong, after(24)));
        assert!(!said(&down).is_news(&down, after(24)));
    }

    #[tokio::test]
    async fn what_became_due_while_the_machine_slept_is_due_soon_after() {
        let (now, awake) = (Cell::new(Monotonic(0)), Cell::new(Duration::ZERO));
        let sleep = |pause: Duration| {
            awake.set(awake.get() + pause);
            // In the first nap the machine stands still for an hour.
            let asleep = if awake.get() == pause { Duration::from_secs(3600) } else { Duration::ZERO };
            now.set(now.get().after(pause + asleep));
            std::future::ready(())
        };
        due(Monotonic(3_000_000), || now.get(), sleep).await;
        assert!(awake.get() <= Duration::from_secs(30), "the timer stood still with the machine: {awake:?}");
    }
}
