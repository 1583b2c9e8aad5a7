//! Reads the journal's export format, in whatever pieces it comes.
//!
//! An entry is lines of `NAME=text`, ended by an empty line; a value that holds anything but text is its name alone on a line, its
//! length in 8 bytes (little-endian), its bytes, and a newline (systemd.io/JOURNAL_EXPORT_FORMATS, read 2026-11-21). Easy to
//! break: a core dump of hundreds of MB may come as a field, so nothing beyond [`FIELD_BYTES`] is ever held; only of the message
//! the beginning is kept.
//!
//! Pure: no I/O, no clock, no tasks.

use std::ops::Range;

/// A field larger than this is skipped.
pub const FIELD_BYTES: usize = 64 * 1024;
/// What is kept of a message: it makes a few events, more than any program writes at once.
pub const MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Once an entry's fields hold this much, only its message and what journald says of it are still taken.
const ENTRY_BYTES: usize = 1024 * 1024;

/// The field that is worth being cut rather than skipped.
const MESSAGE: &[u8] = b"MESSAGE";

/// One entry: its fields in their order. A name may come more than once.
#[derive(Debug, Default)]
pub struct Entry {
    bytes: Vec<u8>,
    fields: Vec<(Range<usize>, Range<usize>)>,
    cut: u64,
}

impl Entry {
    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The first value of a field, where it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// Every value of a field.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.fields().filter(move |(known, _)| *known == name.as_bytes()).map(|(_, value)| value)
    }

    /// All fields, name and value.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|(name, value)| (&self.bytes[name.clone()], &self.bytes[value.clone()]))
    }

    /// Bytes of its message that were not kept.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(FIELD_BYTES);
        self.fields.clear();
        self.cut = 0;
    }

    /// How much of a field's value may be held. What journald itself says of an entry (`_…`) is short, and always taken.
    fn room(&self, name: &Range<usize>) -> usize {
        let is_message = |name: &Range<usize>| &self.bytes[name.clone()] == MESSAGE;
        let is_for_message = is_message(name);
        let alike = self.fields.iter().filter(|(known, _)| is_message(known) == is_for_message);
        let held: usize = alike.map(|(_, value)| value.len()).sum();
        match self.bytes.get(name.start) {
            _ if is_for_message => MESSAGE_BYTES.saturating_sub(held),
            Some(b'_') => FIELD_BYTES,
            _ if held >= ENTRY_BYTES => 0,
            _ => FIELD_BYTES,
        }
    }

    fn add(&mut self, name: Range<usize>, value: Range<usize>, lost: u64) {
        let is_message = &self.bytes[name.clone()] == MESSAGE;
        if lost > 0 && !is_message {
            self.bytes.truncate(name.start);
            return;
        }
        self.cut += lost;
        self.fields.push((name, value));
    }
}

#[derive(Debug)]
enum State {
    /// In a line that begins at this index of the entry's bytes.
    Line { start: usize },
    /// In a line of `NAME=text` of which no more is held; so many bytes were dropped.
    LongLine { name: Range<usize>, lost: u64 },
    /// In a line that makes no sense.
    Garbage,
    /// In the length of a field.
    Length { name: Range<usize>, digits: Vec<u8> },
    /// In a field's bytes: of `left` more the first `keep` are held.
    Bytes { name: Range<usize>, start: usize, left: u64, keep: usize, lost: u64 },
    /// At the newline behind a field's bytes.
    Newline,
}

impl Default for State {
    fn default() -> Self {
        Self::Line { start: 0 }
    }
}

/// What is known of the entry that is being read.
#[derive(Debug, Default)]
pub struct Parser {
    entry: Entry,
    state: State,
}

impl Parser {
    /// Takes the next piece; `each` gets every entry that it completes.
    pub fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(&Entry)) {
        while !bytes.is_empty() {
            bytes = self.step(bytes, &mut each);
        }
    }

    /// Takes what belongs together; answers the rest.
    fn step<'a>(&mut self, bytes: &'a [u8], each: &mut impl FnMut(&Entry)) -> &'a [u8] {
        let entry = &mut self.entry;
        match &mut self.state {
            State::Line { start } => {
                let (start, end) = (*start, memchr::memchr(b'\n', bytes));
                let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
                // A long line is taken in pieces, so that no more of it is held than may be.
                let (line, later) = line.split_at(line.len().min(FIELD_BYTES));
                entry.bytes.extend_from_slice(line);
                if !later.is_empty() || end.is_none() {
                    self.check_length(start);
                    return if later.is_empty() { rest } else { &bytes[line.len()..] };
                }
                self.end_line(start, each);
                &rest[1..]
            }
            State::LongLine { name, lost } => {
                let end = memchr::memchr(b'\n', bytes);
                *lost += end.unwrap_or(bytes.len()) as u64;
                let Some(end) = end else { return &[] };
                let (name, lost) = (name.clone(), *lost);
                let value = name.end + 1..entry.bytes.len();
                entry.add(name, value, lost);
                self.next_line();
                &bytes[end + 1..]
            }
            State::Garbage => match memchr::memchr(b'\n', bytes) {
                Some(end) => {
                    self.next_line();
                    &bytes[end + 1..]
                }
                None => &[],
            },
            State::Length { name, digits } => {
                let (more, rest) = bytes.split_at(bytes.len().min(8 - digits.len()));
                digits.extend_from_slice(more);
                if let Ok(length) = <[u8; 8]>::try_from(digits.as_slice()) {
                    let name = name.clone();
                    self.begin_bytes(name, u64::from_le_bytes(length));
                }
                rest
            }
            State::Bytes { left, keep, .. } => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                let kept = taken.min(*keep);
                entry.bytes.extend_from_slice(&bytes[..kept]);
                *keep -= kept;
                *left -= taken as u64;
                if *left == 0 {
                    self.end_bytes();
                }
                &bytes[taken..]
            }
            State::Newline => {
                self.next_line();
                &bytes[1..]
            }
        }
    }

    fn next_line(&mut self) {
        self.state = State::Line { start: self.entry.bytes.len() };
    }

    /// Decides about a line that is longer than one piece, as soon as it is too long.
    fn check_length(&mut self, start: usize) {
        let entry = &mut self.entry;
        let line = &entry.bytes[start..];
        if line.len() <= FIELD_BYTES {
            return;
        }
        let Some(equals) = memchr::memchr(b'=', line) else {
            entry.bytes.truncate(start);
            self.state = State::Garbage;
            return;
        };
        let name = start..start + equals;
        let (room, held) = (entry.room(&name), line.len() - equals - 1);
        if held > room {
            entry.bytes.truncate(name.end + 1 + room);
            self.state = State::LongLine { name, lost: (held - room) as u64 };
        }
    }

    fn end_line(&mut self, start: usize, each: &mut impl FnMut(&Entry)) {
        let entry = &mut self.entry;
        let line = &entry.bytes[start..];
        if line.is_empty() {
            if !entry.fields.is_empty() {
                each(entry);
            }
            entry.clear();
        } else if let Some(equals) = memchr::memchr(b'=', line) {
            let name = start..start + equals;
            let (room, held) = (entry.room(&name), line.len() - equals - 1);
            let kept = held.min(room);
            entry.bytes.truncate(name.end + 1 + kept);
            let value = name.end + 1..entry.bytes.len();
            entry.add(name, value, (held - kept) as u64);
        } else {
            let name = start..entry.bytes.len();
            self.state = State::Length { name, digits: Vec::with_capacity(8) };
            return;
        }
        self.next_line();
    }

    fn begin_bytes(&mut self, name: Range<usize>, length: u64) {
        let room = self.entry.room(&name);
        let is_message = &self.entry.bytes[name.clone()] == MESSAGE;
        let keep = usize::try_from(length).ok().filter(|length| *length <= room);
        let keep = keep.unwrap_or(if is_message { room } else { 0 });
        let start = self.entry.bytes.len();
        self.state = State::Bytes { name, start, left: length, keep, lost: length - keep as u64 };
        if length == 0 {
            self.end_bytes();
        }
    }

    fn end_bytes(&mut self) {
        if let State::Bytes { name, start, lost, .. } = std::mem::replace(&mut self.state, State::Newline) {
            let value = start..self.entry.bytes.len();
            self.entry.add(name, value, lost);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Fields = Vec<(String, Vec<u8>)>;

    fn parsed(bytes: &[u8], pieces: &[usize]) -> Vec<Fields> {
        let (mut parser, mut entries, mut rest) = (Parser::default(), Vec::new(), bytes);
        for piece in pieces.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*piece).min(rest.len()));
            parser.push(piece, |entry| {
                let fields = entry.fields();
                entries.push(
                    fields.map(|(name, value)| (String::from_utf8(name.to_vec()).unwrap(), value.to_vec())).collect(),
                );
            });
            rest = after;
        }
        entries
    }

    fn text(name: &str, value: &[u8]) -> Vec<u8> {
        [name.as_bytes(), b"=", value, b"\n"].concat()
    }

    fn binary(name: &str, value: &[u8]) -> Vec<u8> {
        [name.as_bytes(), b"\n", &(value.len() as u64).to_le_bytes(), value, b"\n"].concat()
    }

    fn field(name: &str, value: &[u8]) -> (String, Vec<u8>) {
        (name.to_owned(), value.to_vec())
    }

    #[test]
    fn text_binary_empty_and_repeated_fields_are_read() {
        let entry =
            [text("A", b"x=y"), binary("MESSAGE", b"one\n\ntwo\xff"), text("B", b""), text("A", b"z"), b"\n".to_vec()];
        let expected = vec![field("A", b"x=y"), field("MESSAGE", b"one\n\ntwo\xff"), field("B", b""), field("A", b"z")];
        assert_eq!(parsed(&entry.concat(), &[1]), [expected]);
        assert_eq!(parsed(&[binary("A", b""), b"\n".to_vec()].concat(), &[100]), [vec![field("A", b"")]]);
    }

    #[test]
    fn an_entry_that_breaks_off_is_none() {
        let whole = [text("A", b"1"), binary("B", b"22"), b"\n".to_vec()].concat();
        for length in 0..whole.len() {
            assert!(parsed(&whole[..length], &[7]).is_empty(), "cut at {length}");
        }
        assert_eq!(parsed(&whole, &[7]).len(), 1);
    }

    #[test]
    fn a_huge_field_is_skipped_and_never_held() {
        let mut parser = Parser::default();
        let (mut entries, mut most) = (Vec::new(), 0);
        let length: u64 = 300 * 1024 * 1024;
        parser.push(&[text("A", b"1"), b"COREDUMP\n".to_vec(), length.to_le_bytes().to_vec()].concat(), |_| panic!());
        let piece = vec![b'\n'; 1024 * 1024];
        for _ in 0..300 {
            parser.push(&piece, |_| panic!());
            most = most.max(parser.entry.bytes.capacity());
        }
        parser.push(&[b"\n".to_vec(), text("MESSAGE", b"dumped core"), b"\n".to_vec()].concat(), |entry| {
            entries.push((entry.fields().count(), entry.text("MESSAGE").map(str::to_owned)));
        });
        assert_eq!(entries, [(2, Some("dumped core".to_owned()))]);
        assert!(most < 100_000, "{most} bytes were held");
        let long_line = [text("A", &vec![b'x'; FIELD_BYTES + 1]), text("B", b"2"), b"\n".to_vec()].concat();
        assert_eq!(parsed(&long_line, &[4096]), [vec![field("B", b"2")]]);
        assert_eq!(parsed(&long_line, &[1 << 20]), [vec![field("B", b"2")]]);
    }

    #[test]
    fn of_an_endless_message_the_beginning_is_kept() {
        for message in
            [text("MESSAGE", &vec![b'x'; MESSAGE_BYTES + 7]), binary("MESSAGE", &vec![b'x'; MESSAGE_BYTES + 7])]
        {
            let mut parser = Parser::default();
            let mut found = Vec::new();
            for piece in [message, text("B", b"2"), b"\n".to_vec()].concat().chunks(60_000) {
                parser.push(piece, |entry| {
                    found.push((entry.get("MESSAGE").unwrap().len(), entry.cut(), entry.get("B").unwrap().to_vec()));
                });
            }
            assert_eq!(found, [(MESSAGE_BYTES, 7, b"2".to_vec())]);
        }
    }

    #[test]
    fn many_large_fields_do_not_add_up() {
        let large = text("X", &vec![b'x'; FIELD_BYTES]);
        let entry = [large.repeat(100), text("MESSAGE", b"m"), b"\n".to_vec()].concat();
        let mut held = 0;
        Parser::default().push(&entry, |entry| {
            held = entry.bytes.len();
            assert_eq!(entry.text("MESSAGE"), Some("m"));
        });
        assert!((ENTRY_BYTES..ENTRY_BYTES + 2 * FIELD_BYTES).contains(&held), "{held}");
    }

    fn fields() -> impl Strategy<Value = (String, Vec<u8>)> {
        let value = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            Just(b"\n\n".to_vec()),
            Just(vec![b'y'; 3 * FIELD_BYTES / 2]),
            Just(vec![b'x'; FIELD_BYTES]),
        ];
        ("[A-Z_]{1,6}|MESSAGE", value)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn whatever_the_borders_of_its_pieces_it_reads_what_was_written(
            entries in prop::collection::vec(prop::collection::vec(fields(), 1..6), 1..5),
            pieces in prop::collection::vec(1usize..70_000, 1..12),
            small in any::<bool>(),
        ) {
            let mut bytes = Vec::new();
            for entry in &entries {
                for (name, value) in entry {
                    let is_text = !value.contains(&b'\n') && !value.is_empty();
                    bytes.extend(if is_text { text(name, value) } else { binary(name, value) });
                }
                bytes.push(b'\n');
            }
            let kept = |(name, value): &&(String, Vec<u8>)| name == "MESSAGE" || value.len() <= FIELD_BYTES;
            let expected: Vec<Fields> = entries.iter().map(|entry| entry.iter().filter(kept).cloned().collect()).collect();
            let expected: Vec<Fields> = expected.into_iter().filter(|entry: &Fields| !entry.is_empty()).collect();
            let pieces: Vec<usize> = pieces.iter().map(|piece| if small { piece % 13 + 1 } else { *piece }).collect();
            prop_assert_eq!(parsed(&bytes, &pieces), expected);
        }

        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..2_000), piece in 1usize..300) {
            parsed_lossy(&bytes, piece);
        }
    }

    fn parsed_lossy(bytes: &[u8], piece: usize) {
        let mut parser = Parser::default();
        for piece in bytes.chunks(piece) {
            parser.push(piece, |entry| assert!(entry.fields().count() > 0));
        }
    }
}
