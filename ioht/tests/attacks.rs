//! Attacks with valid certificates and the means of a Gateway client.

#![expect(clippy::panic, clippy::expect_used, reason = "a test helper may panic")]

mod common;

use common::{World, summary};
use fabric_gateway_client::{Call, GatewayError, Submit, TxValidationCode};
use ioht::Actor;
use ioht_contract::client::{Call as Transaction, Invocation, StatusPrivate};
use ioht_contract::{
    DeviceStatus, DeviceStatusPrivate, OrganizationKind, RegisterDevice, RegisterDevicePrivate,
    RegisterOrganization, SetStatus, SubmitSummaries,
};

const MARKER: &str = "planted-marker-77ab";

fn call<C: Transaction>(actor: &Actor, invocation: Invocation, _: &C) -> Call<Submit> {
    let call = actor.contract().submit(&invocation.function);
    call.argument(invocation.arguments).transient(invocation.transient)
}

#[track_caller]
fn code(error: GatewayError) -> TxValidationCode {
    match error {
        GatewayError::Commit(commit) => commit.code().expect("a code of Fabric"),
        other => panic!("it was not ordered: {other:?}"),
    }
}

/// Naming fewer endorsers than the policy needs, or others, is noticed by every peer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_custodian_changes_nothing_alone() {
    let world = World::start().await;
    let patient = world.patient("one").await;
    let ring = world.stack.client("Org1MSP", "d-ring").await.unwrap();
    let registration = RegisterDevicePrivate {
        sid: patient.sid,
        device: ring.pid(),
        key_hash: ring.key_hash(),
        profile: "ring".parse().unwrap(),
        gateway: None,
        active_from: None,
    };
    let register = RegisterDevice {};
    let alone = Invocation::with_private(&register, &registration);
    let alone = call(&patient.actor, alone, &register).endorsing_organizations(["Org1MSP"]);
    assert_eq!(code(alone.send().await.unwrap_err()), TxValidationCode::EndorsementPolicyFailure);
    assert_eq!(ring.who_am_i().await.unwrap().devices, []);
    // Public state: a custodian and a provider agree, and are not two custodians.
    let company = world.stack.admin("Org3MSP", "company-admin").await.unwrap();
    let register = RegisterOrganization { kind: OrganizationKind::Provider };
    for organizations in [&["Org3MSP"][..], &["Org1MSP", "Org3MSP"]] {
        let call = call(&company, Invocation::new(&register), &register);
        let call = call.endorsing_organizations(organizations.iter().copied());
        assert_eq!(
            code(call.send().await.unwrap_err()),
            TxValidationCode::EndorsementPolicyFailure
        );
        assert_eq!(company.who_am_i().await.unwrap().organization, None);
    }
    world.stack.shutdown().await;
}

/// A device that knows that it will be suspended has its transactions endorsed in advance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_endorsed_before_a_suspension_is_invalid_after_it() {
    let world = World::start().await;
    let patient = world.patient("one").await;
    let batch = patient.batch(vec![summary(patient.window(1), MARKER)]);
    let submit = SubmitSummaries {};
    let hoarded = call(&patient.device, Invocation::with_private(&submit, &batch), &submit);
    let hoarded = hoarded.proposal().unwrap().endorse().await.unwrap();
    let suspended = StatusPrivate::Device(DeviceStatusPrivate {
        sid: Some(patient.sid),
        device: patient.device.pid(),
        status: DeviceStatus::Suspended,
    });
    patient.actor.submit_private(&SetStatus::Device {}, &suspended).await.unwrap();
    let status = hoarded.submit().await.unwrap().status().await.unwrap();
    assert_eq!(code(status.successful().unwrap_err().into()), TxValidationCode::MvccReadConflict);
    world.stack.shutdown().await;
}

/// Sending the same envelope again does nothing again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_is_not_replayed() {
    let world = World::start().await;
    let patient = world.patient("one").await;
    let set = |status| {
        let (sid, device) = (Some(patient.sid), patient.device.pid());
        let private = StatusPrivate::Device(DeviceStatusPrivate { sid, device, status });
        let set = SetStatus::Device {};
        call(&patient.actor, Invocation::with_private(&set, &private), &set)
    };
    set(DeviceStatus::Suspended).send().await.unwrap();
    let lifted = set(DeviceStatus::Active).proposal().unwrap().endorse().await.unwrap();
    let first = lifted.submit().await.unwrap().status().await.unwrap();
    assert!(first.is_valid());
    set(DeviceStatus::Suspended).send().await.unwrap();
    let height = world.stack.devnet().height();
    lifted.submit().await.unwrap();
    set(DeviceStatus::Suspended).send().await.unwrap();
    assert!(world.stack.devnet().height() > height, "the replay was not ordered");
    let myself = patient.device.who_am_i().await.unwrap();
    assert_eq!(myself.devices.first().unwrap().status, DeviceStatus::Suspended);
    world.stack.shutdown().await;
}
