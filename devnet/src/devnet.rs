//! A running devnet.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fabric_ledger::block::header_hash;
use fabric_ledger::channel::{Channel, READERS, WRITERS};
use fabric_ledger::{KeyRange, Space, Store as _};
use fabric_protos::common::Block;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::ca::{self, EnrollRequest, Enrolled, OrdererFiles, OrganizationFiles};
use crate::chaincode::{LinkSettings, Links};
use crate::committer::{Committer, genesis};
use crate::config::{Config, Organization};
use crate::definition;
use crate::endorser::{Peer, Shared};
use crate::error::StartError;
use crate::gateway::{GatewayService, Network};
use crate::msp::Membership;
use crate::notify::CommitNotifier;
use crate::orderer::{Orderer, Tip};
use crate::reconciler::Reconciler;
use crate::server;
use crate::signer::NodeSigner;
use crate::store::{BlockCommit, Database, LedgerError, PeerSnapshot, Savepoint};
use crate::topology::{Topology, TopologyError};
use crate::transient::TransientStore;

/// MSP id of the orderer's organisation.
const ORDERER_MSP_ID: &str = "OrdererMSP";
/// Its domain.
const ORDERER_DOMAIN: &str = "example.com";
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
    network: Arc<Network>,
    organizations: Vec<Started>,
    reconciler: Arc<Reconciler>,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
    orderer: JoinHandle<()>,
    committer: std::thread::JoinHandle<()>,
}

/// An organisation with its files and the address of its gateway.
#[derive(Debug)]
struct Started {
    settings: Organization,
    files: OrganizationFiles,
    address: SocketAddr,
}

/// Where an organisation's gateway is, and how to trust it.
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
        let channel = Arc::new(definition::channel(&config)?);
        Topology::agree(&config)?;
        let msp_ids: Vec<String> =
            config.organizations.iter().map(|one| one.msp_id.clone()).collect();
        // First of all: nothing may be changed in a directory that is in use.
        let database =
            Database::open(&config.ledger_file(), &config.channel, &msp_ids, config.cache_bytes)?;
        database.check_chain(config.integrity)?;
        let savepoint = match database.opened_at() {
            Some(savepoint) => savepoint,
            None => begin(&database, &config.channel)?,
        };
        let (organizations, listeners) = organizations(&config).await?;
        let orderer_files =
            OrdererFiles::create(&config.dir, ORDERER_DOMAIN).map_err(TopologyError::from)?;
        let shared = Arc::new(Shared {
            writers: policy(&channel, WRITERS),
            readers: policy(&channel, READERS),
            membership: Arc::new(membership(&organizations, &orderer_files)?),
            channel,
            database: Arc::new(database),
            time_window: config.time_window,
        });
        let (stop, stopped) = watch::channel(false);
        let peers = (organizations.iter())
            .map(|organization| peer(&config, organization, stopped.clone()).map(Arc::new))
            .collect::<Result<Vec<_>, StartError>>()?;
        let height = savepoint.number.saturating_add(1);
        let notifier = Arc::new(CommitNotifier::new(height));
        let reconciler = Arc::new(Reconciler::default());
        let signer = NodeSigner::new(ORDERER_MSP_ID, orderer_files.orderer_identity())?;
        let tip = Tip { next: height, previous_hash: savepoint.header_hash };
        let (orderer, ordering, blocks) =
            Orderer::new(Arc::clone(&shared), signer, config.batch.for_cutter(), tip);
        let committer = Committer::new(
            Arc::clone(&shared),
            peers.clone(),
            Arc::clone(&notifier),
            Arc::clone(&reconciler),
            savepoint,
        );
        let committer = committing(committer, blocks)?;
        let network = Arc::new(Network { shared, peers, orderer, notifier });
        let servers = serve(&config, &network, &organizations, listeners, &stopped)?;
        let orderer = tokio::spawn(ordering);
        tracing::info!(dir = %config.dir.display(), height, "the devnet is ready");
        Ok(Self { config, network, organizations, reconciler, stop, servers, orderer, committer })
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

    /// Enrols an identity.
    pub fn enroll(&self, request: &EnrollRequest) -> Result<Enrolled, TopologyError> {
        crate::topology::enroll(&self.config.dir, request)
    }

    /// The MSP directory of a user, there or not: `Admin` and `User1` always are.
    pub fn user_msp_dir(&self, msp_id: &str, name: &str) -> Option<PathBuf> {
        let found = self.organizations.iter().find(|one| one.settings.msp_id == msp_id)?;
        Some(found.files.user_msp(name))
    }

    /// How many blocks are committed.
    pub fn height(&self) -> u64 {
        self.network.shared.database.snapshot().height()
    }

    /// Waits until so many blocks are committed; false if the devnet stops before.
    pub async fn wait_for_height(&self, height: u64) -> bool {
        self.network.notifier.height().wait_for(|committed| *committed >= height).await.is_ok()
    }

    /// A committed block as bytes of Fabric's `common.Block`.
    pub fn block(&self, number: u64) -> Result<Option<Bytes>, LedgerError> {
        Ok(self.network.shared.database.snapshot().block(number)?)
    }

    /// What an organisation's peer holds in clear of a collection, by key.
    pub fn private_data(
        &self,
        msp_id: &str,
        chaincode: &str,
        collection: &str,
    ) -> Result<Vec<(Bytes, Bytes)>, LedgerError> {
        let snapshot = self.network.shared.database.snapshot();
        let store = PeerSnapshot::new(snapshot, msp_id.into());
        let mut rows = Vec::new();
        let space = Space::Private { namespace: chaincode, collection };
        store.scan(space, KeyRange::ALL, &mut |row| {
            rows.push((Bytes::copy_from_slice(row.key), Bytes::copy_from_slice(row.value)));
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(rows)
    }

    /// From now on an organisation's peer gets no plaintext of committed private data, as if it
    /// had not been reconciled yet, or gets it again. What it misses meanwhile stays missing until it
    /// is [reconciled](Self::reconcile_private_data), or for good when the devnet stops.
    pub fn withhold_private_data(&self, msp_id: &str, withhold: bool) {
        self.reconciler.withhold(msp_id, withhold);
    }

    /// Hands an organisation's peer the plaintext it has missed, as far as it is still current:
    /// what a peer's reconciler does within a minute. Answers of how many collections, of each
    /// transaction, it was. Blocks while the database writes.
    pub fn reconcile_private_data(&self, msp_id: &str) -> Result<usize, LedgerError> {
        let shared = &self.network.shared;
        self.reconciler.reconcile(msp_id, &shared.database, &shared.channel)
    }

    /// Stops: no new calls, what is ordered is committed, files are closed.
    pub async fn shutdown(self) {
        let Self { network, stop, mut servers, orderer, committer, .. } = self;
        let released = network.shared.database.released();
        network.orderer.close();
        stop.send_replace(true);
        if orderer.await.is_err() {
            tracing::warn!("the orderer did not stop in order");
        }
        let committed = tokio::task::spawn_blocking(move || committer.join()).await;
        if !matches!(committed, Ok(Ok(()))) {
            tracing::warn!("the committer did not stop in order");
        }
        for server in &mut servers {
            if tokio::time::timeout(STOP_TIMEOUT, &mut *server).await.is_err() {
                server.abort();
            }
        }
        // A connection's task may live on for a moment after its server.
        drop(network);
        if tokio::time::timeout(STOP_TIMEOUT, released.wait()).await.is_err() {
            tracing::warn!("a call under way keeps the ledger's file open");
        }
        tracing::info!("the devnet is stopped");
    }
}

/// Writes the first block of an empty ledger.
fn begin(database: &Database, channel: &str) -> Result<Savepoint, LedgerError> {
    let block = genesis(channel);
    let header_hash = block.header.as_ref().map(header_hash).unwrap_or_default();
    let savepoint = Savepoint { number: 0, header_hash, commit_hash: [0; 32] };
    write_first(database, savepoint, &block)?;
    Ok(savepoint)
}

fn write_first(
    database: &Database,
    savepoint: Savepoint,
    block: &Block,
) -> Result<(), LedgerError> {
    database.commit(&BlockCommit {
        savepoint,
        block: &block.encode_to_vec(),
        transactions: Vec::new(),
        updates: &fabric_ledger::UpdateBatch::default(),
        history: &[],
        peers: Vec::new(),
        expires_at: &|_| None,
    })
}

fn policy(channel: &Channel, path: &str) -> fabric_ledger::policy::Policy {
    let none = || fabric_ledger::policy::Policy::Meta { threshold: 1, policies: Vec::new() };
    channel.policy(path).unwrap_or_else(none)
}

/// Makes the identities and takes the ports.
async fn organizations(config: &Config) -> Result<(Vec<Started>, Vec<TcpListener>), StartError> {
    let (mut organizations, mut listeners) = (Vec::new(), Vec::new());
    for settings in &config.organizations {
        let files = OrganizationFiles::create(&config.dir, &settings.domain)
            .map_err(TopologyError::from)?;
        let wanted = SocketAddr::new(config.listen, settings.gateway_port);
        let refused = |source| StartError::Listen {
            msp_id: settings.msp_id.clone(),
            address: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        files
            .write_profile(&config.channel, &settings.msp_id, address.port())
            .map_err(TopologyError::from)?;
        organizations.push(Started { settings: settings.clone(), files, address });
        listeners.push(listener);
    }
    Ok((organizations, listeners))
}

fn membership(
    organizations: &[Started],
    orderer: &OrdererFiles,
) -> Result<Membership, TopologyError> {
    let peers =
        (organizations.iter()).map(|one| (one.settings.msp_id.as_str(), one.files.ca_pem()));
    Ok(Membership::new(peers.chain([(ORDERER_MSP_ID, orderer.ca_pem())]))?)
}

fn peer(
    config: &Config,
    organization: &Started,
    stop: watch::Receiver<bool>,
) -> Result<Peer, StartError> {
    let msp_id: Arc<str> = organization.settings.msp_id.as_str().into();
    let links = LinkSettings {
        msp_id: Arc::clone(&msp_id),
        ready: config.ready,
        execute_timeout: config.execute_timeout,
        stop,
    };
    let host = ca::peer_name(&organization.settings.domain);
    Ok(Peer {
        address: format!("{host}:{}", organization.address.port()),
        signer: NodeSigner::new(&msp_id, organization.files.peer_identity())?,
        links: Links::new(&config.chaincodes, &links)?,
        transient: TransientStore::default(),
        msp_id,
    })
}

/// Validation and writing have a thread of their own: both would hold up a runtime.
fn committing(
    committer: Committer,
    blocks: mpsc::Receiver<Block>,
) -> Result<std::thread::JoinHandle<()>, StartError> {
    std::thread::Builder::new()
        .name("committer".to_owned())
        .spawn(move || committer.run(blocks))
        .map_err(StartError::Thread)
}

fn serve(
    config: &Config,
    network: &Arc<Network>,
    organizations: &[Started],
    listeners: Vec<TcpListener>,
    stop: &watch::Receiver<bool>,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    (network.peers.iter().zip(organizations).zip(listeners))
        .map(|((peer, organization), listener)| {
            let gateway = GatewayService::new(
                Arc::clone(network),
                Arc::clone(peer),
                config.gateway_concurrency,
                stop.clone(),
            );
            server::serve(gateway, organization.files.peer_tls(), listener, stop.clone())
        })
        .collect()
}
