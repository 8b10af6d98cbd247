//! What a patient shares, and who reads it.

use super::DemoError;
use super::narrator::Narrator;
use crate::actor::Actor;
use ioht_contract::access::Scope;
use ioht_contract::decision::Outcome;
use ioht_contract::{
    Action, ChoosePreset, ChoosePresetPrivate, EndConsent, EndConsentPrivate, Ending, Period,
    PresetId, PurposeCode, PutCareTeam, PutCareTeamPrivate, SubjectId, Summary,
};

pub(super) async fn tell(
    patient: &Actor,
    clinician: &Actor,
    colleague: &Actor,
    submitted: &[Summary],
    out: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let myself = patient.who_am_i().await?.patient;
    let sid = myself.and_then(|patient| patient.sid).ok_or(DemoError::Differs)?;
    let (scope, grid_s) = scope(submitted)?;
    share(patient, clinician, sid, out).await?;

    let reading = clinician.read(sid, scope.clone(), grid_s).await?;
    if reading.records.len() != submitted.len() {
        return Err(DemoError::Differs);
    }
    let outcome = format!("{} records, in two audited steps", reading.records.len());
    out.step("clinician", "requests, opens and reads", &outcome)?;

    denied(colleague, sid, &scope, grid_s).await?;
    out.step("curious colleague", "requests the same", "denied, and on record")?;

    let ending = Ending::Withdrawn;
    let withdrawal = EndConsentPrivate { sid, directives: None, ending };
    let committed = patient.submit_private(&EndConsent {}, &withdrawal).await?;
    out.committed("patient", "withdraws consent", &committed)?;
    denied(clinician, sid, &scope, grid_s).await?;
    out.step("clinician", "asks once more", "denied, and on record")?;

    let until = scope.data_period.end.unwrap_or(i64::MAX).saturating_add(LOOK_BACK_MS);
    let from = until.saturating_sub(2 * LOOK_BACK_MS).max(1);
    for entry in patient.who_looked(None, from, until).await?.iter().rev() {
        let who = if entry.who == clinician.pid() { "the clinician" } else { "the colleague" };
        let outcome = match entry.verdict.outcome {
            Outcome::Deny => "denied",
            Outcome::Permit | Outcome::Conditional => "permitted",
        };
        let what = format!("sees that {who} asked for {}", entry.scope.purpose);
        out.step("patient", &what, outcome)?;
    }
    Ok(())
}

/// How far around the recording the patient looks: the story is told now, the recording is old.
const LOOK_BACK_MS: i64 = 86_400_000;

fn scope(submitted: &[Summary]) -> Result<(Scope, u32), DemoError> {
    let (Some(first), Some(last)) = (submitted.first(), submitted.last()) else {
        return Err(DemoError::Differs);
    };
    let purpose: PurposeCode = "TREAT".parse().map_err(|_| DemoError::Differs)?;
    let scope = Scope {
        purpose,
        action: Action::Access,
        codes: [first.code].into(),
        data_period: Period { start: first.start, end: Some(last.end()) },
        min_grid_s: None,
    };
    Ok((scope, first.grid_s))
}

async fn share(
    patient: &Actor,
    clinician: &Actor,
    sid: SubjectId,
    out: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let member = ioht_contract::Actor::Participant(clinician.pid());
    let team = PutCareTeamPrivate { sid, add: [member].into(), remove: Default::default() };
    let committed = patient.submit_private(&PutCareTeam {}, &team).await?;
    out.committed("patient", "names its clinician in its care team", &committed)?;
    let preset: PresetId = "care-team".parse().map_err(|_| DemoError::Differs)?;
    let (project, terms) = (None, None);
    let choice = ChoosePresetPrivate { sid, preset, project, terms, until: None, text: None };
    let committed = patient.submit_private(&ChoosePreset {}, &choice).await?;
    out.committed("patient", "shares with its care team", &committed)?;
    Ok(())
}

async fn denied(
    reader: &Actor,
    sid: SubjectId,
    scope: &Scope,
    grid_s: u32,
) -> Result<(), DemoError> {
    let reading = reader.read(sid, scope.clone(), grid_s).await?;
    let told = reading.access.outcome;
    if told == Outcome::Deny && reading.records.is_empty() {
        return Ok(());
    }
    Err(DemoError::NotRefused {
        step: "requests the patient's records",
        expected: "DENY",
        got: format!("{told:?}"),
    })
}
