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
use crate::delivery::multiline::{Inside, Records};
use crate::delivery::treatment::{Memory, Treated, Treatment};
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

/// What all records of a block have in common: found once, since most blocks have thousands of them.
struct Intake {
    file: FileId,
    stream: StreamId,
    /// Each record goes to the stream of its day.
    is_dated: bool,
    treatment: Option<Arc<Treatment>>,
    /// The file's, until the block is taken.
    memory: Memory,
    now: Monotonic,
    /// The time of this moment as well as it is known.
    wall: Wall,
    /// The same where it was measured.
    true_time: Option<Wall>,
}

impl Pipeline {
    /// Takes the complete records of a block; answers the mark up to which its bytes were taken.
    pub fn push(&mut self, file: FileId, block: Block<'_>, now: Monotonic) -> Mark {
        let mark_at = |index: usize| {
            let offset = block.offset + (index - block.start) as u64;
            Mark::at(offset, block.bytes.get(..index).unwrap_or_default())
        };
        let Some(mut intake) = self.begin(file, now) else {
            return mark_at(block.start);
        };
        let inside = intake.memory.inside.unwrap_or_else(|| Inside::before(&block));
        let several = intake.treatment.clone().filter(|treatment| treatment.multi_line.is_some());
        let mut records =
            Records::new(block, inside, several.map(|treatment| move |line: &str| treatment.is_start(line)));
        let mut record_start = block.start;
        for record in records.by_ref() {
            let end = record.end;
            self.take_record(&mut intake, record, Time::Own(now), || mark_at(record_start));
            record_start = end;
        }
        intake.memory.inside = Some(records.inside());
        self.end(intake);
        let taken = mark_at(records.taken());
        if records.taken() > block.start {
            self.cover(file, taken);
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
        let Some(mut intake) = self.begin(file, now) else {
            return ends_of_batches;
        };
        let (mut at, mark) = (from, |offset| Mark { offset, tail: 0 });
        for Record { text, time, end } in records {
            if !is_blank(text) {
                let line = Line { text: text.into(), end: 0, continued: false, goes_on: false };
                self.take_record(&mut intake, line, Time::Parsed(time), || {
                    ends_of_batches.push(at);
                    mark(at)
                });
            }
            at = end;
        }
        self.end(intake);
        if at > from {
            self.cover(file, mark(at));
        }
        ends_of_batches
    }

    /// Finds what the records of a block of `file` have in common; none where it is not followed.
    fn begin(&mut self, file: FileId, now: Monotonic) -> Option<Intake> {
        let (wall, true_time) = (self.offset.wall(now), self.true_time(now));
        let followed = self.files.get_mut(&file)?;
        let stream = followed.stream;
        let is_dated = self.streams.get(stream.0 as usize).is_some_and(|stream| stream.is_dated);
        let treatment = self.treatments.get(followed.treatment).map(Arc::clone);
        let memory = std::mem::take(&mut followed.memory);
        Some(Intake { file, stream, is_dated, treatment, memory, now, wall, true_time })
    }

    /// Gives the file back what is remembered of it.
    fn end(&mut self, intake: Intake) {
        if let Some(followed) = self.files.get_mut(&intake.file) {
            followed.memory = intake.memory;
        }
    }

    /// Takes one whole record, or a piece of a line that is too long for one; `before` is the mark before it.
    fn take_record(&mut self, intake: &mut Intake, line: Line<'_>, time: Time, mut before: impl FnMut() -> Mark) {
        let Intake { file, stream, is_dated, now, wall, true_time, .. } = *intake;
        intake.memory.is_rest = line.continued;
        let treated = match &intake.treatment {
            Some(treatment) => treatment.treat(line.text, time, wall, &mut intake.memory),
            None => Some(Treated { text: line.text, time, is_inherited: false, is_given_up: false }),
        };
        let Some(Treated { text, mut time, is_inherited, is_given_up }) = treated else {
            self.counts.filtered += 1;
            return;
        };
        if is_given_up {
            self.effects.keep(file);
            self.tell_unsearchable(stream);
        }
        let text = match &intake.treatment {
            Some(treatment) if line.continued || line.goes_on => treatment.piece(text, line.continued, line.goes_on),
            _ => text,
        };
        if is_blank(&text) {
            return;
        }
        if is_inherited && !time.is_taken(true_time) {
            time = Time::Own(now);
        }
        if let Some(cause) = time.refusal(true_time) {
            return self.give_up(file, stream, cause);
        }
        let stream = if is_dated { self.turn_to(file, stream, time) } else { stream };
        pieces(&Line { text, ..line }, |text| self.append(file, stream, time, text, now, &mut before));
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
        if self.run.is_some_and(|(of, index)| of != id || place != Place::Into(index)) {
            self.cover(file, before());
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
        self.run = Some((id, index));
        self.counts.waiting += 1;
        self.counts.waiting_bytes += text.len() + EVENT_OVERHEAD_BYTES;
    }

    /// Has `file` settle up to `end` with the batch that took what was read last, of whatever stream; where none did, with what
    /// is open of the file, and at once where nothing is.
    fn cover(&mut self, file: FileId, end: Mark) {
        let batch = self.run.take().and_then(|(id, index)| self.streams[id.0 as usize].open.get(index));
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
