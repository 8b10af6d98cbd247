use crate::config::{Config, ConfigError, Limits, Pem, Tls};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

/// How long to wait before accepting again when the system refused, mostly for want of file
/// descriptors.
///
/// 100 ms: long enough not to spin, short against a peer's dial timeout of 3 s.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What an HTTP/2 client says first.
const PREFACE_BYTES: usize = 24;

/// Why keys or certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is not there or may not be read.
    #[error("cannot read {what} from {path}: {source}")]
    Read { what: &'static str, path: PathBuf, source: io::Error },
    /// Not PEM, or not the kind of PEM expected.
    #[error("{what} holds no usable PEM block: {reason}")]
    Pem { what: &'static str, reason: String },
    /// Key and certificate do not belong together, or an authority cannot be used.
    #[error("the TLS configuration does not work: {0}")]
    Unusable(String),
}

fn text(pem: &Pem, what: &'static str) -> Result<Vec<u8>, TlsError> {
    let read = |path: &PathBuf| {
        std::fs::read(path).map_err(|source| TlsError::Read { what, path: path.clone(), source })
    };
    match pem {
        Pem::Bytes(bytes) => Ok(bytes.clone()),
        Pem::File(path) => read(path),
        Pem::Base64File(path) => STANDARD
            .decode(read(path)?.trim_ascii())
            .map_err(|error| TlsError::Pem { what, reason: format!("not base64: {error}") }),
    }
}

fn certificates(pem: &Pem, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text(pem, what)?).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(TlsError::Pem { what, reason: "no certificate in it".to_owned() }),
        Err(error) => Err(TlsError::Pem { what, reason: error.to_string() }),
    }
}

fn acceptor(tls: &Tls) -> Result<TlsAcceptor, TlsError> {
    let unusable = |error: &dyn std::fmt::Display| TlsError::Unusable(error.to_string());
    let what = "the TLS key";
    let key = PrivateKeyDer::from_pem_slice(&text(&tls.key, what)?)
        .map_err(|error| TlsError::Pem { what, reason: error.to_string() })?;
    let chain = certificates(&tls.certificate, "the TLS certificate")?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| unusable(&error))?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(pem, "the client CA")? {
                roots.add(authority).map_err(|error| unusable(&error))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| unusable(&error))?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| unusable(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The listening socket and what turns a TCP connection into one gRPC can use.
pub(crate) struct Listener {
    tcp: TcpListener,
    acceptor: Option<TlsAcceptor>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("tls", &self.acceptor.is_some()).finish_non_exhaustive()
    }
}

impl Listener {
    /// Binds the first address that `listen` stands for and that can be bound.
    pub(crate) async fn bind(config: &Config) -> Result<Self, ConfigError> {
        let acceptor = config.tls.as_ref().map(acceptor).transpose()?;
        let listen = match config.listen.strip_prefix(':') {
            Some(port) => format!("0.0.0.0:{port}"),
            None => config.listen.clone(),
        };
        let address_error = |source| ConfigError::Address { address: listen.clone(), source };
        let mut addresses: Vec<_> =
            tokio::net::lookup_host(&listen).await.map_err(address_error)?.collect();
        // Of a name's addresses peers mostly dial the IPv4 one, and Go's servers listen there.
        addresses.sort_by_key(SocketAddr::is_ipv6);
        let mut refused = None;
        for address in addresses {
            if acceptor.is_none() && !address.ip().is_loopback() {
                return Err(ConfigError::PlaintextBeyondLoopback(address));
            }
            match TcpListener::bind(address).await {
                Ok(tcp) => return Ok(Self { tcp, acceptor }),
                Err(source) => refused = Some(ConfigError::Bind { address, source }),
            }
        }
        Err(refused.unwrap_or_else(|| {
            let source = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            address_error(source)
        }))
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Accepts connections until the receiver is gone; each handshake runs beside the others.
    pub(crate) async fn accept(self, limits: Limits, ready: mpsc::Sender<io::Result<Connection>>) {
        let places = Arc::new(Semaphore::new(limits.connections_max));
        loop {
            // One that cannot be served now waits in the system's queue.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let accepted = tokio::select! {
                () = ready.closed() => return,
                accepted = self.tcp.accept() => accepted,
            };
            let (tcp, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                    continue;
                }
            };
            // The protocol goes back and forth in small messages, which must not wait for more.
            if let Err(error) = tcp.set_nodelay(true) {
                tracing::debug!(%error, "cannot set TCP_NODELAY");
            }
            let acceptor = self.acceptor.clone();
            let ready = ready.clone();
            let timeout = limits.tls_handshake_timeout;
            tokio::spawn(async move {
                let Some(transport) = Transport::open(tcp, peer, acceptor, timeout).await else {
                    return;
                };
                let preface = Some(Preface::within(timeout));
                let connection = Connection { transport, preface, peer, _place: place };
                // When the server has stopped, the connection is dropped.
                let _ = ready.send(Ok(connection)).await;
            });
        }
    }
}

/// One accepted connection.
#[derive(Debug)]
pub(crate) struct Connection {
    transport: Transport,
    /// Until it has come.
    preface: Option<Preface>,
    peer: SocketAddr,
    _place: OwnedSemaphorePermit,
}

/// Waits for the client's first bytes. Only after them does HTTP/2 itself notice, by its pings, that
/// nobody is there.
#[derive(Debug)]
struct Preface {
    bytes_missing: usize,
    time: Pin<Box<Sleep>>,
}

impl Preface {
    fn within(timeout: Duration) -> Self {
        Self { bytes_missing: PREFACE_BYTES, time: Box::pin(tokio::time::sleep(timeout)) }
    }
}

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    async fn open(
        tcp: TcpStream,
        peer: SocketAddr,
        acceptor: Option<TlsAcceptor>,
        timeout: Duration,
    ) -> Option<Self> {
        let Some(acceptor) = acceptor else {
            return Some(Self::Plain(tcp));
        };
        match tokio::time::timeout(timeout, acceptor.accept(tcp)).await {
            Ok(Ok(tls)) => Some(Self::Tls(Box::new(tls))),
            Ok(Err(error)) => {
                tracing::warn!(%peer, %error, "TLS handshake refused");
                None
            }
            Err(_) => {
                tracing::warn!(%peer, "TLS handshake took too long");
                None
            }
        }
    }
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeerAddress(pub(crate) SocketAddr);

impl Connected for Connection {
    type ConnectInfo = PeerAddress;

    fn connect_info(&self) -> PeerAddress {
        PeerAddress(self.peer)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Transport::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        };
        let Some(preface) = &mut self.preface else {
            return read;
        };
        if read.is_pending() && preface.time.as_mut().poll(cx).is_ready() {
            tracing::warn!(peer = %self.peer, "the connection does not begin to speak HTTP/2");
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let come = buffer.filled().len().saturating_sub(before);
        preface.bytes_missing = preface.bytes_missing.saturating_sub(come);
        if preface.bytes_missing == 0 {
            self.preface = None;
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Transport::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Transport::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(tcp) => tcp.is_write_vectored(),
            Transport::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Transport::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
