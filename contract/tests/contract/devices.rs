use crate::consented::fill_with_devices;
use crate::world::*;
use fabric_contract_rs::testing::TestIdentity;
use ioht_contract::state::{DEVICES, HEADS};
use ioht_contract::*;

fn head(world: &World) -> Head {
    world.ledger.value(&HEADS, &(SID.parse().unwrap(),)).unwrap()
}

fn stored(world: &World, name: &str) -> Device {
    world.ledger.value(&DEVICES, &(pid(&client("Org1MSP", name)),)).unwrap()
}

#[test]
fn a_device_and_its_gateway_learn_what_they_need() {
    let mut world = World::populated();
    let watch = client("Org1MSP", "watch");
    assert_eq!(stored(&world, "watch").status, DeviceStatus::Active);
    assert_eq!(stored(&world, "watch").active_from, START);
    let submits = Submission {
        sid: SID.parse().unwrap(),
        rk: RK.parse().unwrap(),
        profile: "pulse-watch".parse().unwrap(),
        active_from: START,
    };
    let device = DeviceSelf {
        device: pid(&watch),
        status: DeviceStatus::Active,
        key_bound: true,
        submits: Some(submits),
    };
    assert_eq!(world.whoami(&watch).devices, std::slice::from_ref(&device));

    let phone = client("Org1MSP", "phone");
    assert!(world.whoami(&phone).devices.is_empty());
    let devices = vec![pid(&watch), pid(&phone)];
    let asked = WhoAmIPrivate { devices, ..WhoAmIPrivate::default() };
    let asked_by = |by| private(by, &WhoAmI {}, &asked);
    let myself = world.ask(&asked_by(&phone), &WhoAmI {});
    assert_eq!(myself.devices, [device]);
    let stranger = client("Org1MSP", "stranger");
    assert!(world.ask(&asked_by(&stranger), &WhoAmI {}).devices.is_empty());
    let minted = world.ask(&asked_by(&forged("Org1MSP", "phone")), &WhoAmI {});
    assert_eq!((minted.devices[0].key_bound, minted.devices[0].submits.as_ref()), (false, None));
    let many = vec![pid(&watch); GATEWAY_DEVICES_MAX + 1];
    let many = WhoAmIPrivate { devices: many, ..WhoAmIPrivate::default() };
    assert_eq!(world.denied(&private(&phone, &WhoAmI {}, &many)), "ARGUMENT_INVALID");
}

#[test]
fn only_the_patient_names_its_device() {
    let mut world = World::populated();
    let part = device_part(SID, "scale");
    for (by, code) in [
        (client("Org1MSP", "other"), "ROLE_NOT_PERMITTED"),
        (client("Org1MSP", "registrar"), "ROLE_NOT_PERMITTED"),
        (client("Org1MSP", "watch"), "ROLE_NOT_PERMITTED"),
        (forged("Org1MSP", "patient"), "KEY_NOT_BOUND"),
    ] {
        assert_eq!(world.refused(&private(&by, &RegisterDevice {}, &part)), code);
    }
    // Which subject ids there are is told to nobody.
    let nobody = device_part("00000000000000000000000000000000", "scale");
    let patient = client("Org1MSP", "patient");
    let refused = world.refused(&private(&patient, &RegisterDevice {}, &nobody));
    assert_eq!(refused, "ROLE_NOT_PERMITTED");
    world.ok(&private(&patient, &RegisterDevice {}, &part));
}

#[test]
fn a_device_is_a_patients_by_its_own_word() {
    let mut world = World::populated();
    world.ok(&device("patient", SID, "scale"));
    let scale = client("Org1MSP", "scale");
    assert!(world.whoami(&scale).devices.is_empty());
    assert_eq!(world.refused(&summaries(&scale, vec![heart_rate(0)])), "ROLE_NOT_PERMITTED");
    for (by, sid, code) in [
        (client("Org1MSP", "watch"), SID, "ROLE_NOT_PERMITTED"),
        (client("Org1MSP", "patient"), SID, "ROLE_NOT_PERMITTED"),
        (scale.clone(), OTHER_SID, "ROLE_NOT_PERMITTED"),
        (scale.clone(), "00000000000000000000000000000000", "ROLE_NOT_PERMITTED"),
        (forged("Org1MSP", "scale"), SID, "KEY_NOT_BOUND"),
    ] {
        assert_eq!(world.refused(&confirm_device(&by, sid)), code);
    }
    let early = confirm_device(&scale, SID).at(world.ledger.now() - 1);
    assert_eq!(world.refused(&early), "BACK_DATED");
    world.ok(&confirm_device(&scale, SID));
    assert!(head(&world).devices.contains(&pid(&scale)) && head(&world).claims.is_empty());
    world.ok(&summaries(&scale, vec![heart_rate(0)]));
    assert_eq!(world.refused(&confirm_device(&scale, SID)), "ROLE_NOT_PERMITTED");
}

#[test]
fn a_claim_lapses_and_can_be_renewed_or_withdrawn() {
    let mut world = World::populated();
    let (patient, scale) = (client("Org1MSP", "patient"), client("Org1MSP", "scale"));
    world.ok(&device("patient", SID, "scale"));
    world.ledger.advance(OFFER_MS);
    assert_eq!(world.refused(&confirm_device(&scale, SID)), "OFFER_LAPSED");
    world.ok(&device("patient", SID, "scale"));
    assert_eq!(head(&world).claims.len(), 1);
    world.ok(&set_device(&patient, Some(SID), "scale", DeviceStatus::Revoked));
    assert_eq!(world.refused(&confirm_device(&scale, SID)), "ROLE_NOT_PERMITTED");
    world.ok(&device("patient", SID, "scale"));
    world.ledger.advance(OFFER_MS - 1);
    world.ok(&confirm_device(&scale, SID));
}

/// Naming somebody else's device neither blocks it nor tells that it is one.
#[test]
fn a_device_stays_with_the_patient_it_confirmed() {
    let mut world = World::populated();
    world.ok(&device("other", OTHER_SID, "watch"));
    let watch = client("Org1MSP", "watch");
    assert_eq!(world.refused(&confirm_device(&watch, OTHER_SID)), "DEVICE_EXISTS");
    assert_eq!(world.whoami(&watch).devices[0].submits.as_ref().unwrap().sid, SID.parse().unwrap());
    world.submit(vec![heart_rate(0)]);
}

/// The device named before its patient did: who is first changes nothing.
#[test]
fn nobody_squats_on_a_device() {
    let mut world = World::populated();
    world.ok(&device("other", OTHER_SID, "scale"));
    world.add_device("patient", SID, "scale");
    assert_eq!(stored(&world, "scale").owner, SID.parse().unwrap());
}

#[test]
fn one_key_is_one_device() {
    let mut world = World::populated();
    let patient = client("Org1MSP", "patient");
    let suspend = set_device(&client("RegMSP", "officer"), None, "watch", DeviceStatus::Suspended);
    world.ok(&suspend);
    let twin = TestIdentity::new("Org1MSP", "twin-MARKER").key("Org1MSP/watch-MARKER").client();
    assert_eq!(key_hash(&twin), key_hash(&client("Org1MSP", "watch")));
    let part = RegisterDevicePrivate {
        device: pid(&twin),
        key_hash: key_hash(&twin),
        ..device_part(SID, "scale")
    };
    world.ok(&private(&patient, &RegisterDevice {}, &part));
    assert_eq!(world.refused(&confirm_device(&twin, SID)), "KEY_TAKEN");
}

#[test]
fn a_device_changes_its_key_and_nothing_else() {
    let mut world = World::populated();
    let (patient, renewed) = (client("Org1MSP", "patient"), forged("Org1MSP", "watch"));
    world.ok(&set_device(&patient, Some(SID), "watch", DeviceStatus::Suspended));
    let part = RegisterDevicePrivate {
        key_hash: key_hash(&renewed),
        active_from: None,
        gateway: None,
        ..device_part(SID, "watch")
    };
    world.ok(&private(&patient, &RegisterDevice {}, &part));
    assert_eq!(world.refused(&confirm_device(&client("Org1MSP", "watch"), SID)), "KEY_NOT_BOUND");
    world.ok(&confirm_device(&renewed, SID));
    let after = stored(&world, "watch");
    assert_eq!((after.status, after.active_from), (DeviceStatus::Suspended, START));
    assert!(after.gateway.is_some());
    world.ok(&set_device(&patient, Some(SID), "watch", DeviceStatus::Active));
    world.ok(&summaries(&renewed, vec![heart_rate(0)]));
    let old = summaries(&client("Org1MSP", "watch"), vec![heart_rate(1)]);
    assert_eq!(world.refused(&old), "KEY_NOT_BOUND");
}

#[test]
fn a_revoked_device_never_comes_back() {
    let mut world = World::populated();
    let patient = client("Org1MSP", "patient");
    world.ok(&set_device(&patient, Some(SID), "watch", DeviceStatus::Revoked));
    assert!(head(&world).devices.is_empty());
    world.ok(&device("patient", SID, "watch"));
    let confirm = confirm_device(&client("Org1MSP", "watch"), SID);
    assert_eq!(world.refused(&confirm), "STATUS_CONFLICT");
    world.ok(&device("other", OTHER_SID, "watch"));
    let confirm = confirm_device(&client("Org1MSP", "watch"), OTHER_SID);
    assert_eq!(world.refused(&confirm), "DEVICE_EXISTS");
}

#[test]
fn a_patient_has_room_for_some_devices() {
    let mut world = World::populated();
    for n in 1..=CLAIMS_MAX {
        world.ok(&device("patient", SID, &format!("device-{n}")));
    }
    for name in ["one-more", "watch"] {
        assert_eq!(world.refused(&device("patient", SID, name)), "CLAIMS_FULL");
    }
    // Renewing one takes no more room.
    world.ok(&device("patient", SID, "device-1"));
    let patient = client("Org1MSP", "patient");
    world.ok(&set_device(&patient, Some(SID), "device-1", DeviceStatus::Revoked));
    world.ok(&set_device(&patient, Some(SID), "watch", DeviceStatus::Revoked));
    world.ok(&device("patient", SID, "one-more"));
    world.ledger.advance(OFFER_MS);
    world.ok(&device("patient", SID, "after-all-lapsed"));
    assert_eq!(head(&world).claims.len(), 1);
    // A full house still changes keys. It takes little of the head, as the limits say.
    let bytes = |world: &World| minicbor::to_vec(head(world)).unwrap().len();
    world.add_device("patient", SID, "ring");
    let (before, few) = (bytes(&world), head(&world).devices.len());
    fill_with_devices(&mut world, SID);
    assert!(bytes(&world) - before <= (DEVICES_MAX - few) * 17 + 2);
    assert_eq!(world.refused(&device("patient", SID, "too-many")), "DEVICES_FULL");
    world.ok(&device("patient", SID, "ring"));
}

#[test]
fn a_device_is_active_from_now_or_before() {
    let mut world = World::populated();
    let now = world.ledger.now();
    let patient = client("Org1MSP", "patient");
    let add = |active_from, name: &str| {
        let part = RegisterDevicePrivate { active_from, ..device_part(SID, name) };
        private(&patient, &RegisterDevice {}, &part)
    };
    assert_eq!(world.refused(&add(Some(now + 1), "scale")), "ARGUMENT_INVALID");
    assert_eq!(world.refused(&add(Some(-1), "scale")), "ARGUMENT_INVALID");
    world.ok(&add(None, "scale"));
    world.ok(&confirm_device(&client("Org1MSP", "scale"), SID));
    assert_eq!(stored(&world, "scale").active_from, now);
    assert_eq!(world.refused(&add(None, "ring").at(now - 1)), "BACK_DATED");
}

#[test]
fn a_gateway_is_named_changed_and_taken_away() {
    let mut world = World::populated();
    let (patient, other) = (client("Org1MSP", "patient"), client("Org1MSP", "other"));
    let mut part = device_part(SID, "scale");
    part.gateway = Some(Gateway { pid: part.device, key_hash: part.key_hash });
    let own = private(&patient, &RegisterDevice {}, &part);
    assert_eq!(world.refused(&own), "ARGUMENT_INVALID");
    let own = set_gateway(&patient, SID, "watch", Some("watch"));
    assert_eq!(world.refused(&own), "ARGUMENT_INVALID");
    for (by, sid, code) in [
        (&other, SID, "ROLE_NOT_PERMITTED"),
        (&other, OTHER_SID, "DEVICE_UNKNOWN"),
        (&forged("Org1MSP", "patient"), SID, "KEY_NOT_BOUND"),
    ] {
        assert_eq!(world.refused(&set_gateway(by, sid, "watch", None)), code);
    }
    let unknown = set_gateway(&patient, SID, "ring", None);
    assert_eq!(world.refused(&unknown), "DEVICE_UNKNOWN");

    let send = |by: &str, n| {
        let device = Some(pid(&client("Org1MSP", "watch")));
        let batch = SubmitSummariesPrivate { device, ..crate::world::part(vec![heart_rate(n)]) };
        private(&client("Org1MSP", by), &SubmitSummaries {}, &batch)
    };
    world.ok(&set_gateway(&patient, SID, "watch", Some("hub")));
    assert_eq!(world.refused(&send("phone", 0)), "ROLE_NOT_PERMITTED");
    world.ok(&send("hub", 0));
    let back = world.ledger.now() - 600_000;
    let again = set_gateway(&patient, SID, "watch", Some("phone")).at(back);
    assert_eq!(world.refused(&again), "BACK_DATED");
    world.ok(&set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended));
    let again = set_gateway(&patient, SID, "watch", Some("phone"));
    assert_eq!(world.refused(&again), "INACTIVE");
    world.ok(&set_gateway(&patient, SID, "watch", None).at(back));
    assert_eq!(stored(&world, "watch").gateway, None);
    let same = world.ok(&set_gateway(&patient, SID, "watch", None));
    assert_eq!(same.trips.write_batches(), 0);
}

#[test]
fn a_patient_pauses_collection() {
    let mut world = World::populated();
    let patient = client("Org1MSP", "patient");
    let batch = summaries(&client("Org1MSP", "watch"), vec![heart_rate(0)]);
    let back = world.ledger.now() - 600_000;
    world.ok(&set_collection(&patient, SID, Collection::Paused).at(back));
    assert_eq!(world.refused(&batch), "INACTIVE");
    assert_eq!(world.whoami(&patient).patient.unwrap().collection, Some(Collection::Paused));
    let resume = set_collection(&patient, SID, Collection::On);
    assert_eq!(world.refused(&resume.clone().at(back)), "BACK_DATED");
    let other = set_collection(&client("Org1MSP", "other"), SID, Collection::Paused);
    assert_eq!(world.refused(&other), "ROLE_NOT_PERMITTED");
    world.ok(&resume);
    assert_eq!(world.ok(&resume).trips.write_batches(), 0);
    world.ok(&batch);
    world.ok(&set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended));
    world.ok(&set_collection(&patient, SID, Collection::Paused));
    assert_eq!(world.refused(&resume), "INACTIVE");
}

#[test]
fn the_private_part_is_needed_and_closed() {
    let mut world = World::populated();
    let patient = client("Org1MSP", "patient");
    assert_eq!(world.refused(&call(&patient, &RegisterDevice {})), "PRIVATE_MISSING");
    let mut part = serde_json::to_value(device_part(SID, "scale")).unwrap();
    part["serial"] = "MARKER".into();
    let sent = raw_private(&patient, "RegisterDevice", part.to_string());
    assert_eq!(world.refused(&sent), "PRIVATE_MALFORMED");
}
