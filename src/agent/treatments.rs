//! Makes of what the configuration says of an entry what is done with its records.

use crate::config::{FileEntryConfig, FilterConfig, JournalConfig, MultiLineConfig};
use crate::delivery::filter::{Filter, Pattern};
use crate::delivery::treatment::{Start, Treatment};

/// What is done with the records of a file.
pub fn of_file(entry: &FileEntryConfig) -> anyhow::Result<Treatment> {
    Ok(Treatment {
        multi_line: multi_line(entry)?,
        filter: filter(&entry.include_patterns, &entry.exclude_patterns, &entry.filters)?,
        ..Treatment::default()
    })
}

/// What is done with the records of a journal.
pub fn of_journal(journal: &JournalConfig) -> anyhow::Result<Treatment> {
    Ok(Treatment {
        filter: filter(&journal.include_patterns, &journal.exclude_patterns, &journal.filters)?,
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

/// The config has checked it: an error here is a defect of ours.
fn compile(pattern: &str) -> anyhow::Result<Pattern> {
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
