//! What a peer holds in clear of each block: the private writes of its transactions, as they came.
//!
//! State keeps the newest value of a key; this keeps every write, for those who follow blocks with
//! private data, until the collection's time to live has passed or the key is purged.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric_ledger::lifetime::{expires_at, scrub};
use fabric_ledger::{Purge, StoreError, Version, Versioned};
use fabric_protos::rwset::{CollectionPvtReadWriteSet, NsPvtReadWriteSet, TxPvtReadWriteSet};
use redb::{ReadOnlyTable, ReadableTable as _};

use super::codec;
use super::commit::{BlockToLive, Rows};
use super::error::LedgerError;

/// Private writes of one transaction to one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plaintext {
    pub(crate) version: Version,
    pub(crate) namespace: String,
    pub(crate) collection: String,
    /// A marshalled `KVRWSet`.
    pub(crate) rwset: Bytes,
}

/// Adds rows of transactions.
pub(super) fn add(
    rows: &mut Rows<'_>,
    expiry: &mut Rows<'_>,
    added: &[Plaintext],
    block_to_live: BlockToLive<'_>,
) -> Result<(), LedgerError> {
    for Plaintext { version, namespace, collection, rwset } in added {
        let key = codec::plaintext_key(*version, namespace, collection);
        let value = Versioned::new(rwset.clone(), *version);
        rows.insert(key.as_slice(), codec::versioned(&value).as_slice())?;
        if let Some(block) = expires_at(version.block, block_to_live(namespace, collection)) {
            let at = [&block.to_be_bytes()[..], &key].concat();
            expiry.insert(at.as_slice(), codec::version(*version).as_slice())?;
        }
    }
    Ok(())
}

/// Removes what a purge is about, up to the purging transaction's own write. Every row is looked
/// at: purges are rare.
pub(super) fn purge(rows: &mut Rows<'_>, purges: &[Purge]) -> Result<(), LedgerError> {
    if purges.is_empty() {
        return Ok(());
    }
    let mut changed: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
    for row in rows.iter()? {
        let (key, value) = row?;
        let (version, namespace, collection) =
            codec::read_plaintext_key(key.value()).ok_or_else(damaged)?;
        let (_, _, rwset) = codec::read_row(value.value()).ok_or_else(damaged)?;
        if let Some(rest) = scrub(rwset, version, (&namespace, &collection), purges)? {
            let rest = (!rest.is_empty()).then(|| codec::versioned(&Versioned::new(rest, version)));
            changed.push((key.value().to_vec(), rest));
        }
    }
    for (key, rest) in changed {
        match rest {
            Some(row) => rows.insert(key.as_slice(), row.as_slice())?,
            None => rows.remove(key.as_slice())?,
        };
    }
    Ok(())
}

/// The private writes of a block by the index of their transaction, of those collections that the
/// reader may have.
pub(super) fn of_block(
    rows: &ReadOnlyTable<&'static [u8], &'static [u8]>,
    number: u64,
    may_have: &dyn Fn(&str, &str) -> bool,
) -> Result<BTreeMap<u64, TxPvtReadWriteSet>, StoreError> {
    let from = number.to_be_bytes();
    let mut found: BTreeMap<u64, TxPvtReadWriteSet> = BTreeMap::new();
    for row in rows.range::<&[u8]>(from.as_slice()..).map_err(StoreError::new)? {
        let (key, value) = row.map_err(StoreError::new)?;
        let (version, namespace, collection) =
            codec::read_plaintext_key(key.value()).ok_or_else(damaged)?;
        if version.block != number {
            break;
        }
        if !may_have(&namespace, &collection) {
            continue;
        }
        let (_, _, rwset) = codec::read_row(value.value()).ok_or_else(damaged)?;
        let row = CollectionPvtReadWriteSet {
            collection_name: collection,
            rwset: Bytes::copy_from_slice(rwset),
        };
        let namespaces = &mut found.entry(version.tx).or_default().ns_pvt_rwset;
        // Rows are in the order of chaincode and collection.
        match namespaces.last_mut().filter(|last| last.namespace == namespace) {
            Some(last) => last.collection_pvt_rwset.push(row),
            None => {
                namespaces.push(NsPvtReadWriteSet { namespace, collection_pvt_rwset: vec![row] });
            }
        }
    }
    Ok(found)
}

fn damaged() -> StoreError {
    StoreError::new("a row of private data cannot be decoded")
}
