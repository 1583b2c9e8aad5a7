//! redb as the agent uses it: two tables, a small cache, a durable commit.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

const SMALL: TableDefinition<&[u8], &[u8]> = TableDefinition::new("small");
const ROUNDS: TableDefinition<u64, &[u8]> = TableDefinition::new("rounds");

pub struct Store(Database);

impl Store {
    pub fn open(folder: &Path) -> Result<Self, redb::Error> {
        let db = Database::builder()
            .set_cache_size(256 * 1024)
            .create(folder.join("state.redb"))?;
        let txn = db.begin_write()?;
        txn.open_table(SMALL)?;
        txn.open_table(ROUNDS)?;
        txn.commit()?;
        // The agent reads everything once at its start.
        let txn = db.begin_read()?;
        let (small, rounds) = (
            txn.open_table(SMALL)?.iter()?.count(),
            txn.open_table(ROUNDS)?.iter()?.count(),
        );
        std::hint::black_box((small, rounds));
        Ok(Self(db))
    }

    pub fn commit(
        &mut self,
        positions: &[(u64, Vec<u8>)],
        add: &[(u64, Vec<u8>)],
        remove: &[u64],
    ) -> Result<(), redb::Error> {
        let txn = self.0.begin_write()?;
        if !positions.is_empty() {
            let mut small = txn.open_table(SMALL)?;
            for (file, value) in positions {
                let key = format!("f/var/log/application-{file}/*.log{file:016}");
                small.insert(key.as_bytes(), value.as_slice())?;
            }
        }
        if !add.is_empty() || !remove.is_empty() {
            let mut rounds = txn.open_table(ROUNDS)?;
            for (id, value) in add {
                rounds.insert(id, value.as_slice())?;
            }
            for id in remove {
                rounds.remove(id)?;
            }
        }
        Ok(txn.commit()?)
    }
}
