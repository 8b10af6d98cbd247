//! Following a channel: chaincode events and blocks, and going on where one left off.

mod blocks;
mod chaincode;
mod checkpoint;
mod error;
mod feed;
mod file;

pub use blocks::{BlockEvents, BlockEventsRequest, BlockTransaction, DeliveredBlock};
pub use chaincode::{ChaincodeEvent, ChaincodeEvents, ChaincodeEventsRequest};
pub use checkpoint::{Checkpoint, Checkpointer, MemoryCheckpointer};
pub use error::EventError;
pub use file::{FileCheckpointError, FileCheckpointer};

use fabric_protos::orderer::seek_position::Type as Position;
use fabric_protos::orderer::{SeekNextCommit, SeekPosition, SeekSpecified};

/// Where a request begins.
#[derive(Debug, Clone, Default)]
struct Start {
    /// The first block, where no checkpoint says otherwise.
    block: Option<u64>,
    checkpoint: Checkpoint,
}

impl Start {
    fn first_block(&self) -> Option<u64> {
        self.checkpoint.block_number().or(self.block)
    }

    fn position(&self) -> SeekPosition {
        let position = match self.first_block() {
            Some(number) => Position::Specified(SeekSpecified { number }),
            None => Position::NextCommit(SeekNextCommit {}),
        };
        SeekPosition { r#type: Some(position) }
    }
}
