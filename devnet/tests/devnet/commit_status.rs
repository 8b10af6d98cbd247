use fabric_protos::gateway::{CommitStatusRequest, SignedCommitStatusRequest};
use fabric_protos::protos::TxValidationCode;
use tonic::Code;

use crate::support::{CHANNEL, Client, setup, signed_status_request};

fn request(client: &Client) -> CommitStatusRequest {
    CommitStatusRequest {
        transaction_id: "00".to_owned(),
        channel_id: CHANNEL.to_owned(),
        identity: client.identity.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn incomplete_requests_are_invalid_arguments() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let check = async |change: fn(&mut CommitStatusRequest), text: &str| {
        let mut request = request(&client);
        change(&mut request);
        let signed = signed_status_request(&request, &client.key);
        let refused = client.status_request(signed).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, text));
    };
    check(|request| request.identity.clear(), "no identity provided").await;
    check(|request| request.channel_id.clear(), "no channel ID provided").await;
    check(|request| request.transaction_id.clear(), "transaction ID should not be empty").await;
    let refused = client.status_request(SignedCommitStatusRequest::default()).await.unwrap_err();
    assert_eq!(refused.message(), "a commit status request is required");
    let damaged = SignedCommitStatusRequest { request: "\u{1}".into(), signature: "s".into() };
    let refused = client.status_request(damaged).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().starts_with("invalid status request: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_readers_of_the_channel_are_answered() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let stranger = setup.client("Org2MSP").await;
    let denied = async |signed, text: &str| {
        let refused = client.status_request(signed).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::PermissionDenied, text));
    };
    let readers = "failed evaluating policy on signed data during check policy \
                   [/Channel/Application/Readers]: [implicit policy evaluation failed - 0 \
                   sub-policies were satisfied, but this policy requires 1 of the 'Readers' \
                   sub-policies to be satisfied]";
    denied(signed_status_request(&request(&client), &stranger.key), readers).await;
    let unknown = CommitStatusRequest { identity: "nobody".into(), ..request(&client) };
    denied(signed_status_request(&unknown, &client.key), readers).await;
    let other = CommitStatusRequest { channel_id: "other".to_owned(), ..request(&client) };
    denied(
        signed_status_request(&other, &client.key),
        "Failed to get policy manager for channel [other]",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_before_the_commit_is_told_after_it() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let other = setup.client("Org3MSP").await;
    let draft = client.draft(&["put a 1"]);
    let envelope = client.prepare(&draft).await;
    let id = draft.id();
    let (early, ()) = tokio::join!(other.status(&id), async {
        client.submit(&draft, envelope).await.unwrap();
    });
    let early = early.unwrap();
    assert_eq!((early.result, early.block_number), (TxValidationCode::Valid.into(), 1));
    assert_eq!(client.status(&id).await.unwrap(), early);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_never_comes_is_waited_for_until_the_deadline() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let signed = signed_status_request(&request(&client), &client.key);
    let mut request = tonic::Request::new(signed);
    request.set_timeout(std::time::Duration::from_millis(50));
    let refused = client.gateway.clone().commit_status(request).await.unwrap_err();
    assert!(matches!(refused.code(), Code::DeadlineExceeded | Code::Cancelled), "{refused}");
    assert_eq!(setup.devnet.height(), 1);
}
