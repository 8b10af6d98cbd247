//! Simulation of one transaction on one peer.

mod error;
mod init;
mod interest;
mod query;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fabric_protos::rwset::TxPvtReadWriteSet;

pub use self::error::SimulationError;
pub use self::init::{INITIALIZED_KEY, InvocationKind};
pub use self::query::{KeyValue, QUERY_BATCH, QueryBatch, QueryId, QueryRows};
use self::query::{Query, RangeRecord};
use crate::access::CollectionAccess;
use crate::hash::sha256;
use crate::metadata::{self, KeyMetadata};
use crate::rwset::{Builder, PrivateWrite, TxRwSet};
use crate::space::Space;
use crate::store::Store;

type Result<T> = std::result::Result<T, SimulationError>;

/// Rows one query returns at most unless told otherwise: `ledger.state.totalQueryLimit` of the
/// peer's sample configuration.
pub const TOTAL_QUERY_LIMIT: u32 = 100_000;

/// What a simulation is told about its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulation {
    /// Channel name, for the texts of refusals.
    pub channel: String,
    /// Transaction id.
    pub tx_id: String,
    /// The chaincode being initialised, if the transaction is an `INIT`.
    pub initializing: Option<String>,
    /// Rows a query returns at most; what is beyond is cut off silently.
    pub total_query_limit: u32,
}

impl Simulation {
    /// An ordinary transaction.
    pub fn new(channel: impl Into<String>, tx_id: impl Into<String>) -> Self {
        Self {
            channel: channel.into(),
            tx_id: tx_id.into(),
            initializing: None,
            total_query_limit: TOTAL_QUERY_LIMIT,
        }
    }
}

/// Runs one transaction against a snapshot as a peer's simulator does.
///
/// Reads answer from the snapshot only, never from the transaction's own writes. `state` has the
/// public and hashed spaces, `private` the plaintext of the peer that simulates; the two must be
/// of one height. Every method names the chaincode (`namespace`) that asks, so that a chaincode
/// called by another one of the channel joins the same results.
///
/// ```
/// use fabric_ledger::{MemoryStore, Permission, Simulation, Simulator};
///
/// let (state, private) = (MemoryStore::default(), MemoryStore::default());
/// let access = |_: &str, collection: &str| (collection == "health").then_some(Permission::FULL);
///
/// let mut tx = Simulator::new(Simulation::new("mychannel", "tx1"), &state, &private, access);
/// assert_eq!(tx.get_state("ioht", "a1")?, None);
/// tx.put_state("ioht", "a1", "red".into())?;
/// tx.put_private_data("ioht", "health", "k", "secret".into())?;
///
/// let results = tx.finish();
/// let [ioht] = results.rwset.namespaces.as_slice() else { panic!("one chaincode") };
/// assert_eq!((ioht.public.reads.len(), ioht.public.writes.len()), (1, 1));
/// assert!(!results.rwset.encode().windows(6).any(|part| part == b"secret"));
/// # Ok::<(), fabric_ledger::SimulationError>(())
/// ```
#[derive(Debug)]
pub struct Simulator<S, P, A> {
    simulation: Simulation,
    state: S,
    private: P,
    access: A,
    builder: Builder,
    ranges: Vec<RangeRecord>,
    queries: BTreeMap<QueryId, Query>,
    opened: u64,
    private_reads: BTreeSet<(String, String)>,
    writes_performed: bool,
    private_query_performed: bool,
    paginated_query_performed: bool,
}

/// What a simulation leaves: the results to endorse and the plaintext to hand on to members.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulationResults {
    /// The public part. [`TxRwSet::encode`] gives `ChaincodeAction.results`.
    pub rwset: TxRwSet,
    /// Plaintext of private writes; `None` without any.
    pub private: Option<TxPvtReadWriteSet>,
    /// Collections whose plaintext was read, as (chaincode, collection): what an endorser must be
    /// a member of.
    pub private_reads: BTreeSet<(String, String)>,
}

impl<S: Store, P: Store, A: CollectionAccess> Simulator<S, P, A> {
    /// A simulation that has done nothing yet.
    pub fn new(simulation: Simulation, state: S, private: P, access: A) -> Self {
        Self {
            simulation,
            state,
            private,
            access,
            builder: Builder::default(),
            ranges: Vec::new(),
            queries: BTreeMap::new(),
            opened: 0,
            private_reads: BTreeSet::new(),
            writes_performed: false,
            private_query_performed: false,
            paginated_query_performed: false,
        }
    }

    /// The snapshot of public and hashed state.
    pub const fn state(&self) -> &S {
        &self.state
    }

    /// The value of a public key; its version enters the read set.
    pub fn get_state(&mut self, namespace: &str, key: &str) -> Result<Option<Bytes>> {
        let found = self.state.get(Space::Public { namespace }, key.as_bytes())?;
        self.builder.read(namespace, key, found.as_ref().map(|found| found.version));
        Ok(found.map(|found| found.value))
    }

    /// The values of several public keys, in the order of the keys.
    pub fn get_state_multiple(
        &mut self,
        namespace: &str,
        keys: &[impl AsRef<str>],
    ) -> Result<Vec<Option<Bytes>>> {
        let bytes: Vec<&[u8]> = keys.iter().map(|key| key.as_ref().as_bytes()).collect();
        let found = self.state.get_many(Space::Public { namespace }, &bytes)?;
        for (key, found) in keys.iter().zip(&found) {
            self.builder.read(namespace, key.as_ref(), found.as_ref().map(|found| found.version));
        }
        Ok(found.into_iter().map(|found| found.map(|found| found.value)).collect())
    }

    /// Writes a public key. An empty value deletes, as everywhere in Fabric.
    pub fn put_state(&mut self, namespace: &str, key: &str, value: Bytes) -> Result<()> {
        self.before_write()?;
        self.builder.write(namespace, key, Some(value));
        Ok(())
    }

    /// Deletes a public key, present or not.
    pub fn delete_state(&mut self, namespace: &str, key: &str) -> Result<()> {
        self.before_write()?;
        self.builder.write(namespace, key, None);
        Ok(())
    }

    /// The metadata of a public key; the key's version enters the read set.
    pub fn get_state_metadata(&mut self, namespace: &str, key: &str) -> Result<KeyMetadata> {
        let found = self.state.get(Space::Public { namespace }, key.as_bytes())?;
        self.builder.read(namespace, key, found.as_ref().map(|found| found.version));
        Ok(metadata::decode(found.and_then(|found| found.metadata))?)
    }

    /// Replaces *all* metadata of a public key by these entries; none removes it.
    pub fn put_state_metadata(
        &mut self,
        namespace: &str,
        key: &str,
        entries: KeyMetadata,
    ) -> Result<()> {
        self.before_write()?;
        self.builder.write_metadata(namespace, key, entries);
        Ok(())
    }

    /// The value of a private key, if this peer has the one the ledger has the hash of.
    pub fn get_private_data(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
    ) -> Result<Option<Bytes>> {
        self.before_private_read(namespace, collection)?;
        let space = Space::Private { namespace, collection };
        let found = self.private.get(space, key.as_bytes())?;
        let private = found.as_ref().map(|found| found.version);
        let hashed = Space::Hashed { namespace, collection };
        let hash = self.state.version(hashed, &sha256(key.as_bytes()))?;
        if hash != private {
            return Err(SimulationError::PrivateDataNotAvailable { hash, private });
        }
        self.builder.read_private(namespace, collection, key, private);
        self.note_private_read(namespace, collection);
        Ok(found.map(|found| found.value))
    }

    /// The values of several private keys as this peer holds them, *without* comparing them with
    /// the ledger's hashes: what is not reconciled reads as absent or outdated and fails only when
    /// the transaction is validated.
    pub fn get_private_data_multiple(
        &mut self,
        namespace: &str,
        collection: &str,
        keys: &[impl AsRef<str>],
    ) -> Result<Vec<Option<Bytes>>> {
        self.before_private_read(namespace, collection)?;
        let bytes: Vec<&[u8]> = keys.iter().map(|key| key.as_ref().as_bytes()).collect();
        let found = self.private.get_many(Space::Private { namespace, collection }, &bytes)?;
        for (key, found) in keys.iter().zip(&found) {
            let version = found.as_ref().map(|found| found.version);
            self.builder.read_private(namespace, collection, key.as_ref(), version);
        }
        if !keys.is_empty() {
            self.note_private_read(namespace, collection);
        }
        Ok(found.into_iter().map(|found| found.map(|found| found.value)).collect())
    }

    /// SHA-256 of a private value, from the public ledger: no membership and no plaintext needed.
    pub fn get_private_data_hash(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
    ) -> Result<Option<Bytes>> {
        self.refuse_init(namespace)?;
        if self.access.permission(namespace, collection).is_none() {
            return Err(SimulationError::CollectionNotDefined {
                namespace: namespace.to_owned(),
                collection: collection.to_owned(),
            });
        }
        let space = Space::Hashed { namespace, collection };
        let found = self.state.get(space, &sha256(key.as_bytes()))?;
        let version = found.as_ref().map(|found| found.version);
        self.builder.read_private(namespace, collection, key, version);
        Ok(found.map(|found| found.value))
    }

    /// The metadata of a private key, which the public ledger keeps with the key's hash.
    pub fn get_private_data_metadata(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
    ) -> Result<KeyMetadata> {
        self.before_private_read(namespace, collection)?;
        let space = Space::Hashed { namespace, collection };
        let found = self.state.get(space, &sha256(key.as_bytes()))?;
        let version = found.as_ref().map(|found| found.version);
        self.builder.read_private(namespace, collection, key, version);
        Ok(metadata::decode(found.and_then(|found| found.metadata))?)
    }

    /// Writes a private key. An empty value deletes.
    pub fn put_private_data(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
        value: Bytes,
    ) -> Result<()> {
        self.write_private(namespace, collection, key, PrivateWrite::Put(value))
    }

    /// Deletes a private key, present or not.
    pub fn delete_private_data(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
    ) -> Result<()> {
        self.write_private(namespace, collection, key, PrivateWrite::Delete)
    }

    /// Deletes a private key and its whole private past; also for keys this peer never saw.
    pub fn purge_private_data(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
    ) -> Result<()> {
        if collection.is_empty() {
            return Err(SimulationError::PurgeOfPublicData);
        }
        self.write_private(namespace, collection, key, PrivateWrite::Purge)
    }

    /// Replaces *all* metadata of a private key by these entries; none removes it.
    pub fn put_private_data_metadata(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
        entries: KeyMetadata,
    ) -> Result<()> {
        self.before_private_write(namespace, collection)?;
        self.builder.write_private_metadata(namespace, collection, key, entries);
        Ok(())
    }

    /// Ends the simulation. Open queries are closed.
    pub fn finish(mut self) -> SimulationResults {
        for range in self.ranges {
            let (namespace, info) = range.into_info();
            self.builder.range(&namespace, info);
        }
        let (rwset, private) = self.builder.build();
        SimulationResults { rwset, private, private_reads: self.private_reads }
    }

    fn write_private(
        &mut self,
        namespace: &str,
        collection: &str,
        key: &str,
        write: PrivateWrite,
    ) -> Result<()> {
        self.before_private_write(namespace, collection)?;
        self.builder.write_private(namespace, collection, key, write);
        Ok(())
    }

    fn note_private_read(&mut self, namespace: &str, collection: &str) {
        self.private_reads.insert((namespace.to_owned(), collection.to_owned()));
    }

    fn refuse_init(&self, namespace: &str) -> Result<()> {
        if self.simulation.initializing.as_deref() == Some(namespace) {
            return Err(SimulationError::PrivateDataInInit);
        }
        Ok(())
    }

    fn permission(&self, namespace: &str, collection: &str) -> Result<crate::access::Permission> {
        self.refuse_init(namespace)?;
        self.access.permission(namespace, collection).ok_or_else(|| {
            SimulationError::CollectionNotFound {
                channel: self.simulation.channel.clone(),
                namespace: namespace.to_owned(),
                collection: collection.to_owned(),
            }
        })
    }

    fn before_private_read(&self, namespace: &str, collection: &str) -> Result<()> {
        if self.permission(namespace, collection)?.read {
            return Ok(());
        }
        let (namespace, collection) = (namespace.to_owned(), collection.to_owned());
        Err(SimulationError::NoReadAccess { namespace, collection })
    }

    fn before_private_write(&mut self, namespace: &str, collection: &str) -> Result<()> {
        if !self.permission(namespace, collection)?.write {
            let (namespace, collection) = (namespace.to_owned(), collection.to_owned());
            return Err(SimulationError::NoWriteAccess { namespace, collection });
        }
        self.before_write()
    }

    fn before_write(&mut self) -> Result<()> {
        let tx_id = || self.simulation.tx_id.clone();
        if self.private_query_performed {
            return Err(SimulationError::WriteAfterPrivateQuery { tx_id: tx_id() });
        }
        if self.paginated_query_performed {
            return Err(SimulationError::WriteAfterPaginatedQuery { tx_id: tx_id() });
        }
        self.writes_performed = true;
        Ok(())
    }
}
