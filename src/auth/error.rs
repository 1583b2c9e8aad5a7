//! Why a sign-in failed, by what is to be done about it.
//!
//! Pure.
/// Why a sign-in failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// No answer, or one that is not AWS's.
    #[error("{0}")]
    Unreachable(String),
    /// AWS asks for patience.
    #[error("{0}")]
    Busy(String),
    /// AWS says no: a person has to mend it. Tried rarely.
    #[error("{0}")]
    Rejected(String),
}
