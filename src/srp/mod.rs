//! Cognito's Secure Remote Password: both sides prove to each other that they know the password, and neither sends it.
//!
//! It is SRP-6a over the 3072-bit group of RFC 5054 with SHA-256, and what Amazon made of it: the user's name is hashed after
//! the name of the pool, the key is drawn by HKDF, and the client sends a signature made with it. What Amazon never wrote down
//! is in its SDKs (`AuthenticationHelper` of amazon-cognito-identity-js, read 2026-11-21). The rule that is easy to
//! break: each number enters a hash as the shortest two's complement, so with a zero byte before a set top bit, and without
//! any other. A mistake there shows in some handshakes only.
//!
//! What stands in memory of the password is wiped; the multiplications do not tell by their time what they multiply.
//!
//! Pure: no I/O, no clock, no tasks; randomness and time are handed in.

mod client;
mod group;
mod server;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use self::client::{Challenge, Client};
use self::group::{Integer, padded};
pub use self::group::{RANDOM_BYTES, Random};
pub use self::server::{Claim, Server, Verifier};

/// Why a handshake cannot go on. None of it says anything about the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SrpError {
    /// Not a number in hexadecimal digits.
    #[error("{0} is not a hexadecimal number")]
    NotHexadecimal(&'static str),
    /// Zero, or not below the modulus: a value by which the other side would know the key without the password.
    #[error("{0} is not between 1 and the modulus")]
    OutOfRange(&'static str),
    /// Not bytes in base64.
    #[error("{0} is not base64")]
    NotBase64(&'static str),
    /// The hash of both public values is zero.
    #[error("the hash of SRP_A and SRP_B is zero")]
    ZeroHash,
}

/// The part of a user pool's id that enters the hashes: what stands after the region, `AbCdEfGhI` of `eu-west-1_AbCdEfGhI`.
pub fn pool_name(pool_id: &str) -> &str {
    pool_id.split_once('_').map_or(pool_id, |(_, name)| name)
}

/// The time as a signature states it, from seconds since 1970: `Sat Sep 5 10:00:00 UTC 2026`, English, and without a zero
/// before the day.
pub fn timestamp(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap_or_default().strftime("%a %b %-d %H:%M:%S UTC %Y").to_string()
}

/// What both sides have at the end, if both know the password.
struct Key(Zeroizing<[u8; 16]>);

impl Key {
    fn new(shared: &Integer, u: &[u8; 32]) -> Self {
        let mut key = Zeroizing::new([0; 16]);
        let salt = padded(u);
        let derived = Hkdf::<Sha256>::new(Some(&salt), &padded(&shared.to_bytes()));
        // Fails only for more than 8,160 bytes.
        let _ = derived.expand(b"Caldera Derived Key", &mut *key);
        Self(key)
    }

    fn mac(&self, pool_name: &str, user_id: &str, secret_block: &[u8], timestamp: &str) -> Option<Hmac<Sha256>> {
        // A key of any length will do, so there always is one.
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).ok()?;
        for part in [pool_name.as_bytes(), user_id.as_bytes(), secret_block, timestamp.as_bytes()] {
            mac.update(part);
        }
        Some(mac)
    }
}

/// Bytes from base64.
fn base64_bytes(text: &str, what: &'static str) -> Result<Vec<u8>, SrpError> {
    STANDARD.decode(text).map_err(|_| SrpError::NotBase64(what))
}

#[cfg(test)]
mod tests;
