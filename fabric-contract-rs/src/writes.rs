use crate::{EndorsementPolicy, LedgerError, Space, StateKey};
use bytes::Bytes;
use std::collections::BTreeMap;

/// What happens to one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// The key takes this value, never empty.
    Put(Bytes),
    /// The key is removed; private history keeps the old value.
    Delete,
    /// The private key is removed together with its history.
    Purge,
    /// The key takes this endorsement policy; an empty one removes it.
    EndorsementPolicy(Bytes),
}

/// The chaincode event of a transaction. It stands in the block in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What listeners filter on, never empty.
    pub name: String,
    /// Opaque to the peer.
    pub payload: Bytes,
}

/// The last word on one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Change {
    value: Option<Write>,
    endorsement_policy: Option<Bytes>,
}

/// Everything a transaction will change: a value, sent to the peer only when the transaction has
/// succeeded.
///
/// There is no way to read from it, so a transaction cannot mistake its own writes for ledger
/// state. The last write of a key wins; iteration is in key order, the same on every peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writes {
    changes: BTreeMap<(Space, StateKey), Change>,
    event: Option<Event>,
}

impl Writes {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives `key` a value.
    ///
    /// # Errors
    /// [`LedgerError::EmptyValue`]: a peer stores an empty value as a deletion.
    pub fn put(&mut self, space: Space, key: StateKey, value: Bytes) -> Result<(), LedgerError> {
        if value.is_empty() {
            return Err(LedgerError::EmptyValue);
        }
        self.change(space, key).value = Some(Write::Put(value));
        Ok(())
    }

    /// Removes `key`.
    pub fn delete(&mut self, space: Space, key: StateKey) {
        self.change(space, key).value = Some(Write::Delete);
    }

    /// Removes a private key and its history from every peer; the hashes in blocks stay.
    pub fn purge(&mut self, collection: &'static str, key: StateKey) {
        self.change(Space::Private(collection), key).value = Some(Write::Purge);
    }

    /// Lets a policy of its own govern the changes of `key` from the next one on.
    ///
    /// It has no effect on a key without a value, and goes with a key that is removed.
    pub fn set_endorsement_policy(
        &mut self,
        space: Space,
        key: StateKey,
        policy: &EndorsementPolicy,
    ) {
        self.change(space, key).endorsement_policy = Some(policy.as_bytes().clone());
    }

    /// Lets the chaincode's or collection's policy govern the changes of `key` again.
    ///
    /// Peers validate by that policy then, but keep an empty entry with the key, which their
    /// endorsement plans take for a policy that cannot be satisfied: from now on a client has to
    /// *name* the endorsing organisations of a transaction that changes the key, until it gets
    /// another policy or is removed and written anew. To keep clients free of that, set the
    /// chaincode's own policy as the key's instead.
    pub fn remove_endorsement_policy(&mut self, space: Space, key: StateKey) {
        self.change(space, key).endorsement_policy = Some(Bytes::new());
    }

    /// Sets the transaction's event; the last one set is the one sent. One without a name makes the
    /// transaction fail.
    pub fn set_event(&mut self, name: impl Into<String>, payload: impl Into<Bytes>) {
        self.event = Some(Event { name: name.into(), payload: payload.into() });
    }

    /// The event, if one is set.
    pub fn event(&self) -> Option<&Event> {
        self.event.as_ref()
    }

    /// How many keys change.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes in key order, a key's value before its policy, and the event: for the server and
    /// ledgers.
    pub fn into_parts(self) -> (impl Iterator<Item = (Space, StateKey, Write)>, Option<Event>) {
        let records = self.changes.into_iter().flat_map(|((space, key), change)| {
            // A peer must never be given the policy of a key that is gone.
            let stays = !matches!(change.value, Some(Write::Delete | Write::Purge));
            let policy = change.endorsement_policy.filter(|_| stays).map(Write::EndorsementPolicy);
            let records = change.value.into_iter().chain(policy);
            records.map(move |write| (space, key.clone(), write))
        });
        (records, self.event)
    }

    fn change(&mut self, space: Space, key: StateKey) -> &mut Change {
        self.changes.entry((space, key)).or_default()
    }
}
