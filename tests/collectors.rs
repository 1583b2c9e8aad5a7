//! Promises of the sections of `metrics_collected`: on fixture machines to the last digit, and on the machine that runs this
//! as other programs say it in the same moment.
//!
//! A fixture is a folder with what stays (`always`) and two moments (`first`, `second`), 60 s apart. What every section gives
//! at the second one stands in its file `expected`, a figure a line: section, what of it is asked for, field, dimensions,
//! value. With `BLESS=1` in the environment the file is written anew; `collectors/figures.py` works the figures out a second
//! time, by itself, so that a blessed mistake does not pass.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests state what must be"
)]

#[path = "collectors/golden.rs"]
mod golden;
#[path = "collectors/machine.rs"]
mod machine;
#[path = "collectors/published.rs"]
#[cfg(target_os = "linux")]
mod published;
#[path = "support/python.rs"]
#[cfg(target_os = "linux")]
mod python;
#[path = "collectors/this_machine.rs"]
#[cfg(target_os = "linux")]
mod this_machine;
