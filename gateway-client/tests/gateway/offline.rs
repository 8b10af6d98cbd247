//! Signing elsewhere, and keeping what is between the stages.

use std::sync::Arc;

use fabric_gateway_client::{
    ConnectOptions, Connection, Gateway, GatewayError, RestoreError, SignError, SignedMessage,
    Signer,
};
use fabric_protos::gateway::{PreparedTransaction, ProposedTransaction};
use prost::Message;
use ring::digest::{SHA256, digest};

use crate::peer::{CHAINCODE, CHANNEL, Stage, identity, policy};

/// A gateway that signs nothing, beside one that does.
fn silent(stage: &Stage) -> Gateway {
    Gateway::without_signer(stage.connection.clone(), &identity())
}

/// Nothing was sent for want of a signature. Only of a commit this says nothing.
fn unsigned(error: GatewayError) -> SignedMessage {
    let GatewayError::Sign { message, .. } = error else { panic!("{error}") };
    let asks = message == SignedMessage::CommitStatusRequest;
    assert_eq!((error.is_retryable(), error.outcome_unknown()), (false, asks), "{error}");
    assert!(error.transaction_id().is_some(), "{error}");
    message
}

#[tokio::test]
async fn every_stage_can_be_signed_elsewhere() {
    let stage = Stage::new().await;
    let gateway = silent(&stage);
    let call = gateway.network(CHANNEL).contract(CHAINCODE).submit("Put");
    let call = call.transient([("k", "v")]).endorsing_organizations(["Org1MSP"]);

    let kept = call.proposal().unwrap().to_bytes();
    let proposal = gateway.restore_proposal(&kept).unwrap();
    let signature = stage.key.sign(proposal.bytes()).unwrap();
    let proposal = proposal.sign_with(signature);

    let kept = proposal.endorse().await.unwrap().to_bytes();
    let transaction = gateway.restore_transaction(&kept).unwrap();
    let signature = stage.key.sign(transaction.bytes()).unwrap();
    let transaction = transaction.sign_with(signature);
    assert_eq!(transaction.result(), "Put");

    let kept = transaction.submit().await.unwrap().to_bytes();
    let commit = gateway.restore_commit(&kept).unwrap();
    assert_eq!(commit.transaction_id(), proposal.transaction_id());
    let signature = stage.key.sign(commit.bytes()).unwrap();
    assert!(commit.sign_with(signature).status().await.unwrap().is_valid());
    assert_eq!(stage.calls(), "endorse submit status");
}

#[tokio::test]
async fn digests_are_sha256_of_the_bytes() {
    let stage = Stage::new().await;
    let proposal = stage.contract().submit("Put").proposal().unwrap();
    assert_eq!(proposal.digest(), digest(&SHA256, proposal.bytes()).as_ref());
    let transaction = proposal.endorse().await.unwrap();
    assert_eq!(transaction.digest(), digest(&SHA256, transaction.bytes()).as_ref());
    let commit = transaction.commit();
    assert_eq!(commit.digest(), digest(&SHA256, commit.bytes()).as_ref());
}

#[tokio::test]
async fn nothing_is_sent_unsigned() {
    let stage = Stage::new().await;
    let gateway = silent(&stage);
    let contract = gateway.network(CHANNEL).contract(CHAINCODE);
    let error = contract.evaluate("Get").send().await.unwrap_err();
    assert_eq!(unsigned(error), SignedMessage::Proposal);
    let error = contract.submit("Put").send_with_retry(&policy()).await.unwrap_err();
    assert_eq!(unsigned(error), SignedMessage::Proposal);
    let error = gateway.network(CHANNEL).commit("id").status().await.unwrap_err();
    assert_eq!(unsigned(error), SignedMessage::CommitStatusRequest);
    assert_eq!(stage.calls(), "");

    let proposal = stage.contract().submit("Put").proposal().unwrap();
    let proposal = gateway.restore_proposal(&proposal.to_bytes()).unwrap();
    let transaction = proposal.endorse().await.unwrap();
    assert_eq!(unsigned(transaction.submit().await.unwrap_err()), SignedMessage::Transaction);
    let error = transaction.settle(&policy()).await.unwrap_err();
    assert_eq!(unsigned(error), SignedMessage::Transaction);
    let error = transaction.resume(&policy()).await.unwrap_err();
    assert_eq!(unsigned(error), SignedMessage::Transaction);
    assert_eq!(stage.calls(), "endorse");

    // Submitted, but its status cannot be asked for.
    let signature = stage.key.sign(transaction.bytes()).unwrap();
    let error = transaction.sign_with(signature).settle(&policy()).await.unwrap_err();
    assert_eq!(unsigned(error), SignedMessage::CommitStatusRequest);
    assert_eq!(stage.calls(), "endorse submit");
}

#[tokio::test]
async fn a_signature_that_is_not_the_identitys_is_refused() {
    let stage = Stage::new().await;
    let proposal = stage.contract().submit("Put").proposal().unwrap();
    let signature = stage.key.sign(b"something else").unwrap();
    let error = proposal.sign_with(signature).endorse().await.unwrap_err();
    assert!(error.to_string().contains("bad signature"), "{error}");
}

struct BrokenModule;

impl Signer for BrokenModule {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Err(SignError::new("the module does not answer"))
    }
}

#[tokio::test]
async fn a_signer_that_fails_is_named() {
    let options = ConnectOptions::plaintext("localhost:7051");
    let connection = Connection::connect_lazily(&options).unwrap();
    let gateway = Gateway::new(connection, &identity(), Arc::new(BrokenModule));
    let call = gateway.network(CHANNEL).contract(CHAINCODE).submit("Put");
    let error = call.proposal().unwrap_err();
    assert!(error.to_string().ends_with("not signed: the module does not answer"), "{error}");
    assert!(!error.is_retryable() && !error.outcome_unknown());
}

/// Other clients' tools read the kept bytes.
#[tokio::test]
async fn kept_bytes_are_fabrics_messages() {
    let stage = Stage::new().await;
    let call = stage.contract().submit("Put").endorsing_organizations(["Org1MSP"]);
    let proposal = call.proposal().unwrap();
    let kept = ProposedTransaction::decode(&*proposal.to_bytes()).unwrap();
    assert_eq!(kept.transaction_id, proposal.transaction_id());
    assert_eq!(kept.endorsing_organizations, ["Org1MSP"]);
    let signed = kept.proposal.unwrap();
    assert_eq!(&signed.proposal_bytes, proposal.bytes());
    stage.key.verifying_key().verify(proposal.bytes(), &signed.signature).unwrap();

    let transaction = proposal.endorse().await.unwrap();
    let kept = PreparedTransaction::decode(&*transaction.to_bytes()).unwrap();
    assert_eq!(kept.transaction_id, transaction.transaction_id());
    let envelope = kept.envelope.unwrap();
    assert_eq!(&envelope.payload, transaction.bytes());
    stage.key.verifying_key().verify(transaction.bytes(), &envelope.signature).unwrap();
}

#[tokio::test]
async fn bytes_that_were_not_kept_are_refused() {
    let stage = Stage::new().await;
    let gateway = &stage.gateway;
    let nonsense = [0xff; 4];
    assert!(matches!(gateway.restore_proposal(&nonsense), Err(RestoreError::Decode(_))));
    assert!(matches!(gateway.restore_transaction(&nonsense), Err(RestoreError::Decode(_))));
    assert!(matches!(gateway.restore_commit(&nonsense), Err(RestoreError::Decode(_))));
    assert!(matches!(gateway.restore_proposal(&[]), Err(RestoreError::TransactionId)));
    assert!(matches!(gateway.restore_transaction(&[]), Err(RestoreError::TransactionId)));
    assert!(matches!(gateway.restore_commit(&[]), Err(RestoreError::TransactionId)));

    let proposal = stage.contract().submit("Put").proposal().unwrap();
    let mut kept = ProposedTransaction::decode(&*proposal.to_bytes()).unwrap();
    kept.transaction_id = "another".to_owned();
    let kept = kept.encode_to_vec();
    assert!(matches!(gateway.restore_proposal(&kept), Err(RestoreError::TransactionId)));

    let transaction = proposal.endorse().await.unwrap();
    let mut kept = PreparedTransaction::decode(&*transaction.to_bytes()).unwrap();
    kept.transaction_id = "another".to_owned();
    let kept = kept.encode_to_vec();
    assert!(matches!(gateway.restore_transaction(&kept), Err(RestoreError::TransactionId)));
}
