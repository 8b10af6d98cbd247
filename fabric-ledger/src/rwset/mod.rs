//! Read-write sets: what a simulation read and wants written, in Fabric's wire form.

mod builder;
mod ranges;

use bytes::Bytes;
use fabric_protos::kvrwset::{self, HashedRwSet, KvWrite, KvWriteHash, KvrwSet};
use fabric_protos::rwset::{CollectionHashedReadWriteSet, NsReadWriteSet, TxReadWriteSet};
use prost::Message as _;

pub(crate) use self::builder::{Builder, PrivateWrite};
pub(crate) use self::ranges::RangeReads;
use crate::version::Version;

/// A decoded `TxReadWriteSet`: the public part of a transaction's results.
///
/// ```
/// use fabric_ledger::rwset::TxRwSet;
///
/// let nothing = TxRwSet::default();
/// assert_eq!(TxRwSet::decode(nothing.encode())?, nothing);
/// # Ok::<(), prost::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TxRwSet {
    /// One entry a chaincode; sorted by name when made by a simulation.
    pub namespaces: Vec<NsRwSet>,
}

/// The part of one chaincode.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NsRwSet {
    /// Chaincode name.
    pub namespace: String,
    /// Public reads, range queries, writes and metadata writes.
    pub public: KvrwSet,
    /// Hashes of private reads and writes, a collection each.
    pub collections: Vec<CollectionRwSet>,
}

/// The hashed part of one collection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CollectionRwSet {
    /// Collection name.
    pub name: String,
    /// Reads and writes by key hash.
    pub hashed: HashedRwSet,
    /// SHA-256 of the collection's plaintext `KVRWSet`; empty if the collection was only read.
    pub pvt_rwset_hash: Bytes,
}

impl TxRwSet {
    /// Reads the bytes of `ChaincodeAction.results`; values share the buffer.
    pub fn decode(bytes: Bytes) -> Result<Self, prost::DecodeError> {
        let message = TxReadWriteSet::decode(bytes)?;
        let namespaces =
            message.ns_rwset.into_iter().map(NsRwSet::decode).collect::<Result<_, _>>()?;
        Ok(Self { namespaces })
    }

    /// The bytes Fabric's simulator gives for the same results.
    pub fn encode(&self) -> Bytes {
        let ns_rwset = self.namespaces.iter().map(NsRwSet::encode).collect();
        TxReadWriteSet { data_model: 0, ns_rwset }.encode_to_vec().into()
    }

    /// Whether anything, public or private, is written.
    pub fn has_writes(&self) -> bool {
        self.namespaces.iter().any(NsRwSet::has_writes)
    }

    /// The part of a chaincode and collection, if there is one.
    pub fn collection(&self, namespace: &str, collection: &str) -> Option<&CollectionRwSet> {
        self.namespaces
            .iter()
            .filter(|ns| ns.namespace == namespace)
            .find_map(|ns| ns.collections.iter().find(|one| one.name == collection))
    }
}

impl NsRwSet {
    fn decode(message: NsReadWriteSet) -> Result<Self, prost::DecodeError> {
        let collections = message
            .collection_hashed_rwset
            .into_iter()
            .map(|collection| {
                Ok(CollectionRwSet {
                    name: collection.collection_name,
                    hashed: HashedRwSet::decode(collection.hashed_rwset)?,
                    pvt_rwset_hash: collection.pvt_rwset_hash,
                })
            })
            .collect::<Result<_, prost::DecodeError>>()?;
        let public = KvrwSet::decode(message.rwset)?;
        Ok(Self { namespace: message.namespace, public, collections })
    }

    fn encode(&self) -> NsReadWriteSet {
        let collection_hashed_rwset = self
            .collections
            .iter()
            .map(|collection| CollectionHashedReadWriteSet {
                collection_name: collection.name.clone(),
                hashed_rwset: collection.hashed.encode_to_vec().into(),
                pvt_rwset_hash: collection.pvt_rwset_hash.clone(),
            })
            .collect();
        NsReadWriteSet {
            namespace: self.namespace.clone(),
            rwset: self.public.encode_to_vec().into(),
            collection_hashed_rwset,
        }
    }

    /// Whether the chaincode's state is written, public or private, value or metadata.
    pub fn has_writes(&self) -> bool {
        !self.public.writes.is_empty()
            || !self.public.metadata_writes.is_empty()
            || self.collections.iter().any(CollectionRwSet::has_writes)
    }
}

impl CollectionRwSet {
    /// Whether the collection is written, value or metadata.
    pub fn has_writes(&self) -> bool {
        !self.hashed.hashed_writes.is_empty() || !self.hashed.metadata_writes.is_empty()
    }
}

/// The version a read entry holds; absent when the key was.
pub fn read_version(version: Option<&kvrwset::Version>) -> Option<Version> {
    version.map(|version| Version::new(version.block_num, version.tx_num))
}

pub(crate) fn to_wire(version: Option<Version>) -> Option<kvrwset::Version> {
    version.map(|version| kvrwset::Version { block_num: version.block, tx_num: version.tx })
}

/// Whether a write removes its key: marked so, or an empty value.
pub fn is_delete(write: &KvWrite) -> bool {
    write.is_delete || write.value.is_empty()
}

/// Whether a hashed write removes its key: marked so, no value hash, or the hash of nothing.
pub fn is_hash_delete(write: &KvWriteHash) -> bool {
    write.is_delete || write.value_hash.is_empty() || *write.value_hash == SHA256_OF_NOTHING
}

/// SHA-256 of no bytes at all: what an empty private value would be written as.
const SHA256_OF_NOTHING: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;

    #[test]
    fn an_empty_value_is_a_delete_in_clear_and_hashed() {
        let write = |is_delete, value: &'static str| KvWrite {
            key: "k".to_owned(),
            is_delete,
            value: value.into(),
        };
        assert!(is_delete(&write(true, "")) && is_delete(&write(false, "")));
        assert!(is_delete(&write(true, "v")) && !is_delete(&write(false, "v")));

        let hashed = |value_hash: &[u8]| KvWriteHash {
            value_hash: Bytes::copy_from_slice(value_hash),
            ..Default::default()
        };
        assert!(is_hash_delete(&hashed(&[])) && is_hash_delete(&hashed(&sha256(b""))));
        assert!(!is_hash_delete(&hashed(&sha256(b"v"))));
    }

    #[test]
    fn damaged_bytes_are_refused_at_every_level() {
        let bad = Bytes::from_static(&[0x0a, 0x05, 0x01]);
        assert!(TxRwSet::decode(bad.clone()).is_err());
        let outer = |ns: NsReadWriteSet| {
            TxReadWriteSet { data_model: 0, ns_rwset: vec![ns] }.encode_to_vec().into()
        };
        let public = NsReadWriteSet { rwset: bad.clone(), ..Default::default() };
        assert!(TxRwSet::decode(outer(public)).is_err());
        let collection = CollectionHashedReadWriteSet { hashed_rwset: bad, ..Default::default() };
        let hashed =
            NsReadWriteSet { collection_hashed_rwset: vec![collection], ..Default::default() };
        assert!(TxRwSet::decode(outer(hashed)).is_err());
    }
}
