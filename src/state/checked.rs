//! Between redb and the disk: makes redb check a file as after a crash, whatever the file says of itself.
//!
//! The rule that is easy to break: the two flags below are redb's, not ours. A test damages files and fails if they move.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;

use super::disk::Disk;

/// A disk that redb never finds to have been closed well, so that it checks every page before it uses one.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) disk: Arc<dyn Disk>,
    /// Set once a write, a resize or a sync has failed: the disk is at fault, not what stands on it.
    pub(super) write_failed: Arc<AtomicBool>,
}

/// Where redb's header has its flags (redb 4, `docs/design.md`, "god byte", read 2026-11-21; file format 3).
const FLAGS_AT: u64 = 9;
/// The last run did not end well: check the whole file.
const RECOVERY_REQUIRED: u8 = 2;
/// The newest commit is sound, no need to check.
const TWO_PHASE_COMMIT: u8 = 4;

impl Checked {
    fn noted(&self, done: io::Result<()>) -> io::Result<()> {
        done.inspect_err(|_| self.write_failed.store(true, Ordering::Relaxed))
    }
}

impl StorageBackend for Checked {
    fn len(&self) -> io::Result<u64> {
        self.disk.size()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read(offset, out)?;
        let flags = FLAGS_AT.checked_sub(offset).and_then(|at| out.get_mut(usize::try_from(at).ok()?));
        if let Some(flags) = flags {
            *flags = (*flags | RECOVERY_REQUIRED) & !TWO_PHASE_COMMIT;
        }
        Ok(())
    }

    fn set_len(&self, size: u64) -> io::Result<()> {
        self.noted(self.disk.resize(size))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.noted(self.disk.sync())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.noted(self.disk.write(offset, bytes))
    }
}
