//! What is wrong with a configuration, told to people: every problem at once, each with its place and its way out.
//!
//! A problem never quotes a value of a key that holds a secret.
//!
//! Pure.

use std::fmt;
use std::path::PathBuf;

/// A point in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which file of the configuration: 0 is the main one, then what is merged over it, in order.
    pub file: usize,
    /// From 1.
    pub line: usize,
    /// Characters from 1.
    pub column: usize,
}

impl Place {
    /// A point in the main file.
    pub fn new(line: usize, column: usize) -> Self {
        Self { file: 0, line, column }
    }
}

/// One thing that is wrong (or, as a warning, different from what one may think).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the file; none where it is about the file as a whole.
    pub place: Option<Place>,
    /// The file, where it is not the main one: as it is named beside that one.
    pub file: Option<PathBuf>,
    /// What is wrong, beginning with the path of the key.
    pub message: String,
    /// What would be right, or what to do; empty where the message says it all.
    pub hint: String,
}

impl Problem {
    /// A problem at a place in the file.
    pub fn at(place: Place, message: impl Into<String>) -> Self {
        Self { place: Some(place), file: None, message: message.into(), hint: String::new() }
    }

    /// A problem of the file as a whole.
    pub fn general(message: impl Into<String>) -> Self {
        Self { place: None, file: None, message: message.into(), hint: String::new() }
    }

    /// The same of a file that is not the main one.
    #[must_use]
    pub fn of_file(mut self, file: Option<PathBuf>) -> Self {
        self.file = file;
        self
    }

    /// The same with the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// `  line 12, column 5: message`, and the hint below the message; in front the file, where it is not the main one.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        let lead = match (file, self.place) {
            (None, None) => "  ".to_string(),
            (None, Some(place)) => format!("  line {}, column {}: ", place.line, place.column),
            (Some(file), None) => format!("  {file}: "),
            (Some(file), Some(place)) => format!("  {file}, line {}, column {}: ", place.line, place.column),
        };
        write!(f, "{lead}{}", self.message)?;
        for line in self.hint.lines() {
            write!(f, "\n{:width$}{line}", "", width = lead.len())?;
        }
        Ok(())
    }
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no file of that name.
    Missing(PathBuf),
    /// The file is there and cannot be read: the system's reason.
    Unreadable(PathBuf, String),
    /// It was read and is wrong: at least one problem, in the order of the file.
    Wrong(PathBuf, Vec<Problem>),
}

impl std::error::Error for Failure {}

/// The block that a person gets, from `error:` on, without a newline at its end.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(
                f,
                "error: reading the configuration: `{}` does not exist\n       give the path of a JSON file; examples are in `configs/`",
                path.display()
            ),
            Self::Unreadable(path, reason) => {
                write!(f, "error: reading the configuration: `{}` cannot be read: {reason}", path.display())
            }
            Self::Wrong(path, problems) => {
                writeln!(f, "error: {} in {}", counted(problems.len(), "problem"), path.display())?;
                problems.iter().try_for_each(|problem| write!(f, "\n{problem}"))
            }
        }
    }
}

/// The block for warnings; empty where there are none.
pub fn warnings_text(origin: &std::path::Path, warnings: &[Problem]) -> String {
    if warnings.is_empty() {
        return String::new();
    }
    let head = format!("warning: {} in {}\n", counted(warnings.len(), "remark"), origin.display());
    warnings.iter().fold(head, |text, warning| format!("{text}\n{warning}"))
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Of `known`, the name that was probably meant by `name`.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|other| (strsim::jaro_winkler(&lower, &other.to_lowercase()), other))
        // 0.8 keeps slips of the finger and drops mere likeness: `exclude_patern` has 0.99, `log_group` to `logfile` 0.79.
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| other)
}
