use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, DnValue, IsCa, Issuer, KeyPair,
};
use time::{Duration, OffsetDateTime};

use super::*;
use crate::ca::Role;

const ORG: &str = "Org1MSP";

/// An organisation's authority, and certificates that it issues or somebody else.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "ca.org1");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = OffsetDateTime::now_utc() - Duration::hours(1);
        params.not_after = OffsetDateTime::now_utc() + Duration::hours(1);
        Self { params, key: KeyPair::generate().unwrap() }
    }

    fn membership(&self) -> Membership {
        let pem = self.params.self_signed(&self.key).unwrap().pem();
        Membership::new([(ORG, pem.as_str())]).unwrap()
    }

    /// An identity whose only role is client, after `change`.
    fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::OrganizationalUnitName, "client");
        params.is_ca = IsCa::ExplicitNoCa;
        params.not_before = OffsetDateTime::now_utc();
        params.not_after = OffsetDateTime::now_utc() + Duration::hours(2);
        change(&mut params);
        let issuer = Issuer::from_params(&self.params, &self.key);
        params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().pem()
    }
}

fn serialized(msp_id: &str, pem: &str) -> Vec<u8> {
    let id_bytes = Bytes::copy_from_slice(pem.as_bytes());
    SerializedIdentity { mspid: msp_id.to_owned(), id_bytes }.encode_to_vec()
}

/// `Ok(role)`, `invalid: reason` or `malformed: reason`.
fn judge(membership: &Membership, identity: &[u8]) -> String {
    match membership.identity(identity) {
        Ok(member) => match member.role() {
            Ok(role) => role.to_string(),
            Err(reason) => format!("invalid: {reason}"),
        },
        Err(reason) => format!("malformed: {reason}"),
    }
}

fn check(change: impl FnOnce(&mut CertificateParams), expected: &str) {
    let authority = Authority::new();
    let identity = serialized(ORG, &authority.issue(change));
    let membership = authority.membership();
    let found = judge(&membership, &identity);
    assert!(found.starts_with(expected), "{found}");
    // The second answer comes from the cache.
    assert_eq!(judge(&membership, &identity), found);
}

fn unit(params: &mut CertificateParams, unit: &str) {
    params.distinguished_name.remove(DnType::OrganizationalUnitName);
    params.distinguished_name.push(DnType::OrganizationalUnitName, unit);
}

#[test]
fn an_identity_has_exactly_one_role() {
    for role in Role::ALL {
        check(|params| unit(params, role.unit()), role.unit());
    }
    check(|params| unit(params, "nurses"), "invalid: the identity has none of the organisational");
    // Several units: the generator keeps one of each type, so the second has its type spelt out.
    let another = |params: &mut CertificateParams, value: &str| {
        let kind = DnType::CustomDnType(vec![2, 5, 4, 11]);
        params.distinguished_name.push(kind, DnValue::Utf8String(value.to_owned()));
    };
    check(|params| another(params, "nurses"), "client");
    check(
        |params| another(params, "peer"),
        "invalid: the identity has both organisational units client and peer",
    );
    check(
        |params| another(params, "client"),
        "invalid: the identity has both organisational units client and client",
    );
}

#[test]
fn an_authority_is_no_identity() {
    check(
        |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        "invalid: a certificate authority",
    );
}

#[test]
fn certificates_are_judged_at_their_first_second() {
    let now = OffsetDateTime::now_utc();
    let between = |params: &mut CertificateParams, from: OffsetDateTime, to: OffsetDateTime| {
        params.not_before = from;
        params.not_after = to;
    };
    let minutes = Duration::minutes;
    // Neither expiry nor a beginning in the future matters.
    check(|params| between(params, now - minutes(50), now - minutes(40)), "client");
    check(|params| between(params, now + minutes(40), now + minutes(50)), "client");
    // But at that second the authority has to be valid, too.
    let outlived = "malformed: the certificate is older or younger than its authority";
    check(|params| between(params, now - minutes(90), now + minutes(5)), outlived);
    check(|params| between(params, now + minutes(90), now + minutes(95)), outlived);
    check(
        |params| between(params, now, now - minutes(5)),
        "malformed: the certificate ends before it begins",
    );
}

#[test]
fn unknown_critical_extensions_are_refused() {
    let with = |critical| {
        move |params: &mut CertificateParams| {
            let mut extension = CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0]);
            extension.set_criticality(critical);
            params.custom_extensions.push(extension);
        }
    };
    check(with(false), "client");
    check(with(true), "malformed: unhandled critical extension 1.2.3");
}

#[test]
fn only_the_organisations_own_authority_counts() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let membership = authority.membership();
    // The stranger has the same name, but another key.
    let forged = serialized(ORG, &stranger.issue(|_| ()));
    assert_eq!(judge(&membership, &forged), "malformed: certificate signed by unknown authority");
    let mut other = Authority::new();
    other.params.distinguished_name.push(DnType::CommonName, "another");
    let foreign = serialized(ORG, &other.issue(|_| ()));
    assert_eq!(judge(&membership, &foreign), "malformed: certificate signed by unknown authority");
    let own = authority.issue(|_| ());
    assert_eq!(judge(&membership, &serialized(ORG, &own)), "client");
    assert_eq!(
        judge(&membership, &serialized("Org2MSP", &own)),
        "malformed: MSP Org2MSP is unknown"
    );
}

#[test]
fn bytes_that_are_no_certificate_are_malformed() {
    let membership = Authority::new().membership();
    let check = |identity: &[u8], expected: &str| {
        let found = judge(&membership, identity);
        assert!(found.starts_with(expected), "{found}");
    };
    check(b"\x0a\x05x", "malformed: it is not a serialized identity");
    check(&serialized(ORG, ""), "malformed: could not decode the PEM structure");
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    check(&serialized(ORG, nonsense), "malformed: parseCertificate failed");
    check(&vec![0; IDENTITY_BYTES_MAX + 1], "malformed: the serialized identity is too long");
    let authority = Authority::new();
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let issuer = Issuer::from_params(&authority.params, &authority.key);
    let pem = CertificateParams::default().signed_by(&key, &issuer).unwrap().pem();
    check(&serialized(ORG, &pem), "malformed: the certificate's key is not an ECDSA key");
}

#[test]
fn principals_are_role_unit_or_identity() {
    use fabric_ledger::policy::Role as Wanted;
    let authority = Authority::new();
    let membership = authority.membership();
    let identity = serialized(ORG, &authority.issue(|_| ()));
    let member = membership.identity(&identity).unwrap();
    let role = |msp_id: &str, role| Principal::Role { msp_id: msp_id.to_owned(), role };
    let unit = |unit: &str, certifiers: &'static [u8]| Principal::OrganizationUnit {
        msp_id: ORG.to_owned(),
        unit: unit.to_owned(),
        certifiers: Bytes::from_static(certifiers),
    };
    let check = |principal: Principal, expected| {
        assert_eq!(member.satisfies(&principal), expected, "{principal:?}");
    };
    check(role(ORG, Wanted::Member), true);
    check(role(ORG, Wanted::Client), true);
    check(role(ORG, Wanted::Admin), false);
    check(role(ORG, Wanted::Peer), false);
    check(role(ORG, Wanted::Orderer), false);
    check(role("Org2MSP", Wanted::Member), false);
    check(unit("client", b""), true);
    check(unit("nurses", b""), false);
    check(unit("client", b"some chain"), false);
    check(Principal::Identity(identity.into()), true);
    let other = serialized(ORG, &authority.issue(|_| ()));
    check(Principal::Identity(other.into()), false);
    check(Principal::Identity(Bytes::from_static(b"nonsense")), false);
    check(Principal::Nobody, false);
    // Who is invalid satisfies nothing.
    let nobody = authority.issue(|params| super::tests::unit(params, "nurses"));
    let nobody = membership.identity(&serialized(ORG, &nobody)).unwrap();
    assert!(!nobody.satisfies(&role(ORG, Wanted::Member)));
}

#[test]
fn a_signature_is_verified_once_and_only_for_its_key_and_message() {
    let membership = Authority::new().membership();
    let (key, _) = fabric_identity::SigningKey::generate().unwrap();
    let (other, _) = fabric_identity::SigningKey::generate().unwrap();
    let signature = key.sign(b"message").unwrap();
    let public = key.verifying_key();
    for _ in 0..2 {
        assert_eq!(membership.verify(&public, b"message", &signature), Ok(()));
        assert!(membership.verify(&public, b"another", &signature).is_err());
        assert!(membership.verify(&other.verifying_key(), b"message", &signature).is_err());
        assert!(membership.verify(&public, b"message", b"nonsense").is_err());
    }
    // What this process made itself is known to be right.
    let made = other.sign(b"made").unwrap();
    membership.made(&other.verifying_key(), b"made", &made);
    assert_eq!(membership.verify(&other.verifying_key(), b"made", &made), Ok(()));
    assert!(membership.verify(&public, b"made", &made).is_err());
}
