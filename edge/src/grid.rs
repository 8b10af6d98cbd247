//! Summaries on a fixed grid of time.

use std::collections::BTreeMap;

use crate::beats::Beats;
use crate::clean::Signal;
use crate::fixed::format_milli;
use crate::input::Row;
use crate::raw::{RAW_FORMAT, RawSalt, RawWindow, algorithm, raw_digest};
use crate::statistics::{Figures, figures};
use crate::summary::{
    HEART_RATE_CODE, HEART_RATE_UNIT, LOCATOR_BYTES_MAX, Modality, Raw, Stat, Statistic, Status,
    Summary,
};

/// Longest window: a day.
const GRID_MAX_S: u32 = 86_400;

/// Most decimals of a statistic: rates are known in thousandths.
const DECIMALS_MAX: u32 = 3;

/// Bytes of a locator that the window's start may need.
const START_BYTES_MAX: usize = 20;

/// How far beyond a window's end an unfinished recording must reach before the window is summed up.
///
/// Detecting a beat takes the five seconds around it; judging it takes five beats to each side, of at
/// most two seconds each where one of them can be valid, and the shape of each within its window.
const SETTLE_US: i64 = 30_000_000;

/// Whether rows may follow those in the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// The recording is over: its last window is judged like any other.
    Final,
    /// More will come: windows the recording does not reach 30 s beyond are left for the next run,
    /// because the ledger refuses a second, different summary of the same window.
    ///
    /// Rows further away touch a window only by what is settled for a recording as a whole: the
    /// rails, unless [`CleanOptions::rails`](crate::CleanOptions::rails) gives them, and what
    /// repeated stamps are taken for. A gateway therefore keeps what it has submitted and does not
    /// compute it again.
    Open,
}

/// How windows are laid and when one is summed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridOptions {
    /// Length of a window in seconds, 1 to 86,400. Windows start at multiples of it since the Unix
    /// epoch. The ledger takes 300 or more for a heart rate.
    pub grid_s: u32,
    /// Fewest valid beats, at least 1. The ledger takes a heart rate of five or more, and of more
    /// than it has statistics.
    pub min_count: u32,
    /// Least share of the window, in percent (1 to 100), that usable signal must cover. A window
    /// with less is partial and not summed up: its statistics would be of another time span than it
    /// says.
    pub coverage_min_percent: u32,
    /// Whether the 20th and 80th percentile are given.
    pub percentiles: bool,
    /// Decimals of the statistics, 0 to 3.
    pub decimals: u32,
    /// Whether rows may follow.
    pub tail: Tail,
    /// The device's secret for the raw digests.
    pub salt: RawSalt,
    /// Start of the locators, up to 44 letters, digits, `.`, `_`, `:` and `-`; the window's start
    /// in milliseconds is appended. It must not say anything about the patient.
    pub locator_prefix: String,
}

impl GridOptions {
    /// Windows of five minutes, eight beats, 80 % coverage, one decimal, percentiles, a finished
    /// recording.
    pub fn new(salt: RawSalt) -> Self {
        Self {
            grid_s: 300,
            min_count: 8,
            coverage_min_percent: 80,
            percentiles: true,
            decimals: 1,
            tail: Tail::Final,
            salt,
            locator_prefix: "raw:".to_owned(),
        }
    }

    fn check(&self) -> Result<(), GridError> {
        if !(1..=GRID_MAX_S).contains(&self.grid_s) {
            return Err(GridError::GridInvalid { grid_s: self.grid_s });
        }
        if self.min_count == 0 {
            return Err(GridError::MinCountInvalid);
        }
        if !(1..=100).contains(&self.coverage_min_percent) {
            return Err(GridError::CoverageInvalid { percent: self.coverage_min_percent });
        }
        if self.decimals > DECIMALS_MAX {
            return Err(GridError::DecimalsInvalid { decimals: self.decimals });
        }
        let prefix = self.locator_prefix.as_bytes();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:-".contains(byte);
        if prefix.len() > LOCATOR_BYTES_MAX - START_BYTES_MAX || !prefix.iter().all(plain) {
            return Err(GridError::LocatorInvalid);
        }
        Ok(())
    }
}

/// Why [`GridOptions`] cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// The window's length.
    #[error("a grid of {grid_s} s is not usable; give 1 to {GRID_MAX_S}")]
    GridInvalid {
        /// The length asked for.
        grid_s: u32,
    },
    /// No beats at all.
    #[error("a window needs at least one beat; give a `min_count` of 1 or more")]
    MinCountInvalid,
    /// The coverage.
    #[error("a coverage of {percent} % is not usable; give 1 to 100")]
    CoverageInvalid {
        /// The share asked for.
        percent: u32,
    },
    /// The decimals.
    #[error("{decimals} decimals are more than is known; give 0 to {DECIMALS_MAX}")]
    DecimalsInvalid {
        /// The number asked for.
        decimals: u32,
    },
    /// The locator's prefix.
    #[error("a locator prefix is up to 44 of letters, digits, `.`, `_`, `:` and `-`")]
    LocatorInvalid,
}

impl GridError {
    /// The name of the cause, which never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::GridInvalid { .. } => "GRID_INVALID",
            Self::MinCountInvalid => "MIN_COUNT_INVALID",
            Self::CoverageInvalid { .. } => "COVERAGE_INVALID",
            Self::DecimalsInvalid { .. } => "DECIMALS_INVALID",
            Self::LocatorInvalid => "LOCATOR_INVALID",
        }
    }
}

/// Why a window has no summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WindowRefusal {
    /// More rows may come for it.
    Open,
    /// Usable signal covers less of it than [`GridOptions::coverage_min_percent`].
    Partial,
    /// It has fewer valid beats than [`GridOptions::min_count`].
    TooFewBeats,
}

/// A window without a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedWindow {
    /// Its start in milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Why.
    pub reason: WindowRefusal,
    /// The share of it that usable signal covers, in percent, rounded down.
    pub covered_percent: u32,
    /// Its valid beats.
    pub count: u64,
    /// All beats detected in it.
    pub total_count: u64,
    /// Its raw rows.
    pub sample_count: u64,
}

/// The windows of a recording: each with a row or beat in it is in one of the two lists, both in
/// order of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summaries {
    /// Those summed up.
    pub emitted: Vec<Summary>,
    /// Those not.
    pub refused: Vec<RefusedWindow>,
}

impl Summaries {
    /// How many windows were refused for this reason.
    pub fn refused_for(&self, reason: WindowRefusal) -> usize {
        self.refused.iter().filter(|window| window.reason == reason).count()
    }
}

/// What falls into one window.
#[derive(Debug, Default)]
struct Window {
    rows: Vec<Row>,
    rates: Vec<i64>,
    total_count: u64,
    covered_us: i64,
}

/// Sums up the beats of a signal, window by window.
///
/// A row belongs to the window its stamp lies in, a beat to the window its time lies in; windows
/// include their start and exclude their end.
///
/// # Errors
///
/// [`GridError`] if the options cannot be used.
pub fn summarise(
    signal: &Signal,
    beats: &Beats,
    options: &GridOptions,
) -> Result<Summaries, GridError> {
    options.check()?;
    let grid_us = i64::from(options.grid_s) * 1_000_000;
    let windows = lay(signal, beats, grid_us);
    let last_us = signal.segments().last().map_or(i64::MIN, |segment| segment.span_us().1);
    let mut summaries = Summaries::default();
    for (position, window) in windows {
        let start_ms = position * i64::from(options.grid_s) * 1_000;
        let end_us = (position + 1) * grid_us;
        let open = options.tail == Tail::Open && last_us < end_us.saturating_add(SETTLE_US);
        match sum_up(start_ms, &window, open, options) {
            Ok(summary) => summaries.emitted.push(summary),
            Err(refused) => summaries.refused.push(refused),
        }
    }
    Ok(summaries)
}

/// Windows by position: start over length.
fn lay(signal: &Signal, beats: &Beats, grid_us: i64) -> BTreeMap<i64, Window> {
    let mut windows: BTreeMap<i64, Window> = BTreeMap::new();
    for row in signal.recording().rows() {
        windows.entry(row.stamp_us.div_euclid(grid_us)).or_default().rows.push(*row);
    }
    for beat in beats.all() {
        let window = windows.entry(beat.time_us.div_euclid(grid_us)).or_default();
        window.total_count += 1;
        window.rates.extend(beat.rate_milli());
    }
    for segment in signal.segments() {
        let (mut from, to) = segment.span_us();
        while from < to {
            let position = from.div_euclid(grid_us);
            let until = to.min((position + 1) * grid_us);
            windows.entry(position).or_default().covered_us += until - from;
            from = until;
        }
    }
    windows
}

fn sum_up(
    start_ms: i64,
    window: &Window,
    open: bool,
    options: &GridOptions,
) -> Result<Summary, RefusedWindow> {
    let count = window.rates.len() as u64;
    let sample_count = window.rows.len() as u64;
    let covered_percent =
        u32::try_from(window.covered_us / (i64::from(options.grid_s) * 10_000)).unwrap_or(0);
    let refused = |reason| RefusedWindow {
        start_ms,
        reason,
        covered_percent,
        count,
        total_count: window.total_count,
        sample_count,
    };
    if open {
        return Err(refused(WindowRefusal::Open));
    }
    if covered_percent < options.coverage_min_percent || window.total_count > sample_count {
        return Err(refused(WindowRefusal::Partial));
    }
    if count < u64::from(options.min_count) {
        return Err(refused(WindowRefusal::TooFewBeats));
    }
    let figures =
        figures(window.rates.clone()).ok_or_else(|| refused(WindowRefusal::TooFewBeats))?;
    let raw_window = RawWindow { code: HEART_RATE_CODE, grid_s: options.grid_s, start_ms };
    let salt = options.salt.for_window(raw_window);
    Ok(Summary {
        code: HEART_RATE_CODE.to_owned(),
        grid_s: options.grid_s,
        start: start_ms,
        statistics: statistics(&figures, options),
        unit: HEART_RATE_UNIT.to_owned(),
        count,
        total_count: window.total_count,
        raw: Raw {
            alg: algorithm(),
            digest: hex::encode(raw_digest(raw_window, &salt, &window.rows)),
            sample_count,
            format: RAW_FORMAT.to_owned(),
            locator: format!("{}{start_ms}", options.locator_prefix),
        },
        modality: Modality::Sensed,
        status: Status::Final,
    })
}

fn statistics(figures: &Figures, options: &GridOptions) -> Vec<Statistic> {
    let mut values = vec![
        (Stat::Average, Some(figures.average)),
        (Stat::Minimum, Some(figures.minimum)),
        (Stat::Maximum, Some(figures.maximum)),
        (Stat::Median, Some(figures.median)),
        (Stat::StdDev, figures.std_dev),
    ];
    if options.percentiles {
        values.push((Stat::Percent20, Some(figures.percent_20)));
        values.push((Stat::Percent80, Some(figures.percent_80)));
    }
    values
        .into_iter()
        .filter_map(|(stat, value)| {
            let value = format_milli(value?, options.decimals);
            Some(Statistic { stat, value })
        })
        .collect()
}
