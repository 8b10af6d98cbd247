use bytes::Bytes;
use fabric_protos::common::{Envelope, Payload};
use fabric_protos::protos::{
    ChaincodeActionPayload, ChaincodeEndorsedAction, Endorsement, Transaction, TransactionAction,
};
use prost::Message as _;

use super::Proposal;

/// Makes the transaction that a client signs and submits, from what endorsers answered: their
/// payload and their endorsement of it, in the order in which policies are to count them.
///
/// All payloads have to be the same bytes; an endorser counts once. The envelope has no signature
/// yet.
pub fn assemble(
    proposal: &Proposal,
    responses: impl IntoIterator<Item = (Bytes, Endorsement)>,
) -> Result<Envelope, AssembleError> {
    let mut agreed: Option<Bytes> = None;
    let mut endorsements: Vec<Endorsement> = Vec::new();
    for (payload, endorsement) in responses {
        if *agreed.get_or_insert_with(|| payload.clone()) != payload {
            return Err(AssembleError::Mismatch);
        }
        if endorsements.iter().all(|known| known.endorser != endorsement.endorser) {
            endorsements.push(endorsement);
        }
    }
    let proposal_response_payload = agreed.ok_or(AssembleError::NoEndorsement)?;
    let action = ChaincodeActionPayload {
        chaincode_proposal_payload: proposal.payload.clone(),
        action: Some(ChaincodeEndorsedAction { proposal_response_payload, endorsements }),
    };
    let action = TransactionAction {
        header: proposal.header.signature_header.clone(),
        payload: action.encode_to_vec().into(),
    };
    let payload = Payload {
        header: Some(proposal.header.clone()),
        data: Transaction { actions: vec![action] }.encode_to_vec().into(),
    };
    Ok(Envelope { payload: payload.encode_to_vec().into(), signature: Bytes::new() })
}

/// Why endorsements do not make a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// Endorsers computed different results: the contract is not deterministic, or they saw
    /// different states.
    #[error("ProposalResponsePayloads do not match")]
    Mismatch,
    /// Nobody endorsed.
    #[error("no endorsements")]
    NoEndorsement,
}
