//! The serial stage of validation: read versions, phantoms, and what valid transactions leave.

use std::ops::ControlFlow;

use bytes::Bytes;
use fabric_protos::kvrwset::range_query_info::ReadsInfo;
use fabric_protos::kvrwset::{KvRead, RangeQueryInfo};
use fabric_protos::protos::TxValidationCode;

use crate::batch::{Update, UpdateBatch};
use crate::key_ops::{KeyOp, KeyOps};
use crate::rwset::{NsRwSet, RangeReads, TxRwSet, is_delete, is_hash_delete, read_version};
use crate::space::{KeyRange, Space};
use crate::store::{Row, Store, StoreError};
use crate::version::{Version, Versioned};

/// Validates the transactions of one block against committed state and each other, in order, and
/// gathers what the valid ones write.
///
/// This is all the validation a ledger without envelopes, such as the mock, needs: results of
/// simulations go in, codes and one batch of updates come out.
///
/// ```
/// use fabric_ledger::{BlockStateValidator, MemoryStore, Simulation, Simulator, TxValidationCode};
///
/// let mut store = MemoryStore::default();
/// let private = MemoryStore::default();
/// let results = {
///     let nobody = |_: &str, _: &str| None;
///     let mut tx = Simulator::new(Simulation::new("ch", "t"), &store, &private, nobody);
///     let count = tx.get_state("cc", "count")?.map_or(0, |value| value.len());
///     tx.put_state("cc", "count", vec![1; count + 1].into())?;
///     tx.finish()
/// };
///
/// // The same results twice in a block: the second read what the first one wrote over.
/// let mut block = BlockStateValidator::new(&store, 1);
/// assert_eq!(block.add(0, &results.rwset)?, TxValidationCode::Valid);
/// assert_eq!(block.add(1, &results.rwset)?, TxValidationCode::MvccReadConflict);
/// let updates = block.finish().updates;
/// store.apply(updates);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BlockStateValidator<'s, S> {
    store: &'s S,
    block: u64,
    outcome: BlockState,
}

/// What the valid transactions of a block leave behind in public and hashed state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockState {
    /// Last update of each key.
    pub updates: UpdateBatch,
    /// Private keys whose past has to be forgotten, in block order.
    pub purges: Vec<Purge>,
}

/// A purge of a private key by a valid transaction: everything private written to the key up to
/// this version is to be removed, from old blocks too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purge {
    /// Chaincode name.
    pub namespace: String,
    /// Collection name.
    pub collection: String,
    /// SHA-256 of the key.
    pub key_hash: Bytes,
    /// The purging transaction.
    pub version: Version,
}

impl<'s, S: Store> BlockStateValidator<'s, S> {
    /// Starts block number `block` on the state the blocks before it left.
    pub fn new(store: &'s S, block: u64) -> Self {
        Self { store, block, outcome: BlockState::default() }
    }

    /// Validates the transaction with index `tx` and, if it is valid, takes over its writes.
    ///
    /// Answers `Valid`, `MvccReadConflict` or `PhantomReadConflict`.
    pub fn add(&mut self, tx: u64, rwset: &TxRwSet) -> Result<TxValidationCode, StoreError> {
        for ns in &rwset.namespaces {
            let code = self.validate(ns)?;
            if code != TxValidationCode::Valid {
                return Ok(code);
            }
        }
        self.apply(tx, rwset)?;
        Ok(TxValidationCode::Valid)
    }

    /// Takes over writes that need no validation: those of configuration transactions.
    pub fn apply(&mut self, tx: u64, rwset: &TxRwSet) -> Result<(), StoreError> {
        let version = Version::new(self.block, tx);
        for ns in &rwset.namespaces {
            self.apply_public(ns, version)?;
            self.apply_hashed(ns, version)?;
        }
        Ok(())
    }

    /// The updates gathered so far.
    pub const fn updates(&self) -> &UpdateBatch {
        &self.outcome.updates
    }

    /// Ends the block.
    pub fn finish(self) -> BlockState {
        self.outcome
    }

    fn validate(&self, ns: &NsRwSet) -> Result<TxValidationCode, StoreError> {
        let public = Space::Public { namespace: &ns.namespace };
        for read in &ns.public.reads {
            let seen = read_version(read.version.as_ref());
            if !self.unchanged(public, read.key.as_bytes(), seen)? {
                return Ok(TxValidationCode::MvccReadConflict);
            }
        }
        for range in &ns.public.range_queries_info {
            if !self.range_unchanged(public, range)? {
                return Ok(TxValidationCode::PhantomReadConflict);
            }
        }
        for collection in &ns.collections {
            let space = Space::Hashed { namespace: &ns.namespace, collection: &collection.name };
            for read in &collection.hashed.hashed_reads {
                let seen = read_version(read.version.as_ref());
                if !self.unchanged(space, &read.key_hash, seen)? {
                    return Ok(TxValidationCode::MvccReadConflict);
                }
            }
        }
        Ok(TxValidationCode::Valid)
    }

    /// A key that any earlier valid transaction of the block wrote has changed, whatever it wrote.
    fn unchanged(
        &self,
        space: Space<'_>,
        key: &[u8],
        seen: Option<Version>,
    ) -> Result<bool, StoreError> {
        if self.outcome.updates.get(space, key).is_some() {
            return Ok(false);
        }
        Ok(self.store.version(space, key)? == seen)
    }

    fn range_unchanged(&self, space: Space<'_>, info: &RangeQueryInfo) -> Result<bool, StoreError> {
        match &info.reads_info {
            Some(ReadsInfo::ReadsMerkleHashes(expected)) => {
                // No simulation makes such a degree, and of none a tree can be compared.
                let Some(mut reads) = RangeReads::new(expected.max_degree) else {
                    return Ok(false);
                };
                let mut damaged = None;
                self.merged(space, info, &mut |key, version| match std::str::from_utf8(key) {
                    Ok(key) => {
                        reads.push(key.to_owned(), version);
                        ControlFlow::Continue(())
                    }
                    Err(err) => {
                        damaged = Some(StoreError::new(err));
                        ControlFlow::Break(())
                    }
                })?;
                if let Some(err) = damaged {
                    return Err(err);
                }
                let found = reads.finish();
                Ok(matches!(found, Some(ReadsInfo::ReadsMerkleHashes(found)) if found == *expected))
            }
            Some(ReadsInfo::RawReads(expected)) => {
                self.reads_match(space, info, &expected.kv_reads)
            }
            None => self.reads_match(space, info, &[]),
        }
    }

    fn reads_match(
        &self,
        space: Space<'_>,
        info: &RangeQueryInfo,
        expected: &[KvRead],
    ) -> Result<bool, StoreError> {
        let mut expected = expected.iter();
        let mut same = true;
        self.merged(space, info, &mut |key, version| {
            same = expected.next().is_some_and(|read| {
                // A read of a range without a version counts as (0, 0): rows always have one.
                let seen = read_version(read.version.as_ref()).unwrap_or(Version::new(0, 0));
                read.key.as_bytes() == key && seen == version
            });
            if same { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(same && expected.next().is_none())
    }

    /// The range as it stands now: committed state with the block's updates over it. If the
    /// query was not read to its end, its end is the last key read, which then belongs to it.
    fn merged(
        &self,
        space: Space<'_>,
        info: &RangeQueryInfo,
        visit: &mut dyn FnMut(&[u8], Version) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let range = KeyRange::new(&info.start_key, &info.end_key);
        let mut updates = self.outcome.updates.range(space, range).peekable();
        let mut stopped = ControlFlow::Continue(());
        self.store.scan(space, range, &mut |row: Row<'_>| {
            stopped = (|| {
                while let Some((key, update)) = updates.next_if(|(key, _)| **key < *row.key) {
                    show(key, update, visit)?;
                }
                match updates.next_if(|(key, _)| **key == *row.key) {
                    Some((key, update)) => show(key, update, visit),
                    None => visit(row.key, row.version),
                }
            })();
            stopped
        })?;
        for (key, update) in updates {
            if stopped.is_break() {
                return Ok(());
            }
            stopped = show(key, update, visit);
        }
        if stopped.is_continue() && !info.itr_exhausted {
            let end = info.end_key.as_bytes();
            let version = match self.outcome.updates.get(space, end) {
                Some(update) => update.versioned().map(|versioned| versioned.version),
                None => self.store.version(space, end)?,
            };
            if let Some(version) = version {
                // The last row: whether the visitor wants more does not matter.
                let _ = visit(end, version);
            }
        }
        Ok(())
    }

    fn apply_public(&mut self, ns: &NsRwSet, version: Version) -> Result<(), StoreError> {
        let mut ops = KeyOps::default();
        for write in &ns.public.writes {
            ops.write(copy(&write.key), (!is_delete(write)).then(|| write.value.clone()));
        }
        for write in &ns.public.metadata_writes {
            ops.write_metadata(copy(&write.key), &write.entries);
        }
        self.apply_keys(Space::Public { namespace: &ns.namespace }, ops, version)
    }

    fn apply_hashed(&mut self, ns: &NsRwSet, version: Version) -> Result<(), StoreError> {
        for collection in &ns.collections {
            let mut ops = KeyOps::default();
            for write in &collection.hashed.hashed_writes {
                let value = (!is_hash_delete(write)).then(|| write.value_hash.clone());
                ops.write(write.key_hash.clone(), value);
                if write.is_purge {
                    self.outcome.purges.push(Purge {
                        namespace: ns.namespace.clone(),
                        collection: collection.name.clone(),
                        key_hash: write.key_hash.clone(),
                        version,
                    });
                }
            }
            for write in &collection.hashed.metadata_writes {
                ops.write_metadata(write.key_hash.clone(), &write.entries);
            }
            let space = Space::Hashed { namespace: &ns.namespace, collection: &collection.name };
            self.apply_keys(space, ops, version)?;
        }
        Ok(())
    }

    /// A value keeps the metadata its key has, metadata the value. Metadata of a key without a
    /// value is dropped.
    fn apply_keys(
        &mut self,
        space: Space<'_>,
        ops: KeyOps,
        version: Version,
    ) -> Result<(), StoreError> {
        for (key, op) in ops.finish() {
            let put = |value, metadata| Update::Put(Versioned { value, metadata, version });
            let update = match op {
                KeyOp::Delete => Update::Delete(version),
                KeyOp::Value(value) => put(value, self.latest_metadata(space, &key)?),
                KeyOp::Both(value, metadata) => put(value, metadata),
                KeyOp::Metadata(metadata) => match self.latest(space, &key)? {
                    Some(latest) => put(latest.value, metadata),
                    None => continue,
                },
            };
            self.outcome.updates.insert(space, key, update);
        }
        Ok(())
    }

    fn latest_metadata(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.outcome.updates.get(space, key) {
            Some(update) => Ok(update.versioned().and_then(|versioned| versioned.metadata.clone())),
            None => self.store.metadata(space, key),
        }
    }

    fn latest(&self, space: Space<'_>, key: &[u8]) -> Result<Option<Versioned>, StoreError> {
        match self.outcome.updates.get(space, key) {
            Some(update) => Ok(update.versioned().cloned()),
            None => self.store.get(space, key),
        }
    }
}

fn show(
    key: &[u8],
    update: &Update,
    visit: &mut dyn FnMut(&[u8], Version) -> ControlFlow<()>,
) -> ControlFlow<()> {
    match update.versioned() {
        Some(versioned) => visit(key, versioned.version),
        None => ControlFlow::Continue(()),
    }
}

fn copy(key: &str) -> Bytes {
    Bytes::copy_from_slice(key.as_bytes())
}
