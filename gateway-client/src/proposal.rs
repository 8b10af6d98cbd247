//! Proposals: what is asked of the endorsers.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use fabric_protos::common::{ChannelHeader, Header, HeaderType, SignatureHeader};
use fabric_protos::gateway::{EndorseRequest, EvaluateRequest, ProposedTransaction};
use fabric_protos::protos::{
    self, ChaincodeHeaderExtension, ChaincodeInput, ChaincodeInvocationSpec,
    ChaincodeProposalPayload, ChaincodeSpec, SignedProposal,
};
use prost::Message;
use prost_types::Timestamp;
use ring::digest::{Context, SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::connection::{request, within};
use crate::error::{CallError, GatewayError, SignedMessage};
use crate::gateway::{Contract, Gateway, require_signature};
use crate::restore::RestoreError;
use crate::signed::signed_elsewhere;
use crate::transaction::Transaction;
use crate::verify::{EnvelopeMismatch, verify};

/// Bytes of the random number that makes a transaction id unique, as the official clients have it.
const NONCE_BYTES: usize = 24;

/// A call to a contract with a transaction id, to be evaluated or endorsed.
///
/// Without a signer it is sent off to be signed: [`bytes`](Self::bytes) or [`digest`](Self::digest) there,
/// [`sign_with`](Self::sign_with) back.
#[derive(Debug, Clone)]
pub struct Proposal {
    gateway: Gateway,
    transaction_id: String,
    channel: Arc<str>,
    chaincode: Arc<str>,
    bytes: Bytes,
    /// Empty while unsigned.
    signature: Bytes,
    organizations: Vec<String>,
}

impl Proposal {
    pub(crate) fn new(
        contract: &Contract,
        arguments: &[Bytes],
        transient: &BTreeMap<String, Bytes>,
        organizations: &[String],
    ) -> Result<Self, GatewayError> {
        let gateway = contract.gateway().clone();
        let mut nonce = [0; NONCE_BYTES];
        SystemRandom::new().fill(&mut nonce).map_err(|_| GatewayError::Random)?;
        let transaction_id = transaction_id(&nonce, gateway.creator());
        let channel_header = ChannelHeader {
            r#type: HeaderType::EndorserTransaction.into(),
            timestamp: Some(Timestamp::from(gateway.now())),
            channel_id: contract.channel().to_string(),
            tx_id: transaction_id.clone(),
            extension: contract.extension().clone(),
            ..Default::default()
        };
        let signature_header = SignatureHeader {
            creator: gateway.creator().clone(),
            nonce: Bytes::copy_from_slice(&nonce),
        };
        let header = Header {
            channel_header: channel_header.encode_to_vec().into(),
            signature_header: signature_header.encode_to_vec().into(),
        };
        let proposal = protos::Proposal {
            header: header.encode_to_vec().into(),
            payload: payload(contract, arguments, transient).encode_to_vec().into(),
            extension: Bytes::new(),
        };
        let bytes = Bytes::from(proposal.encode_to_vec());
        let signature = gateway.sign(&transaction_id, SignedMessage::Proposal, &bytes)?;
        Ok(Self {
            transaction_id,
            channel: contract.channel().clone(),
            chaincode: contract.name().clone(),
            bytes,
            signature,
            organizations: organizations.to_vec(),
            gateway,
        })
    }

    /// The transaction id that the proposal will have on the ledger, if it gets there.
    #[must_use]
    pub fn transaction_id(&self) -> &str {
        &self.transaction_id
    }

    /// The bytes that the signature covers.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    signed_elsewhere!();

    /// Evaluates the proposal and returns the payload of the contract's response.
    ///
    /// # Errors
    /// [`GatewayError::Evaluate`], or [`GatewayError::Sign`] if it is not signed.
    pub async fn evaluate(&self) -> Result<Bytes, GatewayError> {
        let message = EvaluateRequest {
            transaction_id: self.transaction_id.clone(),
            channel_id: self.channel.to_string(),
            proposed_transaction: Some(self.signed_proposal()?),
            target_organizations: self.organizations.clone(),
        };
        let limit = self.gateway.timeouts().evaluate;
        let mut client = self.gateway.connection().client();
        let answer = within(limit, client.evaluate(request(message, limit))).await;
        let answer = answer.and_then(|answer| {
            answer.result.ok_or_else(|| tonic::Status::internal("the answer holds no result"))
        });
        match answer {
            Ok(response) => Ok(response.payload),
            Err(status) => {
                Err(GatewayError::Evaluate(Box::new(CallError::new(&self.transaction_id, &status))))
            }
        }
    }

    /// Has the proposal endorsed. The transaction that comes back is compared with the proposal before it is signed.
    ///
    /// # Errors
    /// [`GatewayError::Endorse`], [`GatewayError::Tampered`], or [`GatewayError::Sign`] if the proposal is not signed or the
    /// transaction cannot be.
    pub async fn endorse(&self) -> Result<Transaction, GatewayError> {
        let message = EndorseRequest {
            transaction_id: self.transaction_id.clone(),
            channel_id: self.channel.to_string(),
            proposed_transaction: Some(self.signed_proposal()?),
            endorsing_organizations: self.organizations.clone(),
        };
        let limit = self.gateway.timeouts().endorse;
        let mut client = self.gateway.connection().client();
        let answer =
            within(limit, client.endorse(request(message, limit))).await.map_err(|status| {
                GatewayError::Endorse(Box::new(CallError::new(&self.transaction_id, &status)))
            })?;
        let tampered = |mismatch| GatewayError::Tampered {
            transaction_id: self.transaction_id.clone(),
            mismatch,
        };
        let envelope =
            answer.prepared_transaction.ok_or_else(|| tampered(EnvelopeMismatch::Missing))?;
        let result = verify(&self.bytes, &self.chaincode, &envelope.payload).map_err(tampered)?;
        let signature = self.gateway.sign(
            &self.transaction_id,
            SignedMessage::Transaction,
            &envelope.payload,
        )?;
        Ok(Transaction::new(
            self.gateway.clone(),
            self.channel.clone(),
            self.transaction_id.clone(),
            envelope.payload,
            signature,
            result,
        ))
    }

    /// The proposal as a `gateway.ProposedTransaction` message, to be kept or sent to where it is signed; back by
    /// [`Gateway::restore_proposal`]. It holds the transient data.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        ProposedTransaction {
            transaction_id: self.transaction_id.clone(),
            proposal: Some(self.unchecked_proposal()),
            endorsing_organizations: self.organizations.clone(),
        }
        .encode_to_vec()
    }

    fn signed_proposal(&self) -> Result<SignedProposal, GatewayError> {
        require_signature(&self.transaction_id, SignedMessage::Proposal, &self.signature)?;
        Ok(self.unchecked_proposal())
    }

    fn unchecked_proposal(&self) -> SignedProposal {
        SignedProposal { proposal_bytes: self.bytes.clone(), signature: self.signature.clone() }
    }
}

impl Gateway {
    /// Reads what [`Proposal::to_bytes`] wrote. Organisations, transient data and signature come back with it.
    ///
    /// # Errors
    /// When the bytes are not a proposal to a chaincode, or its transaction id is not the one it contains.
    pub fn restore_proposal(&self, bytes: &[u8]) -> Result<Proposal, RestoreError> {
        let kept = ProposedTransaction::decode(Bytes::copy_from_slice(bytes))?;
        let SignedProposal { proposal_bytes, signature } = kept.proposal.unwrap_or_default();
        let proposal = protos::Proposal::decode(proposal_bytes.clone())?;
        let header = Header::decode(proposal.header)?;
        let header = ChannelHeader::decode(header.channel_header)?;
        if header.tx_id.is_empty() || header.tx_id != kept.transaction_id {
            return Err(RestoreError::TransactionId);
        }
        let extension = ChaincodeHeaderExtension::decode(header.extension)?;
        let chaincode = extension.chaincode_id.unwrap_or_default().name;
        Ok(Proposal {
            gateway: self.clone(),
            transaction_id: kept.transaction_id,
            channel: header.channel_id.into(),
            chaincode: chaincode.into(),
            bytes: proposal_bytes,
            signature,
            organizations: kept.endorsing_organizations,
        })
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
    sum
}

fn transaction_id(nonce: &[u8], creator: &[u8]) -> String {
    let mut context = Context::new(&SHA256);
    context.update(nonce);
    context.update(creator);
    hex::encode(context.finish())
}

fn payload(
    contract: &Contract,
    arguments: &[Bytes],
    transient: &BTreeMap<String, Bytes>,
) -> ChaincodeProposalPayload {
    let call = ChaincodeInvocationSpec {
        chaincode_spec: Some(ChaincodeSpec {
            chaincode_id: Some(protos::ChaincodeId {
                name: contract.chaincode().to_owned(),
                ..Default::default()
            }),
            input: Some(ChaincodeInput { args: arguments.to_vec(), ..Default::default() }),
            ..Default::default()
        }),
    };
    ChaincodeProposalPayload {
        input: call.encode_to_vec().into(),
        transient_map: transient.clone(),
    }
}
