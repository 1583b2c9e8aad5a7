//! A format of strftime's directives, and where it stands in a line.
//!
//! As tolerant as the CloudWatch Agent or more: `%d` and `%m` take one digit with or without a space before it, names are taken
//! whole or short whatever the directive, white space is any white space. Easy to break: what has one or two digits may have
//! to give one back to what comes after it.
//!
//! Pure: no I/O, no clock, no tasks.

use std::ops::RangeInclusive;

use super::Found;
use super::cursor::Cursor;
use super::parts::Parts;
use crate::record::Wall;

/// The longest format: more is none.
const MAX_BYTES: usize = 200;

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Month,
    Day,
    Hour,
    Hour12,
    Minute,
    Second,
}

/// A part of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    Space,
    Year,
    ShortYear,
    MonthName,
    WeekdayName,
    DayOfYear,
    /// Two digits, or one or two.
    Number(Part, Digits),
    HalfOfDay,
    ZoneName,
    Offset,
    /// Whether `.` or `,` stands before it for sure.
    Fraction {
        is_marked: bool,
    },
    Epoch,
}

/// How many digits a number has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digits {
    Two,
    OneOrTwo,
    /// The same, with or without a space before it.
    Padded,
}

use Digits::{OneOrTwo, Padded, Two};

/// Every directive.
const DIRECTIVES: &[(&str, Piece)] = &[
    ("%y", Piece::ShortYear),
    ("%Y", Piece::Year),
    ("%b", Piece::MonthName),
    ("%B", Piece::MonthName),
    ("%m", Piece::Number(Part::Month, Padded)),
    ("%-m", Piece::Number(Part::Month, Padded)),
    ("%A", Piece::WeekdayName),
    ("%a", Piece::WeekdayName),
    ("%d", Piece::Number(Part::Day, Padded)),
    ("%-d", Piece::Number(Part::Day, Padded)),
    ("%e", Piece::Number(Part::Day, Padded)),
    ("%j", Piece::DayOfYear),
    ("%H", Piece::Number(Part::Hour, OneOrTwo)),
    ("%-H", Piece::Number(Part::Hour, OneOrTwo)),
    ("%I", Piece::Number(Part::Hour12, OneOrTwo)),
    ("%-I", Piece::Number(Part::Hour12, OneOrTwo)),
    ("%M", Piece::Number(Part::Minute, Two)),
    ("%-M", Piece::Number(Part::Minute, OneOrTwo)),
    ("%S", Piece::Number(Part::Second, Two)),
    ("%-S", Piece::Number(Part::Second, OneOrTwo)),
    ("%p", Piece::HalfOfDay),
    ("%Z", Piece::ZoneName),
    ("%z", Piece::Offset),
    ("%:z", Piece::Offset),
    ("%f", Piece::Fraction { is_marked: false }),
    ("%s", Piece::Epoch),
];

/// What other programs have, and how it is written here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("%T", "`%H:%M:%S`"),
    ("%F", "`%Y-%m-%d`"),
    ("%D", "`%m/%d/%y`"),
    ("%R", "`%H:%M`"),
    ("%h", "`%b`"),
    ("%k", "`%H`"),
    ("%l", "`%I`"),
    ("%L", "`%f`"),
    ("%N", "`%f`"),
    ("%3f", "`%f`"),
    ("%6f", "`%f`"),
    ("%r", "`%I:%M:%S %p`"),
    ("%c", "`%a %b %e %H:%M:%S %Y`"),
    ("%::z", "`%z`"),
    ("%P", "`%p`"),
];

/// Reads a format.
pub(super) fn parse(format: &str) -> Result<Vec<Piece>, String> {
    let format = format.trim();
    if format.len() > MAX_BYTES {
        return Err(format!("is longer than {MAX_BYTES} bytes\ngive the time's format only, not the whole line's"));
    }
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some(next) = rest.chars().next() {
        let length = if rest.starts_with("%%") {
            literal(&mut pieces, '%');
            2
        } else if next == '%' {
            let (piece, length) = directive(rest).ok_or_else(|| unknown(rest))?;
            let piece = marked(&mut pieces, piece);
            pieces.push(piece);
            length
        } else if next.is_whitespace() {
            pieces.push(Piece::Space);
            rest.len() - rest.trim_start().len()
        } else {
            literal(&mut pieces, next);
            next.len_utf8()
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    if lacks(&pieces) == Some(NOTHING) {
        return Err(
            "names neither a date nor a time of day\n`%Y-%m-%d %H:%M:%S` is an example, `auto` finds common ones"
                .to_owned(),
        );
    }
    Ok(pieces)
}

fn literal(pieces: &mut Vec<Piece>, next: char) {
    match pieces.last_mut() {
        Some(Piece::Literal(text)) => text.push(next),
        _ => pieces.push(Piece::Literal(next.to_string())),
    }
}

fn directive(rest: &str) -> Option<(Piece, usize)> {
    let found = DIRECTIVES.iter().find(|(name, _)| rest.starts_with(name))?;
    Some((found.1.clone(), found.0.len()))
}

/// A fraction takes the mark that stands before it: `.` and `,` are the same to it.
fn marked(pieces: &mut Vec<Piece>, piece: Piece) -> Piece {
    if piece != (Piece::Fraction { is_marked: false }) {
        return piece;
    }
    let Some(Piece::Literal(text)) =
        pieces.last_mut().filter(|last| matches!(last, Piece::Literal(text) if text.ends_with(['.', ','])))
    else {
        return piece;
    };
    text.pop();
    if text.is_empty() {
        pieces.pop();
    }
    Piece::Fraction { is_marked: true }
}

fn unknown(rest: &str) -> String {
    let is_flag = |char: char| matches!(char, '-' | '_' | '^' | '#' | ':') || char.is_ascii_digit();
    let name: String = match rest.char_indices().skip(1).find(|(_, char)| !is_flag(*char)) {
        Some((at, last)) => rest.get(..at + last.len_utf8()).unwrap_or(rest).to_owned(),
        None => rest.to_owned(),
    };
    let known =
        |text: &str| DIRECTIVES.iter().find(|(known, _)| known.eq_ignore_ascii_case(text)).map(|(known, _)| *known);
    let bare: String = name.chars().filter(|char| !is_flag(*char)).collect();
    let elsewhere = ELSEWHERE.iter().find(|(other, _)| *other == name).map(|(_, here)| format!("write {here}; "));
    let near = known(&bare).map(|near| format!("did you mean `{near}`? "));
    let lead = elsewhere.or(near).unwrap_or_default();
    let all = DIRECTIVES.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(" ");
    let lone = if name == "%" { "; a percent sign itself is `%%`" } else { "" };
    format!("has `{name}`, which is no directive\n{lead}known are {all}{lone}")
}

/// The answer of [`lacks`] where there is nothing at all.
const NOTHING: &str = "has neither a date nor a time of day";

/// What a format does not name.
pub(super) fn lacks(pieces: &[Piece]) -> Option<&'static str> {
    let has = |piece: &Piece| pieces.contains(piece);
    let has_number = |part: Part| pieces.iter().any(|piece| matches!(piece, Piece::Number(it, _) if *it == part));
    let has_day = has_number(Part::Day) && (has_number(Part::Month) || has(&Piece::MonthName));
    let has_date = has(&Piece::Epoch) || has(&Piece::DayOfYear) || has_day;
    let has_time = has(&Piece::Epoch) || has_number(Part::Hour) || has_number(Part::Hour12);
    match (has_date, has_time) {
        (true, true) => None,
        (true, false) => Some("has no time of day: records get the first moment of their day"),
        (false, true) => Some("has no date: records get the last day on which it was that time"),
        (false, false) => Some(NOTHING),
    }
}

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

/// The names of all directives.
#[cfg(test)]
pub(super) fn directives() -> impl Iterator<Item = &'static str> {
    DIRECTIVES.iter().map(|(name, _)| *name)
}
