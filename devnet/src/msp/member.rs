use std::sync::Arc;

use fabric_identity::VerifyingKey;
use fabric_ledger::policy::{Principal, Role as PrincipalRole};
use fabric_ledger::sha256;
use fabric_protos::msp::SerializedIdentity;
use prost::Message as _;

use super::IdentityError;
use super::certificate::{Root, first_pem, parse, public_key};
use crate::ca::Role;

/// A valid identity of an organisation of the channel.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) msp_id: Arc<str>,
    pub(crate) role: Role,
    pub(crate) key: VerifyingKey,
    /// Last second of validity, since 1970. Only what Fabric checks against the clock looks here.
    pub(crate) expires_at: i64,
    /// SHA-256 of the certificate: tells identities apart whatever PEM they came in.
    pub(crate) certificate_hash: [u8; 32],
    units: Vec<String>,
}

impl Member {
    pub(super) fn parse(msp_id: &str, pem: &[u8], root: &Root) -> Result<Self, IdentityError> {
        let malformed = IdentityError::Malformed;
        let pem = first_pem(pem).map_err(malformed)?;
        let certificate = parse(&pem).map_err(malformed)?;
        let key = public_key(&certificate).map_err(malformed)?;
        // Fabric looks for the chain while it reads an identity, so a foreign one is malformed.
        root.issued(&certificate).map_err(malformed)?;
        let invalid =
            |reason: String| IdentityError::Invalid { msp_id: msp_id.to_owned(), reason };
        if certificate.is_ca() {
            return Err(invalid("a certificate authority cannot be an identity".to_owned()));
        }
        let units: Vec<String> = (certificate.subject().iter_organizational_unit())
            .filter_map(|unit| unit.as_str().ok().map(str::to_owned))
            .collect();
        let mut roles = Role::ALL.into_iter().filter(|role| {
            units.iter().any(|unit| unit == role.unit())
        });
        let role = match (roles.next(), roles.next()) {
            (Some(role), None) => role,
            (None, _) => {
                return Err(invalid(
                    "the identity has none of the organisational units client, peer, admin and \
                     orderer"
                        .to_owned(),
                ));
            }
            (Some(one), Some(other)) => {
                return Err(invalid(format!(
                    "the identity has both organisational units {one} and {other}"
                )));
            }
        };
        Ok(Self {
            msp_id: msp_id.into(),
            role,
            key,
            expires_at: certificate.validity().not_after.timestamp(),
            certificate_hash: sha256(certificate.as_raw()),
            units,
        })
    }

    /// Whether the identity is one of those a policy's leaf names.
    pub(crate) fn satisfies(&self, principal: &Principal) -> bool {
        match principal {
            Principal::Role { msp_id, role } => {
                **msp_id == *self.msp_id
                    && match role {
                        PrincipalRole::Member => true,
                        PrincipalRole::Admin => self.role == Role::Admin,
                        PrincipalRole::Client => self.role == Role::Client,
                        PrincipalRole::Peer => self.role == Role::Peer,
                        PrincipalRole::Orderer => self.role == Role::Orderer,
                    }
            }
            // A unit that has to come from a certain chain of certificates never matches: the
            // organisations here have no intermediate authorities to tell apart.
            Principal::OrganizationUnit { msp_id, unit, certifiers } => {
                **msp_id == *self.msp_id && certifiers.is_empty() && self.units.contains(unit)
            }
            Principal::Identity(serialized) => self.is(serialized),
            Principal::Nobody => false,
        }
    }

    fn is(&self, serialized: &[u8]) -> bool {
        let Ok(identity) = SerializedIdentity::decode(serialized) else { return false };
        let Ok(pem) = first_pem(&identity.id_bytes) else { return false };
        *identity.mspid == *self.msp_id && sha256(&pem.contents) == self.certificate_hash
    }
}
