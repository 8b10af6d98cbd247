//! Why events do not come.

use fabric_identity::SignError;
use fabric_protos::common;
use thiserror::Error;
use tonic::{Code, Status};

use crate::error::{code, is_overload};

/// Why there are no more events. Nothing follows it in its stream: to go on, open another one at a
/// [`Checkpoint`](crate::Checkpoint).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EventError {
    /// The peer refused the request, or the connection failed.
    #[error("no events: {code:?}: {message}")]
    Call {
        /// gRPC status code; [`Code::Unavailable`] also when the connection failed.
        code: Code,
        /// The peer's message.
        message: String,
    },
    /// The peer delivers no blocks, or no more of them.
    #[error("no blocks: the peer answers {}", delivery_status(*.raw_status))]
    Delivery {
        /// Fabric's status as on the wire: 403 (FORBIDDEN) when the identity may not read them, 404 (NOT_FOUND) when the
        /// peer does not know the channel; but see [`NotFound`](Self::NotFound).
        raw_status: i32,
    },
    /// The peer answers 404 (NOT_FOUND) to a request that begins with a certain block: its chain ends before the block
    /// ahead of it, as that of a peer does that lags behind or was set up anew; or it does not know the channel.
    #[error(
        "no blocks: the peer's chain does not reach block {block_number} yet, or it does not know the channel; try again \
         or ask another peer"
    )]
    NotFound {
        /// The block asked for.
        block_number: u64,
    },
    /// The peer ended the stream, for instance because it stops.
    #[error("the peer ended the stream")]
    Ended,
    /// The request could not be signed, so it was not sent.
    #[error("the request for events: {0}")]
    Sign(#[from] SignError),
    /// A block is missing, or came again: following this peer would lose or double something.
    #[error("block {found} came where block {expected} or a later one was due; ask another peer")]
    Order {
        /// The first number that could come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The block of the checkpoint does not have the checkpoint's transaction: it was made on another channel, chaincode or
    /// kind of stream, and what came after it here cannot be told.
    #[error(
        "block {block_number} has no transaction {transaction_id} here: the checkpoint is of another stream"
    )]
    CheckpointUnknown {
        /// The checkpoint's block.
        block_number: u64,
        /// The checkpoint's transaction.
        transaction_id: String,
    },
    /// The peer sent what it should not.
    #[error("the peer sent {0}")]
    Malformed(&'static str),
}

impl EventError {
    /// Whether opening the stream again later, at a checkpoint, can succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Call { code, message } => {
                is_overload(*code, message)
                    || matches!(code, Code::Unavailable | Code::DeadlineExceeded | Code::Aborted)
            }
            Self::Delivery { raw_status } => {
                let status = common::Status::try_from(*raw_status);
                // A peer that stops says so, or that it cannot read its ledger at the moment.
                matches!(
                    status,
                    Ok(common::Status::ServiceUnavailable | common::Status::InternalServerError)
                )
            }
            Self::NotFound { .. } | Self::Ended => true,
            Self::Sign(_)
            | Self::Order { .. }
            | Self::CheckpointUnknown { .. }
            | Self::Malformed(_) => false,
        }
    }
}

impl From<Status> for EventError {
    fn from(status: Status) -> Self {
        Self::Call { code: code(&status), message: status.message().to_owned() }
    }
}

fn delivery_status(raw: i32) -> String {
    match common::Status::try_from(raw) {
        Ok(status) => format!("{raw} ({})", status.as_str_name()),
        Err(_) => raw.to_string(),
    }
}
