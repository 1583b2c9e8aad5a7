//! Joins the lines of a window to records of several lines.
//!
//! A record begins with a line in which its start is found and has all lines up to the next one. It is taken whole or not at all:
//! an unfinished one is left in its file, like an unfinished line, and read again when it is longer or the file was quiet. So
//! neither a batch nor a restart splits it. Easy to break: a record too large for an event must be taken in pieces, or reading
//! would stop before it for ever.
//!
//! Pure: no I/O, no clock, no tasks.

use std::borrow::Cow;

use super::lines::{Block, Ending, Line, Lines, PIECE_BYTES, is_blank};

/// What was begun before a block, and goes on in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inside {
    /// A line that is sent in pieces.
    pub line: bool,
    /// A record that is sent in pieces.
    pub record: bool,
}

impl Inside {
    /// What the bytes before a block have begun, as far as they say it themselves: where nobody remembers, after a restart.
    pub fn before(block: &Block<'_>) -> Self {
        let unit = block.encoding.unit_bytes();
        let last = block.start.checked_sub(unit).and_then(|from| block.bytes.get(from..block.start));
        let offset = block.offset.saturating_sub(unit as u64);
        // Behind a hole, or half a unit, a line begins.
        let is_border = !offset.is_multiple_of(unit as u64);
        let ends_line =
            |last: &[u8]| block.encoding.line_feed(last, offset).is_some() || last.iter().all(|byte| *byte == 0);
        Self { line: !is_border && last.is_some_and(|last| !ends_line(last)), record: false }
    }
}

/// The records of a block, in order: its lines where `start` is none, else what they make together. `start` says of a line
/// whether a record begins with it.
pub struct Records<'a, S> {
    lines: Lines<'a>,
    start: Option<S>,
    ending: Ending,
    /// Index in the block's bytes behind the last.
    size: usize,
    /// The record to which lines are added.
    open: Option<Open<'a>>,
    /// A line that is not part of it.
    waiting: Option<Line<'a>>,
    taken: usize,
    inside: Inside,
}

/// A record, or a piece of one, as far as it is known.
struct Open<'a> {
    text: Cow<'a, str>,
    end: usize,
    continued: bool,
}

impl<'a, S: Fn(&str) -> bool> Records<'a, S> {
    /// Begins with a block; `inside` says what the bytes before it have begun.
    pub fn new(block: Block<'a>, inside: Inside, start: Option<S>) -> Self {
        Self {
            lines: Lines::new(block, inside.line),
            start,
            ending: block.ending,
            size: block.bytes.len(),
            open: None,
            waiting: None,
            taken: block.start,
            inside,
        }
    }

    /// Index in the block's bytes up to which everything was taken.
    pub fn taken(&self) -> usize {
        if self.start.is_some() { self.taken } else { self.lines.taken() }
    }

    /// What was begun in what was taken, and goes on behind it.
    pub fn inside(&self) -> Inside {
        if self.start.is_some() {
            return self.inside;
        }
        Inside { line: self.lines.is_inside_long_line(), record: false }
    }

    fn is_start(&self, line: &Line<'_>) -> bool {
        !line.continued && self.start.as_ref().is_some_and(|is_start| is_start(&line.text))
    }

    /// Takes `line` up, and hands out what is complete without it.
    fn meet(&mut self, line: Line<'a>) -> Option<Line<'a>> {
        let Some(open) = self.open.take() else {
            return self.begin(line);
        };
        let is_start = self.is_start(&line);
        if !is_start && open.has_room_for(&line, self.taken) {
            self.open = Some(open.with(line));
            return None;
        }
        self.waiting = Some(line);
        self.close(open, Inside { line: false, record: !is_start })
    }

    /// Begins a record, or the next piece of one, with `line`.
    fn begin(&mut self, line: Line<'a>) -> Option<Line<'a>> {
        let continued = line.continued || (self.inside.record && !self.is_start(&line));
        let open = Open { text: line.text, end: line.end, continued };
        if line.goes_on {
            return self.close(open, Inside { line: true, record: true });
        }
        self.open = Some(open);
        None
    }

    /// What is left when there is no whole line any more.
    fn last(&mut self) -> Option<Line<'a>> {
        let open = self.open.take()?;
        let is_over = self.ending != Ending::Growing;
        if !is_over && self.size - self.taken <= PIECE_BYTES {
            return None;
        }
        let is_start = |text: &str| self.start.as_ref().is_some_and(|is_start| is_start(text));
        let goes_on = !is_over && !is_start(&self.lines.unfinished());
        self.close(open, Inside { line: false, record: goes_on })
    }

    /// Takes `open`, behind which goes on what `inside` says; none where there is nothing in it to be sent.
    fn close(&mut self, open: Open<'a>, inside: Inside) -> Option<Line<'a>> {
        let Open { text, end, continued } = open;
        let text = without_last_blank_lines(text);
        let is_blank = is_blank(&text);
        self.taken = end;
        self.inside = Inside { record: inside.record && (continued || !is_blank), ..inside };
        (!is_blank).then_some(Line { text, end, continued, goes_on: self.inside.record })
    }
}

impl<'a, S: Fn(&str) -> bool> Iterator for Records<'a, S> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.start.is_none() {
            return self.lines.next();
        }
        loop {
            let Some(line) = self.waiting.take().or_else(|| self.lines.next_of_any_kind()) else {
                return self.last();
            };
            if let Some(record) = self.meet(line) {
                return Some(record);
            }
        }
    }
}

impl<'a> Open<'a> {
    /// Whether it is still one piece with `line`, where its first byte is at `from`.
    fn has_room_for(&self, line: &Line<'_>, from: usize) -> bool {
        !line.goes_on && line.end - from <= PIECE_BYTES && self.text.len() + 1 + line.text.len() <= PIECE_BYTES
    }

    fn with(self, line: Line<'a>) -> Self {
        // Blank lines before the first that is not say nothing.
        if is_blank(&self.text) {
            return Self { text: line.text, end: line.end, ..self };
        }
        let mut text = self.text.into_owned();
        text.push('\n');
        text.push_str(&line.text);
        Self { text: Cow::Owned(text), end: line.end, ..self }
    }
}

fn without_last_blank_lines(text: Cow<'_, str>) -> Cow<'_, str> {
    let mut end = text.len();
    while let Some(newline) = text[..end].rfind('\n').filter(|newline| is_blank(&text[*newline..end])) {
        end = newline;
    }
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests;
