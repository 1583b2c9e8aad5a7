//! Turns errors of the SDK into reactions: one table for every service.
//!
//! What the table does not know costs no record: the stream waits.

use std::error::Error;
use std::time::Duration;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::untrusted::untrusted;
use crate::delivery::outcome::SendError;

/// The reaction to an error of the SDK.
pub fn reaction<E>(error: SdkError<E, Response>) -> SendError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let detail = match untrusted(&error) {
        Some(why) => format!("the server's certificate {why}"),
        None => words(&error),
    };
    let retry_after = error.raw_response().and_then(retry_after);
    let status = error.raw_response().map(|response| response.status().as_u16());
    match &error {
        SdkError::ServiceError(service) => table(service.err().code(), status, detail, retry_after),
        SdkError::ResponseError(_) => table(None, status, detail, retry_after),
        SdkError::ConstructionFailure(_) => SendError::Unauthorised { detail },
        // Credentials are fetched as a part of sending: what goes wrong there is told by the chain of causes alone.
        SdkError::DispatchFailure(failure) if failure.is_other() && is_about_credentials(&error) => {
            SendError::Unauthorised { detail }
        }
        _ => SendError::Unreachable { detail },
    }
}

/// The one table: AWS's error code, or else the HTTP status, and what is to be done about it. Codes: service models of
/// CloudWatch and CloudWatch Logs in botocore 1.43.11 and the common errors of the AWS API, read 2026-11-21.
#[allow(clippy::too_many_lines, reason = "a table is read from top to bottom, in one place")]
fn table(code: Option<&str>, status: Option<u16>, detail: String, retry_after: Option<Duration>) -> SendError {
    match (code.unwrap_or_default(), status.unwrap_or_default()) {
        (
            "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "SlowDown"
            | "OperationAbortedException"
            | "ServiceUnavailableException"
            | "ServiceUnavailable"
            | "InternalFailure"
            | "InternalServiceFault"
            | "InternalServerError"
            | "InternalServiceError"
            | "RequestTimeout",
            _,
        ) => SendError::Busy { retry_after, detail },
        ("ResourceNotFoundException", _) => SendError::MissingDestination { detail },
        (
            "LimitExceededException"
            | "AccessDeniedException"
            | "AccessDenied"
            | "NotAuthorized"
            | "UnauthorizedOperation",
            _,
        ) => SendError::Forbidden { detail },
        (
            "ExpiredTokenException"
            | "ExpiredToken"
            | "RequestExpired"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "InvalidAccessKeyId"
            | "OptInRequired"
            | "RequestTimeTooSkewed",
            _,
        ) => SendError::Unauthorised { detail },
        // CloudWatch no longer looks at sequence tokens: the same again.
        ("InvalidSequenceTokenException", _) => SendError::Busy { retry_after, detail },
        (_, 500.. | 429 | 408) => SendError::Busy { retry_after, detail },
        (_, 401 | 407) => SendError::Unauthorised { detail },
        // The content of the request, and nothing but that: what this list names is split and may cost a record.
        (
            "InvalidParameterException"
            | "InvalidParameterValue"
            | "InvalidParameterValueException"
            | "InvalidParameterCombination"
            | "InvalidParameterCombinationException"
            | "MissingParameter"
            | "MissingRequiredParameterException"
            | "InvalidFormat"
            | "InvalidFormatFault"
            | "ValidationError"
            | "ValidationException"
            | "SerializationException",
            _,
        ) => SendError::Refused { detail },
        // A firewall's or a portal's page, or an answer cut short, says nothing about the request.
        ("", _) => SendError::Unreachable { detail },
        // A word that is new here may mean anything: the stream waits, and nothing is lost.
        _ => SendError::Forbidden { detail },
    }
}

/// The causes of an error in one line, each said once.
pub fn words(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for text in causes(error).map(ToString::to_string) {
        if !words.iter().any(|word| word.contains(&text)) {
            words.push(text);
        }
    }
    words.join(": ")
}

fn is_about_credentials(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<aws_credential_types::provider::error::CredentialsError>())
}

/// The error, and what it says caused it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

fn retry_after(response: &Response) -> Option<Duration> {
    response.headers().get("retry-after")?.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_reaction() {
        let cases = [
            (Some("ThrottlingException"), 400, "busy"),
            (Some("ServiceUnavailableException"), 500, "busy"),
            (None, 503, "busy"),
            (Some("SomethingNew"), 500, "busy"),
            (Some("SomethingNew"), 400, "forbidden"),
            (Some("ValidationException"), 400, "refused"),
            (Some("InvalidParameterException"), 400, "refused"),
            (Some("ResourceNotFoundException"), 400, "missing destination"),
            (Some("AccessDeniedException"), 400, "forbidden"),
            (Some("LimitExceededException"), 400, "forbidden"),
            (Some("ExpiredTokenException"), 400, "unauthorised"),
            (Some("InvalidSignatureException"), 400, "unauthorised"),
            (Some("UnrecognizedClientException"), 400, "unauthorised"),
            (Some("InvalidSequenceTokenException"), 400, "busy"),
            (None, 403, "unreachable"),
            (None, 302, "unreachable"),
            (None, 407, "unauthorised"),
        ];
        for (code, status, expected) in cases {
            assert_eq!(table(code, Some(status), String::new(), None).kind(), expected, "{code:?} {status}");
        }
    }
}
