use crate::config::PAYLOAD_BYTES_MAX;
use crate::refusal;
use bytes::Bytes;
use fabric_contract_rs::LedgerError;
use fabric_protos::protos::ChaincodeMessage;
use fabric_protos::protos::chaincode_message::Type;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::sync::{Notify, mpsc};
use tonic::Status;

/// What goes to one peer.
pub(crate) type Outbound = mpsc::Sender<Result<ChaincodeMessage, Status>>;

/// What identifies a transaction on one stream: the same transaction id comes on two channels when
/// a chaincode calls across them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TxKey {
    pub(crate) channel_id: String,
    pub(crate) tx_id: String,
}

impl TxKey {
    /// A message of this transaction.
    pub(crate) fn message(&self, kind: Type, payload: Bytes) -> ChaincodeMessage {
        ChaincodeMessage {
            r#type: kind.into(),
            payload,
            txid: self.tx_id.clone(),
            channel_id: self.channel_id.clone(),
            ..Default::default()
        }
    }
}

/// The peer's answer to one request.
#[derive(Debug)]
pub(crate) enum Reply {
    Response(Bytes),
    Error(Bytes),
}

/// Why a transaction must stop although its contract has not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The peer has forgotten it; there is nobody to answer.
    PeerGaveUp,
    /// The server is going down and cannot wait any longer.
    Draining,
}

/// What an attempt leaves when it is silenced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fenced {
    /// It had not sent its terminal message.
    pub(crate) unfinished: bool,
    /// A reply to it is still to come; see [`Lane::awaited`].
    pub(crate) awaited: Option<usize>,
}

/// One attempt at a transaction, as its stream carries it: one request at a time, in the order
/// asked, then one terminal message, then nothing.
///
/// A request whose future is dropped after it was sent is still outstanding at the peer. Its reply
/// is waited for before the next request and before the terminal message; otherwise the peer would
/// silently drop the former, or race with the latter.
#[derive(Debug)]
pub(crate) struct Lane {
    key: Arc<TxKey>,
    out: Outbound,
    gate: Mutex<Gate>,
    /// Waiters queue in order.
    turn: tokio::sync::Mutex<Unread>,
    stopped: Notify,
}

/// Shared with the stream's task; never held across an await or contract code.
#[derive(Debug)]
struct Gate {
    /// Whether anything may still be sent.
    open: bool,
    /// How many values the request asks for that is out and whose reply has not arrived.
    awaited: Option<usize>,
    /// A reply that has arrived and has not been taken.
    arrived: Option<Reply>,
    /// Who waits for a reply.
    waiter: Option<Waker>,
    /// The stream is over: no reply will come.
    over: bool,
    stop: Option<Stop>,
}

/// The request whose reply has not been taken; belongs to whoever's turn it is to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unread {
    None,
    /// This attempt's own.
    Own,
    /// One of an earlier attempt, of which this one learns nothing.
    Inherited,
}

impl Lane {
    /// `awaited`: an earlier attempt left a request whose reply is still to come.
    pub(crate) fn new(key: Arc<TxKey>, out: Outbound, awaited: Option<usize>) -> Self {
        let gate =
            Gate { open: true, awaited, arrived: None, waiter: None, over: false, stop: None };
        let unread = if awaited.is_some() { Unread::Inherited } else { Unread::None };
        let (gate, turn) = (Mutex::new(gate), tokio::sync::Mutex::new(unread));
        Self { key, out, gate, turn, stopped: Notify::new() }
    }

    pub(crate) fn key(&self) -> &Arc<TxKey> {
        &self.key
    }

    /// Asks the peer and waits for the answer.
    pub(crate) async fn request(&self, kind: Type, payload: Bytes) -> Result<Bytes, LedgerError> {
        self.request_values(kind, payload, 1).await
    }

    /// Asks the peer for up to `values` values in one answer and waits for it.
    pub(crate) async fn request_values(
        &self,
        kind: Type,
        payload: Bytes,
        values: usize,
    ) -> Result<Bytes, LedgerError> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(LedgerError::TooLarge { size: payload.len(), max: PAYLOAD_BYTES_MAX });
        }
        let mut turn = self.turn.lock().await;
        self.drain(&mut turn).await?;
        let permit = self.out.reserve().await.map_err(|_| LedgerError::TransactionEnded)?;
        {
            let mut gate = self.gate();
            if !gate.open {
                return Err(LedgerError::TransactionEnded);
            }
            gate.awaited = Some(values);
            *turn = Unread::Own;
            permit.send(Ok(self.key.message(kind, payload)));
        }
        match self.take_reply(&mut turn).await? {
            Reply::Response(payload) => Ok(payload),
            Reply::Error(text) => Err(refusal::ledger_error(&text)),
        }
    }

    /// Waits until no request is out.
    pub(crate) async fn settle(&self) -> Result<(), LedgerError> {
        let mut turn = self.turn.lock().await;
        self.drain(&mut turn).await
    }

    async fn drain(&self, turn: &mut Unread) -> Result<(), LedgerError> {
        if *turn != Unread::None {
            self.take_reply(turn).await?;
        }
        Ok(())
    }

    async fn take_reply(&self, turn: &mut Unread) -> Result<Reply, LedgerError> {
        let reply = std::future::poll_fn(|cx| self.poll_reply(cx)).await?;
        let unread = std::mem::replace(turn, Unread::None);
        let has_ended = matches!(&reply, Reply::Error(text) if refusal::has_ended(text));
        if has_ended && unread == Unread::Own {
            self.stop(Stop::PeerGaveUp);
            return Err(LedgerError::TransactionEnded);
        }
        Ok(reply)
    }

    fn poll_reply(&self, cx: &mut Context<'_>) -> Poll<Result<Reply, LedgerError>> {
        let mut gate = self.gate();
        if let Some(reply) = gate.arrived.take() {
            return Poll::Ready(Ok(reply));
        }
        if gate.over {
            return Poll::Ready(Err(LedgerError::TransactionEnded));
        }
        gate.waiter = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Sends the terminal message and nothing after it. False when this attempt may not speak any
    /// more or the peer is gone.
    pub(crate) async fn finish(&self, message: ChaincodeMessage) -> bool {
        let Ok(permit) = self.out.reserve().await else {
            return false;
        };
        let mut gate = self.gate();
        let open = std::mem::replace(&mut gate.open, false);
        if open {
            permit.send(Ok(message));
        }
        open
    }

    /// Silences this attempt.
    pub(crate) fn fence(&self) -> Fenced {
        let mut gate = self.gate();
        let unfinished = std::mem::replace(&mut gate.open, false);
        Fenced { unfinished, awaited: gate.awaited }
    }

    /// Takes in the awaited reply; false when none was awaited.
    pub(crate) fn arrive(&self, reply: Reply) -> bool {
        let waiter = {
            let mut gate = self.gate();
            if gate.awaited.take().is_none() {
                return false;
            }
            gate.arrived = Some(reply);
            gate.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.wake();
        }
        true
    }

    /// Tells whoever waits that the stream is over.
    pub(crate) fn end(&self) {
        let waiter = {
            let mut gate = self.gate();
            gate.open = false;
            gate.over = true;
            gate.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// How many values the reply holds that is still to come, as far as known; `None` when none is.
    pub(crate) fn awaited(&self) -> Option<usize> {
        self.gate().awaited
    }

    /// Asks the transaction to stop.
    pub(crate) fn stop(&self, stop: Stop) {
        {
            let mut gate = self.gate();
            gate.stop.get_or_insert(stop);
            if stop == Stop::PeerGaveUp {
                // Whatever came later could only hit a new attempt of the same transaction.
                gate.open = false;
            }
        }
        self.stopped.notify_one();
    }

    /// Waits until the transaction is asked to stop.
    pub(crate) async fn stopped(&self) -> Stop {
        loop {
            let notified = self.stopped.notified();
            if let Some(stop) = self.gate().stop {
                return stop;
            }
            notified.await;
        }
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        // The gate is valid between any two statements that hold it.
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
