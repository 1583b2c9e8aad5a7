//! A file that is rotated by size: `x.log`, then `x.log.1` (the newest backup) to `x.log.5`.
//!
//! Never fails its caller and never panics: what cannot be written is lost, and the next line is tried again. That, and one
//! rename a backup, is why it is not a crate's: file-rotate 0.8 asserts that nobody else touches the folder, and a daemon
//! that is built with `panic = "abort"` would end by it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How many backups are kept: the predecessor's number.
pub const BACKUPS: usize = 5;

/// A log file and its backups.
pub struct RotatedFile {
    path: PathBuf,
    max_bytes: u64,
    /// None after a rotation that could not open the next file.
    file: Option<File>,
    /// Bytes in `file`.
    bytes: u64,
}

impl RotatedFile {
    /// Opens the file, for appending; makes it, and the folder it lies in, where they are missing. Readable for its owner only.
    ///
    /// # Errors
    /// When it cannot be opened for writing.
    pub fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut rotated = Self { path: path.to_path_buf(), max_bytes, file: None, bytes: 0 };
        rotated.reopen()?;
        Ok(rotated)
    }

    /// Appends a whole line; rotates first where it would go over the size.
    ///
    /// # Errors
    /// When the disk is full or the file is gone for good. The line is lost, nothing else is.
    pub fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if self.bytes > 0 && self.bytes.saturating_add(length) > self.max_bytes {
            self.rotate();
        }
        if self.file.is_none() {
            self.reopen()?;
        }
        let Some(file) = self.file.as_mut() else { return Ok(()) };
        // One call a line: what another process reads is never half a line, except on a full disk.
        let written = file.write_all(line);
        self.bytes = self.bytes.saturating_add(length);
        written
    }

    fn reopen(&mut self) -> io::Result<()> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
        self.bytes = file.metadata()?.size();
        self.file = Some(file);
        Ok(())
    }

    /// Moves each backup one on, the oldest out. A step that fails leaves its file where it is: the next rotation tries again.
    fn rotate(&mut self) {
        self.file = None;
        // If the file itself cannot be moved we go on with it: too large is better than gone.
        self.bytes = 0;
        let files = own_files(&self.path);
        for pair in files.windows(2).rev() {
            if let [newer, older] = pair {
                let _ = std::fs::rename(newer, older);
            }
        }
    }
}

/// The file and its backups, newest first, whether they exist or not.
pub fn own_files(path: &Path) -> Vec<PathBuf> {
    let backup = |number: usize| {
        let mut name = path.as_os_str().to_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    std::iter::once(path.to_path_buf()).chain((1..=BACKUPS).map(backup)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn five_backups_are_kept_and_lines_stay_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/own.log");
        let mut file = RotatedFile::open(&path, 10).unwrap();
        for number in 0..20 {
            file.append(format!("line {number:02}\n").as_bytes()).unwrap();
        }
        let contents: Vec<String> = own_files(&path).iter().map(|file| read(file)).collect();
        assert_eq!(contents, ["line 19\n", "line 18\n", "line 17\n", "line 16\n", "line 15\n", "line 14\n"]);
        assert_eq!(std::fs::read_dir(folder.path().join("logs")).unwrap().count(), BACKUPS + 1);
    }

    #[test]
    fn only_its_owner_reads_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.log");
        RotatedFile::open(&path, 10).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_of_an_earlier_run_is_continued_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.log");
        std::fs::write(&path, "12345678\n").unwrap();
        let mut file = RotatedFile::open(&path, 10).unwrap();
        file.append(b"new\n").unwrap();
        assert_eq!((read(&path), read(&own_files(&path)[1])), ("new\n".to_string(), "12345678\n".to_string()));
    }

    #[test]
    fn a_backup_that_is_in_the_way_or_gone_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.log");
        let mut file = RotatedFile::open(&path, 10).unwrap();
        file.append(b"12345678\n").unwrap();
        std::fs::create_dir(folder.path().join("own.log.1")).unwrap();
        std::fs::write(folder.path().join("own.log.1/x"), "").unwrap();
        std::fs::remove_file(&path).unwrap();
        file.append(b"again\n").unwrap();
        assert_eq!(read(&path), "again\n");
    }
}
