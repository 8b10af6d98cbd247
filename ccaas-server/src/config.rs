use crate::transport::TlsError;
use std::path::PathBuf;
use std::time::Duration;

/// What one gRPC message between peer and chaincode may weigh; fixed in the peer.
pub const MESSAGE_BYTES_MAX: usize = 100 * 1024 * 1024;
/// Part of a message kept for its envelope: type, transaction id, channel, event name.
pub const ENVELOPE_BYTES_MAX: usize = 64 * 1024;
/// What the payload of one message may weigh, so that the message never exceeds
/// [`MESSAGE_BYTES_MAX`]: a larger one would end the stream and every transaction on it.
pub const PAYLOAD_BYTES_MAX: usize = MESSAGE_BYTES_MAX - ENVELOPE_BYTES_MAX;

/// How the server listens, what it calls itself, and its bounds.
///
/// ```
/// use ccaas_server::Config;
///
/// let config = Config::new("127.0.0.1:9999", "health:4cd1…");
/// assert_eq!(config.limits.deadline.as_secs(), 28);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// `host:port`; port 0 lets the system choose. An empty host means every interface.
    pub listen: String,
    /// The package id that the peer knows this chaincode by: `label:hash`.
    pub chaincode_id: String,
    /// Without it the server listens on loopback only.
    pub tls: Option<Tls>,
    /// The bounds.
    pub limits: Limits,
}

impl Config {
    /// A plaintext server with default bounds; it can listen on loopback only.
    pub fn new(listen: impl Into<String>, chaincode_id: impl Into<String>) -> Self {
        Self {
            listen: listen.into(),
            chaincode_id: chaincode_id.into(),
            tls: None,
            limits: Limits::default(),
        }
    }
}

/// Keys and certificates of the server.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The private key.
    pub key: Pem,
    /// The certificate chain, the server's own certificate first.
    pub certificate: Pem,
    /// Authorities of peers. Given, a peer must present a certificate that one of them issued.
    pub client_ca: Option<Pem>,
}

/// PEM text, or where it lies.
#[derive(Clone)]
pub enum Pem {
    /// A file, read when the server binds.
    File(PathBuf),
    /// A file that holds the PEM text once more in base64, as the Node shim takes it.
    Base64File(PathBuf),
    /// The text itself.
    Bytes(Vec<u8>),
}

impl std::fmt::Debug for Pem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) | Self::Base64File(path) => f.debug_tuple("Pem").field(path).finish(),
            Self::Bytes(_) => f.write_str("Pem(…)"),
        }
    }
}

/// Every bound of the server. The defaults' reasons stand with each field.
///
/// ```
/// use ccaas_server::Config;
///
/// let mut config = Config::new("127.0.0.1:9999", "health:4cd1…");
/// config.limits.concurrent_transactions_max = 256;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How long a transaction may take before it is answered with ERROR.
    ///
    /// 28 s: the peer gives up after 30 s by default and holds a lock against block commits for as
    /// long as a transaction runs, so the server gives up first. Keep it below the peer's
    /// `chaincode.executetimeout`. A peer that then does not read the answer for as long again loses
    /// its stream.
    pub deadline: Duration,
    /// How many transactions run at once, over all streams; one more is answered with ERROR at
    /// once, so that a gateway tries another peer.
    ///
    /// 1024: a transaction mostly waits for its peer. There is no queue, so that a transaction
    /// that another one waits for never waits for that one's place.
    pub concurrent_transactions_max: usize,
    /// What arguments and proposal of one transaction may weigh together.
    ///
    /// 16 MiB: with 1024 transactions at once this bounds memory far below what 100 MiB messages
    /// would take; arguments count twice, because the proposal repeats them.
    pub invocation_bytes_max: usize,
    /// How long the peer may take to answer REGISTER and to say READY.
    ///
    /// 10 s: a peer answers at once or, when it does not know the chaincode id, never.
    pub handshake_timeout: Duration,
    /// How much one write batch or one multi-get may carry; a larger one is split.
    ///
    /// 8 MiB: far below what a message may weigh, and small enough that other transactions on the
    /// stream are not held up.
    pub batch_bytes_max: usize,
    /// How far a transaction's timestamp may lie from this server's clock; `None` is any distance.
    ///
    /// 15 min: what peers from Fabric 3.0 on allow; 2.5 peers do not look.
    pub clock_skew_max: Option<Duration>,
    /// How long transactions may go on once the server was asked to stop.
    ///
    /// 8 s: container managers kill ten seconds after they asked.
    pub drain_timeout: Duration,
    /// How long a TLS handshake may take, and the first bytes of HTTP/2 after it.
    ///
    /// 5 s: as in Fabric's own chaincode server.
    pub tls_handshake_timeout: Duration,
    /// How many connections may be open, handshakes included.
    ///
    /// 256: each peer of each organisation keeps one, and health checks come and go.
    pub connections_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(28),
            concurrent_transactions_max: 1024,
            invocation_bytes_max: 16 * 1024 * 1024,
            handshake_timeout: Duration::from_secs(10),
            batch_bytes_max: 8 * 1024 * 1024,
            clock_skew_max: Some(Duration::from_secs(15 * 60)),
            drain_timeout: Duration::from_secs(8),
            tls_handshake_timeout: Duration::from_secs(5),
            connections_max: 256,
        }
    }
}

/// Why a server cannot start. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The chaincode id is empty or holds white space.
    #[error(
        "the chaincode id {0:?} is not one; pass the package id that `peer lifecycle chaincode \
         calculatepackageid` prints (label:hash)"
    )]
    ChaincodeId(String),
    /// The listen address does not parse or resolve.
    #[error("cannot listen on {address:?}; pass host:port: {source}")]
    Address { address: String, source: std::io::Error },
    /// The port is taken, or the address is not this machine's.
    #[error("cannot bind {address}: {source}")]
    Bind { address: std::net::SocketAddr, source: std::io::Error },
    /// Plaintext where others can listen in.
    #[error(
        "refusing to serve {0} without TLS: health data would cross the network in clear; give a \
         TLS key and certificate, or listen on 127.0.0.1"
    )]
    PlaintextBeyondLoopback(std::net::SocketAddr),
    /// Unusable keys or certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A bound that cannot work.
    #[error("{name} must be {rule}")]
    Limit { name: &'static str, rule: &'static str },
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let id = &self.chaincode_id;
        if id.is_empty() || id.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(ConfigError::ChaincodeId(id.clone()));
        }
        let limits = &self.limits;
        let limit = |holds: bool, name, rule| {
            if holds { Ok(()) } else { Err(ConfigError::Limit { name, rule }) }
        };
        limit(!limits.deadline.is_zero(), "deadline", "longer than 0")?;
        limit(!limits.handshake_timeout.is_zero(), "handshake_timeout", "longer than 0")?;
        limit(!limits.tls_handshake_timeout.is_zero(), "tls_handshake_timeout", "longer than 0")?;
        limit(
            (1..=tokio::sync::Semaphore::MAX_PERMITS).contains(&limits.concurrent_transactions_max),
            "concurrent_transactions_max",
            "at least 1",
        )?;
        limit(
            (1..=tokio::sync::Semaphore::MAX_PERMITS).contains(&limits.connections_max),
            "connections_max",
            "at least 1",
        )?;
        limit(limits.invocation_bytes_max > 0, "invocation_bytes_max", "at least 1")?;
        limit(
            (1..=PAYLOAD_BYTES_MAX).contains(&limits.batch_bytes_max),
            "batch_bytes_max",
            "between 1 byte and 100 MiB less the envelope",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Config), expected: Option<&str>) {
        let mut config = Config::new("127.0.0.1:0", "cc:1");
        change(&mut config);
        let refused = config.check().err().map(|error| error.to_string());
        match (refused, expected) {
            (None, None) => {}
            (Some(text), Some(part)) => assert!(text.contains(part), "{text}"),
            (refused, expected) => panic!("{refused:?} is not {expected:?}"),
        }
    }

    #[test]
    fn default_bounds_work() {
        check(|_| {}, None);
    }

    #[test]
    fn chaincode_id_is_one_word() {
        check(|c| c.chaincode_id.clear(), Some("calculatepackageid"));
        check(|c| c.chaincode_id = "cc:1\n".into(), Some("calculatepackageid"));
    }

    #[test]
    fn bounds_that_cannot_work_are_named() {
        check(|c| c.limits.deadline = Duration::ZERO, Some("deadline"));
        check(|c| c.limits.handshake_timeout = Duration::ZERO, Some("handshake_timeout"));
        check(|c| c.limits.tls_handshake_timeout = Duration::ZERO, Some("tls_handshake"));
        check(|c| c.limits.concurrent_transactions_max = 0, Some("concurrent_transactions"));
        check(|c| c.limits.connections_max = 0, Some("connections_max"));
        check(|c| c.limits.invocation_bytes_max = 0, Some("invocation_bytes_max"));
        check(|c| c.limits.batch_bytes_max = 0, Some("batch_bytes_max"));
        check(|c| c.limits.batch_bytes_max = MESSAGE_BYTES_MAX, Some("batch_bytes_max"));
    }

    #[test]
    fn debug_does_not_print_keys() {
        assert_eq!(format!("{:?}", Pem::Bytes(b"secret".to_vec())), "Pem(…)");
    }
}
