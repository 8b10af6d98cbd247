//! Made once with the openssl command; the keys are used nowhere else.

/// `openssl ecparam -name prime256v1 -genkey`: the parameters, then the key.
pub(crate) const SEC1: &str = "\
-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIHBQQouBpbQjvnw/Z6wY+BYQJ+t7N4+zTTlIdady56lkoAoGCCqGSM49
AwEHoUQDQgAEI6nxIP9PXyDJ2G7p3z10K6dEqX57ymoEd2Qe8SAKgYoYMwOA4adt
cTLz2xTITyytIR4zglfVe+wLlLNtBpsyqg==
-----END EC PRIVATE KEY-----
";

/// The same key by `openssl pkcs8 -topk8 -nocrypt`.
pub(crate) const PKCS8: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgcFBCi4GltCO+fD9n
rBj4FhAn63s3j7NNOUh1p3LnqWShRANCAAQjqfEg/09fIMnYbunfPXQrp0SpfnvK
agR3ZB7xIAqBihgzA4Dhp21xMvPbFMhPLK0hHjOCV9V77AuUs20GmzKq
-----END PRIVATE KEY-----
";

/// The same key by `openssl ec -no_public`.
pub(crate) const SEC1_WITHOUT_PUBLIC: &str = "\
-----BEGIN EC PRIVATE KEY-----
MDECAQEEIHBQQouBpbQjvnw/Z6wY+BYQJ+t7N4+zTTlIdady56lkoAoGCCqGSM49
AwEH
-----END EC PRIVATE KEY-----
";

/// The same in PKCS#8.
pub(crate) const PKCS8_WITHOUT_PUBLIC: &str = "\
-----BEGIN PRIVATE KEY-----
MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCBwUEKLgaW0I758P2es
GPgWECfrezePs005SHWncuepZA==
-----END PRIVATE KEY-----
";

/// The same key by `openssl ec -conv_form compressed`.
pub(crate) const SEC1_COMPRESSED: &str = "\
-----BEGIN EC PRIVATE KEY-----
MFcCAQEEIHBQQouBpbQjvnw/Z6wY+BYQJ+t7N4+zTTlIdady56lkoAoGCCqGSM49
AwEHoSQDIgACI6nxIP9PXyDJ2G7p3z10K6dEqX57ymoEd2Qe8SAKgYo=
-----END EC PRIVATE KEY-----
";

/// The same key by `openssl ec -param_enc explicit`.
pub(crate) const SEC1_EXPLICIT: &str = "\
-----BEGIN EC PRIVATE KEY-----
MIIBaAIBAQQgcFBCi4GltCO+fD9nrBj4FhAn63s3j7NNOUh1p3LnqWSggfowgfcC
AQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////
MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57Pr
vVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEE
axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W
K84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8
YyVRAgEBoUQDQgAEI6nxIP9PXyDJ2G7p3z10K6dEqX57ymoEd2Qe8SAKgYoYMwOA
4adtcTLz2xTITyytIR4zglfVe+wLlLNtBpsyqg==
-----END EC PRIVATE KEY-----
";

/// The same key by `openssl pkcs8 -topk8 -passout pass:x`.
pub(crate) const ENCRYPTED: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjAl1pPs6Yb3wICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEMFG2odC4ayTGPyYy6L+O4cEgZCT
rSUkwsn4sJCY81a6AySNWDmYuiUSEDR413tqiO1MWtxsz1AXkhPG6pXD4Ezoypme
KtM6uxB/SUAMGYGPF/f/yKFiecy+WlIEh0MMznHoDjU16k0i/zw5SLpR7XqMHawT
OF8zRJj5mE+BdDqoYlfns12ovazdehS9Tx0gghzeLqCjFpOMH6yiMn8w6b5QCvU=
-----END ENCRYPTED PRIVATE KEY-----
";

/// A key on another curve of the same size.
pub(crate) const SEC1_SECP256K1: &str = "\
-----BEGIN EC PRIVATE KEY-----
MHQCAQEEIPOElmPMcRjn9TPLeGYd9fxi+OaLhfSJOy1KZZCLbu+yoAcGBSuBBAAK
oUQDQgAEw61Nrk/uoyaoPcgwI3mSIuP+qE4xwKJ2qaql0h7x5t4NnPP4PU9g1yzH
EXJCs6vQSHVkEvwmdlK2OFeAlpPBPg==
-----END EC PRIVATE KEY-----
";

/// A key on another curve of the same size.
pub(crate) const PKCS8_SECP256K1: &str = "\
-----BEGIN PRIVATE KEY-----
MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgfTwHFO+zi4BHLOvYUtq+
rSVRiwfzNtD8PJM6qNRxyNKhRANCAAQLqm7rwxtabX4UWSiY6mgdFK0dtzlGvOy+
EU5skUr2Imf49WpgZKL3P2J+a0aidWupO0cHTySp5duKnBg0xdpX
-----END PRIVATE KEY-----
";

/// A P-384 key.
pub(crate) const SEC1_P384: &str = "\
-----BEGIN EC PRIVATE KEY-----
MIGkAgEBBDDXSM1lhLZzz2ECldrO5o8kuOAKU/VjFdWiF4vZqdEEnUZT38mLzFhR
I44aQmPo+kWgBwYFK4EEACKhZANiAARAZt438xhvh3EE+vp1Y7AQg8521EG/IBB0
jK8hjGtoZXriVvnV5DKlAzixtxYZSiDD096FkMir7QvNlkndOgM8KzErLXjj3G3a
oh+rtKn0nhoA2B43VWFl9xcUrGSW6+E=
-----END EC PRIVATE KEY-----
";

/// The same in PKCS#8.
pub(crate) const PKCS8_P384: &str = "\
-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDDXSM1lhLZzz2ECldrO
5o8kuOAKU/VjFdWiF4vZqdEEnUZT38mLzFhRI44aQmPo+kWhZANiAARAZt438xhv
h3EE+vp1Y7AQg8521EG/IBB0jK8hjGtoZXriVvnV5DKlAzixtxYZSiDD096FkMir
7QvNlkndOgM8KzErLXjj3G3aoh+rtKn0nhoA2B43VWFl9xcUrGSW6+E=
-----END PRIVATE KEY-----
";

/// An RSA key of a size too small for any use.
pub(crate) const PKCS1_RSA: &str = "\
-----BEGIN RSA PRIVATE KEY-----
MIIBOwIBAAJBAMPyir2hbuUfIs+XjLyAfYKtIi2ueKO6W97Ro5ASig18G3gnvv0b
9MW+1/vRwOJwEsiZBfxVF0TPKwvgoDKQmNsCAwEAAQJBAK7rbX8rBVv0F5dJqpD8
Aw8Mj15ISdmfGzQl4OVUJ3kwqFjKKVZWgoGfUoYRDDaB8sZbetZJEi+GKKEVftBK
IwECIQDwPhqfNaHWKdZNpknioy/i5+g8INwij52ewDjlnaSJcQIhANDMrlppjmJq
VOa6DYL87A/GlWiRRwADHaD8y2aKqUELAiAYFYHBuDSzLZqISkVZ7RYd3zXO4VRw
OomIoqiRjE40YQIhAMk1FKcHpS/ta5dTnwWlGQ4yvXOg25yFZB3ovVE5OdT1AiBa
00BF5MfZ3jntuMfF9wZIHpFwFTLVNvOnWeXxO3Tq8A==
-----END RSA PRIVATE KEY-----
";

/// The same in PKCS#8.
pub(crate) const PKCS8_RSA: &str = "\
-----BEGIN PRIVATE KEY-----
MIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7AgEAAkEAw/KKvaFu5R8iz5eM
vIB9gq0iLa54o7pb3tGjkBKKDXwbeCe+/Rv0xb7X+9HA4nASyJkF/FUXRM8rC+Cg
MpCY2wIDAQABAkEAruttfysFW/QXl0mqkPwDDwyPXkhJ2Z8bNCXg5VQneTCoWMop
VlaCgZ9ShhEMNoHyxlt61kkSL4YooRV+0EojAQIhAPA+Gp81odYp1k2mSeKjL+Ln
6Dwg3CKPnZ7AOOWdpIlxAiEA0MyuWmmOYmpU5roNgvzsD8aVaJFHAAMdoPzLZoqp
QQsCIBgVgcG4NLMtmohKRVntFh3fNc7hVHA6iYiiqJGMTjRhAiEAyTUUpwelL+1r
l1OfBaUZDjK9c6DbnIVkHei9UTk51PUCIFrTQEXkx9neOe24x8X3BkgekXAVMtU2
86dZ5fE7dOrw
-----END PRIVATE KEY-----
";

/// An Ed25519 key.
pub(crate) const PKCS8_ED25519: &str = "\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIMgboDGth07ofbP+8LJwDwkWNbTd0Iub+hmIboKbDqcY
-----END PRIVATE KEY-----
";

/// What the signatures below are over.
pub(crate) const MESSAGE: &[u8] = b"channel header and payload";

/// Point of the P-256 key above.
pub(crate) const P256_POINT: &str = "0423a9f120ff4f5f20c9d86ee9df3d742ba744a97e7bca6a0477641ef1200a818a18330380e1a76d7132f3db14c84f2cad211e338257d57bec0b94b36d069b32aa";
/// `sha256sum` of it.
pub(crate) const P256_SKI: &str =
    "298045e27c146eb64296d3eb1f4b77661c7df8a8cd3ae2b6e0dd67f6e8fe8e32";
/// Signatures by `openssl dgst -sha256 -sign` that happen to have a low `s`; the first has a padded `r`.
pub(crate) const P256_LOW: [&str; 2] = [
    "3045022100f9ba4bc1d16b0ba3679b652f42e51c6ab054197a68698f47f77e7248fbccb7f0022063a61bb399e8c34f589d6678884767101204209844dd462c036b40101240cb67",
    "304402201ebc3a2f179d65d919b1fe6eb1b25c5601da6d1d3a139666652f93849dbe6143022044dcb2cca1e6e7ab045e3a1a8b2d8ec7a81d79ccb71619be68d320d88a4b23bf",
];
/// Signatures by the same command with a high `s`.
pub(crate) const P256_HIGH: [&str; 2] = [
    "30450220185a830ab5332ffe2e5755e7e2a70caed205b38aa3a7a11f50e504a9b33838e5022100eb5493bc2dd14f1292c159fc826fe2c0e45cf211d5f7bd29692319fe1e4e90e0",
    "3045022011cd1f1f18189ee56aa75fb5a8f997ecc20c05cd8b8db3a9b0414d184a8c6589022100d106116f5be7b72420990f073c1c89fc82ddc408506979fc39abec06986533b2",
];
/// A signature by `openssl dgst -sha384 -sign`, with a low `s`.
pub(crate) const P256_SHA384: &str = "3045022100c6856344b00f9a11cf5891fd61e3e884b1a9dc1330da0e0a6cf34781c06cbd37022026b285324ab9c53ad89be201b370089994f1a430bcba4cead8d768aaac0d6a87";

/// Point of the P-384 key above.
pub(crate) const P384_POINT: &str = "044066de37f3186f877104fafa7563b01083ce76d441bf2010748caf218c6b68657ae256f9d5e432a50338b1b716194a20c3d3de8590c8abed0bcd9649dd3a033c2b312b2d78e3dc6ddaa21fabb4a9f49e1a00d81e37556165f71714ac6496ebe1";
/// `sha256sum` of it.
pub(crate) const P384_SKI: &str =
    "e4953295b17339f831c17953ecff2b79c2c1b31c72dc1abe75ad517b4e499775";
/// Signatures by `openssl dgst -sha256 -sign` with a low `s`; the second has a padded `r`.
pub(crate) const P384_LOW: [&str; 2] = [
    "3064023024fc7c57cd4f18659b127955ef4889b4ec3ee3c25b6bc24483516e608f31d70425f5c1be5c1e4a7e9259cf90ef95992d02302fa6c22c945359dd0df8c1cde96a02d5cc0dc6d59d1ef352f7db847c0581408ce4e94ab84cf3870c140cfe235b8c5a06",
    "3065023100c7f5537f89d3bce10b6919fb49d0db8dd2a47a6cee9cc77e2c7367faaf2ea9b5aa09314494ae1d2f8687079a8213fdea0230768d51fbfa4fecce596c3df2f9e26238bf0545d07536a4a69fcc78e168ca5faba80beff86ab0111f2c2eb49fc0fdefb0",
];
/// Signatures by the same command with a high `s`.
pub(crate) const P384_HIGH: [&str; 2] = [
    "306502303725d074b285d5995bc17072db995983ecb0fa8b1548bdcbe6f844072212bdf08385afe6d113d5027db297377bb0c3a1023100b63b5c6d41a911dce754ad2254884499271c789dedf752f5d9a8f99ba8ad7dbbc75d4c3e4d7ee1f1dbb6c034fdc9bc94",
    "3066023100dc153aac2e80c5b6df2577db133a9e8578e99b25783f5811a28cfce5215c8a0d1a06c1beeb7815ffe64235a4d92bd24e023100fac78452735331744f838c23c5dedb1dcf8e18fafcbde0235daf5361e635acd0d68986b5b976469370545c7838708917",
];

/// A public key made to fit a chosen signature, and that signature's two forms: openssl verifies both.
pub(crate) struct Boundary {
    pub(crate) point: &'static str,
    pub(crate) low: &'static str,
    pub(crate) high: &'static str,
}

/// `s` is half the order and one more, then 1 and the order less 1; on P-256, then on P-384.
pub(crate) const BOUNDARIES: [Boundary; 4] = [
    Boundary {
        point: "04721ba17f33f49d30ba83c6b73fe4fefe63b9ab38fca3089243f783a74f0e17a7079b7b7a7375f0696d8e8674b501f1b7c78671684a23720df1478b349f15dc90",
        low: "302502010502207fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8",
        high: "302502010502207fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9",
    },
    Boundary {
        point: "0404f5fe03c138aebeedbf8a40565e7c1aa9ec56843eebdbb4937e3ab770908772d4c2d39fbbdadb42d3b5bb4e31f21b505bcd8ce8fbb501959ff123dd52734c91",
        low: "3006020105020101",
        high: "3026020105022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
    },
    Boundary {
        point: "04a260c1267a3acaa58b5a407034d26834982437b370423997de11b20c843e22c8e5f6a8938ad50b3b1ff87dbbb9d58dfd724e245a6ae51bd30d230bc1edf6a06d6894f99c7f67a60e2cfbc7a9de7ba9b37c01676f73dfd096d6a64cd6105410b9",
        low: "303502010a02307fffffffffffffffffffffffffffffffffffffffffffffffe3b1a6c0fa1b96efac0d06d9245853bd76760cb5666294b9",
        high: "303502010a02307fffffffffffffffffffffffffffffffffffffffffffffffe3b1a6c0fa1b96efac0d06d9245853bd76760cb5666294ba",
    },
    Boundary {
        point: "0483efee9cace953280e2085a54fc64b1f9fbc58129d69c39b466611b955f7d08a15d272113f714b7ab79df5da5afada9fa93e228014f331491b8043a2838677ff909b72dbdf20145707e0e522da68094b93e56d6cfc6d9be2682f64cae0d3ea12",
        low: "300602010a020101",
        high: "303602010a023100ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52972",
    },
];
