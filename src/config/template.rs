//! Names with placeholders, and CloudWatch's rules for names.
//!
//! A template is checked twice: when the file is read (is every placeholder known, is the text around them allowed), and by
//! [`check_names`] once the instance id and the host name are known.
//!
//! Pure.

use std::path::Path;

use super::problem::{Place, Problem, nearest};
use super::settings::Config;

/// What is known of this machine: the values of placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `{instance_id}`.
    pub instance_id: String,
    /// `{hostname}`, `{local_hostname}`.
    pub hostname: String,
}

/// What a name is for: each has its own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A log group.
    Group,
    /// A log stream.
    Stream,
    /// A metric namespace.
    Namespace,
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
    InstanceId,
    Hostname,
    FileName,
    FilePath,
}

const BUILT: [(&str, Part); 5] = [
    ("instance_id", Part::InstanceId),
    ("hostname", Part::Hostname),
    ("local_hostname", Part::Hostname),
    ("file_name", Part::FileName),
    ("file_path", Part::FilePath),
];
const NOT_BUILT: [&str; 4] = ["ip_address", "account_id", "aws_region", "date"];

impl Template {
    /// A template of our own, every placeholder of which is built.
    pub(super) fn known(text: &str, purpose: Purpose) -> Self {
        let (parts, _) = split(text);
        Self { text: text.to_string(), parts, purpose, written: None }
    }

    /// Reads a template from the file. Wrong placeholders are problems; ones that are not built yet are warnings and stay as
    /// they are, except where CloudWatch would refuse the braces.
    pub(super) fn read(
        text: &str,
        purpose: Purpose,
        key: &str,
        place: Place,
        problems: &mut Vec<Problem>,
        warnings: &mut Vec<Problem>,
    ) -> Self {
        let (parts, strange) = split(text);
        let template = Self { text: text.to_string(), parts, purpose, written: Some((key.to_string(), place)) };
        let about_file = |part: &Part| matches!(part, Part::FileName | Part::FilePath);
        if purpose == Purpose::Namespace && template.parts.iter().any(about_file) {
            problems.push(
                Problem::at(place, format!("{key} is `{text}`; metrics have no file"))
                    .hint("`{instance_id}` and `{hostname}` can stand there"),
            );
        }
        let mut refused = false;
        for name in &strange {
            if NOT_BUILT.contains(&name.as_str()) {
                let message = format!("{key}: the placeholder `{{{name}}}` is known but not built yet");
                if purpose == Purpose::Stream {
                    warnings.push(Problem::at(place, format!("{message}: it stays in the name as it is")));
                } else {
                    refused = true;
                    problems.push(Problem::at(place, message).hint("use `{instance_id}` or `{hostname}`"));
                }
            } else {
                refused = true;
                problems.push(unknown_placeholder(key, place, name));
            }
        }
        if !refused {
            problems.extend(template.refusal(&stand_ins()));
        }
        template
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name for this machine; `{file_name}` and `{file_path}` stay as they are.
    pub fn resolve(&self, facts: &Facts) -> String {
        self.fill(facts, None)
    }

    /// The name for a file of this machine. What a path may hold and the name may not becomes `-`.
    pub fn resolve_for(&self, facts: &Facts, file: &Path) -> String {
        self.fill(facts, Some(file))
    }

    /// Whether the name differs from file to file.
    pub fn is_per_file(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::FileName | Part::FilePath))
    }

    fn fill(&self, facts: &Facts, file: Option<&Path>) -> String {
        let safe = |name: &std::ffi::OsStr| -> String {
            let name = name.to_string_lossy();
            name.chars().map(|c| if is_allowed(self.purpose, c) { c } else { '-' }).collect()
        };
        let part = |part: &Part| match (part, file) {
            (Part::Text(text), _) => text.clone(),
            (Part::InstanceId, _) => facts.instance_id.clone(),
            (Part::Hostname, _) => facts.hostname.clone(),
            (Part::FileName, Some(file)) => safe(file.file_name().unwrap_or_default()),
            (Part::FilePath, Some(file)) => safe(file.as_os_str()),
            (Part::FileName, None) => "{file_name}".to_string(),
            (Part::FilePath, None) => "{file_path}".to_string(),
        };
        self.parts.iter().map(part).collect()
    }

    /// What CloudWatch would refuse in the name that `facts` give.
    fn refusal(&self, facts: &Facts) -> Option<Problem> {
        // A file's name is made safe when the file is found: what is judged here is the rest.
        let name = self.fill(facts, Some(Path::new("x")));
        let (what, rule) = refused(self.purpose, &name)?;
        let (key, place) = match &self.written {
            Some((key, place)) => (key.clone(), Some(*place)),
            None => (default_key(self.purpose).to_string(), None),
        };
        let given = if name == self.text { String::new() } else { format!(" (written `{}`)", self.text) };
        let message = format!("{key} is `{name}`{given}, which CloudWatch refuses: {what}");
        Some(Problem { place, file: None, message, hint: rule.to_string() })
    }
}

/// Judges every name of `config` now that this machine's own are known.
pub(super) fn check_names(config: &Config, facts: &Facts) -> Vec<Problem> {
    let entries = config.logs.entries.iter().flat_map(|entry| [&entry.group, &entry.stream]);
    let journals = config.logs.journals.iter().flat_map(|journal| [&journal.group, &journal.stream]);
    let names = entries.chain(journals).chain(std::iter::once(&config.metrics.namespace));
    let mut problems: Vec<Problem> = names.filter_map(|name| name.refusal(facts)).collect();
    problems.sort_by_key(|problem| problem.place);
    problems.dedup();
    problems
}

/// Values that no rule refuses, for the first check.
fn stand_ins() -> Facts {
    Facts { instance_id: "x".to_string(), hostname: "x".to_string() }
}

fn default_key(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Group => "the default of logs.log_group_name",
        Purpose::Stream => "the default of logs.log_stream_name",
        Purpose::Namespace => "the default of metrics.namespace",
    }
}

/// What is wrong with a name, and the rule. Sources: the models of CloudWatch Logs and CloudWatch, read 2026-11-21.
fn refused(purpose: Purpose, name: &str) -> Option<(String, &'static str)> {
    let (limit, rule) = match purpose {
        Purpose::Group => (512, "1 to 512 of letters, digits and `_-/.#`, not beginning with `aws/`"),
        Purpose::Stream => (512, "1 to 512 characters without `:` and `*`"),
        Purpose::Namespace => (255, "1 to 255 of letters, digits and `_-/.#: `, not blank, not beginning with `AWS/`"),
    };
    let reserved = match purpose {
        Purpose::Group => Some("aws/"),
        Purpose::Stream => None,
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
    }
}

fn unknown_placeholder(key: &str, place: Place, name: &str) -> Problem {
    let all = || BUILT.iter().map(|(known, _)| *known);
    let hint = match nearest(name, all()) {
        Some(meant) => format!("did you mean `{{{meant}}}`?"),
        None => format!("there are {}", all().map(|known| format!("`{{{known}}}`")).collect::<Vec<_>>().join(", ")),
    };
    Problem::at(place, format!("{key}: `{{{name}}}` is not a placeholder")).hint(hint)
}

/// Takes a template apart; what stands in braces and is not built comes second, and stays as text.
fn split(text: &str) -> (Vec<Part>, Vec<String>) {
    let mut parts = Vec::new();
    let mut strange = Vec::new();
    let mut rest = text;
    while let Some((before, name, after)) = next_braces(rest) {
        parts.push(Part::Text(before.to_string()));
        match BUILT.iter().find(|(known, _)| *known == name) {
            Some((_, part)) => parts.push(part.clone()),
            None => {
                parts.push(Part::Text(format!("{{{name}}}")));
                strange.push(name.to_string());
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
