//! Where records and samples come from.
//!
//! A source hands over blocks of bytes or rounds of figures and remembers where it stands; it never sees a destination.

pub mod file;
pub mod host;
pub mod unified_log;
