use crate::config::{Limits, PAYLOAD_BYTES_MAX};
use crate::lane::{Lane, Stop, TxKey};
use crate::ledger::PeerLedger;
use crate::proposal::{OpenProposal, check_skew};
use crate::session::Features;
use crate::sizes::Sizes;
use crate::stats::Counters;
use bytes::Bytes;
use fabric_contract_rs::{
    ClientIdentity, Contract, Kind, LedgerError, Outcome, Response, TxContext, TxError, invoke,
};
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{self, ChaincodeEvent, ChaincodeInput, ChaincodeMessage};
use futures_util::FutureExt;
use prost::Message;
use ring::rand::{SecureRandom, SystemRandom};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

/// How much of a fault's text is sent.
///
/// 4 KiB: it holds the longest sentence meant for people, and the peer's gateway passes it on in
/// the trailers of an answer, which many proxies bound at 8 KiB.
const FAULT_BYTES_MAX: usize = 4096;

/// What all transactions share.
#[derive(Debug)]
pub(crate) struct Host<C> {
    pub(crate) contract: C,
    pub(crate) limits: Limits,
    pub(crate) counters: Arc<Counters>,
    pub(crate) sizes: Arc<Sizes>,
    pub(crate) random: SystemRandom,
}

/// One transaction as the peer sent it.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) init: bool,
    /// Bytes of the whole message.
    pub(crate) size: usize,
    /// ChaincodeInput.
    pub(crate) input: Bytes,
    pub(crate) proposal: Result<OpenProposal, TxError>,
    /// The creator, when its certificate has been read before.
    pub(crate) known: Option<ClientIdentity>,
    pub(crate) features: Features,
    pub(crate) received: Instant,
}

/// An identity read for the first time, and the creator it was read from.
pub(crate) type Learned = Option<(Bytes, ClientIdentity)>;

/// What a transaction leaves to its stream.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) learned: Learned,
    /// The peer did not take the terminal message: it does not read.
    pub(crate) unread: bool,
}

/// Runs one transaction to its terminal message.
///
/// The place is given back before that message is sent: how soon a peer reads is no other peer's
/// concern. The message waits at most as long as the transaction might have taken, since by then the
/// peer has forgotten the transaction.
pub(crate) async fn run<C: Contract>(
    host: Arc<Host<C>>,
    lane: Arc<Lane>,
    invocation: Invocation,
    place: OwnedSemaphorePermit,
) -> Ran {
    let mut learned = None;
    let deadline = invocation.received + host.limits.deadline;
    let ending = {
        let work = answer(&host, &lane, invocation, &mut learned);
        let work = AssertUnwindSafe(work).catch_unwind();
        tokio::select! {
            biased;
            result = work => match result {
                Ok(Ok(terminal)) => Ok(terminal),
                Ok(Err(fault)) => Err(Some(fault)),
                Err(_) => {
                    host.counters.panics.add();
                    Err(Some(Fault::new("CONTRACT_PANICKED", "the contract has a defect")))
                }
            },
            stop = lane.stopped() => Err(match stop {
                Stop::PeerGaveUp => None,
                Stop::Draining => Some(Fault::draining()),
            }),
            () = tokio::time::sleep_until(deadline) => {
                host.counters.deadlines.add();
                Err(Some(Fault::new(
                    "DEADLINE_EXCEEDED",
                    "the transaction took longer than this endorser allows",
                )))
            }
        }
    };
    drop(place);
    let finishing = finish(&host.counters, &lane, ending);
    let unread = tokio::time::timeout(host.limits.deadline, finishing).await.is_err();
    if unread {
        host.counters.abandoned.add();
    }
    Ran { learned, unread }
}

async fn finish(counters: &Counters, lane: &Lane, ending: Result<Terminal, Option<Fault>>) {
    let tx_id = &lane.key().tx_id;
    let (message, counter) = match ending {
        Ok(Terminal { message, status }) => {
            tracing::debug!(tx_id, status, "transaction completed");
            let success = status < 400;
            (message, if success { &counters.succeeded } else { &counters.refused })
        }
        Err(Some(fault)) => {
            tracing::warn!(tx_id, code = fault.code(), "transaction failed");
            (fault.message(lane.key()), &counters.failed)
        }
        Err(None) => {
            tracing::warn!(tx_id, "the peer has given the transaction up");
            return counters.abandoned.add();
        }
    };
    let counter = if lane.finish(message).await { counter } else { &counters.abandoned };
    counter.add();
}

/// COMPLETED, and the status in it.
#[derive(Debug)]
struct Terminal {
    message: ChaincodeMessage,
    status: u16,
}

/// Why a transaction ends with ERROR: `CODE: sentence`. A gateway then asks another peer.
#[derive(Debug)]
pub(crate) struct Fault(String);

impl Fault {
    pub(crate) fn new(code: &str, sentence: &str) -> Self {
        Self(format!("{code}: {sentence}"))
    }

    pub(crate) fn draining() -> Self {
        Self::new("DRAINING", "this endorser's chaincode server is stopping")
    }

    pub(crate) fn message(self, key: &TxKey) -> ChaincodeMessage {
        let Self(mut text) = self;
        text.truncate(text.floor_char_boundary(FAULT_BYTES_MAX));
        key.message(Type::Error, text.into())
    }

    /// What a log may hold.
    fn code(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }
}

impl From<TxError> for Fault {
    fn from(error: TxError) -> Self {
        Self(error.to_string())
    }
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        TxError::from(error).into()
    }
}

/// Everything between TRANSACTION and the terminal message.
async fn answer<C: Contract>(
    host: &Host<C>,
    lane: &Arc<Lane>,
    invocation: Invocation,
    learned: &mut Learned,
) -> Result<Terminal, Fault> {
    let init = invocation.init;
    let features = invocation.features;
    let (cx, args) = match prepare(host, lane, invocation, learned) {
        Err(refusal) if !refusal.is_fault() => {
            lane.settle().await?;
            return completed(lane, refused(&refusal), None);
        }
        prepared => prepared?,
    };
    if init && args.first().is_none_or(Bytes::is_empty) {
        let message = "nothing to initialise".to_owned();
        let response = Response { status: 200, message, payload: Bytes::new() };
        lane.settle().await?;
        return completed(lane, response, None);
    }
    let (batch_bytes_max, sizes) = (host.limits.batch_bytes_max, Arc::clone(&host.sizes));
    let ledger = PeerLedger::new(Arc::clone(lane), features, batch_bytes_max, init, sizes);
    let Outcome { mut response, writes, never_endorse, kind } =
        invoke(&host.contract, &cx, &ledger, &args).await;
    if response.status >= 500 {
        return Err(Fault(response.message));
    }
    if !response.is_success() {
        lane.settle().await?;
        return completed(lane, response, None);
    }
    // What a query has called may have written, and a query never writes.
    if never_endorse || (kind == Kind::Evaluate && ledger.has_called()) {
        response.message = nonce(&host.random)?;
    }
    let (records, event) = writes.into_parts();
    // The answer is built before anything is written, so that one that cannot travel writes nothing.
    let terminal = completed(lane, response, event)?;
    ledger.flush(records.collect()).await?;
    lane.settle().await?;
    Ok(terminal)
}

fn prepare<C>(
    host: &Host<C>,
    lane: &Lane,
    invocation: Invocation,
    learned: &mut Learned,
) -> Result<(TxContext, Vec<Bytes>), TxError> {
    let size_max = host.limits.invocation_bytes_max;
    if invocation.size > size_max {
        let size = invocation.size;
        let text = format!("arguments and proposal take {size} bytes of {size_max}");
        return Err(TxError::new(413, "INVOCATION_TOO_LARGE", text));
    }
    let proposal = invocation.proposal?;
    let client = match invocation.known {
        Some(client) => client,
        None => {
            let client = proposal.client()?;
            *learned = Some((proposal.creator().clone(), client.clone()));
            client
        }
    };
    let key = lane.key();
    let cx = proposal.context(&key.channel_id, &key.tx_id, client)?;
    check_skew(cx.timestamp_ms(), SystemTime::now(), host.limits.clock_skew_max)?;
    let input = ChaincodeInput::decode(invocation.input)
        .map_err(|_| TxError::new(500, "BAD_INPUT", "the arguments cannot be decoded"))?;
    Ok((cx, input.args))
}

fn refused(error: &TxError) -> Response {
    Response { status: error.status(), message: error.to_string(), payload: Bytes::new() }
}

/// 128 fresh random bits: two endorsers that answer with them never agree.
fn nonce(random: &SystemRandom) -> Result<String, Fault> {
    let mut nonce = [0u8; 16];
    random
        .fill(&mut nonce)
        .map_err(|_| Fault::new("NO_RANDOMNESS", "the system gives no random numbers"))?;
    Ok(hex::encode(nonce))
}

fn completed(
    lane: &Lane,
    response: Response,
    event: Option<fabric_contract_rs::Event>,
) -> Result<Terminal, Fault> {
    let status = response.status;
    let event_len = event.as_ref().map_or(0, |event| event.name.len() + event.payload.len());
    let payload = protos::Response {
        status: status.into(),
        message: response.message,
        payload: response.payload,
    }
    .encode_to_vec();
    let size = payload.len().saturating_add(event_len);
    if size > PAYLOAD_BYTES_MAX {
        return Err(LedgerError::TooLarge { size, max: PAYLOAD_BYTES_MAX }.into());
    }
    let mut message = lane.key().message(Type::Completed, payload.into());
    if let Some(event) = event {
        message.chaincode_event = Some(ChaincodeEvent {
            event_name: event.name,
            payload: event.payload,
            ..Default::default()
        });
    }
    Ok(Terminal { message, status })
}
