//! Counts requests a second by the categories of Cognito's quotas, and refuses what is over a quota.
//!
//! A quota counts what was granted in the second before; the peak counts all that was asked, so that a test can say how hard
//! somebody pressed.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::{BTreeMap, VecDeque};

use crate::local::operation::Operation;
use crate::local::refusal::Refusal;
use crate::record::Wall;

const SECOND_MS: i64 = 1000;

/// What Cognito counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// InitiateAuth and RespondToAuthChallenge.
    UserAuthentication,
    /// AdminCreateUser.
    UserCreation,
    /// AdminSetUserPassword.
    UserAccountRecovery,
    /// AdminGetUser.
    UserRead,
    /// ListUsers.
    UserList,
    /// AdminDeleteUser, AdminDisableUser, AdminEnableUser, AdminUserGlobalSignOut.
    UserUpdate,
    /// GetTokensFromRefreshToken and RevokeToken.
    UserToken,
    /// GetId.
    GetId,
    /// GetCredentialsForIdentity.
    GetCredentialsForIdentity,
}

impl Category {
    /// Every category with what AWS grants a second in an account and region (Cognito's page of quotas, read 2026-11-21).
    pub const OF_AWS: [(Self, u32); 9] = [
        (Self::UserAuthentication, 120),
        (Self::UserCreation, 50),
        (Self::UserAccountRecovery, 30),
        (Self::UserRead, 120),
        (Self::UserList, 30),
        (Self::UserUpdate, 25),
        (Self::UserToken, 120),
        (Self::GetId, 25),
        (Self::GetCredentialsForIdentity, 200),
    ];

    /// The category of an operation; none for what is asked so rarely that no quota here counts it.
    pub fn of(operation: Operation) -> Option<Self> {
        match operation {
            Operation::InitiateAuth | Operation::RespondToAuthChallenge => Some(Self::UserAuthentication),
            Operation::AdminCreateUser => Some(Self::UserCreation),
            Operation::AdminSetUserPassword => Some(Self::UserAccountRecovery),
            Operation::AdminGetUser => Some(Self::UserRead),
            Operation::ListUsers => Some(Self::UserList),
            Operation::AdminDeleteUser
            | Operation::AdminDisableUser
            | Operation::AdminEnableUser
            | Operation::AdminUserGlobalSignOut => Some(Self::UserUpdate),
            Operation::GetTokensFromRefreshToken | Operation::RevokeToken => Some(Self::UserToken),
            Operation::GetId => Some(Self::GetId),
            Operation::GetCredentialsForIdentity => Some(Self::GetCredentialsForIdentity),
            _ => None,
        }
    }
}

/// The requests of one category in the last second.
#[derive(Default)]
struct Window {
    /// When each came, and whether it was granted.
    recent: VecDeque<(i64, bool)>,
    peak: usize,
}

/// What was asked, by category.
#[derive(Default)]
pub struct Quotas {
    windows: BTreeMap<Category, Window>,
}

impl Quotas {
    /// Counts a request. Whether it is granted, with `granted` a second (none: any number).
    pub fn ask(&mut self, category: Category, granted: Option<u32>, now: Wall) -> Result<(), Refusal> {
        let window = self.windows.entry(category).or_default();
        // A clock that was set back would keep what is ahead of it for ever.
        window.recent.retain(|(at, _)| (now.0 - SECOND_MS + 1..=now.0).contains(at));
        let before = window.recent.iter().filter(|(_, granted)| *granted).count();
        let is_granted = granted.is_none_or(|granted| before < granted as usize);
        window.recent.push_back((now.0, is_granted));
        window.peak = window.peak.max(window.recent.len());
        if is_granted { Ok(()) } else { Err(Refusal::new("TooManyRequestsException", "Rate exceeded")) }
    }

    /// The most requests that came in any second, by category, granted or not.
    pub fn peaks(&self) -> BTreeMap<Category, usize> {
        self.windows.iter().map(|(category, window)| (*category, window.peak)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_quota_is_refused_until_a_second_has_passed() {
        let mut quotas = Quotas::default();
        let mut ask = |at: i64| quotas.ask(Category::GetId, Some(2), Wall(at)).is_ok();
        assert!(ask(0) && ask(500));
        assert!(!ask(600) && !ask(999), "the third of a second");
        assert!(ask(1000) && !ask(1001) && ask(1500), "only what was granted counts");
        assert_eq!(quotas.peaks()[&Category::GetId], 5, "what was refused counts for the peak");
    }

    #[test]
    fn without_a_quota_all_is_granted_and_counted() {
        let mut quotas = Quotas::default();
        assert!((0..500).all(|at| quotas.ask(Category::UserList, None, Wall(at)).is_ok()));
        assert_eq!(quotas.peaks()[&Category::UserList], 500);
    }

    #[test]
    fn a_clock_that_is_set_back_leaves_no_quota_used_up() {
        let mut quotas = Quotas::default();
        assert!(quotas.ask(Category::GetId, Some(1), Wall(1_000_000)).is_ok());
        assert!(quotas.ask(Category::GetId, Some(1), Wall(10)).is_ok());
    }

    #[test]
    fn every_category_has_a_quota_and_an_operation() {
        let counted: std::collections::BTreeSet<_> =
            Operation::ALL.iter().filter_map(|operation| Category::of(*operation)).collect();
        assert_eq!(counted, Category::OF_AWS.into_iter().map(|(category, _)| category).collect());
    }
}
