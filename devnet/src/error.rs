use std::net::SocketAddr;

use crate::channel_config::ChannelConfigError;
use crate::config::ConfigError;
use crate::store::LedgerError;
use crate::topology::TopologyError;

/// A devnet could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The directory is not fit, or identities could not be made.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The ledger's file cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The channel's first block cannot be made.
    #[error(transparent)]
    ChannelConfig(#[from] ChannelConfigError),
    /// A node's private key cannot be used.
    #[error("a node's private key cannot be used: {0}")]
    Key(#[from] fabric_identity::KeyError),
    /// A port is taken, or the address is not this machine's.
    #[error("the node of {msp_id} cannot listen on {address}: {source}; choose another port")]
    Listen {
        /// The organisation.
        msp_id: String,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// TLS could not be set up.
    #[error("TLS of a node cannot be set up: {0}")]
    Tls(#[from] tonic::transport::Error),
    /// No thread could be started.
    #[error("no thread could be started: {0}")]
    Thread(std::io::Error),
}
