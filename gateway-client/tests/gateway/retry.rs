//! Trying again: how often, with what, and when not.

use std::time::Duration;

use fabric_gateway_client::{Code, GatewayError, RetryPolicy, Submitted, TxValidationCode};
use tonic::Status;

use crate::peer::{Script, Seen, Stage, Step, failure, policy};

/// Outcome of a transaction that is tried again, and the calls that were made.
async fn run(
    policy: &RetryPolicy,
    steps: impl FnOnce(&mut Script),
) -> (Result<Submitted, GatewayError>, Stage) {
    let stage = Stage::new().await;
    stage.script(steps);
    let outcome = stage.contract().submit("Put").argument("a").send_with_retry(policy).await;
    (outcome, stage)
}

fn unavailable() -> Status {
    failure(Code::Unavailable, "connection lost", &[])
}

fn changed(mut policy: RetryPolicy, change: impl FnOnce(&mut RetryPolicy)) -> RetryPolicy {
    change(&mut policy);
    policy
}

/// Probes that end before the peer, which waits for ever, answers.
fn hasty() -> RetryPolicy {
    changed(policy(), |policy| policy.status_probe = Duration::from_millis(20))
}

fn distinct_ids(stage: &Stage) -> usize {
    let mut ids: Vec<_> = stage
        .seen()
        .into_iter()
        .filter_map(|seen| match seen {
            Seen::Endorse(request) => Some(request.transaction_id),
            _ => None,
        })
        .collect();
    ids.sort();
    ids.dedup();
    ids.len()
}

#[tokio::test]
async fn conflicts_are_proposed_anew() {
    let (outcome, stage) = run(&policy(), |script| {
        script.status.push_back(Step::Code(TxValidationCode::MvccReadConflict));
        script.status.push_back(Step::Code(TxValidationCode::PhantomReadConflict));
    })
    .await;
    assert_eq!(outcome.unwrap().result, "Put a");
    let round = "endorse submit status";
    assert_eq!(stage.calls(), [round, round, round].join(" "));
    assert_eq!(distinct_ids(&stage), 3);
}

#[tokio::test]
async fn proposals_are_bounded() {
    let policy = changed(policy(), |policy| policy.proposals_max = 3);
    let (outcome, stage) = run(&policy, |script| {
        for _ in 0..9 {
            script.status.push_back(Step::Code(TxValidationCode::MvccReadConflict));
        }
    })
    .await;
    let error = outcome.unwrap_err();
    assert!(matches!(&error, GatewayError::Commit(commit) if commit.is_conflict()), "{error}");
    assert_eq!(distinct_ids(&stage), 3);

    let (outcome, stage) = run(&policy, |script| {
        for _ in 0..9 {
            script.endorse.push_back(Step::Fail(unavailable()));
        }
    })
    .await;
    assert!(matches!(outcome, Err(GatewayError::Endorse(_))));
    assert_eq!(stage.calls(), "endorse endorse endorse");
}

#[tokio::test]
async fn failed_endorsers_are_asked_again() {
    let (outcome, stage) = run(&policy(), |script| {
        script.endorse.push_back(Step::Fail(unavailable()));
        let stream = failure(Code::Aborted, "failed to endorse", &["chaincode stream terminated"]);
        script.endorse.push_back(Step::Fail(stream));
    })
    .await;
    outcome.unwrap();
    assert_eq!(stage.calls(), "endorse endorse endorse submit status");
    assert_eq!(distinct_ids(&stage), 3);
}

/// One of 10,000 creates met this on Fabric 3.1.5.
#[tokio::test]
async fn an_endorser_that_knows_no_other_member_for_an_instant_is_asked_again() {
    let alone = || {
        let detail = "error in simulation: failed to distribute private collection, txID e186, channel c: Failed disseminating 1 out of 1 private dissemination plans";
        failure(Code::Aborted, "failed to collect enough transaction endorsements", &[detail])
    };
    let (outcome, stage) = run(&policy(), |script| {
        script.endorse.push_back(Step::Fail(alone()));
    })
    .await;
    outcome.unwrap();
    assert_eq!(stage.calls(), "endorse endorse submit status");
    assert_eq!(distinct_ids(&stage), 2);

    let policy = changed(policy(), |policy| policy.proposals_max = 3);
    let (outcome, stage) = run(&policy, |script| {
        script.endorse.extend((0..9).map(|_| Step::Fail(alone())));
    })
    .await;
    assert!(matches!(outcome, Err(GatewayError::Endorse(_))));
    assert_eq!(stage.calls(), "endorse endorse endorse");
}

#[tokio::test]
async fn what_is_kept_before_it_is_submitted_is_endorsed_again_too() {
    let stage = Stage::new().await;
    stage.script(|script| script.endorse.extend((0..5).map(|_| Step::Fail(unavailable()))));
    let call = stage.contract().submit("Put").argument("a");
    let policy = changed(policy(), |policy| policy.proposals_max = 3);
    call.endorse_with_retry(&policy).await.unwrap_err();
    assert_eq!(stage.calls(), "endorse endorse endorse");
    let transaction = call.endorse_with_retry(&policy).await.unwrap();
    assert_eq!(transaction.result(), "Put a");
    assert_eq!(stage.calls(), "endorse endorse endorse endorse endorse endorse");
    transaction.settle(&policy).await.unwrap();

    let refusal = failure(Code::Aborted, "failed", &["chaincode response 409, TAKEN: it exists"]);
    stage.script(|script| script.endorse.push_back(Step::Fail(refusal)));
    let error = call.endorse_with_retry(&policy).await.unwrap_err();
    assert_eq!(error.contract_error().unwrap().status, 409);
}

#[tokio::test]
async fn refusals_are_final() {
    let refusal = failure(Code::Aborted, "failed", &["chaincode response 409, TAKEN: it exists"]);
    let (outcome, stage) =
        run(&policy(), |script| script.endorse.push_back(Step::Fail(refusal))).await;
    let error = outcome.unwrap_err().contract_error().unwrap();
    assert_eq!((error.status, error.code.as_deref()), (409, Some("TAKEN")));
    assert_eq!(stage.calls(), "endorse");

    let refusal = failure(Code::Aborted, "status=FORBIDDEN", &[]);
    let (outcome, stage) =
        run(&policy(), |script| script.submit.push_back(Step::Fail(refusal))).await;
    assert!(matches!(outcome, Err(GatewayError::Submit(_))));
    assert_eq!(stage.calls(), "endorse submit");

    let (outcome, stage) = run(&policy(), |script| {
        script.status.push_back(Step::Code(TxValidationCode::EndorsementPolicyFailure));
    })
    .await;
    assert!(matches!(outcome, Err(GatewayError::Commit(_))));
    assert_eq!(stage.calls(), "endorse submit status");
}

#[tokio::test]
async fn after_a_lost_reply_the_status_is_enough() {
    let (outcome, stage) =
        run(&policy(), |script| script.submit.push_back(Step::LoseReply(unavailable()))).await;
    outcome.unwrap();
    assert_eq!(stage.calls(), "endorse submit status");
}

#[tokio::test]
async fn a_lost_envelope_is_sent_again_unchanged() {
    let (outcome, stage) = run(&hasty(), |script| {
        script.submit.push_back(Step::Fail(unavailable()));
        script.submit.push_back(Step::Fail(failure(Code::DeadlineExceeded, "late", &[])));
    })
    .await;
    outcome.unwrap();
    assert_eq!(stage.calls(), "endorse submit status submit status submit status");
    let envelopes = stage.envelopes();
    assert!(!envelopes[0].signature.is_empty());
    assert!(envelopes.iter().all(|envelope| *envelope == envelopes[0]));
}

#[tokio::test]
async fn an_unknown_outcome_is_never_proposed_anew() {
    let policy = changed(hasty(), |policy| policy.submissions_max = 3);
    let (outcome, stage) = run(&policy, |script| {
        for _ in 0..9 {
            script.submit.push_back(Step::Fail(unavailable()));
        }
    })
    .await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, GatewayError::CommitStatus(_)), "{error}");
    assert!(error.outcome_unknown());
    assert_eq!(stage.calls(), "endorse submit status submit status submit status");
    assert_eq!(distinct_ids(&stage), 1);
}

#[tokio::test]
async fn a_refusal_after_a_lost_reply_does_not_hide_the_first_envelope() {
    let (outcome, stage) = run(&policy(), |script| {
        script.submit.push_back(Step::LoseReply(unavailable()));
        script.submit.push_back(Step::Fail(failure(Code::Aborted, "status=FORBIDDEN", &[])));
        script.status.push_back(Step::Fail(unavailable()));
    })
    .await;
    outcome.unwrap();
    assert_eq!(stage.calls(), "endorse submit status submit status");
}

#[tokio::test]
async fn an_overloaded_gateway_is_sent_the_envelope_again_without_a_question() {
    let overload = "too many requests for /gateway.Gateway, exceeding concurrency limit (500)";
    let (outcome, stage) = run(&policy(), |script| {
        script.submit.push_back(Step::Fail(failure(Code::Unknown, overload, &[])));
    })
    .await;
    outcome.unwrap();
    assert_eq!(stage.calls(), "endorse submit submit status");
    assert_eq!(stage.envelopes()[0], stage.envelopes()[1]);

    let policy = changed(policy(), |policy| {
        policy.submissions_max = 2;
        policy.proposals_max = 2;
    });
    let (outcome, stage) = run(&policy, |script| {
        for _ in 0..9 {
            script.submit.push_back(Step::Fail(failure(Code::Unknown, overload, &[])));
        }
    })
    .await;
    assert!(matches!(outcome, Err(GatewayError::Submit(_))));
    assert_eq!(stage.calls(), "endorse submit submit endorse submit submit");
}

#[tokio::test]
async fn an_interrupted_wait_for_the_block_goes_on() {
    let policy = changed(policy(), |policy| policy.status_calls_max = 3);
    let (outcome, stage) = run(&policy, |script| {
        script.status.push_back(Step::Fail(unavailable()));
        script.status.push_back(Step::Fail(unavailable()));
    })
    .await;
    outcome.unwrap();
    assert_eq!(stage.calls(), "endorse submit status status status");

    let (outcome, stage) = run(&policy, |script| {
        for _ in 0..9 {
            script.status.push_back(Step::Fail(unavailable()));
        }
    })
    .await;
    assert!(outcome.unwrap_err().outcome_unknown());
    assert_eq!(stage.calls(), "endorse submit status status status");
}

#[tokio::test]
async fn a_duplicate_is_looked_up_once_more() {
    let (outcome, stage) = run(&policy(), |script| {
        script.status.push_back(Step::Code(TxValidationCode::DuplicateTxid));
    })
    .await;
    outcome.unwrap();
    assert_eq!(stage.calls(), "endorse submit status status");
}

#[tokio::test]
async fn a_kept_transaction_is_resumed_after_a_restart() {
    let stage = Stage::new().await;
    stage.script(|script| script.submit.push_back(Step::LoseReply(unavailable())));
    let transaction = stage.contract().submit("Put").proposal().unwrap().endorse().await.unwrap();
    let kept = transaction.to_bytes();
    transaction.submit().await.unwrap_err();
    let restored = stage.gateway.restore_transaction(&kept).unwrap();
    let submitted = restored.resume(&policy()).await.unwrap();
    assert_eq!(submitted.transaction_id, transaction.transaction_id());
    assert_eq!(submitted.result, "Put");
    assert_eq!(stage.calls(), "endorse submit status");
}

#[tokio::test]
async fn a_kept_transaction_that_never_arrived_is_sent() {
    let stage = Stage::new().await;
    let kept =
        stage.contract().submit("Put").proposal().unwrap().endorse().await.unwrap().to_bytes();
    let restored = stage.gateway.restore_transaction(&kept).unwrap();
    restored.resume(&hasty()).await.unwrap();
    assert_eq!(stage.calls(), "endorse status submit status");
    assert_eq!(restored.to_bytes(), kept);
}

#[tokio::test]
async fn queries_are_asked_again_within_bounds() {
    let stage = Stage::new().await;
    stage.script(|script| script.evaluate.push_back(Step::Fail(unavailable())));
    let call = stage.contract().evaluate("Get");
    assert_eq!(call.send_with_retry(&policy()).await.unwrap(), "Get");
    assert_eq!(stage.calls(), "evaluate evaluate");

    stage.script(|script| {
        for _ in 0..9 {
            script.evaluate.push_back(Step::Fail(unavailable()));
        }
    });
    let policy = changed(policy(), |policy| policy.proposals_max = 2);
    call.send_with_retry(&policy).await.unwrap_err();
    assert_eq!(stage.calls(), "evaluate evaluate evaluate evaluate");
}
