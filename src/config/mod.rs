//! The configuration: a JSON file becomes a [`Config`], or every problem in it at once.
//!
//! `tree` reads the text and keeps the place of every value, `environment` fills in variables, `read` lets serde look at the tree (`key` is what it finds), `file` is the shape of the
//! JSON, `edit` changes single values of a text, `foreign` lists the CloudWatch Agent's keys that are not supported, `validate` judges and resolves. What comes out knows no serde: durations
//! are durations, paths are absolute, defaults are filled in. `fragments` finds the files of the folder beside it, `merge` lays them over it.
//!
//! Only [`load`], [`load_text`], [`password`] and [`state_directories_of_broken`] touch the system (they read files, the first two the
//! environment too); [`parse`] is pure, but that `zones` looks a time zone's name up in the system's database.

pub mod catalogue;
mod describe;
pub mod edit;
mod environment;
mod file;
mod foreign;
mod fragments;
mod groups;
mod key;
mod merge;
mod problem;
mod read;
mod settings;
mod template;
mod tree;
mod validate;
mod zones;

#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

pub use describe::describe;
use fragments::Fragments;
pub use fragments::shown;
pub use problem::{Failure, Place, Problem, warnings_text};
pub use settings::{
    Agent, Cognito, Collected, CollectorConfig, Compression, Config, FileEntryConfig, FilterConfig, GroupClass,
    InitialPosition, Instance, Iot, JournalConfig, JournalFormat, JournalLevel, LONGEST_SINCE, Logs, MaskConfig,
    MeasurementConfig, Metrics, MultiLineConfig, Network, PasswordSource, PluginConfig, ProcessesOf, Resources, Secret,
    SignIn, Since, StatsdConfig, TimeConfig, ZoneConfig,
};
use template::check_names;
pub use template::{Ec2, Facts, Placeholder, Template};

/// Where the configuration lies when no path is given: where the predecessor had it.
pub const DEFAULT_PATH: &str = "/opt/aws/amazon-cloudwatch-publisher/etc/amazon-cloudwatch-publisher.json";

/// Where the own log goes by default: where the predecessor wrote it.
pub const DEFAULT_LOG_FILE: &str = "/opt/aws/amazon-cloudwatch-publisher/logs/amazon-cloudwatch-publisher.log";

/// Where the state lies when neither the configuration nor `$STATE_DIRECTORY` names a folder.
pub const DEFAULT_STATE_DIRECTORY: &str = "/opt/aws/amazon-cloudwatch-publisher/state";

/// A configuration larger than this is taken for something else: 16 MiB (16,384 entries, the most that the CloudWatch
/// Agent's schema allows, of 1 KiB each).
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The failure of a configuration whose names, once this machine's own are known, CloudWatch would refuse, or make one log group that two
/// different things are asked of.
///
/// # Errors
/// When there are such names.
pub fn check_for(config: &Config, facts: &Facts) -> Result<(), Failure> {
    let mut problems = check_names(config, facts);
    problems.extend(groups::at_odds(config, facts));
    let origin = config.origin.clone().unwrap_or_else(|| PathBuf::from("the built-in configuration"));
    let problems: Vec<Problem> = problems.into_iter().map(|problem| in_its_file(problem, &config.fragments)).collect();
    if problems.is_empty() { Ok(()) } else { Err(Failure::Wrong(origin, problems)) }
}

/// The failure of a configuration that has something in a name which is not known.
///
/// # Errors
/// When there is such a name.
pub fn check_known(config: &Config, facts: &Facts) -> Result<(), Failure> {
    let problems = template::unknown(config, facts);
    let origin = config.origin.clone().unwrap_or_else(|| PathBuf::from("the built-in configuration"));
    if problems.is_empty() { Ok(()) } else { Err(Failure::Wrong(origin, problems)) }
}

/// Remarks on the dimensions that are left out, since only EC2 could tell their values.
pub fn left_out(config: &Config, facts: &Facts) -> Vec<Problem> {
    template::left_out(config, facts)
}

/// Whether this placeholder stands in any name.
pub fn uses(config: &Config, placeholder: Placeholder) -> bool {
    template::is_used(config, placeholder)
}

/// Whether anything stands in a name that only EC2 tells.
pub fn asks_ec2(config: &Config) -> bool {
    template::asks_ec2(config)
}

/// A configuration that can be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// What is not supported, or not as one may think; in the order of the file.
    pub warnings: Vec<Problem>,
}

/// What looks up a variable of the environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads a configuration file, and what lies in `<name>.d/` beside it over it. Relative paths in all of them are relative to the folder that the
/// main file lies in.
///
/// # Errors
/// When there is no such file, it cannot be read, or anything in it is wrong.
pub fn load(path: &Path) -> Result<Loaded, Failure> {
    let text = read_text(path)?;
    let origin =
        std::path::absolute(path).map_err(|error| Failure::Unreadable(path.to_path_buf(), error.to_string()))?;
    let mut loaded = load_text(&text, &origin)?;
    loaded.warnings.extend(readable_password(&loaded.config));
    Ok(loaded)
}

/// Reads a configuration as [`load`] does, as if `text` were in the file at `origin`, an absolute path.
///
/// # Errors
/// As [`load`].
pub fn load_text(text: &str, origin: &Path) -> Result<Loaded, Failure> {
    let fragments = fragments::read(origin, text.len())?;
    parse_all(text, &fragments, origin, &|name| std::env::var(name).ok())
}

/// Reads `agent.authentication.password` from the file of a configuration that holds it, as it is now. Nothing else of the file is judged.
///
/// # Errors
/// When there is no such file, it cannot be read, or it holds no password; never with a part of what it holds.
pub fn password(path: &Path) -> Result<Secret, String> {
    let text = read_text(path).map_err(|failure| failure.to_string())?;
    let tree = tree::parse(&text, &mut Vec::new()).ok_or_else(|| format!("{} is no JSON object", path.display()))?;
    match tree.get(&["agent", "authentication", "password"]).map(|node| &node.value) {
        Some(tree::Value::Text(password)) if !password.is_empty() => Ok(Secret::new(password.to_string())),
        _ => Err(format!("{} has no agent.authentication.password", path.display())),
    }
}

/// Each `agent.state_directory` that stands in a configuration that is wrong, and of which a daemon may work all the same. Its files
/// are read as far as they are JSON, the main one first.
pub fn state_directories_of_broken(path: &Path) -> Vec<PathBuf> {
    let Ok(origin) = std::path::absolute(path) else { return Vec::new() };
    let named = |file: PathBuf| {
        let tree = tree::parse(&read_text(&file).ok()?, &mut Vec::new())?;
        match &tree.get(&["agent", "state_directory"])?.value {
            tree::Value::Text(folder) => Some(origin.parent()?.join(&**folder)),
            _ => None,
        }
    };
    [origin.clone()].into_iter().chain(fragments::paths(&origin)).filter_map(named).collect()
}

/// A configuration's text, wiped when it was read: there may be a password in it.
///
/// # Errors
/// When there is no such file, it cannot be read, or it is no text.
pub fn read_text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let unreadable = |reason: String| Failure::Unreadable(path.to_path_buf(), reason);
    let wrong = |problem: Problem| Failure::Wrong(path.to_path_buf(), vec![problem]);
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Failure::Missing(path.to_path_buf())),
        Err(error) => return Err(unreadable(error.to_string())),
        Ok(found) if found.is_dir() => return Err(unreadable("it is a folder".to_string())),
        Ok(found) if found.len() > MAX_BYTES => {
            return Err(wrong(Problem::general(format!(
                "the file has `{}` bytes; {MAX_BYTES} are the most",
                found.len()
            ))));
        }
        Ok(_) => {}
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    String::from_utf8(bytes).map(Zeroizing::new).map_err(|error| wrong(tree::not_utf8(&error)))
}

/// The warning for a password that everybody on this machine can read.
fn readable_password(config: &Config) -> Option<Problem> {
    let Some(SignIn::Cognito(Cognito { password: PasswordSource::Config(path), .. })) = &config.agent.sign_in else {
        return None;
    };
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o004 != 0).then(|| {
        Problem::general("the file holds a password, and everybody on this machine can read it")
            .hint(format!("`chmod o-rwx {}`", path.display()))
    })
}

/// Reads a configuration from its text. `origin` is the absolute path of its file: for messages, and for relative paths.
///
/// # Errors
/// When anything is wrong with it: all of it, in the order of the file.
pub fn parse(text: &str, origin: &Path, environment: Environment<'_>) -> Result<Loaded, Failure> {
    parse_all(text, &Fragments::default(), origin, environment)
}

/// Reads a configuration from its text and those that are merged over it.
fn parse_all(
    text: &str,
    fragments: &Fragments,
    origin: &Path,
    environment: Environment<'_>,
) -> Result<Loaded, Failure> {
    let mut problems = Vec::new();
    let mut warnings = fragments.remarks.clone();
    let loaded = merged(text, fragments, origin, &mut problems).map(|mut tree| {
        environment::expand(&mut tree, environment, &mut problems);
        foreign::warn(&tree, &mut warnings);
        let places = tree.places(&fragments.names);
        let shape: file::File = read::read(&tree, &mut problems, &mut warnings);
        let config = validate::validate(&shape, &places, origin, &mut problems, &mut warnings);
        Loaded { config, warnings: Vec::new() }
    });
    let in_order = |mut told: Vec<Problem>| -> Vec<Problem> {
        told.sort_by_key(|problem| problem.place);
        told.into_iter().map(|problem| in_its_file(problem, &fragments.names)).collect()
    };
    match loaded {
        Some(loaded) if problems.is_empty() => Ok(Loaded { warnings: in_order(warnings), ..loaded }),
        _ => Err(Failure::Wrong(origin.to_path_buf(), in_order(problems))),
    }
}

/// The tree of all files; none where the main one is no JSON object. A wrong one of the others does not keep the rest from being judged.
fn merged(text: &str, fragments: &Fragments, origin: &Path, problems: &mut Vec<Problem>) -> Option<tree::Node> {
    let mut ids = 0;
    let mut tree = tree::parse_file(text, 0, &mut ids, problems);
    let names = merge::Names { main: origin, others: &fragments.names };
    for (index, text) in fragments.texts.iter().enumerate() {
        let over = tree::parse_file(text, index + 1, &mut ids, problems);
        if let (Some(tree), Some(over)) = (&mut tree, over) {
            merge::merge(tree, over, &names, problems);
        }
    }
    tree
}

/// The same with the name of its file, where it is not the main one.
fn in_its_file(problem: Problem, names: &[PathBuf]) -> Problem {
    match problem.place.and_then(|place| tree::name_of(names, place)) {
        Some(name) => problem.of_file(Some(name.to_path_buf())),
        None => problem,
    }
}
