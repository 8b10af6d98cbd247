use crate::identities::Identities;
use crate::lane::{Outbound, Reply, Stop, TxKey};
use crate::proposal::OpenProposal;
use crate::run::{Fault, Host, Invocation, Ran, run};
use crate::session::{Action, Features, Session};
use crate::transactions::{Begun, Delivery, Transactions};
use fabric_contract_rs::Contract;
use fabric_protos::protos::ChaincodeMessage;
use fabric_protos::protos::chaincode_message::Type;
use prost::Message;
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

/// How many transactions of one stream may wait for their peer to read, beyond those that run.
///
/// 256: as many as there is room for in the queue before which they wait. One more is refused, and
/// the refusal waits too, so that no more is read from a peer that does not read.
const UNREAD_MAX: usize = 256;

/// Until when transactions may go on, once the server is stopping.
pub(crate) type Drain = watch::Receiver<Option<Instant>>;

/// One peer's stream: reads what the peer sends and gives each transaction a task of its own.
#[derive(Debug)]
pub(crate) struct PeerStream<C> {
    host: Arc<Host<C>>,
    places: Arc<Semaphore>,
    chaincode_id: Arc<str>,
    out: Outbound,
    session: Session,
    transactions: Transactions,
    identities: Identities,
    tasks: JoinSet<Finished>,
}

#[derive(Debug)]
struct Finished {
    key: Arc<TxKey>,
    attempt: u64,
    ran: Ran,
}

/// Why a stream ends.
#[derive(Debug)]
enum Cause {
    /// The peer went away, or its stream broke.
    Gone,
    /// The server is stopping.
    Stopping,
    /// The peer does not read what is sent to it.
    Unread,
    /// The peer is told that it cannot go on.
    Refused(Status),
}

/// Whether a stream goes on.
type Ended = ControlFlow<Cause>;

impl<C: Contract> PeerStream<C> {
    pub(crate) fn new(
        host: Arc<Host<C>>,
        places: Arc<Semaphore>,
        chaincode_id: Arc<str>,
        out: Outbound,
    ) -> Self {
        Self {
            host,
            places,
            chaincode_id,
            out,
            session: Session::Registering,
            transactions: Transactions::default(),
            identities: Identities::default(),
            tasks: JoinSet::new(),
        }
    }

    /// Serves the stream to its end.
    pub(crate) async fn serve(
        mut self,
        inbound: impl Stream<Item = Result<ChaincodeMessage, Status>>,
        mut drain: Drain,
    ) {
        tokio::pin!(inbound);
        let register = Session::register(&self.chaincode_id);
        let mut ended = self.send(register).await;
        let silence = tokio::time::sleep(self.host.limits.handshake_timeout);
        tokio::pin!(silence);
        while ended.is_continue() {
            let stopping = *drain.borrow_and_update();
            if stopping.is_some() && self.transactions.running() == 0 {
                break;
            }
            ended = tokio::select! {
                biased;
                Some(finished) = self.tasks.join_next() => match finished {
                    Ok(finished) => self.on_finished(finished),
                    // Superseded: its place is already taken.
                    Err(_) => { self.host.counters.abandoned.add(); Ended::Continue(()) }
                },
                () = until(stopping), if stopping.is_some() => {
                    self.transactions.stop_all(Stop::Draining);
                    self.finish_tasks().await;
                    Ended::Break(Cause::Stopping)
                }
                () = &mut silence, if !self.session.is_ready() => self.on_silence(),
                message = inbound.next() => match message {
                    Some(Ok(message)) => self.on_message(message, stopping.is_some()).await,
                    Some(Err(status)) => {
                        tracing::warn!(code = ?status.code(), "the peer's stream broke");
                        Ended::Break(Cause::Gone)
                    }
                    None => Ended::Break(Cause::Gone),
                },
                asked = drain.changed(), if stopping.is_none() => match asked {
                    Ok(()) => Ended::Continue(()),
                    // The server was dropped without being asked to stop.
                    Err(_) => Ended::Break(Cause::Stopping),
                },
            };
        }
        match ended {
            Ended::Break(Cause::Gone) => self.doubt_sizes(),
            Ended::Break(Cause::Refused(status)) => {
                // When the peer no longer listens there is nobody to tell.
                let _ = self.out.send_timeout(Err(status), self.host.limits.deadline).await;
            }
            Ended::Break(Cause::Unread) => {
                tracing::warn!("the peer does not read what is sent to it; its stream is ended");
                self.host.counters.unread.add();
            }
            Ended::Break(Cause::Stopping) | Ended::Continue(()) => {}
        }
        self.end();
    }

    /// A peer whose answer no message can carry ends its stream without a word.
    fn doubt_sizes(&self) {
        let values = self.transactions.values_awaited();
        if self.host.sizes.doubt(values, Instant::now()) {
            tracing::warn!(
                values,
                "the stream ended while the peer owed many values, which may have been too large \
                 for one message; fewer are asked for at once for a while"
            );
        }
    }

    /// What still runs is cut off: there is nobody to answer.
    fn end(self) {
        let cut_off = self.transactions.running();
        if cut_off > 0 {
            tracing::warn!(cut_off, "the stream ended with transactions still running");
        }
        for _ in 0..self.tasks.len() {
            self.host.counters.abandoned.add();
        }
    }

    async fn finish_tasks(&mut self) {
        while let Some(finished) = self.tasks.join_next().await {
            if let Ok(finished) = finished {
                let _ = self.on_finished(finished);
            }
        }
    }

    /// Waits for as long as a transaction may, whose last message would wait no longer either.
    async fn send(&self, message: ChaincodeMessage) -> Ended {
        match self.out.send_timeout(Ok(message), self.host.limits.deadline).await {
            Ok(()) => Ended::Continue(()),
            Err(SendTimeoutError::Closed(_)) => Ended::Break(Cause::Gone),
            Err(SendTimeoutError::Timeout(_)) => Ended::Break(Cause::Unread),
        }
    }

    fn on_finished(&mut self, finished: Finished) -> Ended {
        let Finished { key, attempt, ran } = finished;
        if let Some((creator, client)) = ran.learned {
            self.identities.learn(&creator, client);
        }
        if ran.unread {
            return Ended::Break(Cause::Unread);
        }
        match self.transactions.finished(&key, attempt) {
            Ok(()) => Ended::Continue(()),
            Err(error) => self.violation(&error),
        }
    }

    fn on_silence(&self) -> Ended {
        let text = self.session.silence(&self.chaincode_id);
        tracing::error!("{text}");
        self.host.counters.handshake_timeouts.add();
        Ended::Break(Cause::Refused(Status::deadline_exceeded("the handshake took too long")))
    }

    fn violation(&self, violation: &impl ToString) -> Ended {
        let text = violation.to_string();
        tracing::error!("{text}; ending the stream");
        self.host.counters.violations.add();
        Ended::Break(Cause::Refused(Status::failed_precondition(text)))
    }

    async fn on_message(&mut self, message: ChaincodeMessage, stopping: bool) -> Ended {
        let (session, action) = self.session.on(&message);
        if session.is_ready() && !self.session.is_ready() {
            tracing::info!(chaincode_id = &*self.chaincode_id, "ready: {session:?}");
        }
        self.session = session;
        match action {
            Action::Wait => Ended::Continue(()),
            Action::Echo => self.send(message).await,
            Action::Deliver => {
                self.on_reply(message);
                Ended::Continue(())
            }
            Action::Run(features) => self.on_transaction(message, features, stopping).await,
            Action::Close(violation) => self.violation(&violation),
        }
    }

    fn on_reply(&mut self, message: ChaincodeMessage) {
        let is_error = message.r#type() == Type::Error;
        let key = TxKey { channel_id: message.channel_id, tx_id: message.txid };
        let payload = message.payload;
        let reply = if is_error { Reply::Error(payload) } else { Reply::Response(payload) };
        if self.transactions.deliver(&key, reply) == Delivery::Stray {
            tracing::debug!(tx_id = key.tx_id, "a reply that nobody waits for");
            self.host.counters.stray_replies.add();
        }
    }

    async fn on_transaction(
        &mut self,
        message: ChaincodeMessage,
        features: Features,
        stopping: bool,
    ) -> Ended {
        let init = message.r#type() == Type::Init;
        let size = message.encoded_len();
        let key = TxKey { channel_id: message.channel_id, tx_id: message.txid };
        // Whatever becomes of the new attempt, the peer has dropped the one before it.
        let Begun { attempt, lane, superseded } = self.transactions.begin(key, &self.out);
        let key = Arc::clone(lane.key());
        if superseded {
            tracing::warn!(tx_id = key.tx_id, "the peer began the transaction anew");
        }
        let place = match self.place(stopping) {
            Ok(place) => place,
            Err(fault) => {
                self.host.counters.failed.add();
                let sent = self.send(fault.message(&key)).await;
                let _ = lane.fence();
                return match self.transactions.finished(&key, attempt) {
                    Ok(()) => sent,
                    Err(error) => self.violation(&error),
                };
            }
        };
        self.host.counters.started.add();
        let proposal = OpenProposal::open(message.proposal);
        let known = proposal.as_ref().ok().and_then(|it| self.identities.find(it.creator()));
        let input = message.payload;
        let received = Instant::now();
        let invocation = Invocation { init, size, input, proposal, known, features, received };
        let host = Arc::clone(&self.host);
        let task_key = Arc::clone(&key);
        let task = self.tasks.spawn(async move {
            let ran = run(host, lane, invocation, place).await;
            Finished { key: task_key, attempt, ran }
        });
        self.transactions.runs_in(&key, task);
        Ended::Continue(())
    }

    /// A place among the running transactions, taken at once or not at all: waiting for one could
    /// be waiting for a transaction that waits for this one.
    fn place(&self, stopping: bool) -> Result<OwnedSemaphorePermit, Fault> {
        if stopping {
            return Err(Fault::draining());
        }
        let overload = || {
            self.host.counters.overloads.add();
            Fault::new("OVERLOADED", "too many transactions are running on this endorser")
        };
        let running_max = self.host.limits.concurrent_transactions_max;
        if self.tasks.len() >= running_max.saturating_add(UNREAD_MAX) {
            return Err(overload());
        }
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| overload())
    }
}

async fn until(moment: Option<Instant>) {
    if let Some(moment) = moment {
        tokio::time::sleep_until(moment).await;
    }
}
