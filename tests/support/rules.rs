//! The rules of the house as functions: a file of `src/` in, what is wrong with it out, an empty list where nothing is.
//!
//! Pure: no I/O, no clock, no tasks.

use crate::source::{self, Token, Written};
use crate::{IMPURE, IMPURE_WORDS, MAX_LINES, MAY_USE, PRINTING, READS_THE_CLOCK, root};

/// A file of `src/`, its path counted from there.
pub struct File {
    pub path: String,
    text: String,
    code: Vec<Token>,
}

impl File {
    /// A file at `path` that says `text`.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), code: source::code(text) }
    }

    /// The names of the module that the file is: `sources/file/mod.rs` is `sources`, `file`.
    fn module(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.path.trim_end_matches(".rs").split('/').collect();
        if names.last() == Some(&"mod") {
            names.pop();
        }
        names
    }

    fn is_pure(&self) -> bool {
        let header = self.text.lines().take_while(|line| line.starts_with("//!"));
        self.path.starts_with("delivery/") || header.into_iter().any(|line| line.starts_with("//! Pure:"))
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path == *place || place.ends_with('/') && self.path.starts_with(place))
    }

    fn complain(&self, line: usize, what: &str) -> String {
        format!("src/{}:{line}: {what}", self.path)
    }
}

/// Modules of this crate that a file names and may not.
pub fn acquaintances(file: &File) -> Vec<String> {
    let module = file.module();
    if module == ["lib"] {
        return Vec::new();
    }
    let Some((_, may)) = MAY_USE.iter().find(|(name, _)| *name == module[0]) else {
        return vec![file.complain(1, "a module that the table in tests/architecture.rs does not know")];
    };
    let named = source::paths(&file.code).into_iter().filter_map(|path| Some((top_module(&module, &path)?, path.line)));
    let strange = named.filter(|(name, _)| name != module[0] && !may.contains(&name.as_str()));
    strange.map(|(name, line)| file.complain(line, &format!("{} may not know {name}", module[0]))).collect()
}

/// The module right below the crate that `path`, written in `module`, leads to; none where it leads elsewhere.
fn top_module(module: &[&str], path: &Written) -> Option<String> {
    let first = path.names.first()?.as_str();
    if first == "crate" || first == "cloudwatch_publisher" {
        return path.names.get(1).cloned();
    }
    let ups = path.names.iter().take_while(|name| *name == "super").count();
    // A path with fewer `super` stays below the file's own top module.
    (ups >= module.len()).then(|| path.names.get(ups).cloned().unwrap_or_else(|| "the crate's root".to_owned()))
}

/// What a pure file names and may not.
pub fn impurities(file: &File) -> Vec<String> {
    if !file.is_pure() {
        return Vec::new();
    }
    let is_impure = |path: &Written| {
        let whole = path.names.join("::");
        let named = IMPURE.iter().any(|each| whole == *each || whole.starts_with(&format!("{each}::")));
        named || whole.starts_with("aws_") || path.names.iter().any(|name| IMPURE_WORDS.contains(&name.as_str()))
    };
    let found = source::paths(&file.code).into_iter().filter(is_impure);
    found.map(|path| file.complain(path.line, &format!("pure, and names {}", path.names.join("::")))).collect()
}

/// Where a file reads the clock and may not.
pub fn clock_readers(file: &File) -> Vec<String> {
    let reads = |path: &Written| match path.names.as_slice() {
        [.., clock, now] if now == "now" => ["Instant", "SystemTime", "Timestamp", "Zoned"].contains(&clock.as_str()),
        [.., last] => last == "clock_gettime",
        [] => false,
    };
    if file.is_in(&READS_THE_CLOCK) {
        return Vec::new();
    }
    let found = source::paths(&file.code).into_iter().filter(reads);
    found.map(|path| file.complain(path.line, "reads the clock; it is handed `now` instead")).collect()
}

/// Where a file prints and may not.
pub fn printers(file: &File) -> Vec<String> {
    if file.is_in(&["commands/", "main.rs"]) {
        return Vec::new();
    }
    let found = source::macros(&file.code).into_iter().filter(|each| PRINTING.contains(&each.text.as_str()));
    found.map(|each| file.complain(each.line, &format!("{}! outside of src/commands", each.text))).collect()
}

/// Where a file ends the process and may not.
pub fn exits(file: &File) -> Vec<String> {
    if file.is_in(&["main.rs", "service/watchdog.rs"]) {
        return Vec::new();
    }
    let ends = |path: &Written| {
        let last_two = path.names.iter().rev().take(2).map(String::as_str).collect::<Vec<_>>();
        matches!(last_two.as_slice(), ["exit" | "abort", "process"])
    };
    let found = source::paths(&file.code).into_iter().filter(ends);
    found.map(|path| file.complain(path.line, "ends the process outside of src/main.rs")).collect()
}

/// What else stands in `lib.rs`.
pub fn beyond_the_map(file: &File) -> Vec<String> {
    if file.path != "lib.rs" {
        return Vec::new();
    }
    let is_map = |line: &&str| {
        let line = line.trim();
        line.is_empty()
            || line.starts_with("//")
            || line.starts_with('#')
            || line.starts_with("pub mod ") && line.ends_with(';')
    };
    let other = file.text.lines().enumerate().filter(|(_, line)| !is_map(line));
    other.map(|(number, _)| file.complain(number + 1, "more than `pub mod …;` in the map of modules")).collect()
}

/// Where a file is too long.
pub fn lengths(file: &File) -> Vec<String> {
    let length = source::lines_before_tests(&file.text);
    let long = (length > MAX_LINES).then(|| file.complain(length, &format!("{length} lines, at most {MAX_LINES}")));
    long.into_iter().collect()
}

/// A path or a host of one machine that `line` gives away.
pub fn machine_name(line: &str) -> Option<String> {
    // In pieces, or this file would be the first to be found.
    let here = format!("{}/", root().display());
    let paths = [concat!("/wo", "rk/"), here.as_str()];
    let whole =
        |found: usize| !line[..found].ends_with(|before: char| before.is_alphanumeric() || "._-/}".contains(before));
    let path = paths.into_iter().find(|path| line.match_indices(path).any(|(found, _)| whole(found)));
    let host = [concat!("artif", "actory")].into_iter().find(|host| line.contains(host));
    path.or(host).map(|what| format!("names `{what}`, which only one machine knows"))
}
