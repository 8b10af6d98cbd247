//! The files, and who can be enrolled.

use std::path::Path;

use fabric_devnet::{Config, Devnet, EnrollKey, EnrollRequest, Role, enroll};
use fabric_identity::SigningKey;

async fn started(dir: &Path) -> Devnet {
    Devnet::start(Config::new(dir).any_ports()).await.unwrap()
}

/// All files below, relative, sorted.
fn files(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_are_where_users_of_the_test_network_look() {
    let dir = tempfile::tempdir().unwrap();
    let devnet = started(dir.path()).await;
    let root = dir.path().join("organizations/peerOrganizations/org1.example.com");
    let expected = "\
ca/ca.org1.example.com-cert.pem
ca/priv_sk
connection-org1.json
msp/cacerts/ca.org1.example.com-cert.pem
msp/config.yaml
msp/tlscacerts/tlsca.org1.example.com-cert.pem
peers/peer0.org1.example.com/msp/cacerts/ca.org1.example.com-cert.pem
peers/peer0.org1.example.com/msp/config.yaml
peers/peer0.org1.example.com/msp/keystore/priv_sk
peers/peer0.org1.example.com/msp/signcerts/cert.pem
peers/peer0.org1.example.com/msp/signcerts/peer0.org1.example.com-cert.pem
peers/peer0.org1.example.com/msp/tlscacerts/tlsca.org1.example.com-cert.pem
peers/peer0.org1.example.com/tls/ca.crt
peers/peer0.org1.example.com/tls/server.crt
peers/peer0.org1.example.com/tls/server.key
tlsca/priv_sk
tlsca/tlsca.org1.example.com-cert.pem
users/Admin@org1.example.com/msp/cacerts/ca.org1.example.com-cert.pem
users/Admin@org1.example.com/msp/config.yaml
users/Admin@org1.example.com/msp/keystore/priv_sk
users/Admin@org1.example.com/msp/signcerts/Admin@org1.example.com-cert.pem
users/Admin@org1.example.com/msp/signcerts/cert.pem
users/Admin@org1.example.com/msp/tlscacerts/tlsca.org1.example.com-cert.pem
users/User1@org1.example.com/msp/cacerts/ca.org1.example.com-cert.pem
users/User1@org1.example.com/msp/config.yaml
users/User1@org1.example.com/msp/keystore/priv_sk
users/User1@org1.example.com/msp/signcerts/User1@org1.example.com-cert.pem
users/User1@org1.example.com/msp/signcerts/cert.pem
users/User1@org1.example.com/msp/tlscacerts/tlsca.org1.example.com-cert.pem";
    assert_eq!(files(&root).join("\n"), expected);
    let orderer = dir.path().join("organizations/ordererOrganizations/example.com");
    for file in ["tlsca/tlsca.example.com-cert.pem", "orderers/orderer.example.com/tls/server.crt"]
    {
        assert!(orderer.join(file).is_file());
    }
    let profile = std::fs::read_to_string(root.join("connection-org1.json")).unwrap();
    let profile: serde_json::Value = serde_json::from_str(&profile).unwrap();
    let port = devnet.gateway("Org1MSP").unwrap().address.port();
    let peer = &profile["peers"]["peer0.org1.example.com"];
    assert_eq!(peer["url"], format!("grpcs://localhost:{port}"));
    assert_eq!(profile["organizations"]["Org1"]["mspid"], "Org1MSP");
    let ca = std::fs::read_to_string(root.join("peers/peer0.org1.example.com/tls/ca.crt")).unwrap();
    assert_eq!(peer["tlsCACerts"]["pem"], ca);
    assert_eq!(devnet.gateway("Org1MSP").unwrap().tls_root_pem, ca);
    devnet.shutdown().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn every_private_key_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let devnet = started(dir.path()).await;
    devnet.enroll(&EnrollRequest::client("Org1MSP", "patient-1")).unwrap();
    let keys: Vec<String> = files(dir.path())
        .into_iter()
        .filter(|file| file.ends_with("priv_sk") || file.ends_with(".key"))
        .collect();
    // Per organisation: two authorities, a node with two keys, its users.
    assert_eq!(keys.len(), 3 * 6 + 5 + 1);
    for key in keys {
        let mode = std::fs::metadata(dir.path().join(&key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    devnet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_are_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let read = || {
        let all = files(&dir.path().join("organizations"));
        let pem = all.into_iter().filter(|file| !file.ends_with(".json"));
        pem.map(|file| std::fs::read(dir.path().join("organizations").join(file)).unwrap())
            .collect::<Vec<_>>()
    };
    started(dir.path()).await.shutdown().await;
    let first = read();
    started(dir.path()).await.shutdown().await;
    assert_eq!(read(), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn enrolment_certifies_the_callers_key_without_seeing_its_private_half() {
    let dir = tempfile::tempdir().unwrap();
    started(dir.path()).await.shutdown().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let request = EnrollRequest::client("Org1MSP", "patient-1")
        .attribute("role", "patient")
        .key(EnrollKey::PublicKey(key.public_key_pem()));
    let enrolled = enroll(dir.path(), &request).unwrap();
    assert_eq!(enrolled.private_key_pem, None);
    assert!(!enrolled.msp_dir.join("keystore").exists());

    let csr = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
    let request = EnrollRequest::client("Org1MSP", "patient-2")
        .key(EnrollKey::CertificateRequest(csr.pem().unwrap()));
    let by_csr = enroll(dir.path(), &request).unwrap();

    for pem in [&enrolled.certificate_pem, &by_csr.certificate_pem] {
        let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
        let certificate = pem.parse_x509().unwrap();
        let point = &certificate.public_key().subject_public_key.data;
        assert_eq!(**point, *key.public_key_raw());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_carry_enrolment_id_role_and_attributes() {
    let dir = tempfile::tempdir().unwrap();
    started(dir.path()).await.shutdown().await;
    let request = EnrollRequest {
        role: Role::Admin,
        ..EnrollRequest::client("Org2MSP", "nurse.7").attribute("ward", "ICU \"1\"")
    };
    let enrolled = enroll(dir.path(), &request).unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(enrolled.certificate_pem.as_bytes()).unwrap();
    let certificate = pem.parse_x509().unwrap();
    assert_eq!(certificate.subject().to_string(), "OU=admin, CN=nurse.7");
    let attributes = certificate
        .extensions()
        .iter()
        .find(|extension| extension.oid.to_id_string() == "1.2.3.4.5.6.7.8.1")
        .unwrap();
    assert!(!attributes.critical);
    assert_eq!(
        std::str::from_utf8(attributes.value).unwrap(),
        r#"{"attrs":{"hf.Affiliation":"","hf.EnrollmentID":"nurse.7","hf.Type":"admin","ward":"ICU \"1\""}}"#
    );
    let key = enrolled.private_key_pem.unwrap();
    assert!(SigningKey::from_pkcs8_pem(&key).is_ok());
    assert!(!certificate.is_ca());
    assert!(certificate.validity().is_valid());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_enrolled_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let client = |name: &str| EnrollRequest::client("Org1MSP", name);
    let check = |request: &EnrollRequest, text: &str| {
        let refusal = enroll(dir.path(), request).unwrap_err().to_string();
        assert!(refusal.contains(text), "{refusal}");
    };
    check(&client("a"), "there is no devnet in");
    started(dir.path()).await.shutdown().await;
    for name in ["", "../x", "a b", ".a", "ä", &"a".repeat(65)] {
        check(&client(name), "cannot be an identity's name");
    }
    check(
        &EnrollRequest::client("Org9MSP", "a"),
        "no organisation with MSP id `Org9MSP` here; there are: Org1MSP, Org2MSP, Org3MSP",
    );
    check(
        &client("a").attribute("hf.Type", "admin"),
        "attribute `hf.Type` is set by the certificate authority",
    );
    let peer = EnrollRequest { role: Role::Peer, ..client("a") };
    check(&peer, "identities with role `peer` are made with their organisation");
    let nonsense = client("a").key(EnrollKey::PublicKey("nonsense".to_owned()));
    check(&nonsense, "the given public key is not usable");
    let nonsense = client("a").key(EnrollKey::CertificateRequest("nonsense".to_owned()));
    check(&nonsense, "the given certificate request is not usable");
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let other = client("a").key(EnrollKey::PublicKey(other.public_key_pem()));
    check(&other, "it is of another algorithm or curve");

    enroll(dir.path(), &client("a")).unwrap();
    check(&client("a"), "`a` of Org1MSP is enrolled already");
    let replace = EnrollRequest { replace: true, ..client("a") };
    let again = enroll(dir.path(), &replace).unwrap();
    let file = again.msp_dir.join("signcerts/cert.pem");
    assert_eq!(std::fs::read_to_string(file).unwrap(), again.certificate_pem);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_identities_are_named() {
    let dir = tempfile::tempdir().unwrap();
    started(dir.path()).await.shutdown().await;
    let root = dir.path().join("organizations/peerOrganizations/org1.example.com");
    let (ca, tls) = (root.join("ca/priv_sk"), root.join("tlsca/priv_sk"));
    let keep = std::fs::read(&ca).unwrap();
    for (content, text) in [
        (std::fs::read(&tls).unwrap(), "ca.org1.example.com: certificate and private key do not"),
        (b"nonsense".to_vec(), "ca.org1.example.com: "),
    ] {
        std::fs::write(&ca, content).unwrap();
        let refused = Devnet::start(Config::new(dir.path()).any_ports()).await.unwrap_err();
        assert!(refused.to_string().starts_with(text), "{refused}");
    }
    std::fs::write(&ca, keep).unwrap();
    started(dir.path()).await.shutdown().await;
}
