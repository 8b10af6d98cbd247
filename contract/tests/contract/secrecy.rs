//! What access must not tell, and what must not stand in each other's way.

use crate::consent;
use crate::consented::*;
use crate::world::*;
use fabric_contract_rs::testing::TxValidationCode::{MvccReadConflict, Valid};
use fabric_contract_rs::testing::{Call, CallError};
use fabric_contract_rs::{ClientIdentity, Space};
use ioht_contract::access::*;
use ioht_contract::decision::Outcome;
use ioht_contract::state::HEALTH;
use ioht_contract::*;
use serde_json::json;
use std::collections::BTreeSet;

/// What an endorsement shows besides the transaction's id: the answer's length, the event, and the
/// keys read and written.
fn shown(world: &mut World, call: &Call) -> (usize, usize, String, String) {
    let before = world.ledger.entries(Space::Private(HEALTH)).len();
    let endorsed = world.ledger.endorse(call).unwrap();
    let answer: serde_json::Value = endorsed.answer();
    let fields: Vec<&String> = answer.as_object().unwrap().keys().collect();
    let event = endorsed.event.clone().unwrap();
    let shape = format!("{fields:?} {} {}", event.name, event.payload.len());
    let trips = format!("{:?}", endorsed.trips);
    let length = endorsed.response.payload.len();
    assert_eq!(endorsed.response.message, "");
    assert_eq!(world.ledger.commit(vec![endorsed]), [Valid]);
    let written = world.ledger.entries(Space::Private(HEALTH)).len() - before;
    (length, written, shape, trips)
}

#[test]
fn a_refusal_looks_as_a_permission_does() {
    let mut permitting = shared();
    let mut pausing = shared();
    change_head(&mut pausing, SID, |head| head.sharing = Sharing::Paused);
    let mut denying = shared();
    consents(&mut denying, json!([]));
    let mut worlds = [&mut permitting, &mut pausing, &mut denying];
    let requests: Vec<_> =
        worlds.iter_mut().map(|world| shown(world, &request(&doctor(), scope()))).collect();
    assert!(requests.iter().all(|one| *one == requests[0]), "{requests:?}");
    assert_eq!(requests[0].1, 1, "one audit entry");
    let openings: Vec<_> = worlds
        .iter_mut()
        .map(|world| {
            let access = world.ticket(&request(&doctor(), scope()));
            shown(world, &open(&doctor(), access))
        })
        .collect();
    assert!(openings.iter().all(|one| *one == openings[0]), "{openings:?}");
    assert_eq!(openings[0].1, 1, "one audit entry; the access is there already");
}

/// A submit that is only evaluated leaves no trace, so it must not be worth it.
#[test]
fn an_evaluated_submit_tells_nothing() {
    let mut world = shared();
    let told = |world: &mut World, sid: &str| {
        let part = request_part(&[sid], scope());
        let call = private(&doctor(), &RequestAccess {}, &part);
        let answer = world.ledger.evaluate(&call).unwrap();
        let receipt: TicketsReceipt = answer.answer();
        (answer.response.payload.len(), receipt.policy, receipt.ids.len())
    };
    assert_eq!(told(&mut world, SID), told(&mut world, OTHER_SID));
    assert!(world.accounting().is_empty());
    let (access, _) = world.opened(&doctor(), scope());
    let length = |world: &mut World| {
        world.ledger.evaluate(&open(&doctor(), access)).unwrap().response.payload.len()
    };
    let permitted = length(&mut world);
    consents(&mut world, json!([]));
    assert_eq!(length(&mut world), permitted);
}

#[test]
fn which_patients_there_are_is_told_to_who_treats_only() {
    let mut world = shared();
    world.ok(&register("pending", "5353535353535353535353535353535a"));
    let asked = |by: &ClientIdentity, subjects: &[&str]| {
        private(by, &RequestAccess {}, &request_part(subjects, scope()))
    };
    let nobody = "0000000000000000000000000000000a";
    for name in ["registrar", "manager", "officer", "patient", "other", "watch", "stranger"] {
        let by = client("Org1MSP", name);
        for sid in [SID, nobody] {
            assert_eq!(world.refused(&asked(&by, &[sid])), "ROLE_NOT_PERMITTED", "{name}");
            let part = OpenDisclosurePrivate {
                accesses: vec![AccessReference {
                    sid: sid.parse().unwrap(),
                    access: "0000000000001.00112233445566778899aabbccddeeff".parse().unwrap(),
                }],
                minutes: None,
            };
            let opened = private(&by, &OpenDisclosure {}, &part);
            assert_eq!(world.refused(&opened), "ROLE_NOT_PERMITTED", "{name}");
        }
    }
    for unknown in [nobody, "5353535353535353535353535353535a"] {
        let error = world.ledger.submit(&asked(&doctor(), &[SID, unknown])).unwrap_err();
        assert_eq!(error.code(), Some("SUBJECT_UNKNOWN"));
        assert!(error.to_string().contains("position 1"), "{error}");
    }
    assert!(world.accounting().is_empty(), "all or nothing");
}

#[test]
fn a_peer_that_misses_data_never_takes_it_for_no_consent() {
    let mut world = World::with_data_withheld_from("Org2MSP");
    consents(&mut world, json!([ward()]));
    let (access, disclosure) = world.opened(&doctor(), scope());
    for call in [
        request(&doctor(), scope()),
        open(&doctor(), access),
        get(&doctor(), access),
        read_by(&doctor(), disclosure),
        looked(&client("Org1MSP", "patient"), &world),
    ] {
        let error = world.ledger.evaluate_at("Org2MSP", &call).unwrap_err();
        assert_eq!(code(&error), "PRIVATE_DATA_UNAVAILABLE", "{call:?}");
    }
    world.ledger.reconcile("Org2MSP");
    assert!(world.ledger.evaluate_at("Org2MSP", &open(&doctor(), access)).is_ok());
}

/// A custodian whose private data ends before a withdrawal, or before a permit, has an old head: a
/// multi-get shows it as if it were today's. It answers no reading by it, and nothing that it endorses
/// is ever valid.
#[test]
fn a_peer_with_an_old_head_neither_reads_nor_endorses() {
    let patient = client("Org1MSP", "patient");
    let withdraw = consent::end_by(&patient, None);
    let permit = consent::choose_by(&patient, "care-team", None);
    for (change, permitted) in [(withdraw, false), (permit, true)] {
        let mut world = shared();
        let (access, disclosure) = world.opened(&doctor(), scope());
        let (before, mut outdated) = (world.accounting().len(), 0);
        world.ledger.withhold_private_data("Org2MSP");
        world.ok(&change);
        let reading = read_by(&doctor(), disclosure);
        let refused = world.ledger.evaluate_at("Org2MSP", &reading).unwrap_err();
        assert_eq!(code(&refused), "PRIVATE_DATA_UNAVAILABLE");
        for call in [
            request(&doctor(), scope()),
            open(&doctor(), access),
            summaries(&client("Org1MSP", "watch"), vec![heart_rate(11)]),
            correct(&client("Org1MSP", "watch"), &correction(0, 1, "73.5")),
            consent::share_by(&patient, Sharing::Paused),
            set_collection(&patient, SID, Collection::Paused),
            care_team(&patient, &[Actor::Participant(pid(&doctor()))], &[]),
            device("patient", SID, "scale"),
            propose(&patient, &proposal("aunt", DelegationKind::Proxy, &[Power::View])),
            rebind(&client("Org1MSP", "registrar"), SID, &forged("Org1MSP", "patient")),
        ] {
            // A single get says what is missing. What a multi-get shows is not what the other custodian
            // has, and is over where nobody compares.
            let both = world.ledger.submit(&call).unwrap_err();
            match world.ledger.endorse_at(&["Org2MSP"], &call) {
                Ok(alone) => {
                    assert!(matches!(both, CallError::Mismatch { .. }), "{both:?} {call:?}");
                    assert_eq!(world.ledger.commit(vec![alone]), [MvccReadConflict], "{call:?}");
                    outdated += 1;
                }
                Err(refused) => assert_eq!(code(&refused), "PRIVATE_DATA_UNAVAILABLE", "{call:?}"),
            }
        }
        assert_eq!(outdated, 5, "those that read more than one key");
        assert_eq!(world.accounting().len(), before);
        world.ledger.reconcile("Org2MSP");
        let read = world.ledger.evaluate_at("Org2MSP", &reading);
        assert_eq!(read.is_ok(), permitted);
        let access = world.ticket(&request(&doctor(), scope()));
        assert_eq!(world.access(access).verdict.outcome == Outcome::Permit, permitted);
    }
}

/// What was endorsed before a withdrawal is worth nothing after it, in a later block or in the same.
#[test]
fn a_withdrawal_that_is_ordered_first_wins() {
    let patient = || client("Org1MSP", "patient");
    let withdrawals: [&dyn Fn() -> Call; 4] = [
        &|| consent::end_by(&patient(), None),
        &|| consent::share_by(&patient(), Sharing::Paused),
        &|| set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended),
        &|| device("patient", SID, "scale"),
    ];
    for withdraw in withdrawals {
        for same_block in [true, false] {
            let mut world = shared();
            let (access, _) = world.opened(&doctor(), scope());
            let opening = world.ledger.endorse(&open(&doctor(), access)).unwrap();
            let asking = world.ledger.endorse(&request(&doctor(), scope())).unwrap();
            let withdrawal = world.ledger.endorse(&withdraw()).unwrap();
            let codes = if same_block {
                world.ledger.commit(vec![withdrawal, opening, asking])
            } else {
                let mut codes = world.ledger.commit(vec![withdrawal]);
                codes.extend(world.ledger.commit(vec![opening, asking]));
                codes
            };
            assert_eq!(codes, [Valid, MvccReadConflict, MvccReadConflict]);
            assert_eq!(world.access(access).uses, 1);
        }
    }
}

/// Two hundred devices of one patient and two hundred of its clinicians, all at once and in one block.
#[test]
fn a_crowd_of_staff_and_devices_does_not_conflict() {
    const CROWD: usize = 200;
    let mut world = shared();
    let admin = msp_admin("Org1MSP");
    let names: Vec<String> = (0..CROWD).map(|n| format!("nurse-{n}")).collect();
    for name in &names {
        world.ok(&staff(&admin, name, "bay", &[StaffRole::Practitioner]));
    }
    for n in 0..CROWD {
        world.add_device("patient", SID, &format!("sensor-{n}"));
    }
    let mut together = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let by = client("Org1MSP", name);
        together.push(world.ledger.endorse(&request(&by, scope())).unwrap());
        let sensor = client("Org1MSP", &format!("sensor-{n}"));
        let window = heart_rate(i64::try_from(n % 2).unwrap());
        together.push(world.ledger.endorse(&summaries(&sensor, vec![window])).unwrap());
    }
    let codes = world.ledger.commit(together);
    assert_eq!(codes, vec![Valid; 2 * CROWD]);
    let opened: Vec<_> = world.accounting().into_iter().take(100).collect();
    let together = opened
        .iter()
        .map(|entry| {
            let name = names.iter().find(|name| pid(&client("Org1MSP", name)) == entry.who);
            let by = client("Org1MSP", name.unwrap());
            world.ledger.endorse(&open(&by, entry.id)).unwrap()
        })
        .collect();
    assert_eq!(world.ledger.commit(together), vec![Valid; 100]);
    // The same access twice at a time: that is how its number of uses holds.
    let name = names.iter().find(|name| pid(&client("Org1MSP", name)) == opened[0].who).unwrap();
    let twice = [(); 2]
        .map(|()| world.ledger.endorse(&open(&client("Org1MSP", name), opened[0].id)).unwrap());
    assert_eq!(world.ledger.commit(twice.into()), [Valid, MvccReadConflict]);
}

/// Whoever reads the blocks has certificates, codes, windows, and the names that transactions
/// answered; the hash of no key can be computed from them but those that are made of certificates
/// alone.
#[test]
fn no_key_can_be_guessed_from_what_stands_on_the_chain() {
    let mut world = shared();
    let (access, disclosure) = world.opened(&doctor(), scope());
    let names = ["patient", "other", "watch", "phone", "doctor", "registrar", "officer"];
    let people: Vec<ClientIdentity> =
        names.iter().map(|name| client("Org1MSP", name)).chain([msp_admin("Org1MSP")]).collect();
    let mut parts: BTreeSet<String> = BTreeSet::new();
    for by in &people {
        parts.insert(pid(by).to_string());
        parts.insert(key_hash(by).to_string());
    }
    for text in ["Org1MSP", "Org2MSP", "8867-4", "59408-5", "300", "3600", "ward", "1"] {
        parts.insert(text.to_owned());
    }
    parts.extend((0..10).map(|n| (START + n * 300_000).to_string()));
    parts.extend([access.to_string(), disclosure.to_string()]);
    let entries = world.ledger.entries(Space::Private(HEALTH));
    let keys: BTreeSet<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
    let tables: BTreeSet<&str> = keys.iter().map(|key| key.split('\0').nth(1).unwrap()).collect();
    assert!(tables.is_superset(&["head", "access", "disclosure", "record"].into()));
    let mut guessed = BTreeSet::new();
    for table in &tables {
        for first in &parts {
            let one = format!("\0{table}\0{first}\0");
            let two = parts.iter().map(|second| format!("{one}{second}\0"));
            let found = two.chain([one.clone()]).any(|key| keys.contains(key.as_str()));
            // Whatever a longer key goes on with, it begins with two parts that nobody can know.
            let begins = keys.iter().any(|key| key.starts_with(&one));
            assert!(!found || begins);
            if begins {
                guessed.insert(*table);
            }
        }
    }
    assert_eq!(guessed, ["device", "key", "patient"].into());
}
