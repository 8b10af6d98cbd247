//! What signing and verifying keys have in common.

use ring::digest;
use thiserror::Error;

/// Bytes of a subject key identifier.
pub const SKI_BYTES: usize = digest::SHA256_OUTPUT_LEN;

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The text holds no private key that can be read.
    #[error(
        "no PRIVATE KEY or EC PRIVATE KEY in the PEM text ({0}); decrypt an encrypted key first"
    )]
    Pem(String),
    /// The private key is of another algorithm than elliptic curves.
    #[error("the private key is an RSA key; Fabric's clients sign with P-256 keys")]
    Rsa,
    /// The private key is damaged, on another curve, or lacks its public part.
    #[error(
        "not a P-256 key that holds its public part ({0}); `openssl ec -in KEY -out NEW` adds a missing one"
    )]
    Rejected(String),
    /// The bytes are no public key that signatures are verified with.
    #[error(
        "{0} bytes are no public key; give the uncompressed point of P-256 (65 bytes) or P-384 (97 bytes)"
    )]
    Point(usize),
    /// The system has no randomness to make a key from.
    #[error("the system's random number generator failed")]
    Random,
}

/// SHA-256 of the uncompressed point, as Fabric's software key store names its keys.
pub(crate) fn ski(point: &[u8]) -> [u8; SKI_BYTES] {
    let mut ski = [0; SKI_BYTES];
    for (byte, hashed) in ski.iter_mut().zip(digest::digest(&digest::SHA256, point).as_ref()) {
        *byte = *hashed;
    }
    ski
}
