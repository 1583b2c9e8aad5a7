//! Finds private keys in PEM form: in one record, with line ends of any kind, or with a record for each of their lines.
//!
//! Between the first line and the last everything is masked. Easy to break: reading may begin in the middle of a key, so at first
//! what looks like the inside of one counts as it: a whole record of base64, and behind a prefix what is as long as a key's lines are.
//!
//! Pure: no I/O, no clock, no tasks.

use std::ops::Range;

use memchr::memmem;

const INSTEAD: &str = "[private key]";
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const MARK_END: &str = "-----";
/// The longest line between the dashes: `ANY ENCRYPTED PRIVATE KEY BLOCK` and room.
const LONGEST_LABEL: usize = 64;
/// A key without an end is given up after this many records: RSA of 16,384 bits has 200 lines.
const MAX_RECORDS: u16 = 400;
/// A key without an end is given up after this many records in a row that hold nothing of a key: it has up to 3 of them, its
/// headers and an empty line.
const MAX_OTHERS: u16 = 8;
/// What is shorter says nothing: a word is base64 too.
const LEAST_INSIDE: usize = 16;

/// How long the whole lines of keys are: PEM has 64 characters, OpenSSH 70, MIME 76.
const LINES: [usize; 3] = [64, 70, 76];

/// Where reading stands between the lines of a private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Reading may have begun in the middle of a key.
    Perhaps {
        /// Something of one was seen.
        is_likely: bool,
        /// Records in a row that hold nothing of a key.
        others: u16,
    },
    /// After a first line.
    Inside {
        /// Records since it.
        records: u16,
        /// Records in a row that hold nothing of a key.
        others: u16,
    },
    /// Not in a key.
    Outside,
}

impl Default for KeyState {
    fn default() -> Self {
        Self::Perhaps { is_likely: false, others: 0 }
    }
}

impl KeyState {
    /// Adds what of the next record is a private key's; answers what stands in its place.
    pub(super) fn find(&mut self, text: &str, found: &mut Vec<Range<usize>>) -> &'static str {
        let mut at = 0;
        if *self != Self::Outside {
            match mark(text, END, 0) {
                Some(end) if mark(text, BEGIN, 0).is_none_or(|begin| end.end <= begin.start) => {
                    found.push(0..end.end);
                    at = end.end;
                    *self = Self::Outside;
                }
                _ if self.covers(text) => {
                    found.push(0..text.len());
                    if mark(text, BEGIN, 0).is_none() {
                        return INSTEAD;
                    }
                }
                _ if mark(text, BEGIN, 0).is_none() => self.find_lines(text, found),
                _ => {}
            }
        }
        while let Some(begin) = mark(text, BEGIN, at) {
            let end = mark(text, END, begin.end);
            found.push(begin.start..end.as_ref().map_or(text.len(), |end| end.end));
            match end {
                Some(end) => (at, *self) = (end.end, Self::Outside),
                None => {
                    *self = Self::Inside { records: 0, others: 0 };
                    break;
                }
            }
        }
        INSTEAD
    }

    /// Adds what of a record is lines of a key behind a prefix, where reading may have begun in the middle of one: it has their
    /// length, or is right behind one that has.
    fn find_lines(&mut self, text: &str, found: &mut Vec<Range<usize>>) {
        let Self::Perhaps { is_likely, others } = *self else { return };
        let is_line = |run: &Range<usize>| {
            let is_whole = LINES.contains(&run.len());
            (is_whole || (is_likely && others == 0 && run.len() >= LEAST_INSIDE)) && is_mixed(&text[run.clone()])
        };
        let before = found.len();
        found.extend(runs(text).filter(is_line));
        *self = match found.len() > before {
            true => Self::Perhaps { is_likely: true, others: 0 },
            false if others + 1 >= MAX_OTHERS => Self::Outside,
            false => Self::Perhaps { is_likely, others: others + 1 },
        };
    }

    /// Whether a record without a last line belongs to a key as a whole.
    fn covers(&mut self, text: &str) -> bool {
        match *self {
            Self::Outside => false,
            // Where others are in between, it is a log of several programs, and no bare line is to be expected.
            Self::Perhaps { is_likely, others } => {
                let text = text.trim();
                let is_long = text.len() >= LEAST_INSIDE || (is_likely && is_last_line(text));
                let is_inside = others == 0 && is_long && is_base64(text);
                if is_inside {
                    *self = Self::Perhaps { is_likely: true, others };
                }
                is_inside
            }
            Self::Inside { records, others } => {
                let others = if has_base64(text) { 0 } else { others + 1 };
                *self = Self::Inside { records: records + 1, others };
                if records + 1 >= MAX_RECORDS || others >= MAX_OTHERS {
                    *self = Self::Outside;
                }
                true
            }
        }
    }
}

/// The runs of base64 in a text.
fn runs(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = text.as_bytes();
        let start = at + bytes.get(at..)?.iter().position(|byte| is_of_base64(*byte))?;
        let length = bytes.get(start..)?.iter().take_while(|byte| is_of_base64(**byte)).count();
        at = start + length;
        Some(start..at)
    })
}

/// Whether base64 is more than a word, a number or a hash: it has letters of both cases.
fn is_mixed(run: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| run.as_bytes().iter().any(kind);
    has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
}

/// The next `-----BEGIN … PRIVATE KEY-----`, or its end.
fn mark(text: &str, start: &str, from: usize) -> Option<Range<usize>> {
    let mut at = from;
    loop {
        let begin = at + memmem::find(text.as_bytes().get(at..)?, start.as_bytes())?;
        let label = begin + start.len();
        let rest = text.get(label..)?;
        let length = rest.find(MARK_END).filter(|length| *length <= LONGEST_LABEL);
        if let Some(length) = length
            && rest.get(..length).is_some_and(|label| label.contains("PRIVATE KEY"))
        {
            return Some(begin..label + length + MARK_END.len());
        }
        at = label;
    }
}

fn is_of_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Whether it is nothing but base64, with line ends in it.
fn is_base64(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| is_of_base64(byte) || matches!(byte, b'\r' | b'\n'))
}

/// Whether short base64 may be the last line of a key: its length fits, and it is no word.
fn is_last_line(text: &str) -> bool {
    let is_word = |kind: fn(&u8) -> bool| text.as_bytes().iter().all(kind);
    text.len().is_multiple_of(4) && !is_word(u8::is_ascii_lowercase) && !is_word(u8::is_ascii_uppercase)
}

fn has_base64(text: &str) -> bool {
    runs(text).any(|run| run.len() >= LEAST_INSIDE)
}
