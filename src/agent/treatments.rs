//! Makes of what the configuration says of an entry what is done with its records.

use crate::config::{FileEntryConfig, FilterConfig, JournalConfig};
use crate::delivery::filter::{Filter, Pattern};
use crate::delivery::treatment::Treatment;

/// What is done with the records of a file.
pub fn of_file(entry: &FileEntryConfig) -> anyhow::Result<Treatment> {
    Ok(Treatment { filter: filter(&entry.include_patterns, &entry.exclude_patterns, &entry.filters)? })
}

/// What is done with the records of a journal.
pub fn of_journal(journal: &JournalConfig) -> anyhow::Result<Treatment> {
    Ok(Treatment { filter: filter(&journal.include_patterns, &journal.exclude_patterns, &journal.filters)? })
}

fn filter(include: &[String], exclude: &[String], filters: &[FilterConfig]) -> anyhow::Result<Filter> {
    // The config has checked them: an error here is a defect of ours.
    let compile = |pattern: &String| Pattern::new(pattern).map_err(anyhow::Error::msg);
    let agreeing = filters.iter().map(|filter| Ok((!filter.is_exclude, compile(&filter.expression)?)));
    Ok(Filter {
        include: include.iter().map(compile).collect::<Result<_, _>>()?,
        exclude: exclude.iter().map(compile).collect::<Result<_, _>>()?,
        agreeing: agreeing.collect::<anyhow::Result<_>>()?,
    })
}
