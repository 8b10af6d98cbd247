//! Plaintext of transactions that are endorsed and not committed yet: it has to be there after a
//! restart, since the transaction can still be submitted then.

use std::sync::{Mutex, MutexGuard, PoisonError};

use fabric_ledger::{StoreError, sha256};
use fabric_protos::rwset::TxPvtReadWriteSet;
use prost::Message as _;
use redb::{ReadableTable as _, TableDefinition, WriteTransaction};

use super::codec;
use super::commit::Rows;
use super::database::{Database, TRANSACTIONS, transient_name};
use super::error::LedgerError;

/// What one peer holds of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    /// The peer's organisation.
    pub(crate) msp_id: String,
    pub(crate) tx_id: String,
    /// The ledger's height when it was simulated.
    pub(crate) height: u64,
    pub(crate) set: TxPvtReadWriteSet,
}

/// Plaintext on its way to the disk.
#[derive(Debug, Default)]
pub(super) struct Holding {
    waiting: Mutex<Vec<Held>>,
    /// Held by whoever writes what waits, for everybody else too.
    turn: Mutex<()>,
}

impl Database {
    /// Writes plaintext durably. Calls at a time share a write.
    pub(crate) fn hold(&self, rows: Vec<Held>) -> Result<(), LedgerError> {
        lock(&self.holding.waiting).extend(rows);
        let _turn = lock(&self.holding.turn);
        let rows = std::mem::take(&mut *lock(&self.holding.waiting));
        if rows.is_empty() {
            // Whoever had the turn before has written these, too.
            return Ok(());
        }
        let written = self.write_held(&rows);
        if written.is_err() {
            // Those that wait for these rows have to fail for themselves.
            lock(&self.holding.waiting).extend(rows);
        }
        written
    }

    fn write_held(&self, rows: &[Held]) -> Result<(), LedgerError> {
        let transaction = self.begin()?;
        for Held { msp_id, tx_id, height, set } in rows {
            let name = transient_name(msp_id);
            let mut table: Rows<'_> = transaction.open_table(TableDefinition::new(&name))?;
            let set = set.encode_to_vec();
            let key = [codec::tx_id(tx_id).as_slice(), sha256(&set).as_slice()].concat();
            let row = [height.to_be_bytes().as_slice(), &set].concat();
            table.insert(key.as_slice(), row.as_slice())?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// What a peer held when the devnet stopped, the oldest first, without what was committed
    /// meanwhile.
    pub(crate) fn held(&self, msp_id: &str) -> Result<Vec<Held>, LedgerError> {
        let transaction = self.begin()?;
        let mut held = Vec::new();
        {
            let name = transient_name(msp_id);
            let mut table: Rows<'_> = transaction.open_table(TableDefinition::new(&name))?;
            let committed = transaction.open_table(TRANSACTIONS)?;
            let mut void = Vec::new();
            for row in table.iter()? {
                let (key, value) = row?;
                let (id, row) = read(key.value(), value.value()).ok_or_else(damaged)?;
                if committed.get(id)?.is_some() {
                    void.push(key.value().to_vec());
                } else {
                    held.push(Held { msp_id: msp_id.to_owned(), ..row });
                }
            }
            for key in void {
                table.remove(key.as_slice())?;
            }
        }
        transaction.commit()?;
        held.sort_by_key(|row| row.height);
        Ok(held)
    }
}

/// Removes what a peer holds of a transaction.
pub(super) fn forget(
    transaction: &WriteTransaction,
    msp_id: &str,
    tx_ids: &[&str],
) -> Result<(), LedgerError> {
    let name = transient_name(msp_id);
    let mut table: Rows<'_> = transaction.open_table(TableDefinition::new(&name))?;
    for tx_id in tx_ids {
        let id = codec::tx_id(tx_id);
        let (from, to) =
            ([id.as_slice(), &[0; HASH]].concat(), [id.as_slice(), &[0xff; HASH]].concat());
        let mut keys = Vec::new();
        for row in table.range::<&[u8]>(from.as_slice()..=to.as_slice())? {
            let key = row?.0.value().to_vec();
            // A longer id may begin with this one.
            if key.len() == from.len() {
                keys.push(key);
            }
        }
        for key in keys {
            table.remove(key.as_slice())?;
        }
    }
    Ok(())
}

/// Bytes of the hash that ends a key.
const HASH: usize = 32;

/// The key of the transaction id, and the row.
fn read<'k>(key: &'k [u8], value: &[u8]) -> Option<(&'k [u8], Held)> {
    let (id, _) = key.split_at_checked(key.len().checked_sub(HASH)?)?;
    let (height, set) = value.split_at_checked(size_of::<u64>())?;
    let row = Held {
        msp_id: String::new(),
        tx_id: codec::read_tx_id(id)?,
        height: u64::from_be_bytes(height.try_into().ok()?),
        set: TxPvtReadWriteSet::decode(set).ok()?,
    };
    Some((id, row))
}

fn damaged() -> StoreError {
    StoreError::new("a row of transient data cannot be decoded")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these guard is whole between two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
