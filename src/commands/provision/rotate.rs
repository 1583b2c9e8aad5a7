//! `provision rotate`

use crate::cli::provision::Rotate;
use crate::commands::Failure;

/// Performs the command.
pub async fn perform(_options: &Rotate) -> Result<(), Failure> {
    Err(Failure::new(super::super::SOFTWARE, "error: not built yet"))
}
