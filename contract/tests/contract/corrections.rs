use crate::world::*;
use RecordStatus::{Amended, Corrected, EnteredInError, Final, Preliminary};
use fabric_contract_rs::ClientIdentity;
use ioht_contract::no_raw::STATISTICS_MAX;
use ioht_contract::state::{OLD_RECORDS, RECORDS};
use ioht_contract::*;

fn patient() -> ClientIdentity {
    client("Org1MSP", "patient")
}

fn watch() -> ClientIdentity {
    client("Org1MSP", "watch")
}

fn world() -> World {
    let mut world = World::populated();
    world.submit(vec![heart_rate(0), heart_rate(1)]);
    world
}

fn versions(world: &mut World) -> Vec<StoredSummary> {
    let record = heart_rate(0);
    let asked = ReadVersionsPrivate {
        code: record.code,
        grid_s: record.grid_s,
        start: record.start,
        device: pid(&watch()),
    };
    world.ask(&private(&patient(), &ReadVersions {}, &asked), &ReadVersions {}).versions
}

fn with_status(part: CorrectSummaryPrivate, status: RecordStatus) -> CorrectSummaryPrivate {
    CorrectSummaryPrivate { record: Summary { status, ..part.record }, ..part }
}

#[test]
fn a_correction_is_read_and_what_was_before_is_kept() {
    let mut world = world();
    let first = world.ledger.rows(&RECORDS)[0].1.clone();
    world.ledger.advance(1000);
    let part = correction(0, 1, "73.5");
    let trips = world.ok(&correct(&watch(), &part)).trips;
    assert_eq!((trips.total(), trips.write_batches()), (2, 1));
    // Again, as a gateway may that has heard nothing.
    assert_eq!(world.ok(&correct(&watch(), &part)).trips.write_batches(), 0);
    let labels = Labels { confidentiality: Confidentiality::R, ..Labels::default() };
    let mut second = with_status(correction(0, 2, "73.5"), Amended);
    second.record.labels = labels.clone();
    second.reason = CorrectionReason::Labelling;
    world.ok(&correct(&patient(), &second));
    let found = versions(&mut world);
    let told: Vec<_> = found.iter().map(|it| (it.version, it.summary.status, it.reason)).collect();
    assert_eq!(
        told,
        [
            (3, Amended, Some(CorrectionReason::Labelling)),
            (2, Corrected, Some(CorrectionReason::CalculationError)),
            (1, Final, None)
        ]
    );
    assert_eq!(found[0].corrected_by, Some(pid(&patient())));
    assert_eq!((found[2].corrected_by, &found[2].summary), (None, &heart_rate(0)));
    assert_eq!(found[0].summary.labels, labels);
    let asked = read("8867-4", START, START + 300_000);
    let page = world.ask(&private(&patient(), &ReadOwnSummaries {}, &asked), &ReadOwnSummaries {});
    assert_eq!(page.records, [found[0].clone()]);
    // Equal content under another key has another salt, so that its hash does not tell that it moved.
    let old = &world.ledger.rows(&OLD_RECORDS)[0].1;
    assert_eq!(old.body, first.body);
    assert_ne!(old.salt, first.salt);
    // The first content is a conflict now: only a correction changes a record.
    let again = summaries(&watch(), vec![heart_rate(0)]);
    assert_eq!(world.refused(&again), "RECORD_CONFLICT");
}

#[test]
fn the_version_on_the_ledger_is_corrected() {
    let mut world = world();
    world.ok(&correct(&watch(), &correction(0, 1, "73.5")));
    for version in [0, 1, 3] {
        let call = correct(&watch(), &correction(0, version, "74.5"));
        assert_eq!(world.refused(&call), "RECORD_VERSION", "{version}");
    }
    let other_reason =
        CorrectSummaryPrivate { reason: CorrectionReason::SensorFault, ..correction(0, 1, "73.5") };
    assert_eq!(world.refused(&correct(&watch(), &other_reason)), "RECORD_VERSION");
    let early = correct(&watch(), &correction(0, 2, "74.5")).at(world.ledger.now() - 1);
    assert_eq!(world.refused(&early), "BACK_DATED");
    let unknown = correct(&watch(), &correction(2, 1, "74.5"));
    assert_eq!(world.refused(&unknown), "RECORD_UNKNOWN");
    let raced = ["74.5", "75.5"].map(|average| {
        world.ledger.endorse(&correct(&watch(), &correction(0, 2, average))).unwrap()
    });
    use fabric_contract_rs::testing::TxValidationCode::{MvccReadConflict, Valid};
    assert_eq!(world.ledger.commit(raced.into()), [Valid, MvccReadConflict]);
}

#[test]
fn statuses_follow_each_other() {
    let mut world = World::populated();
    world.submit(vec![Summary { status: Preliminary, ..heart_rate(0) }, heart_rate(1)]);
    let to = |n, version, status| {
        correct(&watch(), &with_status(correction(n, version, "73.5"), status))
    };
    assert_eq!(world.refused(&to(0, 1, Preliminary)), "STATUS_CONFLICT");
    assert_eq!(world.refused(&to(1, 1, Final)), "STATUS_CONFLICT");
    // In error is what was there, not something else.
    assert_eq!(world.refused(&to(1, 1, EnteredInError)), "STATUS_CONFLICT");
    world.ok(&to(0, 1, Final));
    assert_eq!(world.refused(&to(0, 2, Final)), "STATUS_CONFLICT");
    world.ok(&to(0, 2, EnteredInError));
    for status in [Amended, Corrected, Final, EnteredInError] {
        let call = to(0, 3, status);
        assert_eq!(world.refused(&call), "STATUS_CONFLICT", "{status:?}");
    }
    // What is entered in error is not submitted, nor is any correction.
    for status in [Amended, Corrected, EnteredInError] {
        let batch = summaries(&watch(), vec![Summary { status, ..heart_rate(2) }]);
        assert_eq!(world.refused(&batch), "RAW_DATA_REJECTED", "{status:?}");
    }
}

#[test]
fn a_record_has_some_versions_and_can_always_be_taken_back() {
    let mut world = world();
    for version in 1..RECORD_VERSIONS_MAX {
        world.ok(&correct(&watch(), &correction(0, version, &format!("7{}.5", version % 10))));
    }
    let more = correct(&watch(), &correction(0, RECORD_VERSIONS_MAX, "79.5"));
    assert_eq!(world.refused(&more), "RECORD_VERSIONS_FULL");
    let last = RECORD_VERSIONS_MAX - 1;
    let part = correction(0, RECORD_VERSIONS_MAX, &format!("7{}.5", last % 10));
    world.ok(&correct(&patient(), &with_status(part, EnteredInError)));
    assert_eq!(versions(&mut world).len(), 17);
}

#[test]
fn only_who_measured_and_the_patient_correct() {
    let mut world = world();
    let part = correction(0, 1, "73.5");
    let own = CorrectSummaryPrivate { device: None, ..part.clone() };
    world.add_delegate("aunt", &[Power::View, Power::Devices]);
    for (by, part, code) in [
        (client("Org1MSP", "doctor"), &part, "ROLE_NOT_PERMITTED"),
        (client("Org1MSP", "other"), &part, "ROLE_NOT_PERMITTED"),
        (client("Org1MSP", "aunt"), &part, "ROLE_NOT_PERMITTED"),
        (client("Org1MSP", "registrar"), &part, "ROLE_NOT_PERMITTED"),
        (forged("Org1MSP", "watch"), &part, "KEY_NOT_BOUND"),
        (forged("Org1MSP", "patient"), &part, "KEY_NOT_BOUND"),
        (client("Org1MSP", "phone"), &own, "ROLE_NOT_PERMITTED"),
        // The patient itself has measured nothing.
        (patient(), &own, "RECORD_UNKNOWN"),
    ] {
        assert_eq!(world.refused(&correct(&by, part)), code);
    }
    let hinted = |sid: &str, rk: &str| CorrectSummaryPrivate {
        sid: sid.parse().unwrap(),
        rk: rk.parse().unwrap(),
        ..part.clone()
    };
    let nobody = "00000000000000000000000000000000";
    for (by, part, code) in [
        (watch(), hinted(OTHER_SID, RK), "DEVICE_NOT_OF_SUBJECT"),
        (watch(), hinted(nobody, RK), "ROLE_NOT_PERMITTED"),
        (watch(), hinted(SID, OTHER_RK), "RECORDS_KEY_MISMATCH"),
        (patient(), hinted(SID, OTHER_RK), "RECORDS_KEY_MISMATCH"),
    ] {
        assert_eq!(world.refused(&correct(&by, &part)), code);
    }
    world.ok(&correct(&client("Org1MSP", "phone"), &part));
    // A device that was handed over corrects nothing of its former patient; that one still does.
    world.ok(&offer(&patient(), SID, "watch", Some(OTHER_SID)));
    world.ok(&take_over(&client("Org1MSP", "other"), OTHER_SID, SID, "watch"));
    let next = correction(0, 2, "74.5");
    assert_eq!(world.refused(&correct(&watch(), &next)), "DEVICE_NOT_OF_SUBJECT");
    let mine = CorrectSummaryPrivate {
        sid: OTHER_SID.parse().unwrap(),
        rk: OTHER_RK.parse().unwrap(),
        ..next.clone()
    };
    assert_eq!(world.refused(&correct(&watch(), &mine)), "RECORD_UNKNOWN");
    world.ok(&correct(&patient(), &next));
}

#[test]
fn corrections_stop_with_patient_device_and_collection() {
    let mut world = world();
    let by_watch = correct(&watch(), &correction(0, 1, "73.5"));
    let by_patient = correct(&patient(), &correction(0, 1, "73.5"));
    let own = |status| set_device(&patient(), Some(SID), "watch", status);
    world.ok(&own(DeviceStatus::Suspended));
    assert_eq!(world.refused(&by_watch), "INACTIVE");
    world.ok(&own(DeviceStatus::Active));
    world.ok(&set_collection(&patient(), SID, Collection::Paused));
    assert_eq!(world.refused(&by_watch), "INACTIVE");
    world.ok(&set_collection(&patient(), SID, Collection::On));
    let registrar = client("Org1MSP", "registrar");
    world.ok(&set_patient(&registrar, SID, NewStatus::Suspended));
    for call in [&by_watch, &by_patient] {
        assert_eq!(world.refused(call), "INACTIVE");
    }
    assert_eq!(versions(&mut world).len(), 1);
    world.ok(&set_patient(&registrar, SID, NewStatus::Active));
    world.ok(&by_patient);
}

#[test]
fn corrections_carry_no_raw_data_either() {
    let mut world = world();
    let wrong = |change: fn(&mut Summary)| {
        let mut part = correction(0, 1, "73.5");
        change(&mut part.record);
        correct(&watch(), &part)
    };
    for call in [
        wrong(|it| it.count = 4),
        wrong(|it| it.grid_s = 60),
        wrong(|it| it.statistics = vec![it.statistics[0]; STATISTICS_MAX + 1]),
        wrong(|it| it.raw.digest = RawDigest::new([0; 32])),
    ] {
        assert_eq!(world.refused(&call), "RAW_DATA_REJECTED");
    }
    let mut part = serde_json::to_value(correction(0, 1, "73.5")).unwrap();
    part["record"]["samples"] = serde_json::json!([72, 73]);
    let sent = raw_private(&watch(), "CorrectSummary", part.to_string());
    assert_eq!(world.refused(&sent), "PRIVATE_MALFORMED");
}

#[test]
fn versions_are_the_patients_to_read() {
    let mut world = world();
    let record = heart_rate(0);
    let asked = |start| ReadVersionsPrivate {
        code: record.code,
        grid_s: record.grid_s,
        start,
        device: pid(&watch()),
    };
    let by = |name: &str, start| private(&client("Org1MSP", name), &ReadVersions {}, &asked(start));
    for name in ["watch", "phone", "doctor", "registrar"] {
        assert_eq!(world.denied(&by(name, record.start)), "ROLE_NOT_PERMITTED", "{name}");
    }
    assert_eq!(world.denied(&by("other", record.start)), "RECORD_UNKNOWN");
    assert_eq!(world.denied(&by("patient", START - 300_000)), "RECORD_UNKNOWN");
    assert_eq!(world.denied(&by("patient", -1)), "ARGUMENT_INVALID");
}
