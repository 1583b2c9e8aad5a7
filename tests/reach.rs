//! The ways to AWS, over real sockets: a CA bundle, proxies, host names, each link of the standard credential chain, and the
//! mutual TLS of AWS IoT.
//!
//! The rule that is easy to break: what depends on the environment runs in a process of its own (`child.rs`), whose variables
//! are all set by the test, so that those of the machine decide nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests state what must be")]

#[path = "reach/authority.rs"]
mod authority;
#[path = "reach/chain.rs"]
mod chain;
#[path = "reach/child.rs"]
mod child;
#[path = "reach/iot.rs"]
mod iot;
#[path = "reach/network.rs"]
mod network;
#[path = "reach/proxy.rs"]
mod proxy;
#[path = "reach/server.rs"]
mod server;
