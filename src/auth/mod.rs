//! Signs in: a Cognito user, an IoT device, a role or the standard chain becomes credentials that are kept and renewed.
//!
//! `session` hands them out, `keeper` is its task and the only one that fetches, `renewal` decides when (pure); each way to fetch
//! is a file.
//! Requests never drive a sign-in, they wait for what the session tells. No password, token or secret is ever a part of
//! a text that leaves this module.

pub mod chain;
pub mod cognito;
pub mod error;
mod files;
pub mod iot;
mod keeper;
mod password;
pub mod renewal;
pub mod role;
mod session;
mod source;

use std::time::Duration;

pub use error::SignInError;
pub use session::{Session, Start, Told};
pub use source::Source;

/// How long one request of a sign-in may take, its connection included.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
