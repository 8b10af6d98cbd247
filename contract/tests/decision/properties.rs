//! What holds for all directives and requests.

use crate::generated::*;
use ioht_contract::decision::{Decision, Outcome, Reason, Request, decide};
use ioht_contract::{Directive, DirectiveId, DirectiveStatus, Effect, Policies};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::LazyLock;

static POLICIES: LazyLock<Policies> = LazyLock::new(Policies::default);

fn decided(directives: &[Directive], request: &Request) -> Decision {
    decide(&POLICIES, directives, request, AT)
}

fn named(decision: &Decision) -> BTreeSet<&str> {
    decision.determining.iter().map(|it| it.directive.as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn order_has_no_meaning(
        (one, other) in directives().prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
        request in request(),
        bits in any::<u8>(),
    ) {
        let request = forget(&request, bits);
        prop_assert_eq!(decided(&one, &request), decided(&other, &request));
    }

    #[test]
    fn an_unconditional_deny_flips_any_permit(mut given in directives(), request in request()) {
        given.push(Directive { decision: Effect::Deny, ..plain("no") });
        let decision = decided(&given, &request);
        prop_assert_eq!(decision.outcome, Outcome::Deny);
        if request.purpose.as_str() == "BTG" {
            prop_assert_eq!(decision.reason, Reason::BreakGlassNotDeclared);
        } else {
            prop_assert_eq!(decision.reason, Reason::ConsentDeny);
            prop_assert!(named(&decision).contains("no"));
        }
    }

    #[test]
    fn without_what_permitted_it_is_denied(given in directives(), request in request()) {
        let decision = decided(&given, &request);
        if decision.outcome != Outcome::Permit {
            return Ok(());
        }
        prop_assert!(!decision.determining.is_empty());
        let rest: Vec<Directive> =
            given.iter().filter(|it| !named(&decision).contains(it.id.as_str())).cloned().collect();
        prop_assert_eq!(decided(&rest, &request).outcome, Outcome::Deny);
        let withdrawn: Vec<Directive> = given
            .iter()
            .cloned()
            .map(|it| match named(&decision).contains(it.id.as_str()) {
                true => Directive { status: DirectiveStatus::Withdrawn, ..it },
                false => it,
            })
            .collect();
        prop_assert_eq!(decided(&withdrawn, &request).outcome, Outcome::Deny);
    }

    #[test]
    fn what_decided_decides_alone(given in directives(), request in request()) {
        let decision = decided(&given, &request);
        for by in &decision.determining {
            let alone: Vec<Directive> =
                given.iter().filter(|it| it.id == by.directive).cloned().collect();
            let again = decided(&alone, &request);
            prop_assert_eq!((again.outcome, again.reason), (decision.outcome, decision.reason));
            prop_assert_eq!(&again.determining, std::slice::from_ref(by));
        }
    }

    #[test]
    fn nothing_permits_without_directives(request in request(), bits in any::<u8>()) {
        let decision = decided(&[], &forget(&request, bits));
        prop_assert_eq!(decision.outcome, Outcome::Deny);
        let glass = request.purpose.as_str() == "BTG";
        let reason = if glass { Reason::BreakGlassNotDeclared } else { Reason::NoApplicableConsent };
        prop_assert_eq!(decision.reason, reason);
    }

    /// Whatever asks for terms, or names a project, only ever denies.
    #[test]
    fn terms_and_projects_permit_nothing(
        given in directives(),
        request in request(),
        bits in any::<u8>(),
    ) {
        let decision = decided(&given, &forget(&request, bits));
        let bound = |id: &DirectiveId| {
            given.iter().any(|it| it.id == *id && it.terms.is_some())
        };
        if decision.outcome != Outcome::Deny {
            prop_assert!(!decision.determining.iter().any(|it| bound(&it.directive)));
            prop_assert!(!decision.residual.iter().any(|it| it.permits && bound(&it.directive)));
            let free: Vec<Directive> =
                given.iter().filter(|it| it.terms.is_none()).cloned().collect();
            prop_assert!(decided(&free, &forget(&request, bits)).outcome != Outcome::Deny);
        }
        let agreed: Vec<Directive> =
            given.iter().map(|it| Directive { terms: None, ..it.clone() }).collect();
        let agreed = decided(&agreed, &forget(&request, bits));
        if decision.reason == Reason::AgreementRequired {
            prop_assert!(agreed.outcome != Outcome::Deny, "agreement would do");
        } else if decision.outcome == Outcome::Deny {
            prop_assert_eq!(agreed.reason, decision.reason, "and nothing less");
        }
    }

    /// A definite outcome of an incomplete request is the one of every record it can be about.
    #[test]
    fn a_definite_outcome_holds_for_every_record(
        given in directives(),
        request in request(),
        bits in any::<u8>(),
    ) {
        let partial = decided(&given, &forget(&request, bits));
        let concrete = decided(&given, &request);
        prop_assert_ne!(concrete.outcome, Outcome::Conditional);
        if partial.outcome != Outcome::Conditional {
            prop_assert_eq!(partial.outcome, concrete.outcome);
        }
        if partial.outcome == Outcome::Conditional {
            prop_assert!(!partial.residual.is_empty());
            prop_assert!(partial.residual.iter().all(|it| !it.open.is_empty()));
        }
    }

    /// An error is of what the policies do not know, and of nothing else.
    #[test]
    fn what_the_policies_know_is_no_error(
        given in directives(),
        request in known_request(),
        bits in any::<u8>(),
    ) {
        prop_assert_ne!(decided(&given, &forget(&request, bits)).reason, Reason::PolicyError);
    }

    /// What is known of fewer attributes decides no more.
    #[test]
    fn knowing_less_decides_no_more(
        given in directives(),
        request in request(),
        bits in any::<u8>(),
        more in any::<u8>(),
    ) {
        let less_known = decided(&given, &forget(&request, bits | more)).outcome;
        let known = decided(&given, &forget(&request, bits)).outcome;
        prop_assert!(less_known == known || less_known == Outcome::Conditional);
    }

    #[test]
    fn stored_directives_decide_as_sent_ones(given in directives(), request in request()) {
        let stored: Vec<u8> = minicbor::to_vec(&given).unwrap();
        let read: Vec<Directive> = minicbor::decode(&stored).unwrap();
        prop_assert_eq!(minicbor::to_vec(&read).unwrap(), stored);
        let sent: Vec<Directive> =
            serde_json::from_str(&serde_json::to_string(&given).unwrap()).unwrap();
        prop_assert_eq!(&read, &given);
        prop_assert_eq!(&sent, &given);
        prop_assert_eq!(decided(&read, &request), decided(&given, &request));
    }
}

/// The properties above are about something: every outcome occurs.
#[test]
fn every_outcome_is_generated() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..500 {
        let given = directives().new_tree(&mut runner).unwrap().current();
        let request = request().new_tree(&mut runner).unwrap().current();
        let partial = decided(&given, &forget(&request, 0b1001)).outcome;
        for outcome in [format!("{:?}", decided(&given, &request).reason), format!("{partial:?}")] {
            *seen.entry(outcome).or_insert(0) += 1;
        }
    }
    for outcome in [
        "ConsentPermit",
        "ConsentDeny",
        "NoApplicableConsent",
        "Conditional",
        "AgreementRequired",
        "BreakGlassNotDeclared",
        "PolicyError",
    ] {
        assert!(seen.get(outcome).copied().unwrap_or(0) > 10, "{seen:?}");
    }
}
