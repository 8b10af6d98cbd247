//! Reading back what was kept.

use prost::DecodeError;
use thiserror::Error;

/// Why kept bytes are not a proposal, transaction or commit request.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The bytes are something else or damaged.
    #[error("the kept bytes cannot be read: {0}")]
    Decode(#[from] DecodeError),
    /// The parts do not belong together.
    #[error("the kept bytes name another transaction than they contain")]
    TransactionId,
}
