//! Serves a contract to Hyperledger Fabric peers as chaincode-as-a-service.
//!
//! A peer dials the server and keeps one stream open, over which it sends transactions and answers
//! what their contracts ask of the ledger. [`Server`] speaks that protocol for any
//! [`Contract`](fabric_contract_rs::Contract):
//!
//! * Reads travel in as few messages as the peer allows, one at a time a transaction, in the order
//!   asked; a read whose future is dropped is still waited for.
//! * Writes travel once the contract has succeeded, and never when it refused.
//! * What the contract refuses (status 400–499) is an answer. What this endorser cannot do (a
//!   fault, the deadline, overload, stopping) is an ERROR that starts with a code, so that a gateway
//!   asks another peer. Of a text beyond 4 KiB the beginning is sent.
//! * A transaction that panics, hangs or is sent twice harms no other one.
//! * Every bound is in [`Limits`], with its reason.
//!
//! The binary of this package serves the health-IoT contract. It comes with the feature `ioht`, which is
//! on unless asked otherwise; a program that serves a contract of its own depends on the library alone,
//! which knows nothing of that contract:
//!
//! ```toml
//! ccaas-server = { version = "0.1", default-features = false }
//! ```
//!
//! Logs never hold arguments, keys, values, transient data or names of persons. A panic's text may:
//! a program that serves health data calls [`log_place_of_panics`] first.

mod config;
pub mod environment;
mod identities;
mod lane;
mod ledger;
mod panics;
mod proposal;
mod refusal;
mod run;
mod server;
mod session;
mod sizes;
mod stats;
mod stream;
#[cfg(feature = "testing")]
pub mod testing;
mod transactions;
mod transport;
mod wire;

pub use config::{
    Config, ConfigError, ENVELOPE_BYTES_MAX, Limits, MESSAGE_BYTES_MAX, PAYLOAD_BYTES_MAX, Pem, Tls,
};
pub use panics::log_place_of_panics;
pub use server::{ServeError, Server, StatsHandle};
pub use stats::Stats;
pub use transport::TlsError;
