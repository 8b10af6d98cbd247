use std::collections::BTreeMap;

use bytes::Bytes;
use fabric_protos::common::SignaturePolicyEnvelope;
use fabric_protos::protos::{ChaincodeCall, ChaincodeInterest};
use prost::Message as _;

use super::{Result, Simulator};
use crate::access::CollectionAccess;
use crate::channel::is_system_chaincode;
use crate::hash::sha256;
use crate::metadata;
use crate::space::Space;
use crate::store::{Store, StoreError};

/// What one chaincode's part needs, beside the policies of single keys.
#[derive(Default)]
struct Needs {
    /// By collection, `""` for public state: whether its policy, or the chaincode's, has to hold.
    policies: BTreeMap<String, bool>,
    key_policies: Vec<SignaturePolicyEnvelope>,
}

impl<S: Store, P: Store, A: CollectionAccess> Simulator<S, P, A> {
    /// What an endorsement plan has to look at, as an endorser answers it to the gateway: which
    /// chaincodes and collections are touched, whose plaintext was read, and the committed
    /// policies of the keys written. Peers' own chaincodes are left out.
    ///
    /// To be asked before [`finish`](Self::finish); costs a read for every key written.
    pub fn interest(&self) -> Result<ChaincodeInterest> {
        let mut needs: BTreeMap<&str, Needs> = BTreeMap::new();
        for (namespace, key) in self.builder.written_keys() {
            let stored = self.state.metadata(Space::Public { namespace }, key.as_bytes())?;
            needs.entry(namespace).or_default().add("", stored)?;
        }
        for (namespace, collection, key) in self.builder.written_private_keys() {
            let space = Space::Hashed { namespace, collection };
            let stored = self.state.metadata(space, &sha256(key.as_bytes()))?;
            needs.entry(namespace).or_default().add(collection, stored)?;
        }
        // Who only reads needs the chaincode's policy.
        let queried = self.ranges.iter().map(|range| range.namespace());
        for namespace in self.builder.namespaces().chain(queried) {
            needs.entry(namespace).or_insert_with(|| Needs {
                policies: [(String::new(), true)].into(),
                ..Needs::default()
            });
        }
        for (namespace, collection) in &self.private_reads {
            let policies = &mut needs.entry(namespace).or_default().policies;
            policies.insert(collection.clone(), true);
        }
        let mut chaincodes = Vec::new();
        for (name, needs) in needs {
            if !is_system_chaincode(name) {
                chaincodes.extend(self.calls(name, needs));
            }
        }
        Ok(ChaincodeInterest { chaincodes })
    }

    fn calls(&self, name: &str, needs: Needs) -> Vec<ChaincodeCall> {
        let call = || ChaincodeCall { name: name.to_owned(), ..Default::default() };
        let public = needs.policies.get("").copied().unwrap_or(false);
        let mut calls = Vec::new();
        if public || !needs.key_policies.is_empty() {
            calls.push(ChaincodeCall {
                key_policies: needs.key_policies,
                disregard_namespace_policy: !public,
                ..call()
            });
        }
        for collection in needs.policies.into_keys().filter(|collection| !collection.is_empty()) {
            let read = (name.to_owned(), collection);
            let no_private_reads = !self.private_reads.contains(&read);
            let collection_names = vec![read.1];
            calls.push(ChaincodeCall { collection_names, no_private_reads, ..call() });
        }
        calls
    }
}

impl Needs {
    /// A written key needs its own policy, else that of its collection or chaincode.
    ///
    /// A removed policy leaves an entry without content. Validation takes it for none; an endorser
    /// tells it to the gateway as a policy that nobody can satisfy, and so does this.
    fn add(&mut self, collection: &str, stored: Option<Bytes>) -> Result<()> {
        match metadata::validation_parameter(stored)? {
            Some(policy) => {
                let policy = SignaturePolicyEnvelope::decode(policy).map_err(StoreError::new)?;
                if !self.key_policies.contains(&policy) {
                    self.key_policies.push(policy);
                }
            }
            None => {
                self.policies.insert(collection.to_owned(), true);
            }
        }
        Ok(())
    }
}
