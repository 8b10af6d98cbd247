//! Calls that succeed, and the bytes they send.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use fabric_gateway_client::{Gateway, SigningKey, Submitted};
use fabric_shim_protos::{common, msp, peer};
use prost::Message;

use crate::peer::{BLOCK, CERTIFICATE, CHAINCODE, CHANNEL, MSP_ID, Seen, Stage, identity};

#[tokio::test]
async fn a_query_is_answered() {
    let stage = Stage::new().await;
    let answer = stage.contract().evaluate("Reads:Get").argument("a").argument("b").send().await;
    assert_eq!(answer.unwrap(), "Reads:Get a b");
    assert_eq!(stage.calls(), "evaluate");
}

#[tokio::test]
async fn a_transaction_is_endorsed_submitted_and_committed() {
    let stage = Stage::new().await;
    let submitted = stage.contract().submit("Put").arguments(["a", "1"]).send().await.unwrap();
    let [Seen::Endorse(endorse), Seen::Submit(submit), Seen::Status(status)] = &stage.seen()[..]
    else {
        panic!("{}", stage.calls());
    };
    let expected = Submitted {
        transaction_id: endorse.transaction_id.clone(),
        result: "Put a 1".into(),
        block_number: BLOCK,
    };
    assert_eq!(submitted, expected);
    assert_eq!(submit.transaction_id, endorse.transaction_id);
    assert_eq!(status.transaction_id, endorse.transaction_id);
    assert_eq!(endorse.channel_id, CHANNEL);
    assert!(endorse.endorsing_organizations.is_empty());
}

#[tokio::test]
async fn organisations_and_timeouts_travel_with_the_call() {
    let stage = Stage::new().await;
    let contract = stage.contract();
    contract.evaluate("Get").target_organizations(["Org2MSP"]).send().await.unwrap();
    contract.submit("Put").endorsing_organizations(["Org1MSP", "Org2MSP"]).send().await.unwrap();
    let seen = stage.seen();
    let [Seen::Evaluate(evaluate), Seen::Endorse(endorse), ..] = &seen[..] else {
        panic!("{}", stage.calls());
    };
    assert_eq!(evaluate.target_organizations, ["Org2MSP"]);
    assert_eq!(endorse.endorsing_organizations, ["Org1MSP", "Org2MSP"]);
    let microseconds = ["5000000u", "15000000u", "5000000u", "60000000u"];
    assert_eq!(*stage.peer.timeouts.lock().unwrap(), microseconds);
}

#[tokio::test]
async fn one_connection_carries_several_identities_at_once() {
    let stage = Stage::new().await;
    let stranger = Arc::new(SigningKey::generate().unwrap().0);
    let stranger = Gateway::new(stage.connection.clone(), &identity(), stranger);
    let contract = stranger.network(CHANNEL).contract(CHAINCODE);
    let call = contract.evaluate("Get");
    let known = stage.contract().evaluate("Get");
    let (refused, answered) = tokio::join!(call.send(), known.send());
    let refused = refused.unwrap_err();
    assert!(refused.to_string().contains("bad signature"), "{refused}");
    assert_eq!(answered.unwrap(), "Get");
}

#[tokio::test]
async fn each_proposal_has_an_id_of_its_own() {
    let stage = Stage::new().await;
    let call = stage.contract().submit("Put");
    let (first, second) = (call.proposal().unwrap(), call.proposal().unwrap());
    assert_ne!(first.transaction_id(), second.transaction_id());
    assert_eq!(first.transaction_id().len(), 64);
}

/// The bytes are those of messages built by another library from the same parts.
#[tokio::test]
async fn proposals_are_byte_for_byte_fabrics() {
    let stage = Stage::new().await;
    let now = UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    let gateway = stage.gateway.clone().with_clock(move || now);
    let contract = gateway.network(CHANNEL).contract(CHAINCODE);
    let call = contract
        .submit("Contract:Fn")
        .argument(r#"{"a":1}"#)
        .argument(Vec::new())
        .transient([("b", "2"), ("a", "1")]);
    let proposal = call.proposal().unwrap();

    let sent = peer::Proposal::decode(proposal.bytes().clone()).unwrap();
    let header = common::Header::decode(&*sent.header).unwrap();
    let creation = common::SignatureHeader::decode(&*header.signature_header).unwrap();
    assert_eq!(creation.nonce.len(), 24);

    let chaincode = peer::ChaincodeId { name: CHAINCODE.to_owned(), ..Default::default() };
    let extension = peer::ChaincodeHeaderExtension { chaincode_id: Some(chaincode.clone()) };
    let channel_header = common::ChannelHeader {
        r#type: 3,
        timestamp: Some(fabric_shim_protos::prost_types::Timestamp {
            seconds: 1_700_000_000,
            nanos: 123_456_789,
        }),
        channel_id: CHANNEL.to_owned(),
        tx_id: proposal.transaction_id().to_owned(),
        extension: extension.encode_to_vec(),
        ..Default::default()
    };
    let creator = msp::SerializedIdentity {
        mspid: MSP_ID.to_owned(),
        id_bytes: CERTIFICATE.as_bytes().to_vec(),
    };
    let signature_header =
        common::SignatureHeader { creator: creator.encode_to_vec(), nonce: creation.nonce };
    let header = common::Header {
        channel_header: channel_header.encode_to_vec(),
        signature_header: signature_header.encode_to_vec(),
    };
    let spec = peer::ChaincodeInvocationSpec {
        chaincode_spec: Some(peer::ChaincodeSpec {
            chaincode_id: Some(chaincode),
            input: Some(peer::ChaincodeInput {
                args: vec![b"Contract:Fn".to_vec(), br#"{"a":1}"#.to_vec(), Vec::new()],
                ..Default::default()
            }),
            ..Default::default()
        }),
    };
    let payload =
        peer::ChaincodeProposalPayload { input: spec.encode_to_vec(), ..Default::default() };
    // The transient map's entries by hand, in the order of their names.
    let mut payload = payload.encode_to_vec();
    payload.extend(b"\x12\x06\x0a\x01a\x12\x011\x12\x06\x0a\x01b\x12\x012");
    let expected =
        peer::Proposal { header: header.encode_to_vec(), payload, extension: Vec::new() };
    assert_eq!(proposal.bytes(), &expected.encode_to_vec());

    // And a peer accepts them, while the transient data stays out of the transaction.
    let transaction = proposal.endorse().await.unwrap();
    assert_eq!(transaction.result(), r#"Contract:Fn {"a":1} "#);
}
