//! `provision list`

use crate::cli::provision::List;
use crate::commands::Failure;

/// Performs the command.
pub async fn perform(_options: &List) -> Result<(), Failure> {
    Err(Failure::new(super::super::SOFTWARE, "error: not built yet"))
}
