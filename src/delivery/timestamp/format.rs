//! Reads a format of strftime's directives: what it is made of, or what is wrong with it.
//!
//! The directives are the CloudWatch Agent's and a few more. What one stands for is decided where it is matched (`matching`).
//!
//! Pure: no I/O, no clock, no tasks.

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

/// The names of all directives.
#[cfg(test)]
pub(super) fn directives() -> impl Iterator<Item = &'static str> {
    DIRECTIVES.iter().map(|(name, _)| *name)
}
