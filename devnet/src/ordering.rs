//! The orderer's service: takes transactions, delivers blocks as they were ordered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fabric_protos::common::{Block, BlockMetadataIndex, Envelope, Status};
use fabric_protos::orderer::atomic_broadcast_server::AtomicBroadcast;
use fabric_protos::orderer::deliver_response::Type;
use fabric_protos::orderer::{BroadcastResponse, DeliverResponse};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Streaming};

use crate::chain::Chains;
use crate::channel::Shared;
use crate::deliver::{Answers, Delivery, Form, send, stopping};
use crate::limit::Limit;
use crate::msp::Member;
use crate::orderer::broadcast;

/// Answers that wait for a slow client; the next transaction is taken when one has left.
const WAITING_MAX: usize = 4;

/// The orderer as its clients see it.
#[derive(Debug)]
pub(crate) struct OrderingService {
    chains: Chains,
    time_window: Option<Duration>,
    limit: Limit,
    stop: watch::Receiver<bool>,
}

impl OrderingService {
    pub(crate) const fn new(
        chains: Chains,
        time_window: Option<Duration>,
        limit: Limit,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { chains, time_window, limit, stop }
    }
}

#[tonic::async_trait]
impl AtomicBroadcast for OrderingService {
    type BroadcastStream = Answers<BroadcastResponse>;
    type DeliverStream = Answers<DeliverResponse>;

    async fn broadcast(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::BroadcastStream>, tonic::Status> {
        let permit = self.limit.permit()?;
        let (answers, receiver) = mpsc::channel(WAITING_MAX);
        let (chains, stop) = (Arc::clone(&self.chains), self.stop.clone());
        tokio::spawn(take(chains, request.into_inner(), answers, stop, permit));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn deliver(
        &self,
        request: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverStream>, tonic::Status> {
        let permit = self.limit.permit()?;
        let chains = Arc::clone(&self.chains);
        let delivery = Delivery::new(chains, self.time_window, Ordered, self.stop.clone());
        Ok(Response::new(delivery.start(request.into_inner(), permit)))
    }
}

/// Takes transactions until one is refused.
async fn take(
    chains: Chains,
    mut envelopes: Streaming<Envelope>,
    answers: mpsc::Sender<Result<BroadcastResponse, tonic::Status>>,
    mut stop: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
) {
    loop {
        let envelope = tokio::select! {
            envelope = envelopes.next() => envelope,
            () = answers.closed() => return,
            () = stopping(&mut stop) => return,
        };
        let Some(Ok(envelope)) = envelope else { return };
        let (status, info) = match broadcast(&chains, envelope).await {
            Ok(()) => (Status::Success, String::new()),
            Err(rejection) => (rejection.status, rejection.info),
        };
        let answer = BroadcastResponse { status: status.into(), info };
        if !send(&answers, Ok(answer), &mut stop).await || status != Status::Success {
            return;
        }
    }
}

/// Blocks without what peers add to them.
struct Ordered;

impl Form for Ordered {
    type Answer = DeliverResponse;

    fn authorize(&self, shared: &Shared, reader: &Arc<Member>) -> Result<(), String> {
        shared.acl.channel_readers.check(reader)
    }

    fn block(
        &self,
        _shared: &Shared,
        _reader: &Arc<Member>,
        mut block: Block,
    ) -> Result<Self::Answer, String> {
        let slots = block.metadata.as_mut().map(|metadata| &mut metadata.metadata);
        for (index, slot) in (0..).zip(slots.into_iter().flatten()) {
            let by_peers = [BlockMetadataIndex::TransactionsFilter, BlockMetadataIndex::CommitHash];
            if by_peers.into_iter().any(|peers| i32::from(peers) == index) {
                *slot = Bytes::new();
            }
        }
        Ok(DeliverResponse { r#type: Some(Type::Block(block)) })
    }

    fn status(&self, status: Status) -> Self::Answer {
        DeliverResponse { r#type: Some(Type::Status(status.into())) }
    }
}
