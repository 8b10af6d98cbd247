//! A patient's own records, and their corrections.

use crate::common::summary_json;
use crate::devices::{summaries, time, window};
use crate::people::Cast;
use crate::shell::Shell;
use serde_json::{Value, json};

fn changed(start: i64, status: &str) -> String {
    let mut record = summary_json(start, "raw:2");
    record["status"] = status.into();
    record["labels"] = json!({"confidentiality": "R"});
    record.to_string()
}

pub(crate) fn kept_and_corrected(shell: &Shell, _: &Cast) {
    let start = window(10);
    summaries(shell, "third.json", &[start]);
    shell.ok("watch", "device submit third.json");
    let own = shell.ok("patient", "patient records --days 2");
    assert_eq!(own.as_array().unwrap().len(), 3);
    shell.refused("doctor", "patient records", "ROLE_NOT_PERMITTED");

    let watch = shell.pid("watch");
    let (at, record) = (time(start), format!("--start {} --device {watch}", time(start)));
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let verified = shell.ok("patient", &format!("patient verify {record} {digest}"));
    assert_eq!(verified, json!({"matches": true}));
    let other = digest.replace('9', "8");
    let verified = shell.ok("watch", &format!("device verify --start {at} {other}"));
    assert_eq!(verified, json!({"matches": false}));

    shell.file("amended.json", &changed(start, "amended"));
    let by_device = "device correct amended.json --version 1 --reason labelling";
    shell.ok("watch", by_device);
    shell.ok("watch", by_device);
    shell.refused("pump", by_device, "RECORD_UNKNOWN");
    shell.file("corrected.json", &changed(start, "corrected"));
    let stale = by_device.replace("amended", "corrected");
    shell.refused("watch", &stale, "RECORD_VERSION");
    shell.ok(
        "patient",
        &format!("patient correct corrected.json --device {watch} --version 2 --reason labelling"),
    );
    shell.ok("patient", &format!("patient entered-in-error {record} --reason wrong-patient"));
    let versions = shell.ok("patient", &format!("patient versions {record}"));
    let told: Vec<&Value> =
        versions.as_array().unwrap().iter().map(|it| &it["summary"]["status"]).collect();
    assert_eq!(told, ["entered-in-error", "corrected", "amended", "final"]);
}
