//! How private data ends: by its time, by a purge, and how late plaintext is taken in.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use bytes::Bytes;
use fabric_protos::kvrwset::KvrwSet;
use prost::Message as _;

use crate::batch::{Update, UpdateBatch};
use crate::hash::sha256;
use crate::mvcc::Purge;
use crate::private::{MissingPrivateData, PrivateUpdates};
use crate::rwset::is_delete;
use crate::space::{KeyRange, Space};
use crate::store::{Store, StoreError};
use crate::version::{Version, Versioned};

/// A hash or a private value whose collection limits its life.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry {
    /// The block with which it goes.
    pub at: u64,
    /// Whether this is about the public hash, or about a peer's plaintext.
    pub hashed: bool,
    /// Chaincode name.
    pub namespace: String,
    /// Collection name.
    pub collection: String,
    /// Key hash, or the key itself.
    pub key: Bytes,
    /// The block that wrote it. If another one did since, the entry is void.
    pub written: u64,
}

impl Expiry {
    /// Where the key stands.
    pub fn space(&self) -> Space<'_> {
        let (namespace, collection) = (self.namespace.as_str(), self.collection.as_str());
        if self.hashed {
            Space::Hashed { namespace, collection }
        } else {
            Space::Private { namespace, collection }
        }
    }
}

/// The block with which a value goes that block `written` has written; `None` for data that stays.
///
/// `blocks_to_live` is the collection's `blockToLive`, 0 for ever: with n of them a value of block B
/// goes with block B + n + 1.
pub const fn expires_at(written: u64, blocks_to_live: u64) -> Option<u64> {
    match blocks_to_live {
        0 => None,
        blocks => Some(written.saturating_add(blocks).saturating_add(1)),
    }
}

/// When what a block writes to hashed or private spaces is going to expire.
///
/// `block_to_live` of (chaincode, collection) is 0 for data that stays. A value written in block B
/// with n blocks to live goes with block B + n + 1; writing it again, even its metadata only,
/// starts anew.
pub fn expiries(
    updates: &UpdateBatch,
    block_to_live: impl Fn(&str, &str) -> u64,
) -> impl Iterator<Item = Expiry> {
    updates.iter().filter_map(move |(space, key, update)| {
        let collection = space.collection()?;
        let written = update.versioned()?.version.block;
        let at = expires_at(written, block_to_live(space.namespace(), collection))?;
        Some(Expiry {
            at,
            hashed: matches!(space, Space::Hashed { .. }),
            namespace: space.namespace().to_owned(),
            collection: collection.to_owned(),
            key: key.clone(),
            written,
        })
    })
}

/// Whether what block `written` has written is still what stands there, and no later value.
pub fn is_due(current: Option<Version>, written: u64) -> bool {
    current.is_some_and(|version| version.block == written)
}

/// The deletes that fall due with block `number`, to be carried out together with the block's own
/// `updates`: of keys that were not written again since, nor by the block itself.
///
/// `store` is the state before the block, or the private data of the peer whose entries are due.
pub fn expired<'a>(
    number: u64,
    due: impl IntoIterator<Item = &'a Expiry>,
    store: &impl Store,
    updates: &UpdateBatch,
) -> Result<UpdateBatch, StoreError> {
    let mut deletes = UpdateBatch::default();
    for entry in due {
        let space = entry.space();
        if is_due(store.version(space, &entry.key)?, entry.written)
            && updates.get(space, &entry.key).is_none()
        {
            let version = Version::new(number, u64::MAX);
            deletes.insert(space, entry.key.clone(), Update::Delete(version));
        }
    }
    Ok(deletes)
}

/// The deletes that purges ask of a peer which did not get the plaintext of the purging
/// transactions, to be carried out after `private.updates`.
///
/// With the plaintext, which names the keys, a purge is an ordinary delete. Without it the keys
/// are found by their hashes, which takes a scan of the collection.
pub fn purged(
    purges: &[Purge],
    store: &impl Store,
    private: &PrivateUpdates,
) -> Result<UpdateBatch, StoreError> {
    let mut deletes = UpdateBatch::default();
    for purge in purges {
        let Purge { namespace, collection, version, .. } = purge;
        let unknown = |missing: &MissingPrivateData| {
            missing.version == *version
                && missing.namespace == *namespace
                && missing.collection == *collection
        };
        if !private.missing.iter().any(unknown) {
            continue;
        }
        let space = Space::Private { namespace, collection };
        let mut found = BTreeSet::new();
        let mut look = |key: &[u8]| {
            if sha256(key)[..] == purge.key_hash[..] {
                found.insert(Bytes::copy_from_slice(key));
            }
        };
        store.scan(space, KeyRange::ALL, &mut |row| {
            look(row.key);
            ControlFlow::Continue(())
        })?;
        let before = private
            .updates
            .range(space, KeyRange::ALL)
            .filter(|(_, update)| update.version() < *version);
        before.for_each(|(key, _)| look(key));
        for key in found {
            let later =
                private.updates.get(space, &key).is_some_and(|one| one.version() > *version);
            if !later {
                deletes.insert(space, key, Update::Delete(*version));
            }
        }
    }
    Ok(deletes)
}

/// The private writes of one transaction to a collection as they may still be shown: without what
/// `purges` are about. `None` if they are about nothing of it; empty if nothing is left.
///
/// `rwset` is a marshalled `KVRWSet`, `version` the transaction's. A purge reaches everything up to
/// the purging transaction's own writes. What remains no longer has the hash in the block.
pub fn scrub(
    rwset: &[u8],
    version: Version,
    (namespace, collection): (&str, &str),
    purges: &[Purge],
) -> Result<Option<Bytes>, StoreError> {
    let hashes: Vec<&Bytes> = purges
        .iter()
        .filter(|purge| purge.namespace == namespace && purge.collection == collection)
        .filter(|purge| version <= purge.version)
        .map(|purge| &purge.key_hash)
        .collect();
    if hashes.is_empty() {
        return Ok(None);
    }
    let mut rwset = KvrwSet::decode(rwset).map_err(StoreError::new)?;
    let before = (rwset.writes.len(), rwset.metadata_writes.len());
    let stays = |key: &str| {
        let hash = sha256(key.as_bytes());
        !hashes.iter().any(|purged| purged[..] == hash[..])
    };
    rwset.writes.retain(|write| stays(&write.key));
    rwset.metadata_writes.retain(|write| stays(&write.key));
    match (rwset.writes.len(), rwset.metadata_writes.len()) {
        after if after == before => Ok(None),
        (0, 0) => Ok(Some(Bytes::new())),
        _ => Ok(Some(rwset.encode_to_vec().into())),
    }
}

/// What plaintext that arrives after its block changes in a peer's private data; `None` if it is
/// not what the block has the hash of.
///
/// `state` is the ledger's current state, `missing` what the peer noted when it committed the
/// block, `hash` and `rwset` the collection's hash in that transaction and the bytes that arrived.
/// What was written again since, or has expired, is left alone.
pub fn reconciled(
    state: &impl Store,
    private: &impl Store,
    missing: &MissingPrivateData,
    hash: &[u8],
    rwset: &Bytes,
) -> Result<Option<UpdateBatch>, StoreError> {
    if sha256(rwset)[..] != *hash {
        return Ok(None);
    }
    let Ok(rwset) = KvrwSet::decode(rwset.clone()) else { return Ok(None) };
    let MissingPrivateData { version, namespace, collection } = missing;
    let (hashed, space) =
        (Space::Hashed { namespace, collection }, Space::Private { namespace, collection });
    let mut updates = UpdateBatch::default();
    for write in rwset.writes {
        let key = write.key.as_bytes();
        let update = if is_delete(&write) {
            let stale = private.version(space, key)?.is_some_and(|held| held < *version);
            stale.then_some(Update::Delete(*version))
        } else {
            let current = state.version(hashed, &sha256(key))? == Some(*version);
            current.then(|| Update::Put(Versioned::new(write.value, *version)))
        };
        if let Some(update) = update {
            updates.insert(space, Bytes::from(write.key), update);
        }
    }
    for write in rwset.metadata_writes {
        let key = write.key.as_bytes();
        if updates.get(space, key).is_some() {
            continue;
        }
        let hash = state.get(hashed, &sha256(key))?.filter(|hash| hash.version == *version);
        let held = private.get(space, key)?;
        if let (Some(hash), Some(held)) = (hash, held)
            && sha256(&held.value)[..] == hash.value[..]
        {
            let update = Update::Put(Versioned::new(held.value, *version));
            updates.insert(space, Bytes::from(write.key), update);
        }
    }
    Ok(Some(updates))
}
