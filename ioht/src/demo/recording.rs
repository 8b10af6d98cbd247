//! The recording that the demonstration's device measured.

use super::DemoError;
use crate::secrets;
use ioht_contract::{RawDigest, Summary};
use ioht_edge::{
    CleanOptions, Columns, Field, GridOptions, PipelineError, Quality, RawSalt, Recording,
    TimeColumn, beats, clean, raw_digest, read_csv, summarise,
};
use std::time::{SystemTime, UNIX_EPOCH};

/// A real pulse recording of eleven minutes; `edge/data/PROVENANCE.md` tells where it comes from.
const PULSE: &[u8] = include_bytes!("../../../edge/data/data3.csv");
/// What a clinician reads: windows of five minutes, in seconds.
pub(super) const FINE_S: u32 = 300;
/// What research may see: windows of fifteen minutes, in seconds.
pub(super) const COARSE_S: u32 = 900;
/// Of fifteen minutes the recording covers eleven; some of its signal is not usable.
const COARSE_COVERAGE_PERCENT: u32 = 60;

/// The device's side of the story: raw samples and their salt stay here.
pub(super) struct DeviceStore {
    recording: Recording,
    salt: RawSalt,
    pub(super) quality: Quality,
    emitted: Vec<ioht_edge::Summary>,
}

impl DeviceStore {
    /// Takes the recording as if it had just been measured, and sums it up in fine windows and a
    /// coarse one.
    pub(super) fn measure() -> Result<Self, DemoError> {
        let start_ms = aligned_start()?;
        let columns =
            Columns::new(TimeColumn::DateTime(Field::name("datetime")), Field::name("hr"));
        let recording = read_csv(PULSE, &columns)
            .and_then(|recording| recording.starting_at(start_ms))
            .map_err(PipelineError::from)?;
        let salt = secrets::random()?;
        let (signal, quality) = clean(recording.clone(), &CleanOptions::default());
        let beats = beats(&signal);
        let fine = GridOptions { grid_s: FINE_S, ..GridOptions::new(RawSalt::new(salt)) };
        let coarse = GridOptions {
            grid_s: COARSE_S,
            coverage_min_percent: COARSE_COVERAGE_PERCENT,
            ..GridOptions::new(RawSalt::new(salt))
        };
        let mut emitted = Vec::new();
        for grid in [fine, coarse] {
            let summaries = summarise(&signal, &beats, &grid).map_err(PipelineError::from)?;
            emitted.extend(summaries.emitted);
        }
        Ok(Self { recording, salt: RawSalt::new(salt), quality, emitted })
    }

    /// What travels: the summaries in the ledger's form.
    pub(super) fn summaries(&self) -> Result<Vec<Summary>, DemoError> {
        let ours = serde_json::to_value(&self.emitted)?;
        Ok(serde_json::from_value(ours)?)
    }

    /// The digest of a window's raw samples, computed anew from what the device kept.
    pub(super) fn digest(&self, position: usize) -> Option<RawDigest> {
        let summary = self.emitted.get(position)?;
        let rows = self.recording.window(summary.start, summary.grid_s);
        let salt = self.salt.for_window(summary.raw_window());
        Some(RawDigest::new(raw_digest(summary.raw_window(), &salt, &rows)))
    }
}

/// A multiple of both grids, early enough for the whole of the coarse window to lie in the past.
fn aligned_start() -> Result<i64, DemoError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| DemoError::Clock)?;
    let now_ms = i64::try_from(now.as_millis()).map_err(|_| DemoError::Clock)?;
    let window_ms = i64::from(COARSE_S) * 1000;
    Ok((now_ms - window_ms).div_euclid(window_ms) * window_ms)
}
