//! Where this program meets the system it runs on: its own log, and what becomes of its memory.

pub mod log;
pub mod memory;
mod rotate;
pub mod watchdog;
