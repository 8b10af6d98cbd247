//! Sharing and reading through the Gateway, and a withdrawal in between.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{GRID_S, Patient, World, employ, summary};
use fabric_devnet::EnrollRequest;
use fabric_gateway_client::{GatewayError, TxValidationCode};
use ioht::Actor;
use ioht_contract::access::{
    AccessReference, OpenDisclosure, OpenDisclosurePrivate, RequestAccess, RequestAccessPrivate,
    Scope, TicketsReceipt, ToldReason,
};
use ioht_contract::client::Invocation;
use ioht_contract::{
    Action, ChoosePreset, ChoosePresetPrivate, EndConsent, EndConsentPrivate, Ending, Period,
    PutCareTeam, PutCareTeamPrivate, StaffRole, SubmitSummaries,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

fn scope(patient: &Patient) -> Scope {
    let end = Some(patient.active_from + 100 * common::GRID_MS);
    Scope {
        purpose: "TREAT".parse().unwrap(),
        action: Action::Access,
        codes: ["8867-4".parse().unwrap()].into(),
        data_period: Period { start: patient.active_from, end },
        min_grid_s: None,
    }
}

async fn withdraw(patient: &Patient) {
    let ending = Ending::Withdrawn;
    let private = EndConsentPrivate { sid: patient.sid, directives: None, ending };
    patient.actor.submit_private(&EndConsent {}, &private).await.unwrap();
}

/// A doctor in the patient's care team, and ten records.
async fn shared(world: &World) -> (Patient, Actor) {
    let patient = world.patient("one").await;
    employ(&world.hospital, "doctor-1", StaffRole::Practitioner).await;
    let doctor = world.stack.client("Org1MSP", "doctor-1").await.unwrap();
    let sent = (0..10).map(|number| summary(patient.window(number), "raw:1")).collect();
    patient.device.submit_private(&SubmitSummaries {}, &patient.batch(sent)).await.unwrap();
    let team = PutCareTeamPrivate {
        sid: patient.sid,
        add: [format!("pid:{}", doctor.pid()).parse().unwrap()].into(),
        remove: Default::default(),
    };
    patient.actor.submit_private(&PutCareTeam {}, &team).await.unwrap();
    let chosen = ChoosePresetPrivate {
        sid: patient.sid,
        preset: "care-team".parse().unwrap(),
        project: None,
        terms: None,
        until: None,
        text: None,
    };
    patient.actor.submit_private(&ChoosePreset {}, &chosen).await.unwrap();
    (patient, doctor)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_reads_what_is_shared_until_it_is_withdrawn() {
    let world = World::start().await;
    let (patient, doctor) = shared(&world).await;
    let reading = doctor.read(patient.sid, scope(&patient), GRID_S).await.unwrap();
    assert_eq!(reading.disclosed.records.len(), 10);
    assert!(reading.disclosure.is_some());
    withdraw(&patient).await;
    let denied = doctor.read(patient.sid, scope(&patient), GRID_S).await.unwrap();
    assert_eq!(denied.access.reason, ToldReason::NotPermitted);
    assert!(denied.disclosed.records.is_empty() && denied.disclosure.is_none());
    let until = common::now_ms() + 60_000;
    let looked = patient.actor.who_looked(None, until - 3_600_000, until).await.unwrap();
    assert_eq!(looked.len(), 3, "two requests, one opening");
    assert!(looked.iter().all(|entry| entry.who == doctor.pid()));
    world.stack.shutdown().await;
}

/// Peers that have not committed an access yet refuse to open it, and open it once they have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_access_is_opened_once_it_is_committed() {
    let world = World::start().await;
    let (patient, doctor) = shared(&world).await;
    let private = RequestAccessPrivate {
        subjects: vec![patient.sid],
        scope: scope(&patient),
        justification: None,
        until: None,
    };
    let request = Invocation::with_private(&RequestAccess {}, &private);
    let call = doctor.contract().submit(&request.function);
    let call = call.argument(request.arguments).transient(request.transient);
    let endorsed = call.proposal().unwrap().endorse().await.unwrap();
    let told: TicketsReceipt = serde_json::from_slice(endorsed.result()).unwrap();
    let access = AccessReference { sid: patient.sid, access: *told.ids.first().unwrap() };

    let proposals = Arc::new(AtomicUsize::new(0));
    let counted = proposals.clone();
    let late = doctor.clone().with_clock(move || {
        // The request is ordered after its opening was refused, and before that is proposed again.
        if counted.fetch_add(1, Ordering::SeqCst) == 1 {
            let commit = async { endorsed.submit().await.unwrap().status().await.unwrap() };
            let status = block_in_place(|| Handle::current().block_on(commit));
            status.successful().unwrap();
        }
        SystemTime::now()
    });
    late.open(access, None).await.unwrap();
    assert_eq!(proposals.load(Ordering::SeqCst), 2);
    assert_eq!(doctor.access(access).await.unwrap().uses, 1);
    world.stack.shutdown().await;
}

/// A custodian that has missed the withdrawal says so, and does not pass for one without consent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custodian_that_has_missed_a_withdrawal_gives_and_endorses_nothing() {
    let world = World::start().await;
    let (patient, near) = shared(&world).await;
    let request = EnrollRequest { replace: true, ..EnrollRequest::client("Org1MSP", "doctor-1") };
    let far = world.stack.enroll(request, "Org2MSP").await.unwrap();
    let access = far.request_access(patient.sid, scope(&patient)).await.unwrap();
    let disclosure = far.open(access, None).await.unwrap();
    let (from, until) = (patient.active_from, patient.window(100));
    let read = async |by: &Actor| {
        let code = "8867-4".parse().unwrap();
        by.disclosed(patient.sid, disclosure, code, GRID_S, from, until).await
    };
    assert_eq!(read(&far).await.unwrap().records.len(), 10);
    let looked =
        async || patient.actor.who_looked(None, from, until + 86_400_000).await.unwrap().len();
    let before = looked().await;

    world.stack.devnet().withhold_private_data("Org2MSP", true);
    withdraw(&patient).await;
    let refused = read(&far).await.unwrap_err();
    assert_eq!(refused.code().as_deref(), Some("PRIVATE_DATA_UNAVAILABLE"));
    assert_eq!(read(&near).await.unwrap_err().code().as_deref(), Some("NOT_DISCLOSED"));
    for doctor in [&near, &far] {
        let asked = doctor.request_access(patient.sid, scope(&patient)).await.unwrap_err();
        let told = format!("{asked:?}");
        assert!(told.contains("ProposalResponsePayloads do not match"), "{told}");
        doctor.open(access, None).await.unwrap_err();
    }
    assert_eq!(looked().await, before);

    world.stack.devnet().withhold_private_data("Org2MSP", false);
    world.stack.devnet().reconcile_private_data("Org2MSP").unwrap();
    assert_eq!(read(&far).await.unwrap_err().code().as_deref(), Some("NOT_DISCLOSED"));
    let denied = far.read(patient.sid, scope(&patient), GRID_S).await.unwrap();
    assert_eq!(denied.access.reason, ToldReason::NotPermitted);
    world.stack.shutdown().await;
}

/// An opening that was endorsed before a withdrawal and is ordered after it is worth nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_that_is_ordered_first_wins() {
    let world = World::start().await;
    let (patient, doctor) = shared(&world).await;
    let access: AccessReference =
        doctor.request_access(patient.sid, scope(&patient)).await.unwrap();
    let private = OpenDisclosurePrivate { accesses: vec![access], minutes: None };
    let opening = Invocation::with_private(&OpenDisclosure {}, &private);
    let call = doctor.contract().submit(&opening.function);
    let call = call.argument(opening.arguments).transient(opening.transient);
    let hoarded = call.proposal().unwrap().endorse().await.unwrap();
    withdraw(&patient).await;
    let status = hoarded.submit().await.unwrap().status().await.unwrap();
    let error = GatewayError::from(status.successful().unwrap_err());
    let GatewayError::Commit(error) = error else { panic!("{error:?}") };
    assert_eq!(error.code(), Some(TxValidationCode::MvccReadConflict));
    assert_eq!(doctor.access(access).await.unwrap().uses, 0);
    world.stack.shutdown().await;
}
