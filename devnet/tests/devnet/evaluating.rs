use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fabric_protos::protos::SignedProposal;
use tonic::Code;

use crate::support::{Draft, details, setup, setup_with};

#[tokio::test(flavor = "multi_thread")]
async fn statuses_from_200_to_399_are_results() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    for status in [200, 250, 399] {
        let response =
            client.evaluate(&["number", &format!("status {status} fine")]).await.unwrap();
        assert_eq!((response.status, response.message.as_str()), (status, "fine"));
        assert!(!response.payload.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_statuses_are_the_contracts_refusals() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    for status in [0, 199, 400, 404, 500, 503] {
        let refused = client.evaluate(&[&format!("status {status} no such thing")]).await;
        let refused = refused.unwrap_err();
        let text = format!("chaincode response {status}, no such thing");
        assert_eq!(refused.code(), Code::Unknown);
        assert_eq!(refused.message(), format!("evaluate call to endorser returned error: {text}"));
        let details = details(&refused);
        assert_eq!(details.len(), 1);
        assert_eq!((details[0].msp_id.as_str(), details[0].message.as_str()), ("Org1MSP", &*text));
        let port = setup.devnet.gateway("Org1MSP").unwrap().address.port();
        assert_eq!(details[0].address, format!("peer0.org1.example.com:{port}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_unpacked_is_an_invalid_argument() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&[]);
    let damaged = |bytes: &'static [u8]| SignedProposal {
        proposal_bytes: Bytes::from_static(bytes),
        signature: Bytes::from_static(b"s"),
    };
    for (signed, text) in [
        (damaged(b""), "failed to unpack transaction proposal: a signed proposal is required"),
        (damaged(b"\x0a\x05x"), "failed to unpack transaction proposal: error unmarshalling"),
    ] {
        let refused = client.evaluate_signed(&draft, signed).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().starts_with(text), "{refused}");
    }
    let check = async |change: fn(&mut Draft), text: &str| {
        let mut draft = client.draft(&[]);
        change(&mut draft);
        let refused = client.evaluate_draft(&draft).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(refused.message(), format!("failed to unpack transaction proposal: {text}"));
    };
    check(|draft| draft.channel.clear(), "no channel id provided").await;
    check(|draft| draft.chaincode.clear(), "no chaincode name is provided, channel id [mychannel]")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_channels_chaincodes_and_organisations_are_told_apart() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let check = async |change: fn(&mut Draft), code: Code, text: &str| {
        let mut draft = client.draft(&[]);
        change(&mut draft);
        let refused = client.evaluate_draft(&draft).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (code, text));
    };
    check(
        |draft| draft.channel = "other".to_owned(),
        Code::Unavailable,
        "failed to get config for channel [other]: channel not found",
    )
    .await;
    check(
        |draft| draft.chaincode = "none".to_owned(),
        Code::FailedPrecondition,
        "no peers available to evaluate chaincode none in channel mychannel",
    )
    .await;
    check(
        |draft| draft.endorsers = vec!["Org9MSP".to_owned()],
        Code::FailedPrecondition,
        "no peers available to evaluate chaincode script in channel mychannel",
    )
    .await;
    check(
        |draft| {
            draft.chaincode = "none".to_owned();
            draft.transient.insert("t".to_owned(), "v".into());
        },
        Code::FailedPrecondition,
        "no endorsers found in the gateway's organization; retry specifying target \
         organization(s) to protect transient data: no peers available to evaluate chaincode none \
         in channel mychannel",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endorsers_own_checks_fail_the_call_at_once() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let check = async |change: fn(&mut Draft), text: &str| {
        let mut draft = client.draft(&["number"]);
        change(&mut draft);
        let refused = client.evaluate_draft(&draft).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        let start = "evaluate call to endorser returned error: ";
        let reason = refused.message().strip_prefix(start).unwrap();
        assert!(reason.starts_with(text), "{reason}");
        assert_eq!(details(&refused).len(), 1);
    };
    check(
        |draft| draft.tx_id = Some("00".to_owned()),
        "error validating proposal: incorrectly computed txid '00' -- expected '",
    )
    .await;
    check(|draft| draft.epoch = 1, "error validating proposal: epoch is non-zero").await;
    check(|draft| draft.header_type = 0, "error validating proposal: invalid header type MESSAGE")
        .await;
    check(|draft| draft.nonce.clear(), "error validating proposal: nonce is empty").await;
    check(
        |draft| draft.creator = Bytes::from_static(b"nobody"),
        "error validating proposal: access denied: channel [mychannel] creator org unknown, \
         creator is malformed",
    )
    .await;
    assert_eq!(setup.chaincode.executions(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_has_to_be_the_creators() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let other = setup.client("Org2MSP").await;
    let draft = client.draft(&["number"]);
    let refused = client.evaluate_signed(&draft, draft.signed(&other.key)).await.unwrap_err();
    let text = "evaluate call to endorser returned error: error validating proposal: access \
                denied: channel [mychannel] creator org [Org1MSP]";
    assert_eq!((refused.code(), refused.message()), (Code::FailedPrecondition, text));
    let unsigned = SignedProposal { signature: Bytes::new(), ..draft.signed(&client.key) };
    let refused = client.evaluate_signed(&draft, unsigned).await.unwrap_err();
    assert!(refused.message().ends_with("error validating proposal: empty signature bytes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn proposals_out_of_the_time_window_look_like_unreachable_peers() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let now = SystemTime::now();
    for timestamp in [Some(now - minutes(16)), Some(now + minutes(16)), None] {
        let mut draft = client.draft(&["number"]);
        draft.timestamp = timestamp;
        let refused = client.evaluate_draft(&draft).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        assert_eq!(
            refused.message(),
            "failed to evaluate transaction, see attached details for more info"
        );
        let details = details(&refused);
        assert_eq!(details.len(), 3);
        let text = "request unauthorized due to incorrect timestamp ";
        assert!(details.iter().all(|detail| detail.message.starts_with(text)));
        assert!(details[0].message.ends_with("peer.authentication.timewindow 15m0s"));
    }
    for timestamp in [now - minutes(14), now + minutes(14)] {
        let mut draft = client.draft(&["number"]);
        draft.timestamp = Some(timestamp);
        client.evaluate_draft(&draft).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_window_the_timestamp_is_not_looked_at() {
    let setup = setup_with(|mut config| {
        config.time_window = None;
        config
    })
    .await;
    let client = setup.client("Org1MSP").await;
    let mut draft = client.draft(&["number"]);
    draft.timestamp = None;
    client.evaluate_draft(&draft).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chaincode_error_is_tried_on_every_peer() {
    let setup = setup().await;
    let client = setup.client("Org2MSP").await;
    let refused = client.evaluate(&["error out of order"]).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    assert_eq!(
        refused.message(),
        "failed to evaluate transaction, see attached details for more info"
    );
    let details = details(&refused);
    let msp_ids: Vec<_> = details.iter().map(|detail| detail.msp_id.as_str()).collect();
    assert_eq!(msp_ids, ["Org2MSP", "Org1MSP", "Org3MSP"]);
    let text = "error in simulation: transaction returned with failure: out of order";
    assert!(details.iter().all(|detail| detail.message == text), "{details:?}");
    assert_eq!(setup.chaincode.executions(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn transient_data_stays_in_the_gateways_organisation() {
    let setup = setup().await;
    let client = setup.client("Org3MSP").await;
    let draft = client.draft(&["transient secret", "error once"]).transient("secret", "value");
    let refused = client.evaluate_draft(&draft).await.unwrap_err();
    assert_eq!(details(&refused).len(), 1);
    assert_eq!(setup.chaincode.executions(), 1);
    let draft = client.draft(&["transient secret"]).transient("secret", "value");
    let response = client.evaluate_draft(&draft).await.unwrap();
    assert_eq!(response.payload, "value");
    let draft = draft.endorsers(&["Org1MSP", "Org2MSP"]);
    assert_eq!(client.evaluate_draft(&draft).await.unwrap().payload, "value");
}

#[tokio::test(flavor = "multi_thread")]
async fn initialisation_is_refused_where_the_definition_asks_for_none() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let mut draft = client.draft(&["number"]);
    draft.is_init = true;
    let refused = client.evaluate_draft(&draft).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    assert!(
        details(&refused)[0]
            .message
            .ends_with("chaincode 'script' does not require initialization but called as init")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_beyond_the_limit_are_refused() {
    let setup = setup_with(|mut config| {
        config.gateway_concurrency = 1;
        config
    })
    .await;
    let client = setup.client("Org1MSP").await;
    // Whichever comes second is refused: a status that never comes holds the only place.
    let waiting = async {
        loop {
            let refused = client.status("00").await.unwrap_err();
            assert_eq!(refused.code(), Code::Unknown);
        }
    };
    let refused = async {
        loop {
            match client.evaluate(&["number"]).await {
                Err(refused) => return refused,
                Ok(_) => tokio::task::yield_now().await,
            }
        }
    };
    let refused = tokio::select! {
        () = waiting => unreachable!(),
        refused = refused => refused,
    };
    assert_eq!(refused.code(), Code::Unknown);
    assert_eq!(
        refused.message(),
        "too many requests for /gateway.Gateway, exceeding concurrency limit (1)"
    );
}
