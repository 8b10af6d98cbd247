use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use fabric_ledger::{
    KeyModification, KeyRange, Row, Space, Store, StoreError, TxRecord, Version, Versioned,
};
use fabric_protos::rwset::TxPvtReadWriteSet;
use redb::ReadOnlyTable;

use super::database::{BLOCKS, HASHES, HISTORY, STATE, TRANSACTIONS, plaintext_name, private_name};
use super::error::LedgerError;
use super::hold::Hold;
use super::{codec, plaintext};

type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Everything committed up to one height. Readers share it until the next block replaces it.
pub(crate) struct Snapshot {
    height: u64,
    blocks: ReadOnlyTable<u64, &'static [u8]>,
    hashes: ReadOnlyTable<&'static [u8], u64>,
    state: Rows,
    transactions: Rows,
    history: Rows,
    private: BTreeMap<String, Rows>,
    plaintext: BTreeMap<String, Rows>,
    _hold: Hold,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("height", &self.height).finish_non_exhaustive()
    }
}

impl Snapshot {
    pub(super) fn open(
        database: &redb::Database,
        hold: Hold,
        peers: &[String],
        height: u64,
    ) -> Result<Self, LedgerError> {
        use redb::ReadableDatabase as _;
        let transaction = database.begin_read()?;
        let (mut private, mut plaintext) = (BTreeMap::new(), BTreeMap::new());
        for msp_id in peers {
            let name = private_name(msp_id);
            let table = transaction.open_table(redb::TableDefinition::new(&name))?;
            private.insert(msp_id.clone(), table);
            let name = plaintext_name(msp_id);
            let table = transaction.open_table(redb::TableDefinition::new(&name))?;
            plaintext.insert(msp_id.clone(), table);
        }
        Ok(Self {
            height,
            blocks: transaction.open_table(BLOCKS)?,
            hashes: transaction.open_table(HASHES)?,
            state: transaction.open_table(STATE)?,
            transactions: transaction.open_table(TRANSACTIONS)?,
            history: transaction.open_table(HISTORY)?,
            private,
            plaintext,
            _hold: hold,
        })
    }

    /// How many blocks there are.
    pub(crate) const fn height(&self) -> u64 {
        self.height
    }

    /// A block's bytes.
    pub(crate) fn block(&self, number: u64) -> Result<Option<Bytes>, StoreError> {
        let found = self.blocks.get(number).map_err(StoreError::new)?;
        Ok(found.map(|row| Bytes::copy_from_slice(row.value())))
    }

    /// Number of the block whose header has this hash.
    pub(crate) fn block_by_hash(&self, hash: &[u8]) -> Result<Option<u64>, StoreError> {
        let found = self.hashes.get(hash).map_err(StoreError::new)?;
        Ok(found.map(|row| row.value()))
    }

    /// What an organisation's peer holds in clear of a block's private writes, by transaction, of
    /// the collections (by chaincode and name) that the reader may have.
    pub(crate) fn private_data(
        &self,
        msp_id: &str,
        number: u64,
        may_have: &dyn Fn(&str, &str) -> bool,
    ) -> Result<BTreeMap<u64, TxPvtReadWriteSet>, StoreError> {
        match self.plaintext.get(msp_id) {
            Some(rows) => plaintext::of_block(rows, number, may_have),
            None => Err(StoreError::new("there is no such peer")),
        }
    }

    /// Number of the last block.
    pub(crate) fn last_block(&self) -> Result<Option<u64>, StoreError> {
        use redb::ReadableTable as _;
        let last = self.blocks.last().map_err(StoreError::new)?;
        Ok(last.map(|(number, _)| number.value()))
    }
}

fn damaged() -> StoreError {
    StoreError::new("a row cannot be decoded")
}

fn get(table: &Rows, key: &[u8]) -> Result<Option<Versioned>, StoreError> {
    let Some(row) = table.get(key).map_err(StoreError::new)? else { return Ok(None) };
    codec::read_versioned(row.value()).map(Some).ok_or_else(damaged)
}

fn version(table: &Rows, key: &[u8]) -> Result<Option<Version>, StoreError> {
    let Some(row) = table.get(key).map_err(StoreError::new)? else { return Ok(None) };
    codec::read_version(row.value()).map(Some).ok_or_else(damaged)
}

fn metadata(table: &Rows, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
    let Some(row) = table.get(key).map_err(StoreError::new)? else { return Ok(None) };
    let (_, metadata, _) = codec::read_row(row.value()).ok_or_else(damaged)?;
    Ok((!metadata.is_empty()).then(|| Bytes::copy_from_slice(metadata)))
}

fn scan(
    table: &Rows,
    space: Space<'_>,
    range: KeyRange<'_>,
    visit: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    if range.is_empty() {
        return Ok(());
    }
    let (from, to) = space.bounds(range);
    let prefix = space.prefix().len();
    for row in table.range::<&[u8]>(from.as_slice()..to.as_slice()).map_err(StoreError::new)? {
        let (key, value) = row.map_err(StoreError::new)?;
        let (_, key) = key.value().split_at_checked(prefix).ok_or_else(damaged)?;
        let (version, _, value) = codec::read_row(value.value()).ok_or_else(damaged)?;
        if visit(Row { key, value, version }).is_break() {
            break;
        }
    }
    Ok(())
}

impl Store for Snapshot {
    fn get(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Versioned>, StoreError> {
        get(&self.state, &space.key(key))
    }

    fn version(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Version>, StoreError> {
        version(&self.state, &space.key(key))
    }

    fn metadata(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        metadata(&self.state, &space.key(key))
    }

    fn scan(
        &self,
        space: Space<'_>,
        range: KeyRange<'_>,
        visit: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        scan(&self.state, space, range, visit)
    }

    fn history(
        &self,
        namespace: &str,
        key: &str,
        before: Option<Version>,
        visit: &mut dyn FnMut(KeyModification) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let prefix = codec::history_prefix(namespace, key);
        let (mut from, mut to) = (prefix.clone(), prefix);
        from.extend(codec::version(Version::new(0, 0)));
        to.extend(codec::version(before.unwrap_or(Version::new(u64::MAX, u64::MAX))));
        let rows = self.history.range::<&[u8]>(from.as_slice()..to.as_slice());
        for row in rows.map_err(StoreError::new)?.rev() {
            let (key, value) = row.map_err(StoreError::new)?;
            let row = codec::read_history_row(key.value(), value.value()).ok_or_else(damaged)?;
            if visit(row).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn transaction(&self, tx_id: &str) -> Result<Option<TxRecord>, StoreError> {
        let key = codec::tx_id(tx_id);
        let found = self.transactions.get(key.as_slice()).map_err(StoreError::new)?;
        let Some(row) = found else { return Ok(None) };
        codec::read_tx_record(row.value()).map(Some).ok_or_else(damaged)
    }
}

/// One peer's plaintext at a snapshot's height: its private spaces only.
#[derive(Clone, Debug)]
pub(crate) struct PeerSnapshot {
    snapshot: Arc<Snapshot>,
    msp_id: Arc<str>,
}

impl PeerSnapshot {
    pub(crate) fn new(snapshot: Arc<Snapshot>, msp_id: Arc<str>) -> Self {
        Self { snapshot, msp_id }
    }

    fn table(&self) -> Result<&Rows, StoreError> {
        let table = self.snapshot.private.get(&*self.msp_id);
        table.ok_or_else(|| StoreError::new("there is no such peer"))
    }
}

impl Store for PeerSnapshot {
    fn get(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Versioned>, StoreError> {
        get(self.table()?, &space.key(key))
    }

    fn version(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Version>, StoreError> {
        version(self.table()?, &space.key(key))
    }

    fn scan(
        &self,
        space: Space<'_>,
        range: KeyRange<'_>,
        visit: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        scan(self.table()?, space, range, visit)
    }

    fn history(
        &self,
        _namespace: &str,
        _key: &str,
        _before: Option<Version>,
        _visit: &mut dyn FnMut(KeyModification) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        // Private data has no history; that of public keys is in the shared snapshot.
        Ok(())
    }

    fn transaction(&self, tx_id: &str) -> Result<Option<TxRecord>, StoreError> {
        self.snapshot.transaction(tx_id)
    }
}
