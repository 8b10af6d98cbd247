//! Proposals: how an endorser reads and checks them and what it answers.

mod assemble;
mod error;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use fabric_protos::common::{ChannelHeader, Header, HeaderType, SignatureHeader};
use fabric_protos::protos::{
    ChaincodeAction, ChaincodeEvent, ChaincodeHeaderExtension, ChaincodeId, ChaincodeInput,
    ChaincodeInvocationSpec, ChaincodeProposalPayload, ProposalResponsePayload, Response,
    SignedProposal,
};
use prost::Message;

pub use self::assemble::{AssembleError, assemble};
pub use self::error::{DuplicateTransaction, ProposalError, UnpackError};
use crate::hash::{sha256_of, to_hex};
use crate::identities::Identities;
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

/// The transaction id of a proposal: SHA-256 of nonce and creator, in hex.
///
/// ```
/// use fabric_ledger::proposal::tx_id;
///
/// assert_eq!(
///     tx_id(b"nonce", b"creator"),
///     "709184f9d24f6ade8fcd4d6521a6eef295fef6c2e67216c58b68ac15e8946492",
/// );
/// ```
pub fn tx_id(nonce: &[u8], creator: &[u8]) -> String {
    to_hex(&sha256_of([nonce, creator]))
}

/// A decoded `SignedProposal`.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The signed bytes.
    pub bytes: Bytes,
    /// The creator's signature over them.
    pub signature: Bytes,
    /// The two headers as bytes: hashes cover them as they are.
    pub header: Header,
    /// Channel, transaction id, time.
    pub channel_header: ChannelHeader,
    /// Creator and nonce.
    pub signature_header: SignatureHeader,
    /// Name of the chaincode to run.
    pub chaincode: String,
    /// Its arguments.
    pub input: ChaincodeInput,
    /// What only endorsers see.
    pub transient: BTreeMap<String, Bytes>,
    /// The payload as it enters the transaction: without transient data.
    pub payload: Bytes,
    /// Ties an endorsement to this proposal.
    pub hash: [u8; 32],
}

impl Proposal {
    /// Decodes a proposal layer by layer.
    pub fn unpack(signed: &SignedProposal) -> Result<Self, UnpackError> {
        use fabric_protos::protos::Proposal as Wire;

        let proposal: Wire = decode("Proposal", &signed.proposal_bytes)?;
        let header: Header = decode("Header", &proposal.header)?;
        let channel_header: ChannelHeader = decode("ChannelHeader", &header.channel_header)?;
        let signature_header: SignatureHeader =
            decode("SignatureHeader", &header.signature_header)?;
        let extension: ChaincodeHeaderExtension =
            decode("ChaincodeHeaderExtension", &channel_header.extension)?;
        let chaincode = extension.chaincode_id.ok_or(UnpackError::NoChaincodeId)?.name;
        if chaincode.is_empty() {
            return Err(UnpackError::NoChaincodeName);
        }
        let payload: ChaincodeProposalPayload =
            decode("ChaincodeProposalPayload", &proposal.payload)?;
        let invocation: ChaincodeInvocationSpec =
            decode("ChaincodeInvocationSpec", &payload.input)?;
        let spec = invocation.chaincode_spec.ok_or(UnpackError::NoSpec)?;
        let input = spec.input.ok_or(UnpackError::NoInput)?;

        let transient = payload.transient_map;
        let payload =
            ChaincodeProposalPayload { input: payload.input, transient_map: BTreeMap::new() };
        let payload = Bytes::from(payload.encode_to_vec());
        let hash = proposal_hash(&header.channel_header, &header.signature_header, &payload);
        Ok(Self {
            bytes: signed.proposal_bytes.clone(),
            signature: signed.signature.clone(),
            header,
            channel_header,
            signature_header,
            chaincode,
            input,
            transient,
            payload,
            hash,
        })
    }

    /// Transaction id as the client computed it; right only after [`validate`](Self::validate).
    pub fn tx_id(&self) -> &str {
        &self.channel_header.tx_id
    }

    /// Channel name; empty for a question to the peer itself.
    pub fn channel(&self) -> &str {
        &self.channel_header.channel_id
    }

    /// The client's time; absent when it sent none.
    pub fn timestamp(&self) -> Option<Timestamp> {
        let stamp = self.channel_header.timestamp.as_ref();
        stamp.map(|stamp| Timestamp { seconds: stamp.seconds, nanos: stamp.nanos })
    }

    /// Whether the client's time is no further than `window` from `now`; no time counts as 1970.
    pub fn is_timely(&self, now: Timestamp, window: Duration) -> bool {
        let nanos =
            |time: Timestamp| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
        let distance = nanos(now).abs_diff(nanos(self.timestamp().unwrap_or_default()));
        distance <= window.as_nanos()
    }

    /// Checks headers, transaction id, creator and signature in a peer's order; gives the creator.
    pub fn validate<I: Identities>(&self, identities: &I) -> Result<I::Identity, ProposalError> {
        let header = &self.channel_header;
        match HeaderType::try_from(header.r#type) {
            // Configuration comes this way from the peer command's queries.
            Ok(HeaderType::EndorserTransaction | HeaderType::Config) => {}
            Ok(other) => return Err(ProposalError::HeaderType(other.as_str_name().to_owned())),
            Err(_) => return Err(ProposalError::HeaderType(header.r#type.to_string())),
        }
        if header.epoch != 0 {
            return Err(ProposalError::Epoch);
        }
        let SignatureHeader { nonce, creator } = &self.signature_header;
        if nonce.is_empty() {
            return Err(ProposalError::NoNonce);
        }
        if creator.is_empty() {
            return Err(ProposalError::NoCreator);
        }
        let expected = tx_id(nonce, creator);
        if header.tx_id != expected {
            return Err(ProposalError::TxId { found: header.tx_id.clone(), expected });
        }
        if self.signature.is_empty() {
            return Err(ProposalError::NoSignature);
        }
        let channel = || header.channel_id.clone();
        let identity = identities
            .parse(creator)
            .ok_or_else(|| ProposalError::UnknownCreator { channel: channel() })?;
        let is_right = identities.is_valid(&identity)
            && identities.verify(&identity, &self.bytes, &self.signature);
        if !is_right {
            let msp_id = identities.msp_id(&identity).to_owned();
            return Err(ProposalError::AccessDenied { channel: channel(), msp_id });
        }
        Ok(identity)
    }

    /// The refusal, if a transaction with this id is committed already, valid or not.
    pub fn duplicate(
        &self,
        store: &impl Store,
    ) -> Result<Option<DuplicateTransaction>, StoreError> {
        Ok(store.transaction(self.tx_id())?.map(|_| DuplicateTransaction {
            tx_id: self.tx_id().to_owned(),
            creator: to_hex(&self.signature_header.creator),
        }))
    }

    /// What an endorser signs, followed by its identity: the marshalled `ProposalResponsePayload`.
    ///
    /// `results` are those of the simulation, `version` the chaincode's as defined on the channel.
    /// The event gets chaincode name and transaction id, whatever the contract wrote there.
    pub fn response_payload(
        &self,
        response: Response,
        results: Bytes,
        event: Option<ChaincodeEvent>,
        version: &str,
    ) -> Bytes {
        let event = event.map(|event| ChaincodeEvent {
            chaincode_id: self.chaincode.clone(),
            tx_id: self.tx_id().to_owned(),
            ..event
        });
        let action = ChaincodeAction {
            results,
            events: event.map(|event| event.encode_to_vec().into()).unwrap_or_default(),
            response: Some(response),
            chaincode_id: Some(ChaincodeId {
                path: String::new(),
                name: self.chaincode.clone(),
                version: version.to_owned(),
            }),
        };
        let payload = ProposalResponsePayload {
            proposal_hash: Bytes::copy_from_slice(&self.hash),
            extension: action.encode_to_vec().into(),
        };
        payload.encode_to_vec().into()
    }
}

/// What an endorsement's signature covers.
pub fn endorsement_message(payload: &[u8], endorser: &[u8]) -> Vec<u8> {
    [payload, endorser].concat()
}

/// SHA-256 of the two headers and the payload without transient data.
pub(crate) fn proposal_hash(channel: &[u8], signature: &[u8], payload: &[u8]) -> [u8; 32] {
    sha256_of([channel, signature, payload])
}

fn decode<M: Message + Default>(name: &'static str, bytes: &Bytes) -> Result<M, UnpackError> {
    M::decode(bytes.clone()).map_err(|cause| UnpackError::Malformed { name, cause })
}

/// A response as it may leave the endorser: below 400 with its endorsement, from 400 to 499 alone.
///
/// From 500 on the payload goes with it, although nobody signed it.
pub const fn is_endorsed(response: &Response) -> bool {
    response.status < ERROR_THRESHOLD
}

/// The first status that is not endorsed.
pub const ERROR_THRESHOLD: i32 = 400;
