//! Transactions taken apart, changed and put together again.

use bytes::Bytes;
use fabric_identity::{SignError, SigningKey};
use fabric_ledger::proposal::endorsement_message;
use fabric_ledger::rwset::TxRwSet;
use fabric_ledger::sha256;
use fabric_protos::common::{ChannelHeader, Envelope, Header, Payload, SignatureHeader};
use fabric_protos::msp::SerializedIdentity;
use fabric_protos::protos::{
    ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, ChaincodeEvent, Endorsement,
    ProposalResponsePayload, Transaction, TransactionAction,
};
use prost::Message;

use crate::JudgeError;
use crate::forge;
use crate::random::Random;
use crate::spoil;

/// An identity with its key.
pub struct Signer {
    /// Marshalled `SerializedIdentity`.
    pub serialized: Bytes,
    key: SigningKey,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

impl Signer {
    /// An identity of an organisation.
    pub fn new(msp_id: &str, certificate_pem: String, key: SigningKey) -> Self {
        let identity =
            SerializedIdentity { mspid: msp_id.to_owned(), id_bytes: certificate_pem.into() };
        Self { serialized: identity.encode_to_vec().into(), key }
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> Result<Bytes, SignError> {
        self.key.sign(message).map(Bytes::from)
    }
}

/// Who signs a changed transaction anew.
#[derive(Clone, Copy, Debug)]
pub struct Signers<'a> {
    /// The client.
    pub client: &'a Signer,
    /// The peers.
    pub peers: &'a [Signer],
}

/// What is done to a transaction before it is sent. The numbers decide what their kind leaves
/// open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Changed by the client alone: the endorsements are what they were.
    Spoil(spoil::Kind, u64),
    /// Changed with the help of both peers, who endorse what no simulation gives.
    Forge(forge::Kind, u64),
}

impl Change {
    /// A change to the last transaction of a block.
    pub fn of_the_last(random: &mut Random) -> Self {
        let kind = spoil::Kind::LAST.get(random.below(spoil::Kind::LAST.len()));
        Self::Spoil(kind.copied().unwrap_or(spoil::Kind::Byte), random.next())
    }

    /// A change to any transaction.
    pub fn random(random: &mut Random) -> Self {
        if random.percent(50) {
            let kinds = spoil::Kind::ANYWHERE;
            let kind = kinds.get(random.below(kinds.len()));
            Self::Spoil(kind.copied().unwrap_or(spoil::Kind::Reversed), random.next())
        } else {
            let kind = forge::Kind::ALL.get(random.below(forge::Kind::ALL.len()));
            Self::Forge(kind.copied().unwrap_or(forge::Kind::Nothing), random.next())
        }
    }

    /// Carries the change out. The envelope is not signed yet.
    pub fn apply(self, payload: &Bytes, signers: Signers<'_>) -> Result<Bytes, JudgeError> {
        let mut layers = Layers::open(payload)?;
        // A gateway gives endorsements in the order they come in; a change is to be the same
        // everywhere. Identities begin with the organisation's name.
        layers.endorsements.sort_by(|one, other| one.endorser.cmp(&other.endorser));
        match self {
            Self::Spoil(kind, seed) => spoil::apply(kind, Random::new(seed), layers, signers),
            Self::Forge(kind, seed) => {
                forge::apply(kind, Random::new(seed), &mut layers);
                layers.endorse(signers.peers)?;
                Ok(layers.close())
            }
        }
    }
}

/// An envelope's payload with every layer decoded.
#[derive(Clone, Debug)]
pub struct Layers {
    /// Channel header.
    pub channel: ChannelHeader,
    /// Signature header of the envelope.
    pub signature: SignatureHeader,
    /// Header of the transaction's action, as bytes.
    pub action_header: Bytes,
    /// The chaincode's input.
    pub proposal: Bytes,
    /// Hash of headers and input.
    pub proposal_hash: Bytes,
    /// What was endorsed, without its results.
    pub action: ChaincodeAction,
    /// The results.
    pub rwset: TxRwSet,
    /// Replaces the results by bytes.
    pub raw_results: Option<Bytes>,
    /// Replaces the endorsed action by bytes.
    pub raw_extension: Option<Bytes>,
    /// Signatures of the peers.
    pub endorsements: Vec<Endorsement>,
}

impl Layers {
    /// Takes the payload of an envelope apart.
    pub fn open(payload: &Bytes) -> Result<Self, JudgeError> {
        let payload = Payload::decode(payload.clone())?;
        let header = payload.header.unwrap_or_default();
        let transaction = Transaction::decode(payload.data)?;
        let action = transaction.actions.into_iter().next().unwrap_or_default();
        let inner = ChaincodeActionPayload::decode(action.payload)?;
        let endorsed = inner.action.unwrap_or_default();
        let response = ProposalResponsePayload::decode(endorsed.proposal_response_payload)?;
        let chaincode = ChaincodeAction::decode(response.extension)?;
        Ok(Self {
            channel: ChannelHeader::decode(header.channel_header)?,
            signature: SignatureHeader::decode(header.signature_header)?,
            action_header: action.header,
            proposal: inner.chaincode_proposal_payload,
            proposal_hash: response.proposal_hash,
            rwset: TxRwSet::decode(chaincode.results.clone())?,
            action: chaincode,
            raw_results: None,
            raw_extension: None,
            endorsements: endorsed.endorsements,
        })
    }

    /// What the peers sign.
    pub fn response(&self) -> Bytes {
        let results = self.raw_results.clone().unwrap_or_else(|| self.rwset.encode());
        let action = ChaincodeAction { results, ..self.action.clone() };
        let extension = self.raw_extension.clone().unwrap_or_else(|| action.encode_to_vec().into());
        let proposal_hash = self.proposal_hash.clone();
        ProposalResponsePayload { proposal_hash, extension }.encode_to_vec().into()
    }

    /// The transaction's only action.
    pub fn transaction_action(&self) -> TransactionAction {
        let endorsed = ChaincodeEndorsedAction {
            proposal_response_payload: self.response(),
            endorsements: self.endorsements.clone(),
        };
        let payload = ChaincodeActionPayload {
            chaincode_proposal_payload: self.proposal.clone(),
            action: Some(endorsed),
        };
        TransactionAction {
            header: self.action_header.clone(),
            payload: payload.encode_to_vec().into(),
        }
    }

    /// The payload around other data than the layers' own.
    pub fn close_with(&self, data: Bytes) -> Bytes {
        let header = Header {
            channel_header: self.channel.encode_to_vec().into(),
            signature_header: self.signature.encode_to_vec().into(),
        };
        Payload { header: Some(header), data }.encode_to_vec().into()
    }

    /// The payload.
    pub fn close(&self) -> Bytes {
        let transaction = Transaction { actions: vec![self.transaction_action()] };
        self.close_with(transaction.encode_to_vec().into())
    }

    /// Makes the proposal's hash that of the headers and the input as they are now.
    pub fn rehash(&mut self) {
        let header = self.channel.encode_to_vec();
        let parts = [&header[..], &self.action_header, &self.proposal].concat();
        self.proposal_hash = sha256(&parts).to_vec().into();
    }

    /// Makes the peers endorse the layers as they are now.
    pub fn endorse(&mut self, peers: &[Signer]) -> Result<(), JudgeError> {
        let response = self.response();
        self.endorsements.clear();
        for peer in peers {
            let signature = peer.sign(&endorsement_message(&response, &peer.serialized))?;
            self.endorsements.push(Endorsement { endorser: peer.serialized.clone(), signature });
        }
        Ok(())
    }

    /// Sets the event.
    pub fn set_event(&mut self, event: &ChaincodeEvent) {
        self.action.events = event.encode_to_vec().into();
    }
}

/// The envelope around a payload, signed.
pub fn sign(payload: Bytes, client: &Signer) -> Result<Envelope, JudgeError> {
    let signature = client.sign(&payload)?;
    Ok(Envelope { payload, signature })
}
