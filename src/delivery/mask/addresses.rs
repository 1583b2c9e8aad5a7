//! Finds addresses: of mail, and IPv4.
//!
//! Easy to break: what looks like one and is none. `getty@tty1.service` is a unit of systemd, `1.2.3.4.5` a version, and so is
//! `Chrome/120.0.0.0`.
//!
//! Pure: no I/O, no clock, no tasks.

use std::ops::Range;

use super::{before, is_alphanumeric, run};

/// What ends the name of a unit of systemd or of a picture, and no domain.
const NO_DOMAINS: [&str; 17] = [
    "service",
    "socket",
    "timer",
    "mount",
    "automount",
    "target",
    "slice",
    "scope",
    "device",
    "swap",
    "path",
    "png",
    "jpg",
    "jpeg",
    "gif",
    "svg",
    "webp",
];

/// Adds the addresses of mail; answers what stands in their place.
pub(super) fn email(text: &str, found: &mut Vec<Range<usize>>) -> &'static str {
    let mut free = 0;
    for at in memchr::memchr_iter(b'@', text.as_bytes()) {
        let Some((left, right)) = text.get(free..at).zip(text.get(at + 1..)) else { continue };
        let local = left.chars().rev().take_while(|c| c.is_alphanumeric() || "._%+-'!$^~".contains(*c));
        let local: usize = local.map(char::len_utf8).sum();
        // Those may stand in an address, and hardly ever begin one: a quote stands around it.
        let name = left.get(left.len() - local..).unwrap_or_default();
        let name = name.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_');
        let domain = domain(right);
        if !name.is_empty() && domain > 0 {
            found.push(at - name.len()..at + 1 + domain);
            free = at + 1 + domain;
        }
    }
    "[email]"
}

/// How long the domain is that the text begins with; zero where it begins with none.
fn domain(text: &str) -> usize {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '.' && c != '-').unwrap_or(text.len());
    let name = text.get(..end).unwrap_or_default().trim_end_matches(['.', '-']);
    let Some((hosts, top)) = name.rsplit_once('.') else { return 0 };
    let is_top = top.chars().count() >= 2 && (top.chars().all(char::is_alphabetic) || top.starts_with("xn--"));
    let is_good = is_top
        && !NO_DOMAINS.iter().any(|known| top.eq_ignore_ascii_case(known))
        && hosts.split('.').all(|label| !label.is_empty() && !label.starts_with('-'));
    if is_good { name.len() } else { 0 }
}

/// Adds the IPv4 addresses; answers what stands in their place.
pub(super) fn ipv4(text: &str, found: &mut Vec<Range<usize>>) -> &'static str {
    let mut at = 0;
    for dot in memchr::memchr_iter(b'.', text.as_bytes()) {
        let digits = text.as_bytes().get(at..dot).unwrap_or_default();
        let digits = digits.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > 3 {
            continue;
        }
        let start = dot - digits;
        if let Some(end) = octets(text, start)
            && !is_within(text, start, end)
            && !is_version(text, start, end)
        {
            found.push(start..end);
            at = end;
        }
    }
    "[ipv4]"
}

/// Where the four octets end that begin here.
fn octets(text: &str, start: usize) -> Option<usize> {
    let mut at = start;
    for octet in 0..4 {
        let length = run(text, at, |byte| byte.is_ascii_digit());
        let value: u16 = text.get(at..at + length.min(4))?.parse().ok()?;
        if value > 255 || length > 3 {
            return None;
        }
        at += length;
        if octet < 3 {
            (text.as_bytes().get(at) == Some(&b'.')).then_some(())?;
            at += 1;
        }
    }
    Some(at)
}

/// Whether it is part of a longer word or of a number with more dots.
fn is_within(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    let (left, right) = (before(text, start), bytes.get(end).copied());
    let goes_on = right == Some(b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    let went_on = left == Some(b'.') && before(text, start - 1).is_some_and(|byte| byte.is_ascii_digit());
    is_alphanumeric(left) || is_alphanumeric(right) || goes_on || went_on
}

/// `Chrome/120.0.0.0`: no host ends in three zeros.
fn is_version(text: &str, start: usize, end: usize) -> bool {
    before(text, start) == Some(b'/')
        && before(text, start - 1).is_some_and(|byte| byte.is_ascii_alphabetic())
        && text.get(start..end).is_some_and(|address| address.ends_with(".0.0.0"))
}
