//! Whether beats look alike.

use crate::filter::STEP_US;

/// Beats to each side that make up the template a beat is compared with.
const NEIGHBOURS: usize = 5;

/// Bits of the band-passed values that enter the products.
const VALUE_BITS: u32 = 24;

/// How alike the beats around each beat are: the median correlation, in thousandths, of the up to
/// eleven beats around it with their average, over one median interval centred on the peaks.
///
/// `peaks` are times in microseconds, `wave` the band-passed samples from `first_us` on. Beats whose
/// window reaches beyond the wave are left out; where fewer than three remain nothing can be said
/// and the result is 0.
pub(crate) fn likeness(peaks: &[i64], first_us: i64, wave: &[i64]) -> Vec<i64> {
    let centres: Vec<usize> = peaks
        .iter()
        .filter_map(|time| usize::try_from((time - first_us + STEP_US / 2) / STEP_US).ok())
        .collect();
    (0..centres.len())
        .map(|index| {
            let from = index.saturating_sub(NEIGHBOURS);
            let to = (index + NEIGHBOURS + 1).min(centres.len());
            median_correlation(centres.get(from..to).unwrap_or_default(), wave).unwrap_or(0)
        })
        .collect()
}

fn median_correlation(centres: &[usize], wave: &[i64]) -> Option<i64> {
    let mut widths: Vec<usize> =
        centres.iter().zip(centres.iter().skip(1)).map(|(a, b)| b.saturating_sub(*a)).collect();
    widths.sort_unstable();
    let half = *widths.get(widths.len() / 2)? / 2;
    let beats: Vec<&[i64]> = centres
        .iter()
        .filter_map(|centre| wave.get(centre.checked_sub(half)?..centre + half + 1))
        .collect();
    if beats.len() < 3 {
        return None;
    }
    let top = beats.iter().flat_map(|beat| beat.iter()).map(|value| value.unsigned_abs()).max()?;
    let excess = (u64::BITS - top.leading_zeros()).saturating_sub(VALUE_BITS);
    let beats: Vec<Vec<i64>> =
        beats.iter().map(|beat| beat.iter().map(|value| value >> excess).collect()).collect();
    let template: Vec<i64> = (0..=2 * half)
        .map(|offset| beats.iter().filter_map(|beat| beat.get(offset)).sum())
        .collect();
    let mut correlations: Vec<i64> =
        beats.iter().map(|beat| correlation(beat, &template)).collect();
    correlations.sort_unstable();
    correlations.get(correlations.len() / 2).copied()
}

/// Pearson's correlation in thousandths; 0 where one of the two does not vary.
fn correlation(a: &[i64], b: &[i64]) -> i64 {
    let count = a.len().min(b.len()) as i128;
    let sum = |values: &[i64]| values.iter().map(|value| i128::from(*value)).sum::<i128>();
    let (sum_a, sum_b) = (sum(a), sum(b));
    let (mut aa, mut bb, mut ab) = (0_i128, 0_i128, 0_i128);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (i128::from(*a) * count - sum_a, i128::from(*b) * count - sum_b);
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    // Roots one by one: the product of the two sums would not fit.
    let norm = aa.isqrt() * bb.isqrt();
    if norm == 0 { 0 } else { i64::try_from(ab * 1_000 / norm).unwrap_or(0) }
}
