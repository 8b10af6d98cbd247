//! Time: milliseconds since 1970-01-01T00:00:00Z, from transaction timestamps only.

use fabric_contract_rs::{KeyPart, TimestampMs};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The latest moment the contract knows, in the year 2286: the last with 13 digits, so that times
/// sort as text in keys.
pub const TIME_MS_MAX: TimestampMs = 9_999_999_999_999;

/// Digits of a time in a key.
const TIME_DIGITS: usize = 13;

/// How far a window's end may lie after the transaction's time: devices' clocks run apart.
pub const CLOCK_SKEW_MS_MAX: i64 = 300_000;

/// Whether `at` is a time that state and keys can hold.
pub(crate) fn is_time(at: TimestampMs) -> bool {
    (0..=TIME_MS_MAX).contains(&at)
}

/// A half-open stretch of time, `start <= t < end`; without `end` it stays open.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Period {
    /// Its first millisecond.
    #[n(0)]
    pub start: TimestampMs,
    /// The first millisecond after it.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<TimestampMs>,
}

impl Period {
    /// Whether `at` lies in it.
    pub fn contains(&self, at: TimestampMs) -> bool {
        self.start <= at && self.end.is_none_or(|end| at < end)
    }

    /// Whether all of `other` lies in it.
    pub fn includes(&self, other: &Self) -> bool {
        let ends_later = match (self.end, other.end) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(end), Some(other)) => other <= end,
        };
        self.start <= other.start && ends_later
    }

    /// Whether both hold a moment.
    pub fn overlaps(&self, other: &Self) -> bool {
        let before = |first: &Self, second: &Self| first.end.is_some_and(|end| end <= second.start);
        !before(self, other) && !before(other, self)
    }

    /// Whether it holds at least one moment, all of them within what the contract knows.
    pub fn is_valid(&self) -> bool {
        is_time(self.start) && self.end.is_none_or(|end| is_time(end) && self.start < end)
    }
}

/// A time as a key part: 13 digits, so that keys sort by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyTime(pub TimestampMs);

impl KeyPart for KeyTime {
    fn to_part(&self) -> Cow<'_, str> {
        Cow::Owned(format!("{:0TIME_DIGITS$}", self.0))
    }

    fn from_part(text: &str) -> Option<Self> {
        let digits = text.len() == TIME_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse().ok().map(Self) } else { None }
    }
}

/// A time as a key part that sorts the newest first: the complement of [`KeyTime`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyNewest(pub TimestampMs);

impl KeyPart for KeyNewest {
    fn to_part(&self) -> Cow<'_, str> {
        Cow::Owned(format!("{:0TIME_DIGITS$}", TIME_MS_MAX.saturating_sub(self.0)))
    }

    fn from_part(text: &str) -> Option<Self> {
        KeyTime::from_part(text).map(|KeyTime(part)| Self(TIME_MS_MAX.saturating_sub(part)))
    }
}

/// A grid in seconds as a key part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyGrid(pub u32);

impl KeyPart for KeyGrid {
    fn to_part(&self) -> Cow<'_, str> {
        Cow::Owned(self.0.to_string())
    }

    fn from_part(text: &str) -> Option<Self> {
        let grid = text.parse().ok().map(Self)?;
        if grid.to_part() == text { Some(grid) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_half_open() {
        let period = Period { start: 10, end: Some(20) };
        let inside: Vec<i64> = (8..23).filter(|at| period.contains(*at)).collect();
        assert_eq!(inside, (10..20).collect::<Vec<_>>());
        assert!(Period { start: 10, end: None }.contains(TIME_MS_MAX));
    }

    #[test]
    fn periods_include_and_overlap() {
        let period = |start, end| Period { start, end };
        let check = |a: Period, b: Period, includes, overlaps| {
            assert_eq!((a.includes(&b), a.overlaps(&b)), (includes, overlaps), "{a:?} {b:?}");
            assert_eq!(b.overlaps(&a), overlaps, "{a:?} {b:?}");
        };
        check(period(10, Some(20)), period(10, Some(20)), true, true);
        check(period(10, Some(20)), period(12, Some(18)), true, true);
        check(period(10, Some(20)), period(9, Some(20)), false, true);
        check(period(10, Some(20)), period(19, Some(21)), false, true);
        check(period(10, Some(20)), period(20, Some(30)), false, false);
        check(period(10, Some(20)), period(15, None), false, true);
        check(period(10, None), period(15, None), true, true);
        check(period(10, None), period(5, Some(10)), false, false);
    }

    #[test]
    fn periods_hold_a_moment_of_known_time() {
        let valid = |start, end| Period { start, end }.is_valid();
        assert!(valid(0, None) && valid(0, Some(1)) && valid(5, Some(TIME_MS_MAX)));
        assert!(!valid(5, Some(5)) && !valid(5, Some(4)));
        assert!(!valid(-1, None) && !valid(0, Some(TIME_MS_MAX + 1)));
    }

    #[test]
    fn key_times_have_thirteen_digits() {
        assert_eq!(KeyTime(42).to_part(), "0000000000042");
        assert_eq!(KeyTime::from_part("0000000000042"), Some(KeyTime(42)));
        for bad in ["", "42", "00000000000042", "000000000004x", "+000000000042"] {
            assert_eq!(KeyTime::from_part(bad), None, "{bad}");
        }
        assert_eq!(KeyNewest(42).to_part(), "9999999999957");
        assert_eq!(KeyNewest::from_part("9999999999957"), Some(KeyNewest(42)));
        assert!(KeyNewest(43).to_part() < KeyNewest(42).to_part());
        assert_eq!(KeyGrid::from_part("300"), Some(KeyGrid(300)));
        for bad in ["", "0300", "+300", "-1", "99999999999"] {
            assert_eq!(KeyGrid::from_part(bad), None, "{bad}");
        }
    }
}
