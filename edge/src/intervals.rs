//! Which beat intervals are a heart's.

use crate::beats::Beat;

/// Shortest interval accepted, in microseconds: 200 beats a minute.
const INTERVAL_MIN_US: i64 = 300_000;

/// Longest interval accepted, in microseconds: 30 beats a minute.
const INTERVAL_MAX_US: i64 = 2_000_000;

/// Intervals to each side that an interval is compared with.
const NEIGHBOURS: usize = 5;

/// Largest deviation from the neighbours' median, in percent of it.
const DEVIATION_MAX_PERCENT: i64 = 30;

/// Share, in percent, of the intervals around that must be regular for one of them to count.
const SUPPORT_MIN_PERCENT: usize = 60;

/// What became of a detected beat. The interval meant is the one that ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Its interval is a heart beat's.
    Valid,
    /// The first beat of a segment: it has no interval.
    First,
    /// Shorter than 300 ms.
    TooShort,
    /// Longer than 2 s: beats were missed, or the pulse was lost.
    TooLong,
    /// More than 30 % away from the median of its neighbourhood: a beat too many or too few.
    Irregular,
    /// Regular itself, but fewer than 60 % of the intervals around it are: movement or noise.
    Unsteady,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Valid, Self::First, Self::TooShort, Self::TooLong, Self::Irregular, Self::Unsteady];
}

/// Judges the intervals between the peaks of one segment.
///
/// The 30 % around a typical interval is the rule of P. van Gent, H. Farah, N. van Nes and
/// B. van Arem, "HeartPy: A novel heart rate algorithm for the analysis of noisy signals",
/// Transportation Research Part F 66, 2019, with the median of the eleven intervals around in
/// place of the mean of all.
pub(crate) fn judge(peaks: &[i64]) -> Vec<Beat> {
    let intervals: Vec<i64> = peaks.iter().zip(peaks.iter().skip(1)).map(|(a, b)| b - a).collect();
    let first_pass: Vec<Verdict> =
        (0..intervals.len()).map(|index| plausible(&intervals, index)).collect();
    let mut beats = Vec::with_capacity(peaks.len());
    for (index, time_us) in peaks.iter().enumerate() {
        let position = index.checked_sub(1);
        let interval_us = position.and_then(|position| intervals.get(position)).copied();
        let verdict = position
            .and_then(|position| {
                let verdict = *first_pass.get(position)?;
                Some(if verdict == Verdict::Valid && !supported(&first_pass, position) {
                    Verdict::Unsteady
                } else {
                    verdict
                })
            })
            .unwrap_or(Verdict::First);
        beats.push(Beat { time_us: *time_us, interval_us, verdict });
    }
    beats
}

fn around<T>(items: &[T], index: usize) -> &[T] {
    let from = index.saturating_sub(NEIGHBOURS);
    let to = (index + NEIGHBOURS + 1).min(items.len());
    items.get(from..to).unwrap_or_default()
}

fn plausible(intervals: &[i64], index: usize) -> Verdict {
    let Some(interval) = intervals.get(index).copied() else {
        return Verdict::First;
    };
    if interval < INTERVAL_MIN_US {
        return Verdict::TooShort;
    }
    if interval > INTERVAL_MAX_US {
        return Verdict::TooLong;
    }
    let mut near: Vec<i64> = around(intervals, index)
        .iter()
        .copied()
        .filter(|interval| (INTERVAL_MIN_US..=INTERVAL_MAX_US).contains(interval))
        .collect();
    near.sort_unstable();
    let median = near.get(near.len() / 2).copied().unwrap_or(interval);
    if (interval - median).abs() * 100 > median * DEVIATION_MAX_PERCENT {
        Verdict::Irregular
    } else {
        Verdict::Valid
    }
}

fn supported(verdicts: &[Verdict], index: usize) -> bool {
    let near = around(verdicts, index);
    let regular = near.iter().filter(|verdict| **verdict == Verdict::Valid).count();
    regular * 100 >= near.len() * SUPPORT_MIN_PERCENT
}
