//! Quotes around a value, in text that may itself have been quoted: `"x"`, `'x'`, `\"x\"`, `\\\"x\\\"`.
//!
//! Pure: no I/O, no clock, no tasks.

use super::run;

/// The kind of a quote: the character, and the backslashes before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quote {
    sign: u8,
    slashes: usize,
}

impl Quote {
    /// The quote that begins here, and the index behind it.
    pub(super) fn opening(text: &str, at: usize) -> Option<(Self, usize)> {
        let slashes = run(text, at, |byte| byte == b'\\');
        let sign = text.as_bytes().get(at + slashes).copied().filter(|byte| matches!(byte, b'"' | b'\''))?;
        Some((Self { sign, slashes }, at + slashes + 1))
    }

    /// The quote that ends here.
    pub(super) fn before(text: &str, at: usize) -> Option<Self> {
        let left = text.as_bytes().get(..at)?;
        let (sign, rest) = left.split_last().filter(|(byte, _)| matches!(byte, b'"' | b'\''))?;
        let slashes = rest.iter().rev().take_while(|byte| **byte == b'\\').count();
        Some(Self { sign: *sign, slashes })
    }

    /// Where the text within ends: before the closing quote, or with the text where there is none. A quote within has more
    /// backslashes than the one that closes.
    pub(super) fn closing(self, text: &str, from: usize) -> usize {
        let rest = text.as_bytes().get(from..).unwrap_or_default();
        for at in memchr::memchr_iter(self.sign, rest) {
            let left = rest.get(..at).unwrap_or_default();
            let slashes = left.iter().rev().take_while(|byte| **byte == b'\\').count();
            let closes = if self.slashes == 0 { slashes % 2 == 0 } else { slashes <= self.slashes };
            if closes {
                return from + at - if self.slashes == 0 { 0 } else { slashes };
            }
        }
        text.len()
    }
}
