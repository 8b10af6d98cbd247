//! The listeners: one for each organisation's peer, one for the orderer.

use std::time::Duration;

use fabric_protos::gateway::gateway_server::GatewayServer;
use fabric_protos::orderer::atomic_broadcast_server::AtomicBroadcastServer;
use fabric_protos::protos::deliver_server::DeliverServer;
use fabric_protos::protos::endorser_server::EndorserServer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::server::NamedService;
use tonic::transport::server::Router;
use tonic::transport::{Identity, Server, ServerTlsConfig};

use crate::ca::NodeIdentity;
use crate::connections::incoming;
use crate::deliver::{DeliverService, stopping};
use crate::error::StartError;
use crate::gateway::GatewayService;
use crate::ordering::OrderingService;
use crate::proposals::EndorserService;

/// Bytes of a message in either direction, as a peer allows.
const MESSAGE_BYTES_MAX: usize = 100 * 1024 * 1024;
/// Time for a TLS handshake, as a peer gives.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle time after which a peer pings its clients, and time for their answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_hours(2), Duration::from_secs(20));

/// When a server ends.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// From when on there are no new calls, and those under way end.
    pub(crate) stop: watch::Receiver<bool>,
    /// From when on connections are cut.
    pub(crate) cut: watch::Receiver<bool>,
}

/// What a peer offers.
#[derive(Debug)]
pub(crate) struct PeerServices {
    pub(crate) gateway: GatewayService,
    pub(crate) endorser: EndorserService,
    pub(crate) deliver: DeliverService,
}

/// Serves a peer's services until it is told to stop.
pub(crate) fn serve_peer(
    services: PeerServices,
    tls: &NodeIdentity,
    listener: TcpListener,
    Ending { mut stop, cut }: Ending,
) -> Result<JoinHandle<()>, StartError> {
    let mut builder = builder(tls)?;
    let PeerServices { gateway, endorser, deliver } = services;
    let (health, health_service) = tonic_health::server::health_reporter();
    let router = builder
        .add_service(health_service)
        .add_service(
            GatewayServer::new(gateway)
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            EndorserServer::new(endorser)
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
        )
        .add_service(
            DeliverServer::new(deliver)
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX),
        );
    Ok(tokio::spawn(async move {
        health.set_serving::<GatewayServer<GatewayService>>().await;
        let stopped = async move {
            stopping(&mut stop).await;
            // Whoever watches the health would keep the connection, and with it the ledger.
            let mut health = health;
            health.clear_service_status("").await;
            let gateway = <GatewayServer<GatewayService> as NamedService>::NAME;
            health.clear_service_status(gateway).await;
        };
        run(router, listener, stopped, cut).await;
    }))
}

/// Serves the orderer's service until it is told to stop.
pub(crate) fn serve_orderer(
    ordering: OrderingService,
    tls: &NodeIdentity,
    listener: TcpListener,
    Ending { mut stop, cut }: Ending,
) -> Result<JoinHandle<()>, StartError> {
    let ordering = AtomicBroadcastServer::new(ordering)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let router = builder(tls)?.add_service(ordering);
    let stopped = async move { stopping(&mut stop).await };
    Ok(tokio::spawn(run(router, listener, stopped, cut)))
}

fn builder(tls: &NodeIdentity) -> Result<Server, StartError> {
    let identity = Identity::from_pem(&tls.certificate_pem, &tls.key_pem);
    let tls = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE_TIMEOUT);
    let (interval, timeout) = KEEPALIVE;
    Ok(Server::builder()
        .tls_config(tls)?
        .http2_keepalive_interval(Some(interval))
        .http2_keepalive_timeout(Some(timeout)))
}

async fn run(
    router: Router,
    listener: TcpListener,
    stopped: impl Future<Output = ()>,
    cut: watch::Receiver<bool>,
) {
    let incoming = incoming(listener, cut);
    if let Err(err) = router.serve_with_incoming_shutdown(incoming, stopped).await {
        tracing::error!(%err, "a node stopped serving");
    }
}
