//! What is wrong with a server's certificate, in words that say what to do.

use std::error::Error;
use std::io;

use rustls::CertificateError;

/// What TLS said, deep in an error. An `io::Error` does not name what it carries among its causes.
pub fn tls_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
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

/// Why the certificate that a server showed is not trusted, in words that follow "its certificate"; none where that is not
/// what `error` is about.
pub fn untrusted(error: &(dyn Error + 'static)) -> Option<String> {
    let Some(rustls::Error::InvalidCertificate(why)) = tls_cause(error) else { return None };
    Some(match why {
        CertificateError::UnknownIssuer => {
            "is signed by nobody that is trusted here: where a proxy on the way opens TLS, put its CA into \
             `agent.ca_bundle`, else install the system's CA certificates"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has expired, or this machine's clock is ahead".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet: this machine's clock is behind".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is another host's: a portal or proxy answers in its place, or the endpoint is wrong".to_owned()
        }
        other => format!("cannot be trusted: {other}"),
    })
}
