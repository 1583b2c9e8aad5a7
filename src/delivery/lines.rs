//! Cuts a window of a file into lines that CloudWatch takes.
//!
//! Only whole lines are taken: an unfinished last line is left in its file and read again when it is longer. The two
//! exceptions are a line too long for any window, which is taken in pieces, and the last line of a file that was rotated
//! away. What a line is in UTF-16 and other encodings, [`Encoding`] knows. Easy to break: every byte that is taken must be covered by [`Lines::taken`], also where nothing is sent for it.
//!
//! Pure: no I/O, no clock, no tasks.

use std::borrow::Cow;

use super::batch::MAX_MESSAGE_BYTES;
use super::encoding::{Encoding, character_border};

/// A window of a file's bytes, as a source hands it over.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Up to `TAIL_BYTES` bytes that stand before the new ones, then the new ones.
    pub bytes: &'a [u8],
    /// Index in `bytes` at which the new ones begin.
    pub start: usize,
    /// Offset in the file of the first new byte.
    pub offset: u64,
    /// What may follow these bytes.
    pub ending: Ending,
    /// How they become text.
    pub encoding: Encoding,
}

impl<'a> Block<'a> {
    /// The first bytes of a file in UTF-8 that grows.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, start: 0, offset: 0, ending: Ending::Growing, encoding: Encoding::UTF_8 }
    }
}

/// What may follow the bytes of a block; each allows more to be taken than the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// More of the same record: the file grows, or goes on behind the block.
    #[default]
    Growing,
    /// The file ends here and was quiet for a while: a record of several lines is complete with its last whole line.
    Quiet,
    /// The file was rotated away and rests: its last line is complete although no newline ends it.
    Gone,
}

/// Ends every piece of a cut line but the last.
pub const CUT: &str = " [cut: goes on in the next event]";
/// Begins every piece of a cut line but the first.
pub const CONTINUED: &str = "[cut: goes on from the event before] ";

/// A line without any newline is cut once this many bytes of it are there. With both marks a piece still fits an event.
pub const PIECE_BYTES: usize = MAX_MESSAGE_BYTES - CUT.len() - CONTINUED.len();

/// One line, or one piece of a line that was too long.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its text without the line's end; not empty.
    pub text: Cow<'a, str>,
    /// Index in the block's bytes just behind what this line took.
    pub end: usize,
    /// It goes on a line whose beginning was sent before.
    pub continued: bool,
    /// Its line goes on in the next event.
    pub goes_on: bool,
}

/// The lines of a block, in order. Blank lines are taken and not handed out.
pub struct Lines<'a> {
    block: Block<'a>,
    /// The bytes up to the last newline, where they are valid UTF-8: then no line needs a check of its own.
    valid: Option<&'a str>,
    taken: usize,
    inside_long_line: bool,
}

impl<'a> Lines<'a> {
    /// Begins with a block; `inside_long_line` says that the bytes before it belong to a line already begun.
    pub fn new(block: Block<'a>, inside_long_line: bool) -> Self {
        let new = block.bytes.get(block.start..).unwrap_or_default();
        let valid = (block.encoding == Encoding::UTF_8).then(|| {
            let whole = memchr::memrchr(b'\n', new).map_or(0, |newline| newline + 1);
            new.get(..whole).and_then(|bytes| std::str::from_utf8(bytes).ok())
        });
        Self { taken: block.start, block, valid: valid.flatten(), inside_long_line }
    }

    /// Index in the block's bytes up to which everything was taken.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Whether what was taken ends in the middle of a long line.
    pub fn is_inside_long_line(&self) -> bool {
        self.inside_long_line
    }

    /// What is there of the line that was not taken.
    pub(super) fn unfinished(&self) -> Cow<'a, str> {
        self.block.encoding.decode(&self.block.bytes[self.taken..])
    }

    /// The next line, be it blank or not.
    pub(super) fn next_of_any_kind(&mut self) -> Option<Line<'a>> {
        let (rest, offset) = (self.block.bytes.get(self.taken..)?, self.offset_of(self.taken));
        if rest.is_empty() {
            return None;
        }
        match self.block.encoding.line_feed(rest, offset) {
            Some(length) => {
                let end = self.taken + length;
                Some(self.take(end, end + self.block.encoding.unit_bytes(), false))
            }
            None if rest.len() >= PIECE_BYTES => {
                let end = self.taken + self.block.encoding.border(rest, PIECE_BYTES, offset);
                Some(self.take(end, end, true))
            }
            None if self.block.ending == Ending::Gone => {
                Some(self.take(self.block.bytes.len(), self.block.bytes.len(), false))
            }
            None => None,
        }
    }

    /// The offset in the file of the byte at `index`.
    fn offset_of(&self, index: usize) -> u64 {
        self.block.offset + (index - self.block.start) as u64
    }

    fn text(&self, from: usize, to: usize) -> Cow<'a, str> {
        if let Some(text) = self.valid.and_then(|all| all.get(from - self.block.start..to - self.block.start)) {
            return Cow::Borrowed(text);
        }
        self.block.encoding.decode(&self.block.bytes[from..to])
    }

    /// Takes bytes up to `next`, of which those up to `end` are text.
    fn take(&mut self, mut end: usize, next: usize, goes_on: bool) -> Line<'a> {
        let (mut from, encoding, bytes) = (self.taken, self.block.encoding, self.block.bytes);
        if self.offset_of(from) == 0 {
            from += encoding.mark_bytes(&bytes[from..end]);
        } else if encoding.unit_bytes() == 2 && from < end && !self.offset_of(from).is_multiple_of(2) {
            // The second half of a unit, where an earlier version of this program took the file for UTF-8.
            from += 1;
        }
        if !goes_on {
            end -= encoding.carriage_return_bytes(&bytes[from..end]);
        }
        // A writer that goes on at its old place after a truncation leaves a hole, which reads as NUL bytes.
        from += encoding.leading_nul_bytes(&bytes[from..end]);
        let text = self.text(from, end);
        let continued = std::mem::replace(&mut self.inside_long_line, goes_on);
        self.taken = next;
        Line { text, end: next, continued, goes_on }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let line = self.next_of_any_kind()?;
            if !is_blank(&line.text) {
                return Some(line);
            }
        }
    }
}

/// Whether nothing of `text` can be seen: it is not sent.
pub fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace())
}

/// The events that a line becomes: itself, or its pieces with marks where it is too long for one event.
pub fn pieces(line: &Line<'_>, mut event: impl FnMut(&str)) {
    let needs_marks = line.continued || line.goes_on;
    if !needs_marks && line.text.len() <= MAX_MESSAGE_BYTES {
        return event(&line.text);
    }
    let mut rest: &str = &line.text;
    let mut continued = line.continued;
    while !rest.is_empty() {
        let at = if rest.len() <= PIECE_BYTES { rest.len() } else { character_border(rest.as_bytes(), PIECE_BYTES) };
        let (piece, after) = rest.split_at(at);
        let goes_on = !after.is_empty() || line.goes_on;
        let (head, tail) = (if continued { CONTINUED } else { "" }, if goes_on { CUT } else { "" });
        event(&[head, piece, tail].concat());
        (rest, continued) = (after, true);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(bytes: &[u8]) -> Block<'_> {
        Block::of(bytes)
    }

    fn texts(block: Block<'_>) -> (Vec<String>, usize) {
        let mut lines = Lines::new(block, false);
        let texts = lines.by_ref().map(|line| line.text.into_owned()).collect();
        (texts, lines.taken())
    }

    #[test]
    fn only_whole_lines_are_taken() {
        assert_eq!(texts(block(b"one\ntwo\nthr")), (vec!["one".into(), "two".into()], 8));
        assert_eq!(texts(block(b"thr")), (vec![], 0));
    }

    #[test]
    fn the_last_line_of_a_file_rotated_away_is_taken() {
        assert_eq!(texts(Block { ending: Ending::Gone, ..block(b"one\ntw") }), (vec!["one".into(), "tw".into()], 6));
    }

    #[test]
    fn line_ends_go_and_leading_white_space_stays() {
        assert_eq!(texts(block(b"\xef\xbb\xbf a\r\n\tb\rc\r\n")).0, [" a", "\tb\rc"]);
    }

    #[test]
    fn blank_lines_are_taken_and_not_sent() {
        assert_eq!(texts(block(b"\n\r\n  \t\n")), (vec![], 7));
    }

    #[test]
    fn invalid_bytes_become_replacement_characters_and_spoil_no_neighbour() {
        assert_eq!(texts(block("ä\nb\u{0}\n".as_bytes())).0, ["ä", "b\u{0}"]);
        assert_eq!(texts(block(b"good\nb\xffd\ngood\n")).0, ["good", "b\u{fffd}d", "good"]);
    }

    #[test]
    fn a_hole_of_nul_bytes_is_left_out() {
        assert_eq!(texts(block(b"\0\0\0\0after\n\0\0\n")), (vec!["after".into()], 13));
    }

    #[test]
    fn an_endless_line_is_cut_on_character_borders_and_marked() {
        let text = format!("{}\nshort\n", "ä".repeat(1_500_000));
        let (mut at, mut inside, mut events) = (0, false, Vec::new());
        while at < text.len() {
            let end = (at + 1_250_000).min(text.len());
            let window = Block { start: at, offset: at as u64, ..block(&text.as_bytes()[..end]) };
            let mut lines = Lines::new(window, inside);
            for line in lines.by_ref() {
                pieces(&line, |event| events.push(event.to_owned()));
            }
            assert!(lines.taken() > at, "nothing was taken at {at}");
            (at, inside) = (lines.taken(), lines.is_inside_long_line());
        }
        assert!(events.iter().all(|event| event.len() <= MAX_MESSAGE_BYTES));
        assert_eq!(events.pop().as_deref(), Some("short"));
        let joined: String =
            events.iter().map(|event| event.trim_start_matches(CONTINUED).trim_end_matches(CUT)).collect();
        assert_eq!(joined, "ä".repeat(1_500_000));
        assert!(events[0].ends_with(CUT) && events[1].starts_with(CONTINUED));
    }

    #[test]
    fn invalid_bytes_that_grow_past_an_event_are_cut_too() {
        let mut bytes = vec![0xff; 600_000];
        bytes.push(b'\n');
        let mut events = Vec::new();
        for line in Lines::new(block(&bytes), false) {
            pieces(&line, |event| events.push(event.to_owned()));
        }
        assert_eq!(events.len(), 2);
        assert!(events.iter().all(|event| event.len() <= MAX_MESSAGE_BYTES));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_windows_give_the_lines_that_a_plain_split_gives(
            parts in prop::collection::vec(
                prop_oneof![
                    Just(b"\n".to_vec()),
                    Just(b"\r\n".to_vec()),
                    Just(vec![0]),
                    Just(b"\xef\xbb\xbf".to_vec()),
                    prop::collection::vec(any::<u8>(), 0..6)
                ],
                0..60,
            ),
            windows in prop::collection::vec(1usize..40, 1..10),
        ) {
            let bytes = parts.concat();
            let (mut at, mut length, mut events) = (0, 0, Vec::new());
            for step in windows.iter().cycle() {
                // A window that holds no line is read again when it is longer.
                length += step;
                let end = (at + length).min(bytes.len());
                let begin = at.saturating_sub(3);
                let is_last = end == bytes.len();
                let ending = if is_last { Ending::Gone } else { Ending::Growing };
                let window = Block { start: at - begin, offset: at as u64, ending, ..block(&bytes[begin..end]) };
                let mut lines = Lines::new(window, false);
                events.extend(lines.by_ref().map(|line| line.text.into_owned()));
                if begin + lines.taken() > at {
                    (at, length) = (begin + lines.taken(), 0);
                }
                if is_last {
                    break;
                }
            }
            prop_assert_eq!(at, bytes.len());
            prop_assert_eq!(events, reference(&bytes));
        }
    }

    /// What people would write at first.
    fn reference(bytes: &[u8]) -> Vec<String> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let lines = lines.map(|line| &line[line.iter().take_while(|byte| **byte == 0).count()..]);
        let lines = lines.filter(|line| !line.iter().all(u8::is_ascii_whitespace));
        lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }
}
