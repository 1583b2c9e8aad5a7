//! Why a sign-in failed, by what is to be done about it.
//!
//! Pure.

use std::borrow::Cow;

/// Of what others say this much is quoted.
const QUOTED_CHARACTERS: usize = 300;

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

/// The beginning of what others say, on one line and without the full stop at its end.
pub(super) fn beginning(text: &str) -> Cow<'_, str> {
    let text = text.trim().trim_end_matches('.');
    if text.chars().count() <= QUOTED_CHARACTERS && !text.contains(char::is_control) {
        return text.into();
    }
    text.chars().take(QUOTED_CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
