//! Arguments, a command, an exit code.

use std::process::ExitCode;

use clap::Parser;
use cloudwatch_publisher::cli::Cli;
use cloudwatch_publisher::commands;

/// Wrong usage (sysexits.h).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => ExitCode::from(commands::perform(cli)),
        Err(error) => {
            let code = if error.use_stderr() { USAGE } else { 0 };
            // Where help cannot be printed there is nobody to tell.
            let _ = error.print();
            ExitCode::from(code)
        }
    }
}
