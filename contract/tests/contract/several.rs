//! Requests of several patients and several codes.

use crate::consented::*;
use crate::world::*;
use ioht_contract::access::*;
use ioht_contract::decision::{Outcome, Reason};
use ioht_contract::state::ACCESSES;
use serde_json::json;

/// Where all codes are denied, the entry names what denies any of them; the requester is told of an
/// agreement where that is all that stands in the way of one.
#[test]
fn what_denies_each_of_the_codes_is_on_record() {
    let of = |id: &str, decision: &str, code: &str, terms: bool| {
        let mut directive = ward();
        (directive["id"], directive["decision"]) = (json!(id), json!(decision));
        directive["context"]["codes"] = json!([code]);
        if terms {
            directive["terms"] = json!({"offer": "o-1", "version": 1});
        }
        directive
    };
    let agree = |code| of("agree", "permit", code, true);
    let deny = |code| of("no", "deny", code, false);
    let (first, second) = ("8867-4", "59408-5");
    for (directives, reason, told, by) in [
        (
            json!([agree(second)]),
            Reason::AgreementRequired,
            ToldReason::AgreementRequired,
            &["agree"][..],
        ),
        (
            json!([agree(first)]),
            Reason::AgreementRequired,
            ToldReason::AgreementRequired,
            &["agree"],
        ),
        (json!([deny(second)]), Reason::ConsentDeny, ToldReason::NotPermitted, &["no"]),
        (
            json!([agree(first), deny(second)]),
            Reason::ConsentDeny,
            ToldReason::NotPermitted,
            &["agree", "no"],
        ),
        (
            json!([agree(second), deny(first)]),
            Reason::ConsentDeny,
            ToldReason::NotPermitted,
            &["agree", "no"],
        ),
        (json!([]), Reason::NoApplicableConsent, ToldReason::NotPermitted, &[]),
    ] {
        let mut world = shared();
        let codes = [first, second].map(|code| code.parse().unwrap()).into();
        let asked = Scope { codes, ..scope() };
        let before = world.ticket(&request(&doctor(), asked.clone()));
        assert_eq!(world.access(before).verdict.outcome, Outcome::Permit);
        consents(&mut world, directives);
        let access = world.ticket(&request(&doctor(), asked));
        let opened = world.ticket(&open(&doctor(), before));
        for verdict in [world.access(access).verdict, world.disclosure(opened).verdict] {
            let named: Vec<&str> =
                verdict.determining.iter().map(|it| it.directive.as_str()).collect();
            assert_eq!((verdict.outcome, verdict.reason), (Outcome::Deny, reason));
            assert_eq!(named, by);
        }
        let view = world.ask(&get(&doctor(), access), &GetAccess {}).accesses.remove(0);
        assert_eq!(view.reason, told);
    }
}

#[test]
fn each_patient_and_each_code_is_decided_by_itself() {
    let mut world = shared();
    let codes = ["8867-4".parse().unwrap(), "59408-5".parse().unwrap()];
    let mut narrow = ward();
    narrow["context"]["codes"] = json!(["8867-4"]);
    consents(&mut world, json!([narrow]));
    let asked = Scope { codes: codes.into(), ..scope() };
    let part = request_part(&[OTHER_SID, SID], asked);
    let receipt: TicketsReceipt = world.ok(&private(&doctor(), &RequestAccess {}, &part)).answer();
    let other: Access = {
        let key = (OTHER_SID.parse().unwrap(), receipt.ids[0]);
        world.ledger.value(&ACCESSES, &key).unwrap()
    };
    assert_eq!(other.verdict.reason, Reason::NoApplicableConsent);
    let own = world.access(receipt.ids[1]);
    assert_eq!(own.verdict.outcome, Outcome::Conditional);
    assert_eq!(own.verdict.codes, [codes[0]].into());
    let disclosure = world.ticket(&open(&doctor(), receipt.ids[1]));
    assert_eq!(world.windows(&read_by(&doctor(), disclosure)).len(), 10);
    let other_code = ReadSummariesPrivate { code: codes[1], ..read_part(disclosure) };
    let call = private(&doctor(), &ReadSummaries {}, &other_code);
    assert_eq!(world.denied(&call), "NOT_DISCLOSED");
}
