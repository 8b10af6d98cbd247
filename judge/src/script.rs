//! What a transaction of the workload does: a list of requests to the peer, and a log of answers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use fabric_protos::common::msp_principal::Classification;
use fabric_protos::common::msp_role::MspRoleType;
use fabric_protos::common::signature_policy::{NOutOf, Type as RuleType};
use fabric_protos::common::{MspPrincipal, MspRole, SignaturePolicy, SignaturePolicyEnvelope};
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{
    ChaincodeEvent, DelState, GetHistoryForKey, GetState, GetStateByRange, GetStateMetadata,
    GetStateMultiple, GetStateMultipleResult, PurgePrivateState, PutState, PutStateMetadata,
    QueryMetadata, QueryResponse, QueryResponseMetadata, QueryStateClose, QueryStateNext,
    StateMetadata, StateMetadataResult, WriteBatchState, WriteRecord, write_record,
};
use fabric_protos::queryresult::{KeyModification, Kv};
use prost::{DecodeError, Message};
use serde::{Deserialize, Serialize};

/// Name of the metadata entry that holds a key's endorsement policy.
const VALIDATION_PARAMETER: &str = "VALIDATION_PARAMETER";

/// One request of a chaincode. An empty collection means public state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Reads a key.
    Get(String, String),
    /// Reads keys, at once where the peer offers it.
    GetMany(String, Vec<String>),
    /// Reads the hash of a private value.
    Hash(String, String),
    /// One write.
    Write(Write),
    /// Writes, at once where the peer offers it.
    Batch(Vec<Write>),
    /// Writes a private value that comes with the transient map.
    PutTransient(String, String, String),
    /// A range, of which so many batches of the peer are read.
    Range {
        /// Collection.
        collection: String,
        /// First key.
        from: String,
        /// Key behind the last one.
        to: String,
        /// Batches read before the query is closed.
        batches: u32,
    },
    /// One page of a public range.
    Page {
        /// First key.
        from: String,
        /// Key behind the last one.
        to: String,
        /// Rows at most.
        size: i32,
    },
    /// What was ever written to a public key.
    History(String),
    /// Reads a key's endorsement policy.
    Policy(String, String),
    /// Sets the event.
    Event(String),
}

/// A write of a chaincode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Write {
    /// Collection, key, value.
    Put(String, String, String),
    /// Collection, key.
    Delete(String, String),
    /// Collection, key.
    Purge(String, String),
    /// Collection, key, and the organisations whose peers have to endorse writes from now on; none
    /// leaves an empty policy.
    SetPolicy(String, String, Vec<String>),
}

/// Who answers: a real peer's stream, or the ledger's rules by themselves.
pub trait Peer {
    /// Answers one request; the error is the peer's text without the transaction's id before it.
    fn ask(
        &mut self,
        kind: Type,
        payload: Bytes,
    ) -> impl Future<Output = Result<Bytes, String>> + Send;

    /// Whether write batches and multi-gets are offered.
    fn batched(&self) -> bool;
}

/// What a script leaves beside its reads and writes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Every answer in words: the payload of the response.
    pub log: String,
    /// The last event that was set.
    pub event: Option<ChaincodeEvent>,
}

/// First line of a log where the peer offers write batches and multi-gets.
pub const BATCHED: &str = "batched\n";
/// First line of a log where it does not.
pub const PLAIN: &str = "plain\n";

/// Runs a script. What the peer refuses is part of the log.
pub async fn run<P: Peer + Send>(
    script: &[Op],
    transient: &BTreeMap<String, Bytes>,
    peer: &mut P,
) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.log.push_str(if peer.batched() { BATCHED } else { PLAIN });
    for op in script {
        if let Op::Event(name) = op {
            let event_name = name.clone();
            let payload = Bytes::from(format!("payload of {name}"));
            outcome.event = Some(ChaincodeEvent { event_name, payload, ..Default::default() });
            continue;
        }
        let line = match request(op, transient, peer).await {
            Ok(line) => line,
            Err(text) => format!("refused: {text}"),
        };
        outcome.log.push_str(&line);
        outcome.log.push('\n');
    }
    outcome
}

async fn request<P: Peer + Send>(
    op: &Op,
    transient: &BTreeMap<String, Bytes>,
    peer: &mut P,
) -> Result<String, String> {
    match op {
        Op::Get(collection, key) => get(peer, collection, key).await,
        Op::GetMany(collection, keys) if peer.batched() => {
            let request = GetStateMultiple { keys: keys.clone(), collection: collection.clone() };
            let answer = peer.ask(Type::GetStateMultiple, encode(&request)).await?;
            let values = decode::<GetStateMultipleResult>(answer)?.values;
            let rows =
                keys.iter().zip(&values).map(|(key, value)| format!("{key}={}", text(value)));
            Ok(rows.collect::<Vec<_>>().join(" "))
        }
        Op::GetMany(collection, keys) => {
            let mut rows = Vec::new();
            for key in keys {
                rows.push(get(peer, collection, key).await?);
            }
            Ok(rows.join(" "))
        }
        Op::Hash(collection, key) => {
            let request = GetState { key: key.clone(), collection: collection.clone() };
            let hash = peer.ask(Type::GetPrivateDataHash, encode(&request)).await?;
            Ok(format!("hash of {key} {}", hex(&hash)))
        }
        Op::Write(write) => {
            let (kind, payload) = single(write);
            peer.ask(kind, payload).await.map(|_| "written".to_owned())
        }
        Op::Batch(writes) if peer.batched() => {
            let request = WriteBatchState { rec: writes.iter().map(record).collect() };
            peer.ask(Type::WriteBatchState, encode(&request)).await.map(|_| "written".to_owned())
        }
        Op::Batch(writes) => {
            for write in writes {
                let (kind, payload) = single(write);
                peer.ask(kind, payload).await?;
            }
            Ok("written".to_owned())
        }
        Op::PutTransient(collection, key, name) => {
            let value = transient.get(name).cloned().unwrap_or_default();
            let request = PutState { key: key.clone(), value, collection: collection.clone() };
            peer.ask(Type::PutState, encode(&request)).await.map(|_| "written".to_owned())
        }
        Op::Range { .. } | Op::Page { .. } | Op::History(_) => query(op, peer).await,
        Op::Policy(collection, key) => {
            let request = GetStateMetadata { key: key.clone(), collection: collection.clone() };
            let answer = peer.ask(Type::GetStateMetadata, encode(&request)).await?;
            let entries = decode::<StateMetadataResult>(answer)?.entries;
            let entries = entries.iter().map(|one| format!("{}={}", one.metakey, hex(&one.value)));
            Ok(format!("policy of {key} {}", entries.collect::<Vec<_>>().join(" ")))
        }
        Op::Event(_) => Ok(String::new()),
    }
}

async fn get<P: Peer + Send>(peer: &mut P, collection: &str, key: &str) -> Result<String, String> {
    let request = GetState { key: key.to_owned(), collection: collection.to_owned() };
    let value = peer.ask(Type::GetState, encode(&request)).await?;
    Ok(format!("{key}={}", text(&value)))
}

async fn query<P: Peer + Send>(op: &Op, peer: &mut P) -> Result<String, String> {
    let range = |collection: &str, from: &str, to: &str, metadata| GetStateByRange {
        start_key: from.to_owned(),
        end_key: to.to_owned(),
        collection: collection.to_owned(),
        metadata,
    };
    let (kind, payload, batches) = match op {
        Op::Range { collection, from, to, batches } => {
            let request = range(collection, from, to, Bytes::new());
            (Type::GetStateByRange, encode(&request), *batches)
        }
        Op::Page { from, to, size } => {
            let page = encode(&QueryMetadata { page_size: *size, bookmark: String::new() });
            (Type::GetStateByRange, encode(&range("", from, to, page)), 1)
        }
        Op::History(key) => {
            let request = GetHistoryForKey { key: key.clone() };
            (Type::GetHistoryForKey, encode(&request), u32::MAX)
        }
        _ => return Ok(String::new()),
    };
    let history = kind == Type::GetHistoryForKey;
    let mut answer: QueryResponse = decode(peer.ask(kind, payload).await?)?;
    let mut log = String::from("rows");
    for batch in 1.. {
        for row in &answer.results {
            log.push(' ');
            log.push_str(&if history {
                change(&row.result_bytes)?
            } else {
                kv(&row.result_bytes)?
            });
        }
        if !answer.metadata.is_empty() {
            let page: QueryResponseMetadata = decode(answer.metadata.clone())?;
            log.push_str(&format!(
                " page of {} to {:?}",
                page.fetched_records_count, page.bookmark
            ));
        }
        if !answer.has_more {
            break;
        }
        let id = answer.id.clone();
        if batch >= batches {
            peer.ask(Type::QueryStateClose, encode(&QueryStateClose { id })).await?;
            log.push_str(" and more");
            break;
        }
        answer = decode(peer.ask(Type::QueryStateNext, encode(&QueryStateNext { id })).await?)?;
    }
    Ok(log)
}

fn kv(row: &Bytes) -> Result<String, String> {
    let row: Kv = decode(row.clone())?;
    Ok(format!("{}={}", row.key, text(&row.value)))
}

fn change(row: &Bytes) -> Result<String, String> {
    let row: KeyModification = decode(row.clone())?;
    let time = row.timestamp.unwrap_or_default();
    let value = if row.is_delete { "deleted".to_owned() } else { text(&row.value) };
    Ok(format!("{}@{}.{:09}={value}", row.tx_id, time.seconds, time.nanos))
}

fn single(write: &Write) -> (Type, Bytes) {
    match write.clone() {
        Write::Put(collection, key, value) => {
            (Type::PutState, encode(&PutState { key, value: value.into(), collection }))
        }
        Write::Delete(collection, key) => (Type::DelState, encode(&DelState { key, collection })),
        Write::Purge(collection, key) => {
            (Type::PurgePrivateData, encode(&PurgePrivateState { key, collection }))
        }
        Write::SetPolicy(collection, key, msp_ids) => {
            let metadata = Some(policy_entry(&msp_ids));
            (Type::PutStateMetadata, encode(&PutStateMetadata { key, collection, metadata }))
        }
    }
}

fn record(write: &Write) -> WriteRecord {
    let record = |kind: write_record::Type, collection, key| WriteRecord {
        key,
        collection,
        r#type: kind.into(),
        ..Default::default()
    };
    match write.clone() {
        Write::Put(collection, key, value) => WriteRecord {
            value: value.into(),
            ..record(write_record::Type::PutState, collection, key)
        },
        Write::Delete(collection, key) => record(write_record::Type::DelState, collection, key),
        Write::Purge(collection, key) => {
            record(write_record::Type::PurgePrivateData, collection, key)
        }
        Write::SetPolicy(collection, key, msp_ids) => WriteRecord {
            metadata: Some(policy_entry(&msp_ids)),
            ..record(write_record::Type::PutStateMetadata, collection, key)
        },
    }
}

fn policy_entry(msp_ids: &[String]) -> StateMetadata {
    let value = if msp_ids.is_empty() { Bytes::new() } else { all_peers_of(msp_ids) };
    StateMetadata { metakey: VALIDATION_PARAMETER.to_owned(), value }
}

/// A policy that a peer of each of these organisations satisfies, together.
pub fn all_peers_of(msp_ids: &[String]) -> Bytes {
    let identities = msp_ids.iter().map(|msp_id| {
        let role = MspRole { msp_identifier: msp_id.clone(), role: MspRoleType::Peer.into() };
        MspPrincipal {
            principal_classification: Classification::Role.into(),
            principal: encode(&role),
        }
    });
    let signed_by = |rule| SignaturePolicy { r#type: Some(rule) };
    let count = i32::try_from(msp_ids.len()).unwrap_or(i32::MAX);
    let rules = (0..count).map(|index| signed_by(RuleType::SignedBy(index))).collect();
    encode(&SignaturePolicyEnvelope {
        version: 0,
        rule: Some(signed_by(RuleType::NOutOf(NOutOf { n: count, rules }))),
        identities: identities.collect(),
    })
}

fn encode(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}

fn decode<M: Message + Default>(bytes: Bytes) -> Result<M, String> {
    M::decode(bytes).map_err(|err: DecodeError| format!("an answer that cannot be read: {err}"))
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
