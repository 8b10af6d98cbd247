use crate::Space;
use std::collections::BTreeMap;

/// What one invocation has asked of its peer in one space.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpaceTrips {
    /// Single reads.
    pub gets: usize,
    /// Reads of several keys at once. A server splits one that exceeds what its peer takes.
    pub multi_gets: usize,
    /// Keys asked for, by single and multiple reads together.
    pub keys: usize,
    /// Reads of a private value's hash.
    pub hashes: usize,
    /// Reads of a key's endorsement policy.
    pub policies: usize,
    /// Messages of range and history queries: the first batch, each further one, and the end of one
    /// that is left early.
    pub ranges: usize,
}

/// The round trips to the peer of one invocation, for budgets.
///
/// ```
/// # use fabric_contract_rs::Space;
/// # use fabric_contract_rs::testing::RoundTrips;
/// # let trips = RoundTrips::default();
/// // A submit transaction: one multi-get a collection touched, and one write batch.
/// assert!(trips.total() <= 3);
/// assert_eq!(trips.space(Space::Private("health")).gets, 0);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoundTrips {
    spaces: BTreeMap<Space, SpaceTrips>,
    calls: usize,
    write_batches: usize,
}

impl RoundTrips {
    /// The trips for one space.
    pub fn space(&self, space: Space) -> SpaceTrips {
        self.spaces.get(&space).copied().unwrap_or_default()
    }

    /// The spaces that were asked.
    pub fn spaces(&self) -> impl Iterator<Item = Space> {
        self.spaces.keys().copied()
    }

    /// Calls of other chaincodes. What those ask the peer is not counted: another server does it.
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// 1 when the transaction wrote, else 0.
    pub fn write_batches(&self) -> usize {
        self.write_batches
    }

    /// All trips: the reads of every kind, the calls and the write batch.
    pub fn total(&self) -> usize {
        let reads: usize = self
            .spaces
            .values()
            .map(|trips| {
                trips.gets + trips.multi_gets + trips.hashes + trips.policies + trips.ranges
            })
            .sum();
        reads + self.calls + self.write_batches
    }

    pub(super) fn count(&mut self, space: Space) -> &mut SpaceTrips {
        self.spaces.entry(space).or_default()
    }

    pub(super) fn count_call(&mut self) {
        self.calls += 1;
    }

    pub(super) fn count_write_batch(&mut self) {
        self.write_batches += 1;
    }
}
