//! How a peer is reached.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity as TlsIdentity, Uri};

use crate::proposal::sha256;

/// Time for the TCP and TLS handshakes together, unless set otherwise.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time between two pings, unless set otherwise. Below the five minutes or more after which firewalls and NAT
/// gateways forget a silent connection.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(75);

/// Least time between two pings. A peer closes the connection of a client that pings more often.
pub const KEEP_ALIVE_INTERVAL_MIN: Duration = Duration::from_secs(60);

/// How long the answer to a ping may take before the connection counts as dead.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes in flight towards the client on one call. Larger than a peer's usual answer, so that it arrives without
/// waiting for window updates. Fixed windows also avoid the bandwidth probes of adaptive ones, which peers count as
/// pings and punish.
const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// Bytes in flight towards the client on all calls: two full streams.
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// Size of the headers and trailers of an answer. Trailers carry the error details, one entry a peer asked, each with
/// a message that the contract chose.
const HEADER_LIST_BYTES_MAX: u32 = 1024 * 1024;

/// Where a peer with the Gateway service is, and how the connection is secured and kept.
///
/// ```
/// use fabric_gateway_client::ConnectOptions;
///
/// # let tls_ca_pem = "";
/// let options = ConnectOptions::tls("localhost:7051", tls_ca_pem)
///     .server_name("peer0.org1.example.com");
/// let development = ConnectOptions::plaintext("127.0.0.1:7051");
/// ```
#[derive(Clone)]
pub struct ConnectOptions {
    address: String,
    /// Absent for plaintext.
    roots_pem: Option<String>,
    server_name: Option<String>,
    client: Option<ClientCertificate>,
    connect_timeout: Duration,
    keep_alive_interval: Duration,
}

#[derive(Clone)]
struct ClientCertificate {
    certificate_pem: String,
    key_pem: String,
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The address cannot be used.
    #[error("{0:?} is no address; give host:port, such as localhost:7051")]
    Address(String),
    /// Unencrypted traffic would leave this machine.
    #[error("{0} is not this machine: use TLS; plaintext is for 127.0.0.1, ::1 and localhost")]
    PlaintextNotLoopback(String),
    /// TLS settings were given to a plaintext connection.
    #[error("a server name or client certificate needs TLS: use ConnectOptions::tls")]
    PlaintextWithTlsSettings,
    /// Nothing to verify the peer's certificate with.
    #[error(
        "the TLS root PEM holds no certificate; give the tlsca certificate of the peer's organisation"
    )]
    NoRoots,
    /// The client certificate for mutual TLS cannot be used.
    #[error("the client certificate PEM holds no certificate")]
    NoClientCertificate,
    /// The peer would close the connection.
    #[error("pings each {0:?} are too many for a peer: at least 60 s must lie between them")]
    KeepAliveTooShort(Duration),
    /// No connection, or no agreement on TLS.
    #[error("cannot connect to {address}: {}", chain(.source))]
    Transport {
        /// The peer's address as given.
        address: String,
        /// What failed.
        source: tonic::transport::Error,
    },
}

impl ConnectOptions {
    /// Connects to `address` (`host:port`) by TLS, trusting the certificate authorities in `roots_pem`.
    pub fn tls(address: impl Into<String>, roots_pem: impl Into<String>) -> Self {
        Self::new(address.into(), Some(roots_pem.into()))
    }

    /// Connects to `address` (`host:port`) on this machine without TLS.
    pub fn plaintext(address: impl Into<String>) -> Self {
        Self::new(address.into(), None)
    }

    /// Expects the peer's certificate to be for `name` instead of the host in the address, for instance
    /// `peer0.org1.example.com` behind `localhost:7051`. Needs TLS.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Presents a certificate in the TLS handshake (mutual TLS). It is another one than the identity that signs.
    /// Needs TLS.
    #[must_use]
    pub fn client_certificate(
        mut self,
        certificate_pem: impl Into<String>,
        key_pem: impl Into<String>,
    ) -> Self {
        let client =
            ClientCertificate { certificate_pem: certificate_pem.into(), key_pem: key_pem.into() };
        self.client = Some(client);
        self
    }

    /// Time for the TCP and TLS handshakes together; [`CONNECT_TIMEOUT`] by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Time between two pings on the connection, with calls or without; [`KEEP_ALIVE_INTERVAL`] by default, and at
    /// least [`KEEP_ALIVE_INTERVAL_MIN`].
    #[must_use]
    pub fn keep_alive_interval(mut self, interval: Duration) -> Self {
        self.keep_alive_interval = interval;
        self
    }

    /// The peer's address as given.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    fn new(address: String, roots_pem: Option<String>) -> Self {
        Self {
            address,
            roots_pem,
            server_name: None,
            client: None,
            connect_timeout: CONNECT_TIMEOUT,
            keep_alive_interval: KEEP_ALIVE_INTERVAL,
        }
    }

    /// SHA-256 of the client certificate; empty without one.
    pub(crate) fn certificate_hash(&self) -> Bytes {
        let pem = self.client.as_ref().map(|client| client.certificate_pem.as_bytes());
        let first = pem.and_then(|pem| CertificateDer::pem_slice_iter(pem).find_map(Result::ok));
        first.map_or_else(Bytes::new, |first| Bytes::copy_from_slice(&sha256(&first)))
    }

    /// The endpoint, with all that is fixed for a Fabric peer.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, ConnectError> {
        if self.keep_alive_interval < KEEP_ALIVE_INTERVAL_MIN {
            return Err(ConnectError::KeepAliveTooShort(self.keep_alive_interval));
        }
        let endpoint = match &self.roots_pem {
            None => self.plaintext_endpoint()?,
            Some(roots_pem) => Endpoint::from(self.uri("https")?)
                .tls_config(self.tls_config(roots_pem)?)
                .map_err(|source| self.transport_error(source))?,
        };
        Ok(endpoint
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(self.keep_alive_interval)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_max_header_list_size(HEADER_LIST_BYTES_MAX))
    }

    pub(crate) fn transport_error(&self, source: tonic::transport::Error) -> ConnectError {
        ConnectError::Transport { address: self.address.clone(), source }
    }

    fn uri(&self, scheme: &str) -> Result<Uri, ConnectError> {
        let address = || ConnectError::Address(self.address.clone());
        let uri: Uri = format!("{scheme}://{}", self.address).parse().map_err(|_| address())?;
        let usable = uri.port_u16().is_some() && uri.path() == "/" && uri.query().is_none();
        if usable { Ok(uri) } else { Err(address()) }
    }

    fn plaintext_endpoint(&self) -> Result<Endpoint, ConnectError> {
        if self.server_name.is_some() || self.client.is_some() {
            return Err(ConnectError::PlaintextWithTlsSettings);
        }
        let uri = self.uri("http")?;
        require_loopback(&uri)?;
        Ok(Endpoint::from(uri))
    }

    fn tls_config(&self, roots_pem: &str) -> Result<ClientTlsConfig, ConnectError> {
        if !holds_certificate(roots_pem) {
            return Err(ConnectError::NoRoots);
        }
        let mut config = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(roots_pem))
            .timeout(self.connect_timeout);
        if let Some(name) = &self.server_name {
            config = config.domain_name(name);
        }
        if let Some(client) = &self.client {
            if !holds_certificate(&client.certificate_pem) {
                return Err(ConnectError::NoClientCertificate);
            }
            config =
                config.identity(TlsIdentity::from_pem(&client.certificate_pem, &client.key_pem));
        }
        Ok(config)
    }
}

/// Leaves the TLS keys and certificates out.
impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("address", &self.address)
            .field("tls", &self.roots_pem.is_some())
            .field("server_name", &self.server_name)
            .field("client_certificate", &self.client.is_some())
            .field("connect_timeout", &self.connect_timeout)
            .field("keep_alive_interval", &self.keep_alive_interval)
            .finish()
    }
}

fn holds_certificate(pem: &str) -> bool {
    let mut certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).peekable();
    certificates.peek().is_some() && certificates.all(|certificate| certificate.is_ok())
}

fn require_loopback(uri: &Uri) -> Result<(), ConnectError> {
    let host = uri.host().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = match literal.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => literal.eq_ignore_ascii_case("localhost"),
    };
    if loopback { Ok(()) } else { Err(ConnectError::PlaintextNotLoopback(host.to_owned())) }
}

/// The causes of a transport error, which names none itself.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
