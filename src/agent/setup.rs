//! Turns a config and what the last run left into the parts that the agent runs.

use std::time::Duration;

use super::{Setup, logs, metrics, resources};
use crate::config::{FileEntryConfig, InitialPosition};
use crate::delivery::filter::{Filter, Pattern};
use crate::delivery::pipeline::Settings;
use crate::record::Dimensions;
use crate::sources::file::{FileEntry, StartAt};
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
    let filters = config.logs.entries.iter().map(filter).collect::<Result<_, _>>()?;
    let settings = Settings {
        interval: config.agent.logs_interval,
        concurrency: config.logs.concurrency,
        max_bytes: MAX_TEXT_BYTES,
    };
    let logs = logs::Parts {
        entries,
        filters,
        settings,
        retention_days: config.logs.entries.iter().map(|entry| entry.retention_days).collect(),
        saved: setup.store.files()?,
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

fn filter(entry: &FileEntryConfig) -> anyhow::Result<Filter> {
    // The config has checked them: an error here is a defect of ours.
    let compile = |patterns: &[String]| -> anyhow::Result<Vec<Pattern>> {
        patterns.iter().map(|pattern| Pattern::new(pattern).map_err(anyhow::Error::msg)).collect()
    };
    Ok(Filter { include: compile(&entry.include_patterns)?, exclude: compile(&entry.exclude_patterns)? })
}
