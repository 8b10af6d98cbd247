//! Who may propose.

use fabric_devnet::{EnrollRequest, Role};
use fabric_protos::protos::TxValidationCode;
use time::{Duration, OffsetDateTime};
use tonic::Code;

use crate::support::{Client, details, setup};

#[tokio::test(flavor = "multi_thread")]
async fn enrolled_clients_and_admins_may_write() {
    let setup = setup().await;
    let client = setup.enrolled(&EnrollRequest::client("Org1MSP", "patient-1")).await;
    assert_eq!(client.commit(&["put a 1"]).await, TxValidationCode::Valid);
    let admin = EnrollRequest { role: Role::Admin, ..EnrollRequest::client("Org3MSP", "boss") };
    let admin = setup.enrolled(&admin).await;
    assert_eq!(admin.commit(&["put a 2"]).await, TxValidationCode::Valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_may_read_but_not_propose() {
    let setup = setup().await;
    let root = setup.dir.path().join("organizations/peerOrganizations/org1.example.com");
    let msp = root.join("peers/peer0.org1.example.com/msp");
    let certificate = std::fs::read_to_string(msp.join("signcerts/cert.pem")).unwrap();
    let key = std::fs::read_to_string(msp.join("keystore/priv_sk")).unwrap();
    let peer = Client::connect(&setup.devnet, "Org1MSP", &certificate, &key).await;
    let refused = peer.evaluate(&["get a"]).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let text = "failed evaluating policy on signed data during check policy \
                [/Channel/Application/Writers]: [implicit policy evaluation failed - 0 \
                sub-policies were satisfied, but this policy requires 1 of the 'Writers' \
                sub-policies to be satisfied]";
    assert!(refused.message().ends_with(text), "{refused}");
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["put a 1"]);
    client.commit_draft(&draft).await;
    assert_eq!(peer.status(&draft.id()).await.unwrap().result, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_of_another_network_are_unknown() {
    let (ours, theirs) = (setup().await, setup().await);
    // The same MSP id and names, but issued by another authority.
    let stranger = theirs.devnet.enroll(&EnrollRequest::client("Org1MSP", "stranger")).unwrap();
    let key = stranger.private_key_pem.unwrap();
    let stranger = Client::connect(&ours.devnet, "Org1MSP", &stranger.certificate_pem, &key).await;
    let refused = stranger.evaluate(&["get a"]).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().ends_with("creator org unknown, creator is malformed"));
    let client = ours.client("Org1MSP").await;
    let draft = client.draft(&["put a 1"]);
    let mut envelope = client.endorse(&draft).await.unwrap();
    envelope.signature = stranger.key.sign(&envelope.payload).unwrap().into();
    let refused = client.submit(&draft, envelope).await.unwrap_err();
    assert!(refused.message().contains("status=FORBIDDEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_certificates_propose_and_broadcast_nothing_but_may_ask_for_outcomes() {
    let setup = setup().await;
    let yesterday = OffsetDateTime::now_utc() - Duration::minutes(1);
    let request =
        EnrollRequest { not_after: Some(yesterday), ..EnrollRequest::client("Org1MSP", "former") };
    let former = setup.enrolled(&request).await;
    let refused = former.evaluate(&["get a"]).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(
        details(&refused).iter().all(|detail| detail.message == "proposal client identity expired")
    );
    let refused = former.endorse(&former.draft(&["put a 1"])).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    assert_eq!(details(&refused)[0].message, "proposal client identity expired");

    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["put a 1"]);
    client.commit_draft(&draft).await;
    assert_eq!(former.status(&draft.id()).await.unwrap().result, 0);

    // An envelope whose creator expired after it was endorsed.
    let mut expired = draft.clone();
    expired.creator = former.identity.clone();
    let payload = fabric_protos::common::Payload {
        header: Some(prost::Message::decode(expired.proposal().header).unwrap()),
        data: bytes::Bytes::new(),
    };
    let envelope = fabric_protos::common::Envelope {
        payload: prost::Message::encode_to_vec(&payload).into(),
        ..Default::default()
    };
    let refused = former.submit(&expired, former.sign(envelope)).await.unwrap_err();
    assert!(
        refused.message().ends_with("status=BAD_REQUEST, info=broadcast client identity expired"),
        "{refused}"
    );
}
