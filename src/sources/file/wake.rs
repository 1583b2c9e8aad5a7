//! Tells early that a folder changed. Hints only: they may come late, doubled or not at all, and a look every other second
//! stands behind them.
//!
//! Many events become one wake-up: after it there is silence until the next look re-arms it. Reading a file is no change, and
//! neither is the program's own log: otherwise each look would cause the next.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode, EventKind, MetadataKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

/// More folders than this are left to the looks: the system gives each user a limited number of watches.
const MAX_FOLDERS: usize = 2048;

/// Watches folders.
pub(super) struct Wake {
    watcher: RecommendedWatcher,
    is_quiet: Arc<AtomicBool>,
    watched: HashSet<PathBuf>,
    failed: HashSet<PathBuf>,
}

impl Wake {
    /// Calls `wake` when something changed in a watched folder; none where the system has no way to tell.
    pub(super) fn new(wake: Box<dyn Fn() + Send>, exempt: Vec<PathBuf>) -> Option<Self> {
        let is_quiet = Arc::new(AtomicBool::new(false));
        let quiet = Arc::clone(&is_quiet);
        let on_event = move |event: notify::Result<Event>| {
            let is_news = event.is_ok_and(|event| is_change(&event.kind) && !is_only_about(&event.paths, &exempt));
            if is_news && !quiet.swap(true, Ordering::AcqRel) {
                wake();
            }
        };
        match notify::recommended_watcher(on_event) {
            Ok(watcher) => Some(Self { watcher, is_quiet, watched: HashSet::new(), failed: HashSet::new() }),
            Err(error) => {
                log::warn!(error:% = error; "cannot be told of changes to files; looking every other second instead");
                None
            }
        }
    }

    /// Before a look: what happens from now on wakes again.
    pub(super) fn rearm(&self) {
        self.is_quiet.store(false, Ordering::Release);
    }

    /// Watches exactly `folders`, as far as the system lets us.
    pub(super) fn watch(&mut self, folders: &HashSet<PathBuf>) {
        for folder in self.watched.difference(folders) {
            // A folder that is gone has no watch any more.
            let _ = self.watcher.unwatch(folder);
        }
        self.watched.retain(|folder| folders.contains(folder));
        self.failed.retain(|folder| folders.contains(folder));
        for folder in folders {
            if self.watched.contains(folder) || self.watched.len() >= MAX_FOLDERS {
                continue;
            }
            match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(folder.clone());
                    self.failed.remove(folder);
                }
                // A folder that is not there yet will be; the looks find it.
                Err(error) => {
                    if self.failed.insert(folder.clone()) && folder.exists() {
                        log::warn!(path:% = folder.display(), error:% = error; "cannot watch folder; looking every other second instead");
                    }
                }
            }
        }
    }
}

fn is_change(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime)) => false,
        _ => true,
    }
}

fn is_only_about(paths: &[PathBuf], exempt: &[PathBuf]) -> bool {
    let is_exempt = |path: &Path| exempt.iter().any(|own| own == path);
    !paths.is_empty() && paths.iter().all(|path| is_exempt(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn many_changes_wake_once_until_rearmed() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own.log");
        let (told, wakes) = mpsc::channel();
        let mut wake = Wake::new(Box::new(move || told.send(()).unwrap()), vec![own.clone()]).unwrap();
        wake.watch(&HashSet::from([folder.path().to_owned()]));
        std::fs::write(&own, "a line\n").unwrap();
        for _ in 0..10 {
            std::fs::write(folder.path().join("a.log"), "x\n").unwrap();
        }
        wakes.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(wakes.recv_timeout(Duration::from_millis(100)).is_err(), "silent until rearmed");
        wake.rearm();
        std::fs::write(&own, "a line\n").unwrap();
        assert!(wakes.recv_timeout(Duration::from_millis(100)).is_err(), "its own log wakes nobody");
        std::fs::write(folder.path().join("a.log"), "y\n").unwrap();
        wakes.recv_timeout(Duration::from_secs(10)).unwrap();
    }
}
