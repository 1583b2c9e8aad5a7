//! Decides what became of each known file after a look at the folders.
//!
//! A file is recognised by where it lives and how it begins, never by its name: names move under rotation. When in doubt
//! we read again (a duplicate) rather than skip (a loss).
//!
//! Pure: no I/O, no clock, no tasks. What only the bytes of a file can tell comes from [`Evidence`], and is asked for only
//! where something changed.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::identity::Inode;
use super::names;
use crate::record::{FileId, Fingerprint, Mark};

/// A file that the table knows.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its number.
    pub id: FileId,
    /// Which entry follows it.
    pub entry: usize,
    /// Where it lives.
    pub inode: Inode,
    /// Where it was last seen.
    pub path: &'a Path,
    /// Its size and the time of its last change when it was last looked at.
    pub size: u64,
    /// In nanoseconds.
    pub changed: i128,
    /// How it begins.
    pub head: Fingerprint,
    /// Up to where it was read.
    pub read: Mark,
    /// Its descriptor is open, so its inode can belong to no other file.
    pub is_held: bool,
    /// It no longer has a path that an entry matches.
    pub is_away: bool,
    /// A read found other bytes before its mark than there were.
    pub is_suspect: bool,
}

/// A file that was found on this look.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Whose pattern led to it.
    pub entry: usize,
    /// Where.
    pub path: PathBuf,
    /// Where it lives.
    pub inode: Inode,
    /// Its size.
    pub size: u64,
    /// When its inode last changed, in nanoseconds.
    pub changed: i128,
    /// When its bytes last changed, in nanoseconds.
    pub modified: i128,
    /// Its name is a symbolic link.
    pub is_link: bool,
}

/// What a file's bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They fit.
    Same,
    /// They do not.
    Other,
    /// They cannot be read now.
    Unknown,
}

/// Looks into files.
pub trait Evidence {
    /// Whether `seen` begins like `head` and has before `read` what stood there.
    fn fits(&mut self, seen: &Seen, head: Fingerprint, read: Mark) -> Verdict;
}

/// What became of a file. Indices are into what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is where it was, and its size or times changed.
    Changed(FileId, usize),
    /// It has another name now.
    Moved(FileId, usize),
    /// No pattern leads to it any more.
    Left(FileId),
    /// A new file holds what a known one held: after copytruncate its own bytes begin where the known one's were read to.
    Copied(FileId, usize),
    /// A new file that may be a copy in the making.
    Undecided(usize),
    /// At its place there are other bytes now: it was truncated, rewritten, or another file got its inode.
    Restarted(FileId, usize),
    /// A new file.
    Appeared(usize),
}

/// Compares what is known with what was seen. The steps come in the order in which they are to be done: what is older
/// first, so that the files of one stream keep their order.
pub fn compare(known: &[Known<'_>], seen: &[Seen], evidence: &mut dyn Evidence) -> Vec<Step> {
    let places: HashMap<(usize, Inode), &Known<'_>> =
        known.iter().map(|file| ((file.entry, file.inode), file)).collect();
    let mut met = HashSet::with_capacity(known.len());
    let mut fresh = Vec::new();
    let mut restarted = Vec::new();
    let mut steps = Vec::new();
    let mut stays = HashSet::new();
    for index in one_path_each(seen, &places) {
        let Some(file) = places.get(&(seen[index].entry, seen[index].inode)) else {
            fresh.push(index);
            continue;
        };
        match judge(file, &seen[index], evidence) {
            Some(true) if !is_at(file, &seen[index]) || file.is_away => steps.push(Step::Moved(file.id, index)),
            Some(true) => {
                stays.insert(file.id);
                if file.size != seen[index].size || file.changed != seen[index].changed {
                    steps.push(Step::Changed(file.id, index));
                }
            }
            Some(false) if is_at(file, &seen[index]) || file.is_held => restarted.push((file.id, index)),
            // Its inode went to a file of another name: the old one is no more.
            Some(false) => {
                fresh.push(index);
                continue;
            }
            None => {}
        }
        met.insert(file.id);
    }
    steps.extend(known.iter().filter(|file| !file.is_away && !met.contains(&file.id)).map(|file| Step::Left(file.id)));
    sort(&mut fresh, seen, known.is_empty());
    let is_source = |id| stays.contains(&id) || restarted.iter().any(|&(other, _)| other == id);
    let copies = Copies::of(known, &fresh, is_source);
    let new: Vec<Step> = fresh.iter().map(|&index| copies.judge(index, &seen[index], &restarted, evidence)).collect();
    steps.extend(new.iter().filter(|step| matches!(step, Step::Copied(..) | Step::Undecided(_))));
    steps.extend(restarted.iter().map(|&(id, index)| Step::Restarted(id, index)));
    steps.extend(new.iter().filter(|step| matches!(step, Step::Appeared(_))));
    steps
}

/// The oldest first, for the files of one stream. On a first look by path: so names are given the same way every time.
fn sort(fresh: &mut [usize], seen: &[Seen], is_first: bool) {
    let key = |index: &usize| {
        let file = &seen[*index];
        // Written in the same tick: `app.log.2` is older than `app.log.1`, and that older than `app.log`.
        let generation =
            file.path.file_name().filter(|name| names::original(name).is_some()).map(|name| (name.len(), name));
        let modified = if is_first { 0 } else { file.modified };
        (modified, Reverse(generation), &file.path)
    };
    fresh.sort_by(|one, other| key(one).cmp(&key(other)));
}

/// Whether the path is the same, byte for byte: paths of one pattern are always spelled alike, and this is asked of each.
fn is_at(file: &Known<'_>, seen: &Seen) -> bool {
    file.path.as_os_str() == seen.path.as_os_str()
}

/// Whether the file at `seen` is still the known one; none where that cannot be told now.
fn judge(file: &Known<'_>, seen: &Seen, evidence: &mut dyn Evidence) -> Option<bool> {
    if file.is_suspect || seen.size < file.read.offset {
        return Some(false);
    }
    let is_changed = file.size != seen.size || file.changed != seen.changed || !is_at(file, seen);
    // With bytes to read, the read itself looks at what stands before them.
    let is_open_question = if file.is_held { seen.size == file.read.offset } else { true };
    if !is_changed || !is_open_question {
        return Some(true);
    }
    match evidence.fits(seen, file.head, file.read) {
        Verdict::Same => Some(true),
        Verdict::Other => Some(false),
        Verdict::Unknown => None,
    }
}

/// The index of one path for each file that was seen: the one it is known by, else a path that is no link.
fn one_path_each(seen: &[Seen], places: &HashMap<(usize, Inode), &Known<'_>>) -> Vec<usize> {
    let mut chosen: HashMap<(usize, Inode), usize> = HashMap::with_capacity(seen.len());
    let mut order = Vec::with_capacity(seen.len());
    let rank = |index: usize| {
        let file = &seen[index];
        let is_known = places.get(&(file.entry, file.inode)).is_some_and(|known| known.path == file.path);
        (!is_known, file.is_link)
    };
    for (index, file) in seen.iter().enumerate() {
        let best = chosen.entry((file.entry, file.inode)).or_insert_with(|| {
            order.push(index);
            index
        });
        if *best != index && rank(index) < rank(*best) {
            *best = index;
        }
    }
    order.iter().map(|&index| chosen[&(seen[index].entry, seen[index].inode)]).collect()
}

/// The known files by name, to tell copies of them.
struct Copies<'a> {
    by_name: HashMap<(usize, &'a [u8]), &'a Known<'a>>,
}

impl<'a> Copies<'a> {
    fn of(known: &'a [Known<'a>], fresh: &[usize], is_source: impl Fn(FileId) -> bool) -> Self {
        let mut by_name = HashMap::new();
        if !fresh.is_empty() {
            let sources = known.iter().filter(|file| file.head.length > 0 && is_source(file.id));
            by_name.extend(sources.filter_map(|file| Some(((file.entry, file.path.file_name()?.as_bytes()), file))));
        }
        Self { by_name }
    }

    /// A copy has a name that rotation gives, and the bytes of its original. Under any other name equal bytes are read again.
    fn judge(&self, index: usize, seen: &Seen, restarted: &[(FileId, usize)], evidence: &mut dyn Evidence) -> Step {
        let name = seen.path.file_name().unwrap_or(OsStr::new(""));
        let original = names::original(name);
        let Some(original) = original.as_deref().and_then(|name| self.by_name.get(&(seen.entry, name))) else {
            return Step::Appeared(index);
        };
        let is_short = seen.size < original.read.offset.max(original.head.length);
        if is_short && restarted.iter().all(|&(id, _)| id != original.id) {
            let is_begun = seen.size < original.head.length
                || evidence.fits(seen, original.head, Mark::default()) == Verdict::Same;
            return if is_begun { Step::Undecided(index) } else { Step::Appeared(index) };
        }
        match evidence.fits(seen, original.head, original.read) {
            Verdict::Same => Step::Copied(original.id, index),
            Verdict::Other | Verdict::Unknown => Step::Appeared(index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Says(Verdict);

    impl Evidence for Says {
        fn fits(&mut self, _: &Seen, _: Fingerprint, _: Mark) -> Verdict {
            self.0
        }
    }

    fn known(id: u64, path: &str, size: u64) -> Known<'_> {
        let inode = Inode { device: 1, number: id };
        let (head, read) = (Fingerprint { length: size.min(1024), hash: 1 }, Mark { offset: size, tail: 1 });
        let (is_held, is_away, is_suspect) = (true, false, false);
        let path = Path::new(path);
        Known { id: FileId(id), entry: 0, inode, path, size, changed: 0, head, read, is_held, is_away, is_suspect }
    }

    fn seen(inode: u64, path: &str, size: u64) -> Seen {
        let inode = Inode { device: 1, number: inode };
        Seen { entry: 0, path: path.into(), inode, size, changed: 0, modified: 0, is_link: false }
    }

    const ID: FileId = FileId(1);

    fn old() -> Known<'static> {
        known(1, "/l/a", 50)
    }

    /// What is told of [`old`] when `seen` is there and every look into a file says `verdict`.
    fn told(file: Known<'_>, verdict: Verdict, seen: &[Seen]) -> Vec<Step> {
        compare(&[file], seen, &mut Says(verdict))
    }

    #[test]
    fn what_became_of_a_file_at_its_path_is_told() {
        use Verdict::{Other, Same, Unknown};
        let touched = Seen { changed: 1, ..seen(1, "/l/a", 50) };
        let suspect = Known { is_suspect: true, ..old() };
        for (name, file, verdict, seen, wanted) in [
            ("nothing", old(), Unknown, seen(1, "/l/a", 50), None),
            ("grown", old(), Unknown, seen(1, "/l/a", 60), Some(Step::Changed(ID, 0))),
            ("truncated", old(), Unknown, seen(1, "/l/a", 10), Some(Step::Restarted(ID, 0))),
            ("rewritten to the same size", old(), Other, touched.clone(), Some(Step::Restarted(ID, 0))),
            ("only touched", old(), Same, touched.clone(), Some(Step::Changed(ID, 0))),
            ("unreadable now", old(), Unknown, touched, None),
            ("suspect", suspect, Same, seen(1, "/l/a", 90), Some(Step::Restarted(ID, 0))),
        ] {
            assert_eq!(told(file, verdict, &[seen]).first().copied(), wanted, "{name}");
        }
    }

    #[test]
    fn where_a_file_went_is_told() {
        use Step::{Appeared, Left, Moved};
        let (new, moved) = (seen(2, "/l/a", 5), seen(1, "/l/a.1", 50));
        assert_eq!(told(old(), Verdict::Same, std::slice::from_ref(&moved)), [Moved(ID, 0)]);
        assert_eq!(told(old(), Verdict::Same, &[new.clone(), moved]), [Moved(ID, 1), Appeared(0)]);
        assert_eq!(told(old(), Verdict::Same, &[new]), [Left(ID), Appeared(0)]);
        let away = Known { is_away: true, ..old() };
        assert_eq!(told(away, Verdict::Same, &[seen(1, "/l/a", 50)]), [Moved(ID, 0)]);
        assert_eq!(told(away, Verdict::Same, &[]), []);
        // Its inode was given to a file of another name.
        let closed = Known { is_held: false, ..old() };
        assert_eq!(told(closed, Verdict::Other, &[seen(1, "/l/b", 70)]), [Left(ID), Appeared(0)]);
    }

    #[test]
    fn a_copy_is_told_from_a_new_file() {
        use Step::{Appeared, Copied, Restarted, Undecided};
        let stays = seen(1, "/l/a", 50);
        let with = |new: Seen| [stays.clone(), new];
        assert_eq!(told(old(), Verdict::Same, &with(seen(2, "/l/a.1", 50))), [Copied(ID, 1)]);
        assert_eq!(told(old(), Verdict::Same, &with(seen(2, "/l/a.1", 9))), [Undecided(1)]);
        assert_eq!(told(old(), Verdict::Other, &with(seen(2, "/l/a.1", 50))), [Appeared(1)]);
        // Equal bytes under an unrelated name prove nothing: they are read again.
        assert_eq!(told(old(), Verdict::Same, &with(seen(2, "/l/b", 50))), [Appeared(1)]);
        let truncated = [seen(1, "/l/a", 0), seen(2, "/l/a.1", 60)];
        assert_eq!(told(old(), Verdict::Same, &truncated), [Copied(ID, 1), Restarted(ID, 0)]);
    }

    #[test]
    fn a_file_with_several_names_is_one_file() {
        let link = Seen { is_link: true, ..seen(1, "/l/current", 5) };
        assert_eq!(compare(&[], &[link.clone(), seen(1, "/l/a", 5)], &mut Says(Verdict::Same)), [Step::Appeared(1)]);
        let file = known(1, "/l/current", 5);
        assert_eq!(compare(&[file], &[seen(1, "/l/a", 5), link], &mut Says(Verdict::Same)), []);
    }
}
