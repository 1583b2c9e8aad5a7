//! Decides whether two readings of the journal may hold the same entries.
//!
//! In doubt they do not: a remark that is wrong is worse than none. Patterns of text may split what fields do not.
//!
//! Pure.

use std::ops::RangeInclusive;

use crate::config::settings::JournalConfig;

/// The names of priorities, most urgent first (syslog(3)).
pub const PRIORITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// A priority by name or number.
pub fn level(text: &str) -> Option<usize> {
    let by_number = text.parse().ok().filter(|level| *level < PRIORITIES.len());
    by_number.or_else(|| PRIORITIES.iter().position(|name| *name == text))
}

/// Whether entries may come into one stream by both.
pub fn shares(one: &JournalConfig, other: &JournalConfig) -> bool {
    let place = |journal: &JournalConfig| (journal.namespace.clone(), journal.directory.clone());
    let stream = |journal: &JournalConfig| (journal.group.text().to_owned(), journal.stream.text().to_owned());
    let splits = |journal: &JournalConfig| {
        !(journal.include_patterns.is_empty() && journal.exclude_patterns.is_empty() && journal.filters.is_empty())
    };
    place(one) == place(other)
        && stream(one) == stream(other)
        && !splits(one)
        && !splits(other)
        && meet(&one.identifiers, &other.identifiers)
        && units_meet(one, other)
        && priorities(one).is_none_or(|one| priorities(other).is_none_or(|other| overlap(&one, &other)))
        && matches_meet(&one.matches, &other.matches)
        && !leaves_out(one, other)
        && !leaves_out(other, one)
}

/// Whether a choice of names has one in common with another; none is any.
fn meet(one: &[String], other: &[String]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|name| other.contains(name))
}

fn units_meet(one: &JournalConfig, other: &JournalConfig) -> bool {
    let has_pattern = |journal: &JournalConfig| journal.units.iter().any(|unit| unit.contains(['*', '?', '[']));
    match has_pattern(one) || has_pattern(other) {
        // What a pattern and a name have in common is not looked at.
        true => one.units.is_empty() || other.units.is_empty(),
        false => meet(&one.units, &other.units),
    }
}

/// Whether the one leaves out what the other chooses.
fn leaves_out(one: &JournalConfig, other: &JournalConfig) -> bool {
    let is_out = !other.units.is_empty() && other.units.iter().all(|unit| one.exclude_units.contains(unit));
    is_out || other.matches.iter().any(|pairs| one.exclude_matches.contains(pairs))
}

/// The levels that are read; none where all are, those without one included.
fn priorities(journal: &JournalConfig) -> Option<RangeInclusive<usize>> {
    let text = journal.priority.as_deref()?;
    let (first, last) = text.split_once("..").unwrap_or(("emerg", text));
    let (first, last) = (level(first)?, level(last)?);
    Some(first.min(last)..=first.max(last))
}

fn overlap(one: &RangeInclusive<usize>, other: &RangeInclusive<usize>) -> bool {
    one.start() <= other.end() && other.start() <= one.end()
}

/// Whether some alternative of the one says of no field another thing than some alternative of the other.
fn matches_meet(one: &[Vec<(String, String)>], other: &[Vec<(String, String)>]) -> bool {
    let values = |pairs: &[(String, String)], field: &str| -> Vec<String> {
        pairs.iter().filter(|(name, _)| name == field).map(|(_, value)| value.clone()).collect()
    };
    let agree = |one: &Vec<(String, String)>, other: &Vec<(String, String)>| {
        one.iter().all(|(field, _)| meet(&values(one, field), &values(other, field)))
    };
    one.is_empty() || other.is_empty() || one.iter().any(|one| other.iter().any(|other| agree(one, other)))
}
