//! `instance-id`: who this machine is under a configuration, and nothing else, for scripts.

use std::path::Path;

use super::print::print;
use super::{Failure, start};

/// Prints the instance id, or only what follows its prefix.
pub fn perform(path: &Path, serial: bool) -> Result<(), Failure> {
    let loaded = start::load(path)?;
    let id = start::facts(&loaded.config)?.instance_id;
    let prefix = format!("{}-", loaded.config.agent.instance.prefix);
    print(if serial { id.strip_prefix(&prefix).unwrap_or(&id) } else { &id })
}
