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
///
/// Instead of the last two, `msp_folder` names a folder as Fabric's tools make one for each identity,
/// with `signcerts` and `keystore` in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, try_from = "Document")]
pub struct Profile {
    /// Host and port of a peer with the Gateway service.
    pub gateway: String,
    /// PEM file of the authority that signed the peer's TLS certificate; none for plaintext on this
    /// machine.
    pub tls_root: Option<PathBuf>,
    /// The name in the peer's TLS certificate, where it is not the host's.
    pub server_name: Option<String>,
    /// The caller's organisation.
    pub msp_id: String,
    /// The caller's certificate and private key.
    pub credentials: Credentials,
    /// The channel.
    pub channel: String,
    /// The chaincode's name on it.
    pub chaincode: String,
}

/// Where a certificate and its private key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// In a file each.
    Files {
        /// PEM file of the certificate.
        certificate: PathBuf,
        /// PEM file of the private key, PKCS #8.
        private_key: PathBuf,
    },
    /// In a folder with one file in `signcerts` and one in `keystore`.
    MspFolder(PathBuf),
}

/// A profile as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    gateway: String,
    tls_root: Option<PathBuf>,
    server_name: Option<String>,
    msp_id: String,
    certificate: Option<PathBuf>,
    private_key: Option<PathBuf>,
    msp_folder: Option<PathBuf>,
    #[serde(default = "channel")]
    channel: String,
    #[serde(default = "chaincode")]
    chaincode: String,
}

impl TryFrom<Document> for Profile {
    type Error = &'static str;

    fn try_from(it: Document) -> Result<Self, Self::Error> {
        let credentials = match (it.certificate, it.private_key, it.msp_folder) {
            (Some(certificate), Some(private_key), None) => {
                Credentials::Files { certificate, private_key }
            }
            (None, None, Some(folder)) => Credentials::MspFolder(folder),
            _ => return Err("give `certificate` and `private_key`, or `msp_folder`"),
        };
        Ok(Self {
            gateway: it.gateway,
            tls_root: it.tls_root,
            server_name: it.server_name,
            msp_id: it.msp_id,
            credentials,
            channel: it.channel,
            chaincode: it.chaincode,
        })
    }
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
    /// A folder that should hold one file.
    #[error("{path} holds {found} files: keep one certificate and its key there")]
    NotOne {
        /// Which.
        path: PathBuf,
        /// How many it holds.
        found: usize,
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
        profile.credentials = match profile.credentials {
            Credentials::Files { certificate, private_key } => Credentials::Files {
                certificate: folder.join(certificate),
                private_key: folder.join(private_key),
            },
            Credentials::MspFolder(msp) => Credentials::MspFolder(folder.join(msp)),
        };
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
        let (certificate_pem, key_pem) = self.credentials.read()?;
        let key = SigningKey::from_pkcs8_pem(&key_pem)?;
        let connection = Connection::connect(&options).await?;
        let identity = Identity { msp_id: self.msp_id.clone(), certificate_pem };
        let place = Place { channel: self.channel.clone(), chaincode: self.chaincode.clone() };
        Ok(Actor::new(connection, identity, Arc::new(key), &place)?)
    }
}

impl Credentials {
    /// The certificate and the key.
    fn read(&self) -> Result<(String, String), ProfileError> {
        match self {
            Self::Files { certificate, private_key } => {
                Ok((read(certificate)?, read(private_key)?))
            }
            Self::MspFolder(folder) => {
                Ok((read_one(&folder.join("signcerts"))?, read_one(&folder.join("keystore"))?))
            }
        }
    }
}

/// The only file of a folder.
fn read_one(folder: &Path) -> Result<String, ProfileError> {
    let unreadable = |source| ProfileError::File { path: folder.to_owned(), source };
    let files: Result<Vec<_>, _> = std::fs::read_dir(folder).map_err(unreadable)?.collect();
    match files.map_err(unreadable)?.as_slice() {
        [file] => read(&file.path()),
        files => Err(ProfileError::NotOne { path: folder.to_owned(), found: files.len() }),
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
        let both = Profile::parse(&format!("{whole}msp_folder = 'm'\n")).unwrap_err();
        assert!(both.to_string().contains("or `msp_folder`"), "{both}");
    }

    #[test]
    fn an_msp_folder_holds_one_certificate_and_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let msp = Credentials::MspFolder(folder.path().to_owned());
        assert!(matches!(msp.read(), Err(ProfileError::File { .. })));
        for (name, content) in [("signcerts", "certificate"), ("keystore", "key")] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("one"), content).unwrap();
        }
        assert_eq!(msp.read().unwrap(), ("certificate".to_owned(), "key".to_owned()));
        std::fs::write(folder.path().join("keystore").join("two"), "key").unwrap();
        let error = msp.read().unwrap_err();
        assert!(error.to_string().contains("keystore holds 2 files"), "{error}");
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
        let [certificate, private_key] = ["c", "k"].map(|file| folder.path().join(file));
        assert_eq!(profile.credentials, Credentials::Files { certificate, private_key });
        assert_eq!(profile.tls_root, Some(folder.path().join("t")));
    }
}
