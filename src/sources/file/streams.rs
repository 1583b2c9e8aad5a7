//! Gives each followed file its stream, and sees to it that two files never share one silently.
//!
//! A stream belongs to the entry and path for which it was first given, so the file that takes a rotated one's place goes on
//! in the same stream. A name once given is kept; who comes later to a taken name gets its whole path as a name.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::record::{FileId, StreamName};

/// A stream's or group's name has at most this many characters (CreateLogStream, CreateLogGroup, read 2026-11-21).
const MAX_STREAM_CHARS: usize = 512;

/// Who has which stream.
#[derive(Debug, Default)]
pub struct Streams {
    taken: HashMap<StreamName, Taken>,
}

#[derive(Debug)]
struct Taken {
    entry: usize,
    first_path: Arc<Path>,
    /// The live files that go here, the oldest first. Never empty.
    files: Vec<FileId>,
}

impl Streams {
    /// The stream for a file of `entry` that was first seen at `first_path`: `wanted`, unless another has it.
    pub fn choose(&self, entry: usize, first_path: &Arc<Path>, group: &Arc<str>, wanted: &str) -> StreamName {
        let mut name = StreamName { group: Arc::clone(group), stream: wanted.into() };
        let mut number = 1;
        while self.taken.get(&name).is_some_and(|taken| taken.entry != entry || taken.first_path != *first_path) {
            name.stream = alternative(first_path, number).into();
            number += 1;
        }
        name
    }

    /// Notes that `file` goes to `name`, after all others that do.
    pub fn join(&mut self, name: &StreamName, entry: usize, first_path: &Arc<Path>, file: FileId) {
        let new = || Taken { entry, first_path: Arc::clone(first_path), files: Vec::new() };
        self.taken.entry(name.clone()).or_insert_with(new).files.push(file);
    }

    /// Notes that `file` is no more; the last one frees the name.
    pub fn leave(&mut self, name: &StreamName, file: FileId) {
        if let Some(taken) = self.taken.get_mut(name) {
            taken.files.retain(|&other| other != file);
            if taken.files.is_empty() {
                self.taken.remove(name);
            }
        }
    }

    /// The files that go to `name`, the oldest first.
    pub fn files(&self, name: &StreamName) -> &[FileId] {
        self.taken.get(name).map_or(&[], |taken| &taken.files)
    }

    /// Puts the files of `name` into the order of `age`, the smallest first.
    pub fn sort<K: Ord>(&mut self, name: &StreamName, age: impl Fn(FileId) -> K) {
        if let Some(taken) = self.taken.get_mut(name) {
            taken.files.sort_by_key(|&file| age(file));
        }
    }
}

/// The stream that an entry wants for `path`: its template, with `{file_name}` and `{file_path}` filled in.
pub fn wanted(template: Option<&str>, path: &Path) -> String {
    allowed(&fill(template.unwrap_or("{file_name}"), path))
}

/// The group that an entry wants for `path`, filled in likewise; what CloudWatch refuses in a group's name becomes `-`.
pub fn wanted_group(template: &Arc<str>, path: &Path) -> Arc<str> {
    if !template.contains('{') {
        return Arc::clone(template);
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || ".-_/#".contains(c);
    let safe = fill(template, path).chars().map(|c| if is_allowed(c) { c } else { '-' }).collect();
    cut(safe, MAX_STREAM_CHARS).into()
}

fn fill(template: &str, path: &Path) -> String {
    let file_name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    template.replace("{file_name}", &file_name).replace("{file_path}", &path.to_string_lossy())
}

/// Whether `given` is a name that `path` may have got where it wanted `wanted`.
pub fn is_variant(given: &str, wanted: &str, path: &Path) -> bool {
    let made_safe = alternative(path, 1);
    given == wanted
        || given.strip_prefix(&made_safe).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('-').is_some_and(|number| number.parse::<u32>().is_ok())
        })
}

/// The whole path as a name: `var-log-b-app.log` of `/var/log/b/app.log`; from the second try on with a number appended.
fn alternative(path: &Path, number: u32) -> String {
    let text = path.to_string_lossy();
    let mut safe = allowed(&text.trim_start_matches('/').replace('/', "-"));
    if number > 1 {
        let suffix = format!("-{number}");
        safe = cut(safe, MAX_STREAM_CHARS - suffix.len());
        safe.push_str(&suffix);
    }
    safe
}

/// `text` without what CloudWatch refuses in a stream's name.
fn allowed(text: &str) -> String {
    let safe: String = text.chars().map(|c| if matches!(c, ':' | '*') || c.is_control() { '-' } else { c }).collect();
    let safe = cut(safe, MAX_STREAM_CHARS);
    if safe.is_empty() { "-".to_owned() } else { safe }
}

/// The last `chars` characters: a path's end tells more than its beginning.
fn cut(text: String, chars: usize) -> String {
    let excess = text.chars().count().saturating_sub(chars);
    if excess == 0 { text } else { text.chars().skip(excess).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Arc<Path> {
        Arc::from(Path::new(text))
    }

    #[test]
    fn the_later_comer_to_a_taken_name_gets_its_whole_path() {
        let (mut streams, group) = (Streams::default(), Arc::from("g"));
        let mut names = Vec::new();
        for (id, (entry, first)) in
            [(0, "/var/log/a/app.log"), (0, "/var/log/b/app.log"), (1, "/var/log/b/app.log"), (0, "/var/log/a/app.log")]
                .into_iter()
                .enumerate()
        {
            let name = streams.choose(entry, &path(first), &group, "app.log");
            streams.join(&name, entry, &path(first), FileId(id as u64));
            names.push(name.stream.to_string());
        }
        assert_eq!(names, ["app.log", "var-log-b-app.log", "var-log-b-app.log-2", "app.log"]);
    }

    #[test]
    fn a_name_is_free_again_when_its_last_file_is_gone() {
        let (mut streams, group) = (Streams::default(), Arc::from("g"));
        let name = streams.choose(0, &path("/a/x"), &group, "x");
        streams.join(&name, 0, &path("/a/x"), FileId(1));
        streams.join(&name, 0, &path("/a/x"), FileId(2));
        streams.leave(&name, FileId(1));
        assert_eq!(&*streams.choose(0, &path("/b/x"), &group, "x").stream, "b-x");
        streams.leave(&name, FileId(2));
        assert_eq!(&*streams.choose(0, &path("/b/x"), &group, "x").stream, "x");
    }

    #[test]
    fn names_that_cloudwatch_refuses_are_made_safe() {
        assert_eq!(wanted(None, Path::new("/var/log/a:b*.log")), "a-b-.log");
        assert_eq!(wanted(Some("h-{file_name}"), Path::new("/l/a.log")), "h-a.log");
        assert_eq!(wanted(Some("{file_path}"), Path::new("/l/a.log")), "/l/a.log");
        let long = format!("/{}/end", "x".repeat(600));
        assert_eq!(alternative(Path::new(&long), 2).chars().count(), MAX_STREAM_CHARS);
        assert!(is_variant(&alternative(Path::new("/a/b"), 3), "b", Path::new("/a/b")));
        assert!(is_variant("b", "b", Path::new("/a/b")));
        assert!(!is_variant("other", "b", Path::new("/a/b")));
    }

    #[test]
    fn a_group_may_be_named_after_its_file() {
        let group = |template: &str| wanted_group(&template.into(), Path::new("/srv/my app/a:b.log"));
        assert_eq!(&*group("/devices/rpi-1"), "/devices/rpi-1");
        assert_eq!(&*group("/devices/{file_name}"), "/devices/a-b.log");
        assert_eq!(&*group("{file_path}"), "/srv/my-app/a-b.log");
    }
}
