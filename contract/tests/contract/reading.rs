use crate::consented::*;
use crate::world::*;
use fabric_contract_rs::testing::CallError;
use ioht_contract::decision::Outcome;
use ioht_contract::*;
use serde_json::{Value, json};

fn page(world: &mut World, asked: &ReadOwnSummariesPrivate) -> SummaryPage {
    let by = client("Org1MSP", "patient");
    world.ask(&private(&by, &ReadOwnSummaries {}, asked), &ReadOwnSummaries {})
}

fn starts(page: &SummaryPage) -> Vec<i64> {
    page.records.iter().map(|it| (it.summary.start - START) / 300_000).collect()
}

#[test]
fn a_patient_reads_what_its_device_sent() {
    let mut world = World::populated();
    world.submit((0..3).map(heart_rate).collect());
    let whole = page(&mut world, &read("8867-4", START, START + DAY));
    assert_eq!(whole.bookmark, None);
    assert_eq!(starts(&whole), [0, 1, 2]);
    let first = &whole.records[0];
    assert_eq!(first.summary, heart_rate(0));
    assert_eq!(first.device, pid(&client("Org1MSP", "watch")));
    assert_eq!((first.version, first.gateway), (1, None));
    assert_eq!(first.updated_at, world.ledger.now());
    let some = page(&mut world, &read("8867-4", START + 1, START + 600_000));
    assert_eq!(starts(&some), [1]);
    let none = page(&mut world, &read("8310-5", START, START + DAY));
    assert_eq!(none, SummaryPage { records: Vec::new(), bookmark: None });
    let coarser = ReadOwnSummariesPrivate { grid_s: 3600, ..read("8867-4", START, START + DAY) };
    assert!(page(&mut world, &coarser).records.is_empty());
}

#[test]
fn pages_follow_each_other_and_are_bounded() {
    let mut world = World::populated();
    for from in [0, 100, 200] {
        world.submit((from..from + 80).map(heart_rate).collect());
    }
    let mut asked =
        ReadOwnSummariesPrivate { limit: Some(100), ..read("8867-4", START, START + DAY) };
    let mut found = Vec::new();
    for (expected, last) in [(100, false), (100, false), (40, true)] {
        let next = page(&mut world, &asked);
        assert_eq!((next.records.len(), next.bookmark.is_none()), (expected, last));
        found.extend(starts(&next));
        asked.bookmark = next.bookmark;
    }
    let all: Vec<i64> = (0..80).chain(100..180).chain(200..280).collect();
    assert_eq!(found, all);
    asked = read("8867-4", START, START + DAY);
    assert_eq!(page(&mut world, &asked).records.len(), usize::from(PAGE_RECORDS_MAX));
    asked.limit = Some(240);
    let by = client("Org1MSP", "patient");
    let refused = |world: &mut World, asked: &ReadOwnSummariesPrivate| {
        world.denied(&private(&by, &ReadOwnSummaries {}, asked))
    };
    assert_eq!(refused(&mut world, &asked), "ARGUMENT_INVALID");
    asked.limit = Some(0);
    assert_eq!(refused(&mut world, &asked), "ARGUMENT_INVALID");
    asked.limit = Some(80);
    // All 80 of them: no bookmark leads to an empty page.
    asked.until = START + 80 * 300_000;
    assert_eq!(page(&mut world, &asked).bookmark, None);
    asked.bookmark = Some(format!("{}.{}", START + DAY, pid(&by)).parse().unwrap());
    assert_eq!(refused(&mut world, &asked), "ARGUMENT_INVALID");
    asked.bookmark = None;
    asked.until = asked.from;
    assert_eq!(refused(&mut world, &asked), "ARGUMENT_INVALID");
}

#[test]
fn nobody_reads_another_patient() {
    let mut world = World::populated();
    world.submit(vec![heart_rate(0)]);
    let asked = read("8867-4", START, START + DAY);
    let by = |by: &fabric_contract_rs::ClientIdentity| private(by, &ReadOwnSummaries {}, &asked);
    let other = client("Org1MSP", "other");
    let page: SummaryPage = world.ledger.evaluate(&by(&other)).unwrap().answer();
    assert!(page.records.is_empty());
    for name in ["watch", "phone", "registrar", "doctor", "officer", "stranger"] {
        assert_eq!(world.denied(&by(&client("Org1MSP", name))), "ROLE_NOT_PERMITTED", "{name}");
    }
    assert_eq!(world.denied(&by(&msp_admin("Org1MSP"))), "ROLE_NOT_PERMITTED");
    assert_eq!(world.denied(&by(&forged("Org1MSP", "patient"))), "KEY_NOT_BOUND");
    let patient = client("Org1MSP", "patient");
    assert_eq!(world.denied(&call(&patient, &ReadOwnSummaries {})), "PRIVATE_MISSING");
    let loose = raw_private(&patient, "ReadOwnSummaries", r#"{"code":"8867-4","sid":"x"}"#);
    assert_eq!(world.denied(&loose), "PRIVATE_MALFORMED");
}

#[test]
fn raw_data_is_checked_against_its_record() {
    let mut world = World::populated();
    world.submit(vec![heart_rate(0), heart_rate(1)]);
    let mut verdict = |by: &str, asked: &VerifyRawPrivate| -> Result<bool, String> {
        let call = private(&client("Org1MSP", by), &VerifyRaw {}, asked);
        let answer = world.ledger.evaluate(&call).map_err(|error| code(&error))?;
        Ok(answer.answer::<RawVerdict>().matches)
    };
    let other = VerifyRawPrivate { digest: verify(1).digest, ..verify(0) };
    for by in ["patient", "watch", "phone"] {
        assert_eq!(verdict(by, &verify(0)), Ok(true), "{by}");
        assert_eq!(verdict(by, &other), Ok(false), "{by}");
        assert_eq!(verdict(by, &verify(2)), Err("RECORD_UNKNOWN".to_owned()), "{by}");
    }
    assert_eq!(verdict("other", &verify(0)), Err("RECORD_UNKNOWN".to_owned()));
    assert_eq!(verdict("doctor", &verify(0)), Err("ROLE_NOT_PERMITTED".to_owned()));
    let early = VerifyRawPrivate { start: -300_000, ..verify(0) };
    assert_eq!(verdict("watch", &early), Err("ARGUMENT_INVALID".to_owned()));
    world.ok(&set_device(
        &client("Org1MSP", "patient"),
        Some(SID),
        "watch",
        DeviceStatus::Suspended,
    ));
    let by_watch = private(&client("Org1MSP", "watch"), &VerifyRaw {}, &verify(0));
    assert_eq!(world.denied(&by_watch), "INACTIVE");
}

#[test]
fn queries_are_never_put_on_the_chain() {
    let mut world = World::populated();
    world.submit(vec![heart_rate(0)]);
    let patient = client("Org1MSP", "patient");
    for call in [
        call(&patient, &WhoAmI {}),
        private(&patient, &ReadOwnSummaries {}, &read("8867-4", START, START + DAY)),
        private(&patient, &VerifyRaw {}, &verify(0)),
    ] {
        assert_eq!(world.ledger.submit(&call).unwrap_err(), CallError::NeverEndorsed);
    }
}

/// An access ends with whatever may come to permit it, record by record; what may come to deny counts as
/// little as what denies.
#[test]
fn a_conditional_access_ends_with_the_directives_that_may_permit_it() {
    let mut world = shared();
    let now = world.ledger.now();
    let lasting = |id: &str, days: i64, more: Value| {
        let mut directive = ward();
        (directive["id"], directive["period"]) =
            (json!(id), json!({"start": 0, "end": now + days * DAY}));
        for (name, value) in more.as_object().unwrap() {
            directive[name] = value.clone();
        }
        directive
    };
    let some = |days| {
        lasting(
            "some",
            days,
            json!({"context": {"actors": ["unit:ward@Org1MSP"],
            "purposes": ["TREAT"], "sensitivity": ["PSY"]}}),
        )
    };
    let coarse =
        |days| lasting("coarse", days, json!({"provision": [{"match": {"min_grid_s": 900}}]}));
    let deny = lasting("no", 1, json!({"decision": "deny", "context": {"sensitivity": ["HIV"]}}));
    let bound = lasting("bound", 1, json!({"terms": {"offer": "o-1", "version": 1}}));
    // A deny that leaves something open: its own end is told where nothing else permits.
    let open = |days| {
        let context = json!({"actors": ["org:Org1MSP"]});
        let provision = json!([{"match": {"sensitivity": ["PSY"]}}]);
        let more = json!({"decision": "deny", "context": context, "provision": provision});
        lasting("open", days, more)
    };
    for (directives, days) in [
        (json!([open(2)]), 2),
        (json!([open(2), some(3)]), 3),
        (json!([some(3)]), 3),
        (json!([coarse(5)]), 5),
        (json!([coarse(5), some(3)]), 3),
        (json!([lasting("all", 7, json!({})), some(9), deny]), 7),
        (json!([coarse(40), deny]), 30),
        (json!([coarse(6), bound]), 6),
    ] {
        consents(&mut world, directives.clone());
        let access = world.ticket(&request(&doctor(), scope()));
        let access = world.access(access);
        assert_eq!(access.until, access.meta.updated_at.max(now) + days * DAY, "{directives}");
        assert_ne!(access.verdict.outcome, Outcome::Deny);
    }
}
