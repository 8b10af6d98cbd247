use std::sync::Arc;

use fabric_ledger::channel::is_system_chaincode;
use fabric_protos::gateway::{ErrorDetail, EvaluateRequest, EvaluateResponse};
use tonic::{Code, Status};

use super::GatewayService;
use super::error::{Failure, detail, judge, status};
use super::outline::Outline;
use crate::chain::Chain;
use crate::endorser::{Peer, Signing};

impl GatewayService {
    /// Runs a proposal on one peer and gives back what the contract returned.
    pub(super) async fn evaluate_proposal(
        &self,
        request: EvaluateRequest,
    ) -> Result<EvaluateResponse, Status> {
        let signed = request.proposed_transaction.unwrap_or_default();
        let outline = if signed.proposal_bytes.is_empty() {
            Err("a signed proposal is required".to_owned())
        } else {
            Outline::read(&signed).and_then(Outline::complete)
        };
        let outline = outline.map_err(|reason| {
            let text = format!("failed to unpack transaction proposal: {reason}");
            Status::invalid_argument(text)
        })?;
        let channel = &outline.channel;
        let Some(chain) = self.chains.get(channel) else {
            let text = format!("failed to get config for channel [{channel}]: channel not found");
            return Err(Status::unavailable(text));
        };
        let candidates = self.evaluators(chain, &outline, &request.target_organizations)?;
        let checked = self.own.check(signed);
        let mut details: Vec<ErrorDetail> = Vec::new();
        let mut last = Code::Aborted;
        for peer in candidates {
            let answer = match &checked {
                Ok(checked) => judge(peer.endorse(checked, Signing::No).await),
                Err(refusal) => Err(Failure::from(refusal.clone())),
            };
            let failure = match answer {
                Ok((_, response)) => return Ok(EvaluateResponse { result: Some(response) }),
                Err(failure) => failure,
            };
            details.push(detail(peer, &failure.message));
            if !failure.retry {
                let text = format!("evaluate call to endorser returned error: {}", failure.message);
                return Err(status(failure.code, &text, &details));
            }
            last = failure.code;
        }
        let text = "failed to evaluate transaction, see attached details for more info";
        Err(status(last, text, &details))
    }

    /// The peers to ask, in this order. Transient data does not leave the gateway's organisation
    /// unless the client says so.
    fn evaluators<'a>(
        &'a self,
        chain: &'a Chain,
        outline: &Outline,
        targets: &[String],
    ) -> Result<Vec<&'a Arc<Peer>>, Status> {
        let own_only = outline.has_transient && targets.is_empty();
        let mut peers = self.peers_own_first(chain);
        peers.retain(|peer| {
            if own_only {
                peer.msp_id == self.own.msp_id
            } else {
                targets.is_empty() || targets.iter().any(|target| **target == *peer.msp_id)
            }
        });
        let Outline { channel, chaincode, .. } = outline;
        let defined = chain.shared.channel.definition(chaincode).is_some();
        // Every peer has the system chaincodes.
        let defined = defined || is_system_chaincode(chaincode);
        if defined && !peers.is_empty() {
            return Ok(peers);
        }
        let text =
            format!("no peers available to evaluate chaincode {chaincode} in channel {channel}");
        Err(Status::failed_precondition(if own_only {
            format!(
                "no endorsers found in the gateway's organization; retry specifying target \
                 organization(s) to protect transient data: {text}"
            )
        } else {
            text
        }))
    }
}
