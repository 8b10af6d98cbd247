//! Connections: TLS, mutual TLS, refusals, breaks.

use std::sync::Arc;
use std::time::Duration;

use fabric_gateway_client::{
    Code, ConnectError, ConnectOptions, Connection, Gateway, GatewayError, SigningKey,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::{TcpListener, TcpSocket};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Identity as TlsIdentity, Server, ServerTlsConfig};

use crate::peer::{CHAINCODE, CHANNEL, Peer, identity, serve};

/// A certificate authority for TLS.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Certificate and key, in PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// A peer that expects TLS, and client certificates of an authority if one is given.
async fn serve_tls(name: &str, authority: &Authority, clients: Option<&Authority>) -> Served {
    let (certificate, key) = authority.issue(name);
    let mut tls = ServerTlsConfig::new().identity(TlsIdentity::from_pem(certificate, key));
    if let Some(clients) = clients {
        tls = tls.client_ca_root(Certificate::from_pem(&clients.pem));
    }
    let key = Arc::new(SigningKey::generate().unwrap().0);
    let service = Peer::new(&key).service();
    let mut server = Server::builder().tls_config(tls).unwrap();
    Served { address: serve(server.add_service(service)).await, key }
}

struct Served {
    address: String,
    key: Arc<SigningKey>,
}

impl Served {
    async fn ask(&self, options: ConnectOptions) -> Result<String, Failure> {
        let gateway = Gateway::connect(&options, &identity(), self.key.clone()).await?;
        let contract = gateway.network(CHANNEL).contract(CHAINCODE);
        let answer = contract.evaluate("Get").send().await?;
        Ok(String::from_utf8(answer.to_vec()).unwrap())
    }
}

#[derive(Debug)]
enum Failure {
    Connect(ConnectError),
    Call(GatewayError),
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

impl From<GatewayError> for Failure {
    fn from(error: GatewayError) -> Self {
        Self::Call(error)
    }
}

impl Failure {
    fn text(&self) -> String {
        match self {
            Self::Connect(error) => error.to_string(),
            Self::Call(error) => error.to_string(),
        }
    }
}

#[tokio::test]
async fn tls_with_the_peers_own_name() {
    let authority = Authority::new();
    let served = serve_tls("peer0.org1.example.com", &authority, None).await;
    let options = || ConnectOptions::tls(&served.address, &authority.pem);
    let named = options().server_name("peer0.org1.example.com");
    assert_eq!(served.ask(named).await.unwrap(), "Get");

    let failure = served.ask(options()).await.unwrap_err();
    assert!(
        failure.text().contains("NotValidForName") || failure.text().contains("not valid for name"),
        "{}",
        failure.text()
    );
    let failure = served.ask(options().server_name("peer1.org1.example.com")).await.unwrap_err();
    assert!(matches!(failure, Failure::Connect(ConnectError::Transport { .. })), "{failure:?}");
}

#[tokio::test]
async fn a_peer_of_an_unknown_authority_is_not_spoken_to() {
    let served = serve_tls("localhost", &Authority::new(), None).await;
    let options = ConnectOptions::tls(&served.address, Authority::new().pem);
    let failure = served.ask(options).await.unwrap_err();
    assert!(matches!(failure, Failure::Connect(ConnectError::Transport { .. })), "{failure:?}");
    assert!(failure.text().starts_with(&format!("cannot connect to {}", served.address)));
}

#[tokio::test]
async fn mutual_tls_presents_the_client_certificate() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let served = serve_tls("localhost", &authority, Some(&clients)).await;
    let options = || ConnectOptions::tls(&served.address, &authority.pem);
    let (certificate, key) = clients.issue("client");
    let presented = options().client_certificate(certificate, key);
    assert_eq!(served.ask(presented).await.unwrap(), "Get");

    served.ask(options()).await.unwrap_err();
    let (certificate, key) = Authority::new().issue("client");
    served.ask(options().client_certificate(certificate, key)).await.unwrap_err();
}

async fn refused(options: ConnectOptions) -> ConnectError {
    let error = Connection::connect(&options).await.unwrap_err();
    let lazily = Connection::connect_lazily(&options).unwrap_err();
    assert_eq!(error.to_string(), lazily.to_string());
    error
}

#[tokio::test]
async fn options_that_cannot_work_are_refused() {
    let pem = Authority::new().pem;
    for address in ["", "localhost", "localhost:x", "http://localhost:1", "localhost:1/x", "a b:1"]
    {
        let error = refused(ConnectOptions::plaintext(address)).await;
        assert!(matches!(error, ConnectError::Address(_)), "{address}: {error}");
    }
    for address in ["10.0.0.1:7051", "peer0.org1.example.com:7051", "0.0.0.0:7051", "[::2]:1"] {
        let error = refused(ConnectOptions::plaintext(address)).await;
        assert!(matches!(error, ConnectError::PlaintextNotLoopback(_)), "{address}: {error}");
    }
    let error = refused(ConnectOptions::plaintext("localhost:1").server_name("peer0")).await;
    assert!(matches!(error, ConnectError::PlaintextWithTlsSettings));
    for roots in ["", "-----BEGIN CERTIFICATE-----\nMA==\n", "text"] {
        let error = refused(ConnectOptions::tls("localhost:1", roots)).await;
        assert!(matches!(error, ConnectError::NoRoots), "{roots}: {error}");
    }
    let options = ConnectOptions::tls("localhost:1", &pem).client_certificate("", "");
    assert!(matches!(refused(options).await, ConnectError::NoClientCertificate));
    let pings =
        ConnectOptions::tls("localhost:1", &pem).keep_alive_interval(Duration::from_secs(59));
    assert!(matches!(refused(pings).await, ConnectError::KeepAliveTooShort(_)));
}

#[tokio::test]
async fn loopback_addresses_may_be_plain() {
    for address in ["localhost:7051", "127.0.0.1:7051", "127.0.0.2:7051", "[::1]:7051"] {
        Connection::connect_lazily(&ConnectOptions::plaintext(address)).unwrap();
    }
}

#[test]
fn keys_are_not_shown() {
    let options = ConnectOptions::tls("localhost:1", "ROOTS").client_certificate("CERT", "SECRET");
    let shown = format!("{options:?}");
    assert!(shown.contains("client_certificate: true") && !shown.contains("SECRET"), "{shown}");
}

#[tokio::test]
async fn a_connection_that_breaks_in_a_call_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // Accepts, waits for the first bytes and hangs up.
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.readable().await.unwrap();
        }
    });
    let connection = Connection::connect_lazily(&ConnectOptions::plaintext(address)).unwrap();
    let key = SigningKey::generate().unwrap().0;
    let gateway = Gateway::new(connection, &identity(), Arc::new(key));
    let contract = gateway.network(CHANNEL).contract(CHAINCODE);
    let error = contract.submit("Put").send().await.unwrap_err();
    assert_eq!(error.call().unwrap().code, Code::Unavailable, "{error}");
    assert!(error.is_retryable() && !error.outcome_unknown());
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_unavailable_until_it_is() {
    // Holds the port, and refuses connections until it listens.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let options = ConnectOptions::plaintext(address.to_string());
    let error = Connection::connect(&options).await.unwrap_err();
    assert!(matches!(error, ConnectError::Transport { .. }), "{error}");

    let key = Arc::new(SigningKey::generate().unwrap().0);
    let connection = Connection::connect_lazily(&options).unwrap();
    let gateway = Gateway::new(connection, &identity(), key.clone());
    let call = gateway.network(CHANNEL).contract(CHAINCODE).evaluate("Get");
    assert_eq!(call.send().await.unwrap_err().call().unwrap().code, Code::Unavailable);

    let listener = socket.listen(16).unwrap();
    let router = Server::builder().add_service(Peer::new(&key).service());
    let incoming = TcpListenerStream::new(listener);
    tokio::spawn(router.serve_with_incoming(incoming));
    assert_eq!(call.send().await.unwrap(), "Get");
}
