//! Everything that must be refused, through the Gateway: a stable code, no block, nothing personal.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test helper may panic"
)]

mod common;

use common::{GRID_MS, GRID_S, Patient, World, now_ms, summary_json};
use fabric_gateway_client::GatewayError;
use ioht::Actor;
use ioht_contract::{
    DeviceStatus, DeviceStatusPrivate, NewStatus, PatientStatusPrivate, SetStatus,
    client::StatusPrivate,
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// Stands in health data that must not come back in any error.
const MARKER: &str = "planted-marker-51c7";

/// One attempt: who, what, and the code that must come.
struct Attempt<'a> {
    name: &'static str,
    actor: &'a Actor,
    function: &'static str,
    arguments: Value,
    private: Option<Value>,
    code: &'static str,
}

async fn check(world: &World, patient: &Patient, attempt: Attempt<'_>) {
    let name = attempt.name;
    let height = world.stack.devnet().height();
    let mut call = attempt.actor.contract().submit(attempt.function);
    call = call.argument(attempt.arguments.to_string());
    if let Some(private) = attempt.private {
        call = call.transient([("private", private.to_string())]);
    }
    let error = call.send().await.expect_err(name);
    let told = error.contract_error().unwrap_or_else(|| panic!("{name}: {error:?}"));
    assert_eq!(told.code.as_deref(), Some(attempt.code), "{name}: {error:?}");
    assert!((400..500).contains(&told.status), "{name}: status {}", told.status);
    assert!(matches!(error, GatewayError::Endorse(_)), "{name}: {error:?}");
    assert_eq!(world.stack.devnet().height(), height, "{name}: a block was made");
    let shown = format!("{error} {error:?}");
    let secrets = [
        MARKER.to_owned(),
        patient.sid.to_hex(),
        patient.rk.to_hex(),
        patient.enrolment_id.clone(),
        "71.5".to_owned(),
    ];
    for secret in secrets {
        assert!(!shown.contains(&secret), "{name}: the error tells {secret}: {shown}");
    }
}

/// A batch as JSON.
fn batch(patient: &Patient, records: Vec<Value>) -> Value {
    json!({"sid": patient.sid, "rk": patient.rk, "records": records})
}

/// A summary with one field replaced.
fn with(mut record: Value, pointer: &str, value: Value) -> Value {
    match record.pointer_mut(pointer) {
        Some(place) => *place = value,
        None => record[pointer.trim_start_matches('/')] = value,
    }
    record
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_and_raw_looking_input() {
    let world = World::start().await;
    let patient = world.patient("one").await;
    let device = &patient.device;
    let good = summary_json(patient.window(1), MARKER);
    let rows = [
        ("an unknown function", "Nothing", json!({}), None, "UNKNOWN_FUNCTION"),
        ("another contract", "other:SubmitSummaries", json!({}), None, "UNKNOWN_FUNCTION"),
        ("arguments that are no object", "SubmitSummaries", json!([]), None, "BAD_ARGUMENTS"),
        ("an unknown field", "SubmitSummaries", json!({"x": MARKER}), None, "BAD_ARGUMENTS"),
        (
            "health data as a plain argument",
            "SubmitSummaries",
            batch(&patient, vec![good.clone()]),
            None,
            "BAD_ARGUMENTS",
        ),
        ("no transient data", "SubmitSummaries", json!({}), None, "PRIVATE_MISSING"),
        (
            "an unknown private field",
            "SubmitSummaries",
            json!({}),
            Some(json!({"sid": patient.sid, "rk": patient.rk, "records": [], "x": MARKER})),
            "PRIVATE_MALFORMED",
        ),
        (
            "an empty batch",
            "SubmitSummaries",
            json!({}),
            Some(batch(&patient, vec![])),
            "BATCH_SIZE",
        ),
        (
            "101 records",
            "SubmitSummaries",
            json!({}),
            Some(batch(
                &patient,
                (0..101).map(|number| summary_json(patient.window(number), MARKER)).collect(),
            )),
            "BATCH_SIZE",
        ),
        (
            "a window twice in a batch",
            "SubmitSummaries",
            json!({}),
            Some(batch(&patient, vec![good.clone(), good.clone()])),
            "BATCH_DUPLICATE",
        ),
    ];
    for (name, function, arguments, private, code) in rows {
        let attempt = Attempt { name, actor: device, function, arguments, private, code };
        check(&world, &patient, attempt).await;
    }
    for malformed in ["{", "{\"a\":1", "", "planted-marker-51c7", "\u{0}"] {
        let call = device.contract().submit("SubmitSummaries").argument(malformed);
        let error = call.send().await.expect_err(malformed);
        let told = error.contract_error().and_then(|told| told.code);
        assert_eq!(told.as_deref(), Some("BAD_ARGUMENTS"), "{malformed}: {error:?}");
        assert!(!format!("{error:?}").contains(MARKER), "{error:?}");
    }
    let soon = now_ms().div_euclid(GRID_MS) * GRID_MS + 10 * GRID_MS;
    let records = [
        ("samples in place of statistics", with(good.clone(), "/samples", json!([1, 2, 3]))),
        ("a statistic that is no number", with(good.clone(), "/statistics/0/value", json!(MARKER))),
        ("text where none belongs", with(good.clone(), "/note", json!(MARKER))),
        ("an implausible value", with(good.clone(), "/statistics/2/value", json!("900.0"))),
        ("too few measurements", with(good.clone(), "/count", json!(2))),
        ("more beats than any heart has", with(good.clone(), "/total_count", json!(29_000))),
        ("an unaligned window", with(good.clone(), "/start", json!(patient.window(1) + 1))),
        ("a grid that is too fine", with(good.clone(), "/grid_s", json!(60))),
        ("an average below the minimum", with(good.clone(), "/statistics/0/value", json!("50.0"))),
        ("fewer samples than beats", with(good.clone(), "/raw/sample_count", json!(10))),
        ("an unknown code", with(good.clone(), "/code", json!("8480-6"))),
        ("a digest that is none", with(good.clone(), "/raw/digest", json!("00"))),
        (
            "a window before the device's time",
            with(good.clone(), "/start", json!(patient.window(-1))),
        ),
        ("a window in the future", with(good.clone(), "/start", json!(soon))),
    ];
    for (name, record) in records {
        let attempt = Attempt {
            name,
            actor: device,
            function: "SubmitSummaries",
            arguments: json!({}),
            private: Some(batch(&patient, vec![record])),
            code: "RAW_DATA_REJECTED",
        };
        check(&world, &patient, attempt).await;
    }
    world.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wrong_person_or_device() {
    let world = World::start().await;
    let patient = world.patient("one").await;
    let foreign = world.patient("two").await;
    let good = batch(&patient, vec![summary_json(patient.window(1), MARKER)]);
    let in_name = |mut batch: Value| {
        batch["device"] = json!(patient.device.pid());
        batch
    };
    let rows: [(&str, &Actor, &str, Value, &str); 8] = [
        (
            "a patient that registers",
            &patient.actor,
            "RegisterPatient",
            registration(),
            "IDENTITY_UNKNOWN",
        ),
        (
            "a provider that submits",
            &world.provider,
            "SubmitSummaries",
            in_name(good.clone()),
            "ROLE_NOT_PERMITTED",
        ),
        (
            "a foreign device",
            &foreign.device,
            "SubmitSummaries",
            good.clone(),
            "DEVICE_NOT_OF_SUBJECT",
        ),
        (
            "in another device's name",
            &foreign.device,
            "SubmitSummaries",
            in_name(good.clone()),
            "ROLE_NOT_PERMITTED",
        ),
        ("no device at all", &foreign.actor, "SubmitSummaries", good.clone(), "ROLE_NOT_PERMITTED"),
        (
            "a foreign patient's device",
            &foreign.actor,
            "RegisterDevice",
            device_for(&patient),
            "ROLE_NOT_PERMITTED",
        ),
        (
            "a registrar's device",
            &world.registrar,
            "RegisterDevice",
            device_for(&patient),
            "ROLE_NOT_PERMITTED",
        ),
        (
            "a second confirmation",
            &patient.actor,
            "ConfirmRegistration",
            confirmation(&patient),
            "NOT_PENDING",
        ),
    ];
    for (name, actor, function, private, code) in rows {
        let (arguments, private) = (json!({}), Some(private));
        let attempt = Attempt { name, actor, function, arguments, private, code };
        check(&world, &patient, attempt).await;
    }
    for (name, actor) in [
        ("a provider that reads", &world.provider),
        ("a registrar that reads", &world.registrar),
        ("the hospital's administrator that reads", &world.hospital),
        ("the device that reads", &patient.device),
    ] {
        let question = ioht_contract::client::Invocation::with_private(
            &ioht_contract::ReadOwnSummaries {},
            &patient.question(),
        );
        let call = actor.contract().evaluate(&question.function).argument(question.arguments);
        let error = call.transient(question.transient).send().await.expect_err(name);
        let code = error.contract_error().and_then(|told| told.code);
        assert_eq!(code.as_deref(), Some("ROLE_NOT_PERMITTED"), "{name}: {error:?}");
    }
    world.stack.shutdown().await;
}

fn registration() -> Value {
    json!({
        "sid": hex::encode([1; 16]),
        "secret": hex::encode([2; 32]),
        "enrolment_id": MARKER,
        "key_hash": hex::encode([3; 32]),
    })
}

fn device_for(patient: &Patient) -> Value {
    json!({
        "sid": patient.sid,
        "device": hex::encode([4; 16]),
        "key_hash": hex::encode([5; 32]),
        "profile": "pulse-sensor",
    })
}

fn confirmation(patient: &Patient) -> Value {
    json!({"sid": patient.sid, "rk": hex::encode([6; 16]), "secret": hex::encode([7; 32])})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspended_conflicting_and_replaced() {
    let world = World::start().await;
    let patient = world.patient("one").await;
    let record = summary_json(patient.window(1), MARKER);
    let private = Some(batch(&patient, vec![record.clone()]));
    let submit = |name, actor, private, code| Attempt {
        name,
        actor,
        function: "SubmitSummaries",
        arguments: json!({}),
        private,
        code,
    };
    let sent = patient.device.contract().submit("SubmitSummaries").argument("{}");
    sent.transient([("private", private.clone().unwrap().to_string())]).send().await.unwrap();
    let other = with(record, "/statistics/0/value", json!("72.5"));
    let attempt = submit(
        "other content for a window",
        &patient.device,
        Some(batch(&patient, vec![other])),
        "RECORD_CONFLICT",
    );
    check(&world, &patient, attempt).await;

    // The hospital's certificate authority issues the same name again, with another key.
    let mut request = fabric_devnet::EnrollRequest::client("Org1MSP", "d-one");
    request.replace = true;
    let impostor = world.stack.enroll(request, "Org1MSP").await.unwrap();
    let attempt = submit("a key that is not bound", &impostor, private.clone(), "KEY_NOT_BOUND");
    check(&world, &patient, attempt).await;

    let suspended = StatusPrivate::Device(DeviceStatusPrivate {
        sid: Some(patient.sid),
        device: patient.device.pid(),
        status: DeviceStatus::Suspended,
    });
    patient.actor.submit_private(&SetStatus::Device {}, &suspended).await.unwrap();
    let attempt = submit("a suspended device", &patient.device, private.clone(), "INACTIVE");
    check(&world, &patient, attempt).await;
    let active = StatusPrivate::Device(DeviceStatusPrivate {
        sid: Some(patient.sid),
        device: patient.device.pid(),
        status: DeviceStatus::Active,
    });
    patient.actor.submit_private(&SetStatus::Device {}, &active).await.unwrap();

    let suspended = StatusPrivate::Patient(PatientStatusPrivate {
        sid: patient.sid,
        status: NewStatus::Suspended,
    });
    world.registrar.submit_private(&SetStatus::Patient {}, &suspended).await.unwrap();
    let attempt = submit("a suspended patient", &patient.device, private.clone(), "INACTIVE");
    check(&world, &patient, attempt).await;
    world.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_outside_the_window() {
    let world = World::start().await;
    let patient = world.patient("one").await;
    let private = batch(&patient, vec![summary_json(patient.window(1), MARKER)]).to_string();
    let height = world.stack.devnet().height();
    let hour = Duration::from_secs(3600);
    for clock in [SystemTime::now() - hour, SystemTime::now() + hour] {
        let actor = patient.device.clone().with_clock(move || clock);
        let call = actor.contract().submit("SubmitSummaries").argument("{}");
        let error = call.transient([("private", private.clone())]).send().await.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(told.contains("timestamp"), "{told}");
    }
    assert_eq!(world.stack.devnet().height(), height);
    assert_eq!(GRID_MS, i64::from(GRID_S) * 1000);
    world.stack.shutdown().await;
}
