//! The tokens of a sign-in: what they say, how long they hold, and how a refresh token is spent.
//!
//! Id and access tokens are signed and not kept, so a sign-in costs one entry however often it is refreshed. With rotation a
//! refresh token is spent by its first use; one that comes again after its grace is refused by an error of its own. Refreshing
//! never lengthens a sign-in.
//!
//! Pure: no I/O, no clock, no tasks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::chance::Chance;
use super::pools::{Client, UserPool};
use super::users::not_authorized;
use crate::local::refusal::Refusal;
use crate::record::Wall;

/// A sign-in that is done.
pub struct Session {
    client: String,
    /// Under what the user is kept.
    user: String,
    sub: String,
    since: Wall,
    until: Wall,
    /// The refresh token that does.
    current: String,
    /// The one before it, and until when it still does.
    spent: Option<(String, Wall)>,
    is_revoked: bool,
}

impl UserPool {
    /// Signs a user in: the answer, with all three tokens.
    pub fn open_session(&mut self, client: &Client, user: &str, now: Wall, chance: &mut Chance) -> Value {
        self.sessions.retain(|_, session| session.until > now);
        let origin = chance.uuid();
        let current = refresh_token(&origin, chance);
        let session = Session {
            client: client.id.clone(),
            user: user.to_owned(),
            sub: self.users.get(user).map(|user| user.sub.clone()).unwrap_or_default(),
            since: now,
            until: Wall(now.0.saturating_add(client.refresh_ms)),
            current: current.clone(),
            spent: None,
            is_revoked: false,
        };
        let mut answer = self.tokens(client, &origin, &session, now, chance);
        answer["AuthenticationResult"]["RefreshToken"] = json!(current);
        self.sessions.insert(origin, session);
        answer
    }

    /// New tokens for a refresh token, and with rotation a new refresh token.
    pub fn refresh(&mut self, client: &Client, token: &str, now: Wall, chance: &mut Chance) -> Result<Value, Refusal> {
        let invalid = || not_authorized("Invalid Refresh Token");
        let origin = token.split_once('.').map(|(origin, _)| origin.to_owned()).ok_or_else(invalid)?;
        let mut session = self.sessions.remove(&origin).ok_or_else(invalid)?;
        let checked = session.check(client, token, now);
        let is_known = self.users.get(&session.user).is_some_and(|user| user.is_enabled && user.sub == session.sub);
        let result = checked.and_then(|()| if is_known { Ok(()) } else { Err(invalid()) }).map(|()| {
            let mut answer = self.tokens(client, &origin, &session, now, chance);
            if let Some(grace_ms) = client.rotation_ms {
                let next = refresh_token(&origin, chance);
                if token == session.current {
                    session.spent = Some((token.to_owned(), Wall(now.0 + grace_ms)));
                }
                session.current.clone_from(&next);
                answer["AuthenticationResult"]["RefreshToken"] = json!(next);
            }
            answer
        });
        self.sessions.insert(origin, session);
        result
    }

    /// Ends the sign-in that a refresh token is of. Whether there was one does not matter to Cognito.
    pub fn revoke(&mut self, client: &str, token: &str) {
        let origin = token.split_once('.').map_or("", |(origin, _)| origin);
        if let Some(session) = self.sessions.get_mut(origin).filter(|session| session.client == client) {
            session.is_revoked = true;
        }
    }

    /// Ends every sign-in of a user, who may be gone.
    pub fn sign_out(&mut self, sub: &str) {
        self.sessions.values_mut().filter(|session| session.sub == sub).for_each(|session| session.is_revoked = true);
    }

    /// Whether a sign-in was not ended.
    pub fn is_open(&self, origin: &str) -> bool {
        self.sessions.get(origin).is_some_and(|session| !session.is_revoked)
    }

    fn tokens(&self, client: &Client, origin: &str, session: &Session, now: Wall, chance: &mut Chance) -> Value {
        let name = self.users.get(&session.user).map_or("", |user| &user.name);
        let mut token = |kind: &str, ms: i64| {
            let mut claims = json!({
                "sub": session.sub, "iss": format!("https://{}", self.provider()), "token_use": kind,
                "origin_jti": origin, "jti": chance.uuid(), "event_id": chance.uuid(),
                "auth_time": session.since.0 / 1000, "iat": now.0 / 1000, "exp": (now.0 + ms) / 1000,
            });
            let of_kind = if kind == "id" {
                [("aud", json!(client.id)), ("cognito:username", json!(name)), ("email_verified", json!(false))]
            } else {
                [
                    ("client_id", json!(client.id)),
                    ("username", json!(name)),
                    ("scope", json!("aws.cognito.signin.user.admin")),
                ]
            };
            for (claim, value) in of_kind {
                claims[claim] = value;
            }
            sign(&self.key, &claims)
        };
        let (id, access) = (token("id", client.id_ms), token("access", client.access_ms));
        json!({
            "ChallengeParameters": {},
            "AuthenticationResult": {
                "IdToken": id, "AccessToken": access, "ExpiresIn": client.access_ms / 1000, "TokenType": "Bearer",
            },
        })
    }
}

impl Session {
    /// Whether a refresh token does.
    fn check(&self, client: &Client, token: &str, now: Wall) -> Result<(), Refusal> {
        if self.client != client.id {
            return Err(not_authorized("Invalid Refresh Token"));
        }
        if self.is_revoked {
            return Err(not_authorized("Refresh Token has been revoked"));
        }
        if self.until <= now {
            return Err(not_authorized("Refresh Token has expired"));
        }
        match &self.spent {
            _ if self.current == token => Ok(()),
            Some((spent, until)) if spent == token && *until > now => Ok(()),
            _ => {
                let message = "Refresh token has been invalidated by refresh token rotation.";
                Err(Refusal::new("RefreshTokenReuseException", message))
            }
        }
    }
}

fn refresh_token(origin: &str, chance: &mut Chance) -> String {
    format!("{origin}.{}", chance.word::<64>())
}

/// A JSON web token with a MAC. AWS signs with RSA; whoever asks for a token does not look.
pub fn sign(key: &[u8; 32], claims: &Value) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = mac(key, &text).map(|mac| URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    format!("{text}.{}", signature.unwrap_or_default())
}

/// The claims of a token, unverified: whose key is to be used stands in them.
pub fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// Whether a token was signed with that key.
pub fn is_signed(key: &[u8; 32], token: &str) -> bool {
    let Some((text, signature)) = token.rsplit_once('.') else { return false };
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
    mac(key, text).is_some_and(|mac| mac.verify_slice(&signature).is_ok())
}

/// A key of any length will do, so there always is one.
fn mac(key: &[u8; 32], text: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}
