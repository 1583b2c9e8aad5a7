//! The real program against an endpoint that enforces CloudWatch's limits and misbehaves on request: one file a promise of
//! docs/delivery.md.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests state what must be"
)]

#[path = "agent/answers.rs"]
mod answers;
#[path = "agent/check.rs"]
mod check;
#[path = "agent/clocks.rs"]
mod clocks;
#[path = "agent/commands.rs"]
mod commands;
#[path = "agent/metrics.rs"]
mod metrics;
#[path = "agent/million.rs"]
mod million;
#[path = "agent/multi_line.rs"]
mod multi_line;
#[path = "agent/network.rs"]
mod network;
#[path = "agent/own_log.rs"]
mod own_log;
#[path = "agent/reload.rs"]
mod reload;
#[path = "agent/resources.rs"]
mod resources;
#[path = "agent/resuming.rs"]
mod resuming;
#[path = "support/agent.rs"]
mod scene;
#[path = "agent/sections.rs"]
mod sections;
#[path = "agent/service.rs"]
mod service;
#[path = "agent/sign_in.rs"]
mod sign_in;
#[path = "agent/stopping.rs"]
mod stopping;
#[path = "agent/times.rs"]
mod times;
