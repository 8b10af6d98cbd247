//! Metadata of keys: named entries, of which Fabric uses one, the key-level endorsement policy.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric_protos::kvrwset::{KvMetadataEntry, KvMetadataWrite};
use prost::Message as _;

use crate::store::StoreError;

/// Entries by name.
pub type KeyMetadata = BTreeMap<String, Bytes>;

/// Name of the entry that holds a marshalled `SignaturePolicyEnvelope`: the key's own endorsement
/// policy.
pub const VALIDATION_PARAMETER: &str = "VALIDATION_PARAMETER";

/// Metadata as it is kept with a value; `None` for no entries.
pub(crate) fn encode(entries: &[KvMetadataEntry]) -> Option<Bytes> {
    if entries.is_empty() {
        return None;
    }
    let message = KvMetadataWrite { key: String::new(), entries: entries.to_vec() };
    Some(message.encode_to_vec().into())
}

/// The entries of stored metadata.
pub fn decode(stored: Option<Bytes>) -> Result<KeyMetadata, StoreError> {
    let Some(stored) = stored else { return Ok(KeyMetadata::new()) };
    let message = KvMetadataWrite::decode(stored).map_err(StoreError::new)?;
    Ok(message.entries.into_iter().map(|entry| (entry.name, entry.value)).collect())
}

/// The key-level endorsement policy in stored metadata.
pub(crate) fn validation_parameter(stored: Option<Bytes>) -> Result<Option<Bytes>, StoreError> {
    Ok(decode(stored)?.remove(VALIDATION_PARAMETER))
}
