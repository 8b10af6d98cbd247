//! Plaintext of private writes between endorsement and commit.
//!
//! It is looked up in memory, and on disk as well before anybody gets the endorsement.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fabric_protos::rwset::{NsPvtReadWriteSet, TxPvtReadWriteSet};

use crate::store::Held;

/// Bytes a peer keeps. Beyond it the oldest transactions lose their plaintext, and if they are
/// committed later, the ledger has lost it: a peer's transient store has no bound.
///
/// 128 MiB: what all calls that a gateway serves at a time can leave with full batches of a quarter
/// of a mebibyte. What is only evaluated stays here too.
const BYTES_MAX: usize = 128 * 1024 * 1024;
/// Blocks after which a transaction that was never submitted is forgotten:
/// `ledger.pvtdataStore.transientstoreMaxBlockRetention` of a peer.
const BLOCKS_MAX: u64 = 20_000;
/// Ids kept in order beyond twice those that are held, before the others are taken out.
const ORDER_SLACK: usize = 64;

/// What one peer holds of transactions that are not committed yet, by transaction id.
///
/// Endorsers of one transaction can leave different plaintexts; the hash in the block tells which
/// one counts.
#[derive(Debug)]
pub(crate) struct TransientStore {
    bytes_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<String, Entry>,
    /// Ids in the order of arrival, with the height then. Some may be gone already.
    order: VecDeque<(String, u64)>,
    bytes: usize,
    /// Ids whose plaintext was dropped and may still be on disk.
    forgotten: Vec<String>,
}

#[derive(Debug, Default)]
struct Entry {
    sets: Vec<Set>,
    bytes: usize,
    height: u64,
}

#[derive(Debug)]
struct Set {
    plaintext: TxPvtReadWriteSet,
    /// Whether somebody has been told to write it to the disk.
    written: bool,
}

impl Default for TransientStore {
    fn default() -> Self {
        Self { bytes_max: BYTES_MAX, inner: Mutex::default() }
    }
}

impl TransientStore {
    /// A store of what a peer held before it stopped, the oldest first.
    pub(crate) fn restored(held: Vec<Held>) -> Self {
        let store = Self::default();
        for Held { tx_id, height, set, .. } in held {
            store.add(&tx_id, height, set, true);
        }
        store
    }

    /// Keeps the part of a plaintext that belongs to collections this peer is a member of.
    pub(crate) fn put(
        &self,
        tx_id: &str,
        height: u64,
        plaintext: &TxPvtReadWriteSet,
        is_member: impl Fn(&str, &str) -> bool,
    ) {
        if let Some(kept) = only_members(plaintext, is_member) {
            self.add(tx_id, height, kept, false);
        }
    }

    /// What is held of a transaction and not on its way to the disk yet.
    pub(crate) fn unwritten(&self, msp_id: &str, tx_id: &str) -> Vec<Held> {
        let mut inner = self.lock();
        let Some(entry) = inner.entries.get_mut(tx_id) else { return Vec::new() };
        let height = entry.height;
        let unwritten = entry.sets.iter_mut().filter(|set| !set.written);
        unwritten
            .map(|set| {
                set.written = true;
                let (msp_id, tx_id) = (msp_id.to_owned(), tx_id.to_owned());
                Held { msp_id, tx_id, height, set: set.plaintext.clone() }
            })
            .collect()
    }

    fn add(&self, tx_id: &str, height: u64, plaintext: TxPvtReadWriteSet, written: bool) {
        let bytes = size(&plaintext);
        let mut inner = self.lock();
        if !inner.entries.contains_key(tx_id) {
            inner.order.push_back((tx_id.to_owned(), height));
        }
        let entry = inner.entries.entry(tx_id.to_owned()).or_default();
        if entry.sets.iter().any(|set| set.plaintext == plaintext) {
            return;
        }
        entry.height = entry.height.max(height);
        entry.sets.push(Set { plaintext, written });
        entry.bytes = entry.bytes.saturating_add(bytes);
        inner.bytes = inner.bytes.saturating_add(bytes);
        while inner.bytes > self.bytes_max && inner.entries.len() > 1 {
            let Some((oldest, _)) = inner.order.pop_front() else { break };
            if inner.remove(&oldest).is_some() {
                tracing::warn!(tx_id = oldest, "the transient store is full: plaintext is dropped");
                inner.forgotten.push(oldest);
            }
        }
    }

    /// What was dropped since this was asked last.
    pub(crate) fn forgotten(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().forgotten)
    }

    /// Everything held of a transaction, as one set that may name a collection several times.
    pub(crate) fn get(&self, tx_id: &str) -> Option<TxPvtReadWriteSet> {
        let inner = self.lock();
        let entry = inner.entries.get(tx_id)?;
        let sets = entry.sets.iter().flat_map(|set| &set.plaintext.ns_pvt_rwset);
        let ns_pvt_rwset = sets.cloned().collect();
        Some(TxPvtReadWriteSet { data_model: 0, ns_pvt_rwset })
    }

    /// Forgets the transactions of a committed block, and what is too old to be submitted.
    pub(crate) fn committed<'a>(&self, tx_ids: impl IntoIterator<Item = &'a str>, height: u64) {
        let mut inner = self.lock();
        for tx_id in tx_ids {
            inner.remove(tx_id);
        }
        while let Some((tx_id, since)) = inner.order.front() {
            let expired = height.saturating_sub(*since) > BLOCKS_MAX;
            if !expired && inner.entries.contains_key(tx_id) {
                break;
            }
            if let Some((tx_id, _)) = inner.order.pop_front()
                && inner.remove(&tx_id).is_some()
            {
                inner.forgotten.push(tx_id);
            }
        }
        // The front can wait for long while everything behind it is gone.
        let Inner { entries, order, .. } = &mut *inner;
        if order.len() > entries.len().saturating_mul(2).saturating_add(ORDER_SLACK) {
            order.retain(|(tx_id, _)| entries.contains_key(tx_id));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remove(&mut self, tx_id: &str) -> Option<Entry> {
        let entry = self.entries.remove(tx_id)?;
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        Some(entry)
    }
}

fn only_members(
    plaintext: &TxPvtReadWriteSet,
    is_member: impl Fn(&str, &str) -> bool,
) -> Option<TxPvtReadWriteSet> {
    let ns_pvt_rwset: Vec<NsPvtReadWriteSet> = plaintext
        .ns_pvt_rwset
        .iter()
        .map(|ns| {
            let collections = ns.collection_pvt_rwset.iter();
            let mut kept = NsPvtReadWriteSet {
                namespace: ns.namespace.clone(),
                collection_pvt_rwset: collections
                    .filter(|one| is_member(&ns.namespace, &one.collection_name))
                    .cloned()
                    .collect(),
            };
            for one in &mut kept.collection_pvt_rwset {
                // A slice would keep the whole message it came in.
                one.rwset = Bytes::copy_from_slice(&one.rwset);
            }
            kept
        })
        .filter(|ns| !ns.collection_pvt_rwset.is_empty())
        .collect();
    (!ns_pvt_rwset.is_empty()).then_some(TxPvtReadWriteSet { data_model: 0, ns_pvt_rwset })
}

fn size(set: &TxPvtReadWriteSet) -> usize {
    let collections = set.ns_pvt_rwset.iter().flat_map(|ns| &ns.collection_pvt_rwset);
    collections.map(|one| one.rwset.len() + one.collection_name.len()).sum()
}

#[cfg(test)]
mod tests {
    use fabric_protos::rwset::CollectionPvtReadWriteSet;

    use super::*;

    fn plaintext(collections: &[(&str, &'static str)]) -> TxPvtReadWriteSet {
        let collection_pvt_rwset = collections
            .iter()
            .map(|(name, rwset)| CollectionPvtReadWriteSet {
                collection_name: (*name).to_owned(),
                rwset: Bytes::from_static(rwset.as_bytes()),
            })
            .collect();
        let ns = NsPvtReadWriteSet { namespace: "cc".to_owned(), collection_pvt_rwset };
        TxPvtReadWriteSet { data_model: 0, ns_pvt_rwset: vec![ns] }
    }

    fn all(_: &str, _: &str) -> bool {
        true
    }

    #[test]
    fn only_members_collections_are_kept() {
        let store = TransientStore::default();
        store.put("t", 1, &plaintext(&[("a", "1"), ("b", "2")]), |_, name| name == "b");
        assert_eq!(store.get("t"), Some(plaintext(&[("b", "2")])));
        store.put("u", 1, &plaintext(&[("a", "1")]), |_, _| false);
        assert_eq!(store.get("u"), None);
    }

    #[test]
    fn equal_plaintexts_are_kept_once_and_different_ones_side_by_side() {
        let store = TransientStore::default();
        for value in ["1", "1", "2"] {
            store.put("t", 1, &plaintext(&[("a", value)]), all);
        }
        let kept = store.get("t").unwrap();
        assert_eq!(kept.ns_pvt_rwset.len(), 2);
    }

    #[test]
    fn the_oldest_give_way_when_it_is_full() {
        let store = TransientStore { bytes_max: 10, inner: Mutex::default() };
        for tx_id in ["t1", "t2", "t3"] {
            store.put(tx_id, 1, &plaintext(&[("a", "1234")]), all);
        }
        assert_eq!(store.get("t1"), None);
        assert!(store.get("t2").is_some() && store.get("t3").is_some());
    }

    #[test]
    fn what_is_committed_or_too_old_is_forgotten() {
        let store = TransientStore::default();
        for (tx_id, height) in [("t1", 1), ("t2", 1), ("t3", 2)] {
            store.put(tx_id, height, &plaintext(&[("a", "1")]), all);
        }
        store.committed(["t1"], 2);
        assert!(store.get("t1").is_none() && store.get("t2").is_some());
        store.committed([], 1 + BLOCKS_MAX + 1);
        assert!(store.get("t2").is_none() && store.get("t3").is_some());
        assert_eq!(store.lock().order.len(), 1);
        assert_eq!(store.forgotten(), ["t2"]);
        assert!(store.forgotten().is_empty());
    }

    #[test]
    fn what_waits_for_long_does_not_keep_the_ids_behind_it() {
        let store = TransientStore::default();
        store.put("waiting", 1, &plaintext(&[("a", "1")]), all);
        for number in 0..10_000 {
            let tx_id = format!("t{number}");
            store.put(&tx_id, 1, &plaintext(&[("a", "1")]), all);
            store.committed([tx_id.as_str()], 2);
            assert!(store.lock().order.len() <= 2 * 2 + ORDER_SLACK);
        }
        assert!(store.get("waiting").is_some());
    }

    #[test]
    fn what_is_to_be_written_is_told_once_and_comes_back() {
        let store = TransientStore::default();
        let mut held = Vec::new();
        for value in ["1", "1", "2"] {
            store.put("t", 5, &plaintext(&[("a", value)]), all);
            held.extend(store.unwritten("Org1MSP", "t"));
        }
        assert_eq!(held.len(), 2);
        assert!(held.iter().all(|one| one.msp_id == "Org1MSP" && one.height == 5));
        let restored = TransientStore::restored(held);
        assert_eq!(restored.get("t"), store.get("t"));
        assert!(restored.unwritten("Org1MSP", "t").is_empty());
    }
}
