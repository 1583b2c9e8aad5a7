//! Records of a source that is not a file: what was taken in one go, and which place in the source each mark stands for.
//!
//! A journal is to the pipeline what a file is: a [`FileId`](crate::record::FileId) and a [`Mark`]. The mark's offset counts
//! records handed over in this run; [`Track`] keeps the places of the few offsets that can come back as settled. Easy to break:
//! after [`Track::rewind`] counting goes on from the settled offset, as reading does.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::VecDeque;

use crate::delivery::pipeline::Record;
use crate::record::{BootId, Mark, SavedJournal, Wall};

/// Places that are kept at the most, some 300 bytes each: a source that writes a little now and then has one for each time.
const MAX_KEPT: usize = 4_096;

/// A place in a source: behind the record that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The source's own name of it.
    pub cursor: String,
    /// The time of the record there.
    pub time: Wall,
    /// The boot in which that was written.
    pub boot: BootId,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    text_end: usize,
    cursor_end: usize,
    time: Wall,
    boot: usize,
}

/// Records that were taken in one go. One text and one arena of cursors: no allocation a record.
#[derive(Debug, Default)]
pub struct Chunk {
    text: String,
    cursors: String,
    items: Vec<Item>,
    boots: Vec<BootId>,
}

impl Chunk {
    /// Adds a record. Blank text is not sent, but moves the position.
    pub fn push(&mut self, text: &str, time: Wall, cursor: &str, boot: &str) {
        self.text.push_str(text);
        self.cursors.push_str(cursor);
        if self.boots.last().is_none_or(|last| last.0 != boot) {
            self.boots.push(BootId(boot.to_owned()));
        }
        let (text_end, cursor_end) = (self.text.len(), self.cursors.len());
        self.items.push(Item { text_end, cursor_end, time, boot: self.boots.len() - 1 });
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes of text in it.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Forgets its records and keeps its room, but for what a very long record took.
    pub fn clear(&mut self) {
        const KEPT_BYTES: usize = 256 * 1024;
        self.text.clear();
        self.text.shrink_to(KEPT_BYTES);
        self.cursors.clear();
        self.items.clear();
        self.boots.clear();
    }

    /// The records for the pipeline, the first of which begins at offset `from`.
    pub fn records(&self, from: u64) -> impl Iterator<Item = Record<'_>> {
        let starts = std::iter::once(0).chain(self.items.iter().map(|item| item.text_end));
        self.items.iter().zip(starts).zip(from + 1..).map(|((item, start), end)| Record {
            text: self.text.get(start..item.text_end).unwrap_or_default(),
            time: item.time,
            end,
        })
    }

    /// The place behind the record at `index`.
    pub fn place(&self, index: usize) -> Option<Place> {
        let item = self.items.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.items.get(before)).map_or(0, |item| item.cursor_end);
        let cursor = self.cursors.get(start..item.cursor_end)?.to_owned();
        Some(Place { cursor, time: item.time, boot: self.boots.get(item.boot)?.clone() })
    }
}

/// Up to where a source was read and settled in this run.
#[derive(Debug)]
pub struct Track {
    entry: String,
    /// What was handed over, as offset and place; no place where reading has not begun.
    read: (u64, Option<Place>),
    settled: (u64, Option<SavedJournal>),
    /// Places between the two that a mark may name, oldest first.
    kept: VecDeque<(u64, Place)>,
    /// When the first record was written that was handed over and is to be read again.
    dropped: Option<Wall>,
}

impl Track {
    /// A source whose reading goes on at `saved`.
    pub fn new(entry: &str, saved: Option<SavedJournal>) -> Self {
        Self { entry: entry.to_owned(), read: (0, None), settled: (0, saved), kept: VecDeque::new(), dropped: None }
    }

    /// The offset behind all that was handed over.
    pub fn offset(&self) -> u64 {
        self.read.0
    }

    /// Whether more may be handed over: where too little is settled, the source is the buffer.
    pub fn has_room(&self) -> bool {
        self.kept.len() < MAX_KEPT
    }

    /// Reading begins here: to be saved at once, so that the next run does not begin elsewhere.
    pub fn begin(&mut self, at: SavedJournal) -> SavedJournal {
        self.settled.1 = Some(at.clone());
        at
    }

    /// Where reading goes on: behind what was handed over, else at what is saved. None where it never began.
    pub fn resume(&self) -> Option<SavedJournal> {
        match &self.read.1 {
            Some(place) => Some(self.saved_at(place)),
            None => self.settled.1.clone(),
        }
    }

    /// The pipeline took all of `chunk`; besides the last it may name the offsets `ends`.
    pub fn advance(&mut self, chunk: &Chunk, ends: &[u64]) {
        let from = self.read.0;
        // A usize fits u64 on every machine there is.
        let to = from + chunk.len() as u64;
        for end in ends.iter().copied().chain([to]) {
            let is_new = end > from && self.kept.back().is_none_or(|(kept, _)| *kept < end);
            let index = end.checked_sub(from + 1).and_then(|index| usize::try_from(index).ok());
            if let Some(place) = index.filter(|_| is_new).and_then(|index| chunk.place(index)) {
                self.kept.push_back((end, place));
            }
        }
        if let Some((offset, place)) = self.kept.back().filter(|(offset, _)| *offset == to) {
            self.read = (*offset, Some(place.clone()));
            self.dropped = None;
        }
    }

    /// Everything up to `to` is settled: what is to be saved.
    pub fn settle(&mut self, to: Mark) -> Option<SavedJournal> {
        let mut last = None;
        while self.kept.front().is_some_and(|(offset, _)| *offset <= to.offset) {
            last = self.kept.pop_front();
        }
        let (offset, place) = last?;
        let saved = self.saved_at(&place);
        self.settled = (offset, Some(saved.clone()));
        Some(saved)
    }

    /// What was handed over beyond the settled position will not be settled: reading goes on from there.
    pub fn rewind(&mut self) {
        self.dropped = self.behind();
        self.kept.clear();
        self.read = (self.settled.0, None);
    }

    /// When the oldest records were written that are known of and not settled, as near as the places say.
    pub fn behind(&self) -> Option<Wall> {
        self.kept.front().map(|(_, place)| place.time).or(self.dropped)
    }

    /// What is to be saved of it, for a state that began anew.
    pub fn saved(&self) -> Option<SavedJournal> {
        self.settled.1.clone()
    }

    fn saved_at(&self, place: &Place) -> SavedJournal {
        let Place { cursor, time, boot } = place.clone();
        SavedJournal { entry: self.entry.clone(), cursor, is_past: true, time, boot }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(from: u64, count: u64) -> Chunk {
        let mut chunk = Chunk::default();
        for number in from + 1..=from + count {
            let time = Wall(i64::try_from(number).unwrap());
            chunk.push(&format!("text {number}"), time, &format!("c{number}"), "boot");
        }
        chunk
    }

    fn mark(offset: u64) -> Mark {
        Mark { offset, tail: 0 }
    }

    fn cursor(saved: Option<SavedJournal>) -> Option<String> {
        saved.map(|saved| saved.cursor)
    }

    #[test]
    fn records_come_out_as_they_went_in() {
        let chunk = chunk(7, 3);
        let records: Vec<_> =
            chunk.records(7).map(|record| (record.text.to_owned(), record.time, record.end)).collect();
        let expected =
            [8u64, 9, 10].map(|number| (format!("text {number}"), Wall(i64::try_from(number).unwrap()), number));
        assert_eq!(records, expected);
        assert_eq!(chunk.place(2).map(|place| place.cursor).as_deref(), Some("c10"));
    }

    #[test]
    fn a_settled_mark_becomes_the_place_behind_its_record() {
        let mut track = Track::new("journal", None);
        track.advance(&chunk(0, 10), &[4, 4, 7]);
        track.advance(&chunk(10, 5), &[]);
        assert_eq!(track.offset(), 15);
        assert_eq!(cursor(track.settle(mark(4))).as_deref(), Some("c4"));
        assert_eq!(cursor(track.settle(mark(10))).as_deref(), Some("c10"));
        assert_eq!(track.settle(mark(10)), None);
        assert_eq!(cursor(track.settle(mark(15))).as_deref(), Some("c15"));
        assert_eq!(cursor(track.saved()).as_deref(), Some("c15"));
    }

    #[test]
    fn while_nothing_is_settled_there_is_room_for_so_many_places_and_then_for_none() {
        let mut track = Track::new("journal", None);
        let mut offset = 0;
        while track.has_room() {
            track.advance(&chunk(offset, 1), &[]);
            offset += 1;
            assert!(offset <= MAX_KEPT as u64, "it would go on for ever");
        }
        assert_eq!(cursor(track.settle(mark(1))).as_deref(), Some("c1"));
        assert!(track.has_room());
        assert_eq!(cursor(track.settle(mark(offset))), Some(format!("c{offset}")), "nothing was left out");
    }

    #[test]
    fn after_a_rewind_reading_goes_on_from_what_is_settled() {
        let mut track = Track::new("journal", None);
        track.advance(&chunk(0, 10), &[4]);
        track.settle(mark(4));
        assert_eq!(cursor(track.resume()).as_deref(), Some("c10"));
        track.rewind();
        assert_eq!((track.offset(), cursor(track.resume()).as_deref()), (4, Some("c4")));
        track.advance(&chunk(4, 2), &[]);
        assert_eq!(cursor(track.settle(mark(6))).as_deref(), Some("c6"));
    }

    #[test]
    fn what_is_not_settled_has_an_age_also_while_it_waits_to_be_read_again() {
        let mut track = Track::new("journal", None);
        assert_eq!(track.behind(), None);
        track.advance(&chunk(0, 10), &[4]);
        assert_eq!(track.behind(), Some(Wall(4)));
        track.settle(mark(4));
        assert_eq!(track.behind(), Some(Wall(10)));
        track.rewind();
        assert_eq!(track.behind(), Some(Wall(10)), "a stream that is refused keeps nothing");
        track.advance(&chunk(4, 6), &[]);
        track.settle(mark(10));
        assert_eq!(track.behind(), None);
    }

    #[test]
    fn before_anything_was_settled_a_rewind_leads_to_where_reading_began() {
        let began = SavedJournal {
            entry: "journal".to_owned(),
            cursor: "start".to_owned(),
            is_past: true,
            time: Wall(0),
            boot: BootId("boot".to_owned()),
        };
        let mut track = Track::new("journal", None);
        track.begin(began.clone());
        track.advance(&chunk(0, 3), &[]);
        track.rewind();
        assert_eq!(track.resume(), Some(began));
    }
}
