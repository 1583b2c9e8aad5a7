//! Cognito: user pools that check SRP for real, and identity pools that lend keys which end.
//!
//! What AWS documents is kept to: the flows that a client may use, lockouts, rotation of refresh tokens, quotas. The texts of its
//! errors are AWS's where they are known. Nothing is kept for a program that does not sign in.
//!
//! Pure but for `handle`, through which tests set it up: time and randomness are handed in.

mod ask;
mod chance;
mod handle;
mod identity;
mod identity_calls;
mod pools;
mod quotas;
mod sign_in;
mod tokens;
mod user_calls;
mod users;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use self::ask::Ask;
use self::chance::Chance;
pub use self::handle::{PoolIds, PoolSetup, fresh_chance};
use self::identity::IdentityPool;
pub use self::identity::Principal;
use self::pools::UserPool;
pub use self::quotas::Category;
use self::quotas::Quotas;
use super::operation::{Operation, Service};
use super::refusal::Refusal;
use crate::record::Wall;

/// What of Cognito can be set for a test.
#[derive(Clone, Debug)]
pub struct CognitoSettings {
    /// How long the keys of GetCredentialsForIdentity hold. Cognito's enhanced flow gives one hour.
    pub credential_lifetime: Duration,
    /// What is granted a second; what is not in it has no quota. [`Category::OF_AWS`] is AWS's.
    pub quotas: BTreeMap<Category, u32>,
    /// Where it is not empty, lent keys are refused every log group but `PREFIX/USERNAME` and what lies below, the name being
    /// the principal tag `username`.
    pub isolation: Vec<String>,
}

impl Default for CognitoSettings {
    /// One hour, no quotas, no isolation.
    fn default() -> Self {
        Self { credential_lifetime: Duration::from_secs(3600), quotas: BTreeMap::new(), isolation: Vec::new() }
    }
}

/// All pools.
#[derive(Default)]
pub struct Cognito {
    pub(super) settings: CognitoSettings,
    quotas: Quotas,
    /// By id.
    user_pools: BTreeMap<String, UserPool>,
    /// By id.
    identity_pools: BTreeMap<String, IdentityPool>,
    /// What session tokens are signed with, once one was.
    key: Option<[u8; 32]>,
}

/// A request to Cognito.
pub struct Call<'a> {
    /// What is asked for.
    pub operation: Operation,
    /// Its body.
    pub body: &'a [u8],
    /// The region that the request is signed for, where it is signed.
    pub region: &'a str,
    /// The endpoint's time.
    pub now: Wall,
}

impl Cognito {
    /// Does one operation. The answer's body.
    pub fn call(&mut self, call: &Call<'_>, chance: &mut Chance) -> Result<Value, Refusal> {
        if let Some(category) = Category::of(call.operation) {
            self.quotas.ask(category, self.settings.quotas.get(&category).copied(), call.now)?;
        }
        self.perform(call, chance)
    }

    /// The same without counting it.
    fn perform(&mut self, call: &Call<'_>, chance: &mut Chance) -> Result<Value, Refusal> {
        let body: Value = serde_json::from_slice(call.body)
            .map_err(|error| Refusal::new("SerializationException", error.to_string()))?;
        if call.operation.service() == Service::UserPools {
            user_calls::call(self, call, Ask::of(&body), chance)
        } else {
            identity_calls::call(self, call, Ask::of(&body), chance)
        }
    }

    /// Judges a request to another service by its session token. None where this endpoint did not lend the keys.
    pub fn judge(&self, token: Option<&str>, access_key: &str, now: Wall) -> Result<Option<Principal>, Refusal> {
        match (token, self.key) {
            (Some(token), Some(key)) => identity::judge(&key, token, access_key, now),
            _ => Ok(None),
        }
    }

    /// Whether somebody with lent keys may use a log group.
    pub fn check_group(&self, who: &Principal, operation: Operation, group: Option<&str>) -> Result<(), Refusal> {
        let name = who.tags.get("username");
        let is_theirs = |prefix: &String| {
            let own = name.map(|name| format!("{}/{name}", prefix.trim_end_matches('/')));
            let rest = own.and_then(|own| group?.strip_prefix(own.as_str()));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if self.settings.isolation.is_empty() || self.settings.isolation.iter().any(is_theirs) {
            return Ok(());
        }
        let role = who.role.rsplit('/').next().unwrap_or_default();
        let (action, group) = (operation.name(), group.unwrap_or("*"));
        Err(Refusal::new(
            "AccessDeniedException",
            format!(
                "User: arn:aws:sts::000000000000:assumed-role/{role}/CognitoIdentityCredentials is not authorized to perform: \
                 logs:{action} on resource: arn:aws:logs:local:000000000000:log-group:{group}:log-stream: because no \
                 identity-based policy allows the logs:{action} action"
            ),
        ))
    }
}

/// A time as AWS JSON writes it: seconds since 1970, with a fraction.
#[allow(clippy::cast_precision_loss, reason = "times of this century fit an f64 to the millisecond")]
fn seconds(at: Wall) -> f64 {
    at.0 as f64 / 1000.0
}
