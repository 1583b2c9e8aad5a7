//! Finds numbers of payment cards: 13 to 19 digits of a known issuer whose check digit is right.
//!
//! Easy to break: a tenth of all numbers has a right check digit. Issuer, length and grouping have to fit too.
//!
//! Pure: no I/O, no clock, no tasks.

use std::ops::{Range, RangeInclusive};

use super::{before, is_alphanumeric, run};

const LEAST_DIGITS: usize = 13;
const MOST_DIGITS: usize = 19;
/// Only the last group of a card's number has fewer.
const LEAST_GROUP: usize = 4;

/// Issuers by the first four digits, and how long their numbers are: the ranges of ISO/IEC 7812 that are in use.
const ISSUERS: &[(RangeInclusive<u16>, RangeInclusive<usize>)] = &[
    // Visa
    (4000..=4999, 13..=13),
    (4000..=4999, 16..=16),
    (4000..=4999, 19..=19),
    // Mastercard
    (5100..=5599, 16..=16),
    (2221..=2720, 16..=16),
    // Mir
    (2200..=2204, 16..=19),
    // American Express
    (3400..=3499, 15..=15),
    (3700..=3799, 15..=15),
    // Diners Club
    (3000..=3059, 14..=19),
    (3095..=3095, 14..=19),
    (3600..=3699, 14..=19),
    (3800..=3999, 14..=19),
    // JCB
    (3528..=3589, 16..=19),
    // Discover
    (6011..=6011, 16..=19),
    (6440..=6599, 16..=19),
    // UnionPay
    (6200..=6299, 16..=19),
    (8100..=8199, 16..=19),
    // Maestro
    (5018..=5018, 13..=19),
    (5020..=5020, 13..=19),
    (5038..=5038, 13..=19),
    (5893..=5893, 13..=19),
    (6304..=6304, 13..=19),
    (6759..=6763, 13..=19),
];

/// Adds the numbers of cards; answers what stands in their place.
pub(super) fn find(text: &str, found: &mut Vec<Range<usize>>) -> &'static str {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        match number(text, at) {
            Some(end) => {
                found.push(at..end);
                at = end;
            }
            None => at += run(text, at, |byte| byte.is_ascii_digit()),
        }
    }
    "[card]"
}

/// Where the card's number ends that begins here; the longest one.
fn number(text: &str, start: usize) -> Option<usize> {
    let left = before(text, start);
    let is_fraction = left == Some(b'.') && start > 1 && before(text, start - 1).is_some_and(|b| b.is_ascii_digit());
    if is_alphanumeric(left) || is_fraction {
        return None;
    }
    let (mut digits, mut count) = ([0_u8; MOST_DIGITS], 0);
    let (mut at, mut separator, mut best) = (start, None, None);
    loop {
        let length = run(text, at, |byte| byte.is_ascii_digit());
        if length == 0 || count + length > MOST_DIGITS {
            return best;
        }
        for (place, byte) in digits[count..].iter_mut().zip(text.as_bytes().get(at..at + length)?) {
            *place = byte - b'0';
        }
        (count, at) = (count + length, at + length);
        if digits.get(..count).is_some_and(is_card) && !is_within(text, at) {
            best = Some(at);
        }
        let next = text.as_bytes().get(at).copied().filter(|byte| matches!(byte, b' ' | b'-'));
        if next.is_none() || length < LEAST_GROUP || separator.is_some_and(|known| next != Some(known)) {
            return best;
        }
        separator = next;
        at += 1;
    }
}

/// Whether what ends here goes on as a word or as a fraction.
fn is_within(text: &str, end: usize) -> bool {
    let right = text.as_bytes().get(end).copied();
    is_alphanumeric(right) || (right == Some(b'.') && text.as_bytes().get(end + 1).is_some_and(u8::is_ascii_digit))
}

fn is_card(digits: &[u8]) -> bool {
    if digits.len() < LEAST_DIGITS {
        return false;
    }
    let prefix = digits.iter().take(4).fold(0, |number, digit| number * 10 + u16::from(*digit));
    let is_issued =
        ISSUERS.iter().any(|(prefixes, lengths)| prefixes.contains(&prefix) && lengths.contains(&digits.len()));
    is_issued && luhn(digits)
}

/// The check digit of ISO/IEC 7812-1.
fn luhn(digits: &[u8]) -> bool {
    let value = |(place, digit): (usize, &u8)| match (place % 2, u32::from(*digit) * 2) {
        (0, _) => u32::from(*digit),
        (_, doubled) if doubled > 9 => doubled - 9,
        (_, doubled) => doubled,
    };
    digits.iter().rev().enumerate().map(value).sum::<u32>() % 10 == 0
}
