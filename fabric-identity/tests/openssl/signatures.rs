use fabric_identity::{SignatureError, SigningKey, VerifyingKey, to_low_s};
use proptest::prelude::*;

use crate::vectors::*;

fn public(point: &str) -> VerifyingKey {
    VerifyingKey::from_sec1_point(&hex::decode(point).unwrap()).unwrap()
}

fn check(point: &str, message: &[u8], signature: &str, expected: Result<(), SignatureError>) {
    let verdict = public(point).verify(message, &hex::decode(signature).unwrap());
    assert_eq!(verdict, expected, "{signature} by {point}");
}

#[test]
fn low_signatures_of_openssl_verify_and_high_ones_do_not() {
    for low in P256_LOW {
        check(P256_POINT, MESSAGE, low, Ok(()));
    }
    for high in P256_HIGH {
        check(P256_POINT, MESSAGE, high, Err(SignatureError::HighS));
    }
    for low in P384_LOW {
        check(P384_POINT, MESSAGE, low, Ok(()));
    }
    for high in P384_HIGH {
        check(P384_POINT, MESSAGE, high, Err(SignatureError::HighS));
    }
}

#[test]
fn half_the_order_is_low_and_one_more_is_high() {
    for Boundary { point, low, high } in BOUNDARIES {
        check(point, MESSAGE, low, Ok(()));
        check(point, MESSAGE, high, Err(SignatureError::HighS));
    }
}

#[test]
fn another_key_message_hash_or_curve_does_not_match() {
    let [low, other] = P256_LOW;
    check(P256_POINT, b"another message", low, Err(SignatureError::Mismatch));
    check(P256_POINT, b"", low, Err(SignatureError::Mismatch));
    check(BOUNDARIES[0].point, MESSAGE, low, Err(SignatureError::Mismatch));
    check(P256_POINT, MESSAGE, P256_SHA384, Err(SignatureError::Mismatch));
    check(P384_POINT, MESSAGE, low, Err(SignatureError::Mismatch));
    // The r of one signature with the s of another.
    let mixed = format!("{}{}", &low[..74], &other[72..]);
    check(P256_POINT, MESSAGE, &mixed, Err(SignatureError::Mismatch));
}

#[test]
fn a_point_off_the_curve_verifies_nothing() {
    let off_curve = format!("{}ab", &P256_POINT[..P256_POINT.len() - 2]);
    check(&off_curve, MESSAGE, P256_LOW[0], Err(SignatureError::Mismatch));
    let zero = format!("04{}", "00".repeat(64));
    check(&zero, MESSAGE, P256_LOW[0], Err(SignatureError::Mismatch));
}

#[test]
fn integers_beyond_the_curve_do_not_verify() {
    // r is the order of P-256; r has 33 bytes; s has 33 bytes.
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    check(P256_POINT, MESSAGE, &format!("3026022100{order}020101"), Err(SignatureError::Mismatch));
    let long = "01".repeat(33);
    check(P256_POINT, MESSAGE, &format!("30260221{long}020101"), Err(SignatureError::Mismatch));
    check(P256_POINT, MESSAGE, &format!("30260201010221{long}"), Err(SignatureError::HighS));
}

#[test]
fn every_other_encoding_of_a_good_signature_is_malformed() {
    let low = P256_LOW[1];
    let (r, s) = (&low[8..72], &low[76..]);
    check(P256_POINT, MESSAGE, &format!("30440220{r}0220{s}"), Ok(()));
    for other in [
        String::new(),
        format!("{low}00"),
        low[..low.len() - 2].to_owned(),
        format!("3081440220{r}0220{s}"),
        format!("30800220{r}0220{s}0000"),
        format!("3045022100{r}0220{s}"),
        format!("30450220{r}022100{s}"),
        format!("3045028120{r}0220{s}"),
        format!("30460220{r}0220{s}0500"),
        format!("{r}{s}"),
    ] {
        check(P256_POINT, MESSAGE, &other, Err(SignatureError::Malformed));
    }
}

#[test]
fn to_low_s_turns_what_openssl_signs_into_what_fabric_accepts() {
    for high in P256_HIGH {
        let low = to_low_s(&hex::decode(high).unwrap()).unwrap();
        assert_eq!(public(P256_POINT).verify(MESSAGE, &low), Ok(()));
    }
    for low in P256_LOW.map(|low| hex::decode(low).unwrap()) {
        assert_eq!(to_low_s(&low), Ok(low));
    }
    for Boundary { low, high, .. } in &BOUNDARIES[..2] {
        let lowered = to_low_s(&hex::decode(high).unwrap()).unwrap();
        assert_eq!(hex::encode(lowered), *low);
    }
    // A signature of P-384 is no signature of P-256.
    let p384 = hex::decode(P384_LOW[0]).unwrap();
    assert_eq!(to_low_s(&p384), Err(SignatureError::Malformed));
}

#[test]
fn a_message_of_any_length_is_signed() {
    let key = SigningKey::from_pkcs8_pem(PKCS8).unwrap();
    for bytes in [0, 1, 55, 56, 64, 1 << 20] {
        let message = vec![0xa5; bytes];
        let signature = key.sign(&message).unwrap();
        assert_eq!(key.verifying_key().verify(&message, &signature), Ok(()));
    }
}

proptest! {
    #[test]
    fn what_a_key_signs_it_verifies(message in proptest::collection::vec(any::<u8>(), 0..300)) {
        let key = SigningKey::from_pkcs8_pem(PKCS8).unwrap();
        let signature = key.sign(&message).unwrap();
        prop_assert!(signature.len() <= 71);
        prop_assert_eq!(key.verifying_key().verify(&message, &signature), Ok(()));
        prop_assert_eq!(to_low_s(&signature), Ok(signature.clone()));
        let mut altered = message;
        altered.push(0);
        prop_assert_eq!(
            key.verifying_key().verify(&altered, &signature),
            Err(SignatureError::Mismatch)
        );
    }

    #[test]
    fn a_signature_with_a_flipped_bit_is_refused(byte in 0_usize..70, bit in 0_u8..8) {
        let mut signature = hex::decode(P256_LOW[1]).unwrap();
        signature[byte] ^= 1 << bit;
        prop_assert!(public(P256_POINT).verify(MESSAGE, &signature).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_no_signature(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        prop_assert!(public(P256_POINT).verify(MESSAGE, &bytes).is_err());
    }
}
