//! From raw pulse samples to heart-rate summaries on the patient's own device.
//!
//! Raw samples stay where they were measured. What leaves the device is, per window of a fixed
//! grid, a handful of statistics of the heart rate and a salted digest of the raw rows they were
//! computed from, so that the patient can later prove which recording a summary came from.
//!
//! ```text
//! read_csv -> Recording -> clean -> (Signal, Quality) -> beats -> Beats -> summarise -> Summaries
//! ```
//!
//! [`pipeline`] runs all of it. Each step is a function of its arguments: no clock, no randomness,
//! no floating point. The same recording and options give the same bytes on every machine.
//!
//! # Units
//!
//! | quantity | type | unit |
//! |---|---|---|
//! | time | `i64` | microseconds since the Unix epoch, UTC (`_us`); options and records use milliseconds (`_ms`, `start`) |
//! | sample value | `i64` | millionths of whatever unit the sensor writes |
//! | heart rate | `i64` | thousandths of a beat a minute |
//! | statistics of a [`Summary`] | decimal text | beats a minute, UCUM `/min` |
//!
//! The heart rates of three real recordings agree with those of HeartPy to within one beat a minute,
//! and the beats with those of NeuroKit2 (`data/PROVENANCE.md`, `tests/heartpy.rs`,
//! `tests/neurokit.rs`).
//!
//! Nothing is dropped in silence: [`Quality`] accounts for each row of the recording, [`Beats`]
//! for each beat, [`Summaries`] for each window of the grid.
//!
//! # Example
//!
//! ```
//! use ioht_edge::{Columns, Field, PipelineOptions, RawSalt, TimeColumn, pipeline};
//!
//! // Two minutes of a triangular pulse, 75 beats a minute, 50 samples a second.
//! let mut csv = String::from("ms,pulse\n");
//! for row in 0..6_000_i64 {
//!     let phase = row % 40;
//!     csv.push_str(&format!("{},{}\n", row * 20, 500 + (100 - (phase - 10).abs() * 10).max(0)));
//! }
//! let columns = Columns::new(TimeColumn::Milliseconds(Field::name("ms")), Field::name("pulse"));
//! let salt = RawSalt::new([7; 32]); // random, kept on the device
//! let mut options = PipelineOptions::heart_rate(salt);
//! options.grid.grid_s = 60;
//!
//! let outcome = pipeline(csv.as_bytes(), &columns, &options)?;
//! let first = &outcome.summaries.emitted[0];
//! assert_eq!(first.statistic(ioht_edge::Stat::Average), Some("75.0"));
//! # Ok::<(), ioht_edge::PipelineError>(())
//! ```

#![cfg_attr(not(test), deny(clippy::float_arithmetic))]

mod beats;
mod clean;
mod clock;
mod error;
mod filter;
mod fixed;
mod grid;
mod input;
mod intervals;
mod pipeline;
mod raw;
mod shape;
mod stamp;
mod statistics;
mod summary;

pub use beats::{Beat, Beats, beats};
pub use clean::{CleanOptions, Quality, RepeatedStamps, Segment, Signal, clean};
pub use error::InputError;
pub use fixed::MICRO;
pub use grid::{GridError, GridOptions, RefusedWindow, Summaries, Tail, WindowRefusal, summarise};
pub use input::{
    Columns, Field, ROWS_MAX, Reading, Recording, Row, TimeColumn, VALUE_MAX, read_csv,
};
pub use intervals::Verdict;
pub use pipeline::{Outcome, PipelineError, PipelineOptions, pipeline};
pub use raw::{RAW_FORMAT, RawMismatch, RawSalt, RawWindow, WindowSalt, raw_digest, verify_raw};
pub use summary::{
    HEART_RATE_CODE, LOCATOR_BYTES_MAX, Modality, Raw, Stat, Statistic, Status, Summary,
};
