use crate::world::*;
use fabric_contract_rs::Space;
use fabric_contract_rs::testing::TestIdentity;
use ioht_contract::state::{HEADS, HEALTH, PATIENTS};
use ioht_contract::*;

fn head(world: &World, sid: &str) -> Head {
    world.ledger.value(&HEADS, &(sid.parse().unwrap(),)).unwrap()
}

#[test]
fn a_patient_is_pending_until_its_own_word() {
    let mut world = World::staffed();
    world.ok(&register("patient", SID));
    let patient = client("Org1MSP", "patient");
    let registered = head(&world, SID);
    assert_eq!(registered.status, Status::Pending);
    assert_eq!(registered.pid, pid(&patient));
    assert_eq!(registered.home.as_str(), "Org1MSP");
    assert_eq!(registered.registered_by, pid(&client("Org1MSP", "registrar")));
    assert_eq!((registered.rk, registered.epoch), (None, 1));
    let myself = world.whoami(&patient).patient.unwrap();
    assert_eq!((myself.status, myself.key_bound), (Status::Pending, true));
    assert_eq!((myself.sid, myself.rk), (Some(SID.parse().unwrap()), None));

    assert_eq!(world.refused(&device("patient", SID, "watch")), "INACTIVE");
    world.ok(&confirm("patient", SID, RK));
    let confirmed = head(&world, SID);
    assert_eq!(confirmed.status, Status::Active);
    assert_eq!(confirmed.secret, SECRET.parse().unwrap());
    assert_eq!(confirmed.meta.version, 2);
    let myself = world.whoami(&patient).patient.unwrap();
    assert_eq!(myself.rk, Some(RK.parse().unwrap()));
    assert_eq!(world.refused(&confirm("patient", SID, RK)), "NOT_PENDING");
}

#[test]
fn a_patient_is_registered_once() {
    let mut world = World::staffed();
    world.ok(&register("patient", SID));
    assert_eq!(world.refused(&register("patient", SID)), "PATIENT_EXISTS");
    assert_eq!(world.refused(&register("patient", OTHER_SID)), "PATIENT_EXISTS");
    assert_eq!(world.refused(&register("other", SID)), "PATIENT_EXISTS");
    // Another hospital's patient of the same enrolment id is another person.
    world.ok(&register_by(&client("Org2MSP", "registrar"), "patient", OTHER_SID));
}

#[test]
fn only_registrars_register_patients() {
    let mut world = World::staffed();
    let admin = register_by(&msp_admin("Org1MSP"), "patient", SID);
    assert_eq!(world.refused(&admin), "ROLE_NOT_PERMITTED");
    let doctor = register_by(&client("Org1MSP", "doctor"), "patient", SID);
    assert_eq!(world.refused(&doctor), "ROLE_NOT_PERMITTED");
    let stranger = register_by(&client("Org1MSP", "stranger"), "patient", SID);
    assert_eq!(world.refused(&stranger), "IDENTITY_UNKNOWN");
}

#[test]
fn nobody_confirms_for_a_patient() {
    let mut world = World::staffed();
    world.ok(&register("patient", SID));
    let other = confirm_by(&client("Org1MSP", "other"), SID, RK);
    assert_eq!(world.refused(&other), "ROLE_NOT_PERMITTED");
    let minted = confirm_by(&forged("Org1MSP", "patient"), SID, RK);
    assert_eq!(world.refused(&minted), "KEY_NOT_BOUND");
    let elsewhere = confirm_by(&client("Org2MSP", "patient"), SID, RK);
    assert_eq!(world.refused(&elsewhere), "ROLE_NOT_PERMITTED");
    let registrar = confirm_by(&client("Org1MSP", "registrar"), SID, RK);
    assert_eq!(world.refused(&registrar), "ROLE_NOT_PERMITTED");
    // Which subject ids there are is told to nobody.
    assert_eq!(world.refused(&confirm("patient", OTHER_SID, RK)), "ROLE_NOT_PERMITTED");
}

#[test]
fn one_key_is_one_participant() {
    let mut world = World::populated();
    let twin = TestIdentity::new("Org1MSP", "twin-MARKER").key("Org1MSP/patient-MARKER").client();
    let sid = "5353535353535353535353535353535a";
    let part = RegisterPatientPrivate {
        sid: sid.parse().unwrap(),
        secret: FIRST_SECRET.parse().unwrap(),
        enrolment_id: "twin-MARKER".to_owned(),
        key_hash: key_hash(&twin),
    };
    world.ok(&private(&client("Org1MSP", "registrar"), &RegisterPatient {}, &part));
    let rk = "4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4a";
    assert_eq!(key_hash(&twin), key_hash(&client("Org1MSP", "patient")));
    assert_eq!(world.refused(&confirm_by(&twin, sid, rk)), "KEY_TAKEN");
}

#[test]
fn a_minted_certificate_learns_nothing() {
    let mut world = World::populated();
    let myself = world.whoami(&forged("Org1MSP", "patient")).patient.unwrap();
    assert_eq!((myself.key_bound, myself.sid, myself.rk), (false, None, None));
    let watch = world.whoami(&forged("Org1MSP", "watch"));
    assert_eq!((watch.devices[0].key_bound, watch.devices[0].submits.as_ref()), (false, None));
}

#[test]
fn the_private_part_is_needed_and_closed() {
    let mut world = World::staffed();
    let registrar = client("Org1MSP", "registrar");
    assert_eq!(world.refused(&call(&registrar, &RegisterPatient {})), "PRIVATE_MISSING");
    for part in ["", "{", "[]", "null", "{}", r#"{"sid":"x"}"#] {
        let call = raw_private(&registrar, "RegisterPatient", part);
        assert_eq!(world.refused(&call), "PRIVATE_MALFORMED", "{part}");
    }
    let sent = register("patient", SID).transient("more", "{}");
    assert_eq!(world.refused(&sent), "PRIVATE_MALFORMED");
    let huge = raw_private(&registrar, "RegisterPatient", " ".repeat(PRIVATE_BYTES_MAX + 1));
    assert_eq!(world.refused(&huge), "PRIVATE_TOO_LARGE");
}

#[test]
fn registration_is_not_back_dated() {
    let mut world = World::staffed();
    let now = world.ledger.now();
    assert_eq!(world.refused(&register("patient", SID).at(now - 1)), "BACK_DATED");
    world.ok(&register("patient", SID));
    assert_eq!(world.refused(&confirm("patient", SID, RK).at(now - 1)), "BACK_DATED");
    world.ok(&confirm("patient", SID, RK).at(now));
}

#[test]
fn what_leads_to_a_patient_is_private_and_salted() {
    let mut world = World::populated();
    let patient = pid(&client("Org1MSP", "patient"));
    let first = world.ledger.value(&PATIENTS, &(patient,)).unwrap();
    let other = world.ledger.value(&PATIENTS, &(pid(&client("Org1MSP", "other")),)).unwrap();
    assert_ne!(first.salt, other.salt);
    for (key, value) in world.ledger.entries(Space::Public) {
        assert_clean(key.as_str());
        assert_clean(&String::from_utf8_lossy(&value));
        assert!(!value.windows(16).any(|bytes| *bytes == *patient.as_bytes()));
    }
    assert!(!world.ledger.entries(Space::Private(HEALTH)).is_empty());
    for (name, event) in world.ledger.events() {
        assert_clean(name);
        assert_clean(&String::from_utf8_lossy(&event.payload));
    }
    // A peer that is no custodian's cannot answer.
    let asked = call(&client("Org1MSP", "patient"), &WhoAmI {});
    assert!(world.ledger.evaluate_at("Org3MSP", &asked).is_err());
}
