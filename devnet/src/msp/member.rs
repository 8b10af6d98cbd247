use std::sync::Arc;

use fabric_identity::VerifyingKey;
use fabric_ledger::policy::{Principal, Role as PrincipalRole};
use fabric_ledger::{Timestamp, sha256};
use fabric_protos::msp::SerializedIdentity;
use prost::Message as _;

use super::certificate::{Root, first_pem, parse, public_key};
use crate::ca::Role;

/// An identity of an organisation of the channel, valid or not.
#[derive(Debug)]
pub struct Member {
    pub(crate) msp_id: Arc<str>,
    pub(crate) key: VerifyingKey,
    /// Last second of validity, since 1970. Only what Fabric checks against the clock looks here.
    expires_at: i64,
    /// SHA-256 of the certificate: tells identities apart whatever PEM they came in.
    pub(crate) certificate_hash: [u8; 32],
    units: Vec<String>,
    role: Result<Role, String>,
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        self.msp_id == other.msp_id && self.certificate_hash == other.certificate_hash
    }
}

impl Member {
    pub(super) fn parse(msp_id: &str, pem: &[u8], root: &Root) -> Result<Self, String> {
        let pem = first_pem(pem)?;
        let certificate = parse(&pem)?;
        let key = public_key(&certificate)?;
        // Fabric looks for the chain while it reads an identity, so a foreign one is malformed.
        root.issued(&certificate)?;
        let units: Vec<String> = (certificate.subject().iter_organizational_unit())
            .filter_map(|unit| unit.as_str().ok().map(str::to_owned))
            .collect();
        let role = if certificate.is_ca() {
            Err("a certificate authority cannot be an identity".to_owned())
        } else {
            only_role(&units)
        };
        Ok(Self {
            msp_id: msp_id.into(),
            key,
            expires_at: certificate.validity().not_after.timestamp(),
            certificate_hash: sha256(certificate.as_raw()),
            units,
            role,
        })
    }

    /// The identity's only role, if the identity is valid.
    pub(crate) fn role(&self) -> Result<Role, &str> {
        match &self.role {
            Ok(role) => Ok(*role),
            Err(reason) => Err(reason),
        }
    }

    /// Whether the certificate has ended.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        now.seconds > self.expires_at
    }

    /// Whether the identity is one of those a policy's leaf names.
    pub(crate) fn satisfies(&self, principal: &Principal) -> bool {
        let Ok(own) = self.role() else { return false };
        match principal {
            Principal::Role { msp_id, role } => {
                **msp_id == *self.msp_id
                    && match role {
                        PrincipalRole::Member => true,
                        PrincipalRole::Admin => own == Role::Admin,
                        PrincipalRole::Client => own == Role::Client,
                        PrincipalRole::Peer => own == Role::Peer,
                        PrincipalRole::Orderer => own == Role::Orderer,
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

fn only_role(units: &[String]) -> Result<Role, String> {
    // One that is there twice counts twice, as it does to Fabric.
    let named = |unit: &String| Role::ALL.into_iter().find(|role| unit == role.unit());
    let mut roles = units.iter().filter_map(named);
    match (roles.next(), roles.next()) {
        (Some(role), None) => Ok(role),
        (None, _) => Err("the identity has none of the organisational units client, peer, admin \
                          and orderer"
            .to_owned()),
        (Some(one), Some(other)) => {
            Err(format!("the identity has both organisational units {one} and {other}"))
        }
    }
}
