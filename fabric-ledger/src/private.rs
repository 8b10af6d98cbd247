//! What a block changes in the private data of one peer.

use std::collections::BTreeSet;

use bytes::Bytes;
use fabric_protos::kvrwset::KvrwSet;
use fabric_protos::rwset::TxPvtReadWriteSet;
use prost::Message as _;

use crate::batch::{Update, UpdateBatch};
use crate::hash::sha256;
use crate::rwset::{CollectionRwSet, TxRwSet, is_delete};
use crate::space::Space;
use crate::store::{Store, StoreError};
use crate::version::{Version, Versioned};

/// A valid transaction of a block, with the plaintext a peer has of it.
#[derive(Clone, Copy, Debug)]
pub struct PrivateTx<'a> {
    /// Index in the block.
    pub tx: u64,
    /// The public part, which has the hashes.
    pub rwset: &'a TxRwSet,
    /// What the peer has in clear, from its own simulation or from another peer. It may have more
    /// or less than the transaction needs.
    pub plaintext: Option<&'a TxPvtReadWriteSet>,
}

/// Changes of one peer's private data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrivateUpdates {
    /// Last update of each private key.
    pub updates: UpdateBatch,
    /// Plaintext the peer should have but has not, in block order.
    pub missing: Vec<MissingPrivateData>,
}

/// Private writes of a valid transaction that a member peer does not have in clear, or only with
/// another hash than the transaction's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingPrivateData {
    /// Block and index of the transaction.
    pub version: Version,
    /// Chaincode name.
    pub namespace: String,
    /// Collection name.
    pub collection: String,
}

/// The private updates of one peer for one block.
///
/// `txs` are the block's valid transactions in order and `updates` what they left in public and
/// hashed state. Only collections of which `is_member` (chaincode, collection) says yes are
/// looked at; plaintext counts only if its hash is the one in the transaction.
pub fn private_updates<'a>(
    store: &impl Store,
    block: u64,
    txs: impl IntoIterator<Item = PrivateTx<'a>>,
    updates: &UpdateBatch,
    is_member: impl Fn(&str, &str) -> bool,
) -> Result<PrivateUpdates, StoreError> {
    let mut out = PrivateUpdates::default();
    let mut touched = BTreeSet::new();
    for tx in txs {
        let version = Version::new(block, tx.tx);
        for ns in &tx.rwset.namespaces {
            for collection in ns.collections.iter().filter(|one| !one.pvt_rwset_hash.is_empty()) {
                if !is_member(&ns.namespace, &collection.name) {
                    continue;
                }
                match plaintext(tx.plaintext, &ns.namespace, collection) {
                    Some(writes) => {
                        let names = (ns.namespace.as_str(), collection.name.as_str());
                        apply(&mut out.updates, names, writes, version, |key| {
                            touched.insert((names.0, names.1, key));
                        });
                    }
                    None => out.missing.push(MissingPrivateData {
                        version,
                        namespace: ns.namespace.clone(),
                        collection: collection.name.clone(),
                    }),
                }
            }
        }
    }
    for (namespace, collection, key) in touched {
        renew_version(store, namespace, collection, key, updates, &mut out.updates)?;
    }
    Ok(out)
}

/// The plaintext of a collection, if the peer has it with the right hash.
fn plaintext(
    plaintext: Option<&TxPvtReadWriteSet>,
    namespace: &str,
    collection: &CollectionRwSet,
) -> Option<KvrwSet> {
    plaintext?
        .ns_pvt_rwset
        .iter()
        .filter(|ns| ns.namespace == namespace)
        .flat_map(|ns| &ns.collection_pvt_rwset)
        .filter(|one| one.collection_name == collection.name)
        .find(|one| sha256(&one.rwset)[..] == collection.pvt_rwset_hash[..])
        // Bytes with the agreed hash that do not decode are as good as none.
        .and_then(|one| KvrwSet::decode(one.rwset.clone()).ok())
}

fn apply(
    updates: &mut UpdateBatch,
    (namespace, collection): (&str, &str),
    writes: KvrwSet,
    version: Version,
    mut metadata_written: impl FnMut(String),
) {
    let space = Space::Private { namespace, collection };
    for write in writes.writes {
        let update = if is_delete(&write) {
            Update::Delete(version)
        } else {
            Update::Put(Versioned::new(write.value, version))
        };
        updates.insert(space, Bytes::from(write.key), update);
    }
    for write in writes.metadata_writes {
        metadata_written(write.key);
    }
}

/// A metadata write gives the hash of a key a new version. The plaintext follows, if it is still
/// what the hash says; otherwise the peer could not read its own value any more.
fn renew_version(
    store: &impl Store,
    namespace: &str,
    collection: &str,
    key: String,
    public: &UpdateBatch,
    private: &mut UpdateBatch,
) -> Result<(), StoreError> {
    let hashed = Space::Hashed { namespace, collection };
    let Some(hash) =
        public.get(hashed, &sha256(key.as_bytes())).and_then(|update| update.versioned())
    else {
        return Ok(());
    };
    let space = Space::Private { namespace, collection };
    let latest = match private.get(space, key.as_bytes()) {
        Some(update) => update.versioned().cloned(),
        None => store.get(space, key.as_bytes())?,
    };
    if let Some(latest) = latest
        && latest.version != hash.version
        && sha256(&latest.value)[..] == hash.value[..]
    {
        let update = Update::Put(Versioned::new(latest.value, hash.version));
        private.insert(space, Bytes::from(key), update);
    }
    Ok(())
}
