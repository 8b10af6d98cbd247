//! The rules that keep raw data off the ledger: a summary that could be, or could be turned back
//! into, a recording is refused.
//!
//! | rule | what it stops |
//! |---|---|
//! | 1 closed schema | fields, lists or texts that carry samples |
//! | 2 registry | windows, counts or values that no summary of this code has |
//! | 3 grid | sliding windows, whose differences are samples |
//! | 4 consistency | numbers that are no statistics of one series |
//! | 5 commitment | a digest that is none, or could be searched for its input |
//! | 6 time | records of another time than the device's |
//!
//! Rules 1 to 5 need the record alone; rule 6 also the device and the transaction.

use crate::policies::{CodeRegistry, CodeRule, ComponentRule, Range, ValueRule, Values};
use crate::record::{Component, Raw, Stat, Statistic, Summary, window_ms};
use crate::time::{CLOCK_SKEW_MS_MAX, is_time};
use fabric_contract_rs::TimestampMs;
use std::fmt;

/// Most statistics of one value: each of [`Stat`] once, and one to spare.
pub const STATISTICS_MAX: usize = 12;
/// The stored size of one record's body. A full panel of two components has about 600 bytes.
pub const BODY_BYTES_MAX: usize = 2048;
/// Most sensitivity labels of one record; more than the registry's depth are redundant.
pub const SENSITIVITIES_MAX: usize = 16;
/// The longest locator: room for an opaque name, not for data.
pub const LOCATOR_BYTES_MAX: usize = 64;

/// The rule that a record breaks. Each names what to look at, never the value found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawRule {
    /// 1: an unknown or missing field, or one of another type.
    Schema,
    /// 1: a statistic that the code does not have, or that is given twice.
    StatisticList,
    /// 1: a panel without its components, or a single value with some.
    ComponentList,
    /// 1: labels out of the registry, each once, ascending.
    LabelList,
    /// 1: more bytes than a summary has.
    BodySize,
    /// 2: the code.
    Code,
    /// 2: the unit.
    Unit,
    /// 2: more decimals than the code's scale.
    Scale,
    /// 2: a value outside the plausible range.
    Range,
    /// 2: fewer measurements than a summary needs, or not more than it has statistics.
    CountMin,
    /// 2: more measurements than the window can have.
    CountRate,
    /// 3: a length that is none of the code's grids.
    Grid,
    /// 3: a start off the grid.
    Alignment,
    /// 4: statistics out of order.
    Order,
    /// 4: sum, average and count that disagree.
    Sum,
    /// 4: variance and standard deviation that disagree.
    Deviation,
    /// 4: count, total count and sample count out of order.
    Counts,
    /// 5: the commitment to the raw data.
    Commitment,
    /// 6: a window from before the device was the patient's.
    TooEarly,
    /// 6: a window that is not over.
    TooLate,
}

impl RawRule {
    /// The rule's number, 1 to 6.
    pub fn number(self) -> u8 {
        match self {
            Self::Schema
            | Self::StatisticList
            | Self::ComponentList
            | Self::LabelList
            | Self::BodySize => 1,
            Self::Code
            | Self::Unit
            | Self::Scale
            | Self::Range
            | Self::CountMin
            | Self::CountRate => 2,
            Self::Grid | Self::Alignment => 3,
            Self::Order | Self::Sum | Self::Deviation | Self::Counts => 4,
            Self::Commitment => 5,
            Self::TooEarly | Self::TooLate => 6,
        }
    }
}

impl fmt::Display for RawRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Schema => "a field is unknown, missing or of another type",
            Self::StatisticList => "a value has 1 to 12 of its code's statistics, each once",
            Self::ComponentList => "a panel has exactly its components, a single value none",
            Self::LabelList => "labels are up to 16 of the registry's, ascending",
            Self::BodySize => "a record takes at most 2048 bytes",
            Self::Code => "the code is not in the registry",
            Self::Unit => "the unit is not the code's",
            Self::Scale => "a value has more decimals than its code",
            Self::Range => "a value is not plausible",
            Self::CountMin => "too few measurements for a summary, or for so many statistics",
            Self::CountRate => {
                "more measurements than the window can have; count beats, not samples"
            }
            Self::Grid => "the length is none of the code's grids",
            Self::Alignment => "the start is not a multiple of the grid",
            Self::Order => "minimum, quantiles, average and maximum are out of order",
            Self::Sum => "sum, average and count disagree",
            Self::Deviation => "variance and standard deviation disagree",
            Self::Counts => "count, total count and sample count are out of order",
            Self::Commitment => "the raw data's digest is not a commitment",
            Self::TooEarly => "the window begins before the device was active",
            Self::TooLate => "the window is not over",
        })
    }
}

/// Rules 1 to 5.
///
/// # Errors
/// The first broken rule found: the registry's entry comes first, because the others need it.
pub fn check(summary: &Summary, registry: &CodeRegistry) -> Result<(), RawRule> {
    let rule = registry.rule(summary.code).ok_or(RawRule::Code)?;
    check_labels(summary, registry)?;
    check_window(summary, rule)?;
    check_counts(summary, rule)?;
    match &rule.values {
        Values::Single(value) => {
            if !summary.components.is_empty() {
                return Err(RawRule::ComponentList);
            }
            check_value(&summary.statistics, value, summary.count)?;
        }
        Values::Panel(components) => check_panel(summary, components)?,
    }
    check_commitment(&summary.raw, registry)
}

/// Rule 6.
///
/// # Errors
/// [`RawRule::TooEarly`] or [`RawRule::TooLate`].
pub fn check_time(
    summary: &Summary,
    active_from: TimestampMs,
    now: TimestampMs,
) -> Result<(), RawRule> {
    if summary.start < active_from {
        return Err(RawRule::TooEarly);
    }
    let latest = now.saturating_add(CLOCK_SKEW_MS_MAX);
    if summary.end() > latest { Err(RawRule::TooLate) } else { Ok(()) }
}

fn check_labels(summary: &Summary, registry: &CodeRegistry) -> Result<(), RawRule> {
    let labels = &summary.labels.sensitivity;
    let known = labels.iter().all(|label| registry.knows_sensitivity(label));
    if known && labels.len() <= SENSITIVITIES_MAX && labels.is_sorted_by(|a, b| a < b) {
        Ok(())
    } else {
        Err(RawRule::LabelList)
    }
}

fn check_window(summary: &Summary, rule: &CodeRule) -> Result<(), RawRule> {
    if summary.unit != rule.unit {
        return Err(RawRule::Unit);
    }
    if !rule.grids_s.contains(&summary.grid_s) {
        return Err(RawRule::Grid);
    }
    let aligned = summary.start.checked_rem(window_ms(summary.grid_s)) == Some(0);
    if aligned && is_time(summary.start) && is_time(summary.end()) {
        Ok(())
    } else {
        Err(RawRule::Alignment)
    }
}

fn check_counts(summary: &Summary, rule: &CodeRule) -> Result<(), RawRule> {
    if summary.count < rule.min_count {
        return Err(RawRule::CountMin);
    }
    if summary.count > summary.total_count || summary.total_count > summary.raw.sample_count {
        return Err(RawRule::Counts);
    }
    // Both sides in 10⁻⁷: a rate is a decimal, a count a whole number.
    let most = rule.max_per_second.scaled().saturating_mul(i128::from(summary.grid_s));
    let found = i128::from(summary.total_count).saturating_mul(SCALED_ONE);
    if found > most { Err(RawRule::CountRate) } else { Ok(()) }
}

/// 1 in the units of [`Decimal::scaled`](crate::Decimal).
const SCALED_ONE: i128 = 10_000_000;

fn check_panel(summary: &Summary, rules: &[ComponentRule]) -> Result<(), RawRule> {
    let codes = |component: &Component| component.code;
    let same = summary.components.iter().map(codes).eq(rules.iter().map(|rule| rule.code));
    if !same || !summary.statistics.is_empty() {
        return Err(RawRule::ComponentList);
    }
    let mut pairs = summary.components.iter().zip(rules);
    pairs.try_for_each(|(component, rule)| {
        check_value(&component.statistics, &rule.value, summary.count)
    })
}

fn check_value(statistics: &[Statistic], rule: &ValueRule, count: u64) -> Result<(), RawRule> {
    if statistics.is_empty() || statistics.len() > STATISTICS_MAX {
        return Err(RawRule::StatisticList);
    }
    // The five quantiles of five measurements are the measurements.
    if u64::try_from(statistics.len()).is_ok_and(|given| given >= count) {
        return Err(RawRule::CountMin);
    }
    let mut seen = Seen::default();
    for statistic in statistics {
        if !rule.statistics.contains(&statistic.stat) || !seen.take(*statistic) {
            return Err(RawRule::StatisticList);
        }
        if statistic.value.decimals() > rule.scale {
            return Err(RawRule::Scale);
        }
        check_range(*statistic, rule, count)?;
    }
    check_order(&seen)?;
    check_sum(&seen, count)?;
    check_deviation(&seen)
}

/// The statistics of one value, by kind.
#[derive(Default)]
struct Seen([Option<Statistic>; 11]);

impl Seen {
    fn place(stat: Stat) -> usize {
        match stat {
            Stat::Average => 0,
            Stat::Minimum => 1,
            Stat::Maximum => 2,
            Stat::Median => 3,
            Stat::StdDev => 4,
            Stat::Variance => 5,
            Stat::Sum => 6,
            Stat::Percent20 => 7,
            Stat::Percent80 => 8,
            Stat::LowerQuartile => 9,
            Stat::UpperQuartile => 10,
        }
    }

    /// Notes a statistic; false when it was there before.
    fn take(&mut self, statistic: Statistic) -> bool {
        let slot = self.0.get_mut(Self::place(statistic.stat));
        slot.is_some_and(|slot| slot.replace(statistic).is_none())
    }

    fn get(&self, stat: Stat) -> Option<crate::Decimal> {
        self.0.get(Self::place(stat)).copied().flatten().map(|statistic| statistic.value)
    }
}

/// Sizes of one measurement lie in the plausible range; sizes derived from several follow from it.
fn check_range(statistic: Statistic, rule: &ValueRule, count: u64) -> Result<(), RawRule> {
    let Range { min, max } = rule.plausible;
    let (least, most) = (min.scaled(), max.scaled());
    let width = most.saturating_sub(least);
    let slack = statistic.value.half_unit();
    let found = statistic.value.scaled();
    let inside = match statistic.stat {
        Stat::StdDev => found >= 0 && found <= width.saturating_add(slack),
        Stat::Variance => {
            let square = width.checked_mul(width).ok_or(RawRule::Range)?;
            let found = found.saturating_mul(SCALED_ONE);
            let slack = slack.saturating_mul(SCALED_ONE);
            found >= 0 && found <= square.saturating_add(slack)
        }
        Stat::Sum => match &rule.sum {
            Some(Range { min, max }) => (min.scaled()..=max.scaled()).contains(&found),
            None => {
                let count = i128::from(count);
                let lowest = least.checked_mul(count).ok_or(RawRule::Range)?;
                let highest = most.checked_mul(count).ok_or(RawRule::Range)?;
                (lowest.saturating_sub(slack)..=highest.saturating_add(slack)).contains(&found)
            }
        },
        _ => (least..=most).contains(&found),
    };
    if inside { Ok(()) } else { Err(RawRule::Range) }
}

/// minimum ≤ 20 % ≤ lower quartile ≤ median ≤ upper quartile ≤ 80 % ≤ maximum, and minimum ≤ average
/// ≤ maximum. Rounding keeps an order only among values rounded alike, so each comparison allows the
/// larger of the two rounding errors twice.
fn check_order(seen: &Seen) -> Result<(), RawRule> {
    const QUANTILES: [Stat; 7] = [
        Stat::Minimum,
        Stat::Percent20,
        Stat::LowerQuartile,
        Stat::Median,
        Stat::UpperQuartile,
        Stat::Percent80,
        Stat::Maximum,
    ];
    const AVERAGE: [Stat; 3] = [Stat::Minimum, Stat::Average, Stat::Maximum];
    let ordered = |chain: &[Stat]| {
        let mut before: Option<crate::Decimal> = None;
        chain.iter().filter_map(|stat| seen.get(*stat)).all(|value| {
            let fits = before.is_none_or(|before| {
                let slack = rounding_slack(before, value);
                before.scaled() <= value.scaled().saturating_add(slack)
            });
            before = Some(value);
            fits
        })
    };
    if ordered(&QUANTILES) && ordered(&AVERAGE) { Ok(()) } else { Err(RawRule::Order) }
}

/// How far two values in order can be out of order after rounding: not at all with equal decimals.
fn rounding_slack(a: crate::Decimal, b: crate::Decimal) -> i128 {
    if a.decimals() == b.decimals() { 0 } else { a.half_unit().saturating_add(b.half_unit()) }
}

/// |sum − average · count| within the rounding of both.
fn check_sum(seen: &Seen, count: u64) -> Result<(), RawRule> {
    let (Some(sum), Some(average)) = (seen.get(Stat::Sum), seen.get(Stat::Average)) else {
        return Ok(());
    };
    let count = i128::from(count);
    let expected = average.scaled().checked_mul(count).ok_or(RawRule::Sum)?;
    let slack = average.half_unit().checked_mul(count).ok_or(RawRule::Sum)?;
    let slack = slack.saturating_add(sum.half_unit());
    let error = sum.scaled().saturating_sub(expected).saturating_abs();
    if error <= slack { Ok(()) } else { Err(RawRule::Sum) }
}

/// |variance − deviation²| within the rounding of both: a deviation d known to ±h has a square
/// within d² ± (2dh + h²).
fn check_deviation(seen: &Seen) -> Result<(), RawRule> {
    let (Some(variance), Some(deviation)) = (seen.get(Stat::Variance), seen.get(Stat::StdDev))
    else {
        return Ok(());
    };
    let (d, h) = (deviation.scaled(), deviation.half_unit());
    let square = d.checked_mul(d).ok_or(RawRule::Deviation)?;
    let slack = d.saturating_mul(h).saturating_mul(2).saturating_add(h.saturating_mul(h));
    let slack = slack.saturating_add(variance.half_unit().saturating_mul(SCALED_ONE));
    let found = variance.scaled().saturating_mul(SCALED_ONE);
    if found.saturating_sub(square).saturating_abs() <= slack {
        Ok(())
    } else {
        Err(RawRule::Deviation)
    }
}

/// The contract cannot see the salt; it refuses what is certainly no salted digest of a batch.
fn check_commitment(raw: &Raw, registry: &CodeRegistry) -> Result<(), RawRule> {
    /// SHA-256 of nothing.
    const EMPTY: [u8; 32] = [
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ];
    let digest = raw.digest.as_bytes();
    let placeholder = *digest == EMPTY || digest.iter().all(|byte| Some(byte) == digest.first());
    let locator = raw.locator.as_bytes();
    let opaque = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:-".contains(byte);
    let located = (1..=LOCATOR_BYTES_MAX).contains(&locator.len()) && locator.iter().all(opaque);
    if placeholder || !located || !registry.knows_raw_format(&raw.format) {
        return Err(RawRule::Commitment);
    }
    Ok(())
}
