//! Gives each followed file its stream, and sees to it that two files never share one silently.
//!
//! A stream belongs to the entry and path for which it was first given, so the file that takes a rotated one's place goes on
//! in the same stream. A name once given is kept; who comes later to a taken name gets its whole path as a name. Names that are
//! others' from the start (those of journals) are reserved. `{date}` stays in a name: which day it is every record says.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::record::{FileId, StreamName};

/// A stream's or group's name has at most this many characters (CreateLogStream, CreateLogGroup, read 2026-11-21).
const MAX_STREAM_CHARS: usize = 512;

/// What a day is put in place of, and how much longer that makes a name: `2026-11-21`.
const DATE: &str = "{date}";
const DATE_GROWTH: usize = "2026-11-21".len() - DATE.len();

/// Who has which stream.
#[derive(Debug, Default)]
pub struct Streams {
    taken: HashMap<StreamName, Taken>,
}

#[derive(Debug)]
struct Taken {
    /// The entry and path for which it was first given; none where it is reserved.
    owner: Option<(usize, Arc<Path>)>,
    /// The live files that go here, the oldest first. Never empty but where it is reserved.
    files: Vec<FileId>,
}

impl Streams {
    /// No file gets this name.
    pub fn reserve(&mut self, name: StreamName) {
        self.taken.insert(name, Taken { owner: None, files: Vec::new() });
    }

    /// The stream for a file that was first seen at `first_path`: `wanted`, unless another has it than `owner`, who is an entry and the path
    /// by which it tells its files apart.
    pub fn choose(&self, owner: (usize, &Path), first_path: &Path, group: &Arc<str>, wanted: &str) -> StreamName {
        let mut name = StreamName { group: Arc::clone(group), stream: wanted.into() };
        let mut number = 1;
        let is_own = |taken: &Taken| taken.owner.as_ref().is_some_and(|(entry, path)| (*entry, &**path) == owner);
        while self.taken.get(&name).is_some_and(|taken| !is_own(taken)) {
            name.stream = alternative(first_path, wanted, number).into();
            number += 1;
        }
        name
    }

    /// Notes that `file` goes to `name`, after all others that do.
    pub fn join(&mut self, name: &StreamName, (entry, path): (usize, &Arc<Path>), file: FileId) {
        let new = || Taken { owner: Some((entry, Arc::clone(path))), files: Vec::new() };
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
    let safe = |text: &str| text.chars().map(|c| if is_allowed(c) { c } else { '-' }).collect::<String>();
    let filled = fill(template, path);
    cut(filled.split(DATE).map(safe).collect::<Vec<_>>().join(DATE)).into()
}

fn fill(template: &str, path: &Path) -> String {
    let file_name = own(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy());
    // One after the other, so that nothing in a file's own name is filled in.
    let parts = template.split("{file_name}").map(|part| part.replace("{file_path}", &own(&path.to_string_lossy())));
    parts.collect::<Vec<_>>().join(&file_name)
}

/// A file's own name, in which nothing is a placeholder.
fn own(name: &str) -> String {
    name.replace(DATE, "-date-")
}

/// Whether `given` is a name that `path` may have got where it wanted `wanted`.
pub fn is_variant(given: &str, wanted: &str, path: &Path) -> bool {
    let made_safe = alternative(path, wanted, 1);
    given == wanted
        || given.strip_prefix(&made_safe).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix('-').is_some_and(|number| number.parse::<u32>().is_ok())
        })
}

/// The whole path as a name: `var-log-b-app.log` of `/var/log/b/app.log`, with its day where the name that was wanted has one; from
/// the second try on with a number appended.
fn alternative(path: &Path, wanted: &str, number: u32) -> String {
    let text = own(&path.to_string_lossy());
    let day = if wanted.contains(DATE) { format!("-{DATE}") } else { String::new() };
    let suffix = if number > 1 { format!("-{number}") } else { String::new() };
    allowed(&format!("{}{day}{suffix}", text.trim_start_matches('/').replace('/', "-")))
}

/// `text` without what CloudWatch refuses in a stream's name.
fn allowed(text: &str) -> String {
    let safe: String = text.chars().map(|c| if matches!(c, ':' | '*') || c.is_control() { '-' } else { c }).collect();
    let safe = cut(safe);
    if safe.is_empty() { "-".to_owned() } else { safe }
}

/// As many of the last characters as fit, days filled in: a path's end tells more than its beginning.
fn cut(text: String) -> String {
    let days = text.matches(DATE).count() * DATE_GROWTH;
    let excess = (text.chars().count() + days).saturating_sub(MAX_STREAM_CHARS);
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
            let name = streams.choose((entry, &path(first)), &path(first), &group, "app.log");
            streams.join(&name, (entry, &path(first)), FileId(id as u64));
            names.push(name.stream.to_string());
        }
        assert_eq!(names, ["app.log", "var-log-b-app.log", "var-log-b-app.log-2", "app.log"]);
    }

    #[test]
    fn a_name_is_free_again_when_its_last_file_is_gone() {
        let (mut streams, group) = (Streams::default(), Arc::from("g"));
        let name = streams.choose((0, &path("/a/x")), &path("/a/x"), &group, "x");
        streams.join(&name, (0, &path("/a/x")), FileId(1));
        streams.join(&name, (0, &path("/a/x")), FileId(2));
        streams.leave(&name, FileId(1));
        assert_eq!(&*streams.choose((0, &path("/b/x")), &path("/b/x"), &group, "x").stream, "b-x");
        streams.leave(&name, FileId(2));
        assert_eq!(&*streams.choose((0, &path("/b/x")), &path("/b/x"), &group, "x").stream, "x");
    }

    #[test]
    fn names_that_cloudwatch_refuses_are_made_safe() {
        assert_eq!(wanted(None, Path::new("/var/log/a:b*.log")), "a-b-.log");
        assert_eq!(wanted(Some("h-{file_name}"), Path::new("/l/a.log")), "h-a.log");
        assert_eq!(wanted(Some("{file_path}"), Path::new("/l/a.log")), "/l/a.log");
        let long = format!("/{}/end", "x".repeat(600));
        assert_eq!(alternative(Path::new(&long), "x", 2).chars().count(), MAX_STREAM_CHARS);
        assert!(is_variant(&alternative(Path::new("/a/b"), "b", 3), "b", Path::new("/a/b")));
        assert!(is_variant("b", "b", Path::new("/a/b")));
        assert!(!is_variant("other", "b", Path::new("/a/b")));
    }

    #[test]
    fn a_day_stays_in_a_name_and_is_left_room_and_none_is_made_of_a_file_s_own_name() {
        assert_eq!(wanted(Some("{file_name}/{date}"), Path::new("/l/a.log")), "a.log/{date}");
        assert_eq!(wanted(Some("{file_name}"), Path::new("/l/{date}.log")), "-date-.log");
        assert_eq!(wanted(Some("{file_name}"), Path::new("/l/{file_path}.log")), "{file_path}.log");
        let long = format!("/l/{}", "x".repeat(600));
        assert_eq!(wanted(Some("{file_name}-{date}"), Path::new(&long)).chars().count(), MAX_STREAM_CHARS - 4);
        let other = alternative(Path::new("/b/x"), "x-{date}", 2);
        assert_eq!(other, "b-x-{date}-2");
        assert!(is_variant(&other, "x-{date}", Path::new("/b/x")));
        assert_eq!(&*wanted_group(&"/g/{date}/{file_name}".into(), Path::new("/l/a b")), "/g/{date}/a-b");
    }

    #[test]
    fn a_reserved_name_goes_to_no_file_for_ever() {
        let (mut streams, group) = (Streams::default(), Arc::from("g"));
        streams.reserve(StreamName { group: Arc::clone(&group), stream: "journal".into() });
        let name = streams.choose((0, &path("/l/journal")), &path("/l/journal"), &group, "journal");
        assert_eq!(&*name.stream, "l-journal");
        streams.join(&name, (0, &path("/l/journal")), FileId(1));
        streams.leave(&name, FileId(1));
        assert_eq!(
            &*streams.choose((0, &path("/l/journal")), &path("/l/journal"), &group, "journal").stream,
            "l-journal"
        );
    }

    #[test]
    fn a_group_may_be_named_after_its_file() {
        let group = |template: &str| wanted_group(&template.into(), Path::new("/srv/my app/a:b.log"));
        assert_eq!(&*group("/devices/rpi-1"), "/devices/rpi-1");
        assert_eq!(&*group("/devices/{file_name}"), "/devices/a-b.log");
        assert_eq!(&*group("{file_path}"), "/srv/my-app/a-b.log");
    }
}
