//! Hands out credentials, from what the task that signs in tells (`keeper`).
//!
//! Requests wait for the first answer, and after that are answered from what is told: with credentials that have not ended,
//! else with the sentence that says why there are none. The rule that is easy to break: what ended is never handed out,
//! whatever slept in between: the end is kept as time since the machine's start, time asleep included.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use tokio::sync::{Notify, watch};

use super::error::SignInError;
use super::keeper::Keeper;
use super::source::Source;
use crate::clock::Clock;
use crate::delivery::retry::Chance;
use crate::record::Monotonic;

/// How a session begins.
#[derive(Clone, Debug)]
pub struct Start {
    /// The time, learned from AWS's answers.
    pub clock: Clock,
    /// How long the first sign-in waits (see [`super::renewal::first_after`]).
    pub first_after: Duration,
    /// Draws the moments of renewals and of attempts after a failure.
    pub chance: fn() -> Chance,
}

impl Start {
    /// A session that begins at once, with moments by chance.
    pub fn at_once(clock: &Clock) -> Self {
        Self { clock: clock.clone(), first_after: Duration::ZERO, chance: || Chance(fastrand::f64()) }
    }
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
pub(super) struct Asked {
    pub wake: Notify,
    /// The number of the credentials that a service refused; zero: none.
    pub refused: AtomicU64,
}

/// What the task tells.
#[derive(Clone, Default)]
pub(super) struct State {
    pub held: Option<Held>,
    /// Counts what was fetched: which credentials were refused.
    pub number: u64,
    /// They were refused and are fetched anew just now: worth waiting for.
    pub is_spent: bool,
    /// Why the last attempt failed.
    pub trouble: Option<SignInError>,
    pub next: Option<Monotonic>,
}

#[derive(Clone)]
pub(super) struct Held {
    pub credentials: Credentials,
    pub end: Option<Monotonic>,
}

impl Held {
    pub fn serves(&self, now: Monotonic) -> bool {
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
        let (asked, clock) = (Arc::new(Asked::default()), start.clock.clone());
        tokio::spawn(Keeper::new(source, start, first, tell).keep(Arc::clone(&asked)));
        Self { state, asked, clock }
    }

    /// Credentials that never change: for an endpoint that checks none.
    pub fn fixed(credentials: Credentials, clock: Clock) -> Self {
        let held = Some(Held { credentials, end: None });
        let (_, state) = watch::channel(State { held, ..State::default() });
        Self { state, asked: Arc::default(), clock }
    }

    /// The number of the credentials that are given now: for [`Session::refused`], taken before a request is signed.
    pub fn number(&self) -> u64 {
        self.state.borrow().number
    }

    /// A service refused a request that was signed with the credentials of that number: they are fetched anew, once at once
    /// and then rarely. Nothing follows where others were given meanwhile, or there were none.
    pub fn refused(&self, number: u64) {
        // A refusal that comes late does not hide one of what is newer.
        self.asked.refused.fetch_max(number, Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::time::UNIX_EPOCH;

    use aws_credential_types::provider::Result as Provided;
    use tokio::time::timeout;

    use super::*;

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
            let planned = Self::unsure_of_the_time(answers);
            planned.clock.learn(planned.clock.system());
            planned
        }

        fn unsure_of_the_time<const N: usize>(answers: [Answer; N]) -> Self {
            let answers = Arc::new(Mutex::new(answers.into()));
            Self { answers, attempts: Arc::default(), clock: Clock::default() }
        }

        fn start(&self) -> Session {
            let source = Source::Chain(SharedCredentialsProvider::new(self.clone()));
            // Early moments: what has to come before an end comes long before it.
            Session::start(source, Start { chance: || Chance(0.1), ..Start::at_once(&self.clock) })
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
        let planned = Planned::new([Answer::Ends(Duration::from_secs(4)), Answer::Fails]);
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
        session.refused(session.number());
        session.refused(session.number());
        until(&mut session, |_| planned.attempts() == 2).await;
        assert_eq!(session.credentials().await.unwrap().access_key_id(), "key 2");
        let before = session.told().next;
        session.refused(session.number());
        let told = until(&mut session, |told| told.next != before).await;
        assert!(told.next.unwrap().since(planned.clock.now()) > Duration::from_secs(200));
        assert_eq!(planned.attempts(), 2);
    }

    #[tokio::test]
    async fn a_refusal_that_comes_late_is_not_about_fresh_credentials() {
        let planned = Planned::new([HOUR]);
        let mut session = planned.start();
        session.answered().await;
        let old = session.number();
        session.refused(old);
        until(&mut session, |_| planned.attempts() == 2).await;
        session.credentials().await.unwrap();
        let before = session.told().next;
        session.refused(old);
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        assert_eq!((session.told().next, planned.attempts()), (before, 2));
        // Nor does it hide what is said of the fresh ones.
        session.refused(session.number());
        session.refused(old);
        let told = until(&mut session, |told| told.next != before).await;
        assert!(told.next.unwrap().since(planned.clock.now()) < Duration::from_secs(400));
        assert_eq!(planned.attempts(), 2);
    }

    #[tokio::test]
    async fn by_a_clock_that_may_be_behind_an_end_is_not_waited_for() {
        let planned = Planned::unsure_of_the_time([Answer::Ends(Duration::from_secs(50 * 365 * 86_400))]);
        let session = planned.start();
        session.answered().await;
        let told = session.told();
        assert!(told.is_signed_in && told.next.unwrap().since(planned.clock.now()) < Duration::from_secs(300));
    }

    #[tokio::test]
    async fn a_refusal_without_credentials_changes_nothing() {
        let planned = Planned::new([Answer::Fails]);
        let session = planned.start();
        session.answered().await;
        let told = session.told();
        session.refused(session.number());
        tokio::task::yield_now().await;
        assert_eq!(session.told().next, told.next);
    }

    #[tokio::test]
    async fn a_clock_that_is_a_day_ahead_does_not_make_fresh_credentials_ended() {
        let planned = Planned::unsure_of_the_time([Answer::Ended]);
        let session = planned.start();
        assert!(session.credentials().await.is_ok(), "nobody knows the time yet: the service is the judge");
    }

    #[tokio::test]
    async fn credentials_that_came_ended_are_not_handed_out_once_the_time_is_known() {
        let planned = Planned::new([Answer::Ended]);
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

    #[tokio::test]
    async fn fixed_credentials_are_there_for_ever() {
        let fixed = Credentials::new("made-up", "made-up", None, None, "made up");
        let session = Session::fixed(fixed, Clock::default());
        session.refused(session.number());
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
