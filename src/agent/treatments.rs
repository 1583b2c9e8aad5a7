//! Makes of what the configuration says of an entry what is done with its records.

use anyhow::Context;
use jiff::tz::TimeZone;

use crate::config::{
    FileEntryConfig, FilterConfig, JournalConfig, MaskConfig, MultiLineConfig, TimeConfig, ZoneConfig,
};
use crate::delivery::filter::{Filter, Pattern};
use crate::delivery::mask::{self, BuiltIn, Mask};
use crate::delivery::timestamp::TimeFormat;
use crate::delivery::treatment::{Start, TimeStep, Treatment};

/// What is done with the records of a file.
pub fn of_file(entry: &FileEntryConfig) -> anyhow::Result<Treatment> {
    Ok(Treatment {
        multi_line: multi_line(entry)?,
        filter: filter(&entry.include_patterns, &entry.exclude_patterns, &entry.filters)?,
        time: entry.time.as_ref().map(time).transpose()?,
        mask: mask(&entry.mask)?,
    })
}

/// What is done with the records of a journal.
pub fn of_journal(journal: &JournalConfig) -> anyhow::Result<Treatment> {
    Ok(Treatment {
        filter: filter(&journal.include_patterns, &journal.exclude_patterns, &journal.filters)?,
        mask: mask(&journal.mask)?,
        ..Treatment::default()
    })
}

fn multi_line(entry: &FileEntryConfig) -> anyhow::Result<Option<Start>> {
    Ok(match &entry.multi_line {
        Some(MultiLineConfig::Pattern(pattern)) => Some(Start::Pattern(compile(pattern)?)),
        Some(MultiLineConfig::Time) => Some(Start::Time),
        None => None,
    })
}

fn time(time: &TimeConfig) -> anyhow::Result<TimeStep> {
    let zone = match &time.zone {
        ZoneConfig::Local => this_machines_zone(),
        ZoneConfig::Utc => TimeZone::UTC,
        ZoneConfig::Named(name) => TimeZone::get(name)?,
    };
    // The config has checked it: an error here is a defect of ours.
    let format = TimeFormat::new(&time.format, zone).map_err(anyhow::Error::msg)?;
    Ok(TimeStep { format, is_trimmed: time.is_trimmed })
}

/// As `TZ` and `/etc/localtime` have it when the configuration is taken up. Where `TZ` names a zone that is not there, it is
/// `/etc/localtime`'s; where that is missing too, UTC.
fn this_machines_zone() -> TimeZone {
    TimeZone::try_system().unwrap_or_else(|error| {
        let zone = TimeZone::system();
        let zone = if zone.is_unknown() { TimeZone::UTC } else { zone };
        let name = zone.iana_name().unwrap_or("the one of /etc/localtime").to_owned();
        log::warn!(zone = name, error:% = error; "the time zone of this machine is not known: another is taken for times in records");
        zone
    })
}

/// The config has checked it: an error here is a defect of ours.
pub fn compile(pattern: &str) -> anyhow::Result<Pattern> {
    Pattern::new(pattern).map_err(anyhow::Error::msg)
}

fn filter(include: &[String], exclude: &[String], filters: &[FilterConfig]) -> anyhow::Result<Filter> {
    let agreeing = filters.iter().map(|filter| Ok((!filter.is_exclude, compile(&filter.expression)?)));
    Ok(Filter {
        include: include.iter().map(|pattern| compile(pattern)).collect::<Result<_, _>>()?,
        exclude: exclude.iter().map(|pattern| compile(pattern)).collect::<Result<_, _>>()?,
        agreeing: agreeing.collect::<anyhow::Result<_>>()?,
    })
}

fn mask(rules: &[MaskConfig]) -> anyhow::Result<Mask> {
    let (mut built_in, mut patterns) = (Vec::new(), Vec::new());
    for rule in rules {
        match rule {
            MaskConfig::BuiltIn(name) => {
                built_in.push(BuiltIn::named(name).with_context(|| format!("`{name}` is no built-in rule"))?);
            }
            MaskConfig::Pattern { pattern, replace } => {
                patterns.push(mask::Pattern::new(pattern, replace).map_err(anyhow::Error::msg)?);
            }
        }
    }
    Ok(Mask::new(built_in, patterns)?)
}
