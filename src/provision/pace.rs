//! Decides when the next request may go, so that Cognito's quotas hold.
//!
//! A quota is of an account and a region, for a category of operations. Requests of a category leave at even distances: a
//! bucket of one token. When AWS says that it was too much all the same (others use the account too), the pace of that category
//! is halved, once a second at the most since many requests are under way, and comes back slowly.
//!
//! Pure: the time is handed in.

use std::time::Duration;

/// What has a quota of its own. Source: the quotas page of Cognito's developer guide, read 2026-11-21.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// `AdminCreateUser`: 50 a second.
    UserCreation,
    /// `AdminSetUserPassword`: 30 a second.
    UserAccountRecovery,
    /// `ListUsers`: 30 a second.
    UserList,
    /// `AdminGetUser`: 120 a second.
    UserRead,
    /// `AdminDeleteUser`, `AdminUserGlobalSignOut`: 25 a second.
    UserUpdate,
    /// CloudWatch's `PutMetricAlarm`, `DeleteAlarms`: 3 a second.
    Alarms,
}

/// Requests a second that an account has, where AWS raised them for some; by default what every account has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quotas {
    /// For [`Category::UserCreation`].
    pub user_creation: f64,
    /// For [`Category::UserAccountRecovery`].
    pub user_account_recovery: f64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { user_creation: 50.0, user_account_recovery: 30.0 }
    }
}

/// Of a quota, what is used: requests do not arrive as evenly as they leave, and one that is throttled costs more than waiting.
const SHARE: f64 = 0.9;

/// How soon a slowed pace is back: this share of the full one each second.
const RECOVERY: f64 = 0.05;

/// The slowest pace, as a share of the full one.
const SLOWEST: f64 = 0.02;

/// How long after one slowing another counts as news.
const SETTLED: Duration = Duration::from_secs(1);

/// The pace of every category.
#[derive(Clone, Debug)]
pub struct Pace {
    buckets: [Bucket; 6],
}

impl Pace {
    /// Within `quotas`.
    pub fn new(quotas: &Quotas) -> Self {
        let buckets = [quotas.user_creation, quotas.user_account_recovery, 30.0, 120.0, 25.0, 3.0];
        Self { buckets: buckets.map(|quota| Bucket::new(quota * SHARE)) }
    }

    /// The moment, at `now` or later, at which the next request of a category may go. Each call is one request.
    pub fn reserve(&mut self, category: Category, now: Duration) -> Duration {
        self.bucket(category).reserve(now)
    }

    /// AWS said that it was too much.
    pub fn throttled(&mut self, category: Category, now: Duration) {
        self.bucket(category).slow(now);
    }

    fn bucket(&mut self, category: Category) -> &mut Bucket {
        let [creation, recovery, list, read, update, alarms] = &mut self.buckets;
        match category {
            Category::UserCreation => creation,
            Category::UserAccountRecovery => recovery,
            Category::UserList => list,
            Category::UserRead => read,
            Category::UserUpdate => update,
            Category::Alarms => alarms,
        }
    }
}

/// Requests of one category.
#[derive(Clone, Debug)]
struct Bucket {
    /// Requests a second at full pace.
    full: f64,
    /// The pace after it was slowed, and when that was.
    slowed: Option<(f64, Duration)>,
    /// When the next request may go.
    free_at: Duration,
}

impl Bucket {
    fn new(full: f64) -> Self {
        Self { full: full.max(0.1), slowed: None, free_at: Duration::ZERO }
    }

    fn rate(&self, now: Duration) -> f64 {
        match self.slowed {
            None => self.full,
            Some((rate, at)) => (rate + self.full * RECOVERY * now.saturating_sub(at).as_secs_f64()).min(self.full),
        }
    }

    fn reserve(&mut self, now: Duration) -> Duration {
        let at = self.free_at.max(now);
        self.free_at = at + Duration::from_secs_f64(1.0 / self.rate(now));
        at
    }

    fn slow(&mut self, now: Duration) {
        if self.slowed.is_none_or(|(_, at)| now.saturating_sub(at) >= SETTLED) {
            self.slowed = Some(((self.rate(now) / 2.0).max(self.full * SLOWEST), now));
        }
    }
}

/// How long to wait before trying again after `failures` in a row: full jitter up to 1, 2, 4 … 30 s. `chance` is in 0..1.
pub fn back_off(failures: u32, chance: f64) -> Duration {
    let most = 2_f64.powi(i32::try_from(failures.saturating_sub(1).min(5)).unwrap_or(5)).min(30.0);
    Duration::from_secs_f64(most * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn moments(pace: &mut Pace, count: usize) -> Vec<Duration> {
        (0..count).map(|_| pace.reserve(Category::UserAccountRecovery, Duration::ZERO)).collect()
    }

    #[test]
    fn ten_thousand_passwords_take_six_minutes() {
        let last = moments(&mut Pace::new(&Quotas::default()), 10_000).pop().unwrap();
        assert_eq!(last.as_secs(), 370);
    }

    #[test]
    fn categories_do_not_wait_for_each_other() {
        let mut pace = Pace::new(&Quotas::default());
        moments(&mut pace, 1_000);
        assert_eq!(pace.reserve(Category::UserCreation, SECOND), SECOND);
    }

    #[test]
    fn many_refusals_at_once_slow_once_and_the_pace_comes_back() {
        let mut pace = Pace::new(&Quotas::default());
        for _ in 0..30 {
            pace.throttled(Category::UserAccountRecovery, SECOND);
        }
        let rate = |pace: &mut Pace, at| pace.bucket(Category::UserAccountRecovery).rate(at);
        assert_eq!(rate(&mut pace, SECOND), 13.5);
        assert_eq!(rate(&mut pace, 6 * SECOND), 20.25);
        assert_eq!(rate(&mut pace, 100 * SECOND), 27.0);
    }

    #[test]
    fn a_pace_that_is_slowed_again_and_again_never_stands_still() {
        let mut pace = Pace::new(&Quotas::default());
        for second in 0..600 {
            pace.throttled(Category::UserCreation, second * SECOND);
        }
        let now = 600 * SECOND;
        let first = pace.reserve(Category::UserCreation, now);
        assert!(pace.reserve(Category::UserCreation, now) - first < 2 * SECOND);
    }

    #[test]
    fn waiting_grows_and_has_an_end() {
        let most: Vec<_> = (1..9).map(|failures| back_off(failures, 1.0).as_secs()).collect();
        assert_eq!(most, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(back_off(40, 0.0), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn no_second_has_more_requests_than_the_quota(
            steps in proptest::collection::vec((0_u64..200, any::<bool>()), 1..400),
            quota in 1.0_f64..100.0,
        ) {
            let mut pace = Pace::new(&Quotas { user_creation: quota, ..Quotas::default() });
            let mut now = Duration::ZERO;
            let mut moments = Vec::new();
            for (millis, is_throttled) in steps {
                now += Duration::from_millis(millis);
                if is_throttled {
                    pace.throttled(Category::UserCreation, now);
                }
                let at = pace.reserve(Category::UserCreation, now);
                prop_assert!(at >= now);
                moments.push(at);
            }
            for (first, from) in moments.iter().enumerate() {
                let within = moments[first..].iter().take_while(|at| **at < *from + SECOND).count();
                prop_assert!(within as f64 <= quota.ceil(), "{within} in a second of {quota}");
            }
        }
    }
}
