use bytes::Bytes;
use prost::Message as _;
use prost::encoding::encode_varint;

use crate::batch::UpdateBatch;
use crate::hash::sha256_of;
use crate::space::Space;

/// The hash that chains what peers commit: SHA-256 of the length of the block's filter as a varint,
/// the filter, the block's updates and the commit hash of the block before.
///
/// It covers public and hashed values with their versions, not metadata and nothing private. The
/// first one belongs to block 1 and has no `previous`.
pub fn commit_hash(filter: &[u8], updates: &UpdateBatch, previous: Option<&[u8; 32]>) -> [u8; 32] {
    let mut head = Vec::with_capacity(2);
    encode_varint(u64::try_from(filter.len()).unwrap_or(u64::MAX), &mut head);
    let updates = deterministic_bytes(updates);
    let previous = previous.map(<[u8; 32]>::as_slice);
    sha256_of([&head, filter, &updates].into_iter().chain(previous))
}

/// Fabric's deterministic form of a batch. Chaincode and collection are named only where they
/// begin. The channel's configuration, which has no chaincode, is left out.
fn deterministic_bytes(updates: &UpdateBatch) -> Vec<u8> {
    let mut last = ("", "");
    let mut kvwrites = Vec::new();
    for (space, key, update) in updates.iter() {
        let collection = match space {
            Space::Public { .. } => "",
            Space::Hashed { collection, .. } => collection,
            Space::Private { .. } => continue,
        };
        let namespace = space.namespace();
        if namespace.is_empty() {
            continue;
        }
        let new_namespace = last.0 != namespace;
        let new_collection = new_namespace || last.1 != collection;
        last = (namespace, collection);
        let versioned = update.versioned();
        kvwrites.push(KvWrite {
            namespace: if new_namespace { namespace.to_owned() } else { String::new() },
            collection: if new_collection { collection.to_owned() } else { String::new() },
            key: key.clone(),
            is_delete: versioned.is_none(),
            value: versioned.map(|versioned| versioned.value.clone()).unwrap_or_default(),
            version_bytes: update.version().to_ordered_bytes().into(),
        });
    }
    Updates { kvwrites }.encode_to_vec()
}

/// The peer's own message, which never leaves it; only its bytes are hashed.
#[derive(Clone, PartialEq, prost::Message)]
struct Updates {
    #[prost(message, repeated, tag = "1")]
    kvwrites: Vec<KvWrite>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct KvWrite {
    #[prost(string, tag = "1")]
    namespace: String,
    #[prost(string, tag = "2")]
    collection: String,
    #[prost(bytes = "bytes", tag = "3")]
    key: Bytes,
    #[prost(bool, tag = "4")]
    is_delete: bool,
    #[prost(bytes = "bytes", tag = "5")]
    value: Bytes,
    #[prost(bytes = "bytes", tag = "6")]
    version_bytes: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Update;
    use crate::hash::sha256;
    use crate::version::{Version, Versioned};

    fn put(value: impl Into<Bytes>, version: Version) -> Update {
        let metadata = Some("not part of the hash".into());
        Update::Put(Versioned { value: value.into(), metadata, version })
    }

    fn hash(text: &str) -> Bytes {
        Bytes::copy_from_slice(&sha256(text.as_bytes()))
    }

    /// Expected values computed with another encoder, in Python.
    #[test]
    fn commit_hashes_chain_filters_and_updates() {
        let mut updates = UpdateBatch::default();
        let namespace = "cc";
        let hashed = |collection| Space::Hashed { namespace, collection };
        updates.insert(hashed("c2"), hash("k"), put(hash("v"), Version::new(1, 2)));
        updates.insert(hashed("c1"), hash("z"), Update::Delete(Version::new(1, 300)));
        updates.insert(hashed("c1"), hash("k"), put(hash("v"), Version::new(1, 2)));
        let public = Space::Public { namespace: "aa" };
        updates.insert(public, "b".into(), Update::Delete(Version::new(1, 1)));
        updates.insert(public, "a".into(), put("1", Version::new(1, 0)));
        // Neither the channel's configuration nor plaintext is covered.
        let config = Space::Public { namespace: "" };
        updates.insert(config, "CHANNEL_CONFIG".into(), put("1", Version::new(1, 0)));
        let private = Space::Private { namespace, collection: "c1" };
        updates.insert(private, "k".into(), put("v", Version::new(1, 2)));

        let first = commit_hash(&[0, 0, 0, 11].repeat(50), &updates, None);
        assert_eq!(
            hex::encode(first),
            "e1d2163d6316b9f30c8426f3fd89e1c9ea363aa449f0bffbb9a218647ef4097d"
        );
        let second = commit_hash(&[0], &UpdateBatch::default(), Some(&first));
        assert_eq!(
            hex::encode(second),
            "f8a89711c90690ad73457e4760c38d8ba444d70e0fcf04d01142bac5435f7ce4"
        );
    }
}
