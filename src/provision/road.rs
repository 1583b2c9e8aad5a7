//! Sends requests at the pace that the quotas allow, and sends again what was throttled or lost.
//!
//! Jobs run side by side on one thread and share one road. The rule that is easy to break: what AWS throttled is never given
//! up, however long it takes; what got no answer is given up after a while, and what AWS refuses at once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::call::{CallError, CallFailure};
use super::pace::{Category, Pace, Quotas, back_off};

/// How often a request without an answer is sent; with the waiting in between that is a minute and a half at the most.
const ATTEMPTS: u32 = 8;

/// Jobs under way at once: at Cognito's 30 passwords a second a job has a second, and a crash leaves no more than these.
pub const SIDE_BY_SIDE: usize = 32;

/// What all jobs share.
#[derive(Debug)]
pub struct Road {
    pace: RefCell<Pace>,
    chance: RefCell<fastrand::Rng>,
    counts: RefCell<BTreeMap<&'static str, u64>>,
    throttled: Cell<u64>,
    now: fn() -> Duration,
    stop: watch::Receiver<bool>,
}

/// What failed, for the job and for those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Too much at once: later.
    Throttled,
    /// No answer, or one that says nothing about the request: again.
    Again,
    /// This system's alone.
    ThisOne,
    /// Every other request would fail in the same way.
    All,
}

/// What an error means.
pub fn verdict(error: &CallError) -> Verdict {
    match (error.kind, error.code.as_str()) {
        (_, "TooManyRequestsException" | "ThrottlingException" | "Throttling") => Verdict::Throttled,
        (CallFailure::NotPermitted, _) | (_, "ResourceNotFoundException") => Verdict::All,
        // CloudWatch's: the account has as many alarms as it may.
        (_, "LimitExceeded" | "LimitExceededFault") => Verdict::All,
        (CallFailure::Unavailable, _) => Verdict::Again,
        (CallFailure::Refused, _) => Verdict::ThisOne,
    }
}

impl Road {
    /// A road within `quotas`. `now` is the time since some moment; once `stop` is true nothing is waited for any longer.
    pub fn new(quotas: &Quotas, now: fn() -> Duration, stop: watch::Receiver<bool>) -> Self {
        Self {
            pace: RefCell::new(Pace::new(quotas)),
            chance: RefCell::new(fastrand::Rng::new()),
            counts: RefCell::default(),
            throttled: Cell::new(0),
            now,
            stop,
        }
    }

    /// Whether nothing new is to be begun.
    pub fn is_ending(&self) -> bool {
        *self.stop.borrow()
    }

    /// Requests sent, by what they are for, and how many of them were throttled.
    pub fn counts(&self) -> (BTreeMap<&'static str, u64>, u64) {
        (self.counts.borrow().clone(), self.throttled.get())
    }

    /// Sends a request when it is its turn, and again until there is an answer that counts.
    ///
    /// # Errors
    /// What the last attempt gave.
    pub async fn send<T, F>(
        &self,
        what: &'static str,
        category: Category,
        request: impl Fn() -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let mut failures = 0;
        loop {
            let now = (self.now)();
            let at = self.pace.borrow_mut().reserve(category, now);
            tokio::time::sleep(at.saturating_sub(now)).await;
            *self.counts.borrow_mut().entry(what).or_default() += 1;
            let error = match request().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            failures += 1;
            let verdict = verdict(&error);
            if verdict == Verdict::Throttled {
                self.throttled.set(self.throttled.get() + 1);
                self.pace.borrow_mut().throttled(category, (self.now)());
            }
            if is_given_up(verdict, failures, self.is_ending()) {
                return Err(error);
            }
            let chance = self.chance.borrow_mut().f64();
            tokio::time::sleep(back_off(failures, chance)).await;
        }
    }
}

/// Whether a request is sent no more after so many failures.
fn is_given_up(verdict: Verdict, failures: u32, is_ending: bool) -> bool {
    match verdict {
        Verdict::Throttled => is_ending && failures >= ATTEMPTS,
        Verdict::Again => is_ending || failures >= ATTEMPTS,
        Verdict::ThisOne | Verdict::All => true,
    }
}

/// Does jobs side by side, as many as may be at once, and tells each one's result. Once the road is ending no further job is
/// begun; those that were begun come to their end.
pub async fn side_by_side<T, F>(road: &Road, jobs: impl Iterator<Item = F>, mut done: impl FnMut(T))
where
    T: 'static,
    F: Future<Output = T> + 'static,
{
    let mut jobs = jobs.fuse();
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < SIDE_BY_SIDE && !road.is_ending() {
            let Some(job) = jobs.next() else { break };
            under_way.spawn_local(job);
        }
        match under_way.join_next().await {
            None => return,
            Some(Ok(result)) => done(result),
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Nobody aborts a single job.
            Some(Err(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    fn error(code: &str, kind: CallFailure) -> CallError {
        CallError { doing: "asking".to_string(), code: code.to_string(), words: "no".to_string(), kind }
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, work)
    }

    #[test]
    fn what_an_error_means_for_this_system_and_for_all() {
        let cases = [
            ("TooManyRequestsException", CallFailure::Unavailable, Verdict::Throttled),
            ("ThrottlingException", CallFailure::Unavailable, Verdict::Throttled),
            ("", CallFailure::Unavailable, Verdict::Again),
            ("InternalErrorException", CallFailure::Unavailable, Verdict::Again),
            ("AccessDeniedException", CallFailure::NotPermitted, Verdict::All),
            ("ResourceNotFoundException", CallFailure::Refused, Verdict::All),
            ("LimitExceeded", CallFailure::Refused, Verdict::All),
            ("InvalidPasswordException", CallFailure::Refused, Verdict::ThisOne),
        ];
        for (code, kind, expected) in cases {
            assert_eq!(verdict(&error(code, kind)), expected, "{code}");
        }
    }

    #[test]
    fn what_is_throttled_is_never_given_up_and_the_rest_has_an_end() {
        assert!(!is_given_up(Verdict::Throttled, 1_000_000, false));
        assert!(is_given_up(Verdict::Throttled, ATTEMPTS, true));
        assert!(!is_given_up(Verdict::Again, ATTEMPTS - 1, false));
        assert!(is_given_up(Verdict::Again, ATTEMPTS, false));
        assert!(is_given_up(Verdict::ThisOne, 1, false) && is_given_up(Verdict::All, 1, false));
    }

    #[test]
    fn a_request_is_sent_again_and_counted_until_it_is_answered() {
        let stop = watch::Sender::new(false);
        let road = Road::new(&Quotas::default(), || Duration::ZERO, stop.subscribe());
        let left = Cell::new(1);
        let done = run(road.send("x", Category::UserCreation, || async {
            match left.replace(0) {
                0 => Ok("made"),
                _ => Err(error("TooManyRequestsException", CallFailure::Unavailable)),
            }
        }));
        assert_eq!(done, Ok("made"));
        assert_eq!(road.counts(), ([("x", 2)].into(), 1));
        let refused = run(road.send("y", Category::UserRead, || async {
            Err::<(), _>(error("InvalidPasswordException", CallFailure::Refused))
        }));
        assert_eq!(refused, Err(error("InvalidPasswordException", CallFailure::Refused)));
        assert_eq!(road.counts().0["y"], 1);
    }

    #[test]
    fn once_it_is_ending_nothing_begins_and_what_was_begun_comes_to_its_end() {
        let stop = Rc::new(watch::Sender::new(false));
        let road = Road::new(&Quotas::default(), || Duration::ZERO, stop.subscribe());
        let begun = Rc::new(Cell::new(0));
        let jobs = (0..1_000).map(|number| {
            let (stop, begun) = (Rc::clone(&stop), Rc::clone(&begun));
            async move {
                begun.set(begun.get() + 1);
                tokio::task::yield_now().await;
                if number == 40 {
                    stop.send_replace(true);
                }
                tokio::task::yield_now().await;
            }
        });
        let mut done = 0;
        run(side_by_side(&road, jobs, |()| done += 1));
        assert_eq!(done, begun.get(), "one that was begun was left");
        assert!((41..41 + 2 * SIDE_BY_SIDE).contains(&done), "{done}");
    }
}
