//! The Endorser service of one organisation's peer.

use std::sync::Arc;

use fabric_protos::protos::endorser_server::Endorser;
use fabric_protos::protos::{ProposalResponse, SignedProposal};
use tonic::{Request, Response, Status};

use crate::endorser::{Peer, Refusal, Signing, refused};
use crate::limit::Limit;

/// What the `peer` command and older clients ask for endorsements.
#[derive(Debug)]
pub(crate) struct EndorserService {
    own: Arc<Peer>,
    limit: Limit,
}

impl EndorserService {
    pub(crate) const fn new(own: Arc<Peer>, limit: Limit) -> Self {
        Self { own, limit }
    }
}

#[tonic::async_trait]
impl Endorser for EndorserService {
    async fn process_proposal(
        &self,
        request: Request<SignedProposal>,
    ) -> Result<Response<ProposalResponse>, Status> {
        let _permit = self.limit.permit()?;
        let answer = match self.own.check(request.into_inner()) {
            Ok(checked) => self.own.endorse(&checked, Signing::Yes).await,
            Err(Refusal::Response(text)) => refused(text),
            // As from a server written in Go: an error without a code of its own.
            Err(Refusal::Filter(text) | Refusal::Check(text)) => return Err(Status::unknown(text)),
        };
        Ok(Response::new(answer))
    }
}
