//! A thin file a command: what it takes from the command line, what it prints, and with what code it ends.

mod access;
mod check;
mod configure;
mod instance_id;
mod known;
mod local;
mod print;
#[cfg(feature = "provision")]
mod provision;
mod reload;
mod run;
mod start;
mod status;

use std::path::PathBuf;

use crate::cli::{Cli, Command};
use crate::config::DEFAULT_PATH;

/// Why a command ended early: what is printed, and the exit code (sysexits.h).
#[derive(Debug)]
pub struct Failure {
    code: u8,
    text: String,
}

/// Wrong usage.
const USAGE: u8 = 64;
/// AWS, or the daemon, cannot be reached, or did not do what was asked.
const UNAVAILABLE: u8 = 69;
/// A defect of ours.
const SOFTWARE: u8 = 70;
/// Another agent uses the state.
const HELD: u8 = 75;
/// The system does not let us.
const NOT_PERMITTED: u8 = 77;
/// The configuration is wrong.
const CONFIG: u8 = 78;
/// Ctrl-C, as shells count it.
#[cfg(feature = "provision")]
const INTERRUPTED: u8 = 130;

impl Failure {
    fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(SOFTWARE, format!("error: {error:#}"))
    }
}

/// Performs what the command line asks for; answers the exit code.
#[allow(clippy::print_stderr, reason = "the last word of a command that failed")]
pub fn perform(cli: Cli) -> u8 {
    let path = |config: Option<PathBuf>| config.unwrap_or_else(|| DEFAULT_PATH.into());
    let command = cli.command.unwrap_or(Command::Run { config: cli.config });
    let result = match command {
        Command::Run { config } => run::perform(&path(config)),
        Command::Status { config, wait, json } => status::perform(config.as_deref(), wait, json),
        Command::Reload { config } => reload::perform(&path(config)),
        Command::Check(wish) => check::perform(&path(wish.config.clone()), &wish),
        Command::Local { config, port } => local::perform(config.as_deref(), port),
        Command::Configure(wish) => configure::perform(&wish),
        Command::InstanceId { config, serial } => instance_id::perform(&path(config), serial),
        #[cfg(feature = "provision")]
        Command::Provision(command) => provision::perform(&command),
    };
    log::logger().flush();
    match result {
        Ok(()) => 0,
        Err(failure) => {
            if !failure.text.is_empty() {
                eprintln!("{}", failure.text.trim_end());
            }
            failure.code
        }
    }
}
