//! The files that a sign-in reads: how they are read without harm, and how a change of them is noticed.
//!
//! A file is known by its outside, never by its content: nothing that is kept tells anything about a secret. The rule that is
//! easy to break: a path may lead to a pipe or to a disk that hangs, and neither may take one thread after another.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// How often files are looked at while what was read in them does not serve: no request, a `stat`.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Files that are watched. Clones share the turn.
#[derive(Clone, Debug)]
pub(super) struct Files {
    paths: Vec<PathBuf>,
    /// As they were when they were last read, or last found changed.
    seen: Vec<Option<Outside>>,
    /// Held by the one thread that may be at the files.
    turn: Arc<Semaphore>,
}

/// What tells one content of a file from another, and one set of rights from another, without the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outside {
    device: u64,
    inode: u64,
    length: u64,
    written: (i64, i64),
    /// Moves with rights and owner too: a file that may be read now is worth another attempt.
    changed: (i64, i64),
}

impl Files {
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { paths: paths.into_iter().collect(), seen: Vec::new(), turn: Arc::new(Semaphore::new(1)) }
    }

    /// What `read` makes of the files, on a thread that may block; none when the program is ending. Waits while an earlier
    /// one is still out.
    pub async fn read<T: Send + 'static>(&mut self, read: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let paths = self.paths.clone();
        // The outside first: what changes in between is found changed.
        let (seen, read) = self.alone(move || (outsides(&paths), read())).await?;
        self.seen = seen;
        Some(read)
    }

    /// Comes back once when a file is another than it was when it was read; never where there is none.
    pub async fn changed(&mut self) {
        if self.paths.is_empty() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let paths = self.paths.clone();
            let Some(found) = self.alone(move || outsides(&paths)).await else { continue };
            if found != self.seen {
                // The attempt that follows need not read them: one change is told once.
                self.seen = found;
                return;
            }
        }
    }

    async fn alone<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let turn = Arc::clone(&self.turn).acquire_owned().await.ok()?;
        let work = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        work.await.ok()
    }
}

/// The content of a file of `max_bytes` at the most, in one buffer, which is wiped.
pub(super) fn content(path: &Path, max_bytes: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    // Without waiting: a pipe that nobody writes to would never open.
    let file = File::from(rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?);
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !found.is_file() {
        return Err(io::Error::other("it is no file, but a pipe or a device"));
    }
    let length = found.len();
    if length > max_bytes {
        return Err(io::Error::other(format!("it has {length} bytes, which is too much")));
    }
    let capacity = usize::try_from(length + 1).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    // No more than fits: a buffer that grows leaves a copy behind.
    file.take(capacity as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether everybody on this machine can read it.
pub(super) fn is_readable_by_all(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.mode() & 0o004 != 0)
}

fn outsides(paths: &[PathBuf]) -> Vec<Option<Outside>> {
    paths.iter().map(|path| outside(path)).collect()
}

fn outside(path: &Path) -> Option<Outside> {
    let found = fs::metadata(path).ok()?;
    Some(Outside {
        device: found.dev(),
        inode: found.ino(),
        length: found.len(),
        written: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;
    use std::sync::mpsc;

    use tokio::time::{Instant, timeout};

    use super::*;

    fn file(content: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, content).unwrap();
        (folder, path)
    }

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_change_is_told_once_though_nobody_reads_the_file() {
        let (_folder, path) = file("wrong");
        let mut files = Files::new([path.clone()]);
        files.read(|| ()).await.unwrap();
        fs::write(&path, "right one").unwrap();
        timeout(SOON, files.changed()).await.expect("it was noticed");
        timeout(LOOK_EVERY * 2, files.changed()).await.expect_err("it was told twice");
    }

    #[test]
    fn other_rights_are_a_change() {
        let (_folder, path) = file("secret");
        let before = outside(&path);
        // The time of a change is as fine as the kernel's tick.
        let begun = std::time::Instant::now();
        while outside(&path) == before {
            assert!(begun.elapsed() < SOON, "a file that may be read now goes unnoticed");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    #[test]
    fn a_pipe_is_refused_and_takes_no_thread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || tell.send(content(&path, 100).map(drop)));
        let error = told.recv_timeout(SOON).expect("it opens without a writer").unwrap_err();
        assert!(error.to_string().contains("a pipe"), "{error}");
    }

    #[tokio::test]
    async fn while_a_disk_hangs_no_second_thread_is_sent_to_it() {
        let (_folder, path) = file("secret");
        let mut files = Files::new([path]);
        let (end, hangs) = mpsc::channel::<()>();
        let hung = timeout(Duration::from_millis(50), files.read(move || hangs.recv())).await;
        assert!(hung.is_err());
        let (begin, begun) = mpsc::channel();
        let second = files.read(move || begin.send(Instant::now()));
        tokio::pin!(second);
        timeout(Duration::from_millis(50), &mut second).await.expect_err("it began beside the first");
        assert!(begun.try_recv().is_err());
        end.send(()).unwrap();
        timeout(SOON, second).await.expect("the first one ended");
        assert!(begun.try_recv().is_ok());
    }
}
