//! Somebody who acts for the patient, and whom the patient sends away again.

use super::DemoError;
use super::care::scope;
use super::cast::{Cast, Patient};
use super::device::Measured;
use super::narrator::Narrator;
use super::recording::{COARSE_S, FINE_S};
use super::refusals::{denied, refused};
use ioht_contract::access::ToldReason;
use ioht_contract::{
    AcceptDelegation, AcceptDelegationPrivate, DelegationKind, EndDelegation, EndDelegationPrivate,
    Period, Power, ProposeDelegation, ProposeDelegationPrivate, SetSharing, SetSharingPrivate,
    Sharing, TIME_MS_MAX,
};

/// How long the caregiver is to act: a year, in milliseconds.
const YEAR_MS: i64 = 31_536_000_000;

pub(super) async fn tell(
    cast: &Cast,
    patient: Patient,
    measured: &Measured,
    out: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let (sid, caregiver) = (patient.sid, &cast.caregiver);
    let proposal = ProposeDelegationPrivate {
        sid,
        delegate: caregiver.pid(),
        key_hash: caregiver.key_hash(),
        kind: DelegationKind::Caregiver,
        powers: [Power::View, Power::Consent].into(),
        period: Period { start: measured.start, end: Some(measured.end.saturating_add(YEAR_MS)) },
        evidence: None,
    };
    let committed = cast.patient.submit_private(&ProposeDelegation {}, &proposal).await?;
    out.committed("patient", "lets a caregiver view, and decide for it", &committed)?;
    let own = AcceptDelegationPrivate { sid, guardian: None };
    let committed = caregiver.submit_private(&AcceptDelegation {}, &own).await?;
    out.committed("caregiver", "accepts, with its key", &committed)?;

    let reading = caregiver.read(sid, scope(measured, "PATRQT")?, FINE_S).await?;
    if reading.disclosed.records.len() != measured.count(FINE_S) {
        return Err(DemoError::Differs);
    }
    let outcome = format!("{} records, audited as anybody's", reading.disclosed.records.len());
    out.step("caregiver", "reads for the patient", &outcome)?;
    let pause = SetSharingPrivate { sid, sharing: Sharing::Paused };
    let committed = caregiver.submit_private(&SetSharing {}, &pause).await?;
    out.committed("caregiver", "pauses all sharing for the patient", &committed)?;
    let asked = cast.researcher.read(sid, scope(measured, "HRESCH")?, COARSE_S).await?;
    denied(&asked, ToldReason::NotPermitted)?;
    out.step("researcher", "asks once more", "denied, and on record")?;

    let journal = cast.patient.journal(None, 1, TIME_MS_MAX).await?;
    let acts = journal.iter().filter(|it| it.by == caregiver.pid() && it.role == "delegate");
    let names: Vec<&str> = acts.map(|it| it.name.as_str()).collect();
    if !names.contains(&"SetSharing") {
        return Err(DemoError::Differs);
    }
    out.step("patient", "sees in its journal what the caregiver did", &names.join(", "))?;
    let ending = EndDelegationPrivate { sid, delegate: Some(caregiver.pid()) };
    let committed = cast.patient.submit_private(&EndDelegation {}, &ending).await?;
    out.committed("patient", "ends the delegation", &committed)?;
    let resume = SetSharingPrivate { sid, sharing: Sharing::On };
    let tried = caregiver.submit_private(&SetSharing {}, &resume).await.map(drop);
    refused("caregiver", "resumes sharing all the same", tried, "ROLE_NOT_PERMITTED", out)
}
