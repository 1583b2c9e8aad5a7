//! `provision`: what an administrator sets up in AWS, a file a command.

mod dashboard;
mod deploy;
mod destroy;
mod list;
mod remove;
mod rotate;
mod users;

use super::{Failure, start};
use crate::cli::provision::Provision;

/// Performs one of the administrator's commands.
pub fn perform(command: &Provision) -> Result<(), Failure> {
    start::block_on(async {
        match command {
            Provision::Deploy(options) => deploy::perform(options).await,
            Provision::Users(options) => users::perform(options).await,
            Provision::List(options) => list::perform(options).await,
            Provision::Rotate(options) => rotate::perform(options).await,
            Provision::Remove(options) => remove::perform(options).await,
            Provision::Destroy(options) => destroy::perform(options).await,
            Provision::Dashboard(options) => dashboard::perform(options).await,
        }
    })
}
