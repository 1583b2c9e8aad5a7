//! Where a format stands in a line.
//!
//! As tolerant as the CloudWatch Agent or more: `%d` and `%m` take one digit with or without a space before it, names are taken
//! whole or short whatever the directive, white space is any white space. Easy to break: what has one or two digits may have
//! to give one back to what comes after it.
//!
//! Pure: no I/O, no clock, no tasks.

use std::ops::RangeInclusive;

use super::Found;
use super::cursor::Cursor;
use super::format::Digits::{self, Padded, Two};
use super::format::{Part, Piece};
use super::parts::Parts;
use crate::record::Wall;

/// The first place in `line` where all pieces stand and `resolve` makes a moment of them.
pub(super) fn find(pieces: &[Piece], line: &str, resolve: impl Fn(&Parts) -> Option<Wall>) -> Option<Found> {
    let mut from = 0;
    while let Some(start) = next_start(pieces.first()?, line, from) {
        let mut end = None;
        let is_found = |parts: &Parts, at: usize| {
            end = resolve(parts).map(|moment| (moment, at));
            end.is_some()
        };
        fit(pieces, Cursor::new(line, start), &Parts::default(), &mut { is_found });
        if let Some((at, end)) = end {
            return Some(Found { at, range: start..end });
        }
        from = start + 1;
    }
    None
}

/// The next place at which `first` may begin.
fn next_start(first: &Piece, line: &str, from: usize) -> Option<usize> {
    let rest = line.as_bytes().get(from..)?;
    let next = match first {
        Piece::Literal(text) => memchr::memmem::find(rest, text.as_bytes()),
        Piece::MonthName | Piece::WeekdayName | Piece::ZoneName | Piece::HalfOfDay => {
            // A name begins where a word does.
            let is_inside = |at: usize| line.as_bytes().get(at.wrapping_sub(1)).is_some_and(u8::is_ascii_alphabetic);
            (0..rest.len()).find(|at| rest.get(*at).is_some_and(u8::is_ascii_alphabetic) && !is_inside(from + at))
        }
        Piece::Year | Piece::ShortYear | Piece::DayOfYear | Piece::Number(..) | Piece::Epoch => {
            rest.iter().position(u8::is_ascii_digit)
        }
        Piece::Space | Piece::Offset | Piece::Fraction { .. } => (!rest.is_empty()).then_some(0),
    }?;
    Some(from + next)
}

/// Tries the pieces from `cursor` on, with what was read before them, until `is_found` says that it will do.
fn fit(pieces: &[Piece], cursor: Cursor<'_>, parts: &Parts, is_found: &mut impl FnMut(&Parts, usize) -> bool) -> bool {
    let Some((piece, after)) = pieces.split_first() else {
        return is_found(parts, cursor.at);
    };
    if let Piece::Number(part, digits) = piece {
        return fit_number(*part, *digits, after, cursor, parts, is_found);
    }
    let (mut cursor, mut parts) = (cursor, parts.clone());
    take(piece, &mut cursor, &mut parts).is_some() && fit(after, cursor, &parts, is_found)
}

fn fit_number(
    part: Part,
    digits: Digits,
    after: &[Piece],
    mut cursor: Cursor<'_>,
    parts: &Parts,
    is_found: &mut impl FnMut(&Parts, usize) -> bool,
) -> bool {
    if digits == Padded && cursor.peek() == Some(b' ') {
        cursor.at += 1;
    }
    let lengths: &[usize] = if digits == Two { &[2] } else { &[2, 1] };
    lengths.iter().any(|length| {
        let mut ahead = cursor;
        let Some(value) = ahead.number(*length).filter(|value| range(part).contains(value)) else {
            return false;
        };
        // Half a number is one only where the other half belongs to what comes next.
        if *length == 1 && ahead.digits_ahead(1) > 0 && !after.first().is_some_and(begins_with_a_digit) {
            return false;
        }
        let mut parts = parts.clone();
        match part {
            Part::Month => parts.month = Some(value),
            Part::Day => parts.day = Some(value),
            Part::Hour | Part::Hour12 => parts.hour = Some(value),
            Part::Minute => parts.minute = Some(value),
            Part::Second => parts.second = Some(value),
        }
        fit(after, ahead, &parts, is_found)
    })
}

fn begins_with_a_digit(piece: &Piece) -> bool {
    match piece {
        Piece::Literal(text) => text.starts_with(|char: char| char.is_ascii_digit()),
        Piece::Fraction { is_marked } => !is_marked,
        Piece::Year | Piece::ShortYear | Piece::DayOfYear | Piece::Number(..) | Piece::Epoch => true,
        Piece::Space | Piece::MonthName | Piece::WeekdayName | Piece::HalfOfDay | Piece::ZoneName | Piece::Offset => {
            false
        }
    }
}

fn range(part: Part) -> RangeInclusive<i64> {
    match part {
        Part::Month => 1..=12,
        Part::Day => 1..=31,
        Part::Hour => 0..=23,
        Part::Hour12 => 0..=12,
        Part::Minute => 0..=59,
        Part::Second => 0..=60,
    }
}

/// Takes one piece that has one length only.
fn take(piece: &Piece, cursor: &mut Cursor<'_>, parts: &mut Parts) -> Option<()> {
    match piece {
        Piece::Literal(text) => cursor.literal(text)?,
        Piece::Space => cursor.gap()?,
        Piece::Year => parts.year = Some(cursor.number(4)?),
        Piece::ShortYear => parts.year = Some(whole_year(cursor.number(2)?)),
        Piece::MonthName => parts.month = Some(cursor.month()?),
        Piece::WeekdayName => cursor.weekday()?,
        Piece::DayOfYear => parts.day_of_year = Some(cursor.number(3)?),
        Piece::HalfOfDay => parts.is_afternoon = Some(cursor.half_of_day()?),
        Piece::ZoneName => match cursor.word(1, 5) {
            Some(name) => parts.zone_name = Some(name),
            // Zones without a name of their own print their offset.
            None => parts.offset = Some(cursor.offset()?),
        },
        Piece::Offset => parts.offset = Some(cursor.offset()?),
        Piece::Fraction { is_marked: true } => parts.millis = cursor.marked_fraction()?,
        Piece::Fraction { is_marked: false } => {
            parts.millis = cursor.marked_fraction().or_else(|| cursor.fraction())?;
        }
        Piece::Epoch => parts.epoch_ms = Some(epoch_ms(cursor)?),
        Piece::Number(..) => return None,
    }
    Some(())
}

/// As POSIX has it for `%y`: 69 to 99 are of the last century.
fn whole_year(short: i64) -> i64 {
    if short < 69 { 2000 + short } else { 1900 + short }
}

/// A number that stands alone and counts from 1970: seconds with 9 to 11 digits, milliseconds with 12 to 14, micro- and nanoseconds with
/// 15 to 18 and 19.
pub(super) fn epoch_ms(cursor: &mut Cursor<'_>) -> Option<i64> {
    if cursor.previous().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let length = cursor.digits_ahead(20);
    let kept = length.min(18);
    let value = match length {
        9..=11 => cursor.number(kept)?.checked_mul(1_000)?,
        12..=14 => cursor.number(kept)?,
        15..=17 => cursor.number(kept)? / 1_000,
        18 => cursor.number(kept)? / 1_000_000,
        19 => {
            let value = cursor.number(kept)? / 100_000;
            cursor.at += 1;
            value
        }
        _ => return None,
    };
    Some(value)
}
