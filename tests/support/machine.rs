//! A machine made of files that a test may change: a copy of a fixture, at one moment after the other.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// What lies in `always`, with a moment over it.
pub struct Machine {
    pub root: TempDir,
    fixture: PathBuf,
}

impl Machine {
    /// A folder of `tests/fixtures`, as it is at the first moment.
    pub fn of(fixture: &str) -> Self {
        let machine = Self { root: TempDir::new().unwrap(), fixture: folder(fixture) };
        machine.overlay("always");
        machine.overlay("first");
        machine
    }

    /// Goes on to another moment.
    pub fn overlay(&self, moment: &str) {
        let from = self.fixture.join(moment);
        if from.exists() {
            copy_tree(&from, self.root.path());
        }
    }

    /// Where a file of it lies.
    #[allow(dead_code, reason = "not every test changes one")]
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
}

/// Where a fixture lies.
pub fn folder(fixture: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture)
}

/// Copies all of a folder over another.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_symlink() {
            let _ = fs::remove_file(&target);
            std::os::unix::fs::symlink(fs::read_link(&source).unwrap(), target).unwrap();
        } else if source.is_dir() {
            copy_tree(&source, &target);
        } else {
            fs::copy(&source, &target).unwrap();
        }
    }
}
