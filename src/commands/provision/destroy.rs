//! `provision destroy`

use crate::cli::provision::Destroy;
use crate::commands::Failure;

/// Performs the command.
pub async fn perform(_options: &Destroy) -> Result<(), Failure> {
    Err(Failure::new(super::super::SOFTWARE, "error: not built yet"))
}
