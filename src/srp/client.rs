//! The side that signs in.
//!
//! Pure: no I/O, no clock, no tasks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use zeroize::Zeroizing;

use super::group::{Exponent, Integer, Random, hexadecimal, private_exponent, scrambler};
use super::{Key, SrpError, base64_bytes};

/// What Cognito answers to a sign-in: the parameters of the challenge `PASSWORD_VERIFIER`, by their names there.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// `USER_ID_FOR_SRP`: the name to sign with, which need not be the one that was given.
    pub user_id: &'a str,
    /// `SALT`, hexadecimal.
    pub salt: &'a str,
    /// `SRP_B`, hexadecimal.
    pub srp_b: &'a str,
    /// `SECRET_BLOCK`, base64.
    pub secret_block: &'a str,
}

/// One sign-in that is under way.
pub struct Client {
    pool_name: String,
    /// The secret a.
    secret: Exponent,
    /// The public A.
    public: Integer,
}

impl Client {
    /// Begins a sign-in to a pool ([`pool_name`](super::pool_name)). Answers `SRP_A` with it, hexadecimal.
    pub fn new(pool_name: &str, random: &Random) -> (Self, String) {
        let secret = Exponent::new(random);
        let public = Integer::generator().short_power(&secret);
        (Self { pool_name: pool_name.to_owned(), secret, public }, public.to_hex())
    }

    /// The proof that the password is known, `PASSWORD_CLAIM_SIGNATURE`: base64. `timestamp` as
    /// [`timestamp`](super::timestamp) spells it goes with it as `TIMESTAMP`.
    ///
    /// # Errors
    /// When the challenge is none that a Cognito sends, or one by which it would prove nothing.
    pub fn proof(&self, password: &str, challenge: &Challenge<'_>, timestamp: &str) -> Result<String, SrpError> {
        let secret_block = base64_bytes(challenge.secret_block, "SECRET_BLOCK")?;
        let salt = hexadecimal(challenge.salt).ok_or(SrpError::NotHexadecimal("SALT"))?;
        let theirs = Integer::read(challenge.srp_b, "SRP_B")?;
        let u = scrambler(self.public, theirs)?;
        let x = private_exponent(&self.pool_name, challenge.user_id, password, &salt);
        let verifier = Zeroizing::new(Integer::generator().short_power(&x));
        let base = Zeroizing::new(theirs.minus(Integer::multiplier().times(*verifier)));
        let exponent = self.secret.plus_product(&Exponent::new(&u), &x);
        let shared = Zeroizing::new(base.power(&exponent));
        let mac = Key::new(&shared, &u).mac(&self.pool_name, challenge.user_id, &secret_block, timestamp);
        Ok(mac.map(|mac| STANDARD.encode(mac.finalize().into_bytes())).unwrap_or_default())
    }
}

impl std::fmt::Debug for Client {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("pool_name", &self.pool_name).finish_non_exhaustive()
    }
}
