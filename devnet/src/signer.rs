use bytes::Bytes;
use fabric_identity::{KeyError, SignError, SigningKey, VerifyingKey};
use fabric_protos::msp::SerializedIdentity;
use prost::Message as _;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::ca::NodeIdentity;

/// Bytes of a nonce, as Fabric's nodes make them.
const NONCE_BYTES: usize = 24;

/// A node's identity as it signs: endorsements of a peer, blocks of the orderer.
#[derive(Debug)]
pub(crate) struct NodeSigner {
    serialized: Bytes,
    key: SigningKey,
    verifying: VerifyingKey,
}

impl NodeSigner {
    pub(crate) fn new(msp_id: &str, node: &NodeIdentity) -> Result<Self, KeyError> {
        let key = SigningKey::from_pkcs8_pem(&node.key_pem)?;
        let verifying = key.verifying_key();
        let identity = SerializedIdentity {
            mspid: msp_id.to_owned(),
            id_bytes: Bytes::copy_from_slice(node.certificate_pem.as_bytes()),
        };
        Ok(Self { serialized: identity.encode_to_vec().into(), key, verifying })
    }

    /// The marshalled `SerializedIdentity`.
    pub(crate) fn serialized(&self) -> &Bytes {
        &self.serialized
    }

    pub(crate) const fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Bytes, SignError> {
        Ok(self.key.sign(message)?.into())
    }
}

/// A fresh nonce for a signature header.
pub(crate) fn nonce() -> Result<Bytes, SignError> {
    let mut nonce = vec![0; NONCE_BYTES];
    SystemRandom::new()
        .fill(&mut nonce)
        .map_err(|_| SignError::new("the system's random number generator failed"))?;
    Ok(nonce.into())
}
