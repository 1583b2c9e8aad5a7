//! Certificates for the tests: an authority of their own, and what it signs.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Signs certificates.
pub struct Authority {
    /// Its own certificate.
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    pub pem: String,
    pub key: KeyPair,
}

/// From the first of January of one year to that of another.
pub type Years = (i32, i32);

/// A span that today is in.
pub const NOW: Years = (2020, 2060);

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = params(name, &[], (1970, 2090));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// For a server with these names.
    pub fn server(&self, names: &[&str], years: Years) -> Identity {
        self.sign(params("server", names, years), KeyPair::generate().unwrap(), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// For a device.
    pub fn device(&self, years: Years) -> Identity {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        self.sign(params("device", &[], years), key, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// For a device, with an RSA key.
    pub fn device_with_rsa(&self) -> Identity {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        self.sign(params("device", &[], NOW), key, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, mut params: CertificateParams, key: KeyPair, purpose: ExtendedKeyUsagePurpose) -> Identity {
        params.extended_key_usages.push(purpose);
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        Identity { certificate: signed.der().clone(), pem: signed.pem(), key }
    }
}

impl Identity {
    pub fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    /// The key as OpenSSL wrote it before PKCS#8 (PKCS#1 for RSA, SEC1 for EC): what the octet string in PKCS#8 holds.
    pub fn traditional_key(&self, label: &str) -> String {
        let pkcs8 = self.key.serialize_der();
        let (sequence, _) = element(&pkcs8);
        let (_, rest) = element(sequence); // version
        let (_, rest) = element(rest); // algorithm
        let (inner, _) = element(rest);
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(inner);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    }
}

/// The content of the first element in DER, and what follows it.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, start) = match der[1] {
        short @ 0..0x80 => (usize::from(short), 2),
        long => {
            let bytes = usize::from(long & 0x7f);
            (der[2..2 + bytes].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), 2 + bytes)
        }
    };
    (&der[start..start + length], &der[start + length..])
}

fn params(name: &str, names: &[&str], (from, until): Years) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    params
}
