//! A gateway that returns something else for signing than what was proposed.

use bytes::Bytes;
use fabric_gateway_client::{EnvelopeMismatch, GatewayError};
use fabric_protos::protos::Response;
use fabric_shim_protos::{common, peer};
use prost::Message;

use crate::peer::{Parts, Stage, Step};

/// The changed transaction is neither signed nor submitted.
async fn check(change: fn(&mut Parts), expected: EnvelopeMismatch) {
    let stage = Stage::new().await;
    stage.script(|script| script.endorse.push_back(Step::Tamper(change)));
    let call = stage.contract().submit("Put").argument("a").transient([("secret", "s")]);
    let error = call.send().await.unwrap_err();
    let GatewayError::Tampered { mismatch, transaction_id } = &error else { panic!("{error}") };
    assert_eq!((*mismatch, transaction_id.len()), (expected, 64));
    assert!(!error.is_retryable() && !error.outcome_unknown());
    assert_eq!(stage.calls(), "endorse");
}

fn channel_header(parts: &mut Parts, change: fn(&mut common::ChannelHeader)) {
    let mut header = common::ChannelHeader::decode(parts.header.channel_header.clone()).unwrap();
    change(&mut header);
    parts.header.channel_header = header.encode_to_vec().into();
}

#[tokio::test]
async fn another_channel_id_chaincode_or_time() {
    let mismatch = EnvelopeMismatch::ChannelHeader;
    check(|parts| channel_header(parts, |header| header.channel_id = "other".into()), mismatch)
        .await;
    check(|parts| channel_header(parts, |header| header.tx_id = "00".into()), mismatch).await;
    check(|parts| channel_header(parts, |header| header.extension.clear()), mismatch).await;
    check(|parts| channel_header(parts, |header| header.timestamp = None), mismatch).await;
    check(|parts| channel_header(parts, |header| header.r#type = 2), mismatch).await;
}

#[tokio::test]
async fn another_creator_or_nonce() {
    let other = |parts: &mut Parts| {
        let header = parts.header.signature_header.clone();
        let mut header = common::SignatureHeader::decode(header).unwrap();
        header.nonce = vec![0; 24];
        parts.header.signature_header = header.encode_to_vec().into();
    };
    check(other, EnvelopeMismatch::SignatureHeader).await;
    check(|parts| parts.action_header = Bytes::new(), EnvelopeMismatch::SignatureHeader).await;
}

#[tokio::test]
async fn another_call() {
    let other = |parts: &mut Parts| {
        let mut call = peer::ChaincodeInvocationSpec::decode(&*parts.call.input).unwrap();
        let spec = call.chaincode_spec.as_mut().unwrap();
        spec.input.as_mut().unwrap().args[1] = b"b".to_vec();
        parts.call.input = call.encode_to_vec();
    };
    check(other, EnvelopeMismatch::Input).await;
}

#[tokio::test]
async fn transient_data_on_the_ledger() {
    let leak = |parts: &mut Parts| {
        parts.call.transient_map.insert("secret".into(), b"s".to_vec());
    };
    check(leak, EnvelopeMismatch::Transient).await;
}

#[tokio::test]
async fn endorsements_of_something_else() {
    check(|parts| parts.proposal_hash[0] ^= 1, EnvelopeMismatch::ProposalHash).await;
    check(|parts| parts.proposal_hash.clear(), EnvelopeMismatch::ProposalHash).await;
    let other = |parts: &mut Parts| {
        parts.outcome.chaincode_id.as_mut().unwrap().name = "other".into();
    };
    check(other, EnvelopeMismatch::Chaincode).await;
    check(|parts| parts.outcome.chaincode_id = None, EnvelopeMismatch::Chaincode).await;
    check(|parts| parts.endorsements.clear(), EnvelopeMismatch::Endorsements).await;
}

#[tokio::test]
async fn a_contract_that_did_not_succeed() {
    let fail = |parts: &mut Parts| {
        parts.outcome.response = Some(Response { status: 400, ..Default::default() });
    };
    check(fail, EnvelopeMismatch::Response).await;
    check(|parts| parts.outcome.response = None, EnvelopeMismatch::Response).await;
}

#[tokio::test]
async fn none_or_several_actions() {
    check(|parts| parts.actions = 0, EnvelopeMismatch::Actions).await;
    check(|parts| parts.actions = 2, EnvelopeMismatch::Actions).await;
}

#[tokio::test]
async fn hidden_fields() {
    // A field 15, and a second `data`, of which readers may take the first or the last.
    check(|parts| parts.tail = vec![0x7a, 0x01, 0x00], EnvelopeMismatch::NotCanonical).await;
    let second = |parts: &mut Parts| {
        let header = parts.header.clone();
        let honest = Parts {
            header,
            action_header: parts.action_header.clone(),
            actions: 1,
            call: parts.call.clone(),
            proposal_hash: parts.proposal_hash.clone(),
            outcome: parts.outcome.clone(),
            endorsements: parts.endorsements.clone(),
            tail: Vec::new(),
        };
        parts.tail = honest.assemble().payload.to_vec();
        parts.actions = 2;
    };
    check(second, EnvelopeMismatch::NotCanonical).await;
}

#[tokio::test]
async fn nonsense() {
    check(|parts| parts.tail = vec![0xff], EnvelopeMismatch::Malformed).await;
    let stage = Stage::new().await;
    stage.script(|script| script.endorse.push_back(Step::Nothing));
    let error = stage.contract().submit("Put").send().await.unwrap_err();
    assert!(
        matches!(error, GatewayError::Tampered { mismatch: EnvelopeMismatch::Missing, .. }),
        "{error}"
    );
}
