use std::sync::Arc;

use fabric_identity::{KeyError, SignError, Signer, SigningKey, VerifyingKey};

use crate::vectors::*;

fn check_accepted(pem: &str) {
    let key = SigningKey::from_pkcs8_pem(pem).unwrap();
    assert_eq!(hex::encode(key.verifying_key().sec1_point()), P256_POINT);
    assert_eq!(hex::encode(key.ski()), P256_SKI);
    let signature = key.sign(MESSAGE).unwrap();
    assert_eq!(key.verifying_key().verify(MESSAGE, &signature), Ok(()));
}

fn check_refused(pem: &str, expected: fn(&KeyError) -> bool) {
    let error = SigningKey::from_pkcs8_pem(pem).unwrap_err();
    assert!(expected(&error), "{error:?} for {pem}");
}

#[test]
fn both_forms_of_a_p256_key_are_the_same_key() {
    check_accepted(PKCS8);
    check_accepted(SEC1);
    check_accepted(&SEC1.replace('\n', "\r\n"));
    let (_, sec1_alone) = SEC1.split_once("-----END EC PARAMETERS-----\n").unwrap();
    check_accepted(sec1_alone);
    check_accepted(&format!("Bag Attributes: none\n{PKCS8}"));
}

#[test]
fn the_point_alone_has_the_same_identifier() {
    for (point, ski) in [(P256_POINT, P256_SKI), (P384_POINT, P384_SKI)] {
        let key = VerifyingKey::from_sec1_point(&hex::decode(point).unwrap()).unwrap();
        assert_eq!(hex::encode(key.ski()), ski);
        assert_eq!(hex::encode(key.sec1_point()), point);
    }
}

#[test]
fn keys_that_do_not_sign_for_fabric_are_refused() {
    let rejected = |error: &KeyError| matches!(error, KeyError::Rejected(_));
    check_refused(SEC1_WITHOUT_PUBLIC, rejected);
    check_refused(PKCS8_WITHOUT_PUBLIC, rejected);
    check_refused(SEC1_COMPRESSED, rejected);
    check_refused(SEC1_EXPLICIT, rejected);
    check_refused(SEC1_SECP256K1, rejected);
    check_refused(PKCS8_SECP256K1, rejected);
    check_refused(SEC1_P384, rejected);
    check_refused(PKCS8_P384, rejected);
    check_refused(PKCS8_RSA, rejected);
    check_refused(PKCS8_ED25519, rejected);
    check_refused(PKCS1_RSA, |error| matches!(error, KeyError::Rsa));
}

#[test]
fn text_without_a_readable_key_is_refused() {
    let pem = |error: &KeyError| matches!(error, KeyError::Pem(_));
    check_refused("", pem);
    check_refused("no PEM", pem);
    check_refused(ENCRYPTED, pem);
    check_refused("-----BEGIN PRIVATE KEY-----\nAAAA\n", pem);
    check_refused("-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n", pem);
    check_refused("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", |error| {
        matches!(error, KeyError::Rejected(_))
    });
}

#[test]
fn a_key_whose_public_part_is_another_s_is_refused() {
    // The text ends with the public point.
    let altered = PKCS8.replace("GmzKq\n", "GmzKr\n");
    assert_ne!(altered, PKCS8);
    check_refused(&altered, |error| matches!(error, KeyError::Rejected(_)));
}

#[test]
fn refusals_say_what_to_do() {
    let message = |pem: &str| SigningKey::from_pkcs8_pem(pem).unwrap_err().to_string();
    assert!(message(ENCRYPTED).contains("decrypt"));
    assert!(message(PKCS8_WITHOUT_PUBLIC).contains("openssl ec"));
}

#[test]
fn a_point_in_another_form_is_refused() {
    let p256 = hex::decode(P256_POINT).unwrap();
    let compressed = [&[0x02], &p256[1..33]].concat();
    let hybrid = [&[0x06], &p256[1..]].concat();
    let longer = [p256.as_slice(), &[0]].concat();
    for point in [&[][..], &[0x04], &p256[..64], &compressed, &hybrid, &longer] {
        let error = VerifyingKey::from_sec1_point(point).unwrap_err();
        assert!(matches!(error, KeyError::Point(bytes) if bytes == point.len()), "{error:?}");
    }
}

#[test]
fn a_generated_key_is_read_back_from_its_pem() {
    let (key, pem) = SigningKey::generate().unwrap();
    let read = SigningKey::from_pkcs8_pem(&pem).unwrap();
    assert_eq!(read.ski(), key.ski());
    assert!(pem.lines().all(|line| line.len() <= 64), "{pem}");
    let (other, _) = SigningKey::generate().unwrap();
    assert_ne!(other.ski(), key.ski());
}

#[test]
fn debug_output_shows_the_public_key_alone() {
    let key = SigningKey::from_pkcs8_pem(PKCS8).unwrap();
    let shown = format!("{key:?}");
    assert!(shown.contains(P256_POINT), "{shown}");
    assert!(!shown.contains("7050428b81a5b423be7c3f67ac18f816"), "{shown}");
}

#[test]
fn signers_of_other_kinds_stand_behind_the_trait() {
    struct Unplugged;
    impl Signer for Unplugged {
        fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, SignError> {
            Err(SignError::new("no token in the slot"))
        }
    }
    let key = SigningKey::from_pkcs8_pem(PKCS8).unwrap();
    let public = key.verifying_key();
    let signers: [Arc<dyn Signer>; 2] = [Arc::new(key), Arc::new(Unplugged)];
    let [signed, failed] = signers.map(|signer| signer.sign(MESSAGE));
    assert_eq!(public.verify(MESSAGE, &signed.unwrap()), Ok(()));
    assert_eq!(failed.unwrap_err().to_string(), "not signed: no token in the slot");
}
