//! A running devnet.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fabric_ledger::block::{code_byte, header_hash};
use fabric_ledger::{
    KeyRange, Space, Store as _, TxRecord, TxValidationCode, UpdateBatch, Version,
};
use fabric_protos::common::Block;
use futures_util::future::join_all;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::acl::Acl;
use crate::ca::{self, EnrollRequest, Enrolled, OrdererFiles, OrganizationFiles};
use crate::chaincode::{LinkSettings, Links};
use crate::channel_config::{ChannelConfig, OrganizationConfig, first_block};
use crate::committer::Committer;
use crate::config::{Config, DELIVER_CONCURRENCY, ENDORSER_CONCURRENCY, Organization};
use crate::definition;
use crate::deliver::DeliverService;
use crate::endorser::{Peer, Shared};
use crate::environment::{Endpoints, PeerEndpoint};
use crate::error::StartError;
use crate::gateway::{GatewayService, Network};
use crate::limit::Limit;
use crate::msp::Membership;
use crate::notify::CommitNotifier;
use crate::orderer::{Orderer, Tip};
use crate::ordering::OrderingService;
use crate::proposals::EndorserService;
use crate::reconciler::Reconciler;
use crate::server::{self, Ending, PeerServices};
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
    orderer_node: StartedOrderer,
    reconciler: Arc<Reconciler>,
    stop: watch::Sender<bool>,
    cut: watch::Sender<bool>,
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

/// The orderer's organisation with its files and the address of its node.
#[derive(Debug)]
struct StartedOrderer {
    files: OrdererFiles,
    address: SocketAddr,
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
        let (channel, definitions) = definition::committed(&config)?;
        Topology::agree(&config)?;
        let msp_ids: Vec<String> =
            config.organizations.iter().map(|one| one.msp_id.clone()).collect();
        // First of all: nothing may be changed in a directory that is in use.
        let database =
            Database::open(&config.ledger_file(), &config.channel, &msp_ids, config.cache_bytes)?;
        database.check_chain(config.integrity)?;
        let (organizations, listeners) = organizations(&config).await?;
        let (orderer_node, orderer_listener) = orderer_node(&config).await?;
        endpoints(&organizations, &orderer_node).write(&config.dir).map_err(TopologyError::from)?;
        let savepoint = match database.opened_at() {
            Some(savepoint) => savepoint,
            None => begin(&database, &config, &organizations, &orderer_node)?,
        };
        let custodians = config.organizations.iter().filter(|one| one.custodian);
        let custodians = custodians.map(|one| one.msp_id.as_str());
        let shared = Arc::new(Shared {
            acl: Acl::new(&channel, custodians, ORDERER_MSP_ID),
            membership: Arc::new(membership(&organizations, &orderer_node.files)?),
            channel: Arc::new(channel),
            definitions,
            database: Arc::new(database),
            time_window: config.time_window,
        });
        let (stop, stopped) = watch::channel(false);
        let (cut, is_cut) = watch::channel(false);
        let peers = (organizations.iter())
            .map(|organization| {
                let peer = peer(&config, organization, &shared.database, stopped.clone());
                peer.map(Arc::new)
            })
            .collect::<Result<Vec<_>, StartError>>()?;
        let height = savepoint.number.saturating_add(1);
        let notifier = Arc::new(CommitNotifier::new(height));
        let reconciler = Arc::new(Reconciler::default());
        let signer = NodeSigner::new(ORDERER_MSP_ID, orderer_node.files.orderer_identity())?;
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
        let ending = Ending { stop: stopped, cut: is_cut };
        let mut servers = serve(&config, &network, &organizations, listeners, &ending)?;
        servers.push(serve_orderer(&network, &orderer_node, orderer_listener, &ending)?);
        let orderer = tokio::spawn(ordering);
        tracing::info!(dir = %config.dir.display(), height, "the devnet is ready");
        Ok(Self {
            config,
            network,
            organizations,
            orderer_node,
            reconciler,
            stop,
            cut,
            servers,
            orderer,
            committer,
        })
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
        let Self { network, stop, cut, servers, orderer, committer, .. } = self;
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
        let mut served = join_all(servers);
        if tokio::time::timeout(STOP_TIMEOUT, &mut served).await.is_err() {
            // Clients that do not read what they asked for.
            cut.send_replace(true);
            if tokio::time::timeout(STOP_TIMEOUT, served).await.is_err() {
                tracing::warn!("a node did not stop in order");
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

/// Writes the first block of an empty ledger. The ports it names are those of the first start.
fn begin(
    database: &Database,
    config: &Config,
    organizations: &[Started],
    orderer_node: &StartedOrderer,
) -> Result<Savepoint, StartError> {
    let described: Vec<OrganizationConfig<'_>> = (organizations.iter())
        .map(|one| OrganizationConfig {
            msp_id: &one.settings.msp_id,
            ca_pem: one.files.ca_pem(),
            tls_ca_pem: one.files.tls_ca_pem(),
            port: one.address.port(),
            custodian: one.settings.custodian,
        })
        .collect();
    let orderer = OrganizationConfig {
        msp_id: ORDERER_MSP_ID,
        ca_pem: orderer_node.files.ca_pem(),
        tls_ca_pem: orderer_node.files.tls_ca_pem(),
        port: orderer_node.address.port(),
        custodian: false,
    };
    let (block, tx_id) = first_block(&ChannelConfig {
        channel: &config.channel,
        batch: config.batch,
        organizations: &described,
        orderer,
        orderer_tls_pem: &orderer_node.files.orderer_tls().certificate_pem,
    })?;
    let header_hash = block.header.as_ref().map(header_hash).unwrap_or_default();
    let savepoint = Savepoint { number: 0, header_hash, commit_hash: [0; 32] };
    let code = code_byte(TxValidationCode::Valid);
    let record = TxRecord { version: Version::new(0, 0), code };
    database.commit(&BlockCommit {
        savepoint,
        block: &block.encode_to_vec(),
        transactions: vec![(&tx_id, record)],
        updates: &UpdateBatch::default(),
        history: &[],
        peers: Vec::new(),
        purges: &[],
        block_to_live: &|_, _| 0,
    })?;
    Ok(savepoint)
}

fn endpoints(organizations: &[Started], orderer_node: &StartedOrderer) -> Endpoints {
    let peer = |one: &Started| PeerEndpoint {
        msp_id: one.settings.msp_id.clone(),
        domain: one.settings.domain.clone(),
        port: one.address.port(),
        custodian: one.settings.custodian,
    };
    Endpoints {
        orderer_domain: ORDERER_DOMAIN.to_owned(),
        orderer_port: orderer_node.address.port(),
        peers: organizations.iter().map(peer).collect(),
    }
}

/// Makes the orderer's identities and takes its port.
async fn orderer_node(config: &Config) -> Result<(StartedOrderer, TcpListener), StartError> {
    let files = OrdererFiles::create(&config.dir, ORDERER_DOMAIN).map_err(TopologyError::from)?;
    let (listener, address) = listen(config, ORDERER_MSP_ID, config.orderer_port).await?;
    Ok((StartedOrderer { files, address }, listener))
}

async fn listen(
    config: &Config,
    msp_id: &str,
    port: u16,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let wanted = SocketAddr::new(config.listen, port);
    let refused = |source| {
        let msp_id = msp_id.to_owned();
        StartError::Listen { msp_id, address: wanted, source }
    };
    let listener = TcpListener::bind(wanted).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}

/// Makes the identities and takes the ports.
async fn organizations(config: &Config) -> Result<(Vec<Started>, Vec<TcpListener>), StartError> {
    let (mut organizations, mut listeners) = (Vec::new(), Vec::new());
    for settings in &config.organizations {
        let files = OrganizationFiles::create(&config.dir, &settings.domain)
            .map_err(TopologyError::from)?;
        let (listener, address) = listen(config, &settings.msp_id, settings.gateway_port).await?;
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
    database: &Database,
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
        transient: TransientStore::restored(database.held(&msp_id)?),
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
    ending: &Ending,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    (network.peers.iter().zip(organizations).zip(listeners))
        .map(|((peer, organization), listener)| {
            let of = || (Arc::clone(network), Arc::clone(peer));
            let limit = Limit::new("/gateway.Gateway", config.gateway_concurrency);
            let gateway = GatewayService::new(of().0, of().1, limit, ending.stop.clone());
            let limit = Limit::new("/protos.Endorser", ENDORSER_CONCURRENCY);
            let endorser = EndorserService::new(of().0, of().1, limit);
            let limit = Limit::new("/protos.Deliver", DELIVER_CONCURRENCY);
            let deliver = DeliverService::new(of().0, of().1, limit, ending.stop.clone());
            let services = PeerServices { gateway, endorser, deliver };
            server::serve_peer(services, organization.files.peer_tls(), listener, ending.clone())
        })
        .collect()
}

fn serve_orderer(
    network: &Arc<Network>,
    orderer_node: &StartedOrderer,
    listener: TcpListener,
    ending: &Ending,
) -> Result<JoinHandle<()>, StartError> {
    let limit = Limit::new("/orderer.AtomicBroadcast", DELIVER_CONCURRENCY);
    let service = OrderingService::new(Arc::clone(network), limit, ending.stop.clone());
    server::serve_orderer(service, orderer_node.files.orderer_tls(), listener, ending.clone())
}
