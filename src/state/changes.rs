//! What a commit changes, and what is told of the rounds that wait.
//!
//! The rule that is easy to break: every change may be made twice, and [`Changes::merge`] keeps the order in which they came: a
//! file that is forgotten and then saved is saved, one that is saved and then forgotten is forgotten.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeSet;

use crate::record::{BootId, Identity, Offset, Round, SavedFile, SavedJournal};

/// The number of a waiting round: larger is later, also over restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoundId(pub u64);

/// A followed file, as the store tells it from others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey {
    /// The config entry that follows it.
    pub entry: String,
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

impl From<&SavedFile> for FileKey {
    fn from(file: &SavedFile) -> Self {
        Self { entry: file.entry.clone(), device: file.device, inode: file.inode }
    }
}

/// What one commit changes, as a whole or not at all. Making the same changes twice does no harm. Of one commit's changes the
/// removals of files and journals come before what is saved, and rounds are added before any is removed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Positions, new or moved.
    pub save: Vec<SavedFile>,
    /// Files that are followed no more.
    pub forget: Vec<FileKey>,
    /// Positions in journals, new or moved.
    pub journals: Vec<SavedJournal>,
    /// The config entries of journals of which the position is forgotten.
    pub forget_journals: Vec<String>,
    /// Keys of config entries that are followed from now on.
    pub entries: Vec<String>,
    /// Rounds that wait from now on. Their numbers: [`Waiting::next`] and above.
    pub add_rounds: Vec<(RoundId, Round)>,
    /// Rounds that were sent, or given up.
    pub remove_rounds: Vec<RoundId>,
    /// The offset of this boot, as measured last.
    pub boot_offset: Option<(BootId, Offset)>,
    /// The identity that Cognito gave last.
    pub identity: Option<Identity>,
}

impl Changes {
    /// Takes in changes made after these: committing the result is committing both in turn.
    pub fn merge(&mut self, later: Changes) {
        // Thousands of files may be pending when one more comes: numbers are compared first, and nothing is copied.
        let forgotten = later.forget.iter().map(|key| (key.inode, key.device, key.entry.as_str()));
        let saved = later.save.iter().map(|file| (file.inode, file.device, file.entry.as_str()));
        let overtaken: BTreeSet<_> = forgotten.chain(saved).collect();
        self.save.retain(|file| !overtaken.contains(&(file.inode, file.device, file.entry.as_str())));
        self.forget.extend(later.forget);
        self.save.extend(later.save);
        let overtaken = later.journals.iter().map(|journal| &journal.entry).chain(&later.forget_journals);
        let overtaken: BTreeSet<_> = overtaken.collect();
        self.journals.retain(|journal| !overtaken.contains(&journal.entry));
        self.journals.extend(later.journals);
        self.forget_journals.extend(later.forget_journals);
        self.entries.extend(later.entries);
        let removed: BTreeSet<&RoundId> = later.remove_rounds.iter().collect();
        self.add_rounds.retain(|(id, _)| !removed.contains(id));
        self.add_rounds.extend(later.add_rounds);
        self.remove_rounds.extend(later.remove_rounds);
        self.boot_offset = later.boot_offset.or(self.boot_offset.take());
        self.identity = later.identity.or(self.identity.take());
    }

    /// There is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// The rounds that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub count: u64,
    /// Their size on disk, without the store's own overhead.
    pub bytes: u64,
    /// The oldest.
    pub oldest: Option<RoundId>,
    /// The newest.
    pub newest: Option<RoundId>,
    /// The number that the next one gets, at the least: above all that wait and all that waited in this run.
    pub next: RoundId,
}

impl Waiting {
    pub(super) fn add(&mut self, id: RoundId, bytes: usize) {
        self.count += 1;
        // A usize fits u64 on every machine there is.
        self.bytes += bytes as u64;
        self.oldest = Some(self.oldest.map_or(id, |oldest| oldest.min(id)));
        self.newest = Some(self.newest.map_or(id, |newest| newest.max(id)));
        self.next = self.next.max(RoundId(id.0.saturating_add(1)));
    }

    /// One is gone; the caller sets `oldest` and `newest`.
    pub(super) fn subtract(&mut self, bytes: usize) {
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes as u64);
    }
}

/// Some of the rounds that wait, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The rounds.
    pub rounds: Vec<(RoundId, Round)>,
    /// Rounds among them that this version cannot read: to be counted as lost, and removed.
    pub unreadable: Vec<RoundId>,
}

impl Page {
    /// There was none.
    pub fn is_empty(&self) -> bool {
        self.rounds.is_empty() && self.unreadable.is_empty()
    }
}
