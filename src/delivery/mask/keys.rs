//! Finds what opens doors by its form or by the word beside it: AWS keys, `Authorization` headers, JSON web tokens.
//!
//! The word beside it stays, and so does the scheme: `Authorization: Bearer …`. Easy to break: 40 characters alone say nothing;
//! a commit's hash has as many.
//!
//! Pure: no I/O, no clock, no tasks.

use std::ops::Range;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use memchr::memmem;
use regex::Regex;

use super::quotes::Quote;
use super::{MASKED, before, is_alphanumeric, run};

/// What stands in place of all that AWS gave.
const INSTEAD: &str = "[aws key]";

/// One of these is in every record in which something is found by a word.
pub(super) const WORDS: &str = r"(?i-u:authorization|bearer|\bbasic|secret|token)";

/// The name of a secret (group 1) or of a session token (group 2), and what stands before its value.
const AWS: &str = concat!(
    r"(?i-u)(?:(secret[_-]?access[_-]?key|aws[_-]?secret[_-]?key|secret[_-]?key)|((?:session|security)[_-]?token))",
    r#"(?:\\*["'])?\]?\s*(?:=>|[:=>,])?\s*(?:\\*["'])?"#,
);
const HEADER: &str = r#"(?i-u)(?:proxy-)?authorization((?:\\*["'])?\]?\s*(?:=>|[:=,])\s*)"#;
const BARE: &str = r"(?i-u)\b(bearer|basic)\s+([a-z0-9._~+/=-]+)";

/// Length of a secret access key. Source: IAM's user guide, "Manage access keys".
const SECRET: usize = 40;
/// Length of an access key's id behind `AKIA` and `ASIA`.
const ID_REST: usize = 16;
/// A session token is far longer.
const LEAST_TOKEN: usize = 16;

/// Schemes of which one token follows.
const ONE_TOKEN: [&str; 5] = ["basic", "bearer", "negotiate", "ntlm", "apikey"];
/// Schemes of which a list of parameters follows.
const PARAMETERS: [&str; 8] =
    ["digest", "token", "hawk", "oauth", "signature", "mutual", "aws4-hmac-sha256", "aws4-ecdsa-p256-sha256"];

/// Finds words that have something secret beside them.
#[derive(Clone, Debug)]
pub(super) struct Names {
    aws: Regex,
    header: Regex,
    bare: Regex,
}

impl Names {
    pub(super) fn new() -> Result<Self, regex::Error> {
        Ok(Self { aws: Regex::new(AWS)?, header: Regex::new(HEADER)?, bare: Regex::new(BARE)? })
    }

    /// Adds the credentials of headers; answers what stands in their place.
    pub(super) fn authorization(&self, text: &str, found: &mut Vec<Range<usize>>) -> &'static str {
        for header in self.header.find_iter(text) {
            found.extend(credentials(text, header.start(), header.end()));
        }
        for captures in self.bare.captures_iter(text) {
            let (Some(scheme), Some(token)) = (captures.get(1), captures.get(2)) else { continue };
            let secret = token.as_str().trim_end_matches('.');
            if is_credential(scheme.as_str(), secret) {
                found.push(token.start()..token.start() + secret.len());
            }
        }
        MASKED
    }
}

/// What is secret of a header whose name begins at `name` and whose value begins at `at`.
fn credentials(text: &str, name: usize, at: usize) -> Option<Range<usize>> {
    let (start, end) = match Quote::opening(text, at) {
        Some((quote, inside)) => (inside, quote.closing(text, inside)),
        None => (at, Quote::before(text, name).map_or(text.len(), |quote| quote.closing(text, at))),
    };
    let value = text.get(start..end)?;
    let value = value.find(['\r', '\n']).map_or(value, |end| &value[..end]);
    let value = ["\\r", "\\n"].iter().fold(value, |value, end| value.split(end).next().unwrap_or(value));
    let scheme = value.split(' ').next().unwrap_or_default();
    let is_any = |schemes: &[&str]| schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let (start, secret) = match value.get(scheme.len() + 1..) {
        Some(rest) if is_any(&ONE_TOKEN) => (start + scheme.len() + 1, one_token(rest)),
        Some(rest) if is_any(&PARAMETERS) => (start + scheme.len() + 1, rest),
        _ => (start, value),
    };
    (!secret.is_empty() && !secret.starts_with(MASKED)).then_some(start..start + secret.len())
}

fn one_token(text: &str) -> &str {
    if text.starts_with(MASKED) {
        return MASKED;
    }
    let end = text.find(|c: char| c.is_whitespace() || "\"'`,;<>()[]{}\\".contains(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Whether it is one where no header stands before it: `bearer of news` is none.
fn is_credential(scheme: &str, token: &str) -> bool {
    if scheme.eq_ignore_ascii_case("basic") {
        let bytes = BASE64_STANDARD_NO_PAD.decode(token.trim_end_matches('='));
        return bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok()).is_some_and(|pair| pair.contains(':'));
    }
    let has_digit = token.bytes().any(|byte| byte.is_ascii_digit());
    token.len() >= 24 || (token.len() >= 8 && has_digit)
}

/// Adds the ids of access keys, their secrets and session tokens; answers what stands in their place.
pub(super) fn aws(names: Option<&Names>, text: &str, found: &mut Vec<Range<usize>>) -> &'static str {
    for prefix in ["AKIA", "ASIA"] {
        for start in memmem::find_iter(text.as_bytes(), prefix) {
            let id = start + prefix.len();
            let length = run(text, id, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
            let end = id + length;
            if length != ID_REST || is_alphanumeric(before(text, start)) || is_alphanumeric(byte(text, end)) {
                continue;
            }
            found.push(start..end);
            // Lists of credentials have the secret right behind it.
            let secret = end + run(text, end, |byte| b",;: \t\"'".contains(&byte)).min(4);
            found.extend((secret > end).then(|| secret_at(text, secret)).flatten());
        }
    }
    let Some(names) = names else { return INSTEAD };
    for captures in names.aws.captures_iter(text) {
        let Some(all) = captures.get(0) else { continue };
        let at = all.end();
        found.extend(match captures.get(1) {
            Some(_) => secret_at(text, at),
            None => {
                let length = run(text, at, |byte| is_of_secret(byte) || byte == b'%');
                (length >= LEAST_TOKEN).then_some(at..at + length)
            }
        });
    }
    INSTEAD
}

fn byte(text: &str, at: usize) -> Option<u8> {
    text.as_bytes().get(at).copied()
}

fn is_of_secret(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+' | b'=')
}

fn secret_at(text: &str, at: usize) -> Option<Range<usize>> {
    (run(text, at, is_of_secret) == SECRET).then_some(at..at + SECRET)
}

/// Adds the JSON web tokens; answers what stands in their place.
pub(super) fn jwt(text: &str, found: &mut Vec<Range<usize>>) -> &'static str {
    let mut free = 0;
    for start in memmem::find_iter(text.as_bytes(), "eyJ") {
        let is_inside = before(text, start).is_some_and(is_of_token);
        if start >= free
            && !is_inside
            && let Some(end) = token(text, start)
        {
            found.push(start..end);
            free = end;
        }
    }
    "[jwt]"
}

/// Where a token ends that begins here: three parts, or five where it is encrypted, of which the first is JSON.
fn token(text: &str, start: usize) -> Option<usize> {
    let (mut at, mut parts) = (start, 0);
    loop {
        let length = run(text, at, is_of_token);
        if parts == 0 {
            let header = BASE64_URL_SAFE_NO_PAD.decode(text.get(at..at + length)?).ok()?;
            serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&header).ok()?;
        }
        // An encrypted token may have an empty part.
        if length == 0 && (parts < 3 || byte(text, at) != Some(b'.')) && parts != 1 {
            break;
        }
        (at, parts) = (at + length, parts + 1);
        if byte(text, at) != Some(b'.') || parts == 5 {
            break;
        }
        at += 1;
    }
    let end = if before(text, at) == Some(b'.') { at - 1 } else { at };
    (parts >= 3).then_some(end)
}

fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
