//! What delivery decides, without doing anything: framing, filtering, reading times, batching, settling and retrying.
//!
//! The rule of the house: a position moves only past records that are settled without a gap, and every record that is
//! read gets settled on every path (delivered, filtered out, refused, too old, cut).
//!
//! Pure, all of it: no I/O, no clock, no tasks; the time and the outcomes are handed in.

pub mod batch;
pub mod datums;
pub mod dimension;
pub mod encoding;
pub mod filter;
pub mod ledger;
pub mod lines;
pub mod mask;
pub mod multiline;
pub mod outcome;
pub mod pipeline;
pub mod retry;
pub mod timestamp;
pub mod treatment;
