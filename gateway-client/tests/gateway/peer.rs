//! A peer with the Gateway service: honest unless its script says otherwise, strict about what clients send.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use fabric_gateway_client::{
    ConnectOptions, Connection, Contract, Gateway, Identity, RetryPolicy, SigningKey, Timeouts,
};
use fabric_identity::VerifyingKey;
use fabric_protos::common::{ChannelHeader, Envelope, Header, Payload};
use fabric_protos::gateway::gateway_server::{self, GatewayServer};
use fabric_protos::gateway::{
    ChaincodeEventsRequest, ChaincodeEventsResponse, CommitStatusRequest, CommitStatusResponse,
    EndorseRequest, EndorseResponse, ErrorDetail, EvaluateRequest, EvaluateResponse,
    SignedChaincodeEventsRequest, SignedCommitStatusRequest, SubmitRequest, SubmitResponse,
};
use fabric_protos::orderer::SeekInfo;
use fabric_protos::protos::deliver_server::DeliverServer;
use fabric_protos::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, ChaincodeId, DeliverResponse,
    Endorsement, ProposalResponsePayload, Response as ContractResponse, SignedProposal,
    Transaction, TransactionAction, TxValidationCode,
};
use fabric_protos::rpc;
use fabric_shim_protos::{common as judge_common, msp as judge_msp, peer as judge_peer};
use prost::Message;
use ring::digest::{SHA256, digest};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::{Router, TcpIncoming};
use tonic::{Code, Request, Response, Status};

use crate::streams::{Play, Played};

pub(crate) const CHANNEL: &str = "mychannel";
pub(crate) const CHAINCODE: &str = "ioht";
pub(crate) const MSP_ID: &str = "Org1MSP";
pub(crate) const CERTIFICATE: &str =
    "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
pub(crate) const BLOCK: u64 = 7;

/// What to do at a call. Where the script of a stage is used up, it is `Answer`.
pub(crate) enum Step {
    /// What an honest peer does.
    Answer,
    /// The status instead, and nothing done.
    Fail(Status),
    /// What an honest peer does, but the client gets the status.
    LoseReply(Status),
    /// Never an answer.
    Hang,
    /// An endorsed transaction that was changed.
    Tamper(fn(&mut Parts)),
    /// No endorsed transaction.
    Nothing,
    /// A commit status with this code.
    Code(TxValidationCode),
}

/// What came in, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    Evaluate(EvaluateRequest),
    Endorse(EndorseRequest),
    Submit(SubmitRequest),
    Status(CommitStatusRequest),
    Events(ChaincodeEventsRequest),
    /// The call, and what is asked for.
    Deliver(&'static str, ChannelHeader, SeekInfo),
}

/// An endorsed transaction in parts.
pub(crate) struct Parts {
    pub(crate) header: Header,
    pub(crate) action_header: Bytes,
    pub(crate) actions: usize,
    pub(crate) call: judge_peer::ChaincodeProposalPayload,
    pub(crate) proposal_hash: Vec<u8>,
    pub(crate) outcome: ChaincodeAction,
    pub(crate) endorsements: Vec<Endorsement>,
    /// Appended to the payload.
    pub(crate) tail: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct Script {
    pub(crate) evaluate: VecDeque<Step>,
    pub(crate) endorse: VecDeque<Step>,
    pub(crate) submit: VecDeque<Step>,
    pub(crate) status: VecDeque<Step>,
    pub(crate) events: VecDeque<Play<ChaincodeEventsResponse>>,
    pub(crate) blocks: VecDeque<Play<DeliverResponse>>,
}

pub(crate) struct State {
    pub(crate) client: VerifyingKey,
    pub(crate) script: Mutex<Script>,
    pub(crate) seen: Mutex<Vec<Seen>>,
    pub(crate) timeouts: Mutex<Vec<String>>,
    ordered: Mutex<BTreeMap<String, Bytes>>,
}

#[derive(Clone)]
pub(crate) struct Peer(pub(crate) Arc<State>);

/// A peer, and a client of it.
pub(crate) struct Stage {
    pub(crate) peer: Arc<State>,
    pub(crate) connection: Connection,
    pub(crate) gateway: Gateway,
    pub(crate) key: Arc<SigningKey>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let key = Arc::new(SigningKey::generate().unwrap().0);
        let peer = Peer::new(&key);
        let router = Server::builder().add_service(peer.service());
        let address = serve(router.add_service(DeliverServer::new(peer.clone()))).await;
        let options = ConnectOptions::plaintext(address);
        let connection = Connection::connect(&options).await.unwrap();
        let gateway = Gateway::new(connection.clone(), &identity(), key.clone());
        Self { peer: peer.0, connection, gateway, key }
    }

    /// Scripts one stage.
    pub(crate) fn script(&self, steps: impl FnOnce(&mut Script)) {
        steps(&mut self.peer.script.lock().unwrap());
    }

    pub(crate) fn contract(&self) -> Contract {
        self.gateway.network(CHANNEL).contract(CHAINCODE)
    }

    /// The contract for a peer that does not answer.
    pub(crate) fn hasty(&self, timeouts: impl FnOnce(&mut Timeouts)) -> Contract {
        let mut changed = Timeouts::default();
        timeouts(&mut changed);
        self.gateway.clone().with_timeouts(changed).network(CHANNEL).contract(CHAINCODE)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.peer.seen.lock().unwrap().clone()
    }

    /// The stages that were called, in order.
    pub(crate) fn calls(&self) -> String {
        let name = |seen: &Seen| match seen {
            Seen::Evaluate(_) => "evaluate",
            Seen::Endorse(_) => "endorse",
            Seen::Submit(_) => "submit",
            Seen::Status(_) => "status",
            Seen::Events(_) => "events",
            Seen::Deliver(..) => "deliver",
        };
        self.seen().iter().map(name).collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn envelopes(&self) -> Vec<Envelope> {
        let envelope = |seen| match seen {
            Seen::Submit(request) => request.prepared_transaction,
            _ => None,
        };
        self.seen().into_iter().filter_map(envelope).collect()
    }
}

/// No noticeable pauses, and probes that give up at once only where a test says so.
pub(crate) fn policy() -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.backoff_base = Duration::from_millis(1);
    policy.backoff_max = Duration::from_millis(2);
    policy.status_probe = Duration::from_secs(60);
    policy
}

pub(crate) fn identity() -> Identity {
    Identity { msp_id: MSP_ID.to_owned(), certificate_pem: CERTIFICATE.to_owned() }
}

/// A failure as Fabric's gateway reports it.
pub(crate) fn failure(code: Code, message: &str, details: &[&str]) -> Status {
    let pack = |message: &&str| prost_types::Any {
        type_url: "type.googleapis.com/gateway.ErrorDetail".to_owned(),
        value: ErrorDetail {
            address: "peer0.org1.example.com:7051".to_owned(),
            msp_id: MSP_ID.to_owned(),
            message: (*message).to_owned(),
        }
        .encode_to_vec(),
    };
    let status = rpc::Status {
        code: code as i32,
        message: message.to_owned(),
        details: details.iter().map(pack).collect(),
    };
    Status::with_details(code, message, status.encode_to_vec().into())
}

/// Serves on a free port of this machine until the test ends.
pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tokio::spawn(router.serve_with_incoming(incoming));
    format!("localhost:{}", address.port())
}

impl Peer {
    pub(crate) fn new(key: &SigningKey) -> Self {
        Self(Arc::new(State {
            client: key.verifying_key(),
            script: Mutex::default(),
            seen: Mutex::default(),
            timeouts: Mutex::default(),
            ordered: Mutex::default(),
        }))
    }

    pub(crate) fn service(&self) -> GatewayServer<Self> {
        GatewayServer::new(self.clone())
    }

    fn next(&self, stage: impl FnOnce(&mut Script) -> &mut VecDeque<Step>) -> Step {
        stage(&mut self.0.script.lock().unwrap()).pop_front().unwrap_or(Step::Answer)
    }

    fn note<M>(&self, request: &Request<M>, seen: impl FnOnce(&M) -> Seen) {
        let timeout = request.metadata().get("grpc-timeout").unwrap().to_str().unwrap().to_owned();
        self.0.timeouts.lock().unwrap().push(timeout);
        self.0.seen.lock().unwrap().push(seen(request.get_ref()));
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Status> {
        let verified = self.0.client.verify(message, signature);
        verified.map_err(|error| Status::permission_denied(format!("bad signature: {error}")))
    }

    /// Checks a proposal as an endorser does and takes it apart.
    fn open(&self, proposal: Option<&SignedProposal>, outer_id: &str) -> Result<Parts, Status> {
        let signed = proposal.ok_or_else(|| Status::invalid_argument("no proposal"))?;
        self.verify(&signed.proposal_bytes, &signed.signature)?;
        let proposal = judge_peer::Proposal::decode(signed.proposal_bytes.clone()).unwrap();
        let header = judge_common::Header::decode(&*proposal.header).unwrap();
        let channel = judge_common::ChannelHeader::decode(&*header.channel_header).unwrap();
        let creation = judge_common::SignatureHeader::decode(&*header.signature_header).unwrap();
        let creator = judge_msp::SerializedIdentity::decode(&*creation.creator).unwrap();
        let hashed = [creation.nonce.as_slice(), creation.creator.as_slice()].concat();
        let expected = hex::encode(digest(&SHA256, &hashed));
        if channel.tx_id != expected || outer_id != expected {
            return Err(Status::failed_precondition("incorrectly computed txid"));
        }
        if (creator.mspid.as_str(), creator.id_bytes.as_slice()) != (MSP_ID, CERTIFICATE.as_bytes())
            || (channel.channel_id.as_str(), channel.r#type, channel.epoch) != (CHANNEL, 3, 0)
        {
            return Err(Status::failed_precondition("another identity, channel or type"));
        }
        let extension = judge_peer::ChaincodeHeaderExtension::decode(&*channel.extension).unwrap();
        let mut call = judge_peer::ChaincodeProposalPayload::decode(&*proposal.payload).unwrap();
        call.transient_map.clear();
        let hashed =
            [header.channel_header.clone(), header.signature_header.clone(), call.encode_to_vec()];
        let spec = judge_peer::ChaincodeInvocationSpec::decode(&*call.input).unwrap();
        let arguments = spec.chaincode_spec.unwrap().input.unwrap().args;
        let outcome = ChaincodeAction {
            results: Bytes::from_static(b"read-write set"),
            response: Some(ContractResponse {
                status: 200,
                payload: arguments.join(&b' ').into(),
                ..Default::default()
            }),
            chaincode_id: Some(ChaincodeId {
                name: extension.chaincode_id.unwrap().name,
                version: "1".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        Ok(Parts {
            action_header: header.signature_header.clone().into(),
            header: Header {
                channel_header: header.channel_header.into(),
                signature_header: header.signature_header.into(),
            },
            actions: 1,
            call,
            proposal_hash: digest(&SHA256, &hashed.concat()).as_ref().to_vec(),
            outcome,
            endorsements: vec![Endorsement {
                endorser: Bytes::from_static(b"peer0"),
                signature: Bytes::from_static(b"signature"),
            }],
            tail: Vec::new(),
        })
    }

    fn order(&self, request: SubmitRequest) -> Result<Response<SubmitResponse>, Status> {
        let envelope = request.prepared_transaction.unwrap();
        if envelope.signature.is_empty() {
            return Err(Status::invalid_argument("prepared transaction must be signed"));
        }
        self.verify(&envelope.payload, &envelope.signature)?;
        assert_eq!(request.channel_id, CHANNEL);
        let mut ordered = self.0.ordered.lock().unwrap();
        ordered.entry(request.transaction_id).or_insert(envelope.payload);
        Ok(Response::new(SubmitResponse {}))
    }
}

impl Parts {
    pub(crate) fn assemble(self) -> Envelope {
        let response = ProposalResponsePayload {
            proposal_hash: self.proposal_hash.into(),
            extension: self.outcome.encode_to_vec().into(),
        };
        let action = ChaincodeActionPayload {
            chaincode_proposal_payload: self.call.encode_to_vec().into(),
            action: Some(ChaincodeEndorsedAction {
                proposal_response_payload: response.encode_to_vec().into(),
                endorsements: self.endorsements,
            }),
        };
        let action = TransactionAction {
            header: self.action_header,
            payload: action.encode_to_vec().into(),
        };
        let transaction = Transaction { actions: vec![action; self.actions] };
        let payload =
            Payload { header: Some(self.header), data: transaction.encode_to_vec().into() };
        let mut payload = payload.encode_to_vec();
        payload.extend(self.tail);
        Envelope { payload: payload.into(), signature: Bytes::new() }
    }
}

#[tonic::async_trait]
impl gateway_server::Gateway for Peer {
    type ChaincodeEventsStream = Played<ChaincodeEventsResponse>;

    async fn evaluate(
        &self,
        request: Request<EvaluateRequest>,
    ) -> Result<Response<EvaluateResponse>, Status> {
        self.note(&request, |message| Seen::Evaluate(message.clone()));
        let message = request.into_inner();
        let parts = self.open(message.proposed_transaction.as_ref(), &message.transaction_id)?;
        match self.next(|script| &mut script.evaluate) {
            Step::Fail(status) | Step::LoseReply(status) => Err(status),
            Step::Hang => std::future::pending().await,
            Step::Nothing => Ok(Response::new(EvaluateResponse { result: None })),
            _ => Ok(Response::new(EvaluateResponse { result: parts.outcome.response })),
        }
    }

    async fn endorse(
        &self,
        request: Request<EndorseRequest>,
    ) -> Result<Response<EndorseResponse>, Status> {
        self.note(&request, |message| Seen::Endorse(message.clone()));
        let message = request.into_inner();
        let mut parts =
            self.open(message.proposed_transaction.as_ref(), &message.transaction_id)?;
        match self.next(|script| &mut script.endorse) {
            Step::Fail(status) | Step::LoseReply(status) => return Err(status),
            Step::Hang => std::future::pending().await,
            Step::Nothing => {
                return Ok(Response::new(EndorseResponse { prepared_transaction: None }));
            }
            Step::Tamper(change) => change(&mut parts),
            Step::Answer | Step::Code(_) => {}
        }
        Ok(Response::new(EndorseResponse { prepared_transaction: Some(parts.assemble()) }))
    }

    async fn submit(
        &self,
        request: Request<SubmitRequest>,
    ) -> Result<Response<SubmitResponse>, Status> {
        self.note(&request, |message| Seen::Submit(message.clone()));
        match self.next(|script| &mut script.submit) {
            Step::Fail(status) => Err(status),
            Step::LoseReply(status) => self.order(request.into_inner()).and(Err(status)),
            Step::Hang => std::future::pending().await,
            _ => self.order(request.into_inner()),
        }
    }

    async fn commit_status(
        &self,
        request: Request<SignedCommitStatusRequest>,
    ) -> Result<Response<CommitStatusResponse>, Status> {
        let asked = CommitStatusRequest::decode(request.get_ref().request.clone()).unwrap();
        self.note(&request, |_| Seen::Status(asked.clone()));
        let message = request.into_inner();
        self.verify(&message.request, &message.signature)?;
        assert_eq!(asked.channel_id, CHANNEL);
        let code = match self.next(|script| &mut script.status) {
            Step::Fail(status) | Step::LoseReply(status) => return Err(status),
            Step::Code(code) => code,
            Step::Answer if self.0.ordered.lock().unwrap().contains_key(&asked.transaction_id) => {
                TxValidationCode::Valid
            }
            // As Fabric's: an id that is not on the ledger is waited for.
            _ => std::future::pending().await,
        };
        Ok(Response::new(CommitStatusResponse { result: code.into(), block_number: BLOCK }))
    }

    async fn chaincode_events(
        &self,
        request: Request<SignedChaincodeEventsRequest>,
    ) -> Result<Response<Self::ChaincodeEventsStream>, Status> {
        self.play_events(&request.into_inner()).map(Response::new)
    }
}
