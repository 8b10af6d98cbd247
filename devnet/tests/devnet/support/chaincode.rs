use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::chaincode_server::{Chaincode, ChaincodeServer};
use fabric_protos::protos::{
    ChaincodeAdditionalParams, ChaincodeEvent, ChaincodeId, ChaincodeInput, ChaincodeMessage,
    ChaincodeProposalPayload, ChaincodeSpec, DelState, GetHistoryForKey, GetState, GetStateByRange,
    GetStateMetadata, GetStateMultiple, GetStateMultipleResult, Proposal, PurgePrivateState,
    PutState, PutStateMetadata, QueryResponse, QueryStateNext, Response, StateMetadata,
    WriteBatchState, WriteRecord, write_record,
};
use fabric_protos::queryresult::{KeyModification, Kv};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status, Streaming};

/// A chaincode server that executes scripts: each argument is one step, such as `put key value`.
///
/// The response's payload has a line for each step that reads. A step that the peer refuses ends
/// the transaction with status 409 and the peer's text, unless the script says otherwise.
pub(crate) struct ScriptedChaincode {
    address: SocketAddr,
    service: Service,
    serving: tokio::task::JoinHandle<()>,
}

#[derive(Clone)]
struct Service {
    id: Arc<str>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Counts up with every execution, so that no two are alike.
    executions: AtomicU64,
    /// What the peers' READY messages offered.
    ready: Mutex<Vec<ChaincodeAdditionalParams>>,
    streams: AtomicU64,
}

type Replies = Arc<Mutex<HashMap<(String, String), mpsc::UnboundedSender<ChaincodeMessage>>>>;

impl ScriptedChaincode {
    pub(crate) async fn start(id: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = Service { id: id.into(), state: Arc::default() };
        let server = Server::builder()
            .add_service(ChaincodeServer::new(service.clone()))
            .serve_with_incoming(TcpIncoming::from(listener));
        let serving = tokio::spawn(async { server.await.unwrap() });
        Self { address, service, serving }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn executions(&self) -> u64 {
        self.service.state.executions.load(Ordering::SeqCst)
    }

    pub(crate) fn streams(&self) -> u64 {
        self.service.state.streams.load(Ordering::SeqCst)
    }

    pub(crate) fn ready(&self) -> Vec<ChaincodeAdditionalParams> {
        self.service.state.ready.lock().unwrap().clone()
    }

    /// Takes no further connections.
    pub(crate) async fn stop(&mut self) {
        self.serving.abort();
        assert!((&mut self.serving).await.unwrap_err().is_cancelled());
    }
}

#[tonic::async_trait]
impl Chaincode for Service {
    type ConnectStream = UnboundedReceiverStream<Result<ChaincodeMessage, Status>>;

    async fn connect(
        &self,
        request: Request<Streaming<ChaincodeMessage>>,
    ) -> Result<tonic::Response<Self::ConnectStream>, Status> {
        let (outgoing, messages) = mpsc::unbounded_channel();
        let register = ChaincodeId { name: self.id.to_string(), ..Default::default() };
        send(&outgoing, Type::Register, register.encode_to_vec(), "", "");
        self.state.streams.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(serve(request.into_inner(), outgoing, Arc::clone(&self.state)));
        Ok(tonic::Response::new(UnboundedReceiverStream::new(messages)))
    }
}

type Outgoing = mpsc::UnboundedSender<Result<ChaincodeMessage, Status>>;

fn send(outgoing: &Outgoing, kind: Type, payload: Vec<u8>, channel_id: &str, txid: &str) {
    let _ = outgoing.send(Ok(ChaincodeMessage {
        r#type: kind.into(),
        payload: payload.into(),
        txid: txid.to_owned(),
        channel_id: channel_id.to_owned(),
        ..Default::default()
    }));
}

async fn serve(mut incoming: Streaming<ChaincodeMessage>, outgoing: Outgoing, state: Arc<State>) {
    let replies: Replies = Arc::default();
    // A script that says `die` drops its end of this.
    let (alive, mut dead) = mpsc::channel::<()>(1);
    loop {
        let message = tokio::select! {
            message = incoming.message() => message,
            _ = dead.recv() => return,
        };
        let Ok(Some(message)) = message else { return };
        let key = (message.channel_id.clone(), message.txid.clone());
        match message.r#type() {
            Type::Registered => {}
            Type::Ready => {
                let params = ChaincodeAdditionalParams::decode(message.payload).unwrap();
                state.ready.lock().unwrap().push(params);
            }
            Type::Transaction | Type::Init => {
                let (sender, receiver) = mpsc::unbounded_channel();
                replies.lock().unwrap().insert(key, sender);
                let run = Run {
                    outgoing: outgoing.clone(),
                    replies: receiver,
                    number: state.executions.fetch_add(1, Ordering::SeqCst),
                    transaction: message,
                    out: Vec::new(),
                    event: None,
                    writes: Vec::new(),
                    die: alive.clone(),
                };
                tokio::spawn(run.execute());
            }
            _ => {
                if let Some(sender) = replies.lock().unwrap().get(&key) {
                    let _ = sender.send(message);
                }
            }
        }
    }
}

/// One transaction.
struct Run {
    outgoing: Outgoing,
    replies: mpsc::UnboundedReceiver<ChaincodeMessage>,
    number: u64,
    transaction: ChaincodeMessage,
    out: Vec<String>,
    event: Option<ChaincodeEvent>,
    writes: Vec<WriteRecord>,
    die: mpsc::Sender<()>,
}

/// How a script ends early.
enum End {
    Respond(i32, String),
    Error(String),
    Silence,
}

impl Run {
    async fn execute(mut self) {
        let input = ChaincodeInput::decode(self.transaction.payload.clone()).unwrap();
        let mut end = None;
        for step in &input.args {
            let step = String::from_utf8(step.to_vec()).unwrap();
            if let Err(early) = self.step(&step).await {
                end = Some(early);
                break;
            }
        }
        let (kind, payload) = match end {
            Some(End::Silence) => return,
            Some(End::Error(text)) => (Type::Error, text.into_bytes()),
            Some(End::Respond(status, message)) => {
                let payload = Bytes::from(self.out.join("\n"));
                (Type::Completed, Response { status, message, payload }.encode_to_vec())
            }
            None => {
                let payload = Bytes::from(self.out.join("\n"));
                let response = Response { status: 200, message: String::new(), payload };
                (Type::Completed, response.encode_to_vec())
            }
        };
        let _ = self.outgoing.send(Ok(ChaincodeMessage {
            r#type: kind.into(),
            payload: payload.into(),
            txid: self.transaction.txid.clone(),
            channel_id: self.transaction.channel_id.clone(),
            chaincode_event: self.event,
            ..Default::default()
        }));
    }

    async fn step(&mut self, step: &str) -> Result<(), End> {
        let words: Vec<&str> = step.split(' ').collect();
        let text = |at: usize| words.get(at).copied().unwrap_or_default().to_owned();
        match words[0] {
            "put" => {
                let value = text(2).into();
                let put = PutState { key: text(1), value, collection: String::new() };
                self.ask(Type::PutState, put).await?;
            }
            "putp" => {
                let put = PutState { collection: text(1), key: text(2), value: text(3).into() };
                self.ask(Type::PutState, put).await?;
            }
            "del" => {
                self.ask(Type::DelState, DelState { key: text(1), ..Default::default() }).await?;
            }
            "delp" => {
                let del = DelState { collection: text(1), key: text(2) };
                self.ask(Type::DelState, del).await?;
            }
            "purge" => {
                let purge = PurgePrivateState { collection: text(1), key: text(2) };
                self.ask(Type::PurgePrivateData, purge).await?;
            }
            "get" => {
                let get = GetState { key: text(1), collection: String::new() };
                let value = self.ask(Type::GetState, get).await?;
                self.say(&value);
            }
            "getp" => {
                let get = GetState { collection: text(1), key: text(2) };
                let value = self.ask(Type::GetState, get).await?;
                self.say(&value);
            }
            "hash" => {
                let get = GetState { collection: text(1), key: text(2) };
                let value = self.ask(Type::GetPrivateDataHash, get).await?;
                self.out.push(hex::encode(value));
            }
            "many" => {
                let keys = words[1..].iter().map(|key| (*key).to_owned()).collect();
                let get = GetStateMultiple { keys, collection: String::new() };
                let answer = self.ask(Type::GetStateMultiple, get).await?;
                for value in GetStateMultipleResult::decode(answer).unwrap().values {
                    self.say(&value);
                }
            }
            "batch" => {
                self.writes.push(WriteRecord {
                    key: text(1),
                    value: text(2).into(),
                    r#type: write_record::Type::PutState.into(),
                    ..Default::default()
                });
            }
            "flush" => {
                let rec = std::mem::take(&mut self.writes);
                self.ask(Type::WriteBatchState, WriteBatchState { rec }).await?;
            }
            "range" => self.range(text(1), text(2)).await?,
            "history" => {
                let get = GetHistoryForKey { key: text(1) };
                let answer = self.ask(Type::GetHistoryForKey, get).await?;
                for row in QueryResponse::decode(answer).unwrap().results {
                    let row = KeyModification::decode(row.result_bytes).unwrap();
                    let value = String::from_utf8(row.value.to_vec()).unwrap();
                    self.out.push(if row.is_delete { "deleted".to_owned() } else { value });
                }
            }
            "policy" => {
                let metadata = StateMetadata {
                    metakey: "VALIDATION_PARAMETER".to_owned(),
                    value: hex::decode(text(2)).unwrap().into(),
                };
                let put = PutStateMetadata {
                    key: text(1),
                    collection: String::new(),
                    metadata: Some(metadata),
                };
                self.ask(Type::PutStateMetadata, put).await?;
            }
            "metadata" => {
                let get = GetStateMetadata { key: text(1), collection: String::new() };
                let answer = self.ask(Type::GetStateMetadata, get).await?;
                self.out.push(hex::encode(answer));
            }
            "call" => {
                let args =
                    words[2..].join(" ").split('|').map(|arg| arg.to_owned().into()).collect();
                let spec = ChaincodeSpec {
                    chaincode_id: Some(ChaincodeId { name: text(1), ..Default::default() }),
                    input: Some(ChaincodeInput { args, ..Default::default() }),
                    ..Default::default()
                };
                let answer = self.ask(Type::InvokeChaincode, spec).await?;
                let message = ChaincodeMessage::decode(answer).unwrap();
                let response = Response::decode(message.payload).unwrap();
                self.out.push(format!("called: {}{}", response.status, response.message));
                self.say(&response.payload);
            }
            "rich" => {
                self.ask_bytes(Type::GetQueryResult, Vec::new()).await?;
            }
            "transient" => {
                let value = self.transient(&text(1));
                self.say(&value);
            }
            "putpt" => {
                let value = self.transient(&text(3));
                let put = PutState { collection: text(1), key: text(2), value };
                self.ask(Type::PutState, put).await?;
            }
            "event" => {
                self.event = Some(ChaincodeEvent {
                    event_name: text(1),
                    payload: text(2).into(),
                    ..Default::default()
                });
            }
            "number" => self.out.push(self.number.to_string()),
            "status" => {
                return Err(End::Respond(words[1].parse().unwrap(), words[2..].join(" ")));
            }
            "error" => return Err(End::Error(words[1..].join(" "))),
            "hang" => return Err(End::Silence),
            "die" => {
                let _ = self.die.send(()).await;
                return Err(End::Silence);
            }
            // Two requests at once: the second must never be answered.
            "double" => {
                for _ in 0..2 {
                    let get = GetState { key: text(1), collection: String::new() };
                    self.request(Type::GetState, get.encode_to_vec());
                }
                for _ in 0..2 {
                    self.reply().await?;
                }
            }
            "unknown" => {
                self.request(Type::Ready, Vec::new());
                self.reply().await?;
            }
            other => panic!("no such step: {other}"),
        }
        Ok(())
    }

    async fn range(&mut self, start_key: String, end_key: String) -> Result<(), End> {
        let get = GetStateByRange { start_key, end_key, ..Default::default() };
        let answer = self.ask(Type::GetStateByRange, get).await?;
        let mut batch = QueryResponse::decode(answer).unwrap();
        loop {
            for row in std::mem::take(&mut batch.results) {
                self.out.push(Kv::decode(row.result_bytes).unwrap().key);
            }
            if !batch.has_more {
                return Ok(());
            }
            let next = QueryStateNext { id: batch.id.clone() };
            let answer = self.ask(Type::QueryStateNext, next).await?;
            batch = QueryResponse::decode(answer).unwrap();
        }
    }

    fn transient(&self, name: &str) -> Bytes {
        let proposal = self.transaction.proposal.clone().unwrap();
        let proposal = Proposal::decode(proposal.proposal_bytes).unwrap();
        let payload = ChaincodeProposalPayload::decode(proposal.payload).unwrap();
        payload.transient_map.get(name).cloned().unwrap_or_default()
    }

    fn say(&mut self, value: &Bytes) {
        self.out.push(String::from_utf8(value.to_vec()).unwrap());
    }

    async fn ask(&mut self, kind: Type, request: impl Message) -> Result<Bytes, End> {
        self.ask_bytes(kind, request.encode_to_vec()).await
    }

    async fn ask_bytes(&mut self, kind: Type, request: Vec<u8>) -> Result<Bytes, End> {
        self.request(kind, request);
        self.reply().await
    }

    fn request(&self, kind: Type, request: Vec<u8>) {
        let ChaincodeMessage { channel_id, txid, .. } = &self.transaction;
        send(&self.outgoing, kind, request, channel_id, txid);
    }

    async fn reply(&mut self) -> Result<Bytes, End> {
        let Some(reply) = self.replies.recv().await else { return Err(End::Silence) };
        match reply.r#type() {
            Type::Response => Ok(reply.payload),
            _ => {
                let text = String::from_utf8(reply.payload.to_vec()).unwrap();
                Err(End::Respond(409, text))
            }
        }
    }
}
