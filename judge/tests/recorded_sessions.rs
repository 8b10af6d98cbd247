//! Chaincode streams of real peers, recorded: `ccaas-server` has to say the same once more.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a recording that cannot be replayed has failed its tests"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use ccaas_server::{Config, Server};
use fabric_contract_rs::testing::conformance::ConformanceContract;
use fabric_judge::recording::{Kind, read};
use fabric_protos::common::{ChannelHeader, Header, SignatureHeader};
use fabric_protos::protos::chaincode_client::ChaincodeClient;
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{
    ChaincodeAdditionalParams, ChaincodeHeaderExtension, ChaincodeId, ChaincodeInput,
    ChaincodeInvocationSpec, ChaincodeMessage, ChaincodeProposalPayload, GetStateMultipleResult,
    Proposal, QueryResponse, Response, StateMetadataResult,
};
use fabric_protos::queryresult::{KeyModification, Kv};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Endpoint;

const BATCHED_3_1: &[u8] = include_bytes!("../recorded/fabric-3.1.session");
const PLAIN_3_1: &[u8] = include_bytes!("../recorded/fabric-3.1-plain.session");
const FABRIC_2_5: &[u8] = include_bytes!("../recorded/fabric-2.5.session");
/// Time for one message. It only ends a test that has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the server says, by transaction: of different ones in any order.
struct Answers {
    stream: Streaming<ChaincodeMessage>,
    waiting: VecDeque<ChaincodeMessage>,
}

impl Answers {
    async fn next(&mut self, tx_id: &str) -> ChaincodeMessage {
        if let Some(at) = self.waiting.iter().position(|message| message.txid == tx_id) {
            return self.waiting.remove(at).unwrap();
        }
        loop {
            let message = tokio::time::timeout(PATIENCE, self.stream.message()).await;
            match message.unwrap_or_else(|_| panic!("nothing more about {tx_id}")) {
                Ok(Some(message)) if message.txid == tx_id => return message,
                Ok(Some(message)) => self.waiting.push_back(message),
                ended => panic!("the stream ended: {ended:?}"),
            }
        }
    }
}

/// Where a response carries a fresh number instead of words, the number does not count.
fn without_number(mut message: ChaincodeMessage) -> ChaincodeMessage {
    if message.r#type() == Type::Completed {
        let mut response = Response::decode(message.payload.clone()).unwrap();
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if response.message.len() == 32 && response.message.bytes().all(hex) {
            response.message = "a fresh number".to_owned();
            message.payload = response.encode_to_vec().into();
        }
    }
    message
}

/// Plays the peer, and compares every message of the server's with the recorded one. Gives what
/// the peer offered, and the kinds of messages there were.
async fn replay(file: &[u8]) -> (ChaincodeAdditionalParams, BTreeSet<&'static str>) {
    let records: Vec<(Kind, ChaincodeMessage)> = (read(file).unwrap().into_iter())
        .map(|record| (record.kind, ChaincodeMessage::decode(record.bytes).unwrap()))
        .collect();
    let (_, register) = records.iter().find(|(kind, _)| *kind == Kind::FromChaincode).unwrap();
    let id = ChaincodeId::decode(register.payload.clone()).unwrap().name;
    let mut config = Config::new("127.0.0.1:0", id);
    // The recording's clock is not today's.
    config.limits.clock_skew_max = None;
    let server = Server::bind(config).await.unwrap();
    let address = format!("http://{}", server.local_addr());
    tokio::spawn(server.serve(ConformanceContract, std::future::pending()));
    let channel = Endpoint::from_shared(address).unwrap().connect().await.unwrap();
    let (peer, messages) = mpsc::channel(16);
    let stream = ChaincodeClient::new(channel).connect(ReceiverStream::new(messages)).await;
    let stream = stream.unwrap().into_inner();
    let mut answers = Answers { stream, waiting: VecDeque::new() };

    let mut kinds = BTreeSet::new();
    let mut offers = ChaincodeAdditionalParams::default();
    for (at, (kind, message)) in records.into_iter().enumerate() {
        kinds.insert(message.r#type().as_str_name());
        if message.r#type() == Type::Ready {
            offers = ChaincodeAdditionalParams::decode(message.payload.clone()).unwrap();
        }
        if kind == Kind::FromPeer {
            peer.send(message).await.unwrap();
        } else {
            let said = answers.next(&message.txid).await;
            assert_eq!(without_number(said), without_number(message), "record {at}");
        }
    }
    assert_eq!(answers.waiting, []);
    (offers, kinds)
}

/// What every peer is asked in the recordings.
const ALWAYS: [&str; 16] = [
    "COMPLETED",
    "ERROR",
    "GET_HISTORY_FOR_KEY",
    "GET_PRIVATE_DATA_HASH",
    "GET_STATE",
    "GET_STATE_BY_RANGE",
    "GET_STATE_METADATA",
    "INIT",
    "INVOKE_CHAINCODE",
    "QUERY_STATE_CLOSE",
    "QUERY_STATE_NEXT",
    "READY",
    "REGISTER",
    "REGISTERED",
    "RESPONSE",
    "TRANSACTION",
];
/// What only peers are sent that offer it.
const BATCHES: [&str; 2] = ["GET_STATE_MULTIPLE", "WRITE_BATCH_STATE"];
/// What it replaces.
const SINGLE: [&str; 4] = ["DEL_STATE", "PURGE_PRIVATE_DATA", "PUT_STATE", "PUT_STATE_METADATA"];

fn check(found: &BTreeSet<&str>, batched: bool) {
    let (there, absent): (&[&str], &[&str]) =
        if batched { (&BATCHES, &SINGLE) } else { (&SINGLE, &BATCHES) };
    for kind in ALWAYS.iter().chain(there) {
        assert!(found.contains(kind), "{kind}: {found:?}");
    }
    for kind in absent {
        assert!(!found.contains(kind), "{kind}: {found:?}");
    }
}

#[tokio::test]
async fn a_peer_of_3_1_that_offers_batches() {
    let (offers, kinds) = replay(BATCHED_3_1).await;
    assert!(offers.use_write_batch && offers.use_get_multiple_keys);
    check(&kinds, true);
}

#[tokio::test]
async fn a_peer_of_3_1_that_offers_none() {
    let (offers, kinds) = replay(PLAIN_3_1).await;
    assert!(!offers.use_write_batch && !offers.use_get_multiple_keys);
    assert_ne!(offers, ChaincodeAdditionalParams::default(), "it says so");
    check(&kinds, false);
}

#[tokio::test]
async fn a_peer_of_2_5() {
    let (offers, kinds) = replay(FABRIC_2_5).await;
    assert_eq!(offers, ChaincodeAdditionalParams::default());
    check(&kinds, false);
}

/// Decoded and encoded again it is what a peer has written: nothing that it says is lost here.
fn same<M: Message + Default>(bytes: &Bytes) -> M {
    let message = M::decode(bytes.clone()).unwrap();
    assert_eq!(message.encode_to_vec(), bytes[..]);
    message
}

fn proposal(bytes: &Bytes) {
    let proposal: Proposal = same(bytes);
    let header: Header = same(&proposal.header);
    let channel: ChannelHeader = same(&header.channel_header);
    same::<ChaincodeHeaderExtension>(&channel.extension);
    same::<SignatureHeader>(&header.signature_header);
    let payload: ChaincodeProposalPayload = same(&proposal.payload);
    same::<ChaincodeInvocationSpec>(&payload.input);
}

/// A peer's response, which has the form that its request asks for.
fn response(to: Type, bytes: &Bytes) {
    let rows = || same::<QueryResponse>(bytes).results.into_iter().map(|row| row.result_bytes);
    match to {
        Type::GetStateByRange => rows().for_each(|row| drop(same::<Kv>(&row))),
        Type::GetHistoryForKey => rows().for_each(|row| drop(same::<KeyModification>(&row))),
        Type::QueryStateNext | Type::QueryStateClose => drop(same::<QueryResponse>(bytes)),
        Type::GetStateMetadata => drop(same::<StateMetadataResult>(bytes)),
        Type::GetStateMultiple => drop(same::<GetStateMultipleResult>(bytes)),
        Type::InvokeChaincode => drop(same::<Response>(&same::<ChaincodeMessage>(bytes).payload)),
        _ => {}
    }
}

#[test]
fn nothing_that_a_peer_says_is_lost() {
    for file in [BATCHED_3_1, PLAIN_3_1, FABRIC_2_5] {
        let mut asked = BTreeMap::new();
        let mut responses = BTreeSet::new();
        for record in read(file).unwrap() {
            let message: ChaincodeMessage = same(&record.bytes);
            if record.kind == Kind::FromChaincode {
                asked.insert(message.txid.clone(), message.r#type());
                continue;
            }
            match message.r#type() {
                Type::Registered => {}
                Type::Ready => drop(same::<ChaincodeAdditionalParams>(&message.payload)),
                Type::Transaction | Type::Init => {
                    same::<ChaincodeInput>(&message.payload);
                    proposal(&message.proposal.unwrap().proposal_bytes);
                }
                Type::Response => {
                    responses.insert(asked[&message.txid].as_str_name());
                    response(asked[&message.txid], &message.payload);
                }
                Type::Error => assert!(std::str::from_utf8(&message.payload).is_ok()),
                other => panic!("a peer says {other:?}"),
            }
        }
        for kind in ["GET_STATE_BY_RANGE", "QUERY_STATE_NEXT", "INVOKE_CHAINCODE"] {
            assert!(responses.contains(kind), "{kind}: {responses:?}");
        }
    }
}
