//! The sections of `metrics_collected`, a file a subject.

pub mod growth;
pub mod load;
pub mod name;
pub mod process;
pub mod procstat;
pub mod temperature;
pub mod throttled;
