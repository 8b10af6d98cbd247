//! Identities without cryptography, and a client that makes proposals and transactions with them.

use bytes::Bytes;
use fabric_ledger::policy::{Principal, Role};
use fabric_ledger::proposal::{Proposal, assemble, endorsement_message, tx_id};
use fabric_ledger::{Identities, sha256};
use fabric_protos::common::{ChannelHeader, Envelope, Header, HeaderType, SignatureHeader};
use fabric_protos::protos::{
    ChaincodeHeaderExtension, ChaincodeId, ChaincodeInput, ChaincodeInvocationSpec,
    ChaincodeProposalPayload, ChaincodeSpec, Endorsement, Response, SignedProposal,
};
use prost::Message;

/// Serialized as `Org.role.name`; what follows another dot is only another spelling of the same.
/// Role `revoked` is parsed but not valid, organisation `Alien` is not on the channel.
pub(crate) struct Names;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    org: String,
    role: String,
    name: String,
}

impl Identities for Names {
    type Identity = Name;

    fn parse(&self, serialized: &[u8]) -> Option<Name> {
        let text = std::str::from_utf8(serialized).ok()?;
        let mut parts = text.split('.').map(str::to_owned);
        let (org, role, name) = (parts.next()?, parts.next()?, parts.next()?);
        (org != "Alien").then_some(Name { org, role, name })
    }

    fn msp_id<'a>(&self, identity: &'a Name) -> &'a str {
        &identity.org
    }

    fn is_valid(&self, identity: &Name) -> bool {
        identity.role != "revoked"
    }

    fn verify(&self, identity: &Name, message: &[u8], signature: &[u8]) -> bool {
        signature == sign_as(identity, message)
    }

    fn satisfies(&self, identity: &Name, principal: &Principal) -> bool {
        let Principal::Role { msp_id, role } = principal else { return false };
        self.is_valid(identity)
            && *msp_id == identity.org
            && (*role == Role::Member || role.as_str_name().eq_ignore_ascii_case(&identity.role))
    }
}

fn sign_as(identity: &Name, message: &[u8]) -> [u8; 32] {
    let Name { org, role, name } = identity;
    sha256(&[format!("key of {org} {role} {name}").as_bytes(), message].concat())
}

pub(crate) fn sign(serialized: &str, message: &[u8]) -> Bytes {
    // Names that do not parse cannot sign.
    let signature = Names.parse(serialized.as_bytes()).map(|name| sign_as(&name, message));
    signature.map(|bytes| bytes.to_vec().into()).unwrap_or_default()
}

/// A change to one part of something right.
pub(crate) type Spoil<T> = fn(&mut T);

pub(crate) const CREATOR: &str = "Org1.client.alice";

/// The parts of a proposal, to be spoilt one at a time.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) channel: ChannelHeader,
    pub(crate) signature: SignatureHeader,
    pub(crate) chaincode: Option<ChaincodeId>,
    pub(crate) spec: Option<ChaincodeSpec>,
    pub(crate) transient: bool,
    pub(crate) signer: String,
    /// Replaces the bytes of a layer.
    pub(crate) damage: Option<(&'static str, Bytes)>,
}

impl Draft {
    pub(crate) fn new(nonce: &str) -> Self {
        let nonce = Bytes::copy_from_slice(nonce.as_bytes());
        let creator = Bytes::from(CREATOR);
        let channel = ChannelHeader {
            r#type: HeaderType::EndorserTransaction.into(),
            channel_id: "mychannel".to_owned(),
            tx_id: tx_id(&nonce, &creator),
            ..Default::default()
        };
        let input = ChaincodeInput { args: vec!["Create".into()], ..Default::default() };
        Self {
            channel,
            signature: SignatureHeader { creator, nonce },
            chaincode: Some(ChaincodeId { name: "cc".to_owned(), ..Default::default() }),
            spec: Some(ChaincodeSpec { input: Some(input), ..Default::default() }),
            transient: false,
            signer: CREATOR.to_owned(),
            damage: None,
        }
    }

    fn layer(&self, name: &str, message: &impl Message) -> Bytes {
        match &self.damage {
            Some((damaged, bytes)) if *damaged == name => bytes.clone(),
            _ => message.encode_to_vec().into(),
        }
    }

    pub(crate) fn signed(&self) -> SignedProposal {
        use fabric_protos::protos::Proposal as Wire;

        let extension = ChaincodeHeaderExtension { chaincode_id: self.chaincode.clone() };
        let channel = ChannelHeader {
            extension: self.layer("ChaincodeHeaderExtension", &extension),
            ..self.channel.clone()
        };
        let header = Header {
            channel_header: self.layer("ChannelHeader", &channel),
            signature_header: self.layer("SignatureHeader", &self.signature),
        };
        let invocation = ChaincodeInvocationSpec { chaincode_spec: self.spec.clone() };
        let mut payload = ChaincodeProposalPayload {
            input: self.layer("ChaincodeInvocationSpec", &invocation),
            ..Default::default()
        };
        if self.transient {
            payload.transient_map.insert("secret".to_owned(), "for endorsers only".into());
        }
        let proposal = Wire {
            header: self.layer("Header", &header),
            payload: self.layer("ChaincodeProposalPayload", &payload),
            extension: Bytes::new(),
        };
        let proposal_bytes = self.layer("Proposal", &proposal);
        let signature = sign(&self.signer, &proposal_bytes);
        SignedProposal { proposal_bytes, signature }
    }

    pub(crate) fn unpack(&self) -> Proposal {
        Proposal::unpack(&self.signed()).unwrap()
    }
}

pub(crate) fn endorse(endorser: &str, payload: &Bytes) -> (Bytes, Endorsement) {
    let message = endorsement_message(payload, endorser.as_bytes());
    let endorser_bytes = Bytes::copy_from_slice(endorser.as_bytes());
    let signature = sign(endorser, &message);
    (payload.clone(), Endorsement { endorser: endorser_bytes, signature })
}

/// A transaction with these results, endorsed and signed.
pub(crate) fn transaction(draft: &Draft, results: Bytes, endorsers: &[&str]) -> Bytes {
    let proposal = draft.unpack();
    let response = Response { status: 200, ..Default::default() };
    let payload = proposal.response_payload(response, results, None, "1.0");
    let responses = endorsers.iter().map(|endorser| endorse(endorser, &payload));
    signed_envelope(&draft.signer, assemble(&proposal, responses).unwrap())
}

pub(crate) fn signed_envelope(signer: &str, envelope: Envelope) -> Bytes {
    let signature = sign(signer, &envelope.payload);
    Envelope { signature, ..envelope }.encode_to_vec().into()
}
