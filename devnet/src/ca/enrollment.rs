use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use rcgen::{CertificateSigningRequestParams, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use time::OffsetDateTime;

use super::authority::{CaError, CertificateKind, CertificateRequest, KeyPair, Role, unusable};
use super::layout::{OrganizationFiles, default_attributes};

/// Longest name: what a certificate's common name may hold.
const NAME_MAX: usize = 64;
/// Prefix of the attributes that only the certificate authority sets.
const RESERVED_PREFIX: &str = "hf.";

/// Where the enrolled identity's key comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EnrollKey {
    /// Made here and written to the user's `keystore`.
    #[default]
    Generate,
    /// The caller keeps the private key and gives its public half: `PUBLIC KEY` PEM.
    PublicKey(String),
    /// As before, with proof that the caller has it: PKCS#10 PEM. Only its key is used; name and
    /// attributes are those of the request around it.
    CertificateRequest(String),
}

/// An identity to enrol.
///
/// ```no_run
/// use fabric_devnet::{EnrollRequest, enroll};
///
/// let request = EnrollRequest::client("Org1MSP", "patient-1").attribute("role", "patient");
/// let enrolled = enroll("devnet".as_ref(), &request)?;
/// println!("certificate in {}", enrolled.msp_dir.display());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrollRequest {
    /// MSP id of the organisation.
    pub msp_id: String,
    /// Enrolment id; also the certificate's common name.
    pub name: String,
    /// [`Role::Client`] or [`Role::Admin`].
    pub role: Role,
    /// Attributes for the certificate, by name.
    pub attributes: BTreeMap<String, String>,
    /// Where the key comes from.
    pub key: EnrollKey,
    /// End of validity, if not the usual ten years.
    pub not_after: Option<OffsetDateTime>,
    /// Whether a certificate of the same name may be replaced.
    pub replace: bool,
}

impl EnrollRequest {
    /// A client with a key made here.
    pub fn client(msp_id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            msp_id: msp_id.into(),
            name: name.into(),
            role: Role::Client,
            attributes: BTreeMap::new(),
            key: EnrollKey::Generate,
            not_after: None,
            replace: false,
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// Sets where the key comes from.
    #[must_use]
    pub fn key(mut self, key: EnrollKey) -> Self {
        self.key = key;
        self
    }
}

/// An enrolled identity.
#[derive(Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// Its certificate.
    pub certificate_pem: String,
    /// Its private key as PKCS#8 PEM, if it was made here.
    pub private_key_pem: Option<String>,
    /// Its MSP directory.
    pub msp_dir: PathBuf,
}

impl fmt::Debug for Enrolled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrolled").field("msp_dir", &self.msp_dir).finish_non_exhaustive()
    }
}

/// Enrols with an organisation whose files are open.
pub(crate) fn enroll_with(
    files: &OrganizationFiles,
    request: &EnrollRequest,
) -> Result<Enrolled, CaError> {
    check(request)?;
    if !request.replace && files.has_user(&request.name) {
        return Err(CaError::Enrolled {
            name: request.name.clone(),
            msp_id: request.msp_id.clone(),
            path: files.user_msp(&request.name).display().to_string(),
        });
    }
    let mut attributes = default_attributes(&request.name, request.role);
    attributes
        .extend(request.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let certificate_request = CertificateRequest {
        common_name: &request.name,
        kind: CertificateKind::Identity { role: request.role, attributes },
        not_after: request.not_after,
    };
    let ca = files.ca();
    let (certificate_pem, private_key_pem) = match &request.key {
        EnrollKey::Generate => {
            let key = KeyPair::generate().map_err(|err| unusable(&request.name, err))?;
            (ca.issue(&certificate_request, &key)?, Some(key.serialize_pem()))
        }
        EnrollKey::PublicKey(pem) => {
            let what = "public key";
            let key = rcgen::SubjectPublicKeyInfo::from_pem(pem)
                .map_err(|err| CaError::CallersKey { what, reason: err.to_string() })?;
            (ca.issue(&certificate_request, p256(what, &key)?)?, None)
        }
        EnrollKey::CertificateRequest(pem) => {
            let what = "certificate request";
            let csr = CertificateSigningRequestParams::from_pem(pem)
                .map_err(|err| CaError::CallersKey { what, reason: err.to_string() })?;
            (ca.issue(&certificate_request, p256(what, &csr.public_key)?)?, None)
        }
    };
    let msp_dir = files.write_user(&request.name, &certificate_pem, private_key_pem.as_deref())?;
    Ok(Enrolled { certificate_pem, private_key_pem, msp_dir })
}

fn check(request: &EnrollRequest) -> Result<(), CaError> {
    if !matches!(request.role, Role::Client | Role::Admin) {
        return Err(CaError::NodeRole(request.role));
    }
    let name = &request.name;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if name.len() > NAME_MAX || !starts_well || !name.bytes().all(allowed) {
        return Err(CaError::Name(name.clone()));
    }
    match request.attributes.keys().find(|name| name.starts_with(RESERVED_PREFIX)) {
        Some(reserved) => Err(CaError::ReservedAttribute(reserved.clone())),
        None => Ok(()),
    }
}

fn p256<'k, K: PublicKeyData>(what: &'static str, key: &'k K) -> Result<&'k K, CaError> {
    if key.algorithm() == &PKCS_ECDSA_P256_SHA256 {
        Ok(key)
    } else {
        let reason = "it is of another algorithm or curve".to_owned();
        Err(CaError::CallersKey { what, reason })
    }
}
