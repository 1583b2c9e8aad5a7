//! Why TLS with the credential provider failed: its certificate, ours, or the line between.
//!
//! Ours refused is for a person to mend; all else may pass: a portal stands in AWS's place until somebody signs in to it.

use std::error::Error;
use std::io;
use std::path::Path;

use rustls::{AlertDescription, CertificateError};

use crate::auth::error::SignInError;
use crate::aws::words;
use crate::clock::Clock;

/// What is to be done about `error`.
pub(super) fn reaction(error: &(dyn Error + 'static), host: &str, certificate: &Path, clock: &Clock) -> SignInError {
    let ours = |what: &str| {
        SignInError::Rejected(format!(
            "{host} refuses the certificate in {}: {what}; is it active in AWS IoT, and of the account of `iotUrl`?",
            certificate.display()
        ))
    };
    let theirs = |what: String| SignInError::Unreachable(format!("the certificate of {host} {what}"));
    match tls(error) {
        Some(rustls::Error::InvalidCertificate(why)) => theirs(untrusted(why, clock)),
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

/// In the words behind "the certificate of HOST".
fn untrusted(why: &CertificateError, clock: &Clock) -> String {
    let at = || jiff::Timestamp::from_millisecond(clock.wall().0).unwrap_or_default();
    match why {
        CertificateError::UnknownIssuer => "is signed by nobody that is trusted here; where a proxy on the way opens TLS, \
             put its CA into `agent.ca_bundle`"
            .to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("has expired, if it is {at:.0} now: is this machine's clock right?", at = at())
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("is not valid yet, if it is {at:.0} now: is this machine's clock right?", at = at())
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is another host's: is `iotUrl` what `aws iot describe-endpoint --endpoint-type iot:CredentialProvider` answers?"
                .to_owned()
        }
        other => format!("cannot be trusted: {other}"),
    }
}

/// What TLS said, deep in an error. An `io::Error` does not name what it carries among its causes.
fn tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>() {
            Some(carrier) => carrier.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}
