//! Turns a config and what the last run left into the parts that the agent runs.

use std::path::{Path, PathBuf};

use super::logs::{GroupWish, RecordsOf, RecordsParts};
use super::saver::Urgency;
use super::{Agent, Setup, logs, metrics, resources, treatments};
use crate::clock::Clock;
use crate::config::{
    Config, Facts, FileEntryConfig, GroupClass, InitialPosition, JournalConfig, JournalFormat, JournalLevel,
    LONGEST_SINCE, Since, Template,
};
use crate::delivery::pipeline::Settings;
use crate::record::{SavedJournal, StreamName, Wall};
use crate::sources::file::preview::Preview;
use crate::sources::file::{self, FileEntry, StartAt};
use crate::sources::journal::{Own, Start};
use crate::sources::unified_log;
use crate::state::{Changes, StoreError};

/// Text held in memory at the most: beyond it the files are the buffer.
const MAX_TEXT_BYTES: usize = 6 * 1024 * 1024;

/// Places in journals that nothing asks for any more, kept for a configuration that asks for them again: the latest so many.
const MAX_UNUSED_JOURNALS: usize = 64;

/// The parts of an agent.
pub struct Parts {
    pub logs: logs::Parts,
    pub metrics: metrics::Parts,
}

/// The parts that `setup` describes, with what `agent` kept of shifts before.
pub fn parts(setup: &Setup, agent: &mut Agent) -> anyhow::Result<Parts> {
    let config = &setup.config;
    let is_new = |entry: &FileEntryConfig| !agent.is_lost && !agent.known.contains(&entry.key);
    let entries =
        config.logs.entries.iter().map(|entry| file_entry(&setup.facts, setup.start_at, entry, is_new(entry)));
    let entries: Vec<_> = entries.collect::<Result<_, _>>()?;
    let journals: Vec<&JournalConfig> = config.logs.journals.iter().filter(|journal| is_readable(journal)).collect();
    let of_files = config.logs.entries.iter().map(treatments::of_file);
    let treatments =
        of_files.chain(journals.iter().map(|journal| treatments::of_journal(journal))).collect::<Result<_, _>>()?;
    let wish =
        |retention_days, class| GroupWish { retention_days, is_infrequent: class == GroupClass::InfrequentAccess };
    let of_files = config.logs.entries.iter().map(|entry| wish(entry.retention_days, entry.group_class));
    let of_journals = journals.iter().map(|journal| wish(journal.retention_days, journal.group_class));
    let groups = of_files.chain(of_journals).collect();
    let saved_journals = saved_journals(agent)?;
    let forget_journals = unused_journals(&saved_journals, &config.logs.journals);
    if !forget_journals.is_empty() {
        agent.saver.save(Changes { forget_journals, ..Changes::default() }, Urgency::Later);
    }
    let settings = Settings {
        interval: config.agent.logs_interval,
        concurrency: config.logs.concurrency,
        max_bytes: MAX_TEXT_BYTES,
    };
    let logs = logs::Parts {
        entries,
        treatments,
        settings,
        groups,
        saved: stored(agent, agent.store.files(), "files that were not followed until now are read anew")?,
        records: journals.into_iter().map(|journal| records(setup, agent, journal, &saved_journals)).collect(),
        held: std::mem::take(&mut agent.left.logs.files),
        never: setup.never.clone(),
        max_open: resources::descriptors_for_files(),
    };
    Ok(Parts { logs, metrics: metrics_parts(setup, agent)? })
}

/// What the state says. A disk that fails ends no agent that runs: what it follows it knows by itself.
fn stored<T>(agent: &Agent, found: Result<Vec<T>, StoreError>, instead: &str) -> Result<Vec<T>, StoreError> {
    found.or_else(|error| match agent.has_worked {
        true => {
            log::warn!(error:%; "the state cannot be read: {instead}");
            Ok(Vec::new())
        }
        false => Err(error),
    })
}

/// Where each journal stands: what the shift before left knows better than a state on a disk that may fail.
/// It is taken: to the shift after the next it would be a place of long ago.
fn saved_journals(agent: &mut Agent) -> Result<Vec<SavedJournal>, StoreError> {
    let left = std::mem::take(&mut agent.left.logs.journals);
    let stored = stored(agent, agent.store.journals(), "journals that were not read until now are begun anew")?;
    let is_left = |stored: &SavedJournal| left.iter().any(|left| left.entry == stored.entry);
    let others: Vec<SavedJournal> = stored.into_iter().filter(|stored| !is_left(stored)).collect();
    Ok(left.into_iter().chain(others).collect())
}

/// The journals of which the place is to be forgotten. A filter that is changed makes another journal of one: over years they would
/// pile up.
fn unused_journals(saved: &[SavedJournal], used: &[JournalConfig]) -> Vec<String> {
    let is_used = |saved: &SavedJournal| used.iter().any(|journal| journal.key == saved.entry);
    let mut unused: Vec<&SavedJournal> = saved.iter().filter(|saved| !is_used(saved)).collect();
    unused.sort_by_key(|saved| std::cmp::Reverse(saved.time));
    unused.into_iter().skip(MAX_UNUSED_JOURNALS).map(|saved| saved.entry.clone()).collect()
}

fn metrics_parts(setup: &Setup, agent: &Agent) -> anyhow::Result<metrics::Parts> {
    let sampling = metrics::Sampling::of(&setup.config, &setup.facts);
    let config = &setup.config.agent;
    let offsets = match (agent.store.boots(), &agent.left.metrics) {
        (Err(_), Some(metrics)) => metrics.offsets(),
        (offsets, _) => offsets?,
    };
    Ok(metrics::Parts {
        clock: agent.clock.clone(),
        boot: agent.boot.clone(),
        offsets,
        sampling,
        status: agent.status.subscribe(),
        flush: setup.config.metrics.flush_interval,
        max_age: config.metrics_buffer_age,
        max_bytes: config.metrics_buffer_bytes,
    })
}

/// What a first start under `config` would follow, and where it would go. Changes nothing.
///
/// # Errors
/// Never where `config` was checked.
pub fn preview(config: &Config, facts: &Facts, never: Vec<PathBuf>) -> anyhow::Result<Vec<Preview>> {
    let entries = config.logs.entries.iter().map(|entry| file_entry(facts, None, entry, true));
    let journals = config.logs.journals.iter().filter(|journal| is_readable(journal));
    let reserved: Vec<StreamName> = journals.map(|journal| stream_of(facts, journal)).collect();
    Ok(file::preview::preview(entries.collect::<Result<_, _>>()?, &reserved, never))
}

fn file_entry(
    facts: &Facts,
    instead: Option<StartAt>,
    entry: &FileEntryConfig,
    is_new: bool,
) -> anyhow::Result<FileEntry> {
    let start_at = match entry.initial_position {
        InitialPosition::Beginning => StartAt::Beginning,
        InitialPosition::End => StartAt::End,
    };
    Ok(FileEntry {
        key: entry.key.clone(),
        pattern: entry.pattern.clone(),
        group: entry.group.resolve(facts).into(),
        stream: Some(entry.stream.resolve(facts)),
        start_at: instead.unwrap_or(start_at),
        is_new,
        partial_line_timeout: entry.partial_line_timeout,
        is_multi_line: entry.multi_line.is_some(),
        encoding: entry.encoding,
        newest_only: entry.is_newest_only,
        removes: entry.is_removed,
        blacklist: entry.blacklist.as_deref().map(treatments::compile).transpose()?,
    })
}

/// Whether this system has what is asked for; where it has not, a warning has said so (`commands/start.rs`).
fn is_readable(journal: &JournalConfig) -> bool {
    !cfg!(target_os = "macos") || journal.predicate.is_some()
}

/// Where a journal's records go. What a file's name is in the name of a stream, the journal is in it.
pub fn stream_of(facts: &Facts, config: &JournalConfig) -> StreamName {
    let named = |template: &Template| template.resolve_for(facts, Path::new("journal")).into();
    StreamName { group: named(&config.group), stream: named(&config.stream) }
}

/// The journal of systemd, or what macOS has in its place.
fn records(setup: &Setup, agent: &Agent, config: &JournalConfig, saved: &[SavedJournal]) -> RecordsParts {
    let of = if cfg!(target_os = "macos") {
        unified_log_parts(setup, agent, config)
    } else {
        journal_parts(setup, agent, config)
    };
    RecordsParts {
        of,
        stream: stream_of(&setup.facts, config),
        saved: saved.iter().find(|saved| saved.entry == config.key).cloned(),
    }
}

fn journal_parts(setup: &Setup, agent: &Agent, config: &JournalConfig) -> RecordsOf {
    let start = match setup.start_at {
        Some(StartAt::LinesBeforeEnd(count)) => Some(Start::Recent(count)),
        // The boot that was being read is not known: after a power cut it is an earlier one, and of a folder it may be another
        // machine's. What CloudWatch still takes of it may be lost nowhere.
        _ => agent.is_lost.then(|| Start::of(Since::Ago(LONGEST_SINCE), agent.clock.system())),
    };
    RecordsOf::Journal { config: Box::new(config.clone()), own: own(agent), boot: agent.boot.clone(), start }
}

fn unified_log_parts(setup: &Setup, agent: &Agent, config: &JournalConfig) -> RecordsOf {
    let level = match config.level {
        JournalLevel::Default => unified_log::Level::Default,
        JournalLevel::Info => unified_log::Level::Info,
        JournalLevel::Debug => unified_log::Level::Debug,
    };
    let format = match config.format {
        JournalFormat::Text => unified_log::Format::Text,
        JournalFormat::Json => unified_log::Format::Json,
        JournalFormat::Message => unified_log::Format::Message,
    };
    // The system's log names what runs, not the link that it was started by.
    let own = std::env::current_exe().and_then(std::fs::canonicalize).unwrap_or_default();
    let settings = unified_log::Settings {
        key: config.key.clone(),
        predicate: config.predicate.clone().unwrap_or_default(),
        level,
        format,
        host: setup.facts.hostname.clone(),
        program: unified_log::PROGRAM.to_owned(),
        own: own.to_string_lossy().into_owned(),
    };
    // Days of this log take `log show` hours.
    let since = if agent.is_lost { Since::Boot } else { config.since };
    RecordsOf::UnifiedLog { settings: Box::new(settings), begin: begin(since, &agent.clock) }
}

/// The time at which reading begins, by the clock that entries are stamped with: the system's, right or wrong.
fn begin(since: Since, clock: &Clock) -> Wall {
    let now = clock.system();
    let back = match since {
        Since::Now => 0,
        Since::Boot => clock.now().0,
        Since::Ago(ago) => u64::try_from(ago.as_millis()).unwrap_or(u64::MAX),
    };
    Wall(now.0.saturating_sub_unsigned(back))
}

/// Who this program is to the journal.
fn own(agent: &Agent) -> Own {
    let cgroups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    Own::new(std::process::id(), &agent.boot, agent.began_us, &cgroups, &machine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BootId;

    #[test]
    fn a_blacklist_with_look_around_is_taken_as_the_configuration_takes_it() {
        let mut entry = FileEntryConfig::new("/var/log/*.log");
        entry.blacklist = Some("^(?!app)".to_owned());
        let entry = file_entry(&Facts::default(), None, &entry, true).unwrap();
        assert!(entry.blacklist.is_some_and(|list| list.matches("other.log") && !list.matches("app.log")));
    }

    #[test]
    fn a_place_in_a_journal_that_is_asked_for_is_never_forgotten_and_of_the_others_the_latest_stay() {
        let saved = |number: i64| SavedJournal {
            entry: format!("journald unit \"{number}\""),
            cursor: String::new(),
            is_past: true,
            time: Wall(number),
            boot: BootId(String::new()),
        };
        let used = [JournalConfig::new(&saved(1).entry)];
        let many: Vec<_> = (0..100).map(saved).collect();
        let forgotten = unused_journals(&many, &used);
        let expected: Vec<String> =
            (0..36).rev().filter(|number| *number != 1).map(|number| saved(number).entry).collect();
        assert_eq!(forgotten, expected);
        assert!(unused_journals(&many[..MAX_UNUSED_JOURNALS], &[]).is_empty());
    }
}
