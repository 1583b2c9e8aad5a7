//! The sources of whole records, as the log thread tends them: the journal of systemd, and macOS's unified log.
//!
//! A source is to the pipeline what a file is: a number, and offsets in it.

use std::sync::Arc;

use crate::config::JournalConfig;
use crate::delivery::pipeline::Pipeline;
use crate::record::{BootId, FileId, Mark, Monotonic, SavedJournal, StreamName, Wall};
use crate::sources::child::Wake;
use crate::sources::journal::{Journal, Own, Start};
use crate::sources::unified_log::{self, UnifiedLog};

/// A source that is to be tended.
pub struct RecordsParts {
    /// What is read.
    pub of: RecordsOf,
    /// Where its records go.
    pub stream: StreamName,
    /// Where the last run ended.
    pub saved: Option<SavedJournal>,
}

/// What is read.
pub enum RecordsOf {
    /// The journal of systemd.
    Journal {
        /// What of it.
        config: Box<JournalConfig>,
        /// Who this program is to the journal: what it writes there is not read.
        own: Own,
        /// The boot that this is.
        boot: BootId,
        /// Where it begins where nothing is saved, in place of what the config says.
        start: Option<Start>,
    },
    /// The unified log of macOS.
    UnifiedLog {
        /// What of it.
        settings: Box<unified_log::Settings>,
        /// Where it begins where nothing is saved.
        begin: Wall,
    },
}

/// A source and its number, which is to the pipeline what a file's is.
pub struct Records {
    /// Its number.
    pub file: FileId,
    source: Source,
}

enum Source {
    Journal(Box<Journal>),
    UnifiedLog(Box<UnifiedLog>),
}

/// Does the same to whatever source it is: both have the same methods.
macro_rules! each {
    ($records:expr, $source:ident => $act:expr) => {
        match $records {
            Source::Journal($source) => $act,
            Source::UnifiedLog($source) => $act,
        }
    };
}

impl Records {
    /// The source with this index. `ready` is called when it may have something.
    pub fn new(index: usize, of: RecordsOf, saved: Option<SavedJournal>, ready: &Wake) -> Self {
        let source = match of {
            RecordsOf::Journal { config, own, boot, start } => {
                let mut journal = Journal::new(*config, own, &boot, saved, Arc::clone(ready));
                if let Some(start) = start {
                    journal.begin_at(start);
                }
                Source::Journal(Box::new(journal))
            }
            RecordsOf::UnifiedLog { settings, begin } => {
                let pace = unified_log::Pace::default();
                Source::UnifiedLog(Box::new(UnifiedLog::new(*settings, pace, saved, begin, Arc::clone(ready))))
            }
        };
        // Numbers of sources are counted down from the last, those of files up from the first.
        Self { file: FileId(u64::MAX - index as u64), source }
    }

    /// Keeps it running. What of it is to be saved at once.
    pub fn tend(&mut self, now: Monotonic, wall: Wall) -> Option<SavedJournal> {
        each!(&mut self.source, source => {
            source.tend(now, wall);
            source.take_beginning()
        })
    }

    /// Hands what it has to the pipeline; whether that was anything.
    pub fn read_into(&mut self, pipeline: &mut Pipeline, now: Monotonic) -> bool {
        each!(&mut self.source, source => {
            let Some((from, chunk)) = source.read(now) else { return false };
            let ends = pipeline.push_records(self.file, from, chunk.records(from), now);
            source.advance(&ends);
            true
        })
    }

    /// When it is to be tended at the latest.
    pub fn next_due(&self) -> Option<Monotonic> {
        each!(&self.source, source => source.next_due())
    }

    /// Everything up to `to` is acknowledged: what is to be saved of it.
    pub fn settle(&mut self, to: Mark) -> Option<SavedJournal> {
        each!(&mut self.source, source => source.settle(to))
    }

    /// What was read beyond the settled position is to be read again.
    pub fn rewind(&mut self) {
        each!(&mut self.source, source => source.rewind());
    }

    /// What is to be saved of it, for a state that began anew.
    pub fn saved(&self) -> Option<SavedJournal> {
        each!(&self.source, source => source.saved())
    }

    /// When the oldest was written of what is known of and not settled.
    pub fn behind(&self) -> Option<Wall> {
        each!(&self.source, source => source.behind())
    }

    /// Why it is not read as it should be, while that is so. `is_alone`: there is no other that it could be taken for.
    pub fn trouble(&self, is_alone: bool) -> Option<String> {
        let (name, hidden) = match &self.source {
            Source::Journal(journal) => ("the journal", journal.hidden()),
            Source::UnifiedLog(_) => ("the unified log", None),
        };
        let key =
            if is_alone { String::new() } else { format!(" (`{}`)", each!(&self.source, source => source.key())) };
        match (each!(&self.source, source => source.complaint()), hidden) {
            (Some(complaint), _) => Some(format!("{name}{key} is not read: {complaint}")),
            (None, Some(hidden)) => Some(format!("{name}{key} is read in part: {hidden}")),
            (None, None) => None,
        }
    }

    /// Reads no more.
    pub fn stop(&mut self) {
        each!(&mut self.source, source => source.stop());
    }
}
