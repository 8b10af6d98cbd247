use fabric_ledger::block::{data_hash, header_hash};
use fabric_protos::common::{Block, BlockHeader};
use prost::Message as _;

use super::database::{Database, Savepoint};
use super::error::LedgerError;
use super::snapshot::Snapshot;
use crate::config::IntegrityCheck;

/// Blocks after which a long walk says how far it is.
const PROGRESS_BLOCKS: u64 = 10_000;

impl Database {
    /// Makes sure that the newest blocks form a chain up to the savepoint, so that what follows is
    /// built on what was there.
    pub(crate) fn check_chain(&self, extent: IntegrityCheck) -> Result<(), LedgerError> {
        let Some(savepoint) = self.opened_at() else { return Ok(()) };
        let damaged =
            |reason: String| LedgerError::Damaged { path: self.path().to_owned(), reason };
        let snapshot = self.snapshot();
        self.check_tip(&snapshot, savepoint).map_err(damaged)?;
        let first = match extent {
            IntegrityCheck::Full => 0,
            IntegrityCheck::Newest(blocks) => {
                savepoint.number.saturating_add(1).saturating_sub(blocks)
            }
        };
        let mut expected = savepoint.header_hash;
        for number in (first..=savepoint.number).rev() {
            let header = check_block(&snapshot, number)?.map_err(damaged)?;
            if header_hash(&header) != expected {
                let reason = format!("block {number} is not the one that its successor names");
                return Err(damaged(reason));
            }
            if number > 0 {
                expected = header.previous_hash[..]
                    .try_into()
                    .map_err(|_| damaged(format!("block {number} names no predecessor")))?;
            }
            let walked = savepoint.number - number;
            if walked > 0 && walked.is_multiple_of(PROGRESS_BLOCKS) {
                tracing::info!(walked, left = number - first, "checking the chain of blocks");
            }
        }
        Ok(())
    }

    /// State and blocks are written together: the last block is the savepoint's, and no other.
    fn check_tip(&self, snapshot: &Snapshot, savepoint: Savepoint) -> Result<(), String> {
        let last = snapshot.last_block().map_err(|err| err.to_string())?;
        let number = savepoint.number;
        match last {
            Some(last) if last == number => Ok(()),
            Some(last) => Err(format!("state is at block {number}, but the last block is {last}")),
            None => Err(format!("state is at block {number}, but there are no blocks")),
        }
    }
}

/// A block's header, if its number and the hash of its data are right.
fn check_block(
    snapshot: &Snapshot,
    number: u64,
) -> Result<Result<BlockHeader, String>, LedgerError> {
    let Some(bytes) = snapshot.block(number)? else {
        return Ok(Err(format!("block {number} is missing")));
    };
    let Ok(block) = Block::decode(bytes) else {
        return Ok(Err(format!("block {number} cannot be decoded")));
    };
    let (header, data) = (block.header.unwrap_or_default(), block.data.unwrap_or_default());
    Ok(if header.number != number {
        Err(format!("block {number} has number {}", header.number))
    } else if header.data_hash[..] != data_hash(&data.data) {
        Err(format!("the transactions of block {number} are not those its header names"))
    } else {
        Ok(header)
    })
}
