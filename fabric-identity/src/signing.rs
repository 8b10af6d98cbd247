//! Making signatures.

use std::error::Error;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;

use crate::key::{KeyError, SKI_BYTES, ski};
use crate::sec1;
use crate::{VerifyingKey, to_low_s};

/// Characters of a line of PEM.
const PEM_COLUMNS: usize = 64;

/// Signs messages the way Fabric verifies them, wherever the key is.
pub trait Signer: Send + Sync {
    /// Signs a message: ECDSA over SHA-256 of it, in DER, with a low `s` (see [`to_low_s`]).
    ///
    /// # Errors
    /// When the key cannot be used now, for instance because its hardware module does not answer.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// Why a message was not signed.
#[derive(Debug, Error)]
#[error("not signed: {0}")]
pub struct SignError(#[source] Box<dyn Error + Send + Sync>);

impl SignError {
    /// Wraps what a signer reports.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// A P-256 private key in memory.
///
/// It can be shared between threads: signing takes no lock.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl SigningKey {
    /// Reads an unencrypted key from PEM: PKCS#8 (`PRIVATE KEY`), or SEC1 (`EC PRIVATE KEY`) as older tools
    /// write it. Other blocks around it, such as `EC PARAMETERS`, are passed over.
    ///
    /// # Errors
    /// [`KeyError::Pem`] without a key, [`KeyError::Rsa`], or [`KeyError::Rejected`] when the key is not on
    /// P-256, is damaged, or lacks its public part.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        let pkcs8 = match PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| KeyError::Pem(error.to_string()))?
        {
            PrivateKeyDer::Pkcs8(key) => key.secret_pkcs8_der().to_vec(),
            PrivateKeyDer::Sec1(key) => sec1::to_pkcs8(key.secret_sec1_der())
                .ok_or_else(|| KeyError::Rejected("too long".to_owned()))?,
            _ => return Err(KeyError::Rsa),
        };
        Self::from_pkcs8_der(&pkcs8)
    }

    /// Makes a new key; the text is its PKCS#8 PEM, to be kept secret.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn generate() -> Result<(Self, String), KeyError> {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
                .map_err(|_| KeyError::Random)?;
        Ok((Self::from_pkcs8_der(pkcs8.as_ref())?, private_key_pem(pkcs8.as_ref())))
    }

    /// Signs a message; see [`Signer::sign`].
    ///
    /// # Errors
    /// When the system's random number generator fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = self
            .pair
            .sign(&self.random, message)
            .map_err(|_| SignError::new("the system's random number generator failed"))?;
        to_low_s(signature.as_ref()).map_err(SignError::new)
    }

    /// The key that verifies this one's signatures.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey::p256(self.pair.public_key().as_ref())
    }

    /// Subject key identifier: SHA-256 of the public key's uncompressed point. In hex it is the stem of the
    /// key's file name in a Fabric key store.
    #[must_use]
    pub fn ski(&self) -> [u8; SKI_BYTES] {
        ski(self.pair.public_key().as_ref())
    }

    fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &random)
            .map_err(|error| KeyError::Rejected(error.to_string()))?;
        Ok(Self { pair, random })
    }
}

impl Signer for SigningKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        SigningKey::sign(self, message)
    }
}

/// Shows the public key alone.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(self.pair.public_key()).finish()
    }
}

fn private_key_pem(der: &[u8]) -> String {
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    for (index, character) in STANDARD.encode(der).chars().enumerate() {
        if index > 0 && index % PEM_COLUMNS == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END PRIVATE KEY-----\n");
    pem
}
