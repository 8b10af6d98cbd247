//! How rows are written.

use bytes::Bytes;
use fabric_ledger::{KeyModification, Space, Timestamp, TxRecord, Version, Versioned};

/// Marks a transaction id that is 64 lower-case hexadecimal digits, kept as 32 bytes.
const HASH_ID: u8 = 0;
/// Marks any other transaction id.
const TEXT_ID: u8 = 1;
/// Bytes of a version.
pub(super) const VERSION_BYTES: usize = 12;

/// Takes fields off the front of a row; every method answers `None` at the end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn u8(&mut self) -> Option<u8> {
        let (head, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*head)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    fn version(&mut self) -> Option<Version> {
        Some(Version::new(self.u64()?, u64::from(self.u32()?)))
    }

    fn sized(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.take(length)
    }
}

/// Bytes of a version, in the order of versions. A block's transactions are counted in 32 bits.
pub(super) fn version(version: Version) -> [u8; VERSION_BYTES] {
    let mut out = [0; VERSION_BYTES];
    let tx = u32::try_from(version.tx).unwrap_or(u32::MAX);
    let bytes = version.block.to_be_bytes().into_iter().chain(tx.to_be_bytes());
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    out
}

pub(super) fn read_version(row: &[u8]) -> Option<Version> {
    Reader(row).version()
}

fn push_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend(length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A state row: version, metadata with its length, value.
pub(super) fn versioned(value: &Versioned) -> Vec<u8> {
    let metadata = value.metadata.as_deref().unwrap_or_default();
    let mut out = Vec::with_capacity(VERSION_BYTES + 4 + metadata.len() + value.value.len());
    out.extend(version(value.version));
    push_sized(&mut out, metadata);
    out.extend_from_slice(&value.value);
    out
}

/// Version and value of a state row.
pub(super) fn read_row(row: &[u8]) -> Option<(Version, &[u8], &[u8])> {
    let mut reader = Reader(row);
    let version = reader.version()?;
    let metadata = reader.sized()?;
    Some((version, metadata, reader.0))
}

pub(super) fn read_versioned(row: &[u8]) -> Option<Versioned> {
    let (version, metadata, value) = read_row(row)?;
    let metadata = (!metadata.is_empty()).then(|| Bytes::copy_from_slice(metadata));
    Some(Versioned { value: Bytes::copy_from_slice(value), metadata, version })
}

/// The key of a transaction id.
pub(super) fn tx_id(id: &str) -> Vec<u8> {
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let mut out = Vec::with_capacity(33);
    match hex::decode(id) {
        Ok(hash) if hash.len() == 32 && id.bytes().all(lower_hex) => {
            out.push(HASH_ID);
            out.extend(hash);
        }
        _ => {
            out.push(TEXT_ID);
            out.extend_from_slice(id.as_bytes());
        }
    }
    out
}

pub(super) fn read_tx_id(key: &[u8]) -> Option<String> {
    match key.split_first()? {
        (&HASH_ID, hash) => Some(hex::encode(hash)),
        (_, text) => String::from_utf8(text.to_vec()).ok(),
    }
}

pub(super) fn tx_record(record: TxRecord) -> Vec<u8> {
    let mut out = version(record.version).to_vec();
    out.push(record.code);
    out
}

pub(super) fn read_tx_record(row: &[u8]) -> Option<TxRecord> {
    let mut reader = Reader(row);
    Some(TxRecord { version: reader.version()?, code: reader.u8()? })
}

/// What all history rows of a key begin with. The key's length keeps `a` apart from what begins
/// with `a`.
pub(super) fn history_prefix(namespace: &str, key: &str) -> Vec<u8> {
    let mut out = Space::Public { namespace }.prefix();
    push_sized(&mut out, key.as_bytes());
    out
}

pub(super) fn history_row(modification: &KeyModification) -> Vec<u8> {
    let mut out = Vec::new();
    push_sized(&mut out, &tx_id(&modification.tx_id));
    match modification.timestamp {
        Some(timestamp) => {
            out.push(1);
            out.extend(timestamp.seconds.to_be_bytes());
            out.extend(timestamp.nanos.to_be_bytes());
        }
        None => out.push(0),
    }
    out.push(u8::from(modification.value.is_some()));
    out.extend_from_slice(modification.value.as_deref().unwrap_or_default());
    out
}

/// A history row; `key` is its whole key, which ends in the version.
pub(super) fn read_history_row(key: &[u8], row: &[u8]) -> Option<KeyModification> {
    let at = key.len().checked_sub(VERSION_BYTES)?;
    let version = Reader(key.split_at_checked(at)?.1).version()?;
    let mut reader = Reader(row);
    let tx_id = read_tx_id(reader.sized()?)?;
    let timestamp = match reader.u8()? {
        0 => None,
        _ => Some(Timestamp {
            seconds: i64::from_be_bytes(reader.take(8)?.try_into().ok()?),
            nanos: i32::from_be_bytes(reader.take(4)?.try_into().ok()?),
        }),
    };
    let value = match reader.u8()? {
        0 => None,
        _ => Some(Bytes::copy_from_slice(reader.0)),
    };
    Some(KeyModification { version, tx_id, timestamp, value })
}

/// The key of one transaction's private writes to a collection: in the order of blocks,
/// transactions, chaincodes and collections. No name has a zero byte.
pub(super) fn plaintext_key(version: Version, namespace: &str, collection: &str) -> Vec<u8> {
    let mut out = self::version(version).to_vec();
    out.extend_from_slice(namespace.as_bytes());
    out.push(0);
    out.extend_from_slice(collection.as_bytes());
    out
}

pub(super) fn read_plaintext_key(key: &[u8]) -> Option<(Version, String, String)> {
    let mut reader = Reader(key);
    let version = reader.version()?;
    let (namespace, collection) = std::str::from_utf8(reader.0).ok()?.split_once('\0')?;
    Some((version, namespace.to_owned(), collection.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_rows_come_back() {
        let check = |metadata: Option<&'static [u8]>, value: &'static [u8]| {
            let row = Versioned {
                value: value.into(),
                metadata: metadata.map(Bytes::from_static),
                version: Version::new(7, 3),
            };
            assert_eq!(read_versioned(&versioned(&row)), Some(row));
        };
        check(None, b"value");
        check(Some(b"policy"), b"value");
        check(Some(b"policy"), b"");
        assert_eq!(read_versioned(b"short"), None);
    }

    #[test]
    fn version_bytes_sort_as_versions_do() {
        let versions = [(0, 0), (0, 1), (1, 0), (1, 255), (1, 256), (256, 0)];
        let encoded: Vec<_> = versions.iter().map(|(b, t)| version(Version::new(*b, *t))).collect();
        assert!(encoded.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn transaction_ids_of_any_text_have_keys_of_their_own() {
        let hash = "ab".repeat(32);
        let ids = [hash.clone(), hash.to_uppercase(), "ab".to_owned(), String::new()];
        let keys: std::collections::BTreeSet<_> = ids.iter().map(|id| tx_id(id)).collect();
        assert_eq!(keys.len(), ids.len());
        assert_eq!(tx_id(&hash).len(), 33);
        for id in &ids {
            assert_eq!(read_tx_id(&tx_id(id)).as_ref(), Some(id));
        }
    }

    #[test]
    fn history_rows_come_back() {
        for value in [None, Some(Bytes::new()), Some(Bytes::from_static(b"v"))] {
            for timestamp in [None, Some(Timestamp { seconds: -1, nanos: 5 })] {
                let row = KeyModification {
                    version: Version::new(9, 2),
                    tx_id: "ab".repeat(32),
                    timestamp,
                    value: value.clone(),
                };
                let mut key = history_prefix("cc", "k");
                key.extend(version(row.version));
                assert_eq!(read_history_row(&key, &history_row(&row)), Some(row));
            }
        }
    }

    #[test]
    fn plaintext_keys_come_back() {
        let version = Version::new(9, 2);
        let key = plaintext_key(version, "cc", "health");
        let parts = ("cc".to_owned(), "health".to_owned());
        assert_eq!(read_plaintext_key(&key), Some((version, parts.0, parts.1)));
        assert_eq!(read_plaintext_key(b"short"), None);
        assert!(key.starts_with(&9u64.to_be_bytes()));
    }

    #[test]
    fn a_keys_history_is_not_anothers() {
        assert!(!history_prefix("cc", "ab").starts_with(&history_prefix("cc", "a")));
        assert!(!history_prefix("cc1", "a").starts_with(&history_prefix("cc", "a")));
    }
}
