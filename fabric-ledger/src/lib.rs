//! Hyperledger Fabric's ledger rules as a pure library.
//!
//! What a peer and an orderer decide, without what they do: no I/O, no clock, no randomness, no
//! async. State is read through a [`Store`] snapshot, time and identities come in as arguments,
//! and what has to be written goes out as values. So the same rules serve an embedded Fabric and
//! a mock ledger, and every one of them can be tested with a few lines.
//!
//! - [`Simulator`] runs one transaction against a snapshot, with a peer's refusals, and leaves
//!   Fabric's [read-write sets](rwset), byte for byte.
//! - [`validation`] judges blocks in Fabric's stages.
//! - [`BlockStateValidator`] finds conflicting reads and phantoms between and within blocks and
//!   gathers an [`UpdateBatch`].
//! - [`policy`] reads, evaluates and plans for endorsement policies.
//! - [`block`] cuts, builds and hashes blocks.
//! - [`proposal`] checks proposals and assembles transactions.
//! - [`private_updates`] turns plaintext into the private updates of one peer, and [`lifetime`]
//!   ends private data by its time or by a purge.
//!
//! ```
//! use fabric_ledger::block::{commit_hash, filter};
//! use fabric_ledger::{
//!     BlockStateValidator, MemoryStore, Permission, PrivateTx, Simulation, Simulator, Space, Store,
//!     private_updates,
//! };
//!
//! let (mut state, mut private) = (MemoryStore::default(), MemoryStore::default());
//!
//! // A peer of a member organisation simulates a transaction.
//! let everybody = |_: &str, _: &str| Some(Permission::FULL);
//! let mut tx = Simulator::new(Simulation::new("ch", "tx1"), &state, &private, everybody);
//! tx.put_state("ioht", "a", "public".into())?;
//! tx.put_private_data("ioht", "health", "b", "secret".into())?;
//! let results = tx.finish();
//!
//! // It comes back in block 1, is valid, and changes public state, hashes and plaintext.
//! let mut block = BlockStateValidator::new(&state, 1);
//! let codes = [block.add(0, &results.rwset)?];
//! let outcome = block.finish();
//! let txs = [PrivateTx { tx: 0, rwset: &results.rwset, plaintext: results.private.as_ref() }];
//! let own = private_updates(&private, 1, txs, &outcome.updates, |_, _| true)?;
//! assert!(own.missing.is_empty());
//! let _chained = commit_hash(&filter(&codes), &outcome.updates, None);
//! state.apply(outcome.updates);
//! private.apply(own.updates);
//!
//! let health = Space::Private { namespace: "ioht", collection: "health" };
//! assert_eq!(private.get(health, b"b")?.map(|found| found.value), Some("secret".into()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod batch;
pub mod block;
pub mod channel;
mod hash;
mod history;
mod identities;
mod key_ops;
pub mod lifetime;
mod memory;
pub mod metadata;
mod mvcc;
pub mod policy;
mod private;
pub mod proposal;
pub mod rwset;
mod simulator;
mod space;
mod store;
mod time;
pub mod validation;
mod version;

pub use fabric_protos::protos::TxValidationCode;

pub use self::access::{CollectionAccess, Permission};
pub use self::batch::{Update, UpdateBatch};
pub use self::hash::sha256;
pub use self::history::key_modifications;
pub use self::identities::Identities;
pub use self::memory::MemoryStore;
pub use self::mvcc::{BlockState, BlockStateValidator, Purge};
pub use self::private::{MissingPrivateData, PrivateTx, PrivateUpdates, private_updates};
pub use self::simulator::{
    INITIALIZED_KEY, InvocationKind, KeyValue, QUERY_BATCH, QueryBatch, QueryId, QueryRows,
    Simulation, SimulationError, SimulationResults, Simulator, TOTAL_QUERY_LIMIT,
};
pub use self::space::{KeyRange, Space};
pub use self::store::{KeyModification, Row, Store, StoreError, TxRecord};
pub use self::time::Timestamp;
pub use self::version::{Version, Versioned};
