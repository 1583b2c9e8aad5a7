//! Signing in: by SRP in two steps, by password in one, and the new password that somebody with a temporary one has to set.
//!
//! A challenge is answered once and within three minutes, by the client that got it. Whoever proves anything else hears the
//! same two words whatever was wrong.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::ask::Ask;
use super::chance::Chance;
use super::pools::{Client, UserPool};
use super::users::{Status, not_authorized};
use crate::local::refusal::Refusal;
use crate::record::Wall;
use crate::srp::{self, Claim, Server, SrpError, Verifier};

/// How long a challenge waits for its answer: `AuthSessionValidity` is 3 minutes by default (the service's model).
const PATIENCE_MS: i64 = 3 * 60 * 1000;
/// How far a claim's time may be from the endpoint's. Cognito's own bound is not documented; that it refuses a clock which is
/// "more than 5 minutes" off is what users report (amazon-cognito-auth-js, issue 199, read 2026-11-21).
const TOLERANCE_MS: i64 = 5 * 60 * 1000;

/// Challenges that wait for their answers.
#[derive(Default)]
pub struct SignIns {
    /// By secret block.
    proofs: BTreeMap<Vec<u8>, Proof>,
    /// By session.
    renewals: BTreeMap<String, Renewal>,
}

/// PASSWORD_VERIFIER.
struct Proof {
    client: String,
    /// Under what the user is kept; none where there is no such user and the client must not hear of it.
    user: Option<String>,
    user_id: String,
    server: Server,
    until: Wall,
}

/// NEW_PASSWORD_REQUIRED.
struct Renewal {
    client: String,
    user: String,
    until: Wall,
}

fn wrong() -> Refusal {
    not_authorized("Incorrect username or password.")
}

fn parameter<'a>(asked: Ask<'a>, name: &str) -> Result<&'a str, Refusal> {
    asked.given(name).ok_or_else(|| Refusal::parameter(format!("Missing required parameter {name}")))
}

impl UserPool {
    /// InitiateAuth, with the members `AuthFlow` and `AuthParameters`.
    pub fn initiate(
        &mut self,
        client: &Client,
        asked: Ask<'_>,
        now: Wall,
        chance: &mut Chance,
    ) -> Result<Value, Refusal> {
        let flow = asked.text("AuthFlow")?;
        let flow = if flow == "REFRESH_TOKEN" { "REFRESH_TOKEN_AUTH" } else { flow };
        client.check_flow(flow)?;
        let given = asked.inner("AuthParameters");
        match flow {
            "USER_SRP_AUTH" => self.challenge(client, given, now, chance),
            "USER_PASSWORD_AUTH" => self.password(client, given, now, chance),
            "REFRESH_TOKEN_AUTH" => self.refresh(client, parameter(given, "REFRESH_TOKEN")?, now, chance),
            _ => Err(Refusal::parameter("Initiate Auth method not supported.")),
        }
    }

    fn challenge(&mut self, client: &Client, given: Ask<'_>, now: Wall, chance: &mut Chance) -> Result<Value, Refusal> {
        let (name, srp_a) = (parameter(given, "USERNAME")?, parameter(given, "SRP_A")?);
        let pool_name = srp::pool_name(&self.id).to_owned();
        let (policy, key) = (self.policy, self.key_of(name));
        let (user, user_id, verifier) = match self.users.get_mut(&key) {
            Some(user) => {
                user.may_try(now, &policy)?;
                (Some(key), user.name.clone(), user.verifier(&pool_name))
            }
            None if client.hides_missing_users => {
                let verifier = Verifier::new(&pool_name, name, &chance.word::<32>(), &chance.bytes::<16>());
                (None, name.to_owned(), verifier)
            }
            None => return Err(Refusal::new("UserNotFoundException", "User does not exist.")),
        };
        let server = Server::new(&verifier, srp_a, &chance.bytes()).map_err(not_srp)?;
        let secret_block = chance.bytes::<64>().to_vec();
        let answer = json!({
            "ChallengeName": "PASSWORD_VERIFIER",
            "ChallengeParameters": {
                "USERNAME": user_id, "USER_ID_FOR_SRP": user_id, "SALT": verifier.salt(), "SRP_B": server.srp_b(),
                "SECRET_BLOCK": STANDARD.encode(&secret_block),
            },
        });
        let until = Wall(now.0 + PATIENCE_MS);
        self.sign_ins.proofs.retain(|_, proof| proof.until > now);
        self.sign_ins.proofs.insert(secret_block, Proof { client: client.id.clone(), user, user_id, server, until });
        Ok(answer)
    }

    fn password(&mut self, client: &Client, given: Ask<'_>, now: Wall, chance: &mut Chance) -> Result<Value, Refusal> {
        let (name, password) = (parameter(given, "USERNAME")?, parameter(given, "PASSWORD")?);
        let (policy, key) = (self.policy, self.key_of(name));
        let user = match self.user(name) {
            Err(_) if client.hides_missing_users => return Err(wrong()),
            user => user?,
        };
        user.may_try(now, &policy)?;
        if !user.has_password(password) {
            user.failed(now);
            return Err(wrong());
        }
        Ok(self.admit(client, &key, now, chance))
    }

    /// RespondToAuthChallenge, with the members `ChallengeName`, `ChallengeResponses` and `Session`.
    pub fn respond(
        &mut self,
        client: &Client,
        asked: Ask<'_>,
        now: Wall,
        chance: &mut Chance,
    ) -> Result<Value, Refusal> {
        let given = asked.inner("ChallengeResponses");
        match asked.text("ChallengeName")? {
            "PASSWORD_VERIFIER" => self.prove(client, given, now, chance),
            "NEW_PASSWORD_REQUIRED" => {
                let session = asked.given("Session").unwrap_or_default();
                let renewal = self.sign_ins.renewals.get(session).filter(|held| held.until > now);
                let renewal = renewal.filter(|held| held.client == client.id);
                let expired = || not_authorized("Invalid session for the user, session is expired.");
                let user = renewal.map(|held| held.user.clone()).ok_or_else(expired)?;
                let password = parameter(given, "NEW_PASSWORD")?;
                self.policy.check(password)?;
                self.user(&user)?.set_password(password, true, now, chance);
                self.sign_ins.renewals.remove(session);
                Ok(self.admit(client, &user, now, chance))
            }
            _ => Err(Refusal::parameter("The challenge is not known to this endpoint.")),
        }
    }

    fn prove(&mut self, client: &Client, given: Ask<'_>, now: Wall, chance: &mut Chance) -> Result<Value, Refusal> {
        let name = parameter(given, "USERNAME")?;
        let timestamp = parameter(given, "TIMESTAMP")?;
        let signature = parameter(given, "PASSWORD_CLAIM_SIGNATURE")?;
        let secret_block = parameter(given, "PASSWORD_CLAIM_SECRET_BLOCK")?;
        let at = claimed_at(timestamp)?;
        let secret_block = STANDARD.decode(secret_block).map_err(|_| wrong())?;
        let proof = self.sign_ins.proofs.remove(&secret_block).ok_or_else(wrong)?;
        let is_for_them = proof.client == client.id && self.key_of(&proof.user_id) == self.key_of(name);
        if !is_for_them || proof.until <= now || (at.0 - now.0).abs() > TOLERANCE_MS {
            return Err(wrong());
        }
        let (policy, pool_name) = (self.policy, srp::pool_name(&self.id).to_owned());
        let key = proof.user.as_ref().ok_or_else(wrong)?;
        let user = self.users.get_mut(key).ok_or_else(wrong)?;
        user.may_try(now, &policy)?;
        let claim =
            Claim { pool_name: &pool_name, user_id: &proof.user_id, secret_block: &secret_block, timestamp, signature };
        if !proof.server.accepts(&claim).map_err(not_srp)? {
            user.failed(now);
            return Err(wrong());
        }
        Ok(self.admit(client, key, now, chance))
    }

    /// Somebody knew the password: tokens, or a challenge to set one that is not temporary.
    fn admit(&mut self, client: &Client, key: &str, now: Wall, chance: &mut Chance) -> Value {
        let is_temporary = self.users.get_mut(key).is_some_and(|user| {
            user.succeeded();
            user.status == Status::ForceChangePassword
        });
        if !is_temporary {
            return self.open_session(client, key, now, chance);
        }
        let session = chance.word::<128>();
        let renewal = Renewal { client: client.id.clone(), user: key.to_owned(), until: Wall(now.0 + PATIENCE_MS) };
        self.sign_ins.renewals.retain(|_, held| held.until > now);
        self.sign_ins.renewals.insert(session.clone(), renewal);
        json!({
            "ChallengeName": "NEW_PASSWORD_REQUIRED",
            "Session": session,
            "ChallengeParameters": { "USER_ID_FOR_SRP": key, "requiredAttributes": "[]", "userAttributes": "{}" },
        })
    }
}

fn not_srp(error: SrpError) -> Refusal {
    Refusal::parameter(error.to_string())
}

/// When a claim says that it was made.
fn claimed_at(timestamp: &str) -> Result<Wall, Refusal> {
    let read = jiff::fmt::strtime::parse("%a %b %d %H:%M:%S UTC %Y", timestamp).and_then(|time| time.to_datetime());
    let at = read.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC)).map(|time| time.timestamp());
    let at = at.ok().filter(|at| srp::timestamp(at.as_second()) == timestamp);
    let wrong = || Refusal::parameter("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.");
    at.map(|at| Wall(at.as_millisecond())).ok_or_else(wrong)
}
