//! Judges `logs`: what is followed, where its records go, how long they are kept.
//!
//! A group has one retention and one class, whoever gives them; a record is not sent twice to one stream; the own log is never read.
//!
//! Pure.

use std::path::{Path, PathBuf};

use super::Judge;
use crate::config::DEFAULT_LOG_FILE;
use crate::config::file;
use crate::config::key::{Key, List};
use crate::config::problem::nearest;
use crate::config::settings::{
    Agent, Compression, FileEntryConfig, FilterConfig, GroupClass, InitialPosition, Logs, MultiLineConfig, defaults,
};
use crate::config::template::{Purpose, Template};
use crate::delivery::encoding::Encoding;
use crate::delivery::filter::Pattern;

/// Days that CloudWatch offers. Source: PutRetentionPolicy, botocore 1.43.11, read 2026-11-21.
pub(in crate::config) const RETENTIONS: [u16; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

impl Judge<'_> {
    /// The logs' settings. `endpoint` is that of all services.
    pub(super) fn logs(&mut self, shape: &file::Logs, agent: &Agent, endpoint: Option<&String>) -> Logs {
        let own_log = agent.log_file.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_LOG_FILE));
        let standard = self.log_defaults(shape);
        let (mut entries, mut journals, mut groups) = (Vec::new(), Vec::new(), Groups::default());
        if let Some(collected) = shape.logs_collected.get() {
            if let Some((id, files)) = collected.files.placed() {
                entries = self.entries(id, files, &standard, &own_log, &mut groups);
            }
            journals = self.journals(shape, collected, &standard, &mut groups);
        }
        for (group, class) in entries
            .iter_mut()
            .map(|entry| (&entry.group, &mut entry.group_class))
            .chain(journals.iter_mut().map(|journal| (&journal.group, &mut journal.group_class)))
        {
            *class = groups.class_of(group).unwrap_or(*class);
        }
        Logs {
            entries,
            journals,
            endpoint: self.endpoint(&shape.endpoint_override).or_else(|| endpoint.cloned()),
            role: self.role(&shape.credentials),
            concurrency: self
                .whole(&shape.concurrency, 1, 256, "it is a number of requests")
                .and_then(|number| usize::try_from(number).ok())
                .unwrap_or(defaults::CONCURRENCY),
            compression: match shape.compression.get() {
                Some(file::Compression::None) => Compression::None,
                Some(file::Compression::Gzip) | None => Compression::Gzip,
            },
        }
    }

    /// What an entry has that says nothing of it.
    fn log_defaults(&mut self, shape: &file::Logs) -> FileEntryConfig {
        let mut standard = FileEntryConfig::new("");
        standard.retention_days = self.retention(&shape.retention_in_days);
        standard.group_class = class_of(&shape.log_group_class).unwrap_or(standard.group_class);
        if let Some(group) = self.template(&shape.log_group_name, Purpose::Group) {
            standard.group = group;
        }
        if let Some(stream) = self.template(&shape.log_stream_name, Purpose::Stream) {
            standard.stream = stream;
        }
        standard.mask = self.mask(&shape.mask).unwrap_or_default();
        standard
    }

    pub(super) fn retention(&mut self, key: &Key<i64>) -> Option<u16> {
        let (id, days) = key.placed()?;
        // The CloudWatch Agent's word for "leave it".
        if *days == -1 {
            return None;
        }
        let found = u16::try_from(*days).ok().filter(|days| RETENTIONS.contains(days));
        if found.is_none() {
            self.wrong(id, &format!(" is `{days}`, which CloudWatch does not offer"), &retention_hint(*days));
        }
        found
    }

    fn entries(
        &mut self,
        id: usize,
        files: &file::Files,
        standard: &FileEntryConfig,
        own_log: &Path,
        groups: &mut Groups,
    ) -> Vec<FileEntryConfig> {
        let list = files.collect_list.get().map(Vec::as_slice).unwrap_or_default();
        if list.is_empty() {
            if !files.collect_list.is_wrong() {
                self.wrong(id, " follows no file", "give `collect_list` an entry, or leave `files` out");
            }
            return Vec::new();
        }
        let mut entries: Vec<FileEntryConfig> = Vec::new();
        let mut ids = Vec::new();
        for (id, shape) in list.iter().filter_map(Key::placed) {
            let Some(mut entry) = self.entry(id, shape, standard) else {
                continue;
            };
            groups.add(self, id, &entry.group, Wish::of(&shape.retention_in_days, entry.retention_days));
            groups.add(self, id, &entry.group, Wish::class(&shape.log_group_class, entry.group_class));
            if let Some(first) = entries.iter().position(|other| is_same(other, &entry)) {
                let first = ids.get(first).map(|first| self.seen_from(id, *first)).unwrap_or_default();
                self.wrong(id, &format!(" follows the same files to the same stream as {first}"), "keep one of them");
            }
            if Path::new(&entry.pattern) == own_log {
                let place = shape.file_path.placed().map_or(id, |(id, _)| id);
                self.remark(place, " is this program's own log, which is never read: the entry follows nothing");
            }
            let earlier = entries.iter().filter(|other| other.pattern == entry.pattern).count();
            if earlier > 0 {
                entry.key = format!("{} ({})", entry.pattern, earlier + 1);
            }
            entries.push(entry);
            ids.push(id);
        }
        entries.retain(|entry| Path::new(&entry.pattern) != own_log);
        entries
    }

    fn entry(&mut self, id: usize, shape: &file::FileEntry, standard: &FileEntryConfig) -> Option<FileEntryConfig> {
        let mut entry = standard.clone();
        match self.pattern(id, &shape.file_path) {
            Some(pattern) => (entry.key, entry.pattern) = (pattern.clone(), pattern),
            None => entry.pattern.clear(),
        }
        if let Some(group) = self.template(&shape.log_group_name, Purpose::Group) {
            entry.group = group;
        }
        if let Some(stream) = self.template(&shape.log_stream_name, Purpose::Stream) {
            entry.stream = stream;
        }
        if shape.retention_in_days.get().is_some() {
            entry.retention_days = self.retention(&shape.retention_in_days);
        }
        entry.group_class = class_of(&shape.log_group_class).unwrap_or(entry.group_class);
        entry.is_newest_only = shape.publish_multi_logs.get() == Some(&false);
        entry.is_removed = shape.auto_removal.get() == Some(&true);
        if let Some(file::InitialPosition::Beginning) = shape.initial_position.get() {
            entry.initial_position = InitialPosition::Beginning;
        }
        if let Some(timeout) = self.seconds(&shape.partial_line_timeout, 86_400) {
            entry.partial_line_timeout = timeout;
        }
        entry.blacklist = shape.blacklist.placed().and_then(|(id, text)| self.regular_expression(id, text));
        entry.include_patterns = self.regular_expressions(&shape.include_patterns);
        entry.exclude_patterns = self.regular_expressions(&shape.exclude_patterns);
        entry.filters = self.filters(&shape.filters);
        if let Some(mask) = self.mask(&shape.mask) {
            entry.mask = mask;
        }
        entry.multi_line = self.multi_line(shape);
        if let Some(encoding) = self.encoding(&shape.encoding) {
            entry.encoding = encoding;
        }
        entry.time = self.time(shape);
        (!entry.pattern.is_empty()).then_some(entry)
    }

    fn pattern(&mut self, entry: usize, key: &Key<String>) -> Option<String> {
        let Some((id, text)) = key.placed() else {
            if !key.is_wrong() {
                self.wrong(entry, " has no `file_path`", "it is the path or the pattern of the files to follow");
            }
            return None;
        };
        if text.trim().is_empty() {
            self.wrong(id, " is empty", "it is the path or the pattern of the files to follow");
            return None;
        }
        if text.ends_with('/') {
            self.wrong(
                id,
                &format!(" is `{text}`, which names a folder"),
                &format!("`{text}*` follows the files in it"),
            );
        }
        let path = self.absolute(text);
        let pattern = path.to_string_lossy().into_owned();
        if let Err(error) = globset::GlobBuilder::new(&pattern).literal_separator(true).build() {
            self.wrong(
                id,
                &format!(" is `{text}`, which is no pattern of files: {}", error.kind()),
                "`*` `?` `[..]` `{a,b}` `**` are special",
            );
        }
        Some(pattern)
    }

    pub(super) fn regular_expressions(&mut self, list: &List<String>) -> Vec<String> {
        let placed = list.get().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Key::placed);
        placed.filter_map(|(id, text)| self.regular_expression(id, text)).collect()
    }

    pub(super) fn regular_expression(&mut self, id: usize, text: &str) -> Option<String> {
        match Pattern::new(text) {
            Ok(_) => Some(text.to_string()),
            Err(error) => {
                self.wrong(id, &format!(" is `{text}`, which is no regular expression"), &error);
                None
            }
        }
    }

    /// Where a record of several lines begins. A pattern of nothing is found in every line: none.
    fn multi_line(&mut self, shape: &file::FileEntry) -> Option<MultiLineConfig> {
        let (id, text) = shape.multi_line_start_pattern.placed()?;
        if text.as_str() != "{timestamp_format}" {
            let pattern = self.regular_expression(id, text)?;
            return (!pattern.is_empty()).then_some(MultiLineConfig::Pattern(pattern));
        }
        if shape.timestamp_format.get().is_none() && !shape.timestamp_format.is_wrong() {
            let says = " is `{timestamp_format}`, and the entry has no `timestamp_format`";
            self.wrong(id, says, "say how the time stands in a record, or give a regular expression");
        }
        Some(MultiLineConfig::Time)
    }

    fn encoding(&mut self, key: &Key<String>) -> Option<Encoding> {
        let (id, label) = key.placed()?;
        let found = Encoding::of(label);
        if found.is_none() {
            let says = format!(" is `{label}`, which is no encoding");
            self.wrong(id, &says, &encoding_hint(label));
        }
        found
    }

    pub(super) fn filters(&mut self, list: &List<file::Filter>) -> Vec<FilterConfig> {
        let mut filters = Vec::new();
        for (id, filter) in list.get().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Key::placed) {
            let expression = match filter.expression.placed() {
                Some((id, text)) => self.regular_expression(id, text),
                None if filter.expression.is_wrong() => None,
                None => {
                    self.wrong(id, " has no `expression`", "it is a regular expression");
                    None
                }
            };
            if filter.kind.get().is_none() && !filter.kind.is_wrong() {
                self.wrong(id, " has no `type`", "it is `include` or `exclude`");
            }
            let is_exclude = filter.kind.get() == Some(&file::FilterKind::Exclude);
            filters.extend(expression.map(|expression| FilterConfig { is_exclude, expression }));
        }
        filters
    }
}

/// Two entries that would send the same records to the same stream.
fn is_same(one: &FileEntryConfig, other: &FileEntryConfig) -> bool {
    let same_filters = one.include_patterns == other.include_patterns
        && one.exclude_patterns == other.exclude_patterns
        && one.filters == other.filters;
    one.pattern == other.pattern
        && one.group.text() == other.group.text()
        && one.stream.text() == other.stream.text()
        && one.blacklist == other.blacklist
        && one.time == other.time
        && same_filters
}

/// What was asked for each group, and where. A group has one retention and one class: the second, different one is a problem.
#[derive(Default)]
pub(super) struct Groups(Vec<Asked>);

struct Asked {
    group: String,
    wish: Wish,
    at: usize,
}

/// What is asked for a group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    what: What,
    /// Where it is written, where it stands at the entry.
    at: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Nothing,
    Retention(u16),
    Class(GroupClass),
}

impl Wish {
    pub(super) fn of(key: &Key<i64>, days: Option<u16>) -> Self {
        let what = days.map_or(What::Nothing, What::Retention);
        Self { what, at: key.placed().map(|(id, _)| id) }
    }

    pub(super) fn class(key: &Key<file::GroupClass>, class: GroupClass) -> Self {
        // Who says nothing has the class that others give the group.
        let is_said = key.get().is_some() || class != GroupClass::Standard;
        let what = if is_said { What::Class(class) } else { What::Nothing };
        Self { what, at: key.placed().map(|(id, _)| id) }
    }
}

impl Groups {
    /// The class that was asked for the group.
    fn class_of(&self, group: &Template) -> Option<GroupClass> {
        self.0.iter().find_map(|asked| match asked.wish.what {
            What::Class(class) if asked.group == group.text() => Some(class),
            _ => None,
        })
    }

    /// Notes what the entry `id` asks for its group.
    pub(super) fn add(&mut self, judge: &mut Judge<'_>, id: usize, group: &Template, wish: Wish) {
        if wish.what == What::Nothing {
            return;
        }
        let (at, group) = (wish.at.unwrap_or(id), group.text());
        let is_of_its_kind = |asked: &&Asked| {
            asked.group == group && std::mem::discriminant(&asked.wish.what) == std::mem::discriminant(&wish.what)
        };
        let Some(Asked { wish: earlier, at: first, .. }) = self.0.iter().find(is_of_its_kind) else {
            self.0.push(Asked { group: group.to_string(), wish, at });
            return;
        };
        let line = judge.places.line_seen_from(at, *first);
        match (wish.what, earlier.what) {
            (What::Retention(days), What::Retention(other)) if days != other => {
                let says = format!(" gives the group `{group}` a retention of `{days}` days; it has `{other}` already");
                judge.wrong(at, &says, &format!("{line} says `{other}`: a group has one retention"));
            }
            (What::Class(class), What::Class(other)) if class != other => {
                let (class, other) = (class.name(), other.name());
                let says = format!(" gives the group `{group}` the class `{class}`; it has `{other}` already");
                judge.wrong(at, &says, &format!("{line} says `{other}`: a group has one class"));
            }
            _ => {}
        }
    }
}

pub(super) fn class_of(key: &Key<file::GroupClass>) -> Option<GroupClass> {
    Some(match key.get()? {
        file::GroupClass::Standard => GroupClass::Standard,
        file::GroupClass::InfrequentAccess => GroupClass::InfrequentAccess,
    })
}

fn encoding_hint(label: &str) -> String {
    let known: Vec<String> = Encoding::names().map(str::to_lowercase).collect();
    let meant = nearest(label, known.iter().map(String::as_str));
    let meant = meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
    format!("{meant}(all: {})", known.join(", "))
}

fn retention_hint(days: i64) -> String {
    let below = RETENTIONS.iter().rev().find(|known| i64::from(**known) < days);
    let above = RETENTIONS.iter().find(|known| i64::from(**known) > days);
    let nearest = match (below, above) {
        (Some(below), Some(above)) => format!("nearest are {below} and {above}"),
        (Some(one), None) | (None, Some(one)) => format!("nearest is {one}"),
        (None, None) => String::new(),
    };
    let all = RETENTIONS.map(|days| days.to_string()).join(", ");
    format!("{nearest} (all: {all})")
}
