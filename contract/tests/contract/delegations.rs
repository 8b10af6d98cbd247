use crate::world::*;
use fabric_contract_rs::ClientIdentity;
use ioht_contract::DelegationKind::{Caregiver, Guardian, HealthcarePoa, Proxy};
use ioht_contract::state::HEADS;
use ioht_contract::*;

fn patient() -> ClientIdentity {
    client("Org1MSP", "patient")
}

fn aunt() -> ClientIdentity {
    client("Org1MSP", "aunt")
}

/// When what decisions rest on was changed last.
fn head(world: &World) -> i64 {
    let head: Head = world.ledger.value(&HEADS, &(SID.parse().unwrap(),)).unwrap();
    head.meta.updated_at
}

fn relations(world: &mut World, by: &ClientIdentity) -> Relations {
    let sid = Some(SID.parse().unwrap());
    world.ask(&private(by, &ListDelegations {}, &OfPatientPrivate { sid }), &ListDelegations {})
}

/// What delegates did, in the order of names: it is all of one moment.
fn acted(world: &mut World) -> Vec<String> {
    let entries = journal(world).into_iter();
    let mut names: Vec<String> =
        entries.filter(|(_, role)| role == "delegate").map(|(name, _)| name).collect();
    names.sort();
    names
}

#[test]
fn a_delegate_acts_with_its_powers_and_the_patient_sees_it() {
    let mut world = World::populated();
    world.ok(&propose(&patient(), &proposal("aunt", Caregiver, &[Power::Devices])));
    let pause = |by: &ClientIdentity| set_collection(by, SID, Collection::Paused);
    assert_eq!(world.refused(&pause(&aunt())), "ROLE_NOT_PERMITTED");
    world.ok(&accept(&aunt(), SID));
    assert_eq!(world.refused(&pause(&forged("Org1MSP", "aunt"))), "KEY_NOT_BOUND");
    world.ok(&pause(&aunt()));
    world.ok(&set_collection(&aunt(), SID, Collection::On));
    let scale = device_part(SID, "scale");
    world.ok(&private(&aunt(), &RegisterDevice {}, &scale));
    world.ok(&confirm_device(&client("Org1MSP", "scale"), SID));
    world.ok(&set_gateway(&aunt(), SID, "scale", None));
    world.ok(&set_device(&aunt(), Some(SID), "scale", DeviceStatus::Revoked));
    assert_eq!(
        acted(&mut world),
        [
            "AcceptDelegation",
            "PutGateway",
            "RegisterDevice",
            "SetCollection",
            "SetCollection",
            "SetStatus",
        ]
    );
    // And which device or delegate it was.
    let about = |name: &str| Some(pid(&client("Org1MSP", name)));
    for entry in journalled(&mut world).iter().filter(|it| it.role == "delegate") {
        let expected = match entry.name.as_str() {
            "AcceptDelegation" => about("aunt"),
            "SetCollection" => None,
            _ => about("scale"),
        };
        assert_eq!(entry.about, expected, "{}", entry.name);
    }
    // A delegate that may only view is told of itself, and of nobody else.
    world.add_delegate("uncle", &[Power::View]);
    let until = world.ledger.now() + 1_000_000;
    let sid = Some(SID.parse().unwrap());
    let asked = ReadJournalPrivate { sid, from: 1, until, limit: None, after: None };
    let seen = private(&client("Org1MSP", "uncle"), &ReadJournal {}, &asked);
    let seen = world.ask(&seen, &ReadJournal {}).entries;
    let told: Vec<_> = seen.iter().filter_map(|it| it.about).collect();
    assert_eq!((seen.len(), told), (7, vec![about("uncle").unwrap()]));
    // Other powers, and other patients, it has not.
    let member = Actor::Participant(pid(&aunt()));
    assert_eq!(world.refused(&care_team(&aunt(), &[member], &[])), "ROLE_NOT_PERMITTED");
    let other = set_collection(&aunt(), OTHER_SID, Collection::Paused);
    assert_eq!(world.refused(&other), "ROLE_NOT_PERMITTED");
    let asked = ReadJournalPrivate {
        sid: Some(SID.parse().unwrap()),
        from: 1,
        until: 2,
        limit: None,
        after: None,
    };
    assert_eq!(world.denied(&private(&aunt(), &ReadJournal {}, &asked)), "ROLE_NOT_PERMITTED");
    let list = private(&aunt(), &ListDelegations {}, &OfPatientPrivate { sid: asked.sid });
    assert_eq!(world.denied(&list), "ROLE_NOT_PERMITTED");
    let own = private(&aunt(), &ReadOwnSummaries {}, &read("8867-4", START, START + 1));
    assert_eq!(world.denied(&own), "ROLE_NOT_PERMITTED");
}

#[test]
fn a_delegate_acts_in_its_period() {
    let mut world = World::populated();
    let now = world.ledger.now();
    let part = ProposeDelegationPrivate {
        period: Period { start: now + 10, end: Some(now + 20) },
        ..proposal("aunt", Proxy, &[Power::Devices])
    };
    world.ok(&propose(&patient(), &part));
    world.ok(&accept(&aunt(), SID));
    let pause = set_collection(&aunt(), SID, Collection::Paused);
    assert_eq!(world.refused(&pause), "ROLE_NOT_PERMITTED");
    world.ledger.set_now(now + 20);
    assert_eq!(world.refused(&pause), "ROLE_NOT_PERMITTED");
    world.ledger.set_now(now + 19);
    world.ok(&pause);
}

#[test]
fn what_is_proposed_is_checked() {
    let mut world = World::populated();
    let good = proposal("aunt", Caregiver, &[Power::View]);
    let now = world.ledger.now();
    let with = |change: fn(&mut ProposeDelegationPrivate)| {
        let mut part = good.clone();
        change(&mut part);
        propose(&patient(), &part)
    };
    for call in [
        with(|it| it.powers.clear()),
        with(|it| it.period.end = None),
        with(|it| it.period.start = it.period.end.unwrap()),
        with(|it| it.period.end = Some(1)),
        with(|it| {
            it.kind = HealthcarePoa;
            it.evidence = None;
        }),
        with(|it| it.delegate = pid(&patient())),
    ] {
        assert_eq!(world.refused(&call), "ARGUMENT_INVALID", "{call:?}");
    }
    assert_eq!(world.refused(&with(|it| it.kind = Guardian)), "OUTSIDE_AUTHORITY");
    assert_eq!(world.refused(&propose(&patient(), &good).at(now - 1)), "BACK_DATED");
    for (by, code) in [
        (client("Org1MSP", "other"), "IDENTITY_UNKNOWN"),
        (client("Org1MSP", "doctor"), "ROLE_NOT_PERMITTED"),
        (client("Org1MSP", "registrar"), "OUTSIDE_AUTHORITY"),
        (client("Org2MSP", "registrar"), "SUBJECT_UNKNOWN"),
        (forged("Org1MSP", "patient"), "KEY_NOT_BOUND"),
    ] {
        assert_eq!(world.refused(&propose(&by, &good)), code);
    }
    let sid = "00000000000000000000000000000000".parse().unwrap();
    let nobody = ProposeDelegationPrivate { sid, kind: Guardian, ..good.clone() };
    let by_registrar = propose(&client("Org1MSP", "registrar"), &nobody);
    assert_eq!(world.refused(&by_registrar), "SUBJECT_UNKNOWN");
    assert_eq!(world.refused(&propose(&patient(), &nobody)), "IDENTITY_UNKNOWN");
    for n in 1..=DELEGATIONS_MAX {
        world.ok(&propose(&patient(), &proposal(&format!("d{n}"), Caregiver, &[Power::View])));
    }
    assert_eq!(world.refused(&propose(&patient(), &good)), "DELEGATIONS_FULL");
    world.ok(&propose(&patient(), &proposal("d1", Proxy, &[Power::Control])));
    world.ok(&accept(&client("Org1MSP", "d1"), SID));
    let again = propose(&patient(), &proposal("d1", Proxy, &[Power::Control]));
    assert_eq!(world.refused(&again), "DELEGATION_EXISTS");
    assert_eq!(relations(&mut world, &patient()).delegations.len(), DELEGATIONS_MAX);
    // What has run out makes room.
    world.ledger.advance(31_536_000_000);
    let part = ProposeDelegationPrivate {
        period: Period { start: 0, end: Some(world.ledger.now() + 1) },
        ..good
    };
    world.ok(&propose(&patient(), &part));
    assert_eq!(relations(&mut world, &patient()).delegations.len(), 1);
}

#[test]
fn nobody_accepts_for_another() {
    let mut world = World::populated();
    world.ok(&propose(&patient(), &proposal("aunt", Caregiver, &[Power::View])));
    let now = world.ledger.now();
    for (by, code) in [
        (forged("Org1MSP", "aunt"), "KEY_NOT_BOUND"),
        (client("Org1MSP", "uncle"), "IDENTITY_UNKNOWN"),
        (client("Org2MSP", "officer"), "NOT_PROPOSED"),
    ] {
        assert_eq!(world.refused(&accept(&by, SID)), code);
    }
    let aunts = guardianship(&proposal("aunt", Caregiver, &[Power::View]));
    for (by, code) in [
        (client("Org1MSP", "uncle"), "IDENTITY_UNKNOWN"),
        (patient(), "IDENTITY_UNKNOWN"),
        (client("Org1MSP", "doctor"), "ROLE_NOT_PERMITTED"),
        (client("Org1MSP", "officer"), "OUTSIDE_AUTHORITY"),
        // It countersigns guardians only.
        (client("Org2MSP", "officer"), "NOT_PROPOSED"),
    ] {
        assert_eq!(world.refused(&countersign(&by, aunts.clone())), code);
    }
    assert_eq!(world.refused(&accept(&aunt(), OTHER_SID)), "IDENTITY_UNKNOWN");
    assert_eq!(world.refused(&accept(&aunt(), SID).at(now - 1)), "BACK_DATED");
    let myself = |world: &mut World, by: &ClientIdentity| {
        let patients = vec![SID.parse().unwrap(), OTHER_SID.parse().unwrap()];
        let asked = WhoAmIPrivate { patients, ..WhoAmIPrivate::default() };
        world.ask(&private(by, &WhoAmI {}, &asked), &WhoAmI {}).delegations
    };
    let told = myself(&mut world, &aunt());
    assert_eq!((told.len(), told[0].key_bound), (1, true));
    let delegation = told[0].delegation.as_ref().unwrap();
    assert_eq!(delegation.status, DelegationStatus::Proposed);
    let told = myself(&mut world, &forged("Org1MSP", "aunt"));
    assert_eq!((told.len(), told[0].key_bound, &told[0].delegation), (1, false, &None));
    assert!(myself(&mut world, &client("Org1MSP", "uncle")).is_empty());
    world.ok(&accept(&aunt(), SID));
    assert_eq!(world.refused(&accept(&aunt(), SID)), "NOT_PROPOSED");
    world.ok(&end_delegation(&patient(), SID, Some("aunt")));
    world.ok(&propose(&patient(), &proposal("aunt", Caregiver, &[Power::View])));
    world.ledger.advance(31_536_000_000);
    assert_eq!(world.refused(&accept(&aunt(), SID)), "OFFER_LAPSED");
}

/// No organisation alone puts somebody in a patient's place.
#[test]
fn a_guardian_is_named_by_two_organisations_and_stays() {
    let mut world = World::populated();
    let guardian = proposal("aunt", Guardian, &[Power::View, Power::Consent, Power::Devices]);
    let bare = ProposeDelegationPrivate { evidence: None, ..guardian.clone() };
    let registrar = client("Org1MSP", "registrar");
    assert_eq!(world.refused(&propose(&registrar, &bare)), "ARGUMENT_INVALID");
    world.ok(&propose(&registrar, &guardian));
    assert_eq!(world.refused(&accept(&aunt(), SID)), "NOT_PROPOSED");
    // The patient takes its place neither before nor after the countersignature.
    let replace = propose(&patient(), &proposal("aunt", Caregiver, &[Power::View]));
    assert_eq!(world.refused(&replace), "DELEGATION_EXISTS");
    for (by, code) in [
        (client("Org1MSP", "officer"), "OUTSIDE_AUTHORITY"),
        (client("Org3MSP", "officer"), "OUTSIDE_AUTHORITY"),
        (client("RegMSP", "officer"), "OUTSIDE_AUTHORITY"),
        (client("Org2MSP", "registrar"), "ROLE_NOT_PERMITTED"),
    ] {
        assert_eq!(world.refused(&countersign(&by, guardianship(&guardian))), code);
    }
    world.ok(&countersign(&client("Org2MSP", "officer"), guardianship(&guardian)));
    assert_eq!(world.refused(&replace), "DELEGATION_EXISTS");
    world.ok(&accept(&aunt(), SID));
    assert_eq!(world.refused(&propose(&registrar, &guardian)), "DELEGATION_EXISTS");
    assert_eq!(relations(&mut world, &aunt()).delegations[0].kind, Guardian);

    assert_eq!(world.refused(&end_delegation(&patient(), SID, Some("aunt"))), "OUTSIDE_AUTHORITY");
    for (by, code) in [
        (client("Org2MSP", "registrar"), "SUBJECT_UNKNOWN"),
        (client("Org1MSP", "officer"), "OUTSIDE_AUTHORITY"),
        (client("Org1MSP", "doctor"), "ROLE_NOT_PERMITTED"),
    ] {
        assert_eq!(world.refused(&end_delegation(&by, SID, Some("aunt"))), code);
    }
    let mut who = journal(&mut world);
    who.sort();
    let who: Vec<(&str, &str)> = who.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(
        who,
        [
            ("AcceptDelegation", "delegate"),
            ("AcceptDelegation", "privacy_officer"),
            ("ProposeDelegation", "registrar")
        ]
    );
    for by in [aunt(), registrar, client("Org2MSP", "officer")] {
        let end = end_delegation(&by, SID, Some("aunt"));
        assert!(world.ledger.endorse(&end).is_ok());
    }
}

/// A registrar that shows an officer one guardianship on paper and proposes another gets no signature
/// for it.
#[test]
fn a_countersignature_is_for_what_the_officer_read() {
    let mut world = World::populated();
    let (registrar, officer) = (client("Org1MSP", "registrar"), client("Org2MSP", "officer"));
    let shown = proposal("aunt", Guardian, &[Power::View]);
    world.ok(&propose(&registrar, &shown));
    type Swap = fn(&mut ProposeDelegationPrivate);
    let swaps: [Swap; 5] = [
        |it| it.delegate = pid(&client("Org1MSP", "uncle")),
        |it| it.key_hash = key_hash(&forged("Org1MSP", "aunt")),
        |it| it.powers = [Power::View, Power::Consent].into(),
        |it| it.period.end = it.period.end.map(|end| end + 1),
        |it| it.evidence = Some(DocumentDigest::new([8; 32])),
    ];
    let signed = countersign(&officer, guardianship(&shown));
    for swap in swaps {
        let mut world = World::populated();
        world.ok(&propose(&registrar, &shown));
        world.ok(&end_delegation(&registrar, SID, Some("aunt")));
        let mut other = shown.clone();
        swap(&mut other);
        world.ok(&propose(&registrar, &other));
        assert_eq!(world.refused(&signed), "NOT_PROPOSED", "{other:?}");
    }
    world.ok(&signed);
    world.ok(&accept(&aunt(), SID));
}

/// Whoever is to be the guardian is not who agrees to it.
#[test]
fn nobody_countersigns_for_itself() {
    let mut world = World::populated();
    let officer = client("Org2MSP", "officer");
    let own = ProposeDelegationPrivate {
        delegate: pid(&officer),
        key_hash: key_hash(&officer),
        ..proposal("aunt", Guardian, &[Power::View])
    };
    world.ok(&propose(&client("Org1MSP", "registrar"), &own));
    assert_eq!(world.refused(&countersign(&officer, guardianship(&own))), "NOT_PROPOSED");
    assert_eq!(world.refused(&accept(&officer, SID)), "NOT_PROPOSED");
}

/// What a registrar proposes neither fills a patient's delegations nor waits for ever.
/// Whoever was given back its post does not use it before that.
#[test]
fn a_guardian_is_not_named_before_the_time_of_who_names_it() {
    let mut world = World::populated();
    let guardian = proposal("aunt", Guardian, &[Power::View]);
    let (registrar, officer) = (client("Org1MSP", "registrar"), client("Org2MSP", "officer"));
    let again = |world: &mut World, msp: &str, staff: &ClientIdentity| {
        world.ledger.advance(10);
        for status in [NewStatus::Suspended, NewStatus::Active] {
            let staff = pid(staff);
            world.ok(&call(&msp_admin(msp), &SetStatus::Staff { staff, status }));
        }
        world.ledger.now() - 1
    };
    let early = again(&mut world, "Org1MSP", &registrar);
    let asked = propose(&registrar, &guardian);
    assert_eq!(world.refused(&asked.clone().at(early)), "BACK_DATED");
    // Nor does its clock hold up what the patient has permitted.
    let before = head(&world);
    world.ok(&asked.at(world.ledger.now() + 840_000));
    assert_eq!(head(&world), before);
    let early = again(&mut world, "Org2MSP", &officer);
    let agreed = countersign(&officer, guardianship(&guardian));
    assert_eq!(world.refused(&agreed.clone().at(early)), "BACK_DATED");
    world.ok(&agreed);
    // Ending it is never late.
    again(&mut world, "Org1MSP", &registrar);
    world.ok(&end_delegation(&registrar, SID, Some("aunt")).at(early));
}

#[test]
fn a_patient_is_not_crowded_with_guardians() {
    let mut world = World::populated();
    let (registrar, officer) = (client("Org1MSP", "registrar"), client("Org2MSP", "officer"));
    let guardian = |name: &str| {
        let period = Period { start: 0, end: Some(TIME_MS_MAX) };
        ProposeDelegationPrivate { period, ..proposal(name, Guardian, &[Power::View]) }
    };
    let propose_one = |name: &str| propose(&registrar, &guardian(name));
    let sign = |name: &str| countersign(&officer, guardianship(&guardian(name)));
    let refuse = |name: &str| end_delegation(&patient(), SID, Some(name));
    world.ok(&propose_one("g1"));
    assert_eq!(world.refused(&propose_one("g2")), "DELEGATIONS_FULL");
    world.ok(&propose_one("g1"));
    world.ok(&refuse("g1"));
    world.ok(&propose_one("g2"));
    world.ok(&sign("g2"));
    assert_eq!(world.refused(&propose_one("g3")), "DELEGATIONS_FULL");
    world.ok(&refuse("g2"));

    let offered_until = |world: &mut World| {
        let told = relations(world, &patient()).delegations.remove(0);
        told.offered_until.map(|until| until - world.ledger.now())
    };
    world.ok(&propose_one("g3"));
    assert_eq!(offered_until(&mut world), Some(OFFER_MS));
    world.ledger.advance(OFFER_MS);
    assert_eq!(world.refused(&sign("g3")), "OFFER_LAPSED");
    world.ok(&propose_one("g4"));
    world.ledger.advance(OFFER_MS - 1);
    world.ok(&sign("g4"));
    assert_eq!(offered_until(&mut world), Some(OFFER_MS), "each step has its seven days");
    world.ledger.advance(OFFER_MS);
    let four = client("Org1MSP", "g4");
    assert_eq!(world.refused(&accept(&four, SID)), "OFFER_LAPSED");
    world.ok(&propose_one("g4"));
    world.ok(&sign("g4"));
    world.ledger.advance(OFFER_MS - 1);
    world.ok(&accept(&four, SID));
    assert_eq!(offered_until(&mut world), None);
    world.ledger.advance(OFFER_MS);
    assert_eq!(world.refused(&refuse("g4")), "OUTSIDE_AUTHORITY");
    // A second parent.
    world.ok(&propose_one("g5"));
    world.ok(&propose(&patient(), &proposal("aunt", Caregiver, &[Power::View])));
    world.ledger.advance(OFFER_MS);
    assert_eq!(world.refused(&accept(&aunt(), SID)), "OFFER_LAPSED");
}

#[test]
fn a_delegation_ends_at_once_and_whatever_the_status() {
    let mut world = World::populated();
    world.add_delegate("aunt", &[Power::Devices]);
    world.add_delegate("uncle", &[Power::Devices]);
    let registrar = client("Org1MSP", "registrar");
    let by_registrar = end_delegation(&registrar, SID, Some("aunt"));
    assert_eq!(world.refused(&by_registrar), "OUTSIDE_AUTHORITY");
    let by_other = end_delegation(&client("Org1MSP", "uncle"), SID, Some("aunt"));
    assert_eq!(world.refused(&by_other), "IDENTITY_UNKNOWN");
    let forged = end_delegation(&forged("Org1MSP", "aunt"), SID, None);
    assert_eq!(world.refused(&forged), "KEY_NOT_BOUND");
    world.ok(&set_patient(&registrar, SID, NewStatus::Suspended));
    let back = world.ledger.now() - 600_000;
    world.ok(&end_delegation(&patient(), SID, Some("aunt")).at(back));
    world.ok(&end_delegation(&client("Org1MSP", "uncle"), SID, None).at(back));
    let again = end_delegation(&patient(), SID, Some("aunt"));
    assert_eq!(world.refused(&again), "NOT_PROPOSED");
    world.ok(&set_patient(&registrar, SID, NewStatus::Active));
    for name in ["aunt", "uncle"] {
        let pause = set_collection(&client("Org1MSP", name), SID, Collection::Paused);
        assert_eq!(world.refused(&pause), "ROLE_NOT_PERMITTED");
    }
}

#[test]
fn what_a_delegate_was_about_to_do_does_not_survive_its_end() {
    use fabric_contract_rs::testing::TxValidationCode::{MvccReadConflict, Valid};
    let mut world = World::populated();
    world.add_delegate("aunt", &[Power::Devices]);
    let raced = [
        end_delegation(&patient(), SID, Some("aunt")),
        set_device(&aunt(), Some(SID), "watch", DeviceStatus::Revoked),
    ]
    .map(|call| world.ledger.endorse(&call).unwrap());
    assert_eq!(world.ledger.commit(raced.into()), [Valid, MvccReadConflict]);
}

#[test]
fn a_care_team_is_the_patients_choice() {
    let mut world = World::populated();
    let doctor = Actor::Participant(pid(&client("Org1MSP", "doctor")));
    let ward: Actor = "unit:ward@Org1MSP".parse().unwrap();
    world.ok(&care_team(&patient(), &[doctor.clone(), ward.clone()], &[]));
    let same = world.ok(&care_team(&patient(), std::slice::from_ref(&ward), &[]));
    assert_eq!(same.trips.write_batches(), 0);
    for (add, remove) in [
        (vec!["org:Org1MSP".parse().unwrap()], vec![]),
        (vec![Actor::CareTeam], vec![]),
        (vec![ward.clone()], vec![ward.clone()]),
    ] {
        let call = care_team(&patient(), &add, &remove);
        assert_eq!(world.refused(&call), "ARGUMENT_INVALID");
    }
    let by_doctor = care_team(&client("Org1MSP", "doctor"), &[], std::slice::from_ref(&ward));
    assert_eq!(world.refused(&by_doctor), "ROLE_NOT_PERMITTED");
    let many: Vec<Actor> = (0..31).map(|n| format!("unit:u{n}@Org1MSP").parse().unwrap()).collect();
    assert_eq!(world.refused(&care_team(&patient(), &many, &[])), "CARE_TEAM_FULL");
    world.ok(&care_team(&patient(), &many, std::slice::from_ref(&doctor)));
    assert_eq!(relations(&mut world, &patient()).care_team.len(), CARE_TEAM_MAX);

    world.add_delegate("aunt", &[Power::Consent]);
    world.ok(&set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended));
    let back = world.ledger.now() - 600_000;
    world.ok(&care_team(&aunt(), &[], &[ward]).at(back));
    let add = care_team(&patient(), &[doctor], &[]);
    assert_eq!(world.refused(&add), "INACTIVE");
    assert_eq!(relations(&mut world, &aunt()).care_team.len(), CARE_TEAM_MAX - 1);
}
