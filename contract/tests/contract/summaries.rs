use crate::world::*;
use fabric_contract_rs::Space;
use fabric_contract_rs::testing::{Call, SpaceTrips};
use ioht_contract::no_raw::BODY_BYTES_MAX;
use ioht_contract::state::{HEALTH, RECORDS};
use ioht_contract::*;
use serde_json::{Value, json};

fn watch() -> fabric_contract_rs::ClientIdentity {
    client("Org1MSP", "watch")
}

fn batch(range: std::ops::Range<i64>) -> Vec<Summary> {
    range.map(heart_rate).collect()
}

#[test]
fn a_device_submits_and_may_submit_again() {
    let mut world = World::populated();
    let first = world.submit(batch(0..3));
    assert_eq!((first.created, first.existing), (3, 0));
    let again = world.ok(&summaries(&watch(), batch(1..5)));
    let receipt: SummariesReceipt = again.answer();
    assert_eq!((receipt.created, receipt.existing), (2, 2));
    let before = world.ledger.digest();
    let nothing = world.ok(&summaries(&watch(), batch(0..5)));
    assert_eq!(nothing.answer::<SummariesReceipt>().created, 0);
    assert_eq!((nothing.trips.write_batches(), world.ledger.digest()), (0, before));
    let stored = world.ledger.rows(&RECORDS);
    assert_eq!(stored.len(), 5);
    let (key, record) = stored.into_iter().next().unwrap();
    assert_eq!((key.3.0, key.4), (START, pid(&watch())));
    let (code, grid_s, start) = (key.1, key.2.0, key.3.0);
    assert_eq!(record.body.into_summary(code, grid_s, start), heart_rate(0));
}

#[test]
fn one_round_trip_and_one_write_batch_whatever_the_size() {
    for size in [1, 50, 100] {
        let mut world = World::populated();
        let committed = world.ok(&summaries(&watch(), batch(0..size)));
        let trips = committed.trips;
        let keys = usize::try_from(size).unwrap() + 2;
        let health = SpaceTrips { multi_gets: 1, keys, ..SpaceTrips::default() };
        assert_eq!(trips.space(Space::Private(HEALTH)), health);
        assert_eq!((trips.total(), trips.write_batches()), (2, 1));
    }
}

#[test]
fn the_named_gateway_submits_for_the_device() {
    let mut world = World::populated();
    let device = Some(pid(&watch()));
    let send = |by: &str, device| {
        let part = SubmitSummariesPrivate { device, ..part(batch(0..1)) };
        private(&client("Org1MSP", by), &SubmitSummaries {}, &part)
    };
    assert_eq!(world.refused(&send("phone", None)), "ROLE_NOT_PERMITTED");
    assert_eq!(world.refused(&send("stranger", device)), "ROLE_NOT_PERMITTED");
    assert_eq!(world.refused(&send("patient", device)), "ROLE_NOT_PERMITTED");
    let part = SubmitSummariesPrivate { device, ..part(batch(0..1)) };
    let minted = private(&forged("Org1MSP", "phone"), &SubmitSummaries {}, &part);
    assert_eq!(world.refused(&minted), "KEY_NOT_BOUND");
    world.ok(&send("phone", device));
    let (_, record) = world.ledger.rows(&RECORDS).remove(0);
    assert_eq!(record.gateway, Some(pid(&client("Org1MSP", "phone"))));
    // The device itself finds the same content there.
    assert_eq!(world.submit(batch(0..1)).existing, 1);
}

#[test]
fn narrowed_roles_are_in_force() {
    let mut documents = documents();
    let roles = documents.get_mut("roles.json").unwrap();
    *roles = roles.replace(r#"["device", "gateway"]"#, r#"["device"]"#);
    let mut world =
        World::with(Policies::from_documents(&documents).unwrap()).and_staff().and_patients();
    let part = SubmitSummariesPrivate { device: Some(pid(&watch())), ..part(batch(0..1)) };
    let by_gateway = private(&client("Org1MSP", "phone"), &SubmitSummaries {}, &part);
    assert_eq!(world.refused(&by_gateway), "ROLE_NOT_PERMITTED");
    world.submit(batch(0..1));
}

#[test]
fn only_the_registered_key_of_the_registered_device_submits() {
    let mut world = World::populated();
    let minted = summaries(&forged("Org1MSP", "watch"), batch(0..1));
    assert_eq!(world.refused(&minted), "KEY_NOT_BOUND");
    let stranger = summaries(&client("Org1MSP", "stranger"), batch(0..1));
    assert_eq!(world.refused(&stranger), "ROLE_NOT_PERMITTED");
    let unknown = SubmitSummariesPrivate {
        device: Some(pid(&client("Org1MSP", "ring"))),
        ..part(batch(0..1))
    };
    let unknown = private(&client("Org1MSP", "phone"), &SubmitSummaries {}, &unknown);
    assert_eq!(world.refused(&unknown), "ROLE_NOT_PERMITTED");
}

#[test]
fn hints_are_verified() {
    let mut world = World::populated();
    let send = |sid: &str, rk: &str| {
        let (sid, rk) = (sid.parse().unwrap(), rk.parse().unwrap());
        let part = SubmitSummariesPrivate { sid, rk, ..part(batch(0..1)) };
        private(&watch(), &SubmitSummaries {}, &part)
    };
    assert_eq!(world.refused(&send(OTHER_SID, RK)), "DEVICE_NOT_OF_SUBJECT");
    assert_eq!(world.refused(&send(SID, OTHER_RK)), "RECORDS_KEY_MISMATCH");
    let unknown = "00000000000000000000000000000000";
    assert_eq!(world.refused(&send(unknown, RK)), "DEVICE_NOT_OF_SUBJECT");
}

#[test]
fn other_content_for_the_same_window_is_a_conflict() {
    let mut world = World::populated();
    world.submit(batch(0..2));
    let mut changed = batch(0..3);
    changed[1].count -= 1;
    let error = world.ledger.submit(&summaries(&watch(), changed)).unwrap_err();
    assert_eq!(error.status(), Some(409));
    assert!(error.to_string().contains("RECORD_CONFLICT: record 1 differs"), "{error}");
    let mut precision = batch(0..1);
    precision[0].statistics[0].value = "72.40".parse().unwrap();
    assert_eq!(world.refused(&summaries(&watch(), precision)), "RECORD_CONFLICT");
}

#[test]
fn a_batch_has_one_to_a_hundred_records_of_different_windows() {
    let mut world = World::populated();
    assert_eq!(world.refused(&summaries(&watch(), Vec::new())), "BATCH_SIZE");
    assert_eq!(world.refused(&summaries(&watch(), batch(0..101))), "BATCH_SIZE");
    let mut twice = batch(0..3);
    twice.push(heart_rate(1));
    let error = world.ledger.submit(&summaries(&watch(), twice)).unwrap_err();
    assert!(error.to_string().contains("BATCH_DUPLICATE: records 1 and 3"), "{error}");
    let mut reversed = batch(0..100);
    reversed.reverse();
    assert_eq!(world.submit(reversed).created, 100);
}

#[test]
fn one_bad_record_refuses_the_batch_and_is_named() {
    let mut world = World::populated();
    let mut records = batch(0..4);
    records[2].start += 1;
    let error = world.ledger.submit(&summaries(&watch(), records)).unwrap_err();
    let expected =
        "RAW_DATA_REJECTED: record 2 breaks rule 3: the start is not a multiple of the grid";
    assert!(error.to_string().contains(expected), "{error}");
    assert!(world.ledger.rows(&RECORDS).is_empty());
}

/// A batch whose only record is changed as JSON.
fn changed(change: impl FnOnce(&mut Value)) -> Call {
    let mut sent = serde_json::to_value(part(batch(0..1))).unwrap();
    change(&mut sent["records"][0]);
    raw_private(&watch(), "SubmitSummaries", sent.to_string())
}

#[track_caller]
fn rejected(world: &mut World, rule: u8, change: impl FnOnce(&mut Value)) {
    let error = world.ledger.submit(&changed(change)).unwrap_err();
    let message = error.to_string();
    assert_clean(&message);
    let expected = format!("400 RAW_DATA_REJECTED: record 0 breaks rule {rule}: ");
    assert!(message.contains(&expected), "{message}");
}

#[test]
fn raw_looking_data_is_refused_by_each_rule() {
    let mut world = World::populated();
    let world = &mut world;
    rejected(world, 1, |it| it["samples"] = json!([72, 73, 74]));
    rejected(world, 1, |it| it["note"] = json!("MARKER"));
    rejected(world, 1, |it| it["count"] = json!([1, 2]));
    rejected(world, 1, |it| it["statistics"][0]["stat"] = json!("waveform"));
    rejected(world, 1, |it| it["statistics"][0]["value"] = json!(72.4));
    rejected(world, 1, |it| it["statistics"][1] = it["statistics"][0].clone());
    rejected(world, 1, |it| it["statistics"] = json!([]));
    rejected(world, 1, |it| it["status"] = json!("amended"));
    rejected(world, 2, |it| it["code"] = json!("14979-9"));
    rejected(world, 2, |it| it["unit"] = json!("Hz"));
    rejected(world, 2, |it| it["statistics"][0]["value"] = json!("72.4000"));
    rejected(world, 2, |it| it["statistics"][2]["value"] = json!("301"));
    rejected(world, 2, |it| it["count"] = json!(4));
    rejected(world, 2, |it| it["total_count"] = json!(1501));
    rejected(world, 3, |it| it["grid_s"] = json!(60));
    rejected(world, 3, |it| it["start"] = json!(START + 60_000));
    rejected(world, 4, |it| it["statistics"][1]["value"] = json!("80"));
    rejected(world, 4, |it| it["total_count"] = json!(349));
    rejected(world, 5, |it| it["raw"]["alg"] = json!("md5"));
    rejected(world, 5, |it| it["raw"]["digest"] = json!("abad1dea"));
    rejected(world, 5, |it| it["raw"]["digest"] = json!("0".repeat(64)));
    rejected(world, 5, |it| it["raw"]["samples"] = json!([1, 2]));
    rejected(world, 5, |it| it["raw"]["locator"] = json!("https://MARKER"));
    rejected(world, 5, |it| it["raw"]["format"] = json!("csv"));
    rejected(world, 6, |it| it["start"] = json!(START - 300_000));
    rejected(world, 6, |it| it["start"] = json!(START + 86_400_000 + 300_000));
    world.ok(&changed(|_| ()));
}

#[test]
fn a_window_ends_at_most_the_clock_skew_ahead() {
    let mut world = World::populated();
    let now = world.ledger.now();
    let last = heart_rate((now - START) / 300_000);
    assert_eq!(last.end(), now + CLOCK_SKEW_MS_MAX);
    let send = summaries(&watch(), vec![last]);
    // A transaction dated back makes its windows lie in the future.
    assert_eq!(world.refused(&send.clone().at(now - 1)), "RAW_DATA_REJECTED");
    world.ok(&send);
}

#[test]
fn health_data_as_a_plain_argument_is_refused_before_it_is_ordered() {
    let mut world = World::populated();
    let sent = serde_json::to_value(part(batch(0..1))).unwrap();
    let plain = Call::new(&watch(), "SubmitSummaries", &sent);
    assert_eq!(world.refused(&plain), "BAD_ARGUMENTS");
    let with_private = plain.transient("private", sent.to_string());
    assert_eq!(world.refused(&with_private), "BAD_ARGUMENTS");
    assert_eq!(world.refused(&call(&watch(), &SubmitSummaries {})), "PRIVATE_MISSING");
    for part in ["{", "[]", r#"{"records":[]}"#, r#"{"sid":1,"rk":2,"records":[]}"#] {
        let sent = raw_private(&watch(), "SubmitSummaries", part);
        assert_eq!(world.refused(&sent), "PRIVATE_MALFORMED", "{part}");
    }
    let mut extra = sent.clone();
    extra["patient"] = json!("MARKER");
    let sent = raw_private(&watch(), "SubmitSummaries", extra.to_string());
    assert_eq!(world.refused(&sent), "PRIVATE_MALFORMED");
}

#[test]
fn an_oversize_body_or_batch_is_refused() {
    let mut documents = documents();
    let mut codes: Value = serde_json::from_str(&documents["codes.json"]).unwrap();
    let components = (1..=16).map(|n| {
        let code = (1..=9).map(|check| format!("{n}-{check}"));
        let code = code.chain([format!("{n}-0")]).find(|code| code.parse::<LoincCode>().is_ok());
        json!({"code": code, "name": "x", "value": {"scale": 6,
            "plausible": {"min": "0", "max": "999999999999"},
            "statistics": ["average", "minimum", "maximum", "median", "std-dev", "variance", "sum",
                "20-percent", "80-percent", "4-lower", "4-upper"]}})
    });
    let components: Vec<Value> = components.collect();
    let panel = codes["codes"].as_array_mut().unwrap();
    let panel = panel.iter_mut().find(|code| code["code"] == "85354-9").unwrap();
    panel["components"] = json!(components);
    documents.insert("codes.json".to_owned(), codes.to_string());
    let mut world =
        World::with(Policies::from_documents(&documents).unwrap()).and_staff().and_patients();
    let statistics = |list: &[&str]| -> Value {
        list.iter().map(|stat| json!({"stat": stat, "value": "123456789.123456"})).collect()
    };
    let wide = |it: &mut Value, list: &[&str]| {
        it["code"] = json!("85354-9");
        it["unit"] = json!("mm[Hg]");
        it["raw"]["locator"] = json!("x".repeat(64));
        it["grid_s"] = json!(86_400);
        it["statistics"] = json!([]);
        let component = |it: &Value| json!({"code": it["code"], "statistics": statistics(list)});
        it["components"] = components.iter().map(component).collect();
    };
    let most = [
        "average",
        "minimum",
        "maximum",
        "median",
        "20-percent",
        "80-percent",
        "4-lower",
        "4-upper",
    ];
    let error = world.ledger.submit(&changed(|it| wide(it, &most))).unwrap_err();
    assert!(error.to_string().contains(&format!("at most {BODY_BYTES_MAX} bytes")), "{error}");
    world.ok(&changed(|it| wide(it, &most[..3])));

    let padded = format!("{}{}", " ".repeat(PRIVATE_BYTES_MAX), "{}");
    let sent = raw_private(&watch(), "SubmitSummaries", padded);
    assert_eq!(world.refused(&sent), "PRIVATE_TOO_LARGE");
}

#[test]
fn equal_content_leaves_different_values() {
    let mut world = World::populated();
    world.submit(vec![heart_rate(0)]);
    let mut same = heart_rate(0);
    same.start += 300_000;
    world.submit(vec![same]);
    let mut third = heart_rate(0);
    third.start += 600_000;
    let mut fourth = heart_rate(0);
    fourth.start += 900_000;
    world.submit(vec![third, fourth]);
    let mut salts: Vec<Salt> =
        world.ledger.rows(&RECORDS).into_iter().map(|(_, record)| record.salt).collect();
    salts.sort();
    salts.dedup();
    assert_eq!(salts.len(), 4);
}

#[test]
fn a_peer_that_misses_data_says_so_before_it_refuses() {
    let mut world = World::with_data_withheld_from("Org2MSP");
    let unavailable = |world: &mut World, call: &Call| {
        let error = world.ledger.evaluate_at("Org2MSP", call).unwrap_err();
        assert_eq!(error.status(), Some(500));
        code(&error)
    };
    let owner = client("Org1MSP", "patient");
    let VerifyRawPrivate { code, grid_s, start, device: of, .. } = verify(0);
    let versions = ReadVersionsPrivate { code, grid_s, start, device: of };
    for call in [
        summaries(&watch(), batch(0..1)),
        device("patient", SID, "scale"),
        confirm("patient", SID, RK),
        confirm_device(&watch(), SID),
        correct(&watch(), &correction(0, 1, "73.5")),
        private(&owner, &ReadVersions {}, &versions),
        offer(&owner, SID, "watch", None),
        take_over(&owner, SID, OTHER_SID, "watch"),
        order("watch", 1, "identify", &[]),
        update(&watch(), "watch", 1, CommandStatus::Accepted),
        control(&owner, "watch", ControlChange::End(Actor::CareTeam)),
        list_commands(&watch(), "watch"),
        call(&owner, &ListDevices {}),
        private(&client("Org1MSP", "doctor"), &GetCommand {}, &reference("watch", 1)),
        care_team(&owner, &[], &[]),
        rebind(&client("Org1MSP", "registrar"), SID, &forged("Org1MSP", "patient")),
        accept(&client("Org1MSP", "aunt"), SID),
        set_gateway(&owner, SID, "watch", None),
        set_collection(&owner, SID, Collection::Paused),
        set_device(&owner, Some(SID), "watch", DeviceStatus::Suspended),
        set_device(&client("RegMSP", "officer"), None, "watch", DeviceStatus::Suspended),
        set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended),
        call(&owner, &WhoAmI {}),
        private(&owner, &ReadOwnSummaries {}, &read("8867-4", START, START + 1)),
        private(&owner, &VerifyRaw {}, &verify(0)),
    ] {
        assert_eq!(unavailable(&mut world, &call), "PRIVATE_DATA_UNAVAILABLE", "{call:?}");
    }
    world.ledger.reconcile("Org2MSP");
    assert!(world.ledger.evaluate_at("Org2MSP", &summaries(&watch(), batch(0..1))).is_ok());
}

#[test]
fn two_batches_at_once_do_not_conflict_unless_the_patient_changes() {
    let mut world = World::populated();
    let endorsed = [
        summaries(&watch(), batch(0..2)),
        summaries(&watch(), batch(2..4)),
        set_device(&client("Org1MSP", "patient"), Some(SID), "watch", DeviceStatus::Suspended),
        summaries(&watch(), batch(4..6)),
    ]
    .map(|call| world.ledger.endorse(&call).unwrap());
    use fabric_contract_rs::testing::TxValidationCode::{MvccReadConflict, Valid};
    let codes = world.ledger.commit(endorsed.into());
    assert_eq!(codes, [Valid, Valid, Valid, MvccReadConflict]);
    assert_eq!(world.ledger.rows(&RECORDS).len(), 4);
}
