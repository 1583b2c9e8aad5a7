//! The database in the store's file: its tables, its transactions, and how it is opened without trusting it.
//!
//! The rule that is easy to break: redb checks the checksums of a file only where its header says that the last run did not end
//! well; a file whose header says otherwise is taken at its word, and damage in it makes redb panic, which ends this program.
//! So the header is read with that flag set, always ([`Checked`]), and every page is checked before one of them is used. The
//! figures are in `docs/decisions/0001-state-store.md`.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};

use super::checked::Checked;
use super::codec;
use super::disk::Disk;
use super::{Changes, Page, RoundId, Waiting};
use crate::record::{BootId, Identity, Offset, SavedFile, SavedJournal};

/// Everything but rounds; a key's first byte says what it is of.
const SMALL: TableDefinition<&[u8], &[u8]> = TableDefinition::new("small");
const ROUNDS: TableDefinition<u64, &[u8]> = TableDefinition::new("rounds");

/// First bytes of keys in [`SMALL`].
const FILE: u8 = b'f';
const ENTRY: u8 = b'e';
const JOURNAL: u8 = b'j';
const BOOT: u8 = b'b';
const IDENTITY: u8 = b'i';
/// The key under which the layout's version stands.
const VERSION_KEY: &[u8] = b"version";
/// The layout of keys and tables; values have format bytes of their own.
const VERSION: &[u8] = &[1];

/// What redb may keep of the file in memory. A commit of ours touches some ten pages of 4 KiB.
const CACHE_BYTES: usize = 256 * 1024;

/// A store's file under this size is not worth compacting.
const COMPACT_FROM_BYTES: u64 = 4 * 1024 * 1024;

/// Why a database did not open.
#[derive(Debug)]
pub(super) enum Fault {
    /// What the file holds is not a state that we wrote; the reason.
    Damaged(String),
    /// It may be sound, but it cannot be written.
    NotWritten(redb::Error),
}

/// An open database and what waits in it.
#[derive(Debug)]
pub(super) struct Engine {
    db: Database,
    pub(super) waiting: Waiting,
}

impl Engine {
    /// Begins a database on an empty disk; it is durable on return.
    pub(super) fn create(disk: Arc<dyn Disk>) -> Result<Self, redb::Error> {
        let db = database(Checked { disk, write_failed: Arc::default() })?;
        let txn = db.begin_write()?;
        txn.open_table(SMALL)?.insert(VERSION_KEY, VERSION)?;
        txn.open_table(ROUNDS)?;
        txn.commit()?;
        Ok(Self { db, waiting: Waiting::default() })
    }

    /// Opens what an earlier run left, after every page of it has proved sound.
    pub(super) fn open(disk: Arc<dyn Disk>) -> Result<Self, Fault> {
        let write_failed = Arc::new(AtomicBool::new(false));
        let fault = |e: redb::Error| {
            if write_failed.load(Ordering::Relaxed) { Fault::NotWritten(e) } else { Fault::Damaged(e.to_string()) }
        };
        let mut db = database(Checked { disk: disk.clone(), write_failed: write_failed.clone() }).map_err(&fault)?;
        let (waiting, idle_boots) = survey(&db).map_err(|e| match e {
            Bad::Store(e) => fault(e),
            Bad::Value(e) => Fault::Damaged(e.to_string()),
        })?;
        compact(&mut db, &*disk).map_err(&fault)?;
        let mut engine = Self { db, waiting };
        engine.forget_boots(&idle_boots).map_err(&fault)?;
        Ok(engine)
    }

    /// Makes `changes` durable as a whole, or not at all. Changes that change nothing write nothing.
    pub(super) fn commit(&mut self, changes: &Changes) -> Result<(), redb::Error> {
        let txn = self.db.begin_write()?;
        let mut waiting = self.waiting;
        let changed = change_small(&txn, changes)? | change_rounds(&txn, changes, &mut waiting)?;
        if changed {
            txn.commit()?;
            self.waiting = waiting;
        } else {
            txn.abort()?;
        }
        Ok(())
    }

    /// Every saved position.
    pub(super) fn files(&self) -> Result<Vec<SavedFile>, Bad> {
        let mut files = Vec::new();
        self.each_small(FILE, |key, value| {
            files.push(codec::file(key, value)?);
            Ok(())
        })?;
        Ok(files)
    }

    /// The keys of all config entries that were ever followed.
    pub(super) fn entries(&self) -> Result<BTreeSet<String>, Bad> {
        let mut entries = BTreeSet::new();
        self.each_small(ENTRY, |key, _| {
            entries.extend(text(key));
            Ok(())
        })?;
        Ok(entries)
    }

    /// Every saved place in a journal.
    pub(super) fn journals(&self) -> Result<Vec<SavedJournal>, Bad> {
        let mut journals = Vec::new();
        self.each_small(JOURNAL, |key, value| {
            journals.push(codec::journal(key, value)?);
            Ok(())
        })?;
        Ok(journals)
    }

    /// The offsets of boots.
    pub(super) fn boots(&self) -> Result<Vec<(BootId, Offset)>, Bad> {
        let mut boots = Vec::new();
        self.each_small(BOOT, |key, value| {
            boots.extend(text(key).map(BootId).zip(offset(value)));
            Ok(())
        })?;
        Ok(boots)
    }

    /// The identities that Cognito gave.
    pub(super) fn identities(&self) -> Result<Vec<Identity>, Bad> {
        let mut identities = Vec::new();
        self.each_small(IDENTITY, |key, value| {
            identities.extend(text(key).zip(text(value)).map(|(key, id)| Identity { key, id }));
            Ok(())
        })?;
        Ok(identities)
    }

    /// Waiting rounds from `from` on, at most `count` of them and `bytes` bytes, but one at least.
    pub(super) fn rounds(&self, from: RoundId, count: usize, bytes: usize) -> Result<Page, Bad> {
        let mut page = Page::default();
        let mut room = bytes;
        let txn = self.db.begin_read()?;
        for item in txn.open_table(ROUNDS)?.range(from.0..)?.take(count) {
            let (id, value) = item?;
            let (id, value) = (RoundId(id.value()), value.value());
            if page.is_empty() || value.len() <= room {
                room = room.saturating_sub(value.len());
            } else {
                break;
            }
            match codec::round(value) {
                Ok(round) => page.rounds.push((id, round)),
                Err(_) => page.unreadable.push(id),
            }
        }
        Ok(page)
    }

    fn each_small(&self, kind: u8, mut each: impl FnMut(&[u8], &[u8]) -> Result<(), Bad>) -> Result<(), Bad> {
        let txn = self.db.begin_read()?;
        for item in txn.open_table(SMALL)?.range([kind].as_slice()..[kind + 1].as_slice())? {
            let (key, value) = item?;
            each(&key.value()[1..], value.value())?;
        }
        Ok(())
    }

    fn forget_boots(&mut self, boots: &[Vec<u8>]) -> Result<(), redb::Error> {
        if boots.is_empty() {
            return Ok(());
        }
        let txn = self.db.begin_write()?;
        {
            let mut small = txn.open_table(SMALL)?;
            for key in boots {
                small.remove(key.as_slice())?;
            }
        }
        Ok(txn.commit()?)
    }
}

/// What can be wrong with a read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Bad {
    #[error(transparent)]
    Store(redb::Error),
    #[error(transparent)]
    Value(#[from] codec::Unreadable),
}

impl<E: Into<redb::Error>> From<E> for Bad {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

fn database(disk: Checked) -> Result<Database, redb::Error> {
    Ok(redb::Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(disk)?)
}

/// Reads the whole database once: every value must be one that we can read, and what waits is counted.
/// Also the keys of boots of which no round waits any more.
fn survey(db: &Database) -> Result<(Waiting, Vec<Vec<u8>>), Bad> {
    let txn = db.begin_read()?;
    let mut waiting = Waiting::default();
    let mut boots = BTreeSet::new();
    for item in txn.open_table(ROUNDS)?.iter()? {
        let (id, value) = item?;
        waiting.add(RoundId(id.value()), value.value().len());
        // One that cannot be read says so when its turn comes: it does not cost the others.
        boots.extend(codec::round_boot(value.value()).map(str::to_owned));
    }
    let small = txn.open_table(SMALL)?;
    let version = small.get(VERSION_KEY)?.map(|version| version.value().to_vec());
    if version.as_deref() != Some(VERSION) {
        return Err(unknown_version(version.as_deref()).into());
    }
    let mut idle = Vec::new();
    for item in small.iter()? {
        let (key, value) = item?;
        match key.value().split_first() {
            Some((&FILE, rest)) => drop(codec::file(rest, value.value())?),
            Some((&JOURNAL, rest)) => drop(codec::journal(rest, value.value())?),
            Some((&BOOT, rest)) if !text(rest).is_some_and(|boot| boots.contains(&boot)) => {
                idle.push(key.value().to_vec())
            }
            _ => {}
        }
    }
    Ok((waiting, idle))
}

fn unknown_version(version: Option<&[u8]>) -> codec::Unreadable {
    let why = match version {
        Some([version]) => format!("layout {version} is not known to this version"),
        Some(_) | None => "it does not say its layout".to_owned(),
    };
    codec::Unreadable { what: "state", why }
}

/// redb uses the room of removed values again, but gives none back while it lies before something in use: after a long outage
/// the file keeps its size. Here, at the start, nothing else uses it.
fn compact(db: &mut Database, disk: &dyn Disk) -> Result<(), redb::Error> {
    let size = disk.size()?;
    if size < COMPACT_FROM_BYTES {
        return Ok(());
    }
    let txn = db.begin_read()?;
    let used = txn.open_table(ROUNDS)?.stats()?.stored_bytes() + txn.open_table(SMALL)?.stats()?.stored_bytes();
    drop(txn);
    if used < size / 4 {
        db.compact()?;
    }
    Ok(())
}

fn change_small(txn: &redb::WriteTransaction, changes: &Changes) -> Result<bool, redb::Error> {
    if changes.save.is_empty()
        && changes.forget.is_empty()
        && changes.journals.is_empty()
        && changes.forget_journals.is_empty()
        && changes.entries.is_empty()
        && changes.boot_offset.is_none()
        && changes.identity.is_none()
    {
        return Ok(false);
    }
    let mut small = txn.open_table(SMALL)?;
    let mut changed = false;
    for file in &changes.forget {
        let key = key(FILE, &codec::file_key(&file.entry, file.device, file.inode));
        changed |= small.remove(key.as_slice())?.is_some();
    }
    for entry in &changes.forget_journals {
        changed |= small.remove(key(JOURNAL, entry.as_bytes()).as_slice())?.is_some();
    }
    let mut put = |key: &[u8], value: &[u8]| -> Result<(), redb::Error> {
        if small.get(key)?.is_none_or(|old| old.value() != value) {
            small.insert(key, value)?;
            changed = true;
        }
        Ok(())
    };
    for file in &changes.save {
        let value = codec::file_value(file).map_err(io::Error::other)?;
        put(&key(FILE, &codec::file_key(&file.entry, file.device, file.inode)), &value)?;
    }
    for journal in &changes.journals {
        let value = codec::journal_value(journal).map_err(io::Error::other)?;
        put(&key(JOURNAL, journal.entry.as_bytes()), &value)?;
    }
    for entry in &changes.entries {
        put(&key(ENTRY, entry.as_bytes()), &[])?;
    }
    if let Some((boot, offset)) = &changes.boot_offset {
        put(&key(BOOT, boot.0.as_bytes()), &offset.0.to_be_bytes())?;
    }
    if let Some(identity) = &changes.identity {
        put(&key(IDENTITY, identity.key.as_bytes()), identity.id.as_bytes())?;
    }
    Ok(changed)
}

fn change_rounds(txn: &redb::WriteTransaction, changes: &Changes, waiting: &mut Waiting) -> Result<bool, redb::Error> {
    if changes.add_rounds.is_empty() && changes.remove_rounds.is_empty() {
        return Ok(false);
    }
    let mut rounds = txn.open_table(ROUNDS)?;
    let mut changed = false;
    for (id, round) in &changes.add_rounds {
        let value = codec::round_value(round).map_err(io::Error::other)?;
        if let Some(old) = rounds.insert(id.0, value.as_slice())? {
            waiting.subtract(old.value().len());
        }
        waiting.add(*id, value.len());
        changed = true;
    }
    for id in &changes.remove_rounds {
        if let Some(old) = rounds.remove(id.0)? {
            waiting.subtract(old.value().len());
            changed = true;
        }
    }
    waiting.oldest = rounds.first()?.map(|(id, _)| RoundId(id.value()));
    waiting.newest = rounds.last()?.map(|(id, _)| RoundId(id.value()));
    Ok(changed)
}

fn key(kind: u8, rest: &[u8]) -> Vec<u8> {
    [&[kind], rest].concat()
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

fn offset(bytes: &[u8]) -> Option<Offset> {
    Some(Offset(i64::from_be_bytes(bytes.try_into().ok()?)))
}
