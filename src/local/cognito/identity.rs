//! Identity pools: who somebody is by a user pool's token, and the keys that they are lent for it.
//!
//! The identity of a user of a pool is made once and stays. Keys are not kept: the session token carries, under a MAC, whose
//! they are and until when, so a fleet that renews for ever takes no memory. Session tokens of anybody else's making are none
//! of this endpoint's business.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::chance::Chance;
use super::pools::UserPool;
use super::users::not_authorized;
use super::{seconds, tokens};
use crate::local::refusal::Refusal;
use crate::record::Wall;

/// What a session token of this endpoint begins with.
const MARK: &str = "cognito.";

/// An identity pool.
pub struct IdentityPool {
    /// `REGION:UUID`.
    pub id: String,
    /// As in GetIdentityPoolRoles.
    pub roles: Map<String, Value>,
    /// The attribute map of each provider, as in GetPrincipalTagAttributeMap.
    pub tags: BTreeMap<String, Map<String, Value>>,
    asked: Map<String, Value>,
    /// Provider and sub, by identity id.
    identities: BTreeMap<String, (String, String)>,
    /// The other way around.
    ids: BTreeMap<(String, String), String>,
}

/// Somebody whose keys this endpoint lent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The role that the keys are of.
    pub role: String,
    /// Principal tags.
    pub tags: BTreeMap<String, String>,
}

impl IdentityPool {
    /// A new pool.
    pub fn new(region: &str, asked: Ask<'_>, chance: &mut Chance) -> Self {
        Self {
            id: format!("{region}:{}", chance.uuid()),
            roles: Map::new(),
            tags: BTreeMap::new(),
            asked: asked.all(),
            identities: BTreeMap::new(),
            ids: BTreeMap::new(),
        }
    }

    /// Changes it, to what is asked and nothing else.
    pub fn update(&mut self, asked: Ask<'_>) {
        self.asked = asked.all();
    }

    /// As in DescribeIdentityPool.
    pub fn described(&self) -> Value {
        let mut told = self.asked.clone();
        told.insert("IdentityPoolId".into(), json!(self.id));
        Value::Object(told)
    }

    /// As in GetPrincipalTagAttributeMap.
    pub fn tags_of(&self, provider: &str) -> Value {
        let mut told = self.tags.get(provider).cloned().unwrap_or_default();
        told.insert("IdentityPoolId".into(), json!(self.id));
        told.insert("IdentityProviderName".into(), json!(provider));
        Value::Object(told)
    }

    /// GetId: the same for the same user for ever.
    pub fn identity(&mut self, login: &Login, chance: &mut Chance) -> String {
        let of = (login.provider.clone(), login.claim("sub").to_owned());
        let region = self.id.split(':').next().unwrap_or_default();
        let id = self.ids.entry(of.clone()).or_insert_with(|| format!("{region}:{}", chance.uuid()));
        self.identities.entry(id.clone()).or_insert(of);
        id.clone()
    }

    /// Whether it made that identity.
    pub fn knows(&self, identity: &str) -> bool {
        self.identities.contains_key(identity)
    }

    /// GetCredentialsForIdentity: keys for whoever logs in as `identity`, that hold for `lifetime`.
    pub fn credentials(
        &self,
        identity: &str,
        login: &Login,
        lifetime: Duration,
        key: &[u8; 32],
        now: Wall,
        chance: &mut Chance,
    ) -> Result<Value, Refusal> {
        let of = (login.provider.clone(), login.claim("sub").to_owned());
        if self.identities.get(identity) != Some(&of) {
            let message =
                "Logins don't match. Please include at least one valid login for this identity or identity pool.";
            return Err(not_authorized(message));
        }
        let role = self.roles.get("authenticated").and_then(Value::as_str).ok_or_else(|| {
            let message = "Invalid identity pool configuration. Check assigned IAM roles for this pool.";
            Refusal::new("InvalidIdentityPoolConfigurationException", message)
        })?;
        let until = Wall(now.0.saturating_add(i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX)));
        let access_key = format!("ASIA{}", chance.capitals::<16>());
        let held = json!({ "key": access_key, "until": until.0, "role": role, "tags": self.principal_tags(login) });
        Ok(json!({
            "IdentityId": identity,
            "Credentials": {
                "AccessKeyId": access_key, "SecretKey": chance.word::<40>(), "Expiration": seconds(until),
                "SessionToken": format!("{MARK}{}", tokens::sign(key, &held)),
            },
        }))
    }

    /// The tags that the attribute map makes of a login. Its defaults are the sub as `username` and the client as `client`.
    fn principal_tags(&self, login: &Login) -> BTreeMap<String, String> {
        let Some(map) = self.tags.get(&login.provider) else { return BTreeMap::new() };
        let map = Value::Object(map.clone());
        let asked = Ask::of(&map);
        let tags: Vec<(&str, &str)> = match asked.flag("UseDefaults") {
            Some(true) => vec![("username", "sub"), ("client", "aud")],
            _ => asked.inner("PrincipalTags").texts().collect(),
        };
        let valued = tags.into_iter().map(|(tag, claim)| (tag.to_owned(), login.claim(claim).to_owned()));
        valued.filter(|(_, value)| !value.is_empty()).collect()
    }
}

/// A user pool's id token that was found good.
pub struct Login {
    provider: String,
    claims: Value,
}

impl Login {
    /// Checks the member `Logins` against a pool's providers and the user pools that there are.
    pub fn check(
        pool: &IdentityPool,
        user_pools: &BTreeMap<String, UserPool>,
        logins: Ask<'_>,
        now: Wall,
    ) -> Result<Self, Refusal> {
        let (provider, token) = logins
            .texts()
            .next()
            .ok_or_else(|| not_authorized("Unauthenticated access is not supported for this identity pool."))?;
        let trusted: Vec<Ask<'_>> = pool
            .asked
            .get("CognitoIdentityProviders")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(Ask::of)
            .filter(|trusted| trusted.given("ProviderName") == Some(provider))
            .collect();
        if trusted.is_empty() {
            return Err(not_authorized("Token is not from a supported provider of this identity pool."));
        }
        let invalid = |why: &str| not_authorized(&format!("Invalid login token. {why}"));
        let claims = tokens::claims(token).ok_or_else(|| invalid("Not a valid OpenId Connect identity token."))?;
        let login = Self { provider: provider.to_owned(), claims };
        if login.claim("token_use") != "id" {
            return Err(invalid("Not a valid OpenId Connect identity token."));
        }
        if login.claim("iss").strip_prefix("https://") != Some(provider) {
            return Err(invalid("Issuer doesn't match providerName"));
        }
        let user_pool = user_pools.values().find(|user_pool| user_pool.provider() == provider);
        let user_pool = user_pool.filter(|user_pool| tokens::is_signed(&user_pool.key, token));
        let user_pool = user_pool.ok_or_else(|| invalid("Couldn't verify signed token."))?;
        let until = login.claims["exp"].as_i64().unwrap_or_default();
        if until <= now.0 / 1000 {
            return Err(invalid(&format!("Token expired: {until} >= {}", now.0 / 1000)));
        }
        let Some(trust) = trusted.iter().find(|trusted| trusted.given("ClientId") == Some(login.claim("aud"))) else {
            return Err(invalid("Incorrect token audience."));
        };
        if trust.flag("ServerSideTokenCheck") == Some(true) && !login.is_still_in(user_pool) {
            return Err(invalid("Token has been revoked."));
        }
        Ok(login)
    }

    fn claim(&self, name: &str) -> &str {
        self.claims[name].as_str().unwrap_or_default()
    }

    /// Whether the user is there, enabled, and was not signed out since.
    fn is_still_in(&self, pool: &UserPool) -> bool {
        let is_there = pool.users.values().any(|user| user.sub == self.claim("sub") && user.is_enabled);
        is_there && pool.is_open(self.claim("origin_jti"))
    }
}

/// Judges the session token of a request that is signed with `access_key`. None where it is not of this endpoint's making.
pub fn judge(key: &[u8; 32], token: &str, access_key: &str, now: Wall) -> Result<Option<Principal>, Refusal> {
    let Some(token) = token.strip_prefix(MARK) else { return Ok(None) };
    let held = tokens::claims(token).filter(|held| tokens::is_signed(key, token) && held["key"] == access_key);
    let Some(held) = held else {
        let message = "The security token included in the request is invalid.";
        return Err(Refusal::new("UnrecognizedClientException", message));
    };
    if held["until"].as_i64().is_none_or(|until| until <= now.0) {
        return Err(Refusal::new("ExpiredTokenException", "The security token included in the request is expired"));
    }
    let tags = Ask::of(&held).inner("tags").texts().map(|(tag, value)| (tag.to_owned(), value.to_owned())).collect();
    Ok(Some(Principal { role: held["role"].as_str().unwrap_or_default().to_owned(), tags }))
}
