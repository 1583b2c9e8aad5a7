//! The numbers of the handshake: the group they live in, how they are read, written and hashed.
//!
//! Whoever sends a public value that is zero modulo N fixes the key without knowing the password, so nothing is read that is
//! not between 1 and N. An exponent is never longer than its bound, and powers take as long as the bound says.
//!
//! Pure: no I/O, no clock, no tasks.

use crypto_bigint::modular::{ConstMontyForm, ConstMontyParams};
use crypto_bigint::{U256, U576, U3072};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::SrpError;

crypto_bigint::const_monty_params!(
    Modulus,
    U3072,
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
     EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
     EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F\
     83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
     E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510\
     15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
     ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C\
     BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    "The prime of the 3072-bit group of RFC 5054, appendix A."
);

/// Bytes of a secret exponent: 256 bits, as RFC 5054 asks for at the least. That is as strong as the group itself (128 bits)
/// and a quarter of the work of the 1,024 that Amazon's SDKs take; the other side cannot tell.
pub const RANDOM_BYTES: usize = 32;
/// What a side draws anew for each handshake, from the system's generator. The caller wipes its own copy.
pub type Random = [u8; RANDOM_BYTES];

/// Bits of the longest exponent, a + u·x of 256 bits each.
const EXPONENT_BITS: u32 = 513;
/// Bytes of a number of the group.
const GROUP_BYTES: usize = 384;

/// A number modulo N.
#[derive(Clone, Copy)]
pub(super) struct Integer(ConstMontyForm<Modulus, { U3072::LIMBS }>);

impl zeroize::DefaultIsZeroes for Integer {}

impl Default for Integer {
    fn default() -> Self {
        Self(ConstMontyForm::ZERO)
    }
}

/// An exponent, wiped when it goes.
pub(super) struct Exponent(Zeroizing<U576>);

impl Exponent {
    pub fn new(bytes: &[u8; 32]) -> Self {
        let mut short = U256::from_be_slice(bytes);
        let exponent = Self(Zeroizing::new(short.resize()));
        short.zeroize();
        exponent
    }

    /// `self` + `u` · `x`. It fits: 513 bits at the most.
    pub fn plus_product(&self, u: &Self, x: &Self) -> Self {
        let mut product = u.0.wrapping_mul(&*x.0);
        let sum = Self(Zeroizing::new(product.wrapping_add(&self.0)));
        product.zeroize();
        sum
    }
}

impl Integer {
    /// The generator, 2.
    pub fn generator() -> Self {
        Self(ConstMontyForm::new(&U3072::from_u8(2)))
    }

    /// The multiplier k: the hash of N and g, each with its sign byte.
    pub fn multiplier() -> Self {
        let modulus = Modulus::PARAMS.modulus().as_ref().to_be_bytes();
        let hash = digest(&[&padded(modulus.as_ref()), &[2]]);
        Self(ConstMontyForm::new(&U256::from_be_slice(&*hash).resize()))
    }

    /// Reads a public value, which has to be between 1 and N.
    pub fn read(text: &str, what: &'static str) -> Result<Self, SrpError> {
        let bytes = hexadecimal(text).ok_or(SrpError::NotHexadecimal(what))?;
        let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
        if bytes.is_empty() || bytes.len() > GROUP_BYTES {
            return Err(SrpError::OutOfRange(what));
        }
        let mut whole = [0; GROUP_BYTES];
        whole[GROUP_BYTES - bytes.len()..].copy_from_slice(bytes);
        let number = U3072::from_be_slice(&whole);
        if number >= *Modulus::PARAMS.modulus().as_ref() {
            return Err(SrpError::OutOfRange(what));
        }
        Ok(Self(ConstMontyForm::new(&number)))
    }

    /// As it goes over the wire: hexadecimal digits, no zero before them.
    pub fn to_hex(self) -> String {
        let digits: String = self.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        digits.trim_start_matches('0').to_owned()
    }

    /// Big endian, in its full length.
    pub fn to_bytes(self) -> Zeroizing<Vec<u8>> {
        let number = Zeroizing::new(self.0.retrieve());
        let mut bytes = number.to_be_bytes();
        let copy = Zeroizing::new(bytes.as_ref().to_vec());
        bytes.zeroize();
        copy
    }

    /// In a time that does not depend on either number.
    pub fn power(self, exponent: &Exponent) -> Self {
        Self(self.0.pow_bounded_exp(&exponent.0, EXPONENT_BITS))
    }

    /// The same for an exponent of no more than 256 bits, in half the time.
    pub fn short_power(self, exponent: &Exponent) -> Self {
        Self(self.0.pow_bounded_exp(&exponent.0, U256::BITS))
    }

    pub fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    pub fn minus(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }

    pub fn times(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }
}

/// The shortest two's complement of a number that is not negative: no zero bytes before it but one where its top bit is set.
pub(super) fn padded(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    // Room for all of it at once: what grows leaves copies behind.
    let mut padded = Zeroizing::new(Vec::with_capacity(bytes.len() + 1));
    if bytes.first().is_none_or(|first| first & 0x80 != 0) {
        padded.push(0);
    }
    padded.extend_from_slice(bytes);
    padded
}

/// The bytes of hexadecimal digits in either case, an odd number of them too. None for anything else.
pub(super) fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = text.bytes().map(digit).collect::<Option<_>>()?;
    let (first, rest) = digits.split_at(digits.len() % 2);
    let bytes = first.iter().copied().chain(rest.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
    (!digits.is_empty()).then(|| bytes.collect())
}

/// SHA-256 of the parts one after the other.
pub(super) fn digest(parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    Zeroizing::new(hash.finalize().into())
}

/// The private exponent x: a password, salted, of a user of a pool.
pub(super) fn private_exponent(pool_name: &str, user_id: &str, password: &str, salt: &[u8]) -> Exponent {
    let inner = digest(&[pool_name.as_bytes(), user_id.as_bytes(), b":", password.as_bytes()]);
    Exponent::new(&digest(&[&padded(salt), &*inner]))
}

/// The hash u of both public values.
pub(super) fn scrambler(a: Integer, b: Integer) -> Result<[u8; 32], SrpError> {
    let u = *digest(&[&padded(&a.to_bytes()), &padded(&b.to_bytes())]);
    if u == [0; 32] { Err(SrpError::ZeroHash) } else { Ok(u) }
}
