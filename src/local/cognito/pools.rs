//! User pools and their app clients: what was asked for them, and what follows from it.
//!
//! What a pool or client was made with is kept as it came and told as it came; only what decides something is read out of it.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::ask::{Ask, broken};
use super::chance::Chance;
use super::seconds;
use super::sign_in::SignIns;
use super::tokens::Session;
use super::users::{Policy, User};
use crate::local::refusal::Refusal;
use crate::record::Wall;

/// The account in made-up resource names.
const ACCOUNT: &str = "000000000000";
/// What an app client may do where nothing else is asked (the service's model).
const DEFAULT_FLOWS: [&str; 3] = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"];
const REFRESH_FLOW: &str = "ALLOW_REFRESH_TOKEN_AUTH";
/// How long a refresh token lasts where nothing else is asked, in days (the service's model).
const REFRESH_DAYS: i64 = 30;

/// A user pool.
pub struct UserPool {
    /// `REGION_NAME`.
    pub id: String,
    /// Signs its tokens.
    pub key: [u8; 32],
    /// What passwords must be.
    pub policy: Policy,
    /// By name; in small letters where the pool does not tell them from capitals.
    pub users: BTreeMap<String, User>,
    /// By id.
    pub clients: BTreeMap<String, Client>,
    /// Sign-ins that are under way.
    pub sign_ins: SignIns,
    /// Sign-ins that are done, by the id that all their tokens bear.
    pub sessions: BTreeMap<String, Session>,
    asked: Map<String, Value>,
    created: Wall,
    modified: Wall,
}

impl UserPool {
    /// A new pool.
    pub fn new(region: &str, asked: Ask<'_>, now: Wall, chance: &mut Chance) -> Self {
        Self {
            id: format!("{region}_{}", chance.word::<9>()),
            key: chance.bytes(),
            policy: policy(asked),
            users: BTreeMap::new(),
            clients: BTreeMap::new(),
            sign_ins: SignIns::default(),
            sessions: BTreeMap::new(),
            asked: asked.all(),
            created: now,
            modified: now,
        }
    }

    /// Changes it. Like Cognito it forgets what is not asked again, but for what cannot be changed.
    pub fn update(&mut self, asked: Ask<'_>, now: Wall) {
        let mut kept = asked.all();
        for fixed in ["PoolName", "Schema", "AliasAttributes", "UsernameAttributes", "UsernameConfiguration"] {
            if let (Some(value), false) = (self.asked.get(fixed), fixed == "PoolName" && kept.contains_key(fixed)) {
                kept.insert(fixed.into(), value.clone());
            }
        }
        self.policy = policy(asked);
        self.asked = kept;
        self.modified = now;
    }

    /// Whether it must not be deleted.
    pub fn check_protection(&self) -> Result<(), Refusal> {
        if self.asked.get("DeletionProtection").and_then(Value::as_str) != Some("ACTIVE") {
            return Ok(());
        }
        Err(Refusal::parameter(
            "The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated \
             first.",
        ))
    }

    /// As in DescribeUserPool.
    pub fn described(&self) -> Value {
        let mut told = self.asked.clone();
        told.retain(|name, _| !["PoolName", "UserPoolId", "Schema"].contains(&name.as_str()));
        told.entry("DeletionProtection").or_insert_with(|| json!("INACTIVE"));
        told.entry("MfaConfiguration").or_insert_with(|| json!("OFF"));
        let region = self.region();
        told.extend([
            ("Id".into(), json!(self.id)),
            ("Name".into(), self.asked.get("PoolName").cloned().unwrap_or_default()),
            ("Arn".into(), json!(format!("arn:aws:cognito-idp:{region}:{ACCOUNT}:userpool/{}", self.id))),
            ("EstimatedNumberOfUsers".into(), json!(self.users.len())),
            ("CreationDate".into(), json!(seconds(self.created))),
            ("LastModifiedDate".into(), json!(seconds(self.modified))),
            ("SchemaAttributes".into(), self.asked.get("Schema").cloned().unwrap_or_else(|| json!([]))),
        ]);
        json!({ "UserPool": told })
    }

    fn region(&self) -> &str {
        self.id.split_once('_').map_or("", |(region, _)| region)
    }

    /// How identity pools name it: `cognito-idp.REGION.amazonaws.com/ID`.
    pub fn provider(&self) -> String {
        format!("cognito-idp.{}.amazonaws.com/{}", self.region(), self.id)
    }

    /// Under what a user of that name is kept.
    pub fn key_of(&self, name: &str) -> String {
        let configured = self.asked.get("UsernameConfiguration").and_then(|asked| asked.get("CaseSensitive"));
        if configured.and_then(Value::as_bool) == Some(false) { name.to_lowercase() } else { name.to_owned() }
    }

    /// A user who has to be there.
    pub fn user(&mut self, name: &str) -> Result<&mut User, Refusal> {
        let key = self.key_of(name);
        self.users.get_mut(&key).ok_or_else(|| Refusal::new("UserNotFoundException", "User does not exist."))
    }

    /// An app client that has to be there.
    pub fn client(&self, id: &str) -> Result<&Client, Refusal> {
        self.clients.get(id).ok_or_else(|| no_client(id))
    }
}

fn policy(asked: Ask<'_>) -> Policy {
    Policy::of(asked.inner("Policies").inner("PasswordPolicy"))
}

/// What is told whoever names a client that is not there.
pub fn no_client(id: &str) -> Refusal {
    Refusal::new("ResourceNotFoundException", format!("User pool client {id} does not exist."))
}

/// An app client.
#[derive(Clone)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// How long what it is given lasts, in milliseconds.
    pub access_ms: i64,
    /// The same of id tokens.
    pub id_ms: i64,
    /// The same of refresh tokens.
    pub refresh_ms: i64,
    /// For how many milliseconds a refresh token that was used does once more; none: it is not used up by use.
    pub rotation_ms: Option<i64>,
    /// Whether it is kept from telling users that are missing from wrong passwords.
    pub hides_missing_users: bool,
    flows: Vec<String>,
    asked: Map<String, Value>,
    created: Wall,
    modified: Wall,
}

impl Client {
    /// A new client.
    pub fn new(asked: Ask<'_>, now: Wall, chance: &mut Chance) -> Result<Self, Refusal> {
        Self::read(chance.small::<26>(), asked, now)
    }

    fn read(id: String, asked: Ask<'_>, now: Wall) -> Result<Self, Refusal> {
        if asked.flag("GenerateSecret") == Some(true) {
            return Err(Refusal::parameter("This endpoint knows no clients with a secret."));
        }
        let rotation = asked.inner("RefreshTokenRotation");
        let grace = rotation.number("RetryGracePeriodSeconds").unwrap_or(0);
        if !(0..=60).contains(&grace) {
            return Err(broken("RefreshTokenRotation", "have value between 0 and 60"));
        }
        let is_rotating = rotation.given("Feature") == Some("ENABLED");
        let mut flows: Vec<String> =
            asked.list("ExplicitAuthFlows").filter_map(Value::as_str).map(str::to_owned).collect();
        if is_rotating && flows.iter().any(|flow| flow == REFRESH_FLOW) {
            let message = "ALLOW_REFRESH_TOKEN_AUTH is not compatible with refresh token rotation.";
            return Err(Refusal::parameter(message));
        }
        if flows.is_empty() {
            let by_default = DEFAULT_FLOWS.into_iter().filter(|flow| !is_rotating || *flow != REFRESH_FLOW);
            flows = by_default.map(str::to_owned).collect();
        }
        Ok(Self {
            id,
            access_ms: validity_ms(asked, "AccessToken", "hours", 1),
            id_ms: validity_ms(asked, "IdToken", "hours", 1),
            refresh_ms: validity_ms(asked, "RefreshToken", "days", REFRESH_DAYS),
            rotation_ms: is_rotating.then_some(grace * 1000),
            hides_missing_users: asked.given("PreventUserExistenceErrors") == Some("ENABLED"),
            flows,
            asked: asked.all(),
            created: now,
            modified: now,
        })
    }

    /// Changes it. Like Cognito it forgets what is not asked again.
    pub fn update(&mut self, asked: Ask<'_>, now: Wall) -> Result<(), Refusal> {
        let mut changed = Self::read(self.id.clone(), asked, now)?;
        changed.created = self.created;
        if let (None, Some(name)) = (asked.given("ClientName"), self.asked.get("ClientName")) {
            changed.asked.insert("ClientName".into(), name.clone());
        }
        *self = changed;
        Ok(())
    }

    /// Whether it may be used for a flow of InitiateAuth.
    pub fn check_flow(&self, flow: &str) -> Result<(), Refusal> {
        if self.flows.iter().any(|allowed| allowed.strip_prefix("ALLOW_").unwrap_or(allowed) == flow) {
            return Ok(());
        }
        Err(Refusal::parameter(match flow {
            "USER_SRP_AUTH" => "USER_SRP_AUTH is not enabled for the client.".to_owned(),
            "USER_PASSWORD_AUTH" => "USER_PASSWORD_AUTH flow not enabled for this client".to_owned(),
            _ => "Auth flow not enabled for this client".to_owned(),
        }))
    }

    /// As in DescribeUserPoolClient.
    pub fn described(&self, pool: &str) -> Value {
        let mut told = self.asked.clone();
        told.remove("GenerateSecret");
        told.entry("RefreshTokenValidity").or_insert_with(|| json!(REFRESH_DAYS));
        told.entry("EnableTokenRevocation").or_insert_with(|| json!(true));
        told.entry("PreventUserExistenceErrors").or_insert_with(|| json!("LEGACY"));
        told.extend([
            ("UserPoolId".into(), json!(pool)),
            ("ClientId".into(), json!(self.id)),
            ("ExplicitAuthFlows".into(), json!(self.flows)),
            ("CreationDate".into(), json!(seconds(self.created))),
            ("LastModifiedDate".into(), json!(seconds(self.modified))),
        ]);
        json!({ "UserPoolClient": told })
    }
}

/// How long a kind of token lasts, by its number and the unit of that. Zero is the default too.
fn validity_ms(asked: Ask<'_>, token: &str, default_unit: &str, default: i64) -> i64 {
    let number = asked.number(&format!("{token}Validity")).filter(|number| *number > 0);
    let unit = asked.inner("TokenValidityUnits").given(token).unwrap_or(default_unit);
    let unit_ms = |unit: &str| match unit {
        "seconds" => 1000,
        "minutes" => 60_000,
        "hours" => 3_600_000,
        _ => 86_400_000,
    };
    number.map_or(default * unit_ms(default_unit), |number| number.saturating_mul(unit_ms(unit)))
}
