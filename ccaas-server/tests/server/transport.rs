use crate::running::{ID, Running, success};
use ccaas_server::testing::{Call, Offer, ScriptedPeer};
use ccaas_server::{Config, ConfigError, Pem, Server, Tls, TlsError};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

/// A certificate authority.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate and its key.
    fn issue(&self, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn server(&self) -> (String, String) {
        self.issue(ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// The client's end of TLS with a server that this authority vouches for.
    async fn trusting(&self, tcp: TcpStream) -> TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = "localhost".try_into().unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
    }

    fn client(&self) -> Identity {
        let (certificate, key) = self.issue(ExtendedKeyUsagePurpose::ClientAuth);
        Identity::from_pem(certificate, key)
    }
}

fn bytes(pem: &str) -> Pem {
    Pem::Bytes(pem.as_bytes().to_vec())
}

fn tls(authority: &Authority, client_ca: Option<&Authority>) -> Tls {
    let (certificate, key) = authority.server();
    Tls {
        key: bytes(&key),
        certificate: bytes(&certificate),
        client_ca: client_ca.map(|authority| bytes(&authority.pem)),
    }
}

async fn channel(
    server: &Running,
    authority: &Authority,
    identity: Option<Identity>,
) -> Result<Channel, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new()
        .domain_name("localhost")
        .ca_certificate(Certificate::from_pem(&authority.pem));
    if let Some(identity) = identity {
        tls = tls.identity(identity);
    }
    let endpoint = format!("https://{}", server.address);
    Endpoint::try_from(endpoint).unwrap().tls_config(tls).unwrap().connect().await
}

/// Whether a transaction can be run over the channel.
async fn works(channel: Result<Channel, tonic::transport::Error>) -> bool {
    let Ok(channel) = channel else { return false };
    let Ok(mut peer) = ScriptedPeer::over(channel).await else { return false };
    assert_eq!(peer.handshake(Offer::everything()).await.unwrap(), ID);
    success(&peer.invoke(&Call::new("t", "Who", "")).await.unwrap());
    true
}

#[tokio::test]
async fn tls_serves_peers_that_trust_the_authority() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = Running::start_with(|config| config.tls = Some(tls(&authority, None))).await;
    assert!(works(channel(&server, &authority, None).await).await);
    assert!(!works(channel(&server, &other, None).await).await);
    let plaintext = ScriptedPeer::dial(server.address).await;
    assert!(plaintext.is_err(), "{plaintext:?}");
}

#[tokio::test]
async fn mutual_tls_serves_peers_of_the_client_authority_only() {
    let (authority, peers) = (Authority::new(), Authority::new());
    let tls = tls(&authority, Some(&peers));
    let server = Running::start_with(|config| config.tls = Some(tls)).await;
    assert!(works(channel(&server, &authority, Some(peers.client())).await).await);
    assert!(!works(channel(&server, &authority, None).await).await);
    assert!(!works(channel(&server, &authority, Some(authority.client())).await).await);
}

#[tokio::test]
async fn keys_come_from_files_in_pem_or_in_base64_of_it() {
    use base64::Engine;
    let authority = Authority::new();
    let (certificate, key) = authority.server();
    let folder = tempfile::tempdir().unwrap();
    let (key_file, certificate_file) = (folder.path().join("key"), folder.path().join("cert"));
    std::fs::write(&key_file, &key).unwrap();
    let encoded = base64::engine::general_purpose::STANDARD.encode(&certificate);
    std::fs::write(&certificate_file, encoded + "\n").unwrap();
    let tls = Tls {
        key: Pem::File(key_file),
        certificate: Pem::Base64File(certificate_file),
        client_ca: None,
    };
    let server = Running::start_with(|config| config.tls = Some(tls)).await;
    assert!(works(channel(&server, &authority, None).await).await);
}

async fn refused(config: Config) -> ConfigError {
    Server::bind(config).await.unwrap_err()
}

#[tokio::test]
async fn unusable_keys_are_told_at_the_start() {
    let authority = Authority::new();
    let good = tls(&authority, None);
    let check = async |change: &dyn Fn(&mut Tls), expected: &str| {
        let mut tls = good.clone();
        change(&mut tls);
        let mut config = Config::new("127.0.0.1:0", ID);
        config.tls = Some(tls);
        let error = refused(config).await;
        assert!(matches!(error, ConfigError::Tls(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(&|tls| tls.key = Pem::File("/nowhere/key.pem".into()), "/nowhere/key.pem").await;
    check(&|tls| tls.key = bytes(&authority.pem), "TLS key").await;
    check(&|tls| tls.certificate = bytes("nothing"), "TLS certificate").await;
    check(&|tls| tls.client_ca = Some(bytes("")), "client CA").await;
    check(&|tls| tls.key = bytes(&authority.server().1), "does not work").await;
    let folder = tempfile::tempdir().unwrap();
    let not_base64 = folder.path().join("key");
    std::fs::write(&not_base64, "!").unwrap();
    check(&|tls| tls.key = Pem::Base64File(not_base64.clone()), "not base64").await;
    let error = TlsError::Unusable("x".into());
    assert!(ConfigError::from(error).to_string().contains('x'));
}

#[tokio::test]
async fn plaintext_beyond_loopback_is_refused() {
    for address in ["0.0.0.0:0", ":0", "[::]:0"] {
        let error = refused(Config::new(address, ID)).await;
        assert!(matches!(error, ConfigError::PlaintextBeyondLoopback(_)), "{address}: {error:?}");
        assert!(error.to_string().contains("without TLS"), "{error}");
    }
    let mut config = Config::new("0.0.0.0:0", ID);
    config.tls = Some(tls(&Authority::new(), None));
    Server::bind(config).await.unwrap();
}

#[tokio::test]
async fn a_name_is_listened_on_where_peers_dial_it() {
    let server = Server::bind(Config::new("localhost:0", ID)).await.unwrap();
    assert!(server.local_addr().is_ipv4(), "{}", server.local_addr());
}

#[tokio::test]
async fn addresses_that_cannot_be_listened_on_are_told() {
    for address in ["127.0.0.1", "nonsense", "127.0.0.1:99999"] {
        let error = refused(Config::new(address, ID)).await;
        assert!(matches!(error, ConfigError::Address { .. }), "{address}: {error:?}");
    }
    let taken = Running::start().await;
    let error = refused(Config::new(taken.address.to_string(), ID)).await;
    assert!(matches!(error, ConfigError::Bind { .. }), "{error:?}");
    assert!(matches!(refused(Config::new("127.0.0.1:0", "")).await, ConfigError::ChaincodeId(_)));
}

#[tokio::test]
async fn silent_connection_is_closed_when_the_tls_handshake_takes_too_long() {
    let tls = tls(&Authority::new(), None);
    let server = Running::start_with(|config| {
        config.tls = Some(tls);
        config.limits.tls_handshake_timeout = Duration::from_millis(20);
        config.limits.connections_max = 1;
    })
    .await;
    for _ in 0..2 {
        // The second one gets its turn only after the first one has been closed.
        let mut silent = TcpStream::connect(server.address).await.unwrap();
        let mut nothing = Vec::new();
        let _ = silent.read_to_end(&mut nothing).await;
    }
}

/// Says so much and no more; returns once the server has closed the connection.
async fn says_only(mut io: impl AsyncRead + AsyncWrite + Unpin, text: &str) {
    io.write_all(text.as_bytes()).await.unwrap();
    io.flush().await.unwrap();
    let mut nothing = Vec::new();
    let _ = io.read_to_end(&mut nothing).await;
}

#[tokio::test]
async fn connection_that_never_speaks_http2_is_closed() {
    let authority = Authority::new();
    let with_tls = tls(&authority, None);
    for tls in [None, Some(with_tls)] {
        let encrypted = tls.is_some();
        let server = Running::start_with(|config| {
            config.tls = tls;
            config.limits.tls_handshake_timeout = Duration::from_secs(2);
            config.limits.connections_max = 1;
        })
        .await;
        // Each gets its turn only after the one before it has been closed.
        for text in ["", "PRI * HTTP/2.0\r\n"] {
            let tcp = TcpStream::connect(server.address).await.unwrap();
            if encrypted {
                says_only(authority.trusting(tcp).await, text).await;
            } else {
                says_only(tcp, text).await;
            }
        }
    }
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_their_turn() {
    let server = Running::start_with(|config| config.limits.connections_max = 1).await;
    let first = server.peer(Offer::everything()).await;
    let address = server.address;
    let mut waiting = tokio::spawn(async move {
        let mut peer = ScriptedPeer::dial(address).await.unwrap();
        peer.handshake(Offer::everything()).await.unwrap();
    });
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("served although the bound was reached"),
        () = async { for _ in 0..100 { tokio::task::yield_now().await } } => {}
    }
    drop(first);
    waiting.await.unwrap();
}

#[tokio::test]
async fn health_is_told_on_the_same_port() {
    let mut server = Running::start().await;
    let endpoint = Endpoint::try_from(format!("http://{}", server.address)).unwrap();
    let mut health = HealthClient::new(endpoint.connect().await.unwrap());
    for service in ["", "protos.Chaincode"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status().as_str_name(), "SERVING");
    }
    let request = HealthCheckRequest { service: "protos.Chaincode".to_owned() };
    let mut watch = health.watch(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status().as_str_name(), "SERVING");
    server.stop();
    assert_eq!(watch.message().await.unwrap().unwrap().status().as_str_name(), "NOT_SERVING");
}

#[tokio::test]
async fn a_watcher_does_not_keep_the_server_from_stopping() {
    let mut server =
        Running::start_with(|config| config.limits.drain_timeout = Duration::from_millis(20)).await;
    let endpoint = Endpoint::try_from(format!("http://{}", server.address)).unwrap();
    let mut health = HealthClient::new(endpoint.connect().await.unwrap());
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = health.watch(request).await.unwrap().into_inner();
    watch.message().await.unwrap();
    server.stop();
    server.stopped().await;
}
