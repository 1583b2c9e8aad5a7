//! What tests set up and ask without a request.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Call, Category, Chance, CognitoSettings};
use crate::local::Endpoint;
use crate::local::operation::Operation;

/// A user pool with one client and an identity pool, as a test wants them.
#[derive(Clone, Debug)]
pub struct PoolSetup {
    /// The region in its ids.
    pub region: String,
    /// What the client may do, such as `ALLOW_USER_SRP_AUTH`.
    pub flows: Vec<&'static str>,
    /// For how long a refresh token that was used does once more; none: no rotation.
    pub rotation: Option<Duration>,
    /// How long id and access tokens hold, in whole seconds.
    pub token_lifetime: Duration,
    /// How long refresh tokens hold, in whole seconds.
    pub refresh_lifetime: Duration,
    /// Whether the identity pool refuses tokens of users who were signed out, disabled or deleted.
    pub server_side_check: bool,
}

impl Default for PoolSetup {
    /// `eu-west-1`; SRP and refresh without rotation; one hour, 30 days; tokens hold until they end.
    fn default() -> Self {
        Self {
            region: "eu-west-1".into(),
            flows: vec!["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            rotation: None,
            token_lifetime: Duration::from_secs(3600),
            refresh_lifetime: Duration::from_secs(30 * 86_400),
            server_side_check: false,
        }
    }
}

/// The ids that a config names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolIds {
    /// The region in them.
    pub region: String,
    /// Of the user pool.
    pub user_pool: String,
    /// Of its app client.
    pub client: String,
    /// Of the identity pool.
    pub identity_pool: String,
}

impl Endpoint {
    /// Makes a user pool whose users may get keys. Their tag `username` is their name.
    pub fn add_user_pool(&self, setup: &PoolSetup) -> PoolIds {
        let region = &setup.region;
        let ask = |operation, body: Value| self.ask_cognito(region, operation, &body);
        let user_pool = text(&ask(Operation::CreateUserPool, json!({ "PoolName": "test" })), "/UserPool/Id");
        let rotation =
            setup.rotation.map(|grace| json!({ "Feature": "ENABLED", "RetryGracePeriodSeconds": grace.as_secs() }));
        let flows: Vec<_> =
            setup.flows.iter().filter(|flow| rotation.is_none() || **flow != "ALLOW_REFRESH_TOKEN_AUTH").collect();
        let client = json!({
            "UserPoolId": user_pool, "ClientName": "test", "ExplicitAuthFlows": flows, "RefreshTokenRotation": rotation,
            "AccessTokenValidity": setup.token_lifetime.as_secs(), "IdTokenValidity": setup.token_lifetime.as_secs(),
            "RefreshTokenValidity": setup.refresh_lifetime.as_secs(),
            "TokenValidityUnits": { "AccessToken": "seconds", "IdToken": "seconds", "RefreshToken": "seconds" },
        });
        let client = text(&ask(Operation::CreateUserPoolClient, client), "/UserPoolClient/ClientId");
        let provider = format!("cognito-idp.{region}.amazonaws.com/{user_pool}");
        let trusted =
            json!({ "ProviderName": provider, "ClientId": client, "ServerSideTokenCheck": setup.server_side_check });
        let identity_pool = json!({ "IdentityPoolName": "test", "CognitoIdentityProviders": [trusted] });
        let identity_pool = text(&ask(Operation::CreateIdentityPool, identity_pool), "/IdentityPoolId");
        let roles = json!({ "authenticated": "arn:aws:iam::000000000000:role/test" });
        ask(Operation::SetIdentityPoolRoles, json!({ "IdentityPoolId": identity_pool, "Roles": roles }));
        let tags = json!({
            "IdentityPoolId": identity_pool, "IdentityProviderName": provider,
            "PrincipalTags": { "username": "cognito:username" },
        });
        ask(Operation::SetPrincipalTagAttributeMap, tags);
        PoolIds { region: region.clone(), user_pool, client, identity_pool }
    }

    /// Adds a user with a password that need not be changed, whatever the pool's policy.
    pub fn add_user(&self, pool: &PoolIds, name: &str, password: &str) {
        self.ask_cognito(
            &pool.region,
            Operation::AdminCreateUser,
            &json!({ "UserPoolId": pool.user_pool, "Username": name }),
        );
        self.set_user_password(pool, name, password);
    }

    /// Changes a user's password, whatever the pool's policy. Whether there is such a user.
    pub fn set_user_password(&self, pool: &PoolIds, name: &str, password: &str) -> bool {
        let mut state = self.shared.lock();
        let now = state.now();
        let user = state.cognito.user_pools.get_mut(&pool.user_pool).and_then(|pool| pool.user(name).ok());
        user.map(|user| user.set_password(password, true, now, &mut fresh_chance())).is_some()
    }

    /// How many users a pool has.
    pub fn users(&self, user_pool: &str) -> usize {
        self.shared.lock().cognito.user_pools.get(user_pool).map_or(0, |pool| pool.users.len())
    }

    /// Changes what of Cognito can be set.
    pub fn set_up_cognito(&self, change: impl FnOnce(&mut CognitoSettings)) {
        change(&mut self.shared.lock().cognito.settings);
    }

    /// The most requests that came in any second, by category of Cognito's quotas, granted or not.
    pub fn peaks(&self) -> BTreeMap<Category, usize> {
        self.shared.lock().cognito.quotas.peaks()
    }

    /// Does an operation as if it had been requested, but without counting it. Null where it was refused.
    fn ask_cognito(&self, region: &str, operation: Operation, body: &Value) -> Value {
        let mut state = self.shared.lock();
        let body = body.to_string();
        let call = Call { operation, body: body.as_bytes(), region, now: state.now() };
        state.cognito.perform(&call, &mut fresh_chance()).unwrap_or_default()
    }
}

/// From the system's generator. Where it has none, the endpoint's names are no secrets either.
pub fn fresh_chance() -> Chance {
    let mut seed = [0; 32];
    if let Err(error) = getrandom::fill(&mut seed) {
        log::error!(error:% = error; "the system gives no randomness");
    }
    Chance::new(seed)
}

fn text(answer: &Value, pointer: &str) -> String {
    answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
