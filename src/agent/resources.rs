//! What the operating system lets the agent use, and what it uses.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::sources::host::macos;

/// Descriptors kept free for connections, the state and the log.
const SPARE_DESCRIPTORS: u64 = 64;

/// Raises the soft limit of descriptors to the hard one; answers how many of them followed files may use.
pub fn descriptors_for_files() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        log::debug!(error:% = error; "cannot raise the limit of open files");
    }
    let current = getrlimit(Resource::Nofile).current.unwrap_or(65_536);
    usize::try_from(current.saturating_sub(SPARE_DESCRIPTORS)).unwrap_or(usize::MAX).max(16)
}

/// Resident memory in bytes; 0 where the system does not tell.
pub fn resident_bytes() -> u64 {
    if cfg!(target_os = "macos") {
        return macos::own_resident_bytes().unwrap_or(0);
    }
    let pages =
        std::fs::read_to_string("/proc/self/statm").ok().and_then(|statm| statm.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}
