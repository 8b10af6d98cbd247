//! Statistics of a window's heart rates, in thousandths of a beat a minute.

use crate::fixed::round_div;

/// What a window's valid beats amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) average: i64,
    pub(crate) minimum: i64,
    pub(crate) maximum: i64,
    pub(crate) median: i64,
    /// Sample standard deviation (over n - 1); nothing for a single value.
    pub(crate) std_dev: Option<i64>,
    pub(crate) percent_20: i64,
    pub(crate) percent_80: i64,
}

/// The figures of some rates; nothing for none.
pub(crate) fn figures(mut rates: Vec<i64>) -> Option<Figures> {
    rates.sort_unstable();
    let count = rates.len() as i128;
    let sum: i128 = rates.iter().map(|rate| i128::from(*rate)).sum();
    let (minimum, maximum) = (*rates.first()?, *rates.last()?);
    let (lower, upper) = (*rates.get((rates.len() - 1) / 2)?, *rates.get(rates.len() / 2)?);
    Some(Figures {
        average: i64::try_from(round_div(sum, count)).ok()?,
        minimum,
        maximum,
        median: i64::try_from(round_div(i128::from(lower) + i128::from(upper), 2)).ok()?,
        std_dev: std_dev(&rates, sum),
        percent_20: nearest_rank(&rates, 20)?,
        percent_80: nearest_rank(&rates, 80)?,
    })
}

/// The smallest value that `percent` per cent of the sorted values do not exceed.
fn nearest_rank(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// Square root of `(n * sum of squares - square of sum) / (n * (n - 1))`, exact up to the last
/// rounding: the dividend is four times as large so that the root can be rounded to nearest.
fn std_dev(rates: &[i64], sum: i128) -> Option<i64> {
    let count = rates.len() as i128;
    if count < 2 {
        return None;
    }
    let squares: i128 = rates.iter().map(|rate| i128::from(*rate) * i128::from(*rate)).sum();
    let spread = (count * squares - sum * sum).unsigned_abs();
    let four_variances = spread * 4 / (count * (count - 1)).unsigned_abs();
    i64::try_from(four_variances.isqrt().div_ceil(2)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_few_values() {
        let figures = figures(vec![80_000, 60_000, 70_000, 90_000, 75_000]).unwrap();
        assert_eq!(
            figures,
            Figures {
                average: 75_000,
                minimum: 60_000,
                maximum: 90_000,
                median: 75_000,
                std_dev: Some(11_180), // sqrt(125) thousand
                percent_20: 60_000,
                percent_80: 80_000,
            }
        );
    }

    #[test]
    fn an_even_number_has_its_median_in_the_middle() {
        let figures = figures(vec![61_000, 60_000, 64_001, 62_000]).unwrap();
        assert_eq!(figures.median, 61_500);
        assert_eq!((figures.percent_20, figures.percent_80), (60_000, 64_001));
    }

    #[test]
    fn one_value_has_no_deviation_and_none_no_figures() {
        let one = figures(vec![60_000]).unwrap();
        assert_eq!(one.std_dev, None);
        assert_eq!((one.minimum, one.median, one.maximum), (60_000, 60_000, 60_000));
        assert_eq!(figures(Vec::new()), None);
    }

    #[test]
    fn equal_values_do_not_deviate() {
        assert_eq!(figures(vec![72_123; 400]).unwrap().std_dev, Some(0));
    }
}
