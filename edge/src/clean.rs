//! From rows to stretches of usable samples, with an account of every row.

use crate::clock::{RUN_MAX, longest_run, reconstruct};
use crate::input::{Reading, Recording};

/// Shortest stretch beats are looked for in: three beats at the lowest rate accepted have to fit
/// more than once before an interval can be compared with its neighbours.
const SEGMENT_MIN_US: i64 = 3_000_000;

/// Slowest mean sample spacing beats are looked for in (20 Hz): the shortest averaging window of
/// the detector, 110 ms, has to hold two samples.
const PERIOD_MAX_US: i64 = 50_000;

/// Fewest consecutive samples at a rail that count as clipped, and the shortest time they span.
/// A rounded top of an unclipped pulse stays within the rail's tolerance for about 20 ms.
const CLIPPED_SAMPLES_MIN: usize = 4;
const CLIPPED_MIN_US: i64 = 40_000;

/// A rail is as wide as this fraction of the recording's range: converters dither by one count.
const RAIL_FRACTION: i64 = 512;

/// Of repeated stamps, the share in percent with the value of the row before, from which they are
/// taken for rows written twice.
const DUPLICATES_PERCENT: u64 = 90;

/// How a recording is cleaned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CleanOptions {
    /// Two stamps further apart than this, in milliseconds, are a gap: no beat interval spans it.
    pub gap_ms: u32,
    /// A sensor at its rail, or at one value, for this long in milliseconds measures nothing.
    pub dead_ms: u32,
    /// Lowest and highest value of the sensor in millionths of its unit; without them, those that
    /// occur in the recording.
    pub rails: Option<(i64, i64)>,
}

impl Default for CleanOptions {
    /// 250 ms, shorter than any accepted beat interval, and 1 s, longer than any pulse's top.
    fn default() -> Self {
        Self { gap_ms: 250, dead_ms: 1_000, rails: None }
    }
}

/// What repeated stamps were taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RepeatedStamps {
    /// There were none.
    #[default]
    None,
    /// Samples of their own, stamped by a clock coarser than the sample rate: kept, their times
    /// reconstructed.
    CoarseClock,
    /// Rows written twice: dropped.
    Duplicates,
}

/// What cleaning found. Each row of the recording is in exactly one of `used`, `not_finite`,
/// `backward`, `stamp_spikes`, `frozen_clock`, `duplicates`, `saturated`, `flat` and `short`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quality {
    /// Rows in the recording.
    pub rows: u64,
    /// Rows that are part of the signal.
    pub used: u64,
    /// Rows without a finite value.
    pub not_finite: u64,
    /// Rows stamped earlier than a row before them.
    pub backward: u64,
    /// Single rows stamped far ahead of both neighbours.
    pub stamp_spikes: u64,
    /// Rows that share one stamp with more rows than a ticking clock can explain.
    pub frozen_clock: u64,
    /// Rows written twice.
    pub duplicates: u64,
    /// Rows of stretches spent at a rail for [`CleanOptions::dead_ms`] or longer.
    pub saturated: u64,
    /// Rows of stretches spent at one value, not a rail, as long.
    pub flat: u64,
    /// Rows of stretches too short, or too thinly sampled, to look for beats.
    pub short: u64,

    /// Rows with the stamp of the row before (finite rows in stamp order).
    pub repeated_stamps: u64,
    /// What those were taken for.
    pub repeated_as: RepeatedStamps,
    /// Gaps between stamps.
    pub gaps: u64,
    /// Time in gaps, in microseconds.
    pub gap_us: i64,
    /// Shorter stretches at a rail, such as cut-off pulse tops. They are kept: the detector takes
    /// the middle of a flat top.
    pub clipped_stretches: u64,
    /// Rows in those (they are part of `used` or `short`).
    pub clipped: u64,
    /// Stretches counted in `saturated`.
    pub saturated_stretches: u64,
    /// Stretches counted in `flat`.
    pub flat_stretches: u64,
    /// Mean spacing of the used samples within their segments, in microseconds; 0 without any.
    pub period_us: i64,
}

impl Quality {
    /// The sum of the fates: equal to `rows` always.
    pub fn accounted(&self) -> u64 {
        self.used
            + self.not_finite
            + self.backward
            + self.stamp_spikes
            + self.frozen_clock
            + self.duplicates
            + self.saturated
            + self.flat
            + self.short
    }
}

/// A stretch of samples without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    times_us: Vec<i64>,
    values: Vec<i64>,
}

impl Segment {
    /// Times of the samples in microseconds, strictly increasing.
    pub fn times_us(&self) -> &[i64] {
        &self.times_us
    }

    /// The values, as many, in millionths of the sensor's unit.
    pub fn values(&self) -> &[i64] {
        &self.values
    }

    /// Time of the first sample and of the last.
    pub fn span_us(&self) -> (i64, i64) {
        match (self.times_us.first(), self.times_us.last()) {
            (Some(first), Some(last)) => (*first, *last),
            _ => (0, 0),
        }
    }
}

/// A cleaned recording: the usable stretches in order of time, and the rows they came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    recording: Recording,
    segments: Vec<Segment>,
}

impl Signal {
    /// The rows as recorded, the refused ones included.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// The usable stretches.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

/// A sample that survived the checks so far.
#[derive(Debug, Clone, Copy)]
struct Sample {
    stamp_us: i64,
    value: i64,
}

/// Finds the usable stretches of a recording.
///
/// In this order:
/// 1. rows without a finite value are set aside;
/// 2. rows stamped before an earlier row are set aside, and single rows stamped more than a gap
///    ahead of both neighbours (a clock glitch must not make all that follow look late);
/// 3. runs of more than 64 rows of one stamp are set aside: the clock stood still;
/// 4. other repeated stamps are either rows written twice (at least 90 % of them carry the value
///    of the row before) and set aside, or samples of their own under a coarse clock: then the
///    times of the segment are reconstructed as the moving average of its stamps;
/// 5. the rest is split at gaps and at stretches without a measurement (at a rail, or at one
///    value), and pieces under three seconds or 20 samples a second are set aside.
///
/// Of HeartPy's third recording, 24,775 of 68,476 rows repeat a stamp. They are samples: only 3 %
/// carry the value of the row before, no more than among the other rows; their mean step is the
/// same as the other rows' (18.1 counts); and the stamps advance by 15 or 16 ms, the tick of the
/// recording computer's clock.
pub fn clean(recording: Recording, options: &CleanOptions) -> (Signal, Quality) {
    let mut quality = Quality { rows: recording.rows().len() as u64, ..Quality::default() };
    let gap_us = i64::from(options.gap_ms) * 1_000;
    let samples = in_stamp_order(&recording, gap_us, &mut quality);
    let pieces = split_at_frozen_clock(&samples, &mut quality);
    let pieces = settle_repeats(pieces, &mut quality);
    let rails = rails(options, &pieces);
    let mut segments = Vec::new();
    let mut previous_end = None;
    for piece in pieces {
        for piece in split_at_gaps(&piece, gap_us, &mut previous_end, &mut quality) {
            let times_us = times(piece, quality.repeated_as);
            let segment =
                Segment { times_us, values: piece.iter().map(|sample| sample.value).collect() };
            split_at_dead_stretches(segment, rails, options, &mut segments, &mut quality);
        }
    }
    let mut spacing = (0_i64, 0_i64);
    segments.retain(|segment| {
        let (first, last) = segment.span_us();
        let intervals = segment.times_us.len() as i64 - 1;
        let usable = last - first >= SEGMENT_MIN_US && last - first <= intervals * PERIOD_MAX_US;
        if usable {
            quality.used += segment.times_us.len() as u64;
            spacing = (spacing.0 + (last - first), spacing.1 + intervals);
        } else {
            quality.short += segment.times_us.len() as u64;
        }
        usable
    });
    quality.period_us = if spacing.1 == 0 { 0 } else { spacing.0 / spacing.1 };
    (Signal { recording, segments }, quality)
}

/// Steps 1 and 2: finite rows whose stamps never go back.
fn in_stamp_order(recording: &Recording, gap_us: i64, quality: &mut Quality) -> Vec<Sample> {
    let rows = recording.rows();
    let mut samples: Vec<Sample> = Vec::with_capacity(rows.len());
    let mut last: Option<i64> = None;
    for (index, row) in rows.iter().enumerate() {
        let Reading::Micro(value) = row.reading else {
            quality.not_finite += 1;
            continue;
        };
        let stamp_us = row.stamp_us;
        if last.is_some_and(|last| stamp_us < last) {
            quality.backward += 1;
            continue;
        }
        let returns = rows.get(index + 1).is_some_and(|next| {
            stamp_us - next.stamp_us > gap_us && last.is_none_or(|last| next.stamp_us >= last)
        });
        if returns {
            quality.stamp_spikes += 1;
            continue;
        }
        if last == Some(stamp_us) {
            quality.repeated_stamps += 1;
        }
        last = Some(stamp_us);
        samples.push(Sample { stamp_us, value });
    }
    samples
}

/// Step 3.
fn split_at_frozen_clock(samples: &[Sample], quality: &mut Quality) -> Vec<Vec<Sample>> {
    let mut pieces = vec![Vec::new()];
    for run in samples.chunk_by(|a, b| a.stamp_us == b.stamp_us) {
        if run.len() > RUN_MAX {
            quality.frozen_clock += run.len() as u64;
            pieces.push(Vec::new());
        } else if let Some(piece) = pieces.last_mut() {
            piece.extend_from_slice(run);
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Step 4, first half: what the repeated stamps are.
fn settle_repeats(mut pieces: Vec<Vec<Sample>>, quality: &mut Quality) -> Vec<Vec<Sample>> {
    let mut repeats = 0_u64;
    let mut same_value = 0_u64;
    for piece in &pieces {
        for (a, b) in piece.iter().zip(piece.iter().skip(1)) {
            if a.stamp_us == b.stamp_us {
                repeats += 1;
                same_value += u64::from(a.value == b.value);
            }
        }
    }
    if repeats == 0 {
        return pieces;
    }
    if same_value * 100 < repeats * DUPLICATES_PERCENT {
        quality.repeated_as = RepeatedStamps::CoarseClock;
        return pieces;
    }
    quality.repeated_as = RepeatedStamps::Duplicates;
    for piece in &mut pieces {
        let before = piece.len();
        piece.dedup_by_key(|sample| sample.stamp_us);
        quality.duplicates += (before - piece.len()) as u64;
    }
    pieces
}

fn split_at_gaps<'a>(
    piece: &'a [Sample],
    gap_us: i64,
    previous_end: &mut Option<i64>,
    quality: &mut Quality,
) -> Vec<&'a [Sample]> {
    let parts: Vec<&[Sample]> = piece.chunk_by(|a, b| b.stamp_us - a.stamp_us <= gap_us).collect();
    for part in &parts {
        if let (Some(first), Some(last)) = (part.first(), part.last()) {
            let missing = previous_end.map_or(0, |end| first.stamp_us - end);
            if missing > gap_us {
                quality.gaps += 1;
                quality.gap_us += missing;
            }
            *previous_end = Some(last.stamp_us);
        }
    }
    parts
}

/// Step 4, second half.
fn times(piece: &[Sample], repeated_as: RepeatedStamps) -> Vec<i64> {
    let stamps: Vec<i64> = piece.iter().map(|sample| sample.stamp_us).collect();
    if repeated_as == RepeatedStamps::CoarseClock && longest_run(&stamps) > 1 {
        reconstruct(&stamps)
    } else {
        stamps
    }
}

/// The values at or beyond which a sample is at the lower or upper rail.
fn rails(options: &CleanOptions, pieces: &[Vec<Sample>]) -> (i64, i64) {
    let values = || pieces.iter().flatten().map(|sample| sample.value);
    let (low, high) =
        options.rails.unwrap_or((values().min().unwrap_or(0), values().max().unwrap_or(0)));
    let tolerance = high.saturating_sub(low) / RAIL_FRACTION;
    (low.saturating_add(tolerance), high.saturating_sub(tolerance))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Low,
    High,
    Between(i64),
}

/// Step 5: cuts stretches without a measurement out of a segment.
fn split_at_dead_stretches(
    segment: Segment,
    (low, high): (i64, i64),
    options: &CleanOptions,
    segments: &mut Vec<Segment>,
    quality: &mut Quality,
) {
    let dead_us = i64::from(options.dead_ms) * 1_000;
    let level = |value: i64| match value {
        value if low < high && value <= low => Level::Low,
        value if low < high && value >= high => Level::High,
        value => Level::Between(value),
    };
    let mut piece = Segment { times_us: Vec::new(), values: Vec::new() };
    let mut start = 0;
    for run in segment.values.chunk_by(|a, b| level(*a) == level(*b)) {
        let times = segment.times_us.get(start..start + run.len()).unwrap_or_default();
        start += run.len();
        let lasts = match (times.first(), times.last()) {
            (Some(first), Some(last)) => last - first,
            _ => 0,
        };
        let at_rail = run.first().is_some_and(|value| !matches!(level(*value), Level::Between(_)));
        if lasts >= dead_us && run.len() > 1 {
            if at_rail {
                quality.saturated_stretches += 1;
                quality.saturated += run.len() as u64;
            } else {
                quality.flat_stretches += 1;
                quality.flat += run.len() as u64;
            }
            segments.push(std::mem::replace(
                &mut piece,
                Segment { times_us: Vec::new(), values: Vec::new() },
            ));
            continue;
        }
        if at_rail && run.len() >= CLIPPED_SAMPLES_MIN && lasts >= CLIPPED_MIN_US {
            quality.clipped_stretches += 1;
            quality.clipped += run.len() as u64;
        }
        piece.times_us.extend_from_slice(times);
        piece.values.extend_from_slice(run);
    }
    segments.push(piece);
}
