use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use fabric_ledger::InvocationKind;
use fabric_ledger::proposal::Proposal;
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{
    ChaincodeEvent, ChaincodeInput, ChaincodeMessage, ChaincodeSpec, Response, SignedProposal,
};
use futures_util::{FutureExt as _, StreamExt as _};
use prost::Message as _;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_stream::Stream;

use super::link::Links;
use super::requests::Running;
use crate::config::ReadyMode;
use crate::definition::CreatorAccess;
use crate::store::{PeerSnapshot, Snapshot};

/// A simulation as the logical peers run it.
pub(crate) type Simulation = Running<Arc<Snapshot>, PeerSnapshot, CreatorAccess>;

/// Messages looked at together, at most. Only within such a group can a request be seen to come
/// before the answer to the one before it.
const GROUP_MAX: usize = 64;

/// Status of what a system chaincode refuses.
const ERROR_STATUS: i32 = 500;

/// A transaction to execute.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// Whether an INIT or a TRANSACTION.
    pub(crate) kind: InvocationKind,
    pub(crate) channel: Arc<str>,
    pub(crate) tx_id: Arc<str>,
    /// `ChaincodeInput`.
    pub(crate) input: Bytes,
    /// Who proposed it, a marshalled `SerializedIdentity`.
    pub(crate) creator: Bytes,
    pub(crate) proposal: Arc<SignedProposal>,
    pub(crate) simulation: Simulation,
    pub(crate) timeout: Duration,
}

/// What came of an invocation.
#[derive(Debug)]
pub(crate) struct Executed {
    pub(crate) outcome: Result<Terminal, ExecuteError>,
    /// The simulation with what the chaincode did. It is lost only if the chaincode ended while
    /// another one that it had called was at work.
    pub(crate) simulation: Option<Simulation>,
}

impl Executed {
    pub(super) fn failed(error: ExecuteError, simulation: Simulation) -> Self {
        Self { outcome: Err(error), simulation: Some(simulation) }
    }
}

/// The chaincode's last message about a transaction.
#[derive(Debug)]
pub(crate) enum Terminal {
    /// COMPLETED with a response of whatever status, and the event.
    Completed(Bytes, Option<ChaincodeEvent>),
    /// ERROR with its text.
    Error(Bytes),
}

/// Why a transaction was not executed to its end. The texts are the peer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExecuteError {
    #[error("could not launch chaincode {ccid}: {reason}")]
    Launch { ccid: String, reason: String },
    #[error("error sending: timeout expired while executing transaction")]
    Timeout,
    #[error("error sending: chaincode stream terminated")]
    StreamTerminated,
    #[error("error sending: txid: {tx_id}({channel}) exists")]
    Exists { tx_id: String, channel: String },
    #[error(
        "[channel {channel}] failed to get chaincode container info for {name}: chaincode {name} \
         not found"
    )]
    NotDefined { channel: String, name: String },
}

type CallKey = (Arc<str>, Arc<str>);

/// One transaction under way on a stream.
#[derive(Debug)]
struct Call {
    namespace: Arc<str>,
    creator: Bytes,
    proposal: Arc<SignedProposal>,
    /// Absent while a called chaincode works on it, and after the end.
    simulation: Mutex<Option<Simulation>>,
    done: Mutex<Option<oneshot::Sender<Terminal>>>,
}

#[derive(Debug, Default)]
struct Calls {
    closed: bool,
    running: HashMap<CallKey, Arc<Call>>,
}

/// A registered stream.
#[derive(Debug)]
pub(super) struct Connection {
    namespace: Arc<str>,
    ready: ReadyMode,
    links: Weak<Links>,
    outgoing: mpsc::Sender<ChaincodeMessage>,
    calls: Mutex<Calls>,
    /// Wakes whoever reads the stream when it is given up.
    given_up: Notify,
}

impl Connection {
    pub(super) fn new(
        namespace: Arc<str>,
        ready: ReadyMode,
        links: Weak<Links>,
        outgoing: mpsc::Sender<ChaincodeMessage>,
    ) -> Self {
        let (calls, given_up) = (Mutex::default(), Notify::new());
        Self { namespace, ready, links, outgoing, calls, given_up }
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.calls).closed
    }

    /// Has the chaincode execute a transaction and waits for its end. Dropping the future takes
    /// the transaction off the stream: what the chaincode still asks for it is refused.
    pub(super) async fn execute(&self, invocation: Invocation) -> Executed {
        let Invocation { kind, channel, tx_id, input, creator, proposal, simulation, timeout } =
            invocation;
        let key: CallKey = (channel, tx_id);
        let (done, finished) = oneshot::channel();
        let call = Arc::new(Call {
            namespace: Arc::clone(&self.namespace),
            creator,
            proposal: Arc::clone(&proposal),
            simulation: Mutex::new(Some(simulation)),
            done: Mutex::new(Some(done)),
        });
        let executed = |outcome| {
            let simulation = lock(&call.simulation).take();
            Executed { outcome, simulation }
        };
        if let Err(err) = self.add(&key, &call) {
            return executed(Err(err));
        }
        let registered = Registered { connection: self, key: &key };
        let kind = match kind {
            InvocationKind::Transaction => Type::Transaction,
            InvocationKind::Init => Type::Init,
        };
        let message = ChaincodeMessage {
            r#type: kind.into(),
            payload: input,
            txid: key.1.to_string(),
            channel_id: key.0.to_string(),
            proposal: Some((*proposal).clone()),
            ..Default::default()
        };
        self.send(message);
        let outcome = match tokio::time::timeout(timeout, finished).await {
            Ok(Ok(terminal)) => Ok(terminal),
            Ok(Err(_)) => Err(ExecuteError::StreamTerminated),
            Err(_) => Err(ExecuteError::Timeout),
        };
        drop(registered);
        executed(outcome)
    }

    fn add(&self, key: &CallKey, call: &Arc<Call>) -> Result<(), ExecuteError> {
        let mut calls = lock(&self.calls);
        if calls.closed {
            return Err(ExecuteError::StreamTerminated);
        }
        if calls.running.contains_key(key) {
            let (channel, tx_id) = (key.0.to_string(), key.1.to_string());
            return Err(ExecuteError::Exists { tx_id, channel });
        }
        calls.running.insert(key.clone(), Arc::clone(call));
        Ok(())
    }

    fn call(&self, key: &CallKey) -> Option<Arc<Call>> {
        lock(&self.calls).running.get(key).cloned()
    }

    /// Reads the stream until it ends, fails, is given up or told to stop. Then everything under way
    /// fails.
    pub(super) async fn receive(
        self: Arc<Self>,
        mut stream: impl Stream<Item = Result<ChaincodeMessage, tonic::Status>> + Unpin,
        mut stop: watch::Receiver<bool>,
    ) {
        let namespace = &*self.namespace;
        loop {
            let first = tokio::select! {
                message = stream.next() => message,
                _ = stop.wait_for(|stop| *stop) => None,
                () = self.given_up.notified() => None,
            };
            let Some(first) = first else {
                tracing::info!(namespace, "the chaincode stream ended");
                break;
            };
            let mut group = vec![first];
            while group.len() < GROUP_MAX
                && let Some(Some(next)) = stream.next().now_or_never()
            {
                group.push(next);
            }
            if let Err(reason) = self.handle_group(group) {
                tracing::warn!(namespace, reason, "the chaincode stream is given up");
                break;
            }
            if self.is_closed() {
                break;
            }
        }
        self.close();
    }

    fn close(&self) {
        let mut calls = lock(&self.calls);
        calls.closed = true;
        for (_, call) in calls.running.drain() {
            // Whoever waits for the end learns that it will not come.
            lock(&call.done).take();
        }
        self.given_up.notify_one();
    }

    fn handle_group(
        self: &Arc<Self>,
        group: Vec<Result<ChaincodeMessage, tonic::Status>>,
    ) -> Result<(), String> {
        let mut asked: Vec<CallKey> = Vec::new();
        for message in group {
            let message = message.map_err(|status| status.message().to_owned())?;
            let key: CallKey = (message.channel_id.as_str().into(), message.txid.as_str().into());
            match self.kind(&message)? {
                Type::Keepalive => {}
                Type::Completed => {
                    let event = message.chaincode_event;
                    self.finish(&key, Terminal::Completed(message.payload, event));
                }
                Type::Error => self.finish(&key, Terminal::Error(message.payload)),
                kind if asked.contains(&key) => self.dropped(kind, &key),
                kind => {
                    self.request(kind, &key, message.payload);
                    asked.push(key);
                }
            }
        }
        Ok(())
    }

    /// The message's type, if a peer in this mode knows it.
    fn kind(&self, message: &ChaincodeMessage) -> Result<Type, String> {
        let unknown = |name: &str| {
            Err(format!("Fabric side handler cannot handle message ({name}) while in ready state"))
        };
        let Ok(kind) = Type::try_from(message.r#type) else {
            return unknown(&message.r#type.to_string());
        };
        let known = match kind {
            Type::GetStateMultiple | Type::WriteBatchState => self.ready == ReadyMode::Batched,
            Type::Undefined | Type::Register | Type::Registered | Type::Init | Type::Ready => false,
            Type::Transaction | Type::Response => false,
            _ => true,
        };
        if known { Ok(kind) } else { unknown(kind.as_str_name()) }
    }

    fn finish(&self, key: &CallKey, terminal: Terminal) {
        let done = self.call(key).and_then(|call| lock(&call.done).take());
        match done {
            // The transaction may have run into its timeout meanwhile.
            Some(done) => drop(done.send(terminal)),
            None => tracing::debug!(tx_id = %key.1, "the end of an unknown transaction is ignored"),
        }
    }

    fn dropped(&self, kind: Type, key: &CallKey) {
        tracing::error!(
            namespace = %self.namespace,
            tx_id = %key.1,
            request = kind.as_str_name(),
            "a request came before the answer to the one before it: it is dropped, as a peer does, \
             and the chaincode will wait in vain"
        );
    }

    fn request(self: &Arc<Self>, kind: Type, key: &CallKey, payload: Bytes) {
        let Some(call) = self.call(key) else {
            let missing = match kind {
                Type::InvokeChaincode => "could not get valid transaction",
                _ => "no ledger context",
            };
            return self.respond(kind, key, Err(missing.to_owned()));
        };
        let mut slot = lock(&call.simulation);
        let Some(simulation) = slot.as_mut() else { return self.dropped(kind, key) };
        if kind != Type::InvokeChaincode {
            let answer = simulation.answer(&call.namespace, kind, payload);
            return self.respond(kind, key, answer);
        }
        let Some(simulation) = slot.take() else { return };
        drop(slot);
        let (connection, key) = (Arc::clone(self), key.clone());
        tokio::spawn(async move {
            let (answer, simulation) =
                connection.call_other(&key, &call, payload, simulation).await;
            *lock(&call.simulation) = simulation;
            connection.respond(Type::InvokeChaincode, &key, answer);
        });
    }

    fn respond(&self, kind: Type, key: &CallKey, answer: Result<Bytes, String>) {
        let (r#type, payload) = match answer {
            Ok(payload) => (Type::Response, payload),
            Err(reason) => {
                let kind = kind.as_str_name();
                let text = format!("{kind} failed: transaction ID: {}: {reason}", key.1);
                (Type::Error, Bytes::from(text))
            }
        };
        self.send(ChaincodeMessage {
            r#type: r#type.into(),
            payload,
            txid: key.1.to_string(),
            channel_id: key.0.to_string(),
            ..Default::default()
        });
    }

    /// Queues a message. Waiting for room could wait for ever: a chaincode that stopped reading may
    /// itself wait until it is read.
    fn send(&self, message: ChaincodeMessage) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.outgoing.try_send(message) {
            tracing::warn!(
                namespace = %self.namespace,
                "the chaincode does not read its stream: it is given up"
            );
            self.close();
        }
    }

    /// A chaincode calls another one. One of the same channel joins the simulation; one of another
    /// channel has a simulation of its own, of which nothing but the answer is kept.
    async fn call_other(
        &self,
        key: &CallKey,
        call: &Call,
        payload: Bytes,
        own: Simulation,
    ) -> (Result<Bytes, String>, Option<Simulation>) {
        let callee = match Callee::read(payload, &key.0) {
            Ok(callee) => callee,
            Err(err) => return (Err(format!("unmarshal failed: {err}")), Some(own)),
        };
        let Some(links) = self.links.upgrade() else {
            return (Err("the peer is stopping".to_owned()), Some(own));
        };
        if callee.channel == key.0 {
            return callee.execute(&links, key, call, own).await;
        }
        let answer = match links.ask(&callee.channel, &call.creator, &key.1) {
            Ok(theirs) => callee.execute(&links, key, call, Running::new(theirs)).await.0,
            Err(refusal) => Err(refusal),
        };
        (answer, Some(own))
    }
}

/// A chaincode that another one calls.
struct Callee {
    name: String,
    channel: Arc<str>,
    input: ChaincodeInput,
}

impl Callee {
    /// Reads a call by a chaincode that is at work on a channel. Its name can tell a version, which
    /// nobody looks at, and another channel.
    fn read(payload: Bytes, channel: &Arc<str>) -> Result<Self, prost::DecodeError> {
        let spec = ChaincodeSpec::decode(payload)?;
        let name = spec.chaincode_id.map(|id| id.name).unwrap_or_default();
        let (name, other) = name.split_once('/').unwrap_or((&name, ""));
        let name = name.split_once(':').map_or(name, |(name, _)| name);
        Ok(Self {
            name: name.to_owned(),
            channel: if other.is_empty() { Arc::clone(channel) } else { other.into() },
            input: spec.input.unwrap_or_default(),
        })
    }

    /// Runs it over a simulation of its channel.
    async fn execute(
        self,
        links: &Links,
        key: &CallKey,
        call: &Call,
        mut simulation: Simulation,
    ) -> (Result<Bytes, String>, Option<Simulation>) {
        let Self { name, channel, input } = self;
        let invalid =
            |err: &dyn std::fmt::Display| Err(format!("execute failed: invalid invocation: {err}"));
        if let Some(refusal) = refuses_chaincodes(&name, &call.proposal) {
            let answer = called(Terminal::Completed(refusal.encode_to_vec().into(), None));
            return (Ok(answer.encode_to_vec().into()), Some(simulation));
        }
        let Some(link) = links.defined(&name, &channel) else {
            let err = ExecuteError::NotDefined { channel: channel.to_string(), name };
            return (invalid(&err), Some(simulation));
        };
        let kind = match link.begin(&mut simulation.simulator, input.is_init) {
            Ok(kind) => kind,
            Err(err) => return (invalid(&err), Some(simulation)),
        };
        let invocation = Invocation {
            kind,
            channel,
            tx_id: Arc::clone(&key.1),
            input: input.encode_to_vec().into(),
            creator: call.creator.clone(),
            proposal: Arc::clone(&call.proposal),
            simulation,
            timeout: links.execute_timeout(),
        };
        let Executed { outcome, simulation } = link.execute_boxed(invocation).await;
        let answer = match outcome {
            Ok(terminal) => Ok(called(terminal).encode_to_vec().into()),
            Err(err) => Err(format!("execute failed: {err}")),
        };
        (answer, simulation)
    }
}

/// What the peer's own chaincodes answer to any other one that calls them.
fn refuses_chaincodes(name: &str, proposal: &SignedProposal) -> Option<Response> {
    let reason = match name {
        "qscc" => {
            "Rejecting invoke of QSCC from another chaincode because of potential for deadlocks"
        }
        "cscc" => "Rejecting invoke of CSCC from another chaincode",
        _ => return None,
    };
    let original = Proposal::unpack(proposal).map(|proposal| proposal.chaincode);
    let original = original.unwrap_or_default();
    let message = format!("{reason}, original invocation for '{original}'");
    Some(Response { status: ERROR_STATUS, message, payload: Bytes::new() })
}

/// The message of a called chaincode as its caller gets it.
fn called(terminal: Terminal) -> ChaincodeMessage {
    let (r#type, payload, chaincode_event) = match terminal {
        Terminal::Completed(payload, event) => (Type::Completed, payload, event),
        Terminal::Error(payload) => (Type::Error, payload, None),
    };
    ChaincodeMessage { r#type: r#type.into(), payload, chaincode_event, ..Default::default() }
}

/// Takes a call off its stream when nobody waits for it any more.
struct Registered<'a> {
    connection: &'a Connection,
    key: &'a CallKey,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        lock(&self.connection.calls).running.remove(self.key);
    }
}

impl Terminal {
    /// The response of a COMPLETED transaction with its event, or the peer's text about an ERROR.
    pub(crate) fn into_response(
        self,
        tx_id: &str,
    ) -> Result<(Response, Option<ChaincodeEvent>), String> {
        match self {
            Self::Completed(payload, event) => match Response::decode(payload) {
                Ok(response) => Ok((response, event)),
                Err(err) => {
                    Err(format!("failed to unmarshal response for transaction {tx_id}: {err}"))
                }
            },
            Self::Error(payload) => {
                let text = String::from_utf8_lossy(&payload);
                Err(format!("transaction returned with failure: {text}"))
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Everything behind these locks is whole between two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
