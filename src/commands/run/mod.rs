//! `run`: the daemon.

mod prepare;
mod reload;
mod service;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Failure, HELD, NOT_PERMITTED, SOFTWARE, start};
use crate::config::{Config, DEFAULT_LOG_FILE, DEFAULT_STATE_DIRECTORY};
use crate::service::log::Destination;
use crate::service::memory;
use crate::state::{OpenError, Opened, Store};
use service::Daemon;

/// Publishes until a signal ends it.
pub fn perform(path: &Path) -> Result<(), Failure> {
    memory::keep_private();
    let loaded = start::load(path)?;
    let destination =
        Destination::Daemon { named: loaded.config.agent.log_file.clone(), default: DEFAULT_LOG_FILE.into() };
    let own_log = crate::service::log::start(&destination, Some(&loaded.config.agent));
    let directory = state_directory(&loaded.config);
    let state = open_state(&directory)?;
    start::block_on(async { Daemon::new(path, &directory, own_log)?.run(loaded, state).await })
}

/// The config's folder; else systemd's; else the default.
fn state_directory(config: &Config) -> PathBuf {
    let from_systemd = || std::env::var_os("STATE_DIRECTORY").map(PathBuf::from);
    config.agent.state_directory.clone().or_else(from_systemd).unwrap_or_else(|| DEFAULT_STATE_DIRECTORY.into())
}

/// Opens the state. On a disk that is full or read-only the agent delivers all the same, with a state in memory.
fn open_state(directory: &Path) -> Result<(Store, Opened), Failure> {
    let error = match Store::open(directory) {
        Ok(opened) => return Ok(opened),
        Err(error) => error,
    };
    let code = match &error {
        OpenError::Held { .. } => Some(HELD),
        OpenError::Folder { source, .. } if is_of_the_disk(source) => None,
        OpenError::Folder { .. } => Some(NOT_PERMITTED),
        OpenError::Store { .. } => None,
    };
    let reason = format!("{:#}", anyhow::Error::from(error));
    if let Some(code) = code {
        return Err(Failure::new(code, format!("error: {reason}")));
    }
    log::error!(reason; "the state cannot be kept on disk: it is kept in memory, and the next start reads every file again");
    let store = Store::in_memory().map_err(|error| Failure::new(SOFTWARE, format!("error: {error}")))?;
    Ok((store, Opened::Lost { reason }))
}

/// Whether it is the disk that is at fault, not a permission or a path.
fn is_of_the_disk(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::ReadOnlyFilesystem | ErrorKind::QuotaExceeded)
}
