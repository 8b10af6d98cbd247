use crate::world::*;
use fabric_contract_rs::ClientIdentity;
use fabric_contract_rs::testing::Call;
use ioht_contract::*;

fn set_organization(by: &ClientIdentity, msp: &str, status: NewStatus) -> Call {
    call(by, &SetStatus::Organization { msp: msp.parse().unwrap(), status })
}

fn set_unit(by: &ClientIdentity, unit: &str, status: NewStatus) -> Call {
    call(by, &SetStatus::Unit { unit: unit.parse().unwrap(), status })
}

fn set_staff(by: &ClientIdentity, msp: &str, name: &str, status: NewStatus) -> Call {
    call(by, &SetStatus::Staff { staff: pid(&client(msp, name)), status })
}

use NewStatus::{Active, Deactivated, Suspended};

#[test]
fn an_organisation_suspends_itself_and_is_supervised_by_other_custodians() {
    let mut world = World::staffed();
    let admin = msp_admin("Org3MSP");
    let own = |status| set_organization(&msp_admin("Org3MSP"), "Org3MSP", status);
    world.ok(&own(Suspended));
    assert_eq!(world.refused(&call(&admin, &unit("new", "root"))), "INACTIVE");
    let registrar = client("Org3MSP", "registrar");
    assert_eq!(world.refused(&register_by(&registrar, "patient", SID)), "INACTIVE");
    assert!(!world.whoami(&registrar).staff.unwrap().active);
    world.ok(&own(Active));

    let officer = client("Org1MSP", "officer");
    world.ok(&set_organization(&officer, "Org3MSP", Suspended));
    assert_eq!(world.refused(&own(Active)), "SUSPENSION_HELD");
    world.ok(&set_organization(&client("Org2MSP", "officer"), "Org3MSP", Active));
    world.ok(&call(&admin, &unit("new", "root")));

    world.ok(&own(Deactivated));
    assert_eq!(world.refused(&own(Active)), "STATUS_CONFLICT");
    assert_eq!(world.refused(&set_organization(&officer, "Org3MSP", Active)), "STATUS_CONFLICT");
}

#[test]
fn only_administrators_and_custodians_officers_change_an_organisation() {
    let mut world = World::staffed();
    for (by, code) in [
        (client("Org3MSP", "officer"), "ROLE_NOT_PERMITTED"),
        (client("Org3MSP", "manager"), "OUTSIDE_AUTHORITY"),
        (client("RegMSP", "officer"), "OUTSIDE_AUTHORITY"),
        (msp_admin("Org1MSP"), "ROLE_NOT_PERMITTED"),
        (client("Org1MSP", "registrar"), "ROLE_NOT_PERMITTED"),
        (client("Org1MSP", "stranger"), "IDENTITY_UNKNOWN"),
    ] {
        assert_eq!(world.refused(&set_organization(&by, "Org3MSP", Suspended)), code);
    }
    let officer = client("Org1MSP", "officer");
    let unknown = set_organization(&officer, "NewMSP", Suspended);
    assert_eq!(world.refused(&unknown), "ORGANIZATION_UNKNOWN");
}

/// What an organisation is, is what the policies say now, not what they said when it registered.
#[test]
fn an_organisation_that_is_no_custodian_any_more_supervises_nobody() {
    let mut world = World::populated();
    let guardian = proposal("aunt", DelegationKind::Guardian, &[Power::View]);
    world.ok(&propose(&client("Org1MSP", "registrar"), &guardian));
    let renewed = forged("Org1MSP", "patient");
    world.ok(&rebind(&client("Org1MSP", "registrar"), SID, &renewed));
    let officer = client("Org2MSP", "officer");
    let acts = [
        set_organization(&officer, "Org3MSP", Suspended),
        countersign(&officer, guardianship(&guardian)),
        rebind(&officer, SID, &renewed),
    ];
    for act in &acts {
        assert!(world.ledger.endorse(act).is_ok());
    }
    let kind = |world: &mut World| world.whoami(&officer).organization.unwrap().kind;
    assert_eq!(kind(&mut world), OrganizationKind::Custodian);
    // `Org3MSP` takes the place of `Org2MSP`.
    let mut swapped = documents();
    for text in swapped.values_mut() {
        let third = text.replace("Org2MSP", "THIRD").replace("Org3MSP", "Org2MSP");
        *text = third.replace("THIRD", "Org3MSP");
    }
    let mut world = world.under(Policies::from_documents(&swapped).unwrap());
    for act in &acts {
        assert_eq!(world.refused(act), "OUTSIDE_AUTHORITY");
    }
    assert_eq!(kind(&mut world), OrganizationKind::Provider);

    // And without a regulator nobody regulates.
    let regulator = client("RegMSP", "officer");
    let suspend = set_device(&regulator, None, "watch", DeviceStatus::Suspended);
    let mut world = World::populated();
    assert!(world.ledger.endorse(&suspend).is_ok());
    let mut world = world.under(Policies::default());
    assert_eq!(world.refused(&suspend), "OUTSIDE_AUTHORITY");
}

#[test]
fn a_suspended_unit_disables_everyone_below() {
    let mut world = World::staffed();
    let (admin, manager) = (msp_admin("Org1MSP"), client("Org1MSP", "manager"));
    world.ok(&set_unit(&admin, "ward", Suspended));
    assert!(!world.whoami(&client("Org1MSP", "doctor")).staff.unwrap().active);
    assert_eq!(world.refused(&call(&manager, &unit("new", "bay"))), "INACTIVE");
    assert!(world.whoami(&client("Org1MSP", "registrar")).staff.unwrap().active);
    world.ok(&set_unit(&admin, "ward", Active));
    world.ok(&set_unit(&manager, "bay", Suspended));
    assert_eq!(world.refused(&set_unit(&manager, "ward", Suspended)), "OUTSIDE_AUTHORITY");
    assert_eq!(world.refused(&set_unit(&admin, "root", Suspended)), "OUTSIDE_AUTHORITY");
    assert_eq!(world.refused(&set_unit(&admin, "none", Suspended)), "UNIT_UNKNOWN");
    let registrar = client("Org1MSP", "registrar");
    assert_eq!(world.refused(&set_unit(&registrar, "bay", Active)), "ROLE_NOT_PERMITTED");
    world.ok(&set_unit(&admin, "bay", Deactivated));
    assert_eq!(world.refused(&set_unit(&admin, "bay", Active)), "STATUS_CONFLICT");
}

#[test]
fn staff_is_managed_from_above_and_never_by_itself() {
    let mut world = World::staffed();
    let (admin, manager) = (msp_admin("Org1MSP"), client("Org1MSP", "manager"));
    world.ok(&set_staff(&admin, "Org1MSP", "registrar", Suspended));
    assert_eq!(world.refused(&register("patient", SID)), "INACTIVE");
    world.ok(&set_staff(&admin, "Org1MSP", "registrar", Active));
    world.ok(&set_staff(&manager, "Org1MSP", "doctor", Suspended));
    for (name, code) in [
        ("manager", "OUTSIDE_AUTHORITY"),
        ("registrar", "OUTSIDE_AUTHORITY"),
        ("x", "STAFF_UNKNOWN"),
    ] {
        assert_eq!(world.refused(&set_staff(&manager, "Org1MSP", name, Suspended)), code, "{name}");
    }
    // Who administers the organisation and stands in its list too is above all but itself.
    let part = RegisterStaffPrivate { enrolment_id: "admin".to_owned() };
    let period = Period { start: 0, end: None };
    let roles = [StaffRole::Practitioner].into();
    let entry = RegisterStaff { unit: "bay".parse().unwrap(), roles, period };
    world.ok(&private(&manager, &entry, &part));
    let itself = call(&admin, &SetStatus::Staff { staff: pid(&admin), status: Suspended });
    assert_eq!(world.refused(&itself), "OUTSIDE_AUTHORITY");
    let elsewhere = set_staff(&admin, "Org2MSP", "doctor", Suspended);
    assert_eq!(world.refused(&elsewhere), "OUTSIDE_AUTHORITY");
    world.ok(&set_staff(&admin, "Org1MSP", "manager", Deactivated));
    assert_eq!(world.refused(&call(&manager, &unit("new", "bay"))), "INACTIVE");
    let again = set_staff(&admin, "Org1MSP", "manager", Active);
    assert_eq!(world.refused(&again), "STATUS_CONFLICT");
}

#[test]
fn a_patient_is_suspended_by_its_own_hospital() {
    let mut world = World::populated();
    let registrar = client("Org1MSP", "registrar");
    let patient = client("Org1MSP", "patient");
    for (by, code) in [
        (client("Org2MSP", "registrar"), "SUBJECT_UNKNOWN"),
        (msp_admin("Org1MSP"), "ROLE_NOT_PERMITTED"),
        (client("Org1MSP", "officer"), "ROLE_NOT_PERMITTED"),
        (patient.clone(), "IDENTITY_UNKNOWN"),
    ] {
        assert_eq!(world.refused(&set_patient(&by, SID, Suspended)), code);
    }
    let unknown = "00000000000000000000000000000000";
    assert_eq!(world.refused(&set_patient(&registrar, unknown, Suspended)), "SUBJECT_UNKNOWN");

    world.ok(&set_patient(&registrar, SID, Suspended));
    let myself = world.whoami(&patient).patient.unwrap();
    assert_eq!(myself.status, Status::Suspended);
    assert_eq!(journal(&mut world), [("SetStatus".to_owned(), "registrar".to_owned())]);
    assert_eq!(world.whoami(&client("Org1MSP", "watch")).devices[0].submits, None);
    let batch = summaries(&client("Org1MSP", "watch"), vec![heart_rate(0)]);
    assert_eq!(world.refused(&batch), "INACTIVE");
    assert_eq!(world.refused(&device("patient", SID, "scale")), "INACTIVE");

    world.ok(&set_patient(&registrar, SID, Active));
    world.ok(&batch);
    for status in [Active, Suspended] {
        world.ok(&set_patient(&registrar, SID, status));
        let end = set_patient(&registrar, SID, Deactivated);
        assert_eq!(world.refused(&end), "OUTSIDE_AUTHORITY", "{status:?}");
    }
}

/// Whoever suspends a patient stops what others do for it, never what it reads or withdraws.
#[test]
fn a_suspended_patient_reads_and_narrows() {
    let mut world = World::populated();
    world.submit(vec![heart_rate(0)]);
    let patient = client("Org1MSP", "patient");
    world.ok(&set_patient(&client("Org1MSP", "registrar"), SID, Suspended));
    let myself = world.whoami(&patient).patient.unwrap();
    assert_eq!((myself.sid, myself.rk), (Some(SID.parse().unwrap()), Some(RK.parse().unwrap())));
    let asked = read("8867-4", START, START + 86_400_000);
    let page = world.ask(&private(&patient, &ReadOwnSummaries {}, &asked), &ReadOwnSummaries {});
    assert_eq!(page.records.len(), 1);
    assert!(world.ask(&private(&patient, &VerifyRaw {}, &verify(0)), &VerifyRaw {}).matches);
    let by_watch = private(&client("Org1MSP", "watch"), &VerifyRaw {}, &verify(0));
    assert_eq!(world.denied(&by_watch), "INACTIVE");
    let own = |status| set_device(&patient, Some(SID), "watch", status);
    world.ok(&own(DeviceStatus::Suspended));
    assert_eq!(world.refused(&own(DeviceStatus::Active)), "INACTIVE");
    world.ok(&own(DeviceStatus::Revoked));
}

#[test]
fn a_registration_in_error_can_be_ended_but_not_activated_for_the_patient() {
    let mut world = World::staffed();
    let registrar = client("Org1MSP", "registrar");
    world.ok(&register("patient", SID));
    assert_eq!(world.refused(&set_patient(&registrar, SID, Active)), "STATUS_CONFLICT");
    world.ok(&set_patient(&registrar, SID, Deactivated));
    world.ok(&set_patient(&registrar, SID, Deactivated));
    assert_eq!(world.refused(&set_patient(&registrar, SID, Active)), "STATUS_CONFLICT");
    assert_eq!(world.refused(&confirm("patient", SID, RK)), "NOT_PENDING");
}

#[test]
fn a_device_is_its_owners_and_a_regulators() {
    let mut world = World::populated();
    let (patient, other) = (client("Org1MSP", "patient"), client("Org1MSP", "other"));
    let regulator = client("RegMSP", "officer");
    let nobody = "00000000000000000000000000000000";
    let batch = summaries(&client("Org1MSP", "watch"), vec![heart_rate(0)]);
    let own = |status| set_device(&client("Org1MSP", "patient"), Some(SID), "watch", status);
    let over = |status| set_device(&client("RegMSP", "officer"), None, "watch", status);

    for (by, sid, code) in [
        (&other, Some(SID), "ROLE_NOT_PERMITTED"),
        (&other, Some(OTHER_SID), "DEVICE_UNKNOWN"),
        (&client("Org1MSP", "officer"), None, "OUTSIDE_AUTHORITY"),
        (&client("Org1MSP", "registrar"), None, "ROLE_NOT_PERMITTED"),
        (&patient, None, "IDENTITY_UNKNOWN"),
        (&patient, Some(nobody), "ROLE_NOT_PERMITTED"),
        (&forged("Org1MSP", "patient"), Some(SID), "KEY_NOT_BOUND"),
    ] {
        let set = set_device(by, sid, "watch", DeviceStatus::Suspended);
        assert_eq!(world.refused(&set), code);
    }
    let unknown = set_device(&patient, Some(SID), "ring", DeviceStatus::Suspended);
    assert_eq!(world.refused(&unknown), "DEVICE_UNKNOWN");
    let unknown = set_device(&regulator, None, "ring", DeviceStatus::Suspended);
    assert_eq!(world.refused(&unknown), "DEVICE_UNKNOWN");

    world.ok(&own(DeviceStatus::Suspended));
    assert_eq!(world.refused(&batch), "INACTIVE");
    world.ok(&own(DeviceStatus::Active));
    world.ok(&over(DeviceStatus::Suspended));
    assert_eq!(world.refused(&own(DeviceStatus::Active)), "SUSPENSION_HELD");
    world.ok(&over(DeviceStatus::Active));
    world.ok(&batch);
    world.ok(&own(DeviceStatus::Revoked));
    assert_eq!(world.refused(&over(DeviceStatus::Active)), "STATUS_CONFLICT");
}

#[test]
fn a_patient_sees_what_a_regulator_does_to_its_device() {
    let mut world = World::populated();
    let over = |status| set_device(&client("RegMSP", "officer"), None, "watch", status);
    for status in [DeviceStatus::Suspended, DeviceStatus::Active, DeviceStatus::Revoked] {
        world.ok(&over(status));
        world.ok(&over(status));
    }
    let told = ("SetStatus".to_owned(), "privacy_officer".to_owned());
    assert_eq!(journal(&mut world), [told.clone(), told.clone(), told]);
}

#[test]
fn ending_is_never_too_late_and_reviving_never_back_dated() {
    let mut world = World::populated();
    let (registrar, patient) = (client("Org1MSP", "registrar"), client("Org1MSP", "patient"));
    let now = world.ledger.now();
    let device = |status| set_device(&patient, Some(SID), "watch", status).at(now - 600_000);
    world.ok(&device(DeviceStatus::Suspended));
    assert_eq!(world.refused(&device(DeviceStatus::Active)), "BACK_DATED");
    world.ok(&device(DeviceStatus::Revoked));
    let subject = |status| set_patient(&registrar, SID, status).at(now - 600_000);
    world.ok(&subject(Suspended));
    assert_eq!(world.refused(&subject(Active)), "BACK_DATED");
    let admin = msp_admin("Org1MSP");
    world.ok(&set_unit(&admin, "bay", Suspended).at(now - 600_000));
    assert_eq!(world.refused(&set_unit(&admin, "bay", Active).at(now - 1)), "BACK_DATED");
    world.ok(&set_staff(&admin, "Org1MSP", "doctor", Suspended).at(now - 600_000));
    let revive = set_staff(&admin, "Org1MSP", "doctor", Active).at(now - 1);
    assert_eq!(world.refused(&revive), "BACK_DATED");
    world.ok(&set_organization(&admin, "Org1MSP", Suspended).at(now - 600_000));
    let revive = set_organization(&admin, "Org1MSP", Active).at(now - 1);
    assert_eq!(world.refused(&revive), "BACK_DATED");
}

#[test]
fn asking_for_the_present_status_changes_nothing() {
    let mut world = World::populated();
    let admin = msp_admin("Org1MSP");
    for call in [
        set_organization(&admin, "Org1MSP", Active),
        set_unit(&admin, "ward", Active),
        set_staff(&admin, "Org1MSP", "doctor", Active),
        set_patient(&client("Org1MSP", "registrar"), SID, Active),
        set_device(&client("Org1MSP", "patient"), Some(SID), "watch", DeviceStatus::Active),
    ] {
        let before = world.ledger.digest();
        assert_eq!(world.ok(&call).trips.write_batches(), 0);
        assert_eq!(world.ledger.digest(), before);
    }
}
