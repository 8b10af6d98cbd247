//! What survives SIGKILL.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use fabric_devnet::{Chaincode, Config, Devnet, GatewayEndpoint, IntegrityCheck};
use tonic::Status;

use crate::support::{CHAINCODE, COLLECTIONS, Client, ScriptedChaincode};

const ROUNDS: u64 = 20;
/// Transactions under way at a time.
const WORKERS: u64 = 8;
const POLICY: &str = "AND('Org1MSP.peer','Org2MSP.peer')";

/// The command, running.
struct Process {
    child: Child,
    gateways: Vec<SocketAddr>,
}

impl Process {
    fn start(dir: &Path, chaincode: &str) -> Self {
        let collections = dir.join("collections.json");
        std::fs::write(&collections, COLLECTIONS).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_fabric-devnet"))
            .args(["up", "--ports", "0,0,0", "--check-all-blocks", "--endorsement-policy", POLICY])
            .args(["--chaincode", &format!("{CHAINCODE}={chaincode}")])
            .arg("--dir")
            .arg(dir)
            .arg("--collections")
            .arg(collections)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = Self { child, gateways: Vec::new() };
        for line in BufReader::new(process.child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(gateway) = line.trim().strip_prefix("gateway     localhost:") {
                let port = gateway.split(' ').next().unwrap();
                process.gateways.push(format!("127.0.0.1:{port}").parse().unwrap());
            }
            if line == "devnet is ready" {
                return process;
            }
        }
        panic!("the devnet did not start");
    }

    async fn client(&self, dir: &Path, org: usize) -> Client {
        let domain = format!("org{}.example.com", org + 1);
        let root = dir.join("organizations/peerOrganizations").join(&domain);
        let read = |path: String| std::fs::read_to_string(root.join(path)).unwrap();
        let endpoint = GatewayEndpoint {
            msp_id: format!("Org{}MSP", org + 1),
            address: self.gateways[org],
            host_name: format!("peer0.{domain}"),
            tls_root_pem: read(format!("tlsca/tlsca.{domain}-cert.pem")),
        };
        let msp = format!("users/User1@{domain}/msp");
        let certificate = read(format!("{msp}/signcerts/cert.pem"));
        Client::at(&endpoint, &certificate, &read(format!("{msp}/keystore/priv_sk"))).await
    }

    fn kill(self) {
        drop(self);
    }
}

impl Drop for Process {
    /// Also where a test fails: nothing may be left running.
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Commits a public and a private key, both named after the number.
async fn create(client: &Client, number: u64) -> Result<(), Status> {
    let public = format!("put k{number:05} {number}");
    let private = format!("putp health p{number:05} {number}");
    let draft = client.draft(&[&public, &private]);
    let envelope = client.sign(client.endorse(&draft).await?);
    client.submit(&draft, envelope).await?;
    assert_eq!(client.status(&draft.id()).await?.result, 0);
    Ok(())
}

/// Creates until so many are acknowledged, then kills the process under the load.
async fn load(process: Process, dir: &Path, next: &Arc<AtomicU64>, until: usize) -> BTreeSet<u64> {
    let acknowledged: Arc<Mutex<BTreeSet<u64>>> = Arc::default();
    let (enough, mut reached) = tokio::sync::mpsc::channel::<()>(1);
    let mut workers = Vec::new();
    for worker in 0..WORKERS {
        let client = process.client(dir, usize::from(worker % 2 == 0)).await;
        let (next, acknowledged) = (Arc::clone(next), Arc::clone(&acknowledged));
        let enough = enough.clone();
        workers.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst);
                if create(&client, number).await.is_err() {
                    return;
                }
                let mut acknowledged = acknowledged.lock().unwrap();
                acknowledged.insert(number);
                if acknowledged.len() >= until {
                    let _ = enough.try_send(());
                }
            }
        }));
    }
    reached.recv().await.unwrap();
    process.kill();
    for worker in workers {
        worker.await.unwrap();
    }
    let acknowledged = acknowledged.lock().unwrap();
    acknowledged.clone()
}

/// The numbers of all committed creates, each of which must be there with all it wrote.
async fn committed(process: &Process, dir: &Path) -> BTreeSet<u64> {
    let client = process.client(dir, 0).await;
    let keys = client.read(&["range k l"]).await;
    let numbers: Vec<u64> =
        keys.lines().map(|key| key.strip_prefix("k").unwrap().parse().unwrap()).collect();
    let steps: Vec<String> = numbers
        .iter()
        .flat_map(|number| {
            [
                format!("get k{number:05}"),
                format!("history k{number:05}"),
                format!("getp health p{number:05}"),
            ]
        })
        .collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let expected: Vec<String> =
        numbers.iter().flat_map(|number| [number; 3].map(u64::to_string)).collect();
    for org in 0..2 {
        let client = process.client(dir, org).await;
        assert_eq!(client.read(&steps).await, expected.join("\n"));
    }
    numbers.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_commit_survives_being_killed_and_none_is_half_applied() {
    let dir = tempfile::tempdir().unwrap();
    let id = Chaincode::derived_package_id(CHAINCODE, "1.0");
    let chaincode = ScriptedChaincode::start(&id).await;
    let next = Arc::new(AtomicU64::new(0));
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let process = Process::start(dir.path(), &chaincode.address());
        let found = committed(&process, dir.path()).await;
        let lost: Vec<_> = acknowledged.difference(&found).collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}");
        // Of different lengths, so that the end meets different states.
        let until = usize::try_from(1 + round * 7 % 12).unwrap();
        acknowledged.extend(load(process, dir.path(), &next, until).await);
    }

    let mut config = Config::new(dir.path()).any_ports().chaincode(
        Chaincode::new(CHAINCODE, chaincode.address())
            .endorsement_policy(POLICY)
            .collections(COLLECTIONS),
    );
    config.integrity = IntegrityCheck::Full;
    let devnet = Devnet::start(config).await.unwrap();
    let private = |msp_id| devnet.private_data(msp_id, CHAINCODE, "health").unwrap();
    let (one, other) = (private("Org1MSP"), private("Org2MSP"));
    assert!(one.len() >= acknowledged.len());
    assert_eq!(one, other);
    assert!(private("Org3MSP").is_empty());
    devnet.shutdown().await;
}
