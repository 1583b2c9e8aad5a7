//! What a refused request is told: AWS's code, its HTTP status and a sentence in AWS's style.
//!
//! Pure: no I/O, no clock, no tasks.

use std::borrow::Cow;

/// Why a request is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status of the answer.
    pub status: u16,
    /// The error's name, as in `__type`.
    pub code: Cow<'static, str>,
    /// A sentence for people.
    pub message: String,
}

impl Refusal {
    /// A refusal that is the caller's fault (HTTP 400).
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code: Cow::Borrowed(code), message: message.into() }
    }

    /// A parameter of CloudWatch Logs that is out of its limits.
    pub fn parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    /// A member that breaks a constraint of the service's model, in the words AWS uses for it.
    pub fn constraint(value: &str, member: &str, constraint: &str) -> Self {
        let shown: String = value.chars().take(128).collect();
        Self::parameter(format!(
            "1 validation error detected: Value '{shown}' at '{member}' failed to satisfy constraint: Member must {constraint}"
        ))
    }

    /// A value of PutMetricData that is out of its limits.
    pub fn metric(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValueException", message)
    }

    /// The name by which the older query protocol knows this error, where CloudWatch's model gives one. SDKs read it from
    /// the header `x-amzn-query-error` and prefer it to `__type`.
    pub fn query_code(&self) -> Option<&'static str> {
        match &*self.code {
            "InvalidParameterValueException" => Some("InvalidParameterValue"),
            "InvalidParameterCombinationException" => Some("InvalidParameterCombination"),
            "MissingRequiredParameterException" => Some("MissingParameter"),
            "InternalServiceFault" => Some("InternalServiceError"),
            _ => None,
        }
    }
}
