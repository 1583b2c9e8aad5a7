//! Lays the files of the folder beside a configuration over it: objects are united, lists appended.
//!
//! The rule that is easy to break: nothing is overridden in silence. A value that two files set differently is a problem that
//! names both places, and none of the values: it may be a password.
//!
//! Pure.

use std::path::{Path, PathBuf};

use super::problem::Problem;
use super::tree::{Node, Value, name_of};

/// The files of a configuration by their names beside it: first the main one, then what is laid over it.
pub struct Names<'a> {
    /// The main file's.
    pub main: &'a Path,
    /// The others', in order.
    pub others: &'a [PathBuf],
}

impl Names<'_> {
    fn of(&self, node: &Node) -> String {
        let name = name_of(self.others, node.place).map_or_else(
            || self.main.file_name().map_or(self.main, Path::new).display().to_string(),
            |name| name.display().to_string(),
        );
        format!("{name}, line {}", node.place.line)
    }
}

/// Lays `over` on `tree`.
pub fn merge(tree: &mut Node, over: Node, names: &Names<'_>, problems: &mut Vec<Problem>) {
    // For editors: each file may name its schema as it likes.
    if over.path == "$schema" {
        return;
    }
    match (&mut tree.value, over.value) {
        (_, Value::Null) => {}
        (Value::Null, value) => *tree = Node { value, ..over },
        (Value::Object(pairs), Value::Object(new)) => {
            for (key, node) in new {
                match pairs.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, known)) => merge(known, node, names, problems),
                    None => pairs.push((key, node)),
                }
            }
        }
        (Value::List(items), Value::List(new)) => items.extend(new),
        (old, new) if *old == new => {}
        (_, value) => {
            let second = Node { value, ..over };
            let message = format!("{} is set differently in {}", second.path, names.of(tree));
            problems.push(Problem::at(second.place, message).hint("keep one of them: files are united, none wins"));
        }
    }
}
