//! Where this program meets the service manager: for now, its own log.

pub mod log;
mod rotate;
