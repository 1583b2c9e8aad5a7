//! Turns a config and what the last run left into the parts that the agent runs.

use std::path::Path;
use std::time::Duration;

use super::{Setup, logs, metrics, records, resources};
use crate::config::{FileEntryConfig, FilterConfig, InitialPosition, JournalConfig};
use crate::delivery::filter::{Filter, Pattern};
use crate::delivery::pipeline::Settings;
use crate::record::{Dimensions, StreamName};
use crate::sources::file::{FileEntry, StartAt};
use crate::sources::journal::{Own, Start};
use crate::state::Opened;

/// Text held in memory at the most: beyond it the files are the buffer.
const MAX_TEXT_BYTES: usize = 6 * 1024 * 1024;

/// The parts of an agent.
pub struct Parts {
    pub logs: logs::Parts,
    pub metrics: metrics::Parts,
}

/// The parts that `setup` describes.
pub fn parts(setup: &Setup) -> anyhow::Result<Parts> {
    let known = setup.store.entries()?;
    if let Opened::Lost { reason } = &setup.opened {
        log::error!(reason; "the state was lost: every file is read again from its beginning");
    }
    let is_lost = matches!(setup.opened, Opened::Lost { .. });
    let config = &setup.config;
    let entries = config.logs.entries.iter();
    let entries: Vec<_> = entries
        .map(|entry| file_entry(setup, entry, !is_lost && !known.contains(&entry.key)))
        .collect::<Result<_, _>>()?;
    let journals = &config.logs.journals;
    let of_files = config.logs.entries.iter().map(file_filter);
    let filters = of_files.chain(journals.iter().map(journal_filter)).collect::<Result<_, _>>()?;
    let of_files = config.logs.entries.iter().map(|entry| entry.retention_days);
    let settings = Settings {
        interval: config.agent.logs_interval,
        concurrency: config.logs.concurrency,
        max_bytes: MAX_TEXT_BYTES,
    };
    let logs = logs::Parts {
        entries,
        filters,
        settings,
        retention_days: of_files.chain(journals.iter().map(|journal| journal.retention_days)).collect(),
        saved: setup.store.files()?,
        records: records::Parts {
            journals: journals.iter().map(|journal| journal_parts(setup, journal, is_lost)).collect(),
            saved: setup.store.journals()?,
            boot: setup.boot.clone(),
            own: own(),
        },
        never: setup.never.clone(),
        max_open: resources::descriptors_for_files(),
    };
    Ok(Parts { logs, metrics: metrics_parts(setup)? })
}

fn metrics_parts(setup: &Setup) -> anyhow::Result<metrics::Parts> {
    let dimensions: Dimensions = [
        ("InstanceId".to_owned(), setup.facts.instance_id.clone()),
        ("Hostname".to_owned(), setup.facts.hostname.clone()),
    ]
    .into();
    let agent = &setup.config.agent;
    Ok(metrics::Parts {
        clock: setup.clock.clone(),
        boot: setup.boot.clone(),
        offsets: setup.store.boots()?,
        dimensions,
        interval: agent.metrics_interval,
        flush: setup.config.metrics.flush_interval.min(agent.metrics_interval.max(Duration::from_secs(60))),
        max_age: agent.metrics_buffer_age,
        max_bytes: agent.metrics_buffer_bytes,
    })
}

fn file_entry(setup: &Setup, entry: &FileEntryConfig, is_new: bool) -> anyhow::Result<FileEntry> {
    let start_at = match entry.initial_position {
        InitialPosition::Beginning => StartAt::Beginning,
        InitialPosition::End => StartAt::End,
    };
    Ok(FileEntry {
        key: entry.key.clone(),
        pattern: entry.pattern.clone(),
        group: entry.group.resolve(&setup.facts).into(),
        stream: Some(entry.stream.resolve(&setup.facts)),
        start_at: setup.start_at.unwrap_or(start_at),
        is_new,
        partial_line_timeout: entry.partial_line_timeout,
        newest_only: false,
        blacklist: entry.blacklist.as_deref().map(regex::Regex::new).transpose()?,
    })
}

fn journal_parts(setup: &Setup, config: &JournalConfig, is_lost: bool) -> records::JournalParts {
    // What a file's name is in the name of a stream, the journal is in it.
    let named = |template: &crate::config::Template| template.resolve_for(&setup.facts, Path::new("journal")).into();
    let start = match setup.start_at {
        Some(StartAt::LinesBeforeEnd(count)) => Some(Start::Recent(count)),
        // The journal may reach back for months: its current boot is what was being read when the state was lost.
        _ => is_lost.then_some(Start::Boot),
    };
    let stream = StreamName { group: named(&config.group), stream: named(&config.stream) };
    records::JournalParts { config: config.clone(), stream, start }
}

/// Who this program is to the journal; where that is not known, its process id alone.
fn own() -> Own {
    Own::new(std::process::id(), &std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default())
}

fn file_filter(entry: &FileEntryConfig) -> anyhow::Result<Filter> {
    filter(&entry.include_patterns, &entry.exclude_patterns, &entry.filters)
}

fn journal_filter(journal: &JournalConfig) -> anyhow::Result<Filter> {
    filter(&journal.include_patterns, &journal.exclude_patterns, &journal.filters)
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
