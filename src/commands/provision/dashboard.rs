//! `provision dashboard`

use crate::cli::provision::Dashboard;
use crate::commands::Failure;

/// Performs the command.
pub async fn perform(_options: &Dashboard) -> Result<(), Failure> {
    Err(Failure::new(super::super::SOFTWARE, "error: not built yet"))
}
