//! Research: nothing without consent for that purpose, nothing finer than it says.

use super::DemoError;
use super::care::scope;
use super::cast::{Cast, Patient};
use super::device::Measured;
use super::narrator::Narrator;
use super::recording::{COARSE_S, FINE_S};
use super::refusals::denied;
use crate::secrets;
use ioht_contract::access::ToldReason;
use ioht_contract::{
    Actor as Whom, Draft, Effect, Matcher, PutConsent, PutConsentPrivate, StaffRole, TermsReference,
};

pub(super) async fn tell(
    cast: &Cast,
    patient: Patient,
    measured: &Measured,
    out: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let (sid, researcher) = (patient.sid, &cast.researcher);
    let research = scope(measured, "HRESCH")?;
    let reading = researcher.read(sid, research.clone(), COARSE_S).await?;
    denied(&reading, ToldReason::NotPermitted)?;
    out.step("researcher", "asks for research", "denied: no consent for this purpose")?;

    let terms = directive()?;
    let offer = TermsReference {
        offer: "heart-study".parse().map_err(|_| DemoError::Differs)?,
        version: 1,
    };
    let draft = Draft { terms: Some(offer), ..terms.clone() };
    let committed = put(cast, patient, draft, 0).await?;
    out.committed("patient", "permits research, under terms of use", &committed)?;
    let reading = researcher.read(sid, research.clone(), COARSE_S).await?;
    denied(&reading, ToldReason::AgreementRequired)?;
    out.step("researcher", "asks again, having agreed to nothing", "denied: AGREEMENT_REQUIRED")?;

    let context = Matcher { min_grid_s: Some(COARSE_S), ..terms.context.clone() };
    let committed = put(cast, patient, Draft { context, ..terms }, 1).await?;
    let what = format!("permits windows of {} min and more, no terms", COARSE_S / 60);
    out.committed("patient", &what, &committed)?;
    let fine = researcher.read(sid, research.clone(), FINE_S).await?;
    let coarse = researcher.read(sid, research, COARSE_S).await?;
    if !fine.disclosed.records.is_empty()
        || coarse.disclosed.records.len() != measured.count(COARSE_S)
    {
        return Err(DemoError::Differs);
    }
    let what = format!("reads windows of {} min, then of {} min", FINE_S / 60, COARSE_S / 60);
    let codes: Vec<String> = coarse.disclosed.obligations.iter().map(ToString::to_string).collect();
    let outcome = format!(
        "{}, then {} record; obliged to {}",
        fine.disclosed.records.len(),
        coarse.disclosed.records.len(),
        codes.join(", ")
    );
    out.step("researcher", &what, &outcome)?;
    Ok(())
}

/// Whoever is a researcher may read for research, as long as nobody can tell whose it is.
fn directive() -> Result<Draft, DemoError> {
    let code = |text: &str| text.parse().map_err(|_| DemoError::Differs);
    Ok(Draft {
        id: secrets::directive_id()?,
        decision: Effect::Permit,
        period: None,
        context: Matcher {
            actors: Some([Whom::Role(StaffRole::Researcher)].into()),
            purposes: Some(["HRESCH".parse().map_err(|_| DemoError::Differs)?].into()),
            ..Matcher::default()
        },
        provision: Vec::new(),
        obligations: [code("DEID")?, code("NORELINK")?].into(),
        terms: None,
        btg: Default::default(),
        text: None,
        source: None,
    })
}

async fn put(
    cast: &Cast,
    patient: Patient,
    draft: Draft,
    expected_version: u32,
) -> Result<crate::Committed<ioht_contract::Receipt>, DemoError> {
    let Patient { sid, rk } = patient;
    let private = PutConsentPrivate { sid, rk, expected_version, draft };
    Ok(cast.patient.submit_private(&PutConsent {}, &private).await?)
}
