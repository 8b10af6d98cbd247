//! Those who act for a patient, and how that ends.

use crate::people::Cast;
use crate::shell::Shell;
use serde_json::{Value, json};

pub(crate) fn act_and_end(shell: &Shell, cast: &Cast) {
    let sid = &cast.sid;
    let act = |words: &str| format!("delegate --for {sid} {words}");
    shell.enrol("Org1MSP", "c-aunt", "aunt");
    shell.refused("aunt", "delegate journal", "--for SUBJECT");
    shell.refused("aunt", &act("accept"), "IDENTITY_UNKNOWN");
    let add = "patient delegate add --certificate aunt.pem --kind caregiver --power view --days 30";
    let aunt = shell.word("patient", add, "/delegate");
    assert_eq!(aunt, shell.pid("aunt"));
    shell.refused("aunt", &act("read"), "ROLE_NOT_PERMITTED");
    shell.ok("aunt", &act("accept"));
    let told = shell.ok("aunt", &format!("whoami --for {sid}"));
    assert_eq!(told.pointer("/delegations/0/delegation/powers"), Some(&json!(["view"])));

    assert_eq!(shell.word("aunt", &act("read --days 2"), "/access/outcome"), "PERMIT");
    shell.ok("aunt", &act("who-looked"));
    // It may look, and nothing else.
    for words in ["pause", "consent", "withdraw", "device list", "device pause", "care-team list"] {
        shell.refused("aunt", &act(words), "ROLE_NOT_PERMITTED");
    }
    shell.ok("patient", &format!("patient delegate end {aunt}"));
    for words in ["read", "journal", "who-looked"] {
        shell.refused("aunt", &act(words), "ROLE_NOT_PERMITTED");
    }

    let again = add.replace("--power view", "--power consent --power view --power devices");
    shell.ok("patient", &again);
    shell.ok("aunt", &act("accept"));
    shell.refused("patient", &again, "DELEGATION_EXISTS");
    shell.ok("aunt", &act("pause"));
    shell.ok("aunt", &act("resume"));
    shell.ok("aunt", &act("share --with care_team --id by-aunt"));
    shell.ok("aunt", &act("withdraw by-aunt"));
    shell.ok("aunt", &act("device list"));
    let listed = shell.ok("patient", "patient delegate list");
    assert_eq!(listed.pointer("/delegations/0/status"), Some(&json!("active")));
    let journal = shell.ok("aunt", &act("journal"));
    let names: Vec<&Value> = journal.as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert!(names.contains(&&json!("PutConsent")), "{names:?}");
    shell.ok("aunt", &act("end"));
    shell.refused("aunt", &act("pause"), "ROLE_NOT_PERMITTED");
    let journal = shell.ok("patient", "patient journal");
    let by_aunt = journal.as_array().unwrap().iter().filter(|it| it["by"] == aunt.as_str());
    assert!(by_aunt.clone().count() >= 5, "{journal}");
    assert!(by_aunt.clone().all(|it| it["role"] == "delegate"), "{journal}");
    guarded(shell, cast);
}

fn guarded(shell: &Shell, cast: &Cast) {
    let sid = &cast.other;
    shell.enrol("Org1MSP", "c-parent", "parent");
    shell.file("court.txt", "the court's order");
    let order = format!(
        "{sid} --certificate parent.pem --power view --power consent --evidence court.txt \
         --from 2026-01-01T00:00:00Z --until 2280-01-01T00:00:00Z"
    );
    let propose = format!("registrar propose-guardian {order}");
    let agree = format!("privacy-officer agree-guardian {order} --msp Org1MSP");
    let parent = shell.word("registrar", &propose, "/delegate");
    let accept = format!("delegate --for {sid} accept");
    shell.refused("parent", &accept, "NOT_PROPOSED");
    shell.refused("registrar", &agree, "ROLE_NOT_PERMITTED");
    // Not as this officer's order has it.
    shell.refused("officer", &format!("{agree} --power control"), "NOT_PROPOSED");
    shell.ok("officer", &agree);
    shell.ok("parent", &accept);
    shell.ok("parent", &format!("delegate --for {sid} choose care-team"));
    shell.refused("other", &format!("patient delegate end {parent}"), "OUTSIDE_AUTHORITY");
    shell.ok("registrar", &format!("registrar end-guardian {sid} {parent}"));
    shell.refused("parent", &format!("delegate --for {sid} pause"), "ROLE_NOT_PERMITTED");
    shell.ok("registrar", &propose);
    shell.ok("officer", &format!("privacy-officer end-guardian {sid} {parent}"));
}
