//! How identities sign in Hyperledger Fabric, shared by what signs and what verifies.
//!
//! A signature is ECDSA over SHA-256 of the message, as an ASN.1 DER sequence of `r` and `s`, with `s` in the
//! lower half of the curve's order ("low S"), so that a signature cannot be turned into a second valid one.
//! [`SigningKey`] makes such signatures with a P-256 key; [`VerifyingKey`] accepts no others. Keys kept elsewhere
//! (a hardware module, an off-line signer) sign through the trait [`Signer`], and can bring their signatures
//! into low-S form with [`to_low_s`].
//!
//! ```
//! use fabric_identity::{SignatureError, Signer, SigningKey};
//!
//! let (key, pem) = SigningKey::generate()?;
//! let signature = SigningKey::from_pkcs8_pem(&pem)?.sign(b"proposal")?;
//! let public = key.verifying_key();
//! assert_eq!(public.verify(b"proposal", &signature), Ok(()));
//! assert_eq!(public.verify(b"another", &signature), Err(SignatureError::Mismatch));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod identity;
mod key;
mod low_s;
mod sec1;
mod signature_der;
mod signing;
mod verifying;

pub use identity::Identity;
pub use key::{KeyError, SKI_BYTES};
pub use low_s::to_low_s;
pub use signing::{SignError, Signer, SigningKey};
pub use verifying::{SignatureError, VerifyingKey};
