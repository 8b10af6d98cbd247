//! How far a channel has been followed.

use std::convert::Infallible;

use super::{ChaincodeEvent, DeliveredBlock, EventError};

/// How far a channel has been followed: the block to go on with, and the last transaction in it that is done.
///
/// Kept together with the effects of what was followed, in one transaction of the application's own database, it makes
/// each effect happen once. Kept separately, as a [`Checkpointer`] does, after the effect, the last one may happen again
/// after a crash; kept before it, it may be lost.
///
/// ```
/// use fabric_gateway_client::Checkpoint;
///
/// let nothing = Checkpoint::default();
/// assert_eq!((nothing.block_number(), nothing.transaction_id()), (None, None));
/// let within = Checkpoint::after_transaction(7, "c0ffee");
/// assert_eq!((within.block_number(), within.transaction_id()), (Some(7), Some("c0ffee")));
/// let next = Checkpoint::after_block(7);
/// assert_eq!((next.block_number(), next.transaction_id()), (Some(8), None));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    block_number: Option<u64>,
    transaction_id: Option<String>,
}

impl Checkpoint {
    /// A whole block is done.
    #[must_use]
    pub fn after_block(number: u64) -> Self {
        Self { block_number: Some(number.saturating_add(1)), transaction_id: None }
    }

    /// A block is done up to and with one of its transactions.
    #[must_use]
    pub fn after_transaction(block_number: u64, transaction_id: impl Into<String>) -> Self {
        Self { block_number: Some(block_number), transaction_id: Some(transaction_id.into()) }
    }

    /// The events up to and with this one are done.
    #[must_use]
    pub fn after_event(event: &ChaincodeEvent) -> Self {
        Self::after_transaction(event.block_number, event.transaction_id.clone())
    }

    /// Nothing of this block and of later ones is done, as far as [`transaction_id`](Self::transaction_id) does not say.
    pub(crate) fn at(block_number: Option<u64>, transaction_id: Option<String>) -> Self {
        Self { block_number, transaction_id }
    }

    /// The block to go on with; absent when nothing is done.
    #[must_use]
    pub fn block_number(&self) -> Option<u64> {
        self.block_number
    }

    /// The last transaction of that block that is done; absent when none is.
    #[must_use]
    pub fn transaction_id(&self) -> Option<&str> {
        self.transaction_id.as_deref()
    }

    /// How many of a block's transactions are done, for one who follows blocks and not only whole ones: at the checkpoint's
    /// block those up to its transaction, and none of later blocks.
    ///
    /// ```no_run
    /// # use fabric_gateway_client::{Checkpointer, DeliveredBlock, MemoryCheckpointer, Network};
    /// # async fn example(network: Network) -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut done = MemoryCheckpointer::default();
    /// let mut blocks = network.filtered_block_events().start_block(0).checkpoint(done.checkpoint()).open()?;
    /// while let Some(block) = blocks.next().await {
    ///     let block = block?;
    ///     let skip = done.checkpoint().done_in(&block)?;
    ///     for transaction in block.transactions().iter().skip(skip).filter(|found| found.is_valid()) {
    ///         println!("{}", transaction.id);
    ///         done.transaction_done(block.number(), &transaction.id)?;
    ///     }
    ///     done.block_done(block.number())?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`EventError::CheckpointUnknown`] when the checkpoint's transaction is not in its block.
    pub fn done_in(&self, block: &impl DeliveredBlock) -> Result<usize, EventError> {
        if self.block_number != Some(block.number()) {
            return Ok(0);
        }
        let transactions = block.transactions();
        self.done_among(block.number(), transactions.iter().map(|found| found.id.as_str()))
    }

    /// How many of these are done, which are of the first block that came.
    pub(super) fn done_among<'a>(
        &self,
        block_number: u64,
        mut transactions: impl Iterator<Item = &'a str>,
    ) -> Result<usize, EventError> {
        let (Some(wanted), Some(done)) = (self.block_number, &self.transaction_id) else {
            return Ok(0);
        };
        let found = (wanted == block_number).then(|| transactions.position(|id| id == done));
        match found.flatten() {
            Some(position) => Ok(position.saturating_add(1)),
            None => Err(EventError::CheckpointUnknown {
                block_number: wanted,
                transaction_id: done.clone(),
            }),
        }
    }
}

/// Keeps a [`Checkpoint`].
///
/// What is done is told by [`event_done`](Self::event_done) and its like; [`checkpoint`](Self::checkpoint) is where to go
/// on after a restart or a broken connection.
pub trait Checkpointer {
    /// Why a checkpoint could not be kept.
    type Error;

    /// How far everything is done.
    fn checkpoint(&self) -> &Checkpoint;

    /// Keeps a checkpoint in place of the one before. When this returns it is kept; when it fails, one of the two is.
    ///
    /// # Errors
    /// When it could not be kept.
    fn save(&mut self, checkpoint: Checkpoint) -> Result<(), Self::Error>;

    /// An event was processed.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    fn event_done(&mut self, event: &ChaincodeEvent) -> Result<(), Self::Error> {
        self.save(Checkpoint::after_event(event))
    }

    /// A transaction was processed.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    fn transaction_done(&mut self, block_number: u64, id: &str) -> Result<(), Self::Error> {
        self.save(Checkpoint::after_transaction(block_number, id))
    }

    /// A block was processed.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    fn block_done(&mut self, number: u64) -> Result<(), Self::Error> {
        self.save(Checkpoint::after_block(number))
    }
}

/// Keeps a checkpoint as long as the process runs: for what a broken connection must neither lose nor double.
#[derive(Debug, Clone, Default)]
pub struct MemoryCheckpointer {
    checkpoint: Checkpoint,
}

impl Checkpointer for MemoryCheckpointer {
    type Error = Infallible;

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    fn save(&mut self, checkpoint: Checkpoint) -> Result<(), Infallible> {
        self.checkpoint = checkpoint;
        Ok(())
    }
}
