//! The conformance suite on a devnet, through its gateway, its chaincode streams and the server.

#![expect(clippy::unwrap_used, reason = "a network that cannot be set up has failed its tests")]

use ccaas_server::{Config as ServerConfig, Server};
use fabric_conformance::GatewayBackend;
use fabric_contract_rs::testing::conformance::{
    self, Backend, CALLEE, CASES, ConformanceContract, Invocation, OTHER_CHANNEL, Ordered, Verdict,
};
use fabric_devnet::{Batch, Chaincode, Channel, Config, Devnet, EnrollRequest, ReadyMode};
use fabric_gateway_client::{ConnectOptions, Gateway, Identity, SigningKey};
use std::sync::Arc;
use std::time::Duration;

const MAIN: &str = "conformance";
const OWN: &str = "Org1MSP";
const BOTH: [&str; 2] = [OWN, "Org2MSP"];

/// A devnet, which can keep private data from a peer.
struct DevnetBackend {
    devnet: Devnet,
    gateway: GatewayBackend,
}

impl Backend for DevnetBackend {
    async fn evaluate(&mut self, call: Invocation) -> Verdict {
        self.gateway.evaluate(call).await
    }
    async fn submit(&mut self, call: Invocation) -> Verdict {
        self.gateway.submit(call).await
    }
    async fn submit_planned(&mut self, call: Invocation) -> Option<Verdict> {
        self.gateway.submit_planned(call).await
    }
    async fn submit_together(&mut self, calls: Vec<Invocation>) -> Vec<Ordered> {
        self.gateway.submit_together(calls).await
    }
    fn endorsers(&self) -> usize {
        self.gateway.endorsers()
    }
    fn chaincode(&self) -> String {
        self.gateway.chaincode()
    }
    fn has_other_channel(&self) -> bool {
        self.gateway.has_other_channel()
    }
    async fn withhold_private_data(&mut self, withheld: bool) -> bool {
        self.devnet.withhold_private_data(OWN, withheld);
        withheld || self.devnet.reconcile_private_data(OWN).is_ok()
    }
}

/// The contract under a name, with a server of its own.
async fn installed(name: &str) -> Chaincode {
    let package_id = Chaincode::derived_package_id(name, "1.0");
    let server = Server::bind(ServerConfig::new("127.0.0.1:0", &package_id)).await.unwrap();
    let chaincode = Chaincode::new(name, server.local_addr().to_string())
        .endorsement_policy(include_str!("../policies/endorsement-policy.txt").trim())
        .collections(include_str!("../policies/collections.json"));
    tokio::spawn(server.serve(ConformanceContract, std::future::pending()));
    chaincode
}

async fn start(ready: ReadyMode, folder: &std::path::Path) -> DevnetBackend {
    let config = Config::new(folder).any_ports();
    let config = config.chaincode(installed(MAIN).await);
    let config = config.chaincode(installed(CALLEE).await);
    let mut config = config.channel(Channel::new(OTHER_CHANNEL).chaincodes([CALLEE]));
    config.ready = ready;
    // Long enough for two transactions to meet in a block, if they do at all.
    config.batch = Batch { timeout: Duration::from_millis(10), ..Batch::default() };
    let devnet = Devnet::start(config).await.unwrap();

    let enrolled = devnet.enroll(&EnrollRequest::client(OWN, "conformance")).unwrap();
    let key = SigningKey::from_pkcs8_pem(&enrolled.private_key_pem.unwrap()).unwrap();
    let identity = Identity { msp_id: OWN.to_owned(), certificate_pem: enrolled.certificate_pem };
    let peer = devnet.gateway(OWN).unwrap();
    let options = ConnectOptions::tls(peer.address.to_string(), &peer.tls_root_pem)
        .server_name(&peer.host_name);
    let gateway = Gateway::connect(&options, &identity, Arc::new(key)).await.unwrap();
    let network = gateway.network("mychannel");
    let gateway = GatewayBackend::new(&network, MAIN, BOTH.map(str::to_owned))
        .other_channel(&gateway.network(OTHER_CHANNEL));
    DevnetBackend { devnet, gateway }
}

async fn conforms(ready: ReadyMode) {
    let folder = tempfile::tempdir().unwrap();
    let mut backend = start(ready, folder.path()).await;
    let report = conformance::run(&mut backend, "run").await;
    // A devnet has means for all of them.
    assert_eq!(report.findings(&[]), Vec::<String>::new());
    assert_eq!(report.summary(), format!("{0} cases: {0} ok", CASES.len()));
    backend.devnet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_devnet_conforms() {
    conforms(ReadyMode::Batched).await;
}

/// Every write and every read in a message of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_devnet_of_older_peers_conforms() {
    conforms(ReadyMode::Plain).await;
}
