use crate::world::*;
use ioht_contract::state::DEVICES;
use ioht_contract::*;

#[test]
fn a_device_and_its_gateway_learn_what_they_need() {
    let mut world = World::populated();
    let watch = client("Org1MSP", "watch");
    let stored = world.ledger.value(&DEVICES, &(pid(&watch),)).unwrap();
    assert_eq!(stored.status, DeviceStatus::Active);
    assert_eq!(stored.active_from, START);
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
    let asked = WhoAmIPrivate { devices: vec![pid(&watch), pid(&phone)] };
    let asked_by = |by| private(by, &WhoAmI {}, &asked);
    let myself = world.ask(&asked_by(&phone), &WhoAmI {});
    assert_eq!(myself.devices, [device]);
    let stranger = client("Org1MSP", "stranger");
    assert!(world.ask(&asked_by(&stranger), &WhoAmI {}).devices.is_empty());
    let minted = world.ask(&asked_by(&forged("Org1MSP", "phone")), &WhoAmI {});
    assert_eq!((minted.devices[0].key_bound, minted.devices[0].submits.as_ref()), (false, None));
    let many = WhoAmIPrivate { devices: vec![pid(&watch); GATEWAY_DEVICES_MAX + 1] };
    assert_eq!(world.denied(&private(&phone, &WhoAmI {}, &many)), "ARGUMENT_INVALID");
}

#[test]
fn only_the_patient_registers_its_device() {
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
    let nobody = device_part("00000000000000000000000000000000", "scale");
    let patient = client("Org1MSP", "patient");
    assert_eq!(world.refused(&private(&patient, &RegisterDevice {}, &nobody)), "SUBJECT_UNKNOWN");
    world.ok(&private(&patient, &RegisterDevice {}, &part));
}

#[test]
fn a_device_is_registered_once_whoever_asks() {
    let mut world = World::populated();
    assert_eq!(world.refused(&device("patient", SID, "watch")), "DEVICE_EXISTS");
    assert_eq!(world.refused(&device("other", OTHER_SID, "watch")), "DEVICE_EXISTS");
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
    let scale = (pid(&client("Org1MSP", "scale")),);
    assert_eq!(world.ledger.value(&DEVICES, &scale).unwrap().active_from, now);
    assert_eq!(world.refused(&add(None, "ring").at(now - 1)), "BACK_DATED");
}

#[test]
fn a_device_is_not_its_own_gateway() {
    let mut world = World::populated();
    let mut part = device_part(SID, "scale");
    part.gateway = Some(Gateway { pid: part.device, key_hash: part.key_hash });
    let patient = client("Org1MSP", "patient");
    assert_eq!(world.refused(&private(&patient, &RegisterDevice {}, &part)), "ARGUMENT_INVALID");
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
