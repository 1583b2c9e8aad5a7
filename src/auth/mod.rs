//! Signs in: a Cognito user, an IoT device or the standard chain becomes credentials that are kept and renewed.

pub mod error;
pub mod iot;
