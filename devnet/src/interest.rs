//! What a simulation touched, from which follows who has to endorse.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric_ledger::channel::is_system_chaincode;
use fabric_ledger::metadata::{self, VALIDATION_PARAMETER};
use fabric_ledger::{SimulationResults, Space, Store, StoreError};
use fabric_protos::common::SignaturePolicyEnvelope;
use fabric_protos::protos::{ChaincodeCall, ChaincodeInterest};
use prost::Message as _;

/// What is asked of the endorsers of one chaincode's part.
#[derive(Debug, Default)]
struct Needs {
    /// A key without a policy of its own was written, or nothing at all.
    chaincode_policy: bool,
    key_policies: Vec<SignaturePolicyEnvelope>,
    /// Collections whose policy is needed, or whose plaintext was read.
    collections: BTreeMap<String, bool>,
}

/// The interest of a simulation: chaincodes, collections and the committed policies of the keys it
/// writes.
pub(crate) fn interest(
    results: &SimulationResults,
    store: &impl Store,
) -> Result<ChaincodeInterest, StoreError> {
    let mut needs: BTreeMap<&str, Needs> = BTreeMap::new();
    for ns in &results.rwset.namespaces {
        if is_system_chaincode(&ns.namespace) {
            continue;
        }
        let name = ns.namespace.as_str();
        let needs = needs.entry(name).or_default();
        let keys = (ns.public.writes.iter().map(|write| &write.key))
            .chain(ns.public.metadata_writes.iter().map(|write| &write.key));
        for key in keys {
            match key_policy(store, Space::Public { namespace: name }, key.as_bytes())? {
                Some(policy) => needs.key_policies.push(policy),
                None => needs.chaincode_policy = true,
            }
        }
        for collection in &ns.collections {
            let space = Space::Hashed { namespace: name, collection: &collection.name };
            let keys = (collection.hashed.hashed_writes.iter().map(|write| &write.key_hash))
                .chain(collection.hashed.metadata_writes.iter().map(|write| &write.key_hash));
            for key in keys {
                match key_policy(store, space, key)? {
                    Some(policy) => needs.key_policies.push(policy),
                    None => drop(needs.collections.insert(collection.name.clone(), false)),
                }
            }
        }
        if !ns.has_writes() {
            needs.chaincode_policy = true;
        }
    }
    for (chaincode, collection) in &results.private_reads {
        if !is_system_chaincode(chaincode) {
            needs.entry(chaincode).or_default().collections.insert(collection.clone(), true);
        }
    }
    let chaincodes = needs.into_iter().flat_map(|(name, needs)| calls(name, needs)).collect();
    Ok(ChaincodeInterest { chaincodes })
}

fn calls(name: &str, needs: Needs) -> Vec<ChaincodeCall> {
    let mut calls = Vec::new();
    if needs.chaincode_policy || !needs.key_policies.is_empty() {
        calls.push(ChaincodeCall {
            name: name.to_owned(),
            key_policies: needs.key_policies,
            disregard_namespace_policy: !needs.chaincode_policy,
            ..Default::default()
        });
    }
    calls.extend(needs.collections.into_iter().map(|(collection, read)| ChaincodeCall {
        name: name.to_owned(),
        collection_names: vec![collection],
        no_private_reads: !read,
        ..Default::default()
    }));
    calls
}

fn key_policy(
    store: &impl Store,
    space: Space<'_>,
    key: &[u8],
) -> Result<Option<SignaturePolicyEnvelope>, StoreError> {
    let entries = metadata::decode(store.metadata(space, key)?)?;
    let Some(policy) = entries.get(VALIDATION_PARAMETER) else { return Ok(None) };
    SignaturePolicyEnvelope::decode(Bytes::clone(policy)).map(Some).map_err(StoreError::new)
}

#[cfg(test)]
mod tests {
    use fabric_ledger::policy::SignaturePolicy;
    use fabric_ledger::{
        MemoryStore, Permission, Simulation, SimulationError, Simulator, Update, UpdateBatch,
        Version, Versioned,
    };
    use fabric_protos::kvrwset::{KvMetadataEntry, KvMetadataWrite};

    use super::*;

    type Sim<'a> =
        Simulator<&'a MemoryStore, &'a MemoryStore, fn(&str, &str) -> Option<Permission>>;

    /// A state in which public key `k` of `cc` has a policy of its own.
    fn store() -> MemoryStore {
        let policy = SignaturePolicy::parse_envelope("OR('C.peer')").unwrap().encode_to_vec();
        let name = VALIDATION_PARAMETER.to_owned();
        let entries = vec![KvMetadataEntry { name, value: policy.into() }];
        let metadata = KvMetadataWrite { key: String::new(), entries }.encode_to_vec();
        let mut updates = UpdateBatch::default();
        let value = Versioned {
            metadata: Some(metadata.into()),
            ..Versioned::new("v", Version::new(1, 0))
        };
        updates.insert(Space::Public { namespace: "cc" }, "k".into(), Update::Put(value));
        let mut store = MemoryStore::default();
        store.apply(updates);
        store
    }

    /// Each call as `chaincode[/collection][!]`, `!` where plaintext was read, `+n` for the number
    /// of key policies and `-` where the chaincode's own is left out.
    fn check(run: fn(&mut Sim<'_>) -> Result<(), SimulationError>, expected: &str) {
        let store = store();
        let access: fn(&str, &str) -> Option<Permission> = |_, _| Some(Permission::FULL);
        let mut tx = Simulator::new(Simulation::new("ch", "t"), &store, &store, access);
        run(&mut tx).unwrap();
        let interest = interest(&tx.finish(), &store).unwrap();
        let calls: Vec<String> = interest
            .chaincodes
            .iter()
            .map(|call| {
                let mut text = call.name.clone();
                for collection in &call.collection_names {
                    text.push('/');
                    text.push_str(collection);
                    text.push_str(if call.no_private_reads { "" } else { "!" });
                }
                if !call.key_policies.is_empty() {
                    text.push_str(&format!("+{}", call.key_policies.len()));
                }
                text + if call.disregard_namespace_policy { "-" } else { "" }
            })
            .collect();
        assert_eq!(calls.join(" "), expected);
    }

    #[test]
    fn every_policy_that_counts_is_named() {
        check(|_| Ok(()), "");
        check(|tx| tx.get_state("cc", "a").map(drop), "cc");
        check(|tx| tx.put_state("cc", "a", "1".into()), "cc");
        check(|tx| tx.put_state("cc", "k", "1".into()), "cc+1-");
        check(
            |tx| {
                tx.put_state("cc", "a", "1".into())?;
                tx.put_state("cc", "k", "1".into())
            },
            "cc+1",
        );
        check(|tx| tx.put_private_data("cc", "c", "a", "1".into()), "cc/c");
        check(|tx| tx.get_private_data("cc", "c", "a").map(drop), "cc cc/c!");
        check(
            |tx| {
                tx.get_private_data("cc", "c", "a")?;
                tx.put_private_data("cc", "c", "a", "1".into())?;
                tx.put_state("other", "a", "1".into())
            },
            "cc/c! other",
        );
        check(|tx| tx.put_state("_lifecycle", "a", "1".into()), "");
    }
}
