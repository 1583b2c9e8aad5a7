//! What a collector found: figures under the names that they have within their section of `metrics_collected`.
//!
//! Pure: no I/O, no clock, no tasks.

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The metric's name within its section, as [`crate::config::catalogue`] has it.
    pub field: &'static str,
    /// What it was measured on, beyond the machine: `("path", "/")`. Not what the configuration adds.
    pub dimensions: Vec<(&'static str, String)>,
    /// The figure, finite.
    pub value: f64,
}
