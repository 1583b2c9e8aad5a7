//! `provision users`

use crate::cli::provision::Users;
use crate::commands::Failure;

/// Performs the command.
pub async fn perform(_options: &Users) -> Result<(), Failure> {
    Err(Failure::new(super::super::SOFTWARE, "error: not built yet"))
}
