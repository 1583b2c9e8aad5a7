//! Why TLS with the credential provider failed: its certificate, ours, or the line between.
//!
//! Ours refused is for a person to mend; all else may pass: a portal stands in AWS's place until somebody signs in to it.

use std::error::Error;
use std::path::Path;

use rustls::AlertDescription;

use crate::auth::error::SignInError;
use crate::aws::{tls_cause, untrusted, words};
use crate::clock::Clock;

/// What is to be done about `error`.
pub(super) fn reaction(error: &(dyn Error + 'static), host: &str, certificate: &Path, clock: &Clock) -> SignInError {
    let ours = |what: &str| {
        SignInError::Rejected(format!(
            "{host} refuses the certificate in {}: {what}; is it active in AWS IoT, and of the account of `iotUrl`?",
            certificate.display()
        ))
    };
    if let Some(why) = untrusted(error) {
        let now = jiff::Timestamp::from_millisecond(clock.wall().0).unwrap_or_default();
        return SignInError::Unreachable(format!("the certificate of {host} {why} (it is {now:.0} here)"));
    }
    match tls_cause(error) {
        Some(rustls::Error::AlertReceived(AlertDescription::CertificateExpired)) => ours("it has expired"),
        Some(rustls::Error::AlertReceived(AlertDescription::CertificateRevoked)) => ours("it was revoked"),
        Some(rustls::Error::AlertReceived(AlertDescription::UnknownCA)) => ours("its issuer is not known there"),
        Some(rustls::Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::AccessDenied
            | AlertDescription::HandshakeFailure
            | AlertDescription::DecryptError,
        )) => ours("it is not accepted"),
        _ => SignInError::Unreachable(format!(
            "talking to {host}: {} (a certificate that AWS IoT does not know may end the connection like this)",
            words(error)
        )),
    }
}
