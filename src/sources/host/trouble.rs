//! Says once what could not be measured, and why.
//!
//! The same cause is told again only after the part had worked in between or failed otherwise: a figure that this machine
//! cannot give is one line, not one each interval.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

/// Why a part of the machine could not be measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Trouble {
    source_name: String,
    cause: String,
    is_absence: bool,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.source_name, self.cause)
    }
}

impl Trouble {
    /// The file at `path` could not be read.
    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        let is_absence = error.kind() == io::ErrorKind::NotFound;
        Self { source_name: path.display().to_string(), cause: format!("cannot be read: {error}"), is_absence }
    }

    /// The file at `path` does not say what it should; `missing` is what.
    pub fn not_understood(path: &Path, missing: &str) -> Self {
        Self { source_name: path.display().to_string(), cause: missing.to_owned(), is_absence: false }
    }

    /// The operating system did not answer `question`.
    pub fn unanswered(question: &str, cause: impl fmt::Display) -> Self {
        Self { source_name: question.to_owned(), cause: cause.to_string(), is_absence: false }
    }

    /// The same, where it says that what is looked for is not there.
    pub fn of_absence(self) -> Self {
        Self { is_absence: true, ..self }
    }

    /// Whether what was looked for is not there, rather than not to be seen.
    pub fn is_absence(&self) -> bool {
        self.is_absence
    }
}

/// What was warned of already, by part.
#[derive(Debug, Default)]
pub struct Told(BTreeMap<&'static str, Trouble>);

impl Told {
    /// What `part` gave; its trouble is warned of where it is new.
    pub fn settle<T>(&mut self, part: &'static str, looked: Result<T, Trouble>) -> Option<T> {
        match looked {
            Ok(figures) => {
                self.0.remove(part);
                Some(figures)
            }
            Err(trouble) => {
                if self.is_new(part, &trouble) {
                    log::warn!(part, error:% = trouble; "cannot measure a part of this machine");
                    self.0.insert(part, trouble);
                }
                None
            }
        }
    }

    fn is_new(&self, part: &'static str, trouble: &Trouble) -> bool {
        self.0.get(part) != Some(trouble)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once_until_the_part_works_again() {
        let mut told = Told::default();
        let trouble = Trouble::unanswered("memory", "gone");
        assert!(told.is_new("memory", &trouble));
        assert_eq!(told.settle::<()>("memory", Err(trouble.clone())), None);
        assert!(!told.is_new("memory", &trouble));
        assert!(told.is_new("disks", &trouble));
        assert!(told.is_new("memory", &Trouble::unanswered("memory", "otherwise")));
        assert_eq!(told.settle("memory", Ok(5)), Some(5));
        assert!(told.is_new("memory", &trouble));
    }
}
