//! The chaincode stream, from the chaincode's side.

use std::time::Duration;

use fabric_devnet::{Chaincode, ReadyMode};
use fabric_protos::protos::ChaincodeAdditionalParams;
use fabric_protos::protos::TxValidationCode::Valid;
use tonic::Code;

use crate::support::{CHAINCODE, ScriptedChaincode, details, setup, setup_with};

#[tokio::test(flavor = "multi_thread")]
async fn each_peer_has_a_stream_of_its_own_dialled_when_needed() {
    let setup = setup().await;
    assert_eq!(setup.chaincode.streams(), 0);
    let client = setup.client("Org1MSP").await;
    client.read(&["number"]).await;
    assert_eq!(setup.chaincode.streams(), 1);
    assert_eq!(client.commit(&["put a 1"]).await, Valid);
    assert_eq!(setup.chaincode.streams(), 2);
    assert_eq!(client.commit(&["put a 2"]).await, Valid);
    assert_eq!(setup.chaincode.streams(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_offers_batches_or_nothing() {
    let batched = setup().await;
    let client = batched.client("Org1MSP").await;
    assert_eq!(client.commit(&["batch a 1", "batch b 2", "flush"]).await, Valid);
    assert_eq!(client.read(&["many a none b"]).await, "1\n\n2");
    let offered = ChaincodeAdditionalParams {
        use_write_batch: true,
        max_size_write_batch: 1000,
        use_get_multiple_keys: true,
        max_size_get_multiple_keys: 1000,
    };
    assert!(batched.chaincode.ready().iter().all(|ready| *ready == offered));

    let plain = setup_with(|mut config| {
        config.ready = ReadyMode::Plain;
        config
    })
    .await;
    let client = plain.client("Org1MSP").await;
    client.read(&["number"]).await;
    assert_eq!(plain.chaincode.ready(), [ChaincodeAdditionalParams::default()]);
    // A peer that does not know the message ends the stream.
    let refused = client.evaluate(&["many a b"]).await.unwrap_err();
    let text = "error sending: chaincode stream terminated";
    assert!(details(&refused)[0].message.ends_with(text), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_stream_fails_what_is_under_way_and_is_dialled_again() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let hanging = client.draft(&["hang"]).endorsers(&["Org1MSP"]);
    let (hanging, dying) = tokio::join!(client.evaluate_draft(&hanging), async {
        while setup.chaincode.executions() == 0 {
            tokio::task::yield_now().await;
        }
        client.endorse(&client.draft(&["die"])).await
    });
    for refused in [hanging.unwrap_err(), dying.unwrap_err()] {
        assert_eq!(refused.code(), Code::Aborted);
        let message = &details(&refused)[0].message;
        let id = "error in simulation: failed to execute transaction ";
        let text = "error sending: chaincode stream terminated";
        assert!(message.starts_with(id) && message.ends_with(text), "{message}");
    }
    assert!(!client.read(&["number"]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_a_failed_launch() {
    let mut setup = setup().await;
    setup.chaincode.stop().await;
    let client = setup.client("Org1MSP").await;
    let refused = client.endorse(&client.draft(&["put a 1"])).await.unwrap_err();
    let message = &details(&refused)[0].message;
    let ccid = Chaincode::derived_package_id(CHAINCODE, "1.0");
    let text = format!("could not launch chaincode {ccid}: connection to {ccid} failed: ");
    assert!(message.contains(&text), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_id_gets_no_answer_at_all() {
    let setup = setup_with(|mut config| {
        config.chaincodes[0].package_id = "wanted:0".to_owned();
        config
    })
    .await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["number"]);
    let call = client.evaluate_draft(&draft);
    tokio::select! {
        outcome = call => panic!("a peer would be silent, but: {outcome:?}"),
        () = async {
            while setup.chaincode.streams() == 0 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    assert!(setup.chaincode.ready().is_empty());
    assert_eq!(setup.chaincode.executions(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chaincode_that_takes_too_long_runs_into_the_timeout() {
    let setup = setup_with(|mut config| {
        config.execute_timeout = Duration::from_millis(100);
        config
    })
    .await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["hang"]);
    let refused = client.endorse(&draft).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    assert_eq!(
        details(&refused)[0].message,
        format!(
            "error in simulation: failed to execute transaction {}: error sending: timeout \
             expired while executing transaction",
            draft.id()
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_before_the_answer_is_dropped() {
    let setup = setup_with(|mut config| {
        config.execute_timeout = Duration::from_millis(200);
        config
    })
    .await;
    let client = setup.client("Org1MSP").await;
    let refused = client.endorse(&client.draft(&["double a"])).await.unwrap_err();
    let text = "timeout expired while executing transaction";
    assert!(details(&refused)[0].message.ends_with(text), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_leaves_its_place_on_the_stream() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["hang"]);
    tokio::select! {
        outcome = client.evaluate_draft(&draft) => panic!("{outcome:?}"),
        () = async {
            while setup.chaincode.executions() == 0 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    // The same transaction again: only a place that is free takes it.
    let retried = client.draft(&["number"]);
    let mut retried = retried;
    retried.nonce.clone_from(&draft.nonce);
    loop {
        match client.evaluate_draft(&retried).await {
            Ok(response) => break assert!(!response.payload.is_empty()),
            Err(refused) => assert!(
                details(&refused).iter().any(|detail| detail.message.contains("exists")),
                "{refused:?}"
            ),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_transaction_twice_at_a_time_is_refused() {
    let setup = setup_with(|mut config| {
        config.execute_timeout = Duration::from_secs(2);
        config
    })
    .await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["hang"]);
    let second = async {
        while setup.chaincode.executions() == 0 {
            tokio::task::yield_now().await;
        }
        client.endorse(&draft).await.unwrap_err()
    };
    let (_, refused) = tokio::join!(client.endorse(&draft), second);
    let message = &details(&refused)[0].message;
    assert!(message.ends_with(&format!("txid: {}(mychannel) exists", draft.id())), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_cannot_do_is_an_error() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["rich"]);
    let refused = client.evaluate_draft(&draft).await.unwrap_err();
    let text = format!(
        "GET_QUERY_RESULT failed: transaction ID: {}: ExecuteQuery not supported for leveldb",
        draft.id()
    );
    assert!(refused.message().ends_with(&text), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_ranges_come_in_batches() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let steps: Vec<String> = (0..250).map(|i| format!("batch key{i:03} {i}")).collect();
    let mut steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    steps.push("flush");
    assert_eq!(client.commit(&steps).await, Valid);
    let found = client.read(&["range key key999"]).await;
    assert_eq!(found.lines().count(), 250);
    assert!(found.lines().is_sorted());
}

#[tokio::test(flavor = "multi_thread")]
async fn chaincodes_call_each_other_in_one_transaction() {
    let id = Chaincode::derived_package_id("other", "1.0");
    let other = ScriptedChaincode::start(&id).await;
    let address = other.address();
    let setup = setup_with(|config| {
        let policy = "AND('Org1MSP.peer','Org2MSP.peer')";
        config.chaincode(Chaincode::new("other", address).endorsement_policy(policy))
    })
    .await;
    let client = setup.client("Org1MSP").await;
    assert_eq!(client.commit(&["put a mine", "call other put a theirs|get a"]).await, Valid);
    assert_eq!(client.read(&["get a", "call other get a"]).await, "mine\ncalled: 200\ntheirs");
    let mut draft = client.draft(&["get a"]);
    draft.chaincode = "other".to_owned();
    assert_eq!(client.evaluate_draft(&draft).await.unwrap().payload, "theirs");

    let check = async |step: &str, text: &str| {
        let refused = client.evaluate(&[step]).await.unwrap_err();
        assert!(refused.message().contains(text), "{refused}");
    };
    check("call none get a", "execute failed: invalid invocation").await;
    check("call script get a", "exists").await;
    check("call other/elsewhere get a", "Failed to get policy manager for channel [elsewhere]")
        .await;
    assert_eq!(client.read(&["call other status 404 no"]).await, "called: 404no\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_peers_own_chaincodes_answer_no_other_one() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    assert_eq!(
        client.read(&["call qscc GetChainInfo|mychannel"]).await,
        "called: 500Rejecting invoke of QSCC from another chaincode because of potential for \
         deadlocks, original invocation for 'script'\n"
    );
    assert_eq!(
        client.read(&["call cscc GetChannels"]).await,
        "called: 500Rejecting invoke of CSCC from another chaincode, original invocation for \
         'script'\n"
    );
    // A refusal leaves nothing of the callee in the transaction.
    assert_eq!(client.commit(&["call qscc GetChainInfo|mychannel", "put a 1"]).await, Valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_messages_end_the_stream() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let refused = client.endorse(&client.draft(&["unknown"])).await.unwrap_err();
    let text = "chaincode stream terminated";
    assert!(details(&refused)[0].message.ends_with(text), "{refused:?}");
    assert_eq!(client.commit(&["put a 1"]).await, Valid);
}
