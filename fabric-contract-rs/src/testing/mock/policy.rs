//! Endorsement policies of keys and collections at commit.

use super::peer::Collections;
use fabric_ledger::metadata::{self, VALIDATION_PARAMETER};
use fabric_ledger::policy::{Principal, Role, SignaturePolicy};
use fabric_ledger::rwset::TxRwSet;
use fabric_ledger::{MemoryStore, Space, Store, StoreError};
use std::collections::BTreeSet;

/// Chaincode, collection if it is one's, key or its hash.
type Place = (String, Option<String>, Vec<u8>);

/// Judges the transactions of one block by the policies of the keys they write.
pub(super) struct KeyPolicies<'s> {
    state: &'s MemoryStore,
    collections: &'s Collections,
    /// Keys whose policy an earlier transaction of the block has changed.
    changed: BTreeSet<Place>,
}

impl<'s> KeyPolicies<'s> {
    pub(super) fn new(state: &'s MemoryStore, collections: &'s Collections) -> Self {
        Self { state, collections, changed: BTreeSet::new() }
    }

    /// Whether the peers of these organisations may write what the transaction writes.
    pub(super) fn admit(
        &mut self,
        rwset: &TxRwSet,
        endorsers: &[String],
    ) -> Result<bool, StoreError> {
        let mut written = BTreeSet::new();
        let mut changed = BTreeSet::new();
        for ns in &rwset.namespaces {
            let chaincode = &ns.namespace;
            let public = |key: &String| (chaincode.clone(), None, key.as_bytes().to_vec());
            written.extend(ns.public.writes.iter().map(|write| public(&write.key)));
            changed.extend(ns.public.metadata_writes.iter().map(|write| public(&write.key)));
            for collection in &ns.collections {
                let name = &collection.name;
                let hashed = |hash: &[u8]| (chaincode.clone(), Some(name.clone()), hash.to_vec());
                let (values, policies) =
                    (&collection.hashed.hashed_writes, &collection.hashed.metadata_writes);
                written.extend(values.iter().map(|write| hashed(&write.key_hash)));
                changed.extend(policies.iter().map(|write| hashed(&write.key_hash)));
            }
        }
        for place in written.union(&changed) {
            if self.changed.contains(place) || !self.fulfilled(place, endorsers)? {
                return Ok(false);
            }
        }
        self.changed.extend(changed);
        Ok(true)
    }

    fn fulfilled(
        &self,
        (namespace, collection, key): &Place,
        endorsers: &[String],
    ) -> Result<bool, StoreError> {
        let space = match collection {
            None => Space::Public { namespace },
            Some(collection) => Space::Hashed { namespace, collection },
        };
        let stored = self.state.get(space, key)?.and_then(|found| found.metadata);
        let policy = metadata::decode(stored)?.remove(VALIDATION_PARAMETER);
        let Some(policy) = policy.filter(|policy| !policy.is_empty()) else {
            let name = collection.as_deref().unwrap_or_default();
            let collection = self.collections.get(namespace, name);
            return Ok(collection.is_none_or(|collection| collection.admits(endorsers)));
        };
        // One that cannot be read is fulfilled by nobody.
        let Ok(policy) = SignaturePolicy::from_bytes(policy) else { return Ok(false) };
        Ok(policy.evaluate(endorsers, &is_peer_of))
    }
}

fn is_peer_of(organisation: &String, principal: &Principal) -> bool {
    match principal {
        Principal::Role { msp_id, role } => {
            msp_id == organisation && matches!(role, Role::Peer | Role::Member)
        }
        _ => false,
    }
}
