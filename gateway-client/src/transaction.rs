//! Endorsed transactions.

use std::sync::Arc;

use bytes::Bytes;
use fabric_protos::common::{ChannelHeader, Envelope, Payload};
use fabric_protos::gateway::{PreparedTransaction, SubmitRequest};
use fabric_protos::protos::{
    self, ChaincodeAction, ChaincodeActionPayload, ProposalResponsePayload,
};
use prost::{DecodeError, Message};

use crate::commit::{Commit, CommitStatus, Submitted};
use crate::connection::{request, within};
use crate::error::{CallError, GatewayError, SignedMessage};
use crate::gateway::{Gateway, require_signature};
use crate::restore::RestoreError;
use crate::signed::signed_elsewhere;

/// An endorsed transaction, ready to be submitted.
///
/// Submitting the same transaction more than once is harmless: the ledger takes the first envelope with a transaction id
/// and marks others as duplicates. A client that must not lose work, nor do it twice, keeps the transaction before it
/// submits it:
///
/// ```no_run
/// # use fabric_gateway_client::{Contract, Gateway, RetryPolicy};
/// # async fn example(gateway: Gateway, contract: Contract) -> Result<(), Box<dyn std::error::Error>> {
/// let transaction = contract.submit("RecordReading").argument("{}").proposal()?.endorse().await?;
/// std::fs::write("pending", transaction.to_bytes())?;
/// transaction.settle(&RetryPolicy::default()).await?;
/// std::fs::remove_file("pending")?;
///
/// // After a crash in between, whatever became of it:
/// let transaction = gateway.restore_transaction(&std::fs::read("pending")?)?;
/// transaction.resume(&RetryPolicy::default()).await?;
/// # Ok(())
/// # }
/// ```
///
/// Without a signer it is sent off to be signed: [`bytes`](Self::bytes) or [`digest`](Self::digest) there,
/// [`sign_with`](Self::sign_with) back.
#[derive(Debug, Clone)]
pub struct Transaction {
    gateway: Gateway,
    channel: Arc<str>,
    transaction_id: String,
    payload: Bytes,
    /// Empty while unsigned.
    signature: Bytes,
    result: Bytes,
}

impl Transaction {
    pub(crate) fn new(
        gateway: Gateway,
        channel: Arc<str>,
        transaction_id: String,
        payload: Bytes,
        signature: Bytes,
        result: Bytes,
    ) -> Self {
        Self { gateway, channel, transaction_id, payload, signature, result }
    }

    /// The transaction id.
    #[must_use]
    pub fn transaction_id(&self) -> &str {
        &self.transaction_id
    }

    /// Payload of the contract's response. It holds once the transaction is committed.
    #[must_use]
    pub fn result(&self) -> &Bytes {
        &self.result
    }

    /// The bytes that the signature covers.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.payload
    }

    signed_elsewhere!();

    /// Hands the transaction to the orderer. That it was accepted does not mean that it will be valid.
    ///
    /// # Errors
    /// [`GatewayError::Submit`], or [`GatewayError::Sign`] if it is not signed.
    pub async fn submit(&self) -> Result<Commit, GatewayError> {
        self.require_signature()?;
        let message = SubmitRequest {
            transaction_id: self.transaction_id.clone(),
            channel_id: self.channel.to_string(),
            prepared_transaction: Some(self.envelope()),
        };
        let limit = self.gateway.timeouts().submit;
        let mut client = self.gateway.connection().client();
        match within(limit, client.submit(request(message, limit))).await {
            Ok(_) => Ok(self.commit()),
            Err(status) => {
                Err(GatewayError::Submit(Box::new(CallError::new(&self.transaction_id, &status))))
            }
        }
    }

    /// The commit of this transaction, whether or not this value submitted it.
    #[must_use]
    pub fn commit(&self) -> Commit {
        Commit::new(self.gateway.clone(), &self.channel, &self.transaction_id)
    }

    /// The transaction as a `gateway.PreparedTransaction` message, to be kept or sent to where it is signed; back by
    /// [`Gateway::restore_transaction`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        PreparedTransaction {
            transaction_id: self.transaction_id.clone(),
            envelope: Some(self.envelope()),
        }
        .encode_to_vec()
    }

    /// The outcome of this transaction, given its commit status.
    pub(crate) fn submitted(&self, status: CommitStatus) -> Result<Submitted, GatewayError> {
        let CommitStatus { transaction_id, block_number, .. } = status.successful()?;
        Ok(Submitted { transaction_id, result: self.result.clone(), block_number })
    }

    pub(crate) fn require_signature(&self) -> Result<(), GatewayError> {
        require_signature(&self.transaction_id, SignedMessage::Transaction, &self.signature)
    }

    fn envelope(&self) -> Envelope {
        Envelope { payload: self.payload.clone(), signature: self.signature.clone() }
    }
}

impl Gateway {
    /// Reads what [`Transaction::to_bytes`] wrote, with the signature it had.
    ///
    /// The bytes are trusted as far as the place is where they were kept: whoever can change them there can have another
    /// transaction signed if it was kept unsigned. The gateway may be of another identity than the one that signed, for
    /// instance after its certificate was renewed.
    ///
    /// # Errors
    /// When the bytes are not an endorsed transaction, or its transaction id is not the one it contains.
    pub fn restore_transaction(&self, bytes: &[u8]) -> Result<Transaction, RestoreError> {
        let kept = PreparedTransaction::decode(Bytes::copy_from_slice(bytes))?;
        let Envelope { payload, signature } = kept.envelope.unwrap_or_default();
        let Payload { header, data } = Payload::decode(payload.clone())?;
        let header = ChannelHeader::decode(header.unwrap_or_default().channel_header)?;
        if header.tx_id.is_empty() || header.tx_id != kept.transaction_id {
            return Err(RestoreError::TransactionId);
        }
        Ok(Transaction {
            gateway: self.clone(),
            channel: header.channel_id.into(),
            transaction_id: kept.transaction_id,
            payload,
            signature,
            result: result(data)?,
        })
    }
}

/// Payload of the contract's response in the data of an endorsed transaction.
fn result(data: Bytes) -> Result<Bytes, DecodeError> {
    let transaction = protos::Transaction::decode(data)?;
    let action = transaction.actions.into_iter().next().unwrap_or_default();
    let action = ChaincodeActionPayload::decode(action.payload)?.action.unwrap_or_default();
    let response = ProposalResponsePayload::decode(action.proposal_response_payload)?;
    let outcome = ChaincodeAction::decode(response.extension)?;
    Ok(outcome.response.unwrap_or_default().payload)
}
