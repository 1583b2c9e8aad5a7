//! Decides what of a record must not leave the device, and what stands in its place.
//!
//! The built-in rules go first, from the most particular to the most general, then the patterns of the configuration in its
//! order. Easy to break: what a rule puts in must not be a finding of any rule, so that masking twice is masking once; and a
//! pattern that cannot be carried out must not let the record pass.
//!
//! Pure: no I/O, no clock, no tasks.

mod addresses;
mod cards;
mod keys;
mod passwords;
mod pem;
mod quotes;

use std::borrow::Cow;
use std::ops::Range;

use regex::Regex;

use super::filter;
pub use pem::KeyState;

/// What stands in place of a secret that has a name beside it, of what a pattern finds where the configuration says nothing else,
/// and of a whole record that could not be searched.
pub const MASKED: &str = "[masked]";

/// What is masked at least on each side of a cut: a card's number with its spaces is shorter.
const CUT_BYTES: usize = 32;
/// What is masked of one word at a cut: no token is longer.
const WORD_BYTES: usize = 8 * 1024;

/// A built-in rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BuiltIn {
    /// Private keys in PEM form, over several records too.
    PrivateKey,
    /// Values beside a name such as `password`, and passwords in addresses.
    PasswordFields,
    /// The credentials of `Authorization` headers.
    Authorization,
    /// AWS access keys with their secrets and session tokens.
    AwsKeys,
    /// JSON web tokens.
    Jwt,
    /// Addresses of mail.
    Email,
    /// Numbers of payment cards.
    CreditCard,
    /// IPv4 addresses.
    Ipv4,
}

impl BuiltIn {
    /// Every rule with its name in the configuration, in the order in which they are applied.
    pub const ALL: [(&str, Self); 8] = [
        ("private_key", Self::PrivateKey),
        ("password_fields", Self::PasswordFields),
        ("authorization", Self::Authorization),
        ("aws_keys", Self::AwsKeys),
        ("jwt", Self::Jwt),
        ("email", Self::Email),
        ("credit_card", Self::CreditCard),
        ("ipv4", Self::Ipv4),
    ];

    /// The rule of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, rule)| rule)
    }
}

/// What a regular expression finds, and what stands in its place.
#[derive(Clone, Debug)]
pub struct Pattern {
    found: filter::Pattern,
    replace: String,
}

impl Pattern {
    /// Compiles `pattern`; the error says what is wrong with it, in the engine's words. `replace` may name groups: `$1`, `${name}`.
    pub fn new(pattern: &str, replace: &str) -> Result<Self, String> {
        Ok(Self { found: filter::Pattern::new(pattern)?, replace: replace.to_owned() })
    }

    /// Whether it finds something where there is nothing: it would stand between all characters.
    pub fn finds_nothing(&self) -> bool {
        self.found.matches("")
    }

    /// The text with everything that is found replaced; none where the limit of steps was reached.
    fn apply<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        self.found.replace_all(text, &self.replace)
    }
}

/// What must not leave the device, of one entry of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    built_in: Vec<BuiltIn>,
    words: Option<Words>,
    patterns: Vec<Pattern>,
}

/// The regular expressions of the rules that go by words.
#[derive(Clone, Debug)]
struct Words {
    /// Finds a word in every record in which one of the others finds something: most records are done with it.
    any: Regex,
    passwords: passwords::Names,
    keys: keys::Names,
}

impl Words {
    fn new() -> Result<Self, regex::Error> {
        let any = [passwords::WORDS, keys::WORDS].join("|");
        Ok(Self { any: Regex::new(&any)?, passwords: passwords::Names::new()?, keys: keys::Names::new()? })
    }
}

/// A record without what must not leave the device.
#[derive(Debug)]
pub struct Masked<'a> {
    /// What may.
    pub text: Cow<'a, str>,
    /// A pattern took too many steps: nothing of the record is left.
    pub is_given_up: bool,
}

impl Mask {
    /// The rules together. The error is a defect of ours.
    pub fn new(mut built_in: Vec<BuiltIn>, patterns: Vec<Pattern>) -> Result<Self, regex::Error> {
        built_in.sort_unstable();
        built_in.dedup();
        let by_words = [BuiltIn::PasswordFields, BuiltIn::Authorization, BuiltIn::AwsKeys];
        let needs_words = built_in.iter().any(|rule| by_words.contains(rule));
        let words = if needs_words { Some(Words::new()?) } else { None };
        Ok(Self { built_in, words, patterns })
    }

    /// Whether nothing is masked.
    pub fn is_empty(&self) -> bool {
        self.built_in.is_empty() && self.patterns.is_empty()
    }

    /// Learns of a record that is not sent.
    pub fn pass(&self, text: &str, key: &mut KeyState) {
        if self.built_in.contains(&BuiltIn::PrivateKey) {
            key.find(text, &mut Vec::new());
        }
    }

    /// Masks one record; `key` is what its file remembers of private keys that lie over several records.
    pub fn apply<'a>(&self, mut text: Cow<'a, str>, key: &mut KeyState) -> Masked<'a> {
        let has_words = self.words.as_ref().filter(|words| words.any.is_match(&text));
        let mut found = Vec::new();
        for rule in &self.built_in {
            let instead = match rule {
                BuiltIn::PrivateKey => key.find(&text, &mut found),
                BuiltIn::Jwt => keys::jwt(&text, &mut found),
                BuiltIn::Email => addresses::email(&text, &mut found),
                BuiltIn::Ipv4 => addresses::ipv4(&text, &mut found),
                BuiltIn::CreditCard => cards::find(&text, &mut found),
                BuiltIn::AwsKeys => keys::aws(has_words.map(|words| &words.keys), &text, &mut found),
                BuiltIn::PasswordFields => has_words.map_or(MASKED, |words| words.passwords.find(&text, &mut found)),
                BuiltIn::Authorization => has_words.map_or(MASKED, |words| words.keys.authorization(&text, &mut found)),
            };
            if !found.is_empty() {
                text = Cow::Owned(without(&text, &mut found, instead));
                found.clear();
            }
        }
        for pattern in &self.patterns {
            match pattern.apply(&text) {
                Some(Cow::Borrowed(_)) => {}
                Some(Cow::Owned(masked)) => text = Cow::Owned(masked),
                None => return Masked { text: Cow::Borrowed(MASKED), is_given_up: true },
            }
        }
        Masked { text, is_given_up: false }
    }
}

/// A piece of a line too long for one event without what may belong to a secret that was cut in two: the words at the cut, at
/// least `CUT_BYTES` and at most `WORD_BYTES`.
pub fn without_edges(text: &str, continued: bool, goes_on: bool) -> String {
    let is_cut = |c: char| c.is_whitespace();
    let border = |at: usize| (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let end = match border(text.len().saturating_sub(CUT_BYTES)) {
        _ if !goes_on => text.len(),
        at => text[..at].rfind(is_cut).map_or(0, |space| space + 1).max(border(at.saturating_sub(WORD_BYTES))),
    };
    let start = match border(text.len().min(CUT_BYTES)) {
        _ if !continued => 0,
        at => (at + text[at..].find(is_cut).unwrap_or(text.len() - at)).min(border(text.len().min(at + WORD_BYTES))),
    };
    let (head, tail) = (if continued { MASKED } else { "" }, if goes_on { MASKED } else { "" });
    [head, text.get(start..end).unwrap_or_default(), tail].concat()
}

/// The text with `instead` in place of each range. Ranges may overlap.
fn without(text: &str, found: &mut [Range<usize>], instead: &str) -> String {
    found.sort_unstable_by_key(|range| range.start);
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for range in found.iter() {
        if range.start >= at {
            masked.push_str(text.get(at..range.start).unwrap_or_default());
            masked.push_str(instead);
        }
        at = at.max(range.end);
    }
    masked.push_str(text.get(at..).unwrap_or_default());
    masked
}

/// The byte before an index.
fn before(text: &str, at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|at| text.as_bytes().get(at)).copied()
}

fn is_alphanumeric(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// How many bytes from `at` on are of a kind.
fn run(text: &str, at: usize, is_kind: impl Fn(u8) -> bool) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    rest.iter().take_while(|byte| is_kind(**byte)).count()
}

#[cfg(test)]
mod tests;
