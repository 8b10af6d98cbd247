//! Who does what, in order.

use super::narrator::Narrator;
use super::recording::DeviceStore;
use super::{DemoError, sharing};
use crate::actor::Actor;
use crate::stack::Stack;
use crate::{ClientError, secrets};
use fabric_devnet::EnrollRequest;
use ioht_contract::{
    ConfirmDevice, ConfirmDevicePrivate, ConfirmRegistration, ConfirmRegistrationPrivate,
    OrganizationKind, Period, ReadOwnSummaries, ReadOwnSummariesPrivate, RecordsKey,
    RegisterDevice, RegisterDevicePrivate, RegisterOrganization, RegisterPatient,
    RegisterPatientPrivate, RegisterStaff, RegisterStaffPrivate, StaffRole, StoredSummary,
    SubjectId, SubmitSummaries, SubmitSummariesPrivate, Summary, UnitId, VerifyRaw,
    VerifyRawPrivate,
};
use std::collections::BTreeSet;

const HOSPITAL: &str = "Org1MSP";
const SECOND_CUSTODIAN: &str = "Org2MSP";
const PROVIDER: &str = "Org3MSP";
const PATIENT_ENROLMENT_ID: &str = "p-7f3a9c51";

/// Everyone in the story.
struct Cast {
    registrar: Actor,
    patient: Actor,
    device: Actor,
    provider: Actor,
    clinician: Actor,
    colleague: Actor,
}

/// What the patient knows of itself after its registration.
struct Patient {
    sid: SubjectId,
    rk: RecordsKey,
}

pub(super) async fn tell(stack: &Stack, out: &mut Narrator<'_>) -> Result<(), DemoError> {
    out.heading("Organisations and people")?;
    let cast = introduce(stack, out).await?;
    let patient = register(&cast, out).await?;

    out.heading("From the device to the ledger")?;
    let store = DeviceStore::measure()?;
    let summaries = submit(&cast, &store, &patient, out).await?;

    out.heading("And back")?;
    let records = read_back(&cast, &store, &summaries, out).await?;

    out.heading("Shared, read, and withdrawn")?;
    sharing::tell(&cast.patient, &cast.clinician, &cast.colleague, &summaries, out).await?;

    out.heading("Everyone else is refused")?;
    refuse(&cast, &patient, &summaries, out).await?;
    out.table(&records)?;
    Ok(())
}

async fn introduce(stack: &Stack, out: &mut Narrator<'_>) -> Result<Cast, DemoError> {
    let hospital = stack.admin(HOSPITAL, "hospital-admin").await?;
    let custodian = stack.admin(SECOND_CUSTODIAN, "custodian-admin").await?;
    let company = stack.admin(PROVIDER, "provider-admin").await?;
    for (actor, kind, who, what) in [
        (&hospital, OrganizationKind::Custodian, "hospital (Org1)", "registers as a custodian"),
        (&custodian, OrganizationKind::Custodian, "custodian (Org2)", "registers as a custodian"),
        (&company, OrganizationKind::Provider, "provider (Org3)", "registers as a provider"),
    ] {
        let committed = actor.submit(&RegisterOrganization { kind }).await?;
        out.committed(who, what, &committed)?;
    }
    for (enrolment_id, role, what) in [
        ("registrar-1", StaffRole::Registrar, "employs a registrar"),
        ("clinician-7", StaffRole::Practitioner, "employs a clinician"),
        ("clinician-8", StaffRole::Practitioner, "employs another"),
    ] {
        let staff = RegisterStaff {
            unit: UnitId::root(),
            roles: BTreeSet::from([role]),
            period: Period { start: 0, end: None },
        };
        let private = RegisterStaffPrivate { enrolment_id: enrolment_id.to_owned() };
        let committed = hospital.submit_private(&staff, &private).await?;
        out.committed("hospital (Org1)", what, &committed)?;
    }
    Ok(Cast {
        registrar: stack.client(HOSPITAL, "registrar-1").await?,
        clinician: stack.client(HOSPITAL, "clinician-7").await?,
        colleague: stack.client(HOSPITAL, "clinician-8").await?,
        patient: stack.client(HOSPITAL, PATIENT_ENROLMENT_ID).await?,
        device: stack.client(HOSPITAL, "d-20c4e1b8").await?,
        // Only custodians' peers hold health data, so that is where a provider asks.
        provider: stack.enroll(EnrollRequest::client(PROVIDER, "clinician-1"), HOSPITAL).await?,
    })
}

async fn register(cast: &Cast, out: &mut Narrator<'_>) -> Result<Patient, DemoError> {
    let private = RegisterPatientPrivate {
        sid: secrets::subject_id()?,
        secret: secrets::secret()?,
        enrolment_id: PATIENT_ENROLMENT_ID.to_owned(),
        key_hash: cast.patient.key_hash(),
    };
    let committed = cast.registrar.submit_private(&RegisterPatient {}, &private).await?;
    out.committed("registrar", "registers the patient by its key", &committed)?;

    let myself = cast.patient.who_am_i().await?;
    let sid = myself.patient.and_then(|patient| patient.sid).unwrap_or(private.sid);
    let rk = secrets::records_key()?;
    let confirmation = ConfirmRegistrationPrivate { sid, rk, secret: secrets::secret()? };
    let committed = cast.patient.submit_private(&ConfirmRegistration {}, &confirmation).await?;
    out.committed("patient", "confirms, with secrets of its own", &committed)?;
    Ok(Patient { sid, rk })
}

async fn submit(
    cast: &Cast,
    store: &DeviceStore,
    patient: &Patient,
    out: &mut Narrator<'_>,
) -> Result<Vec<Summary>, DemoError> {
    let summaries = store.summaries()?;
    let quality = &store.outcome.quality;
    let what = format!("measures {} samples of pulse", quality.rows);
    let outcome = format!(
        "{} repeated timestamps mended, {} summaries; raw data stays here",
        quality.repeated_stamps,
        summaries.len()
    );
    out.step("device", &what, &outcome)?;
    let registration = RegisterDevicePrivate {
        sid: patient.sid,
        device: cast.device.pid(),
        key_hash: cast.device.key_hash(),
        profile: "pulse-sensor".parse().map_err(ioht_form)?,
        gateway: None,
        active_from: summaries.first().map(|summary| summary.start),
    };
    let committed = cast.patient.submit_private(&RegisterDevice {}, &registration).await?;
    out.committed("patient", "registers the device by its key", &committed)?;
    let confirmation = ConfirmDevicePrivate { sid: patient.sid };
    let committed = cast.device.submit_private(&ConfirmDevice {}, &confirmation).await?;
    out.committed("device", "confirms whose it is, with its key", &committed)?;

    let batch = SubmitSummariesPrivate {
        sid: patient.sid,
        rk: patient.rk,
        device: None,
        records: summaries.clone(),
    };
    let committed = cast.device.submit_private(&SubmitSummaries {}, &batch).await?;
    let what = format!("submits {} summaries in private data", committed.answer.created);
    out.committed("device", &what, &committed)?;
    let again = cast.device.submit_private(&SubmitSummaries {}, &batch).await?;
    let what = format!("submits them again: {} are there already", again.answer.existing);
    out.committed("device", &what, &again)?;
    Ok(summaries)
}

async fn read_back(
    cast: &Cast,
    store: &DeviceStore,
    submitted: &[Summary],
    out: &mut Narrator<'_>,
) -> Result<Vec<StoredSummary>, DemoError> {
    let Some(question) = question(submitted) else { return Err(DemoError::Differs) };
    let page = cast.patient.evaluate_private(&ReadOwnSummaries {}, &question).await?;
    let same = page.records.len() == submitted.len()
        && page.records.iter().zip(submitted).all(|(stored, sent)| stored.summary == *sent);
    if !same {
        return Err(DemoError::Differs);
    }
    let outcome = format!("{} records, each value as submitted", page.records.len());
    out.step("patient", "reads its own record", &outcome)?;
    for (position, record) in page.records.iter().enumerate() {
        let digest = store.digest(position).ok_or(DemoError::Differs)?;
        let question = VerifyRawPrivate {
            code: record.summary.code,
            grid_s: record.summary.grid_s,
            start: record.summary.start,
            device: record.device,
            digest,
        };
        let verdict = cast.patient.evaluate_private(&VerifyRaw {}, &question).await?;
        if !verdict.matches {
            return Err(DemoError::Differs);
        }
        let what = format!("checks window {} against its raw samples", position + 1);
        out.step("patient", &what, "the digest on the ledger matches")?;
    }
    Ok(page.records)
}

async fn refuse(
    cast: &Cast,
    patient: &Patient,
    submitted: &[Summary],
    out: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let Some(question) = question(submitted) else { return Err(DemoError::Differs) };
    let batch = SubmitSummariesPrivate {
        sid: patient.sid,
        rk: patient.rk,
        device: Some(cast.device.pid()),
        records: submitted.to_vec(),
    };
    let read = |actor: Actor| {
        let question = question.clone();
        async move { actor.evaluate_private(&ReadOwnSummaries {}, &question).await.map(drop) }
    };
    let curious = "curious provider";
    let tried = read(cast.provider.clone()).await;
    refused(curious, "asks for the patient's records", tried, "ROLE_NOT_PERMITTED", out)?;
    let tried = cast.provider.submit_private(&SubmitSummaries {}, &batch).await.map(drop);
    refused(curious, "submits in the device's name", tried, "ROLE_NOT_PERMITTED", out)?;
    let tried = read(cast.registrar.clone()).await;
    refused("registrar", "asks for the patient's records", tried, "ROLE_NOT_PERMITTED", out)?;
    let tried = read(cast.device.clone()).await;
    refused("device", "asks for the patient's records", tried, "ROLE_NOT_PERMITTED", out)?;
    Ok(())
}

fn question(submitted: &[Summary]) -> Option<ReadOwnSummariesPrivate> {
    let (first, last) = (submitted.first()?, submitted.last()?);
    Some(ReadOwnSummariesPrivate {
        code: first.code,
        grid_s: first.grid_s,
        from: first.start,
        until: last.start.checked_add(1)?,
        limit: None,
        bookmark: None,
    })
}

/// Tells a step that must be refused with `expected`.
fn refused(
    who: &str,
    what: &'static str,
    tried: Result<(), ClientError>,
    expected: &'static str,
    out: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let wrong = |got: String| DemoError::NotRefused { step: what, expected, got };
    match tried {
        Ok(()) => Err(wrong("success".to_owned())),
        Err(error) if error.code().as_deref() == Some(expected) => {
            Ok(out.step(who, what, &format!("refused: {error}"))?)
        }
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn ioht_form(error: impl std::fmt::Display) -> DemoError {
    DemoError::Form(serde::de::Error::custom(error))
}
