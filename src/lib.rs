//! cloudwatch-publisher: follows logs and measures a machine, and publishes both to Amazon CloudWatch.
//!
//! The modules stand in the order of the data flow; `docs/architecture.md` says who may know whom.

pub mod record;
pub mod delivery;
