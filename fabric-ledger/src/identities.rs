use crate::policy::Principal;

/// Who signs: certificates and signatures, of which the rules know nothing themselves.
///
/// Implementations judge certificates at the moment they were issued, as Fabric's membership
/// service does: what is valid once stays valid, so that every peer decides alike at any time.
pub trait Identities {
    /// A parsed identity. Two are equal when they are one certificate of one organisation, however
    /// they were serialized.
    type Identity: PartialEq;

    /// Reads a `SerializedIdentity` of an organisation of the channel, up to its chain of
    /// certificates; `None` if any of it is malformed or unknown.
    fn parse(&self, serialized: &[u8]) -> Option<Self::Identity>;

    /// The MSP id of the identity's organisation.
    fn msp_id<'a>(&self, identity: &'a Self::Identity) -> &'a str;

    /// Whether the certificate is valid: not an authority's, not revoked, of exactly one role.
    fn is_valid(&self, identity: &Self::Identity) -> bool;

    /// Whether the signature over the message is the identity's.
    fn verify(&self, identity: &Self::Identity, message: &[u8], signature: &[u8]) -> bool;

    /// Whether the identity is valid and is, or belongs to, the principal.
    fn satisfies(&self, identity: &Self::Identity, principal: &Principal) -> bool;
}

impl<T: Identities + ?Sized> Identities for &T {
    type Identity = T::Identity;

    fn parse(&self, serialized: &[u8]) -> Option<Self::Identity> {
        (**self).parse(serialized)
    }
    fn msp_id<'a>(&self, identity: &'a Self::Identity) -> &'a str {
        (**self).msp_id(identity)
    }
    fn is_valid(&self, identity: &Self::Identity) -> bool {
        (**self).is_valid(identity)
    }
    fn verify(&self, identity: &Self::Identity, message: &[u8], signature: &[u8]) -> bool {
        (**self).verify(identity, message, signature)
    }
    fn satisfies(&self, identity: &Self::Identity, principal: &Principal) -> bool {
        (**self).satisfies(identity, principal)
    }
}
