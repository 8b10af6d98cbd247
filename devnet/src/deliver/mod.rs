//! Streams of blocks, of peers and of the orderer.

mod peer;
mod seek;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fabric_ledger::Timestamp;
use fabric_protos::common::{Block, Envelope, Status};
use fabric_protos::orderer::SeekInfo;
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};

pub(crate) use self::peer::DeliverService;
use self::seek::{Range, Request};
use crate::chain::{Chain, Chains};
use crate::channel::Shared;
use crate::channel_config::CONFIG_BLOCK;
use crate::endorser::now;
use crate::msp::Member;

/// Answers that wait for a slow client; the next block is read when one has left.
const WAITING_MAX: usize = 4;

/// How a kind of stream says what it has to say.
pub(crate) trait Form: Send + Sync + 'static {
    type Answer: Send + 'static;

    /// Whether an identity may have such blocks.
    fn authorize(&self, shared: &Shared, reader: &Arc<Member>) -> Result<(), String>;

    fn block(
        &self,
        shared: &Shared,
        reader: &Arc<Member>,
        block: Block,
    ) -> Result<Self::Answer, String>;

    fn status(&self, status: Status) -> Self::Answer;
}

/// What a call of a streaming method answers with.
pub(crate) type Answers<A> = ReceiverStream<Result<A, tonic::Status>>;

/// Serves one client's requests, one after the other.
#[derive(Debug)]
pub(crate) struct Delivery<F> {
    chains: Chains,
    time_window: Option<Duration>,
    form: F,
    stop: watch::Receiver<bool>,
}

/// Why blocks end.
enum End {
    Refused(Status),
    /// Nobody listens any more, or the devnet stops.
    Gone,
}

impl From<Status> for End {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

impl<F: Form> Delivery<F> {
    /// Serves the blocks of these chains.
    pub(crate) const fn new(
        chains: Chains,
        time_window: Option<Duration>,
        form: F,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { chains, time_window, form, stop }
    }

    /// Starts to serve; the place among the served ends with the stream.
    pub(crate) fn start(
        self,
        requests: impl Stream<Item = Result<Envelope, tonic::Status>> + Unpin + Send + 'static,
        permit: OwnedSemaphorePermit,
    ) -> Answers<F::Answer> {
        let (answers, receiver) = mpsc::channel(WAITING_MAX);
        tokio::spawn(async move {
            self.run(requests, answers).await;
            drop(permit);
        });
        ReceiverStream::new(receiver)
    }

    /// Ends with the client's requests, its interest, a refusal, or the devnet. A client that has
    /// said all that it wants to say still gets what it asked for.
    async fn run(
        mut self,
        mut requests: impl Stream<Item = Result<Envelope, tonic::Status>> + Unpin,
        answers: mpsc::Sender<Result<F::Answer, tonic::Status>>,
    ) {
        loop {
            let request = tokio::select! {
                request = requests.next() => request,
                () = answers.closed() => return,
                () = stopping(&mut self.stop) => break,
            };
            let Some(Ok(envelope)) = request else { return };
            let status = match self.serve(&envelope, &answers).await {
                Ok(()) => Status::Success,
                Err(End::Refused(status)) => status,
                Err(End::Gone) => break,
            };
            let answer = self.form.status(status);
            if !send(&answers, Ok(answer), &mut self.stop).await || status != Status::Success {
                return;
            }
        }
        // A client that still reads learns why nothing comes any more.
        let _ = answers.try_send(Err(tonic::Status::unavailable("the node is stopping")));
    }

    async fn serve(
        &mut self,
        envelope: &Envelope,
        answers: &mpsc::Sender<Result<F::Answer, tonic::Status>>,
    ) -> Result<(), End> {
        let (chain, reader, mut range) = self.check(envelope)?;
        let mut height = chain.notifier.height();
        loop {
            let committed = *height.borrow_and_update();
            if range.next >= committed {
                if !range.waits {
                    return Err(Status::NotFound.into());
                }
                tokio::select! {
                    grown = height.wait_for(|height| *height > range.next) => {
                        grown.map_err(|_| End::Gone)?;
                    }
                    () = answers.closed() => return Err(End::Gone),
                    () = stopping(&mut self.stop) => return Err(End::Gone),
                }
            }
            // The certificate may have ended meanwhile.
            if reader.is_expired(now()) {
                return Err(Status::Forbidden.into());
            }
            let answer = self.read(&chain.shared, &reader, &range).map_err(|reason| {
                tracing::error!(number = range.next, reason, "a block cannot be delivered");
                Status::InternalServerError
            })?;
            if !send(answers, Ok(answer), &mut self.stop).await {
                return Err(End::Gone);
            }
            if range.next == range.last {
                return Ok(());
            }
            range.next = range.next.saturating_add(1);
        }
    }

    /// Everything that is asked of a request, in a peer's order.
    fn check(&self, envelope: &Envelope) -> Result<(Arc<Chain>, Arc<Member>, Range), Status> {
        let request = Request::read(envelope).ok_or(Status::BadRequest)?;
        let at = request.timestamp().ok_or(Status::BadRequest)?;
        if self.time_window.is_some_and(|window| distance(at, now()) > window.as_nanos()) {
            return Err(Status::BadRequest);
        }
        let chain = self.chains.get(&request.channel.channel_id).ok_or(Status::NotFound)?;
        let shared = &*chain.shared;
        let seek = SeekInfo::decode(request.seek).map_err(|_| Status::BadRequest)?;
        let reader = self.reader(shared, &request.signature.creator, envelope);
        let reader = reader.map_err(|reason| {
            tracing::warn!(reason, "blocks are refused");
            Status::Forbidden
        })?;
        let range = Range::resolve(&seek, shared.database.snapshot().height())?;
        Ok((Arc::clone(chain), reader, range))
    }

    fn reader(
        &self,
        shared: &Shared,
        creator: &[u8],
        envelope: &Envelope,
    ) -> Result<Arc<Member>, String> {
        let membership = &shared.membership;
        let reader = membership.identity(creator)?;
        if reader.is_expired(now()) {
            return Err("deliver client identity expired".to_owned());
        }
        membership
            .verify(&reader.key, &envelope.payload, &envelope.signature)
            .map_err(|err| err.to_string())?;
        self.form.authorize(shared, &reader)?;
        Ok(reader)
    }

    fn read(
        &self,
        shared: &Shared,
        reader: &Arc<Member>,
        range: &Range,
    ) -> Result<F::Answer, String> {
        let found = shared.database.snapshot().block(range.next);
        let bytes: Bytes = found.map_err(|err| err.to_string())?.ok_or("it is not there")?;
        let mut block = Block::decode(bytes).map_err(|err| err.to_string())?;
        if range.headers_only && range.next != CONFIG_BLOCK {
            block.data = None;
        }
        self.form.block(shared, reader, block)
    }
}

/// Hands an answer to a client, unless it or the devnet goes away first.
pub(crate) async fn send<A>(
    answers: &mpsc::Sender<A>,
    answer: A,
    stop: &mut watch::Receiver<bool>,
) -> bool {
    tokio::select! {
        sent = answers.send(answer) => sent.is_ok(),
        () = stopping(stop) => false,
    }
}

/// Resolves once the devnet stops.
pub(crate) async fn stopping(stop: &mut watch::Receiver<bool>) {
    // The sender is gone only if the devnet is.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Nanoseconds between two times.
fn distance(one: Timestamp, other: Timestamp) -> u128 {
    let nanos = |at: Timestamp| i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos);
    nanos(one).abs_diff(nanos(other))
}
