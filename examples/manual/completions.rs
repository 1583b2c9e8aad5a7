//! Completions for the shells that Debian and Fedora know, under the names by which they are loaded.

use std::fs::File;
use std::io;
use std::path::Path;

use clap::Command;
use clap_complete::{Shell, generate};

const SHELLS: [(Shell, &str); 3] = [
    (Shell::Bash, "cloudwatch-publisher"),
    (Shell::Zsh, "_cloudwatch-publisher"),
    (Shell::Fish, "cloudwatch-publisher.fish"),
];

/// One file for each shell into `folder`.
///
/// # Errors
/// Where a file cannot be written.
pub fn write(command: Command, folder: &Path) -> io::Result<()> {
    for (shell, name) in SHELLS {
        generate(shell, &mut command.clone(), "cloudwatch-publisher", &mut File::create(folder.join(name))?);
    }
    Ok(())
}
