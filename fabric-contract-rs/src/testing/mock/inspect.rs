//! What a test may look at and put in place without a transaction.

use super::reader::{Access, MOCK_CHAINCODE};
use super::{Endorsed, MockLedger, finished, sound};
use crate::{Contract, Entry, Key, LedgerError, Response, Space, StateKey, Table, Writes};
use bytes::Bytes;
use fabric_ledger::{Space as LedgerSpace, Store, TxValidationCode};
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};
use std::sync::Arc;

impl<C: Contract> MockLedger<C> {
    /// The committed bytes under a key; in a collection, as its first member's peer has them.
    pub fn bytes(&self, space: Space, key: &StateKey) -> Option<Bytes> {
        let store = match space {
            Space::Public => &self.state,
            Space::Private(collection) => &self.peer(self.first_member(collection)?).private,
        };
        let found = sound(store.get(ledger_space(space), key.as_str().as_bytes()));
        found.map(|found| found.value)
    }

    /// The bytes the peer of an organisation has under a private key.
    ///
    /// # Panics
    /// When the channel has no such organisation.
    pub fn private_bytes_of(
        &self,
        msp_id: &str,
        collection: &'static str,
        key: &StateKey,
    ) -> Option<Bytes> {
        let space = ledger_space(Space::Private(collection));
        let found = sound(self.peer(msp_id).private.get(space, key.as_str().as_bytes()));
        found.map(|found| found.value)
    }

    /// All committed entries of a space in key order; of a collection, as its first member's peer
    /// has them.
    pub fn entries(&self, space: Space) -> Vec<Entry> {
        let store = match space {
            Space::Public => &self.state,
            Space::Private(collection) => match self.first_member(collection) {
                Some(member) => &self.peer(member).private,
                None => return Vec::new(),
            },
        };
        let entry = |(key, row): (Bytes, &fabric_ledger::Versioned)| {
            (StateKey::from_ledger(String::from_utf8_lossy(&key).into_owned()), row.value.clone())
        };
        store.rows(ledger_space(space)).map(entry).collect()
    }

    /// The committed value of a table under a key.
    ///
    /// # Panics
    /// When the key is none of the table's or the stored bytes are no value of it.
    pub fn value<K: Key, V>(&self, table: &Table<K, V>, key: &K) -> Option<V>
    where
        V: Encode<()> + for<'b> Decode<'b, ()>,
    {
        let bytes = self.bytes(table.space(), &right(table.key(key)))?;
        Some(right(table.decode(&bytes)))
    }

    /// All committed rows of a table in key order.
    ///
    /// # Panics
    /// When stored bytes are no value of the table.
    pub fn rows<K: Key, V>(&self, table: &Table<K, V>) -> Vec<(K, V)>
    where
        V: Encode<()> + for<'b> Decode<'b, ()>,
    {
        let entries = self.entries(table.space());
        let own =
            entries.iter().filter_map(|(key, value)| Some((table.parse_key(key).ok()?, value)));
        own.map(|(key, value)| (key, right(table.decode(value)))).collect()
    }

    /// SHA-256 over everything committed, with versions: equal when nothing has changed.
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut add = |store: &fabric_ledger::MemoryStore, space: LedgerSpace<'_>| {
            digest.update(space.prefix());
            for (key, row) in store.rows(space) {
                digest.update(key.len().to_be_bytes());
                digest.update(&key);
                digest.update(row.value.len().to_be_bytes());
                digest.update(&row.value);
                digest.update(row.version.to_ordered_bytes());
            }
        };
        for namespace in self.chaincodes.names() {
            add(&self.state, LedgerSpace::Public { namespace });
        }
        for (namespace, collection) in self.collections.iter() {
            let collection = collection.name.as_str();
            add(&self.state, LedgerSpace::Hashed { namespace, collection });
            for peer in &self.peers {
                add(&peer.private, LedgerSpace::Private { namespace, collection });
            }
        }
        digest.finalize().into()
    }

    /// Commits writes that no transaction made, as a block of their own: state to start from.
    ///
    /// # Panics
    /// When a collection is not defined, a public key is to be purged, or not even all organisations
    /// together may change a key.
    pub fn seed(&mut self, writes: Writes) {
        let nobody = super::super::TestIdentity::new("Org1MSP", "seed").client();
        let cx = self.context(&super::Call::of_args(&nobody, Vec::new()));
        let event = writes.event().cloned();
        #[expect(clippy::expect_used, reason = "a test without an organisation fails at once")]
        let peer = self.peers.first().expect("the channel has an organisation");
        let access = Access::Seed(Arc::clone(&self.collections));
        let reader = self.reader(&peer.msp_id, MOCK_CHAINCODE, &cx, access);
        right(reader.apply(writes));
        let (results, trips) = finished(reader);
        let endorsers = self.peers.iter().map(|peer| peer.msp_id.clone()).collect();
        let codes = self.commit(vec![Endorsed {
            tx_id: cx.tx_id().to_owned(),
            response: Response { status: 200, message: String::new(), payload: Bytes::new() },
            event,
            trips,
            timestamp_ms: cx.timestamp_ms(),
            endorsers,
            results,
        }]);
        assert_eq!(codes, [TxValidationCode::Valid], "blind writes never conflict");
    }

    fn first_member(&self, collection: &str) -> Option<&str> {
        let collection = self.collections.get(MOCK_CHAINCODE, collection)?;
        let member = self.peers.iter().find(|peer| collection.has_member(&peer.msp_id))?;
        Some(&member.msp_id)
    }
}

fn ledger_space(space: Space) -> LedgerSpace<'static> {
    match space {
        Space::Public => LedgerSpace::Public { namespace: MOCK_CHAINCODE },
        Space::Private(collection) => {
            LedgerSpace::Private { namespace: MOCK_CHAINCODE, collection }
        }
    }
}

fn right<T>(outcome: Result<T, LedgerError>) -> T {
    #[expect(clippy::expect_used, reason = "a test that looks at the wrong place fails at once")]
    outcome.expect("the test knows the ledger's state")
}
