//! `run`: the daemon.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tokio::sync::watch;

use super::{Failure, HELD, NOT_PERMITTED, SOFTWARE, access, start};
use crate::agent::{self, Setup};
use crate::clock::Clock;
use crate::config::{Config, DEFAULT_LOG_FILE, DEFAULT_STATE_DIRECTORY};
use crate::identity;
use crate::record::Status;
use crate::service::log::{Destination, own_files};
use crate::service::memory;
use crate::state::{OpenError, Opened, Store};

/// Publishes until a signal ends it.
pub fn perform(path: &Path) -> Result<(), Failure> {
    memory::keep_private();
    let loaded = start::load(path)?;
    let destination =
        Destination::Daemon { named: loaded.config.agent.log_file.clone(), default: DEFAULT_LOG_FILE.into() };
    let own_log = crate::service::log::start(&destination, loaded.config.agent.debug);
    start::log_warnings(&loaded);
    let config = loaded.config;
    let facts = start::facts(&config)?;
    let (store, opened) = open_state(&state_directory(&config))?;
    start::block_on(async {
        let clock = Clock::default();
        // An identity that is not known is asked for again: no reason to send nothing.
        let known = store.identities().unwrap_or_else(|error| {
            log::warn!(error:%; "the identities of earlier runs cannot be read: they are asked for anew");
            Vec::new()
        });
        let access::SignedIn { logs, metrics, identities } = access::sign_in(&config, &facts, &clock, &known).await?;
        let setup = Setup {
            never: own_log.as_deref().map(own_files).unwrap_or_default(),
            config,
            facts,
            boot: identity::boot_id(),
            logs,
            metrics,
            identities,
            clock,
            store,
            opened,
            start_at: None,
            status: watch::Sender::new(Status::default()),
        };
        Ok(agent::run(setup, start::signals()?).await?)
    })
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
