use bytes::Bytes;
use fabric_protos::common::{ChannelHeader, Header};
use fabric_protos::protos::{
    ChaincodeInvocationSpec, ChaincodeProposalPayload, Proposal, SignedProposal,
};
use prost::Message;

/// What a gateway reads of a proposal to route it. The endorsers read it anew, by their own rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outline {
    pub(super) channel: String,
    /// Name in the call's specification; empty if there is none.
    pub(super) chaincode: String,
    pub(super) has_transient: bool,
}

impl Outline {
    /// Reads as far as both Evaluate and Endorse need it.
    pub(super) fn read(signed: &SignedProposal) -> Result<Self, String> {
        let proposal: Proposal = decode("Proposal", &signed.proposal_bytes)?;
        let header: Header = decode("Header", &proposal.header)?;
        let channel: ChannelHeader = decode("ChannelHeader", &header.channel_header)?;
        let payload: ChaincodeProposalPayload =
            decode("ChaincodeProposalPayload", &proposal.payload)?;
        let invocation: ChaincodeInvocationSpec =
            decode("ChaincodeInvocationSpec", &payload.input)?;
        let spec = invocation.chaincode_spec.unwrap_or_default();
        Ok(Self {
            channel: channel.channel_id,
            chaincode: spec.chaincode_id.unwrap_or_default().name,
            has_transient: !payload.transient_map.is_empty(),
        })
    }

    /// What Evaluate refuses beyond that.
    pub(super) fn complete(self) -> Result<Self, String> {
        if self.channel.is_empty() {
            return Err("no channel id provided".to_owned());
        }
        if self.chaincode.is_empty() {
            return Err(format!("no chaincode name is provided, channel id [{}]", self.channel));
        }
        Ok(self)
    }
}

fn decode<M: Message + Default>(name: &str, bytes: &Bytes) -> Result<M, String> {
    M::decode(bytes.clone()).map_err(|err| format!("error unmarshalling {name}: {err}"))
}
