use fabric_protos::gateway::{
    ChaincodeEventsRequest, ChaincodeEventsResponse, SignedChaincodeEventsRequest,
};
use fabric_protos::orderer::seek_position::Type as Position;
use fabric_protos::orderer::{SeekNewest, SeekNextCommit, SeekOldest, SeekPosition, SeekSpecified};
use fabric_protos::protos::TxValidationCode::{EndorsementPolicyFailure, Valid};
use futures_util::FutureExt as _;
use prost::Message as _;
use tonic::{Code, Status, Streaming};

use crate::support::{CHAINCODE, CHANNEL, Client, setup};

fn request(client: &Client) -> ChaincodeEventsRequest {
    ChaincodeEventsRequest {
        channel_id: CHANNEL.to_owned(),
        chaincode_id: CHAINCODE.to_owned(),
        identity: client.identity.clone(),
        ..Default::default()
    }
}

async fn follow(
    client: &Client,
    request: ChaincodeEventsRequest,
) -> Result<Streaming<ChaincodeEventsResponse>, Status> {
    let request = request.encode_to_vec();
    let signature = client.key.sign(&request).unwrap().into();
    let signed = SignedChaincodeEventsRequest { request: request.into(), signature };
    Ok(client.gateway.clone().chaincode_events(signed).await?.into_inner())
}

async fn from(
    client: &Client,
    position: Position,
    after: &str,
) -> Streaming<ChaincodeEventsResponse> {
    let request = ChaincodeEventsRequest {
        start_position: Some(SeekPosition { r#type: Some(position) }),
        after_transaction_id: after.to_owned(),
        ..request(client)
    };
    follow(client, request).await.unwrap()
}

/// All events of the chaincode.
pub(crate) async fn from_start(client: &Client) -> Streaming<ChaincodeEventsResponse> {
    from(client, block(0), "").await
}

fn block(number: u64) -> Position {
    Position::Specified(SeekSpecified { number })
}

/// The next answer as `block: event=payload …`.
async fn next(stream: &mut Streaming<ChaincodeEventsResponse>) -> String {
    let answer = stream.message().await.unwrap().unwrap();
    let events: Vec<String> = answer
        .events
        .iter()
        .map(|event| {
            assert_eq!((event.chaincode_id.as_str(), event.tx_id.len()), (CHAINCODE, 64));
            format!("{}={}", event.event_name, std::str::from_utf8(&event.payload).unwrap())
        })
        .collect();
    format!("{}: {}", answer.block_number, events.join(" "))
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_valid_transactions_come_in_their_order() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let mut by_default = follow(&client, request(&client)).await.unwrap();
    let mut from_next = from(&client, Position::NextCommit(SeekNextCommit {}), "").await;
    assert_eq!(client.commit(&["put a 1", "event Made a"]).await, Valid);
    assert_eq!(client.commit(&["put b 1"]).await, Valid);
    let invalid = client.draft(&["put c 1", "event Made c"]).endorsers(&["Org1MSP"]);
    assert_eq!(client.commit_draft(&invalid).await, EndorsementPolicyFailure);
    assert_eq!(client.commit(&["put d 1", "event Made d"]).await, Valid);
    let mut from_start = from(&client, block(0), "").await;
    let mut from_third = from(&client, block(3), "").await;
    for stream in [&mut by_default, &mut from_next, &mut from_start] {
        assert_eq!(next(stream).await, "1: Made=a");
        assert_eq!(next(stream).await, "4: Made=d");
    }
    assert_eq!(next(&mut from_third).await, "4: Made=d");

    let mut from_future = from(&client, block(6), "").await;
    assert_eq!(client.commit(&["put e 1", "event Made e"]).await, Valid);
    assert_eq!(client.commit(&["put f 1", "event Made f"]).await, Valid);
    assert_eq!(next(&mut from_future).await, "6: Made=f");
    assert_eq!(next(&mut from_third).await, "5: Made=e");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_transaction_is_where_to_go_on_and_an_unknown_one_leads_nowhere() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let first = client.draft(&["put a 1", "event Made a"]);
    assert_eq!(client.commit_draft(&first).await, Valid);
    assert_eq!(client.commit(&["put b 1", "event Made b"]).await, Valid);
    // The position is that of the transaction, whatever else is asked for.
    let mut after = from(&client, block(7), &first.id()).await;
    assert_eq!(next(&mut after).await, "2: Made=b");
    let mut lost = from(&client, block(0), "unknown").await;
    assert_eq!(client.commit(&["put c 1", "event Made c"]).await, Valid);
    assert_eq!(next(&mut after).await, "3: Made=c");
    assert!(lost.message().now_or_never().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_chaincode_that_is_asked_for_is_followed() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let other = ChaincodeEventsRequest {
        chaincode_id: "other".to_owned(),
        start_position: Some(SeekPosition { r#type: Some(block(0)) }),
        ..request(&client)
    };
    let mut other = follow(&client, other).await.unwrap();
    let mut ours = from(&client, block(0), "").await;
    assert_eq!(client.commit(&["put a 1", "event Made a"]).await, Valid);
    assert_eq!(next(&mut ours).await, "1: Made=a");
    assert!(other.message().now_or_never().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_a_name_is_none() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    assert_eq!(client.commit(&["put a 1", "event  nameless"]).await, Valid);
    assert_eq!(client.commit(&["put b 1", "event Made b"]).await, Valid);
    let mut stream = from(&client, block(0), "").await;
    assert_eq!(next(&mut stream).await, "2: Made=b");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_followed_is_refused() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    for (position, name) in
        [(Position::Oldest(SeekOldest {}), "Oldest"), (Position::Newest(SeekNewest {}), "Newest")]
    {
        let request = ChaincodeEventsRequest {
            start_position: Some(SeekPosition { r#type: Some(position) }),
            ..request(&client)
        };
        let refused = follow(&client, request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let text = format!("invalid start position type: *orderer.SeekPosition_{name}");
        assert_eq!(refused.message(), text);
    }
    let other = ChaincodeEventsRequest { channel_id: "other".to_owned(), ..request(&client) };
    let refused = follow(&client, other).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let stranger = setup.client("Org2MSP").await;
    let forged = ChaincodeEventsRequest { identity: stranger.identity, ..request(&client) };
    let refused = follow(&client, forged).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let nothing = SignedChaincodeEventsRequest::default();
    let refused = client.gateway.clone().chaincode_events(nothing).await.unwrap_err();
    assert_eq!(refused.message(), "a chaincode events request is required");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_the_streams() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let mut stream = follow(&client, request(&client)).await.unwrap();
    setup.devnet.shutdown().await;
    let ended = stream.message().await;
    assert!(!matches!(ended, Ok(Some(_))), "{ended:?}");
}
