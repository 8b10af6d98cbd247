//! Sample times from a clock that is coarser than the sample rate.

/// Most rows with one stamp. A 15.6 ms tick (the coarsest common operating-system clock) holds as
/// many at 4 kHz; more of them is a clock that stands still.
pub(crate) const RUN_MAX: usize = 64;

/// Half the averaging window, in multiples of the longest run of equal stamps.
const HALF_WINDOW_RUNS: usize = 4;

/// Length of the longest run of equal stamps.
pub(crate) fn longest_run(stamps: &[i64]) -> usize {
    stamps.chunk_by(|a, b| a == b).map(<[i64]>::len).max().unwrap_or(0)
}

/// Times of the samples of one segment, strictly increasing, from stamps that repeat.
///
/// A clock that ticks more slowly than the sensor samples gives several samples one stamp: the
/// time of the last tick before each. The time of sample `i` is taken as the mean of the stamps
/// `i - w ..= i + w`, where `w` is four times the longest run of equal stamps and shrinks at the
/// ends so that the window stays centred. For samples that are evenly spaced within the window
/// this is their true time less half a tick, a constant that leaves every interval alone; and
/// because it is local, it follows a sample clock that drifts against the stamps.
pub(crate) fn reconstruct(stamps: &[i64]) -> Vec<i64> {
    let half = longest_run(stamps) * HALF_WINDOW_RUNS;
    let mut sums = Vec::with_capacity(stamps.len() + 1);
    let mut total: i128 = 0;
    sums.push(total);
    for stamp in stamps {
        total += i128::from(*stamp);
        sums.push(total);
    }
    let mut times = Vec::with_capacity(stamps.len());
    let mut previous: Option<i64> = None;
    for (index, stamp) in stamps.iter().enumerate() {
        let reach = half.min(index).min(stamps.len() - 1 - index);
        let mean = match (sums.get(index + reach + 1), sums.get(index - reach)) {
            (Some(upper), Some(lower)) => (upper - lower).div_euclid((2 * reach + 1) as i128),
            _ => i128::from(*stamp),
        };
        let mut time = i64::try_from(mean).unwrap_or(*stamp);
        if let Some(previous) = previous {
            time = time.max(previous + 1);
        }
        previous = Some(time);
        times.push(time);
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evenly_spaced_samples_are_recovered_from_ticks() {
        let truth: Vec<i64> = (0..2_000).map(|index| index * 9_958).collect();
        let ticks: Vec<i64> = truth.iter().map(|time| time / 15_625 * 15_625).collect();
        assert_eq!(longest_run(&ticks), 2);
        let times = reconstruct(&ticks);
        for index in 20..1_980 {
            let error = times[index] - (truth[index] - 15_625 / 2);
            assert!(error.abs() < 2_000, "sample {index} is {error} us off");
        }
    }

    #[test]
    fn times_increase_strictly_even_at_the_ends() {
        for stamps in [vec![5], vec![5, 5, 5], vec![0, 0, 0, 16, 16, 32, 32, 32]] {
            let times = reconstruct(&stamps);
            assert_eq!(times.len(), stamps.len());
            assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
        }
    }

    #[test]
    fn stamps_without_repeats_keep_their_pace() {
        let stamps: Vec<i64> = (0..100).map(|index| index * 10_000).collect();
        assert_eq!(reconstruct(&stamps), stamps);
    }
}
