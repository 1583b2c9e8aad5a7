//! Decides whether a request looks signed: Signature Version 4, for the right service, at about the right time.
//!
//! The signature itself is not computed anew: made-up credentials must do here. Everything else that AWS looks at is.
//!
//! Pure: no I/O, no clock, no tasks.

use super::clock::amz_date;
use super::refusal::Refusal;
use crate::record::Wall;

/// How far a request's time may be from the endpoint's: 5 minutes (AWS, "Troubleshoot Signature Version 4").
const TOLERANCE_MS: i64 = 5 * 60 * 1000;

/// What a request carries to prove who sent it.
pub struct Signed<'a> {
    /// The header `authorization`.
    pub authorization: Option<&'a str>,
    /// The header `x-amz-date`.
    pub date: Option<&'a str>,
}

impl<'a> Signed<'a> {
    /// A part of the scope `KEY/20261121/us-east-1/logs/aws4_request`; empty where there is none.
    fn scope(&self, part: usize) -> &'a str {
        let credential = self.authorization.and_then(|text| text.split_once("Credential=")).map(|(_, rest)| rest);
        let scope = credential.and_then(|rest| rest.split([',', ' ']).next());
        scope.and_then(|scope| scope.split('/').nth(part)).unwrap_or_default()
    }

    /// The id of the key that signed.
    pub fn access_key(&self) -> &'a str {
        self.scope(0)
    }

    /// The region that it is signed for.
    pub fn region(&self) -> &'a str {
        self.scope(2)
    }
}

/// Checks the form of a signature for `service` (`logs`, `monitoring`) at the endpoint's time `now`.
pub fn check(signed: &Signed<'_>, service: &str, now: Wall) -> Result<(), Refusal> {
    let Some(authorization) = signed.authorization else {
        return Err(Refusal::new("MissingAuthenticationTokenException", "Missing Authentication Token"));
    };
    let Some(parameters) = authorization.strip_prefix("AWS4-HMAC-SHA256 ") else {
        return Err(Refusal::new("MissingAuthenticationTokenException", "Missing Authentication Token"));
    };
    let value = |name: &str| parameters.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let (Some(credential), Some(headers), Some(signature)) =
        (value("Credential"), value("SignedHeaders"), value("Signature"))
    else {
        return Err(incomplete(
            "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.",
        ));
    };
    if signature.len() != 64 || !signature.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(incomplete("'Signature' must be 64 hexadecimal digits."));
    }
    if !headers.split(';').any(|name| name == "host") {
        return Err(incomplete("'Host' must be a 'SignedHeader' in the AWS Authorization."));
    }
    check_scope(credential, service)?;
    check_time(signed.date, now)
}

/// `KEY/20261121/us-east-1/logs/aws4_request`
fn check_scope(credential: &str, service: &str) -> Result<(), Refusal> {
    let parts: Vec<&str> = credential.split('/').collect();
    let [key, day, region, scope, "aws4_request"] = parts[..] else {
        return Err(incomplete("Credential must have exactly 5 slash-delimited elements."));
    };
    if key.is_empty() || region.is_empty() || day.len() != 8 {
        return Err(incomplete("Credential must name a key, a date and a region."));
    }
    if scope != service {
        let message = format!("Credential should be scoped to correct service: '{service}'.");
        return Err(Refusal::new("InvalidSignatureException", message));
    }
    Ok(())
}

fn check_time(date: Option<&str>, now: Wall) -> Result<(), Refusal> {
    let Some(at) = date.and_then(amz_date) else {
        return Err(incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."));
    };
    let late_ms = now.0 - at.0;
    if late_ms.abs() <= TOLERANCE_MS {
        return Ok(());
    }
    let (word, relation) = if late_ms > 0 { ("expired", "earlier") } else { ("not yet current", "later") };
    let message = format!(
        "Signature {word}: {} is now {relation} than the time of this endpoint, and more than 5 min. from it",
        date.unwrap_or_default()
    );
    Err(Refusal::new("InvalidSignatureException", message))
}

fn incomplete(message: &str) -> Refusal {
    Refusal::new("IncompleteSignatureException", message)
}
