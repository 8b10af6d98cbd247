//! A lost key.

use crate::people::Cast;
use crate::shell::Shell;

pub(crate) fn lost_and_renewed(shell: &Shell, cast: &Cast) {
    let sid = &cast.sid;
    // The same patient with a new key.
    shell.enrol("Org1MSP", "p-patient", "renewed");
    shell.refused("renewed", "patient records", "KEY_NOT_BOUND");
    let ask = format!("registrar rebind-key {sid} --certificate renewed.pem");
    let agree = format!("privacy-officer agree-key {sid} --certificate renewed.pem");
    shell.refused("patient", "patient refuse-key", "nobody has asked");
    shell.refused("officer", &agree, "NOT_PROPOSED");
    shell.ok("registrar", &ask);
    shell.ok("patient", "patient refuse-key");
    shell.refused("officer", &agree, "NOT_PROPOSED");
    shell.ok("registrar", &ask);
    shell.ok("officer", &agree);
    shell.ok("renewed", "patient records");
    shell.refused("patient", "patient records", "KEY_NOT_BOUND");
}
