//! The sources of whole records, one kind or another: what the log thread asks of each.
//!
//! To the pipeline each is a file: its number is counted down from the last, as those of files are counted up from the first.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::JournalConfig;
use crate::delivery::pipeline::Pipeline;
use crate::record::{BootId, FileId, Mark, Monotonic, SavedJournal, StreamName};
use crate::sources::child::Wake;
use crate::sources::journal::{Journal, Own, Start};

/// What the sources of records are started with.
pub struct Parts {
    /// What is read of the journal. Their filters and retentions come behind those of files.
    pub journals: Vec<JournalParts>,
    /// Where the last run ended in them.
    pub saved: Vec<SavedJournal>,
    /// The boot that this is.
    pub boot: BootId,
    /// Who this program is to the journal: what it writes there is not read.
    pub own: Own,
}

/// One reading of the journal.
pub struct JournalParts {
    /// What is read.
    pub config: JournalConfig,
    /// Where its records go.
    pub stream: StreamName,
    /// Where it begins where nothing is saved, in place of what the config says.
    pub start: Option<Start>,
}

/// A source of records and its number.
pub struct Records {
    /// What the pipeline knows it by.
    pub file: FileId,
    source: Source,
}

/// A source of whole records that bring their own times.
enum Source {
    /// The journal of systemd.
    Journal(Box<Journal>),
}

/// Every source, and where its records go. `ready` is called when one of them may have something.
pub fn sources(parts: Parts, ready: &Wake) -> Vec<(Records, StreamName)> {
    let Parts { journals, saved, boot, own } = parts;
    let start = |(index, parts): (usize, JournalParts)| {
        let JournalParts { config, stream, start } = parts;
        let saved = saved.iter().find(|saved| saved.entry == config.key).cloned();
        log::info!(journal = config.key, stream:% = stream; "following a journal");
        let mut journal = Journal::new(config, own.clone(), &boot, saved, Arc::clone(ready));
        if let Some(start) = start {
            journal.begin_at(start);
        }
        (Records { file: FileId(u64::MAX - index as u64), source: Source::Journal(Box::new(journal)) }, stream)
    };
    journals.into_iter().enumerate().map(start).collect()
}

/// The source with this number; none where it is a file's.
pub fn of(records: &mut [Records], file: FileId) -> Option<&mut Records> {
    records.iter_mut().find(|records| records.file == file)
}

impl Records {
    /// Keeps it running.
    pub fn tend(&mut self, now: Monotonic, clock: &Clock) {
        match &mut self.source {
            Source::Journal(journal) => journal.tend(now, clock.wall()),
        }
    }

    /// Where reading begins for the first time: to be saved at once.
    pub fn take_beginning(&mut self) -> Option<SavedJournal> {
        match &mut self.source {
            Source::Journal(journal) => journal.take_beginning(),
        }
    }

    /// Hands what came next to the pipeline; whether there was anything.
    pub fn read(&mut self, pipeline: &mut Pipeline, now: Monotonic) -> bool {
        match &mut self.source {
            Source::Journal(journal) => {
                let Some((from, chunk)) = journal.read(now) else { return false };
                let ends = pipeline.push_records(self.file, from, chunk.records(from), now);
                journal.advance(&ends);
                true
            }
        }
    }

    /// When it is to be tended at the latest.
    pub fn next_due(&self) -> Option<Monotonic> {
        match &self.source {
            Source::Journal(journal) => journal.next_due(),
        }
    }

    /// Everything up to `to` is acknowledged: what is to be saved of it.
    pub fn settle(&mut self, to: Mark) -> Option<SavedJournal> {
        match &mut self.source {
            Source::Journal(journal) => journal.settle(to),
        }
    }

    /// Reads again from the settled position.
    pub fn rewind(&mut self) {
        match &mut self.source {
            Source::Journal(journal) => journal.rewind(),
        }
    }

    /// What is to be saved of it, for a state that began anew.
    pub fn saved(&self) -> Option<SavedJournal> {
        match &self.source {
            Source::Journal(journal) => journal.saved(),
        }
    }

    /// Reads no more.
    pub fn stop(&mut self) {
        match &mut self.source {
            Source::Journal(journal) => journal.stop(),
        }
    }
}
