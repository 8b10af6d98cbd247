//! The configuration file of the command.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::config::{
    Batch, Chaincode, ChaincodeTls, Channel, Config, ConfigError, IntegrityCheck, Organization,
    ReadyMode,
};
use crate::files::{self, FileError};

/// A configuration file, in JSON: every field is optional and means the default if it is left out.
/// Paths are relative to the file's directory.
///
/// ```
/// use fabric_devnet::{Config, SettingsFile};
///
/// let settings = SettingsFile::parse(r#"{
///     "chaincodes": [{"name": "basic", "address": "localhost:9999"}],
///     "batch": {"timeout_ms": 50}
/// }"#)?;
/// let mut config = Config::new("devnet");
/// settings.apply(".".as_ref(), &mut config)?;
/// assert_eq!(config.chaincodes[0].version, "1.0");
/// # Ok::<(), fabric_devnet::SettingsError>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsFile {
    channels: Option<Vec<ChannelSettings>>,
    organizations: Option<Vec<OrganizationSettings>>,
    chaincodes: Vec<ChaincodeSettings>,
    listen: Option<IpAddr>,
    orderer_port: Option<u16>,
    batch: BatchSettings,
    ready: Option<ReadyMode>,
    execute_timeout_s: Option<u64>,
    time_window_s: Option<u64>,
    gateway_concurrency: Option<usize>,
    cache_bytes: Option<usize>,
    check_all_blocks: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelSettings {
    name: String,
    organizations: Option<Vec<String>>,
    chaincodes: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrganizationSettings {
    msp_id: String,
    domain: String,
    port: Option<u16>,
    custodian: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChaincodeSettings {
    name: String,
    address: String,
    version: Option<String>,
    package_id: Option<String>,
    endorsement_policy: Option<String>,
    collections_file: Option<PathBuf>,
    #[serde(default)]
    init_required: bool,
    tls: Option<TlsSettings>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsSettings {
    root_cert_file: PathBuf,
    domain: Option<String>,
    client_cert_file: Option<PathBuf>,
    client_key_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BatchSettings {
    timeout_ms: Option<u64>,
    max_message_count: Option<u32>,
    absolute_max_bytes: Option<u32>,
    preferred_max_bytes: Option<u32>,
}

/// A configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It, or a file it names, cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not what it should be.
    #[error("the configuration file cannot be understood: {0}")]
    Json(#[from] serde_json::Error),
    /// It contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl SettingsFile {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        Self::parse(&files::read(path)?)
    }

    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        Ok(serde_json::from_str(text)?)
    }

    /// Sets in `config` what the file sets; chaincodes are added. `dir` is the file's directory.
    pub fn apply(self, dir: &Path, config: &mut Config) -> Result<(), SettingsError> {
        if let Some(channels) = self.channels {
            config.channels = channels.into_iter().map(ChannelSettings::into_config).collect();
        }
        if let Some(organizations) = self.organizations {
            config.organizations =
                (1..).zip(organizations).map(|(number, one)| one.into_config(number)).collect();
        }
        for chaincode in self.chaincodes {
            config.chaincodes.push(chaincode.into_config(dir)?);
        }
        self.batch.apply(&mut config.batch);
        config.listen = self.listen.unwrap_or(config.listen);
        config.orderer_port = self.orderer_port.unwrap_or(config.orderer_port);
        config.ready = self.ready.unwrap_or(config.ready);
        if let Some(seconds) = self.execute_timeout_s {
            config.execute_timeout = Duration::from_secs(seconds);
        }
        if let Some(seconds) = self.time_window_s {
            // As a peer takes it: no window at all.
            config.time_window = (seconds > 0).then(|| Duration::from_secs(seconds));
        }
        config.gateway_concurrency = self.gateway_concurrency.unwrap_or(config.gateway_concurrency);
        config.cache_bytes = self.cache_bytes.unwrap_or(config.cache_bytes);
        if self.check_all_blocks {
            config.integrity = IntegrityCheck::Full;
        }
        Ok(())
    }
}

impl ChannelSettings {
    fn into_config(self) -> Channel {
        let Self { name, organizations, chaincodes } = self;
        Channel { name, organizations, chaincodes }
    }
}

impl OrganizationSettings {
    fn into_config(self, number: u16) -> Organization {
        let usual = Organization::numbered(number);
        Organization {
            msp_id: self.msp_id,
            domain: self.domain,
            gateway_port: self.port.unwrap_or(usual.gateway_port),
            custodian: self.custodian.unwrap_or(usual.custodian),
        }
    }
}

impl ChaincodeSettings {
    fn into_config(self, dir: &Path) -> Result<Chaincode, SettingsError> {
        let version = self.version.unwrap_or_else(|| "1.0".to_owned());
        let package_id =
            self.package_id.unwrap_or_else(|| Chaincode::derived_package_id(&self.name, &version));
        let read = |file: &PathBuf| files::read(&dir.join(file));
        let collections = self.collections_file.as_ref().map(read).transpose()?;
        let tls = match self.tls {
            None => None,
            Some(tls) => Some(ChaincodeTls {
                root_cert: read(&tls.root_cert_file)?,
                domain: tls.domain,
                client: match (&tls.client_cert_file, &tls.client_key_file) {
                    (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
                    (None, None) => None,
                    _ => {
                        return Err(SettingsError::Config(ConfigError::Connection {
                            chaincode: self.name,
                            reason: "client_cert_file and client_key_file belong together"
                                .to_owned(),
                        }));
                    }
                },
            }),
        };
        Ok(Chaincode {
            name: self.name,
            version,
            package_id,
            address: self.address,
            tls,
            endorsement_policy: self.endorsement_policy,
            collections,
            init_required: self.init_required,
        })
    }
}

impl BatchSettings {
    fn apply(self, batch: &mut Batch) {
        if let Some(millis) = self.timeout_ms {
            batch.timeout = Duration::from_millis(millis);
        }
        batch.max_message_count = self.max_message_count.unwrap_or(batch.max_message_count);
        batch.absolute_max_bytes = self.absolute_max_bytes.unwrap_or(batch.absolute_max_bytes);
        batch.preferred_max_bytes = self.preferred_max_bytes.unwrap_or(batch.preferred_max_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(text: &str, dir: &Path) -> Result<Config, SettingsError> {
        let mut config = Config::new("devnet");
        SettingsFile::parse(text)?.apply(dir, &mut config)?;
        Ok(config)
    }

    #[test]
    fn everything_can_be_set() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("collections.json"), "[]").unwrap();
        std::fs::write(dir.path().join("ca.pem"), "PEM").unwrap();
        let text = r#"{
            "channels": [{"name": "other", "organizations": ["A"]}], "listen": "0.0.0.0", "ready": "plain", "orderer_port": 6,
            "organizations": [{"msp_id": "A", "domain": "a.org", "port": 1},
                              {"msp_id": "B", "domain": "b.org", "custodian": false}],
            "chaincodes": [{"name": "cc", "address": "h:1", "version": "2", "package_id": "p:1",
                            "endorsement_policy": "OR('A.peer')",
                            "collections_file": "collections.json",
                            "tls": {"root_cert_file": "ca.pem", "domain": "cc.org"}}],
            "batch": {"timeout_ms": 7, "max_message_count": 8, "absolute_max_bytes": 9,
                      "preferred_max_bytes": 10},
            "execute_timeout_s": 11, "time_window_s": 0, "gateway_concurrency": 12,
            "cache_bytes": 13, "check_all_blocks": true}"#;
        let config = apply(text, dir.path()).unwrap();
        assert_eq!(config.channels, [Channel::new("other").organizations(["A"])]);
        assert_eq!(config.ready, ReadyMode::Plain);
        let ports: Vec<_> = config.organizations.iter().map(|one| one.gateway_port).collect();
        assert_eq!((ports, config.orderer_port), (vec![1, 9051], 6));
        let custodians: Vec<_> = config.organizations.iter().map(|one| one.custodian).collect();
        assert_eq!(custodians, [true, false]);
        let chaincode = &config.chaincodes[0];
        assert_eq!(chaincode.package_id, "p:1");
        assert_eq!(chaincode.collections.as_deref(), Some("[]"));
        assert_eq!(chaincode.tls.as_ref().map(|tls| tls.root_cert.as_str()), Some("PEM"));
        assert_eq!(config.batch.timeout, Duration::from_millis(7));
        assert_eq!(config.time_window, None);
        assert_eq!(config.integrity, IntegrityCheck::Full);
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        let check = |text: &str, expected: &str| {
            let refusal = apply(text, Path::new("/nowhere")).unwrap_err().to_string();
            assert!(refusal.contains(expected), "{refusal}");
        };
        check("[", "the configuration file cannot be understood");
        check(r#"{"chanel": "c"}"#, "unknown field `chanel`");
        check(
            r#"{"chaincodes": [{"name": "c", "address": "h:1", "collections_file": "f"}]}"#,
            "cannot read /nowhere/f",
        );
    }
}
