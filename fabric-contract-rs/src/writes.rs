use crate::{LedgerError, Space, StateKey};
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
}

/// The chaincode event of a transaction. It stands in the block in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What listeners filter on, never empty.
    pub name: String,
    /// Opaque to the peer.
    pub payload: Bytes,
}

/// Everything a transaction will change: a value, sent to the peer only when the transaction has
/// succeeded.
///
/// There is no way to read from it, so a transaction cannot mistake its own writes for ledger
/// state. The last write of a key wins; iteration is in key order, the same on every peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writes {
    records: BTreeMap<(Space, StateKey), Write>,
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
        self.records.insert((space, key), Write::Put(value));
        Ok(())
    }

    /// Removes `key`.
    pub fn delete(&mut self, space: Space, key: StateKey) {
        self.records.insert((space, key), Write::Delete);
    }

    /// Removes a private key and its history from every peer; the hashes in blocks stay.
    pub fn purge(&mut self, collection: &'static str, key: StateKey) {
        self.records.insert((Space::Private(collection), key), Write::Purge);
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
        self.records.len()
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The changes in key order and the event: for the server and ledgers.
    pub fn into_parts(self) -> (impl Iterator<Item = (Space, StateKey, Write)>, Option<Event>) {
        (self.records.into_iter().map(|((space, key), write)| (space, key, write)), self.event)
    }
}
