//! The conformance suite on the mock ledger, and on ledgers that are wrong.

use bytes::Bytes;
use fabric_contract_rs::testing::block_on;
use fabric_contract_rs::testing::conformance::{
    self, Backend, CASES, CaseError, Invocation, MockBackend, Ordered, Report, Verdict,
};
use std::collections::BTreeSet;

/// A mock ledger's endorsers are named: there is nobody to plan for others.
const MOCK_SKIPS: [&str; 1] = ["a_removed_key_policy_ends_planned_endorsement"];

#[test]
fn the_mock_ledger_conforms() {
    let mut ledger = conformance::mock_ledger();
    let report = block_on(conformance::run(&mut ledger, "first"));
    assert_eq!(report.findings(&MOCK_SKIPS), Vec::<String>::new());
    let told = format!(
        "{} cases: {} ok, 1 skipped (a_removed_key_policy_ends_planned_endorsement: the backend \
         plans no endorsements)",
        CASES.len(),
        CASES.len() - 1
    );
    assert_eq!(report.summary(), told);
    // On the same ledger again, under other keys.
    let report = block_on(conformance::run(&mut ledger, "second"));
    assert_eq!(report.findings(&MOCK_SKIPS), Vec::<String>::new());
}

#[test]
fn names_are_unique() {
    assert_eq!(CASES.iter().collect::<BTreeSet<_>>().len(), CASES.len());
}

#[test]
fn the_project_tells_how_many_there_are() {
    let told = format!("conformance suite: {} cases", CASES.len());
    assert!(include_str!("../../README.md").contains(&told), "README.md does not say `{told}`");
}

#[test]
fn an_unknown_case_fails() {
    let mut ledger = conformance::mock_ledger();
    let outcome = block_on(conformance::run_case(&mut ledger, "run", "unknown"));
    assert!(matches!(outcome, Err(CaseError::Diverges(_))));
}

/// A mock ledger whose answers are changed on their way.
struct Wrong {
    ledger: MockBackend,
    change: fn(Verdict) -> Verdict,
    endorsers: usize,
}

impl Backend for Wrong {
    async fn evaluate(&mut self, call: Invocation) -> Verdict {
        (self.change)(Backend::evaluate(&mut self.ledger, call).await)
    }
    async fn submit(&mut self, call: Invocation) -> Verdict {
        (self.change)(Backend::submit(&mut self.ledger, call).await)
    }
    async fn submit_planned(&mut self, _: Invocation) -> Option<Verdict> {
        None
    }
    async fn submit_together(&mut self, calls: Vec<Invocation>) -> Vec<Ordered> {
        let mut outcomes = self.ledger.submit_together(calls).await;
        for outcome in &mut outcomes {
            outcome.verdict = (self.change)(outcome.verdict.clone());
        }
        outcomes
    }
    fn endorsers(&self) -> usize {
        self.endorsers
    }
    fn chaincode(&self) -> String {
        self.ledger.chaincode()
    }
    fn has_other_channel(&self) -> bool {
        false
    }
    async fn withhold_private_data(&mut self, _: bool) -> bool {
        false
    }
}

fn failures(change: fn(Verdict) -> Verdict) -> Report {
    failures_of(2, change)
}

fn failures_of(endorsers: usize, change: fn(Verdict) -> Verdict) -> Report {
    let mut wrong = Wrong { ledger: conformance::mock_ledger(), change, endorsers };
    block_on(conformance::run(&mut wrong, "run"))
}

fn failed(report: &Report) -> Vec<&'static str> {
    report.failures().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn what_a_backend_cannot_do_is_skipped_and_told() {
    let report = failures_of(1, |verdict| verdict);
    assert_eq!(failed(&report), Vec::<&str>::new());
    let expected = [
        "unreconciled_private_data_says_so",
        "a_removed_key_policy_ends_planned_endorsement",
        "queries_are_never_committed",
        "a_query_that_has_called_is_never_committed",
        "another_channel_can_be_asked",
        "what_is_written_on_another_channel_is_lost",
        "reads_on_another_channel_do_not_conflict",
    ];
    let skipped: Vec<&str> = report.skipped().into_iter().map(|(name, _)| name).collect();
    assert_eq!(skipped, expected);
    assert_eq!(report.findings(&expected), Vec::<String>::new());
    // One that was not to be skipped, and one that was.
    let other = [&expected[1..], &["ranges_are_in_byte_order"]].concat();
    let found = [
        "ranges_are_in_byte_order: ran, and expected to be skipped",
        "unreconciled_private_data_says_so: skipped, and expected to run: the backend cannot \
         withhold private data",
    ];
    assert_eq!(report.findings(&other), found);
}

#[test]
fn a_report_tells_what_became_of_its_cases() {
    let check = |cases: &[Result<(), CaseError>], told: &str| {
        let cases = CASES.iter().copied().zip(cases.iter().cloned()).collect();
        assert_eq!(Report { cases }.summary(), told);
    };
    let skipped = || Err(CaseError::Skipped("why"));
    check(&[], "0 cases: 0 ok");
    check(&[Ok(()), Ok(())], "2 cases: 2 ok");
    check(&[Ok(()), Err(CaseError::Diverges("so".into()))], "2 cases: 1 ok, 1 failed");
    let told = format!("3 cases: 1 ok, 2 skipped ({}: why; {}: why)", CASES[1], CASES[2]);
    check(&[Ok(()), skipped(), skipped()], &told);
}

/// A transaction that fails for a reason of its own is no proof that a rule stopped it.
#[test]
fn a_ledger_that_fails_for_another_reason_is_found() {
    let report = failures(|verdict| match verdict {
        Verdict::Invalid(_) | Verdict::Disagreement => Verdict::Failed("no orderer".to_owned()),
        other => other,
    });
    let expected = [
        "a_collections_own_policy_stops_writers",
        "of_two_changes_to_one_key_the_first_wins",
        "what_was_absent_conflicts_with_its_creation",
        "what_was_read_conflicts_with_its_deletion",
        "a_read_by_multi_get_conflicts_too",
        "a_changed_range_is_a_phantom",
        "private_reads_conflict",
        "private_hash_reads_conflict",
        "a_changed_key_policy_stops_later_writers",
        "an_unfulfilled_key_policy_stops_writers",
        "queries_are_never_committed",
        "a_callees_reads_conflict",
        "a_callees_key_policies_hold",
        "a_query_that_has_called_is_never_committed",
    ];
    assert_eq!(failed(&report), expected);
}

#[test]
fn a_ledger_without_conflicts_is_found() {
    let report = failures(|verdict| match verdict {
        Verdict::Invalid(_) => Verdict::Success { payload: Bytes::new(), event: None },
        other => other,
    });
    let expected = [
        "a_collections_own_policy_stops_writers",
        "of_two_changes_to_one_key_the_first_wins",
        "what_was_absent_conflicts_with_its_creation",
        "what_was_read_conflicts_with_its_deletion",
        "a_read_by_multi_get_conflicts_too",
        "a_changed_range_is_a_phantom",
        "private_reads_conflict",
        "private_hash_reads_conflict",
        "a_changed_key_policy_stops_later_writers",
        "an_unfulfilled_key_policy_stops_writers",
        "a_callees_reads_conflict",
        "a_callees_key_policies_hold",
    ];
    assert_eq!(failed(&report), expected);
}

#[test]
fn a_ledger_that_loses_events_is_found() {
    let report = failures(|verdict| match verdict {
        Verdict::Success { payload, .. } => Verdict::Success { payload, event: None },
        other => other,
    });
    let expected =
        ["the_last_event_is_sent", "an_event_needs_no_write", "a_callees_event_is_discarded"];
    assert_eq!(failed(&report), expected);
}

#[test]
fn a_ledger_that_accepts_what_a_contract_refused_is_found() {
    let report = failures(|verdict| match verdict {
        Verdict::Refused(_) => Verdict::Success { payload: "[]".into(), event: None },
        other => other,
    });
    let expected = [
        "empty_values_are_refused",
        "reserved_characters_are_refused",
        "pages_never_leave_their_range",
        "pages_of_no_or_too_many_entries_are_refused",
        "pages_and_writes_exclude_each_other",
        "members_only_collections_refuse_other_clients",
        "a_refusal_leaves_no_trace",
        "an_event_needs_a_name",
        "unknown_functions_are_refused",
        "bad_arguments_are_refused",
        "a_callees_fault_is_told",
        "a_failed_caller_takes_its_callees_along",
        "a_callees_private_query_excludes_writes",
        "a_call_that_comes_back_is_refused",
        "unknown_chaincodes_cannot_be_called",
        "only_other_channels_are_asked_across",
    ];
    assert_eq!(failed(&report), expected);
}

#[test]
fn a_ledger_that_cannot_be_read_fails_wherever_something_is_read() {
    let report = failures(|verdict| match verdict {
        Verdict::Success { event, .. } => Verdict::Success { payload: "{".into(), event },
        other => other,
    });
    assert!(failed(&report).len() > CASES.len() * 2 / 3, "{:?}", failed(&report));
}
