//! What is found in a directive before it is written.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use ioht_contract::{Directive, Finding, FindingCode, Policies};
use serde_json::{Value, json};

const AT: i64 = 1_750_000_000_000;
const DAY: i64 = 86_400_000;

fn directive(changes: Value) -> Directive {
    let mut directive = json!({"id": "d", "decision": "permit",
        "context": {"actors": ["unit:ward@Org1MSP"], "purposes": ["TREAT"]}});
    for (name, change) in changes.as_object().unwrap() {
        directive[name] = change.clone();
    }
    serde_json::from_value(directive).unwrap()
}

fn texts(findings: Vec<Finding>) -> Vec<String> {
    let text = |it: Finding| format!("{} {}", json!(it.code).as_str().unwrap(), it.path);
    findings.into_iter().map(text).collect()
}

#[track_caller]
fn errors(changes: Value, expected: &[&str]) {
    assert_eq!(texts(directive(changes).errors(&Policies::default())), expected);
}

#[track_caller]
fn context(element: &str, value: Value, expected: &[&str]) {
    let mut context = json!({"actors": ["unit:ward@Org1MSP"], "purposes": ["TREAT"]});
    context[element] = value;
    errors(json!({"context": context}), expected);
}

#[track_caller]
fn provision(matcher: Value, expected: &[&str]) {
    errors(json!({"provision": [{"match": matcher}]}), expected);
}

#[test]
fn a_sound_directive_has_no_errors() {
    errors(json!({}), &[]);
    errors(json!({"decision": "deny", "context": {}}), &[]);
    provision(json!({"sensitivity": ["PSY"]}), &[]);
    provision(json!({"actors": ["role:researcher"], "purposes": ["ETREAT"]}), &[]);
}

#[test]
fn sets_have_items_and_not_too_many() {
    for element in
        ["actors", "purposes", "actions", "codes", "categories", "devices", "sensitivity"]
    {
        context(element, json!([]), &["EMPTY_SET context"]);
        provision(
            json!({element: []}),
            match element {
                "actors" | "purposes" => &["EMPTY_SET provision[0]", "DISJOINT provision[0]"],
                _ => &["EMPTY_SET provision[0]"],
            },
        );
    }
    let actors: Vec<String> = (0..33).map(|n| format!("unit:u{n}@Org1MSP")).collect();
    context("actors", json!(actors), &["TOO_MANY context"]);
    let devices: Vec<String> = (0..17).map(|n| format!("{n:032x}")).collect();
    context("devices", json!(devices), &["TOO_MANY context"]);
    let many = vec![json!({"match": {"sensitivity": ["PSY"]}}); 17];
    errors(json!({"provision": many}), &["TOO_MANY context"]);
    let provision = json!({"match": {"confidentiality": "L"}, "provision": many[..9]});
    errors(json!({"provision": [provision]}), &["TOO_MANY provision[0]"]);
}

#[test]
fn codes_are_known() {
    context("purposes", json!(["NONE"]), &["UNKNOWN_CODE context"]);
    context("codes", json!(["2708-6"]), &["UNKNOWN_CODE context"]);
    context("categories", json!(["none"]), &["UNKNOWN_CODE context"]);
    provision(json!({"sensitivity": ["NONE"]}), &["UNKNOWN_CODE provision[0]"]);
    errors(json!({"obligations": ["NONE"]}), &["UNKNOWN_CODE context"]);
    errors(json!({"obligations": ["MINEC", "NORDSCLCDS"]}), &[]);
}

#[test]
fn periods_and_grids_hold_something() {
    errors(json!({"period": {"start": 2, "end": 2}}), &["EMPTY_PERIOD context"]);
    context("data_period", json!({"start": 2, "end": 1}), &["EMPTY_PERIOD context"]);
    context("period", json!({"start": -1}), &["EMPTY_PERIOD context"]);
    context("min_grid_s", json!(0), &["EMPTY_GRID context"]);
}

#[test]
fn a_permit_says_to_whom_and_what_for() {
    errors(
        json!({"context": {}}),
        &["PERMIT_WITHOUT_ACTOR context", "PERMIT_WITHOUT_PURPOSE context"],
    );
    let deny = |matcher: Value, context: Value| json!({"decision": "deny", "context": context, "provision": [{"match": matcher}]});
    let team = json!({"actors": ["care_team"]});
    errors(deny(team.clone(), json!({})), &["PERMIT_WITHOUT_PURPOSE provision[0]"]);
    errors(deny(team, json!({"purposes": ["TREAT"]})), &[]);
    context("purposes", json!(["HMARKT", "TREAT"]), &["PURPOSE_NOT_ALONE context"]);
    context("purposes", json!(["HMARKT"]), &[]);
    let both = json!({"purposes": ["HMARKT", "HRESCH"]});
    errors(json!({"decision": "deny", "context": both}), &[]);
    let team = json!({"actors": ["care_team"]});
    errors(deny(team, both.clone()), &["PURPOSE_NOT_ALONE provision[0]"]);
    let one = json!({"actors": ["care_team"], "purposes": ["HRESCH"]});
    errors(deny(one, both), &[]);
}

#[test]
fn provisions_can_apply() {
    provision(json!({}), &["EMPTY_MATCHER provision[0]"]);
    provision(json!({"actors": ["org:Org2MSP"]}), &["DISJOINT provision[0]"]);
    provision(json!({"actors": ["unit:bay@Org1MSP"]}), &[]);
    provision(json!({"purposes": ["HRESCH"]}), &["DISJOINT provision[0]"]);
    provision(json!({"purposes": ["BTG"]}), &["DISJOINT provision[0]"]);
    let within = |element: &str, outer: Value, inner: Value, decision: &str| {
        let mut changes = json!({"decision": decision, "context": {
            "actors": ["care_team"], "purposes": ["TREAT"]}});
        changes["context"][element] = outer;
        changes["provision"] = json!([{"match": {element: inner}}]);
        directive(changes).errors(&Policies::default()).len()
    };
    // A permit up to N leaves nothing restricted to except; one up to R does.
    assert_eq!(within("confidentiality", json!("N"), json!("R"), "permit"), 1);
    assert_eq!(within("confidentiality", json!("R"), json!("R"), "permit"), 0);
    assert_eq!(within("confidentiality", json!("R"), json!("N"), "deny"), 1);
    assert_eq!(within("min_grid_s", json!(900), json!(900), "permit"), 1);
    assert_eq!(within("min_grid_s", json!(900), json!(3600), "permit"), 0);
    assert_eq!(within("min_grid_s", json!(900), json!(900), "deny"), 1);
    let period = |start: i64| json!({"start": start, "end": start + 10});
    assert_eq!(within("data_period", period(0), period(10), "permit"), 1);
    assert_eq!(within("data_period", period(0), period(9), "permit"), 0);
    assert_eq!(within("period", period(0), period(10), "permit"), 1);
    assert_eq!(within("codes", json!(["8867-4"]), json!(["8310-5"]), "permit"), 1);
    assert_eq!(within("sensitivity", json!(["PSY"]), json!(["HIV"]), "permit"), 0, "both can be");
    let inner = json!([{"match": {"purposes": ["COC"]}, "provision": [
        {"match": {"purposes": ["ERTREAT"]}},
        {"match": {"actors": ["org:Org2MSP"]}},
    ]}]);
    errors(
        json!({"provision": inner}),
        &["DISJOINT provision[0].provision[0]", "DISJOINT provision[0].provision[1]"],
    );
}

#[track_caller]
fn warnings(changes: Value, present: Value, expected: &[FindingCode]) {
    let present: Vec<Directive> = serde_json::from_value(present).unwrap();
    let found = directive(changes).warnings(&Policies::default(), &present, AT);
    let found: Vec<FindingCode> = found.iter().map(|it| it.code).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_patient_is_warned() {
    use FindingCode::{BroadPermit, ExpiresSoon, Shadowed};
    warnings(json!({}), json!([]), &[]);
    let until = |end: i64| json!({"period": {"start": AT, "end": end}});
    warnings(until(AT + DAY), json!([]), &[]);
    warnings(until(AT + DAY - 1), json!([]), &[ExpiresSoon]);
    let context = |more: Value| {
        let mut context = json!({"actors": ["role:practitioner"], "purposes": ["TREAT"]});
        for (name, value) in more.as_object().unwrap() {
            context[name] = value.clone();
        }
        json!({"context": context})
    };
    warnings(context(json!({})), json!([]), &[BroadPermit]);
    warnings(context(json!({"codes": ["8867-4"]})), json!([]), &[]);
    warnings(json!({"decision": "deny", "context": {"actors": ["org:Org1MSP"]}}), json!([]), &[]);
    let deny = |context: Value| json!([{"id": "no", "decision": "deny", "context": context}]);
    warnings(json!({}), deny(json!({})), &[Shadowed]);
    warnings(json!({}), deny(json!({"actors": ["org:Org1MSP"]})), &[Shadowed]);
    warnings(json!({}), deny(json!({"actors": ["org:Org2MSP"]})), &[]);
    warnings(json!({}), deny(json!({"purposes": ["TREAT"]})), &[Shadowed]);
    warnings(json!({}), deny(json!({"purposes": ["ETREAT"]})), &[]);
    warnings(json!({}), deny(json!({"sensitivity": ["PSY"]})), &[]);
    let mut over = deny(json!({}));
    over[0]["period"] = json!({"start": 0, "end": AT});
    warnings(json!({}), over, &[]);
    let mut excepted = deny(json!({}));
    excepted[0]["provision"] = json!([{"match": {"purposes": ["ETREAT"]}}]);
    warnings(json!({}), excepted, &[]);
}
