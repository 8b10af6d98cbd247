//! The lower half of a curve's order, where Fabric wants `s`.

use crate::SignatureError;
use crate::signature_der::{self, Signature};

/// Bytes of a P-256 scalar.
const P256_BYTES: usize = 32;

/// Order of P-256.
const P256_ORDER: [u8; P256_BYTES] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// Half the order of P-256, rounded down: the greatest low `s`.
pub(crate) const P256_HALF_ORDER: [u8; P256_BYTES] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// Half the order of P-384, rounded down: the greatest low `s`.
pub(crate) const P384_HALF_ORDER: [u8; 48] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xe3, 0xb1, 0xa6, 0xc0, 0xfa, 0x1b, 0x96, 0xef,
    0xac, 0x0d, 0x06, 0xd9, 0x24, 0x58, 0x53, 0xbd, 0x76, 0x76, 0x0c, 0xb5, 0x66, 0x62, 0x94, 0xb9,
];

/// Brings a P-256 signature in DER into the form that Fabric accepts, by replacing a high `s` with `n - s`.
///
/// [`SigningKey`](crate::SigningKey) does so itself; this is for a [`Signer`](crate::Signer) whose key is
/// elsewhere.
///
/// # Errors
/// [`SignatureError::Malformed`] when it is not the DER form of two positive integers below the order of P-256.
pub fn to_low_s(der: &[u8]) -> Result<Vec<u8>, SignatureError> {
    signature_der::decode(der)
        .and_then(|signature| lower(&signature))
        .ok_or(SignatureError::Malformed)
}

/// Whether `s`, without leading zeros, is at most half the order.
pub(crate) fn is_low(s: &[u8], half_order: &[u8]) -> bool {
    // Neither has leading zeros, so that the longer is the greater.
    (s.len(), s) <= (half_order.len(), half_order)
}

fn lower(signature: &Signature<'_>) -> Option<Vec<u8>> {
    if !is_below_order(signature.r) || !is_below_order(signature.s) {
        return None;
    }
    if is_low(signature.s, &P256_HALF_ORDER) {
        return signature_der::encode(signature);
    }
    let negated = order_minus(signature.s);
    let leading_zeros = negated.iter().take_while(|byte| **byte == 0).count();
    let (_, s) = negated.split_at_checked(leading_zeros)?;
    signature_der::encode(&Signature { r: signature.r, s })
}

fn is_below_order(scalar: &[u8]) -> bool {
    (scalar.len(), scalar) < (P256_BYTES, &P256_ORDER)
}

/// The order less a scalar below it.
fn order_minus(scalar: &[u8]) -> [u8; P256_BYTES] {
    let mut difference = P256_ORDER;
    let mut borrow = false;
    let subtrahend = scalar.iter().rev().chain(std::iter::repeat(&0));
    for (digit, less) in difference.iter_mut().rev().zip(subtrahend) {
        let (once, first) = digit.overflowing_sub(*less);
        let (twice, second) = once.overflowing_sub(u8::from(borrow));
        *digit = twice;
        borrow = first || second;
    }
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half the order and one more: the smallest high `s`.
    const SMALLEST_HIGH: &str = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9";
    const HALF: &str = "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8";
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    const ORDER_LESS_1: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550";
    const ORDER_LESS_256: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632451";

    fn der(r: &str, s: &str) -> Vec<u8> {
        let (r, s) = (hex::decode(r).unwrap(), hex::decode(s).unwrap());
        signature_der::encode(&Signature { r: &r, s: &s }).unwrap()
    }

    fn check(s: &str, expected: Result<&str, SignatureError>) {
        assert_eq!(to_low_s(&der("01", s)), expected.map(|low| der("01", low)), "{s}");
    }

    #[test]
    fn halves_are_half_the_orders() {
        assert_eq!(hex::encode(P256_ORDER), ORDER);
        assert_eq!(hex::encode(P256_HALF_ORDER), HALF);
        // The order is odd: what is left of it is one more than its half.
        assert_eq!(hex::encode(order_minus(&P256_HALF_ORDER)), SMALLEST_HIGH);
    }

    #[test]
    fn a_high_s_is_negated_and_a_low_one_kept() {
        check("01", Ok("01"));
        check("0100", Ok("0100"));
        check(HALF, Ok(HALF));
        check(SMALLEST_HIGH, Ok(HALF));
        check(ORDER_LESS_1, Ok("01"));
        check(ORDER_LESS_256, Ok("0100"));
    }

    #[test]
    fn a_scalar_not_below_the_order_is_malformed() {
        check(ORDER, Err(SignatureError::Malformed));
        check(&"ff".repeat(33), Err(SignatureError::Malformed));
        assert_eq!(to_low_s(&der(ORDER, "01")), Err(SignatureError::Malformed));
        assert_eq!(to_low_s(&der(ORDER_LESS_1, "01")), Ok(der(ORDER_LESS_1, "01")));
        assert_eq!(to_low_s(b"no signature"), Err(SignatureError::Malformed));
    }

    #[test]
    fn low_means_at_most_half_the_order_of_the_curve() {
        let p384_high = {
            let mut high = P384_HALF_ORDER;
            high[47] += 1;
            high
        };
        assert!(is_low(&P384_HALF_ORDER, &P384_HALF_ORDER));
        assert!(is_low(&P256_ORDER, &P384_HALF_ORDER));
        assert!(!is_low(&p384_high, &P384_HALF_ORDER));
        assert!(!is_low(&P384_HALF_ORDER, &P256_HALF_ORDER));
    }
}
