//! A Rust API for Hyperledger Fabric chaincode.

mod batch;
mod context;
mod contract;
mod error;
mod identity;
mod key;
mod metadata;
mod reader;
mod route;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
mod writes;

pub use batch::{Batch, Loaded, Slot};
pub use context::{TimestampMs, TxContext, TxParts};
pub use contract::{Contract, Outcome, Response, invoke};
pub use error::{LedgerError, TxError};
pub use identity::{CERTIFICATE_PEM_BYTES_MAX, ClientIdentity, IdentityError, NodeOu};
pub use key::{Key, KeyError, KeyPart, KeyRange, KeyReader, KeyWriter, StateKey};
pub use minicbor;
pub use reader::{Entry, QueryReader, Reader, Space};
pub use route::{Evaluate, Kind, Route, Submit, evaluate, submit};
pub use schemars;
pub use table::Table;
pub use writes::{Event, Write, Writes};
