//! All steps in one call.

use std::io::Read;

use crate::beats::{Beats, beats};
use crate::clean::{CleanOptions, Quality, clean};
use crate::error::InputError;
use crate::grid::{GridError, GridOptions, Summaries, summarise};
use crate::input::{Columns, read_csv};
use crate::raw::RawSalt;

/// Options of all steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineOptions {
    /// Where the first row is placed, in milliseconds since the Unix epoch; nothing leaves the
    /// stamps as they are. For recordings whose clock starts at zero, and for replays.
    pub start_time_ms: Option<i64>,
    /// How the recording is cleaned.
    pub clean: CleanOptions,
    /// How windows are laid.
    pub grid: GridOptions,
}

impl PipelineOptions {
    /// The defaults of each step.
    pub fn heart_rate(salt: RawSalt) -> Self {
        Self { start_time_ms: None, clean: CleanOptions::default(), grid: GridOptions::new(salt) }
    }
}

/// What a recording came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The account of the rows.
    pub quality: Quality,
    /// The beats.
    pub beats: Beats,
    /// The windows.
    pub summaries: Summaries,
}

/// Why a recording could not be summed up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PipelineError {
    /// The recording.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The options.
    #[error(transparent)]
    Grid(#[from] GridError),
}

impl PipelineError {
    /// The name of the cause, which never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Input(error) => error.code(),
            Self::Grid(error) => error.code(),
        }
    }
}

/// Reads a recording and sums it up.
///
/// # Errors
///
/// [`PipelineError`], by its first cause.
pub fn pipeline(
    reader: impl Read,
    columns: &Columns,
    options: &PipelineOptions,
) -> Result<Outcome, PipelineError> {
    let mut recording = read_csv(reader, columns)?;
    if let Some(start_ms) = options.start_time_ms {
        recording = recording.starting_at(start_ms)?;
    }
    let (signal, quality) = clean(recording, &options.clean);
    let beats = beats(&signal);
    let summaries = summarise(&signal, &beats, &options.grid)?;
    Ok(Outcome { quality, beats, summaries })
}
