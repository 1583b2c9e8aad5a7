//! Whose certificates are trusted: the system's authorities, and those of a file.
//!
//! The file is checked whole at the start: the SDK's client ends the process on a certificate that it cannot read.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_smithy_http_client::tls::TrustStore;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::LoadError;
use crate::config::Network;

const KEY: &str = "`agent.ca_bundle`";
const VARIABLE: &str = "AWS_CA_BUNDLE";

/// The authorities that are trusted.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    /// Beside the system's: in PEM, every certificate of it readable.
    bundle: Option<Arc<[u8]>>,
}

impl Trust {
    /// The file of the configuration, else that of `AWS_CA_BUNDLE`, else none.
    pub(super) fn of(network: &Network) -> Result<Self, LoadError> {
        let named = || env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        let (origin, path) = match (&network.ca_bundle, named()) {
            (Some(path), _) => (KEY, path.clone()),
            (None, Some(path)) => ("the variable AWS_CA_BUNDLE", path),
            (None, None) => return Ok(Self::default()),
        };
        match read(&path) {
            Ok(bundle) => Ok(Self { bundle: Some(bundle.into()) }),
            Err(reason) => Err(LoadError::CaBundle { origin, path, reason }),
        }
    }

    /// In the words of the SDK's client.
    pub(super) fn store(&self) -> TrustStore {
        let system = TrustStore::default();
        match &self.bundle {
            Some(bundle) => system.with_pem_certificate(bundle.to_vec()),
            None => system,
        }
    }

    /// In the words of rustls. Reads the system's anew: too much to be kept for a connection an hour.
    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let bundle = self.bundle.as_deref().unwrap_or_default();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(bundle).filter_map(Result::ok));
        roots
    }
}

/// The file, once every certificate in it was found readable, and one at least.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let bundle = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for (number, certificate) in CertificateDer::pem_slice_iter(&bundle).enumerate() {
        let wrong =
            |error: &dyn std::fmt::Display| format!("its certificate number {} is damaged: {error}", number + 1);
        roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err("it holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`)".to_owned());
    }
    Ok(bundle)
}
