//! Finds the files that a pattern means: a path taken literally, or a glob with `*` `?` `[..]` `{a,b}` `**`.
//!
//! `*` does not cross `/`. Symbolic links are followed; a loop of them ends the walk there, not everywhere. What a folder
//! does not let us read is told, and the rest is found nevertheless.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::{DirEntry, WalkDir};

/// One `file_path` of the config, ready to be looked for.
#[derive(Clone, Debug)]
pub struct Pattern {
    literal: PathBuf,
    glob: Option<Glob>,
}

#[derive(Clone, Debug)]
struct Glob {
    /// The folder below which everything lies that can match: the longest prefix without glob characters.
    base: PathBuf,
    whole: GlobMatcher,
    /// A matcher for each level below `base`, up to the first `**`: the walk enters no folder that cannot lead to a match.
    levels: Vec<GlobMatcher>,
    /// How deep the walk may go; none with `**`.
    depth: Option<usize>,
}

/// A file that was found.
#[derive(Debug)]
pub struct Found {
    /// Its path, as the pattern leads to it.
    pub path: PathBuf,
    /// Of the file itself, links followed.
    pub metadata: Metadata,
    /// Whether its name is a symbolic link.
    pub is_link: bool,
}

impl Pattern {
    /// The pattern of `text`, an absolute path or glob. Errs where the glob cannot be read.
    pub fn new(text: &str) -> Result<Self, globset::Error> {
        let glob = if text.contains(is_special) { Some(Glob::new(text)?) } else { None };
        Ok(Self { literal: PathBuf::from(text), glob })
    }

    /// The path `text` and nothing else.
    pub fn literal(text: &str) -> Self {
        Self { literal: PathBuf::from(text), glob: None }
    }

    /// Whether `path` is meant by this pattern.
    pub fn is_match(&self, path: &Path) -> bool {
        path == self.literal || self.glob.as_ref().is_some_and(|glob| glob.whole.is_match(path))
    }

    /// The folder that is watched for files to appear in.
    pub fn folder(&self) -> &Path {
        match &self.glob {
            Some(glob) => &glob.base,
            None => self.literal.parent().unwrap_or(Path::new("/")),
        }
    }

    /// Calls `found` for each regular file, and `refused` for each folder or file that cannot be looked at.
    pub fn walk(&self, found: &mut dyn FnMut(Found), refused: &mut dyn FnMut(&Path, &io::Error)) {
        // A name that holds a `[` and exists is meant as it stands.
        match fs::symlink_metadata(&self.literal) {
            Ok(own) => return visit(&self.literal, own.is_symlink(), found, refused),
            Err(error) if self.glob.is_none() => return tell(&self.literal, &error, refused),
            Err(_) => {}
        }
        if let Some(glob) = &self.glob {
            glob.walk(found, refused);
        }
    }
}

impl Glob {
    fn new(text: &str) -> Result<Self, globset::Error> {
        let (base, rest) = split(text);
        let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        // Braces may hold a `/`: then a level has no pattern of its own.
        let is_layered = parts.iter().all(|part| part.matches('{').count() == part.matches('}').count());
        let is_deep = !is_layered || parts.iter().any(|part| part.contains("**"));
        let mut levels = Vec::new();
        for part in parts.iter().take_while(|part| is_layered && !part.contains("**")) {
            levels.push(matcher(part)?);
        }
        Ok(Self { base, whole: matcher(text)?, levels, depth: (!is_deep).then_some(parts.len()) })
    }

    fn walk(&self, found: &mut dyn FnMut(Found), refused: &mut dyn FnMut(&Path, &io::Error)) {
        let walk = WalkDir::new(&self.base).follow_links(true).min_depth(1).max_depth(self.depth.unwrap_or(usize::MAX));
        for entry in walk.into_iter().filter_entry(|entry| self.leads_on(entry)) {
            match entry {
                Ok(entry) if entry.file_type().is_file() && self.whole.is_match(entry.path()) => {
                    let is_link = entry.path_is_symlink();
                    // Gone since the folder was read: as if it had never been listed.
                    if let Ok(metadata) = entry.metadata() {
                        found(Found { path: entry.into_path(), metadata, is_link });
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    if let (Some(path), Some(cause)) = (error.path(), error.io_error()) {
                        tell(path, cause, refused);
                    }
                }
            }
        }
    }

    fn leads_on(&self, entry: &DirEntry) -> bool {
        let level = entry.depth().checked_sub(1).and_then(|level| self.levels.get(level));
        level.is_none_or(|level| level.is_match(Path::new(entry.file_name())))
    }
}

fn is_special(character: char) -> bool {
    matches!(character, '*' | '?' | '[' | '{' | '\\')
}

fn matcher(text: &str) -> Result<GlobMatcher, globset::Error> {
    Ok(GlobBuilder::new(text).literal_separator(true).build()?.compile_matcher())
}

/// The folder before the first component with a glob character, and what follows it.
fn split(text: &str) -> (PathBuf, String) {
    let is_plain = |part: &Component<'_>| !part.as_os_str().to_string_lossy().contains(is_special);
    let base: PathBuf = Path::new(text).components().take_while(is_plain).collect();
    let rest: PathBuf = Path::new(text).components().skip_while(is_plain).collect();
    (base, rest.to_string_lossy().into_owned())
}

fn visit(path: &Path, is_link: bool, found: &mut dyn FnMut(Found), refused: &mut dyn FnMut(&Path, &io::Error)) {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => found(Found { path: path.to_owned(), metadata, is_link }),
        Ok(_) => {}
        Err(error) => tell(path, &error, refused),
    }
}

/// What is not there is no trouble: it may come.
fn tell(path: &Path, error: &io::Error, refused: &mut dyn FnMut(&Path, &io::Error)) {
    if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
        refused(path, error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    fn found(root: &Path, pattern: &str) -> Vec<String> {
        let mut names = Vec::new();
        let pattern = Pattern::new(&format!("{}/{pattern}", root.display())).unwrap();
        pattern.walk(
            &mut |file| {
                assert!(pattern.is_match(&file.path));
                names.push(file.path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
            },
            &mut |path, error| panic!("{}: {error}", path.display()),
        );
        names.sort();
        names
    }

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x\n").unwrap();
        }
        root
    }

    #[test]
    fn each_glob_finds_what_it_means() {
        let root = tree(&["a.log", "b.log", "c.txt", "d/a.log", "d/e/f.log", "x[1].log", "x1.log"]);
        for (pattern, wanted) in [
            ("a.log", &["a.log"][..]),
            ("missing.log", &[]),
            ("*.log", &["a.log", "b.log", "x1.log", "x[1].log"]),
            ("?.log", &["a.log", "b.log"]),
            ("[ab].log", &["a.log", "b.log"]),
            ("{a,c}.{log,txt}", &["a.log", "c.txt"]),
            ("*/a.log", &["d/a.log"]),
            ("{d/e,nowhere}/*.log", &["d/e/f.log"]),
            ("**/*.log", &["a.log", "b.log", "d/a.log", "d/e/f.log", "x1.log", "x[1].log"]),
            ("d/**/f.log", &["d/e/f.log"]),
            ("x[1].log", &["x[1].log"]),
            ("nofolder/*.log", &[]),
        ] {
            assert_eq!(found(root.path(), pattern), wanted, "{pattern}");
        }
    }

    #[test]
    fn links_are_followed_and_loops_survived() {
        let root = tree(&["real/a.log", "logs/b.log"]);
        symlink(root.path().join("real/a.log"), root.path().join("logs/link.log")).unwrap();
        symlink(root.path().join("logs"), root.path().join("logs/loop")).unwrap();
        symlink("nowhere", root.path().join("logs/broken.log")).unwrap();
        let pattern = Pattern::new(&format!("{}/logs/**/*.log", root.path().display())).unwrap();
        let mut names = Vec::new();
        pattern.walk(&mut |file| names.push((file.path.file_name().unwrap().to_owned(), file.is_link)), &mut |_, _| {});
        names.sort();
        assert_eq!(names, [("b.log".into(), false), ("link.log".into(), true)]);
    }

    #[test]
    fn a_name_that_is_no_text_is_found() {
        let root = tree(&[]);
        fs::write(root.path().join(OsStr::from_bytes(b"caf\xe9.log")), "x\n").unwrap();
        assert_eq!(found(root.path(), "*.log"), ["caf\u{fffd}.log"]);
    }
}
