//! What the command says without a network.

use crate::shell::{ioht, text};

#[test]
fn every_role_has_help() {
    let top = text(&ioht(&["--help"]).stdout);
    for role in [
        "whoami",
        "recording",
        "patient",
        "delegate",
        "device",
        "clinician",
        "researcher",
        "registrar",
        "privacy-officer",
        "admin",
    ] {
        assert!(top.contains(role), "{top}");
        let help = ioht(&[role, "--help"]);
        assert!(help.status.success(), "{role}");
        assert!(text(&help.stdout).contains("--json"), "{role}");
    }
    let issue = text(&ioht(&["patient", "device", "command", "issue", "--help"]).stdout);
    assert!(issue.contains("Example: ioht patient device command issue"), "{issue}");
}

#[test]
fn what_is_missing_or_malformed_is_told() {
    let check = |words: &str, said: &str| {
        let arguments: Vec<&str> = words.split(' ').collect();
        let output = ioht(&arguments);
        assert!(!output.status.success(), "{words}");
        let told = text(&output.stderr);
        assert!(told.contains(said), "{words}: {told}");
    };
    check("whoami", "--profile FILE");
    check("whoami --profile /nowhere/me.toml", "/nowhere/me.toml cannot be read");
    check("clinician read nobody", "32 lower-case hexadecimal digits");
    check("service read nobody", "32 lower-case hexadecimal digits");
    let sid = "5151515151515151515151515151515a";
    check(&format!("clinician read {sid} --code 8867-5"), "LOINC");
    check("patient share", "--with");
    check("patient share --with everybody", "an actor is");
    check("patient share --with care_team --terms study", "OFFER@VERSION");
    check("patient who-looked --from yesterday", "2026-01-31T08:00:00Z");
    check("patient export --fhir r3", "expected `R4` or `R5`");
    check("patient device command confirm 7", "device, time and id");
    check("patient delegate add --certificate a.pem --kind friend", "unknown variant `friend`");
    check("demo --json", "leave --json out");
    check(&format!("clinician read {sid} --action look"), "unknown variant `look`");
    check("admin suspend", "--staff");
    check("admin suspend --unit ward --organization", "cannot be used with");
    check("device commands --days -1", "-1");
}
