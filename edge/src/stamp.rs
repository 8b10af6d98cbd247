//! Date-time stamps as devices write them.

use time::{Date, Month, Time};

/// Digits of a second that are kept; further ones are cut off, as a clock would.
const FRACTION_DIGITS: usize = 6;

/// Parses `2016-11-24 13:58:58.081000`, with `T` or a space in the middle, any number of
/// fractional digits or none, and `Z`, `+01:00` or nothing (UTC) at the end.
///
/// Returns microseconds since the Unix epoch.
pub(crate) fn parse_date_time(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', ' '])?;
    let (clock, rest) = rest.split_at_checked(8)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => {
            let end = rest.bytes().take_while(u8::is_ascii_digit).count();
            if end == 0 {
                return None;
            }
            rest.split_at_checked(end)?
        }
    };
    let (year, month, day) = three(date, '-')?;
    let (hour, minute, second) = three(clock, ':')?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date =
        Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    let time = Time::from_hms(
        u8::try_from(hour).ok()?,
        u8::try_from(minute).ok()?,
        u8::try_from(second).ok()?,
    )
    .ok()?;
    let seconds = date.with_time(time).assume_utc().unix_timestamp() - zone_seconds(zone)?;
    seconds.checked_mul(1_000_000)?.checked_add(microseconds(fraction)?)
}

/// Three unsigned numbers with a separator between.
fn three(text: &str, separator: char) -> Option<(u32, u32, u32)> {
    let mut parts = text.split(separator).map(digits);
    let found = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() { None } else { Some(found) }
}

fn digits(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn microseconds(fraction: &str) -> Option<i64> {
    let kept: String =
        fraction.chars().chain(std::iter::repeat('0')).take(FRACTION_DIGITS).collect();
    kept.parse().ok()
}

fn zone_seconds(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone == "Z" {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    Some(sign * i64::from(hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_read() {
        for (text, expected) in [
            ("1970-01-01 00:00:00", 0),
            ("1970-01-01T00:00:01.5Z", 1_500_000),
            ("1969-12-31 23:59:59.9", -100_000),
            ("2016-11-24 13:58:58.081000", 1_479_995_938_081_000),
            ("2016-11-24T14:58:58.0810009+01:00", 1_479_995_938_081_000),
            ("2016-11-24T13:28:58.081-00:30", 1_479_995_938_081_000),
            ("2024-02-29 00:00:00", 1_709_164_800_000_000),
        ] {
            assert_eq!(parse_date_time(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_text_is_not_a_stamp() {
        for text in [
            "",
            "2016-11-24",
            "2016-11-24 13:58",
            "2016-11-24 13:58:58.",
            "2016-11-24 25:58:58",
            "2016-11-24 13:58:60",
            "2016-13-24 13:58:58",
            "2023-02-29 00:00:00",
            "2016/11/24 13:58:58",
            "2016-11-24 13:58:58.1 PM",
            "2016-11-24 13:58:58+0100",
            "2016-11-24 13:58:58+24:00",
            "2016-11-24x13:58:58",
            "2016-1-024 13:58:5é",
            "１２３４-11-24 13:58:58",
        ] {
            assert_eq!(parse_date_time(text), None, "{text}");
        }
    }
}
