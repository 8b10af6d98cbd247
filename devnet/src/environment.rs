//! What the `peer` command needs to act as a user of a devnet.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ca::{self, CaError, OrdererFiles, OrganizationFiles};
use crate::files::{self, Access, FileError};
use crate::topology::TopologyError;

/// Where in a devnet's directory the nodes of its last start are described.
const ENDPOINTS_FILE: &str = "endpoints.json";
/// Where the `peer` command finds its configuration.
const CONFIG_DIR: &str = "config";
/// All of `core.yaml` that the command cannot do without; the rest comes by the environment.
const CORE_YAML: &str = "# For Fabric's peer command; see `fabric-devnet env`.
peer:
  BCCSP: {Default: SW, SW: {Hash: SHA2, Security: 256}}
  client: {connTimeout: 3s}
";
/// The host that the nodes' certificates name.
const HOST: &str = "localhost";

/// Where the nodes of a devnet listen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Endpoints {
    pub(crate) orderer_domain: String,
    pub(crate) orderer_port: u16,
    pub(crate) peers: Vec<PeerEndpoint>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PeerEndpoint {
    pub(crate) msp_id: String,
    pub(crate) domain: String,
    pub(crate) port: u16,
    pub(crate) custodian: bool,
}

impl Endpoints {
    /// Writes them, and the command's configuration, for later commands.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), FileError> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        files::write(&dir.join(ENDPOINTS_FILE), text.as_bytes(), Access::Anyone)?;
        let core = dir.join(CONFIG_DIR).join("core.yaml");
        files::write(&core, CORE_YAML.as_bytes(), Access::Anyone)
    }

    fn load(dir: &Path) -> Result<Self, TopologyError> {
        let path = dir.join(ENDPOINTS_FILE);
        if !path.exists() {
            return Err(TopologyError::Absent(dir.display().to_string()));
        }
        serde_json::from_str(&files::read(&path)?).map_err(|err| TopologyError::Damaged {
            path: path.display().to_string(),
            reason: err.to_string(),
        })
    }
}

/// Settings that make Fabric's `peer` command act as a user of a devnet, and the options that name
/// its nodes. Displayed as lines for a shell (bash): variables, and two arrays `ORDERER_FLAGS` (where
/// transactions are ordered) and `PEER_FLAGS` (the custodians' peers, which endorse them).
///
/// ```no_run
/// use fabric_devnet::PeerEnvironment;
///
/// println!("{}", PeerEnvironment::load("devnet-data".as_ref(), "Org1MSP", "Admin")?);
/// # Ok::<(), fabric_devnet::TopologyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerEnvironment {
    /// Environment variables with their values.
    pub variables: Vec<(&'static str, String)>,
    /// Options of commands that broadcast.
    pub orderer_flags: Vec<String>,
    /// Options of commands that collect endorsements.
    pub peer_flags: Vec<String>,
}

impl PeerEnvironment {
    /// Reads where the devnet in `dir` was started last, whether it runs or not.
    ///
    /// # Errors
    /// [`TopologyError`] if there is no devnet, no such organisation, or no such user.
    pub fn load(dir: &Path, msp_id: &str, user: &str) -> Result<Self, TopologyError> {
        let endpoints = Endpoints::load(dir)?;
        // The command may be run from anywhere.
        let dir = std::path::absolute(dir)
            .map_err(|source| FileError::new("cannot locate", dir, source))?;
        let Some(own) = endpoints.peers.iter().find(|peer| peer.msp_id == msp_id) else {
            let known: Vec<_> = endpoints.peers.iter().map(|one| one.msp_id.as_str()).collect();
            let (msp_id, known) = (msp_id.to_owned(), known.join(", "));
            return Err(CaError::UnknownOrganization { msp_id, known }.into());
        };
        let root = OrganizationFiles::root(&dir, &own.domain);
        let msp = root.join("users").join(format!("{user}@{}", own.domain)).join("msp");
        if !msp.join("signcerts").exists() {
            return Err(TopologyError::NoUser { msp_id: msp_id.to_owned(), user: user.to_owned() });
        }
        let variables = vec![
            ("FABRIC_CFG_PATH", text(&dir.join(CONFIG_DIR))),
            ("FABRIC_LOGGING_SPEC", "chaincodeCmd=info:error".to_owned()),
            ("CORE_PEER_TLS_ENABLED", "true".to_owned()),
            ("CORE_PEER_LOCALMSPID", own.msp_id.clone()),
            ("CORE_PEER_ADDRESS", format!("{HOST}:{}", own.port)),
            ("CORE_PEER_TLS_ROOTCERT_FILE", text(&tls_root(&dir, own))),
            ("CORE_PEER_MSPCONFIGPATH", text(&msp)),
        ];
        let orderer = OrdererFiles::root(&dir, &endpoints.orderer_domain)
            .join("tlsca")
            .join(format!("tlsca.{}-cert.pem", endpoints.orderer_domain));
        let orderer_flags = vec![
            "-o".to_owned(),
            format!("{HOST}:{}", endpoints.orderer_port),
            "--ordererTLSHostnameOverride".to_owned(),
            ca::orderer_name(&endpoints.orderer_domain),
            "--tls".to_owned(),
            "--cafile".to_owned(),
            text(&orderer),
        ];
        let peer_flags = (endpoints.peers.iter().filter(|peer| peer.custodian))
            .flat_map(|peer| {
                [
                    "--peerAddresses".to_owned(),
                    format!("{HOST}:{}", peer.port),
                    "--tlsRootCertFiles".to_owned(),
                    text(&tls_root(&dir, peer)),
                ]
            })
            .collect();
        Ok(Self { variables, orderer_flags, peer_flags })
    }
}

impl fmt::Display for PeerEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.variables {
            writeln!(f, "export {name}={}", quoted(value))?;
        }
        for (name, flags) in
            [("ORDERER_FLAGS", &self.orderer_flags), ("PEER_FLAGS", &self.peer_flags)]
        {
            let flags: Vec<String> = flags.iter().map(|flag| quoted(flag)).collect();
            writeln!(f, "{name}=({})", flags.join(" "))?;
        }
        Ok(())
    }
}

fn tls_root(dir: &Path, peer: &PeerEndpoint) -> PathBuf {
    let root = OrganizationFiles::root(dir, &peer.domain);
    root.join("peers").join(ca::peer_name(&peer.domain)).join("tls/ca.crt")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A word for a shell: quoted where it could be anything but one word.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-:=@,+".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words_in_a_shell() {
        let check = |word, expected| assert_eq!(quoted(word), expected);
        check("/srv/devnet-data/ca.crt", "/srv/devnet-data/ca.crt");
        check("/my files", "'/my files'");
        check("it's; rm -r $HOME", r"'it'\''s; rm -r $HOME'");
        check("", "''");
    }
}
