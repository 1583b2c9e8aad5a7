//! `provision remove`

use crate::cli::provision::Remove;
use crate::commands::Failure;

/// Performs the command.
pub async fn perform(_options: &Remove) -> Result<(), Failure> {
    Err(Failure::new(super::super::SOFTWARE, "error: not built yet"))
}
