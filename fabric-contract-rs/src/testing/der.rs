//! As much of DER as a test's certificate needs.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const CONTEXT: u8 = 0xa0;

pub(super) fn sequence(elements: &[Vec<u8>]) -> Vec<u8> {
    element(SEQUENCE, &elements.concat())
}

pub(super) fn set(elements: &[Vec<u8>]) -> Vec<u8> {
    element(SET, &elements.concat())
}

/// The explicit context tag `number`, below 31.
pub(super) fn context(number: u8, inner: &[u8]) -> Vec<u8> {
    element(CONTEXT | number, inner)
}

/// A number whose big-endian bytes already have the shortest form.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    element(INTEGER, bytes)
}

pub(super) fn oid(encoded: &[u8]) -> Vec<u8> {
    element(OBJECT_IDENTIFIER, encoded)
}

pub(super) fn utf8(text: &str) -> Vec<u8> {
    element(UTF8_STRING, text.as_bytes())
}

pub(super) fn utc_time(text: &str) -> Vec<u8> {
    element(UTC_TIME, text.as_bytes())
}

pub(super) fn octets(bytes: &[u8]) -> Vec<u8> {
    element(OCTET_STRING, bytes)
}

/// Whole bytes as a bit string.
pub(super) fn bits(bytes: &[u8]) -> Vec<u8> {
    let mut content = vec![0];
    content.extend_from_slice(bytes);
    element(BIT_STRING, &content)
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    let significant = length.get(zeros..).unwrap_or_default();
    let mut bytes = vec![tag];
    match significant {
        [] => bytes.push(0),
        [short @ 0..=127] => bytes.push(*short),
        // At most eight bytes of length: the count always fits beside the flag.
        long => {
            bytes.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            bytes.extend_from_slice(long);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}
