//! The sections of `metrics_collected` that `/proc` and `/sys` of Linux answer, a file a subject, with the CloudWatch Agent's
//! names, dimensions and meaning. `load`, `temperature` and `throttled` are ours. Where we differ from the agent on purpose, the subject's header says so, and why.
//!
//! Source of a meaning: telegraf's plugins of the same names and gopsutil v3, which the agent is built from, read 2026-11-21.

pub mod cpu;
pub mod disk;
pub mod diskio;
pub mod growth;
pub mod load;
pub mod look;
pub mod mem;
pub mod mounts;
pub mod net;
pub mod netstat;
pub mod process;
pub mod processes;
pub mod procstat;
pub mod space;
pub mod swap;
pub mod temperature;
pub mod throttled;
pub mod wanted;
