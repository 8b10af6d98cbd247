use crate::world::*;
use fabric_contract_rs::ClientIdentity;
use ioht_contract::state::{HEADS, KEYS};
use ioht_contract::*;

fn head(world: &World) -> Head {
    world.ledger.value(&HEADS, &(SID.parse().unwrap(),)).unwrap()
}

fn officer() -> ClientIdentity {
    client("Org2MSP", "officer")
}

/// The patient by the key that it has next.
fn renewed() -> ClientIdentity {
    forged("Org1MSP", "patient")
}

#[test]
fn a_lost_key_is_replaced_by_two_people_of_two_organisations() {
    let mut world = World::populated();
    world.submit(vec![heart_rate(0)]);
    let (patient, registrar) = (client("Org1MSP", "patient"), client("Org1MSP", "registrar"));
    world.add_delegate("aunt", &[Power::View]);
    world.ok(&propose(&patient, &proposal("uncle", DelegationKind::Proxy, &[Power::View])));
    world.ok(&device("patient", SID, "scale"));
    assert_eq!(world.refused(&rebind(&officer(), SID, &renewed())), "NOT_PROPOSED");
    world.ok(&rebind(&registrar, SID, &renewed()));
    let pending = world.whoami(&patient).patient.unwrap().pending_key;
    assert_eq!(pending, Some(key_hash(&renewed())));
    // Nothing has changed until the second agrees.
    assert!(!world.whoami(&renewed()).patient.unwrap().key_bound);
    world.ok(&rebind(&officer(), SID, &renewed()));
    let after = head(&world);
    assert_eq!((after.epoch, after.key_hash), (2, key_hash(&renewed())));
    assert!(after.claims.is_empty() && after.pending_rebind.is_none());
    assert_eq!(after.delegations.len(), 1, "what was proposed has lapsed, what was accepted stays");
    assert_eq!(world.ledger.value(&KEYS, &(key_hash(&renewed()),)).unwrap().pid, pid(&patient));
    assert!(!world.whoami(&patient).patient.unwrap().key_bound);
    let asked = read("8867-4", START, START + 86_400_000);
    let page = world.ask(&private(&renewed(), &ReadOwnSummaries {}, &asked), &ReadOwnSummaries {});
    assert_eq!(page.records.len(), 1);
    let asked = ReadJournalPrivate {
        sid: None,
        from: 1,
        until: world.ledger.now() + 1,
        limit: Some(2),
        after: None,
    };
    let page = world.ask(&private(&renewed(), &ReadJournal {}, &asked), &ReadJournal {});
    let told: Vec<(&str, &str)> =
        page.entries.iter().map(|it| (it.name.as_str(), it.role.as_str())).collect();
    assert_eq!(told.len(), 2);
    assert!(page.more);
    let next = ReadJournalPrivate { after: Some(page.entries[1].place), ..asked };
    let rest = world.ask(&private(&renewed(), &ReadJournal {}, &next), &ReadJournal {});
    assert!(!rest.more);
    let mut all: Vec<(String, String)> =
        page.entries.into_iter().chain(rest.entries).map(|it| (it.name, it.role)).collect();
    all.sort();
    let pair = |name: &str, role: &str| (name.to_owned(), role.to_owned());
    assert_eq!(
        all,
        [
            pair("AcceptDelegation", "delegate"),
            pair("RebindKey", "privacy_officer"),
            pair("RebindKey", "registrar")
        ]
    );
    let old = set_device(&patient, Some(SID), "watch", DeviceStatus::Suspended);
    assert_eq!(world.refused(&old), "KEY_NOT_BOUND");
}

/// The clock of who asks does not hold up what the patient has permitted; that of who agrees counts, so
/// that nothing by the new key is dated before it.
#[test]
fn a_key_asked_for_ahead_of_time_stops_no_reading() {
    let mut world = World::populated();
    let (before, ahead) = (head(&world).meta, world.ledger.now() + 840_000);
    world.ok(&rebind(&client("Org1MSP", "registrar"), SID, &renewed()).at(ahead));
    let asked = head(&world).meta;
    assert_eq!((asked.version, asked.updated_at), (before.version + 1, before.updated_at));
    world.ok(&rebind(&officer(), SID, &renewed()).at(ahead));
    assert_eq!(head(&world).meta.updated_at, ahead);
}

#[test]
fn nobody_rebinds_alone() {
    let mut world = World::populated();
    let registrar = client("Org1MSP", "registrar");
    for (by, code) in [
        (client("Org2MSP", "registrar"), "SUBJECT_UNKNOWN"),
        (client("Org1MSP", "doctor"), "ROLE_NOT_PERMITTED"),
        (msp_admin("Org1MSP"), "ROLE_NOT_PERMITTED"),
        (client("Org1MSP", "other"), "IDENTITY_UNKNOWN"),
        (renewed(), "KEY_NOT_BOUND"),
    ] {
        assert_eq!(world.refused(&rebind(&by, SID, &renewed())), code);
    }
    let nobody = "00000000000000000000000000000000";
    assert_eq!(world.refused(&rebind(&registrar, nobody, &renewed())), "SUBJECT_UNKNOWN");
    let same = rebind(&registrar, SID, &client("Org1MSP", "patient"));
    assert_eq!(world.refused(&same), "ARGUMENT_INVALID");
    let taken = rebind(&registrar, SID, &client("Org1MSP", "watch"));
    assert_eq!(world.refused(&taken), "KEY_TAKEN");
    // Elsewhere a key that is taken does not tell that the patient is there.
    let elsewhere = rebind(&client("Org2MSP", "registrar"), SID, &client("Org1MSP", "watch"));
    assert_eq!(world.refused(&elsewhere), "SUBJECT_UNKNOWN");
    world.ok(&rebind(&registrar, SID, &renewed()));
    world.ok(&staff(&client("Org2MSP", "manager"), "puppet", "bay", &[StaffRole::PrivacyOfficer]));
    for by in [
        client("Org1MSP", "officer"),
        client("Org2MSP", "puppet"),
        client("Org3MSP", "officer"),
        client("RegMSP", "officer"),
    ] {
        assert_eq!(world.refused(&rebind(&by, SID, &renewed())), "OUTSIDE_AUTHORITY");
    }
    // The second agrees to the key that the first asked for, and in time.
    let other = rebind(&officer(), SID, &client("Org1MSP", "stranger"));
    assert_eq!(world.refused(&other), "NOT_PROPOSED");
    let early = rebind(&officer(), SID, &renewed()).at(world.ledger.now() - 1);
    assert_eq!(world.refused(&early), "BACK_DATED");
    world.ledger.advance(OFFER_MS);
    assert_eq!(world.refused(&rebind(&officer(), SID, &renewed())), "OFFER_LAPSED");
    world.ok(&rebind(&registrar, SID, &renewed()));
    world.ok(&rebind(&officer(), SID, &renewed()));
}

/// Who has no part in it learns neither whose a subject id is nor which keys are bound.
#[test]
fn others_learn_nothing_by_asking_for_a_key() {
    let mut world = World::populated();
    const ENDED: &str = "5353535353535353535353535353535a";
    world.ok(&register("ended", ENDED));
    let home = client("Org1MSP", "registrar");
    world.ok(&set_patient(&home, ENDED, NewStatus::Deactivated));
    let keys = [client("Org1MSP", "watch"), client("Org1MSP", "patient"), renewed()];
    for (by, code) in [
        (client("Org2MSP", "registrar"), "SUBJECT_UNKNOWN"),
        (client("Org3MSP", "registrar"), "SUBJECT_UNKNOWN"),
        (client("Org3MSP", "officer"), "OUTSIDE_AUTHORITY"),
        (client("RegMSP", "officer"), "OUTSIDE_AUTHORITY"),
    ] {
        for sid in [SID, ENDED, "00000000000000000000000000000000"] {
            for key in &keys {
                assert_eq!(world.refused(&rebind(&by, sid, key)), code, "{sid}");
            }
        }
        let sid = "00000000000000000000000000000000";
        let nobodys = end_delegation(&by, sid, Some("aunt"));
        assert_eq!(world.refused(&nobodys), code);
        assert_eq!(world.refused(&end_delegation(&by, SID, Some("aunt"))), code);
    }
    // Who agrees learns of the key that was asked for only.
    assert_eq!(world.refused(&rebind(&officer(), SID, &keys[0])), "NOT_PROPOSED");
}

#[test]
fn a_patient_that_has_its_key_refuses_another() {
    let mut world = World::populated();
    let (patient, registrar) = (client("Org1MSP", "patient"), client("Org1MSP", "registrar"));
    assert_eq!(world.refused(&rebind(&patient, SID, &renewed())), "NOT_PROPOSED");
    world.ok(&rebind(&registrar, SID, &renewed()));
    world.ok(&set_patient(&registrar, SID, NewStatus::Suspended));
    world.ok(&rebind(&patient, SID, &renewed()).at(world.ledger.now() - 600_000));
    assert_eq!(world.refused(&rebind(&officer(), SID, &renewed())), "NOT_PROPOSED");
}

#[test]
fn a_registration_that_ended_gets_no_key() {
    let mut world = World::staffed();
    let registrar = client("Org1MSP", "registrar");
    world.ok(&register("patient", SID));
    // Also before the confirmation: the patient then confirms with the new key.
    world.ok(&rebind(&registrar, SID, &renewed()));
    world.ok(&rebind(&officer(), SID, &renewed()));
    assert_eq!(world.refused(&confirm("patient", SID, RK)), "KEY_NOT_BOUND");
    world.ok(&set_patient(&registrar, SID, NewStatus::Deactivated));
    assert_eq!(world.refused(&rebind(&registrar, SID, &renewed())), "INACTIVE");
}
