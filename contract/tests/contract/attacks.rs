//! Attacks, each as its attacker would go about it.

use crate::world::*;
use fabric_contract_rs::testing::Call;
use fabric_contract_rs::testing::TxValidationCode::{MvccReadConflict, Valid};
use ioht_contract::client::Call as _;
use ioht_contract::state::{DEVICES, HEADS};
use ioht_contract::*;

const MALLORY_SID: &str = "5353535353535353535353535353535a";
const MALLORY_RK: &str = "4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4a";

/// Devices and gateways know the records key of their patient, also after they were revoked. One
/// that is a patient itself must not get at the records by making the key its own.
#[test]
fn nobody_takes_another_patients_records_key() {
    let mut world = World::populated();
    world.submit(vec![heart_rate(0)]);
    world.ok(&register("mallory", MALLORY_SID));
    assert_eq!(world.refused(&confirm("mallory", MALLORY_SID, RK)), "RECORDS_KEY_TAKEN");
    world.ok(&confirm("mallory", MALLORY_SID, MALLORY_RK));
    let asked = read("8867-4", START, START + 86_400_000);
    let mut page = |name: &str| {
        let call = private(&client("Org1MSP", name), &ReadOwnSummaries {}, &asked);
        world.ask(&call, &ReadOwnSummaries {}).records.len()
    };
    assert_eq!((page("patient"), page("mallory")), (1, 0));
}

#[test]
fn a_records_key_is_not_taken_in_a_race() {
    let mut world = World::staffed();
    for (name, sid) in [("patient", SID), ("mallory", MALLORY_SID)] {
        world.ok(&register(name, sid));
    }
    let race = [confirm("patient", SID, RK), confirm("mallory", MALLORY_SID, RK)];
    let race = race.map(|call| world.ledger.endorse(&call).unwrap());
    assert_eq!(world.ledger.commit(race.into()), [Valid, MvccReadConflict]);
    let head: Head = world.ledger.value(&HEADS, &(MALLORY_SID.parse().unwrap(),)).unwrap();
    assert_eq!((head.status, head.rk), (Status::Pending, None));
}

/// What others know already protects nothing.
#[test]
fn a_patient_confirms_with_secrets_of_its_own() {
    let mut world = World::staffed();
    world.ok(&register("patient", SID));
    let confirmed_with = |rk: &str, secret: &str| {
        let (sid, rk) = (SID.parse().unwrap(), rk.parse().unwrap());
        let part = ConfirmRegistrationPrivate { sid, rk, secret: secret.parse().unwrap() };
        private(&client("Org1MSP", "patient"), &ConfirmRegistration {}, &part)
    };
    assert_eq!(world.refused(&confirmed_with(SID, SECRET)), "ARGUMENT_INVALID");
    assert_eq!(world.refused(&confirmed_with(RK, FIRST_SECRET)), "ARGUMENT_INVALID");
    world.ok(&confirmed_with(RK, SECRET));
}

/// Everybody can compute the participant id of a certificate; whether it is a device, and whose,
/// is nobody's business.
#[test]
fn what_is_a_device_is_told_to_nobody_else() {
    let mut world = World::populated();
    let unknown = pid(&client("Org1MSP", "ring"));
    let known = pid(&client("Org1MSP", "watch"));
    for by in ["other", "doctor", "registrar", "manager", "stranger"] {
        let by = client("Org1MSP", by);
        let told = [unknown, known].map(|device| {
            let batch =
                SubmitSummariesPrivate { device: Some(device), ..part(vec![heart_rate(0)]) };
            world.refused(&private(&by, &SubmitSummaries {}, &batch))
        });
        assert_eq!(told, ["ROLE_NOT_PERMITTED"; 2]);
        let told = [unknown, known].map(|device| {
            world.denied(&private(&by, &VerifyRaw {}, &VerifyRawPrivate { device, ..verify(0) }))
        });
        assert_eq!(told[0], told[1]);
        let devices = vec![unknown, known];
        let asked = WhoAmIPrivate { devices, ..WhoAmIPrivate::default() };
        assert_eq!(world.ask(&private(&by, &WhoAmI {}, &asked), &WhoAmI {}).devices, []);
    }
    let owner = client("Org1MSP", "other");
    for name in ["ring", "watch"] {
        let taken = set_device(&owner, Some(OTHER_SID), name, DeviceStatus::Revoked);
        assert_eq!(world.refused(&taken), "DEVICE_UNKNOWN", "{name}");
    }
}

/// Whoever cancels a command that is not its own hears the same whether there is such a patient, such a
/// device and such a command or not.
#[test]
fn cancelling_tells_nobody_who_is_a_patient() {
    let mut world = World::populated();
    world.ok(&staff(&msp_admin("Org1MSP"), "suspended", "bay", &[StaffRole::Practitioner]));
    let (staff, status) = (pid(&client("Org1MSP", "suspended")), NewStatus::Suspended);
    world.ok(&call(&msp_admin("Org1MSP"), &SetStatus::Staff { staff, status }));
    let there = command_part("watch", 1, "identify").reference;
    world.ok(&issue(&client("Org1MSP", "patient"), &command_part("watch", 1, "identify")));
    let nobody = CommandReference { sid: MALLORY_SID.parse().unwrap(), ..there };
    let other = CommandReference { device: pid(&client("Org1MSP", "ring")), ..there };
    for by in ["suspended", "doctor", "registrar", "manager", "other", "watch", "stranger"] {
        let told = [there, nobody, other].map(|reference| {
            let part = UpdateCommandPrivate { reference, status: CommandStatus::Cancelled };
            world.refused(&private(&client("Org1MSP", by), &UpdateCommand {}, &part))
        });
        assert_eq!(told, ["ROLE_NOT_PERMITTED"; 3], "{by}");
    }
}

/// Evaluating a submit leaves no trace: what it refuses with must tell a caller nothing of patients
/// and devices that are not its own.
#[test]
fn commands_tell_nobody_whose_a_patient_or_device_is() {
    use CommandStatus::{Accepted, Cancelled, Completed, Confirmed, Failed, Rejected};
    const NOBODY: &str = "00000000000000000000000000000000";
    let mut world = World::populated();
    world.add_device("other", OTHER_SID, "scale");
    let admin = msp_admin("Org1MSP");
    world.ok(&staff(&admin, "suspended", "bay", &[StaffRole::Practitioner]));
    let suspended = pid(&client("Org1MSP", "suspended"));
    let status = NewStatus::Suspended;
    world.ok(&call(&admin, &SetStatus::Staff { staff: suspended, status }));
    let asked = |world: &mut World, by: &str, (sid, device): (&str, &str), status| {
        let (sid, reference) = (sid.parse().unwrap(), reference(device, 1));
        let part =
            UpdateCommandPrivate { reference: CommandReference { sid, ..reference }, status };
        world.refused(&private(&client("Org1MSP", by), &UpdateCommand {}, &part))
    };
    for status in [Confirmed, Cancelled, Accepted, Rejected, Completed, Failed] {
        // Its own, nobody's, and somebody else's device.
        let told = ["watch", "ring", "scale"]
            .map(|device| asked(&mut world, "patient", (SID, device), status));
        assert_eq!(told[0], told[1], "{status:?}");
        assert_eq!(told[0], told[2], "{status:?}");
        for by in ["stranger", "other", "doctor", "registrar", "suspended", "phone", "scale"] {
            let told = [SID, NOBODY].map(|sid| asked(&mut world, by, (sid, "ring"), status));
            assert_eq!(told[0], told[1], "{by} {status:?}");
        }
    }
}

/// A change of the patient, of the device or of the registrar that is ordered first invalidates
/// everything simulated before it.
#[test]
fn what_was_decided_before_a_suspension_does_not_survive_it() {
    type Make = fn() -> Call;
    let end_registrar = || {
        let staff = pid(&client("Org1MSP", "registrar"));
        call(&msp_admin("Org1MSP"), &SetStatus::Staff { staff, status: NewStatus::Suspended })
    };
    let end_organization = || {
        let msp = "Org1MSP".parse().unwrap();
        let status = NewStatus::Suspended;
        call(&client("Org2MSP", "officer"), &SetStatus::Organization { msp, status })
    };
    let rows: [(Make, Make); 8] = [
        (
            || set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended),
            || summaries(&client("Org1MSP", "watch"), vec![heart_rate(0)]),
        ),
        (
            || {
                let owner = client("Org1MSP", "patient");
                set_device(&owner, Some(SID), "watch", DeviceStatus::Revoked)
            },
            || summaries(&client("Org1MSP", "watch"), vec![heart_rate(0)]),
        ),
        (
            || set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended),
            || device("patient", SID, "scale"),
        ),
        (
            || {
                let owner = client("Org1MSP", "patient");
                set_device(&owner, Some(SID), "ring", DeviceStatus::Revoked)
            },
            || confirm_device(&client("Org1MSP", "ring"), SID),
        ),
        (
            || set_patient(&client("Org1MSP", "registrar"), MALLORY_SID, NewStatus::Deactivated),
            || confirm("mallory", MALLORY_SID, MALLORY_RK),
        ),
        (end_registrar, || register("new", "5454545454545454545454545454545a")),
        (end_organization, || register("new", "5454545454545454545454545454545a")),
        (end_registrar, || set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended)),
    ];
    for (first, then) in rows {
        let mut world = World::populated();
        world.ok(&register("mallory", MALLORY_SID));
        world.ok(&device("patient", SID, "ring"));
        let raced = [first(), then()].map(|call| world.ledger.endorse(&call).unwrap());
        let codes = world.ledger.commit(raced.into());
        assert_eq!(codes, [Valid, MvccReadConflict], "{:?}", then());
    }
}

/// Who administers a ward appoints its staff, and must not reach other organisations through it.
#[test]
fn a_wards_privacy_officer_supervises_nobody() {
    let mut world = World::populated();
    for msp in ["Org1MSP", "RegMSP"] {
        let manager = client(msp, "manager");
        world.ok(&staff(&manager, "puppet", "bay", &[StaffRole::PrivacyOfficer]));
    }
    for status in [NewStatus::Suspended, NewStatus::Deactivated] {
        let msp = "Org3MSP".parse().unwrap();
        let end = call(&client("Org1MSP", "puppet"), &SetStatus::Organization { msp, status });
        assert_eq!(world.refused(&end), "OUTSIDE_AUTHORITY");
    }
    let end = set_device(&client("RegMSP", "puppet"), None, "watch", DeviceStatus::Revoked);
    assert_eq!(world.refused(&end), "OUTSIDE_AUTHORITY");
}

/// Plain arguments stand on the chain: whatever does not belong there is refused, in each shape.
#[test]
fn no_argument_object_takes_more_than_its_fields() {
    let mut world = World::populated();
    let registrar = client("Org1MSP", "registrar");
    let (sid, status) = (SID.parse().unwrap(), NewStatus::Suspended);
    let part = client::StatusPrivate::Patient(PatientStatusPrivate { sid, status });
    for arguments in [
        r#"{"target":"patient","sid":"MARKER"}"#,
        r#"{"target":"patient","status":"suspended"}"#,
        r#"{"target":"patient","target":"patient"}"#,
        r#"{"target":"device","note":{"MARKER":[1,2]}}"#,
        r#"{"target":"staff","staff":"MARKER","status":"suspended"}"#,
        r#"[{"target":"patient"}]"#,
        r#"["patient"]"#,
        r#"{"target":"patient"} {"MARKER":1}"#,
    ] {
        let private = serde_json::to_string(&part).unwrap();
        let call = Call::of_args(&registrar, vec!["SetStatus".into(), arguments.into()])
            .transient("private", private);
        assert_eq!(world.refused(&call), "BAD_ARGUMENTS", "{arguments}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for function in [RegisterPatient::FUNCTION, SubmitSummaries::FUNCTION, SetStatus::FUNCTION] {
        let arguments = format!(r#"{{"x":{deep}}}"#);
        let call = Call::of_args(&registrar, vec![function.into(), arguments.into()]);
        assert_eq!(world.refused(&call), "BAD_ARGUMENTS", "{function}");
        let plain = if function == "SetStatus" { r#"{"target":"patient"}"# } else { "{}" };
        let call = Call::of_args(&registrar, vec![function.into(), plain.into()])
            .transient("private", format!(r#"{{"records":{deep}}}"#));
        assert_eq!(world.refused(&call), "PRIVATE_MALFORMED", "{function}");
    }
}

/// A patient that names somebody else's participant id and key as its own device neither speaks for
/// that person nor gets at what that person does.
#[test]
fn a_person_registered_as_a_device_keeps_what_it_is() {
    let mut world = World::populated();
    let victim = client("Org1MSP", "patient");
    let squat = RegisterDevicePrivate {
        device: pid(&victim),
        key_hash: key_hash(&victim),
        gateway: None,
        ..device_part(OTHER_SID, "scale")
    };
    world.ok(&private(&client("Org1MSP", "other"), &RegisterDevice {}, &squat));
    assert!(world.whoami(&victim).devices.is_empty());
    // Also when the victim says yes, which is a device of its own then.
    world.ok(&confirm_device(&victim, OTHER_SID));
    world.submit(vec![heart_rate(0)]);
    let myself = world.whoami(&victim);
    assert_eq!(myself.patient.unwrap().sid, Some(SID.parse().unwrap()));
    assert_eq!(world.ledger.value(&DEVICES, &(pid(&victim),)).unwrap().owner, squat.sid);
    let asked = read("8867-4", START, START + 86_400_000);
    let page = world.ask(&private(&victim, &ReadOwnSummaries {}, &asked), &ReadOwnSummaries {});
    assert_eq!(page.records.len(), 1);
    let end =
        set_device(&client("Org1MSP", "other"), Some(OTHER_SID), "patient", DeviceStatus::Revoked);
    world.ok(&end);
    assert_eq!(world.whoami(&victim).patient.unwrap().status, Status::Active);
}
