//! Hyperledger Fabric in one process for development, tests and demonstrations.
//!
//! [`Devnet::start`] gives a channel, or several, with several organisations (three, unless configured
//! otherwise): certificate authorities and identity files as the test network has them, a peer
//! each with the services of a peer over TLS (Gateway, Endorser, Deliver), and an orderer. Chaincode runs as a service of its own,
//! and every peer dials it. The rules are those of [`fabric_ledger`]; this crate adds what they
//! leave out: identities, sockets, time, disks. `fabric-devnet up` is the same as a command.
//!
//! What is safe here has to be safe on Fabric, so the peers are modelled one by one:
//!
//! - Each organisation's peer has its own chaincode stream and its own private data, and endorses
//!   with its own key: the chaincode runs once an endorser, and different results do not become a
//!   transaction.
//! - Creators are checked at every door: chain of certificates, role, low-S signature, expiry,
//!   the time window, transaction id, `Writers` and `Readers`. Whether a signature is right never
//!   changes, so it is verified once a process.
//! - Blocks are cut, hashed, signed, validated in Fabric's order and chained by commit hashes. A
//!   block with everything it changes is *one* durable write; whoever waits for a commit is told
//!   after it.
//! - Private data goes to members' peers before the contract's status is looked at, and stays in
//!   a peer's transient store, through restarts, until it is committed. A peer can be kept from getting it
//!   ([`Devnet::withhold_private_data`]) and handed out late
//!   ([`Devnet::reconcile_private_data`]).
//! - Errors have the gateway's codes, texts and details.
//!
//! # The `peer` command and block events
//!
//! Block 0 is a channel configuration as Fabric's tools make one: organisations with their
//! authorities, policies, capabilities, ACLs. Peers answer `ProcessProposal`, with the system
//! chaincodes `qscc` (all of it), `cscc` (channels and configuration) and `_lifecycle` (the
//! definitions), and the three Deliver methods; the orderer answers Broadcast and Deliver.
//! [`PeerEnvironment`] (`fabric-devnet env`) sets Fabric's `peer` command up for them.
//!
//! Organisations are custodians or not ([`Organization::custodian`]). Whole blocks, with or without
//! private data, are for custodians' peers and administrators at a peer; all others follow the channel by
//! filtered blocks and chaincode events. The orderer delivers blocks to every organisation, as Fabric's does:
//! every organisation's peer has them all. Private data is what the peer itself holds of a block's
//! valid transactions, until it ends or is purged.
//!
//! # Channels
//!
//! Every [`Channel`] has its own organisations, definitions, configuration block, chain, state, private
//! data and orderer; nodes, identities and chaincode streams are the network's. A peer knows the
//! channels that its organisation is on, and no other. A chaincode may ask one of another channel
//! whose `Writers` the transaction's creator belongs to: what that one reads and writes is not in
//! the results. Channels can be added to a directory and stay there.
//!
//! # Chaincode
//!
//! The stream is a peer's: REGISTER, REGISTERED, READY, then transactions, each with one request
//! at a time. What a peer does silently is silent here, too, but told in the log: a wrong
//! `CHAINCODE_ID` gets no answer, and a request sent before the answer to the one before it is
//! dropped. [`ReadyMode`] chooses between a peer's newer messages and older peers that do not know
//! them. All messages of the protocol are answered; rich queries are refused, as by a peer with
//! LevelDB.
//!
//! # What it does not model
//!
//! - **Raft and its faults.** One orderer, in order, never away. What it took is lost if the
//!   process dies before the commit, as it may be on Fabric before a block is cut: only a commit
//!   status tells.
//! - **Gossip and its timing.** All peers are at the same height at all times, private data
//!   reaches members at once (`requiredPeerCount` and `maxPeerCount` are taken and not used), and
//!   what a peer missed is reconciled when it is told to be, until the devnet stops.
//! - **CouchDB**: no rich queries.
//! - **Revocation lists** and intermediate authorities. ECDSA identities only.
//! - **Configuration updates**: the first block stands for good, with the ports of the first start;
//!   policies are those of the test network. Definitions come from [`Config`] instead of
//!   `_lifecycle`, which tells them and changes none. So real read-write sets have reads in
//!   `_lifecycle` that these have not, and a new definition does not invalidate transactions under
//!   way.
//!   Of `_lifecycle`, what `peer lifecycle chaincode` calls `queryinstalled`, `getinstalledpackage`,
//!   `queryapproved` and `checkcommitreadiness` is refused as are changes (status 500), and so is
//!   any call of it by a chaincode: `qscc` and `cscc` refuse those on a peer, too.
//! - **Discovery**, snapshots, a certificate authority's own service, channels that are joined while
//!   it runs.
//! - Plaintext of a transaction that turned out invalid is dropped, not kept with its block. What a
//!   peer got late is delivered with its block as far as it was still current then.
//!
//! Everything of the first channel is in one file, `ledger/ledger.redb`, of each further one in
//! `ledger/channels/`; see [`IntegrityCheck`] for what is checked at the start.

mod acl;
mod archive;
mod ca;
mod chain;
mod chaincode;
mod channel;
mod channel_config;
mod committer;
mod config;
mod connections;
mod definition;
mod deliver;
mod devnet;
mod endorser;
mod environment;
mod error;
mod files;
mod gateway;
mod ledger;
mod limit;
mod msp;
mod notify;
mod orderer;
mod ordering;
mod proposals;
mod reconciler;
mod server;
mod settings;
mod signer;
mod start;
mod store;
mod system;
mod topology;
mod transient;

/// The parts of a devnet that decide, each by itself: for judging them by what real peers decided.
pub mod parts {
    pub use crate::chaincode::Running;
    pub use crate::definition::channel;
    pub use crate::msp::{Member, Membership};
}

pub use self::archive::{Archive, ArchiveError};
pub use self::ca::{CaError, EnrollKey, EnrollRequest, Enrolled, Role};
pub use self::channel_config::ChannelConfigError;
pub use self::config::{
    ABSOLUTE_MAX_BYTES, BATCH_TIMEOUT, Batch, CACHE_BYTES, Chaincode, ChaincodeTls, Channel,
    Config, ConfigError, EXECUTE_TIMEOUT, FIRST_GATEWAY_PORT, GATEWAY_CONCURRENCY, IntegrityCheck,
    MAX_MESSAGE_COUNT, ORDERER_PORT, Organization, PORT_STEP, PREFERRED_MAX_BYTES, ReadyMode,
    TIME_WINDOW,
};
pub use self::devnet::{Devnet, GatewayEndpoint, OrdererEndpoint};
pub use self::environment::PeerEnvironment;
pub use self::error::StartError;
pub use self::files::FileError;
pub use self::ledger::Ledger;
pub use self::settings::{SettingsError, SettingsFile};
pub use self::store::LedgerError;
pub use self::topology::{TopologyError, enroll};
