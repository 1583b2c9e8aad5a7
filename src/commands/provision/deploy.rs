//! `provision deploy`

use crate::cli::provision::Deploy;
use crate::commands::Failure;

/// Performs the command.
pub async fn perform(_options: &Deploy) -> Result<(), Failure> {
    Err(Failure::new(super::super::SOFTWARE, "error: not built yet"))
}
