//! Delegates, commands, devices that change hands: what was right a moment ago, and is not any more.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Patient, World, employ, now_ms, summary};
use fabric_gateway_client::{GatewayError, Transaction, TxValidationCode};
use ioht::{Actor, ClientError, secrets};
use ioht_contract::client::{Call, Invocation};
use ioht_contract::policies::ParameterRange;
use ioht_contract::{
    AcceptDelegation, AcceptDelegationPrivate, AcceptDevice, AcceptDevicePrivate, Actor as Whom,
    AllowedCommand, Authorisation, CommandId, CommandReference, CommandStatus, ControlChange,
    CorrectSummary, CorrectSummaryPrivate, CorrectionReason, DelegationKind, EndDelegation,
    EndDelegationPrivate, Gateway, IssueCommand, IssueCommandPrivate, OfferDevice,
    OfferDevicePrivate, Parameter, Period, Power, ProposeDelegation, ProposeDelegationPrivate,
    PutControl, PutControlPrivate, PutGateway, PutGatewayPrivate, RecordStatus, RegisterDevice,
    RegisterDevicePrivate, SetSharing, SetSharingPrivate, Sharing, StaffRole, SubmitSummaries,
    UpdateCommand, UpdateCommandPrivate,
};
use std::time::{Duration, SystemTime};

const MINUTE_MS: i64 = 60_000;

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, ClientError>, code: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.code().as_deref(), Some(code), "{error:?}");
}

/// The same participant ten minutes later, which peers still take.
fn later(actor: &Actor) -> Actor {
    actor.clone().with_clock(|| SystemTime::now() + Duration::from_secs(600))
}

/// Endorsed now, to be ordered later.
async fn hoarded<C: Call>(actor: &Actor, call: &C, private: &C::Private) -> Transaction {
    let invocation = Invocation::with_private(call, private);
    let call = actor.contract().submit(&invocation.function);
    let call = call.argument(invocation.arguments).transient(invocation.transient);
    call.proposal().unwrap().endorse().await.unwrap()
}

/// Orders what something else has come before.
async fn comes_too_late(hoarded: Transaction) {
    let status = hoarded.submit().await.unwrap().status().await.unwrap();
    let error = GatewayError::from(status.successful().unwrap_err());
    let GatewayError::Commit(error) = error else { panic!("{error:?}") };
    assert_eq!(error.code(), Some(TxValidationCode::MvccReadConflict));
}

/// Somebody who acts for the patient, for five minutes.
async fn delegate(world: &World, patient: &Patient, name: &str, powers: &[Power]) -> Actor {
    let actor = world.stack.client("Org1MSP", name).await.unwrap();
    let proposal = ProposeDelegationPrivate {
        sid: patient.sid,
        delegate: actor.pid(),
        key_hash: actor.key_hash(),
        kind: DelegationKind::Caregiver,
        powers: powers.iter().copied().collect(),
        period: Period { start: patient.active_from, end: Some(now_ms() + 5 * MINUTE_MS) },
        evidence: None,
    };
    patient.actor.submit_private(&ProposeDelegation {}, &proposal).await.unwrap();
    let own = AcceptDelegationPrivate { sid: patient.sid, guardian: None };
    actor.submit_private(&AcceptDelegation {}, &own).await.unwrap();
    actor
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegate_acts_while_its_power_lasts() {
    let world = World::start().await;
    let patient = world.patient("one").await;
    let sid = patient.sid;
    let pause = SetSharingPrivate { sid, sharing: Sharing::Paused };
    let looker = delegate(&world, &patient, "c-looker", &[Power::View]).await;
    refused(looker.submit_private(&SetSharing {}, &pause).await, "ROLE_NOT_PERMITTED");
    looker.journal(Some(sid), 1, now_ms() + MINUTE_MS).await.unwrap();
    refused(later(&looker).journal(Some(sid), 1, now_ms()).await, "ROLE_NOT_PERMITTED");

    let decider = delegate(&world, &patient, "c-decider", &[Power::Consent]).await;
    refused(decider.journal(Some(sid), 1, now_ms()).await, "ROLE_NOT_PERMITTED");
    decider.submit_private(&SetSharing {}, &pause).await.unwrap();
    // Its period is over in ten minutes.
    let resume = SetSharingPrivate { sid, sharing: Sharing::On };
    refused(later(&decider).submit_private(&SetSharing {}, &resume).await, "ROLE_NOT_PERMITTED");
    let too_late = hoarded(&decider, &SetSharing {}, &resume).await;
    let ending = EndDelegationPrivate { sid, delegate: Some(decider.pid()) };
    patient.actor.submit_private(&EndDelegation {}, &ending).await.unwrap();
    comes_too_late(too_late).await;
    refused(decider.submit_private(&SetSharing {}, &resume).await, "ROLE_NOT_PERMITTED");
    let entries = patient.actor.journal(None, 1, now_ms() + MINUTE_MS).await.unwrap();
    let acts = entries.iter().filter(|it| it.by == decider.pid() && it.name == "SetSharing");
    assert_eq!(acts.count(), 1, "only what was committed is in the journal");
    world.stack.shutdown().await;
}

/// A patient with a pump that a doctor may set, and a gateway of the pump's.
struct Ward {
    world: World,
    patient: Patient,
    doctor: Actor,
    pump: Actor,
    phone: Actor,
}

impl Ward {
    async fn open() -> Self {
        let world = World::start().await;
        let patient = world.patient("one").await;
        employ(&world.hospital, "doctor-1", StaffRole::Practitioner).await;
        let doctor = world.stack.client("Org1MSP", "doctor-1").await.unwrap();
        let pump = world.stack.client("Org1MSP", "d-pump").await.unwrap();
        let phone = world.stack.client("Org1MSP", "g-phone").await.unwrap();
        let sid = patient.sid;
        let registration = RegisterDevicePrivate {
            sid,
            device: pump.pid(),
            key_hash: pump.key_hash(),
            profile: "insulin-pump".parse().unwrap(),
            gateway: None,
            active_from: None,
        };
        patient.actor.submit_private(&RegisterDevice {}, &registration).await.unwrap();
        let confirmation = ioht_contract::ConfirmDevicePrivate { sid };
        pump.submit_private(&ioht_contract::ConfirmDevice {}, &confirmation).await.unwrap();
        let gateway = Some(Gateway { pid: phone.pid(), key_hash: phone.key_hash() });
        let named = PutGatewayPrivate { sid, device: pump.pid(), gateway };
        patient.actor.submit_private(&PutGateway {}, &named).await.unwrap();
        let ward = Self { world, patient, doctor, pump, phone };
        ward.control(ControlChange::Allow(ward.authorisation())).await;
        ward
    }

    fn authorisation(&self) -> Authorisation {
        let range = ParameterRange {
            parameter: "milliunits-per-hour".parse().unwrap(),
            min: 100,
            max: 1200,
        };
        let command =
            AllowedCommand { command: "set-basal-rate".parse().unwrap(), parameters: vec![range] };
        Authorisation {
            grantee: Whom::Participant(self.doctor.pid()),
            commands: vec![command],
            period: Period { start: now_ms(), end: Some(now_ms() + 60 * MINUTE_MS) },
            per_hour: 10,
        }
    }

    async fn control(&self, change: ControlChange) {
        let private = PutControlPrivate { sid: self.patient.sid, device: self.pump.pid(), change };
        self.patient.actor.submit_private(&PutControl {}, &private).await.unwrap();
    }

    /// A command that waits five minutes.
    fn order(&self, rate: i64) -> IssueCommandPrivate {
        let reference = CommandReference {
            sid: self.patient.sid,
            device: self.pump.pid(),
            expires_at: now_ms() + 5 * MINUTE_MS,
            id: CommandId::new(secrets::random().unwrap()),
        };
        let parameter = "milliunits-per-hour".parse().unwrap();
        IssueCommandPrivate {
            reference,
            command: "set-basal-rate".parse().unwrap(),
            parameters: vec![Parameter { parameter, value: rate }],
            authorisation: Some(Whom::Participant(self.doctor.pid())),
        }
    }

    async fn ordered(&self) -> CommandReference {
        let order = self.order(800);
        self.doctor.submit_private(&IssueCommand {}, &order).await.unwrap();
        order.reference
    }

    async fn update(
        &self,
        by: &Actor,
        reference: CommandReference,
        status: CommandStatus,
    ) -> Result<(), ClientError> {
        let private = UpdateCommandPrivate { reference, status };
        by.submit_private(&UpdateCommand {}, &private).await.map(drop)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_worth_nothing_after_its_time() {
    use CommandStatus::{Accepted, Cancelled, Completed, Confirmed};
    let ward = Ward::open().await;
    let patient = &ward.patient.actor;
    let first = ward.ordered().await;
    refused(ward.update(&later(patient), first, Confirmed).await, "COMMAND_ENDED");
    ward.update(patient, first, Confirmed).await.unwrap();
    refused(ward.update(&later(&ward.pump), first, Accepted).await, "COMMAND_ENDED");
    ward.update(&ward.pump, first, Accepted).await.unwrap();
    // What was accepted in time may take its time, and is not accepted twice.
    ward.update(&later(&ward.pump), first, Completed).await.unwrap();
    refused(ward.update(&later(&ward.phone), first, Accepted).await, "STATUS_CONFLICT");
    let from_then_on = later(&ward.doctor);
    let stale = ward.order(800);
    refused(from_then_on.submit_private(&IssueCommand {}, &stale).await, "ARGUMENT_INVALID");

    // Two answers at once: the pump and its gateway do not both have their way.
    let second = ward.ordered().await;
    ward.update(patient, second, Confirmed).await.unwrap();
    let accepted = UpdateCommandPrivate { reference: second, status: Accepted };
    let by_phone = hoarded(&ward.phone, &UpdateCommand {}, &accepted).await;
    ward.update(patient, second, Cancelled).await.unwrap();
    comes_too_late(by_phone).await;
    refused(ward.update(&ward.pump, second, Accepted).await, "STATUS_CONFLICT");

    // An authorisation that ends takes with it what was ordered and not accepted.
    let third = ward.ordered().await;
    ward.update(patient, third, Confirmed).await.unwrap();
    let in_advance = hoarded(&ward.doctor, &IssueCommand {}, &ward.order(900)).await;
    ward.control(ControlChange::End(Whom::Participant(ward.doctor.pid()))).await;
    comes_too_late(in_advance).await;
    refused(ward.update(&ward.pump, third, Accepted).await, "COMMAND_ENDED");
    refused(ward.doctor.submit_private(&IssueCommand {}, &ward.order(900)).await, "NOT_AUTHORISED");
    ward.world.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_has_gone_corrects_nothing() {
    let world = World::start().await;
    let (old, new) = (world.patient("old").await, world.patient("new").await);
    let window = old.window(1);
    let batch = old.batch(vec![summary(window, "raw:1")]);
    old.device.submit_private(&SubmitSummaries {}, &batch).await.unwrap();
    let device = old.device.pid();
    let offer = |to| OfferDevicePrivate { sid: old.sid, device, to };
    let take = AcceptDevicePrivate { sid: new.sid, from: old.sid, device };
    old.actor.submit_private(&OfferDevice {}, &offer(Some(new.sid))).await.unwrap();
    let too_late = hoarded(&new.actor, &AcceptDevice {}, &take).await;
    old.actor.submit_private(&OfferDevice {}, &offer(None)).await.unwrap();
    comes_too_late(too_late).await;
    old.actor.submit_private(&OfferDevice {}, &offer(Some(new.sid))).await.unwrap();
    new.actor.submit_private(&AcceptDevice {}, &take).await.unwrap();
    refused(new.actor.submit_private(&AcceptDevice {}, &take).await, "DEVICE_UNKNOWN");

    // It remembers the old patient's keys, and they no longer serve.
    let mut record = summary(window, "raw:2");
    record.status = RecordStatus::Corrected;
    let correction = CorrectSummaryPrivate {
        sid: old.sid,
        rk: old.rk,
        device: None,
        version: 1,
        reason: CorrectionReason::LateData,
        record,
    };
    let tried = old.device.submit_private(&CorrectSummary {}, &correction).await;
    refused(tried, "DEVICE_NOT_OF_SUBJECT");
    let again = old.device.submit_private(&SubmitSummaries {}, &batch).await;
    refused(again, "DEVICE_NOT_OF_SUBJECT");
    // The old patient still corrects what it measured.
    let own = CorrectSummaryPrivate { device: Some(device), ..correction };
    old.actor.submit_private(&CorrectSummary {}, &own).await.unwrap();
    world.stack.shutdown().await;
}
