//! The project's own client follows a devnet.

use std::sync::Arc;

use fabric_devnet::{EnrollRequest, Role};
use fabric_gateway_client::{
    BlockEventsRequest, BlockTransaction, ChaincodeEvents, Checkpointer as _, ConnectOptions,
    DeliveredBlock, EventError, FileCheckpointer, Gateway, Identity, MemoryCheckpointer, Network,
    SigningKey,
};
use fabric_protos::protos::TxValidationCode::{EndorsementPolicyFailure, Valid};
use futures_util::future::join_all;

use crate::support::{CHAINCODE, CHANNEL, Setup, setup};

async fn network(setup: &Setup, msp_id: &str, name: &str) -> Network {
    network_of(setup, Role::Client, msp_id, name).await
}

async fn network_of(setup: &Setup, role: Role, msp_id: &str, name: &str) -> Network {
    let request = EnrollRequest { role, ..EnrollRequest::client(msp_id, name) };
    let enrolled = setup.devnet.enroll(&request).unwrap();
    let endpoint = setup.devnet.gateway(msp_id).unwrap();
    let options = ConnectOptions::tls(endpoint.address.to_string(), endpoint.tls_root_pem)
        .server_name(endpoint.host_name);
    let identity =
        Identity { msp_id: msp_id.to_owned(), certificate_pem: enrolled.certificate_pem };
    let key = SigningKey::from_pkcs8_pem(&enrolled.private_key_pem.unwrap()).unwrap();
    Gateway::connect(&options, &identity, Arc::new(key)).await.unwrap().network(CHANNEL)
}

/// Transactions that are under way at once, so that blocks hold several of them, some without an event.
async fn commit(setup: &Setup, name: &str) {
    let client = setup.client("Org1MSP").await;
    let commits = (0..12).map(|n| {
        let put = format!("put {name}{n} 1");
        let event = format!("event Made {name}{n}");
        let client = &client;
        async move {
            let commands = [put.as_str(), event.as_str()];
            let without = if n % 4 == 3 { 1 } else { 2 };
            assert_eq!(client.commit(&commands[..without]).await, Valid);
        }
    });
    join_all(commits).await;
}

async fn next(events: &mut ChaincodeEvents) -> (u64, String) {
    let event = events.next().await.unwrap().unwrap();
    (event.block_number, event.transaction_id)
}

async fn take(events: &mut ChaincodeEvents, count: usize) -> Vec<(u64, String)> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.push(next(events).await);
    }
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_is_cut_off_after_each_event_sees_each_of_them_once() {
    let setup = setup().await;
    // Not a member of the private collection.
    let network = network(&setup, "Org3MSP", "follower").await;
    let contract = network.contract(CHAINCODE);
    commit(&setup, "a").await;
    commit(&setup, "b").await;
    let all = take(&mut contract.events().start_block(0).open().unwrap(), 18).await;

    let file = setup.dir.path().join("done.json");
    let mut seen = Vec::new();
    while seen.len() < all.len() {
        let mut done = FileCheckpointer::open(&file).unwrap();
        let request = contract.events().start_block(0).checkpoint(done.checkpoint());
        let event = request.open().unwrap().next().await.unwrap().unwrap();
        done.event_done(&event).unwrap();
        seen.push((event.block_number, event.transaction_id));
    }
    assert_eq!(seen, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_devnet_ends_the_stream_and_a_restarted_one_goes_on() {
    let setup = setup().await;
    let contract = network(&setup, "Org2MSP", "before").await.contract(CHAINCODE);
    commit(&setup, "a").await;
    let file = setup.dir.path().join("done.json");
    let mut done = FileCheckpointer::open(&file).unwrap();
    let mut events = contract.events().start_block(0).open().unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let event = events.next().await.unwrap().unwrap();
        done.event_done(&event).unwrap();
        seen.push((event.block_number, event.transaction_id));
    }
    let setup = setup.restart().await;
    let error = loop {
        // What had arrived before is still read, and not done.
        if let Err(error) = events.next().await.unwrap() {
            break error;
        }
    };
    assert!(error.is_retryable(), "{error}");
    assert!(events.next().await.is_none());

    let contract = network(&setup, "Org2MSP", "after").await.contract(CHAINCODE);
    commit(&setup, "b").await;
    let mut events = contract.events().checkpoint(done.checkpoint()).open().unwrap();
    seen.extend(take(&mut events, 14).await);
    let all = take(&mut contract.events().start_block(0).open().unwrap(), 18).await;
    assert_eq!(seen, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_not_sign_is_refused() {
    let setup = setup().await;
    let network = network(&setup, "Org1MSP", "follower").await;
    let mut events = network.contract(CHAINCODE).events().sign_with("forged").open().unwrap();
    let error = events.next().await.unwrap().unwrap_err();
    assert!(matches!(&error, EventError::Call { .. }) && !error.is_retryable(), "{error}");
}

/// The blocks from the first on, up to and with one that holds a transaction, which are followed anew for each of them.
async fn until<B: DeliveredBlock>(
    request: impl Fn() -> BlockEventsRequest<B>,
    last: &str,
) -> Vec<(u64, Vec<BlockTransaction>)> {
    let mut done = MemoryCheckpointer::default();
    let mut found: Vec<(u64, Vec<BlockTransaction>)> = Vec::new();
    while !found.iter().flat_map(|(_, transactions)| transactions).any(|known| known.id == last) {
        let mut blocks = request().start_block(0).checkpoint(done.checkpoint()).open().unwrap();
        let block = blocks.next().await.unwrap().unwrap();
        done.block_done(block.number()).unwrap();
        found.push((block.number(), block.transactions()));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_in_all_forms_tell_of_the_same_transactions() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    commit(&setup, "a").await;
    let invalid = client.draft(&["put b 1"]).endorsers(&["Org1MSP"]);
    assert_eq!(client.commit_draft(&invalid).await, EndorsementPolicyFailure);
    let last = client.draft(&["put c 1"]);
    assert_eq!(client.commit_draft(&last).await, Valid);

    let network = network_of(&setup, Role::Admin, "Org1MSP", "follower").await;
    let full = until(|| network.block_events(), &last.id()).await;
    assert_eq!(until(|| network.filtered_block_events(), &last.id()).await, full);
    assert_eq!(until(|| network.block_and_private_data_events(), &last.id()).await, full);
    let numbers = full.iter().map(|(number, _)| *number);
    assert!(numbers.eq(0..full.len() as u64));
    // Without the configuration.
    let all = || full.iter().skip(1).flat_map(|(_, transactions)| transactions);
    assert_eq!(all().filter(|found| found.is_valid()).count(), 13);
    let failed = all().find(|found| !found.is_valid()).unwrap();
    assert_eq!((&failed.id, failed.code()), (&invalid.id(), Some(EndorsementPolicyFailure)));
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_blocks_are_not_for_a_provider_or_a_custodians_clients() {
    let setup = setup().await;
    for msp_id in ["Org1MSP", "Org3MSP"] {
        let network = network(&setup, msp_id, "follower").await;
        let forbidden = |error: EventError| {
            assert!(matches!(error, EventError::Delivery { raw_status: 403 }), "{error}");
            assert!(!error.is_retryable());
        };
        let mut full = network.block_events().start_block(0).open().unwrap();
        forbidden(full.next().await.unwrap().unwrap_err());
        let mut private = network.block_and_private_data_events().start_block(0).open().unwrap();
        forbidden(private.next().await.unwrap().unwrap_err());
        let mut filtered = network.filtered_block_events().start_block(0).open().unwrap();
        assert_eq!(filtered.next().await.unwrap().unwrap().number(), 0);
    }
}
