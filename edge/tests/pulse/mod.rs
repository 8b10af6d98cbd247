//! Pulse waves made of whole numbers, with beats where a test wants them.

use ioht_edge::{Reading, Recording, Row};

/// Spacing of the samples.
const SAMPLE_US: i64 = 10_000;

/// Height of a pulse in counts.
const HEIGHT: i64 = 400;

/// A recording from 0 to `end_us` with a systolic peak at each of `beats_us`, a smaller second wave
/// 300 ms after it, a slow baseline, and noise of up to `noise` counts.
pub(crate) fn recording(beats_us: &[i64], end_us: i64, noise: i64) -> Recording {
    let mut state = 1_u64;
    let rows = (0..=end_us / SAMPLE_US)
        .map(|index| {
            let time = index * SAMPLE_US;
            let pulses: i64 = beats_us
                .iter()
                .filter(|beat| (time - **beat).abs() < 1_000_000)
                .map(|beat| {
                    bump(time - beat, HEIGHT, 150) + bump(time - beat - 300_000, HEIGHT / 5, 150)
                })
                .sum();
            let baseline = ((index % 1_200) - 600).abs() / 6;
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let dither = i64::try_from(state >> 33).unwrap() % (2 * noise + 1) - noise;
            Row {
                stamp_us: time,
                reading: Reading::Micro((pulses + baseline + dither + 300) * 1_000_000),
            }
        })
        .collect();
    Recording::from_rows(rows).unwrap()
}

/// A rounded bump of `height` that is `half_ms` wide to each side: `(1 - x^2)^2`.
fn bump(offset_us: i64, height: i64, half_ms: i64) -> i64 {
    let x = offset_us / 1_000;
    let rest = half_ms * half_ms - x * x;
    if rest <= 0 { 0 } else { height * rest * rest / half_ms.pow(4) }
}
