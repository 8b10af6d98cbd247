//! The recording that the demonstration's device measured.

use super::DemoError;
use crate::secrets;
use ioht_contract::{RawDigest, Summary};
use ioht_edge::{
    Columns, Field, Outcome, PipelineOptions, RawSalt, Recording, TimeColumn, pipeline, raw_digest,
    read_csv,
};
use std::time::{SystemTime, UNIX_EPOCH};

/// A real pulse recording of eleven minutes; `edge/data/PROVENANCE.md` tells where it comes from.
const PULSE: &[u8] = include_bytes!("../../../edge/data/data3.csv");
/// The windows start at multiples of this, in milliseconds: the ledger's smallest heart-rate grid.
const GRID_MS: i64 = 300_000;
/// Two windows and the rest of the recording, in milliseconds.
const RECORDING_MS: i64 = 720_000;

/// The device's side of the story: raw samples and their salt stay here.
pub(super) struct DeviceStore {
    recording: Recording,
    salt: RawSalt,
    pub(super) outcome: Outcome,
}

impl DeviceStore {
    /// Takes the recording as if it had just been measured.
    pub(super) fn measure() -> Result<Self, DemoError> {
        let start_ms = aligned_start()?;
        let columns =
            Columns::new(TimeColumn::DateTime(Field::name("datetime")), Field::name("hr"));
        let salt = secrets::random()?;
        let mut options = PipelineOptions::heart_rate(RawSalt::new(salt));
        options.start_time_ms = Some(start_ms);
        let outcome = pipeline(PULSE, &columns, &options)?;
        let recording = read_csv(PULSE, &columns)
            .and_then(|recording| recording.starting_at(start_ms))
            .map_err(ioht_edge::PipelineError::from)?;
        Ok(Self { recording, salt: RawSalt::new(salt), outcome })
    }

    /// What travels: the summaries in the ledger's form.
    pub(super) fn summaries(&self) -> Result<Vec<Summary>, DemoError> {
        let ours = serde_json::to_value(&self.outcome.summaries.emitted)?;
        Ok(serde_json::from_value(ours)?)
    }

    /// The digest of a window's raw samples, computed anew from what the device kept.
    pub(super) fn digest(&self, position: usize) -> Option<RawDigest> {
        let summary = self.outcome.summaries.emitted.get(position)?;
        let rows = self.recording.window(summary.start, summary.grid_s);
        let salt = self.salt.for_window(summary.raw_window());
        Some(RawDigest::new(raw_digest(summary.raw_window(), &salt, &rows)))
    }
}

/// A multiple of the grid, early enough for the whole recording to lie in the past.
fn aligned_start() -> Result<i64, DemoError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| DemoError::Clock)?;
    let now_ms = i64::try_from(now.as_millis()).map_err(|_| DemoError::Clock)?;
    Ok((now_ms - RECORDING_MS).div_euclid(GRID_MS) * GRID_MS)
}
