//! Where records and samples come from.
//!
//! A source hands over blocks of bytes, whole records or rounds of figures and remembers where it stands; it never sees a destination.

pub mod child;
pub mod file;
pub mod host;
pub mod journal;
pub mod records;
pub mod statsd;
pub mod unified_log;
