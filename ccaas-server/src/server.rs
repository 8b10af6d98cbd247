use crate::config::{Config, ConfigError, MESSAGE_BYTES_MAX};
use crate::run::Host;
use crate::stats::{Counters, Stats};
use crate::stream::{Drain, PeerStream};
use crate::transport::{Listener, PeerAddress};
use fabric_contract_rs::Contract;
use fabric_protos::protos::ChaincodeMessage;
use fabric_protos::protos::chaincode_server::{Chaincode, ChaincodeServer};
use ring::rand::SystemRandom;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tonic_health::ServingStatus;
use tracing::Instrument;

/// When an idle connection is probed.
///
/// 60 s, and [`KEEPALIVE_TIMEOUT`] 20 s: what Fabric's own chaincode server and peers do. A peer
/// whose machine vanished is noticed after 80 s.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);
/// How long a probe may stay unanswered.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Streams a connection.
///
/// 16: a peer opens one, a health checker a few; a handshake that failed leaves one behind for a
/// moment.
const STREAMS_PER_CONNECTION_MAX: u32 = 16;
/// What a peer may send before it must wait for this server to read.
///
/// 4 MiB a stream and a connection: a batch of arguments travels without waiting for a round trip.
const WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Messages of one stream that wait for the network.
///
/// 256: a transaction has at most one waiting; a slow peer slows its own transactions only.
const OUTBOUND_QUEUE: usize = 256;
/// How long connections may take to close once every stream has ended.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// Why a running server stopped.
#[derive(Debug, thiserror::Error)]
#[error("the server stopped: {0}")]
pub struct ServeError(#[from] tonic::transport::Error);

/// A bound server: it owns its port and refuses nobody yet.
///
/// ```no_run
/// use ccaas_server::{Config, Server};
/// # async fn example<C: fabric_contract_rs::Contract>(contract: C) -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::bind(Config::new("127.0.0.1:9999", "health:4cd1…")).await?;
/// println!("listening on {}", server.local_addr());
/// server.serve(contract, async { let _ = tokio::signal::ctrl_c().await; }).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    config: Config,
    listener: Listener,
    local_addr: SocketAddr,
    counters: Arc<Counters>,
}

/// Reads a server's [`Stats`] while it runs.
#[derive(Debug, Clone)]
pub struct StatsHandle(Arc<Counters>);

impl StatsHandle {
    /// The counts as they are now.
    pub fn read(&self) -> Stats {
        self.0.read()
    }
}

impl Server {
    /// Checks the configuration, reads keys and certificates, and takes the port.
    ///
    /// # Errors
    /// Any [`ConfigError`]; among them that plaintext is asked for beyond loopback.
    pub async fn bind(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let listener = Listener::bind(&config).await?;
        let local_addr = listener
            .local_addr()
            .map_err(|source| ConfigError::Address { address: config.listen.clone(), source })?;
        Ok(Self { config, listener, local_addr, counters: Arc::default() })
    }

    /// Where peers reach the server.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Counts of what happens, to be read at any time.
    pub fn stats(&self) -> StatsHandle {
        StatsHandle(Arc::clone(&self.counters))
    }

    /// Serves `contract` until `shutdown` resolves, then drains: running transactions may finish
    /// within [`Limits::drain_timeout`](crate::Limits::drain_timeout), new ones are answered with
    /// ERROR so that gateways ask another peer, and the streams are ended from this side.
    ///
    /// Contracts run on the runtime's own threads, many transactions to each, and give way whenever
    /// they wait for the peer. One that computes for long, or loops for ever, without asking the
    /// ledger anything holds its thread meanwhile, and no deadline reaches it: loops in a contract
    /// need a bound, and a runtime more than one thread.
    ///
    /// # Errors
    /// [`ServeError`] when gRPC itself fails.
    pub async fn serve<C: Contract>(
        self,
        contract: C,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let limits = self.config.limits.clone();
        let (drain, draining) = watch::channel(None);
        let service = Service {
            places: Arc::new(Semaphore::new(limits.concurrent_transactions_max)),
            host: Arc::new(Host {
                contract,
                limits: limits.clone(),
                counters: Arc::clone(&self.counters),
                sizes: Arc::default(),
                random: SystemRandom::new(),
            }),
            chaincode_id: self.config.chaincode_id.as_str().into(),
            draining,
        };
        let service = ChaincodeServer::new(service)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let (reporter, health) = tonic_health::server::health_reporter();
        reporter.set_service_status("", ServingStatus::Serving).await;
        reporter.set_service_status("protos.Chaincode", ServingStatus::Serving).await;

        let (ready, incoming) = mpsc::channel(1);
        let accepting = tokio::spawn(self.listener.accept(limits.clone(), ready));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .add_service(health)
            .add_service(service)
            .serve_with_incoming_shutdown(ReceiverStream::new(incoming), async {
                let _ = stopped.await;
            });
        tokio::pin!(serving);
        let client_ca = self.config.tls.as_ref().map(|tls| tls.client_ca.is_some());
        if client_ca == Some(false) {
            tracing::warn!(
                "no client CA is configured: whoever reaches this port can act as a peer and take \
                 up transactions' places; configure one where the network is not yours alone"
            );
        }
        tracing::info!(
            address = %self.local_addr,
            chaincode_id = self.config.chaincode_id,
            tls = client_ca.is_some(),
            mutual = client_ca.unwrap_or_default(),
            "serving"
        );
        tokio::select! {
            ended = &mut serving => return Ok(ended?),
            () = shutdown => {}
        }
        tracing::info!("draining");
        reporter.set_service_status("", ServingStatus::NotServing).await;
        reporter.set_service_status("protos.Chaincode", ServingStatus::NotServing).await;
        accepting.abort();
        let _ = drain.send(Some(Instant::now() + limits.drain_timeout));
        let _ = stop.send(());
        // A health watcher never ends its stream, so the wait for connections has an end.
        match tokio::time::timeout(limits.drain_timeout + CLOSE_GRACE, serving).await {
            Ok(ended) => ended?,
            Err(_) => tracing::warn!("connections were still open and are cut"),
        }
        tracing::info!(stats = ?self.counters.read(), "stopped");
        Ok(())
    }
}

#[derive(Debug)]
struct Service<C> {
    host: Arc<Host<C>>,
    places: Arc<Semaphore>,
    chaincode_id: Arc<str>,
    draining: Drain,
}

#[tonic::async_trait]
impl<C: Contract> Chaincode for Service<C> {
    type ConnectStream = ReceiverStream<Result<ChaincodeMessage, Status>>;

    async fn connect(
        &self,
        request: Request<Streaming<ChaincodeMessage>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        if self.draining.borrow().is_some() {
            return Err(Status::unavailable("the chaincode server is stopping"));
        }
        self.host.counters.streams.add();
        let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
        let (out, outbound) = mpsc::channel(OUTBOUND_QUEUE);
        let (host, places) = (Arc::clone(&self.host), Arc::clone(&self.places));
        let stream = PeerStream::new(host, places, Arc::clone(&self.chaincode_id), out);
        let serving = stream.serve(request.into_inner(), self.draining.clone());
        tokio::spawn(serving.instrument(tracing::info_span!("stream", ?peer)));
        Ok(Response::new(ReceiverStream::new(outbound)))
    }
}
