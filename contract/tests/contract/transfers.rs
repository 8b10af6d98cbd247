use crate::consented::fill_with_devices;
use crate::world::*;
use fabric_contract_rs::ClientIdentity;
use ioht_contract::state::DEVICES;
use ioht_contract::*;

fn patient() -> ClientIdentity {
    client("Org1MSP", "patient")
}

fn other() -> ClientIdentity {
    client("Org1MSP", "other")
}

fn stored(world: &World) -> Device {
    world.ledger.value(&DEVICES, &(pid(&client("Org1MSP", "watch")),)).unwrap()
}

fn devices(world: &mut World, by: &ClientIdentity) -> Devices {
    world.ask(&call(by, &ListDevices {}), &ListDevices {})
}

#[test]
fn a_device_changes_hands_and_its_past_stays() {
    let mut world = World::populated();
    world.submit(vec![heart_rate(0)]);
    world.ok(&control(&patient(), "watch", ControlChange::Allow(authorisation())));
    world.ok(&issue(&patient(), &command_part("watch", 1, "identify")));
    world.ok(&device("patient", SID, "watch"));
    world.ok(&offer(&patient(), SID, "watch", Some(OTHER_SID)));
    let listed = devices(&mut world, &patient());
    assert_eq!(listed.devices[0].offered_until, Some(world.ledger.now() + OFFER_MS));
    assert_eq!(listed.claims.len(), 1);
    // It is the old patient's until the other has accepted.
    world.submit(vec![heart_rate(1)]);
    world.ledger.advance(1000);
    world.ok(&take_over(&other(), OTHER_SID, SID, "watch"));
    let after = stored(&world);
    assert_eq!((after.owner, after.epoch), (OTHER_SID.parse().unwrap(), 2));
    assert_eq!(after.active_from, world.ledger.now());
    assert!(after.gateway.is_none() && after.offer.is_none() && after.authorisations.is_empty());
    let listed = devices(&mut world, &patient());
    assert!(listed.devices.is_empty() && listed.claims.is_empty());
    assert_eq!(journal(&mut world), [("AcceptDevice".to_owned(), "subject".to_owned())]);
    assert_eq!(devices(&mut world, &other()).devices[0].profile.as_str(), "pulse-watch");

    let watch = client("Org1MSP", "watch");
    let old = summaries(&watch, vec![heart_rate(2)]);
    assert_eq!(world.refused(&old), "DEVICE_NOT_OF_SUBJECT");
    let (sid, rk) = (OTHER_SID.parse().unwrap(), OTHER_RK.parse().unwrap());
    let early = SubmitSummariesPrivate { sid, rk, ..part(vec![heart_rate(2)]) };
    let early = private(&watch, &SubmitSummaries {}, &early);
    assert_eq!(world.refused(&early), "RAW_DATA_REJECTED");
    let asked = read("8867-4", START, START + 86_400_000);
    let mut page = |by: &ClientIdentity| {
        world.ask(&private(by, &ReadOwnSummaries {}, &asked), &ReadOwnSummaries {}).records.len()
    };
    assert_eq!((page(&patient()), page(&other())), (2, 0));
    // What was ordered has ended.
    let accept = update(&watch, "watch", 1, CommandStatus::Accepted);
    assert_eq!(world.refused(&accept), "ROLE_NOT_PERMITTED");
    assert!(world.ask(&list_commands(&patient(), "watch"), &ListCommands {}).commands[0].ended);
    assert_eq!(world.denied(&list_commands(&watch, "watch")), "ROLE_NOT_PERMITTED");
    let stale = confirm_device(&watch, SID);
    assert_eq!(world.refused(&stale), "ROLE_NOT_PERMITTED");
}

#[test]
fn only_its_patient_offers_an_active_device() {
    let mut world = World::populated();
    let back = world.ledger.now() - 600_000;
    let give = offer(&patient(), SID, "watch", Some(OTHER_SID));
    for (call, code) in [
        (offer(&other(), SID, "watch", Some(OTHER_SID)), "ROLE_NOT_PERMITTED"),
        (offer(&other(), OTHER_SID, "watch", Some(SID)), "DEVICE_UNKNOWN"),
        (offer(&patient(), SID, "ring", Some(OTHER_SID)), "DEVICE_UNKNOWN"),
        (offer(&patient(), SID, "watch", Some(SID)), "ARGUMENT_INVALID"),
        (offer(&forged("Org1MSP", "patient"), SID, "watch", None), "KEY_NOT_BOUND"),
        (give.clone().at(back), "BACK_DATED"),
    ] {
        assert_eq!(world.refused(&call), code);
    }
    world.ok(&set_device(&patient(), Some(SID), "watch", DeviceStatus::Suspended));
    assert_eq!(world.refused(&give), "INACTIVE");
    world.ok(&set_device(&patient(), Some(SID), "watch", DeviceStatus::Active));
    world.ok(&give);
    world.ok(&set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended));
    assert_eq!(world.refused(&offer(&patient(), SID, "watch", Some(RK))), "INACTIVE");
    let withdraw = offer(&patient(), SID, "watch", None);
    world.ok(&withdraw.clone().at(back));
    assert_eq!(world.ok(&withdraw).trips.write_batches(), 0);
    let late = take_over(&other(), OTHER_SID, SID, "watch");
    assert_eq!(world.refused(&late), "DEVICE_UNKNOWN");
}

#[test]
fn only_who_is_meant_takes_a_device_over() {
    let mut world = World::populated();
    world.add_device("patient", SID, "scale");
    let nobody = "00000000000000000000000000000000";
    let take = take_over(&other(), OTHER_SID, SID, "watch");
    // Offered to nobody, or to somebody else, is as unknown as no device.
    assert_eq!(world.refused(&take), "DEVICE_UNKNOWN");
    world.ok(&offer(&patient(), SID, "scale", Some(nobody)));
    let scale = take_over(&other(), OTHER_SID, SID, "scale");
    assert_eq!(world.refused(&scale), "DEVICE_UNKNOWN");
    world.ok(&offer(&patient(), SID, "watch", Some(OTHER_SID)));
    for (call, code) in [
        (take_over(&other(), OTHER_SID, nobody, "watch"), "DEVICE_UNKNOWN"),
        (take_over(&other(), OTHER_SID, SID, "ring"), "DEVICE_UNKNOWN"),
        (take_over(&other(), OTHER_SID, OTHER_SID, "watch"), "ARGUMENT_INVALID"),
        (take_over(&patient(), OTHER_SID, SID, "watch"), "ROLE_NOT_PERMITTED"),
        (take_over(&forged("Org1MSP", "other"), OTHER_SID, SID, "watch"), "KEY_NOT_BOUND"),
        (take.clone().at(world.ledger.now() - 1), "BACK_DATED"),
    ] {
        assert_eq!(world.refused(&call), code);
    }
    let suspend = |status| set_device(&patient(), Some(SID), "watch", status);
    world.ok(&suspend(DeviceStatus::Suspended));
    assert_eq!(world.refused(&take), "INACTIVE");
    world.ok(&suspend(DeviceStatus::Active));
    let registrar = client("Org1MSP", "registrar");
    world.ok(&set_patient(&registrar, OTHER_SID, NewStatus::Suspended));
    assert_eq!(world.refused(&take), "INACTIVE");
    world.ok(&set_patient(&registrar, OTHER_SID, NewStatus::Active));
    world.add_device("other", OTHER_SID, "lamp");
    fill_with_devices(&mut world, OTHER_SID);
    assert_eq!(world.refused(&take), "DEVICES_FULL");
    world.ok(&set_device(&other(), Some(OTHER_SID), "lamp", DeviceStatus::Revoked));
    world.ledger.advance(OFFER_MS);
    assert_eq!(world.refused(&take), "OFFER_LAPSED");
    world.ok(&offer(&patient(), SID, "watch", Some(OTHER_SID)));
    world.ok(&take);
}

#[test]
fn a_list_of_devices_is_its_patients() {
    let mut world = World::populated();
    world.add_delegate("aunt", &[Power::Devices]);
    world.add_delegate("uncle", &[Power::View]);
    let asked = |sid: &str| OfPatientPrivate { sid: Some(sid.parse().unwrap()) };
    let by =
        |name: &str, sid: &str| private(&client("Org1MSP", name), &ListDevices {}, &asked(sid));
    assert_eq!(world.ask(&by("aunt", SID), &ListDevices {}).devices.len(), 1);
    for (name, sid) in [("uncle", SID), ("aunt", OTHER_SID), ("other", SID), ("doctor", SID)] {
        assert_eq!(world.denied(&by(name, sid)), "ROLE_NOT_PERMITTED", "{name}");
    }
    assert_eq!(
        world.denied(&call(&client("Org1MSP", "doctor"), &ListDevices {})),
        "ROLE_NOT_PERMITTED"
    );
    // What the regulator revoked stays in sight until the patient revokes it too.
    world.ok(&set_device(&client("RegMSP", "officer"), None, "watch", DeviceStatus::Revoked));
    assert_eq!(devices(&mut world, &patient()).devices[0].status, DeviceStatus::Revoked);
    world.ok(&set_device(&patient(), Some(SID), "watch", DeviceStatus::Revoked));
    assert!(devices(&mut world, &patient()).devices.is_empty());
}

/// The same patient again is not the same time with the device.
#[test]
fn what_was_ordered_does_not_come_back_with_the_device() {
    let mut world = World::populated();
    world.ok(&issue(&patient(), &command_part("watch", 1, "identify")));
    for (by, sid, to, from) in
        [(patient(), SID, other(), OTHER_SID), (other(), OTHER_SID, patient(), SID)]
    {
        world.ok(&offer(&by, sid, "watch", Some(from)));
        world.ok(&take_over(&to, from, sid, "watch"));
    }
    assert_eq!(stored(&world).epoch, 3);
    let watch = client("Org1MSP", "watch");
    let accept = update(&watch, "watch", 1, CommandStatus::Accepted);
    assert_eq!(world.refused(&accept), "COMMAND_ENDED");
    world.ok(&issue(&patient(), &command_part("watch", 2, "identify")));
    world.ok(&update(&watch, "watch", 2, CommandStatus::Accepted));
}

#[test]
fn both_patients_see_what_a_delegate_took_over() {
    let mut world = World::populated();
    let aunt = ProposeDelegationPrivate {
        sid: OTHER_SID.parse().unwrap(),
        ..proposal("aunt", DelegationKind::Caregiver, &[Power::Devices])
    };
    world.ok(&propose(&other(), &aunt));
    world.ok(&accept(&client("Org1MSP", "aunt"), OTHER_SID));
    world.ok(&offer(&patient(), SID, "watch", Some(OTHER_SID)));
    world.ok(&take_over(&client("Org1MSP", "aunt"), OTHER_SID, SID, "watch"));
    let told = ("AcceptDevice".to_owned(), "delegate".to_owned());
    assert_eq!(journal(&mut world), [told]);
    let until = world.ledger.now() + 1;
    let asked = ReadJournalPrivate { sid: None, from: 1, until, limit: None, after: None };
    let page = world.ask(&private(&other(), &ReadJournal {}, &asked), &ReadJournal {});
    let names: Vec<&str> = page.entries.iter().map(|it| it.name.as_str()).collect();
    assert!(names.contains(&"AcceptDevice"), "{names:?}");
}
