//! The tree of `organizations/` that users of Fabric's test network know.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::authority::{Authority, CaError, CertificateKind, CertificateRequest, KeyPair, Role};
use super::authority::{parse, unusable};
use super::profile::connection_profile;
use crate::files::{self, Access};

/// Host names and addresses each node's TLS certificate has besides the node's own name.
const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Identities every organisation has from the start.
const FIRST_USERS: [(&str, Role); 2] = [("Admin", Role::Admin), ("User1", Role::Client)];
/// The file a private key is in.
const KEY_FILE: &str = "priv_sk";

/// Certificate and private key of a node.
#[derive(Clone)]
pub(crate) struct NodeIdentity {
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
}

impl std::fmt::Debug for NodeIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeIdentity").finish_non_exhaustive()
    }
}

/// The two authorities of an organisation and where its files are.
#[derive(Debug)]
struct Authorities {
    root: PathBuf,
    domain: String,
    ca: Authority,
    tls_ca: Authority,
}

impl Authorities {
    fn create(root: PathBuf, domain: &str) -> Result<Self, CaError> {
        let ca = authority(&root, "ca", domain)?;
        let tls_ca = authority(&root, "tlsca", domain)?;
        let all = Self { root, domain: domain.to_owned(), ca, tls_ca };
        all.write_msp(&all.root.join("msp"))?;
        Ok(all)
    }

    fn ca_file(&self) -> String {
        format!("ca.{}-cert.pem", self.domain)
    }

    /// What makes a directory an MSP directory for Fabric's tools.
    fn write_msp(&self, msp: &Path) -> Result<(), CaError> {
        let ca_file = self.ca_file();
        let config = node_units(&ca_file);
        let tls_file = format!("tlsca.{}-cert.pem", self.domain);
        for (path, content) in [
            (msp.join("cacerts").join(&ca_file), self.ca.certificate_pem()),
            (msp.join("tlscacerts").join(tls_file), self.tls_ca.certificate_pem()),
            (msp.join("config.yaml"), &config),
        ] {
            if !path.exists() {
                files::write(&path, content.as_bytes(), Access::Anyone)?;
            }
        }
        Ok(())
    }

    /// Writes the certificate under both names in use: `cert.pem` and `<name>-cert.pem`.
    fn write_certificate(&self, msp: &Path, name: &str, pem: &str) -> Result<(), CaError> {
        let directory = msp.join("signcerts");
        files::write(&directory.join("cert.pem"), pem.as_bytes(), Access::Anyone)?;
        // The last file: when it is there, the identity is complete.
        let named = directory.join(format!("{name}-cert.pem"));
        Ok(files::write(&named, pem.as_bytes(), Access::Anyone)?)
    }

    /// The identity of a node or first user, made at the first start.
    fn identity(
        &self,
        msp: &Path,
        name: &str,
        enrollment_id: &str,
        role: Role,
    ) -> Result<NodeIdentity, CaError> {
        let certificate = msp.join("signcerts").join(format!("{name}-cert.pem"));
        let key_file = msp.join("keystore").join(KEY_FILE);
        if certificate.exists() && key_file.exists() {
            return load_pair(&certificate, &key_file);
        }
        self.write_msp(msp)?;
        let key = KeyPair::generate().map_err(|err| unusable(name, err))?;
        let attributes = default_attributes(enrollment_id, role);
        // As Fabric's certificate authority: the subject is named by its enrolment id.
        let request = CertificateRequest {
            common_name: enrollment_id,
            kind: CertificateKind::Identity { role, attributes },
            not_after: None,
        };
        let certificate_pem = self.ca.issue(&request, &key)?;
        let key_pem = key.serialize_pem();
        files::write(&key_file, key_pem.as_bytes(), Access::Owner)?;
        self.write_certificate(msp, name, &certificate_pem)?;
        Ok(NodeIdentity { certificate_pem, key_pem })
    }

    fn tls_server(&self, directory: &Path, name: &str) -> Result<NodeIdentity, CaError> {
        let (certificate, key_file) = (directory.join("server.crt"), directory.join("server.key"));
        if certificate.exists() && key_file.exists() {
            return load_pair(&certificate, &key_file);
        }
        let key = KeyPair::generate().map_err(|err| unusable(name, err))?;
        let hosts = [name].into_iter().chain(LOCAL_HOSTS).map(str::to_owned).collect();
        let request = CertificateRequest {
            common_name: name,
            kind: CertificateKind::TlsServer { hosts },
            not_after: None,
        };
        let certificate_pem = self.tls_ca.issue(&request, &key)?;
        let key_pem = key.serialize_pem();
        let authority = self.tls_ca.certificate_pem();
        files::write(&directory.join("ca.crt"), authority.as_bytes(), Access::Anyone)?;
        files::write(&key_file, key_pem.as_bytes(), Access::Owner)?;
        files::write(&certificate, certificate_pem.as_bytes(), Access::Anyone)?;
        Ok(NodeIdentity { certificate_pem, key_pem })
    }

    fn node(&self, folder: &str, name: &str, role: Role) -> Result<Node, CaError> {
        let directory = self.root.join(folder).join(name);
        Ok(Node {
            identity: self.identity(&directory.join("msp"), name, name, role)?,
            tls: self.tls_server(&directory.join("tls"), name)?,
        })
    }

    fn user_msp(&self, name: &str) -> PathBuf {
        self.root.join("users").join(format!("{name}@{}", self.domain)).join("msp")
    }
}

/// A node's two key pairs.
#[derive(Debug)]
struct Node {
    identity: NodeIdentity,
    tls: NodeIdentity,
}

/// Everything on disk of one peer organisation.
#[derive(Debug)]
pub(crate) struct OrganizationFiles {
    authorities: Authorities,
    peer: Node,
}

impl OrganizationFiles {
    /// Opens `<dir>/organizations/peerOrganizations/<domain>`, making what is missing.
    pub(crate) fn create(dir: &Path, domain: &str) -> Result<Self, CaError> {
        let root = Self::root(dir, domain);
        let authorities = Authorities::create(root, domain)?;
        for (name, role) in FIRST_USERS {
            let full_name = format!("{name}@{domain}");
            authorities.identity(&authorities.user_msp(name), &full_name, name, role)?;
        }
        let peer = authorities.node("peers", &peer_name(domain), Role::Peer)?;
        Ok(Self { authorities, peer })
    }

    pub(crate) fn root(dir: &Path, domain: &str) -> PathBuf {
        dir.join("organizations/peerOrganizations").join(domain)
    }

    pub(crate) fn ca(&self) -> &Authority {
        &self.authorities.ca
    }

    pub(crate) fn ca_pem(&self) -> &str {
        self.authorities.ca.certificate_pem()
    }

    pub(crate) fn tls_ca_pem(&self) -> &str {
        self.authorities.tls_ca.certificate_pem()
    }

    pub(crate) fn peer_identity(&self) -> &NodeIdentity {
        &self.peer.identity
    }

    pub(crate) fn peer_tls(&self) -> &NodeIdentity {
        &self.peer.tls
    }

    pub(crate) fn user_msp(&self, name: &str) -> PathBuf {
        self.authorities.user_msp(name)
    }

    /// Writes `connection-<organisation>.json`, which names the port in use.
    pub(crate) fn write_profile(
        &self,
        channel: &str,
        msp_id: &str,
        port: u16,
    ) -> Result<(), CaError> {
        let domain = &self.authorities.domain;
        let profile = connection_profile(channel, msp_id, domain, port, self.tls_ca_pem());
        let name = domain.split('.').next().unwrap_or(domain);
        let path = self.authorities.root.join(format!("connection-{name}.json"));
        Ok(files::write(&path, format!("{profile:#}\n").as_bytes(), Access::Anyone)?)
    }

    /// Writes a user's files: the key's only where it was made here.
    pub(crate) fn write_user(
        &self,
        name: &str,
        certificate_pem: &str,
        key_pem: Option<&str>,
    ) -> Result<PathBuf, CaError> {
        let msp = self.user_msp(name);
        let full_name = format!("{name}@{}", self.authorities.domain);
        // Nothing of a replaced identity may remain beside the new one.
        files::remove(&msp.join("signcerts").join(format!("{full_name}-cert.pem")))?;
        let key_file = msp.join("keystore").join(KEY_FILE);
        files::remove(&key_file)?;
        self.authorities.write_msp(&msp)?;
        if let Some(key_pem) = key_pem {
            files::write(&key_file, key_pem.as_bytes(), Access::Owner)?;
        }
        self.authorities.write_certificate(&msp, &full_name, certificate_pem)?;
        Ok(msp)
    }

    /// Whether the user's files are complete.
    pub(crate) fn has_user(&self, name: &str) -> bool {
        let file = format!("{name}@{}-cert.pem", self.authorities.domain);
        self.user_msp(name).join("signcerts").join(file).exists()
    }
}

/// Everything on disk of the orderer's organisation.
#[derive(Debug)]
pub(crate) struct OrdererFiles {
    authorities: Authorities,
    orderer: Node,
}

impl OrdererFiles {
    /// Opens `<dir>/organizations/ordererOrganizations/<domain>`, making what is missing.
    pub(crate) fn create(dir: &Path, domain: &str) -> Result<Self, CaError> {
        let root = Self::root(dir, domain);
        let authorities = Authorities::create(root, domain)?;
        let admin = format!("Admin@{domain}");
        authorities.identity(&authorities.user_msp("Admin"), &admin, "Admin", Role::Admin)?;
        let name = orderer_name(domain);
        let orderer = authorities.node("orderers", &name, Role::Orderer)?;
        Ok(Self { authorities, orderer })
    }

    pub(crate) fn ca_pem(&self) -> &str {
        self.authorities.ca.certificate_pem()
    }

    pub(crate) fn tls_ca_pem(&self) -> &str {
        self.authorities.tls_ca.certificate_pem()
    }

    pub(crate) fn root(dir: &Path, domain: &str) -> PathBuf {
        dir.join("organizations/ordererOrganizations").join(domain)
    }

    pub(crate) fn orderer_identity(&self) -> &NodeIdentity {
        &self.orderer.identity
    }

    pub(crate) fn orderer_tls(&self) -> &NodeIdentity {
        &self.orderer.tls
    }
}

/// The host name of an organisation's peer.
pub(crate) fn peer_name(domain: &str) -> String {
    format!("peer0.{domain}")
}

/// The host name of the orderer.
pub(crate) fn orderer_name(domain: &str) -> String {
    format!("orderer.{domain}")
}

/// The attributes Fabric's certificate authority gives everybody.
pub(super) fn default_attributes(enrollment_id: &str, role: Role) -> BTreeMap<&str, &str> {
    BTreeMap::from([
        ("hf.Affiliation", ""),
        ("hf.EnrollmentID", enrollment_id),
        ("hf.Type", role.unit()),
    ])
}

fn authority(root: &Path, folder: &str, domain: &str) -> Result<Authority, CaError> {
    let name = format!("{folder}.{domain}");
    let certificate_file = root.join(folder).join(format!("{name}-cert.pem"));
    let key_file = root.join(folder).join(KEY_FILE);
    if certificate_file.exists() && key_file.exists() {
        return Authority::load(&name, files::read(&certificate_file)?, &files::read(&key_file)?);
    }
    let (authority, key_pem) = Authority::generate(&name, domain)?;
    files::write(&key_file, key_pem.as_bytes(), Access::Owner)?;
    files::write(&certificate_file, authority.certificate_pem().as_bytes(), Access::Anyone)?;
    Ok(authority)
}

fn load_pair(certificate: &Path, key: &Path) -> Result<NodeIdentity, CaError> {
    let (certificate_pem, key_pem) = (files::read(certificate)?, files::read(key)?);
    let name = certificate.display().to_string();
    let pair = KeyPair::from_pem(&key_pem).map_err(|err| unusable(&name, err))?;
    let (_, pem) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes())
        .map_err(|err| unusable(&name, err))?;
    let parsed = parse(&pem).map_err(|err| unusable(&name, err))?;
    if parsed.public_key().subject_public_key.data != pair.public_key_raw() {
        return Err(unusable(&name, "certificate and private key do not belong together"));
    }
    Ok(NodeIdentity { certificate_pem, key_pem })
}

/// `config.yaml` of an MSP directory: which organisational unit means which role.
fn node_units(ca_file: &str) -> String {
    let mut text = String::from("NodeOUs:\n  Enable: true\n");
    for role in Role::ALL {
        let name = match role {
            Role::Client => "Client",
            Role::Peer => "Peer",
            Role::Admin => "Admin",
            Role::Orderer => "Orderer",
        };
        text.push_str(&format!(
            "  {name}OUIdentifier:\n    Certificate: cacerts/{ca_file}\n    \
             OrganizationalUnitIdentifier: {role}\n"
        ));
    }
    text
}
