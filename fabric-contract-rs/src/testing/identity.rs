use super::der;
use crate::{ClientIdentity, NodeOu};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANIZATION: &[u8] = &[0x55, 4, 10];
const ORGANIZATIONAL_UNIT: &[u8] = &[0x55, 4, 11];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ATTRIBUTES: &[u8] = &[0x2a, 3, 4, 5, 6, 7, 8, 1];

/// A client of a test: a certificate as a Fabric certificate authority would issue it, the same
/// bytes in every run.
///
/// Nobody has signed the certificate and its key is no point of the curve: it goes where peers have
/// done the checking, that is into contracts and servers, never through an MSP.
///
/// ```
/// use fabric_contract_rs::testing::TestIdentity;
///
/// let doctor = TestIdentity::new("Org1MSP", "doctor").attribute("role", "clinician").client();
/// assert_eq!(doctor.attribute("role"), Some("clinician"));
/// ```
#[derive(Debug, Clone)]
pub struct TestIdentity {
    msp_id: String,
    node_ou: NodeOu,
    common_names: Vec<String>,
    units: Vec<String>,
    attributes: BTreeMap<String, String>,
    extension: Option<Vec<u8>>,
    key: String,
}

impl TestIdentity {
    /// A client of the organisation `msp_id`, with a key of its own.
    pub fn new(msp_id: &str, common_name: &str) -> Self {
        Self {
            msp_id: msp_id.to_owned(),
            node_ou: NodeOu::Client,
            common_names: vec![common_name.to_owned()],
            units: Vec::new(),
            attributes: BTreeMap::new(),
            extension: None,
            key: format!("{msp_id}/{common_name}"),
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds an organizational unit behind the one of [`node_ou`](Self::node_ou).
    #[must_use]
    pub fn ou(mut self, unit: &str) -> Self {
        self.units.push(unit.to_owned());
        self
    }

    /// Makes it another kind of node than a client.
    #[must_use]
    pub fn node_ou(mut self, node_ou: NodeOu) -> Self {
        self.node_ou = node_ou;
        self
    }

    /// Gives it the key that belongs to `seed`, so that one name can come with two keys.
    #[must_use]
    pub fn key(mut self, seed: &str) -> Self {
        seed.clone_into(&mut self.key);
        self
    }

    /// Adds a second common name, as no certificate authority should.
    #[must_use]
    pub fn another_common_name(mut self, name: &str) -> Self {
        self.common_names.push(name.to_owned());
        self
    }

    /// Puts these bytes where the attributes belong, whatever they are.
    #[must_use]
    pub fn attributes_extension(mut self, content: &[u8]) -> Self {
        self.extension = Some(content.to_owned());
        self
    }

    /// The organisation's MSP id.
    pub fn msp_id(&self) -> &str {
        &self.msp_id
    }

    /// The certificate's bytes.
    pub fn certificate_der(&self) -> Vec<u8> {
        let key = Sha256::digest(&self.key);
        // A positive number that does not start with a zero byte.
        let mut serial = vec![0x40];
        serial.extend(key.iter().take(15));
        let algorithm = der::sequence(&[der::oid(ECDSA_WITH_SHA256)]);
        let (issuer, subject) = (self.issuer(), self.subject());
        let validity =
            der::sequence(&[der::utc_time("240101000000Z"), der::utc_time("440101000000Z")]);
        let mut fields = vec![
            der::context(0, &der::integer(&[2])),
            der::integer(&serial),
            algorithm.clone(),
            issuer,
            validity,
            subject,
            self.public_key(),
        ];
        if let Some(attributes) = self.attributes_json() {
            let extension = der::sequence(&[der::oid(ATTRIBUTES), der::octets(&attributes)]);
            fields.push(der::context(3, &der::sequence(&[extension])));
        }
        let signature = der::bits(&der::sequence(&[der::integer(&[1]), der::integer(&[1])]));
        der::sequence(&[der::sequence(&fields), algorithm, signature])
    }

    /// The certificate in PEM, as a creator carries it.
    pub fn certificate_pem(&self) -> String {
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        for (at, character) in STANDARD.encode(self.certificate_der()).chars().enumerate() {
            if at > 0 && at.is_multiple_of(64) {
                pem.push('\n');
            }
            pem.push(character);
        }
        pem.push_str("\n-----END CERTIFICATE-----\n");
        pem
    }

    /// The client a contract sees.
    ///
    /// # Panics
    /// When the certificate was given something that [`ClientIdentity::from_pem`] refuses.
    pub fn client(&self) -> ClientIdentity {
        #[expect(clippy::expect_used, reason = "a test with an impossible client fails at once")]
        ClientIdentity::from_pem(&self.msp_id, self.certificate_pem().as_bytes())
            .expect("the test's identity is readable")
    }

    fn issuer(&self) -> Vec<u8> {
        let organization = self.msp_id.trim_end_matches("MSP").to_lowercase() + ".example.com";
        der::sequence(&[
            attribute(ORGANIZATION, &organization),
            attribute(COMMON_NAME, &format!("ca.{organization}")),
        ])
    }

    fn subject(&self) -> Vec<u8> {
        let node_ou = match self.node_ou {
            NodeOu::Client => "client",
            NodeOu::Peer => "peer",
            NodeOu::Admin => "admin",
            NodeOu::Orderer => "orderer",
        };
        let mut names = vec![attribute(ORGANIZATIONAL_UNIT, node_ou)];
        names.extend(self.units.iter().map(|unit| attribute(ORGANIZATIONAL_UNIT, unit)));
        names.extend(self.common_names.iter().map(|name| attribute(COMMON_NAME, name)));
        der::sequence(&names)
    }

    fn public_key(&self) -> Vec<u8> {
        let mut point = vec![4];
        point.extend(Sha256::digest(format!("x of {}", self.key)));
        point.extend(Sha256::digest(format!("y of {}", self.key)));
        der::sequence(&[
            der::sequence(&[der::oid(EC_PUBLIC_KEY), der::oid(P256)]),
            der::bits(&point),
        ])
    }

    fn attributes_json(&self) -> Option<Vec<u8>> {
        if self.extension.is_some() {
            return self.extension.clone();
        }
        let json = serde_json::json!({ "attrs": self.attributes });
        (!self.attributes.is_empty()).then(|| json.to_string().into_bytes())
    }
}

fn attribute(kind: &[u8], value: &str) -> Vec<u8> {
    der::set(&[der::sequence(&[der::oid(kind), der::utf8(value)])])
}
