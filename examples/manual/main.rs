//! Writes the manual pages and the shell completions of the program, from its own command line and from `docs/`:
//! `cargo run --example manual -- FOLDER`.
//!
//! An example and no command: what makes them never reaches a device. The pages are those of the features that this was built
//! with; their date is `SOURCE_DATE_EPOCH`, so that the same sources give the same bytes.

#![allow(clippy::print_stderr, reason = "this is a program")]

mod completions;
mod markdown;
mod pages;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use clap::CommandFactory;
use cloudwatch_publisher::cli::Cli;

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: manual FOLDER");
        return ExitCode::from(64);
    };
    match write(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("write the manual to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

/// The pages into `man/` of `folder`, the completions into `completions/`.
///
/// # Errors
/// Where something cannot be written.
pub fn write(folder: &Path) -> io::Result<()> {
    let (man, shells) = (folder.join("man"), folder.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&shells)?;
    let date = pages::date(env::var("SOURCE_DATE_EPOCH").ok().as_deref())?;
    pages::write(Cli::command(), &date, &man)?;
    completions::write(Cli::command(), &shells)
}
