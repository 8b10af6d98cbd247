use std::io;
use std::path::PathBuf;

use fabric_identity::{KeyError, SignError};
use fabric_ledger::{SimulationError, StoreError};
use tonic::Status;

/// Why nothing could be judged.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// A file or folder cannot be used.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nothing was signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The network is not there, or not as it has to be.
    #[error("{0}")]
    Network(String),
    /// A call failed that has to succeed.
    #[error("{what}: {text}")]
    Call {
        /// What was called for.
        what: String,
        /// The peer's words.
        text: String,
    },
    /// Something of the network's cannot be read.
    #[error("it cannot be read: {0}")]
    Decode(#[from] prost::DecodeError),
    /// A script cannot be written.
    #[error("a script: {0}")]
    Script(serde_json::Error),
    /// The memory store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A simulation broke off.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    /// There are two organisations.
    #[error("there is no organisation {0}")]
    NoPeer(usize),
    /// A batch that is not one block, so that two networks would not judge the same.
    #[error(
        "the orderer cut batch {batch} into {blocks} blocks: its transactions took longer to reach \
         it than the channel's batch timeout, or a block holds fewer of them; run again with a \
         longer BATCH_TIMEOUT"
    )]
    Cut {
        /// Number of the batch in the plan.
        batch: usize,
        /// Its blocks.
        blocks: u64,
    },
    /// A plan that does not fit its run.
    #[error("there is no step {0}")]
    NoStep(usize),
    /// A block without a header.
    #[error("a block without a header")]
    NoHeader,
    /// The channel has no policy for definitions.
    #[error("the channel has no policy for chaincode definitions")]
    NoPolicy,
    /// A file that is no recording.
    #[error("it is not a recording, or a damaged one")]
    Recording,
    /// Results cannot be told.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl JudgeError {
    /// A call that failed, with the gateway's details.
    pub(crate) fn call(what: &str, status: &Status) -> Self {
        let details = String::from_utf8_lossy(status.details()).into_owned();
        Self::Call { what: what.to_owned(), text: format!("{status}; {details}") }
    }
}
