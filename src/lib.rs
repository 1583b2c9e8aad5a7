//! cloudwatch-publisher: follows logs and measures a machine, and publishes both to Amazon CloudWatch.
//!
//! The modules stand in the order of the data flow; `docs/architecture.md` says who may know whom.

pub mod agent;
pub mod auth;
pub mod aws;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod delivery;
pub mod identity;
pub mod local;
#[cfg(feature = "provision")]
pub mod provision;
pub mod record;
pub mod service;
pub mod sinks;
pub mod sources;
pub mod srp;
pub mod state;
