use fabric_protos::common::Status as BroadcastStatus;
use fabric_protos::gateway::{
    CommitStatusRequest, CommitStatusResponse, SignedCommitStatusRequest, SubmitRequest,
    SubmitResponse,
};
use prost::Message as _;
use tonic::{Code, Status};

use super::GatewayService;
use super::error::status;
use super::reader::SignedRequest;
use crate::orderer::{Rejection, broadcast};

impl GatewayService {
    /// Hands a signed transaction to the orderer.
    pub(super) async fn submit_transaction(
        &self,
        request: SubmitRequest,
    ) -> Result<SubmitResponse, Status> {
        let Some(envelope) = request.prepared_transaction else {
            return Err(Status::invalid_argument("a prepared transaction is required"));
        };
        if envelope.signature.is_empty() {
            return Err(Status::invalid_argument("prepared transaction must be signed"));
        }
        let channel = &request.channel_id;
        if !self.chains.contains_key(channel) {
            let text = format!("failed to get config for channel [{channel}]: channel not found");
            return Err(Status::failed_precondition(text));
        }
        broadcast(&self.ordered, envelope).await.map_err(|rejection| rejected(&rejection))?;
        Ok(SubmitResponse {})
    }

    /// Waits for a transaction's commit.
    pub(super) async fn await_commit(
        &self,
        signed: SignedCommitStatusRequest,
    ) -> Result<CommitStatusResponse, Status> {
        if signed.request.is_empty() {
            return Err(Status::invalid_argument("a commit status request is required"));
        }
        let request = CommitStatusRequest::decode(signed.request.clone())
            .map_err(|err| Status::invalid_argument(format!("invalid status request: {err}")))?;
        if request.identity.is_empty() {
            return Err(Status::invalid_argument("no identity provided"));
        }
        if request.channel_id.is_empty() {
            return Err(Status::invalid_argument("no channel ID provided"));
        }
        if request.transaction_id.is_empty() {
            return Err(Status::invalid_argument("transaction ID should not be empty"));
        }
        let chain = self.authorize_reader(SignedRequest {
            resource: "gateway/CommitStatus",
            channel: &request.channel_id,
            identity: &request.identity,
            bytes: &signed.request,
            signature: &signed.signature,
        })?;
        let store = || chain.shared.database.snapshot();
        let outcome = chain.notifier.outcome(&request.transaction_id, store).await;
        let outcome = outcome.map_err(|err| Status::aborted(err.to_string()))?;
        let outcome = outcome.ok_or_else(|| Status::unavailable("the peer is stopping"))?;
        Ok(CommitStatusResponse { result: outcome.code.into(), block_number: outcome.block })
    }
}

fn rejected(rejection: &Rejection) -> Status {
    let Rejection { status: refused, info } = rejection;
    let code = i32::from(*refused);
    if (400..500).contains(&code) {
        let name = refused.as_str_name();
        let text =
            format!("received unsuccessful response from orderer: status={name}, info={info}");
        return Status::aborted(text);
    }
    debug_assert_ne!(*refused, BroadcastStatus::Success);
    status(Code::Unavailable, "no orderers could successfully process transaction", &[])
}
