//! Decides what becomes of a record between its source and its batch: one treatment for each entry of the configuration.
//!
//! The steps, in this order: the filter sees the record as it was written; its time is read; the time is cut off; what must
//! not leave the device is masked. Easy to break: nothing that is not masked may be kept, counted or told.
//!
//! Pure: no I/O, no clock, no tasks.

use std::borrow::Cow;

use super::batch::Time;
use super::filter::{Filter, Pattern};
use super::mask::{self, Mask, Masked};
use super::multiline::Inside;
use super::timestamp::{TimeFormat, without};
use crate::record::Wall;

/// A record without a time has that of the record before it for so long after that one was read: a trace comes at once, and what
/// comes later happened later.
const INHERITED_MS: i64 = 60 * 60 * 1000;

/// What is done with the records of one entry.
#[derive(Clone, Debug, Default)]
pub struct Treatment {
    /// Where a record of several lines begins; none = a line is a record.
    pub multi_line: Option<Start>,
    /// Which of them are sent.
    pub filter: Filter,
    /// How their times are read; none where they carry the time of reading, or their source knows better.
    pub time: Option<TimeStep>,
    /// What of them must not leave the device.
    pub mask: Mask,
}

/// What is done with the times of records.
#[derive(Clone, Debug)]
pub struct TimeStep {
    /// Finds them.
    pub format: TimeFormat,
    /// They are left out of what is sent.
    pub is_trimmed: bool,
}

/// What the first line of a record has.
#[derive(Clone, Debug)]
pub enum Start {
    /// A match of this.
    Pattern(Pattern),
    /// A time.
    Time,
}

/// What is remembered of a file from record to record; forgotten where it is read again.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Whether what was taken ends in the middle of a line or a record too long for one event; none where nothing was.
    pub inside: Option<Inside>,
    /// What is treated now goes on a record whose beginning was taken before.
    pub is_rest: bool,
    /// When the last record happened whose text said so, and when that was read.
    pub time: Option<(Wall, Time)>,
    /// Where it stands between the lines of a private key.
    pub private_key: mask::KeyState,
}

/// A record that is to be sent.
#[derive(Debug)]
pub struct Treated<'a> {
    /// What is sent; blank where nothing is left of it.
    pub text: Cow<'a, str>,
    /// When it happened.
    pub time: Time,
    /// That is the time of a record before it.
    pub is_inherited: bool,
    /// Nothing of it is left: a pattern of the mask took too many steps.
    pub is_given_up: bool,
}

impl Treatment {
    /// Whether a record of several lines begins with `line`.
    pub fn is_start(&self, line: &str) -> bool {
        match &self.multi_line {
            Some(Start::Pattern(pattern)) => pattern.matches(line),
            Some(Start::Time) => self.time.as_ref().is_some_and(|step| step.format.finds(line)),
            None => false,
        }
    }

    /// What of the record is sent; none where the filter leaves it out. `time` is when it was read, or when its source says
    /// that it happened; `now` is the time of this moment as well as it is known.
    pub fn treat<'a>(&self, text: Cow<'a, str>, time: Time, now: Wall, memory: &mut Memory) -> Option<Treated<'a>> {
        let is_kept = self.filter.keeps(&text);
        let (text, time, is_inherited) = match &self.time {
            // Also of what is left out: the lines after it, which have no time of their own, are as old as it.
            Some(step) => step.treat(text, time, now, memory),
            None => (text, time, false),
        };
        if !is_kept {
            // It may hold lines of a private key that others follow.
            self.mask.pass(&text, &mut memory.private_key);
            return None;
        }
        let Masked { text, is_given_up } = self.mask.apply(text, &mut memory.private_key);
        Some(Treated { text, time, is_inherited, is_given_up })
    }

    /// A treated piece of a line too long for one event, without what may be a part of what must not leave the device.
    pub fn piece<'a>(&self, text: Cow<'a, str>, continued: bool, goes_on: bool) -> Cow<'a, str> {
        if self.mask.is_empty() { text } else { mask::without_edges(&text, continued, goes_on).into() }
    }
}

impl TimeStep {
    /// The record with the time in its text, and whether it is that of a record before it: one without has that, and `time` where
    /// there was none for long.
    fn treat<'a>(&self, text: Cow<'a, str>, time: Time, now: Wall, memory: &mut Memory) -> (Cow<'a, str>, Time, bool) {
        let last = memory.time.map(|(at, _)| at);
        let found = if memory.is_rest { None } else { self.format.find_after(&text, now, last) };
        let text = match &found {
            Some(found) if self.is_trimmed => Cow::Owned(without(&text, &found.range)),
            _ => text,
        };
        if let Some(found) = found {
            memory.time = Some((found.at, time));
            return (text, Time::Parsed(found.at), false);
        }
        let is_near = |read: Time| read.distance_ms(time).is_some_and(|age| age < INHERITED_MS);
        match memory.time {
            Some((at, read)) if is_near(read) => (text, Time::Parsed(at), true),
            _ => (text, time, false),
        }
    }
}

impl From<Filter> for Treatment {
    fn from(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::record::Monotonic;

    const NOW: Wall = Wall(1_795_255_200_000);
    const READ: Time = Time::Own(Monotonic(7));
    const AT: Time = Time::Parsed(Wall(1_795_168_801_000));

    fn treatment(is_trimmed: bool) -> Treatment {
        let format = TimeFormat::new("%Y-%m-%d %H:%M:%S", TimeZone::UTC).unwrap();
        let filter = Filter { exclude: vec![Pattern::new("2026.*debug").unwrap()], ..Filter::default() };
        Treatment { time: Some(TimeStep { format, is_trimmed }), ..Treatment::from(filter) }
    }

    fn treat(treatment: &Treatment, text: &str, memory: &mut Memory) -> Option<(String, Time)> {
        let treated = treatment.treat(text.into(), READ, NOW, memory);
        treated.map(|treated| (treated.text.into_owned(), treated.time))
    }

    #[test]
    fn a_record_without_a_time_has_that_of_the_record_before_it() {
        let (treatment, mut memory) = (treatment(false), Memory::default());
        let mut time = |text| treat(&treatment, text, &mut memory).map(|(_, time)| time);
        assert_eq!(time("first"), Some(READ));
        assert_eq!(time("2026-11-20 10:00:01 up"), Some(AT));
        assert_eq!(time("  at main"), Some(AT));
        assert_eq!(time("2026-11-20 10:00:02 debug"), None);
        assert_eq!(time("  at main"), Some(Time::Parsed(Wall(1_795_168_802_000))), "it belongs to what was left out");
    }

    #[test]
    fn a_time_is_inherited_for_an_hour_after_it_was_read_and_no_longer() {
        let (treatment, mut memory) = (treatment(false), Memory::default());
        let mut time = |text: &str, minutes: u64| {
            let read = Time::Own(Monotonic(minutes * 60_000));
            treatment.treat(text.into(), read, NOW, &mut memory).map(|treated| (treated.time, treated.is_inherited))
        };
        assert_eq!(time("2026-11-20 10:00:01 started", 1), Some((AT, false)));
        assert_eq!(time("listening", 60), Some((AT, true)));
        let later = |minutes: u64| Some((Time::Own(Monotonic(minutes * 60_000)), false));
        assert_eq!(time("a line a fortnight later", 61), later(61));
        assert_eq!(time("and the next", 62), later(62));
        assert_eq!(time("2026-11-20 10:00:01 started", 63), Some((AT, false)));
        assert_eq!(time("listening", 64), Some((AT, true)));
    }

    #[test]
    fn the_filter_sees_what_is_cut_off_and_what_is_sent_lacks_it() {
        let (treatment, mut memory) = (treatment(true), Memory::default());
        assert_eq!(treat(&treatment, "[2026-11-20 10:00:01] up", &mut memory), Some(("up".to_owned(), AT)));
        assert_eq!(treat(&treatment, "2026-11-20 10:00:01", &mut memory), Some((String::new(), AT)));
        assert_eq!(treat(&treatment, "2026-11-20 10:00:01 debug", &mut memory), None);
    }

    #[test]
    fn the_rest_of_a_long_line_keeps_its_time_whatever_stands_in_it() {
        let (treatment, mut memory) = (treatment(true), Memory::default());
        treat(&treatment, "2026-11-20 10:00:01 up", &mut memory);
        memory.is_rest = true;
        let rest = "2024-11-20 10:00:01 is part of it";
        assert_eq!(treat(&treatment, rest, &mut memory), Some((rest.to_owned(), AT)));
    }
}

#[cfg(test)]
mod tests_of_masks {
    use super::super::mask::BuiltIn;
    use super::*;
    use crate::record::Monotonic;

    fn treat(treatment: &Treatment, memory: &mut Memory, text: &str) -> Option<String> {
        let time = Time::Own(Monotonic(0));
        treatment.treat(text.into(), time, Wall(0), memory).map(|treated| treated.text.into_owned())
    }

    fn masking(exclude: &[&str]) -> Treatment {
        let exclude = exclude.iter().map(|pattern| Pattern::new(pattern).unwrap()).collect();
        let mask = Mask::new(vec![BuiltIn::PrivateKey, BuiltIn::Email], Vec::new()).unwrap();
        Treatment { filter: Filter { exclude, ..Filter::default() }, mask, ..Treatment::default() }
    }

    #[test]
    fn the_filter_sees_what_the_mask_takes() {
        let (treatment, mut memory) = (masking(&["bob@"]), Memory::default());
        assert_eq!(treat(&treatment, &mut memory, "mail of bob@example.com"), None);
        assert_eq!(treat(&treatment, &mut memory, "mail of eve@example.com").as_deref(), Some("mail of [email]"));
    }

    #[test]
    fn a_private_key_whose_first_line_is_filtered_out_is_masked_all_the_same() {
        let (treatment, mut memory) = (masking(&["BEGIN"]), Memory::default());
        assert_eq!(treat(&treatment, &mut memory, "-----BEGIN PRIVATE KEY-----"), None);
        assert_eq!(treat(&treatment, &mut memory, "MIIEvQIBADANBgkq").as_deref(), Some("[private key]"));
        assert_eq!(treat(&treatment, &mut memory, "-----END PRIVATE KEY-----").as_deref(), Some("[private key]"));
        assert_eq!(treat(&treatment, &mut memory, "words").as_deref(), Some("words"));
    }

    #[test]
    fn a_piece_is_cut_back_only_where_something_is_masked() {
        assert_eq!(Treatment::default().piece("a token".into(), true, true), "a token");
        assert_eq!(masking(&[]).piece("a token".into(), true, false), "[masked]");
    }
}
