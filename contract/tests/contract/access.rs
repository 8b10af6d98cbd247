//! Requests, openings and readings: what is decided, and every refusal.

use crate::consented::*;
use crate::world::*;
use fabric_contract_rs::testing::{Call, MOCK_EPOCH_MS};
use fabric_contract_rs::{ClientIdentity, Writes};
use ioht_contract::access::*;
use ioht_contract::decision::{Outcome, Reason};
use ioht_contract::state::{ACCESSES, RECORDS};
use ioht_contract::*;
use serde_json::json;

#[test]
fn a_clinician_reads_in_two_steps_and_the_patient_sees_both() {
    let mut world = shared();
    let (access, disclosure) = world.opened(&doctor(), scope());
    let view = world.ask(&get(&doctor(), access), &GetAccess {}).accesses.remove(0);
    assert_eq!((view.outcome, view.reason), (Outcome::Permit, ToldReason::Permitted));
    assert_eq!((view.uses, view.max_uses, view.codes), (1, USES_MAX, scope().codes));
    assert_eq!(view.until, view.not_before + ACCESS_MS_MAX);
    assert_eq!(world.windows(&read_by(&doctor(), disclosure)), (0..10).collect::<Vec<_>>());
    let stored = world.disclosure(disclosure);
    assert_eq!(stored.until, disclosure.at() + i64::from(TICKET_MINUTES) * 60_000);
    let accounting = world.accounting();
    let ids: Vec<TicketId> = accounting.iter().map(|entry| entry.id).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&access) && ids.contains(&disclosure));
    for entry in &accounting {
        assert_eq!((entry.who, entry.capacity), (pid(&doctor()), Capacity::Staff));
        assert_eq!(entry.verdict.reason, Reason::ConsentPermit);
        let by = entry.verdict.determining.first().unwrap();
        assert_eq!((by.directive.as_str(), by.path.to_string().as_str()), ("ward", "context"));
    }
    assert!(
        accounting
            .iter()
            .any(|it| it.occasion == Occasion::Opening { access, accountable_164_528: false })
    );
    assert!(
        accounting
            .iter()
            .any(|it| it.occasion == Occasion::Request { justification: None, uses: 1 })
    );
}

/// A denied request is on record as a permitted one is; opening it is on record too, and nothing
/// is read by it. The requester learns less than the patient.
#[track_caller]
fn denied(change: impl FnOnce(&mut World), asked: Scope, reason: Reason, told: ToldReason) {
    let mut world = shared();
    change(&mut world);
    let access = world.ticket(&request(&doctor(), asked));
    let stored = world.access(access);
    assert_eq!((stored.verdict.outcome, stored.verdict.reason), (Outcome::Deny, reason));
    assert!(stored.verdict.codes.is_empty() && stored.verdict.obligations.is_empty());
    let view = world.ask(&get(&doctor(), access), &GetAccess {}).accesses.remove(0);
    assert_eq!((view.outcome, view.reason), (Outcome::Deny, told));
    let disclosure = world.ticket(&open(&doctor(), access));
    let opened = world.disclosure(disclosure);
    assert_eq!(opened.verdict.reason, Reason::AccessDenied);
    assert_eq!((opened.verdict.outcome, world.access(access).uses), (Outcome::Deny, 0));
    assert_eq!(world.denied(&read_by(&doctor(), disclosure)), "NOT_DISCLOSED");
    assert_eq!(world.accounting().len(), 2);
}

#[test]
fn what_is_not_permitted_is_denied_and_on_record() {
    use Reason::*;
    let no = ToldReason::NotPermitted;
    denied(|world| consents(world, json!([])), scope(), NoApplicableConsent, no);
    let deny = json!([ward(), {"id": "not", "decision": "deny",
        "context": {"actors": ["role:practitioner"]}}]);
    denied(|world| consents(world, deny), scope(), ConsentDeny, no);
    let broken = json!([ward(), {"id": "odd", "decision": "deny",
        "context": {"purposes": ["NOTHING"]}}]);
    denied(|world| consents(world, broken), scope(), PolicyError, no);
    let set = |sharing| move |world: &mut World| change_head(world, SID, |it| it.sharing = sharing);
    denied(set(Sharing::Paused), scope(), SharingPaused, no);
    denied(set(Sharing::EmergencyOnly), scope(), EmergencyOnly, no);
    let suspend = |world: &mut World| {
        world.ok(&set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended));
    };
    denied(suspend, scope(), PatientInactive, no);
    let glass = Scope { purpose: "BTG".parse().unwrap(), ..scope() };
    denied(|_| (), glass, BreakGlassNotDeclared, no);
    let later = |world: &mut World| {
        let now = world.ledger.now();
        change_head(world, SID, |head| head.meta.updated_at = now + 1);
    };
    denied(later, scope(), BackDated, no);
    let project = json!([{"id": "p", "decision": "permit",
        "context": {"actors": ["project:p-1"], "purposes": ["TREAT"]}}]);
    denied(|world| consents(world, project), scope(), NoApplicableConsent, no);
    let mut terms = ward();
    terms["terms"] = json!({"offer": "o-1", "version": 1});
    denied(
        |world| consents(world, json!([terms])),
        scope(),
        AgreementRequired,
        ToldReason::AgreementRequired,
    );
}

#[test]
fn terms_bind_what_they_are_on_and_may_still_deny() {
    let outcome = |directives| {
        let mut world = shared();
        consents(&mut world, directives);
        let access = world.ticket(&request(&doctor(), scope()));
        world.access(access).verdict.reason
    };
    let with_terms = |decision: &str| {
        json!({"id": "terms", "decision": decision, "terms": {"offer": "o-1", "version": 1},
            "context": {"actors": ["org:Org1MSP"], "purposes": ["TREAT"]}})
    };
    let reason = outcome(json!([ward(), with_terms("permit")]));
    assert_eq!(reason, Reason::ConsentPermit, "one permit without terms is enough");
    assert_eq!(outcome(json!([ward(), with_terms("deny")])), Reason::ConsentDeny);
    assert_eq!(outcome(json!([with_terms("permit")])), Reason::AgreementRequired);
}

#[test]
fn each_record_is_decided_live_and_hidden_without_a_trace() {
    let mut world = World::populated();
    let labelled = |n: i64, sensitivity: &[&str], confidentiality| {
        let sensitivity = sensitivity.iter().map(|it| it.parse().unwrap()).collect();
        Summary { labels: Labels { confidentiality, sensitivity }, ..heart_rate(n) }
    };
    let normal = Confidentiality::N;
    world.submit(vec![
        heart_rate(0),
        labelled(1, &["PSY"], normal),
        heart_rate(2),
        labelled(3, &[], Confidentiality::R),
        heart_rate(4),
        labelled(5, &["PSY"], normal),
    ]);
    let mut careful = ward();
    careful["provision"] = json!([{"match": {"sensitivity": ["MH", "PSY"]}}]);
    careful["context"]["confidentiality"] = json!("N");
    careful["obligations"] = json!(["NORELINK"]);
    consents(&mut world, json!([careful]));
    let (access, disclosure) = world.opened(&doctor(), scope());
    assert_eq!(world.access(access).verdict.outcome, Outcome::Conditional);
    assert_eq!(world.windows(&read_by(&doctor(), disclosure)), [0, 2, 4]);
    let paged = |limit, bookmark| {
        let part = ReadSummariesPrivate { limit: Some(limit), bookmark, ..read_part(disclosure) };
        private(&doctor(), &ReadSummaries {}, &part)
    };
    let first = world.ask(&paged(2, None), &ReadSummaries {});
    assert_eq!(first.records.len(), 2);
    assert_eq!(first.obligations, ["NORELINK".parse().unwrap()].into());
    let rest = world.ask(&paged(2, first.bookmark), &ReadSummaries {});
    assert_eq!((rest.records.len(), rest.bookmark), (1, None));
    // What is hidden after the last leaves no bookmark.
    assert_eq!(world.ask(&paged(3, None), &ReadSummaries {}).bookmark, None);
    // And live: the patient takes two hours back.
    let mut less = ward();
    less["provision"] =
        json!([{"match": {"data_period": {"start": START, "end": START + 600_000}}}]);
    consents(&mut world, json!([less]));
    assert_eq!(world.windows(&read_by(&doctor(), disclosure)), [2, 3, 4, 5]);
}

#[test]
fn a_reading_keeps_to_what_was_asked_for() {
    let mut world = shared();
    for (end, windows) in [(1_000_000, &[1, 2][..]), (900_000, &[1, 2]), (899_999, &[1])] {
        let data_period = Period { start: START + 300_000, end: Some(START + end) };
        let asked = Scope { data_period, min_grid_s: Some(300), ..scope() };
        let (_, disclosure) = world.opened(&doctor(), asked);
        let read = world.windows(&read_by(&doctor(), disclosure));
        assert_eq!(read, windows, "whole windows only");
    }
    let asked = Scope { min_grid_s: Some(900), ..scope() };
    let (_, disclosure) = world.opened(&doctor(), asked);
    assert_eq!(world.denied(&read_by(&doctor(), disclosure)), "NOT_DISCLOSED");
    for (change, what) in [
        (json!({"from": START, "until": START}), "no time"),
        (json!({"from": -1}), "before 1970"),
        (json!({"limit": 0}), "no record"),
        (json!({"limit": 201}), "too many"),
        (json!({"bookmark": format!("{}.{}", START + DAY, pid(&doctor()))}), "elsewhere"),
    ] {
        let mut part = serde_json::to_value(read_part(disclosure)).unwrap();
        part.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let call = raw_private(&doctor(), "ReadSummaries", part.to_string());
        assert_eq!(world.denied(&call), "ARGUMENT_INVALID", "{what}");
    }
}

#[test]
fn what_is_withdrawn_is_no_longer_opened_nor_read() {
    let mut world = shared();
    let (access, disclosure) = world.opened(&doctor(), scope());
    for directives in [json!([]), json!([ward(), {"id": "no", "decision": "deny"}])] {
        consents(&mut world, directives);
        assert_eq!(world.denied(&read_by(&doctor(), disclosure)), "NOT_DISCLOSED");
        let refused = world.ticket(&open(&doctor(), access));
        assert!(world.disclosure(refused).verdict.is_denied());
        assert_eq!(world.denied(&read_by(&doctor(), refused)), "NOT_DISCLOSED");
    }
    assert_eq!(world.access(access).uses, 1);
    consents(&mut world, json!([ward()]));
    change_head(&mut world, SID, |head| head.sharing = Sharing::Paused);
    assert_eq!(world.denied(&read_by(&doctor(), disclosure)), "NOT_DISCLOSED");
    change_head(&mut world, SID, |head| head.sharing = Sharing::On);
    assert_eq!(world.windows(&read_by(&doctor(), disclosure)).len(), 10);
}

#[test]
fn an_access_ends_with_its_time_its_uses_and_its_consent() {
    let mut world = shared();
    let now = world.ledger.now();
    let mut brief = ward();
    brief["period"] = json!({"start": 0, "end": now + DAY});
    consents(&mut world, json!([brief]));
    let (access, disclosure) = world.opened(&doctor(), scope());
    assert_eq!(world.access(access).until, now + DAY);
    world.ledger.advance(15 * 60_000);
    assert_eq!(world.denied(&read_by(&doctor(), disclosure)), "TICKET_EXPIRED");
    let part = RequestAccessPrivate { until: Some(now + DAY / 2), ..request_part(&[SID], scope()) };
    let sooner = world.ticket(&private(&doctor(), &RequestAccess {}, &part));
    assert_eq!(world.access(sooner).until, now + DAY / 2);

    let mut used: Access = world.access(access);
    (used.uses, used.max_uses) = (3, 3);
    let mut writes = Writes::new();
    ACCESSES.put(&mut writes, &(SID.parse().unwrap(), access), &used).unwrap();
    world.ledger.seed(writes);
    let refused = world.ticket(&open(&doctor(), access));
    assert_eq!(world.disclosure(refused).verdict.reason, Reason::UsesExhausted);
    assert_eq!(world.access(access).uses, 3);

    let back = open(&doctor(), sooner).at(sooner.at() - 1);
    let refused = world.ticket(&back);
    assert_eq!(world.disclosure(refused).verdict.reason, Reason::BackDated);
    let until = world.access(sooner).until;
    for (at, reason) in [(until - 1, Reason::ConsentPermit), (until, Reason::AccessExpired)] {
        let opened = world.ticket(&open(&doctor(), sooner).at(at));
        assert_eq!(world.disclosure(opened).verdict.reason, reason);
    }
}

/// When a denial ends is the patient's to know: it tells one from another.
#[test]
fn a_denial_does_not_tell_when_its_reason_ends() {
    let told = |directives| {
        let mut world = shared();
        consents(&mut world, directives);
        let access = world.ticket(&request(&doctor(), scope()));
        let view = world.ask(&get(&doctor(), access), &GetAccess {}).accesses.remove(0);
        (view.outcome, view.reason, view.until - view.not_before)
    };
    let soon = json!({"start": 0, "end": MOCK_EPOCH_MS + DAY});
    let mut brief = json!({"id": "not", "decision": "deny",
        "context": {"actors": ["role:practitioner"]}});
    brief["period"] = soon.clone();
    let mut terms = ward();
    terms["terms"] = json!({"offer": "o-1", "version": 1});
    let without = told(json!([]));
    assert_eq!(without, (Outcome::Deny, ToldReason::NotPermitted, ACCESS_MS_MAX));
    assert_eq!(told(json!([ward(), brief])), without);
    let agreement = told(json!([terms.clone()]));
    terms["period"] = soon;
    assert_eq!(told(json!([terms])), agreement);
}

#[test]
fn who_may_ask_is_looked_up_each_time() {
    let mut world = shared();
    let (access, disclosure) = world.opened(&doctor(), scope());
    let calls = [
        request(&doctor(), scope()),
        open(&doctor(), access),
        get(&doctor(), access),
        read_by(&doctor(), disclosure),
    ];
    let refusals = |world: &mut World| -> Vec<String> {
        calls.iter().map(|call| world.denied(call)).collect()
    };
    let admin = msp_admin("Org1MSP");
    let set = |status| call(&admin, &SetStatus::Staff { staff: pid(&doctor()), status });
    world.ok(&set(NewStatus::Suspended));
    assert_eq!(refusals(&mut world), ["INACTIVE"; 4]);
    world.ok(&set(NewStatus::Active));
    let unit = |status| call(&admin, &SetStatus::Unit { unit: "ward".parse().unwrap(), status });
    world.ok(&unit(NewStatus::Suspended));
    assert_eq!(refusals(&mut world), ["INACTIVE"; 4]);
    world.ok(&unit(NewStatus::Active));
    assert_eq!(world.windows(&calls[3]).len(), 10);
    // Who is given another role has no use of the old one, and who is moved is of the ward no more.
    world.ok(&change_staff(&admin, &doctor(), "bay", &[StaffRole::Registrar]));
    assert_eq!(refusals(&mut world), ["ROLE_NOT_PERMITTED"; 4]);
    world.ok(&change_staff(&admin, &doctor(), "root", &[StaffRole::Practitioner]));
    assert_eq!(world.denied(&calls[3]), "NOT_DISCLOSED");
    world.ok(&change_staff(&admin, &doctor(), "ward", &[StaffRole::Practitioner]));
    assert_eq!(world.windows(&calls[3]).len(), 10);
}

#[test]
fn purposes_are_asserted_by_who_may() {
    let mut world = shared();
    world.ok(&staff(&msp_admin("Org1MSP"), "researcher", "ward", &[StaffRole::Researcher]));
    let researcher = client("Org1MSP", "researcher");
    let asked = |purpose: &str| Scope { purpose: purpose.parse().unwrap(), ..scope() };
    let mut refused = |by: &ClientIdentity, purpose| world.refused(&request(by, asked(purpose)));
    for (by, purpose) in [(&doctor(), "HRESCH"), (&doctor(), "HMARKT"), (&researcher, "TREAT")] {
        assert_eq!(refused(by, purpose), "PURPOSE_NOT_ASSERTABLE", "{purpose}");
    }
    assert_eq!(refused(&doctor(), "PATRQT"), "ROLE_NOT_PERMITTED");
    assert_eq!(refused(&doctor(), "NOTHING"), "ARGUMENT_INVALID");
    let research = json!([{"id": "research", "decision": "permit",
        "context": {"actors": ["role:researcher"], "purposes": ["HRESCH"]}}]);
    consents(&mut world, research);
    let (_, disclosure) = world.opened(&researcher, asked("CLINTRCH"));
    let opened = world.disclosure(disclosure);
    assert!(opened.accountable_164_528);
    let page = world.ask(&read_by(&researcher, disclosure), &ReadSummaries {});
    assert_eq!(page.obligations, ["MINEC".parse().unwrap()].into());
}

/// A role that the policies take away from a transaction asserts nothing in it.
#[test]
fn a_purpose_is_asserted_as_a_role_that_is_served() {
    let mut world = shared();
    let roles = [StaffRole::Practitioner, StaffRole::Researcher];
    world.ok(&staff(&msp_admin("Org1MSP"), "both", "ward", &roles));
    let both = client("Org1MSP", "both");
    let asked = |purpose: &str| {
        let purpose = purpose.parse().unwrap();
        request(&client("Org1MSP", "both"), Scope { purpose, ..scope() })
    };
    world.ok(&asked("HRESCH"));
    let mut narrow = documents();
    let served = narrow.get_mut("roles.json").unwrap();
    let with = r#""RequestAccess": ["delegate", "practitioner", "researcher", "service"]"#;
    assert!(served.contains(with));
    *served = served.replace(with, r#""RequestAccess": ["delegate", "practitioner"]"#);
    let mut world = world.under(Policies::from_documents(&narrow).unwrap());
    assert_eq!(world.refused(&asked("HRESCH")), "PURPOSE_NOT_ASSERTABLE");
    // A deny to the other role stands.
    consents(
        &mut world,
        json!([ward(), {"id": "not", "decision": "deny",
        "context": {"actors": ["role:researcher"]}}]),
    );
    let access = world.ticket(&asked("TREAT"));
    let view = world.ask(&get(&both, access), &GetAccess {}).accesses.remove(0);
    assert_eq!(view.outcome, Outcome::Deny);
}

/// What the policies no longer let somebody ask for is neither opened nor read, and on record.
#[test]
fn a_purpose_is_asserted_each_time() {
    let mut world = shared();
    let (access, disclosure) = world.opened(&doctor(), scope());
    let mut narrow = documents();
    let assertions = narrow.get_mut("assertions.json").unwrap();
    *assertions = assertions.replace(r#""practitioner": ["TREAT"]"#, r#""practitioner": ["COC"]"#);
    let mut world = world.under(Policies::from_documents(&narrow).unwrap());
    assert_eq!(world.refused(&request(&doctor(), scope())), "PURPOSE_NOT_ASSERTABLE");
    assert_eq!(world.denied(&read_by(&doctor(), disclosure)), "NOT_DISCLOSED");
    let refused = world.ticket(&open(&doctor(), access));
    let verdict = world.disclosure(refused).verdict;
    assert_eq!((verdict.outcome, verdict.reason), (Outcome::Deny, Reason::PurposeNotAssertable));
    assert_eq!(world.access(access).uses, 1);
}

#[test]
fn a_ticket_is_its_holders_alone() {
    let mut world = shared();
    world.ok(&staff(&msp_admin("Org1MSP"), "nurse", "bay", &[StaffRole::Practitioner]));
    let nurse = client("Org1MSP", "nurse");
    let (access, disclosure) = world.opened(&doctor(), scope());
    let never: TicketId = "0000000000001.00112233445566778899aabbccddeeff".parse().unwrap();
    let not_visible = "TICKET_NOT_VISIBLE";
    assert_eq!(world.refused(&open(&nurse, access)), not_visible);
    assert_eq!(world.refused(&open(&doctor(), never)), not_visible);
    for id in [access, never] {
        assert_eq!(world.denied(&get(&nurse, id)), not_visible);
    }
    for id in [disclosure, access, never] {
        assert_eq!(world.denied(&read_by(&nurse, id)), not_visible);
    }
    assert_eq!(world.denied(&read_by(&doctor(), never)), not_visible);
}

#[test]
fn what_is_malformed_is_refused() {
    let mut world = shared();
    let (access, _) = world.opened(&doctor(), scope());
    let now = world.ledger.now();
    let mut check = |function: &str, part: serde_json::Value, what: &str| {
        let call: Call = raw_private(&doctor(), function, part.to_string());
        assert_eq!(world.denied(&call), "ARGUMENT_INVALID", "{what}");
    };
    let good = || serde_json::to_value(request_part(&[SID], scope())).unwrap();
    let changed = |path: &str, value: serde_json::Value| {
        let mut part = good();
        *part.pointer_mut(path).unwrap() = value;
        part
    };
    check("RequestAccess", changed("/subjects", json!([])), "nobody");
    check("RequestAccess", changed("/subjects", json!([SID, SID])), "twice");
    let many: Vec<String> = (0..51).map(|n| format!("{n:032x}")).collect();
    check("RequestAccess", changed("/subjects", json!(many)), "too many");
    check("RequestAccess", changed("/scope/codes", json!([])), "nothing");
    check("RequestAccess", changed("/scope/codes", json!(["2345-7"])), "unknown code");
    check("RequestAccess", changed("/scope/data_period", json!({"start": 5, "end": 5})), "no time");
    let mut past = good();
    past["until"] = json!(now);
    check("RequestAccess", past, "in the past");
    let mut grid = good();
    grid["scope"]["min_grid_s"] = json!(0);
    check("RequestAccess", grid, "no window");
    let reference = json!({"sid": SID, "access": access});
    check("OpenDisclosure", json!({"accesses": []}), "nothing");
    check("OpenDisclosure", json!({"accesses": [reference, reference]}), "twice");
    check("OpenDisclosure", json!({"accesses": vec![&reference; 51]}), "too many");
    check("OpenDisclosure", json!({"accesses": [reference], "minutes": 0}), "no minute");
    check("OpenDisclosure", json!({"accesses": [reference], "minutes": 61}), "too long");
    check("GetAccess", json!({"accesses": []}), "nothing");
    check("GetAccess", json!({"accesses": vec![&reference; 51]}), "too many");
}

#[test]
fn a_page_that_ends_early_loses_no_record() {
    let mut world = shared();
    let watch = pid(&client("Org1MSP", "watch"));
    let devices = [ParticipantId::new([0; 16]), ParticipantId::new([0xfe; 16])];
    let mut narrow = ward();
    narrow["context"]["devices"] = json!(devices);
    consents(&mut world, json!([narrow]));
    let (rk, code) = (RK.parse().unwrap(), "8867-4".parse().unwrap());
    let (_, record) = world.ledger.rows(&RECORDS).remove(0);
    let mut writes = Writes::new();
    // The start at which the first page stops looking has records of three devices.
    let scanned = 201;
    let last = i64::try_from(EXAMINED_MAX.div_ceil(scanned) * scanned).unwrap() - 2;
    let hidden = (0..=last).map(|n| (n, watch));
    for (n, device) in hidden.chain(devices.map(|device| (last, device))) {
        let key = (rk, code, KeyGrid(300), KeyTime(START + n * 300_000), device);
        RECORDS.put(&mut writes, &key, &record).unwrap();
    }
    world.ledger.seed(writes);
    let until = START + 20 * DAY;
    let data_period = Period { start: START, end: Some(until) };
    let (_, disclosure) = world.opened(&doctor(), Scope { data_period, ..scope() });
    let mut asked = ReadSummariesPrivate { until, ..read_part(disclosure) };
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let page = world.ask(&private(&doctor(), &ReadSummaries {}, &asked), &ReadSummaries {});
        found.extend(page.records.iter().map(|it| it.device));
        pages += 1;
        asked.bookmark = page.bookmark;
        if asked.bookmark.is_none() {
            break;
        }
    }
    assert_eq!((found, pages), (devices.to_vec(), 2));
}

#[test]
fn a_reader_is_not_told_that_the_patient_corrected() {
    let mut world = shared();
    world.ok(&correct(&client("Org1MSP", "patient"), &correction(0, 1, "73.5")));
    world.ok(&correct(&client("Org1MSP", "watch"), &correction(1, 1, "73.5")));
    let (_, disclosure) = world.opened(&doctor(), scope());
    let page = world.ask(&read_by(&doctor(), disclosure), &ReadSummaries {});
    let by: Vec<_> = page.records.iter().take(2).map(|it| (it.version, it.corrected_by)).collect();
    assert_eq!(by, [(2, None), (2, Some(pid(&client("Org1MSP", "watch"))))]);
}

#[test]
fn a_delegate_reads_for_the_patient_and_is_on_record() {
    let mut world = World::populated();
    let taboo = Labels { sensitivity: vec!["TBOO".parse().unwrap()], ..Labels::default() };
    world.submit(vec![heart_rate(0), Summary { labels: taboo, ..heart_rate(1) }, heart_rate(2)]);
    let end = world.ledger.now() + DAY;
    let aunt = delegates(&mut world, Some(end));
    change_head(&mut world, SID, |head| head.sharing = Sharing::Paused);
    let asked = || Scope { purpose: "FAMRQT".parse().unwrap(), ..scope() };
    let (access, disclosure) = world.opened(&aunt, asked());
    assert_eq!(world.windows(&read_by(&aunt, disclosure)), [0, 2]);
    let stored = world.access(access);
    assert_eq!((stored.capacity, stored.until), (Capacity::Delegate, end));
    assert_eq!(stored.verdict.reason, Reason::Delegate);
    let by_name = {
        let until = world.ledger.now() + 1;
        let part = GetAccountingOfDisclosuresPrivate {
            sid: Some(SID.parse().unwrap()),
            from: until - DAY,
            until,
            limit: None,
            bookmark: None,
        };
        move |by: &ClientIdentity| private(by, &GetAccountingOfDisclosures {}, &part)
    };
    let page = world.ask(&by_name(&aunt), &GetAccountingOfDisclosures {});
    assert_eq!(page.entries.len(), 2);
    assert_eq!(world.denied(&by_name(&doctor())), "ROLE_NOT_PERMITTED");
    assert_eq!(world.refused(&request(&aunt, scope())), "ROLE_NOT_PERMITTED");
    assert_eq!(world.refused(&request(&forged("Org1MSP", "aunt"), asked())), "KEY_NOT_BOUND");
    let others = private(&aunt, &RequestAccess {}, &request_part(&[OTHER_SID], asked()));
    assert_eq!(world.refused(&others), "ROLE_NOT_PERMITTED");
    change_head(&mut world, SID, |head| head.delegations.clear());
    for call in [request(&aunt, asked()), open(&aunt, access)] {
        assert_eq!(world.refused(&call), "ROLE_NOT_PERMITTED");
    }
    assert_eq!(world.denied(&read_by(&aunt, disclosure)), "ROLE_NOT_PERMITTED");
}

#[test]
fn the_accounting_is_paged_newest_first_and_the_patients() {
    let mut world = shared();
    let mut expected = Vec::new();
    for _ in 0..3 {
        let (access, disclosure) = world.opened(&doctor(), scope());
        expected.extend([access, disclosure]);
        world.ledger.advance(1000);
    }
    consents(&mut world, json!([]));
    expected.push(world.ticket(&request(&doctor(), scope())));
    expected.sort_by_key(ToString::to_string);
    let until = world.ledger.now() + 1;
    let patient = client("Org1MSP", "patient");
    let part = |limit, bookmark| GetAccountingOfDisclosuresPrivate {
        sid: None,
        from: until - DAY,
        until,
        limit: Some(limit),
        bookmark,
    };
    let mut found = Vec::new();
    let mut bookmark = None;
    loop {
        let call = private(&patient, &GetAccountingOfDisclosures {}, &part(3, bookmark));
        let page = world.ask(&call, &GetAccountingOfDisclosures {});
        found.extend(page.entries.iter().map(|entry| entry.id));
        bookmark = page.bookmark;
        if bookmark.is_none() {
            break;
        }
    }
    assert_eq!(found, expected);
    assert_eq!(found.len(), 7);
    let shorter = GetAccountingOfDisclosuresPrivate { from: until - 1, ..part(100, None) };
    let call = private(&patient, &GetAccountingOfDisclosures {}, &shorter);
    assert_eq!(world.ask(&call, &GetAccountingOfDisclosures {}).entries.len(), 1);
    let base = part(100, None);
    for (wrong, what) in [
        (GetAccountingOfDisclosuresPrivate { from: 0, ..base.clone() }, "from the start"),
        (GetAccountingOfDisclosuresPrivate { from: until, ..base.clone() }, "no time"),
        (part(0, None), "no entry"),
        (part(101, None), "too many"),
        (
            GetAccountingOfDisclosuresPrivate {
                from: until - ACCOUNTING_MS_MAX - 1,
                ..base.clone()
            },
            "too long",
        ),
        (
            GetAccountingOfDisclosuresPrivate {
                from: until - 1,
                bookmark: Some(expected[6]),
                ..base.clone()
            },
            "elsewhere",
        ),
    ] {
        let call = private(&patient, &GetAccountingOfDisclosures {}, &wrong);
        assert_eq!(world.denied(&call), "ARGUMENT_INVALID", "{what}");
    }
    let call = |by: &str| private(&client("Org1MSP", by), &GetAccountingOfDisclosures {}, &base);
    for by in ["doctor", "registrar", "officer", "watch", "stranger"] {
        assert_eq!(world.denied(&call(by)), "ROLE_NOT_PERMITTED", "{by}");
    }
    let other: AccountingPage = world.ledger.evaluate(&call("other")).unwrap().answer();
    assert!(other.entries.is_empty());
    world.ok(&set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended));
    let own: AccountingPage = world.ledger.evaluate(&call("patient")).unwrap().answer();
    assert_eq!(own.entries.len(), 7, "in whatever status");
}

#[test]
fn what_was_entered_in_error_is_read_by_the_patient_alone() {
    let mut world = shared();
    let aunt = delegates(&mut world, None);
    world.ledger.advance(1000);
    let status = RecordStatus::EnteredInError;
    let record = Summary { status, ..heart_rate(3) };
    let part = CorrectSummaryPrivate { record, ..correction(3, 1, "72.4") };
    world.ok(&correct(&client("Org1MSP", "patient"), &part));
    let mark = ErroneousRecord {
        device: pid(&client("Org1MSP", "watch")),
        start: START + 900_000,
        status,
        version: 2,
        updated_at: world.ledger.now(),
    };
    let family = Scope { purpose: "PATRQT".parse().unwrap(), ..scope() };
    let mut disclosure = None;
    for (by, asked) in [(&aunt, family), (&doctor(), scope())] {
        let id = world.opened(by, asked).1;
        let page = world.ask(&read_by(by, id), &ReadSummaries {});
        assert_eq!(page.entered_in_error, std::slice::from_ref(&mark));
        assert_eq!(world.windows(&read_by(by, id)), [0, 1, 2, 4, 5, 6, 7, 8, 9]);
        assert_eq!(page.records.iter().filter(|it| it.reason.is_some()).count(), 0);
        disclosure = Some(id);
    }
    // A mark takes its place on a page, and a page may end with one.
    let (mut found, mut marks, mut bookmark) = (Vec::new(), 0, None);
    for _ in 0..3 {
        let part =
            ReadSummariesPrivate { limit: Some(4), bookmark, ..read_part(disclosure.unwrap()) };
        let page = world.ask(&private(&doctor(), &ReadSummaries {}, &part), &ReadSummaries {});
        found.extend(page.records.iter().map(|it| (it.summary.start - START) / 300_000));
        (marks, bookmark) = (marks + page.entered_in_error.len(), page.bookmark);
    }
    assert_eq!((found, marks, bookmark), (vec![0, 1, 2, 4, 5, 6, 7, 8, 9], 1, None));
    let own = private(
        &client("Org1MSP", "patient"),
        &ReadOwnSummaries {},
        &read("8867-4", START, START + DAY),
    );
    let own = world.ask(&own, &ReadOwnSummaries {}).records;
    assert_eq!((own.len(), own[3].summary.status), (10, status));
    assert_eq!(own[3].summary.statistics, heart_rate(3).statistics);
    // What is denied leaves no mark either.
    let mut less = ward();
    less["provision"] =
        json!([{"match": {"data_period": {"start": START, "end": START + 1_200_000}}}]);
    consents(&mut world, json!([less]));
    let page = world.ask(&read_by(&doctor(), disclosure.unwrap()), &ReadSummaries {});
    assert!(page.entered_in_error.is_empty() && page.records.len() == 6);
}
