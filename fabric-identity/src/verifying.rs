//! Checking signatures.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, EcdsaVerificationAlgorithm, UnparsedPublicKey,
};
use thiserror::Error;

use crate::key::{KeyError, SKI_BYTES, ski};
use crate::low_s::{P256_HALF_ORDER, P384_HALF_ORDER, is_low};
use crate::signature_der;

/// First byte of a point that gives both coordinates.
const UNCOMPRESSED: u8 = 0x04;
const P256_POINT_BYTES: usize = 65;
const P384_POINT_BYTES: usize = 97;

/// Why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// Not the DER form of two positive integers.
    #[error("the signature is not the DER sequence of two positive integers that ECDSA makes")]
    Malformed,
    /// `s` is in the upper half of the curve's order.
    #[error("the signature's s is above half the curve's order; Fabric accepts the low form alone")]
    HighS,
    /// Made with another key or for another message.
    #[error("the signature does not belong to this key and message")]
    Mismatch,
}

/// A public key whose signatures are checked by Fabric's rules.
#[derive(Debug, Clone)]
pub struct VerifyingKey {
    key: UnparsedPublicKey<Vec<u8>>,
    half_order: &'static [u8],
}

impl VerifyingKey {
    /// Takes the uncompressed point of a P-256 key (65 bytes) or P-384 key (97 bytes), as a certificate's
    /// subject public key holds it. P-384 signatures, too, are over SHA-256: the hash is a setting of the
    /// organisation in Fabric, and this its default.
    ///
    /// A point that is not on the curve is taken, and verifies nothing.
    ///
    /// # Errors
    /// [`KeyError::Point`] for another length or a compressed point.
    pub fn from_sec1_point(point: &[u8]) -> Result<Self, KeyError> {
        match (point.first(), point.len()) {
            (Some(&UNCOMPRESSED), P256_POINT_BYTES) => Ok(Self::p256(point)),
            (Some(&UNCOMPRESSED), P384_POINT_BYTES) => {
                Ok(Self::new(&ECDSA_P384_SHA256_ASN1, point, &P384_HALF_ORDER))
            }
            (_, bytes) => Err(KeyError::Point(bytes)),
        }
    }

    /// Checks a signature in DER over a message.
    ///
    /// # Errors
    /// What is wrong with the signature, its form first.
    pub fn verify(&self, message: &[u8], der_signature: &[u8]) -> Result<(), SignatureError> {
        let signature = signature_der::decode(der_signature).ok_or(SignatureError::Malformed)?;
        if !is_low(signature.s, self.half_order) {
            return Err(SignatureError::HighS);
        }
        self.key.verify(message, der_signature).map_err(|_| SignatureError::Mismatch)
    }

    /// The uncompressed point.
    #[must_use]
    pub fn sec1_point(&self) -> &[u8] {
        self.key.as_ref()
    }

    /// Subject key identifier; see [`SigningKey::ski`](crate::SigningKey::ski).
    #[must_use]
    pub fn ski(&self) -> [u8; SKI_BYTES] {
        ski(self.sec1_point())
    }

    /// A P-256 key whose point is known to have the right form.
    pub(crate) fn p256(point: &[u8]) -> Self {
        Self::new(&ECDSA_P256_SHA256_ASN1, point, &P256_HALF_ORDER)
    }

    fn new(
        algorithm: &'static EcdsaVerificationAlgorithm,
        point: &[u8],
        half_order: &'static [u8],
    ) -> Self {
        Self { key: UnparsedPublicKey::new(algorithm, point.to_vec()), half_order }
    }
}
