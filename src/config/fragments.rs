//! Finds and reads the files that are merged over a configuration: `<name>.d/*.json` beside `<name>.json`.
//!
//! They come in the order of their names, byte by byte. What is not read is told: a fragment that one believes to be at work must not lie there without
//! effect. What cannot be read is an error: half a configuration is a wrong one.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::problem::{Failure, Problem};
use super::{MAX_BYTES, read_text};

/// So many names of what is not read are told at the most.
const MAX_NAMED: usize = 5;

/// What lies beside a configuration.
#[derive(Default)]
pub struct Fragments {
    /// The names, beside the main file, in order.
    pub names: Vec<PathBuf>,
    /// Their texts.
    pub texts: Vec<Zeroizing<String>>,
    /// What lies there and is not read.
    pub remarks: Vec<Problem>,
}

/// Reads what is merged over the configuration at `origin`, which itself has `main_bytes`.
///
/// # Errors
/// When something of it cannot be read, is no text, or all of it is too large.
pub fn read(origin: &Path, main_bytes: usize) -> Result<Fragments, Failure> {
    let folder = origin.with_extension("d");
    let mut found = Fragments { remarks: other_spelling(origin, &folder), ..Fragments::default() };
    let (names, skipped) = list(&folder)?;
    found.remarks.extend(not_read(&folder, &skipped));
    let beside = PathBuf::from(folder.file_name().unwrap_or_default());
    let mut bytes = u64::try_from(main_bytes).unwrap_or(u64::MAX);
    for name in names {
        let name = beside.join(name);
        let text = read_text(&origin.with_file_name(&name)).map_err(|failure| told_of(failure, origin, &name))?;
        bytes = bytes.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        if bytes > MAX_BYTES {
            let message = format!("with it the configuration has `{bytes}` bytes; {MAX_BYTES} are the most");
            return Err(Failure::Wrong(origin.into(), vec![Problem::general(message).of_file(Some(name))]));
        }
        found.names.push(name);
        found.texts.push(text);
    }
    Ok(found)
}

/// What is merged over the configuration at `origin`, in order, as far as that can be told.
pub fn paths(origin: &Path) -> Vec<PathBuf> {
    let folder = origin.with_extension("d");
    let names = list(&folder).map(|(names, _)| names).unwrap_or_default();
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// The names that are read, in order, and those that are not.
fn list(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Failure> {
    let unreadable = |error: std::io::Error| Failure::Unreadable(folder.to_path_buf(), error.to_string());
    let entries = match std::fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Default::default());
        }
        entries => entries.map_err(unreadable)?,
    };
    let (mut names, mut skipped) = (Vec::new(), Vec::new());
    for entry in entries {
        let name = entry.map_err(unreadable)?.file_name();
        // A link that leads nowhere counts as a file: reading it tells so.
        let is_file = std::fs::metadata(folder.join(&name)).map_or(true, |found| found.is_file());
        if is_fragment(&name) && is_file {
            names.push(PathBuf::from(name));
        } else if !name.as_bytes().starts_with(b"..") {
            // Names with two dots are what Kubernetes keeps the versions of a mounted folder under.
            skipped.push(PathBuf::from(name));
        }
    }
    names.sort();
    skipped.sort();
    Ok((names, skipped))
}

fn is_fragment(name: &OsStr) -> bool {
    name.as_bytes().ends_with(b".json") && !name.as_bytes().starts_with(b".")
}

fn not_read(folder: &Path, skipped: &[PathBuf]) -> Option<Problem> {
    let named: Vec<String> = skipped.iter().take(MAX_NAMED).map(|name| format!("`{}`", shown(name))).collect();
    let rest = skipped.len().saturating_sub(MAX_NAMED);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    (!skipped.is_empty()).then(|| {
        let message = format!("in the folder `{}` is not read: {}{more}", folder.display(), named.join(", "));
        Problem::general(message).hint("only files whose names end in `.json` and begin without a dot are")
    })
}

/// A name is told on one line, whatever is in it: whoever may make files in the folder chose it.
pub fn shown(name: &Path) -> String {
    name.to_string_lossy().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// `x.json.d/` is what one may take `x.d/` for.
fn other_spelling(origin: &Path, folder: &Path) -> Vec<Problem> {
    let mut other = origin.as_os_str().to_owned();
    other.push(".d");
    let other = PathBuf::from(other);
    let is_other = other != folder && other.is_dir();
    let remark = is_other.then(|| {
        Problem::general(format!("nothing in the folder `{}` is read", other.display()))
            .hint(format!("the folder that is read is `{}`", folder.display()))
    });
    remark.into_iter().collect()
}

/// A failure of a fragment as one of the configuration.
fn told_of(failure: Failure, origin: &Path, name: &Path) -> Failure {
    match failure {
        Failure::Wrong(_, problems) => {
            let of_file = |problem: Problem| problem.of_file(Some(name.to_path_buf()));
            Failure::Wrong(origin.to_path_buf(), problems.into_iter().map(of_file).collect())
        }
        Failure::Missing(path) => {
            Failure::Unreadable(path, "it is a link that leads nowhere, or has just gone".to_owned())
        }
        other => other,
    }
}
