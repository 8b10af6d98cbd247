//! Commands to devices.

use crate::people::Cast;
use crate::shell::Shell;

pub(crate) fn commanded(shell: &Shell, cast: &Cast) {
    let sid = &cast.sid;
    let (watch, pump) = (shell.pid("watch"), shell.pid("pump"));
    let (doctor, interval) = (shell.pid("doctor"), "set-reporting-interval");
    let order = |seconds: u32| {
        format!("clinician command issue {sid} {watch} {interval} seconds={seconds}")
    };
    shell.refused("doctor", &order(900), "NOT_AUTHORISED");
    let allow = format!(
        "patient device authorize {watch} --to pid:{doctor} --command identify \
         --command {interval}:seconds=600..3600 --days 30"
    );
    shell.ok("patient", &allow);
    shell.refused("doctor", &order(300), "NOT_AUTHORISED");
    shell.refused("colleague", &order(900), "NOT_AUTHORISED");
    let command = shell.word("doctor", &order(900), "/command");

    let open = shell.ok("watch", "device commands");
    assert_eq!(open.pointer("/0/handle").unwrap(), command.as_str());
    let status = |expected: &str| {
        let told = shell.ok("doctor", &format!("clinician command status {sid} {command}"));
        assert_eq!(told.pointer("/0/command/status").unwrap(), expected);
    };
    status("requested");
    shell.refused("pump", &format!("device accept {command}"), "ROLE_NOT_PERMITTED");
    shell.ok("watch", &format!("device accept {command}"));
    shell.refused(
        "doctor",
        &format!("clinician command cancel {sid} {command}"),
        "STATUS_CONFLICT",
    );
    shell.ok("watch", &format!("device report {command} completed"));
    status("completed");
    shell.refused("watch", &format!("device accept {command}"), "STATUS_CONFLICT");

    let second = shell.word("doctor", &order(600), "/command");
    shell.ok("doctor", &format!("clinician command cancel {sid} {second}"));
    shell.refused("watch", &format!("device accept {second}"), "STATUS_CONFLICT");
    let own = shell.word(
        "patient",
        &format!("patient device command issue {watch} {interval} seconds=300 --seconds 3600"),
        "/command",
    );
    shell.ok("patient", &format!("patient device command cancel {own}"));
    let listed = shell.ok("patient", &format!("patient device command list {watch}"));
    assert_eq!(listed.as_array().unwrap().len(), 3);
    shell.ok("patient", &format!("patient device unauthorize {watch} --to pid:{doctor}"));
    shell.refused("doctor", &order(900), "NOT_AUTHORISED");
    therapy(shell, sid, &pump);
}

/// What changes the treatment is confirmed by the patient first.
fn therapy(shell: &Shell, sid: &str, pump: &str) {
    shell.ok(
        "patient",
        &format!(
            "patient device authorize {pump} --to unit:ward@Org1MSP \
             --command set-basal-rate:milliunits-per-hour=100..1200 --days 30"
        ),
    );
    let rate = format!(
        "clinician command issue {sid} {pump} set-basal-rate milliunits-per-hour=800 \
         --under unit:ward@Org1MSP"
    );
    let command = shell.word("doctor", &rate, "/command");
    shell.refused("pump", &format!("device accept {command}"), "STATUS_CONFLICT");
    shell.refused("other", &format!("patient device command confirm {command}"), "COMMAND_UNKNOWN");
    shell.ok("patient", &format!("patient device command confirm {command}"));
    shell.ok("pump", &format!("device accept {command}"));
    shell.ok("pump", &format!("device report {command} failed"));
    let refused = shell.word("doctor", &rate, "/command");
    shell.ok("patient", &format!("patient device command confirm {refused}"));
    shell.ok("pump", &format!("device reject {refused}"));
}
