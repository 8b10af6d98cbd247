use std::collections::BTreeMap;
use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose, PublicKeyData, SerialNumber,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;
use time::{Duration, OffsetDateTime};
use x509_parser::pem::Pem;

use crate::files::FileError;

/// How far certificates are dated back, for clients and servers whose clocks differ.
const BACKDATED: Duration = Duration::minutes(5);
/// How long certificates last.
const VALIDITY: Duration = Duration::days(3650);
/// Length of serial numbers: unique without a register of those given out.
const SERIAL_BYTES: usize = 16;
/// The extension in which Fabric's certificate authority keeps attributes.
pub(crate) const ATTRIBUTES_OID: [u64; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 1];

/// What an identity is in its organisation: the organisational unit in its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// An application's or a person's identity.
    Client,
    /// An administrator of the organisation.
    Admin,
    /// A peer.
    Peer,
    /// An orderer.
    Orderer,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Client, Self::Peer, Self::Admin, Self::Orderer];

    /// The organisational unit.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Admin => "admin",
            Self::Peer => "peer",
            Self::Orderer => "orderer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.unit())
    }
}

/// Identities could not be made, kept or found.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key or certificate was not accepted.
    #[error("{subject}: {reason}; remove the file to have it made anew")]
    Unusable {
        /// Which one.
        subject: String,
        /// Why.
        reason: String,
    },
    /// The caller's public key or certificate request was not accepted.
    #[error("the given {what} is not usable: {reason}; give PEM of an ECDSA P-256 key")]
    CallersKey {
        /// Public key or certificate request.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// No such organisation in this directory.
    #[error("no organisation with MSP id `{msp_id}` here; there are: {known}")]
    UnknownOrganization {
        /// What was asked for.
        msp_id: String,
        /// What there is.
        known: String,
    },
    /// A name that cannot be a file name or a certificate's subject.
    #[error(
        "`{0}` cannot be an identity's name: use 1 to 64 of a-z, A-Z, 0-9, `.`, `_` and `-`, \
         starting with a letter or digit"
    )]
    Name(String),
    /// The name is taken, and replacing its certificate was not asked for.
    #[error("`{name}` of {msp_id} is enrolled already, under {path}")]
    Enrolled {
        /// The name.
        name: String,
        /// Its organisation.
        msp_id: String,
        /// Where its files are.
        path: String,
    },
    /// An attribute only the certificate authority sets.
    #[error("attribute `{0}` is set by the certificate authority: leave it out")]
    ReservedAttribute(String),
    /// Only clients and admins are enrolled by name.
    #[error("identities with role `{0}` are made with their organisation: enrol a client or admin")]
    NodeRole(Role),
    /// The system has no randomness to give.
    #[error("the system's random generator failed")]
    Random,
}

/// A P-256 key pair with its PKCS#8 PEM.
pub(crate) type KeyPair = rcgen::KeyPair;

/// What a certificate is asked for.
#[derive(Clone, Debug)]
pub(crate) struct CertificateRequest<'a> {
    pub(crate) common_name: &'a str,
    pub(crate) kind: CertificateKind<'a>,
    /// Last day, if not the usual one.
    pub(crate) not_after: Option<OffsetDateTime>,
}

#[derive(Clone, Debug)]
pub(crate) enum CertificateKind<'a> {
    /// Signs proposals, endorsements or blocks.
    Identity { role: Role, attributes: BTreeMap<&'a str, &'a str> },
    /// Serves TLS under these host names and addresses.
    TlsServer { hosts: Vec<String> },
}

/// A certificate authority: a self-signed certificate and its key.
pub(crate) struct Authority {
    certificate_pem: String,
    not_before: OffsetDateTime,
    issuer: Issuer<'static, KeyPair>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("not_before", &self.not_before).finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes an authority; with its key's PEM, to be kept secret.
    pub(crate) fn generate(name: &str, organization: &str) -> Result<(Self, String), CaError> {
        let failed = |err: rcgen::Error| unusable(name, err);
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, organization);
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(random_serial()?);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
        ];
        params.not_before = OffsetDateTime::now_utc() - BACKDATED;
        params.not_after = params.not_before + VALIDITY;
        let certificate = params.self_signed(&key).map_err(failed)?;
        let key_pem = key.serialize_pem();
        Ok((Self::load(name, certificate.pem(), &key_pem)?, key_pem))
    }

    /// Takes up an authority made earlier.
    pub(crate) fn load(
        name: &str,
        certificate_pem: String,
        key_pem: &str,
    ) -> Result<Self, CaError> {
        let key = KeyPair::from_pem(key_pem).map_err(|err| unusable(name, err))?;
        let (_, pem) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes())
            .map_err(|err| unusable(name, err))?;
        let not_before = {
            let certificate = parse(&pem).map_err(|err| unusable(name, err))?;
            if certificate.public_key().subject_public_key.data != key.public_key_raw() {
                return Err(unusable(name, "certificate and private key do not belong together"));
            }
            certificate.validity().not_before.to_datetime()
        };
        let issuer = Issuer::from_ca_cert_der(&pem.contents.as_slice().into(), key)
            .map_err(|err| unusable(name, err))?;
        Ok(Self { certificate_pem, not_before, issuer })
    }

    pub(crate) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Issues a certificate for a public key, as PEM.
    pub(crate) fn issue(
        &self,
        request: &CertificateRequest<'_>,
        public_key: &impl PublicKeyData,
    ) -> Result<String, CaError> {
        let failed = |err: rcgen::Error| unusable(request.common_name, err);
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        match &request.kind {
            CertificateKind::Identity { role, attributes } => {
                params.distinguished_name.push(DnType::OrganizationalUnitName, role.unit());
                params.custom_extensions.push(attributes_extension(attributes));
            }
            CertificateKind::TlsServer { hosts } => {
                params.subject_alt_names =
                    CertificateParams::new(hosts.as_slice()).map_err(failed)?.subject_alt_names;
                params.extended_key_usages =
                    vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
            }
        }
        params.distinguished_name.push(DnType::CommonName, request.common_name);
        params.serial_number = Some(random_serial()?);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        // A certificate older than its authority is refused: chains are verified at the leaf's
        // first second.
        params.not_before = (OffsetDateTime::now_utc() - BACKDATED).max(self.not_before);
        params.not_after = request.not_after.unwrap_or(params.not_before + VALIDITY);
        Ok(params.signed_by(public_key, &self.issuer).map_err(failed)?.pem())
    }
}

fn attributes_extension(attributes: &BTreeMap<&str, &str>) -> CustomExtension {
    let content = json!({ "attrs": attributes }).to_string().into_bytes();
    CustomExtension::from_oid_content(&ATTRIBUTES_OID, content)
}

pub(crate) fn parse(pem: &Pem) -> Result<x509_parser::certificate::X509Certificate<'_>, String> {
    pem.parse_x509().map_err(|err| err.to_string())
}

pub(crate) fn unusable(subject: &str, reason: impl fmt::Display) -> CaError {
    CaError::Unusable { subject: subject.to_owned(), reason: reason.to_string() }
}

fn random_serial() -> Result<SerialNumber, CaError> {
    let mut bytes = [0u8; SERIAL_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| CaError::Random)?;
    // Positive and without a leading zero byte.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}
