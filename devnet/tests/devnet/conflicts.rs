use fabric_protos::common::{Block, Envelope};
use fabric_protos::protos::TxValidationCode::{self, *};
use prost::Message as _;

use crate::support::{Client, Draft, Setup, code, setup, setup_with};

/// A devnet whose blocks hold exactly so many transactions.
async fn blocks_of(count: u32) -> Setup {
    setup_with(|mut config| {
        config.batch.timeout = std::time::Duration::from_secs(3600);
        config.batch.max_message_count = count;
        config
    })
    .await
}

/// Submits transactions in this order; their codes.
async fn block(client: &Client, transactions: Vec<(Draft, Envelope)>) -> Vec<TxValidationCode> {
    let mut ids = Vec::new();
    for (draft, envelope) in transactions {
        client.submit(&draft, envelope).await.unwrap();
        ids.push(draft.id());
    }
    let mut codes = Vec::new();
    for id in ids {
        codes.push(code(client.status(&id).await.unwrap().result));
    }
    codes
}

async fn prepared(client: &Client, steps: &[&str]) -> (Draft, Envelope) {
    let draft = client.draft(steps);
    let envelope = client.prepare(&draft).await;
    (draft, envelope)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_read_the_same_version_one_wins() {
    let setup = blocks_of(2).await;
    let client = setup.client("Org1MSP").await;
    let one = prepared(&client, &["get a", "put a 1"]).await;
    let two = prepared(&client, &["get a", "put a 2"]).await;
    assert_eq!(block(&client, vec![one, two]).await, [Valid, MvccReadConflict]);
    assert_eq!(client.read(&["get a"]).await, "1");

    let blind = prepared(&client, &["put a 3"]).await;
    let other = prepared(&client, &["put a 4"]).await;
    assert_eq!(block(&client, vec![blind, other]).await, [Valid, Valid]);
    assert_eq!(client.read(&["get a"]).await, "4");
    assert_eq!(client.read(&["history a"]).await, "4\n3\n1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_checked_against_earlier_blocks_too() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let (draft, late) = prepared(&client, &["get a", "put b 1"]).await;
    assert_eq!(client.commit(&["put a 1"]).await, Valid);
    client.submit(&draft, late).await.unwrap();
    assert_eq!(code(client.status(&draft.id()).await.unwrap().result), MvccReadConflict);
    assert_eq!(client.read(&["get b"]).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_appears_in_a_range_is_a_phantom() {
    let setup = blocks_of(2).await;
    let client = setup.client("Org1MSP").await;
    let insert = prepared(&client, &["put a5 1"]).await;
    let range = prepared(&client, &["range a1 a9", "put b 1"]).await;
    assert_eq!(block(&client, vec![insert, range]).await, [Valid, PhantomReadConflict]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_transaction_counts_once() {
    let setup = blocks_of(2).await;
    let client = setup.client("Org1MSP").await;
    let (draft, envelope) = prepared(&client, &["put a 1"]).await;
    client.submit(&draft, envelope.clone()).await.unwrap();
    client.submit(&draft, envelope.clone()).await.unwrap();
    assert_eq!(code(client.status(&draft.id()).await.unwrap().result), Valid);
    let filter = |number| {
        let block = Block::decode(setup.devnet.block(number).unwrap().unwrap()).unwrap();
        block.metadata.unwrap().metadata[2].to_vec()
    };
    assert_eq!(filter(1), [0, 9]);

    // Sent again later it is taken, but the first one stays the answer.
    client.submit(&draft, envelope).await.unwrap();
    let (other, envelope) = prepared(&client, &["put b 1"]).await;
    client.submit(&other, envelope).await.unwrap();
    let status = client.status(&other.id()).await.unwrap();
    assert_eq!((code(status.result), status.block_number), (Valid, 2));
    assert_eq!(filter(2), [9, 0]);
    let status = client.status(&draft.id()).await.unwrap();
    assert_eq!((code(status.result), status.block_number), (Valid, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_endorsers_fail_at_commit() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    for endorsers in [vec!["Org1MSP"], vec!["Org1MSP", "Org3MSP"], vec!["Org1MSP", "Org1MSP"]] {
        let draft = client.draft(&["put a 1"]).endorsers(&endorsers);
        assert_eq!(client.commit_draft(&draft).await, EndorsementPolicyFailure, "{endorsers:?}");
    }
    let draft = client.draft(&["put a 1"]).endorsers(&["Org2MSP", "Org1MSP", "Org3MSP"]);
    assert_eq!(client.commit_draft(&draft).await, Valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_payload_is_found_at_commit() {
    use fabric_protos::common::Payload;
    use fabric_protos::protos::{ChaincodeActionPayload, Transaction};
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["put a 1"]);
    let envelope = client.endorse(&draft).await.unwrap();
    let mut payload = Payload::decode(envelope.payload).unwrap();
    let mut transaction = Transaction::decode(payload.data).unwrap();
    let mut action =
        ChaincodeActionPayload::decode(transaction.actions[0].payload.clone()).unwrap();
    // The results of other arguments, under the same endorsements.
    let other = client.endorse(&client.draft(&["put a 2"])).await.unwrap();
    let other = Transaction::decode(Payload::decode(other.payload).unwrap().data).unwrap();
    let other = ChaincodeActionPayload::decode(other.actions[0].payload.clone()).unwrap();
    action.chaincode_proposal_payload = other.chaincode_proposal_payload;
    transaction.actions[0].payload = action.encode_to_vec().into();
    payload.data = transaction.encode_to_vec().into();
    let forged = Envelope { payload: payload.encode_to_vec().into(), ..Default::default() };
    client.submit(&draft, client.sign(forged)).await.unwrap();
    let status = client.status(&draft.id()).await.unwrap();
    assert_eq!(code(status.result), InvalidEndorserTransaction);
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_chained_and_signed() {
    use fabric_ledger::block::{data_hash, header_hash};
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    for value in 0..3 {
        assert_eq!(client.commit(&[&format!("put a {value}")]).await, Valid);
    }
    let mut previous = Vec::new();
    for number in 0..setup.devnet.height() {
        let block = Block::decode(setup.devnet.block(number).unwrap().unwrap()).unwrap();
        let header = block.header.unwrap();
        assert_eq!(header.number, number);
        assert_eq!(header.previous_hash, previous);
        assert_eq!(header.data_hash, data_hash(&block.data.unwrap().data).to_vec());
        previous = header_hash(&header).to_vec();
        let metadata = block.metadata.unwrap().metadata;
        assert_eq!(metadata.len(), 5);
        assert_eq!(metadata[2], [0].as_slice());
        // The first block is unsigned, and commit hashes begin after it.
        assert_eq!(metadata[4].is_empty(), number == 0);
        assert_eq!(metadata[0] == [0x0a, 2, 0x0a, 0].as_slice(), number == 0);
    }
    assert!(setup.devnet.block(4).unwrap().is_none());
}
