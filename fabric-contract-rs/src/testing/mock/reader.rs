use super::chaincode::{Chaincode, MockChannel};
use super::peer::Collections;
use super::trips::{RoundTrips, SpaceTrips};
use crate::{
    EndorsementPolicy, Entry, KeyRange, Kind, LedgerError, Modification, Outcome, Page,
    QueryReader, Reader, Response, Space, StateKey, TxContext, Write, Writes,
};
use bytes::Bytes;
use fabric_ledger::metadata::{KeyMetadata, VALIDATION_PARAMETER};
use fabric_ledger::{
    CollectionAccess, MemoryStore, Permission, QueryBatch, QueryRows, Simulation, SimulationError,
    SimulationResults, Simulator, Timestamp, sha256,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The name of a [mock ledger](super::MockLedger)'s own contract among its chaincodes.
pub const MOCK_CHAINCODE: &str = "mock";

/// What the creator of one transaction may do with each collection.
#[derive(Debug)]
pub(super) enum Access {
    /// As a client of this organisation.
    Client { collections: Arc<Collections>, msp_id: String },
    /// Whatever the collections' rules say: for state that no transaction made.
    Seed(Arc<Collections>),
}

impl CollectionAccess for Access {
    fn permission(&self, namespace: &str, collection: &str) -> Option<Permission> {
        match self {
            Self::Client { collections, msp_id } => {
                collections.permission(namespace, collection, msp_id)
            }
            Self::Seed(collections) => {
                collections.get(namespace, collection).map(|_| Permission::FULL)
            }
        }
    }
}

type Running = Simulator<Arc<MemoryStore>, Arc<MemoryStore>, Access>;

/// The peer that executes a transaction: all it could be asked for.
#[derive(Debug)]
pub(super) struct Executing {
    pub(super) msp_id: String,
    pub(super) cx: TxContext,
    /// The channels it has joined, the transaction's own among them.
    pub(super) channels: BTreeMap<Arc<str>, MockChannel>,
}

/// One chaincode at work for a transaction on one organisation's peer.
#[derive(Debug)]
pub struct MockReader {
    channel: Arc<str>,
    namespace: Arc<str>,
    /// Shared with the chaincodes it calls on its channel.
    simulation: Arc<Mutex<Running>>,
    trips: Mutex<RoundTrips>,
    has_called: AtomicBool,
    /// Chaincodes at work, by channel: none of them can be called again.
    at_work: Vec<(Arc<str>, Arc<str>)>,
    executing: Arc<Executing>,
}

impl MockReader {
    /// The first chaincode of a transaction on its channel. `None` where the peer has not joined.
    pub(super) fn begin(
        executing: Arc<Executing>,
        channel: &str,
        chaincode: &str,
        access: Access,
        at_work: Vec<(Arc<str>, Arc<str>)>,
    ) -> Option<Self> {
        let joined = executing.channels.get(channel)?;
        let state = Arc::clone(&joined.state);
        let private = joined.private.get(&executing.msp_id).cloned()?;
        let simulation = Simulation::new(channel, executing.cx.tx_id());
        let simulator = Simulator::new(simulation, state, private, access);
        let (channel, namespace) = (Arc::clone(&joined.name), Arc::from(chaincode));
        let simulation = Arc::new(Mutex::new(simulator));
        Some(Self::new(channel, namespace, simulation, at_work, executing))
    }

    fn new(
        channel: Arc<str>,
        namespace: Arc<str>,
        simulation: Arc<Mutex<Running>>,
        mut at_work: Vec<(Arc<str>, Arc<str>)>,
        executing: Arc<Executing>,
    ) -> Self {
        at_work.push((Arc::clone(&channel), Arc::clone(&namespace)));
        let (trips, has_called) = (Mutex::default(), AtomicBool::new(false));
        Self { channel, namespace, simulation, trips, has_called, at_work, executing }
    }

    fn simulator(&self) -> MutexGuard<'_, Running> {
        lock(&self.simulation)
    }

    fn count(&self, space: Space, add: impl FnOnce(&mut SpaceTrips)) {
        add(lock(&self.trips).count(space));
    }

    /// Whether two endorsers must not agree on this outcome.
    pub(super) fn never_endorsed(&self, outcome: &Outcome) -> bool {
        let called = self.has_called.load(Ordering::Relaxed);
        outcome.never_endorse || (outcome.kind == Kind::Evaluate && called)
    }

    /// Sends the writes of a successful transaction.
    pub(super) fn apply(&self, writes: Writes) -> Result<(), LedgerError> {
        if !writes.is_empty() {
            lock(&self.trips).count_write_batch();
        }
        let mut simulator = self.simulator();
        let (records, _) = writes.into_parts();
        for (space, key, write) in records {
            apply(&mut simulator, &self.namespace, space, &key, write).map_err(refusal)?;
        }
        Ok(())
    }

    /// Ends the transaction. `None` while a called chaincode is at work, which cannot be.
    pub(super) fn finish(self) -> Option<(SimulationResults, RoundTrips)> {
        let trips = self.trips.into_inner().unwrap_or_else(PoisonError::into_inner);
        let simulation = Arc::into_inner(self.simulation)?;
        let simulator = simulation.into_inner().unwrap_or_else(PoisonError::into_inner);
        Some((simulator.finish(), trips))
    }

    /// The chaincode that a call means, unless the peer refuses the call.
    fn callee(
        &self,
        channel: &str,
        chaincode: &str,
    ) -> Result<(Arc<str>, Arc<dyn Chaincode>), LedgerError> {
        lock(&self.trips).count_call();
        let not_callable = |text: String| Err(LedgerError::NotCallable(text));
        let Some(joined) = self.executing.channels.get(channel) else {
            return not_callable(format!("Failed to get policy manager for channel [{channel}]"));
        };
        let Some((name, callee)) = joined.chaincodes.get(chaincode) else {
            return not_callable(format!("chaincode {chaincode} not found"));
        };
        if self.at_work.iter().any(|(at, one)| **at == *channel && **one == *chaincode) {
            let tx_id = self.executing.cx.tx_id();
            return not_callable(format!("txid: {tx_id}({channel}) exists"));
        }
        Ok((Arc::clone(name), Arc::clone(callee)))
    }

    /// Has a chaincode of the same channel run.
    async fn call(&self, chaincode: &str, args: &[Bytes]) -> Result<Response, LedgerError> {
        crate::reader::check_callee(chaincode)?;
        self.has_called.store(true, Ordering::Relaxed);
        let (namespace, callee) = self.callee(&self.channel, chaincode)?;
        let (channel, simulation) = (Arc::clone(&self.channel), Arc::clone(&self.simulation));
        let (at_work, executing) = (self.at_work.clone(), Arc::clone(&self.executing));
        let reader = Self::new(channel, namespace, simulation, at_work, executing);
        reader.run(&*callee, &self.executing.cx, args).await
    }

    /// Runs the chaincode of this reader for another one.
    async fn run(
        &self,
        chaincode: &dyn Chaincode,
        cx: &TxContext,
        args: &[Bytes],
    ) -> Result<Response, LedgerError> {
        let outcome = chaincode.run(cx, self, args).await;
        let never_endorsed = self.never_endorsed(&outcome);
        let Outcome { mut response, writes, .. } = outcome;
        let failed = |text| Err(LedgerError::CalleeFailed(text));
        if response.status >= 500 {
            return failed(response.message);
        }
        if !response.is_success() {
            return Ok(response);
        }
        if let Err(error) = self.apply(writes) {
            return failed(crate::TxError::from(error).to_string());
        }
        if never_endorsed {
            // As fresh as a server's: no two peers say the same.
            let text = format!("{} {}", self.executing.msp_id, self.executing.cx.tx_id());
            response.message = hex::encode(sha256(text.as_bytes()));
        }
        Ok(response)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A contract that panicked has failed its test already.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn apply(
    simulator: &mut Running,
    namespace: &str,
    space: Space,
    key: &StateKey,
    write: Write,
) -> Result<(), SimulationError> {
    let key = key.as_str();
    match (space, write) {
        (Space::Public, Write::Put(value)) => simulator.put_state(namespace, key, value),
        (Space::Public, Write::Delete) => simulator.delete_state(namespace, key),
        (Space::Public, Write::Purge) => Err(SimulationError::PurgeOfPublicData),
        (Space::Private(collection), Write::Put(value)) => {
            simulator.put_private_data(namespace, collection, key, value)
        }
        (Space::Private(collection), Write::Delete) => {
            simulator.delete_private_data(namespace, collection, key)
        }
        (Space::Private(collection), Write::Purge) => {
            simulator.purge_private_data(namespace, collection, key)
        }
        (Space::Public, Write::EndorsementPolicy(policy)) => {
            simulator.put_state_metadata(namespace, key, entries_of(policy))
        }
        (Space::Private(collection), Write::EndorsementPolicy(policy)) => {
            simulator.put_private_data_metadata(namespace, collection, key, entries_of(policy))
        }
    }
}

/// As a peer is sent it: one entry, with nothing in it when the policy is to go.
fn entries_of(policy: Bytes) -> KeyMetadata {
    [(VALIDATION_PARAMETER.to_owned(), policy)].into()
}

/// As a server understands a peer's text.
fn refusal(error: SimulationError) -> LedgerError {
    match error {
        SimulationError::PrivateDataNotAvailable { .. } => LedgerError::PrivateDataUnavailable,
        SimulationError::NoReadAccess { .. } | SimulationError::NoWriteAccess { .. } => {
            LedgerError::AccessDenied
        }
        SimulationError::PrivateDataInInit
        | SimulationError::PrivateQueryAfterWrite { .. }
        | SimulationError::WriteAfterPrivateQuery { .. }
        | SimulationError::PaginatedQueryAfterWrite { .. }
        | SimulationError::WriteAfterPaginatedQuery { .. } => {
            LedgerError::Unsupported(error.to_string())
        }
        other => LedgerError::Peer(other.to_string()),
    }
}

impl Reader for MockReader {
    async fn get(&self, space: Space, key: &StateKey) -> Result<Option<Bytes>, LedgerError> {
        self.count(space, |trips| {
            trips.gets += 1;
            trips.keys += 1;
        });
        let (mut simulator, namespace) = (self.simulator(), &self.namespace);
        match space {
            Space::Public => simulator.get_state(namespace, key.as_str()),
            Space::Private(collection) => {
                simulator.get_private_data(namespace, collection, key.as_str())
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
        self.count(space, |trips| {
            trips.multi_gets += 1;
            trips.keys += keys.len();
        });
        let keys: Vec<&str> = keys.iter().map(StateKey::as_str).collect();
        let (mut simulator, namespace) = (self.simulator(), &self.namespace);
        match space {
            Space::Public => simulator.get_state_multiple(namespace, &keys),
            Space::Private(collection) => {
                simulator.get_private_data_multiple(namespace, collection, &keys)
            }
        }
        .map_err(refusal)
    }

    async fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        self.collect(Space::Public, limit, entries, |simulator| {
            simulator.get_state_by_range(&self.namespace, range.start(), range.end())
        })
    }

    async fn private_hash(
        &self,
        collection: &'static str,
        key: &StateKey,
    ) -> Result<Option<Bytes>, LedgerError> {
        self.count(Space::Private(collection), |trips| trips.hashes += 1);
        let mut simulator = self.simulator();
        let hash = simulator.get_private_data_hash(&self.namespace, collection, key.as_str());
        hash.map_err(refusal)
    }

    async fn endorsement_policy(
        &self,
        space: Space,
        key: &StateKey,
    ) -> Result<Option<EndorsementPolicy>, LedgerError> {
        self.count(space, |trips| trips.policies += 1);
        let (mut simulator, namespace) = (self.simulator(), &self.namespace);
        let mut entries = match space {
            Space::Public => simulator.get_state_metadata(namespace, key.as_str()),
            Space::Private(collection) => {
                simulator.get_private_data_metadata(namespace, collection, key.as_str())
            }
        }
        .map_err(refusal)?;
        let policy = entries.remove(VALIDATION_PARAMETER).filter(|policy| !policy.is_empty());
        Ok(policy.map(EndorsementPolicy::from_ledger))
    }

    async fn invoke(
        &self,
        _: &mut Writes,
        chaincode: &str,
        args: &[Bytes],
    ) -> Result<Response, LedgerError> {
        self.call(chaincode, args).await
    }

    async fn query_channel(
        &self,
        channel: &str,
        chaincode: &str,
        args: &[Bytes],
    ) -> Result<Response, LedgerError> {
        crate::reader::check_other_channel(&self.channel, channel)?;
        crate::reader::check_callee(chaincode)?;
        let (_, callee) = self.callee(channel, chaincode)?;
        let own = &self.executing.cx;
        let collections = self.executing.channels.get(channel).map(|one| &one.collections);
        let access = Access::Client {
            collections: collections.cloned().unwrap_or_default(),
            msp_id: own.client().msp_id().to_owned(),
        };
        let (executing, at_work) = (Arc::clone(&self.executing), self.at_work.clone());
        let reader =
            Self::begin(executing, channel, chaincode, access, at_work).ok_or_else(|| {
                LedgerError::NotCallable(format!(
                    "Failed to get policy manager for channel [{channel}]"
                ))
            })?;
        reader.run(&*callee, &own.on_channel(channel), args).await
    }
}

impl QueryReader for MockReader {
    async fn private_range(
        &self,
        collection: &'static str,
        range: &KeyRange,
        limit: usize,
    ) -> Result<Vec<Entry>, LedgerError> {
        self.collect(Space::Private(collection), limit, entries, |simulator| {
            let (start, end) = (range.start(), range.end());
            simulator.get_private_data_by_range(&self.namespace, collection, start, end)
        })
    }

    async fn history(
        &self,
        key: &StateKey,
        limit: usize,
    ) -> Result<Vec<Modification>, LedgerError> {
        self.collect(Space::Public, limit, modifications, |simulator| {
            simulator.get_history_for_key(&self.namespace, key.as_str())
        })
    }

    async fn range_page(
        &self,
        range: &KeyRange,
        size: u32,
        bookmark: Option<&str>,
    ) -> Result<Page, LedgerError> {
        let (rest, size) = range.page(size, bookmark)?;
        self.count(Space::Public, |trips| trips.ranges += 1);
        let (start, end) = (rest.start(), rest.end());
        let mut simulator = self.simulator();
        let page = simulator.get_state_by_range_page(&self.namespace, start, end, size, "");
        let page = page.map_err(refusal)?;
        let bookmark = page.bookmark.filter(|bookmark| !bookmark.is_empty());
        Ok(Page { entries: entries(page.rows), bookmark })
    }

    async fn query_chaincode(
        &self,
        chaincode: &str,
        args: &[Bytes],
    ) -> Result<Response, LedgerError> {
        self.call(chaincode, args).await
    }
}

impl MockReader {
    /// Opens a query and reads batches until there are `limit` rows or no more.
    fn collect<T>(
        &self,
        space: Space,
        limit: usize,
        of: fn(QueryRows) -> Vec<T>,
        open: impl FnOnce(&mut Running) -> Result<QueryBatch, SimulationError>,
    ) -> Result<Vec<T>, LedgerError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut simulator = self.simulator();
        self.count(space, |trips| trips.ranges += 1);
        let mut batch = open(&mut simulator).map_err(refusal)?;
        let mut rows = Vec::new();
        loop {
            let left = limit - rows.len();
            rows.extend(of(batch.rows).into_iter().take(left));
            if !batch.has_more {
                return Ok(rows);
            }
            self.count(space, |trips| trips.ranges += 1);
            if rows.len() == limit {
                simulator.close_query(batch.id);
                return Ok(rows);
            }
            batch = simulator.next_batch(batch.id).map_err(refusal)?;
        }
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
