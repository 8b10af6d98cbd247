//! What a program in the same process may see of a channel.

use std::ops::ControlFlow;

use bytes::Bytes;
use fabric_ledger::{KeyRange, Space, Store as _};

use crate::chain::Chain;
use crate::store::{LedgerError, PeerSnapshot};

/// One channel of a running [`Devnet`](crate::Devnet), as far as it is committed.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a> {
    chain: &'a Chain,
}

impl<'a> Ledger<'a> {
    pub(crate) const fn new(chain: &'a Chain) -> Self {
        Self { chain }
    }

    /// The channel's name.
    pub fn name(&self) -> &'a str {
        self.chain.shared.channel.name()
    }

    /// How many blocks are committed.
    pub fn height(&self) -> u64 {
        self.chain.shared.database.snapshot().height()
    }

    /// Waits until so many blocks are committed; false if the devnet stops before.
    pub async fn wait_for_height(&self, height: u64) -> bool {
        self.chain.notifier.height().wait_for(|committed| *committed >= height).await.is_ok()
    }

    /// A committed block as bytes of Fabric's `common.Block`.
    pub fn block(&self, number: u64) -> Result<Option<Bytes>, LedgerError> {
        Ok(self.chain.shared.database.snapshot().block(number)?)
    }

    /// What an organisation's peer holds in clear of a collection, by key.
    pub fn private_data(
        &self,
        msp_id: &str,
        chaincode: &str,
        collection: &str,
    ) -> Result<Vec<(Bytes, Bytes)>, LedgerError> {
        let snapshot = self.chain.shared.database.snapshot();
        let store = PeerSnapshot::new(snapshot, msp_id.into());
        let mut rows = Vec::new();
        let space = Space::Private { namespace: chaincode, collection };
        store.scan(space, KeyRange::ALL, &mut |row| {
            rows.push((Bytes::copy_from_slice(row.key), Bytes::copy_from_slice(row.value)));
            ControlFlow::Continue(())
        })?;
        Ok(rows)
    }
}
