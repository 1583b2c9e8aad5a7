//! Judges `journal` and `journald`: what is read of the journal, and where it goes.
//!
//! Pure.

use std::time::Duration;

use super::Judge;
use super::logs::{Groups, Wish, class_of};
use super::overlap::{PRIORITIES, level, shares};
use crate::config::file;
use crate::config::key::{Key, List, Match};
use crate::config::problem::nearest;
use crate::config::settings::{FileEntryConfig, JournalConfig, JournalFormat, JournalLevel, LONGEST_SINCE, Since};
use crate::config::template::{Purpose, Template};

impl Judge<'_> {
    /// Every reading of the journal.
    pub(super) fn journals(
        &mut self,
        logs: &file::Logs,
        shape: &file::LogsCollected,
        standard: &FileEntryConfig,
        groups: &mut Groups,
    ) -> Vec<JournalConfig> {
        let mut journals: Vec<(usize, JournalConfig)> = Vec::new();
        let mut base = JournalConfig::new("journal");
        (base.group, base.retention_days) = (standard.group.clone(), standard.retention_days);
        base.group_class = standard.group_class;
        base.mask = standard.mask.clone();
        if logs.log_stream_name.get().is_some() {
            base.stream = standard.stream.clone();
        }
        if let Some((id, shape)) = shape.journal.placed()
            && shape.collect.get() != Some(&false)
        {
            let journal = self.journal(shape, base.clone());
            groups.add(self, id, &journal.group, Wish::of(&shape.retention_in_days, journal.retention_days));
            groups.add(self, id, &journal.group, Wish::class(&shape.log_group_class, journal.group_class));
            journals.push((id, journal));
        }
        let list = shape.journald.get().and_then(|shape| shape.collect_list.get());
        for (id, shape) in list.map(Vec::as_slice).unwrap_or_default().iter().filter_map(Key::placed) {
            let journal = self.journald(shape, base.clone());
            groups.add(self, id, &journal.group, Wish::of(&shape.retention_in_days, journal.retention_days));
            groups.add(self, id, &journal.group, Wish::class(&shape.log_group_class, journal.group_class));
            journals.push((id, journal));
        }
        self.with_keys(journals)
    }

    /// Gives each reading a key of its own; two that are the same in all are a problem. A key tells what is read and not where it
    /// goes, nor where in the list it stands: its place in the journal is saved under it. Only twins are numbered.
    fn with_keys(&mut self, journals: Vec<(usize, JournalConfig)>) -> Vec<JournalConfig> {
        let (mut named, mut keys): (Vec<(usize, JournalConfig)>, Vec<String>) = (Vec::new(), Vec::new());
        for (id, mut journal) in journals {
            let is_same = |other: &JournalConfig| *other == JournalConfig { key: other.key.clone(), ..journal.clone() };
            if let Some((first, _)) = named.iter().find(|(_, other)| is_same(other)) {
                let first = self.seen_from(id, *first);
                self.wrong(
                    id,
                    &format!(" reads the same of the journal into the same stream as {first}"),
                    "keep one of them",
                );
            } else if let Some((first, _)) = named.iter().find(|(_, other)| shares(&journal, other)) {
                let first = self.seen_from(id, *first);
                self.remark(
                    id,
                    &format!(" may read entries that {first} reads too: in their one stream they come twice"),
                );
            }
            let earlier = keys.iter().filter(|key| **key == journal.key).count();
            keys.push(journal.key.clone());
            if earlier > 0 {
                journal.key = format!("{} ({})", journal.key, earlier + 1);
            }
            named.push((id, journal));
        }
        named.into_iter().map(|(_, journal)| journal).collect()
    }

    fn journal(&mut self, shape: &file::Journal, mut journal: JournalConfig) -> JournalConfig {
        self.names(&mut journal, &shape.log_group_name, &shape.log_stream_name, &shape.retention_in_days);
        journal.group_class = class_of(&shape.log_group_class).unwrap_or(journal.group_class);
        journal.units = self.texts(&shape.units);
        journal.exclude_units = self.texts(&shape.exclude_units);
        journal.identifiers = self.texts(&shape.identifiers);
        if let Some((id, priority)) = shape.priority.placed() {
            journal.priority = self.priority(id, &priority.0);
        }
        journal.matches = self.matches(&shape.matches, true);
        journal.exclude_matches = self.matches(&shape.exclude_matches, false);
        if let Some((id, since)) = shape.since.placed() {
            journal.since = self.since(id, since);
        }
        journal.namespace = self.text(&shape.namespace);
        journal.directory = self.text(&shape.directory).map(|path| self.absolute(&path));
        if let (Some(_), Since::Boot, Some((id, _))) = (&journal.directory, journal.since, shape.since.placed()) {
            self.remark(
                id,
                " is `boot`, which is this machine's: where the files of `directory` are another's, it means `now`",
            );
        }
        if let (Some(_), Some((id, _))) = (&journal.namespace, shape.directory.placed()) {
            self.wrong(id, " stands beside `namespace`", "a namespace is of this machine's journal: keep one of them");
        }
        journal.format = match shape.format.get() {
            None | Some(file::JournalFormat::Text) => JournalFormat::Text,
            Some(file::JournalFormat::Json) => JournalFormat::Json,
            Some(file::JournalFormat::Message) => JournalFormat::Message,
        };
        journal.predicate = self.text(&shape.predicate);
        journal.level = match shape.level.get() {
            None | Some(file::JournalLevel::Default) => JournalLevel::Default,
            Some(file::JournalLevel::Info) => JournalLevel::Info,
            Some(file::JournalLevel::Debug) => JournalLevel::Debug,
        };
        self.other_system(shape);
        journal.include_patterns = self.regular_expressions(&shape.include_patterns);
        journal.exclude_patterns = self.regular_expressions(&shape.exclude_patterns);
        journal.filters = self.filters(&shape.filters);
        if let Some(mask) = self.mask(&shape.mask) {
            journal.mask = mask;
        }
        // Another journal has other places.
        if let Some(namespace) = &journal.namespace {
            journal.key = format!("journal of {namespace}");
        }
        if let Some(directory) = &journal.directory {
            journal.key = format!("journal in {}", directory.display());
        }
        journal
    }

    /// Remarks on keys that this system has nothing for.
    fn other_system(&mut self, shape: &file::Journal) {
        let of_macos = [id_of(&shape.predicate), id_of(&shape.level)];
        let of_linux = [
            id_of(&shape.units),
            id_of(&shape.exclude_units),
            id_of(&shape.identifiers),
            id_of(&shape.priority),
            id_of(&shape.matches),
            id_of(&shape.exclude_matches),
            id_of(&shape.namespace),
            id_of(&shape.directory),
        ];
        let (idle, log) = match cfg!(target_os = "macos") {
            true => (of_linux.as_slice(), "the journal of systemd"),
            false => (of_macos.as_slice(), "the unified log of macOS"),
        };
        for id in idle.iter().flatten() {
            self.remark(*id, &format!(" has no effect on this system: it is of {log}"));
        }
    }

    fn journald(&mut self, shape: &file::JournaldEntry, mut journal: JournalConfig) -> JournalConfig {
        self.names(&mut journal, &shape.log_group_name, &shape.log_stream_name, &shape.retention_in_days);
        journal.group_class = class_of(&shape.log_group_class).unwrap_or(journal.group_class);
        journal.units = self.texts(&shape.units);
        if let Some((id, priority)) = shape.priority.placed() {
            journal.priority = self.priority(id, priority);
        }
        let list = shape.matches.get().map(Vec::as_slice).unwrap_or_default();
        for (id, pairs) in list.iter().filter_map(Key::placed) {
            let pairs = pairs.get().into_iter().flatten();
            let pairs: Vec<_> =
                pairs.filter_map(|(field, value)| Some((field.clone(), value.get()?.clone()))).collect();
            self.fields(id, &pairs);
            journal.matches.extend((!pairs.is_empty()).then_some(pairs));
        }
        journal.filters = self.filters(&shape.filters);
        journal.key = key_of_journald(&journal);
        journal
    }

    fn names(&mut self, journal: &mut JournalConfig, group: &Key<String>, stream: &Key<String>, retention: &Key<i64>) {
        let set = |template: &mut Template, given: Option<Template>| *template = given.unwrap_or(template.clone());
        set(&mut journal.group, self.template(group, Purpose::Group));
        set(&mut journal.stream, self.template(stream, Purpose::Stream));
        if retention.get().is_some() {
            journal.retention_days = self.retention(retention);
        }
    }

    /// Texts of which none is empty.
    fn texts(&mut self, list: &List<String>) -> Vec<String> {
        list.get().map(Vec::as_slice).unwrap_or_default().iter().filter_map(|key| self.text(key)).collect()
    }

    /// A priority or a range of them, by name or number.
    fn priority(&mut self, id: usize, text: &str) -> Option<String> {
        let ends: Vec<&str> = text.split("..").collect();
        let is_good = ends.len() <= 2 && ends.iter().all(|end| level(end).is_some());
        if !is_good {
            let wrong = ends.iter().find(|end| level(end).is_none());
            let hint = match wrong.and_then(|end| nearest(end, PRIORITIES)) {
                Some(meant) if ends.len() <= 2 => format!("did you mean `{meant}`?"),
                _ => format!("there are {}, or 0 to 7", PRIORITIES.map(|name| format!("`{name}`")).join(", ")),
            };
            self.wrong(id, &format!(" is `{text}`, which is no priority"), &hint);
        }
        is_good.then(|| text.to_string())
    }

    /// Texts together are one choice as journalctl makes it where `is_choice`; else each stands for itself, as an object does.
    fn matches(&mut self, list: &List<Match>, is_choice: bool) -> Vec<Vec<(String, String)>> {
        let (mut all, mut texts) = (Vec::new(), Vec::new());
        for (id, one) in list.get().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Key::placed) {
            let pairs = match one {
                Match::Pairs(pairs) => pairs.clone(),
                Match::Text(text) => match text.split_once('=') {
                    Some((field, value)) => vec![(field.to_string(), value.to_string())],
                    None => {
                        self.wrong(
                            id,
                            &format!(" is `{text}`, which is no match"),
                            "one looks like `_TRANSPORT=kernel`",
                        );
                        continue;
                    }
                },
            };
            self.fields(id, &pairs);
            match one {
                Match::Text(_) if is_choice => texts.extend(pairs),
                _ => all.push(pairs),
            }
        }
        all.push(texts);
        all.retain(|pairs: &Vec<_>| !pairs.is_empty());
        all
    }

    /// Names of fields as journald takes them.
    fn fields(&mut self, id: usize, pairs: &[(String, String)]) {
        let is_good = |name: &str| {
            name.len() <= 64
                && name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
                && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        };
        for (field, _) in pairs.iter().filter(|(field, _)| !is_good(field)) {
            self.wrong(
                id,
                &format!(" names `{}`, which is no field of the journal", field.escape_debug()),
                "a field is of capital letters, digits and `_`; `journalctl -N` lists them",
            );
        }
    }

    fn since(&mut self, id: usize, text: &str) -> Since {
        match text {
            "now" => return Since::Now,
            "boot" => return Since::Boot,
            _ => {}
        }
        let ago = duration(text);
        match ago {
            None => self.wrong(
                id,
                &format!(" is `{text}`, which is no beginning"),
                "`now`, `boot`, or a duration such as `90s`, `30m`, `12h`, `7d`",
            ),
            Some(ago) if ago > LONGEST_SINCE => {
                self.wrong(id, &format!(" is `{text}`"), "CloudWatch takes nothing older than 14 days");
            }
            Some(_) => {}
        }
        Since::Ago(ago.unwrap_or_default())
    }
}

/// What a reading in the CloudWatch Agent's form reads. The order of units, of matches and of filters says nothing.
fn key_of_journald(journal: &JournalConfig) -> String {
    let sorted = |mut texts: Vec<String>| {
        texts.sort_unstable();
        texts
    };
    let units = sorted(journal.units.iter().map(|unit| format!(" unit {unit:?}")).collect());
    let priority = journal.priority.iter().map(|priority| format!(" priority {priority:?}"));
    let pairs = |pairs: &Vec<(String, String)>| {
        sorted(pairs.iter().map(|(field, value)| format!(" {field}={value:?}")).collect()).concat()
    };
    let matches = sorted(journal.matches.iter().map(|one| format!(" match{}", pairs(one))).collect());
    let word = |is_exclude: bool| if is_exclude { "without" } else { "with" };
    let filters = journal.filters.iter().map(|filter| format!(" {} {:?}", word(filter.is_exclude), filter.expression));
    let filters = sorted(filters.collect());
    units.into_iter().chain(priority).chain(matches).chain(filters).fold("journald".to_owned(), |key, part| key + &part)
}

fn id_of<T>(key: &Key<T>) -> Option<usize> {
    key.placed().map(|(id, _)| id)
}

/// `90s`, `30m`, `12h`, `7d`.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let number: u64 = number.trim().parse().ok()?;
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}
