//! Signs in: a Cognito user, an IoT device, a role or the standard chain becomes credentials that are kept and renewed.
//!
//! `session` keeps them and is the only one that fetches; `renewal` decides when (pure); each way to fetch is a file.
//! Requests never drive a sign-in, they wait for what the session tells. No password, token or secret is ever a part of
//! a text that leaves this module.

pub mod cognito;
pub mod error;
pub mod iot;
mod password;
pub mod renewal;
pub mod role;
mod session;
mod source;

pub use error::SignInError;
pub use session::{Session, Start, Told};
pub use source::Source;
