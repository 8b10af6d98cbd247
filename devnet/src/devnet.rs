//! A running devnet.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::ca::{self, EnrollRequest, Enrolled};
use crate::chain::{Chain, Chains, Working};
use crate::channel::Channels;
use crate::config::{Config, ConfigError};
use crate::definition;
use crate::error::StartError;
use crate::ledger::Ledger;
use crate::server::Ending;
use crate::start::{self, ORDERER_DOMAIN, Started, StartedOrderer};
use crate::store::{LedgerError, Released};
use crate::topology::TopologyError;

/// Time calls under way get to end when a devnet stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A Fabric network in this process. It runs until [`shutdown`](Self::shutdown) or drop.
///
/// ```no_run
/// use fabric_devnet::{Chaincode, Config, Devnet, EnrollRequest};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let chaincode = Chaincode::new("ioht", "127.0.0.1:9999")
///     .endorsement_policy("AND('Org1MSP.peer','Org2MSP.peer')");
/// let devnet = Devnet::start(Config::new("devnet").chaincode(chaincode)).await?;
/// let patient = devnet.enroll(&EnrollRequest::client("Org1MSP", "patient-1"))?;
/// let gateway = devnet.gateway("Org1MSP").ok_or("no such organisation")?;
/// // Connect any Gateway client to `gateway.address` with `gateway.tls_root_pem` and
/// // `patient.certificate_pem`.
/// # let _ = (patient, gateway);
/// devnet.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Devnet {
    config: Config,
    chains: Chains,
    /// The one that is meant where none is named.
    first: Arc<Chain>,
    organizations: Vec<Started>,
    orderer_node: StartedOrderer,
    stop: watch::Sender<bool>,
    cut: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
    working: Vec<(String, Working)>,
}

/// Where the orderer is, and how to trust it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrdererEndpoint {
    /// Address it listens on.
    pub address: SocketAddr,
    /// Name in its certificate, beside `localhost`.
    pub host_name: String,
    /// The TLS certificate authority, as PEM.
    pub tls_root_pem: String,
}

/// Where an organisation's peer is, with its gateway and the other services of a peer, and how to
/// trust it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayEndpoint {
    /// MSP id of the organisation.
    pub msp_id: String,
    /// Address it listens on.
    pub address: SocketAddr,
    /// Name in its certificate, beside `localhost`.
    pub host_name: String,
    /// The TLS certificate authority, as PEM.
    pub tls_root_pem: String,
}

impl Devnet {
    /// Starts a devnet on the current tokio runtime; gateways answer from now on. Chaincode
    /// servers are dialled when they are needed first.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.check()?;
        // First of all: nothing may be changed for definitions that contradict themselves, nor in a
        // directory that is in use.
        for channel in &config.channels {
            definition::committed(&config, channel)?;
        }
        let databases = start::databases(&config)?;
        let (organizations, listeners) = start::organizations(&config).await?;
        let (orderer_node, orderer_listener) = start::orderer_node(&config).await?;
        let endpoints = start::endpoints(&organizations, &orderer_node);
        endpoints.write(&config.dir).map_err(TopologyError::from)?;
        let (mut channels, mut savepoints) = (Channels::new(), BTreeMap::new());
        for (settings, database) in config.channels.iter().zip(databases) {
            let (shared, savepoint) =
                start::channel(&config, settings, database, &organizations, &orderer_node)?;
            channels.insert(settings.name.clone(), Arc::new(shared));
            savepoints.insert(settings.name.clone(), savepoint);
        }
        let (stop, stopped) = watch::channel(false);
        let (cut, is_cut) = watch::channel(false);
        let peers = start::peers(&config, &organizations, &orderer_node, &channels, &stopped)?;
        let (chains, working) =
            start::chains(&config, channels, &savepoints, &peers, &orderer_node)?;
        let first = config.channels.first().and_then(|first| chains.get(&first.name));
        let first = Arc::clone(first.ok_or(ConfigError::NoChannel)?);
        let ending = Ending { stop: stopped, cut: is_cut };
        let mut servers =
            start::serve(&config, &chains, &peers, &organizations, listeners, &ending)?;
        let orderer =
            start::serve_orderer(&config, &chains, &orderer_node, orderer_listener, &ending)?;
        servers.push(orderer);
        tracing::info!(dir = %config.dir.display(), channels = chains.len(), "the devnet is ready");
        Ok(Self { config, chains, first, organizations, orderer_node, stop, cut, servers, working })
    }

    /// The configuration it was started with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The gateway of an organisation.
    pub fn gateway(&self, msp_id: &str) -> Option<GatewayEndpoint> {
        self.gateways().find(|gateway| gateway.msp_id == msp_id)
    }

    /// All gateways, in the order of the organisations.
    pub fn gateways(&self) -> impl Iterator<Item = GatewayEndpoint> + '_ {
        self.organizations.iter().map(|organization| GatewayEndpoint {
            msp_id: organization.settings.msp_id.clone(),
            address: organization.address,
            host_name: ca::peer_name(&organization.settings.domain),
            tls_root_pem: organization.files.tls_ca_pem().to_owned(),
        })
    }

    /// Where transactions are ordered.
    pub fn orderer(&self) -> OrdererEndpoint {
        OrdererEndpoint {
            address: self.orderer_node.address,
            host_name: ca::orderer_name(ORDERER_DOMAIN),
            tls_root_pem: self.orderer_node.files.tls_ca_pem().to_owned(),
        }
    }

    /// Enrols an identity.
    pub fn enroll(&self, request: &EnrollRequest) -> Result<Enrolled, TopologyError> {
        crate::topology::enroll(&self.config.dir, request)
    }

    /// The MSP directory of a user, there or not: `Admin` and `User1` always are.
    pub fn user_msp_dir(&self, msp_id: &str, name: &str) -> Option<PathBuf> {
        let found = self.organizations.iter().find(|one| one.settings.msp_id == msp_id)?;
        Some(found.files.user_msp(name))
    }

    /// A channel.
    pub fn channel(&self, name: &str) -> Option<Ledger<'_>> {
        self.chains.get(name).map(|chain| Ledger::new(chain))
    }

    /// All channels, in the order of the configuration.
    pub fn channels(&self) -> impl Iterator<Item = Ledger<'_>> {
        self.config.channels.iter().filter_map(|channel| self.channel(&channel.name))
    }

    /// How many blocks of the first channel are committed.
    pub fn height(&self) -> u64 {
        Ledger::new(&self.first).height()
    }

    /// Waits until so many blocks of the first channel are committed; false if the devnet stops
    /// before.
    pub async fn wait_for_height(&self, height: u64) -> bool {
        Ledger::new(&self.first).wait_for_height(height).await
    }

    /// A committed block of the first channel as bytes of Fabric's `common.Block`.
    pub fn block(&self, number: u64) -> Result<Option<Bytes>, LedgerError> {
        Ledger::new(&self.first).block(number)
    }

    /// What an organisation's peer holds in clear of a collection of the first channel, by key.
    pub fn private_data(
        &self,
        msp_id: &str,
        chaincode: &str,
        collection: &str,
    ) -> Result<Vec<(Bytes, Bytes)>, LedgerError> {
        Ledger::new(&self.first).private_data(msp_id, chaincode, collection)
    }

    /// From now on an organisation's peer gets no plaintext of committed private data of any channel,
    /// as if it had not been reconciled yet, or gets it again. What it misses meanwhile stays missing
    /// until it is [reconciled](Self::reconcile_private_data), or for good when the devnet stops.
    pub fn withhold_private_data(&self, msp_id: &str, withhold: bool) {
        for chain in self.chains.values() {
            chain.reconciler.withhold(msp_id, withhold);
        }
    }

    /// Hands an organisation's peer the plaintext it has missed, as far as it is still current:
    /// what a peer's reconciler does within a minute. Answers of how many collections, of each
    /// transaction, it was. Blocks while the databases write.
    pub fn reconcile_private_data(&self, msp_id: &str) -> Result<usize, LedgerError> {
        let mut caught_up: usize = 0;
        for Chain { shared, reconciler, .. } in self.chains.values().map(|chain| &**chain) {
            let count = reconciler.reconcile(msp_id, &shared.database, &shared.channel)?;
            caught_up = caught_up.saturating_add(count);
        }
        Ok(caught_up)
    }

    /// Stops: no new calls, what is ordered is committed, files are closed.
    pub async fn shutdown(self) {
        let Self { chains, first, stop, cut, servers, working, .. } = self;
        let released: Vec<_> =
            chains.values().map(|chain| chain.shared.database.released()).collect();
        for chain in chains.values() {
            chain.orderer.close();
        }
        stop.send_replace(true);
        for (channel, working) in working {
            working.end(&channel).await;
        }
        let mut served = join_all(servers);
        if tokio::time::timeout(STOP_TIMEOUT, &mut served).await.is_err() {
            // Clients that do not read what they asked for.
            cut.send_replace(true);
            if tokio::time::timeout(STOP_TIMEOUT, served).await.is_err() {
                tracing::warn!("a node did not stop in order");
            }
        }
        // A connection's task may live on for a moment after its server.
        drop((chains, first));
        let released = join_all(released.into_iter().map(Released::wait));
        if tokio::time::timeout(STOP_TIMEOUT, released).await.is_err() {
            tracing::warn!("a call under way keeps a ledger's file open");
        }
        tracing::info!("the devnet is stopped");
    }
}
