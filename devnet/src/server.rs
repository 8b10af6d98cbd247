//! One organisation's listener.

use std::time::Duration;

use fabric_protos::gateway::gateway_server::GatewayServer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};

use crate::ca::NodeIdentity;
use crate::error::StartError;
use crate::gateway::GatewayService;

/// Bytes of a message in either direction, as a peer allows.
const MESSAGE_BYTES_MAX: usize = 100 * 1024 * 1024;
/// Time for a TLS handshake, as a peer gives.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle time after which a peer pings its clients, and time for their answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_hours(2), Duration::from_secs(20));

/// Serves a gateway until it is told to stop.
pub(crate) fn serve(
    gateway: GatewayService,
    tls: &NodeIdentity,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, StartError> {
    let identity = Identity::from_pem(&tls.certificate_pem, &tls.key_pem);
    let tls = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE_TIMEOUT);
    let gateway = GatewayServer::new(gateway)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let (interval, timeout) = KEEPALIVE;
    let mut builder = Server::builder()
        .tls_config(tls)?
        .http2_keepalive_interval(Some(interval))
        .http2_keepalive_timeout(Some(timeout));
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Ok(tokio::spawn(async move {
        let (mut health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<GatewayServer<GatewayService>>().await;
        let stopped = async move {
            // The sender is gone only if the devnet is.
            let _ = stop.wait_for(|stop| *stop).await;
            // Whoever watches the health would keep the connection, and with it the ledger.
            health.clear_service_status("").await;
            let gateway = <GatewayServer<GatewayService> as NamedService>::NAME;
            health.clear_service_status(gateway).await;
        };
        let served = builder
            .add_service(health_service)
            .add_service(gateway)
            .serve_with_incoming_shutdown(incoming, stopped)
            .await;
        if let Err(err) = served {
            tracing::error!(%err, "a gateway stopped serving");
        }
    }))
}
