//! Who signed the proposal.

mod attributes;
mod error;
mod name;

pub use error::IdentityError;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use name::Name;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::{Oid, oid};
use x509_parser::prelude::FromDer;

/// The largest PEM text taken for a certificate.
///
/// A certificate with a P-256 key and a dozen attributes has about 1.5 kB; one with a post-quantum
/// key stays below this. It bounds what one proposal makes a server parse and keep.
pub const CERTIFICATE_PEM_BYTES_MAX: usize = 16 * 1024;

/// The longest MSP id. Real ones are names such as `Org1MSP`.
const MSP_ID_BYTES_MAX: usize = 255;

/// Where Fabric's certificate authority puts attributes.
const ATTRIBUTES_OID: Oid<'static> = oid!(1.2.3.4.5.6.7.8.1);

/// The attribute a Fabric certificate authority writes the enrolment id into.
const ENROLMENT_ID_ATTRIBUTE: &str = "hf.EnrollmentID";

const PEM_BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const PEM_END: &str = "-----END CERTIFICATE-----";

/// Who signed the proposal, from the creator's certificate alone.
///
/// A peer has verified the certificate's chain and the proposal's signature before a contract runs,
/// so what is read here is vouched for by the organisation [`msp_id`](Self::msp_id) names, and by
/// nobody else: names and attributes mean something only together with that MSP id.
///
/// Cloning is cheap; a server keeps one for each creator it has seen.
///
/// ```
/// use fabric_contract_rs::testing::TestIdentity;
/// use fabric_contract_rs::{ClientIdentity, IdentityError, NodeOu};
///
/// # fn main() -> Result<(), IdentityError> {
/// let pem = TestIdentity::new("Org1MSP", "user1").attribute("role", "clinician").certificate_pem();
///
/// let client = ClientIdentity::from_pem("Org1MSP", pem.as_bytes())?;
/// assert_eq!(client.msp_id(), "Org1MSP");
/// assert_eq!(client.enrolment_id()?, "user1");
/// assert_eq!(client.attribute("role"), Some("clinician"));
/// assert_eq!(client.node_ou(), Some(NodeOu::Client));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClientIdentity {
    inner: Arc<Inner>,
}

struct Inner {
    msp_id: String,
    id: String,
    common_names: Vec<String>,
    organizational_units: Vec<String>,
    attributes: BTreeMap<String, String>,
    public_key_hash: [u8; 32],
}

/// The part an identity plays in its organisation, by Fabric's node organizational units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeOu {
    /// A user or an application.
    Client,
    /// A peer.
    Peer,
    /// An administrator of the organisation.
    Admin,
    /// An ordering node.
    Orderer,
}

impl NodeOu {
    fn of(unit: &str) -> Option<Self> {
        match unit {
            "client" => Some(Self::Client),
            "peer" => Some(Self::Peer),
            "admin" => Some(Self::Admin),
            "orderer" => Some(Self::Orderer),
            _ => None,
        }
    }
}

impl ClientIdentity {
    /// Reads a creator: its MSP id and its certificate in PEM.
    ///
    /// Exactly one `CERTIFICATE` block is taken, with nothing but white space around it. Fabric is
    /// laxer: its MSP and its Go library skip text before the first block, and not every check
    /// minds what follows it. One identity would then have many creators, and a reader that looks
    /// at another block than the peer did would see another person.
    ///
    /// Neither the chain nor the validity period is checked: the peer did, and a contract has no
    /// clock.
    ///
    /// # Errors
    /// Any [`IdentityError`] but the two about enrolment ids.
    pub fn from_pem(msp_id: &str, certificate_pem: &[u8]) -> Result<Self, IdentityError> {
        if msp_id.is_empty() || msp_id.len() > MSP_ID_BYTES_MAX {
            return Err(IdentityError::MspId);
        }
        let der = der_of(certificate_pem)?;
        let (rest, certificate) =
            X509Certificate::from_der(&der).map_err(|_| IdentityError::Malformed)?;
        if !rest.is_empty() {
            return Err(IdentityError::Malformed);
        }
        // Two extensions of one kind are malformed altogether, as for Go.
        certificate.extensions_map().map_err(|_| IdentityError::Malformed)?;
        let attributes = certificate
            .get_extension_unique(&ATTRIBUTES_OID)
            .map_err(|_| IdentityError::Malformed)?
            .map_or_else(|| Ok(BTreeMap::new()), |extension| attributes::read(extension.value))?;
        let subject = Name::read(certificate.subject())?;
        let issuer = Name::read(certificate.issuer())?;
        let id = STANDARD.encode(format!("x509::{}::{}", subject.text(), issuer.text()));
        Ok(Self {
            inner: Arc::new(Inner {
                msp_id: msp_id.to_owned(),
                id,
                common_names: subject.common_name,
                organizational_units: subject.organizational_unit,
                attributes,
                public_key_hash: Sha256::digest(certificate.public_key().raw).into(),
            }),
        })
    }

    /// The organisation's MSP id.
    pub fn msp_id(&self) -> &str {
        &self.inner.msp_id
    }

    /// The id that Fabric's other chaincode libraries compute: base64 of
    /// `x509::` *subject* `::` *issuer*, both as Go writes distinguished names.
    ///
    /// For ledgers that already hold such ids. It survives a renewal of the certificate, but it is
    /// weak as an identity: it leaves out the MSP id and every unusual attribute of the names, so
    /// that different certificates can share it. Prefer [`enrolment_id`](Self::enrolment_id) with
    /// [`msp_id`](Self::msp_id), or [`public_key_hash`](Self::public_key_hash).
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// An attribute that the organisation's certificate authority has put into the certificate.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.inner.attributes.get(name).map(String::as_str)
    }

    /// The subject's organizational units, in the order of the certificate.
    pub fn organizational_units(&self) -> &[String] {
        &self.inner.organizational_units
    }

    /// The subject's common name; `None` when it has none or several.
    pub fn common_name(&self) -> Option<&str> {
        match self.inner.common_names.as_slice() {
            [name] if !name.is_empty() => Some(name),
            _ => None,
        }
    }

    /// SHA-256 of the DER of the certificate's SubjectPublicKeyInfo (RFC 5280, 4.1.2.7): the
    /// algorithm with its parameters and the key, as `openssl x509 -pubkey` prints in PEM.
    ///
    /// What a participant is pinned to, so that no certificate authority can stand in for it. The
    /// hash stays when the certificate is renewed for the same key.
    pub fn public_key_hash(&self) -> [u8; 32] {
        self.inner.public_key_hash
    }

    /// The name under which the organisation has enrolled the client: the attribute
    /// `hf.EnrollmentID`, else the subject's common name.
    ///
    /// It fails closed: where the certificate names two, no one is chosen.
    ///
    /// # Errors
    /// [`IdentityError::NoEnrolmentId`] when there is neither or the one there is empty;
    /// [`IdentityError::AmbiguousEnrolmentId`] when attribute and common name differ, or when there
    /// are several common names, even if the attribute would settle it.
    pub fn enrolment_id(&self) -> Result<&str, IdentityError> {
        let attribute = self.attribute(ENROLMENT_ID_ATTRIBUTE);
        let common_name = match self.inner.common_names.as_slice() {
            [] => None,
            [name] => Some(name.as_str()),
            [_, _, ..] => return Err(IdentityError::AmbiguousEnrolmentId),
        };
        let id = match (attribute, common_name) {
            (Some(attribute), Some(name)) if attribute != name => {
                return Err(IdentityError::AmbiguousEnrolmentId);
            }
            (Some(id), _) | (None, Some(id)) => id,
            (None, None) => return Err(IdentityError::NoEnrolmentId),
        };
        if id.is_empty() { Err(IdentityError::NoEnrolmentId) } else { Ok(id) }
    }

    /// Which of the units `client`, `peer`, `admin` and `orderer` the subject has, under Fabric's
    /// default names; `None` unless it has exactly one of them, once.
    pub fn node_ou(&self) -> Option<NodeOu> {
        let mut found = self.inner.organizational_units.iter().filter_map(|unit| NodeOu::of(unit));
        match (found.next(), found.next()) {
            (found, None) => found,
            _ => None,
        }
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names and attributes are personal data: a log gets the organisation.
        f.debug_struct("ClientIdentity").field("msp_id", &self.inner.msp_id).finish_non_exhaustive()
    }
}

/// The bytes of the only PEM block in `pem`.
fn der_of(pem: &[u8]) -> Result<Vec<u8>, IdentityError> {
    if pem.len() > CERTIFICATE_PEM_BYTES_MAX {
        return Err(IdentityError::TooLarge);
    }
    let body = std::str::from_utf8(pem)
        .ok()
        .and_then(|text| text.trim_ascii().strip_prefix(PEM_BEGIN)?.strip_suffix(PEM_END))
        .ok_or(IdentityError::NotOnePem)?;
    // Neither a second block nor a header survives this: base64 has no `-` and no `:`.
    let text: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(text).map_err(|_| IdentityError::NotOnePem)
}
