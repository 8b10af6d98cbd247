//! From the device to the ledger, and back to the patient.

use super::DemoError;
use super::cast::{Cast, Patient};
use super::narrator::Narrator;
use super::recording::{COARSE_S, DeviceStore, FINE_S};
use ioht_contract::{
    ConfirmDevice, ConfirmDevicePrivate, LoincCode, RegisterDevice, RegisterDevicePrivate,
    StoredSummary, SubmitSummaries, SubmitSummariesPrivate, Summary, VerifyRaw, VerifyRawPrivate,
};

/// What was measured, and when.
pub(super) struct Measured {
    pub(super) code: LoincCode,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) summaries: Vec<Summary>,
}

impl Measured {
    fn of(summaries: Vec<Summary>) -> Option<Self> {
        let (first, last) = (summaries.first()?, summaries.last()?);
        let (code, start, end) = (first.code, first.start, last.end());
        Some(Self { code, start, end, summaries })
    }

    /// How many there are of windows so long.
    pub(super) fn count(&self, grid_s: u32) -> usize {
        self.summaries.iter().filter(|it| it.grid_s == grid_s).count()
    }
}

pub(super) async fn submit(
    cast: &Cast,
    store: &DeviceStore,
    patient: Patient,
    out: &mut Narrator<'_>,
) -> Result<Measured, DemoError> {
    let measured = Measured::of(store.summaries()?).ok_or(DemoError::Differs)?;
    let count = measured.summaries.len();
    let what = format!("measures {} samples of pulse", store.quality.rows);
    let mended = store.quality.repeated_stamps;
    let outcome = format!("{mended} timestamps mended, {count} summaries; raw data stays here");
    out.step("device", &what, &outcome)?;
    let registration = RegisterDevicePrivate {
        sid: patient.sid,
        device: cast.device.pid(),
        key_hash: cast.device.key_hash(),
        profile: "pulse-sensor".parse().map_err(|_| DemoError::Differs)?,
        gateway: None,
        active_from: Some(measured.start),
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
        records: measured.summaries.clone(),
    };
    let committed = cast.device.submit_private(&SubmitSummaries {}, &batch).await?;
    let what = format!("submits {} summaries in private data", committed.answer.created);
    out.committed("device", &what, &committed)?;
    let again = cast.device.submit_private(&SubmitSummaries {}, &batch).await?;
    let what = format!("submits them again: {} are there already", again.answer.existing);
    out.committed("device", &what, &again)?;
    Ok(measured)
}

pub(super) async fn read_back(
    cast: &Cast,
    store: &DeviceStore,
    measured: &Measured,
    out: &mut Narrator<'_>,
) -> Result<Vec<StoredSummary>, DemoError> {
    let Measured { code, start, end, summaries } = measured;
    let mut records = Vec::new();
    for grid_s in [FINE_S, COARSE_S] {
        records.extend(cast.patient.own_records(*code, grid_s, *start, *end).await?);
    }
    let same = records.len() == summaries.len()
        && records.iter().zip(summaries).all(|(stored, sent)| stored.summary == *sent);
    if !same {
        return Err(DemoError::Differs);
    }
    let outcome = format!("{} records, each value as submitted", records.len());
    out.step("patient", "reads its own record", &outcome)?;
    for (position, record) in records.iter().enumerate() {
        let question = VerifyRawPrivate {
            code: record.summary.code,
            grid_s: record.summary.grid_s,
            start: record.summary.start,
            device: record.device,
            digest: store.digest(position).ok_or(DemoError::Differs)?,
        };
        let verdict = cast.patient.evaluate_private(&VerifyRaw {}, &question).await?;
        if !verdict.matches {
            return Err(DemoError::Differs);
        }
    }
    let what = "checks each against its raw samples";
    out.step("patient", what, "the digests on the ledger match")?;
    Ok(records)
}
