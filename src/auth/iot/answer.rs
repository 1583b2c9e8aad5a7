//! What the credential provider answered: credentials, or what a person has to look at.
//!
//! Pure.

use aws_credential_types::Credentials;
use aws_smithy_types::date_time::{DateTime, Format};
use serde::Deserialize;

use crate::auth::error::SignInError;

#[derive(Deserialize)]
struct Answer {
    credentials: Keys,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// The credentials in an answer with `status`, or why there are none.
pub(super) fn credentials(status: u16, body: &[u8], role_alias: &str) -> Result<Credentials, SignInError> {
    if status == 200 {
        return keys(body)
            .ok_or_else(|| SignInError::Unreachable("the answer holds no credentials: it is not AWS's".to_owned()));
    }
    // A portal's or proxy's page stands in AWS's place and says nothing about us.
    let Ok(Refusal { message }) = serde_json::from_slice(body) else {
        return Err(match status {
            429 | 500.. => SignInError::Busy(format!("AWS answers {status}")),
            _ => SignInError::Unreachable(format!(
                "the answer {status} is not AWS's: is there a portal or proxy between?"
            )),
        });
    };
    Err(match status {
        403 => SignInError::Rejected(format!(
            "AWS answers 403, `{message}`: is the certificate active and attached to this thing, does a policy on it allow \
             iot:AssumeRoleWithCertificate on the role alias `{role_alias}`, and does the alias's role trust \
             credentials.iot.amazonaws.com?"
        )),
        404 => SignInError::Rejected(format!(
            "AWS answers 404, `{message}`: is there a role alias `{role_alias}` in the account and region of `iotUrl`?"
        )),
        400 => SignInError::Rejected(format!("AWS answers 400, `{message}`: are roleAlias and thingName right?")),
        429 | 500.. => SignInError::Busy(format!("AWS answers {status}, `{message}`")),
        _ => SignInError::Unreachable(format!("the answer is {status}, `{message}`")),
    })
}

fn keys(body: &[u8]) -> Option<Credentials> {
    let keys = serde_json::from_slice::<Answer>(body).ok()?.credentials;
    let expiration = DateTime::from_str(&keys.expiration, Format::DateTimeWithOffset).ok()?.try_into().ok()?;
    let Keys { access_key_id, secret_access_key, session_token, .. } = keys;
    Some(Credentials::new(access_key_id, secret_access_key, Some(session_token), Some(expiration), "AwsIot"))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn credentials_are_read_with_their_end() {
        let body = br#"{"credentials":{"accessKeyId":"AKI","secretAccessKey":"SEC","sessionToken":"TOK",
            "expiration":"2026-11-21T08:00:00Z"}}"#;
        let found = credentials(200, body, "a").unwrap();
        assert_eq!((found.access_key_id(), found.session_token()), ("AKI", Some("TOK")));
        assert_eq!(found.expiry(), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_248_000)));
    }

    #[test]
    fn every_status_has_its_reaction() {
        let said = br#"{"message":"Access Denied"}"#.as_slice();
        let page = b"<html>Sign in to the hotel</html>".as_slice();
        let cases = [
            (403, said, "rejected"),
            (403, page, "unreachable"),
            (404, said, "rejected"),
            (400, said, "rejected"),
            (429, said, "busy"),
            (429, b"", "busy"),
            (500, said, "busy"),
            (503, page, "busy"),
            (302, page, "unreachable"),
            (418, said, "unreachable"),
            (200, page, "unreachable"),
            (200, br#"{"credentials":{}}"#, "unreachable"),
        ];
        for (status, body, expected) in cases {
            let found = match credentials(status, body, "alias").unwrap_err() {
                SignInError::Unreachable(_) => "unreachable",
                SignInError::Busy(_) => "busy",
                SignInError::Rejected(_) => "rejected",
            };
            assert_eq!(found, expected, "{status} {}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_refusal_says_what_to_look_at() {
        let told = credentials(403, br#"{"message":"Access Denied"}"#, "fleet").unwrap_err().to_string();
        for word in ["Access Denied", "iot:AssumeRoleWithCertificate", "`fleet`", "credentials.iot.amazonaws.com"] {
            assert!(told.contains(word), "{told}");
        }
    }
}
