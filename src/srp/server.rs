//! The side that is signed in to: Cognito's part, for the endpoint of this program and for tests.
//!
//! Pure: no I/O, no clock, no tasks.

use hmac::Mac as _;
use zeroize::Zeroizing;

use super::group::{Exponent, Integer, Random, padded, private_exponent, scrambler};
use super::{Key, SrpError, base64_bytes};

/// What a server keeps instead of a password.
#[derive(Clone)]
pub struct Verifier {
    salt: Vec<u8>,
    number: Zeroizing<Integer>,
}

impl Verifier {
    /// Of a user's password, with a salt that was drawn for it.
    pub fn new(pool_name: &str, user_id: &str, password: &str, salt: &[u8]) -> Self {
        let x = private_exponent(pool_name, user_id, password, salt);
        Self { salt: salt.to_owned(), number: Zeroizing::new(Integer::generator().short_power(&x)) }
    }

    /// The salt as the challenge gives it: hexadecimal digits, no zero before them.
    pub fn salt(&self) -> String {
        let digits: String = padded(&self.salt).iter().map(|byte| format!("{byte:02x}")).collect();
        match digits.trim_start_matches('0') {
            "" => "0".to_owned(),
            digits => digits.to_owned(),
        }
    }
}

/// What a client sends to prove that it knows the password.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// [`pool_name`](super::pool_name) of the pool.
    pub pool_name: &'a str,
    /// The name that was given in the challenge.
    pub user_id: &'a str,
    /// What was given in the challenge, the bytes themselves.
    pub secret_block: &'a [u8],
    /// `TIMESTAMP`.
    pub timestamp: &'a str,
    /// `PASSWORD_CLAIM_SIGNATURE`.
    pub signature: &'a str,
}

/// One sign-in that was answered with a challenge.
pub struct Server {
    verifier: Verifier,
    /// The secret b.
    secret: Exponent,
    /// The client's A.
    theirs: Integer,
    /// The public B.
    public: Integer,
}

impl Server {
    /// Answers a client's `SRP_A`.
    ///
    /// # Errors
    /// When that is no number, or one by which the client would need no password.
    pub fn new(verifier: &Verifier, srp_a: &str, random: &Random) -> Result<Self, SrpError> {
        let theirs = Integer::read(srp_a, "SRP_A")?;
        let secret = Exponent::new(random);
        let masked = Integer::multiplier().times(*verifier.number);
        let public = masked.plus(Integer::generator().short_power(&secret));
        Ok(Self { verifier: verifier.clone(), secret, theirs, public })
    }

    /// `SRP_B`, hexadecimal.
    pub fn srp_b(&self) -> String {
        self.public.to_hex()
    }

    /// Whether the claim proves that the client knows the password.
    ///
    /// # Errors
    /// When the claim is not one.
    pub fn accepts(&self, claim: &Claim<'_>) -> Result<bool, SrpError> {
        let signature = base64_bytes(claim.signature, "PASSWORD_CLAIM_SIGNATURE")?;
        let u = scrambler(self.theirs, self.public)?;
        let scrambled = Zeroizing::new(self.verifier.number.short_power(&Exponent::new(&u)));
        let shared = Zeroizing::new(self.theirs.times(*scrambled).short_power(&self.secret));
        let mac = Key::new(&shared, &u).mac(claim.pool_name, claim.user_id, claim.secret_block, claim.timestamp);
        Ok(mac.is_some_and(|mac| mac.verify_slice(&signature).is_ok()))
    }
}
