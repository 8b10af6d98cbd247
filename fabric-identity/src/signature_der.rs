//! The DER form of an ECDSA signature: SEQUENCE { r INTEGER, s INTEGER }, in its one encoding.

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// From here on a length takes several bytes; signatures of P-256 and P-384 stay below.
const LONG_FORM: u8 = 0x80;
/// Set in the first byte of a negative integer.
const SIGN_BIT: u8 = 0x80;
/// A tag and a length in short form.
const HEADER_BYTES: usize = 2;

/// The two positive integers of a signature, big-endian, without leading zeros.
pub(crate) struct Signature<'a> {
    pub(crate) r: &'a [u8],
    pub(crate) s: &'a [u8],
}

/// Reads a signature; `None` unless it is the DER encoding of two positive integers and nothing else.
pub(crate) fn decode(der: &[u8]) -> Option<Signature<'_>> {
    let (body, after) = element(SEQUENCE, der)?;
    let (r, body) = element(INTEGER, body)?;
    let (s, body) = element(INTEGER, body)?;
    if !after.is_empty() || !body.is_empty() {
        return None;
    }
    Some(Signature { r: positive(r)?, s: positive(s)? })
}

/// Writes a signature; `None` when it is too long for lengths in short form.
pub(crate) fn encode(signature: &Signature<'_>) -> Option<Vec<u8>> {
    let body_bytes = integer_bytes(signature.r) + integer_bytes(signature.s);
    let mut der = Vec::with_capacity(HEADER_BYTES + body_bytes);
    der.extend([SEQUENCE, short_length(body_bytes)?]);
    for magnitude in [signature.r, signature.s] {
        der.extend([INTEGER, short_length(integer_bytes(magnitude) - HEADER_BYTES)?]);
        if needs_padding(magnitude) {
            der.push(0);
        }
        der.extend_from_slice(magnitude);
    }
    Some(der)
}

/// Splits off the content of the element with this tag from what follows it.
fn element(tag: u8, input: &[u8]) -> Option<(&[u8], &[u8])> {
    match input {
        [first, length, rest @ ..] if *first == tag && *length < LONG_FORM => {
            rest.split_at_checked(usize::from(*length))
        }
        _ => None,
    }
}

/// The magnitude of a positive integer's content; `None` for zero, negative and over-long ones.
fn positive(content: &[u8]) -> Option<&[u8]> {
    match content {
        [0, magnitude @ ..] if needs_padding(magnitude) => Some(magnitude),
        [1..SIGN_BIT, ..] => Some(content),
        _ => None,
    }
}

/// Whether a zero byte must precede the magnitude, which would else read as negative.
fn needs_padding(magnitude: &[u8]) -> bool {
    magnitude.first().is_some_and(|first| *first >= SIGN_BIT)
}

/// Length of the whole element of an integer.
fn integer_bytes(magnitude: &[u8]) -> usize {
    HEADER_BYTES + usize::from(needs_padding(magnitude)) + magnitude.len()
}

fn short_length(bytes: usize) -> Option<u8> {
    u8::try_from(bytes).ok().filter(|length| *length < LONG_FORM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(der_hex: &str, expected: Option<(&str, &str)>) {
        let der = hex::decode(der_hex).unwrap();
        let decoded = decode(&der);
        let integers = decoded.as_ref().map(|both| (hex::encode(both.r), hex::encode(both.s)));
        let expected = expected.map(|(r, s)| (r.to_owned(), s.to_owned()));
        assert_eq!(integers, expected, "{der_hex}");
        if let Some(signature) = decoded {
            assert_eq!(encode(&signature), Some(der), "{der_hex}");
        }
    }

    #[test]
    fn accepts_minimal_positive_integers() {
        check("3006020101020102", Some(("01", "02")));
        check("300602017f02017f", Some(("7f", "7f")));
        check("30080202008002020080", Some(("80", "80")));
        check("3007020200ff020101", Some(("ff", "01")));
        check("300802020100020201ff", Some(("0100", "01ff")));
    }

    #[test]
    fn refuses_what_is_not_an_integer_of_this_sign_and_length() {
        check("3006020100020101", None); // r is zero
        check("3006020101020100", None); // s is zero
        check("3006020181020101", None); // r is negative
        check("30060201010201ff", None); // s is negative
        check("300702020001020101", None); // r padded without need
        check("300702010102020001", None); // s padded without need
        check("30080203000080020101", None); // r padded twice
        check("30050200020101", None); // r without content
        check("30050201010200", None); // s without content
    }

    #[test]
    fn refuses_other_structure() {
        check("", None);
        check("30", None);
        check("3000", None);
        check("3003020101", None); // no s
        check("3106020101020102", None); // a SET
        check("3006030101020102", None); // r is a BIT STRING
        check("3006020101040102", None); // s is an OCTET STRING
        check("308106020101020102", None); // length in long form
        check("308006020101020102", None); // indefinite length
        check("300702810101020102", None); // inner length in long form
        check("3006020101020103ff", None); // something after the sequence
        check("3007020101020102ff", None); // something after s
        check("3009020101020102020103", None); // a third integer
        check("3007020101020102", None); // sequence shorter than it says
        check("3005020101020102", None); // sequence longer than it says
        check("3006020201020102", None); // r runs into s
        check("3006020101020202", None); // s ends early
    }

    #[test]
    fn does_not_write_lengths_in_long_form() {
        let long = [1; 62];
        assert_eq!(encode(&Signature { r: &long, s: &long }), None);
        let longest = [1; 61];
        let der = encode(&Signature { r: &longest, s: &longest }).unwrap();
        assert!(decode(&der).is_some());
    }
}
