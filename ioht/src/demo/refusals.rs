//! Who looked, and who is refused.

use super::DemoError;
use super::cast::{Cast, Patient};
use super::device::Measured;
use super::narrator::Narrator;
use super::recording::FINE_S;
use crate::actor::Actor;
use crate::error::ClientError;
use crate::reading::Reading;
use ioht_contract::access::ToldReason;
use ioht_contract::decision::Outcome;
use ioht_contract::{SubmitSummaries, SubmitSummariesPrivate};

/// How far around the recording the patient looks, in milliseconds: the story is told now.
const AROUND_MS: i64 = 86_400_000;

/// The patient's own view of every request and every opening.
pub(super) async fn looked(
    cast: &Cast,
    measured: &Measured,
    out: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let (from, until) = (measured.start - AROUND_MS, measured.end + AROUND_MS);
    let entries = cast.patient.who_looked(None, from.max(1), until).await?;
    for (who, reader) in [
        ("the clinician", &cast.clinician),
        ("the colleague", &cast.colleague),
        ("the researcher", &cast.researcher),
        ("the caregiver", &cast.caregiver),
    ] {
        let own: Vec<_> = entries.iter().filter(|it| it.who == reader.pid()).collect();
        let denied = own.iter().filter(|it| it.verdict.outcome == Outcome::Deny).count();
        let outcome = format!("{} permitted, {denied} denied", own.len() - denied);
        let what = format!("sees what {who} asked for or opened");
        out.step("patient", &what, &outcome)?;
    }
    Ok(())
}

/// Those who are no readers at all.
pub(super) async fn tell(
    cast: &Cast,
    patient: Patient,
    measured: &Measured,
    out: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let read = async |actor: &Actor| {
        let Measured { code, start, end, .. } = measured;
        actor.own_records(*code, FINE_S, *start, *end).await.map(drop)
    };
    let what = "asks for the patient's records";
    let tried = read(&cast.provider).await;
    refused("curious provider", what, tried, "ROLE_NOT_PERMITTED", out)?;
    let batch = SubmitSummariesPrivate {
        sid: patient.sid,
        rk: patient.rk,
        device: Some(cast.device.pid()),
        records: measured.summaries.clone(),
    };
    let tried = cast.provider.submit_private(&SubmitSummaries {}, &batch).await.map(drop);
    let submits = "submits in the device's name";
    refused("curious provider", submits, tried, "ROLE_NOT_PERMITTED", out)?;
    let tried = read(&cast.registrar).await;
    refused("registrar", what, tried, "ROLE_NOT_PERMITTED", out)?;
    let tried = read(&cast.device).await;
    refused("device", what, tried, "ROLE_NOT_PERMITTED", out)
}

/// Whether a reading was denied for this reason, and brought nothing.
pub(super) fn denied(reading: &Reading, reason: ToldReason) -> Result<(), DemoError> {
    let access = &reading.access;
    let nothing = reading.disclosed.records.is_empty() && reading.disclosure.is_none();
    if access.outcome == Outcome::Deny && access.reason == reason && nothing {
        return Ok(());
    }
    Err(DemoError::NotRefused {
        step: "requests the patient's records",
        expected: "DENY",
        got: format!("{:?} {:?}", access.outcome, access.reason),
    })
}

/// Tells a step that must be refused with `expected`.
pub(super) fn refused(
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
            Ok(out.step(who, what, &format!("refused: {expected}"))?)
        }
        Err(error) => Err(wrong(error.to_string())),
    }
}
