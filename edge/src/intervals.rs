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

/// Least likeness of the beats around, in thousandths of a correlation.
const LIKENESS_MIN_MILLI: i64 = 860;

/// What became of a detected beat. The interval meant is the one that ends with it; a beat that
/// fits several gets the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The first beat of a segment: it has no interval.
    First,
    /// Its interval is shorter than 300 ms.
    TooShort,
    /// Longer than 2 s: beats were missed, or the pulse was lost.
    TooLong,
    /// The beats around it do not look alike: movement or noise, not a pulse.
    Unlike,
    /// Its interval is more than 30 % away from the median of its neighbourhood, or closer to it
    /// together with a neighbour shorter than 300 ms: a beat too many or too few.
    Irregular,
    /// Its interval is a heart beat's.
    Valid,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::First, Self::TooShort, Self::TooLong, Self::Unlike, Self::Irregular, Self::Valid];
}

/// Judges the peaks of one segment by the intervals between them and by the [likeness] of the beats
/// around each.
///
/// [likeness]: crate::shape::likeness
pub(crate) fn judge(peaks: &[i64], likeness: &[i64]) -> Vec<Beat> {
    let intervals: Vec<i64> = peaks.iter().zip(peaks.iter().skip(1)).map(|(a, b)| b - a).collect();
    peaks
        .iter()
        .zip(likeness)
        .enumerate()
        .map(|(index, (time_us, likeness))| {
            let position = index.checked_sub(1);
            let interval_us = position.and_then(|position| intervals.get(position)).copied();
            let verdict = match (interval_us, position) {
                (Some(interval), Some(position)) => {
                    verdict(interval, *likeness, &intervals, position)
                }
                _ => Verdict::First,
            };
            Beat { time_us: *time_us, interval_us, verdict }
        })
        .collect()
}

fn verdict(interval: i64, likeness: i64, intervals: &[i64], position: usize) -> Verdict {
    if interval < INTERVAL_MIN_US {
        return Verdict::TooShort;
    }
    if interval > INTERVAL_MAX_US {
        return Verdict::TooLong;
    }
    if likeness < LIKENESS_MIN_MILLI {
        return Verdict::Unlike;
    }
    let mut near: Vec<i64> = around(intervals, position)
        .iter()
        .copied()
        .filter(|interval| (INTERVAL_MIN_US..=INTERVAL_MAX_US).contains(interval))
        .collect();
    near.sort_unstable();
    let median = near.get(near.len() / 2).copied().unwrap_or(interval);
    let deviation = (interval - median).abs();
    let is_a_piece = [position.checked_sub(1), position.checked_add(1)]
        .into_iter()
        .flatten()
        .filter_map(|next| intervals.get(next))
        .any(|next| *next < INTERVAL_MIN_US && (interval + next - median).abs() < deviation);
    if is_a_piece || deviation * 100 > median * DEVIATION_MAX_PERCENT {
        Verdict::Irregular
    } else {
        Verdict::Valid
    }
}

fn around(intervals: &[i64], index: usize) -> &[i64] {
    let from = index.saturating_sub(NEIGHBOURS);
    let to = (index + NEIGHBOURS + 1).min(intervals.len());
    intervals.get(from..to).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Peaks after these intervals in milliseconds, all alike; the verdicts of all but the first.
    fn check(intervals_ms: &[i64], expected: &str) {
        let mut peaks = vec![0];
        for interval in intervals_ms {
            peaks.push(peaks[peaks.len() - 1] + interval * 1_000);
        }
        let beats = judge(&peaks, &vec![1_000; peaks.len()]);
        assert_eq!(beats[0].verdict, Verdict::First);
        let letters: String = beats[1..]
            .iter()
            .map(|beat| match beat.verdict {
                Verdict::Valid => 'v',
                Verdict::TooShort => 's',
                Verdict::TooLong => 'l',
                Verdict::Irregular => 'i',
                Verdict::Unlike => 'u',
                Verdict::First => 'f',
            })
            .collect();
        assert_eq!(letters, expected);
    }

    #[test]
    fn a_steady_pulse_is_valid() {
        check(&[800, 810, 790, 805, 800, 795], "vvvvvv");
    }

    #[test]
    fn bounds_are_inclusive() {
        check(&[300, 300, 300, 300], "vvvv");
        check(&[299, 299, 299], "sss");
        check(&[2_000, 2_000, 2_000], "vvv");
        check(&[2_001, 2_001, 2_001], "lll");
    }

    #[test]
    fn a_beat_too_many_and_one_too_few() {
        check(&[800, 800, 350, 450, 800, 800, 1_600, 800, 800], "vviivvivv");
    }

    #[test]
    fn what_is_left_of_an_interval_beside_a_short_piece() {
        check(&[800, 800, 600, 200, 800, 800], "vvisvv");
        check(&[800, 800, 200, 600, 800, 800], "vvsivv");
        check(&[600, 600, 250, 600, 600, 600], "vvsvvv");
    }

    #[test]
    fn a_change_of_rate_is_followed() {
        check(&[1_000, 950, 900, 850, 800, 760, 720, 690, 660, 640, 620, 600], "vvvvvvvvvvvv");
    }

    #[test]
    fn the_deviation_allowed_is_30_percent() {
        check(&[1_000, 1_000, 1_300, 1_000, 700, 1_000, 1_000], "vvvvvvv");
        check(&[1_000, 1_000, 1_301, 1_000, 699, 1_000, 1_000], "vvivivv");
    }

    #[test]
    fn beats_that_do_not_look_alike_are_none() {
        let peaks: Vec<i64> = (0..4).map(|index| index * 800_000).collect();
        let beats = judge(&peaks, &[860, 860, 859, 860]);
        let verdicts: Vec<Verdict> = beats.iter().map(|beat| beat.verdict).collect();
        assert_eq!(verdicts, [Verdict::First, Verdict::Valid, Verdict::Unlike, Verdict::Valid]);
    }

    #[test]
    fn no_peaks_no_beats() {
        assert_eq!(judge(&[], &[]), Vec::new());
    }
}
