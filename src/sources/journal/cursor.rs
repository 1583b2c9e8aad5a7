//! What a cursor of the journal says: which entry it names, whatever file that lies in by now.
//!
//! `s` is the series of sequence numbers and `i` the number in it, `b` the boot, `m` and `t` the time since its start and the
//! wall time, `x` a hash of the entry's fields (systemd.journal-fields(7); sd-journal.c, systemd 252). Easy to break: `s` and `i`
//! change when journald copies an entry from `/run` to `/var`, so they do not tell entries apart.
//!
//! Pure: no I/O, no clock, no tasks.

/// The parts of a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor<'a> {
    series: &'a str,
    number: u64,
    boot: &'a str,
    since_boot: &'a str,
    wall: &'a str,
    hash: &'a str,
}

impl<'a> Cursor<'a> {
    /// Takes a cursor apart; none where it is of a kind that we do not know.
    pub fn parse(text: &'a str) -> Option<Self> {
        let part = |name: &str| text.split(';').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        Some(Self {
            series: part("s")?,
            number: u64::from_str_radix(part("i")?, 16).ok()?,
            boot: part("b")?,
            since_boot: part("m")?,
            wall: part("t")?,
            hash: part("x")?,
        })
    }

    /// Whether both name one entry.
    pub fn is_same_entry(&self, other: &Self) -> bool {
        (self.boot, self.since_boot, self.wall, self.hash) == (other.boot, other.since_boot, other.wall, other.hash)
    }

    /// Whether no entry was written between this one and `other`.
    pub fn is_next_to(&self, other: &Self) -> bool {
        self.series == other.series && self.number.checked_add(1) == Some(other.number)
    }

    /// Whether this entry was written before `other`; none where their numbers do not compare.
    pub fn is_before(&self, other: &Self) -> Option<bool> {
        (self.series == other.series).then_some(self.number < other.number)
    }
}

/// Whether two cursors, as they were told, name one entry.
pub fn is_same_entry(one: &str, other: &str) -> bool {
    match (Cursor::parse(one), Cursor::parse(other)) {
        (Some(one), Some(other)) => one.is_same_entry(&other),
        _ => one == other,
    }
}

/// Whether `other` names the same entry, or the one right behind it.
pub fn is_same_or_next(one: &str, other: &str) -> bool {
    let is_next = || Cursor::parse(one).zip(Cursor::parse(other)).is_some_and(|(one, other)| one.is_next_to(&other));
    is_same_entry(one, other) || is_next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "s=9bca;i=1f;b=44b6;m=569e;t=660c;x=865d";

    #[test]
    fn an_entry_that_was_copied_to_another_file_is_the_same() {
        assert!(is_same_entry(ONE, "s=other;i=2;b=44b6;m=569e;t=660c;x=865d"));
        assert!(!is_same_entry(ONE, "s=9bca;i=1f;b=44b6;m=569f;t=660c;x=865d"));
        assert!(is_same_entry("odd", "odd") && !is_same_entry("odd", ONE));
    }

    #[test]
    fn numbers_compare_within_their_series_only() {
        let one = Cursor::parse(ONE).unwrap();
        let later = Cursor::parse("s=9bca;i=20;b=b;m=1;t=1;x=1").unwrap();
        let other = Cursor::parse("s=77;i=20;b=b;m=1;t=1;x=1").unwrap();
        assert_eq!(
            (one.is_before(&later), later.is_before(&one), one.is_before(&other)),
            (Some(true), Some(false), None)
        );
        assert_eq!((Cursor::parse(""), Cursor::parse("s=1;i=zz;b=1;m=1;t=1;x=1")), (None, None));
    }
}
