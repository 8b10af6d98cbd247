//! Fixed-point numbers: there are no floats in state, keys, decisions or hashes.

use crate::text::{Text, json_text};
use minicbor::data::Tag;
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};
use std::fmt;
use std::str::FromStr;

/// Digits before the point.
const WHOLE_DIGITS_MAX: usize = 12;
/// Digits after the point.
const DECIMALS_MAX: u8 = 6;
/// RFC 8949, 3.4.4: a decimal fraction is an array of exponent and mantissa.
const DECIMAL_FRACTION: Tag = Tag::new(4);

/// A decimal number as written: `72.4` and `72.40` are equal in size and differ in precision.
///
/// Up to 12 digits before the point and 6 after it.
///
/// ```
/// use ioht_contract::Decimal;
///
/// let average: Decimal = "72.4".parse().unwrap();
/// assert_eq!(average.to_string(), "72.4");
/// assert!("72.4e1".parse::<Decimal>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    mantissa: i64,
    decimals: u8,
}

/// Why a text is not a [`Decimal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal: up to 12 digits, optionally a point and up to 6 digits")]
pub struct DecimalError;

impl Decimal {
    /// Digits after the point as written: what the value is rounded to.
    pub fn decimals(self) -> u8 {
        self.decimals
    }

    /// The value in units of 10⁻⁷, one digit finer than any decimal, so that
    /// [`half_unit`](Self::half_unit) is whole. Below 10¹⁹ in size.
    pub(crate) fn scaled(self) -> i128 {
        i128::from(self.mantissa).saturating_mul(power_of_ten(self.decimals, 7))
    }

    /// Half of the last digit's weight, the largest rounding error, in units of 10⁻⁷.
    pub(crate) fn half_unit(self) -> i128 {
        power_of_ten(self.decimals, 6).saturating_mul(5)
    }
}

/// `10^(of - decimals)`.
fn power_of_ten(decimals: u8, of: u32) -> i128 {
    10_i128.saturating_pow(of.saturating_sub(u32::from(decimals)))
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((_, "")) => return Err(DecimalError),
            Some(parts) => parts,
            None => (unsigned, ""),
        };
        let decimals = u8::try_from(fraction.len()).map_err(|_| DecimalError)?;
        if whole.is_empty() || whole.len() > WHOLE_DIGITS_MAX || decimals > DECIMALS_MAX {
            return Err(DecimalError);
        }
        let mut mantissa = 0_i64;
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() {
                return Err(DecimalError);
            }
            let digit = i64::from(byte.saturating_sub(b'0'));
            mantissa = mantissa.saturating_mul(10).saturating_add(digit);
        }
        if text.starts_with('-') {
            mantissa = mantissa.saturating_neg();
        }
        Ok(Self { mantissa, decimals })
    }
}

impl Text for Decimal {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let size = self.mantissa.unsigned_abs();
        let unit = 10_u64.saturating_pow(u32::from(self.decimals));
        let whole = size.checked_div(unit).unwrap_or_default();
        let fraction = size.checked_rem(unit).unwrap_or_default();
        match usize::from(self.decimals) {
            0 => write!(f, "{sign}{whole}"),
            width => write!(f, "{sign}{whole}.{fraction:0width$}"),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

json_text!(Decimal, "^-?[0-9]{1,12}(\\.[0-9]{1,6})?$", "a decimal number as text");

impl<C> Encode<C> for Decimal {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        let exponent = i8::try_from(self.decimals).map_or(0, i8::saturating_neg);
        e.tag(DECIMAL_FRACTION)?.array(2)?.i8(exponent)?.i64(self.mantissa)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Decimal {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        let wrong = || DecodeError::message("not a decimal fraction of at most six digits");
        if d.tag()? != DECIMAL_FRACTION || d.array()? != Some(2) {
            return Err(wrong());
        }
        let exponent = d.i8()?;
        let mantissa = d.i64()?;
        let decimals = exponent.checked_neg().and_then(|decimals| u8::try_from(decimals).ok());
        let decimals = decimals.filter(|decimals| *decimals <= DECIMALS_MAX).ok_or_else(wrong)?;
        Ok(Self { mantissa, decimals })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_decimals_or_not() {
        for text in ["0", "-1", "72.4", "72.40", "999999999999.999999", "-0.000001"] {
            assert_eq!(text.parse::<Decimal>().map(|it| it.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "-", ".", "1.", ".5", "+1", "1e3", "1.2.3", "1,5", "--1", "1234567890123"]
        {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError), "{text}");
        }
        assert_eq!("0.1234567".parse::<Decimal>(), Err(DecimalError));
        assert_eq!("007".parse::<Decimal>().map(|it| it.to_string()), Ok("7".to_owned()));
    }

    #[test]
    fn rounding_error_is_half_the_last_digit() {
        let half = |text: &str| text.parse::<Decimal>().unwrap().half_unit();
        assert_eq!(half("72"), 5_000_000);
        assert_eq!(half("72.4"), 500_000);
        assert_eq!(half("72.400000"), 5);
    }

    #[test]
    fn cbor_is_the_standard_decimal_fraction() {
        let bytes = minicbor::to_vec("27.35".parse::<Decimal>().unwrap()).unwrap();
        assert_eq!(hex::encode(bytes), "c48221190aaf");
        for bad in ["c4820101", "c482260a", "c5822101", "c48121"] {
            let bytes = hex::decode(bad).unwrap();
            assert!(minicbor::decode::<Decimal>(&bytes).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_and_cbor_go_round(text in "-?[1-9][0-9]{0,11}(\\.[0-9]{1,6})?") {
            let value: Decimal = text.parse().unwrap();
            prop_assert_eq!(value.to_string(), text);
            let bytes = minicbor::to_vec(value).unwrap();
            prop_assert_eq!(minicbor::decode::<Decimal>(&bytes).unwrap(), value);
        }
    }
}
