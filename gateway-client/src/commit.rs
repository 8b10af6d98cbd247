//! What became of a submitted transaction.

use std::time::Duration;

use bytes::Bytes;
use fabric_protos::gateway::{CommitStatusRequest, SignedCommitStatusRequest};
use fabric_protos::protos::TxValidationCode;
use prost::Message;

use crate::connection::{request, within};
use crate::error::{CallError, CommitError, GatewayError, SignedMessage};
use crate::gateway::{Gateway, require_signature};
use crate::restore::RestoreError;
use crate::signed::signed_elsewhere;

/// A committed, valid transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The transaction.
    pub transaction_id: String,
    /// Payload of the contract's response.
    pub result: Bytes,
    /// The block it is in.
    pub block_number: u64,
}

/// Where a transaction stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    /// The transaction.
    pub transaction_id: String,
    /// The block it is in.
    pub block_number: u64,
    /// Fabric's validation code as on the wire; see [`code`](Self::code).
    pub raw_code: i32,
}

impl CommitStatus {
    /// Fabric's validation code, if it is one that this version knows.
    #[must_use]
    pub fn code(&self) -> Option<TxValidationCode> {
        TxValidationCode::try_from(self.raw_code).ok()
    }

    /// Whether the transaction took effect.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.code() == Some(TxValidationCode::Valid)
    }

    /// This status if the transaction took effect.
    ///
    /// # Errors
    /// With the validation code, if it did not.
    pub fn successful(self) -> Result<Self, CommitError> {
        if self.is_valid() {
            return Ok(self);
        }
        let Self { transaction_id, block_number, raw_code } = self;
        Err(CommitError { transaction_id, block_number, raw_code })
    }
}

/// A submitted transaction, whose status can be asked for as often as needed.
///
/// Without a signer the request is sent off to be signed: [`bytes`](Self::bytes) or [`digest`](Self::digest) there,
/// [`sign_with`](Self::sign_with) back.
#[derive(Debug, Clone)]
pub struct Commit {
    gateway: Gateway,
    transaction_id: String,
    request: Bytes,
    /// Empty while not supplied.
    signature: Bytes,
}

impl Commit {
    pub(crate) fn new(gateway: Gateway, channel: &str, transaction_id: &str) -> Self {
        let request = CommitStatusRequest {
            transaction_id: transaction_id.to_owned(),
            channel_id: channel.to_owned(),
            identity: gateway.creator().clone(),
        };
        Self {
            gateway,
            transaction_id: transaction_id.to_owned(),
            request: request.encode_to_vec().into(),
            signature: Bytes::new(),
        }
    }

    /// The transaction id.
    #[must_use]
    pub fn transaction_id(&self) -> &str {
        &self.transaction_id
    }

    /// The bytes that the signature covers.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.request
    }

    signed_elsewhere!();

    /// Waits until the transaction is in a block of the peer's ledger, at most the gateway's timeout for it.
    ///
    /// Until then the peer waits too, also for an id that nobody ever submitted. A deadline therefore says nothing about
    /// the transaction, and the question can be repeated.
    ///
    /// # Errors
    /// [`GatewayError::CommitStatus`], or [`GatewayError::Sign`]. An invalid transaction is a status, not an error: see
    /// [`CommitStatus::successful`].
    pub async fn status(&self) -> Result<CommitStatus, GatewayError> {
        self.status_within(self.gateway.timeouts().commit_status).await
    }

    /// As [`status`](Self::status), with another timeout.
    ///
    /// # Errors
    /// As [`status`](Self::status).
    pub async fn status_within(&self, limit: Duration) -> Result<CommitStatus, GatewayError> {
        const KIND: SignedMessage = SignedMessage::CommitStatusRequest;
        let signature = if self.signature.is_empty() {
            self.gateway.sign(&self.transaction_id, KIND, &self.request)?
        } else {
            self.signature.clone()
        };
        require_signature(&self.transaction_id, KIND, &signature)?;
        let message = SignedCommitStatusRequest { request: self.request.clone(), signature };
        let mut client = self.gateway.connection().client();
        match within(limit, client.commit_status(request(message, limit))).await {
            Ok(answer) => Ok(CommitStatus {
                transaction_id: self.transaction_id.clone(),
                block_number: answer.block_number,
                raw_code: answer.result,
            }),
            Err(status) => {
                let error = CallError::new(&self.transaction_id, &status);
                Err(GatewayError::CommitStatus(Box::new(error)))
            }
        }
    }

    /// The request as a `gateway.SignedCommitStatusRequest` message, to be kept or sent to where it is signed; back by
    /// [`Gateway::restore_commit`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (request, signature) = (self.request.clone(), self.signature.clone());
        SignedCommitStatusRequest { request, signature }.encode_to_vec()
    }
}

impl Gateway {
    /// Reads what [`Commit::to_bytes`] wrote. The request keeps the identity it was made for.
    ///
    /// # Errors
    /// When the bytes are not a commit request.
    pub fn restore_commit(&self, bytes: &[u8]) -> Result<Commit, RestoreError> {
        let kept = SignedCommitStatusRequest::decode(Bytes::copy_from_slice(bytes))?;
        let request = CommitStatusRequest::decode(kept.request.clone())?;
        if request.transaction_id.is_empty() {
            return Err(RestoreError::TransactionId);
        }
        Ok(Commit {
            gateway: self.clone(),
            transaction_id: request.transaction_id,
            request: kept.request,
            signature: kept.signature,
        })
    }
}
