//! Hyperledger Fabric in one process for development, tests and demonstrations.

mod archive;
mod ca;
mod chaincode;
mod committer;
mod config;
mod definition;
mod devnet;
mod endorser;
mod error;
mod files;
mod gateway;
mod interest;
mod msp;
mod notify;
mod orderer;
mod server;
mod settings;
mod signer;
mod store;
mod topology;
mod transient;

pub use self::archive::{Archive, ArchiveError};
pub use self::ca::{CaError, EnrollKey, EnrollRequest, Enrolled, Role};
pub use self::config::{
    ABSOLUTE_MAX_BYTES, BATCH_TIMEOUT, Batch, CACHE_BYTES, Chaincode, ChaincodeTls, Config,
    ConfigError, EXECUTE_TIMEOUT, FIRST_GATEWAY_PORT, GATEWAY_CONCURRENCY, IntegrityCheck,
    MAX_MESSAGE_COUNT, Organization, PORT_STEP, PREFERRED_MAX_BYTES, ReadyMode, TIME_WINDOW,
};
pub use self::devnet::{Devnet, GatewayEndpoint};
pub use self::error::StartError;
pub use self::files::FileError;
pub use self::settings::{SettingsError, SettingsFile};
pub use self::store::LedgerError;
pub use self::topology::{TopologyError, enroll};
