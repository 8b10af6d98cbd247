use fabric_devnet::{Config, Devnet, IntegrityCheck};
use fabric_protos::protos::TxValidationCode::Valid;

use crate::support::{CHAINCODE, code, setup};

#[tokio::test(flavor = "multi_thread")]
async fn everything_committed_is_there_after_a_restart() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    assert_eq!(client.commit(&["put a 1"]).await, Valid);
    let draft = client.draft(&["put a 2", "putp health k secret"]);
    assert_eq!(client.commit_draft(&draft).await, Valid);
    let block = setup.devnet.block(2).unwrap();

    let mut setup = setup.restart().await;
    setup.config.integrity = IntegrityCheck::Full;
    let setup = setup.restart().await;
    assert_eq!(setup.devnet.height(), 3);
    assert_eq!(setup.devnet.block(2).unwrap(), block);
    let client = setup.client("Org2MSP").await;
    assert_eq!(client.read(&["get a", "getp health k", "history a"]).await, "2\nsecret\n2\n1");
    assert_eq!(setup.devnet.private_data("Org1MSP", CHAINCODE, "health").unwrap().len(), 1);
    let status = client.status(&draft.id()).await.unwrap();
    assert_eq!((status.result, status.block_number), (0, 2));
    // The chain goes on.
    assert_eq!(client.commit(&["put a 3"]).await, Valid);
    assert_eq!(setup.devnet.height(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_endorsed_before_a_restart_has_its_plaintext_after_it() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["putpt health k secret"]).transient("secret", "whisper");
    let endorsed = client.prepare(&draft).await;
    let setup = setup.restart().await;
    let client = setup.client("Org1MSP").await;
    client.submit(&draft, endorsed.clone()).await.unwrap();
    let status = client.status(&draft.id()).await.unwrap();
    assert_eq!(code(status.result), Valid);
    // Once more: what is committed is not held any more.
    let setup = setup.restart().await;
    for msp_id in ["Org1MSP", "Org2MSP"] {
        let held = setup.devnet.private_data(msp_id, CHAINCODE, "health").unwrap();
        assert_eq!(held, [("k".into(), "whisper".into())], "{msp_id} has lost the plaintext");
    }
    let client = setup.client("Org2MSP").await;
    assert_eq!(client.read(&["getp health k"]).await, "whisper");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_in_use_is_refused() {
    let setup = setup().await;
    let refused = Devnet::start(setup.config.clone()).await.unwrap_err().to_string();
    assert!(refused.ends_with(
        "is in use by another process: stop the devnet that runs there, or use another directory"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_or_waits_does_not_keep_it_from_stopping() {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let mut health = HealthClient::new(client.channel.clone());
    let request = || HealthCheckRequest { service: "gateway.Gateway".to_owned() };
    let checked = health.check(request()).await.unwrap().into_inner();
    assert_eq!(checked.status, 1);
    let mut watched = health.watch(request()).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status, 1);
    let waiting = tokio::spawn(async move { client.status("00").await });
    let setup = setup.restart().await;
    assert!(waiting.await.unwrap().is_err());
    assert_eq!(setup.devnet.height(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named() {
    let setup = setup().await;
    let taken = setup.devnet.gateway("Org1MSP").unwrap().address;
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::new(dir.path()).any_ports();
    config.organizations[0].gateway_port = taken.port();
    let refused = Devnet::start(config).await.unwrap_err().to_string();
    assert!(refused.starts_with(&format!("the node of Org1MSP cannot listen on {taken}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_belongs_to_its_organisations_and_channel() {
    let setup = setup().await;
    let mut config = setup.config.clone();
    setup.devnet.shutdown().await;
    config.organizations.pop();
    let refused = Devnet::start(config).await.unwrap_err().to_string();
    assert!(refused.contains("was set up for organisations and channels `Org1MSP="));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_ledger_is_refused() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    for _ in 0..20 {
        assert_eq!(client.commit(&["put a 1"]).await, Valid);
    }
    let file = setup.dir.path().join("ledger/ledger.redb");
    let config = setup.config.clone();
    setup.devnet.shutdown().await;
    // A bit of a transaction that a block holds: found by its data hash.
    let mut bytes = std::fs::read(&file).unwrap();
    let needle = b"put a 1";
    let places: Vec<usize> =
        (0..bytes.len() - needle.len()).filter(|at| bytes[*at..].starts_with(needle)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at] ^= 1;
    }
    std::fs::write(&file, &bytes).unwrap();
    let refused = Devnet::start(config.clone()).await.unwrap_err().to_string();
    assert!(refused.contains("ledger.redb is damaged: the transactions of block 20"), "{refused}");

    // No database at all.
    std::fs::write(&file, b"something else").unwrap();
    let refused = Devnet::start(config).await.unwrap_err().to_string();
    assert!(refused.contains("damaged"), "{refused}");
}
