//! Why a call to AWS did not do what an administrator asked for, in words for a person.
//!
//! The reaction is that of the one table in `aws`; what a person needs beyond it is what was being done, and AWS's own
//! sentence.

use std::error::Error;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::aws;

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{doing}: {words}")]
pub struct CallError {
    /// What we were doing, beginning with a verb: `reading stack x`.
    pub doing: String,
    /// AWS's code, empty where there was no answer.
    pub code: String,
    /// AWS's own sentence, or what the network said.
    pub words: String,
    /// What kind of failure it is.
    pub kind: CallFailure,
}

/// What a failed call means for the one who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFailure {
    /// No answer, or one that asks for patience: the same again may do.
    Unavailable,
    /// These credentials do not serve, or do not allow it.
    NotPermitted,
    /// AWS says no to what was asked.
    Refused,
}

impl CallError {
    /// What became of a call while `doing` something.
    pub fn new<E>(doing: impl Into<String>, error: SdkError<E, Response>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let service = error.as_service_error();
        let code = service.and_then(ProvideErrorMetadata::code).unwrap_or_default().to_owned();
        let sentence = service.and_then(ProvideErrorMetadata::message).map(ToOwned::to_owned);
        let reaction = aws::reaction(error);
        let kind = kind(&code, reaction.kind());
        let words = sentence.filter(|text| !text.is_empty()).unwrap_or_else(|| reaction.to_string());
        Self { doing: doing.into(), code, words, kind }
    }

    /// Whether it is CloudFormation's way to say that there is no such stack: a `ValidationError` like any other, told from
    /// them by its sentence alone.
    pub fn is_no_such_stack(&self) -> bool {
        self.code == "ValidationError" && self.words.contains("does not exist")
    }
}

fn kind(code: &str, reaction: &str) -> CallFailure {
    match (code, reaction) {
        ("AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation", _) | (_, "unauthorised") => {
            CallFailure::NotPermitted
        }
        (_, "busy" | "unreachable") => CallFailure::Unavailable,
        _ => CallFailure::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_call_tells_whom_it_concerns() {
        let cases = [
            ("AccessDenied", "forbidden", CallFailure::NotPermitted),
            ("ExpiredToken", "unauthorised", CallFailure::NotPermitted),
            ("Throttling", "busy", CallFailure::Unavailable),
            ("", "unreachable", CallFailure::Unavailable),
            ("ValidationError", "refused", CallFailure::Refused),
            ("AlreadyExistsException", "forbidden", CallFailure::Refused),
        ];
        for (code, reaction, expected) in cases {
            assert_eq!(kind(code, reaction), expected, "{code}");
        }
    }
}
