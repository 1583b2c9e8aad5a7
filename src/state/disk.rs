//! Where the store's bytes live: a file, or what a test puts in its place to cut the power of.
//!
//! The rule that is easy to break: nothing counts before [`Disk::sync`] has returned. Until then a power cut may keep any part
//! of what was written, in any order.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

/// Bytes that can be read, written and synced.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// How many bytes there are.
    fn size(&self) -> io::Result<u64>;
    /// Fills `out` from `offset`; an error where there are not that many bytes.
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
    /// Writes `bytes` at `offset`, which lie within [`Disk::size`].
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts, or adds zeroes, so that there are `size` bytes.
    fn resize(&self, size: u64) -> io::Result<()>;
    /// Returns once everything written so far survives a power cut.
    fn sync(&self) -> io::Result<()>;
}

impl Disk for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(out, offset)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn resize(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        // A file that was deleted under us takes bytes as ever, and nobody will read them again.
        if self.metadata()?.nlink() == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the file was deleted while it was in use"));
        }
        self.sync_data()
    }
}

/// Bytes that last as long as the program: for a machine whose disk cannot be written.
#[derive(Debug, Default)]
pub(super) struct Memory(std::sync::RwLock<Vec<u8>>);

impl Memory {
    fn read_lock(&self) -> std::sync::RwLockReadGuard<'_, Vec<u8>> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write_lock(&self) -> std::sync::RwLockWriteGuard<'_, Vec<u8>> {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Where `length` bytes from `offset` lie.
    fn range(offset: u64, length: usize) -> io::Result<std::ops::Range<usize>> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        Ok(start..start.saturating_add(length))
    }
}

impl Disk for Memory {
    fn size(&self) -> io::Result<u64> {
        Ok(self.read_lock().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let range = Self::range(offset, out.len())?;
        let bytes = self.read_lock();
        out.copy_from_slice(bytes.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let range = Self::range(offset, bytes.len())?;
        self.write_lock().get_mut(range).ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(bytes);
        Ok(())
    }

    fn resize(&self, size: u64) -> io::Result<()> {
        let size = usize::try_from(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.write_lock().resize(size, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
