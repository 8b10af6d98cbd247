//! Beats of a pulse wave.

use crate::clean::Signal;
use crate::filter::{STEP_US, Sliding, band_pass, resample};
use crate::intervals::{Verdict, judge};
use crate::shape::likeness;

/// Half widths, in 10 ms samples, of the two averages: 110 ms for the systolic peak and 670 ms for
/// a beat (Elgendi's optimum is 111 ms and 667 ms).
const PEAK_HALF: usize = 5;
const BEAT_HALF: usize = 33;

/// A block of interest at least as long as the systolic peak's average holds a beat.
const BLOCK_MIN: usize = 2 * PEAK_HALF + 1;

/// The threshold's offset is 2 % of the mean energy (Elgendi's beta), taken over 5 s to each side.
const OFFSET_DIVISOR: i128 = 50;
const OFFSET_HALF: usize = 500;

/// One detected beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Time of its systolic peak in microseconds.
    pub time_us: i64,
    /// Time since the beat before, unless it is the first of its segment.
    pub interval_us: Option<i64>,
    /// Whether that interval is a heart beat's, or why not.
    pub verdict: Verdict,
}

impl Beat {
    /// Heart rate of its interval in thousandths of a beat a minute, for a valid beat.
    pub fn rate_milli(&self) -> Option<i64> {
        match (self.verdict, self.interval_us) {
            (Verdict::Valid, Some(interval)) if interval > 0 => {
                Some((60_000_000_000 + interval / 2) / interval)
            }
            _ => None,
        }
    }
}

/// The beats of a signal in order of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beats {
    beats: Vec<Beat>,
}

impl Beats {
    /// All detected beats, the rejected ones included.
    pub fn all(&self) -> &[Beat] {
        &self.beats
    }

    /// How many have this verdict.
    pub fn count(&self, verdict: Verdict) -> u64 {
        self.beats.iter().filter(|beat| beat.verdict == verdict).count() as u64
    }

    /// Heart rate over the whole signal in thousandths of a beat a minute: 60 s over the mean valid
    /// interval. Nothing without a valid beat.
    pub fn mean_rate_milli(&self) -> Option<i64> {
        let valid = self.beats.iter().filter(|beat| beat.verdict == Verdict::Valid);
        let (mut count, mut total) = (0_i128, 0_i128);
        for interval in valid.filter_map(|beat| beat.interval_us) {
            count += 1;
            total += i128::from(interval);
        }
        if total == 0 {
            return None;
        }
        i64::try_from((count * 60_000_000_000 + total / 2) / total).ok()
    }
}

/// Finds the beats of a signal with two moving averages, and judges their intervals.
///
/// The method is the one of M. Elgendi, I. Norton, M. Brearley, D. Abbott and D. Schuurmans,
/// "Systolic Peak Detection in Acceleration Photoplethysmograms Measured from Emergency Responders
/// in Tropical Conditions", PLOS ONE 8(10): e76585, 2013, in integers. Each segment is
/// 1. brought to 100 samples a second;
/// 2. band-passed to the pulse's band (here: a 50 ms average taken twice, less a 1.01 s average,
///    in place of a Butterworth filter);
/// 3. cut at zero and squared;
/// 4. searched for blocks in which the average over 110 ms exceeds the average over 670 ms plus an
///    offset of 2 % of the mean (here: of the 10 s around, so that a beat depends on its
///    surroundings only);
/// 5. and each block of at least 110 ms gives one beat, at its highest band-passed value, brought
///    below the sample spacing by the parabola through that and its two neighbours.
///
/// A beat's interval is that since the beat before it in the segment. It is valid
/// - between 300 ms and 2 s (200 to 30 beats a minute),
/// - where beats look alike: the beats around it (five to each side) correlate with their average,
///   over one median interval around the peak, by 0.86 or more in the median. This is the template
///   test for pulse waves of C. Orphanidou, T. Bonnici, P. Charlton, D. Clifton, D. Vallance and
///   L. Tarassenko, "Signal-Quality Indices for the Electrocardiogram and Photoplethysmogram:
///   Derivation and Applications to Wireless Monitoring", IEEE Journal of Biomedical and Health
///   Informatics 19(3), 2015, with the median in place of the mean, so that single false beats do
///   not discredit their neighbours,
/// - and within 30 % of the median of the eleven intervals around it. That share is the rule of
///   P. van Gent, H. Farah, N. van Nes and B. van Arem, "HeartPy: A novel heart rate algorithm for
///   the analysis of noisy signals", Transportation Research Part F 66, 2019, there around the mean
///   of all intervals. Beside an interval under 300 ms it must also fit better alone than together
///   with that one, which is else a piece cut off it.
///
/// Each other beat keeps its [`Verdict`], so that none is lost from the counts. What this does not
/// do: tell an arrhythmia from a fault. Intervals of atrial fibrillation beyond the 30 % count as
/// irregular; the share of rejected beats of a window then shows it.
pub fn beats(signal: &Signal) -> Beats {
    let mut found = Vec::new();
    for segment in signal.segments() {
        let even = resample(segment.times_us(), segment.values());
        let wave = band_pass(&even.values);
        let peaks = peaks(even.first_us, &wave);
        let likeness = likeness(&peaks, even.first_us, &wave);
        found.extend(judge(&peaks, &likeness));
    }
    Beats { beats: found }
}

/// Times of the systolic peaks of one segment's band-passed values.
fn peaks(first_us: i64, wave: &[i64]) -> Vec<i64> {
    let energy = |value: i64| i128::from(value.max(0)).pow(2);
    let peak = Sliding::new(wave, PEAK_HALF, energy);
    let beat = Sliding::new(wave, BEAT_HALF, energy);
    let mean = Sliding::new(wave, OFFSET_HALF, energy);
    let inside: Vec<bool> = peak
        .zip(beat.zip(mean))
        .map(|((peak, n_peak), ((beat, n_beat), (mean, n_mean)))| {
            // peak / n_peak > beat / n_beat + mean / n_mean / OFFSET_DIVISOR, without rounding.
            // With values below 2^48 every product is below 2^123.
            let left = peak * n_beat * n_mean * OFFSET_DIVISOR;
            left > (beat * n_mean * OFFSET_DIVISOR + mean * n_beat) * n_peak
        })
        .collect();
    let mut times = Vec::new();
    let mut start = 0;
    for block in inside.chunk_by(|a, b| a == b) {
        if block.first() == Some(&true) && block.len() >= BLOCK_MIN {
            times.extend(peak_of_block(first_us, wave, start, block.len()));
        }
        start += block.len();
    }
    times
}

/// Time of the highest value of a block; the middle one where several are equally high.
fn peak_of_block(first_us: i64, wave: &[i64], start: usize, length: usize) -> Option<i64> {
    let block = wave.get(start..start + length)?;
    let top = block.iter().max()?;
    let first = start + block.iter().position(|value| value == top)?;
    let last = start + block.iter().rposition(|value| value == top)?;
    let middle_us = first_us + (first + last) as i64 * STEP_US / 2;
    if first != last {
        return Some(middle_us);
    }
    let neighbour = |index: Option<usize>| index.and_then(|index| wave.get(index)).copied();
    let (Some(before), Some(after)) = (neighbour(first.checked_sub(1)), neighbour(Some(first + 1)))
    else {
        return Some(middle_us);
    };
    let bend = 2 * (2 * i128::from(*top) - i128::from(before) - i128::from(after));
    if bend <= 0 || before > *top || after > *top {
        return Some(middle_us);
    }
    let offset = (i128::from(after) - i128::from(before)) * i128::from(STEP_US) / bend;
    Some(middle_us + i64::try_from(offset).ok()?)
}
