//! What a patient decides, what follows from it, and who looked.

use crate::common::now_ms;
use crate::devices::time;
use crate::people::Cast;
use crate::shell::Shell;
use serde_json::{Value, json};

pub(crate) fn decided_and_explained(shell: &Shell, cast: &Cast) {
    let sid = &cast.sid;
    let read = format!("clinician read {sid} --days 2");
    let outcome = |who: &str| shell.word(who, &read, "/access/outcome");
    assert_eq!(outcome("doctor"), "DENY");
    assert_eq!(shell.ok("patient", "patient who-can"), json!({"accesses": [], "more": false}));

    let draft = shell.ok("patient", "patient share --with care_team --id team --print");
    shell.file("team.json", &draft.to_string());
    let findings = shell.ok("patient", "patient validate team.json");
    assert_eq!(findings["errors"], json!([]));
    let doctor = shell.pid("doctor");
    shell.ok("patient", &format!("patient care-team add pid:{doctor} unit:closed@Org1MSP"));
    shell.ok("patient", "patient care-team remove unit:closed@Org1MSP");
    let team = shell.ok("patient", "patient care-team list");
    assert_eq!(team["care_team"], json!([format!("pid:{doctor}")]));
    let simulated =
        shell.ok("patient", &format!("patient simulate --put team.json --who pid:{doctor}"));
    let at = |pointer: &str| simulated.pointer(pointer).cloned().unwrap_or(Value::Null);
    assert_eq!(at("/outcomes/0/before/decision/outcome"), "DENY");
    assert_eq!(at("/outcomes/0/after/decision/outcome"), "PERMIT");
    assert_eq!(outcome("doctor"), "DENY", "a simulation changes nothing");

    shell.ok("patient", "patient put team.json");
    shell.refused("patient", "patient put team.json", "CONSENT_CONFLICT");
    let told = shell.run("patient", "patient put team.json").unwrap_err();
    assert!(told.contains("\"retry\": \"reread\""), "{told}");
    shell.ok("patient", "patient put team.json --replaces 1");
    let versions = shell.ok("patient", "patient consent --versions-of team");
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2);
    assert_eq!((outcome("doctor"), outcome("colleague")), ("PERMIT".into(), "DENY".into()));
    step_by_step(shell, cast);
    explained(shell, &doctor);
    acted(shell, cast);

    for (release, status) in [("r4", "provision"), ("R5", "decision")] {
        let bundle = shell.ok("patient", &format!("patient export --fhir {release}"));
        assert_eq!(bundle["resourceType"], "Bundle");
        assert!(bundle.to_string().contains(status), "{bundle}");
    }
    shell.ok("patient", "patient deny --to org:Org1MSP --purpose TREAT --id not-the-hospital");
    assert_eq!(outcome("doctor"), "DENY");
    let typo = shell.ok("patient", "patient withdraw not-the-hostpital");
    assert_eq!(typo["in_force"], json!(["not-the-hospital", "team"]));
    warned(shell);
    let left = shell.ok("patient", "patient withdraw not-the-hospital --entered-in-error");
    assert_eq!(left["in_force"], json!(["team"]));
    assert_eq!(outcome("doctor"), "PERMIT");
    for (change, back) in [("pause", "resume"), ("pause --emergency-only", "resume")] {
        shell.ok("patient", &format!("patient {change}"));
        assert_eq!(outcome("doctor"), "DENY");
        shell.ok("patient", &format!("patient {back}"));
    }
    researched(shell, sid);
    shell.ok("patient", "patient withdraw");
    assert_eq!(outcome("doctor"), "DENY");
    let looked = shell.ok("patient", "patient who-looked");
    let looked = looked.as_array().unwrap();
    assert!(looked.iter().any(|it| it["who"] == shell.pid("colleague").as_str()), "{looked:?}");
    let justified = looked.iter().any(|it| it.pointer("/occasion/justification").is_some());
    assert!(justified, "{looked:?}");
    shell.refused("doctor", "patient who-looked", "ROLE_NOT_PERMITTED");
}

/// What is wrong with a directive is told before it is written, what to know about it when it is.
fn warned(shell: &Shell) {
    let share = "patient share --with org:Org1MSP --purpose TREAT --id wide";
    let told = shell.ok("patient", share);
    let codes: Vec<&Value> =
        told["warnings"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert_eq!(codes, ["SHADOWED", "BROAD_PERMIT"], "{told}");
    shell.ok("patient", "patient withdraw wide");
    let text = shell.told("patient", "patient share --with org:Org1MSP --id wide-again");
    assert!(text.contains("ioht: warning: a deny in force makes it void (SHADOWED"), "{text}");
    assert!(text.contains("ioht: warning: it is a permit to many"), "{text}");
    shell.ok("patient", "patient withdraw wide-again");
    let quiet = shell.ok("patient", "patient deny --to org:Org3MSP --id quiet");
    assert_eq!(quiet["warnings"], json!([]));
    shell.ok("patient", "patient withdraw quiet");

    let unsound = json!({"id": "unsound", "decision": "permit", "context": {"actors": []},
        "provision": [{"match": {}}]});
    shell.file("unsound.json", &unsound.to_string());
    shell.refused("patient", "patient put unsound.json", "CONSENT_INVALID");
    let told = shell.run("patient", "patient put unsound.json").unwrap_err();
    for code in [
        "\"retry\": \"mend\"",
        "EMPTY_SET",
        "EMPTY_MATCHER",
        "PERMIT_WITHOUT_PURPOSE",
        "\"findings\"",
    ] {
        assert!(told.contains(code), "{code}: {told}");
    }
    let view = shell.ok("patient", "patient consent --versions-of unsound");
    assert!(!view.to_string().contains("unsound"), "nothing was written: {view}");
}

fn step_by_step(shell: &Shell, cast: &Cast) {
    let Cast { sid, other } = cast;
    shell.file("why.txt", "palpitations at night");
    let request = format!("clinician request {sid} {other} --days 2 --why why.txt");
    let access = shell.word("doctor", &request, "/0/access");
    let denied = shell.word("doctor", &request, "/1/access");
    let status = format!("clinician status {other} {denied}");
    assert_eq!(shell.word("doctor", &status, "/outcome"), "DENY");
    let status = format!("clinician status {sid} {access}");
    assert_eq!(shell.word("doctor", &status, "/outcome"), "PERMIT");
    shell.refused("colleague", &status, "TICKET_NOT_VISIBLE");
    needed(shell, sid);
    let disclosure =
        shell.word("doctor", &format!("clinician open {sid} {access} --minutes 5"), "/disclosure");
    let records = shell.ok("doctor", &format!("clinician records {sid} {disclosure} --days 1"));
    let found = records.pointer("/records").and_then(Value::as_array).unwrap();
    assert!(found.len() >= 2, "{records}");
}

/// An access ends when it is no longer needed, or else in thirty days at most.
fn needed(shell: &Shell, sid: &str) {
    let soon = (now_ms() / 1000 + 3600) * 1000;
    let request = |end: i64| format!("clinician request {sid} --needed-until {}", time(end));
    let access = shell.word("doctor", &request(soon), "/0/access");
    let told = shell.ok("doctor", &format!("clinician status {sid} {access}"));
    assert_eq!(told["until"], soon);
    shell.refused("doctor", &request(1000), "`until` lies in the future");
}

/// What is permitted for one action is not for another.
fn acted(shell: &Shell, cast: &Cast) {
    let share = "patient share --with unit:ward@Org1MSP --purpose TREAT --id looks --print";
    let mut draft = shell.ok("patient", share);
    draft["context"]["actions"] = json!(["access"]);
    shell.file("looks.json", &draft.to_string());
    shell.ok("patient", "patient put looks.json");
    let who = format!("--who pid:{}", shell.pid("colleague"));
    for (action, outcome) in [("access", "PERMIT"), ("use", "DENY"), ("disclose", "DENY")] {
        let read = format!("clinician read {} --days 2 --action {action}", cast.sid);
        assert_eq!(shell.word("colleague", &read, "/access/outcome"), outcome, "{action}");
        let asked = format!("{who} --action {action}");
        let told = shell.word("patient", &format!("patient explain {asked}"), "/decision/outcome");
        assert_eq!(told, outcome, "{action}");
        let simulate = format!("patient simulate --end looks {asked}");
        for (at, outcome) in [("before", outcome), ("after", "DENY")] {
            let told =
                shell.word("patient", &simulate, &format!("/outcomes/0/{at}/decision/outcome"));
            assert_eq!(told, outcome, "{action} {at}");
        }
    }
    shell.ok("patient", "patient withdraw looks");
    assert!(shell.told("patient", "patient who-looked").contains(" to disclose for TREAT: DENY"));
}

fn explained(shell: &Shell, doctor: &str) {
    let explain = |who: &str| {
        let told = shell.ok("patient", &format!("patient explain --who {who}"));
        told.pointer("/decision/outcome").cloned().unwrap()
    };
    assert_eq!(explain(&format!("pid:{doctor}")), "PERMIT");
    assert_eq!(explain("role:researcher"), "CONDITIONAL");
    assert_eq!(explain("care_team"), "PERMIT");
    let can = shell.ok("patient", "patient who-can --code 8867-4");
    assert_eq!(can.pointer("/accesses/0/actor").unwrap(), "care_team");
}

fn researched(shell: &Shell, sid: &str) {
    let read = |grid: u32| {
        let told = shell.ok("researcher", &format!("researcher read {sid} --grid {grid}"));
        (
            told["access"]["outcome"].clone(),
            told["access"]["reason"].clone(),
            told["records"].clone(),
        )
    };
    assert_eq!(read(300).0, "DENY");
    let study = "--with role:researcher --purpose HRESCH --terms heart@1 --id study";
    shell.ok("patient", &format!("patient share {study}"));
    assert_eq!(read(300).1, "AGREEMENT_REQUIRED");
    shell.ok("patient", "patient choose research-yes");
    assert_eq!(read(300).2, json!([]), "five minutes are finer than an hour");
    shell.ok("patient", "patient choose research-no");
    assert_eq!(read(3600).0, "DENY");
}
