//! The task that signs in: waits until a fetch is due, fetches, tells.
//!
//! When to fetch is decided by `renewal`, how by the source; only this task asks either of them. The rule that is easy to break:
//! a refusal is about the credentials that were handed out, not about those that came meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use tokio::sync::watch;

use super::error::SignInError;
use super::renewal::Renewal;
use super::session::{Asked, Held, State};
use super::source::Source;
use crate::clock::Clock;
use crate::delivery::retry::Chance;
use crate::record::Monotonic;

/// How long one attempt may take: up to five requests on a line that needs many seconds for each.
const FETCH_LIMIT: Duration = Duration::from_secs(120);
/// Credentials that look ended while no answer has told the true time yet: the machine's clock is wrong, and they are kept
/// for this long before they are fetched by a clock that has learned.
const ASSUMED_LIFE: Duration = Duration::from_secs(300);

/// The task that signs in.
pub(super) struct Keeper {
    name: String,
    source: Source,
    clock: Clock,
    renewal: Renewal,
    tell: watch::Sender<State>,
    said: Said,
}

/// What the own log knows of this session: what is said once is not said again.
#[derive(PartialEq)]
enum Said {
    Nothing,
    SignedIn,
    Failed(SignInError),
}

impl Keeper {
    /// Fetches from `source` for the first time at `first`.
    pub fn new(source: Source, clock: Clock, first: Monotonic, tell: watch::Sender<State>) -> Self {
        Self { name: source.name(), source, clock, renewal: Renewal::new(first), tell, said: Said::Nothing }
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
            let now = self.clock.now();
            let pause = self.renewal.next().since(now);
            if pause.is_zero() {
                return true;
            }
            let trouble = self.tell.borrow().trouble.clone();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
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
        self.renewal.refused(now, Chance(fastrand::f64()));
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
        self.renewal.fetched(self.clock.now(), held.end, Chance(fastrand::f64()));
        let next = self.renewal.next();
        self.say_success();
        self.tell.send_modify(|state| {
            *state = State { held: Some(held), number: state.number + 1, next: Some(next), ..State::default() };
        });
    }

    fn failed(&mut self, error: SignInError) {
        let now = self.clock.now();
        self.renewal.failed(now, &error, Chance(fastrand::f64()));
        let next = self.renewal.next();
        self.say_failure(&error, next.since(now));
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
            Said::Failed(_) => log::info!(source; "signed in again"),
        }
        self.said = Said::SignedIn;
    }

    fn say_failure(&mut self, error: &SignInError, pause: Duration) {
        if self.said.is_news(error) {
            let pause_s = pause.as_secs();
            log::warn!(cause:% = error, pause_s; "cannot sign in");
        }
        self.said = Said::Failed(error.clone());
    }
}

impl Said {
    /// Whether a failure is worth a line. The words of a network that is down change from attempt to attempt: only another
    /// kind of failure is news there.
    fn is_news(&self, error: &SignInError) -> bool {
        match (self, error) {
            (Self::Failed(SignInError::Rejected(said)), SignInError::Rejected(error)) => said != error,
            (Self::Failed(said), error) => std::mem::discriminant(said) != std::mem::discriminant(error),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_said_once_until_it_is_another_one() {
        let (no_route, timeout) =
            (SignInError::Unreachable("no route".into()), SignInError::Unreachable("timeout".into()));
        let (wrong, disabled) = (SignInError::Rejected("wrong".into()), SignInError::Rejected("disabled".into()));
        assert!(Said::Nothing.is_news(&no_route) && Said::SignedIn.is_news(&no_route));
        assert!(!Said::Failed(no_route.clone()).is_news(&timeout));
        assert!(Said::Failed(no_route).is_news(&wrong));
        assert!(!Said::Failed(wrong.clone()).is_news(&wrong));
        assert!(Said::Failed(wrong).is_news(&disabled));
    }
}
