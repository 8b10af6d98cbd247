//! X.509 as far as Fabric's membership looks at it.

use fabric_identity::VerifyingKey;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{
    OID_KEY_TYPE_EC_PUBLIC_KEY, OID_SIG_ECDSA_WITH_SHA256, OID_X509_EXT_BASIC_CONSTRAINTS,
    OID_X509_EXT_EXTENDED_KEY_USAGE, OID_X509_EXT_KEY_USAGE, OID_X509_EXT_SUBJECT_ALT_NAME, Oid,
};
use x509_parser::pem::{Pem, parse_x509_pem};

/// Extensions that may be critical because they are understood.
const UNDERSTOOD: [Oid<'static>; 4] = [
    OID_X509_EXT_BASIC_CONSTRAINTS,
    OID_X509_EXT_EXTENDED_KEY_USAGE,
    OID_X509_EXT_KEY_USAGE,
    OID_X509_EXT_SUBJECT_ALT_NAME,
];

/// An organisation's self-signed certificate authority.
#[derive(Debug)]
pub(super) struct Root {
    subject: Vec<u8>,
    key: UnparsedPublicKey<Vec<u8>>,
    not_before: i64,
    not_after: i64,
}

impl Root {
    pub(super) fn from_pem(pem: &str) -> Result<Self, String> {
        let pem = first_pem(pem.as_bytes())?;
        let certificate = parse(&pem)?;
        if !certificate.is_ca() {
            return Err("it is not a certificate authority's certificate".to_owned());
        }
        let point = certificate.public_key().subject_public_key.data.to_vec();
        VerifyingKey::from_sec1_point(&point).map_err(|err| err.to_string())?;
        Ok(Self {
            subject: certificate.subject().as_raw().to_vec(),
            key: UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
        })
    }

    /// Whether this authority issued the certificate and both were valid at the certificate's
    /// first second.
    pub(super) fn issued(&self, certificate: &X509Certificate<'_>) -> Result<(), String> {
        if certificate.issuer().as_raw() != self.subject {
            return Err("certificate signed by unknown authority".to_owned());
        }
        if certificate.signature_algorithm.algorithm != OID_SIG_ECDSA_WITH_SHA256 {
            return Err("the certificate's signature is not ECDSA with SHA-256".to_owned());
        }
        let signed = certificate.tbs_certificate.as_ref();
        let signature = &certificate.signature_value.data;
        if self.key.verify(signed, signature).is_err() {
            return Err("certificate signed by unknown authority".to_owned());
        }
        let at = certificate.validity().not_before.timestamp().saturating_add(1);
        if at > certificate.validity().not_after.timestamp() {
            return Err("the certificate ends before it begins".to_owned());
        }
        if at < self.not_before || at > self.not_after {
            return Err("the certificate is older or younger than its authority".to_owned());
        }
        let unknown = certificate
            .extensions()
            .iter()
            .find(|extension| extension.critical && !UNDERSTOOD.contains(&extension.oid));
        match unknown {
            Some(extension) => Err(format!("unhandled critical extension {}", extension.oid)),
            None => Ok(()),
        }
    }
}

pub(super) fn first_pem(text: &[u8]) -> Result<Pem, String> {
    let (_, pem) = parse_x509_pem(text).map_err(|_| "could not decode the PEM structure")?;
    Ok(pem)
}

pub(super) fn parse(pem: &Pem) -> Result<X509Certificate<'_>, String> {
    let certificate = pem.parse_x509().map_err(|err| format!("parseCertificate failed: {err}"))?;
    if certificate.as_raw().len() != pem.contents.len() {
        return Err("parseCertificate failed: trailing data".to_owned());
    }
    Ok(certificate)
}

/// The certificate's key, if it is one Fabric's membership takes.
pub(super) fn public_key(certificate: &X509Certificate<'_>) -> Result<VerifyingKey, String> {
    let key = certificate.public_key();
    if key.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY {
        return Err("the certificate's key is not an ECDSA key".to_owned());
    }
    VerifyingKey::from_sec1_point(&key.subject_public_key.data).map_err(|err| err.to_string())
}
