//! Which gateway, and as whom: a small file.

use crate::actor::{Actor, Place};
use crate::error::ClientError;
use fabric_gateway_client::{
    ConnectError, ConnectOptions, Connection, Identity, KeyError, SigningKey,
};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which gateway to speak to, and as whom.
///
/// Paths are relative to the file. Only custodians' peers hold health data: whoever reads or writes
/// it names a custodian's gateway.
///
/// ```
/// let profile: ioht::Profile = ioht::Profile::parse(r#"
///     gateway = "localhost:7051"
///     tls_root = "tlsca.pem"
///     server_name = "peer0.org1.example.com"
///     msp_id = "Org1MSP"
///     certificate = "doctor/cert.pem"
///     private_key = "doctor/key.pem"
/// "#).unwrap();
/// assert_eq!((profile.channel.as_str(), profile.chaincode.as_str()), ("mychannel", "ioht"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Host and port of a peer with the Gateway service.
    pub gateway: String,
    /// PEM file of the authority that signed the peer's TLS certificate; none for plaintext on this
    /// machine.
    #[serde(default)]
    pub tls_root: Option<PathBuf>,
    /// The name in the peer's TLS certificate, where it is not the host's.
    #[serde(default)]
    pub server_name: Option<String>,
    /// The caller's organisation.
    pub msp_id: String,
    /// PEM file of the caller's certificate.
    pub certificate: PathBuf,
    /// PEM file of the caller's private key, PKCS #8.
    pub private_key: PathBuf,
    /// The channel.
    #[serde(default = "channel")]
    pub channel: String,
    /// The chaincode's name on it.
    #[serde(default = "chaincode")]
    pub chaincode: String,
}

fn channel() -> String {
    Place::default().channel
}

fn chaincode() -> String {
    Place::default().chaincode
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A file.
    #[error("{path} cannot be read: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file's form.
    #[error("the profile is not usable: {0}")]
    Form(#[from] toml::de::Error),
    /// The private key.
    #[error("the private key is not usable: {0}")]
    Key(#[from] KeyError),
    /// The gateway.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The certificate.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl Profile {
    /// Reads a profile from its text.
    ///
    /// # Errors
    /// [`ProfileError::Form`].
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        Ok(toml::from_str(text)?)
    }

    /// Reads a profile file; its paths become those of the files they name.
    ///
    /// # Errors
    /// [`ProfileError::File`], [`ProfileError::Form`].
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        let mut profile = Self::parse(&read(path)?)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        profile.certificate = folder.join(profile.certificate);
        profile.private_key = folder.join(profile.private_key);
        profile.tls_root = profile.tls_root.map(|root| folder.join(root));
        Ok(profile)
    }

    /// Connects to the gateway as the profile's participant.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub async fn connect(&self) -> Result<Actor, ProfileError> {
        let mut options = match &self.tls_root {
            Some(root) => ConnectOptions::tls(&self.gateway, read(root)?),
            None => ConnectOptions::plaintext(&self.gateway),
        };
        if let Some(name) = &self.server_name {
            options = options.server_name(name);
        }
        let certificate_pem = read(&self.certificate)?;
        let key = SigningKey::from_pkcs8_pem(&read(&self.private_key)?)?;
        let connection = Connection::connect(&options).await?;
        let identity = Identity { msp_id: self.msp_id.clone(), certificate_pem };
        let place = Place { channel: self.channel.clone(), chaincode: self.chaincode.clone() };
        Ok(Actor::new(connection, identity, Arc::new(key), &place)?)
    }
}

fn read(path: &Path) -> Result<String, ProfileError> {
    std::fs::read_to_string(path)
        .map_err(|source| ProfileError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_profile_does_not_know_is_refused() {
        let text = "gateway = 'localhost:7051'\nmsp_id = 'Org1MSP'\ncertificate = 'c'\n";
        assert!(matches!(Profile::parse(text), Err(ProfileError::Form(_))), "no key");
        let whole = format!("{text}private_key = 'k'\n");
        assert!(Profile::parse(&whole).is_ok());
        assert!(Profile::parse(&format!("{whole}password = 'x'\n")).is_err());
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("me.toml");
        let missing = Profile::load(&path).unwrap_err();
        assert!(missing.to_string().contains("me.toml"), "{missing}");
        let text = "gateway = 'localhost:7051'\nmsp_id = 'Org1MSP'\ncertificate = 'c'\nprivate_key = 'k'\ntls_root = 't'\n";
        std::fs::write(&path, text).unwrap();
        let profile = Profile::load(&path).unwrap();
        assert_eq!(profile.certificate, folder.path().join("c"));
        assert_eq!(profile.tls_root, Some(folder.path().join("t")));
    }
}
