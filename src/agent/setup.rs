//! Turns a config and what the last run left into the parts that the agent runs.

use std::time::Duration;

use super::{Agent, Setup, logs, metrics, resources};
use crate::config::{FileEntryConfig, InitialPosition};
use crate::delivery::filter::{Filter, Pattern};
use crate::delivery::pipeline::Settings;
use crate::record::{Dimensions, SavedFile};
use crate::sources::file::{FileEntry, StartAt};
use crate::state::StoreError;

/// Text held in memory at the most: beyond it the files are the buffer.
const MAX_TEXT_BYTES: usize = 6 * 1024 * 1024;

/// The parts of an agent.
pub struct Parts {
    pub logs: logs::Parts,
    pub metrics: metrics::Parts,
}

/// The parts that `setup` describes, with what `agent` kept of shifts before.
pub fn parts(setup: &Setup, agent: &mut Agent) -> anyhow::Result<Parts> {
    let config = &setup.config;
    let is_new = |entry: &FileEntryConfig| !agent.is_lost && !agent.known.contains(&entry.key);
    let entries: Vec<_> =
        config.logs.entries.iter().map(|entry| file_entry(setup, entry, is_new(entry))).collect::<Result<_, _>>()?;
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
        saved: saved(agent)?,
        held: std::mem::take(&mut agent.left.held),
        never: setup.never.clone(),
        max_open: resources::descriptors_for_files(),
    };
    Ok(Parts { logs, metrics: metrics_parts(setup, agent)? })
}

/// Where the state says that each file stands.
fn saved(agent: &Agent) -> Result<Vec<SavedFile>, StoreError> {
    agent.store.files().or_else(|error| match agent.has_worked {
        // A disk that fails ends no agent that runs: what it follows it knows by itself.
        true => {
            log::warn!(error:%; "the state cannot be read: files that were not followed until now are read anew");
            Ok(Vec::new())
        }
        false => Err(error),
    })
}

fn metrics_parts(setup: &Setup, agent: &Agent) -> anyhow::Result<metrics::Parts> {
    let dimensions: Dimensions = [
        ("InstanceId".to_owned(), setup.facts.instance_id.clone()),
        ("Hostname".to_owned(), setup.facts.hostname.clone()),
    ]
    .into();
    let config = &setup.config.agent;
    let offsets = match (agent.store.boots(), &agent.left.metrics) {
        (Err(_), Some(metrics)) => metrics.offsets(),
        (offsets, _) => offsets?,
    };
    Ok(metrics::Parts {
        clock: agent.clock.clone(),
        boot: agent.boot.clone(),
        offsets,
        dimensions,
        interval: config.metrics_interval,
        flush: setup.config.metrics.flush_interval.min(config.metrics_interval.max(Duration::from_secs(60))),
        max_age: config.metrics_buffer_age,
        max_bytes: config.metrics_buffer_bytes,
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
