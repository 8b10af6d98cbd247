use std::collections::BTreeMap;

use bytes::Bytes;
use fabric_protos::kvrwset::{
    HashedRwSet, KvMetadataEntry, KvMetadataWrite, KvMetadataWriteHash, KvRead, KvReadHash,
    KvWrite, KvWriteHash, KvrwSet, RangeQueryInfo,
};
use fabric_protos::rwset::{CollectionPvtReadWriteSet, NsPvtReadWriteSet, TxPvtReadWriteSet};
use prost::Message as _;

use super::{CollectionRwSet, NsRwSet, TxRwSet, to_wire};
use crate::batch::entry;
use crate::hash::sha256;
use crate::version::Version;

/// Metadata entries by name; none of them removes the key's metadata.
pub(crate) type Entries = BTreeMap<String, Bytes>;

/// Collects a simulation's reads and writes and lays them out as Fabric does: one read and one
/// last write a key, everything in byte order, hashed entries in the order of the *raw* keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Builder {
    namespaces: BTreeMap<String, Namespace>,
}

#[derive(Clone, Debug, Default)]
struct Namespace {
    reads: BTreeMap<String, Option<Version>>,
    ranges: Vec<RangeQueryInfo>,
    /// `None` deletes.
    writes: BTreeMap<String, Option<Bytes>>,
    metadata: BTreeMap<String, Entries>,
    collections: BTreeMap<String, Collection>,
}

#[derive(Clone, Debug, Default)]
struct Collection {
    reads: BTreeMap<String, Option<Version>>,
    writes: BTreeMap<String, PrivateWrite>,
    metadata: BTreeMap<String, Entries>,
}

#[derive(Clone, Debug)]
pub(crate) enum PrivateWrite {
    Put(Bytes),
    Delete,
    Purge,
}

impl Builder {
    pub(crate) fn read(&mut self, namespace: &str, key: &str, version: Option<Version>) {
        entry(&mut self.namespaces, namespace).reads.insert(key.to_owned(), version);
    }

    /// Empty values delete.
    pub(crate) fn write(&mut self, namespace: &str, key: &str, value: Option<Bytes>) {
        let value = value.filter(|value| !value.is_empty());
        entry(&mut self.namespaces, namespace).writes.insert(key.to_owned(), value);
    }

    pub(crate) fn write_metadata(&mut self, namespace: &str, key: &str, entries: Entries) {
        entry(&mut self.namespaces, namespace).metadata.insert(key.to_owned(), entries);
    }

    /// The first of several queries over the same range stands for all.
    pub(crate) fn range(&mut self, namespace: &str, info: RangeQueryInfo) {
        let ranges = &mut entry(&mut self.namespaces, namespace).ranges;
        let same = |known: &RangeQueryInfo| {
            known.start_key == info.start_key
                && known.end_key == info.end_key
                && known.itr_exhausted == info.itr_exhausted
        };
        if !ranges.iter().any(same) {
            ranges.push(info);
        }
    }

    pub(crate) fn read_private(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
        version: Option<Version>,
    ) {
        self.collection(namespace, collection).reads.insert(key.to_owned(), version);
    }

    pub(crate) fn write_private(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
        write: PrivateWrite,
    ) {
        let write = match write {
            PrivateWrite::Put(value) if value.is_empty() => PrivateWrite::Delete,
            write => write,
        };
        self.collection(namespace, collection).writes.insert(key.to_owned(), write);
    }

    pub(crate) fn write_private_metadata(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
        entries: Entries,
    ) {
        self.collection(namespace, collection).metadata.insert(key.to_owned(), entries);
    }

    /// Chaincodes read or written so far.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.keys().map(String::as_str)
    }

    /// Public keys written so far, by value or metadata, a namespace each.
    pub(crate) fn written_keys(&self) -> impl Iterator<Item = (&str, &str)> {
        self.namespaces.iter().flat_map(|(namespace, parts)| {
            let keys = parts.writes.keys().chain(parts.metadata.keys());
            keys.map(move |key| (namespace.as_str(), key.as_str()))
        })
    }

    /// Private keys written so far, by value or metadata.
    pub(crate) fn written_private_keys(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.namespaces.iter().flat_map(|(namespace, parts)| {
            parts.collections.iter().flat_map(move |(collection, parts)| {
                let keys = parts.writes.keys().chain(parts.metadata.keys());
                keys.map(move |key| (namespace.as_str(), collection.as_str(), key.as_str()))
            })
        })
    }

    pub(crate) fn build(self) -> (TxRwSet, Option<TxPvtReadWriteSet>) {
        let mut namespaces = Vec::with_capacity(self.namespaces.len());
        let mut ns_pvt_rwset = Vec::new();
        for (namespace, parts) in self.namespaces {
            let mut collections = Vec::with_capacity(parts.collections.len());
            let mut collection_pvt_rwset = Vec::new();
            for (name, collection) in parts.collections {
                let (hashed, private) = collection.build();
                let pvt_rwset_hash =
                    private.as_ref().map(|rwset| sha256(rwset).to_vec().into()).unwrap_or_default();
                if let Some(rwset) = private {
                    let collection_name = name.clone();
                    collection_pvt_rwset.push(CollectionPvtReadWriteSet { collection_name, rwset });
                }
                collections.push(CollectionRwSet { name, hashed, pvt_rwset_hash });
            }
            if !collection_pvt_rwset.is_empty() {
                let namespace = namespace.clone();
                ns_pvt_rwset.push(NsPvtReadWriteSet { namespace, collection_pvt_rwset });
            }
            let public = KvrwSet {
                reads: reads(parts.reads),
                range_queries_info: parts.ranges,
                writes: parts.writes.into_iter().map(|(key, value)| write(key, value)).collect(),
                metadata_writes: parts
                    .metadata
                    .into_iter()
                    .map(|(key, entries)| KvMetadataWrite { key, entries: to_entries(entries) })
                    .collect(),
            };
            namespaces.push(NsRwSet { namespace, public, collections });
        }
        let private =
            (!ns_pvt_rwset.is_empty()).then_some(TxPvtReadWriteSet { data_model: 0, ns_pvt_rwset });
        (TxRwSet { namespaces }, private)
    }

    fn collection(&mut self, namespace: &str, collection: &str) -> &mut Collection {
        entry(&mut entry(&mut self.namespaces, namespace).collections, collection)
    }
}

impl Collection {
    /// The hashes for everybody and, if anything is written, the plaintext for members.
    fn build(self) -> (HashedRwSet, Option<Bytes>) {
        let hashed_reads = self
            .reads
            .into_iter()
            .map(|(key, version)| KvReadHash { key_hash: hash(&key), version: to_wire(version) })
            .collect();
        let mut hashed_writes = Vec::with_capacity(self.writes.len());
        let mut writes = Vec::with_capacity(self.writes.len());
        for (key, private) in self.writes {
            let is_purge = matches!(private, PrivateWrite::Purge);
            let value = match private {
                PrivateWrite::Put(value) => Some(value),
                PrivateWrite::Delete | PrivateWrite::Purge => None,
            };
            hashed_writes.push(KvWriteHash {
                key_hash: hash(&key),
                is_delete: value.is_none(),
                value_hash: value
                    .as_ref()
                    .map(|value| sha256(value).to_vec().into())
                    .unwrap_or_default(),
                is_purge,
            });
            writes.push(write(key, value));
        }
        let mut hashed_metadata = Vec::with_capacity(self.metadata.len());
        let mut metadata_writes = Vec::with_capacity(self.metadata.len());
        for (key, entries) in self.metadata {
            let entries = to_entries(entries);
            hashed_metadata.push(KvMetadataWriteHash { key_hash: hash(&key), entries });
            metadata_writes.push(KvMetadataWrite { key, entries: Vec::new() });
        }
        let has_writes = !writes.is_empty() || !metadata_writes.is_empty();
        let private = KvrwSet { writes, metadata_writes, ..Default::default() };
        let private = has_writes.then(|| Bytes::from(private.encode_to_vec()));
        (HashedRwSet { hashed_reads, hashed_writes, metadata_writes: hashed_metadata }, private)
    }
}

fn reads(reads: BTreeMap<String, Option<Version>>) -> Vec<KvRead> {
    reads.into_iter().map(|(key, version)| KvRead { key, version: to_wire(version) }).collect()
}

fn write(key: String, value: Option<Bytes>) -> KvWrite {
    KvWrite { key, is_delete: value.is_none(), value: value.unwrap_or_default() }
}

fn to_entries(entries: Entries) -> Vec<KvMetadataEntry> {
    entries.into_iter().map(|(name, value)| KvMetadataEntry { name, value }).collect()
}

fn hash(key: &str) -> Bytes {
    Bytes::copy_from_slice(&sha256(key.as_bytes()))
}
