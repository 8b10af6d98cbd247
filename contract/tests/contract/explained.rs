//! What a patient is told is what a request comes to, for whoever asks.

use crate::consent;
use crate::consented::*;
use crate::world::*;
use fabric_contract_rs::ClientIdentity;
use fabric_contract_rs::testing::Call;
use ioht_contract::access::*;
use ioht_contract::decision::{Explanation, Outcome, RecordFacts};
use ioht_contract::state::HEADS;
use ioht_contract::*;
use serde_json::{Value, json};

/// The patient, by the key that it is bound to.
pub(crate) fn patient(world: &World) -> ClientIdentity {
    let head: Head = world.ledger.value(&HEADS, &(SID.parse().unwrap(),)).unwrap();
    let own = client("Org1MSP", "patient");
    if head.key_hash == key_hash(&own) { own } else { forged("Org1MSP", "patient") }
}

fn explain(asking: &Asking, world: &World) -> Call {
    let part = ExplainDecisionPrivate { sid: None, asking: asking.clone() };
    private(&patient(world), &ExplainDecision {}, &part)
}

fn who_can(world: &mut World) -> Vec<PermittedAccess> {
    let part = WhoCanAccessPrivate { sid: None, code: "8867-4".parse().unwrap() };
    let call = private(&patient(world), &WhoCanAccess {}, &part);
    let told = world.ask(&call, &WhoCanAccess {});
    assert!(!told.more);
    told.accesses
}

/// What somebody asks for.
pub(crate) type Wish = (&'static str, Action);

/// What a request comes to now: its outcome and reason, or the code that it is refused with.
fn requested(
    world: &mut World,
    by: &ClientIdentity,
    (purpose, action): Wish,
    at: i64,
) -> (Outcome, String) {
    let asked = Scope { purpose: purpose.parse().unwrap(), action, ..scope() };
    match world.ledger.submit(&request(by, asked).at(at)) {
        Ok(done) => {
            let receipt: TicketsReceipt = done.answer();
            let verdict = world.access(receipt.ids[0]).verdict;
            (verdict.outcome, name(&verdict.reason))
        }
        Err(error) => (Outcome::Deny, code(&error)),
    }
}

fn name(reason: &ioht_contract::decision::Reason) -> String {
    json!(reason).as_str().unwrap().to_owned()
}

/// Asks, and checks that the patient is told what comes of it. The reason, and whether it was decided
/// rather than refused.
#[track_caller]
pub(crate) fn agrees(world: &mut World, by: &ClientIdentity, wish: Wish) -> (Outcome, String) {
    let at = world.ledger.now();
    let comes = requested(world, by, wish, at);
    let record = RecordFacts { code: Some("8867-4".parse().unwrap()), ..RecordFacts::default() };
    let (who, purpose) = (Actor::Participant(pid(by)), wish.0.parse().unwrap());
    let asking = Asking { who, purpose, action: wish.1, record };
    let told: Explanation = world.ask(&explain(&asking, world).at(at), &ExplainDecision {});
    let told = (told.decision.outcome, name(&told.decision.reason));
    assert_eq!(told, comes, "{wish:?} by {}", pid(by));
    comes
}

const REFUSED: [&str; 4] =
    ["ROLE_NOT_PERMITTED", "INACTIVE", "PURPOSE_NOT_ASSERTABLE", "BACK_DATED"];

/// Checks all of these requests on a copy of a ledger, and that who is listed as able to read is who is
/// permitted: `is` tells whether somebody is what a line names. How many are permitted.
pub(crate) fn all_agree(
    world: &World,
    people: &[ClientIdentity],
    wishes: &[Wish],
    is: impl Fn(&ClientIdentity, &Actor) -> bool,
) -> usize {
    let policies = Policies::from_documents(&documents()).unwrap();
    let mut world = world.under(policies.clone());
    let lines = who_can(&mut world);
    let mut permitted = 0;
    for by in people {
        for wish @ (purpose, action) in wishes {
            let (outcome, reason) = agrees(&mut world, by, *wish);
            let purpose = purpose.parse().unwrap();
            let covers = |line: &&PermittedAccess| {
                policies.purposes().is_a(&purpose, &line.purpose)
                    && line.actions.contains(action)
                    && is(by, &line.actor)
            };
            let lines: Vec<_> = lines.iter().filter(covers).collect();
            if outcome != Outcome::Deny {
                permitted += 1;
                assert!(
                    !lines.is_empty(),
                    "{wish:?} is permitted to {}, who is not listed",
                    pid(by)
                );
            } else if !REFUSED.contains(&reason.as_str()) {
                let sure = lines.iter().find(|line| line.outcome == Outcome::Permit);
                assert_eq!(sure, None, "{wish:?} is denied to {}: {reason}", pid(by));
            }
        }
    }
    permitted
}

#[track_caller]
fn comes_to(world: &mut World, name: &str, purpose: &'static str, expected: &str) {
    let (_, reason) = agrees(world, &person(name), (purpose, Action::Access));
    assert_eq!(reason, expected, "{name} {purpose}");
}

/// Somebody of `Org1MSP`, or who is written `name@MSP`.
fn person(name: &str) -> ClientIdentity {
    let (name, msp) = name.split_once('@').unwrap_or((name, "Org1MSP"));
    client(msp, name)
}

fn peopled() -> World {
    let mut world = shared();
    for (name, role) in [("researcher", StaffRole::Researcher), ("robot", StaffRole::Service)] {
        world.ok(&staff(&msp_admin("Org1MSP"), name, "root", &[role]));
    }
    world
}

#[test]
fn who_asks_is_told_to_the_patient_as_it_is_answered() {
    let mut world = peopled();
    let all = json!([
        {"id": "org", "decision": "permit", "context": {
            "actors": ["org:Org1MSP", "org:RegMSP"], "purposes": ["TREAT", "HRESCH", "PUBHLTH"]}},
    ]);
    consents(&mut world, all);
    delegates(&mut world, None);
    for (name, purpose, expected) in [
        ("doctor", "TREAT", "CONSENT_PERMIT"),
        ("doctor", "ETREAT", "CONSENT_PERMIT"),
        ("doctor", "HRESCH", "PURPOSE_NOT_ASSERTABLE"),
        ("doctor", "PATRQT", "ROLE_NOT_PERMITTED"),
        ("doctor", "BTG", "BREAK_GLASS_NOT_DECLARED"),
        ("researcher", "HRESCH", "CONSENT_PERMIT"),
        ("researcher", "TREAT", "PURPOSE_NOT_ASSERTABLE"),
        ("robot", "PUBHLTH", "CONSENT_PERMIT"),
        ("registrar", "TREAT", "ROLE_NOT_PERMITTED"),
        ("doctor@RegMSP", "TREAT", "PURPOSE_NOT_ASSERTABLE"),
        ("doctor@RegMSP", "PUBHLTH", "PURPOSE_NOT_ASSERTABLE"),
        ("doctor@Org3MSP", "TREAT", "NO_APPLICABLE_CONSENT"),
        ("aunt", "PATRQT", "DELEGATE"),
        ("aunt", "FAMRQT", "DELEGATE"),
        ("aunt", "TREAT", "ROLE_NOT_PERMITTED"),
        ("patient", "TREAT", "ROLE_NOT_PERMITTED"),
        ("patient", "PATRQT", "ROLE_NOT_PERMITTED"),
        ("stranger", "TREAT", "ROLE_NOT_PERMITTED"),
        ("watch", "PATRQT", "ROLE_NOT_PERMITTED"),
    ] {
        comes_to(&mut world, name, purpose, expected);
    }
    let admin = msp_admin("Org1MSP");
    world.ok(&staff(&admin, "aunt", "root", &[StaffRole::Service]));
    comes_to(&mut world, "aunt", "TREAT", "CONSENT_PERMIT");
    comes_to(&mut world, "aunt", "PATRQT", "DELEGATE");
    let doctor = pid(&doctor());
    world.ok(&call(&admin, &SetStatus::Staff { staff: doctor, status: NewStatus::Suspended }));
    comes_to(&mut world, "doctor", "TREAT", "INACTIVE");
    let msp = "Org1MSP".parse().unwrap();
    world.ok(&call(&admin, &SetStatus::Organization { msp, status: NewStatus::Suspended }));
    comes_to(&mut world, "researcher", "HRESCH", "INACTIVE");
    // A delegate that is staff as well is a delegate still.
    comes_to(&mut world, "aunt", "TREAT", "INACTIVE");
    comes_to(&mut world, "aunt", "PATRQT", "DELEGATE");
    change_head(&mut world, SID, |head| head.delegations[0].period.end = Some(1));
    comes_to(&mut world, "aunt", "PATRQT", "INACTIVE");
}

#[test]
fn what_the_patient_set_is_told_as_it_is_answered() {
    let mut terms = ward();
    terms["terms"] = json!({"offer": "o-1", "version": 1});
    let project = json!({"id": "p", "decision": "permit",
        "context": {"actors": ["project:p-1"], "purposes": ["TREAT"]}});
    let glass = json!({"id": "b", "decision": "permit",
        "context": {"actors": ["unit:ward@Org1MSP"], "purposes": ["BTG"]}});
    let deny = json!({"id": "no", "decision": "deny"});
    let some = json!({"id": "some", "decision": "permit", "context": {
        "actors": ["unit:ward@Org1MSP"], "purposes": ["TREAT"], "sensitivity": ["PSY"]}});
    for (directives, purpose, expected) in [
        (json!([terms]), "TREAT", "AGREEMENT_REQUIRED"),
        (json!([terms, ward_named("w")]), "TREAT", "CONSENT_PERMIT"),
        (json!([project]), "TREAT", "NO_APPLICABLE_CONSENT"),
        (json!([glass]), "BTG", "BREAK_GLASS_NOT_DECLARED"),
        (json!([deny, terms]), "TREAT", "CONSENT_DENY"),
        (json!([some]), "TREAT", "CONSENT_CONDITIONAL"),
        (json!([]), "TREAT", "NO_APPLICABLE_CONSENT"),
    ] {
        let mut world = shared();
        consents(&mut world, directives);
        comes_to(&mut world, "doctor", purpose, expected);
    }
    let mut world = shared();
    delegates(&mut world, None);
    for (sharing, expected) in
        [(Sharing::Paused, "SHARING_PAUSED"), (Sharing::EmergencyOnly, "EMERGENCY_ONLY")]
    {
        world.ok(&consent::share_by(&client("Org1MSP", "patient"), sharing));
        comes_to(&mut world, "doctor", "TREAT", expected);
        comes_to(&mut world, "aunt", "PATRQT", "DELEGATE");
    }
    world.ok(&set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended));
    comes_to(&mut world, "doctor", "TREAT", "PATIENT_INACTIVE");
    comes_to(&mut world, "aunt", "PATRQT", "PATIENT_INACTIVE");
    let now = world.ledger.now();
    change_head(&mut world, SID, |head| {
        (head.status, head.meta.updated_at) = (Status::Active, now + 1);
    });
    comes_to(&mut world, "aunt", "PATRQT", "BACK_DATED");
}

fn ward_named(id: &str) -> Value {
    let mut ward = ward();
    ward["id"] = json!(id);
    ward
}

/// Of a kind those are meant who may ask for the purpose; where nobody may, that is told.
#[test]
fn kinds_are_those_of_them_that_may_ask() {
    let mut world = peopled();
    consents(
        &mut world,
        json!([ward(), {"id": "r", "decision": "permit", "context": {
        "actors": ["role:researcher"], "purposes": ["HRESCH"]}}]),
    );
    let mut told = |who: &str, purpose: &str| {
        let record =
            RecordFacts { code: Some("8867-4".parse().unwrap()), ..RecordFacts::default() };
        let (who, purpose) = (who.parse().unwrap(), purpose.parse().unwrap());
        let asking = Asking { who, purpose, action: Action::Access, record };
        let told: Explanation = world.ask(&explain(&asking, &world), &ExplainDecision {});
        name(&told.decision.reason)
    };
    for (who, purpose, expected) in [
        ("unit:ward@Org1MSP", "TREAT", "CONSENT_PERMIT"),
        ("org:Org1MSP", "TREAT", "CONSENT_CONDITIONAL"),
        ("org:Org2MSP", "TREAT", "NO_APPLICABLE_CONSENT"),
        ("org:RegMSP", "TREAT", "PURPOSE_NOT_ASSERTABLE"),
        ("org:Org9MSP", "TREAT", "ROLE_NOT_PERMITTED"),
        ("unit:attic@Org1MSP", "TREAT", "INACTIVE"),
        ("role:researcher", "HRESCH", "CONSENT_PERMIT"),
        ("role:researcher", "TREAT", "CONSENT_CONDITIONAL"),
        ("role:auditor", "TREAT", "CONSENT_CONDITIONAL"),
        ("role:privacy_officer", "HRESCH", "CONSENT_CONDITIONAL"),
        ("care_team", "HMARKT", "PURPOSE_NOT_ASSERTABLE"),
        ("care_team", "PATRQT", "ROLE_NOT_PERMITTED"),
        ("care_team", "BTG", "BREAK_GLASS_NOT_DECLARED"),
        ("project:p-1", "HRESCH", "ROLE_NOT_PERMITTED"),
    ] {
        assert_eq!(told(who, purpose), expected, "{who} {purpose}");
    }
    let unit = "ward".parse().unwrap();
    let status = NewStatus::Suspended;
    world.ok(&call(&msp_admin("Org1MSP"), &SetStatus::Unit { unit, status }));
    let asking = Asking { who: "unit:bay@Org1MSP".parse().unwrap(), ..consent::anybody() };
    let told: Explanation = world.ask(&explain(&asking, &world), &ExplainDecision {});
    assert_eq!(name(&told.decision.reason), "INACTIVE");
}

/// A record that the patient is not told of yet is told to no delegate.
#[test]
fn what_is_withheld_from_a_delegate_is_told_so() {
    let mut world = shared();
    let aunt = delegates(&mut world, None);
    let asked = |sensitivity: Value| Asking {
        who: Actor::Participant(pid(&aunt)),
        purpose: "PATRQT".parse().unwrap(),
        action: Action::Access,
        record: serde_json::from_value(json!({"sensitivity": sensitivity})).unwrap(),
    };
    for (labels, expected) in [
        (json!(["TBOO"]), "WITHHELD_FROM_SUBJECT"),
        (json!(["PSY"]), "DELEGATE"),
        (json!(null), "DELEGATE"),
    ] {
        let told: Explanation = world.ask(&explain(&asked(labels), &world), &ExplainDecision {});
        assert_eq!(name(&told.decision.reason), expected);
    }
}

#[test]
fn who_can_access_tells_delegates_and_every_action() {
    let mut world = peopled();
    let (aunt, doctor) = (delegates(&mut world, None), client("Org2MSP", "doctor"));
    let named = |actors: Value, more: Value| {
        let mut context = json!({"actors": actors, "purposes": ["TREAT"]});
        for (key, value) in more.as_object().unwrap() {
            context[key] = value.clone();
        }
        json!({"id": format!("d{}", actors.to_string().len()), "decision": "permit", "context": context})
    };
    let mut bound = named(json!(["org:Org2MSP", "org:Org3MSP"]), json!({}));
    bound["terms"] = json!({"offer": "o-1", "version": 1});
    consents(
        &mut world,
        json!([
            named(json!(["unit:ward@Org1MSP"]), json!({"actions": ["use", "disclose"]})),
            named(json!([format!("pid:{}", pid(&doctor))]), json!({})),
            named(json!(["project:p-1"]), json!({})),
            named(json!(["org:RegMSP"]), json!({})),
            named(
                json!([format!("pid:{}", pid(&client("Org1MSP", "registrar"))), "care_team"]),
                json!({"purposes": ["HMARKT"]})
            ),
            bound,
        ]),
    );
    let lines = |world: &mut World| -> Vec<String> {
        let lines = who_can(world).into_iter().map(|it| {
            let done: Vec<String> =
                it.actions.iter().map(|it| json!(it).as_str().unwrap().to_owned()).collect();
            let done = if done.len() == 5 { "all".to_owned() } else { done.join(" ") };
            format!("{} {} {done} {:?} {}", it.actor, it.purpose, it.outcome, name(&it.reason))
        });
        lines.collect()
    };
    let mut expected = vec![
        format!("pid:{} PATRQT all Permit DELEGATE", pid(&aunt)),
        format!("pid:{} TREAT all Permit CONSENT_PERMIT", pid(&doctor)),
    ];
    expected.sort_unstable();
    expected.push("unit:ward@Org1MSP TREAT use disclose Permit CONSENT_PERMIT".to_owned());
    assert_eq!(lines(&mut world), expected);
    let (staff, status) = (pid(&doctor), NewStatus::Suspended);
    world.ok(&call(&msp_admin("Org2MSP"), &SetStatus::Staff { staff, status }));
    change_head(&mut world, SID, |head| head.delegations[0].powers = [Power::Devices].into());
    assert_eq!(lines(&mut world), expected[2..]);
    world.ok(&consent::share_by(&client("Org1MSP", "patient"), Sharing::Paused));
    assert_eq!(lines(&mut world), [""; 0]);
}

/// Who may ask for parts of a purpose alone is found by those.
#[test]
fn who_can_access_asks_for_the_parts_that_staff_may_ask_for() {
    let mut documents = documents();
    let assertions = documents.get_mut("assertions.json").unwrap();
    *assertions =
        assertions.replace(r#""practitioner": ["TREAT"]"#, r#""practitioner": ["ETREAT"]"#);
    let mut world = shared().under(Policies::from_documents(&documents).unwrap());
    let lines = who_can(&mut world);
    let told: Vec<String> =
        lines.iter().map(|it| format!("{} {:?}", it.purpose, it.outcome)).collect();
    assert_eq!(told, ["ETREAT Permit", "TREAT Permit"], "services may ask for all of it");
}
