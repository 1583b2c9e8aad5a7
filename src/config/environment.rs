//! Puts the environment's values in place of `${NAME}` in the texts of a configuration.
//!
//! The rule that is easy to break: what has a `$` of its own is taken as it stands: commands, passwords and patterns, and `${aws:…}` anywhere.
//!
//! Pure: the environment is handed in.

use super::Environment;
use super::problem::Problem;
use super::tree::{Node, Value};

/// Keys whose text is taken as it stands: commands and passwords have a `$` of their own, patterns too.
const AS_IT_STANDS: [&str; 11] = [
    "command",
    "password",
    "include_patterns",
    "exclude_patterns",
    "expression",
    "pattern",
    "blacklist",
    "multi_line_start_pattern",
    "replace",
    // procstat's pattern of a program's name, and what macOS's `log` looks for.
    "exe",
    "predicate",
];

/// Puts the environment's values in place of `${NAME}`.
pub fn expand(node: &mut Node, environment: Environment<'_>, problems: &mut Vec<Problem>) {
    match &mut node.value {
        Value::Text(text) => match expanded(text, environment) {
            Ok(new) => *text = new.into(),
            Err(name) => {
                problems.push(
                    Problem::at(node.place, format!("{}: the environment has no `{name}`", node.path))
                        .hint("set it where the program is started, or write the value here"),
                );
                // What is not known is not judged.
                node.value = Value::Unknown;
            }
        },
        Value::List(items) => items.iter_mut().for_each(|item| expand(item, environment, problems)),
        Value::Object(pairs) => {
            let expands = |key: &str| !AS_IT_STANDS.contains(&key);
            for (_, below) in pairs.iter_mut().filter(|(key, _)| expands(key)) {
                expand(below, environment, problems);
            }
        }
        _ => {}
    }
}

/// The text with its variables filled in, or the name of one that is not set. `${aws:…}` is no variable.
fn expanded(text: &str, environment: Environment<'_>) -> Result<String, String> {
    let is_name = |name: &str| {
        !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let mut new = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        new.push_str(before);
        match behind.split_once('}').filter(|(name, _)| is_name(name)) {
            Some((name, after)) => {
                new.push_str(&environment(name).ok_or_else(|| name.to_string())?);
                rest = after;
            }
            None => {
                new.push_str("${");
                rest = behind;
            }
        }
    }
    new.push_str(rest);
    Ok(new)
}
