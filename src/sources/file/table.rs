//! The facts kept of each followed file, and when it has bytes to read.
//!
//! Pure but for the descriptor that a row owns.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::FileEntry;
use super::identity::Inode;
use super::read;
use super::rotation::Known;
use crate::delivery::encoding::Encoding;
use crate::delivery::lines::Ending;
use crate::record::{FileId, Fingerprint, HEAD_BYTES, Mark, Monotonic, SavedFile, StreamName};

/// A record of several lines is complete when its file was not written to for so long.
const QUIET: Duration = Duration::from_secs(5);
/// After a rotation the new file waits for the old one's last record for so long, however late its writer is.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// An unfinished record of several lines is looked through again after a second for every so many bytes of it (no longer than
/// [`QUIET`]), or once as much came again: one that grows for long would cost ever more.
const SEARCHED_BYTES_A_SECOND: u64 = 64 * 1024;

/// Where a file is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The state knows it; it was not met yet in this run.
    Expected,
    /// A pattern leads to it.
    Here,
    /// Renamed to where no pattern leads. `is_found`: its `path` says where.
    Away { is_found: bool },
    /// It has no name any more.
    Deleted,
}

/// One followed file.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) entry: usize,
    pub(super) inode: Inode,
    pub(super) path: Arc<Path>,
    pub(super) first_path: Arc<Path>,
    pub(super) stream: StreamName,
    pub(super) head: Fingerprint,
    /// The pipeline took everything before this point.
    pub(super) read: Mark,
    /// Everything before this point is acknowledged.
    pub(super) settled: Mark,
    /// Bytes of it that nobody sent, at the least so many (see [`SavedFile::skipped`]).
    pub(super) skipped: u64,
    pub(super) size: u64,
    /// When its inode last changed, in nanoseconds.
    pub(super) changed: i128,
    /// When its bytes last changed, in nanoseconds.
    pub(super) modified: i128,
    /// When it was made, where the file system knows, in nanoseconds.
    pub(super) born: Option<i128>,
    /// When it began anew, in nanoseconds, where a truncation made it.
    pub(super) restarted: i128,
    pub(super) place: Place,
    /// When it last grew.
    pub(super) grown_at: Monotonic,
    /// Since when it is where it is; none where the next look will tell.
    pub(super) placed_at: Option<Monotonic>,
    /// That is so short that what is younger in its stream waits for its last record.
    pub(super) is_waited_for: bool,
    /// When it was last written to, growing or not.
    pub(super) written_at: Monotonic,
    /// When it last grew, lost its name or was settled further.
    pub(super) stirred_at: Monotonic,
    /// What was settled at the last look.
    pub(super) settled_then: u64,
    /// Since when neither it nor its folder is there.
    pub(super) missing_since: Option<Monotonic>,
    pub(super) descriptor: Option<File>,
    /// When it was last read, as a count of reads.
    pub(super) used: u64,
    /// Everything before this offset was offered: without more than that there is nothing new to offer.
    pub(super) offered: u64,
    /// Until when what was offered up to an offset, and not all taken, is not offered again with the little that grew since.
    pub(super) rests: (u64, Monotonic),
    /// That is so now.
    pub(super) is_resting: bool,
    /// What may follow its last byte: whether an unfinished record or line is to be taken too.
    pub(super) ending: Ending,
    /// As what its last bytes were offered.
    pub(super) offered_as: Ending,
    /// The window held no complete record: the next one is wider.
    pub(super) needs_wide: bool,
    /// How its bytes become text, once that is known.
    pub(super) encoding: Option<Encoding>,
    pub(super) is_queued: bool,
    /// It could not be read; the next look lets it try again.
    pub(super) is_stuck: bool,
    /// A read of it failed in this run.
    pub(super) has_failed: bool,
    /// When it was offered for removal last.
    pub(super) offered_at: Option<Monotonic>,
    /// When it was offered for removal first, perhaps before it last grew (see [`Row::first_offer`]).
    pub(super) first_offered_at: Option<Monotonic>,
    /// A read found other bytes before the mark than there were.
    pub(super) is_suspect: bool,
    /// A look found it and told so.
    pub(super) is_announced: bool,
    /// It is a copy of this file and is read only once that one is truncated.
    pub(super) copy_of: Option<FileId>,
    /// It holds the rest of this file, which was truncated: nothing here is settled before that one is up to its end.
    pub(super) heir_of: Option<FileId>,
    /// What was acknowledged of it while it waited for that one.
    pub(super) ahead: Option<Mark>,
}

impl Row {
    /// A file that was never looked at, to be read from its beginning.
    pub(super) fn new(entry: usize, inode: Inode, path: Arc<Path>, first_path: Arc<Path>, stream: StreamName) -> Self {
        Self {
            entry,
            inode,
            path,
            first_path,
            stream,
            head: Fingerprint::default(),
            read: Mark::default(),
            settled: Mark::default(),
            skipped: 0,
            size: 0,
            changed: i128::MIN,
            modified: i128::MIN,
            born: None,
            restarted: i128::MIN,
            place: Place::Here,
            grown_at: Monotonic::default(),
            placed_at: None,
            is_waited_for: false,
            written_at: Monotonic::default(),
            stirred_at: Monotonic::default(),
            settled_then: 0,
            missing_since: None,
            descriptor: None,
            used: 0,
            offered: 0,
            rests: (0, Monotonic::default()),
            is_resting: false,
            ending: Ending::Growing,
            offered_as: Ending::Growing,
            needs_wide: false,
            encoding: None,
            is_queued: false,
            is_stuck: false,
            has_failed: false,
            offered_at: None,
            first_offered_at: None,
            is_suspect: false,
            is_announced: false,
            copy_of: None,
            heir_of: None,
            ahead: None,
        }
    }

    /// The same file in another table, where nobody has read of it what is not settled.
    pub(super) fn anew(self, entry: usize) -> Self {
        Self {
            entry,
            read: self.settled,
            // The next look meets it, whatever it finds.
            changed: i128::MIN,
            used: 0,
            offered: 0,
            rests: (0, Monotonic::default()),
            is_resting: false,
            ending: Ending::Growing,
            offered_as: Ending::Growing,
            needs_wide: false,
            encoding: None,
            is_queued: false,
            is_stuck: false,
            offered_at: None,
            first_offered_at: None,
            is_suspect: false,
            is_announced: false,
            copy_of: None,
            heir_of: None,
            ahead: None,
            ..self
        }
    }

    pub(super) fn known(&self, id: FileId) -> Known<'_> {
        Known {
            id,
            entry: self.entry,
            inode: self.inode,
            path: &self.path,
            size: self.size,
            changed: self.changed,
            head: self.head,
            read: self.read,
            is_held: self.descriptor.is_some(),
            is_away: matches!(self.place, Place::Away { .. } | Place::Deleted),
            is_suspect: self.is_suspect,
        }
    }

    /// Whether bytes wait to be offered, or to be offered again because the file's end is a fuller one now.
    pub(super) fn has_more(&self) -> bool {
        let is_end_due = self.ending > self.offered_as;
        let reached = if is_end_due { self.read.offset } else { self.offered.max(self.read.offset) };
        self.size > reached && (is_end_due || !self.is_resting) && self.is_readable()
    }

    /// Whether its last record is not complete yet and is to come before what is younger in its stream.
    pub(super) fn is_awaited(&self) -> bool {
        self.is_waited_for && self.ending == Ending::Growing && self.size > self.read.offset && self.is_readable()
    }

    /// Tells what may follow the last byte, as it is now, and whether what is unfinished is left alone for a while.
    pub(super) fn rest(&mut self, entry: &FileEntry, now: Monotonic) {
        self.ending = if self.is_away() && now.since(self.grown_at) >= entry.partial_line_timeout {
            Ending::Gone
        } else if entry.is_multi_line && now.since(self.written_at) >= QUIET {
            Ending::Quiet
        } else {
            Ending::Growing
        };
        self.offered_as = self.offered_as.min(self.ending);
        let unfinished = self.offered.saturating_sub(self.read.offset);
        if self.rests.0 != self.offered {
            let seconds = Duration::from_secs(unfinished / SEARCHED_BYTES_A_SECOND);
            self.rests = (self.offered, now.after(seconds.min(QUIET)));
        }
        let has_doubled = self.size.saturating_sub(self.read.offset) >= 2 * unfinished;
        self.is_resting = entry.is_multi_line && !has_doubled && now < self.rests.1;
        let placed_at = *self.placed_at.get_or_insert(now);
        self.is_waited_for = entry.is_multi_line && now.since(placed_at) < LONGEST_WAIT;
    }

    pub(super) fn is_readable(&self) -> bool {
        self.place != Place::Expected && self.copy_of.is_none() && !self.is_suspect && !self.is_stuck
    }

    /// Everything was read: without its descriptor it loses nothing that is there now.
    pub(super) fn is_read(&self) -> bool {
        self.read.offset >= self.size
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled.offset >= self.read.offset && self.heir_of.is_none()
    }

    pub(super) fn is_away(&self) -> bool {
        matches!(self.place, Place::Away { .. } | Place::Deleted)
    }

    /// When it was offered for removal first since it last grew.
    pub(super) fn first_offer(&self) -> Option<Monotonic> {
        self.first_offered_at.filter(|first| *first >= self.grown_at)
    }

    /// Whether its path leads to it, so that it can be opened again.
    pub(super) fn can_reopen(&self) -> bool {
        matches!(self.place, Place::Here | Place::Away { is_found: true })
    }

    /// Has the fingerprint cover what was written since, while the file is short. Where it does not fit any more the file is
    /// suspect.
    pub(super) fn grow_head(&mut self) {
        if self.head.length >= (HEAD_BYTES as u64).min(self.size) {
            return;
        }
        // What cannot be read now is looked at with the next read.
        match self.descriptor.as_ref().map(|file| read::grown(file, self.head)) {
            Some(Ok(Some(head))) => self.head = head,
            Some(Ok(None)) => self.is_suspect = true,
            Some(Err(_)) | None => {}
        }
    }

    pub(super) fn saved(&self, key: &str) -> SavedFile {
        SavedFile {
            entry: key.to_owned(),
            device: self.inode.device,
            inode: self.inode.number,
            path: self.path.to_path_buf(),
            first_path: self.first_path.to_path_buf(),
            stream: self.stream.clone(),
            head: self.head,
            settled: self.settled,
            skipped: self.skipped,
        }
    }

    /// Takes in what a look told of it.
    pub(super) fn note(&mut self, stat: &Stat, now: Monotonic) {
        if stat.size != self.size {
            (self.stirred_at, self.grown_at) = (now, now);
            (self.ending, self.offered_as) = (Ending::Growing, Ending::Growing);
        } else if stat.modified != self.modified && stat.size > self.read.offset {
            // Bytes were written over others that we have not read yet.
            self.offered = 0;
        }
        if stat.size != self.size || stat.modified != self.modified {
            self.written_at = now;
        }
        (self.size, self.changed, self.modified, self.born) = (stat.size, stat.changed, stat.modified, stat.born);
    }
}

/// What the file system says of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stat {
    pub(super) inode: Inode,
    pub(super) size: u64,
    pub(super) changed: i128,
    pub(super) modified: i128,
    pub(super) born: Option<i128>,
    pub(super) links: u64,
    pub(super) is_file: bool,
}

impl Stat {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        let born = metadata.created().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        Self {
            inode: Inode { device: metadata.dev(), number: metadata.ino() },
            size: metadata.len(),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            // A duration's nanoseconds fit an i128 many times over.
            born: born.and_then(|since| i128::try_from(since.as_nanos()).ok()),
            links: metadata.nlink(),
            is_file: metadata.is_file(),
        }
    }
}
