use fabric_ledger::lifetime::{Expiry, expired, expiries, purged, reconciled};
use fabric_ledger::rwset::TxRwSet;
use fabric_ledger::{
    BlockState, MemoryStore, MissingPrivateData, Permission, PrivateTx, SimulationResults,
    StoreError, UpdateBatch, private_updates,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A private data collection of a [`MockLedger`](super::MockLedger).
///
/// Its data stays, and whoever endorses the chaincode endorses it, unless told otherwise.
#[derive(Debug, Clone)]
pub struct MockCollection {
    pub(super) name: String,
    /// `None`: every organisation.
    members: Option<Vec<String>>,
    pub(super) member_only_read: bool,
    pub(super) member_only_write: bool,
    block_to_live: u64,
    /// `None`: whoever endorses the chaincode.
    endorsers: Option<Vec<String>>,
}

impl MockCollection {
    /// A collection whose members are all organisations of the ledger.
    pub fn of_all(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            members: None,
            member_only_read: false,
            member_only_write: false,
            block_to_live: 0,
            endorsers: None,
        }
    }

    /// A collection whose members are these organisations.
    pub fn of(name: &str, members: &[&str]) -> Self {
        let members = members.iter().map(|&member| member.to_owned()).collect();
        Self { members: Some(members), ..Self::of_all(name) }
    }

    /// Only clients of members may read (`memberOnlyRead`).
    #[must_use]
    pub fn member_only_read(mut self) -> Self {
        self.member_only_read = true;
        self
    }

    /// Only clients of members may write (`memberOnlyWrite`).
    #[must_use]
    pub fn member_only_write(mut self) -> Self {
        self.member_only_write = true;
        self
    }

    /// Values go with the block after this many others (`blockToLive`); 0 lets them stay.
    #[must_use]
    pub fn block_to_live(mut self, blocks: u64) -> Self {
        self.block_to_live = blocks;
        self
    }

    /// The peers of all these organisations must endorse what writes to it
    /// (`endorsementPolicy`), in place of those that the chaincode asks for.
    #[must_use]
    pub fn endorsed_by(mut self, msp_ids: &[&str]) -> Self {
        self.endorsers = Some(msp_ids.iter().map(|&msp_id| msp_id.to_owned()).collect());
        self
    }

    /// Whether these endorsers may write to it, where a key has no policy of its own.
    pub(super) fn admits(&self, endorsers: &[String]) -> bool {
        self.endorsers.iter().flatten().all(|needed| endorsers.contains(needed))
    }

    pub(super) fn has_member(&self, msp_id: &str) -> bool {
        self.members.as_ref().is_none_or(|members| members.iter().any(|member| member == msp_id))
    }
}

/// The collections of a channel: by chaincode, then in the order they were defined.
#[derive(Debug, Clone, Default)]
pub(super) struct Collections(BTreeMap<String, Vec<MockCollection>>);

impl Collections {
    pub(super) fn add(&mut self, chaincode: &str, collection: MockCollection) {
        self.0.entry(chaincode.to_owned()).or_default().push(collection);
    }

    /// Every collection with its chaincode.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &MockCollection)> {
        self.0.iter().flat_map(|(chaincode, all)| {
            all.iter().map(move |collection| (chaincode.as_str(), collection))
        })
    }

    pub(super) fn get(&self, chaincode: &str, name: &str) -> Option<&MockCollection> {
        self.0.get(chaincode)?.iter().find(|collection| collection.name == name)
    }

    pub(super) fn is_member(&self, chaincode: &str, name: &str, msp_id: &str) -> bool {
        self.get(chaincode, name).is_some_and(|collection| collection.has_member(msp_id))
    }

    pub(super) fn block_to_live(&self, chaincode: &str, name: &str) -> u64 {
        self.get(chaincode, name).map_or(0, |collection| collection.block_to_live)
    }

    /// What a client of an organisation may do with a collection.
    pub(super) fn permission(
        &self,
        chaincode: &str,
        name: &str,
        msp_id: &str,
    ) -> Option<Permission> {
        let collection = self.get(chaincode, name)?;
        let member = collection.has_member(msp_id);
        Some(Permission {
            read: member || !collection.member_only_read,
            write: member || !collection.member_only_write,
        })
    }
}

/// What of a store is going to expire.
#[derive(Debug, Default)]
pub(super) struct Expiring(Vec<Expiry>);

impl Expiring {
    /// What goes with block `number`, whose updates `store` does not have yet; notes what those will
    /// have go.
    pub(super) fn commit(
        &mut self,
        number: u64,
        store: &MemoryStore,
        updates: &UpdateBatch,
        collections: &Collections,
    ) -> Result<UpdateBatch, StoreError> {
        let due: Vec<Expiry> = self.0.extract_if(.., |entry| entry.at <= number).collect();
        self.note(updates, collections);
        expired(number, &due, store, updates)
    }

    fn note(&mut self, updates: &UpdateBatch, collections: &Collections) {
        let lives = |chaincode: &str, name: &str| collections.block_to_live(chaincode, name);
        self.0.extend(expiries(updates, lives));
    }
}

/// What stays of a block so that a peer can get its private data later.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) number: u64,
    /// The valid transactions with their places in the block.
    pub(super) valid: Vec<(u64, SimulationResults)>,
    /// What they left in public and hashed state.
    pub(super) outcome: BlockState,
}

impl Block {
    fn transaction(&self, number: u64) -> Option<&SimulationResults> {
        self.valid.iter().find(|(tx, _)| *tx == number).map(|(_, results)| results)
    }
}

/// The peer of one organisation: what it has in clear.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) msp_id: String,
    pub(super) private: Arc<MemoryStore>,
    /// Whether private data of new blocks does not reach it.
    pub(super) withheld: bool,
    missed: Vec<(MissingPrivateData, Arc<Block>)>,
    expiring: Expiring,
}

impl Peer {
    pub(super) fn new(msp_id: &str) -> Self {
        let msp_id = msp_id.to_owned();
        let (missed, expiring) = (Vec::new(), Expiring::default());
        Self { msp_id, private: Arc::default(), withheld: false, missed, expiring }
    }

    pub(super) fn commit(
        &mut self,
        block: &Arc<Block>,
        collections: &Collections,
    ) -> Result<(), StoreError> {
        let is_member =
            |chaincode: &str, name: &str| collections.is_member(chaincode, name, &self.msp_id);
        let handed = !self.withheld;
        let txs = block.valid.iter().map(|(tx, results)| PrivateTx {
            tx: *tx,
            rwset: &results.rwset,
            plaintext: results.private.as_ref().filter(|_| handed),
        });
        let BlockState { updates, purges } = &block.outcome;
        let found = private_updates(&*self.private, block.number, txs, updates, is_member)?;
        let forgotten = purged(purges, &*self.private, &found)?;
        let (number, store) = (block.number, &*self.private);
        let gone = self.expiring.commit(number, store, &found.updates, collections)?;
        let private = Arc::make_mut(&mut self.private);
        private.apply(found.updates);
        private.apply(forgotten);
        private.apply(gone);
        self.missed.extend(found.missing.into_iter().map(|one| (one, Arc::clone(block))));
        Ok(())
    }

    /// Catches up on what was withheld, as far as it is still what the ledger has the hash of.
    pub(super) fn reconcile(
        &mut self,
        state: &MemoryStore,
        collections: &Collections,
    ) -> Result<(), StoreError> {
        for (missing, block) in std::mem::take(&mut self.missed) {
            let Some(results) = block.transaction(missing.version.tx) else { continue };
            let Some(hash) = hash_of(&results.rwset, &missing) else { continue };
            let plaintext = results.private.iter().flat_map(|plaintext| &plaintext.ns_pvt_rwset);
            let rwset = plaintext
                .filter(|ns| ns.namespace == missing.namespace)
                .flat_map(|ns| &ns.collection_pvt_rwset)
                .find(|one| one.collection_name == missing.collection);
            let Some(rwset) = rwset else { continue };
            if let Some(updates) = reconciled(state, &*self.private, &missing, hash, &rwset.rwset)?
            {
                self.expiring.note(&updates, collections);
                Arc::make_mut(&mut self.private).apply(updates);
            }
        }
        Ok(())
    }
}

/// The hash that a transaction has of the plaintext a peer misses.
fn hash_of<'a>(rwset: &'a TxRwSet, missing: &MissingPrivateData) -> Option<&'a [u8]> {
    let ns = rwset.namespaces.iter().find(|ns| ns.namespace == missing.namespace)?;
    let found = ns.collections.iter().find(|one| one.name == missing.collection)?;
    Some(&found.pvt_rwset_hash)
}
