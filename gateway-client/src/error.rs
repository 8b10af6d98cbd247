//! What can go wrong, by stage.

use std::error::Error;
use std::fmt;

use fabric_identity::SignError;
use fabric_protos::protos::TxValidationCode;
use fabric_protos::{gateway, rpc};
use prost::Message;
use tonic::{Code, Status};

use crate::contract_error::ContractError;
use crate::verify::EnvelopeMismatch;

/// Name by which an entry of the error details is known to be an [`ErrorDetail`].
const ERROR_DETAIL_TYPE: &str = "gateway.ErrorDetail";

/// Why a transaction was not evaluated, endorsed, submitted or committed.
///
/// One variant a stage. [`is_retryable`](Self::is_retryable) says whether trying again can help,
/// [`outcome_unknown`](Self::outcome_unknown) whether the transaction may have been or may still be committed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// A query was not answered.
    #[error("not evaluated: {0}")]
    Evaluate(Box<CallError>),
    /// A proposal was not endorsed. Nothing was ordered.
    #[error("not endorsed: {0}")]
    Endorse(Box<CallError>),
    /// An endorsed transaction was refused by the orderer, or its arrival is unknown.
    #[error("not submitted: {0}")]
    Submit(Box<CallError>),
    /// A submitted transaction's commit status is not known.
    #[error("commit status not known: {0}")]
    CommitStatus(Box<CallError>),
    /// The transaction is in a block, marked invalid: it changed nothing.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// What the gateway returned for signing is not the transaction that was proposed. It was not signed.
    #[error("transaction {transaction_id}: refusing to sign what the gateway returned: {mismatch}")]
    Tampered {
        /// The proposed transaction.
        transaction_id: String,
        /// What differs.
        mismatch: EnvelopeMismatch,
    },
    /// A message could not be signed, so it was not sent.
    #[error("transaction {transaction_id}: {message}: {source}")]
    Sign {
        /// The transaction it belongs to.
        transaction_id: String,
        /// Which message.
        message: SignedMessage,
        /// What the signer reports.
        source: SignError,
    },
    /// The system has no randomness to make a transaction id from.
    #[error("the system's random number generator failed: no transaction id")]
    Random,
}

/// A message that carries the client's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedMessage {
    /// A [`Proposal`](crate::Proposal).
    Proposal,
    /// An endorsed [`Transaction`](crate::Transaction).
    Transaction,
    /// The request for the status of a [`Commit`](crate::Commit).
    CommitStatusRequest,
}

impl fmt::Display for SignedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proposal => "proposal",
            Self::Transaction => "endorsed transaction",
            Self::CommitStatusRequest => "commit status request",
        })
    }
}

/// A failed call to the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// The transaction.
    pub transaction_id: String,
    /// gRPC status code. [`Code::DeadlineExceeded`] also when this side stopped waiting, [`Code::Unavailable`] also
    /// when the connection failed.
    pub code: Code,
    /// The gateway's message.
    pub message: String,
    /// What the peers and orderers that the gateway asked answered.
    pub details: Vec<ErrorDetail>,
}

/// Answer of one peer or orderer behind the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorDetail {
    /// Its address.
    pub address: String,
    /// Its organisation.
    pub msp_id: String,
    /// Its message.
    pub message: String,
}

/// A transaction that is in a block and marked invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitError {
    /// The transaction.
    pub transaction_id: String,
    /// The block it is in.
    pub block_number: u64,
    /// Fabric's validation code as on the wire; see [`code`](Self::code).
    pub raw_code: i32,
}

impl GatewayError {
    /// The transaction, unless it never got an id.
    #[must_use]
    pub fn transaction_id(&self) -> Option<&str> {
        match self {
            Self::Evaluate(call)
            | Self::Endorse(call)
            | Self::Submit(call)
            | Self::CommitStatus(call) => Some(&call.transaction_id),
            Self::Commit(commit) => Some(&commit.transaction_id),
            Self::Tampered { transaction_id, .. } | Self::Sign { transaction_id, .. } => {
                Some(transaction_id)
            }
            Self::Random => None,
        }
    }

    /// The failed call, where there was one.
    #[must_use]
    pub fn call(&self) -> Option<&CallError> {
        match self {
            Self::Evaluate(call)
            | Self::Endorse(call)
            | Self::Submit(call)
            | Self::CommitStatus(call) => Some(call),
            Self::Commit(_) | Self::Tampered { .. } | Self::Sign { .. } | Self::Random => None,
        }
    }

    /// What the contract answered, where it was the contract that refused or failed.
    #[must_use]
    pub fn contract_error(&self) -> Option<ContractError> {
        match self {
            Self::Evaluate(call) | Self::Endorse(call) => call.contract_error(),
            _ => None,
        }
    }

    /// Whether the same intent can succeed later.
    ///
    /// How to go on follows from [`outcome_unknown`](Self::outcome_unknown): if false, by a new proposal; if true, only by
    /// asking for the commit status and sending the same envelope again ([`Transaction::settle`](crate::Transaction::settle)).
    ///
    /// - Evaluate and endorse: as the [`obstacle`](CallError::obstacle) has it. The gateway or its peers are unreachable,
    ///   overloaded or late, do not know each other at the moment, a peer or chaincode process failed, or endorsers
    ///   disagreed. Not when the contract refused, nor when identity, signature or clock did not please the peers.
    /// - Submit: whenever the outcome is unknown, or the gateway was overloaded.
    /// - Commit status: unless the question itself was refused.
    /// - Commit: the transaction read what another one changed first (`MVCC_READ_CONFLICT`, `PHANTOM_READ_CONFLICT`).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Evaluate(call) | Self::Endorse(call) => call.obstacle().may_pass(),
            Self::Submit(call) => call.is_overload() || !call.is_refusal(),
            Self::CommitStatus(call) => call.is_overload() || !call.is_refusal(),
            Self::Commit(commit) => commit.is_conflict(),
            Self::Tampered { .. } | Self::Sign { .. } | Self::Random => false,
        }
    }

    /// Whether the transaction may have been ordered, so that proposing its content anew could do it twice.
    ///
    /// Nothing can be ordered before this client signed the endorsed transaction, hence never true of the stages before;
    /// always true where the commit status was asked for in vain.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Submit(call) => !call.is_overload() && !call.is_refusal(),
            Self::CommitStatus(_) => true,
            Self::Sign { message, .. } => *message == SignedMessage::CommitStatusRequest,
            // Speaks of a second envelope with this id; the first one decides.
            Self::Commit(commit) => commit.code() == Some(TxValidationCode::DuplicateTxid),
            Self::Evaluate(_) | Self::Endorse(_) | Self::Tampered { .. } | Self::Random => false,
        }
    }
}

impl CallError {
    pub(crate) fn new(transaction_id: &str, status: &Status) -> Self {
        Self {
            transaction_id: transaction_id.to_owned(),
            code: code(status),
            message: status.message().to_owned(),
            details: details(status.details()),
        }
    }

    /// What the contract answered, where it was the contract that refused or failed.
    #[must_use]
    pub fn contract_error(&self) -> Option<ContractError> {
        let texts = || {
            let details = self.details.iter().map(|detail| detail.message.as_str());
            details.chain([self.message.as_str()])
        };
        texts()
            .find_map(ContractError::of_response)
            .or_else(|| texts().find_map(ContractError::of_fault))
    }

    /// What stood in the way of an evaluation or endorsement.
    #[must_use]
    pub fn obstacle(&self) -> Obstacle {
        let details = || self.details.iter().map(|detail| &detail.message);
        let says = |mark: &str| details().chain([&self.message]).any(|text| text.contains(mark));
        let asked = matches!(self.code, Code::Unavailable | Code::Aborted);
        match self.code {
            _ if self.is_overload() => Obstacle::Overload,
            Code::DeadlineExceeded => Obstacle::Unavailable,
            // A refusal counts first: of several endorsers one may refuse while another is in trouble.
            _ if says(CONTRACT_RESPONSE) => Obstacle::Contract,
            _ if !asked && !says(NO_PEERS) => Obstacle::Client,
            _ if CLIENT_REFUSED.iter().any(|mark| says(mark)) => Obstacle::Client,
            _ if says(NO_PEERS) => Obstacle::NoPeers,
            _ if says(NOT_DISSEMINATED) => Obstacle::Dissemination,
            _ => Obstacle::Unavailable,
        }
    }

    fn is_overload(&self) -> bool {
        is_overload(self.code, &self.message)
    }

    /// The call was looked at and refused: it had no effect, and will not have.
    fn is_refusal(&self) -> bool {
        matches!(
            self.code,
            Code::InvalidArgument
                | Code::NotFound
                | Code::AlreadyExists
                | Code::PermissionDenied
                | Code::FailedPrecondition
                | Code::Aborted
                | Code::OutOfRange
                | Code::Unimplemented
                | Code::Unauthenticated
        )
    }
}

/// The peer turned the call away before looking at it.
pub(crate) fn is_overload(code: Code, message: &str) -> bool {
    match code {
        Code::ResourceExhausted => true,
        Code::Unknown => message.contains("exceeding concurrency limit"),
        _ => false,
    }
}

/// What stood in the way of an evaluation or endorsement, as far as the peers' answers tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The contract refused.
    Contract,
    /// The request, its identity, signature or timestamp did not please the peers, or names what they do not have.
    Client,
    /// The gateway has as many calls as it takes.
    Overload,
    /// The gateway knows no peers at the moment that would satisfy the endorsement policy. After a deployment, and for
    /// instants while peers renew what they know of each other, this passes; with a policy that nobody satisfies it does
    /// not.
    NoPeers,
    /// A peer could not hand private data to as many members of a collection as the collection requires. It endorses
    /// nothing then. It knows no other member for instants, while it renews what it knows of them.
    Dissemination,
    /// The gateway or a peer is unreachable or late, its chaincode failed, or endorsers disagreed.
    Unavailable,
}

impl Obstacle {
    /// Whether the same request, proposed anew, can succeed.
    #[must_use]
    pub fn may_pass(self) -> bool {
        match self {
            Self::Contract | Self::Client => false,
            Self::Overload | Self::NoPeers | Self::Dissemination | Self::Unavailable => true,
        }
    }
}

/// How a peer passes a contract's refusal on.
const CONTRACT_RESPONSE: &str = "chaincode response ";

/// Answers of a peer about the client's identity, message or clock, which stay the same however often it is asked.
const CLIENT_REFUSED: [&str; 3] = [
    "error validating proposal: ",
    "proposal client identity expired",
    "request unauthorized due to incorrect timestamp",
];

/// Answers of a gateway that finds no endorsers although it knows the chaincode.
const NO_PEERS: &str = "no peer combination can satisfy the endorsement policy";

/// Answers of a peer that kept private data for itself, and so did not endorse.
const NOT_DISSEMINATED: &str = "failed to distribute private collection";

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transaction {}: {:?}: {}", self.transaction_id, self.code, self.message)?;
        for detail in &self.details {
            write!(f, "; {} {}: {}", detail.msp_id, detail.address, detail.message)?;
        }
        Ok(())
    }
}

impl Error for CallError {}

impl CommitError {
    /// Fabric's validation code, if it is one that this version knows.
    #[must_use]
    pub fn code(&self) -> Option<TxValidationCode> {
        TxValidationCode::try_from(self.raw_code).ok()
    }

    /// Whether another transaction changed first what this one had read: a new proposal reads the new state.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        use TxValidationCode::{MvccReadConflict, PhantomReadConflict};
        matches!(self.code(), Some(MvccReadConflict | PhantomReadConflict))
    }
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.code().map_or("unknown code", |code| code.as_str_name());
        write!(
            f,
            "transaction {} is invalid in block {}: validation code {} ({name})",
            self.transaction_id, self.block_number, self.raw_code
        )
    }
}

impl Error for CommitError {}

/// How tonic, on this side and in servers made with it, words a deadline: with [`Code::Cancelled`].
const TONIC_DEADLINE: &str = "Timeout expired";

/// The status code as Fabric's own gateway would give it.
pub(crate) fn code(status: &Status) -> Code {
    match status.code() {
        Code::Cancelled if status.message() == TONIC_DEADLINE => Code::DeadlineExceeded,
        // Only a status made on this side has a source: the connection broke in the middle of the call.
        Code::Unknown | Code::Internal | Code::Cancelled if status.source().is_some() => {
            Code::Unavailable
        }
        code => code,
    }
}

/// Details that do not decode, or of another type, are left out: they are of use to a reader only.
fn details(bytes: &[u8]) -> Vec<ErrorDetail> {
    let Ok(status) = rpc::Status::decode(bytes) else { return Vec::new() };
    let ours = status.details.iter().filter(|any| {
        any.type_url.rsplit_once('/').is_some_and(|(_, name)| name == ERROR_DETAIL_TYPE)
    });
    ours.filter_map(|any| gateway::ErrorDetail::decode(any.value.as_ref()).ok())
        .map(|detail| ErrorDetail {
            address: detail.address,
            msp_id: detail.msp_id,
            message: detail.message,
        })
        .collect()
}
