//! Tells what a first look would follow, and where it would go, without a state: for whoever checks a configuration.
//!
//! It is the first look of the table itself, so that what is told is what will be done. Opens files for reading and changes nothing.

use std::path::PathBuf;

use super::{Change, FileEntry, Files, streams};
use crate::record::{FileId, Monotonic, StreamName};

/// Descriptors that a preview uses for files that can be opened again.
const MAX_OPEN: usize = 16;

/// A file that would be followed, or what cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preview {
    /// It would be followed.
    Followed {
        /// The index of its entry.
        entry: usize,
        /// Where it is.
        path: PathBuf,
        /// Where its records would go. `{date}` stands for the UTC day of each record.
        stream: StreamName,
        /// The name of the stream that it would have had if no other had that: the two would have been mixed.
        wanted: Option<String>,
        /// The offset at which reading would begin.
        from: u64,
        /// Its size now.
        size: u64,
    },
    /// A file or folder that cannot be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: String,
    },
}

/// What a table with no state would follow, in the order in which names are given. `reserved` and `never` as with [`Files::beside`].
pub fn preview(entries: Vec<FileEntry>, reserved: &[StreamName], never: Vec<PathBuf>) -> Vec<Preview> {
    let mut files = Files::beside(reserved, entries, Vec::new(), never, MAX_OPEN);
    let changes = files.look(Monotonic::default());
    let told = changes.into_iter().filter_map(|change| match change {
        Change::Appeared { file, entry, path, stream, from } => {
            let wanted = streams::wanted(files.entries.get(entry)?.entry.stream.as_deref(), &path);
            let wanted = Some(wanted).filter(|wanted| **wanted != *stream.stream);
            let size = files.size_of(file);
            Some(Preview::Followed { entry, path, stream, wanted, from, size })
        }
        Change::Unreadable { path, error } => Some(Preview::Unreadable { path, error }),
        _ => None,
    });
    told.collect()
}

impl Files {
    fn size_of(&self, file: FileId) -> u64 {
        self.rows.get(&file).map_or(0, |row| row.size)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::StartAt;
    use super::*;
    use crate::delivery::encoding::Encoding;

    fn entry(pattern: String, stream: &str) -> FileEntry {
        FileEntry {
            key: pattern.clone(),
            pattern,
            group: "g".into(),
            stream: Some(stream.to_owned()),
            start_at: StartAt::End,
            is_new: true,
            partial_line_timeout: Duration::from_secs(30),
            is_multi_line: false,
            encoding: Encoding::UTF_8,
            newest_only: false,
            removes: false,
            blacklist: None,
        }
    }

    #[test]
    fn what_a_preview_tells_is_what_the_first_look_does() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a/app.log", "b/app.log", "journal", "left.gz"] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "one\ntwo").unwrap();
        }
        let at = |name: &str| format!("{}/{name}", root.path().display());
        let entries = vec![entry(at("*/app.log"), "{file_name}"), entry(at("*"), "{file_name}")];
        let reserved = StreamName { group: "g".into(), stream: "journal".into() };
        let told = preview(entries.clone(), std::slice::from_ref(&reserved), Vec::new());
        let mut files = Files::beside(std::slice::from_ref(&reserved), entries, Vec::new(), Vec::new(), 10);
        let mut done = files.look(Monotonic(0));
        done.retain(|change| matches!(change, Change::Appeared { .. }));
        assert_eq!((told.len(), done.len()), (3, 3));
        for (told, done) in told.iter().zip(&done) {
            let Preview::Followed { path, stream, from, size, .. } = told else { panic!("{told:?}") };
            let Change::Appeared { path: followed, stream: given, from: begun, .. } = done else { panic!("{done:?}") };
            assert_eq!((path, stream, from, *size), (followed, given, begun, 7));
            assert_eq!(*from, 4, "behind the last whole line");
        }
        let renamed = |told: &Preview| match told {
            Preview::Followed { wanted, .. } => wanted.clone(),
            Preview::Unreadable { .. } => None,
        };
        let renamed: Vec<_> = told.iter().filter_map(renamed).collect();
        assert_eq!(renamed, ["app.log", "journal"], "the second of two, and one that a journal has");
    }
}
