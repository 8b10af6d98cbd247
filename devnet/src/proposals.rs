//! The Endorser service of one organisation's peer.

use std::sync::Arc;

use fabric_protos::protos::endorser_server::Endorser;
use fabric_protos::protos::{ProposalResponse, SignedProposal};
use tonic::{Request, Response, Status};

use crate::endorser::{Peer, Refusal, Signing, refused};
use crate::gateway::Network;
use crate::limit::Limit;

/// What the `peer` command and older clients ask for endorsements.
#[derive(Debug)]
pub(crate) struct EndorserService {
    network: Arc<Network>,
    own: Arc<Peer>,
    limit: Limit,
}

impl EndorserService {
    pub(crate) const fn new(network: Arc<Network>, own: Arc<Peer>, limit: Limit) -> Self {
        Self { network, own, limit }
    }
}

#[tonic::async_trait]
impl Endorser for EndorserService {
    async fn process_proposal(
        &self,
        request: Request<SignedProposal>,
    ) -> Result<Response<ProposalResponse>, Status> {
        let _permit = self.limit.permit()?;
        let Network { shared, peers, .. } = &*self.network;
        let answer = match shared.check(request.into_inner(), &self.own.msp_id) {
            Ok(checked) => self.own.endorse(shared, peers, &checked, Signing::Yes).await,
            Err(Refusal::Response(text)) => refused(text),
            // As from a server written in Go: an error without a code of its own.
            Err(Refusal::Filter(text) | Refusal::Check(text)) => return Err(Status::unknown(text)),
        };
        Ok(Response::new(answer))
    }
}
