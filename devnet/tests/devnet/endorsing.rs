use std::time::{Duration, SystemTime};

use fabric_ledger::policy::SignaturePolicy;
use fabric_protos::common::Payload;
use fabric_protos::protos::{
    ChaincodeActionPayload, ChaincodeProposalPayload, Transaction, TxValidationCode,
};
use prost::Message as _;
use tonic::Code;

use crate::support::{Draft, details, setup};

fn action(envelope: &fabric_protos::common::Envelope) -> ChaincodeActionPayload {
    let payload = Payload::decode(envelope.payload.clone()).unwrap();
    let transaction = Transaction::decode(payload.data).unwrap();
    ChaincodeActionPayload::decode(transaction.actions[0].payload.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_satisfies_the_policy_wherever_the_gateway_is() {
    let setup = setup().await;
    for (msp_id, executions) in [("Org1MSP", 2), ("Org2MSP", 2), ("Org3MSP", 3)] {
        let client = setup.client(msp_id).await;
        let before = setup.chaincode.executions();
        let envelope = client.endorse(&client.draft(&["put a 1"])).await.unwrap();
        assert!(envelope.signature.is_empty());
        assert_eq!(action(&envelope).action.unwrap().endorsements.len(), 2, "{msp_id}");
        // An organisation that the policy does not need endorses first all the same.
        assert_eq!(setup.chaincode.executions() - before, executions, "{msp_id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transient_data_does_not_enter_the_transaction() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["putpt health k secret"]).transient("secret", "whisper");
    let envelope = client.endorse(&draft).await.unwrap();
    let proposal = action(&envelope).chaincode_proposal_payload;
    let proposal = ChaincodeProposalPayload::decode(proposal).unwrap();
    assert!(proposal.transient_map.is_empty());
    assert!(!envelope.payload.windows(7).any(|part| part == b"whisper"));
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_proposals_are_invalid_arguments() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&[]);
    let nothing = fabric_protos::protos::SignedProposal::default();
    let refused = client.endorse_signed(&draft, nothing).await.unwrap_err();
    let text = "the proposed transaction must contain a signed proposal";
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, text));
    let damaged = fabric_protos::protos::SignedProposal {
        proposal_bytes: b"\x0a\x05x".as_slice().into(),
        signature: "s".into(),
    };
    let refused = client.endorse_signed(&draft, damaged).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_channels_and_chaincodes_have_no_combination_of_peers() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let check = async |change: fn(&mut Draft), code: Code, text: &str| {
        let mut draft = client.draft(&[]);
        change(&mut draft);
        let refused = client.endorse(&draft).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (code, text));
    };
    check(
        |draft| draft.chaincode = "none".to_owned(),
        Code::FailedPrecondition,
        "no combination of peers can be derived which satisfy the endorsement policy: No metadata \
         was found for chaincode none in channel mychannel",
    )
    .await;
    check(
        |draft| draft.channel = "other".to_owned(),
        Code::FailedPrecondition,
        "no combination of peers can be derived which satisfy the endorsement policy: No metadata \
         was found for chaincode script in channel other",
    )
    .await;
    check(
        |draft| {
            draft.chaincode = "none".to_owned();
            draft.transient.insert("t".to_owned(), "v".into());
        },
        Code::FailedPrecondition,
        "no endorsers found in the gateway's organization; retry specifying endorsing \
         organization(s) to protect transient data",
    )
    .await;
    check(
        |draft| draft.endorsers = vec!["Org1MSP".to_owned(), "A".to_owned(), "B".to_owned()],
        Code::Unavailable,
        "failed to find any endorsing peers for org(s): A, B",
    )
    .await;
    check(
        |draft| {
            draft.channel = "other".to_owned();
            draft.endorsers = vec!["Org1MSP".to_owned()];
        },
        Code::Unavailable,
        "failed to find any endorsing peers for org(s): Org1MSP",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_abort_with_what_the_peer_said() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let aborted = async |draft: &Draft, text: &str| {
        let refused = client.endorse(draft).await.unwrap_err();
        assert_eq!(refused.code(), Code::Aborted);
        assert_eq!(
            refused.message(),
            "failed to endorse transaction, see attached details for more info"
        );
        let details = details(&refused);
        assert_eq!(details.len(), 1);
        assert!(details[0].message.contains(text), "{details:?}");
        assert_eq!(details[0].msp_id, "Org1MSP");
    };
    aborted(&client.draft(&["status 404 none"]), "chaincode response 404, none").await;
    aborted(&client.draft(&["status 500 none"]), "chaincode response 500, none").await;
    aborted(
        &client.draft(&["error broken"]),
        "error in simulation: transaction returned with failure: broken",
    )
    .await;
    let mut draft = client.draft(&["number"]);
    draft.epoch = 3;
    aborted(&draft, "error validating proposal: epoch is non-zero").await;
    let mut draft = client.draft(&["number"]);
    draft.timestamp = Some(SystemTime::now() - Duration::from_secs(3600));
    aborted(&draft, "request unauthorized due to incorrect timestamp").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn different_results_do_not_match() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let refused = client.endorse(&client.draft(&["number"])).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    assert_eq!(
        refused.message(),
        "failed to collect enough transaction endorsements, see attached details for more info"
    );
    let details = details(&refused);
    assert_eq!(details.len(), 1);
    assert_eq!(details[0].msp_id, "Org2MSP");
    assert_eq!(details[0].message, "ProposalResponsePayloads do not match");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_part_of_what_is_endorsed() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    assert_eq!(client.commit(&["put a 1", "event Made a"]).await, TxValidationCode::Valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_proposal_is_endorsed_until_it_is_committed() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["put a 1"]);
    client.endorse(&draft).await.unwrap();
    assert_eq!(client.commit_draft(&draft).await, TxValidationCode::Valid);
    let refused = client.endorse(&draft).await.unwrap_err();
    let text = format!("duplicate transaction found [{}]. Creator [", draft.id());
    assert!(details(&refused)[0].message.starts_with(&text));
    let refused = client.evaluate_draft(&draft).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains(&text));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_no_peers_satisfy_is_told_before_the_transaction_is_made() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let policy = SignaturePolicy::parse_envelope("OR('Org9MSP.peer')").unwrap().encode_to_vec();
    let set = format!("policy k {}", hex::encode(policy));
    assert_eq!(client.commit(&["put k 1", &set]).await, TxValidationCode::Valid);
    let refused = client.endorse(&client.draft(&["put k 2"])).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(
        refused.message(),
        "no combination of peers can be derived which satisfy the endorsement policy: no peer \
         combination can satisfy the endorsement policy"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keys_own_policy_replaces_the_chaincodes() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let policy = SignaturePolicy::parse_envelope("OR('Org3MSP.peer')").unwrap().encode_to_vec();
    let set = format!("policy k {}", hex::encode(&policy));
    assert_eq!(client.commit(&["put k 1", &set]).await, TxValidationCode::Valid);
    assert!(client.read(&["metadata k"]).await.contains(&hex::encode(policy)));
    let envelope = client.endorse(&client.draft(&["put k 2"])).await.unwrap();
    assert_eq!(action(&envelope).action.unwrap().endorsements.len(), 1);
    assert_eq!(client.commit(&["put k 2"]).await, TxValidationCode::Valid);
    // The chaincode's own endorsers are not the key's.
    let draft = client.draft(&["put k 3"]).endorsers(&["Org1MSP", "Org2MSP"]);
    assert_eq!(client.commit_draft(&draft).await, TxValidationCode::EndorsementPolicyFailure);
    assert_eq!(client.read(&["get k"]).await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn transient_data_is_not_shown_to_organisations_outside_a_collection() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    // `guarded` and `brief` need the chaincode's endorsers, who are members.
    let draft = client.draft(&["putpt brief k secret"]).transient("secret", "v");
    client.endorse(&draft).await.unwrap();
    // A key whose endorser is no member of the collection written beside it.
    let policy = SignaturePolicy::parse_envelope("OR('Org3MSP.peer')").unwrap().encode_to_vec();
    let set = format!("policy k {}", hex::encode(policy));
    assert_eq!(client.commit(&["put k 1", &set]).await, TxValidationCode::Valid);
    let draft = client.draft(&["put k 2", "putpt brief k secret"]).transient("secret", "v");
    let refused = client.endorse(&draft).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(
        refused.message(),
        "requires endorsement from organisation(s) that are not in the distribution policy of the \
         private data collection(s): [brief]; retry specifying trusted endorsing organizations to \
         protect transient data"
    );
}
