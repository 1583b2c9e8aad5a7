//! The device's certificate and its private key, from one file or two.
//!
//! Nothing of a key is ever quoted.

use std::path::Path;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::auth::files;

/// Chains of a few certificates have some KiB: what is larger is another file.
const MAX_BYTES: u64 = 1024 * 1024;

/// The chain, the device's own certificate first, and the key; in one sentence what is wrong with them.
pub(super) fn read(
    certificate: &Path,
    key: Option<&Path>,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain = bytes("certificate", certificate)?;
    let of = |path: &Path, what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let found = found.map_err(|error| of(certificate, &format!("its certificate is damaged: {error}")))?;
    if found.is_empty() {
        return Err(of(certificate, &"it holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`)"));
    }
    let path = key.unwrap_or(certificate);
    let text = match key {
        Some(path) => bytes("key", path)?,
        None => chain,
    };
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok((found, key)),
        Err(rustls_pki_types::pem::Error::NoItemsFound) => Err(of(path, &missing(&text, key.is_none()))),
        Err(_) => Err(of(path, &"its private key is damaged")),
    }
}

fn bytes(what: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    files::content(path, MAX_BYTES).map_err(|error| format!("reading the device's {what}: {}: {error}", path.display()))
}

/// Why a file holds no key that we can read.
fn missing(text: &[u8], is_one_file: bool) -> &'static str {
    let encrypted = [b"ENCRYPTED PRIVATE KEY".as_slice(), b"Proc-Type: 4,ENCRYPTED".as_slice()];
    if encrypted.iter().any(|mark| text.windows(mark.len()).any(|window| window == *mark)) {
        "its private key is encrypted, and nobody is there to type the password; `openssl pkey` writes it in the clear"
    } else if is_one_file {
        "it holds no private key; where that is in a file of its own, `certificate` is a list of both paths"
    } else {
        "it holds no private key in PEM (`-----BEGIN PRIVATE KEY-----`)"
    }
}
