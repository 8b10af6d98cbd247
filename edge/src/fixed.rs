//! Decimal text to scaled integers and back.

/// How many parts one unit has in a sample value: values are kept in millionths.
pub const MICRO: i64 = 1_000_000;

/// Digits taken from one number. Longer ones are not measurements, and the limit keeps the exact
/// arithmetic below within `i128`.
const DIGITS_MAX: usize = 30;

/// Exponents beyond this name no measurement either.
const EXPONENT_MAX: i32 = 30;

/// Why a text is not a usable decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecimalError {
    /// It is not a decimal number.
    Syntax,
    /// It is one, but does not fit.
    Range,
}

/// Parses `-12.5`, `+3`, `.5`, `1e3` or `5.30e+02` and returns the value times `10^scale`,
/// rounded half away from zero.
pub(crate) fn parse_decimal(text: &str, scale: u32) -> Result<i64, DecimalError> {
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..)),
        Some(b'+') => (false, text.get(1..)),
        _ => (false, Some(text)),
    };
    let unsigned = unsigned.ok_or(DecimalError::Syntax)?;
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(DecimalError::Syntax);
    }
    let mut digits: i128 = 0;
    let mut count = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return Err(DecimalError::Syntax);
        }
        count += 1;
        if count > DIGITS_MAX {
            return Err(DecimalError::Range);
        }
        digits = digits * 10 + i128::from(byte - b'0');
    }
    let fraction_digits = i32::try_from(fraction.len()).map_err(|_| DecimalError::Range)?;
    let scale = i32::try_from(scale).map_err(|_| DecimalError::Range)?;
    let scaled = shift_decimal(digits, scale + exponent - fraction_digits)?;
    let value = i64::try_from(scaled).map_err(|_| DecimalError::Range)?;
    Ok(if negative { -value } else { value })
}

fn parse_exponent(text: &str) -> Result<i32, DecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecimalError::Syntax);
    }
    let exponent: i32 = text.parse().map_err(|_| DecimalError::Range)?;
    if exponent.abs() > EXPONENT_MAX { Err(DecimalError::Range) } else { Ok(exponent) }
}

/// `digits * 10^by` for non-negative `digits`, rounded half up.
fn shift_decimal(digits: i128, by: i32) -> Result<i128, DecimalError> {
    if digits == 0 {
        return Ok(0);
    }
    match 10_i128.checked_pow(by.unsigned_abs()) {
        Some(power) if by >= 0 => digits.checked_mul(power).ok_or(DecimalError::Range),
        Some(power) => Ok((digits + power / 2) / power),
        None if by >= 0 => Err(DecimalError::Range),
        None => Ok(0),
    }
}

/// `numerator / denominator` for a positive denominator, rounded half away from zero.
pub(crate) fn round_div(numerator: i128, denominator: i128) -> i128 {
    let half = denominator / 2;
    if numerator >= 0 { (numerator + half) / denominator } else { (numerator - half) / denominator }
}

/// Writes thousandths as decimal text with `decimals` (0 to 3) digits after the point.
pub(crate) fn format_milli(milli: i64, decimals: u32) -> String {
    let decimals = decimals.min(3);
    let rounded = round_div(i128::from(milli), 10_i128.pow(3 - decimals));
    let unit = 10_i128.pow(decimals);
    let sign = if rounded < 0 { "-" } else { "" };
    let (whole, fraction) = (rounded.abs() / unit, rounded.abs() % unit);
    match usize::try_from(decimals) {
        Ok(width) if width > 0 => format!("{sign}{whole}.{fraction:0width$}"),
        _ => format!("{sign}{whole}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parses(text: &str, expected: i64) {
        assert_eq!(parse_decimal(text, 6), Ok(expected), "{text}");
    }

    #[test]
    fn decimals_are_read_exactly() {
        parses("0", 0);
        parses("-0", 0);
        parses("515", 515_000_000);
        parses("+1.5", 1_500_000);
        parses("-.25", -250_000);
        parses("7.", 7_000_000);
        parses("8.54790319355", 8_547_903);
        parses("0.0000005", 1);
        parses("-0.0000005", -1);
        parses("0.00000049", 0);
        parses("5.300000000000000000e+02", 530_000_000);
        parses("1E-3", 1_000);
        parses("1e-30", 0);
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in ["", "-", ".", "1.2.3", "abc", "1e", "1e+", "0x10", "1,5", "--1", "1 2", "٣"] {
            assert_eq!(parse_decimal(text, 6), Err(DecimalError::Syntax), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for text in ["1e30", "99999999999999", "1e31", "1e99999999999", &"9".repeat(31)] {
            assert_eq!(parse_decimal(text, 6), Err(DecimalError::Range), "{text}");
        }
    }

    #[test]
    fn thousandths_are_written_with_fixed_decimals() {
        for (milli, decimals, expected) in [
            (72_449, 1, "72.4"),
            (72_450, 1, "72.5"),
            (72_000, 0, "72"),
            (72_005, 3, "72.005"),
            (72_005, 2, "72.01"),
            (-1_250, 1, "-1.3"),
            (49, 1, "0.0"),
        ] {
            assert_eq!(format_milli(milli, decimals), expected);
        }
    }
}
