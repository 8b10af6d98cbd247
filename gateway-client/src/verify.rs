//! Whether what the gateway returns for signing is what was proposed.

use bytes::Bytes;
use fabric_protos::common::{Header, Payload};
use fabric_protos::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeProposalPayload, Proposal,
    ProposalResponsePayload, Transaction,
};
use prost::{DecodeError, Message};
use ring::digest::{Context, SHA256};
use thiserror::Error;

/// First and last status of a response that endorsers sign.
const SUCCESS: std::ops::Range<i32> = 200..400;

/// In what an endorsed transaction differs from its proposal.
///
/// The client's signature makes the endorsed transaction binding, so a gateway that could swap its content could act in
/// the client's name. What the chaincode wrote and answered is outside this comparison: that is what the endorsers sign,
/// and what committing peers verify against the endorsement policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EnvelopeMismatch {
    /// No transaction was returned.
    #[error("there is no transaction in the answer")]
    Missing,
    /// Part of it is not the message it has to be.
    #[error("it cannot be decoded")]
    Malformed,
    /// It holds fields that this client cannot see, or a field twice.
    #[error("it holds unknown or repeated fields")]
    NotCanonical,
    /// Another channel, transaction id, chaincode or time.
    #[error("its channel header is not the proposal's")]
    ChannelHeader,
    /// Another creator or nonce.
    #[error("its signature header is not the proposal's")]
    SignatureHeader,
    /// Not exactly one action.
    #[error("it does not hold exactly one action")]
    Actions,
    /// Another function or other arguments.
    #[error("its chaincode call is not the proposal's")]
    Input,
    /// Transient data would become part of the ledger.
    #[error("it would publish transient data")]
    Transient,
    /// The endorsers signed another proposal.
    #[error("its endorsements are for another proposal")]
    ProposalHash,
    /// The endorsers ran another chaincode.
    #[error("its endorsements are for another chaincode")]
    Chaincode,
    /// The chaincode did not succeed.
    #[error("the chaincode's response in it is not a success")]
    Response,
    /// Nobody endorsed.
    #[error("it holds no endorsement")]
    Endorsements,
}

impl From<DecodeError> for EnvelopeMismatch {
    fn from(_: DecodeError) -> Self {
        Self::Malformed
    }
}

/// Compares the payload of an endorsed transaction with its proposal and returns the chaincode's result.
pub(crate) fn verify(
    proposal: &Bytes,
    chaincode: &str,
    payload: &Bytes,
) -> Result<Bytes, EnvelopeMismatch> {
    let proposal = Proposal::decode(proposal.clone())?;
    let proposed_header = Header::decode(proposal.header)?;
    let proposed = ChaincodeProposalPayload::decode(proposal.payload)?;

    let Payload { header, data } = canonical::<Payload>(payload)?;
    let header = header.unwrap_or_default();
    require(
        header.channel_header == proposed_header.channel_header,
        EnvelopeMismatch::ChannelHeader,
    )?;
    require(
        header.signature_header == proposed_header.signature_header,
        EnvelopeMismatch::SignatureHeader,
    )?;

    let transaction = canonical::<Transaction>(&data)?;
    let [action] = transaction.actions.as_slice() else { return Err(EnvelopeMismatch::Actions) };
    require(action.header == proposed_header.signature_header, EnvelopeMismatch::SignatureHeader)?;

    let action = canonical::<ChaincodeActionPayload>(&action.payload)?;
    let called = canonical::<ChaincodeProposalPayload>(&action.chaincode_proposal_payload)?;
    require(called.transient_map.is_empty(), EnvelopeMismatch::Transient)?;
    require(called.input == proposed.input, EnvelopeMismatch::Input)?;

    let endorsed = action.action.unwrap_or_default();
    require(!endorsed.endorsements.is_empty(), EnvelopeMismatch::Endorsements)?;
    let response = ProposalResponsePayload::decode(endorsed.proposal_response_payload)?;
    let mut hash = Context::new(&SHA256);
    hash.update(&proposed_header.channel_header);
    hash.update(&proposed_header.signature_header);
    hash.update(&action.chaincode_proposal_payload);
    require(hash.finish().as_ref() == response.proposal_hash, EnvelopeMismatch::ProposalHash)?;

    let outcome = ChaincodeAction::decode(response.extension)?;
    let ran = outcome.chaincode_id.unwrap_or_default();
    require(ran.name == chaincode, EnvelopeMismatch::Chaincode)?;
    let response = outcome.response.unwrap_or_default();
    require(SUCCESS.contains(&response.status), EnvelopeMismatch::Response)?;
    Ok(response.payload)
}

/// Decodes a message of which nothing is left over: an unknown, repeated or wordily encoded field would be missing from
/// the length of what was understood. What other software reads from the bytes is then what this comparison read.
fn canonical<M: Message + Default>(bytes: &Bytes) -> Result<M, EnvelopeMismatch> {
    let message = M::decode(bytes.clone())?;
    require(message.encoded_len() == bytes.len(), EnvelopeMismatch::NotCanonical)?;
    Ok(message)
}

fn require(holds: bool, otherwise: EnvelopeMismatch) -> Result<(), EnvelopeMismatch> {
    if holds { Ok(()) } else { Err(otherwise) }
}
