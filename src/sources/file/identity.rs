//! By what a file is recognised: the device and number it lives under, how it begins, and what stood before a mark.
//!
//! Each alone fails: numbers are used again, first lines repeat, names move. A hash is only compared over bytes that were
//! there when it was taken, so a short fingerprint still fits a file that grew.
//!
//! Pure: no I/O, no clock, no tasks.

use xxhash_rust::xxh3::xxh3_64;

use crate::record::{Fingerprint, HEAD_BYTES, Mark, TAIL_BYTES};

/// Where a file lives: stays with it when its name changes, and may be given to another file once it is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inode {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub number: u64,
}

/// The fingerprint of a file that begins with `first`.
pub fn fingerprint(first: &[u8]) -> Fingerprint {
    let head = first.get(..HEAD_BYTES).unwrap_or(first);
    Fingerprint { length: head.len() as u64, hash: xxh3_64(head) }
}

/// Whether a file that begins with `first` can be the one that `head` was taken of. An empty fingerprint fits all.
pub fn begins_like(first: &[u8], head: Fingerprint) -> bool {
    usize::try_from(head.length)
        .is_ok_and(|length| first.get(..length).is_some_and(|covered| length == 0 || xxh3_64(covered) == head.hash))
}

/// How many bytes before `offset` a mark's tail covers.
pub fn tail_length(offset: u64) -> usize {
    usize::try_from(offset).map_or(TAIL_BYTES, |offset| offset.min(TAIL_BYTES))
}

/// Whether `before` is what stood before `mark`. Nothing stands before the beginning of a file: that always fits.
pub fn ends_like(before: &[u8], at: Mark) -> bool {
    at.offset == 0 || (before.len() >= tail_length(at.offset) && Mark::at(at.offset, before) == at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_fingerprint_fits_the_file_that_grew_and_no_other() {
        let head = fingerprint(b"first line\n");
        assert!(begins_like(b"first line\nsecond line\n", head));
        assert!(!begins_like(b"first lime\nsecond line\n", head));
        assert!(!begins_like(b"first", head));
        assert!(begins_like(b"anything", Fingerprint::default()));
    }

    #[test]
    fn a_fingerprint_covers_no_more_than_its_bound() {
        let long = vec![b'x'; HEAD_BYTES + 500];
        assert_eq!(fingerprint(&long).length, HEAD_BYTES as u64);
        assert_eq!(fingerprint(&long), fingerprint(&long[..HEAD_BYTES]));
    }

    #[test]
    fn a_mark_knows_what_stood_before_it() {
        let at = Mark::at(1000, &[b'a'; 300]);
        assert!(ends_like(&[b'a'; TAIL_BYTES], at));
        assert!(!ends_like(&[b'b'; TAIL_BYTES], at));
        assert!(!ends_like(&[b'a'; 20], at), "too few bytes prove nothing");
        assert!(ends_like(b"", Mark::default()));
        let early = Mark::at(3, b"abc");
        assert!(ends_like(b"abc", early));
        assert!(!ends_like(b"abd", early));
    }
}
