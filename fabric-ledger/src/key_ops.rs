//! What one transaction does to each key, put together from its writes as a peer does it.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric_protos::kvrwset::KvMetadataEntry;

use crate::metadata;

const UPSERT: u8 = 1;
const METADATA_UPDATE: u8 = 2;
const METADATA_DELETE: u8 = 4;
const DELETE: u8 = 8;

/// The writes of a transaction to one space, by key.
#[derive(Debug, Default)]
pub(crate) struct KeyOps(BTreeMap<Bytes, Ops>);

/// A simulation writes a key's value once and its metadata once. Peers *add* a number for each
/// write: of results that no simulation makes, two values count as metadata, and so on. Whoever
/// endorses such results gets the same state from all peers, and so from these rules.
#[derive(Debug, Default)]
struct Ops {
    flags: u8,
    value: Bytes,
    metadata: Option<Bytes>,
}

/// What becomes of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeyOp {
    /// It is gone.
    Delete,
    /// It has this value and the metadata it had.
    Value(Bytes),
    /// It has this value and metadata.
    Both(Bytes, Option<Bytes>),
    /// It has the value it had, if any, and this metadata.
    Metadata(Option<Bytes>),
}

impl KeyOps {
    /// A write of a value; `None` deletes.
    pub(crate) fn write(&mut self, key: Bytes, value: Option<Bytes>) {
        let ops = self.0.entry(key).or_default();
        match value {
            None => ops.add(DELETE),
            Some(value) => {
                ops.add(UPSERT);
                ops.value = value;
            }
        }
    }

    /// A write of metadata; no entries remove it.
    pub(crate) fn write_metadata(&mut self, key: Bytes, entries: &[KvMetadataEntry]) {
        let ops = self.0.entry(key).or_default();
        match metadata::encode(entries) {
            None => ops.add(METADATA_DELETE),
            Some(encoded) => {
                ops.add(METADATA_UPDATE);
                ops.metadata = Some(encoded);
            }
        }
    }

    /// The keys in their order.
    pub(crate) fn finish(self) -> impl Iterator<Item = (Bytes, KeyOp)> {
        self.0.into_iter().map(|(key, ops)| (key, ops.finish()))
    }
}

impl Ops {
    fn add(&mut self, flag: u8) {
        self.flags = self.flags.wrapping_add(flag);
    }

    fn finish(self) -> KeyOp {
        let Self { flags, value, metadata } = self;
        let has = |flag: u8| flags & flag == flag;
        if has(DELETE) {
            KeyOp::Delete
        } else if has(UPSERT) && (has(METADATA_UPDATE) || has(METADATA_DELETE)) {
            KeyOp::Both(value, metadata)
        } else if flags <= UPSERT {
            KeyOp::Value(value)
        } else {
            KeyOp::Metadata(metadata)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `v` and `w` write values, `d` deletes, `m` and `n` write metadata, `-` removes it.
    fn ops(writes: &str) -> KeyOp {
        let mut ops = KeyOps::default();
        for write in writes.chars() {
            let bytes = Bytes::from(write.to_string());
            let entry = KvMetadataEntry { name: write.to_string(), value: bytes.clone() };
            match write {
                'v' | 'w' => ops.write("k".into(), Some(bytes)),
                'd' => ops.write("k".into(), None),
                '-' => ops.write_metadata("k".into(), &[]),
                _ => ops.write_metadata("k".into(), &[entry]),
            }
        }
        let (_, op) = ops.finish().next().unwrap();
        op
    }

    fn encoded(name: &str) -> Option<Bytes> {
        let value = Bytes::copy_from_slice(name.as_bytes());
        metadata::encode(&[KvMetadataEntry { name: name.to_owned(), value }])
    }

    #[test]
    fn writes_of_a_simulation_are_taken_as_they_are() {
        assert_eq!(ops("v"), KeyOp::Value("v".into()));
        assert_eq!(ops("d"), KeyOp::Delete);
        assert_eq!(ops("m"), KeyOp::Metadata(encoded("m")));
        assert_eq!(ops("-"), KeyOp::Metadata(None));
        assert_eq!(ops("vm"), KeyOp::Both("v".into(), encoded("m")));
        assert_eq!(ops("v-"), KeyOp::Both("v".into(), None));
        assert_eq!(ops("dm"), KeyOp::Delete);
    }

    #[test]
    fn others_are_counted_as_a_peer_counts_them() {
        assert_eq!(ops("vw"), KeyOp::Metadata(None));
        assert_eq!(ops("vwv"), KeyOp::Both("v".into(), None));
        assert_eq!(ops("vd"), KeyOp::Delete);
        assert_eq!(ops("dv"), KeyOp::Delete);
        assert_eq!(ops("dd"), KeyOp::Metadata(None));
        assert_eq!(ops("mn"), KeyOp::Metadata(encoded("n")));
        assert_eq!(ops("vwm"), KeyOp::Metadata(encoded("m")));
    }
}
