//! Even spacing and band-pass in integers.

use crate::fixed::round_div;

/// Spacing of the samples beats are looked for in (100 Hz). Its grid is the multiples of this
/// since the Unix epoch, so that a recording moved by whole seconds gives the same beats.
pub(crate) const STEP_US: i64 = 10_000;

/// Half widths, in samples, of the band-pass: a 50 ms average taken twice removes what is faster
/// than about 8 Hz, less a 1.01 s average removes what is slower than about 0.5 Hz.
const SMOOTH_HALF: usize = 2;
const BASELINE_HALF: usize = 50;

/// Evenly spaced samples of one segment.
#[derive(Debug)]
pub(crate) struct Even {
    /// Time of the first, a multiple of [`STEP_US`].
    pub(crate) first_us: i64,
    pub(crate) values: Vec<i64>,
}

/// The value at each grid time within the segment: the mean of the samples less than half a step
/// away if there are three or more (the recording is faster), else on the straight line between
/// its neighbours.
pub(crate) fn resample(times_us: &[i64], values: &[i64]) -> Even {
    let (Some(first), Some(last)) = (times_us.first(), times_us.last()) else {
        return Even { first_us: 0, values: Vec::new() };
    };
    let first_us = first.div_euclid(STEP_US) * STEP_US
        + if first.rem_euclid(STEP_US) == 0 { 0 } else { STEP_US };
    let mut even = Vec::new();
    let mut at = first_us;
    let mut lower = 0; // first sample at or after `at - STEP_US / 2`
    let mut after = 0; // first sample at or after `at`
    while at <= *last {
        let advance = |from: usize, bound: i64| {
            let rest = times_us.get(from..).unwrap_or_default();
            from + rest.iter().take_while(|time| **time < bound).count()
        };
        lower = advance(lower, at - STEP_US / 2);
        after = advance(after.max(lower), at);
        let near = times_us.get(lower..).unwrap_or_default();
        let count = near.iter().take_while(|time| **time < at + STEP_US / 2).count();
        even.push(if count >= 3 {
            mean(values.get(lower..lower + count).unwrap_or_default())
        } else {
            on_line(times_us, values, after, at)
        });
        at += STEP_US;
    }
    Even { first_us, values: even }
}

/// The value at `at` between sample `after - 1` and sample `after`.
fn on_line(times_us: &[i64], values: &[i64], after: usize, at: i64) -> i64 {
    let sample = |index: usize| Some((*times_us.get(index)?, *values.get(index)?));
    let right = sample(after);
    let left = after.checked_sub(1).and_then(sample);
    match (left, right) {
        (_, Some((time, value))) if time == at => value,
        (Some((t0, v0)), Some((t1, v1))) if t1 > t0 => {
            let rise = i128::from(v1 - v0) * i128::from(at - t0);
            v0 + narrow(round_div(rise, i128::from(t1 - t0)))
        }
        (Some((_, value)), _) | (None, Some((_, value))) => value,
        (None, None) => 0,
    }
}

fn mean(values: &[i64]) -> i64 {
    let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
    narrow(round_div(sum, (values.len() as i128).max(1)))
}

/// Means and differences of `i64` values bounded by `VALUE_MAX` always fit.
fn narrow(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// Sums over a centred window that slides along some values and shrinks at their ends.
pub(crate) struct Sliding<'a, F> {
    values: &'a [i64],
    half: usize,
    term: F,
    sum: i128,
    next: usize,
}

impl<'a, F: Fn(i64) -> i128> Sliding<'a, F> {
    /// Sums of `term` of the values up to `half` positions away.
    pub(crate) fn new(values: &'a [i64], half: usize, term: F) -> Self {
        let sum = values.iter().take(half).map(|value| term(*value)).sum();
        Self { values, half, term, sum, next: 0 }
    }
}

impl<F: Fn(i64) -> i128> Iterator for Sliding<'_, F> {
    /// Sum, and how many values it is of.
    type Item = (i128, i128);

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next;
        if index >= self.values.len() {
            return None;
        }
        self.next += 1;
        let term = |position: usize| self.values.get(position).map_or(0, |v| (self.term)(*v));
        self.sum += term(index + self.half);
        if let Some(left) = index.checked_sub(self.half + 1) {
            self.sum -= term(left);
        }
        let from = index.saturating_sub(self.half);
        let to = (index + self.half + 1).min(self.values.len());
        Some((self.sum, (to - from) as i128))
    }
}

/// Centred moving average over `2 * half + 1` values, fewer at the ends, rounded to nearest.
pub(crate) fn moving_average(values: &[i64], half: usize) -> Vec<i64> {
    Sliding::new(values, half, i128::from)
        .map(|(sum, count)| narrow(round_div(sum, count)))
        .collect()
}

/// What lies between about 0.5 and 8 Hz, the band of the pulse.
pub(crate) fn band_pass(values: &[i64]) -> Vec<i64> {
    let smooth = moving_average(&moving_average(values, SMOOTH_HALF), SMOOTH_HALF);
    let baseline = moving_average(&smooth, BASELINE_HALF);
    smooth.iter().zip(&baseline).map(|(value, base)| value - base).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_shrink_at_the_ends() {
        assert_eq!(moving_average(&[0, 3, 6, 9, 30], 1), [2, 3, 6, 15, 20]);
        assert_eq!(moving_average(&[5, 7], 10), [6, 6]);
        assert_eq!(moving_average(&[], 3), [0_i64; 0]);
        assert_eq!(moving_average(&[-1, 0], 1), [-1, -1]); // -0.5, half away from zero
    }

    #[test]
    fn resampling_is_on_multiples_of_the_step() {
        let even = resample(&[5_000, 15_000, 35_000], &[0, 10, 30]);
        assert_eq!((even.first_us, even.values), (10_000, vec![5, 15, 25]));
        let even = resample(&[-15_000, 0], &[-15, 0]);
        assert_eq!((even.first_us, even.values), (-10_000, vec![-10, 0]));
        let even = resample(&[20_000], &[7]);
        assert_eq!((even.first_us, even.values), (20_000, vec![7]));
        let even = resample(&[20_001], &[7]);
        assert_eq!(even.values, [0_i64; 0]);
    }

    #[test]
    fn a_faster_recording_is_averaged() {
        let times: Vec<i64> = (0..30).map(|index| index * 1_000).collect();
        let values: Vec<i64> =
            (0..30).map(|index| if index % 2 == 0 { 100 } else { -100 }).collect();
        let even = resample(&times, &values);
        assert_eq!(even.values.len(), 3);
        assert!(even.values.iter().all(|value| value.abs() <= 20), "{:?}", even.values);
    }

    /// Half the swing, in percent, that is left of a sine of this many samples a period.
    fn gain(period: usize) -> i64 {
        let sine = |index: usize| {
            let phase = (index % period) as f64 / period as f64 * std::f64::consts::TAU;
            format!("{:.0}", phase.sin() * 1e6).parse::<i64>().unwrap()
        };
        let values: Vec<i64> = (0..2_000).map(sine).collect();
        let passed = band_pass(&values);
        passed[500..1_500].iter().max().unwrap() * 100 / 1_000_000
    }

    #[test]
    fn the_pulse_passes_and_the_rest_does_not() {
        assert!(gain(100) > 90, "1 Hz: {}", gain(100));
        assert!(gain(40) > 80, "2.5 Hz: {}", gain(40));
        assert!(gain(1_000) < 5, "0.1 Hz: {}", gain(1_000));
        assert!(gain(5) < 5, "20 Hz: {}", gain(5));
    }
}
