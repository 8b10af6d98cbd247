//! The Gateway service, in front of each organisation's peer.

mod deadline;
mod endorse;
mod error;
mod evaluate;
mod events;
mod outline;
mod reader;
mod submit;

use std::sync::Arc;

use fabric_protos::gateway::gateway_server::Gateway;
use fabric_protos::gateway::{
    ChaincodeEventsResponse, CommitStatusResponse, EndorseRequest, EndorseResponse,
    EvaluateRequest, EvaluateResponse, SignedChaincodeEventsRequest, SignedCommitStatusRequest,
    SubmitRequest, SubmitResponse,
};
use tokio::sync::watch;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use self::deadline::Deadline;
use crate::endorser::{Peer, Shared};
use crate::limit::Limit;
use crate::notify::CommitNotifier;
use crate::orderer::Orderer;

/// Everything behind the gateways.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) shared: Arc<Shared>,
    /// One logical peer an organisation.
    pub(crate) peers: Vec<Arc<Peer>>,
    pub(crate) orderer: Orderer,
    pub(crate) notifier: Arc<CommitNotifier>,
}

/// The gateway of one organisation.
#[derive(Debug)]
pub(crate) struct GatewayService {
    network: Arc<Network>,
    own: Arc<Peer>,
    limit: Limit,
    /// Turns true when the devnet stops.
    stop: watch::Receiver<bool>,
}

impl GatewayService {
    pub(crate) fn new(
        network: Arc<Network>,
        own: Arc<Peer>,
        limit: Limit,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { network, own, limit, stop }
    }

    /// The organisation's own peer, then the others.
    fn peers_own_first(&self) -> Vec<&Arc<Peer>> {
        let own = std::iter::once(&self.own);
        let others = self.network.peers.iter().filter(|peer| peer.msp_id != self.own.msp_id);
        own.chain(others).collect()
    }
}

#[tonic::async_trait]
impl Gateway for GatewayService {
    async fn evaluate(
        &self,
        request: Request<EvaluateRequest>,
    ) -> Result<Response<EvaluateResponse>, Status> {
        let _permit = self.limit.permit()?;
        let deadline = Deadline::of(&request);
        let done = self.evaluate_proposal(request.into_inner());
        deadline.limit("evaluate timeout expired", done).await.map(Response::new)
    }

    async fn endorse(
        &self,
        request: Request<EndorseRequest>,
    ) -> Result<Response<EndorseResponse>, Status> {
        let _permit = self.limit.permit()?;
        let deadline = Deadline::of(&request);
        self.endorse_proposal(request.into_inner(), deadline).await.map(Response::new)
    }

    async fn submit(
        &self,
        request: Request<SubmitRequest>,
    ) -> Result<Response<SubmitResponse>, Status> {
        let _permit = self.limit.permit()?;
        let deadline = Deadline::of(&request);
        let done = self.submit_transaction(request.into_inner());
        let text = "submit timeout expired while broadcasting to ordering service";
        deadline.limit(text, done).await.map(Response::new)
    }

    async fn commit_status(
        &self,
        request: Request<SignedCommitStatusRequest>,
    ) -> Result<Response<CommitStatusResponse>, Status> {
        let _permit = self.limit.permit()?;
        let deadline = Deadline::of(&request);
        let done = self.await_commit(request.into_inner());
        deadline.limit("context deadline exceeded", done).await.map(Response::new)
    }

    type ChaincodeEventsStream = ReceiverStream<Result<ChaincodeEventsResponse, Status>>;

    async fn chaincode_events(
        &self,
        request: Request<SignedChaincodeEventsRequest>,
    ) -> Result<Response<Self::ChaincodeEventsStream>, Status> {
        let permit = self.limit.permit()?;
        let events = self.follow_events(request.get_ref(), permit)?;
        Ok(Response::new(ReceiverStream::new(events)))
    }
}
