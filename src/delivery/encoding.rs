//! How the bytes of a file become text, and where in them a line ends.
//!
//! A line feed is one byte in every encoding of the web but UTF-16, where it is a unit of two at an even offset of the file: a
//! byte 0x0A is also half of other characters there. Easy to break: a file in UTF-16 is recognised by its first bytes, which a
//! window in its middle does not hold, so the encoding comes with the window.
//!
//! Pure: no I/O, no clock, no tasks.

use std::borrow::Cow;

/// How many of a file's first bytes tell whether it begins with a byte order mark.
pub const MARK_BYTES: usize = 3;

/// The names of the encodings, as <https://encoding.spec.whatwg.org/#names-and-labels> has them (read 2026-11-21), without the
/// one that stands for those a browser must not decode.
const NAMES: [&str; 39] = [
    "UTF-8",
    "UTF-16LE",
    "UTF-16BE",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-874",
    "ISO-8859-2",
    "ISO-8859-3",
    "ISO-8859-4",
    "ISO-8859-5",
    "ISO-8859-6",
    "ISO-8859-7",
    "ISO-8859-8",
    "ISO-8859-8-I",
    "ISO-8859-10",
    "ISO-8859-13",
    "ISO-8859-14",
    "ISO-8859-15",
    "ISO-8859-16",
    "KOI8-R",
    "KOI8-U",
    "IBM866",
    "macintosh",
    "x-mac-cyrillic",
    "x-user-defined",
    "Shift_JIS",
    "EUC-JP",
    "ISO-2022-JP",
    "EUC-KR",
    "GBK",
    "gb18030",
    "Big5",
];

/// How a file's bytes become text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    charset: &'static encoding_rs::Encoding,
    units: Units,
}

/// How many bytes a line feed has, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Units {
    One,
    LittleEndian,
    BigEndian,
}

impl Encoding {
    /// What a file has that says nothing else.
    pub const UTF_8: Self = Self { charset: &encoding_rs::UTF_8_INIT, units: Units::One };

    /// The encoding of a label of the WHATWG, in any case; none where there is none of that label, or none that can be decoded.
    pub fn of(label: &str) -> Option<Self> {
        // The CloudWatch Agent's manual spells this one without its first hyphen.
        let label = if label.trim().eq_ignore_ascii_case("iso2022-jp") { "iso-2022-jp" } else { label };
        encoding_rs::Encoding::for_label_no_replacement(label.as_bytes()).map(Self::new)
    }

    fn new(charset: &'static encoding_rs::Encoding) -> Self {
        let units = if charset == encoding_rs::UTF_16LE {
            Units::LittleEndian
        } else if charset == encoding_rs::UTF_16BE {
            Units::BigEndian
        } else {
            Units::One
        };
        Self { charset, units }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.charset.name()
    }

    /// The names of all.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.into_iter()
    }

    /// The encoding of a file of this one that begins with `first`: a byte order mark knows better than any configuration.
    pub fn or_marked(self, first: &[u8]) -> Self {
        encoding_rs::Encoding::for_bom(first).map_or(self, |(marked, _)| Self::new(marked))
    }

    /// How long the byte order mark is with which `first`, a file's beginning, begins.
    pub(super) fn mark_bytes(self, first: &[u8]) -> usize {
        encoding_rs::Encoding::for_bom(first)
            .filter(|(marked, _)| *marked == self.charset)
            .map_or(0, |(_, bytes)| bytes)
    }

    /// How many bytes a line feed has; every line begins at a multiple of it.
    pub fn unit_bytes(self) -> usize {
        if self.units == Units::One { 1 } else { 2 }
    }

    /// Where the first line feed in `bytes` begins; `offset` is theirs in the file.
    pub fn line_feed(self, bytes: &[u8], offset: u64) -> Option<usize> {
        match self.units {
            Units::One => memchr::memchr(b'\n', bytes),
            units => memchr::memchr_iter(b'\n', bytes).find_map(|at| line_feed_at(units, bytes, offset, at)),
        }
    }

    /// Where the line feeds in `bytes` begin, the last one first; `offset` is theirs in the file.
    pub fn line_feeds_from_end(self, bytes: &[u8], offset: u64) -> impl Iterator<Item = usize> {
        memchr::memrchr_iter(b'\n', bytes).filter_map(move |at| line_feed_at(self.units, bytes, offset, at))
    }

    /// How many bytes the carriage return has that ends `line`.
    pub(super) fn carriage_return_bytes(self, line: &[u8]) -> usize {
        let end: &[u8] = match self.units {
            Units::One => b"\r",
            Units::LittleEndian => b"\r\0",
            Units::BigEndian => b"\0\r",
        };
        if line.ends_with(end) { end.len() } else { 0 }
    }

    /// How many bytes the NUL characters have that begin `line`.
    pub(super) fn leading_nul_bytes(self, line: &[u8]) -> usize {
        let zeros = line.iter().take_while(|byte| **byte == 0).count();
        zeros - zeros % self.unit_bytes()
    }

    /// The text; each invalid place becomes U+FFFD.
    pub(super) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        self.charset.decode_without_bom_handling(bytes).0
    }

    /// The last place at or before `limit`, which is over 4, that cuts no character of `bytes`, which begin at a border; `offset`
    /// is theirs in the file.
    pub(super) fn border(self, bytes: &[u8], limit: usize, offset: u64) -> usize {
        match self.units {
            Units::One if self == Self::UTF_8 => character_border(bytes, limit),
            Units::One if self.charset.is_single_byte() => limit,
            // Behind its return to ASCII: what stands before it needs what shifted there.
            Units::One if self.charset == encoding_rs::ISO_2022_JP => {
                memchr::memmem::rfind(&bytes[..limit], b"\x1b(B").map_or(limit, |at| at + 3)
            }
            Units::One => {
                let whole = (limit.saturating_sub(3)..=limit).rev().find(|at| self.is_whole(&bytes[..*at]));
                whole.unwrap_or(limit)
            }
            units => {
                let aligned = limit - usize::from(!(offset + limit as u64).is_multiple_of(2));
                let high = aligned - if units == Units::LittleEndian { 1 } else { 2 };
                // The first half of a pair.
                if (0xd8..=0xdb).contains(&bytes[high]) { aligned - 2 } else { aligned }
            }
        }
    }

    /// Whether `bytes` end with a whole character.
    fn is_whole(self, bytes: &[u8]) -> bool {
        // No byte below 0x30 is the second of a character: counting may begin behind the last of them.
        let from = bytes.iter().rposition(|byte| *byte < 0x30).map_or(0, |at| at + 1);
        let mut decoder = self.charset.new_decoder_without_bom_handling();
        let mut text = String::with_capacity(decoder.max_utf8_buffer_length(bytes.len() - from).unwrap_or_default());
        let _ = decoder.decode_to_string(&bytes[from..], &mut text, false);
        let (.., is_cut) = decoder.decode_to_string(&[], &mut text, true);
        !is_cut
    }
}

/// Where the line feed begins whose byte 0x0A is at `at`; none where that byte belongs to another character.
fn line_feed_at(units: Units, bytes: &[u8], offset: u64, at: usize) -> Option<usize> {
    let is_even = (offset + at as u64).is_multiple_of(2);
    match units {
        Units::One => Some(at),
        Units::LittleEndian => (is_even && bytes.get(at + 1) == Some(&0)).then_some(at),
        Units::BigEndian => at.checked_sub(1).filter(|first| !is_even && bytes[*first] == 0),
    }
}

/// The last place at or before `limit` that does not cut a UTF-8 character.
pub(super) fn character_border(bytes: &[u8], limit: usize) -> usize {
    let is_inside = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
    (limit.saturating_sub(3)..=limit).rev().find(|at| !is_inside(*at)).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_label_and_labels_are_taken_in_any_case() {
        for name in NAMES {
            assert_eq!(Encoding::of(&name.to_lowercase()).map(Encoding::name), Some(name));
        }
        for (label, name) in [
            (" Latin1 ", "windows-1252"),
            ("ascii", "windows-1252"),
            ("utf-16", "UTF-16LE"),
            ("sjis", "Shift_JIS"),
            ("iso2022-jp", "ISO-2022-JP"),
            ("iso8859-2", "ISO-8859-2"),
        ] {
            assert_eq!(Encoding::of(label).map(Encoding::name), Some(name), "{label}");
        }
        assert_eq!((Encoding::of("utf-99"), Encoding::of("hz-gb-2312")), (None, None));
    }

    #[test]
    fn a_byte_order_mark_knows_better_than_the_configuration() {
        let latin = Encoding::of("latin1").unwrap();
        for (first, name) in [
            (b"\xff\xfea".as_slice(), "UTF-16LE"),
            (b"\xfe\xff\0", "UTF-16BE"),
            (b"\xef\xbb\xbf", "UTF-8"),
            (b"\xef\xbb", "windows-1252"),
            (b"", "windows-1252"),
        ] {
            assert_eq!(latin.or_marked(first).name(), name, "{first:?}");
        }
    }

    #[test]
    fn half_a_character_of_utf_16_is_no_line_feed() {
        let (little, big) = (Encoding::of("utf-16le").unwrap(), Encoding::of("utf-16be").unwrap());
        // U+0A0A, U+000A in both orders; and U+0A00 U+0A00, where the bytes of a line feed stand at an odd offset.
        assert_eq!(little.line_feed(b"\x0a\x0a\x0a\x00", 0), Some(2));
        assert_eq!(big.line_feed(b"\x0a\x0a\x00\x0a", 0), Some(2));
        assert_eq!(little.line_feed(b"\x00\x0a\x00\x0a", 0), None);
        assert_eq!(big.line_feed(b"\x0a\x00\x0a\x00", 0), None);
        assert_eq!(little.line_feed(b"\x00\x0a\x00\x0a", 7), Some(1), "one byte further in the file");
        assert_eq!(little.line_feed(b"\x0a", 0), None, "the other half is not there yet");
        assert_eq!(little.line_feeds_from_end(b"\x0a\x00a\x00\x0a\x00", 0).collect::<Vec<_>>(), [4, 0]);
    }

    #[test]
    fn no_character_is_cut() {
        for (name, text) in [
            ("utf-8", "aä€😀"),
            ("utf-16le", "aä€😀"),
            ("utf-16be", "aä€😀"),
            ("windows-1252", "aä€"),
            ("shift_jis", "aｱ漢字ソ"),
            ("euc-jp", "a漢字"),
            ("gb18030", "a漢😀ä"),
            ("big5", "a漢字"),
        ] {
            let encoding = Encoding::of(name).unwrap();
            let text = text.repeat(9);
            let bytes: Vec<u8> = match name {
                "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
                _ => encoding.charset.encode(&text).0.into_owned(),
            };
            for limit in 5..bytes.len() {
                let at = encoding.border(&bytes, limit, 0);
                assert!(at <= limit && at + 3 >= limit, "{name} {limit} {at}");
                let halves = [encoding.decode(&bytes[..at]), encoding.decode(&bytes[at..])];
                assert_eq!(halves.concat(), text, "{name} cut at {at}");
            }
        }
    }

    #[test]
    fn a_cut_of_iso_2022_jp_is_made_where_it_is_in_ascii() {
        let encoding = Encoding::of("iso-2022-jp").unwrap();
        let bytes = encoding.charset.encode("ab漢字cd漢字").0.into_owned();
        let at = encoding.border(&bytes, bytes.len() - 4, 0);
        assert_eq!([encoding.decode(&bytes[..at]), encoding.decode(&bytes[at..])], ["ab漢字", "cd漢字"]);
    }
}
