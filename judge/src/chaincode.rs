//! The chaincode of the workload: runs the scripts that proposals bring.
//!
//! It speaks the stream itself, without this project's server, and asks a peer for all that a
//! peer answers.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::chaincode_server::{Chaincode, ChaincodeServer};
use fabric_protos::protos::{
    ChaincodeAdditionalParams, ChaincodeId, ChaincodeInput, ChaincodeMessage,
    ChaincodeProposalPayload, Proposal, Response as ChaincodeResponse,
};
use prost::{DecodeError, Message};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::JudgeError;
use crate::script::{self, Op, Peer};

/// Messages that wait for the stream: more would only wait in their transactions.
const OUTGOING_MAX: usize = 64;
/// Status of a response that endorsers sign.
const OK: i32 = 200;

/// Serves the chaincode `id` to any number of peers until the process ends.
pub async fn serve(listener: TcpListener, id: String) -> Result<(), JudgeError> {
    let service = ChaincodeServer::new(Scripts { id });
    tonic::transport::Server::builder()
        .add_service(service)
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await
        .map_err(|err| JudgeError::Network(err.to_string()))
}

/// Listens where peers are going to look for the chaincode.
pub async fn listen(address: &str) -> Result<(TcpListener, SocketAddr), JudgeError> {
    let failed = |err: std::io::Error| JudgeError::Network(format!("{address}: {err}"));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

#[derive(Debug)]
struct Scripts {
    id: String,
}

type Outgoing = mpsc::Sender<Result<ChaincodeMessage, Status>>;
/// Where answers go, by channel and transaction.
type Lanes = Arc<Mutex<HashMap<(String, String), mpsc::Sender<ChaincodeMessage>>>>;

#[tonic::async_trait]
impl Chaincode for Scripts {
    type ConnectStream = Pin<Box<dyn Stream<Item = Result<ChaincodeMessage, Status>> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<ChaincodeMessage>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let (outgoing, messages) = mpsc::channel(OUTGOING_MAX);
        let id = ChaincodeId { name: self.id.clone(), ..Default::default() };
        let register = ChaincodeMessage {
            r#type: Type::Register.into(),
            payload: id.encode_to_vec().into(),
            ..Default::default()
        };
        let _ = outgoing.send(Ok(register)).await;
        tokio::spawn(converse(request.into_inner(), outgoing));
        Ok(Response::new(Box::pin(ReceiverStream::new(messages))))
    }
}

async fn converse(mut incoming: Streaming<ChaincodeMessage>, outgoing: Outgoing) {
    let lanes = Lanes::default();
    let mut batched = false;
    while let Some(Ok(message)) = incoming.next().await {
        let key = (message.channel_id.clone(), message.txid.clone());
        match message.r#type() {
            Type::Ready => {
                batched = ChaincodeAdditionalParams::decode(message.payload)
                    .is_ok_and(|offers| offers.use_write_batch && offers.use_get_multiple_keys);
            }
            Type::Transaction => {
                let (answers, lane) = mpsc::channel(1);
                lock(&lanes).insert(key.clone(), answers);
                let stream = StreamPeer { key, batched, lane, outgoing: outgoing.clone() };
                tokio::spawn(transaction(message, stream, Arc::clone(&lanes)));
            }
            Type::Response | Type::Error => {
                let lane = lock(&lanes).get(&key).cloned();
                if let Some(lane) = lane {
                    let _ = lane.send(message).await;
                }
            }
            Type::Keepalive => {
                let _ = outgoing.send(Ok(message)).await;
            }
            _ => {}
        }
    }
}

async fn transaction(message: ChaincodeMessage, mut stream: StreamPeer, lanes: Lanes) {
    let (kind, payload, event) = match read(&message) {
        Ok((script, transient)) => {
            let outcome = script::run(&script, &transient, &mut stream).await;
            let payload = Bytes::from(outcome.log);
            let response = ChaincodeResponse { status: OK, message: String::new(), payload };
            (Type::Completed, response.encode_to_vec().into(), outcome.event)
        }
        Err(text) => (Type::Error, Bytes::from(text), None),
    };
    lock(&lanes).remove(&stream.key);
    let mut last = stream.message(kind, payload);
    last.chaincode_event = event;
    let _ = stream.outgoing.send(Ok(last)).await;
}

/// The script and the transient map of a transaction.
fn read(message: &ChaincodeMessage) -> Result<(Vec<Op>, BTreeMap<String, Bytes>), String> {
    let text = |err: DecodeError| err.to_string();
    let input = ChaincodeInput::decode(message.payload.clone()).map_err(text)?;
    let script = input.args.get(1).ok_or("a call without a script")?;
    let script = serde_json::from_slice(script).map_err(|err| err.to_string())?;
    let signed = message.proposal.clone().unwrap_or_default();
    let proposal = Proposal::decode(signed.proposal_bytes).map_err(text)?;
    let payload = ChaincodeProposalPayload::decode(proposal.payload).map_err(text)?;
    Ok((script, payload.transient_map))
}

/// One transaction's side of a stream.
struct StreamPeer {
    key: (String, String),
    batched: bool,
    lane: mpsc::Receiver<ChaincodeMessage>,
    outgoing: Outgoing,
}

impl StreamPeer {
    fn message(&self, kind: Type, payload: Bytes) -> ChaincodeMessage {
        let (channel_id, txid) = self.key.clone();
        ChaincodeMessage { r#type: kind.into(), payload, txid, channel_id, ..Default::default() }
    }
}

impl Peer for StreamPeer {
    async fn ask(&mut self, kind: Type, payload: Bytes) -> Result<Bytes, String> {
        let ended = || "the stream ended".to_owned();
        let request = self.message(kind, payload);
        self.outgoing.send(Ok(request)).await.map_err(|_| ended())?;
        let answer = self.lane.recv().await.ok_or_else(ended)?;
        match answer.r#type() {
            Type::Response => Ok(answer.payload),
            _ => Err(without_id(&String::from_utf8_lossy(&answer.payload), &self.key.1)),
        }
    }

    fn batched(&self) -> bool {
        self.batched
    }
}

/// A peer's words without the request and the transaction's id that it puts before them.
fn without_id(text: &str, tx_id: &str) -> String {
    let prefix = format!("transaction ID: {tx_id}: ");
    text.split_once(&prefix).map_or(text, |(_, reason)| reason).to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
