use bytes::Bytes;
use fabric_contract_rs::TimestampMs;
use fabric_contract_rs::testing::TestIdentity;
use fabric_protos::common::{ChannelHeader, Header, HeaderType, SignatureHeader};
use fabric_protos::msp::SerializedIdentity;
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{
    ChaincodeInput, ChaincodeMessage, ChaincodeProposalPayload, Proposal, SignedProposal,
};
use prost::Message;
use prost_types::Timestamp;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// One invocation, as a peer passes it on: of channel `ch`, by a client of `Org1MSP`, now.
#[derive(Debug, Clone)]
pub struct Call {
    channel_id: String,
    tx_id: String,
    input: ChaincodeInput,
    creator: Bytes,
    timestamp: Timestamp,
    transient: BTreeMap<String, Bytes>,
}

impl Call {
    /// Calls `function` with one JSON argument; an empty `argument` is left out.
    pub fn new(tx_id: &str, function: &str, argument: impl Into<Bytes>) -> Self {
        let mut args = vec![Bytes::copy_from_slice(function.as_bytes())];
        args.extend(Some(argument.into()).filter(|argument| !argument.is_empty()));
        Self {
            channel_id: "ch".to_owned(),
            tx_id: tx_id.to_owned(),
            input: ChaincodeInput { args, ..Default::default() },
            creator: Bytes::new(),
            timestamp: SystemTime::now().into(),
            transient: BTreeMap::new(),
        }
        .creator(&TestIdentity::new("Org1MSP", "user1"))
    }

    /// Calls on another channel.
    #[must_use]
    pub fn channel(mut self, channel_id: &str) -> Self {
        channel_id.clone_into(&mut self.channel_id);
        self
    }

    /// Calls as another client.
    #[must_use]
    pub fn creator(self, identity: &TestIdentity) -> Self {
        self.creator_pem(identity.msp_id(), identity.certificate_pem())
    }

    /// Calls with a creator that need not be readable.
    #[must_use]
    pub fn creator_pem(mut self, msp_id: &str, pem: impl Into<Bytes>) -> Self {
        let creator = SerializedIdentity { mspid: msp_id.to_owned(), id_bytes: pem.into() };
        self.creator = creator.encode_to_vec().into();
        self
    }

    /// Calls with another client clock.
    #[must_use]
    pub fn at(mut self, timestamp_ms: TimestampMs) -> Self {
        let nanos = i32::try_from(timestamp_ms.rem_euclid(1000)).unwrap_or_default() * 1_000_000;
        self.timestamp = Timestamp { seconds: timestamp_ms.div_euclid(1000), nanos };
        self
    }

    /// Adds an entry of the transient map.
    #[must_use]
    pub fn transient(mut self, name: &str, value: impl Into<Bytes>) -> Self {
        self.transient.insert(name.to_owned(), value.into());
        self
    }

    /// Replaces the arguments, the function's name among them.
    #[must_use]
    pub fn args(mut self, args: Vec<Bytes>) -> Self {
        self.input.args = args;
        self
    }

    /// Calls to initialise the chaincode.
    #[must_use]
    pub fn init(mut self) -> Self {
        self.input.is_init = true;
        self
    }

    /// The transaction's id.
    pub fn tx_id(&self) -> &str {
        &self.tx_id
    }

    /// The channel.
    pub fn channel_id(&self) -> &str {
        &self.channel_id
    }

    /// The proposal; nobody has signed it, because a chaincode relies on the peer for that.
    pub fn proposal(&self) -> SignedProposal {
        let channel_header = ChannelHeader {
            r#type: HeaderType::EndorserTransaction.into(),
            timestamp: Some(self.timestamp),
            channel_id: self.channel_id.clone(),
            tx_id: self.tx_id.clone(),
            ..Default::default()
        };
        let signature_header =
            SignatureHeader { creator: self.creator.clone(), ..Default::default() };
        let header = Header {
            channel_header: channel_header.encode_to_vec().into(),
            signature_header: signature_header.encode_to_vec().into(),
        };
        let payload = ChaincodeProposalPayload {
            transient_map: self.transient.clone(),
            ..Default::default()
        };
        let proposal = Proposal {
            header: header.encode_to_vec().into(),
            payload: payload.encode_to_vec().into(),
            extension: Bytes::new(),
        };
        SignedProposal {
            proposal_bytes: proposal.encode_to_vec().into(),
            signature: Bytes::from_static(b"unsigned"),
        }
    }

    /// TRANSACTION or INIT.
    pub fn message(&self) -> ChaincodeMessage {
        let kind = if self.input.is_init { Type::Init } else { Type::Transaction };
        ChaincodeMessage {
            r#type: kind.into(),
            payload: self.input.encode_to_vec().into(),
            txid: self.tx_id.clone(),
            channel_id: self.channel_id.clone(),
            proposal: Some(self.proposal()),
            ..Default::default()
        }
    }
}
