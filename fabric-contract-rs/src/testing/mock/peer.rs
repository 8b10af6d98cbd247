use super::reader::NAMESPACE;
use fabric_ledger::{
    MemoryStore, PrivateTx, SimulationResults, Space, Store, StoreError, UpdateBatch, Version,
    private_updates,
};
use std::sync::Arc;

/// A private data collection of a [`MockLedger`](super::MockLedger).
///
/// Data never expires here, and its members endorse as everybody else does.
#[derive(Debug, Clone)]
pub struct MockCollection {
    pub(super) name: String,
    /// `None`: every organisation.
    members: Option<Vec<String>>,
    pub(super) member_only_read: bool,
    pub(super) member_only_write: bool,
}

impl MockCollection {
    /// A collection whose members are all organisations of the ledger.
    pub fn of_all(name: &str) -> Self {
        let name = name.to_owned();
        Self { name, members: None, member_only_read: false, member_only_write: false }
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

    pub(super) fn has_member(&self, msp_id: &str) -> bool {
        self.members.as_ref().is_none_or(|members| members.iter().any(|member| member == msp_id))
    }
}

/// What stays of a block so that a peer can get its private data later.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) number: u64,
    /// The valid transactions.
    pub(super) valid: Vec<(u64, SimulationResults)>,
    /// What they left in public and hashed state.
    pub(super) updates: UpdateBatch,
}

impl Block {
    /// What a peer that is handed the plaintext stores, and whether it needed some it was not.
    fn private_updates(
        &self,
        private: &MemoryStore,
        handed: bool,
        is_member: impl Fn(&str, &str) -> bool,
    ) -> Result<(UpdateBatch, bool), StoreError> {
        let txs = self.valid.iter().map(|(tx, results)| PrivateTx {
            tx: *tx,
            rwset: &results.rwset,
            plaintext: results.private.as_ref().filter(|_| handed),
        });
        let found = private_updates(private, self.number, txs, &self.updates, is_member)?;
        Ok((found.updates, !found.missing.is_empty()))
    }
}

/// The peer of one organisation: what it has in clear.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) msp_id: String,
    pub(super) private: Arc<MemoryStore>,
    /// Whether private data of new blocks does not reach it.
    pub(super) withheld: bool,
    missed: Vec<Arc<Block>>,
}

impl Peer {
    pub(super) fn new(msp_id: &str) -> Self {
        let msp_id = msp_id.to_owned();
        Self { msp_id, private: Arc::default(), withheld: false, missed: Vec::new() }
    }

    pub(super) fn commit(
        &mut self,
        block: &Arc<Block>,
        collections: &[MockCollection],
    ) -> Result<(), StoreError> {
        let is_member = |_: &str, name: &str| is_member(collections, name, &self.msp_id);
        let handed = !self.withheld;
        let (updates, missing) = block.private_updates(&self.private, handed, is_member)?;
        Arc::make_mut(&mut self.private).apply(updates);
        if missing {
            self.missed.push(Arc::clone(block));
        }
        Ok(())
    }

    /// Catches up on what was withheld, as far as it is still what the ledger has the hash of.
    pub(super) fn reconcile(
        &mut self,
        state: &MemoryStore,
        collections: &[MockCollection],
    ) -> Result<(), StoreError> {
        for block in std::mem::take(&mut self.missed) {
            let is_member = |_: &str, name: &str| is_member(collections, name, &self.msp_id);
            let (updates, _) = block.private_updates(&self.private, true, is_member)?;
            let mut current = UpdateBatch::default();
            for (space, key, update) in updates.iter() {
                let now = hash_version(state, space, key)?;
                let written = update.versioned().map(|written| written.version);
                if now == written {
                    current.insert(space, key.clone(), update.clone());
                }
            }
            Arc::make_mut(&mut self.private).apply(current);
        }
        Ok(())
    }
}

fn is_member(collections: &[MockCollection], name: &str, msp_id: &str) -> bool {
    collections.iter().any(|collection| collection.name == name && collection.has_member(msp_id))
}

/// The version of the hash of a private key; `None` when there is none.
fn hash_version(
    state: &MemoryStore,
    space: Space<'_>,
    key: &[u8],
) -> Result<Option<Version>, StoreError> {
    let collection = space.collection().unwrap_or_default();
    let hashed = Space::Hashed { namespace: NAMESPACE, collection };
    state.version(hashed, &fabric_ledger::sha256(key))
}
