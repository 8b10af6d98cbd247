//! Client identities: what Go's libraries read from the same certificates, and what is refused.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use fabric_contract_rs::testing::TestIdentity;
use fabric_contract_rs::{CERTIFICATE_PEM_BYTES_MAX, ClientIdentity, IdentityError, NodeOu};
use serde::Deserialize;

/// One certificate and what Go's `crypto/x509` and `pkix` make of it.
#[derive(Deserialize)]
struct Vector {
    name: String,
    certificate: String,
    id: String,
    common_name: String,
    organizational_units: Vec<String>,
    public_key_hash: String,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("data/identities.json")).unwrap()
}

fn vector(name: &str) -> ClientIdentity {
    let vector = vectors().into_iter().find(|vector| vector.name == name).unwrap();
    ClientIdentity::from_pem("Org1MSP", vector.certificate.as_bytes()).unwrap()
}

fn alice() -> TestIdentity {
    TestIdentity::new("Org1MSP", "alice")
}

#[test]
fn reads_what_go_reads() {
    let vectors = vectors();
    assert!(vectors.len() > 10);
    for expected in vectors {
        let name = &expected.name;
        let client =
            ClientIdentity::from_pem("Org1MSP", expected.certificate.as_bytes()).expect(name);
        assert_eq!(client.id(), expected.id, "id: {name}");
        assert_eq!(client.organizational_units(), expected.organizational_units, "units: {name}");
        let key_hash = hex::encode(client.public_key_hash());
        assert_eq!(key_hash, expected.public_key_hash, "key hash: {name}");
        if let Some(common_name) = client.common_name() {
            assert_eq!(common_name, expected.common_name, "common name: {name}");
        } else {
            let none_or_many = expected.common_name.is_empty() || name.starts_with("several");
            assert!(none_or_many, "common name missing: {name}");
        }
    }
}

#[test]
fn attributes_of_a_fabric_certificate_authority() {
    let client = vector("fabric-ca client");
    assert_eq!(client.attribute("role"), Some("clinician"));
    assert_eq!(client.attribute("hf.Affiliation"), Some(""));
    assert_eq!(client.attribute("absent"), None);
    assert_eq!(client.enrolment_id(), Ok("user1"));
    assert_eq!(vector("cryptogen user").attribute("role"), None);
}

#[test]
fn enrolment_id_fails_closed() {
    let check = |identity: TestIdentity, expected: Result<&str, IdentityError>| {
        assert_eq!(identity.client().enrolment_id(), expected, "{identity:?}");
    };
    check(alice(), Ok("alice"));
    check(alice().attribute("hf.EnrollmentID", "alice"), Ok("alice"));
    check(
        alice().attribute("hf.EnrollmentID", "mallory"),
        Err(IdentityError::AmbiguousEnrolmentId),
    );
    check(alice().attribute("hf.EnrollmentID", ""), Err(IdentityError::AmbiguousEnrolmentId));
    check(alice().another_common_name("mallory"), Err(IdentityError::AmbiguousEnrolmentId));
    check(alice().another_common_name("alice"), Err(IdentityError::AmbiguousEnrolmentId));
    check(
        alice().another_common_name("mallory").attribute("hf.EnrollmentID", "alice"),
        Err(IdentityError::AmbiguousEnrolmentId),
    );
    check(TestIdentity::new("Org1MSP", ""), Err(IdentityError::NoEnrolmentId));
    assert_eq!(vector("no subject").enrolment_id(), Err(IdentityError::NoEnrolmentId));
    assert_eq!(vector("an empty common name").enrolment_id(), Err(IdentityError::NoEnrolmentId));
    assert_eq!(
        vector("several common names: the last").enrolment_id(),
        Err(IdentityError::AmbiguousEnrolmentId)
    );
}

#[test]
fn node_ou_is_exactly_one() {
    let check = |identity: TestIdentity, expected| {
        assert_eq!(identity.client().node_ou(), expected, "{identity:?}");
    };
    check(alice(), Some(NodeOu::Client));
    check(alice().ou("department1"), Some(NodeOu::Client));
    check(alice().ou("Admin"), Some(NodeOu::Client));
    check(alice().node_ou(NodeOu::Peer), Some(NodeOu::Peer));
    check(alice().node_ou(NodeOu::Admin), Some(NodeOu::Admin));
    check(alice().node_ou(NodeOu::Orderer), Some(NodeOu::Orderer));
    check(alice().ou("admin"), None);
    check(alice().ou("client"), None);
    assert_eq!(vector("unicode").node_ou(), None);
}

#[test]
fn malformed_attributes_are_refused() {
    let check = |content: &str, accepted: bool| {
        let pem = alice().attributes_extension(content.as_bytes()).certificate_pem();
        let outcome = ClientIdentity::from_pem("Org1MSP", pem.as_bytes()).map(|_| ());
        let expected = if accepted { Ok(()) } else { Err(IdentityError::Attributes) };
        assert_eq!(outcome, expected, "{content}");
    };
    check(r#"{"attrs":{"role":"nurse"}}"#, true);
    check(r#" {"attrs":{}} "#, true);
    check("{}", true);
    check("", false);
    check("null", false);
    check("not json", false);
    check(r#"[{"role":"nurse"}]"#, false);
    check(r#"{"attrs":null}"#, false);
    check(r#"{"attrs":[]}"#, false);
    check(r#"{"attrs":{"role":1}}"#, false);
    check(r#"{"attrs":{"role":null}}"#, false);
    check(r#"{"Attrs":{"role":"nurse"}}"#, false);
    check(r#"{"attrs":{},"more":1}"#, false);
    check(r#"{"attrs":{"role":"a"},"attrs":{"role":"b"}}"#, false);
    check(r#"{"attrs":{"role":"a","role":"b"}}"#, false);
    check(r#"{"attrs":{}} trailing"#, false);
}

#[test]
fn exactly_one_certificate() {
    let pem = alice().certificate_pem();
    let other = TestIdentity::new("Org1MSP", "mallory").certificate_pem();
    let check = |creator: &str, expected: Result<(), IdentityError>| {
        let outcome = ClientIdentity::from_pem("Org1MSP", creator.as_bytes()).map(|_| ());
        assert_eq!(outcome, expected, "{creator}");
    };
    check(&pem, Ok(()));
    check(pem.trim_end(), Ok(()));
    check(&pem.replace('\n', "\r\n"), Ok(()));
    check(&format!("\n{pem}\n\n"), Ok(()));
    check("", Err(IdentityError::NotOnePem));
    check(&format!("{pem}{other}"), Err(IdentityError::NotOnePem));
    check(&format!("{pem}trailing"), Err(IdentityError::NotOnePem));
    check(&format!("leading\n{pem}"), Err(IdentityError::NotOnePem));
    check(&pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), Err(IdentityError::NotOnePem));
    check(
        &pem.replacen("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1),
        Err(IdentityError::NotOnePem),
    );
    check("-----BEGIN CERTIFICATE----------END CERTIFICATE-----", Err(IdentityError::Malformed));
    check(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        Err(IdentityError::Malformed),
    );
}

#[test]
fn bytes_behind_the_certificate_are_refused() {
    use base64::Engine;
    let mut der = alice().certificate_der();
    der.extend_from_slice(&[5, 0]);
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    assert_eq!(
        ClientIdentity::from_pem("Org1MSP", pem.as_bytes()).unwrap_err(),
        IdentityError::Malformed
    );
}

#[test]
fn names_of_unknown_text_types_are_refused() {
    let mut der = alice().certificate_der();
    let at = der.windows(5).position(|bytes| bytes == b"alice").unwrap();
    assert_eq!(der[at - 2], 0x0c);
    // A UniversalString, which Go does not read either.
    der[at - 2] = 0x1c;
    assert_eq!(from_der(&der).unwrap_err(), IdentityError::Name);
    // A UTF8String that is not UTF-8.
    der[at - 2] = 0x0c;
    der[at] = 0xff;
    assert_eq!(from_der(&der).unwrap_err(), IdentityError::Name);
    // A PrintableString with a character of its own.
    der[at - 2] = 0x13;
    der[at] = b'#';
    assert_eq!(from_der(&der).unwrap_err(), IdentityError::Name);
}

fn from_der(der: &[u8]) -> Result<ClientIdentity, IdentityError> {
    use base64::Engine;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    ClientIdentity::from_pem("Org1MSP", pem.as_bytes())
}

#[test]
fn sizes_are_bounded() {
    let pem = alice().certificate_pem();
    for msp_id in [String::new(), "M".repeat(256)] {
        assert_eq!(
            ClientIdentity::from_pem(&msp_id, pem.as_bytes()).unwrap_err(),
            IdentityError::MspId
        );
    }
    let padded = format!("{pem}{}", "\n".repeat(CERTIFICATE_PEM_BYTES_MAX));
    assert_eq!(
        ClientIdentity::from_pem("Org1MSP", padded.as_bytes()).unwrap_err(),
        IdentityError::TooLarge
    );
}

#[test]
fn logs_show_the_organisation_only() {
    let text = format!("{:?}", alice().attribute("role", "nurse").client());
    assert_eq!(text, r#"ClientIdentity { msp_id: "Org1MSP", .. }"#);
}

#[test]
fn a_key_can_change_under_one_name() {
    let (old, new) = (alice().client(), alice().key("renewed").client());
    assert_eq!(old.id(), new.id());
    assert_ne!(old.public_key_hash(), new.public_key_hash());
    assert_eq!(old.public_key_hash(), alice().ou("ward").client().public_key_hash());
}
