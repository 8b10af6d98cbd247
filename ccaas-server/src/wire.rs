//! Requests to the peer, written from borrowed keys: one buffer a message, no copies before it.

use bytes::{BufMut, Bytes};
use fabric_contract_rs::{KeyRange, Space, StateKey, Write};
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{ChaincodeId, ChaincodeInput, ChaincodeSpec, QueryMetadata};
use prost::{Message, encode_length_delimiter, length_delimiter_len};

/// The name under which a peer keeps a key's endorsement policy.
pub(crate) const VALIDATION_PARAMETER: &str = "VALIDATION_PARAMETER";

const WIRE_VARINT: u8 = 0;
const WIRE_BYTES: u8 = 2;

/// The field of every request that names the collection is empty for public state.
pub(crate) fn collection(space: Space) -> &'static str {
    match space {
        Space::Public => "",
        Space::Private(collection) => collection,
    }
}

/// Bytes that a field of this content takes; none when it is empty.
fn field_len(content: usize) -> usize {
    if content == 0 { 0 } else { 1 + length_delimiter_len(content) + content }
}

fn put_header(buffer: &mut Vec<u8>, tag: u8, len: usize) {
    buffer.put_u8(tag << 3 | WIRE_BYTES);
    // A vector takes whatever it is given, so the only error there is cannot happen.
    let _ = encode_length_delimiter(len, buffer);
}

fn put_field(buffer: &mut Vec<u8>, tag: u8, content: &[u8]) {
    if !content.is_empty() {
        put_header(buffer, tag, content.len());
        buffer.put_slice(content);
    }
}

fn message(fields: &[(u8, &[u8])]) -> Bytes {
    let mut buffer = Vec::with_capacity(fields_len(fields));
    for (tag, content) in fields {
        put_field(&mut buffer, *tag, content);
    }
    buffer.into()
}

/// GetState and GetStateMetadata; the former also for hashes.
pub(crate) fn get_state(collection: &str, key: &StateKey) -> Bytes {
    message(&[(1, key.as_str().as_bytes()), (2, collection.as_bytes())])
}

/// What one key adds to a multi-get.
pub(crate) fn multi_get_key_len(key: &StateKey) -> usize {
    let len = key.as_str().len();
    1 + length_delimiter_len(len) + len
}

/// GetStateMultiple.
pub(crate) fn get_state_multiple(collection: &str, keys: &[StateKey]) -> Bytes {
    let len: usize = keys.iter().map(multi_get_key_len).sum();
    let mut buffer = Vec::with_capacity(len + field_len(collection.len()));
    for key in keys {
        // An empty key still counts: answers come by position.
        put_header(&mut buffer, 1, key.as_str().len());
        buffer.put_slice(key.as_str().as_bytes());
    }
    put_field(&mut buffer, 2, collection.as_bytes());
    buffer.into()
}

/// GetStateByRange, as an iterator.
pub(crate) fn get_state_by_range(collection: &str, range: &KeyRange) -> Bytes {
    message(&[
        (1, range.start().as_bytes()),
        (2, range.end().as_bytes()),
        (3, collection.as_bytes()),
    ])
}

/// GetStateByRange, as one page. The peer takes a page's bookmark for the start.
pub(crate) fn get_state_page(range: &KeyRange, size: i32) -> Bytes {
    let page = QueryMetadata { page_size: size, bookmark: String::new() };
    message(&[
        (1, range.start().as_bytes()),
        (2, range.end().as_bytes()),
        (4, &page.encode_to_vec()),
    ])
}

/// ChaincodeSpec of a call; `name` is a chaincode's, or `chaincode/channel`.
pub(crate) fn invoke_chaincode(name: &str, args: &[Bytes]) -> Bytes {
    let spec = ChaincodeSpec {
        chaincode_id: Some(ChaincodeId { name: name.to_owned(), ..Default::default() }),
        input: Some(ChaincodeInput { args: args.to_vec(), ..Default::default() }),
        ..Default::default()
    };
    spec.encode_to_vec().into()
}

/// GetHistoryForKey.
pub(crate) fn get_history_for_key(key: &StateKey) -> Bytes {
    message(&[(1, key.as_str().as_bytes())])
}

/// QueryStateNext and QueryStateClose.
pub(crate) fn query_id(id: &str) -> Bytes {
    message(&[(1, id.as_bytes())])
}

/// One change of state on its way to the peer.
pub(crate) type Record = (Space, StateKey, Write);

fn record_type(write: &Write) -> Type {
    match write {
        Write::Put(_) => Type::PutState,
        Write::Delete => Type::DelState,
        Write::Purge => Type::PurgePrivateData,
        Write::EndorsementPolicy(_) => Type::PutStateMetadata,
    }
}

fn record_value(write: &Write) -> &[u8] {
    match write {
        Write::Put(value) => value,
        Write::Delete | Write::Purge | Write::EndorsementPolicy(_) => &[],
    }
}

/// The StateMetadata of a record that has one. It is sent even for an empty policy: peers before
/// 3.1.5 crash without.
fn record_metadata(write: &Write) -> Option<[(u8, &[u8]); 2]> {
    match write {
        Write::EndorsementPolicy(policy) => {
            Some([(1, VALIDATION_PARAMETER.as_bytes()), (2, policy)])
        }
        Write::Put(_) | Write::Delete | Write::Purge => None,
    }
}

fn fields_len(fields: &[(u8, &[u8])]) -> usize {
    fields.iter().map(|(_, content)| field_len(content.len())).sum()
}

fn record_content_len((space, key, write): &Record) -> usize {
    let type_len = 2; // one byte of tag, one of a number below 128
    field_len(key.as_str().len())
        + field_len(record_value(write).len())
        + field_len(collection(*space).len())
        + record_metadata(write).map_or(0, |metadata| field_len(fields_len(&metadata)))
        + type_len
}

/// What one record adds to a write batch.
pub(crate) fn record_len(record: &Record) -> usize {
    let content = record_content_len(record);
    1 + length_delimiter_len(content) + content
}

/// WriteBatchState.
pub(crate) fn write_batch(records: &[Record]) -> Bytes {
    let mut buffer = Vec::with_capacity(records.iter().map(record_len).sum());
    for record in records {
        let (space, key, write) = record;
        put_header(&mut buffer, 1, record_content_len(record));
        put_field(&mut buffer, 1, key.as_str().as_bytes());
        put_field(&mut buffer, 2, record_value(write));
        put_field(&mut buffer, 3, collection(*space).as_bytes());
        if let Some(metadata) = record_metadata(write) {
            put_field(&mut buffer, 4, &message(&metadata));
        }
        buffer.put_u8(5 << 3 | WIRE_VARINT);
        buffer.put_u8(u8::try_from(i32::from(record_type(write))).unwrap_or_default());
    }
    buffer.into()
}

/// PutState, DelState, PurgePrivateState or PutStateMetadata.
pub(crate) fn single_write((space, key, write): &Record) -> (Type, Bytes) {
    let (key, collection) = (key.as_str().as_bytes(), collection(*space).as_bytes());
    let payload = match write {
        Write::Put(value) => message(&[(1, key), (2, value), (3, collection)]),
        Write::Delete | Write::Purge => message(&[(1, key), (2, collection)]),
        Write::EndorsementPolicy(_) => {
            let metadata = record_metadata(write).map(|metadata| message(&metadata));
            message(&[(1, key), (3, collection), (4, &metadata.unwrap_or_default())])
        }
    };
    (record_type(write), payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fabric_protos::protos;

    fn key(text: &str) -> StateKey {
        StateKey::from_ledger(text.to_owned())
    }

    fn check<M: Message + Default + PartialEq + std::fmt::Debug>(got: &Bytes, expected: M) {
        assert_eq!(M::decode(got.clone()).unwrap(), expected);
        assert_eq!(got.len(), expected.encoded_len());
    }

    fn policy(write: &Write) -> Option<protos::StateMetadata> {
        let Write::EndorsementPolicy(policy) = write else { return None };
        let metakey = VALIDATION_PARAMETER.to_owned();
        Some(protos::StateMetadata { metakey, value: policy.clone() })
    }

    fn records() -> Vec<Record> {
        vec![
            (Space::Public, key("a"), Write::Put(Bytes::from(vec![7; 300]))),
            (Space::Private("health"), key("\0t\0é\0"), Write::Put("v".into())),
            (Space::Public, key("gone"), Write::Delete),
            (Space::Private("health"), key("purged"), Write::Purge),
            (Space::Private("health"), key("k"), Write::EndorsementPolicy(vec![9; 200].into())),
            (Space::Public, key("k"), Write::EndorsementPolicy(Bytes::new())),
        ]
    }

    #[test]
    fn reads_are_what_the_generated_messages_are() {
        let long = "k".repeat(1000);
        let s = str::to_owned;
        for name in ["k", "", &long] {
            for collection in ["", "health"] {
                let expected = protos::GetState { key: s(name), collection: s(collection) };
                check(&get_state(collection, &key(name)), expected);
                let keys = [key("first"), key(name), key("last")];
                let expected = protos::GetStateMultiple {
                    keys: vec![s("first"), s(name), s("last")],
                    collection: s(collection),
                };
                check(&get_state_multiple(collection, &keys), expected);
            }
        }
        let range = KeyRange::simple("", "z").unwrap();
        let expected = protos::GetStateByRange {
            start_key: s("\u{1}"),
            end_key: s("z"),
            collection: s("c"),
            metadata: Bytes::new(),
        };
        check(&get_state_by_range("c", &range), expected);
        let page = protos::QueryMetadata { page_size: 7, bookmark: String::new() };
        let expected = protos::GetStateByRange {
            start_key: s("\u{1}"),
            end_key: s("z"),
            collection: String::new(),
            metadata: page.encode_to_vec().into(),
        };
        check(&get_state_page(&range, 7), expected);
        check(&get_history_for_key(&key("k")), protos::GetHistoryForKey { key: s("k") });
        let expected = protos::GetStateMetadata { key: s("k"), collection: s("c") };
        check(&get_state("c", &key("k")), expected);
        check(&query_id("q"), protos::QueryStateNext { id: s("q") });
        check(&query_id("q"), protos::QueryStateClose { id: s("q") });
    }

    #[test]
    fn writes_are_what_the_generated_messages_are() {
        let records = records();
        let rec = records
            .iter()
            .map(|(space, key, write)| protos::WriteRecord {
                key: key.as_str().to_owned(),
                value: Bytes::copy_from_slice(record_value(write)),
                collection: collection(*space).to_owned(),
                metadata: policy(write),
                r#type: record_type(write).into(),
            })
            .collect();
        let batch = write_batch(&records);
        assert_eq!(batch.len(), records.iter().map(record_len).sum::<usize>());
        check(&batch, protos::WriteBatchState { rec });
    }

    #[test]
    fn single_writes_are_what_the_generated_messages_are() {
        let s = str::to_owned;
        let singles: Vec<_> = records().iter().map(single_write).collect();
        let kinds: Vec<_> = singles.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(
            kinds,
            [
                Type::PutState,
                Type::PutState,
                Type::DelState,
                Type::PurgePrivateData,
                Type::PutStateMetadata,
                Type::PutStateMetadata,
            ]
        );
        let put =
            protos::PutState { key: s("\0t\0é\0"), value: "v".into(), collection: s("health") };
        check(&singles[1].1, put);
        check(&singles[2].1, protos::DelState { key: s("gone"), collection: s("") });
        let purge = protos::PurgePrivateState { key: s("purged"), collection: s("health") };
        check(&singles[3].1, purge);
        for (record, collection) in [(4, "health"), (5, "")] {
            let put = protos::PutStateMetadata {
                key: s("k"),
                collection: s(collection),
                metadata: policy(&records()[record].2),
            };
            check(&singles[record].1, put);
        }
    }
}
