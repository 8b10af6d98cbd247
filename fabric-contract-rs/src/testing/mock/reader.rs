use super::trips::RoundTrips;
use crate::{
    EndorsementPolicy, Entry, KeyRange, LedgerError, Modification, QueryReader, Reader, Space,
    StateKey, Write, Writes,
};
use bytes::Bytes;
use fabric_ledger::metadata::{KeyMetadata, VALIDATION_PARAMETER};
use fabric_ledger::{
    CollectionAccess, MemoryStore, Permission, QueryBatch, QueryRows, Simulation, SimulationError,
    SimulationResults, Simulator, Timestamp,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The chaincode's name on the mock ledger.
pub(super) const NAMESPACE: &str = "mock";

/// What the creator of one transaction may do with each collection.
#[derive(Debug)]
pub(super) struct Access(pub(super) BTreeMap<String, Permission>);

impl CollectionAccess for Access {
    fn permission(&self, _: &str, collection: &str) -> Option<Permission> {
        self.0.get(collection).copied()
    }
}

type Running = Simulator<Arc<MemoryStore>, Arc<MemoryStore>, Access>;

/// One transaction's view of the ledger on one organisation's peer.
#[derive(Debug)]
pub struct MockReader {
    simulation: Mutex<(Running, RoundTrips)>,
}

impl MockReader {
    pub(super) fn new(
        simulation: Simulation,
        state: Arc<MemoryStore>,
        private: Arc<MemoryStore>,
        access: Access,
    ) -> Self {
        let simulator = Simulator::new(simulation, state, private, access);
        Self { simulation: Mutex::new((simulator, RoundTrips::default())) }
    }

    fn lock(&self) -> MutexGuard<'_, (Running, RoundTrips)> {
        // A contract that panicked has failed its test already.
        self.simulation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the writes of a successful transaction and ends it.
    pub(super) fn finish(
        self,
        writes: Writes,
    ) -> Result<(SimulationResults, RoundTrips), LedgerError> {
        let (mut simulator, mut trips) =
            self.simulation.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !writes.is_empty() {
            trips.count_write_batch();
        }
        let (records, _) = writes.into_parts();
        for (space, key, write) in records {
            apply(&mut simulator, space, &key, write).map_err(refusal)?;
        }
        Ok((simulator.finish(), trips))
    }
}

fn apply(
    simulator: &mut Running,
    space: Space,
    key: &StateKey,
    write: Write,
) -> Result<(), SimulationError> {
    let key = key.as_str();
    match (space, write) {
        (Space::Public, Write::Put(value)) => simulator.put_state(NAMESPACE, key, value),
        (Space::Public, Write::Delete) => simulator.delete_state(NAMESPACE, key),
        (Space::Public, Write::Purge) => Err(SimulationError::PurgeOfPublicData),
        (Space::Private(collection), Write::Put(value)) => {
            simulator.put_private_data(NAMESPACE, collection, key, value)
        }
        (Space::Private(collection), Write::Delete) => {
            simulator.delete_private_data(NAMESPACE, collection, key)
        }
        (Space::Private(collection), Write::Purge) => {
            simulator.purge_private_data(NAMESPACE, collection, key)
        }
        (Space::Public, Write::EndorsementPolicy(policy)) => {
            simulator.put_state_metadata(NAMESPACE, key, entries_of(policy))
        }
        (Space::Private(collection), Write::EndorsementPolicy(policy)) => {
            simulator.put_private_data_metadata(NAMESPACE, collection, key, entries_of(policy))
        }
    }
}

/// As a peer is sent it: one entry, with nothing in it when the policy is to go.
fn entries_of(policy: Bytes) -> KeyMetadata {
    [(VALIDATION_PARAMETER.to_owned(), policy)].into()
}

fn refusal(error: SimulationError) -> LedgerError {
    match error {
        SimulationError::PrivateDataNotAvailable { .. } => LedgerError::PrivateDataUnavailable,
        SimulationError::NoReadAccess { .. } | SimulationError::NoWriteAccess { .. } => {
            LedgerError::AccessDenied
        }
        other => LedgerError::Peer(other.to_string()),
    }
}

impl Reader for MockReader {
    async fn get(&self, space: Space, key: &StateKey) -> Result<Option<Bytes>, LedgerError> {
        let (simulator, trips) = &mut *self.lock();
        let counted = trips.count(space);
        counted.gets += 1;
        counted.keys += 1;
        match space {
            Space::Public => simulator.get_state(NAMESPACE, key.as_str()),
            Space::Private(collection) => {
                simulator.get_private_data(NAMESPACE, collection, key.as_str())
            }
        }
        .map_err(refusal)
    }

    async fn get_many(
        &self,
        space: Space,
        keys: &[StateKey],
    ) -> Result<Vec<Option<Bytes>>, LedgerError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (simulator, trips) = &mut *self.lock();
        let counted = trips.count(space);
        counted.multi_gets += 1;
        counted.keys += keys.len();
        let keys: Vec<&str> = keys.iter().map(StateKey::as_str).collect();
        match space {
            Space::Public => simulator.get_state_multiple(NAMESPACE, &keys),
            Space::Private(collection) => {
                simulator.get_private_data_multiple(NAMESPACE, collection, &keys)
            }
        }
        .map_err(refusal)
    }

    async fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (simulator, trips) = &mut *self.lock();
        trips.count(Space::Public).ranges += 1;
        let first = simulator.get_state_by_range(NAMESPACE, range.start(), range.end());
        collect(simulator, trips, Space::Public, first, limit, entries)
    }

    async fn private_hash(
        &self,
        collection: &'static str,
        key: &StateKey,
    ) -> Result<Option<Bytes>, LedgerError> {
        let (simulator, trips) = &mut *self.lock();
        trips.count(Space::Private(collection)).hashes += 1;
        simulator.get_private_data_hash(NAMESPACE, collection, key.as_str()).map_err(refusal)
    }

    async fn endorsement_policy(
        &self,
        space: Space,
        key: &StateKey,
    ) -> Result<Option<EndorsementPolicy>, LedgerError> {
        let (simulator, trips) = &mut *self.lock();
        trips.count(space).policies += 1;
        let mut entries = match space {
            Space::Public => simulator.get_state_metadata(NAMESPACE, key.as_str()),
            Space::Private(collection) => {
                simulator.get_private_data_metadata(NAMESPACE, collection, key.as_str())
            }
        }
        .map_err(refusal)?;
        let policy = entries.remove(VALIDATION_PARAMETER).filter(|policy| !policy.is_empty());
        Ok(policy.map(EndorsementPolicy::from_ledger))
    }
}

impl QueryReader for MockReader {
    async fn private_range(
        &self,
        collection: &'static str,
        range: &KeyRange,
        limit: usize,
    ) -> Result<Vec<Entry>, LedgerError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (simulator, trips) = &mut *self.lock();
        let space = Space::Private(collection);
        trips.count(space).ranges += 1;
        let (start, end) = (range.start(), range.end());
        let first = simulator.get_private_data_by_range(NAMESPACE, collection, start, end);
        collect(simulator, trips, space, first, limit, entries)
    }

    async fn history(
        &self,
        key: &StateKey,
        limit: usize,
    ) -> Result<Vec<Modification>, LedgerError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let (simulator, trips) = &mut *self.lock();
        trips.count(Space::Public).ranges += 1;
        let first = simulator.get_history_for_key(NAMESPACE, key.as_str());
        collect(simulator, trips, Space::Public, first, limit, modifications)
    }
}

fn entries(rows: QueryRows) -> Vec<Entry> {
    match rows {
        QueryRows::Keys(rows) => {
            rows.into_iter().map(|row| (StateKey::from_ledger(row.key), row.value)).collect()
        }
        QueryRows::History(_) => Vec::new(),
    }
}

fn modifications(rows: QueryRows) -> Vec<Modification> {
    let QueryRows::History(rows) = rows else { return Vec::new() };
    rows.into_iter()
        .map(|row| {
            let ms = |time: Timestamp| {
                time.seconds.saturating_mul(1000).saturating_add((time.nanos / 1_000_000).into())
            };
            let timestamp_ms = row.timestamp.map_or(0, ms);
            Modification { tx_id: row.tx_id, timestamp_ms, value: row.value }
        })
        .collect()
}

/// Reads batches on until there are `limit` rows or no more.
fn collect<T>(
    simulator: &mut Running,
    trips: &mut RoundTrips,
    space: Space,
    first: Result<QueryBatch, SimulationError>,
    limit: usize,
    of: fn(QueryRows) -> Vec<T>,
) -> Result<Vec<T>, LedgerError> {
    let mut batch = first.map_err(refusal)?;
    let mut rows = Vec::new();
    loop {
        let left = limit - rows.len();
        rows.extend(of(batch.rows).into_iter().take(left));
        if !batch.has_more {
            return Ok(rows);
        }
        trips.count(space).ranges += 1;
        if rows.len() == limit {
            simulator.close_query(batch.id);
            return Ok(rows);
        }
        batch = simulator.next_batch(batch.id).map_err(refusal)?;
    }
}
