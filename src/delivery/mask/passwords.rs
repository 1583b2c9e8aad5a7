//! Finds the values of fields whose name says that they are secret, and passwords in addresses.
//!
//! The name stays, and so does all that stands around the value: `password=…`, `"password": "…"`, `DB_PASSWORD='…'`,
//! `--password …`, `<password>…</password>`, `https://user:…@host`. Easy to break: where a value ends. In doubt more is masked.
//!
//! Pure: no I/O, no clock, no tasks.

use std::ops::Range;

use regex::Regex;

use super::quotes::Quote;
use super::{MASKED, before, is_alphanumeric, run};

/// One of these is in every record in which something is found.
pub(super) const WORDS: &str = concat!(
    r"(?i-u:pass|pwd|secret|token|credential|(?:api|access|private|auth|encryption|signing|master)[_-]?key)",
    r"|://[^\x00-\x20/]*@",
);

/// A name, and what stands between it and its value.
const FIELD: &str = concat!(
    r"(?i-u)(?:passwords?|passwd|passphrase|passcode|pwd|secrets?|token|credentials?|\bpass|[_-]pass|(?-i:[a-z]Pass)|",
    r"(?:api|access|secret|private|auth|encryption|signing|master)[_-]?key)",
    r"(?:[_-]?(?:[0-9]+|confirm|confirmation|hash|value|plain|old|new|b64|base64))?",
    r#"((?:\\*["'])?\]?\s*(?:=>|:=|==?|:)\s*|(?:\s[a-z0-9_:."'= /#-]*)?>\s*|(?:\\*["'])?\s*,\s*|\s+)"#,
);

const ADDRESS: &str = r"(?i-u)\b[a-z][a-z0-9+.-]*://";

/// Values that are no secret.
const NO_SECRETS: [&str; 8] = ["null", "none", "nil", "true", "false", "undefined", "yes", "no"];
/// Words that stand before a token.
const SCHEMES: [&str; 3] = ["bearer", "basic", "token"];

/// Finds names that say that a value is secret.
#[derive(Clone, Debug)]
pub(super) struct Names {
    field: Regex,
    address: Regex,
}

impl Names {
    pub(super) fn new() -> Result<Self, regex::Error> {
        Ok(Self { field: Regex::new(FIELD)?, address: Regex::new(ADDRESS)? })
    }

    /// Adds the values; answers what stands in their place.
    pub(super) fn find(&self, text: &str, found: &mut Vec<Range<usize>>) -> &'static str {
        let mut at = 0;
        while let Some((name, separator)) = self.next_field(text, at) {
            at = separator.end;
            let joint = text.get(separator.clone()).unwrap_or_default().trim();
            let value = match joint.trim_start_matches(['\\', '"', '\'']).trim_start().as_bytes().first() {
                None | Some(b',') => is_option(text, name).then(|| value(text, at)).flatten(),
                _ if joint.ends_with('>') && !joint.ends_with("=>") => element(text, name, at),
                _ if is_path(text, &separator) => None,
                _ => match texts(text, at, found) {
                    Some(end) => {
                        at = end;
                        None
                    }
                    None => list(text, at).or_else(|| value(text, at)),
                },
            };
            if let Some(value) = value {
                at = value.end;
                found.push(value);
            }
        }
        let passwords = self.address.find_iter(text).filter_map(|scheme| password(text, scheme.end()));
        found.extend(passwords);
        MASKED
    }

    fn next_field(&self, text: &str, from: usize) -> Option<(usize, Range<usize>)> {
        let mut places = self.field.capture_locations();
        let name = self.field.captures_read_at(&mut places, text, from)?.start();
        places.get(1).map(|(start, end)| (name, start..end))
    }
}

/// Whether the name belongs to an option of a command: `--db-password`.
fn is_option(text: &str, name: usize) -> bool {
    let left = text.as_bytes().get(..name).unwrap_or_default();
    let word = left.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).count();
    // The name itself may begin with the dash: `-pass`.
    text.as_bytes().get(name - word) == Some(&b'-') && !is_alphanumeric(before(text, name - word))
}

/// The text of `<password>…</password>`.
fn element(text: &str, name: usize, at: usize) -> Option<Range<usize>> {
    let left = text.as_bytes().get(..name)?;
    let word = left.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte)).count();
    if before(text, name - word) != Some(b'<') {
        return None;
    }
    let end = at + text.get(at..)?.find("</")?;
    (end > at).then_some(at..end)
}

/// Whether the name is the beginning of a longer one: `Token::new`, `secret://`.
fn is_path(text: &str, separator: &Range<usize>) -> bool {
    text.get(separator.clone()) == Some(":")
        && text.get(separator.end..).is_some_and(|rest| rest.starts_with(':') || rest.starts_with("//"))
}

/// Adds the texts of a list, `["…", "…"]`; answers where the last one ends.
fn texts(text: &str, at: usize, found: &mut Vec<Range<usize>>) -> Option<usize> {
    let behind_blanks = |at: usize| at + run(text, at, |byte| byte.is_ascii_whitespace());
    let mut at = behind_blanks(text.get(at..)?.strip_prefix('[').map(|_| at + 1)?);
    let mut last = None;
    while let Some((quote, inside)) = Quote::opening(text, at) {
        let end = quote.closing(text, inside);
        found.push(inside..end);
        last = Some(end);
        let next = behind_blanks(end + run(text, end, |byte| byte == b'\\') + 1);
        match text.as_bytes().get(next) {
            Some(b',') => at = behind_blanks(next + 1),
            _ => break,
        }
    }
    last
}

/// What stands between the brackets of a list without quotes: `[a, b]`, `{ a }`.
fn list(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let end = match rest.as_bytes().first()? {
        b'[' => rest.find(']')?,
        b'{' => rest.find('}')?,
        _ => return None,
    };
    let (inside, after) = (rest.get(1..end)?, rest.get(end + 1..)?);
    let is_whole = is_border(after) || after.starts_with([',', ';', '.']);
    let text = inside.trim();
    let is_plain = !text.is_empty() && !text.contains(['[', '{', '\n']) && !is_structure(rest);
    let start = at + 1 + inside.len() - inside.trim_start().len();
    (is_whole && is_plain && !rest.starts_with(MASKED)).then(|| start..start + text.len())
}

/// Whether several values follow, which have names of their own: `{"user": …`, `{ user: …`, `[[…`.
fn is_structure(rest: &str) -> bool {
    let Some(inside) = rest.strip_prefix(['{', '[']) else { return false };
    let text = inside.trim_start();
    text.is_empty() || text.starts_with(|c| "\"'\\{}[]".contains(c)) || (text.len() < inside.len() && is_name(text))
}

/// The value that begins here; none where there is none or it is no secret.
fn value(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    if is_structure(rest) {
        return None;
    }
    // Python's b"…"
    let prefix = rest.bytes().take_while(|byte| b"bBuUrRfF".contains(byte)).count().min(2);
    for at in [at, at + prefix] {
        if let Some((quote, inside)) = Quote::opening(text, at) {
            let end = quote.closing(text, inside);
            return (end > inside).then_some(inside..end);
        }
    }
    let end = at + bare(rest);
    let word = text.get(at..end)?;
    if SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme)) && text.get(end..)?.starts_with(' ') {
        return value(text, end + 1);
    }
    let is_nothing = word.is_empty() || word == MASKED || NO_SECRETS.iter().any(|no| word.eq_ignore_ascii_case(no));
    (!is_nothing).then_some(at..end)
}

/// How long a value without quotes is. A comma, a semicolon, an `&` or a bracket ends it only where what follows looks as if
/// something else began.
fn bare(rest: &str) -> usize {
    if rest.starts_with(MASKED) {
        return MASKED.len();
    }
    for (at, c) in rest.char_indices() {
        let after = rest.get(at + c.len_utf8()..).unwrap_or_default();
        let ends = match c {
            c if c.is_whitespace() => true,
            '"' | '\'' | '<' | '>' | '`' => true,
            '\\' => after.starts_with(['"', '\'', 'n', 'r', 't']),
            ',' | ';' | '&' => is_border(after) || is_name(after),
            ')' | ']' | '}' => is_border(after) || after.starts_with([',', ';', '.']),
            _ => false,
        };
        if ends {
            return at;
        }
    }
    rest.len()
}

fn is_border(after: &str) -> bool {
    after.chars().next().is_none_or(|c| c.is_whitespace() || "\"'`\\)]}".contains(c))
}

/// Whether a name with its sign follows.
fn is_name(after: &str) -> bool {
    let end = after.find(|c: char| !c.is_alphanumeric() && !"_.-".contains(c));
    end.is_some_and(|end| end > 0 && after.get(end..).is_some_and(|rest| rest.starts_with(['=', ':'])))
}

/// The password of `https://user:password@host`, given where the address goes on behind its scheme.
fn password(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let end = rest.find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c)).unwrap_or(rest.len());
    let user_and_password = rest.get(..end)?.rsplit_once('@')?.0;
    let (user, password) = user_and_password.split_once(':')?;
    let start = at + user.len() + 1;
    (!password.is_empty()).then_some(start..start + password.len())
}
