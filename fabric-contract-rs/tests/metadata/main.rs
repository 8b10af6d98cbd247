//! `GetMetadata`: the document that other Fabric tools read.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use bytes::Bytes;
use fabric_contract_rs::testing::{TestIdentity, block_on};
use fabric_contract_rs::{
    Contract, EndorsementPolicy, Entry, Evaluate, KeyRange, LedgerError, Modification, Outcome,
    Page, QueryReader, Reader, Response, Route, Space, StateKey, Submit, TxContext, TxError,
    TxParts, Writes, evaluate, invoke, submit,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Registers a device.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described, never run")]
struct RegisterDevice {
    /// The device's id.
    id: String,
    /// What it measures.
    measures: Vec<Measure>,
    limits: Option<Limits>,
}

/// What a device measures.
#[derive(Deserialize, Serialize, JsonSchema)]
enum Measure {
    HeartRate,
    BloodPressure { unit: String },
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Limits {
    #[schemars(range(min = 1, max = 300))]
    low: u32,
    high: u32,
}

impl Submit for RegisterDevice {
    const NAME: &'static str = "RegisterDevice";
    const ROLES: &'static [&'static str] = &["device-owner", "administrator"];
    type State = ();
    type Output = ();
    type Error = TxError;
    async fn run(
        self,
        _: &(),
        _: &TxContext,
        _: &impl Reader,
        _: &mut Writes,
    ) -> Result<(), TxError> {
        Ok(())
    }
}

/// The devices of the caller.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListDevices {}

impl Evaluate for ListDevices {
    const NAME: &'static str = "ListDevices";
    const ROLES: &'static [&'static str] = &[];
    type State = ();
    type Output = Option<BTreeMap<String, Limits>>;
    type Error = TxError;
    async fn run(
        self,
        _: &(),
        _: &TxContext,
        _: &impl QueryReader,
    ) -> Result<Self::Output, TxError> {
        Ok(None)
    }
}

/// The limits of one device, with its place in the list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "described, never run")]
struct GetLimits {
    id: Option<String>,
}

impl Evaluate for GetLimits {
    const NAME: &'static str = "GetLimits";
    const ROLES: &'static [&'static str] = &["device-owner"];
    type State = ();
    type Output = (u32, Option<Limits>);
    type Error = TxError;
    async fn run(
        self,
        _: &(),
        _: &TxContext,
        _: &impl QueryReader,
    ) -> Result<Self::Output, TxError> {
        Ok((0, None))
    }
}

/// Anybody may know how many there are.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CountDevices {}

impl Evaluate for CountDevices {
    const NAME: &'static str = "CountDevices";
    const ROLES: &'static [&'static str] = &[];
    const NEVER_ENDORSE: bool = false;
    type State = ();
    type Output = u32;
    type Error = TxError;
    async fn run(self, _: &(), _: &TxContext, _: &impl QueryReader) -> Result<u32, TxError> {
        Ok(0)
    }
}

struct Devices;

impl Contract for Devices {
    const NAME: &'static str = "Devices";
    const VERSION: &'static str = "1.2.3";
    type State = ();
    fn state(&self) -> &() {
        &()
    }
    fn routes<R: QueryReader + 'static>() -> &'static [Route<(), R>] {
        const {
            &[
                submit::<RegisterDevice, R>(),
                evaluate::<ListDevices, R>(),
                evaluate::<GetLimits, R>(),
                evaluate::<CountDevices, R>(),
            ]
        }
    }
}

/// A ledger that nobody asks.
struct Nothing;

impl Reader for Nothing {
    async fn get(&self, _: Space, _: &StateKey) -> Result<Option<Bytes>, LedgerError> {
        Ok(None)
    }
    async fn get_many(
        &self,
        _: Space,
        keys: &[StateKey],
    ) -> Result<Vec<Option<Bytes>>, LedgerError> {
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

impl QueryReader for Nothing {
    async fn history(&self, _: &StateKey, _: usize) -> Result<Vec<Modification>, LedgerError> {
        Ok(Vec::new())
    }
    async fn private_range(
        &self,
        _: &'static str,
        _: &KeyRange,
        _: usize,
    ) -> Result<Vec<Entry>, LedgerError> {
        Ok(Vec::new())
    }
    async fn range_page(&self, _: &KeyRange, _: u32, _: Option<&str>) -> Result<Page, LedgerError> {
        Ok(Page { entries: Vec::new(), bookmark: None })
    }
    async fn query_chaincode(&self, _: &str, _: &[Bytes]) -> Result<Response, LedgerError> {
        Err(LedgerError::NotCallable("there is nobody".to_owned()))
    }
}

fn get_metadata() -> Outcome {
    let cx = TxContext::new(TxParts {
        channel_id: "mychannel".to_owned(),
        tx_id: "00".to_owned(),
        timestamp_ms: 0,
        client: TestIdentity::new("Org1MSP", "anyone").client(),
        transient: BTreeMap::new(),
    });
    let args = [Bytes::from_static(b"org.hyperledger.fabric:GetMetadata")];
    block_on(invoke(&Devices, &cx, &Nothing, &args))
}

#[test]
fn the_document_is_as_reviewed() {
    let outcome = get_metadata();
    assert_eq!(outcome.response.status, 200);
    let document: Value = serde_json::from_slice(&outcome.response.payload).unwrap();
    let expected: Value = serde_json::from_str(include_str!("devices.json")).unwrap();
    assert_eq!(document, expected, "{document:#}");
}

#[test]
fn the_document_is_the_same_in_every_build() {
    let first = get_metadata().response.payload;
    assert_eq!(first, get_metadata().response.payload);
    // Keys in alphabetical order, whatever features the JSON library was built with.
    let sorted: BTreeMap<String, Value> = serde_json::from_slice(&first).unwrap();
    let mut document = serde_json::to_value(sorted).unwrap();
    document.sort_all_objects();
    assert_eq!(first, document.to_string());
}

#[test]
fn the_document_is_no_endorsement() {
    let outcome = get_metadata();
    assert!(outcome.never_endorse);
    assert!(outcome.writes.is_empty());
}

#[test]
fn every_reference_is_to_a_component() {
    let document: Value = serde_json::from_slice(&get_metadata().response.payload).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut references = Vec::new();
    collect(&document["contracts"], "#/components/schemas/", &mut references);
    for schema in schemas.values() {
        collect(schema, "", &mut references);
    }
    assert!(references.len() > 3);
    for name in references {
        assert_eq!(schemas[&name]["$id"], Value::from(name));
    }
}

fn collect(value: &Value, prefix: &str, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                references.push(reference.strip_prefix(prefix).unwrap().to_owned());
            }
            members.values().for_each(|member| collect(member, prefix, references));
        }
        Value::Array(elements) => {
            elements.iter().for_each(|element| collect(element, prefix, references));
        }
        _ => {}
    }
}
