//! The steps of starting a devnet: directories, channels, peers, listeners.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use fabric_ledger::block::{code_byte, header_hash};
use fabric_ledger::{TxRecord, TxValidationCode, UpdateBatch, Version};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::acl::Acl;
use crate::ca::{self, OrdererFiles, OrganizationFiles};
use crate::chain::{Chain, Chains, Working};
use crate::chaincode::{LinkSettings, Links};
use crate::channel::{Channels, Joined, Shared};
use crate::channel_config::{ChannelConfig, OrganizationConfig, first_block};
use crate::config::{
    Channel, Config, ConfigError, DELIVER_CONCURRENCY, ENDORSER_CONCURRENCY, Organization,
    ledger_file,
};
use crate::definition;
use crate::deliver::DeliverService;
use crate::endorser::Peer;
use crate::environment::{Endpoints, PeerEndpoint};
use crate::error::StartError;
use crate::gateway::GatewayService;
use crate::limit::Limit;
use crate::msp::Membership;
use crate::ordering::OrderingService;
use crate::proposals::EndorserService;
use crate::server::{self, Ending, PeerServices};
use crate::signer::NodeSigner;
use crate::store::{BlockCommit, Database, Savepoint};
use crate::topology::{Topology, TopologyError};
use crate::transient::TransientStore;

/// MSP id of the orderer's organisation.
const ORDERER_MSP_ID: &str = "OrdererMSP";
/// Its domain.
pub(crate) const ORDERER_DOMAIN: &str = "example.com";

/// An organisation with its files and the address of its gateway.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) settings: Organization,
    pub(crate) files: OrganizationFiles,
    pub(crate) address: SocketAddr,
}

/// The orderer's organisation with its files and the address of its node.
#[derive(Debug)]
pub(crate) struct StartedOrderer {
    pub(crate) files: OrdererFiles,
    pub(crate) address: SocketAddr,
}

/// Opens the ledgers of all channels, in their order. A directory that is in use is left as it is.
pub(crate) fn databases(config: &Config) -> Result<Vec<Database>, StartError> {
    let topology = Topology::agreed(config)?;
    let cache_bytes = config.cache_bytes.checked_div(config.channels.len()).unwrap_or_default();
    let open = |(place, channel): (usize, &Channel)| {
        let msp_ids: Vec<String> = channel.members(config).map(|one| one.msp_id.clone()).collect();
        let file = ledger_file(&config.dir, place, &channel.name);
        let database = Database::open(&file, &channel.name, &msp_ids, cache_bytes)?;
        database.check_chain(config.integrity)?;
        Ok(database)
    };
    let databases =
        config.channels.iter().enumerate().map(open).collect::<Result<_, StartError>>()?;
    topology.write(&config.dir).map_err(TopologyError::from)?;
    Ok(databases)
}

/// A channel on its ledger, whose first block is written if there is none, and where it stands.
pub(crate) fn channel(
    config: &Config,
    settings: &Channel,
    database: Database,
    organizations: &[Started],
    orderer_node: &StartedOrderer,
) -> Result<(Shared, Savepoint), StartError> {
    let (channel, definitions) = definition::committed(config, settings)?;
    let members = settings.members(config);
    let on_it: Vec<&Started> =
        organizations.iter().filter(|one| settings.has(&one.settings.msp_id)).collect();
    let savepoint = match database.opened_at() {
        Some(savepoint) => savepoint,
        None => begin(&database, config, settings, &on_it, orderer_node)?,
    };
    let custodians = members.clone().filter(|one| one.custodian);
    let custodians = custodians.map(|one| one.msp_id.as_str());
    let joined = |one: &Organization| {
        let transient = TransientStore::restored(database.held(&one.msp_id)?);
        Ok(Joined { msp_id: one.msp_id.as_str().into(), transient })
    };
    let joined = members.map(joined).collect::<Result<_, StartError>>()?;
    let shared = Shared {
        acl: Acl::new(&channel, custodians, ORDERER_MSP_ID),
        membership: membership(on_it, &orderer_node.files)?,
        channel: Arc::new(channel),
        definitions,
        database,
        joined,
    };
    Ok((shared, savepoint))
}

/// Writes the first block of an empty ledger. The ports it names are those of the first start.
fn begin(
    database: &Database,
    config: &Config,
    settings: &Channel,
    organizations: &[&Started],
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
        channel: &settings.name,
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

pub(crate) fn endpoints(organizations: &[Started], orderer_node: &StartedOrderer) -> Endpoints {
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
pub(crate) async fn orderer_node(
    config: &Config,
) -> Result<(StartedOrderer, TcpListener), StartError> {
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
pub(crate) async fn organizations(
    config: &Config,
) -> Result<(Vec<Started>, Vec<TcpListener>), StartError> {
    let (mut organizations, mut listeners) = (Vec::new(), Vec::new());
    for settings in &config.organizations {
        let files = OrganizationFiles::create(&config.dir, &settings.domain)
            .map_err(TopologyError::from)?;
        let (listener, address) = listen(config, &settings.msp_id, settings.gateway_port).await?;
        let channel = config.channels.iter().find(|one| one.has(&settings.msp_id));
        let channel = channel.or(config.channels.first()).ok_or(ConfigError::NoChannel)?;
        files
            .write_profile(&channel.name, &settings.msp_id, address.port())
            .map_err(TopologyError::from)?;
        organizations.push(Started { settings: settings.clone(), files, address });
        listeners.push(listener);
    }
    Ok((organizations, listeners))
}

/// Who the members of these organisations are, and the orderer.
fn membership<'a>(
    organizations: impl IntoIterator<Item = &'a Started>,
    orderer: &OrdererFiles,
) -> Result<Membership, TopologyError> {
    let peers =
        (organizations.into_iter()).map(|one| (one.settings.msp_id.as_str(), one.files.ca_pem()));
    Ok(Membership::new(peers.chain([(ORDERER_MSP_ID, orderer.ca_pem())]))?)
}

/// Every organisation's peer, with the channels that it has joined.
pub(crate) fn peers(
    config: &Config,
    organizations: &[Started],
    orderer_node: &StartedOrderer,
    channels: &Channels,
    stop: &watch::Receiver<bool>,
) -> Result<Vec<Arc<Peer>>, StartError> {
    let all = Arc::new(membership(organizations, &orderer_node.files)?);
    let one = |organization: &Started| {
        let msp_id: Arc<str> = organization.settings.msp_id.as_str().into();
        let joined = channels.iter().filter(|(_, shared)| shared.has_joined(&msp_id));
        let joined = joined.map(|(name, shared)| (name.clone(), Arc::clone(shared)));
        let channels = Arc::new(joined.collect::<Channels>());
        let links = LinkSettings {
            msp_id: Arc::clone(&msp_id),
            ready: config.ready,
            execute_timeout: config.execute_timeout,
            stop: stop.clone(),
        };
        let host = ca::peer_name(&organization.settings.domain);
        Ok(Arc::new(Peer {
            address: format!("{host}:{}", organization.address.port()),
            signer: NodeSigner::new(&msp_id, organization.files.peer_identity())?,
            links: Links::new(&config.chaincodes, &links, &channels)?,
            channels,
            membership: Arc::clone(&all),
            time_window: config.time_window,
            msp_id,
        }))
    };
    organizations.iter().map(one).collect()
}

/// Starts the orderer and the committing peers of every channel.
pub(crate) fn chains(
    config: &Config,
    channels: Channels,
    savepoints: &BTreeMap<String, Savepoint>,
    peers: &[Arc<Peer>],
    orderer_node: &StartedOrderer,
) -> Result<(Chains, Vec<(String, Working)>), StartError> {
    let (mut chains, mut working) = (BTreeMap::new(), Vec::new());
    for (name, shared) in channels {
        let Some(savepoint) = savepoints.get(&name) else { continue };
        let joined = peers.iter().filter(|peer| shared.has_joined(&peer.msp_id));
        let joined = joined.cloned().collect();
        let signer = NodeSigner::new(ORDERER_MSP_ID, orderer_node.files.orderer_identity())?;
        let batch = config.batch.for_cutter();
        let (chain, works) = Chain::start(shared, joined, signer, batch, *savepoint)?;
        working.push((name.clone(), works));
        chains.insert(name, Arc::new(chain));
    }
    Ok((Arc::new(chains), working))
}

pub(crate) fn serve(
    config: &Config,
    chains: &Chains,
    peers: &[Arc<Peer>],
    organizations: &[Started],
    listeners: Vec<TcpListener>,
    ending: &Ending,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    (peers.iter().zip(organizations).zip(listeners))
        .map(|((peer, organization), listener)| {
            let joined = chains.iter().filter(|(name, _)| peer.channels.contains_key(*name));
            let joined = joined.map(|(name, chain)| (name.clone(), Arc::clone(chain)));
            let joined: Chains = Arc::new(joined.collect());
            let of = || (Arc::clone(peer), Arc::clone(&joined));
            let limit = Limit::new("/gateway.Gateway", config.gateway_concurrency);
            let (ordered, stop) = (Arc::clone(chains), ending.stop.clone());
            let gateway = GatewayService::new(of().0, of().1, ordered, limit, stop);
            let limit = Limit::new("/protos.Endorser", ENDORSER_CONCURRENCY);
            let endorser = EndorserService::new(of().0, limit);
            let limit = Limit::new("/protos.Deliver", DELIVER_CONCURRENCY);
            let deliver = DeliverService::new(of().0, of().1, limit, ending.stop.clone());
            let services = PeerServices { gateway, endorser, deliver };
            server::serve_peer(services, organization.files.peer_tls(), listener, ending.clone())
        })
        .collect()
}

pub(crate) fn serve_orderer(
    config: &Config,
    chains: &Chains,
    orderer_node: &StartedOrderer,
    listener: TcpListener,
    ending: &Ending,
) -> Result<JoinHandle<()>, StartError> {
    let limit = Limit::new("/orderer.AtomicBroadcast", DELIVER_CONCURRENCY);
    let (chains, stop) = (Arc::clone(chains), ending.stop.clone());
    let service = OrderingService::new(chains, config.time_window, limit, stop);
    server::serve_orderer(service, orderer_node.files.orderer_tls(), listener, ending.clone())
}
