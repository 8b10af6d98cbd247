//! Devices: registered, paused, with a gateway, and handed over.

use crate::common::{GRID_MS, now_ms, summary_json};
use crate::people::Cast;
use crate::shell::Shell;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time as the command takes it.
pub(crate) fn time(ms: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).unwrap();
    at.format(&Rfc3339).unwrap()
}

/// The start of a window that ended some windows ago.
pub(crate) fn window(ago: i64) -> i64 {
    (now_ms().div_euclid(GRID_MS) - ago) * GRID_MS
}

/// A file of summaries, and of the first one alone.
pub(crate) fn summaries(shell: &Shell, file: &str, starts: &[i64]) {
    let all: Vec<_> = starts.iter().map(|start| summary_json(*start, "raw:1")).collect();
    shell.file(file, &serde_json::to_string(&all).unwrap());
}

pub(crate) fn add(shell: &Shell, patient: &str, device: &str, profile: &str, sid: &str) {
    shell.enrol("Org1MSP", &format!("d-{device}"), device);
    let since = time(window(100));
    let words =
        format!("patient device add --certificate {device}.pem --kind {profile} --since {since}");
    let added = shell.word(patient, &words, "/device");
    assert_eq!(added, shell.pid(device));
    shell.ok(device, &format!("device confirm {sid}"));
}

pub(crate) fn registered(shell: &Shell, cast: &Cast) {
    let sid = &cast.sid;
    add(shell, "patient", "watch", "pulse-watch", sid);
    add(shell, "patient", "pump", "insulin-pump", sid);
    let listed = shell.ok("patient", "patient device list");
    assert_eq!(listed["devices"].as_array().unwrap().len(), 2);
    summaries(shell, "first.json", &[window(20)]);
    shell.ok("watch", "device submit first.json");
    let again = shell.ok("watch", "device submit first.json");
    assert_eq!(again, serde_json::json!({"created": 0, "existing": 1}));

    summaries(shell, "second.json", &[window(19)]);
    shell.ok("patient", "patient device pause");
    shell.refused("watch", "device submit second.json", "paused the collection");
    shell.ok("patient", "patient device resume");
    let watch = shell.pid("watch");
    shell.ok("patient", &format!("patient device pause {watch}"));
    shell.refused("watch", "device submit second.json", "active");
    shell.refused("other", &format!("patient device resume {watch}"), "DEVICE_UNKNOWN");
    shell.ok("patient", &format!("patient device resume {watch}"));

    shell.enrol("Org1MSP", "g-phone", "phone");
    let submit = format!("device --device {watch} submit second.json");
    shell.refused("phone", &submit, "no such device of yours");
    shell.ok("patient", &format!("patient device gateway {watch} --certificate phone.pem"));
    let known = shell.ok("phone", &format!("whoami --device {watch}"));
    assert_eq!(known.pointer("/devices/0/status").unwrap(), "active");
    shell.ok("phone", &submit);
    shell.ok("patient", &format!("patient device no-gateway {watch}"));
    shell.refused("phone", &submit, "no such device of yours");
}

/// The watch becomes the other patient's, the pump nobody's.
pub(crate) fn handed_over(shell: &Shell, cast: &Cast) {
    let (watch, pump) = (shell.pid("watch"), shell.pid("pump"));
    let take = format!("patient device take {watch} --from {}", cast.sid);
    shell.refused("other", &take, "DEVICE_UNKNOWN");
    let offer = format!("patient device transfer {watch} --to {}", cast.other);
    shell.ok("patient", &offer);
    shell.ok("patient", &format!("patient device transfer {watch} --take-back"));
    shell.refused("other", &take, "DEVICE_UNKNOWN");
    shell.ok("patient", &offer);
    shell.ok("other", &take);
    shell.refused("other", &take, "DEVICE_UNKNOWN");
    shell.refused("patient", &offer, "DEVICE_UNKNOWN");
    // What it measured for the first patient is no longer its to correct.
    let corrected = summary_json(window(20), "raw:2").to_string();
    shell.file("late.json", &corrected);
    let correct = "device correct late.json --version 1 --reason late-data";
    shell.refused("watch", correct, "RECORD_UNKNOWN");
    shell.ok("patient", &format!("patient device revoke {pump}"));
    shell.refused("pump", "device submit second.json", "active");
}
