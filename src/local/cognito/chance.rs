//! Draws names, keys and secrets from one random seed, so that the rules can be handed their randomness and still ask for as
//! much of it as they like.
//!
//! Pure: no I/O, no clock, no tasks.

use sha2::{Digest as _, Sha256};

const LETTERS_AND_DIGITS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const CAPITALS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const SMALL: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// Randomness for one request.
pub struct Chance {
    seed: [u8; 32],
    drawn: u64,
}

impl Chance {
    /// From a seed of the system's generator.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// Some bytes, never the same twice.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for part in bytes.chunks_mut(32) {
            let mut hash = Sha256::new();
            hash.update(self.seed);
            hash.update(self.drawn.to_be_bytes());
            self.drawn += 1;
            let block = hash.finalize();
            part.copy_from_slice(&block[..part.len()]);
        }
        bytes
    }

    /// Letters and digits.
    pub fn word<const N: usize>(&mut self) -> String {
        self.of::<N>(LETTERS_AND_DIGITS)
    }

    /// Small letters and digits, as in the id of an app client.
    pub fn small<const N: usize>(&mut self) -> String {
        self.of::<N>(SMALL)
    }

    /// Capitals and digits, as in the id of an access key.
    pub fn capitals<const N: usize>(&mut self) -> String {
        self.of::<N>(CAPITALS)
    }

    fn of<const N: usize>(&mut self, letters: &[u8]) -> String {
        self.bytes::<N>().iter().map(|byte| char::from(letters[usize::from(*byte) % letters.len()])).collect()
    }

    /// A random UUID.
    pub fn uuid(&mut self) -> String {
        let mut bytes: [u8; 16] = self.bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_twice_and_a_uuid_looks_like_one() {
        let mut chance = Chance::new([1; 32]);
        let drawn: [u8; 100] = chance.bytes();
        assert_ne!(drawn[..32], drawn[32..64]);
        assert_ne!(chance.word::<20>(), chance.word::<20>());
        let uuid = chance.uuid();
        assert_eq!((uuid.len(), &uuid[14..15], uuid.matches('-').count()), (36, "4", 4), "{uuid}");
    }
}
