//! A patient's own records, and their corrections.

use crate::common::summary_json;
use crate::devices::{summaries, time, window};
use crate::people::Cast;
use crate::shell::{Shell, ioht, text};
use serde_json::{Value, json};

/// A real pulse recording of eleven minutes, beside what the device keeps.
const PULSE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../edge/data/data3.csv");

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

/// What the edge makes of a recording is what the ledger has, and the device can show from what.
pub(crate) fn summed_up(shell: &Shell, _: &Cast) {
    let (start, watch) = (window(90), shell.pid("watch"));
    let from = format!("{PULSE} --salt salt --time datetime --value hr --began {}", time(start));
    let digest = |start| {
        let words = format!("recording digest {from} --start {}", time(start));
        shell.word("watch", &words, "/digest")
    };
    let keyless = format!("recording digest {from} --start {}", time(start));
    shell.refused("watch", &keyless, "salt cannot be read");
    let summarise = from.replace(" --salt", " pulse.json --salt");
    let told = shell.ok("watch", &format!("recording summarise {summarise}"));
    assert_eq!((&told["samples"], &told["summaries"]), (&json!(68_476), &json!(2)));
    let refused = told["refused"][0].as_str().unwrap();
    assert!(refused.contains("only 27 % of it is usable"), "{refused}");
    let sent = shell.ok("watch", "device submit pulse.json");
    assert_eq!(sent, json!({"created": 2, "existing": 0}));
    shell.ok("watch", &format!("recording summarise {summarise}"));
    let again = shell.ok("watch", "device submit pulse.json");
    assert_eq!(again, json!({"created": 0, "existing": 2}), "the same salt and the same bytes");

    for (made_from, matches) in [(window(90), true), (window(89), false)] {
        let verify = format!("--start {} {}", time(start), digest(made_from));
        let expected = json!({"matches": matches});
        assert_eq!(shell.ok("watch", &format!("device verify {verify}")), expected);
        let verify = format!("patient verify --device {watch} {verify}");
        assert_eq!(shell.ok("patient", &verify), expected);
    }
}

/// No network and no profile is needed where a device measures, and no file is touched in vain.
#[test]
fn a_recording_that_is_not_as_said_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (salt, summaries) = (file("salt"), file("summaries.json"));
    let check = |recording: &str, [time, value]: [&str; 2], grid: &str, said: &str| {
        let columns = ["--time", time, "--value", value, "--grid", grid, "--salt", &salt];
        let words = ["recording", "summarise", recording, &summaries];
        let output = ioht(&[&words, &columns[..]].concat());
        assert!(!output.status.success(), "{said}");
        let told = text(&output.stderr);
        assert!(told.contains(said), "{said}: {told}");
        assert!(!folder.path().join("summaries.json").exists());
    };
    check("/nowhere.csv", ["datetime", "hr"], "300", "/nowhere.csv cannot be read");
    check(PULSE, ["at", "hr"], "300", "data3.csv: ");
    check(PULSE, ["ms:datetime", "hr"], "300", "data3.csv: ");
    check(PULSE, ["datetime", "hr"], "0", "a grid of 0 s");
    check(PULSE, ["9999999Hz", "hr"], "300", "the rate is too high");
}
