//! Reads windows of files, and looks into files for proof of what they are.
//!
//! In steady state a window costs one `pread`: the bytes before the position come along and show that the file is still
//! the one that was read. One buffer serves all files.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::StartAt;
use super::identity;
use super::rotation::{Evidence, Seen, Verdict};
use super::table::Stat;
use crate::delivery::encoding::{Encoding, MARK_BYTES};
use crate::record::{Fingerprint, HEAD_BYTES, Mark, TAIL_BYTES};

/// How much of a file is read at once.
const WINDOW_BYTES: usize = 256 * 1024;
/// How much where a window holds no complete record: more than the longest piece in which one is sent (1 MiB).
const WIDE_BYTES: usize = 1280 * 1024;
/// Both are even, as the length of what comes along before them: a unit of UTF-16 is never cut at the end of a full window.
const _: () = assert!((TAIL_BYTES | WINDOW_BYTES | WIDE_BYTES).is_multiple_of(2));
/// How far back a line's beginning is looked for, where reading starts near a file's end.
const MAX_BACK_BYTES: u64 = 4 * 1024 * 1024;

/// Opens `path` for reading, and never waits for it: it may have become a pipe since it was seen.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    // Both flags are small positive numbers on every system.
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Fills `bytes` from `offset` on as far as the file goes; how many there were.
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The fingerprint of the file as it begins now.
pub(super) fn fingerprint(file: &File) -> io::Result<Fingerprint> {
    let mut first = [0; HEAD_BYTES];
    let count = read_at(file, &mut first, 0)?;
    Ok(identity::fingerprint(&first[..count]))
}

/// The fingerprint over as much as there is now of the file that had `head`; none where it begins otherwise.
pub(super) fn grown(file: &File, head: Fingerprint) -> io::Result<Option<Fingerprint>> {
    let mut first = [0; HEAD_BYTES];
    let count = read_at(file, &mut first, 0)?;
    Ok(identity::begins_like(&first[..count], head).then(|| identity::fingerprint(&first[..count])))
}

/// The mark at `offset` of the file as it is now.
pub(super) fn mark(file: &File, offset: u64) -> io::Result<Mark> {
    let mut before = [0; TAIL_BYTES];
    let length = identity::tail_length(offset);
    let count = read_at(file, &mut before[..length], offset - length as u64)?;
    Ok(if offset == 0 { Mark::default() } else { Mark::at(offset, &before[..count]) })
}

/// Whether the file begins like `head` and has before `read` what stood there.
pub(super) fn fits(file: &File, head: Fingerprint, read: Mark) -> io::Result<bool> {
    let mut first = [0; HEAD_BYTES];
    let count = read_at(file, &mut first, 0)?;
    if !identity::begins_like(&first[..count], head) {
        return Ok(false);
    }
    let mut before = [0; TAIL_BYTES];
    let length = identity::tail_length(read.offset);
    let count = read_at(file, &mut before[..length], read.offset - length as u64)?;
    Ok(identity::ends_like(&before[..count], read))
}

/// Looks into real files.
pub(super) struct Disk;

impl Evidence for Disk {
    fn fits(&mut self, seen: &Seen, head: Fingerprint, read: Mark) -> Verdict {
        let look = || -> io::Result<Option<bool>> {
            let file = open(&seen.path)?;
            // Another file took the name since it was seen: the next look tells.
            let is_it = Stat::of(&file.metadata()?).inode == seen.inode;
            if is_it { fits(&file, head, read).map(Some) } else { Ok(None) }
        };
        match look() {
            Ok(Some(true)) => Verdict::Same,
            Ok(Some(false)) => Verdict::Other,
            Ok(None) | Err(_) => Verdict::Unknown,
        }
    }
}

/// The encoding of a file that has `configured`, unless a byte order mark says otherwise; and whether that is final: of a file
/// that has just begun it is not.
pub(super) fn encoding(file: &File, configured: Encoding) -> io::Result<(Encoding, bool)> {
    let mut first = [0; MARK_BYTES];
    let count = read_at(file, &mut first, 0)?;
    Ok((configured.or_marked(&first[..count]), count == MARK_BYTES))
}

/// Where reading starts in a file of `size` bytes that is there already: always at the beginning of a line.
pub(super) fn start(file: &File, size: u64, start_at: StartAt, encoding: Encoding) -> io::Result<Mark> {
    let lines = match start_at {
        StartAt::Beginning => return Ok(Mark::default()),
        StartAt::End => 0,
        StartAt::LinesBeforeEnd(lines) => lines,
    };
    let mut missing = u64::from(lines) + 1;
    let unit = encoding.unit_bytes() as u64;
    let size = size - size % unit;
    let (mut end, floor) = (size, size.saturating_sub(MAX_BACK_BYTES));
    // A line longer than we look back is joined in its middle.
    let mut first = size;
    let mut chunk = vec![0; 64 * 1024];
    while end > floor {
        let length = chunk.len().min(usize::try_from(end - floor).unwrap_or(usize::MAX));
        let from = end - length as u64;
        let count = read_at(file, &mut chunk[..length], from)?;
        for newline in encoding.line_feeds_from_end(&chunk[..count], from) {
            first = from + newline as u64 + unit;
            missing -= 1;
            if missing == 0 {
                return mark(file, first);
            }
        }
        end = from;
    }
    mark(file, if floor == 0 { 0 } else { first })
}

/// The next offset from `offset` on that is no hole; none where only a hole follows.
fn next_data(file: &File, offset: u64) -> Option<u64> {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(offset)) {
        Ok(data) => Some(data),
        Err(rustix::io::Errno::NXIO) => None,
        // A file system without holes.
        Err(_) => Some(offset),
    }
}

/// The buffer that all files are read through.
#[derive(Debug, Default)]
pub(super) struct Window {
    bytes: Vec<u8>,
}

/// What a window got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// `bytes[..end]` is filled; the new bytes begin at `start`. `is_full`: there may be more.
    Bytes { start: usize, end: usize, is_full: bool },
    /// Before the position stand other bytes than did.
    Other,
}

impl Window {
    pub(super) fn bytes(&self, end: usize) -> &[u8] {
        self.bytes.get(..end).unwrap_or_default()
    }

    /// Reads from `read` on; `is_wide` where a window of the common width held no complete record.
    pub(super) fn fill(&mut self, file: &File, read: Mark, is_wide: bool) -> io::Result<Filled> {
        let length = TAIL_BYTES + if is_wide { WIDE_BYTES } else { WINDOW_BYTES };
        if self.bytes.len() != length {
            self.bytes.resize(length, 0);
            self.bytes.shrink_to_fit();
        }
        let start = identity::tail_length(read.offset);
        let end = read_some(file, &mut self.bytes, read.offset - start as u64)?;
        if end < start || !identity::ends_like(&self.bytes[..start], read) {
            return Ok(Filled::Other);
        }
        Ok(Filled::Bytes { start, end, is_full: end == self.bytes.len() })
    }

    /// Where reading goes on when the bytes `start..end` are all NUL: behind the hole that a writer left who went on at its old
    /// place after a truncation. None where they are not, or where no bytes follow: a writer may yet fill that place.
    pub(super) fn behind_hole(&self, file: &File, read: Mark, filled: Filled) -> Option<u64> {
        let Filled::Bytes { start, end, is_full } = filled else {
            return None;
        };
        if end == start || self.bytes[start..end].iter().any(|&byte| byte != 0) {
            return None;
        }
        let next = next_data(file, read.offset)?;
        if next > read.offset {
            return Some(next);
        }
        is_full.then(|| read.offset + (end - start) as u64)
    }

    /// Whether the bytes `start..end` are all NUL.
    pub(super) fn is_empty_space(&self, start: usize, end: usize) -> bool {
        end > start && self.bytes[start..end].iter().all(|&byte| byte == 0)
    }
}

/// One `pread`: a short one ends the window, and what follows comes with the next.
fn read_some(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(bytes, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> File {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(content, 0).unwrap();
        file
    }

    #[test]
    fn reading_starts_at_a_line() {
        let content = b"one\ntwo\nthree\nunfin";
        let size = content.len() as u64;
        for (start_at, offset) in [
            (StartAt::Beginning, 0),
            (StartAt::End, 14),
            (StartAt::LinesBeforeEnd(1), 8),
            (StartAt::LinesBeforeEnd(2), 4),
            (StartAt::LinesBeforeEnd(3), 0),
            (StartAt::LinesBeforeEnd(9), 0),
        ] {
            let start = start(&file(content), size, start_at, Encoding::UTF_8).unwrap();
            assert_eq!(start.offset, offset, "{start_at:?}");
        }
    }

    #[test]
    fn reading_starts_at_a_line_of_utf_16_too() {
        // U+0A0A is made of two bytes of which each looks like a line feed; the last byte is half a unit.
        let text = "one\n\u{a0a}two\nun\u{a0a}";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).chain([10]).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).chain([0]).collect();
        for (label, content) in [("utf-16le", little), ("utf-16be", big)] {
            let encoding = Encoding::of(label).unwrap();
            for (start_at, offset) in
                [(StartAt::End, 18), (StartAt::LinesBeforeEnd(1), 8), (StartAt::LinesBeforeEnd(2), 0)]
            {
                let start = start(&file(&content), content.len() as u64, start_at, encoding).unwrap();
                assert_eq!(start.offset, offset, "{label} {start_at:?}");
            }
        }
    }

    #[test]
    fn the_encoding_of_a_file_is_final_once_its_mark_would_be_there() {
        for (content, name, is_final) in
            [(b"\xff".as_slice(), "UTF-8", false), (b"\xff\xfe", "UTF-16LE", false), (b"\xff\xfea\0", "UTF-16LE", true)]
        {
            let found = encoding(&file(content), Encoding::UTF_8).unwrap();
            assert_eq!((found.0.name(), found.1), (name, is_final));
        }
    }

    #[test]
    fn a_window_is_widened_and_narrowed_again() {
        let long = file(&vec![b'x'; 2 * 1024 * 1024]);
        let mut window = Window::default();
        let filled = window.fill(&long, Mark::default(), false).unwrap();
        assert_eq!(filled, Filled::Bytes { start: 0, end: TAIL_BYTES + WINDOW_BYTES, is_full: true });
        let filled = window.fill(&long, Mark::default(), true).unwrap();
        assert_eq!(filled, Filled::Bytes { start: 0, end: TAIL_BYTES + WIDE_BYTES, is_full: true });
        window.fill(&file(b"a\n"), Mark::default(), false).unwrap();
        assert_eq!(window.bytes.len(), TAIL_BYTES + WINDOW_BYTES);
    }

    #[test]
    fn a_file_with_other_bytes_before_the_mark_is_another() {
        let mut window = Window::default();
        let read = Mark::at(6, b"hello\n");
        assert_eq!(
            window.fill(&file(b"hello\nmore\n"), read, false).unwrap(),
            Filled::Bytes { start: 6, end: 11, is_full: false }
        );
        assert_eq!(window.fill(&file(b"HELLO\nmore\n"), read, false).unwrap(), Filled::Other);
        assert_eq!(window.fill(&file(b"hel"), read, false).unwrap(), Filled::Other);
    }
}
