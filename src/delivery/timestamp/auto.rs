//! The times that programs commonly write, found without being told which.
//!
//! Known are RFC 3339 and ISO 8601 (also `2026/11/21`, without a zone, with a comma, in the basic form), syslog (RFC 3164 and 5424),
//! `ctime` and `date`, RFC 5322 and HTTP, Apache, Tomcat, log4j, java.util.logging, klog, `21.11.2026`, and a count from 1970. Left
//! out on purpose: `11/12/2026`, which is two days; a time without a date; a date without a time. A count from 1970 is one
//! only where it begins the line or is called a time.
//!
//! Pure: no I/O, no clock, no tasks.

use super::Found;
use super::cursor::Cursor;
use super::matching::epoch_ms;
use super::parts::Parts;
use super::zones;
use crate::record::Wall;

/// A year before or after these is a number.
const YEARS: std::ops::RangeInclusive<i64> = 1970..=2099;
/// A count from 1970 outside of these is a number: 2015 to 2099.
const EPOCHS_MS: std::ops::Range<i64> = 1_420_070_400_000..4_102_444_800_000;
/// What a count from 1970 is called where it does not begin the line.
const CALLED: [&str; 11] =
    ["time", "timestamp", "ts", "epoch", "audit", "date", "created", "@timestamp", "_time", "event_time", "logtime"];

/// The first time in `line` of which `resolve` makes a moment.
pub(super) fn find(line: &str, resolve: impl Fn(&Parts) -> Option<Wall>) -> Option<Found> {
    let bytes = line.as_bytes();
    let mut previous = b' ';
    for (start, byte) in bytes.iter().copied().enumerate() {
        let is_start = byte.is_ascii_alphanumeric()
            && !previous.is_ascii_alphanumeric()
            && !matches!(previous, b'.' | b'-' | b'/' | b'_' | b'+' | b'\\');
        previous = byte;
        if !is_start {
            continue;
        }
        let Some((parts, end)) = read(Cursor::new(line, start), line) else { continue };
        if let Some(at) = resolve(&parts) {
            return Some(Found { at, range: start..end });
        }
    }
    None
}

type Read = Option<(Parts, usize)>;

fn read(cursor: Cursor<'_>, line: &str) -> Read {
    if cursor.peek()?.is_ascii_digit() {
        return match cursor.digits_ahead(20) {
            4 => iso(cursor, line),
            8 => basic(cursor),
            1 | 2 => day_first(cursor, line).or_else(|| dotted(cursor, line)),
            10 | 13 | 16 | 19 => epoch(cursor, line),
            _ => None,
        };
    }
    month_first(cursor, line).or_else(|| klog(cursor, line))
}

/// `2026-11-21T10:00:00.123+01:00` and what is like it.
fn iso(mut cursor: Cursor<'_>, line: &str) -> Read {
    let mut parts = Parts { year: year(&mut cursor), ..Parts::default() };
    parts.year?;
    let mark = cursor.any(b"-/")?;
    parts.month = Some(cursor.short(1..=12)?);
    cursor.any(&[mark])?;
    parts.day = Some(cursor.short(1..=31)?);
    if cursor.any(b"Tt_-").is_none() {
        cursor.gap()?;
    }
    clock(&mut cursor, &mut parts, false)?;
    zone(&mut cursor, &mut parts, line);
    ended(cursor, parts)
}

/// `20261121T100000Z`.
fn basic(mut cursor: Cursor<'_>) -> Read {
    let mut parts = Parts { year: year(&mut cursor), ..Parts::default() };
    parts.year?;
    parts.month = Some(cursor.number(2)?);
    parts.day = Some(cursor.number(2)?);
    cursor.any(b"T")?;
    parts.hour = Some(cursor.number(2)?);
    parts.minute = Some(cursor.number(2)?);
    parts.second = Some(cursor.number(2)?);
    parts.millis = cursor.marked_fraction().unwrap_or_default();
    parts.offset = cursor.offset();
    ended(cursor, parts)
}

/// `10/Oct/2000:13:55:36 -0700`, `21 Nov 2026 10:00:00,123`, `21-Nov-2026 10:00:00.123`.
fn day_first(mut cursor: Cursor<'_>, line: &str) -> Read {
    let mut parts = Parts { day: cursor.short(1..=31), ..Parts::default() };
    parts.day?;
    let mark = cursor.any(b" -/")?;
    parts.month = Some(cursor.month()?);
    cursor.any(&[mark])?;
    parts.year = Some(year(&mut cursor)?);
    if cursor.any(b":T").is_none() {
        cursor.gap()?;
    }
    clock(&mut cursor, &mut parts, true)?;
    zone(&mut cursor, &mut parts, line);
    ended(cursor, parts)
}

/// `21.11.2026 10:00:00`.
fn dotted(mut cursor: Cursor<'_>, line: &str) -> Read {
    let mut parts = Parts { day: cursor.short(1..=31), ..Parts::default() };
    cursor.any(b".")?;
    parts.month = Some(cursor.short(1..=12)?);
    cursor.any(b".")?;
    parts.year = Some(year(&mut cursor)?);
    let _ = cursor.any(b",");
    cursor.gap()?;
    clock(&mut cursor, &mut parts, true)?;
    zone(&mut cursor, &mut parts, line);
    ended(cursor, parts)
}

/// `Nov  1 02:03:04`, `Sat Nov 21 10:00:00 UTC 2026`, `Nov 21, 2026 10:00:00 AM`, and behind a day's name `Sat, 21 Nov 2026 10:00:00 GMT`.
fn month_first(mut cursor: Cursor<'_>, line: &str) -> Read {
    let has_weekday = cursor.weekday().is_some();
    if has_weekday {
        let _ = cursor.any(b",");
        cursor.gap()?;
        if cursor.peek()?.is_ascii_digit() {
            return day_first(cursor, line);
        }
    }
    let mut parts = Parts { month: cursor.month(), ..Parts::default() };
    parts.month?;
    cursor.gap()?;
    parts.day = Some(cursor.short(1..=31)?);
    let _ = cursor.any(b",");
    cursor.gap()?;
    let mut ahead = cursor;
    if let Some(year) = year(&mut ahead) {
        parts.year = Some(year);
        let _ = ahead.any(b",");
        ahead.gap()?;
        cursor = ahead;
    }
    clock(&mut cursor, &mut parts, true)?;
    zone(&mut cursor, &mut parts, line);
    let mut ahead = cursor;
    // A number behind syslog's time may be a host or a program: only with the day's name it is the year.
    if has_weekday
        && parts.year.is_none()
        && ahead.gap().is_some()
        && let Some(year) = year(&mut ahead)
    {
        parts.year = Some(year);
        cursor = ahead;
    }
    ended(cursor, parts)
}

/// `I1121 10:00:00.123456`, at the beginning of a line.
fn klog(mut cursor: Cursor<'_>, line: &str) -> Read {
    if cursor.at != 0 {
        return None;
    }
    cursor.any(b"IWEF")?;
    let mut parts = Parts { month: cursor.number(2), ..Parts::default() };
    parts.month?;
    parts.day = Some(cursor.number(2)?);
    cursor.gap()?;
    clock(&mut cursor, &mut parts, true)?;
    zone(&mut cursor, &mut parts, line);
    ended(cursor, parts)
}

/// `1795255200`, `1795255200.123`, `1795255200123`.
fn epoch(mut cursor: Cursor<'_>, line: &str) -> Read {
    if !is_place_of_epoch(line.get(..cursor.at)?) {
        return None;
    }
    let is_seconds = cursor.digits_ahead(20) == 10;
    let epoch_ms = epoch_ms(&mut cursor).filter(|epoch_ms| EPOCHS_MS.contains(epoch_ms))?;
    let millis = if is_seconds { cursor.marked_fraction().unwrap_or_default() } else { 0 };
    let is_more =
        cursor.peek().is_some_and(|next| next.is_ascii_alphanumeric() || matches!(next, b'-' | b'/' | b'.' | b'_'));
    (!is_more).then_some((Parts { epoch_ms: Some(epoch_ms), millis, ..Parts::default() }, cursor.at))
}

/// Whether a count from 1970 may stand behind `before`: at the beginning, or behind a key that says so.
fn is_place_of_epoch(before: &str) -> bool {
    let before = before.trim_end();
    if before.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'[' | b'(' | b'<')) {
        return true;
    }
    let Some(key) = before.trim_end_matches(['"', '\'']).trim_end().strip_suffix([':', '=', '(']) else {
        return false;
    };
    let key = key.trim_end().trim_end_matches(['"', '\'']);
    let begins =
        key.rfind(|char: char| !(char.is_ascii_alphanumeric() || matches!(char, '_' | '@'))).map_or(0, |at| at + 1);
    key.get(begins..).is_some_and(|key| CALLED.iter().any(|called| called.eq_ignore_ascii_case(key)))
}

fn year(cursor: &mut Cursor<'_>) -> Option<i64> {
    let mut ahead = *cursor;
    if ahead.digits_ahead(5) > 4 && ahead.digits_ahead(8) != 8 {
        return None;
    }
    let year = ahead.number(4).filter(|year| YEARS.contains(year))?;
    *cursor = ahead;
    Some(year)
}

/// `10:00:00.123`, `9:05:01 PM`; also `10:00` where seconds are not needed.
fn clock(cursor: &mut Cursor<'_>, parts: &mut Parts, needs_seconds: bool) -> Option<()> {
    parts.hour = Some(cursor.short(0..=23)?);
    cursor.any(b":")?;
    parts.minute = Some(cursor.number(2).filter(|minute| *minute < 60)?);
    let mut ahead = *cursor;
    let second = ahead.any(b":").and_then(|_| ahead.number(2)).filter(|second| *second <= 60);
    if second.is_some() {
        *cursor = ahead;
        parts.second = second;
        parts.millis = cursor.marked_fraction().unwrap_or_default();
    } else if needs_seconds || cursor.peek() == Some(b':') {
        return None;
    }
    let mut ahead = *cursor;
    ahead.space();
    let half = ahead.half_of_day().filter(|_| parts.hour.is_some_and(|hour| hour <= 12));
    if half.is_some() && matches!(ahead.peek(), None | Some(b' ' | b'\t' | b',' | b']' | b')')) {
        *cursor = ahead;
        parts.is_afternoon = half;
    }
    Some(())
}

/// An offset right behind the time, or an offset of four digits or a known name behind white space.
fn zone(cursor: &mut Cursor<'_>, parts: &mut Parts, line: &str) {
    let mut ahead = *cursor;
    let has_space = ahead.space() > 0;
    let begins = ahead.at;
    if let Some(offset) = ahead.offset() {
        let is_whole = ahead.at - begins >= 5 || !has_space;
        if is_whole && !ahead.peek().is_some_and(|next| next.is_ascii_alphanumeric()) {
            parts.offset = Some(offset);
            *cursor = ahead;
            return;
        }
        ahead.at = begins;
    }
    let Some(name) = ahead.word(2, 5).filter(|_| !matches!(ahead.peek(), Some(b'0'..=b'9' | b'-' | b'_' | b'.')))
    else {
        return;
    };
    if line.get(name.clone()).and_then(zones::offset).is_some() {
        parts.zone_name = Some(name);
        *cursor = ahead;
    }
}

/// What was read, where nothing stands behind it that makes it something else.
fn ended(cursor: Cursor<'_>, parts: Parts) -> Read {
    let goes_on = cursor.peek().is_some_and(|next| next.is_ascii_alphanumeric() || next == b'_');
    let next_is_digit = |at: usize| cursor.rest().get(at).is_some_and(u8::is_ascii_digit);
    let is_longer = matches!(cursor.peek(), Some(b':' | b'.')) && next_is_digit(1);
    (!goes_on && !is_longer).then_some((parts, cursor.at))
}
