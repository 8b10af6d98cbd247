//! Organisations, their people, and patients.

use crate::shell::Shell;

/// Patients with their subject ids, and devices with their participant ids.
pub(crate) struct Cast {
    /// The first patient's subject id.
    pub(crate) sid: String,
    /// The second's.
    pub(crate) other: String,
}

pub(crate) fn organisations(shell: &Shell) {
    for (msp, who, kind) in [
        ("Org1MSP", "hospital", "custodian"),
        ("Org2MSP", "clinic", "custodian"),
        ("Org3MSP", "authority", "regulator"),
    ] {
        shell.enrol_admin(msp, who);
        shell.ok(who, &format!("admin register {kind}"));
    }
    shell.ok("hospital", "admin add-unit ward --name Cardiology");
    shell.ok("hospital", "admin add-unit closed --parent ward");
    for (admin, msp, who, at) in [
        ("hospital", "Org1MSP", "registrar", "--role registrar"),
        ("hospital", "Org1MSP", "doctor", "--role practitioner --unit ward"),
        ("hospital", "Org1MSP", "colleague", "--role practitioner --unit ward"),
        ("hospital", "Org1MSP", "researcher", "--role researcher"),
        ("clinic", "Org2MSP", "officer", "--role privacy_officer"),
        ("authority", "Org3MSP", "inspector", "--role privacy_officer"),
    ] {
        shell.enrol(msp, &format!("s-{who}"), who);
        let staff = shell.word(admin, &format!("admin add-staff s-{who} {at}"), "/staff");
        assert_eq!(staff, shell.pid(who));
    }
    shell.ok("hospital", "admin deactivate --unit closed");
    let active = |who| shell.ok(who, "whoami").pointer("/staff/active").cloned().unwrap();
    shell.ok("hospital", "admin suspend --unit ward");
    assert_eq!(active("doctor"), false);
    shell.ok("hospital", "admin reactivate --unit ward");
    assert_eq!(active("doctor"), true);
    let colleague = shell.pid("colleague");
    shell.ok("hospital", &format!("admin suspend --staff {colleague}"));
    assert_eq!((active("doctor"), active("colleague")), (true.into(), false.into()));
    shell.ok("hospital", &format!("admin reactivate --staff {colleague}"));
    let both = "--unit ward --role practitioner --role researcher";
    shell.ok("hospital", &format!("admin change-staff {colleague} {both}"));
    let roles = shell.ok("colleague", "whoami").pointer("/staff/roles").cloned().unwrap();
    assert_eq!(roles.as_array().unwrap().len(), 2);
    shell.refused(
        "doctor",
        &format!("admin change-staff {colleague} {both}"),
        "ROLE_NOT_PERMITTED",
    );
    shell.ok("clinic", "admin suspend --organization");
    assert_eq!(active("officer"), false);
    shell.ok("clinic", "admin reactivate --organization");
    shell.refused("clinic", &format!("admin suspend --staff {colleague}"), "OUTSIDE_AUTHORITY");
    shell.refused("doctor", "admin add-unit mine", "ROLE_NOT_PERMITTED");
}

fn patient(shell: &Shell, who: &str) -> String {
    shell.enrol("Org1MSP", &format!("p-{who}"), who);
    shell.word("registrar", &format!("registrar register --certificate {who}.pem"), "/sid")
}

pub(crate) fn patients(shell: &Shell) -> Cast {
    let (sid, other) = (patient(shell, "patient"), patient(shell, "other"));
    shell.ok("patient", "patient confirm");
    shell.unread("patient", "whoami");
    shell.ok("other", "patient confirm");
    shell.refused("patient", "patient confirm", "NOT_PENDING");
    let mistaken = patient(shell, "mistaken");
    shell.ok("registrar", &format!("registrar cancel {mistaken}"));
    shell.refused("mistaken", "patient confirm", "NOT_PENDING");
    shell.refused("registrar", &format!("registrar cancel {sid}"), "OUTSIDE_AUTHORITY");
    shell.refused("doctor", "registrar register --certificate other.pem", "ROLE_NOT_PERMITTED");
    suspended(shell, &other);
    Cast { sid, other }
}

/// A suspended patient still reads and pauses, but lets nobody else in.
fn suspended(shell: &Shell, other: &str) {
    let status = |expected: &str| {
        assert_eq!(shell.word("other", "whoami", "/patient/status"), expected);
    };
    let [suspend, reactivate] =
        ["suspend", "reactivate"].map(|it| format!("registrar {it} {other}"));
    shell.refused("doctor", &suspend, "ROLE_NOT_PERMITTED");
    shell.ok("registrar", &suspend);
    status("suspended");
    shell.refused("other", "patient share --with org:Org1MSP", "INACTIVE");
    shell.ok("other", "patient pause");
    shell.refused("other", "patient resume", "INACTIVE");
    shell.ok("registrar", &reactivate);
    status("active");
    shell.ok("other", "patient resume");
    let unknown = reactivate.replace(other, "5151515151515151515151515151515a");
    shell.refused("registrar", &unknown, "SUBJECT_UNKNOWN");
}

/// Those who watch over others.
pub(crate) fn supervised(shell: &Shell, cast: &Cast) {
    shell.ok("officer", "privacy-officer suspend --organization Org1MSP");
    shell.refused("doctor", &format!("clinician read {}", cast.sid), "INACTIVE");
    shell.refused("hospital", "admin reactivate --organization", "SUSPENSION_HELD");
    shell.ok("officer", "privacy-officer reactivate --organization Org1MSP");
    shell.refused("doctor", "privacy-officer suspend --organization Org2MSP", "ROLE_NOT_PERMITTED");
    let watch = shell.pid("watch");
    shell.ok("inspector", &format!("privacy-officer suspend --device {watch}"));
    shell.refused("other", &format!("patient device resume {watch}"), "SUSPENSION_HELD");
    shell.ok("inspector", &format!("privacy-officer reactivate --device {watch}"));
    shell.ok("patient", "patient share --with org:Org1MSP --id everybody");
    let revoke = format!("privacy-officer revoke-consent {} everybody --reason", cast.sid);
    shell.refused("officer", &format!("{revoke} court_order"), "OUTSIDE_AUTHORITY");
    shell.ok("inspector", &format!("{revoke} unlawfully_obtained"));
    let consent = shell.ok("patient", "patient consent --versions-of everybody");
    assert_eq!(consent["directives"], serde_json::json!([]));
    let versions = consent["versions"].as_array().unwrap();
    assert_eq!(versions.last().unwrap()["reason"], "unlawfully_obtained");
}
