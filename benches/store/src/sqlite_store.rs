//! SQLite at its best for this: write-ahead log, synced at each commit, a small cache.

use std::path::Path;

use rusqlite::{Connection, Error};

pub struct Store(Connection);

impl Store {
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let db = Connection::open(folder.join("state.sqlite"))?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA locking_mode = EXCLUSIVE;
             PRAGMA cache_size = -256; PRAGMA wal_autocheckpoint = 64; PRAGMA journal_size_limit = 1048576;
             CREATE TABLE IF NOT EXISTS small (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS rounds (k INTEGER PRIMARY KEY, v BLOB NOT NULL);",
        )?;
        // What a start needs to trust the file: it has no checksums of its own, but a check of its structure.
        let sound: String = db.query_row("PRAGMA quick_check", [], |row| row.get(0))?;
        let length: i64 = db.query_row("SELECT (SELECT sum(length(v)) FROM small) IS NULL", [], |row| {
            row.get(0)
        })?;
        std::hint::black_box((sound, length));
        Ok(Self(db))
    }

    pub fn commit(
        &mut self,
        positions: &[(u64, Vec<u8>)],
        add: &[(u64, Vec<u8>)],
        remove: &[u64],
    ) -> Result<(), Error> {
        let txn = self.0.transaction()?;
        for (file, value) in positions {
            let key = format!("f/var/log/application-{file}/*.log{file:016}");
            txn.prepare_cached("INSERT OR REPLACE INTO small VALUES (?1, ?2)")?
                .execute((key.as_bytes(), value))?;
        }
        for (id, value) in add {
            txn.prepare_cached("INSERT OR REPLACE INTO rounds VALUES (?1, ?2)")?
                .execute((*id as i64, value))?;
        }
        for id in remove {
            txn.prepare_cached("DELETE FROM rounds WHERE k = ?1")?
                .execute([*id as i64])?;
        }
        txn.commit()
    }
}
