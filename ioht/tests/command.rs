//! The command: what it tells, and what it says when it cannot.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::World;
use std::path::Path;
use std::process::{Command, Output};

fn ioht(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ioht"))
        .env_remove("IOHT_PROFILE")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_role_has_help() {
    let top = text(&ioht(&["--help"]).stdout);
    for role in
        ["whoami", "patient", "clinician", "researcher", "delegate", "registrar", "admin", "device"]
    {
        assert!(top.contains(role), "{top}");
        let help = ioht(&[role, "--help"]);
        assert!(help.status.success(), "{role}");
        assert!(text(&help.stdout).contains("--json"), "{role}");
    }
    let patient = text(&ioht(&["patient", "--help"]).stdout);
    for command in
        ["confirm", "share", "choose", "pause", "resume", "withdraw", "who-looked", "records"]
    {
        assert!(patient.contains(command), "{patient}");
    }
}

#[test]
fn what_is_missing_or_malformed_is_told() {
    let check = |arguments: &[&str], said: &str| {
        let output = ioht(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        let told = text(&output.stderr);
        assert!(told.contains(said), "{told}");
    };
    check(&["whoami"], "--profile FILE");
    check(&["whoami", "--profile", "/nowhere/me.toml"], "/nowhere/me.toml cannot be read");
    check(&["clinician", "read", "nobody"], "32 lower-case hexadecimal digits");
    let sid = "5151515151515151515151515151515a";
    check(&["clinician", "read", sid, "--code", "8867-5"], "LOINC");
    check(&["patient", "share"], "--with");
    check(&["patient", "share", "--with", "everybody"], "an actor is");
    check(&["patient", "who-looked", "--from", "yesterday"], "2026-01-31T08:00:00Z");
}

/// A profile file for a new client of the hospital, and its key and certificate.
fn profile(world: &World, folder: &Path, enrolment_id: &str) -> String {
    let devnet = world.stack.devnet();
    let request = fabric_devnet::EnrollRequest::client("Org1MSP", enrolment_id);
    let enrolled = devnet.enroll(&request).unwrap();
    let gateway = devnet.gateway("Org1MSP").unwrap();
    let file = |name: &str, content: &str| {
        std::fs::write(folder.join(format!("{enrolment_id}-{name}")), content).unwrap();
        format!("{enrolment_id}-{name}")
    };
    let certificate = file("cert.pem", &enrolled.certificate_pem);
    let key = file("key.pem", enrolled.private_key_pem.as_deref().unwrap());
    let root = file("root.pem", &gateway.tls_root_pem);
    let profile = format!(
        "gateway = \"{}\"\nserver_name = \"{}\"\ntls_root = \"{root}\"\nmsp_id = \"Org1MSP\"\n\
         certificate = \"{certificate}\"\nprivate_key = \"{key}\"\n",
        gateway.address, gateway.host_name
    );
    let path = folder.join(format!("{enrolment_id}.toml"));
    std::fs::write(&path, profile).unwrap();
    path.to_str().unwrap().to_owned()
}

/// From registration to the accounting, each step by the command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patient_shares_and_sees_who_looked() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    common::employ(&world.hospital, "c-doctor", ioht_contract::StaffRole::Practitioner).await;
    common::employ(&world.hospital, "c-registrar", ioht_contract::StaffRole::Registrar).await;
    let [patient, doctor, registrar] =
        ["c-patient", "c-doctor", "c-registrar"].map(|id| profile(&world, folder.path(), id));
    let run = |profile: &str, arguments: &[&str]| -> Result<serde_json::Value, String> {
        let mut all = vec!["--json", "--profile", profile];
        all.extend(arguments);
        let output = tokio::task::block_in_place(|| ioht(&all));
        if output.status.success() {
            Ok(serde_json::from_slice(&output.stdout).unwrap())
        } else {
            Err(text(&output.stderr))
        }
    };
    let certificate = folder.path().join("c-patient-cert.pem");
    let certificate = certificate.to_str().unwrap();
    let registered = run(&registrar, &["registrar", "register", "--certificate", certificate]);
    let sid = registered.unwrap()["sid"].as_str().unwrap().to_owned();
    run(&patient, &["patient", "confirm"]).unwrap();

    let refused = run(&doctor, &["clinician", "read", &sid]).unwrap();
    assert_eq!(refused["access"]["outcome"], "DENY");
    let me = run(&doctor, &["whoami"]).unwrap();
    let with = format!("pid:{}", me["pid"].as_str().unwrap());
    run(&patient, &["patient", "share", "--with", &with, "--id", "doctor"]).unwrap();
    let read = run(&doctor, &["clinician", "read", &sid]).unwrap();
    assert_eq!(read["access"]["outcome"], "PERMIT");
    assert_eq!(read["records"], serde_json::json!([]));

    run(&patient, &["patient", "pause"]).unwrap();
    let paused = run(&doctor, &["clinician", "read", &sid]).unwrap();
    assert_eq!(paused["access"]["reason"], "NOT_PERMITTED");
    run(&patient, &["patient", "resume"]).unwrap();
    run(&patient, &["patient", "withdraw", "doctor"]).unwrap();
    let looked = run(&patient, &["patient", "who-looked"]).unwrap();
    assert_eq!(looked.as_array().unwrap().len(), 4, "three requests, one opening");

    let told = run(&registrar, &["clinician", "read", &sid]).unwrap_err();
    assert!(told.contains("ROLE_NOT_PERMITTED") && told.contains("ioht whoami"), "{told}");
    world.stack.shutdown().await;
}
