//! Private data that peers did not get with its block, and get later.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fabric_ledger::channel::Channel;
use fabric_ledger::lifetime::reconciled;
use fabric_ledger::rwset::TxRwSet;
use fabric_ledger::{KeyRange, MissingPrivateData, Space, StoreError, UpdateBatch, sha256};
use fabric_protos::kvrwset::KvrwSet;
use fabric_protos::rwset::TxPvtReadWriteSet;
use prost::Message as _;

use crate::store::{Database, LedgerError, PeerSnapshot, Plaintext};

/// Keeps private data from peers while it is told to, and what they have missed for later.
///
/// A peer's reconciler asks other members for what it misses, from their own stores and for as long
/// as it takes. Here it is in memory: what a peer misses when a devnet stops stays missing.
#[derive(Debug, Default)]
pub(crate) struct Reconciler {
    inner: Mutex<Inner>,
    /// Held by whoever writes to the ledger: what is late is compared with what is current.
    turn: Mutex<()>,
}

#[derive(Debug, Default)]
struct Inner {
    withheld: HashSet<String>,
    /// By MSP id, in the order of the chain.
    missed: BTreeMap<String, Vec<Missed>>,
}

/// One collection's part of a transaction.
#[derive(Debug)]
struct Missed {
    about: MissingPrivateData,
    /// What the block has of it.
    hash: Bytes,
    rwset: Bytes,
}

impl Reconciler {
    /// Whether an organisation's peer gets no plaintext from now on.
    pub(crate) fn withhold(&self, msp_id: &str, withhold: bool) {
        let mut inner = lock(&self.inner);
        if withhold {
            inner.withheld.insert(msp_id.to_owned());
        } else {
            inner.withheld.remove(msp_id);
        }
    }

    pub(crate) fn withholds_from(&self, msp_id: &str) -> bool {
        lock(&self.inner).withheld.contains(msp_id)
    }

    /// The right to write to the ledger.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.turn)
    }

    /// Keeps what a peer misses of a transaction, if it is among what its members hold.
    pub(crate) fn missed(
        &self,
        msp_id: &str,
        about: &MissingPrivateData,
        rwset: &TxRwSet,
        held: impl IntoIterator<Item = TxPvtReadWriteSet>,
    ) {
        let hash = (rwset.namespaces.iter())
            .filter(|ns| ns.namespace == about.namespace)
            .flat_map(|ns| &ns.collections)
            .find(|one| one.name == about.collection)
            .map(|one| one.pvt_rwset_hash.clone());
        let Some(hash) = hash else { return };
        let found = (held.into_iter().flat_map(|set| set.ns_pvt_rwset))
            .filter(|ns| ns.namespace == about.namespace)
            .flat_map(|ns| ns.collection_pvt_rwset)
            .filter(|one| one.collection_name == about.collection)
            .find(|one| sha256(&one.rwset)[..] == hash[..]);
        let Some(found) = found else { return };
        let missed = Missed { about: about.clone(), hash, rwset: found.rwset };
        lock(&self.inner).missed.entry(msp_id.to_owned()).or_default().push(missed);
    }

    /// Hands a peer what it has missed, as far as it is still current. Answers how many
    /// transactions' collections it has caught up on.
    pub(crate) fn reconcile(
        &self,
        msp_id: &str,
        database: &Database,
        channel: &Channel,
    ) -> Result<usize, LedgerError> {
        let _turn = self.turn();
        let missed = lock(&self.inner).missed.remove(msp_id).unwrap_or_default();
        let block_to_live = |chaincode: &str, name: &str| channel.block_to_live(chaincode, name);
        for Missed { about, hash, rwset } in &missed {
            let snapshot = database.snapshot();
            let private = PeerSnapshot::new(Arc::clone(&snapshot), msp_id.into());
            let Some(updates) = reconciled(&*snapshot, &private, about, hash, rwset)? else {
                continue;
            };
            let late = current(about, rwset, &updates)?;
            database.reconcile(msp_id, &updates, late.as_slice(), &block_to_live)?;
        }
        Ok(missed.len())
    }
}

/// The writes whose keys are still current: others may have been purged meanwhile.
fn current(
    about: &MissingPrivateData,
    rwset: &Bytes,
    updates: &UpdateBatch,
) -> Result<Option<Plaintext>, StoreError> {
    let MissingPrivateData { version, namespace, collection, .. } = about;
    let space = Space::Private { namespace, collection };
    let keys: HashSet<&[u8]> =
        updates.range(space, KeyRange::ALL).map(|(key, _)| &key[..]).collect();
    let mut rwset = KvrwSet::decode(rwset.clone()).map_err(StoreError::new)?;
    rwset.writes.retain(|write| keys.contains(write.key.as_bytes()));
    rwset.metadata_writes.retain(|write| keys.contains(write.key.as_bytes()));
    let is_empty = rwset.writes.is_empty() && rwset.metadata_writes.is_empty();
    Ok((!is_empty).then(|| Plaintext {
        version: *version,
        namespace: namespace.clone(),
        collection: collection.clone(),
        rwset: rwset.encode_to_vec().into(),
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these guard is whole between two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
