//! A Rust API for Hyperledger Fabric chaincode.
//!
//! A contract is a set of transactions over the ledger of a Fabric channel. With this crate it is a
//! set of structs: the fields are a transaction's arguments, and one constant table lists them all.
//! The crate does no I/O: `ccaas-server` serves a contract to real peers, and `testing::MockLedger`
//! runs it in a unit test under Fabric's own rules.
//!
//! # What the types rule out
//!
//! Much of what goes wrong with chaincode goes wrong silently. Here it does not compile, or it fails
//! at once:
//!
//! - **Reads are asynchronous, writes are a value.** A [`Submit`] transaction reads through a
//!   [`Reader`] and puts its changes into [`Writes`], which nobody can read from. So no one mistakes
//!   a pending write for ledger state, which Fabric would not show; and a transaction that fails has
//!   sent nothing, not even to the peers that spread private data before they look at the status.
//! - **A query cannot write.** An [`Evaluate`] transaction gets a [`QueryReader`] and nothing else.
//!   In return it may scan private collections, which peers refuse to combine with writes.
//! - **A query cannot end on the chain by accident**: two endorsers of one never agree, unless
//!   [`Evaluate::NEVER_ENDORSE`] is off.
//! - **A [`Table`] ties name, place, key and value together**, so that the keys of one kind of state
//!   never meet another's and a range never leaves its table. Values are CBOR with numbered fields
//!   and can grow.
//! - **Who calls is what the certificate says**, in full or not at all: a [`ClientIdentity`] refuses
//!   certificates that can be read in two ways.
//! - **There is no clock, no randomness, no socket** in a [`TxContext`]: time is the proposal's.
//!
//! # Arguments
//!
//! A transaction takes its function's name and one JSON object, whose members are the struct's fields:
//! `{"Args":["PutReading","{\"device\":\"d-1\",\"beats\":72}"]}`. Names say which value is which, unknown
//! ones are refused, and a schema describes them. Clients that pass strings by position, as those of
//! Fabric's samples do, are answered with 400 `BAD_ARGUMENTS`: they have to be changed to pass an object.
//!
//! # One round trip a collection
//!
//! Each read costs a message to the peer and back, one after the other. A [`Batch`] reads any number
//! of keys of several tables in one. A transaction that can compute its keys from its arguments and
//! its caller therefore costs one multi-get for each space it touches and one batch of writes,
//! however much it does; `testing::RoundTrips` lets a test hold it to that.
//!
//! # Other chaincodes
//!
//! A transaction may have another chaincode of its channel run within it, by [`Reader::invoke`]: what
//! that one writes is the transaction's too. Across channels it may only [ask](Reader::query_channel).
//! A query that calls is never endorsed.
//!
//! # Errors
//!
//! A transaction fails with a [`TxError`]: a status, a stable code, one sentence. Statuses 400–499
//! are the contract's refusals; [`LedgerError`]s become 500, which tells a gateway that another peer
//! may do better. A refusal leaves no trace on the chain: what has to be remembered, such as a
//! denied request, is the *successful* outcome of a transaction.
//!
//! # Example
//!
//! A contract that registers devices, and its test.
//!
//! ```
//! use fabric_contract_rs::testing::{Call, MockLedger, TestIdentity, TxValidationCode};
//! use fabric_contract_rs::{
//!     Contract, Evaluate, QueryReader, Reader, Route, Space, Submit, Table, TxContext, TxError,
//!     Writes, evaluate, minicbor, submit,
//! };
//! use schemars::JsonSchema;
//! use serde::{Deserialize, Serialize};
//! use serde_json::json;
//!
//! /// A device as the ledger keeps it.
//! #[derive(minicbor::Encode, minicbor::Decode)]
//! #[cbor(map)]
//! struct Device {
//!     #[n(0)]
//!     owner: String,
//!     #[n(1)]
//!     registered_at: i64,
//! }
//!
//! /// All state there is: devices by their id.
//! const DEVICES: Table<(String,), Device> = Table::new("device", Space::Public);
//!
//! /// Registers a device of the caller.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct RegisterDevice {
//!     id: String,
//! }
//!
//! impl Submit for RegisterDevice {
//!     const NAME: &'static str = "RegisterDevice";
//!     const ROLES: &'static [&'static str] = &["device-owner"];
//!     type State = ();
//!     type Output = ();
//!     type Error = TxError;
//!
//!     async fn run(
//!         self,
//!         _: &(),
//!         cx: &TxContext,
//!         ledger: &impl Reader,
//!         writes: &mut Writes,
//!     ) -> Result<(), TxError> {
//!         let owner = cx.client().enrolment_id().map_err(|error| {
//!             TxError::new(403, "NOT_ENROLLED", error.to_string())
//!         })?;
//!         let key = (self.id,);
//!         if DEVICES.get(ledger, &key).await?.is_some() {
//!             return Err(TxError::new(409, "DEVICE_EXISTS", "the id is taken"));
//!         }
//!         let device = Device { owner: owner.to_owned(), registered_at: cx.timestamp_ms() };
//!         DEVICES.put(writes, &key, &device)?;
//!         writes.set_event("DeviceRegistered", key.0);
//!         Ok(())
//!     }
//! }
//!
//! /// The ids of an owner's devices.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct ListDevices {
//!     owner: String,
//! }
//!
//! /// Devices one query looks at: beyond, an index by owner is due.
//! const DEVICES_LISTED_MAX: usize = 1000;
//!
//! impl Evaluate for ListDevices {
//!     const NAME: &'static str = "ListDevices";
//!     const ROLES: &'static [&'static str] = &["device-owner", "auditor"];
//!     type State = ();
//!     type Output = Vec<String>;
//!     type Error = TxError;
//!
//!     async fn run(
//!         self,
//!         _: &(),
//!         _: &TxContext,
//!         ledger: &impl QueryReader,
//!     ) -> Result<Vec<String>, TxError> {
//!         let all = DEVICES.scan(ledger, &DEVICES.below(&())?, DEVICES_LISTED_MAX).await?;
//!         let own = all.into_iter().filter(|(_, device)| device.owner == self.owner);
//!         Ok(own.map(|((id,), _)| id).collect())
//!     }
//! }
//!
//! struct Devices;
//!
//! impl Contract for Devices {
//!     const NAME: &'static str = "Devices";
//!     const VERSION: &'static str = "1.0.0";
//!     type State = ();
//!
//!     fn state(&self) -> &() {
//!         &()
//!     }
//!
//!     fn routes<R: QueryReader + 'static>() -> &'static [Route<(), R>] {
//!         const { &[submit::<RegisterDevice, R>(), evaluate::<ListDevices, R>()] }
//!     }
//! }
//!
//! let alice = TestIdentity::new("Org1MSP", "alice").client();
//! let mut ledger = MockLedger::new(Devices);
//!
//! let register = Call::new(&alice, "RegisterDevice", json!({ "id": "watch" }));
//! let done = ledger.submit(&register).unwrap();
//! assert_eq!(done.event.unwrap().name, "DeviceRegistered");
//! assert_eq!(done.trips.total(), 2);
//!
//! let list = Call::new(&alice, "Devices:ListDevices", json!({ "owner": "alice" }));
//! assert_eq!(ledger.evaluate(&list).unwrap().answer::<Vec<String>>(), ["watch"]);
//! assert_eq!(ledger.submit(&register).unwrap_err().code(), Some("DEVICE_EXISTS"));
//!
//! // Two that do not know of each other, in one block: Fabric lets the first one win.
//! let phone = Call::new(&alice, "RegisterDevice", json!({ "id": "phone" }));
//! let race = vec![ledger.endorse(&phone).unwrap(), ledger.endorse(&phone).unwrap()];
//! let codes = ledger.commit(race);
//! assert_eq!(codes, [TxValidationCode::Valid, TxValidationCode::MvccReadConflict]);
//! ```
//!
//! # Calling conventions
//!
//! The first argument of an invocation is `Function` or `Contract:Function`, the second one JSON
//! object. `org.hyperledger.fabric:GetMetadata` answers a description of the contract, made from the
//! same table and in the same schema as the other Fabric contract APIs'.
//!
//! # Features
//!
//! - `testing`: the module `testing`, for the `dev-dependencies` of a contract.

#![warn(missing_docs)]

mod batch;
mod context;
mod contract;
mod endorsement;
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
pub use endorsement::{EndorsementPolicy, EndorsementPolicyError, EndorsingRole};
pub use error::{LedgerError, TxError};
pub use identity::{CERTIFICATE_PEM_BYTES_MAX, ClientIdentity, IdentityError, NodeOu};
pub use key::{Key, KeyError, KeyPart, KeyRange, KeyReader, KeyWriter, StateKey};
pub use minicbor;
pub use reader::{
    Entry, Modification, PAGE_ENTRIES_MAX, Page, QueryReader, Reader, Space, check_callee,
    check_other_channel,
};
pub use route::{Evaluate, Kind, Route, Submit, evaluate, submit};
pub use schemars;
pub use table::Table;
pub use writes::{Event, Write, Writes};
