//! Where this program meets the system it runs on: the service manager, who asks how it fares, its own log, and its memory.

mod backlog;
pub mod control;
pub mod glance;
pub mod herald;
mod journal;
pub mod log;
pub mod memory;
pub mod notify;
mod rotate;
pub mod watchdog;
