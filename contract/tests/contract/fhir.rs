//! Consent as FHIR: the set of examples of IHE Privacy Consent on FHIR by their meaning, decided and
//! exported, each compared with a reviewed file.

use crate::consent;
use crate::world::*;
use ioht_contract::decision::{Outcome, RecordFacts, Request, Window, decide};
use ioht_contract::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const YEAR_2022: (i64, i64) = (1_640_995_200_000, 1_672_531_200_000);
const JUNE_2022: i64 = 1_655_078_400_000;

/// Treatment, payment and operations at the organisation that asked for the consent.
fn tpo(more: Value) -> Value {
    let mut context = json!({
        "actors": ["org:Org1MSP"], "purposes": ["TREAT", "HPAYMT", "HOPERAT"],
    });
    for (name, value) in more.as_object().unwrap() {
        context[name] = value.clone();
    }
    context
}

fn year_2022() -> Value {
    json!({"start": YEAR_2022.0, "end": YEAR_2022.1})
}

/// Name, draft, and what becomes of requests: purpose (`at` the requester's unit), confidentiality, sensitivity,
/// when measured.
#[expect(clippy::type_complexity, reason = "a table of cases")]
fn examples()
-> Vec<(&'static str, Value, Vec<(&'static str, &'static str, &'static str, i64, Outcome)>)> {
    use Outcome::{Deny, Permit};
    let then = YEAR_2022.0 + 1_000_000;
    vec![
        (
            "basic-treat",
            json!({"decision": "permit", "context": tpo(json!({}))}),
            vec![
                ("TREAT", "R", "PSY", START, Permit),
                ("COVERAGE", "N", "", START, Permit),
                ("HRESCH", "N", "", START, Deny),
                ("BTG", "N", "", START, Deny),
            ],
        ),
        (
            "basic-reject",
            json!({"decision": "deny", "context": tpo(json!({}))}),
            vec![("TREAT", "N", "", START, Deny), ("HRESCH", "N", "", START, Deny)],
        ),
        (
            "expired-treat",
            json!({"decision": "permit", "context": tpo(json!({})),
                "period": {"start": JUNE_2022, "end": YEAR_2022.1}}),
            vec![("TREAT", "N", "", START, Deny)],
        ),
        (
            "intermediate-timeframe",
            json!({"decision": "permit", "context": tpo(json!({"data_period": year_2022()}))}),
            vec![("TREAT", "N", "", then, Permit), ("TREAT", "N", "", START, Deny)],
        ),
        (
            "intermediate-not-timeframe",
            json!({"decision": "permit", "context": tpo(json!({})),
                "provision": [{"match": {"data_period": year_2022()}}]}),
            vec![("TREAT", "N", "", then, Deny), ("TREAT", "N", "", START, Permit)],
        ),
        (
            "intermediate-purpose",
            json!({"decision": "permit", "context": {
                "actors": ["org:Org1MSP", "project:foo-bar"], "purposes": ["CLINTRCH"]}}),
            vec![("CLINTRCHPC", "N", "", START, Permit), ("TREAT", "N", "", START, Deny)],
        ),
        (
            "advanced-normal",
            json!({"decision": "permit", "context": tpo(json!({"confidentiality": "N"}))}),
            vec![("TREAT", "N", "", START, Permit), ("TREAT", "R", "", START, Deny)],
        ),
        (
            "advanced-normal-not-restricted",
            json!({"decision": "permit", "context": tpo(json!({})),
                "provision": [{"match": {"confidentiality": "R"}}]}),
            vec![
                ("TREAT", "L", "", START, Permit),
                ("TREAT", "R", "", START, Deny),
                ("TREAT", "V", "", START, Deny),
            ],
        ),
        (
            "advanced-focused-psychiatric",
            json!({"decision": "permit", "context": tpo(json!({})),
                "provision": [{"match": {"sensitivity": ["PSY", "SUD"]},
                    "provision": [{"match": {"actors": ["unit:psychiatry@Org1MSP"]}}]}]}),
            vec![
                ("TREAT", "N", "HIV", START, Permit),
                ("TREAT", "N", "PSY", START, Deny),
                ("TREAT", "N", "OPIOIDUD", START, Deny),
                ("TREAT at psychiatry", "N", "PSY", START, Permit),
                ("HRESCH at psychiatry", "N", "PSY", START, Deny),
            ],
        ),
        (
            "dissent",
            json!({"decision": "deny", "btg": "deny"}),
            vec![("TREAT", "U", "", START, Deny), ("BTG", "U", "", START, Deny)],
        ),
        (
            "dissent-break-glass",
            json!({"decision": "deny", "btg": "permit"}),
            vec![("TREAT", "U", "", START, Deny)],
        ),
        (
            // What PCF has no element for: actions, codes, devices, grids, obligations, terms.
            "beyond",
            json!({"decision": "permit", "period": {"start": JUNE_2022, "end": 1_900_000_000_000_i64},
                "context": {
                    "actors": ["care_team", "role:practitioner", "unit:ward@Org1MSP",
                        "pid:00112233445566778899aabbccddeeff"],
                    "purposes": ["TREAT"], "actions": ["access", "use"], "codes": ["8867-4", "8310-5"],
                    "categories": ["vital-signs"], "devices": ["00112233445566778899aabbccddee00"],
                    "confidentiality": "R", "sensitivity": ["LOCIS", "PATLOC"], "min_grid_s": 900,
                    "period": {"start": JUNE_2022}},
                "provision": [{"match": {"min_grid_s": 3600}, "provision": [
                    {"match": {"purposes": ["ETREAT"]}}]}],
                "obligations": ["ENCRYPT", "NORDSCLCDS"], "terms": {"offer": "o-1", "version": 2}}),
            vec![("TREAT", "N", "LOCIS", START, Deny)],
        ),
    ]
}

fn decided(
    world: &World,
    (purpose, confidentiality, sensitivity, start, _): (&str, &str, &str, i64, Outcome),
) -> Outcome {
    let record = RecordFacts {
        code: Some("8867-4".parse().unwrap()),
        device: Some(pid(&client("Org1MSP", "watch"))),
        confidentiality: Some(serde_json::from_value(json!(confidentiality)).unwrap()),
        sensitivity: Some(
            sensitivity.split_terminator(',').map(|label| label.parse().unwrap()).collect(),
        ),
        grid_s: Some(300),
        window: Some(Window { start, end: start + 300_000 }),
    };
    let (purpose, unit) = purpose.split_once(" at ").unwrap_or((purpose, "root"));
    let doctor = pid(&client("Org1MSP", "doctor"));
    let actor = json!({"pid": doctor, "org": "Org1MSP", "units": ["root", unit]});
    let (actor, purpose) = (serde_json::from_value(actor).unwrap(), purpose.parse().unwrap());
    let request = Request { actor, purpose, action: Action::Access, record };
    let head: Head = world.ledger.value(&state::HEADS, &(SID.parse().unwrap(),)).unwrap();
    decide(&Policies::default(), &head.directives, &request, world.ledger.now()).outcome
}

#[test]
fn the_pcf_examples_are_decided_and_exported() {
    for (name, draft, requests) in examples() {
        let mut world = World::populated();
        world.ok(&consent::put(name, with_context(draft), 0));
        for request in requests {
            assert_eq!(decided(&world, request), request.4, "{name} {request:?}");
        }
        for release in [FhirRelease::R4, FhirRelease::R5] {
            let export = ExportConsent { release };
            let exported = world.ask(&call(&client("Org1MSP", "patient"), &export), &export);
            check_form(release, &exported.bundle);
            let text = serde_json::to_string_pretty(&exported.bundle).unwrap();
            golden(&format!("fhir/{release:?}/{name}.json"), &format!("{text}\n"));
        }
    }
}

/// What another enforcement point would release by it: nothing, while the patient does not share.
#[test]
fn sharing_is_exported() {
    for (name, sharing) in [("paused", Sharing::Paused), ("emergency-only", Sharing::EmergencyOnly)]
    {
        let mut world = World::populated();
        world.ok(&consent::put("permit", json!({}), 0));
        let but = json!({"decision": "deny", "context": {},
            "provision": [{"match": {"actors": ["care_team"], "purposes": ["TREAT"]}}]});
        world.ok(&consent::put("deny-but", but, 0));
        world.ok(&consent::put("deny", json!({"decision": "deny"}), 0));
        world.ok(&consent::share_by(&client("Org1MSP", "patient"), sharing));
        for release in [FhirRelease::R4, FhirRelease::R5] {
            let export = ExportConsent { release };
            let asked = call(&client("Org1MSP", "patient"), &export);
            let bundle = world.ask(&asked, &export).bundle;
            check_form(release, &bundle);
            let entries = bundle["entry"].as_array().unwrap().iter().map(|it| &it["resource"]);
            let told: Vec<[&str; 2]> = entries
                .map(|it| [&it["id"], &it["status"]].map(|it| it.as_str().unwrap()))
                .collect();
            assert_eq!(
                told,
                [
                    ["deny", "active"],
                    ["deny-but", "inactive"],
                    ["permit", "inactive"],
                    ["-sharing", "active"],
                ]
            );
            let text = serde_json::to_string_pretty(&bundle).unwrap();
            golden(&format!("fhir/{release:?}/{name}.json"), &format!("{text}\n"));
        }
    }
}

/// FHIR's ids have no `_`; what differs only there differs still.
#[test]
fn each_directive_has_an_id_of_its_own() {
    let mut world = World::populated();
    let ids = ["a-b", "a.b", "a_b", "a__b", &format!("a{}", "_".repeat(63))].map(str::to_owned);
    for id in &ids {
        world.ok(&consent::put(id, json!({}), 0));
    }
    let export = ExportConsent { release: FhirRelease::R5 };
    let bundle = world.ask(&call(&client("Org1MSP", "patient"), &export), &export).bundle;
    let resources = bundle["entry"].as_array().unwrap().iter().map(|it| &it["resource"]);
    let mut told = BTreeSet::new();
    for resource in resources {
        let id = resource["id"].as_str().unwrap();
        let allowed = |it: u8| it.is_ascii_alphanumeric() || it == b'-' || it == b'.';
        assert!((1..=64).contains(&id.len()) && id.bytes().all(allowed), "{id}");
        let name = resource["identifier"][0]["value"].as_str().unwrap();
        assert_eq!(id == name, !name.contains('_'), "{name} is {id}");
        told.insert(id);
    }
    assert_eq!(told.len(), ids.len());
}

/// What an emergency may not break is not given by an export either.
#[test]
fn a_denied_break_glass_is_not_exported_as_permitted() {
    let patient = client("Org1MSP", "patient");
    let export = ExportConsent { release: FhirRelease::R5 };
    for (btg, expected) in [("domain", "Policy-break-glass-only"), ("deny", "Policy-deny")] {
        let mut world = World::populated();
        world.ok(&consent::put("permit", json!({"btg": btg}), 0));
        world.ok(&consent::share_by(&patient, Sharing::EmergencyOnly));
        let bundle = world.ask(&call(&patient, &export), &export).bundle;
        let dissent = &bundle["entry"][1]["resource"];
        assert_eq!(dissent["id"], "-sharing");
        let policy = dissent["policyBasis"]["uri"].as_str().unwrap();
        assert!(policy.ends_with(expected), "{policy}");
    }
}

/// A draft without a context has none, rather than that of the helper.
fn with_context(mut draft: Value) -> Value {
    if draft.get("context").is_none() {
        draft["context"] = json!({});
    }
    draft
}

/// What each release demands of a Consent, and that provisions alternate below the base.
fn check_form(release: FhirRelease, bundle: &Value) {
    for entry in bundle["entry"].as_array().unwrap() {
        let consent = &entry["resource"];
        let has = |name: &&str| assert!(!consent[*name].is_null(), "{name} in {consent}");
        ["resourceType", "status", "category"].iter().for_each(has);
        match release {
            FhirRelease::R4 => {
                ["scope", "patient", "dateTime", "policy", "provision"].iter().for_each(has);
                assert!(consent["decision"].is_null() && consent["subject"].is_null());
                check_types(&consent["provision"]);
            }
            FhirRelease::R5 => {
                ["subject", "date", "period", "decision", "policyBasis"].iter().for_each(has);
                assert!(consent["scope"].is_null() && consent["patient"].is_null());
                assert!(!consent.to_string().contains("\"type\":\"permit\""));
            }
        }
    }
}

fn check_types(provision: &Value) {
    let own = provision["type"].as_str().unwrap();
    for inner in provision["provision"].as_array().into_iter().flatten() {
        assert_ne!(inner["type"].as_str().unwrap(), own, "{provision}");
        check_types(inner);
    }
}
