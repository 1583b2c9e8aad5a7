//! What goes into the pipeline: the records of files, of a line or of several, and whole records.
//!
//! Easy to break: whatever is taken has to be covered by a ticket, also where nothing is sent for it.
//!
//! Pure: no I/O, no clock, no tasks.

use std::sync::Arc;

use super::open::Place;
use super::{Pipeline, Stream};
use crate::delivery::batch::{EVENT_OVERHEAD_BYTES, Time};
use crate::delivery::lines::{Block, Line, is_blank, pieces};
use crate::delivery::multiline::Records;
use crate::delivery::treatment::Treated;
use crate::record::{FileId, Mark, Monotonic, StreamId, Wall};

/// A whole record, however many lines it has, of a source that gives records their times.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What is sent; blank where the source leaves it out.
    pub text: &'a str,
    /// When it happened.
    pub time: Wall,
    /// The offset behind it.
    pub end: u64,
}

impl Pipeline {
    /// Takes the complete records of a block; answers the mark up to which its bytes were taken.
    pub fn push(&mut self, file: FileId, block: Block<'_>, now: Monotonic) -> Mark {
        let mark_at = |index: usize| {
            let offset = block.offset + (index - block.start) as u64;
            Mark::at(offset, block.bytes.get(..index).unwrap_or_default())
        };
        let Some(followed) = self.files.get(&file) else {
            return mark_at(block.start);
        };
        let inside = followed.memory.inside;
        let treatment = self.treatments.get(followed.treatment).map(Arc::clone);
        let several = treatment.filter(|treatment| treatment.multi_line.is_some());
        let mut records =
            Records::new(block, inside, several.map(|treatment| move |line: &str| treatment.is_start(line)));
        let mut record_start = block.start;
        for record in records.by_ref() {
            let end = record.end;
            self.take_record(file, record, Time::Own(now), now, || mark_at(record_start));
            record_start = end;
        }
        let taken = mark_at(records.taken());
        if let Some(followed) = self.files.get_mut(&file) {
            followed.memory.inside = records.inside();
        }
        if records.taken() > block.start {
            self.cover_last(file, taken);
        }
        taken
    }

    /// Takes whole records, the first of which begins at offset `from`. Answers the offsets, beside the end of the last record,
    /// that `Effects::settled` may name: the source keeps what they stand for.
    pub fn push_records<'a>(
        &mut self,
        file: FileId,
        from: u64,
        records: impl Iterator<Item = Record<'a>>,
        now: Monotonic,
    ) -> Vec<u64> {
        let mut ends_of_batches = Vec::new();
        if !self.files.contains_key(&file) {
            return ends_of_batches;
        }
        let (mut at, mark) = (from, |offset| Mark { offset, tail: 0 });
        for Record { text, time, end } in records {
            if !is_blank(text) {
                let line = Line { text: text.into(), end: 0, continued: false, goes_on: false };
                self.take_record(file, line, Time::Parsed(time), now, || {
                    ends_of_batches.push(at);
                    mark(at)
                });
            }
            at = end;
        }
        if at > from {
            self.cover_last(file, mark(at));
        }
        ends_of_batches
    }

    /// Takes one whole record, or a piece of a line that is too long for one; `before` is the mark before it.
    fn take_record(
        &mut self,
        file: FileId,
        line: Line<'_>,
        time: Time,
        now: Monotonic,
        mut before: impl FnMut() -> Mark,
    ) {
        let Some(followed) = self.files.get_mut(&file) else { return };
        let stream = followed.stream;
        followed.memory.is_rest = line.continued;
        let treatment = self.treatments.get(followed.treatment);
        let treated = match treatment {
            Some(treatment) => treatment.treat(line.text, time, self.offset.wall(now), &mut followed.memory),
            None => Some(Treated { text: line.text, time, is_given_up: false }),
        };
        let Some(Treated { text, time, is_given_up }) = treated else {
            self.counts.filtered += 1;
            return;
        };
        self.counts.unsearchable += u64::from(is_given_up);
        if is_given_up {
            self.effects.keep(file);
        }
        let is_piece = line.continued || line.goes_on;
        let text = match treatment {
            Some(treatment) if is_piece => treatment.piece(text, line.continued, line.goes_on),
            _ => text,
        };
        if is_blank(&text) {
            return;
        }
        if let Some(cause) = time.refusal(self.true_time(now)) {
            return self.give_up(file, stream, cause);
        }
        if let Some(stream) = self.turn_to(file, time, &mut before) {
            pieces(&Line { text, ..line }, |text| self.append(file, stream, time, text, now, &mut before));
        }
    }

    /// Has `file` settle up to `end`, wherever its last record went.
    fn cover_last(&mut self, file: FileId, end: Mark) {
        if let Some(current) = self.files.get(&file).map(|followed| followed.current) {
            self.cover(file, current, end);
        }
    }

    /// Adds one record; `before` is the mark before its line, up to which is covered what another batch took.
    fn append(
        &mut self,
        file: FileId,
        id: StreamId,
        time: Time,
        text: &str,
        now: Monotonic,
        before: impl FnOnce() -> Mark,
    ) {
        let place = self.streams[id.0 as usize].open.place(time, text.len());
        if self.run.is_some_and(|run| place != Place::Into(run)) {
            self.cover(file, id, before());
        }
        let Stream { open, closed, .. } = &mut self.streams[id.0 as usize];
        let index = match place {
            Place::Into(index) => index,
            Place::NewAfter(count) => {
                closed.extend(open.close(count));
                open.begin(id, now)
            }
        };
        if let Some(batch) = open.get(index) {
            batch.push(time, text);
        }
        self.run = Some(index);
        self.counts.waiting += 1;
        self.counts.waiting_bytes += text.len() + EVENT_OVERHEAD_BYTES;
    }

    /// Has `file` settle up to `end` with the batch that took what was read last; where none did, with what is open of the
    /// file, and at once where nothing is.
    pub(super) fn cover(&mut self, file: FileId, id: StreamId, end: Mark) {
        let batch = self.run.take().and_then(|index| self.streams[id.0 as usize].open.get(index));
        let Some(batch) = batch else {
            if !self.ledger.reach(file, end) {
                let ticket = self.ledger.open(file, end);
                self.effects.settled.extend(self.ledger.settle(ticket).map(|mark| (file, mark)));
            }
            return;
        };
        let own = batch.newest_ticket().filter(|ticket| ticket.file() == file);
        if own.is_some_and(|ticket| self.ledger.extend(ticket, end)) {
            batch.retie_newest();
        } else {
            batch.tie(self.ledger.open(file, end));
        }
    }
}
