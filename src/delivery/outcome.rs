//! What became of a request: the words in which sinks answer and delivery decides.
//!
//! A [`SendError`] has one variant per reaction, not per error code of AWS; which code leads to which reaction is one table
//! in `aws/reaction.rs`.
//!
//! Pure: no I/O, no clock, no tasks.

use std::ops::Range;
use std::time::Duration;

/// Why CloudWatch did not keep an item of a request that it took otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Older than 14 days.
    TooOld,
    /// More than two hours ahead.
    TooNew,
    /// Older than the group's retention.
    Expired,
    /// The request was refused whole until only this item was left in it.
    Invalid,
}

impl Cause {
    /// In words, for the own log.
    pub fn text(self) -> &'static str {
        match self {
            Self::TooOld => "older than 14 days",
            Self::TooNew => "more than two hours ahead",
            Self::Expired => "older than the group's retention",
            Self::Invalid => "refused by CloudWatch",
        }
    }
}

/// A request that was taken. All items that are not named here were accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Ranges of items that were not kept, ascending and without overlap.
    pub refused: Vec<(Range<usize>, Cause)>,
}

/// Why a request was not taken, by what is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The endpoint asks for patience: wait, then the same again.
    #[error("the endpoint is busy: {detail}")]
    Busy {
        /// How long it wants to be left alone, where it says so.
        retry_after: Option<Duration>,
        /// Its own words.
        detail: String,
    },
    /// No answer: wait, then the same again.
    #[error("the endpoint cannot be reached: {detail}")]
    Unreachable {
        /// What the network said.
        detail: String,
    },
    /// The credentials do not serve: renew them once, then try slowly.
    #[error("the endpoint does not accept the credentials: {detail}")]
    Unauthorised {
        /// Its own words.
        detail: String,
    },
    /// The credentials do not allow this destination: the others go on, this one is tried slowly.
    #[error("this destination is not permitted: {detail}")]
    Forbidden {
        /// Its own words.
        detail: String,
    },
    /// The destination does not exist: make it, then the same again.
    #[error("the destination does not exist: {detail}")]
    MissingDestination {
        /// Its own words.
        detail: String,
    },
    /// The request is refused for what is in it: split it down to the one bad item.
    #[error("the request was refused: {detail}")]
    Refused {
        /// Its own words.
        detail: String,
    },
}

impl SendError {
    /// One word for it: the cause under which the own log counts it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "busy",
            Self::Unreachable { .. } => "unreachable",
            Self::Unauthorised { .. } => "unauthorised",
            Self::Forbidden { .. } => "forbidden",
            Self::MissingDestination { .. } => "missing destination",
            Self::Refused { .. } => "refused",
        }
    }

    /// Whether other credentials might help.
    pub fn is_unauthorised(&self) -> bool {
        matches!(self, Self::Unauthorised { .. })
    }
}
