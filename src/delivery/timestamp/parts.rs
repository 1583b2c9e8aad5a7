//! What was read of a time, and the moment that it stands for.
//!
//! What the text leaves out is filled in so that the moment is the latest one that is not ahead: without a year by more than a
//! day, without a date by more than an hour. So a line of 31 December that is read on 1 January is of last year.
//! A time that the clock did not show (spring) is moved on by what the clock left out; one that it showed twice (autumn) is
//! the first, unless the record before it was later than that.
//!
//! Pure: no I/O, no clock, no tasks.

use std::ops::Range;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

use super::zones;
use crate::record::Wall;

const HOUR_MS: i64 = 3_600_000;
/// A date without a year lies ahead by no more than this.
const MAX_AHEAD_OF_YEARLESS_MS: i64 = 24 * HOUR_MS;
/// A time without a date lies ahead by no more than this.
const MAX_AHEAD_OF_DATELESS_MS: i64 = HOUR_MS;
/// Years back in which a leap day is found at the latest, also over a year such as 2100.
const YEARS_BACK: i16 = 8;

/// What was read of a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    pub year: Option<i64>,
    pub month: Option<i64>,
    pub day: Option<i64>,
    pub day_of_year: Option<i64>,
    pub hour: Option<i64>,
    pub minute: Option<i64>,
    pub second: Option<i64>,
    pub millis: i64,
    pub is_afternoon: Option<bool>,
    /// Seconds east of Greenwich.
    pub offset: Option<i64>,
    /// Where the name of a zone stands in the line.
    pub zone_name: Option<Range<usize>>,
    /// The moment itself, in milliseconds.
    pub epoch_ms: Option<i64>,
}

/// What is needed to make a moment of a date and a time of day.
struct Frame<'a> {
    parts: &'a Parts,
    time: Time,
    /// The name of the zone in the text.
    name: Option<&'a str>,
    zone: &'a TimeZone,
    before: Option<Wall>,
}

impl Parts {
    /// The moment; none where there is no such day or time.
    pub fn resolve(&self, line: &str, zone: &TimeZone, now: Wall, before: Option<Wall>) -> Option<Wall> {
        if let Some(epoch_ms) = self.epoch_ms {
            return epoch_ms.checked_add(self.millis).map(Wall);
        }
        let name = self.zone_name.clone().and_then(|range| line.get(range));
        let frame = Frame { parts: self, time: self.time_of_day()?, name, zone, before };
        let has_date = self.day_of_year.is_some() || (self.month.is_some() && self.day.is_some());
        let at = if has_date {
            match self.year {
                Some(year) => frame.moment(self.date_in(i16::try_from(year).ok()?)?)?,
                None => self.latest_year(&frame, now)?,
            }
        } else {
            latest_day(&frame, now)?
        };
        // The clock shows a leap second as 60: it is told as the second after it.
        let leap_ms = if self.second == Some(60) { 1_000 } else { 0 };
        Some(Wall(at.0 + leap_ms))
    }

    fn time_of_day(&self) -> Option<Time> {
        let Some(hour) = self.hour else { return Some(Time::midnight()) };
        let hour = match (hour, self.is_afternoon) {
            (12, Some(false)) => 0,
            (hour, Some(true)) if hour < 12 => hour + 12,
            (hour, _) => hour,
        };
        let small = |value: Option<i64>| i8::try_from(value.unwrap_or(0)).ok();
        let nanos = i32::try_from(self.millis * 1_000_000).ok()?;
        Time::new(small(Some(hour))?, small(self.minute)?, small(self.second)?.min(59), nanos).ok()
    }

    fn date_in(&self, year: i16) -> Option<Date> {
        if let Some(day_of_year) = self.day_of_year {
            let date = Date::new(year, 1, 1).ok()?.checked_add((day_of_year - 1).days()).ok()?;
            return (day_of_year > 0 && date.year() == year).then_some(date);
        }
        Date::new(year, i8::try_from(self.month?).ok()?, i8::try_from(self.day?).ok()?).ok()
    }

    /// The latest year that has such a day and is not ahead.
    fn latest_year(&self, frame: &Frame<'_>, now: Wall) -> Option<Wall> {
        let limit = Wall(now.0.saturating_add(MAX_AHEAD_OF_YEARLESS_MS));
        let latest = frame.date_of(limit)?.year();
        let moments = (0..=YEARS_BACK).filter_map(|back| frame.moment(self.date_in(latest - back)?));
        moments.into_iter().find(|moment| *moment <= limit)
    }
}

/// The latest day on which the time is not ahead.
fn latest_day(frame: &Frame<'_>, now: Wall) -> Option<Wall> {
    let limit = Wall(now.0.saturating_add(MAX_AHEAD_OF_DATELESS_MS));
    let mut date = frame.date_of(limit)?.tomorrow().ok()?;
    // Where the text's own zone is another, its date may be a day off on either side.
    for _ in 0..4 {
        if let Some(moment) = frame.moment(date).filter(|moment| *moment <= limit) {
            return Some(moment);
        }
        date = date.yesterday().ok()?;
    }
    None
}

impl Frame<'_> {
    fn date_of(&self, wall: Wall) -> Option<Date> {
        Some(self.zone.to_datetime(Timestamp::from_millisecond(wall.0).ok()?).date())
    }

    /// The moment of the time of day on `date`.
    fn moment(&self, date: Date) -> Option<Wall> {
        let shown = date.to_datetime(self.time);
        let named = || self.name.and_then(|name| self.offset_of(name, shown));
        let at = match self.parts.offset.or_else(named) {
            Some(seconds) => Offset::from_seconds(i32::try_from(seconds).ok()?).ok()?.to_timestamp(shown).ok()?,
            None => self.shown_here(shown)?,
        };
        Some(Wall(at.as_millisecond()))
    }

    /// The moment at which the clocks of the zone showed this.
    fn shown_here(&self, shown: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(shown);
        let AmbiguousOffset::Fold { before: summer, after: winter } = ambiguous.offset() else {
            return ambiguous.compatible().ok();
        };
        let (first, second) = (summer.to_timestamp(shown).ok()?, winter.to_timestamp(shown).ok()?);
        let Some(before) = self.before.and_then(|wall| Timestamp::from_millisecond(wall.0).ok()) else {
            return Some(first);
        };
        let is_past_the_change = before > first && self.zone.to_offset(before) == winter;
        let is_nearer = before > first && second.duration_since(before).abs() < before.duration_since(first).abs();
        Some(if is_past_the_change || is_nearer { second } else { first })
    }

    /// Seconds east of Greenwich that a zone's name stands for. What the configured zone calls itself comes first.
    fn offset_of(&self, name: &str, shown: DateTime) -> Option<i64> {
        let offsets = match self.zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => [offset, offset],
            AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => [before, after],
        };
        let is_called_so = |offset: &Offset| {
            let at = offset.to_timestamp(shown).ok();
            at.is_some_and(|at| self.zone.to_offset_info(at).abbreviation() == name)
        };
        let own = offsets.into_iter().find(is_called_so).map(|offset| i64::from(offset.seconds()));
        own.or_else(|| zones::offset(name))
    }
}
