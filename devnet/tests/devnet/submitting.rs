use bytes::Bytes;
use fabric_protos::common::{ChannelHeader, Envelope, Header, HeaderType, Payload};
use fabric_protos::gateway::SubmitRequest;
use prost::Message as _;
use tonic::Code;

use crate::support::{CHANNEL, setup, setup_with};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_an_invalid_argument() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["put a 1"]);
    let envelope = client.endorse(&draft).await.unwrap();
    let refused = client.submit(&draft, envelope).await.unwrap_err();
    let text = "prepared transaction must be signed";
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, text));
    let nothing = SubmitRequest { channel_id: CHANNEL.to_owned(), ..Default::default() };
    let refused = client.gateway.clone().submit(nothing).await.unwrap_err();
    let text = "a prepared transaction is required";
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, text));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_orderer_says_why_it_refuses() {
    let setup = setup_with(|mut config| {
        config.batch.absolute_max_bytes = 20_000;
        config
    })
    .await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["put a 1"]);
    let good = client.prepare(&draft).await;
    let refused = async |envelope: Envelope, text: &str| {
        let refused = client.submit(&draft, envelope).await.unwrap_err();
        assert_eq!(refused.code(), Code::Aborted);
        assert!(refused.details().is_empty());
        let start = "received unsuccessful response from orderer: status=";
        let reason = refused.message().strip_prefix(start).unwrap();
        assert!(reason.starts_with(text), "{reason}");
    };
    let forbidden = "FORBIDDEN, info=implicit policy evaluation failed - 0 sub-policies were \
                     satisfied, but this policy requires 1 of the 'Writers' sub-policies to be \
                     satisfied: permission denied";
    let stranger = setup.client("Org2MSP").await;
    let signature = stranger.key.sign(&good.payload).unwrap().into();
    refused(Envelope { signature, ..good.clone() }, forbidden).await;
    refused(
        Envelope { payload: Bytes::from_static(b"\x0a\x05x"), signature: "s".into() },
        "BAD_REQUEST, info=could not determine channel ID: ",
    )
    .await;
    let with_header = |kind: HeaderType, channel: &str, data: Vec<u8>| {
        let header = Payload::decode(good.payload.clone()).unwrap().header.unwrap();
        let channel_header = ChannelHeader {
            r#type: kind.into(),
            channel_id: channel.to_owned(),
            ..Default::default()
        };
        let header = Header { channel_header: channel_header.encode_to_vec().into(), ..header };
        let payload = Payload { header: Some(header), data: data.into() };
        client.sign(Envelope { payload: payload.encode_to_vec().into(), ..Default::default() })
    };
    refused(
        with_header(HeaderType::EndorserTransaction, "other", vec![]),
        "BAD_REQUEST, info=channel does not exist",
    )
    .await;
    refused(
        with_header(HeaderType::Config, CHANNEL, vec![]),
        "BAD_REQUEST, info=message is of type that cannot be processed directly",
    )
    .await;
    refused(
        with_header(HeaderType::OrdererTransaction, CHANNEL, vec![]),
        "BAD_REQUEST, info=message is of type that is no longer supported",
    )
    .await;
    refused(
        with_header(HeaderType::ConfigUpdate, CHANNEL, vec![]),
        "BAD_REQUEST, info=configuration updates are not supported here",
    )
    .await;
    refused(
        with_header(HeaderType::EndorserTransaction, CHANNEL, vec![0; 20_000]),
        "BAD_REQUEST, info=message payload is ",
    )
    .await;
    assert_eq!(setup.devnet.height(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_channel_is_a_failed_precondition() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let mut draft = client.draft(&["put a 1"]);
    let envelope = client.prepare(&draft).await;
    draft.channel = "other".to_owned();
    let refused = client.submit(&draft, envelope).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_block_is_cut_without_waiting() {
    let setup = setup_with(|mut config| {
        config.batch.timeout = std::time::Duration::from_secs(3600);
        config.batch.max_message_count = 2;
        config
    })
    .await;
    let client = setup.client("Org1MSP").await;
    let mut drafts = Vec::new();
    for key in ["a", "b"] {
        let draft = client.draft(&[&format!("put {key} 1")]);
        let envelope = client.prepare(&draft).await;
        client.submit(&draft, envelope).await.unwrap();
        drafts.push(draft);
    }
    for draft in &drafts {
        let status = client.status(&draft.id()).await.unwrap();
        assert_eq!((status.result, status.block_number), (0, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ordered_when_the_devnet_stops_is_committed() {
    let setup = setup_with(|mut config| {
        config.batch.timeout = std::time::Duration::from_secs(3600);
        config
    })
    .await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["put a 1"]);
    let envelope = client.prepare(&draft).await;
    client.submit(&draft, envelope).await.unwrap();
    let setup = setup.restart().await;
    let client = setup.client("Org1MSP").await;
    let status = client.status(&draft.id()).await.unwrap();
    assert_eq!((status.result, status.block_number), (0, 1));
}
