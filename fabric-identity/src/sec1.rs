//! Elliptic curve private keys in the older SEC1 form.

/// Version 0 and the algorithm "elliptic curve key, on P-256": what PKCS#8 puts before the key.
const VERSION_AND_ALGORITHM: [u8; 24] = [
    0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
    0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
];
const SEQUENCE: u8 = 0x30;
const OCTET_STRING: u8 = 0x04;
/// Announces a length of one byte, needed from 128 on.
const ONE_LENGTH_BYTE: u8 = 0x81;
/// A P-256 key with its curve and its public part has 121 bytes.
const SEC1_BYTES_MAX: u8 = 0x7f;
/// Version, algorithm and the octet string's header.
const BYTES_BEFORE_KEY: u8 = 26;

/// Wraps a P-256 key into PKCS#8; `None` when it is too long to be one.
///
/// The key itself is not looked at: who reads the result refuses it where it is wrong. So is a key that is
/// shorter than one with its public part, since the outer length is then not the shortest form.
pub(crate) fn to_pkcs8(sec1: &[u8]) -> Option<Vec<u8>> {
    let key_bytes = u8::try_from(sec1.len()).ok().filter(|bytes| *bytes <= SEC1_BYTES_MAX)?;
    let mut pkcs8 = vec![SEQUENCE, ONE_LENGTH_BYTE, BYTES_BEFORE_KEY + key_bytes];
    pkcs8.extend(VERSION_AND_ALGORITHM);
    pkcs8.extend([OCTET_STRING, key_bytes]);
    pkcs8.extend_from_slice(sec1);
    Some(pkcs8)
}
