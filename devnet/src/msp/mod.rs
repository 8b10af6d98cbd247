//! Membership: which bytes are an identity of the channel, what it may do, what it signed.

mod cache;
mod certificate;
mod member;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use fabric_identity::{SignatureError, VerifyingKey};
use fabric_ledger::policy::Principal;
use fabric_ledger::{Identities, sha256};
use fabric_protos::msp::SerializedIdentity;
use prost::Message as _;

use self::cache::BoundedCache;
use self::certificate::Root;
pub use self::member::Member;
use crate::ca::CaError;

/// Longest serialized identity: certificates take one or two kilobytes.
const IDENTITY_BYTES_MAX: usize = 16 * 1024;
/// Identities kept parsed. An identity takes a few kilobytes; a peer's own cache has 100.
const IDENTITIES_MAX: usize = 1024;
/// Verified signatures remembered: those of the transactions under way, with room to spare. An
/// entry is 32 bytes.
const SIGNATURES_MAX: usize = 65_536;

/// The organisations of a channel and what was learnt about identities.
///
/// Whether a signature fits a key and a message never changes, so each is verified once a process:
/// at the gateway, and not again by the orderer, the validation or another logical peer.
#[derive(Debug)]
pub struct Membership {
    organizations: BTreeMap<String, Root>,
    identities: BoundedCache<Bytes, Result<Arc<Member>, String>>,
    signatures: BoundedCache<[u8; 32], ()>,
}

impl Membership {
    /// The channel's organisations, each with its certificate authority as PEM.
    pub fn new<'a>(
        organizations: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, CaError> {
        let organizations = organizations
            .into_iter()
            .map(|(msp_id, ca_pem)| {
                let root = Root::from_pem(ca_pem).map_err(|reason| CaError::Unusable {
                    subject: format!("certificate authority of {msp_id}"),
                    reason,
                })?;
                Ok((msp_id.to_owned(), root))
            })
            .collect::<Result<_, CaError>>()?;
        Ok(Self {
            organizations,
            identities: BoundedCache::new(IDENTITIES_MAX),
            signatures: BoundedCache::new(SIGNATURES_MAX),
        })
    }

    /// The identity in a marshalled `SerializedIdentity`, or why it is malformed. Wall-clock time
    /// plays no part: certificates are judged at their own first second, as Fabric does.
    pub(crate) fn identity(&self, serialized: &[u8]) -> Result<Arc<Member>, String> {
        if serialized.len() > IDENTITY_BYTES_MAX {
            return Err("the serialized identity is too long".to_owned());
        }
        if let Some(known) = self.identities.get(serialized) {
            return known;
        }
        let found = self.read(serialized).map(Arc::new);
        self.identities.insert(Bytes::copy_from_slice(serialized), found.clone());
        found
    }

    fn read(&self, serialized: &[u8]) -> Result<Member, String> {
        let identity = SerializedIdentity::decode(serialized)
            .map_err(|_| "it is not a serialized identity")?;
        let Some(root) = self.organizations.get(&identity.mspid) else {
            return Err(format!("MSP {} is unknown", identity.mspid));
        };
        Member::parse(&identity.mspid, &identity.id_bytes, root)
    }

    /// Whether the signature is the key's over the message. The result is remembered if so.
    pub(crate) fn verify(
        &self,
        key: &VerifyingKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let entry = signature_entry(key, message, signature);
        if self.signatures.get(&entry).is_some() {
            return Ok(());
        }
        key.verify(message, signature)?;
        self.signatures.insert(entry, ());
        Ok(())
    }

    /// Remembers a signature that this process has just made itself.
    pub(crate) fn made(&self, key: &VerifyingKey, message: &[u8], signature: &[u8]) {
        self.signatures.insert(signature_entry(key, message, signature), ());
    }
}

impl Identities for Membership {
    type Identity = Arc<Member>;

    fn parse(&self, serialized: &[u8]) -> Option<Arc<Member>> {
        self.identity(serialized).ok()
    }

    fn msp_id<'a>(&self, identity: &'a Arc<Member>) -> &'a str {
        &identity.msp_id
    }

    fn is_valid(&self, identity: &Arc<Member>) -> bool {
        identity.role().is_ok()
    }

    fn verify(&self, identity: &Arc<Member>, message: &[u8], signature: &[u8]) -> bool {
        Membership::verify(self, &identity.key, message, signature).is_ok()
    }

    fn satisfies(&self, identity: &Arc<Member>, principal: &Principal) -> bool {
        identity.satisfies(principal)
    }
}

/// The identities of one organisation alone, as its peer knows them where no channel is named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalMembership<'a> {
    pub(crate) all: &'a Membership,
    pub(crate) msp_id: &'a str,
}

impl Identities for LocalMembership<'_> {
    type Identity = Arc<Member>;

    fn parse(&self, serialized: &[u8]) -> Option<Arc<Member>> {
        self.all.parse(serialized).filter(|member| *member.msp_id == *self.msp_id)
    }

    fn msp_id<'a>(&self, identity: &'a Arc<Member>) -> &'a str {
        &identity.msp_id
    }

    fn is_valid(&self, identity: &Arc<Member>) -> bool {
        self.all.is_valid(identity)
    }

    fn verify(&self, identity: &Arc<Member>, message: &[u8], signature: &[u8]) -> bool {
        Identities::verify(self.all, identity, message, signature)
    }

    fn satisfies(&self, identity: &Arc<Member>, principal: &Principal) -> bool {
        self.all.satisfies(identity, principal)
    }
}

/// Names one key, message and signature. All three are of fixed length but the signature, which
/// is last.
fn signature_entry(key: &VerifyingKey, message: &[u8], signature: &[u8]) -> [u8; 32] {
    let mut parts = key.ski().to_vec();
    parts.extend(sha256(message));
    parts.extend_from_slice(signature);
    sha256(&parts)
}
