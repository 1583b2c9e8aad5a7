//! Makes a device's password.
//!
//! 32 characters of 72: 197 bits. Every password that has the four kinds of character is equally likely: a character is drawn
//! again rather than folded by a remainder, and a password that lacks a kind is thrown away whole rather than mended.
//!
//! The symbols are the predecessor's. No quote and no backslash is among them: a password stands in JSON as it is, and in a
//! shell within single quotes.
//!
//! Pure: the random bytes are handed in.

use zeroize::{Zeroize, Zeroizing};

use crate::config::Secret;

/// Characters of a password.
pub const LENGTH: usize = 32;

const KINDS: [&[u8]; 4] = [b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz", b"0123456789", b"!@#$%^&*()"];

/// The kinds together.
const CHARACTERS: usize = 72;

/// The largest multiple of [`CHARACTERS`] in a byte: what lies above it would make some characters likelier.
const FAIR: u8 = 216;

/// A new password. `fill` fills a slice with bytes of the system's generator.
///
/// # Errors
/// When the generator gives none.
pub fn generate<E>(fill: &mut dyn FnMut(&mut [u8]) -> Result<(), E>) -> Result<Secret, E> {
    loop {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH));
        while text.len() < LENGTH {
            let mut bytes = [0; 2 * LENGTH];
            fill(&mut bytes)?;
            let fair = bytes.iter().filter(|byte| **byte < FAIR).map(|byte| usize::from(*byte) % CHARACTERS);
            let room = LENGTH - text.len();
            text.extend(fair.take(room).filter_map(character));
            bytes.zeroize();
        }
        if has_every_kind(&text) {
            return Ok(Secret::new(text.to_string()));
        }
    }
}

fn character(index: usize) -> Option<char> {
    KINDS.concat().get(index).copied().map(char::from)
}

fn has_every_kind(text: &str) -> bool {
    KINDS.iter().all(|kind| text.bytes().any(|byte| kind.contains(&byte)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::convert::Infallible;

    use super::*;

    fn drawn(seed: u64) -> String {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut fill = |bytes: &mut [u8]| -> Result<(), Infallible> {
            random.fill(bytes);
            Ok(())
        };
        generate(&mut fill).unwrap().reveal().to_string()
    }

    #[test]
    fn every_password_has_32_characters_of_all_four_kinds() {
        for seed in 0..2_000 {
            let password = drawn(seed);
            assert_eq!(password.len(), LENGTH);
            assert!(has_every_kind(&password), "{password}");
        }
    }

    #[test]
    fn a_password_stands_in_json_as_it_is() {
        let every = KINDS.concat().into_iter().map(char::from).collect::<String>();
        assert_eq!(every.len(), CHARACTERS);
        assert_eq!(serde_json::to_string(&every).unwrap(), format!("\"{every}\""));
        assert!(!every.contains('\''));
    }

    #[test]
    fn no_character_is_likelier_than_another() {
        let mut counts: HashMap<char, f64> = HashMap::new();
        let drawn: String = (0..20_000).map(drawn).collect();
        for c in drawn.chars() {
            *counts.entry(c).or_default() += 1.0;
        }
        assert_eq!(counts.len(), CHARACTERS);
        // That every kind must be there favours digits and symbols a little: of 72^32 texts, 1.9 % lack one of them.
        let fair = 20_000.0 * 32.0 / 72.0;
        let off = counts.values().map(|count| (count - fair).abs() / fair).fold(0.0, f64::max);
        assert!(off < 0.07, "a character is {:.1} % off", off * 100.0);
    }

    #[test]
    fn a_text_that_lacks_a_kind_is_thrown_away_whole() {
        let mut round = 0_u8;
        let mut fill = |bytes: &mut [u8]| -> Result<(), Infallible> {
            round += 1;
            // First capitals only; then bytes above the fair ones, and one of every character.
            for (byte, at) in bytes.iter_mut().zip(0..) {
                *byte = if round == 1 {
                    0
                } else if at % 2 == 0 {
                    255
                } else {
                    26 + at
                };
            }
            Ok(())
        };
        let password = generate(&mut fill);
        let password = password.unwrap().reveal().to_string();
        assert!(!password.starts_with('A') && has_every_kind(&password), "{password}");
    }

    #[test]
    fn a_generator_that_fails_gives_no_password() {
        assert_eq!(generate(&mut |_: &mut [u8]| Err("no entropy")).map(|_| ()), Err("no entropy"));
    }
}
