//! The agent where it lives: on a machine with real systemd, in a container that boots in two seconds, against an endpoint in
//! this process. One file a subject, each test a promise to whoever operates such a machine.
//!
//! It needs root, systemd-nspawn and mmdebstrap; the system inside is made once and kept.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests state what must be"
)]

#[allow(dead_code, reason = "of these tests the agent runs in a container")]
#[path = "support/agent.rs"]
mod agent;
#[path = "support/package.rs"]
mod deb;
#[path = "systemd/installer.rs"]
mod installer;
#[path = "support/kept.rs"]
mod kept;
#[path = "systemd/machine.rs"]
mod machine;
#[path = "systemd/package.rs"]
mod package;
#[path = "systemd/root.rs"]
mod root;
#[path = "systemd/scene.rs"]
mod scene;
#[path = "systemd/service.rs"]
mod service;
#[path = "systemd/unit.rs"]
mod unit;
