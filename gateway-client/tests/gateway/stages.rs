//! Errors of each stage: what they say and what follows from them.

use std::time::Duration;

use fabric_gateway_client::{Code, ErrorDetail, GatewayError, Obstacle, TxValidationCode};
use tonic::Status;

use crate::peer::{BLOCK, MSP_ID, Script, Stage, Step, failure};

const ENDORSE: &str = "failed to endorse transaction, see attached details for more info";

/// The error of a transaction at a peer with a script, and the stages that were reached.
async fn submit(steps: impl FnOnce(&mut Script)) -> (GatewayError, String) {
    let stage = Stage::new().await;
    stage.script(steps);
    let error = stage.contract().submit("Put").send().await.unwrap_err();
    (error, stage.calls())
}

async fn evaluate(status: Status) -> GatewayError {
    let stage = Stage::new().await;
    stage.script(|script| script.evaluate.push_back(Step::Fail(status)));
    stage.contract().evaluate("Get").send().await.unwrap_err()
}

async fn endorse(status: Status) -> GatewayError {
    submit(|script| script.endorse.push_back(Step::Fail(status))).await.0
}

fn verdict(error: &GatewayError) -> Verdict {
    (error.is_retryable(), error.outcome_unknown())
}

/// Whether to try again, and whether the outcome is open.
type Verdict = (bool, bool);

const NEVER: Verdict = (false, false);
const PROPOSE_ANEW: Verdict = (true, false);
const SAME_ENVELOPE: Verdict = (true, true);

#[tokio::test]
async fn a_refused_query_names_transaction_code_and_contract_error() {
    let text = "evaluate call to endorser returned error: chaincode response 404, DEVICE_UNKNOWN: no such device";
    let error = evaluate(failure(
        Code::Unknown,
        text,
        &["chaincode response 404, DEVICE_UNKNOWN: no such device"],
    ))
    .await;
    let GatewayError::Evaluate(call) = &error else { panic!("{error}") };
    assert_eq!((call.code, call.message.as_str()), (Code::Unknown, text));
    assert_eq!(error.transaction_id().map(str::len), Some(64));
    let contract = error.contract_error().unwrap();
    assert_eq!((contract.status, contract.code.as_deref()), (404, Some("DEVICE_UNKNOWN")));
    assert_eq!(contract.to_string(), "DEVICE_UNKNOWN: no such device");
    assert_eq!(verdict(&error), NEVER);
}

#[tokio::test]
async fn details_of_each_peer_are_decoded() {
    let error = endorse(failure(Code::Aborted, ENDORSE, &["first", "second"])).await;
    let GatewayError::Endorse(call) = &error else { panic!("{error}") };
    let detail = |message: &str| ErrorDetail {
        address: "peer0.org1.example.com:7051".to_owned(),
        msp_id: MSP_ID.to_owned(),
        message: message.to_owned(),
    };
    assert_eq!(call.details, [detail("first"), detail("second")]);
    let shown = error.to_string();
    assert!(shown.starts_with("not endorsed: transaction "), "{shown}");
    assert!(shown.ends_with("Org1MSP peer0.org1.example.com:7051: second"), "{shown}");
}

#[tokio::test]
async fn details_that_are_not_fabrics_do_no_harm() {
    let error = endorse(Status::with_details(Code::Aborted, "x", vec![0xff; 9].into())).await;
    assert_eq!(error.call().unwrap().details, []);
    let foreign = fabric_protos::rpc::Status {
        details: vec![prost_types::Any {
            type_url: "type.googleapis.com/google.rpc.ErrorInfo".to_owned(),
            value: vec![0x0a, 0x01, b'x'],
        }],
        ..Default::default()
    };
    let foreign = prost::Message::encode_to_vec(&foreign);
    let error = endorse(Status::with_details(Code::Aborted, "x", foreign.into())).await;
    assert_eq!(error.call().unwrap().details, []);
}

/// Trailers of many peers exceed the header size that HTTP/2 libraries accept unless told otherwise.
#[tokio::test]
async fn large_details_arrive() {
    let text = "x".repeat(20_000);
    let error = endorse(failure(Code::Aborted, ENDORSE, &[&text, &text])).await;
    assert_eq!(error.call().unwrap().code, Code::Aborted);
    assert_eq!(error.call().unwrap().details[1].message, text);
}

/// What a peer of Fabric 3.1.5 and the gateway before it said while gossip knew no other member of the collection.
const ALONE: &str = "error in simulation: failed to distribute private collection, txID e186, channel mychannel: Failed disseminating 1 out of 1 private dissemination plans";

#[tokio::test]
async fn endorsement_verdicts() {
    use Obstacle::{Client, Contract, Dissemination, NoPeers, Overload, Unavailable};
    let unknown = "no combination of peers can be derived which satisfy the endorsement policy: No metadata was found for chaincode x in channel c";
    let unsatisfied = "no combination of peers can be derived which satisfy the endorsement policy: no peer combination can satisfy the endorsement policy";
    let many = "too many requests for /gateway.Gateway, exceeding concurrency limit (500)";
    let rows: [(Code, &str, &[&str], Obstacle); 20] = [
        (Code::Unavailable, "no peers", &[], Unavailable),
        (Code::DeadlineExceeded, "endorsement timeout expired", &[], Unavailable),
        (Code::ResourceExhausted, "busy", &[], Overload),
        (Code::Unknown, many, &[], Overload),
        (Code::Aborted, ENDORSE, &["chaincode stream terminated"], Unavailable),
        (Code::Aborted, ENDORSE, &["ProposalResponsePayloads do not match"], Unavailable),
        (Code::Aborted, ENDORSE, &["transaction returned with failure: LEDGER: x"], Unavailable),
        (Code::Aborted, ENDORSE, &[ALONE], Dissemination),
        (Code::Unavailable, "failed", &["chaincode stream terminated", ALONE], Dissemination),
        (Code::Aborted, ENDORSE, &[ALONE, "chaincode response 403, FORBIDDEN: x"], Contract),
        (Code::FailedPrecondition, unsatisfied, &[], NoPeers),
        (Code::FailedPrecondition, unknown, &[], Client),
        (Code::Aborted, ENDORSE, &["chaincode response 409, CONFLICT: x"], Contract),
        (Code::Aborted, ENDORSE, &["down", "chaincode response 500, x"], Contract),
        (Code::Aborted, ENDORSE, &["error validating proposal: access denied: [c]"], Client),
        (Code::Aborted, ENDORSE, &["proposal client identity expired"], Client),
        (Code::Aborted, ENDORSE, &["request unauthorized due to incorrect timestamp 2"], Client),
        (Code::InvalidArgument, "failed to unpack", &[], Client),
        (Code::Unknown, "chaincode response 404, X: y", &[], Contract),
        (Code::PermissionDenied, "no", &[], Client),
    ];
    for (code, message, details, obstacle) in rows {
        let expected = match obstacle {
            Contract | Client => NEVER,
            Overload | NoPeers | Dissemination | Unavailable => PROPOSE_ANEW,
        };
        let status = || failure(code, message, details);
        for error in [endorse(status()).await, evaluate(status()).await] {
            assert_eq!(error.call().unwrap().obstacle(), obstacle, "{error}");
            assert_eq!(verdict(&error), expected, "{error}");
        }
    }
}

#[tokio::test]
async fn submission_verdicts() {
    let overload = "too many requests for /gateway.Gateway, exceeding concurrency limit (500)";
    let rows = [
        (Code::Aborted, "received unsuccessful response from orderer: status=FORBIDDEN", NEVER),
        (Code::InvalidArgument, "prepared transaction must be signed", NEVER),
        (Code::FailedPrecondition, "no channel", NEVER),
        (Code::Unknown, overload, PROPOSE_ANEW),
        (Code::ResourceExhausted, "busy", PROPOSE_ANEW),
        (Code::Unavailable, "no orderers could successfully process transaction", SAME_ENVELOPE),
        (Code::DeadlineExceeded, "submit timeout expired", SAME_ENVELOPE),
        (Code::Unknown, "?", SAME_ENVELOPE),
        (Code::Internal, "?", SAME_ENVELOPE),
    ];
    for (code, message, expected) in rows {
        let status = failure(code, message, &[]);
        let (error, calls) = submit(|script| script.submit.push_back(Step::Fail(status))).await;
        assert!(matches!(error, GatewayError::Submit(_)), "{error}");
        assert_eq!(verdict(&error), expected, "{error}");
        assert_eq!(calls, "endorse submit");
    }
}

#[tokio::test]
async fn commit_status_verdicts() {
    let rows = [
        (Code::PermissionDenied, (false, true)),
        (Code::InvalidArgument, (false, true)),
        (Code::Unavailable, SAME_ENVELOPE),
        (Code::DeadlineExceeded, SAME_ENVELOPE),
    ];
    for (code, expected) in rows {
        let status = failure(code, "no", &[]);
        let (error, calls) = submit(|script| script.status.push_back(Step::Fail(status))).await;
        assert!(matches!(error, GatewayError::CommitStatus(_)), "{error}");
        assert_eq!(verdict(&error), expected, "{error}");
        assert_eq!(calls, "endorse submit status");
    }
}

#[tokio::test]
async fn commit_verdicts() {
    use TxValidationCode::{
        DuplicateTxid, EndorsementPolicyFailure, MvccReadConflict, PhantomReadConflict,
    };
    let rows = [
        (MvccReadConflict, PROPOSE_ANEW),
        (PhantomReadConflict, PROPOSE_ANEW),
        (EndorsementPolicyFailure, NEVER),
        (DuplicateTxid, (false, true)),
    ];
    for (code, expected) in rows {
        let (error, _) = submit(|script| script.status.push_back(Step::Code(code))).await;
        let GatewayError::Commit(commit) = &error else { panic!("{error}") };
        assert_eq!((commit.code(), commit.block_number), (Some(code), BLOCK));
        assert_eq!(verdict(&error), expected, "{error}");
        assert!(error.to_string().contains(code.as_str_name()), "{error}");
    }
}

#[tokio::test]
async fn answers_without_content_are_errors() {
    let stage = Stage::new().await;
    stage.script(|script| script.evaluate.push_back(Step::Nothing));
    let error = stage.contract().evaluate("Get").send().await.unwrap_err();
    assert_eq!(error.call().unwrap().code, Code::Internal);
    assert_eq!(verdict(&error), NEVER);
}

#[tokio::test]
async fn each_stage_gives_up_at_its_deadline() {
    let limit = Duration::from_millis(20);
    let stage = Stage::new().await;
    stage.script(|script| script.evaluate.push_back(Step::Hang));
    let contract = stage.hasty(|timeouts| timeouts.evaluate = limit);
    late(contract.evaluate("Get").send().await.unwrap_err(), "not evaluated", PROPOSE_ANEW);

    stage.script(|script| script.endorse.push_back(Step::Hang));
    let contract = stage.hasty(|timeouts| timeouts.endorse = limit);
    late(contract.submit("Put").send().await.unwrap_err(), "not endorsed", PROPOSE_ANEW);

    stage.script(|script| script.submit.push_back(Step::Hang));
    let contract = stage.hasty(|timeouts| timeouts.submit = limit);
    late(contract.submit("Put").send().await.unwrap_err(), "not submitted", SAME_ENVELOPE);

    stage.script(|script| script.status.push_back(Step::Hang));
    let contract = stage.hasty(|timeouts| timeouts.commit_status = limit);
    late(
        contract.submit("Put").send().await.unwrap_err(),
        "commit status not known",
        SAME_ENVELOPE,
    );
}

fn late(error: GatewayError, stage: &str, expected: Verdict) {
    assert!(error.to_string().starts_with(stage), "{error}");
    assert_eq!(error.call().unwrap().code, Code::DeadlineExceeded, "{error}");
    assert_eq!(verdict(&error), expected, "{error}");
}

#[tokio::test]
async fn a_commit_status_can_be_asked_for_again_and_elsewhere() {
    let stage = Stage::new().await;
    stage.script(|script| {
        script.status.push_back(Step::Fail(failure(Code::Unavailable, "restarting", &[])));
    });
    let transaction = stage.contract().submit("Put").proposal().unwrap().endorse().await.unwrap();
    let commit = transaction.submit().await.unwrap();
    commit.status().await.unwrap_err();
    let status = commit.status().await.unwrap();
    assert!(status.is_valid());
    assert_eq!(commit.status().await.unwrap(), status);
    let network = stage.gateway.network(crate::peer::CHANNEL);
    let again = network.commit(transaction.transaction_id());
    assert_eq!(again.status().await.unwrap(), status);
    assert_eq!(status.successful().unwrap().block_number, BLOCK);
}
