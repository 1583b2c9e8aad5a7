//! Keeps credentials and renews them, in a task of its own that is the only one to sign in.
//!
//! Requests wait for the first answer, and after that are answered from what is told: with credentials that have not ended,
//! else with the sentence that says why there are none. The rule that is easy to break: what ended is never handed out,
//! whatever slept in between: the end is kept as time since the machine's start, time asleep included.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use tokio::sync::{Notify, watch};

use super::error::SignInError;
use super::renewal::Renewal;
use super::source::Source;
use crate::clock::Clock;
use crate::delivery::retry::Chance;
use crate::record::Monotonic;

/// How long one attempt may take: up to five requests on a line that needs many seconds for each.
const FETCH_LIMIT: Duration = Duration::from_secs(120);
/// Credentials that look ended while no answer has told the true time yet: the machine's clock is wrong, and they are kept
/// for this long before they are fetched by a clock that has learned.
const ASSUMED_LIFE: Duration = Duration::from_secs(300);

/// How a session begins.
#[derive(Clone, Debug)]
pub struct Start {
    /// The time, learned from AWS's answers.
    pub clock: Clock,
    /// How long the first sign-in waits (see [`super::renewal::first_after`]).
    pub first_after: Duration,
}

/// Credentials that are kept and renewed. Clones share them; with the last one the renewals end.
#[derive(Clone)]
pub struct Session {
    state: watch::Receiver<State>,
    asked: Arc<Asked>,
    clock: Clock,
}

/// What requests tell the task.
#[derive(Debug, Default)]
struct Asked {
    wake: Notify,
    /// The number of the credentials that a service refused.
    refused: AtomicU64,
}

/// What the task tells.
#[derive(Clone, Default)]
struct State {
    held: Option<Held>,
    /// Counts what was fetched: which credentials were refused.
    number: u64,
    /// They were refused and are fetched anew just now: worth waiting for.
    is_spent: bool,
    /// Why the last attempt failed.
    trouble: Option<SignInError>,
    next: Option<Monotonic>,
}

#[derive(Clone)]
struct Held {
    credentials: Credentials,
    end: Option<Monotonic>,
}

impl Held {
    fn serves(&self, now: Monotonic) -> bool {
        self.end.is_none_or(|end| now < end)
    }
}

/// How a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// There are credentials that have not ended.
    pub is_signed_in: bool,
    /// When those end; none = never, or there are none.
    pub until: Option<Monotonic>,
    /// Why the last attempt failed; none where it did not.
    pub trouble: Option<SignInError>,
    /// When the next attempt comes; none = never.
    pub next: Option<Monotonic>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told().fmt(f)
    }
}

impl Session {
    /// Starts signing in, in a task on the current runtime.
    pub fn start(source: Source, start: Start) -> Self {
        let first = start.clock.now().after(start.first_after);
        let (tell, state) = watch::channel(State { next: Some(first), ..State::default() });
        let asked = Arc::new(Asked::default());
        let keeper = Keeper {
            name: source.name(),
            source,
            clock: start.clock.clone(),
            renewal: Renewal::new(first),
            tell,
            said: Said::Nothing,
        };
        tokio::spawn(keeper.keep(Arc::clone(&asked)));
        Self { state, asked, clock: start.clock }
    }

    /// Credentials that never change: for an endpoint that checks none.
    pub fn fixed(credentials: Credentials, clock: Clock) -> Self {
        let held = Some(Held { credentials, end: None });
        let (_, state) = watch::channel(State { held, ..State::default() });
        Self { state, asked: Arc::default(), clock }
    }

    /// A service refused a request that was signed with what this session gave: they are fetched anew, once at once and
    /// then rarely. Says nothing where there are no credentials.
    pub fn refused(&self) {
        self.asked.refused.store(self.state.borrow().number, Ordering::Relaxed);
        self.asked.wake.notify_one();
    }

    /// How it stands.
    pub fn told(&self) -> Told {
        let (state, now) = (self.state.borrow(), self.clock.now());
        let held = state.held.as_ref().filter(|held| held.serves(now));
        Told {
            is_signed_in: held.is_some(),
            until: held.and_then(|held| held.end),
            trouble: state.trouble.clone(),
            next: state.next,
        }
    }

    /// Comes back when something changed since the last time this clone was asked; never once nothing can change.
    pub async fn changed(&mut self) {
        if self.state.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// Whether there are credentials, or the first attempt to get them has failed.
    pub fn has_answered(&self) -> bool {
        self.state.borrow().answer(self.clock.now()).is_some()
    }

    /// Comes back when there are credentials, or the first attempt to get them has failed.
    pub async fn answered(&self) {
        // What was answered is of no interest here.
        let _ = self.credentials().await;
    }

    /// Itself, as clients want it.
    pub fn provider(&self) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(self.clone())
    }

    /// Credentials that have not ended.
    ///
    /// # Errors
    /// The reason why there are none.
    pub async fn credentials(&self) -> Result<Credentials, SignInError> {
        let mut state = self.state.clone();
        loop {
            if let Some(answer) = state.borrow_and_update().answer(self.clock.now()) {
                return answer;
            }
            // A timer of the task that slept with the machine is late.
            self.asked.wake.notify_one();
            if state.changed().await.is_err() {
                return Err(SignInError::Unreachable("signing in: the program is ending".to_owned()));
            }
        }
    }
}

impl State {
    /// What a request is answered; none while an answer is worth waiting for.
    fn answer(&self, now: Monotonic) -> Option<Result<Credentials, SignInError>> {
        match (&self.held, &self.trouble) {
            (Some(held), _) if held.serves(now) => (!self.is_spent).then(|| Ok(held.credentials.clone())),
            (_, Some(trouble)) => Some(Err(trouble.clone())),
            (_, None) => None,
        }
    }
}

impl ProvideCredentials for Session {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.credentials().await.map_err(CredentialsError::provider_error) })
    }
}

/// The task that signs in.
struct Keeper {
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
    async fn keep(mut self, asked: Arc<Asked>) {
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
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use aws_credential_types::provider::Result as Provided;
    use tokio::time::timeout;

    use super::*;
    use crate::record::Wall;

    /// A chain that answers as planned, one answer an attempt; the last one stays.
    #[derive(Clone, Debug)]
    struct Planned {
        answers: Arc<Mutex<VecDeque<Answer>>>,
        attempts: Arc<AtomicU64>,
        clock: Clock,
    }

    #[derive(Clone, Debug)]
    enum Answer {
        Ends(Duration),
        Ended,
        Never,
        Fails,
    }

    impl Planned {
        fn new<const N: usize>(answers: [Answer; N]) -> Self {
            let answers = Arc::new(Mutex::new(answers.into()));
            Self { answers, attempts: Arc::default(), clock: Clock::default() }
        }

        fn start(&self) -> Session {
            let source = Source::Chain(SharedCredentialsProvider::new(self.clone()));
            Session::start(source, Start { clock: self.clock.clone(), first_after: Duration::ZERO })
        }

        fn attempts(&self) -> u64 {
            self.attempts.load(Ordering::Relaxed)
        }

        fn answer(&self) -> Provided {
            let number = self.attempts.fetch_add(1, Ordering::Relaxed) + 1;
            let mut answers = self.answers.lock().unwrap();
            let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
            let wall = UNIX_EPOCH + Duration::from_millis(u64::try_from(self.clock.wall().0).unwrap());
            let end = match answer {
                Answer::Ends(life) => Some(wall + life),
                Answer::Ended => Some(wall - Duration::from_secs(86_400)),
                Answer::Never => None,
                Answer::Fails => return Err(CredentialsError::provider_error("the cable is out")),
            };
            Ok(Credentials::new(format!("key {number}"), "secret", None, end, "planned"))
        }
    }

    impl ProvideCredentials for Planned {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(self.answer())
        }
    }

    async fn until(session: &mut Session, is_so: impl Fn(&Told) -> bool) -> Told {
        let waiting = async {
            loop {
                let told = session.told();
                if is_so(&told) {
                    return told;
                }
                session.changed().await;
            }
        };
        timeout(Duration::from_secs(20), waiting).await.expect("it became so")
    }

    const HOUR: Answer = Answer::Ends(Duration::from_secs(3600));

    #[tokio::test]
    async fn requests_wait_for_the_first_answer_and_share_it() {
        let planned = Planned::new([HOUR]);
        let session = planned.start();
        let clone = session.clone();
        let (one, other) = tokio::join!(session.credentials(), clone.credentials());
        assert_eq!(one.unwrap().access_key_id(), "key 1");
        assert_eq!(other.unwrap().access_key_id(), "key 1");
        assert_eq!(planned.attempts(), 1);
    }

    #[tokio::test]
    async fn a_failure_is_told_at_once_in_its_own_words_and_recovers() {
        let planned = Planned::new([Answer::Fails, HOUR]);
        let mut session = planned.start();
        let error = session.provide_credentials().await.unwrap_err();
        let words = std::error::Error::source(&error).unwrap().to_string();
        assert!(words.contains("the cable is out"), "{words}");
        let told = until(&mut session, |told| told.is_signed_in).await;
        assert_eq!(told.trouble, None);
        assert_eq!(planned.attempts(), 2);
    }

    #[tokio::test]
    async fn credentials_are_renewed_ahead_of_their_end() {
        let planned = Planned::new([Answer::Ends(Duration::from_secs(3)), HOUR]);
        let mut session = planned.start();
        session.answered().await;
        let first = session.told().until.unwrap();
        let told = until(&mut session, |told| told.until != Some(first)).await;
        assert!(told.is_signed_in && planned.clock.now() < first, "renewed after the end");
        assert_eq!(session.credentials().await.unwrap().access_key_id(), "key 2");
    }

    #[tokio::test]
    async fn credentials_that_ended_are_never_handed_out() {
        let planned = Planned::new([Answer::Ends(Duration::from_secs(2)), Answer::Fails]);
        let mut session = planned.start();
        session.answered().await;
        let end = session.told().until.unwrap();
        let told = until(&mut session, |told| told.trouble.is_some()).await;
        assert!(told.is_signed_in, "what has not ended serves while it cannot be renewed");
        assert!(session.credentials().await.is_ok());
        while planned.clock.now() < end {
            tokio::time::sleep(end.since(planned.clock.now())).await;
        }
        assert!(session.credentials().await.is_err());
        assert!(!session.told().is_signed_in);
    }

    #[tokio::test]
    async fn a_refusal_renews_once_at_once_and_then_slowly() {
        let planned = Planned::new([HOUR]);
        let mut session = planned.start();
        session.answered().await;
        session.refused();
        session.refused();
        until(&mut session, |_| planned.attempts() == 2).await;
        assert_eq!(session.credentials().await.unwrap().access_key_id(), "key 2");
        let before = session.told().next;
        session.refused();
        let told = until(&mut session, |told| told.next != before).await;
        assert!(told.next.unwrap().since(planned.clock.now()) > Duration::from_secs(200));
        assert_eq!(planned.attempts(), 2);
    }

    #[tokio::test]
    async fn a_refusal_without_credentials_changes_nothing() {
        let planned = Planned::new([Answer::Fails]);
        let session = planned.start();
        session.answered().await;
        let told = session.told();
        session.refused();
        tokio::task::yield_now().await;
        assert_eq!(session.told().next, told.next);
    }

    #[tokio::test]
    async fn a_clock_that_is_a_day_ahead_does_not_make_fresh_credentials_ended() {
        let planned = Planned::new([Answer::Ended]);
        let session = planned.start();
        assert!(session.credentials().await.is_ok(), "nobody knows the time yet: the service is the judge");
    }

    #[tokio::test]
    async fn credentials_that_came_ended_are_not_handed_out_once_the_time_is_known() {
        let planned = Planned::new([Answer::Ended]);
        planned.clock.learn(Wall(planned.clock.system().0));
        let error = planned.start().credentials().await.unwrap_err();
        assert!(error.to_string().contains("have ended already"), "{error}");
    }

    #[tokio::test]
    async fn credentials_without_an_end_are_kept() {
        let planned = Planned::new([Answer::Never]);
        let session = planned.start();
        session.answered().await;
        let told = session.told();
        assert!(told.is_signed_in && told.until.is_none());
        assert!(told.next.unwrap().since(planned.clock.now()) > Duration::from_secs(1800));
    }

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

    #[tokio::test]
    async fn fixed_credentials_are_there_for_ever() {
        let fixed = Credentials::new("made-up", "made-up", None, None, "made up");
        let session = Session::fixed(fixed, Clock::default());
        session.refused();
        assert_eq!(session.credentials().await.unwrap().access_key_id(), "made-up");
        assert!(session.told().is_signed_in && session.told().next.is_none());
    }

    #[tokio::test]
    async fn no_secret_shows_in_debug() {
        let fixed = Credentials::new("AKIDEXAMPLE", "hush", Some("token".to_owned()), None, "made up");
        let shown = format!("{:?}", Session::fixed(fixed, Clock::default()));
        assert!(!shown.contains("hush") && !shown.contains("token") && !shown.contains("AKID"), "{shown}");
    }

    #[tokio::test]
    async fn the_renewals_end_with_the_last_session() {
        let planned = Planned::new([HOUR]);
        let session = planned.start();
        session.answered().await;
        let task = Arc::downgrade(&session.asked);
        drop(session);
        let ended = async {
            while task.strong_count() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(5), ended).await.expect("the task ended");
    }
}
