//! Membership: which bytes are an identity of the channel, what it may do, what it signed.

mod cache;
mod certificate;
mod member;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use fabric_identity::{SignatureError, VerifyingKey};
use fabric_ledger::sha256;
use fabric_protos::msp::SerializedIdentity;
use prost::Message as _;

use self::cache::BoundedCache;
use self::certificate::Root;
pub(crate) use self::member::Member;
use crate::ca::{CaError, Role};

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
pub(crate) struct Membership {
    organizations: BTreeMap<String, Organization>,
    identities: BoundedCache<Bytes, Result<Arc<Member>, IdentityError>>,
    signatures: BoundedCache<[u8; 32], ()>,
}

#[derive(Debug)]
struct Organization {
    root: Root,
}

/// Why bytes are not a valid identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdentityError {
    /// Not an identity, or of an unknown organisation.
    #[error("{0}")]
    Malformed(String),
    /// An identity that its organisation does not accept.
    #[error("{reason}")]
    Invalid {
        /// The organisation.
        msp_id: String,
        /// Why.
        reason: String,
    },
}

impl Membership {
    /// The channel's organisations, each with its certificate authority as PEM.
    pub(crate) fn new<'a>(
        organizations: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, CaError> {
        let organizations = organizations
            .into_iter()
            .map(|(msp_id, ca_pem)| {
                let root = Root::from_pem(ca_pem).map_err(|reason| CaError::Unusable {
                    subject: format!("certificate authority of {msp_id}"),
                    reason,
                })?;
                Ok((msp_id.to_owned(), Organization { root }))
            })
            .collect::<Result<_, CaError>>()?;
        Ok(Self {
            organizations,
            identities: BoundedCache::new(IDENTITIES_MAX),
            signatures: BoundedCache::new(SIGNATURES_MAX),
        })
    }

    /// The identity in a marshalled `SerializedIdentity`, if it is valid. Wall-clock time plays no
    /// part: certificates are judged at their own first second, as Fabric does.
    pub(crate) fn identity(&self, serialized: &[u8]) -> Result<Arc<Member>, IdentityError> {
        if let Some(known) = self.identities.get(serialized) {
            return known;
        }
        let found = self.parse(serialized).map(Arc::new);
        self.identities.insert(Bytes::copy_from_slice(serialized), found.clone());
        found
    }

    fn parse(&self, serialized: &[u8]) -> Result<Member, IdentityError> {
        let malformed = |reason: &str| IdentityError::Malformed(reason.to_owned());
        let identity = SerializedIdentity::decode(serialized)
            .map_err(|_| malformed("it is not a serialized identity"))?;
        let Some(organization) = self.organizations.get(&identity.mspid) else {
            return Err(IdentityError::Malformed(format!("MSP {} is unknown", identity.mspid)));
        };
        Member::parse(&identity.mspid, &identity.id_bytes, &organization.root)
    }

    /// Whether the signature is the key's over the message. The result is remembered if so.
    pub(crate) fn verify(
        &self,
        key: &VerifyingKey,
        message: &[&[u8]],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let message = message.concat();
        let entry = signature_entry(key, &message, signature);
        if self.signatures.get(&entry).is_some() {
            return Ok(());
        }
        key.verify(&message, signature)?;
        self.signatures.insert(entry, ());
        Ok(())
    }

    /// Remembers a signature that this process has just made itself.
    pub(crate) fn made(&self, key: &VerifyingKey, message: &[u8], signature: &[u8]) {
        self.signatures.insert(signature_entry(key, message, signature), ());
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

impl Role {
    /// May propose and submit transactions: `Writers` as the test network sets it.
    pub(crate) const fn is_writer(self) -> bool {
        matches!(self, Self::Client | Self::Admin)
    }

    /// May read blocks and outcomes: `Readers` as the test network sets it.
    pub(crate) const fn is_reader(self) -> bool {
        matches!(self, Self::Client | Self::Admin | Self::Peer)
    }
}
