//! Tables, batches and errors at their edges.

use bytes::Bytes;
use fabric_contract_rs::testing::{MockLedger, block_on, conformance::ConformanceContract};
use fabric_contract_rs::{
    Batch, EndorsementPolicy, Entry, KeyError, KeyRange, LedgerError, Reader, Response, Space,
    StateKey, Table, TxError, Writes, minicbor,
};

const DEVICES: Table<(String,), Device> = Table::new("device", Space::Public);
const SECRETS: Table<(String,), String> = Table::new("secret", Space::Private("health"));

#[derive(Debug, PartialEq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
struct Device {
    #[n(0)]
    owner: String,
    #[n(1)]
    limit: Option<u32>,
}

/// The same record in a later release.
#[derive(Debug, PartialEq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
struct LaterDevice {
    #[n(0)]
    owner: String,
    #[n(1)]
    limit: Option<u32>,
    #[n(2)]
    model: Option<String>,
}

fn device() -> Device {
    Device { owner: "alice".to_owned(), limit: None }
}

/// A reader that counts nothing and has nothing.
struct Empty;

impl Reader for Empty {
    async fn get(&self, _: Space, _: &StateKey) -> Result<Option<Bytes>, LedgerError> {
        Ok(None)
    }
    async fn get_many(
        &self,
        _: Space,
        keys: &[StateKey],
    ) -> Result<Vec<Option<Bytes>>, LedgerError> {
        assert!(!keys.is_empty(), "an empty batch asks nothing");
        Ok(vec![None; keys.len()])
    }
    async fn range(&self, _: &KeyRange, _: usize) -> Result<Vec<Entry>, LedgerError> {
        Ok(Vec::new())
    }
    async fn private_hash(
        &self,
        _: &'static str,
        _: &StateKey,
    ) -> Result<Option<Bytes>, LedgerError> {
        Ok(None)
    }
    async fn endorsement_policy(
        &self,
        _: Space,
        _: &StateKey,
    ) -> Result<Option<EndorsementPolicy>, LedgerError> {
        Ok(None)
    }
    async fn invoke(&self, _: &mut Writes, _: &str, _: &[Bytes]) -> Result<Response, LedgerError> {
        Err(LedgerError::NotCallable("there is nobody".to_owned()))
    }
    async fn query_channel(&self, _: &str, _: &str, _: &[Bytes]) -> Result<Response, LedgerError> {
        Err(LedgerError::NotCallable("there is nobody".to_owned()))
    }
}

#[test]
fn stored_bytes_do_not_move() {
    let bytes = DEVICES.encode(&device()).unwrap();
    // A map of one field, numbered: absent ones take no room.
    assert_eq!(bytes[..], *b"\xa1\x00\x65alice");
    assert_eq!(DEVICES.decode(&bytes).unwrap(), device());
    let key = DEVICES.key(&("d-1".to_owned(),)).unwrap();
    assert_eq!(key.as_str(), "\0device\0d-1\0");
}

#[test]
fn records_can_grow() {
    const LATER: Table<(String,), LaterDevice> = Table::new("device", Space::Public);
    let old = DEVICES.encode(&device()).unwrap();
    assert_eq!(LATER.decode(&old).unwrap().model, None);
    let later =
        LaterDevice { owner: "alice".to_owned(), limit: None, model: Some("mk 2".to_owned()) };
    assert_eq!(DEVICES.decode(&LATER.encode(&later).unwrap()).unwrap(), device());
}

#[test]
fn other_bytes_are_corrupt() {
    let mut bytes = DEVICES.encode(&device()).unwrap().to_vec();
    bytes.push(0);
    let corrupt = LedgerError::Corrupt { table: "device" };
    for damaged in [&bytes[..], &bytes[..3], b"", b"\xa0", b"{}"] {
        assert_eq!(DEVICES.decode(damaged).unwrap_err(), corrupt, "{damaged:?}");
    }
}

#[test]
fn keys_of_other_tables_are_foreign() {
    let foreign = |text: &str| {
        let key = StateKey::from_ledger(text.to_owned());
        let expected = Err(LedgerError::BadKey(KeyError::ForeignKey));
        assert_eq!(DEVICES.parse_key(&key), expected, "{text:?}");
    };
    foreign("");
    foreign("device");
    foreign("\0device");
    foreign("\0device\0");
    foreign("\0device\0d-1");
    foreign("\0device\0d-1\0more\0");
    foreign("\0devices\0d-1\0");
    foreign("device\0d-1\0");
    let own = StateKey::from_ledger("\0device\0\0".to_owned());
    assert_eq!(DEVICES.parse_key(&own), Ok((String::new(),)));
}

#[test]
fn simple_keys_and_ranges_stay_out_of_tables() {
    assert_eq!(StateKey::simple(""), Err(KeyError::Empty));
    assert_eq!(StateKey::simple("\0device\0"), Err(KeyError::ReservedCharacter));
    assert_eq!(KeyRange::simple("\0", "").unwrap_err(), KeyError::ReservedCharacter);
    assert_eq!(KeyRange::simple("", "\0a").unwrap_err(), KeyError::ReservedCharacter);
    assert_eq!(KeyRange::simple("", "").unwrap().start(), "\u{1}");
}

#[test]
fn a_batch_is_of_one_space() {
    let mut batch = Batch::new(Space::Public);
    batch.want(&DEVICES, &("a".to_owned(),)).unwrap();
    let error = batch.want(&SECRETS, &("a".to_owned(),)).unwrap_err();
    assert!(matches!(error, LedgerError::Unsupported(_)), "{error}");
    let error = batch.want(&DEVICES, &("\0".to_owned(),)).unwrap_err();
    assert_eq!(error, LedgerError::BadKey(KeyError::ReservedCharacter));
}

#[test]
fn an_empty_batch_costs_nothing() {
    block_on(Batch::new(Space::Public).load(&Empty)).unwrap();
    let mut batch = Batch::new(Space::Public);
    let slot = batch.want(&DEVICES, &("a".to_owned(),)).unwrap();
    let loaded = block_on(batch.load(&Empty)).unwrap();
    assert_eq!(loaded.get(&slot).unwrap(), None);
}

#[test]
fn logs_show_no_keys() {
    let key = SECRETS.key(&("a-secret-id".to_owned(),)).unwrap();
    let range = SECRETS.below(&("a-secret-id".to_owned(),)).unwrap();
    assert_eq!(format!("{key:?} {range:?}"), "StateKey(secret…) KeyRange(secret…)");
}

#[test]
fn writes_of_a_table_reach_the_ledger() {
    let mut ledger = MockLedger::new(ConformanceContract);
    let mut writes = Writes::new();
    let keys = ["b", "a"].map(|id| (id.to_owned(),));
    for key in &keys {
        DEVICES.put(&mut writes, key, &device()).unwrap();
    }
    ledger.seed(writes);
    let [b, a] = keys;
    assert_eq!(ledger.rows(&DEVICES), [(a.clone(), device()), (b.clone(), device())]);
    let mut writes = Writes::new();
    DEVICES.delete(&mut writes, &a).unwrap();
    ledger.seed(writes);
    assert_eq!(ledger.value(&DEVICES, &a), None);
    assert_eq!(ledger.rows(&DEVICES), [(b, device())]);
}

#[test]
fn every_ledger_error_is_a_fault_with_a_code() {
    let check = |error: LedgerError, code: &str| {
        let text = error.to_string();
        let error = TxError::from(error);
        assert_eq!((error.status(), error.code(), error.is_fault()), (500, code, true));
        assert_eq!(error.to_string(), format!("{code}: {text}"));
    };
    check(LedgerError::PrivateDataUnavailable, "PRIVATE_DATA_UNAVAILABLE");
    check(LedgerError::AccessDenied, "COLLECTION_ACCESS_DENIED");
    check(LedgerError::TransactionEnded, "TRANSACTION_ENDED");
    check(LedgerError::Unsupported("x".to_owned()), "UNSUPPORTED_BY_PEER");
    check(LedgerError::TooLarge { size: 2, max: 1 }, "MESSAGE_TOO_LARGE");
    check(LedgerError::BadKey(KeyError::Empty), "BAD_KEY");
    check(LedgerError::EmptyValue, "EMPTY_VALUE");
    check(LedgerError::Corrupt { table: "t" }, "STATE_CORRUPT");
    check(LedgerError::Peer("x".to_owned()), "LEDGER_ERROR");
}

#[test]
fn a_failure_never_looks_like_success() {
    let status = |status| TxError::new(status, "CODE", "a sentence").status();
    assert_eq!([0, 200, 399, 400, 499, 599, 600].map(status), [500, 500, 500, 400, 499, 599, 500]);
    assert!(!TxError::new(499, "CODE", "a sentence").is_fault());
}
