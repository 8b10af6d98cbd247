//! The patient's care: what a clinician reads, and a curious colleague does not.

use super::DemoError;
use super::cast::{Cast, Patient};
use super::device::Measured;
use super::narrator::Narrator;
use super::recording::FINE_S;
use super::refusals::denied;
use crate::actor::Actor;
use ioht_contract::access::{Scope, ToldReason};
use ioht_contract::{
    Action, ChoosePreset, ChoosePresetPrivate, EndConsent, EndConsentPrivate, Ending, Period,
    PresetId, PutCareTeam, PutCareTeamPrivate,
};

/// What somebody asks for: all that was measured, for a purpose.
pub(super) fn scope(measured: &Measured, purpose: &str) -> Result<Scope, DemoError> {
    Ok(Scope {
        purpose: purpose.parse().map_err(|_| DemoError::Differs)?,
        action: Action::Access,
        codes: [measured.code].into(),
        data_period: Period { start: measured.start, end: Some(measured.end) },
        min_grid_s: None,
    })
}

pub(super) async fn tell(
    cast: &Cast,
    patient: Patient,
    measured: &Measured,
    out: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let sid = patient.sid;
    let member = ioht_contract::Actor::Participant(cast.clinician.pid());
    let team = PutCareTeamPrivate { sid, add: [member].into(), remove: Default::default() };
    let committed = cast.patient.submit_private(&PutCareTeam {}, &team).await?;
    out.committed("patient", "names its clinician in its care team", &committed)?;
    let preset: PresetId = "care-team".parse().map_err(|_| DemoError::Differs)?;
    let (project, terms) = (None, None);
    let choice = ChoosePresetPrivate { sid, preset, project, terms, until: None, text: None };
    let committed = cast.patient.submit_private(&ChoosePreset {}, &choice).await?;
    out.committed("patient", "shares with its care team", &committed)?;

    let treat = scope(measured, "TREAT")?;
    let reading = cast.clinician.read(sid, treat.clone(), FINE_S).await?;
    if reading.disclosed.records.len() != measured.count(FINE_S) {
        return Err(DemoError::Differs);
    }
    let outcome = format!("{} records, in two audited steps", reading.disclosed.records.len());
    out.step("clinician", "requests, opens and reads", &outcome)?;
    let ask = async |reader: &Actor| {
        let reading = reader.read(sid, treat.clone(), FINE_S).await?;
        denied(&reading, ToldReason::NotPermitted)
    };
    ask(&cast.colleague).await?;
    out.step("curious colleague", "requests the same", "denied, and on record")?;

    let withdrawal = EndConsentPrivate { sid, directives: None, ending: Ending::Withdrawn };
    let committed = cast.patient.submit_private(&EndConsent {}, &withdrawal).await?;
    out.committed("patient", "withdraws consent", &committed)?;
    ask(&cast.clinician).await?;
    out.step("clinician", "asks once more", "denied, and on record")?;
    Ok(())
}
