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
use crate::chain::{Chain, Chains};
use crate::endorser::Peer;
use crate::limit::Limit;

/// The gateway of one organisation.
#[derive(Debug)]
pub(crate) struct GatewayService {
    own: Arc<Peer>,
    /// The channels that the own peer has joined.
    chains: Chains,
    /// All channels, as the orderer has them.
    ordered: Chains,
    limit: Limit,
    /// Turns true when the devnet stops.
    stop: watch::Receiver<bool>,
}

impl GatewayService {
    pub(crate) const fn new(
        own: Arc<Peer>,
        chains: Chains,
        ordered: Chains,
        limit: Limit,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self { own, chains, ordered, limit, stop }
    }

    /// The channel's peers: the organisation's own, then the others.
    fn peers_own_first<'a>(&'a self, chain: &'a Chain) -> Vec<&'a Arc<Peer>> {
        let own = std::iter::once(&self.own);
        let others = chain.peers.iter().filter(|peer| peer.msp_id != self.own.msp_id);
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
