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

/// Centred moving average over `2 * half + 1` values, fewer at the ends, rounded to nearest.
pub(crate) fn moving_average(values: &[i64], half: usize) -> Vec<i64> {
    let mut sums = Vec::with_capacity(values.len() + 1);
    let mut total: i128 = 0;
    sums.push(total);
    for value in values {
        total += i128::from(*value);
        sums.push(total);
    }
    (0..values.len())
        .map(|index| {
            let from = index.saturating_sub(half);
            let to = (index + half + 1).min(values.len());
            match (sums.get(to), sums.get(from)) {
                (Some(upper), Some(lower)) => narrow(round_div(upper - lower, (to - from) as i128)),
                _ => 0,
            }
        })
        .collect()
}

/// What lies between about 0.5 and 8 Hz, the band of the pulse.
pub(crate) fn band_pass(values: &[i64]) -> Vec<i64> {
    let smooth = moving_average(&moving_average(values, SMOOTH_HALF), SMOOTH_HALF);
    let baseline = moving_average(&smooth, BASELINE_HALF);
    smooth.iter().zip(&baseline).map(|(value, base)| value - base).collect()
}
