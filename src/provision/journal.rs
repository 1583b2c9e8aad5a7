//! Remembers, over a crash, whose password may be set and was not told. Names only, never a password.
//!
//! A line a note: `begun NAME` before the password is set, synced; `done NAME` once it is where it belongs. The rule that is
//! easy to break: the file is never replaced, since the lock is on it. It is emptied when nobody is left in it.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Why there is no journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another run has it.
    #[error("another run provisions the users of this pool: `{0}` is locked")]
    Held(PathBuf),
    /// It cannot be read or written.
    #[error("keeping the journal `{path}`: {source}")]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The journal of one user pool, held by this run.
#[derive(Debug)]
pub struct Journal {
    file: File,
    /// Of whole lines; a next one begins here, whatever a full disk left behind it.
    whole_bytes: u64,
    begun: BTreeSet<String>,
}

impl Journal {
    /// Opens the journal of a pool in `folder`, both made where they are missing.
    ///
    /// # Errors
    /// When another run has it, or the system refuses it.
    pub fn open(folder: &Path, user_pool: &str) -> Result<Self, JournalError> {
        let path = folder.join(format!("{user_pool}.journal"));
        let fault = |source| JournalError::File { path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = options.map_err(fault)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(JournalError::Held(path)),
            other => other.map_err(|error| fault(error.into()))?,
        }
        // A journal that a cut of the power takes away whole names nobody.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(fault)?;
        // What has no end was being written when the run ended: nothing was done on the strength of it.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).map_err(fault)?;
        let mut begun = BTreeSet::new();
        for line in text[..whole].lines() {
            match line.split_once(' ') {
                Some(("begun", name)) => _ = begun.insert(name.to_string()),
                Some(("done", name)) => _ = begun.remove(name),
                _ => {}
            }
        }
        Ok(Self { file, whole_bytes: whole as u64, begun })
    }

    /// Notes, durably, that the password of `name` may be set from now on.
    ///
    /// # Errors
    /// What the system says: the password must not be set then.
    pub fn begin(&mut self, name: &str) -> io::Result<()> {
        self.append(&format!("begun {name}\n"), File::sync_data)?;
        self.begun.insert(name.to_string());
        Ok(())
    }

    /// Notes that the password of `name` is where it belongs, or that there is none.
    ///
    /// # Errors
    /// What the system says: the name stays, and is named once too often.
    pub fn finish(&mut self, name: &str) -> io::Result<()> {
        if !self.begun.remove(name) {
            return Ok(());
        }
        if self.begun.is_empty() {
            self.file.set_len(0)?;
            self.whole_bytes = 0;
            return Ok(());
        }
        self.append(&format!("done {name}\n"), |_| Ok(()))
    }

    /// Writes a line behind the whole ones. Of one that could not be written nothing stays: it would swallow the next name.
    fn append(&mut self, line: &str, sync: impl Fn(&File) -> io::Result<()>) -> io::Result<()> {
        let written = self.file.write_all_at(line.as_bytes(), self.whole_bytes).and_then(|()| sync(&self.file));
        match written {
            Ok(()) => self.whole_bytes += line.len() as u64,
            Err(_) => self.file.set_len(self.whole_bytes)?,
        }
        written
    }

    /// Those whose password may be set and was not told.
    pub fn begun(&self) -> &BTreeSet<String> {
        &self.begun
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(journal: &Journal) -> Vec<&str> {
        journal.begun().iter().map(String::as_str).collect()
    }

    #[test]
    fn who_was_begun_and_not_finished_is_named_by_the_next_run() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("state");
        let mut journal = Journal::open(&folder, "pool").unwrap();
        for name in ["rpi-1", "rpi-2", "rpi-3"] {
            journal.begin(name).unwrap();
        }
        journal.finish("rpi-2").unwrap();
        drop(journal);
        let mut journal = Journal::open(&folder, "pool").unwrap();
        assert_eq!(names(&journal), ["rpi-1", "rpi-3"]);
        journal.finish("rpi-1").unwrap();
        journal.finish("rpi-3").unwrap();
        journal.finish("never begun").unwrap();
        drop(journal);
        assert_eq!(fs::read(folder.join("pool.journal")).unwrap(), b"");
    }

    #[test]
    fn a_line_cut_off_by_a_crash_names_nobody() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("pool.journal"), "begun rpi-1\nbegun rpi-1").unwrap();
        let mut journal = Journal::open(home.path(), "pool").unwrap();
        journal.begin("rpi-7").unwrap();
        drop(journal);
        assert_eq!(fs::read_to_string(home.path().join("pool.journal")).unwrap(), "begun rpi-1\nbegun rpi-7\n");
    }

    #[test]
    fn a_line_that_a_full_disk_cut_off_swallows_no_other_name() {
        let home = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(home.path(), "pool").unwrap();
        journal.begin("rpi-1").unwrap();
        // As much of a line as the disk took.
        journal.file.write_all_at(b"begun rp", journal.whole_bytes).unwrap();
        assert!(journal.append("begun rpi-2 and more\n", |_| Err(io::ErrorKind::StorageFull.into())).is_err());
        assert_eq!(fs::read_to_string(home.path().join("pool.journal")).unwrap(), "begun rpi-1\n");
        journal.begin("rpi-7").unwrap();
        drop(journal);
        assert_eq!(names(&Journal::open(home.path(), "pool").unwrap()), ["rpi-1", "rpi-7"]);
    }

    #[test]
    fn two_runs_never_share_a_pool() {
        let home = tempfile::tempdir().unwrap();
        let _held = Journal::open(home.path(), "pool").unwrap();
        assert!(matches!(Journal::open(home.path(), "pool"), Err(JournalError::Held(_))));
        assert!(Journal::open(home.path(), "another").is_ok());
    }
}
