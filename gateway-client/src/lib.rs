//! A client of Hyperledger Fabric's Gateway service, which runs in every peer since Fabric 2.4.
//!
//! # Calling a contract
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use fabric_gateway_client::{ConnectOptions, Gateway, Identity, RetryPolicy, SigningKey};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let identity = Identity {
//!     msp_id: "Org1MSP".to_owned(),
//!     certificate_pem: std::fs::read_to_string("signcerts/cert.pem")?,
//! };
//! let key = SigningKey::from_pkcs8_pem(&std::fs::read_to_string("keystore/key.pem")?)?;
//! let options = ConnectOptions::tls("localhost:7051", std::fs::read_to_string("tls/ca.crt")?)
//!     .server_name("peer0.org1.example.com");
//!
//! let gateway = Gateway::connect(&options, &identity, Arc::new(key)).await?;
//! let contract = gateway.network("mychannel").contract("basic");
//!
//! let asset = contract.evaluate("ReadAsset").argument("asset1").send().await?;
//! let submitted = contract
//!     .submit("TransferAsset")
//!     .arguments(["asset1", "Tomoko"])
//!     .send_with_retry(&RetryPolicy::default())
//!     .await?;
//! println!("{asset:?}, then block {}", submitted.block_number);
//! # Ok(())
//! # }
//! ```
//!
//! A [`Connection`] can carry several identities at once ([`Gateway::new`]); it, [`Gateway`], [`Network`] and
//! [`Contract`] are cheap to clone and take no locks between calls.
//!
//! # Stages
//!
//! [`send`](Call::send) does all of this; each stage can be done by itself, in another process, and be signed elsewhere:
//!
//! | value | made by | leads to | kept by |
//! |---|---|---|---|
//! | [`Proposal`] | [`Call::proposal`] | [`evaluate`](Proposal::evaluate), [`endorse`](Proposal::endorse) | [`Proposal::to_bytes`], [`Gateway::restore_proposal`] |
//! | [`Transaction`] | [`Proposal::endorse`] | [`submit`](Transaction::submit), [`settle`](Transaction::settle), [`resume`](Transaction::resume) | [`Transaction::to_bytes`], [`Gateway::restore_transaction`] |
//! | [`Commit`] | [`Transaction::submit`], [`Network::commit`] | [`status`](Commit::status), as often as needed | [`Commit::to_bytes`], [`Gateway::restore_commit`], or the transaction id alone |
//!
//! Each has `bytes` and `digest` to be signed off-line, and takes the signature by `sign_with`; a gateway made by
//! [`Gateway::without_signer`] signs nothing itself. The kept bytes are the messages that Fabric's other clients keep.
//!
//! # Failing
//!
//! [`GatewayError`] has a variant a stage, each with the transaction id, and for calls with the gRPC code and what the
//! peers behind the gateway said. [`contract_error`](GatewayError::contract_error) reads the contract's own answer out of
//! it. Two questions decide how to go on:
//!
//! | [`is_retryable`](GatewayError::is_retryable) | [`outcome_unknown`](GatewayError::outcome_unknown) | then |
//! |---|---|---|
//! | no | no | it did not happen, and asking again will not help |
//! | yes | no | it did not happen: make a new proposal |
//! | any | yes | it may happen yet: ask for the commit status, send the same envelope again |
//!
//! [`Call::send_with_retry`] and [`Transaction::settle`] go on by these rules: a transaction is committed at most once, and
//! never proposed again while an earlier proposal of it may be committed.
//!
//! Every call has a deadline ([`Timeouts`]): 5 s to evaluate, 15 s to endorse, 5 s to submit, 60 s for the commit status.
//!
//! # Following
//!
//! | stream of | by | for whom |
//! |---|---|---|
//! | [`ChaincodeEvent`] | [`Contract::events`] | readers of the channel |
//! | [`Block`] | [`Network::block_events`] | who may read full blocks |
//! | [`FilteredBlock`] | [`Network::filtered_block_events`] | readers of the channel |
//! | [`BlockAndPrivateData`] | [`Network::block_and_private_data_events`] | who may read full blocks, and the collections |
//!
//! A stream ends with a typed [`EventError`], and is never opened again by itself: a [`Checkpointer`], in memory or in a
//! file, knows where the next one goes on, so that nothing is lost and nothing comes twice. A block that is missing or comes
//! again, and a checkpoint of another ledger, are errors.
//!
//! # What a gateway is trusted with
//!
//! The gateway sees arguments and transient data, and says what a query returned: use a peer of your own organisation. It
//! is not trusted with the client's signature: what it returns for signing is compared with the proposal, field by field
//! ([`EnvelopeMismatch`]), and must not reveal transient data. What the chaincode wrote is covered by the endorsers'
//! signatures, which committing peers verify; this client does not, and believes a reported commit status.

mod call;
mod commit;
mod connection;
mod contract_error;
mod error;
mod events;
mod gateway;
mod options;
mod proposal;
mod restore;
mod retry;
mod signed;
mod transaction;
mod verify;

pub use call::{Call, Evaluate, Submit};
pub use commit::{Commit, CommitStatus, Submitted};
pub use connection::Connection;
pub use contract_error::ContractError;
pub use error::{CallError, CommitError, ErrorDetail, GatewayError, Obstacle, SignedMessage};
pub use events::{
    BlockEvents, BlockEventsRequest, BlockTransaction, ChaincodeEvent, ChaincodeEvents,
    ChaincodeEventsRequest, Checkpoint, Checkpointer, DeliveredBlock, EventError,
    FileCheckpointError, FileCheckpointer, MemoryCheckpointer,
};
pub use fabric_identity::{Identity, KeyError, SignError, Signer, SigningKey};
pub use fabric_protos::common::Block;
pub use fabric_protos::protos::{BlockAndPrivateData, FilteredBlock, TxValidationCode};
pub use gateway::{Contract, Gateway, Network, Timeouts};
pub use options::{
    CONNECT_TIMEOUT, ConnectError, ConnectOptions, KEEP_ALIVE_INTERVAL, KEEP_ALIVE_INTERVAL_MIN,
};
pub use proposal::Proposal;
pub use restore::RestoreError;
pub use retry::RetryPolicy;
pub use tonic::Code;
pub use transaction::Transaction;
pub use verify::EnvelopeMismatch;
