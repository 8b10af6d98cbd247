//! Reviewed cases, a rule each.

use ioht_contract::decision::{Element, Outcome, Question, Reason, Request, Rules, Who, decide};
use ioht_contract::{Directive, Policies};
use serde_json::{Value, json};

const PID: &str = "00112233445566778899aabbccddeeff";
const DEVICE: &str = "dddddddddddddddddddddddddddddddd";

fn directives(directives: Value) -> Vec<Directive> {
    serde_json::from_value(directives).unwrap()
}

/// A practitioner of the ward reads a heart rate for treatment; `changes` are laid over it.
fn request(changes: Value) -> Request {
    let mut request = json!({
        "actor": {"pid": PID, "org": "Org1MSP", "units": ["ward", "root"], "roles": ["practitioner"]},
        "purpose": "TREAT",
        "action": "access",
        "record": {
            "code": "8867-4", "device": DEVICE, "confidentiality": "N", "sensitivity": [],
            "grid_s": 300, "window": {"start": 1000, "end": 2000},
        },
    });
    lay_over(&mut request, changes);
    serde_json::from_value(request).unwrap()
}

fn lay_over(value: &mut Value, changes: Value) {
    match (value, changes) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (name, change) in changes {
                lay_over(fields.entry(name).or_insert(Value::Null), change);
            }
        }
        (value, changes) => *value = changes,
    }
}

/// Outcome, reason and what decided, as `id path`.
#[track_caller]
fn check(given: &Value, changes: Value, outcome: Outcome, reason: Reason, by: &[&str]) {
    let given = directives(given.clone());
    let request = request(changes);
    let decision = decide(&Policies::default(), &given, &request, 5000);
    let decided: Vec<String> =
        decision.determining.iter().map(|it| format!("{} {}", it.directive, it.path)).collect();
    assert_eq!((decision.outcome, decision.reason), (outcome, reason), "{request:?}");
    assert_eq!(decided, by);
}

#[track_caller]
fn permits(given: &Value, changes: Value, by: &[&str]) {
    check(given, changes, Outcome::Permit, Reason::ConsentPermit, by);
}

#[track_caller]
fn denies(given: &Value, changes: Value, by: &[&str]) {
    check(given, changes, Outcome::Deny, Reason::ConsentDeny, by);
}

#[track_caller]
fn nothing(given: &Value, changes: Value) {
    check(given, changes, Outcome::Deny, Reason::NoApplicableConsent, &[]);
}

#[track_caller]
fn open(given: &Value, changes: Value, by: &[&str]) {
    check(given, changes, Outcome::Conditional, Reason::ConsentConditional, by);
}

#[track_caller]
fn error(given: &Value, changes: Value, by: &[&str]) {
    check(given, changes, Outcome::Deny, Reason::PolicyError, by);
}

fn ward() -> Value {
    json!({"id": "ward", "decision": "permit",
        "context": {"actors": ["unit:ward@Org1MSP"], "purposes": ["TREAT"]}})
}

/// A permit to the ward with one element more.
fn ward_with(element: &str, value: Value) -> Value {
    let mut ward = ward();
    ward["context"][element] = value;
    json!([ward])
}

/// The ward's permit beside a deny with one element.
fn deny_with(element: &str, value: Value) -> Value {
    json!([ward(), {"id": "no", "decision": "deny", "context": {element: value}}])
}

#[test]
fn nothing_is_permitted_by_default() {
    nothing(&json!([]), json!({}));
    permits(&json!([ward()]), json!({}), &["ward context"]);
    nothing(&json!([ward()]), json!({"actor": {"units": ["bay", "root"]}}));
    nothing(&json!([ward()]), json!({"actor": {"org": "Org2MSP"}}));
}

#[test]
fn every_kind_of_actor() {
    let by = |actor: &str| json!([{"id": "a", "decision": "permit", "context": {"actors": [actor], "purposes": ["TREAT"]}}]);
    for actor in ["org:Org1MSP", "unit:root@Org1MSP", "role:practitioner"] {
        permits(&by(actor), json!({}), &["a context"]);
    }
    permits(&by(&format!("pid:{PID}")), json!({}), &["a context"]);
    for actor in ["org:Org2MSP", "unit:ward@Org2MSP", "role:researcher", "care_team", "project:p"] {
        nothing(&by(actor), json!({}));
    }
    permits(&by("care_team"), json!({"actor": {"care_team": true}}), &["a context"]);
}

#[test]
fn a_purpose_covers_its_parts_and_breaking_the_glass_nothing_but_itself() {
    permits(&json!([ward()]), json!({"purpose": "ERTREAT"}), &["ward context"]);
    nothing(&json!([ward()]), json!({"purpose": "HRESCH"}));
    nothing(&ward_with("purposes", json!(["BTG"])), json!({"purpose": "ETREAT"}));
    let declared = |given: &Value| {
        let asked = json!({"purpose": "BTG"});
        check(given, asked, Outcome::Deny, Reason::BreakGlassNotDeclared, &[]);
    };
    for purpose in ["TREAT", "ETREAT", "BTG"] {
        declared(&ward_with("purposes", json!([purpose])));
    }
    declared(&json!([ward(), {"id": "no", "decision": "deny"}]));
    declared(&json!([]));
    permits(&deny_with("purposes", json!(["BTG"])), json!({}), &["ward context"]);
    denies(&deny_with("purposes", json!(["TREAT"])), json!({"purpose": "COC"}), &["no context"]);
}

#[test]
fn elements_of_a_record() {
    let code = |code: &str| json!({"record": {"code": code}});
    permits(&ward_with("codes", json!(["8867-4", "8310-5"])), code("8310-5"), &["ward context"]);
    nothing(&ward_with("codes", json!(["8867-4"])), code("8310-5"));
    permits(&ward_with("categories", json!(["vital-signs"])), code("8310-5"), &["ward context"]);
    nothing(&ward_with("categories", json!(["activity"])), code("8310-5"));
    permits(&ward_with("devices", json!([DEVICE])), json!({}), &["ward context"]);
    nothing(&ward_with("devices", json!([PID])), json!({}));
    permits(&ward_with("actions", json!(["access", "use"])), json!({}), &["ward context"]);
    nothing(&ward_with("actions", json!(["access"])), json!({"action": "disclose"}));
}

/// Confidentiality is a high-water mark for permits and a low one for denies.
#[test]
fn confidentiality_is_read_by_the_effect() {
    let label = |label: &str| json!({"record": {"confidentiality": label}});
    let up_to = ward_with("confidentiality", json!("N"));
    permits(&up_to, label("L"), &["ward context"]);
    permits(&up_to, label("N"), &["ward context"]);
    nothing(&up_to, label("R"));
    let from = deny_with("confidentiality", json!("R"));
    permits(&from, label("N"), &["ward context"]);
    denies(&from, label("R"), &["no context"]);
    denies(&from, label("V"), &["no context"]);
}

#[test]
fn sensitivity_covers_its_kinds() {
    let labels = |labels: Value| json!({"record": {"sensitivity": labels}});
    let no = deny_with("sensitivity", json!(["SUD"]));
    permits(&no, labels(json!([])), &["ward context"]);
    permits(&no, labels(json!(["SPI", "HIV"])), &["ward context"]);
    denies(&no, labels(json!(["HIV", "OPIOIDUD"])), &["no context"]);
    denies(&no, labels(json!(["SUD"])), &["no context"]);
}

#[test]
fn windows_are_coarse_enough_for_a_permit_and_too_fine_in_a_deny() {
    let grid = |grid_s: u32| json!({"record": {"grid_s": grid_s}});
    permits(&ward_with("min_grid_s", json!(3600)), grid(3600), &["ward context"]);
    nothing(&ward_with("min_grid_s", json!(3600)), grid(900));
    denies(&deny_with("min_grid_s", json!(3600)), grid(900), &["no context"]);
    permits(&deny_with("min_grid_s", json!(3600)), grid(3600), &["ward context"]);
}

#[test]
fn data_lies_in_a_permits_period_and_touches_a_denys() {
    let period = json!({"start": 1000, "end": 2000});
    let window = |start: i64, end: i64| json!({"record": {"window": {"start": start, "end": end}}});
    let within = ward_with("data_period", period.clone());
    permits(&within, window(1000, 2000), &["ward context"]);
    nothing(&within, window(999, 2000));
    nothing(&within, window(1500, 2001));
    let touching = deny_with("data_period", period);
    denies(&touching, window(1999, 3000), &["no context"]);
    permits(&touching, window(2000, 3000), &["ward context"]);
}

#[test]
fn directives_count_while_they_are_in_force() {
    let mut ward = ward();
    ward["period"] = json!({"start": 0, "end": 5000});
    nothing(&json!([ward]), json!({}));
    ward["period"] = json!({"start": 5000, "end": 5001});
    permits(&json!([ward]), json!({}), &["ward context"]);
    for status in ["draft", "superseded", "withdrawn", "revoked", "entered-in-error"] {
        ward["status"] = json!(status);
        nothing(&json!([ward]), json!({}));
    }
    let during = |start: i64| ward_with("period", json!({"start": start, "end": 6000}));
    permits(&during(5000), json!({}), &["ward context"]);
    nothing(&during(5001), json!({}));
}

fn nested() -> Value {
    let mut ward = ward();
    ward["provision"] = json!([
        {"match": {"codes": ["8310-5"]}},
        {"match": {"sensitivity": ["SPI"]}, "provision": [
            {"match": {"sensitivity": ["COGN"]}},
            {"match": {"purposes": ["ETREAT"]}},
        ]},
        {"match": {"sensitivity": ["PSY"]}},
    ]);
    json!([ward])
}

#[test]
fn exceptions_reverse_and_their_exceptions_restore() {
    let given = nested();
    let asked = |labels: Value, purpose: &str| json!({"purpose": purpose, "record": {"sensitivity": labels}});
    permits(&given, json!({}), &["ward context"]);
    denies(&given, json!({"record": {"code": "8310-5"}}), &["ward provision[0]"]);
    denies(&given, asked(json!(["MH"]), "TREAT"), &["ward provision[1]"]);
    permits(&given, asked(json!(["COGN"]), "TREAT"), &["ward provision[1].provision[0]"]);
    permits(&given, asked(json!(["MH"]), "ERTREAT"), &["ward provision[1].provision[1]"]);
    // What one provision restores another can still except.
    denies(&given, asked(json!(["PSY"]), "ETREAT"), &["ward provision[2]"]);
}

#[test]
fn a_denys_exceptions_permit() {
    let given = json!([{"id": "all", "decision": "deny", "provision": [
        {"match": {"actors": ["org:Org1MSP"], "purposes": ["TREAT"]},
            "provision": [{"match": {"confidentiality": "R"}}]},
    ]}]);
    permits(&given, json!({}), &["all provision[0]"]);
    denies(&given, json!({"purpose": "HRESCH"}), &["all context"]);
    let restricted = json!({"record": {"confidentiality": "V"}});
    denies(&given, restricted, &["all provision[0].provision[0]"]);
}

#[test]
fn a_deny_wins_and_all_that_decide_are_named_in_order_of_their_ids() {
    let other = |id: &str, decision: &str| {
        json!({"id": id, "decision": decision,
            "context": {"actors": ["org:Org1MSP"], "purposes": ["TREAT"]}})
    };
    let given = json!([ward(), other("also", "permit")]);
    permits(&given, json!({}), &["also context", "ward context"]);
    let given = json!([other("b", "deny"), ward(), other("a", "deny")]);
    denies(&given, json!({}), &["a context", "b context"]);
}

#[test]
fn what_is_unknown_leaves_the_decision_open_only_where_it_matters() {
    let unknown = |attribute: &str| json!({"record": {attribute: null}});
    open(&ward_with("codes", json!(["8867-4"])), unknown("code"), &[]);
    open(&deny_with("sensitivity", json!(["PSY"])), unknown("sensitivity"), &["ward context"]);
    open(&nested(), unknown("sensitivity"), &[]);
    permits(&json!([ward()]), unknown("sensitivity"), &["ward context"]);
    nothing(
        &ward_with("codes", json!(["8867-4"])),
        json!({"purpose": "HRESCH", "record": {"code": null}}),
    );
    // A deny that cannot be avoided decides, whatever is unknown elsewhere.
    let mut given = deny_with("purposes", json!(["TREAT"]));
    given[0]["context"]["codes"] = json!(["8867-4"]);
    denies(&given, unknown("code"), &["no context"]);
    // Nothing permits, and only a deny is open: that is a denial.
    let given = json!([{"id": "no", "decision": "deny", "context": {"sensitivity": ["PSY"]}}]);
    nothing(&given, unknown("sensitivity"));
    // An exception that would restore the permit anyway leaves nothing open.
    let mut given = ward();
    given["provision"] = json!([{"match": {"sensitivity": ["PSY"]}, "provision": [
        {"match": {"purposes": ["TREAT"]}},
    ]}]);
    check(
        &json!([given]),
        unknown("sensitivity"),
        Outcome::Permit,
        Reason::ConsentPermit,
        &["ward context"],
    );
}

#[test]
fn a_residual_says_what_is_open() {
    let given = directives(deny_with("sensitivity", json!(["PSY"])));
    let request = request(json!({"record": {"sensitivity": null}}));
    let decision = decide(&Policies::default(), &given, &request, 5000);
    let residual = &decision.residual[0];
    assert_eq!(
        (residual.directive.as_str(), residual.permits, residual.denies),
        ("no", false, true)
    );
    assert_eq!(residual.open, [Element::Sensitivity].into());
    assert_eq!(decision.residual.len(), 1);
}

/// Whatever cannot be evaluated denies, even beside a permit that could.
#[test]
fn what_cannot_be_evaluated_denies() {
    for (element, value) in [
        ("purposes", json!(["NONE"])),
        ("purposes", json!([])),
        ("actors", json!([])),
        ("codes", json!([])),
        ("sensitivity", json!(["NONE"])),
        ("categories", json!(["none"])),
        ("data_period", json!({"start": 2, "end": 2})),
        ("period", json!({"start": 2, "end": 1})),
        ("min_grid_s", json!(0)),
        ("actors", (0..33).map(|n| json!(format!("org:o{n}"))).collect()),
    ] {
        error(&deny_with(element, value), json!({}), &["no context"]);
    }
    let mut broken = nested();
    broken[0]["provision"][1]["provision"][1]["match"]["purposes"] = json!(["NONE"]);
    error(&broken, json!({}), &["ward provision[1].provision[1]"]);
    broken[0]["status"] = json!("withdrawn");
    nothing(&broken, json!({}));
    let mut broken = nested();
    broken[0]["provision"][2]["match"]["devices"] = json!([]);
    error(&broken, json!({}), &["ward provision[2]"]);
    broken[0]["period"] = json!({"start": 6000});
    nothing(&broken, json!({}));
    broken[0]["period"] = json!({"start": 6000, "end": 6000});
    error(&broken, json!({}), &["ward context"]);
    let mut many = ward();
    many["provision"] = vec![json!({"match": {"codes": ["8310-5"]}}); 17].into();
    error(&json!([many]), json!({}), &["ward context"]);
    let exceptions = vec![json!({"match": {"codes": ["8310-5"]}}); 9];
    many["provision"] = json!([{"match": {"codes": ["8310-5"]}, "provision": exceptions}]);
    error(&json!([many]), json!({}), &["ward provision[0]"]);
}

#[test]
fn a_request_that_cannot_be_evaluated_is_denied() {
    error(&json!([ward()]), json!({"purpose": "NONE"}), &[]);
    error(&json!([ward()]), json!({"record": {"window": {"start": 2, "end": 2}}}), &[]);
    // A label or code that the policies do not know matters where a directive asks for it.
    let label = json!({"record": {"sensitivity": ["NONE"]}});
    permits(&json!([ward()]), label.clone(), &["ward context"]);
    error(&deny_with("sensitivity", json!(["PSY"])), label, &["no context"]);
    let code = json!({"record": {"code": "2708-6"}});
    permits(&json!([ward()]), code.clone(), &["ward context"]);
    error(&deny_with("categories", json!(["activity"])), code, &["no context"]);
}

/// A code or label that the policies do not know denies where the decision hangs on it, and only there:
/// what is definite before the record is known, stays so.
#[test]
fn what_the_policies_do_not_know_matters_where_the_decision_hangs_on_it() {
    let code = || json!({"record": {"code": "2708-6"}});
    let labels = |labels: Value| json!({"record": {"sensitivity": labels}});
    let mut elsewhere = deny_with("categories", json!(["activity"]));
    elsewhere[1]["context"]["actors"] = json!(["org:Org2MSP"]);
    for told in [code(), json!({"record": {"code": null}})] {
        permits(&elsewhere, told, &["ward context"]);
    }
    error(
        &elsewhere,
        json!({"actor": {"org": "Org2MSP"}, "record": {"code": "2708-6"}}),
        &["no context"],
    );
    // A label that is known to be asked for is, whatever else the record has.
    let psychiatric = deny_with("sensitivity", json!(["PSY"]));
    denies(&psychiatric, labels(json!(["NONE", "PSY"])), &["no context"]);
    error(&psychiatric, labels(json!(["NONE", "HIV"])), &["no context"]);
    // Another deny decides by itself, and a permit needs no second one.
    let mut denied = psychiatric.clone();
    denied.as_array_mut().unwrap().push(json!({"id": "all", "decision": "deny"}));
    denies(&denied, labels(json!(["NONE"])), &["all context"]);
    let activity = ward_with("categories", json!(["activity"]));
    error(&activity, code(), &["ward context"]);
    let mut two = json!([activity[0], activity[0]]);
    two[0]["id"] = json!("other");
    error(&two, code(), &["other context", "ward context"]);
    two[0]["context"] = ward()["context"].clone();
    permits(&two, code(), &["other context"]);
    // In exceptions, and in what restores them.
    let mut but = ward();
    but["provision"] = json!([
        {"match": {"codes": ["8310-5"]}},
        {"match": {"categories": ["activity"]}},
    ]);
    error(&json!([but]), code(), &["ward provision[1]"]);
    but["provision"][1] = json!({"match": {"purposes": ["TREAT"]}, "provision": [
        {"match": {"actors": ["org:Org2MSP"]}},
        {"match": {"categories": ["activity"]}},
    ]});
    error(&json!([but]), code(), &["ward provision[1].provision[1]"]);
    // Before the rest of the record is known, it is for the record to say where it can.
    open(&activity_or_coarse(), json!({"record": {"code": "2708-6", "grid_s": null}}), &[]);
    let mut no = activity_or_coarse();
    no[0]["decision"] = json!("deny");
    error(&no, json!({"record": {"code": "2708-6", "grid_s": null}}), &["activity context"]);
}

/// Two directives: one about activity, and a permit of coarse windows.
fn activity_or_coarse() -> Value {
    let (mut activity, coarse) =
        (ward_with("categories", json!(["activity"])), ward_with("min_grid_s", json!(3600)));
    activity[0]["id"] = json!("activity");
    json!([activity[0], coarse[0]])
}

/// An agreement settles what terms ask for, not what cannot be evaluated.
#[test]
fn terms_on_what_cannot_be_evaluated_are_an_error() {
    let code = || json!({"record": {"code": "2708-6"}});
    let mut bound = ward_with("categories", json!(["activity"]));
    bound[0]["terms"] = json!({"offer": "o-1", "version": 1});
    error(&bound, code(), &["ward context"]);
    let mut agreeable = ward();
    agreeable["id"] = json!("bound");
    agreeable["terms"] = json!({"offer": "o-1", "version": 1});
    let given = json!([bound[0], agreeable]);
    check(&given, code(), Outcome::Deny, Reason::AgreementRequired, &["bound context"]);
}

#[test]
fn obligations_are_those_of_all_that_permit() {
    let mut given = json!([ward(), ward(), ward()]);
    given[0]["obligations"] = json!(["ENCRYPT", "AOD"]);
    given[1]["obligations"] = json!(["NORELINK", "AOD"]);
    given[2]["obligations"] = json!(["DELAU"]);
    given[2]["context"]["actors"] = json!(["org:Org2MSP"]);
    let oblige = |given: &Value, changes: Value| -> Vec<String> {
        let decision =
            decide(&Policies::default(), &directives(given.clone()), &request(changes), 0);
        decision.obligations.iter().map(ToString::to_string).collect()
    };
    assert_eq!(oblige(&given, json!({})), ["AOD", "ENCRYPT", "NORELINK"]);
    assert_eq!(oblige(&given, json!({"purpose": "HRESCH"})), [""; 0], "denied");
    let research = ward_with("purposes", json!(["HRESCH"]));
    assert_eq!(oblige(&research, json!({"purpose": "DSRCH"})), ["MINEC"]);
}

/// A directive with terms denies as any other, and permits nothing by itself.
#[test]
fn terms_permit_nothing_by_themselves() {
    let terms = json!({"offer": "o-1", "version": 1});
    let with_terms = |mut directive: Value| {
        directive["terms"] = terms.clone();
        directive
    };
    let mut bound = with_terms(ward());
    bound["id"] = json!("bound");
    bound["obligations"] = json!(["NORELINK"]);
    let agree = |given: &Value, changes: Value, by: &[&str]| {
        check(given, changes, Outcome::Deny, Reason::AgreementRequired, by);
    };
    agree(&json!([bound]), json!({}), &["bound context"]);
    nothing(&json!([bound]), json!({"purpose": "HRESCH"}));
    permits(&json!([bound, ward()]), json!({}), &["ward context"]);
    let both = directives(json!([bound, ward()]));
    let decision = decide(&Policies::default(), &both, &request(json!({})), 5000);
    assert!(decision.obligations.is_empty(), "those of what permits");
    let mut narrow = bound.clone();
    narrow["context"]["codes"] = json!(["8867-4"]);
    agree(&json!([narrow]), json!({"record": {"code": null}}), &[]);
    denies(
        &json!([with_terms(deny_with("actions", json!(["access"]))[1].clone()), ward()]),
        json!({}),
        &["no context"],
    );
    let mut but = bound.clone();
    but["provision"] = json!([{"match": {"sensitivity": ["PSY"]}}]);
    denies(
        &json!([but, ward()]),
        json!({"record": {"sensitivity": ["PSY"]}}),
        &["bound provision[0]"],
    );
    let unknown = json!({"record": {"sensitivity": null}});
    open(&json!([but, ward()]), unknown.clone(), &["ward context"]);
    agree(&json!([but]), unknown.clone(), &[]);
    let given = directives(json!([but, ward()]));
    let decision = decide(&Policies::default(), &given, &request(unknown), 5000);
    let [residual] = &decision.residual[..] else { panic!("{decision:?}") };
    assert_eq!((residual.permits, residual.denies), (false, true), "it can come to deny alone");
}

#[test]
fn kinds_of_requesters_are_decided_together_where_they_agree() {
    let request = request(json!({}));
    let policies = Policies::default();
    let outcome = |given: &Value, actor: &str| {
        let given = directives(given.clone());
        let actor = actor.parse().unwrap();
        let question = Question { who: Who::Any(&actor), ..Question::from(&request) };
        Rules::prepare(&policies, &given).answer(question, 5000).outcome
    };
    let given = json!([ward()]);
    assert_eq!(outcome(&given, "unit:ward@Org1MSP"), Outcome::Permit);
    assert_eq!(outcome(&given, "org:Org1MSP"), Outcome::Conditional, "some are of the ward");
    assert_eq!(outcome(&given, "role:practitioner"), Outcome::Conditional);
    assert_eq!(outcome(&given, "unit:ward@Org2MSP"), Outcome::Deny);
    let mut given = json!([ward(), ward()]);
    given[0]["context"]["actors"] = json!(["org:Org1MSP"]);
    given[1]["decision"] = json!("deny");
    assert_eq!(outcome(&given, "unit:ward@Org1MSP"), Outcome::Deny);
    assert_eq!(outcome(&given, "org:Org1MSP"), Outcome::Conditional, "but for the ward");
}

#[test]
fn an_explanation_names_what_nearly_decided() {
    let mut expired = ward();
    expired["id"] = json!("expired");
    expired["period"] = json!({"start": 0, "end": 10});
    let mut far = ward();
    far["context"] = json!({"actors": ["org:Org2MSP"], "purposes": ["HRESCH"]});
    let mut research = ward_with("purposes", json!(["HRESCH"]))[0].clone();
    research["id"] = json!("research");
    let given = directives(json!([far, research, expired]));
    let policies = Policies::default();
    let explained = Rules::prepare(&policies, &given);
    let explained = explained.explain(Question::from(&request(json!({}))), 5000);
    assert_eq!(explained.decision.reason, Reason::NoApplicableConsent);
    let near: Vec<(&str, Element)> =
        explained.near_misses.iter().map(|it| (it.directive.as_str(), it.failed)).collect();
    assert_eq!(near, [("expired", Element::Period), ("research", Element::Purposes)]);
}

/// What is an exception to nothing that matches is not near.
#[test]
fn an_explanation_names_the_exceptions_that_nearly_did() {
    let near = |given: &Value, changes: Value| -> Vec<String> {
        let (given, policies) = (directives(given.clone()), Policies::default());
        let explained = Rules::prepare(&policies, &given);
        let explained = explained.explain(Question::from(&request(changes)), 5000);
        let told = explained.near_misses.iter();
        told.map(|it| format!("{} {} {:?}", it.directive, it.path, it.failed)).collect()
    };
    let but = json!([{"id": "no", "decision": "deny", "provision": [
        {"match": {"actors": ["unit:ward@Org1MSP"], "purposes": ["HRESCH"]}, "provision": [
            {"match": {"sensitivity": ["PSY"]}},
        ]},
        {"match": {"actors": ["org:Org2MSP"], "purposes": ["HRESCH"]}},
        {"match": {"actors": ["org:Org1MSP"], "purposes": ["TREAT"]}, "provision": [
            {"match": {"codes": ["8310-5"]}},
            {"match": {"codes": ["8310-5"], "confidentiality": "R"}},
        ]},
    ]}]);
    assert_eq!(
        near(&but, json!({})),
        ["no provision[0] Purposes", "no provision[2].provision[0] Codes"]
    );
    let mut elsewhere = but.clone();
    elsewhere[0]["context"] = json!({"actors": ["org:Org2MSP"]});
    assert_eq!(near(&elsewhere, json!({})), ["no context Actors"]);
    elsewhere[0]["context"]["purposes"] = json!(["HRESCH"]);
    assert_eq!(near(&elsewhere, json!({})), [""; 0]);
    let research = json!({"match": {"purposes": ["HRESCH"]}});
    let directives = (0..64).map(
        |n| json!({"id": format!("d{n}"), "decision": "deny", "provision": vec![&research; 16]}),
    );
    assert_eq!(near(&directives.collect(), json!({})).len(), 256, "an answer stays small");
}
