use std::path::Path;
use std::sync::{Arc, RwLock};

use redb::{Builder, DatabaseError, TableDefinition, WriteTransaction};

use super::error::LedgerError;
use super::hold::{Hold, Released};
use super::snapshot::Snapshot;
use super::transient::Holding;
use crate::files;

type Rows = TableDefinition<'static, &'static [u8], &'static [u8]>;

pub(super) const META: TableDefinition<'static, &'static str, &'static [u8]> =
    TableDefinition::new("meta");
pub(super) const BLOCKS: TableDefinition<'static, u64, &'static [u8]> =
    TableDefinition::new("blocks");
pub(super) const HASHES: TableDefinition<'static, &'static [u8], u64> =
    TableDefinition::new("hashes");
pub(super) const TRANSACTIONS: Rows = TableDefinition::new("transactions");
pub(super) const STATE: Rows = TableDefinition::new("state");
pub(super) const EXPIRY: Rows = TableDefinition::new("expiry");
pub(super) const HISTORY: Rows = TableDefinition::new("history");

/// The layout this version writes and reads.
const FORMAT: &[u8] = b"2";
const FORMAT_KEY: &str = "format";
const CHANNEL_KEY: &str = "channel";

pub(super) fn private_name(msp_id: &str) -> String {
    format!("private/{msp_id}")
}

pub(super) fn expiry_name(msp_id: &str) -> String {
    format!("expiry/{msp_id}")
}

pub(super) fn plaintext_name(msp_id: &str) -> String {
    format!("plaintext/{msp_id}")
}

pub(super) fn plaintext_expiry_name(msp_id: &str) -> String {
    format!("plaintext-expiry/{msp_id}")
}

pub(super) fn transient_name(msp_id: &str) -> String {
    format!("transient/{msp_id}")
}

/// Where the ledger stands: written with every block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Savepoint {
    /// Number of the last block.
    pub(crate) number: u64,
    /// Hash of its header.
    pub(crate) header_hash: [u8; 32],
    /// Commit hash after it; zeros before block 1.
    pub(crate) commit_hash: [u8; 32],
}

impl Savepoint {
    pub(super) const KEY: &'static str = "savepoint";

    pub(super) fn encode(self) -> Vec<u8> {
        let mut out = self.number.to_be_bytes().to_vec();
        out.extend(self.header_hash);
        out.extend(self.commit_hash);
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (number, rest) = bytes.split_at_checked(8)?;
        let (header_hash, commit_hash) = rest.split_at_checked(32)?;
        Some(Self {
            number: u64::from_be_bytes(number.try_into().ok()?),
            header_hash: header_hash.try_into().ok()?,
            commit_hash: commit_hash.try_into().ok()?,
        })
    }
}

/// The open file and the newest snapshot of it.
#[derive(Debug)]
pub(crate) struct Database {
    path: String,
    peers: Vec<String>,
    database: redb::Database,
    newest: RwLock<Arc<Snapshot>>,
    savepoint: Option<Savepoint>,
    pub(super) holding: Holding,
    hold: Hold,
}

impl Database {
    /// Opens or makes the file for a channel and these peers.
    pub(crate) fn open(
        path: &Path,
        channel: &str,
        peers: &[String],
        cache_bytes: usize,
    ) -> Result<Self, LedgerError> {
        let text = path.display().to_string();
        if let Some(parent) = path.parent() {
            files::create_private_dir(parent)?;
        }
        let database = Builder::new()
            .set_cache_size(cache_bytes)
            .set_repair_callback(|session| {
                let percent = session.progress() * 100.0;
                tracing::info!(percent, "the ledger was not closed: checking its file");
            })
            .create(path)
            .map_err(|err| refused(&text, err))?;
        let savepoint = prepare(&database, &text, channel, peers)?;
        let height = savepoint.map_or(0, |savepoint| savepoint.number.saturating_add(1));
        let hold = Hold::new();
        let newest = Snapshot::open(&database, hold.clone(), peers, height)?;
        let newest = RwLock::new(Arc::new(newest));
        let (peers, holding) = (peers.to_vec(), Holding::default());
        Ok(Self { path: text, peers, database, newest, savepoint, holding, hold })
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Where the ledger stood when it was opened; `None` for an empty one.
    pub(crate) const fn opened_at(&self) -> Option<Savepoint> {
        self.savepoint
    }

    /// Tells when neither the database nor a snapshot of it holds the file any more.
    pub(crate) fn released(&self) -> Released {
        self.hold.released()
    }

    /// All that is committed, durably.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let newest = self.newest.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(&newest)
    }

    pub(super) fn begin(&self) -> Result<WriteTransaction, LedgerError> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(redb::Durability::Immediate)?;
        Ok(transaction)
    }

    pub(super) fn publish(&self, savepoint: Savepoint) -> Result<(), LedgerError> {
        self.show(savepoint.number.saturating_add(1))
    }

    /// Lets readers see what is written at this height.
    pub(super) fn show(&self, height: u64) -> Result<(), LedgerError> {
        let snapshot =
            Arc::new(Snapshot::open(&self.database, self.hold.clone(), &self.peers, height)?);
        *self.newest.write().unwrap_or_else(std::sync::PoisonError::into_inner) = snapshot;
        Ok(())
    }
}

fn refused(path: &str, err: DatabaseError) -> LedgerError {
    match err {
        DatabaseError::DatabaseAlreadyOpen => LedgerError::InUse(path.to_owned()),
        DatabaseError::UpgradeRequired(version) => LedgerError::Foreign {
            path: path.to_owned(),
            reason: format!("has version {version} of the database's own format"),
        },
        DatabaseError::Storage(redb::StorageError::Corrupted(reason)) => {
            LedgerError::Damaged { path: path.to_owned(), reason }
        }
        DatabaseError::Storage(redb::StorageError::Io(err))
            if err.kind() == std::io::ErrorKind::InvalidData =>
        {
            LedgerError::Damaged { path: path.to_owned(), reason: err.to_string() }
        }
        other => LedgerError::Database(Box::new(other.into())),
    }
}

/// Makes the tables of a new file; checks what an old one is for.
fn prepare(
    database: &redb::Database,
    path: &str,
    channel: &str,
    peers: &[String],
) -> Result<Option<Savepoint>, LedgerError> {
    let transaction = database.begin_write()?;
    let savepoint = {
        use redb::ReadableTable as _;
        let mut meta = transaction.open_table(META)?;
        for (key, ours) in [(FORMAT_KEY, FORMAT), (CHANNEL_KEY, channel.as_bytes())] {
            let found = meta.get(key)?.map(|row| row.value().to_vec());
            match found {
                None => {
                    meta.insert(key, ours)?;
                }
                Some(found) if found == ours => {}
                Some(found) => {
                    return Err(LedgerError::Foreign {
                        path: path.to_owned(),
                        reason: format!("has {key} `{}`", String::from_utf8_lossy(&found)),
                    });
                }
            }
        }
        transaction.open_table(BLOCKS)?;
        transaction.open_table(HASHES)?;
        for table in [TRANSACTIONS, STATE, EXPIRY, HISTORY] {
            transaction.open_table(table)?;
        }
        for msp_id in peers {
            for name in [
                private_name(msp_id),
                expiry_name(msp_id),
                plaintext_name(msp_id),
                plaintext_expiry_name(msp_id),
                transient_name(msp_id),
            ] {
                let table: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(&name);
                transaction.open_table(table)?;
            }
        }
        match meta.get(Savepoint::KEY)? {
            None => None,
            Some(row) => Some(Savepoint::decode(row.value()).ok_or_else(|| {
                let reason = "the savepoint cannot be decoded".to_owned();
                LedgerError::Damaged { path: path.to_owned(), reason }
            })?),
        }
    };
    transaction.commit()?;
    Ok(savepoint)
}
