//! Reads macOS's unified log through `/usr/bin/log`.

pub mod command;
pub mod entry;
pub mod format;
pub mod seam;
