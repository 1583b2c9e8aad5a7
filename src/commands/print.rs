//! Prints what a command is for.
//!
//! The rule that is easy to break: `println!` ends the program with a panic where nobody reads any more (`| head`), or the disk
//! behind `>` is full. The one is an end as good as any other, the other a failure like any other.

use std::io::{self, ErrorKind, Write};

use super::{Failure, NOT_PERMITTED};

/// Prints a text, with an end of its last line.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(NOT_PERMITTED, format!("error: printing the result: {error}")))
        }
        _ => Ok(()),
    }
}
