//! Names with placeholders, and CloudWatch's rules for names.
//!
//! A template is checked twice: when the file is read (is every placeholder known, may it stand there, is the text around them
//! allowed), and by [`check_names`] once the machine's own values are known. Easy to break: a value that is not known never makes a
//! name: the placeholder stays, and [`unknown`] tells of it before anything is sent.
//!
//! Pure.

mod placeholder;

use std::ffi::OsStr;
use std::path::Path;

use super::problem::{Place, Problem, nearest};
use super::settings::{Collected, Config};
use placeholder::{BUILT, OF_EC2};
pub use placeholder::{Ec2, Facts, Placeholder};

/// What a name is for: each has its own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A log group.
    Group,
    /// A log stream.
    Stream,
    /// A metric namespace.
    Namespace,
    /// The value of a dimension.
    Dimension,
}

/// A name in which `{placeholder}`s are filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
    purpose: Purpose,
    /// The key it was written under and where, for messages; none for a default.
    written: Option<(String, Place)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

impl Template {
    /// A template of our own, every placeholder of which there is.
    pub(super) fn known(text: &str, purpose: Purpose) -> Self {
        let (parts, _) = split(text);
        Self { text: text.to_string(), parts, purpose, written: None }
    }

    /// Reads a template from the file. Placeholders that there are not, or not there, are problems.
    pub(super) fn read(text: &str, purpose: Purpose, key: &str, place: Place, problems: &mut Vec<Problem>) -> Self {
        let (parts, strange) = split(text);
        let template = Self { text: text.to_string(), parts, purpose, written: Some((key.to_string(), place)) };
        let misplaced: Vec<Placeholder> =
            template.placeholders().filter(|placeholder| !placeholder.may_stand_in(purpose)).collect();
        problems.extend(strange.iter().map(|name| unknown_placeholder(key, place, purpose, name)));
        problems.extend(misplaced.first().map(|first| misplaced_placeholder(key, place, purpose, text, *first)));
        if strange.is_empty() && misplaced.is_empty() {
            problems.extend(template.refusal(&Facts::default()));
        }
        template
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name for this machine. `{file_name}`, `{file_path}` and `{date}` stay as they are, and what is not known.
    pub fn resolve(&self, facts: &Facts) -> String {
        self.fill(facts, None)
    }

    /// The name for a file of this machine; `{date}` stays as it is. What a path may hold and the name may not becomes `-`.
    pub fn resolve_for(&self, facts: &Facts, file: &Path) -> String {
        self.fill(facts, Some(file))
    }

    /// Whether the name differs from file to file.
    pub fn is_per_file(&self) -> bool {
        self.uses(Placeholder::FileName) || self.uses(Placeholder::FilePath)
    }

    /// Whether this placeholder stands in it.
    pub fn uses(&self, placeholder: Placeholder) -> bool {
        self.placeholders().any(|other| other == placeholder)
    }

    /// Whether something stands in it that only EC2 tells.
    pub fn is_of_ec2(&self) -> bool {
        self.placeholders().any(Placeholder::is_of_ec2)
    }

    /// The first placeholder, as it is written, that has no value on this machine: the name is not to be used.
    pub fn missing(&self, facts: &Facts) -> Option<String> {
        self.placeholders_without(facts).next().map(Placeholder::written)
    }

    fn placeholders_without(&self, facts: &Facts) -> impl Iterator<Item = Placeholder> {
        self.placeholders().filter(|placeholder| !placeholder.is_of_record() && placeholder.value(facts).is_none())
    }

    fn placeholders(&self) -> impl Iterator<Item = Placeholder> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(placeholder) => Some(*placeholder),
            Part::Text(_) => None,
        })
    }

    fn fill(&self, facts: &Facts, file: Option<&Path>) -> String {
        self.fill_with(|placeholder| match (placeholder, file) {
            (Placeholder::FileName, Some(file)) => Some(self.safe(file.file_name().unwrap_or_default())),
            (Placeholder::FilePath, Some(file)) => Some(self.safe(file.as_os_str())),
            // An IPv6 address has `:`.
            (Placeholder::IpAddress, _) => placeholder.value(facts).map(|address| self.safe(address.as_ref())),
            _ => placeholder.value(facts).map(str::to_string),
        })
    }

    fn fill_with(&self, value: impl Fn(Placeholder) -> Option<String>) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(placeholder) => value(*placeholder).unwrap_or_else(|| placeholder.written()),
        };
        self.parts.iter().map(part).collect()
    }

    fn safe(&self, name: &OsStr) -> String {
        let name = name.to_string_lossy().replace("{date}", "-date-");
        name.chars().map(|c| if is_allowed(self.purpose, c) { c } else { '-' }).collect()
    }

    /// What CloudWatch would refuse in the name that `facts` give.
    fn refusal(&self, facts: &Facts) -> Option<Problem> {
        // A file's name is made safe when the file is found, and what is not known yet is judged when it is.
        let stand_in = |placeholder: Placeholder| match placeholder {
            Placeholder::Date => "2000-01-01".to_string(),
            _ => "x".to_string(),
        };
        let given =
            |placeholder: Placeholder| {
                let value = placeholder.value(facts).filter(|value| !value.is_empty());
                value.map(|value| {
                    if placeholder == Placeholder::IpAddress { self.safe(value.as_ref()) } else { value.to_string() }
                })
            };
        let name = self.fill_with(|placeholder| Some(given(placeholder).unwrap_or_else(|| stand_in(placeholder))));
        let (what, rule) = refused(self.purpose, &name)?;
        let given = if name == self.text { String::new() } else { format!(" (written `{}`)", self.text) };
        let (key, place) = self.origin();
        let message = format!("{key} is `{name}`{given}, which CloudWatch refuses: {what}");
        Some(Problem { place, file: None, message, hint: rule.to_string() })
    }

    fn problem(&self, says: &str, hint: &str) -> Problem {
        let (key, place) = self.origin();
        Problem { place, file: None, message: format!("{key} is `{}`; {says}", self.text), hint: hint.to_string() }
    }

    /// The key that it was written under, and where.
    pub(super) fn origin(&self) -> (&str, Option<Place>) {
        match &self.written {
            Some((key, place)) => (key, Some(*place)),
            None => (default_key(self.purpose), None),
        }
    }
}

/// Judges every name of `config` now that this machine's own are known.
pub(super) fn check_names(config: &Config, facts: &Facts) -> Vec<Problem> {
    in_order(templates(config).filter_map(|name| name.refusal(facts)))
}

/// What stands in a name of `config` and is not known: without it nothing can be sent there. A dimension that only EC2 tells is left
/// out instead ([`left_out`]).
pub(super) fn unknown(config: &Config, facts: &Facts) -> Vec<Problem> {
    let without = |name: &Template| {
        let placeholder = name.placeholders_without(facts).find(|placeholder| !placeholder.is_of_ec2())?;
        let (why, hint) = placeholder.why_unknown();
        Some(name.problem(&format!("`{}` is not known: {why}", placeholder.written()), hint))
    };
    in_order(templates(config).filter_map(without))
}

/// Remarks on the dimensions of `config` that are left out since they are known on EC2 only.
pub(super) fn left_out(config: &Config, facts: &Facts) -> Vec<Problem> {
    let without = |name: &Template| {
        let placeholder = name.placeholders_without(facts).find(|placeholder| placeholder.is_of_ec2())?;
        let written = placeholder.written();
        let hint = match placeholder {
            Placeholder::Ec2AutoScalingGroup => "EC2 tells it where the instance's tags are allowed in its metadata",
            _ => "`{instance_id}` and `{hostname}` are known everywhere",
        };
        Some(name.problem(&format!("EC2 does not tell `{written}` here: the dimension is left out"), hint))
    };
    in_order(templates(config).filter_map(without))
}

/// Whether this placeholder stands anywhere in `config`.
pub(super) fn is_used(config: &Config, placeholder: Placeholder) -> bool {
    templates(config).any(|name| name.uses(placeholder))
}

/// Whether anything stands in `config` that only EC2 tells.
pub(super) fn asks_ec2(config: &Config) -> bool {
    templates(config).any(Template::is_of_ec2)
}

fn templates(config: &Config) -> impl Iterator<Item = &Template> {
    let entries = config.logs.entries.iter().flat_map(|entry| [&entry.group, &entry.stream]);
    let journals = config.logs.journals.iter().flat_map(|journal| [&journal.group, &journal.stream]);
    let collectors = match &config.metrics.collected {
        Collected::Standard => [].as_slice(),
        Collected::Chosen { collectors, .. } => collectors,
    };
    let dimensions = collectors.iter().flat_map(|collector| &collector.append_dimensions);
    let dimensions = config.metrics.append_dimensions.iter().flatten().chain(dimensions).map(|(_, value)| value);
    entries.chain(journals).chain(std::iter::once(&config.metrics.namespace)).chain(dimensions)
}

fn in_order(problems: impl Iterator<Item = Problem>) -> Vec<Problem> {
    let mut problems: Vec<Problem> = problems.collect();
    problems.sort_by_key(|problem| problem.place);
    problems.dedup();
    problems
}

fn default_key(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Group => "the default of logs.log_group_name",
        Purpose::Stream => "the default of logs.log_stream_name",
        Purpose::Namespace => "the default of metrics.namespace",
        Purpose::Dimension => "a default dimension",
    }
}

/// What is wrong with a name, and the rule. Sources: the models of CloudWatch Logs and CloudWatch, read 2026-11-21.
fn refused(purpose: Purpose, name: &str) -> Option<(String, &'static str)> {
    let (limit, rule) = match purpose {
        Purpose::Group => (512, "1 to 512 of letters, digits and `_-/.#`, not beginning with `aws/`"),
        Purpose::Stream => (512, "1 to 512 characters without `:` and `*`"),
        Purpose::Namespace => (255, "1 to 255 of letters, digits and `_-/.#: `, not blank, not beginning with `AWS/`"),
        Purpose::Dimension => (1024, "1 to 1024 visible ASCII characters and spaces, not blank"),
    };
    let reserved = match purpose {
        Purpose::Group => Some("aws/"),
        Purpose::Stream | Purpose::Dimension => None,
        Purpose::Namespace => Some("AWS/"),
    };
    let length = name.chars().count();
    let what = if name.trim().is_empty() {
        "it is empty".to_string()
    } else if length > limit {
        format!("it has {length} characters")
    } else if let Some(c) = name.chars().find(|c| !is_allowed(purpose, *c)) {
        format!("`{}` is not allowed", c.escape_debug())
    } else {
        let start = reserved.filter(|start| name.starts_with(start))?;
        format!("names that begin with `{start}` are AWS's own")
    };
    Some((what, rule))
}

fn is_allowed(purpose: Purpose, c: char) -> bool {
    match purpose {
        Purpose::Group => c.is_ascii_alphanumeric() || "_-/.#".contains(c),
        Purpose::Stream => c != ':' && c != '*' && !c.is_control(),
        Purpose::Namespace => c.is_ascii_alphanumeric() || "_-/.#: ".contains(c),
        Purpose::Dimension => c.is_ascii_graphic() || c == ' ',
    }
}

/// `written` is the placeholder with its braces.
fn unknown_placeholder(key: &str, place: Place, purpose: Purpose, written: &str) -> Problem {
    let name = written.trim_start_matches(['$', '{']).trim_end_matches('}');
    let of_ec2 = name.starts_with("aws:");
    let (names, sign) = if of_ec2 { (OF_EC2.as_slice(), "$") } else { (BUILT.as_slice(), "") };
    let possible: Vec<&str> = names.iter().filter(|(_, it)| it.may_stand_in(purpose)).map(|(name, _)| *name).collect();
    let hint = match nearest(name, possible.iter().copied()) {
        Some(meant) => format!("did you mean `{sign}{{{meant}}}`?"),
        None => format!("there are {}", listed(purpose)),
    };
    Problem::at(place, format!("{key}: `{written}` is not a placeholder")).hint(hint)
}

fn misplaced_placeholder(key: &str, place: Place, purpose: Purpose, text: &str, which: Placeholder) -> Problem {
    let why = match purpose {
        Purpose::Group | Purpose::Stream => "of EC2 only dimensions are filled in",
        Purpose::Namespace if which.is_of_ec2() => "of EC2 only dimensions are filled in",
        Purpose::Namespace | Purpose::Dimension if which == Placeholder::Date => "metrics have no day",
        Purpose::Namespace | Purpose::Dimension => "metrics have no file",
    };
    let message = format!("{key} is `{text}`; {why}: `{}` cannot stand there", which.written());
    Problem::at(place, message).hint(format!("there are {}", listed(purpose)))
}

/// The placeholders that can stand in a name of this kind.
fn listed(purpose: Purpose) -> String {
    let all = BUILT.iter().chain(&OF_EC2).filter(|(_, placeholder)| placeholder.may_stand_in(purpose));
    let written = |(name, _): &(&str, Placeholder)| match name.starts_with("aws:") {
        true => format!("`${{{name}}}`"),
        false => format!("`{{{name}}}`"),
    };
    all.map(written).collect::<Vec<_>>().join(", ")
}

/// Takes a template apart; what stands in braces and is none comes second, with its braces, and stays as text.
fn split(text: &str) -> (Vec<Part>, Vec<String>) {
    let mut parts = Vec::new();
    let mut strange = Vec::new();
    let mut rest = text;
    while let Some((before, name, after)) = next_braces(rest) {
        let of_ec2 = before.strip_suffix('$').filter(|_| name.starts_with("aws:"));
        parts.push(Part::Text(of_ec2.unwrap_or(before).to_string()));
        let names = if of_ec2.is_some() { OF_EC2.as_slice() } else { BUILT.as_slice() };
        match names.iter().find(|(known, _)| *known == name) {
            Some((_, placeholder)) => parts.push(Part::Placeholder(*placeholder)),
            None => {
                let written = format!("{}{{{name}}}", if of_ec2.is_some() { "$" } else { "" });
                parts.push(Part::Text(written.clone()));
                strange.push(written);
            }
        }
        rest = after;
    }
    parts.push(Part::Text(rest.to_string()));
    parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
    (parts, strange)
}

/// The text before the next `{…}`, what stands in it, and the text behind it.
fn next_braces(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}
