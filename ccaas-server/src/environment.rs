//! Settings as the other Fabric chaincode servers take them from environment variables.
//!
//! One image can replace another without renaming anything: the names of the Go, Node and Java
//! servers are all read. Several may be set as long as they agree. A peer names each TLS file in two
//! forms to the chaincode that it starts itself, as PEM (`*_FILE`) and as base64 of it (`*_PATH`): where
//! both are set, the PEM one is read.
//!
//! ```
//! use ccaas_server::environment::Settings;
//!
//! let variables = [("CHAINCODE_ID", "health:4cd1"), ("CHAINCODE_SERVER_ADDRESS", "127.0.0.1:9999")];
//! let lookup = |name: &str| {
//!     let found = variables.iter().find(|(known, _)| *known == name);
//!     found.map(|(_, value)| (*value).to_owned())
//! };
//! let config = Settings::default().or_environment(lookup)?.config()?;
//! assert_eq!(config.chaincode_id, "health:4cd1");
//! # Ok::<(), ccaas_server::environment::SettingsError>(())
//! ```

use crate::config::{Config, Pem, Tls};
use std::path::PathBuf;

const LISTEN: &[&str] = &["CHAINCODE_SERVER_ADDRESS", "CORE_CHAINCODE_ADDRESS"];
const CHAINCODE_ID: &[&str] = &["CHAINCODE_ID", "CORE_CHAINCODE_ID_NAME", "CORE_CHAINCODE_ID"];
const TLS_DISABLED: &str = "CHAINCODE_TLS_DISABLED";
const TLS_ENABLED: &str = "CORE_PEER_TLS_ENABLED";
const KEY: Names = Names {
    what: "the TLS key",
    files: &["CHAINCODE_TLS_KEY", "CORE_TLS_CLIENT_KEY_FILE", "CORE_CHAINCODE_TLS_KEY_FILE"],
    base64_files: &["CORE_TLS_CLIENT_KEY_PATH", "CORE_CHAINCODE_TLS_KEY_PATH"],
};
const CERTIFICATE: Names = Names {
    what: "the TLS certificate",
    files: &["CHAINCODE_TLS_CERT", "CORE_TLS_CLIENT_CERT_FILE", "CORE_CHAINCODE_TLS_CERT_FILE"],
    base64_files: &["CORE_TLS_CLIENT_CERT_PATH", "CORE_CHAINCODE_TLS_CERT_PATH"],
};
const CLIENT_CA: Names = Names {
    what: "the client CA",
    files: &[
        "CHAINCODE_CLIENT_CA_CERT",
        "CORE_PEER_TLS_ROOTCERT_FILE",
        "CORE_CHAINCODE_TLS_CLIENT_CACERT_FILE",
    ],
    base64_files: &["CORE_CHAINCODE_TLS_CLIENT_CACERT_PATH"],
};

/// The variables that may name one file.
#[derive(Debug)]
struct Names {
    what: &'static str,
    files: &'static [&'static str],
    base64_files: &'static [&'static str],
}

/// Why the settings do not make a configuration. Each message says what to set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Two variables that mean the same say different things.
    #[error("{first} and {second} contradict each other; unset one of them")]
    Conflict { first: String, second: String },
    /// A setting that has no default.
    #[error("{what} is not set; pass {flag} or set {variable}")]
    Missing { what: &'static str, flag: &'static str, variable: &'static str },
    /// A switch that is neither on nor off.
    #[error("{variable} is {value:?}; set it to true or false")]
    NotASwitch { variable: &'static str, value: String },
    /// TLS is asked for, and half of what it needs is missing.
    #[error(
        "TLS needs a key and a certificate, and {what} is missing; pass {flag} or set {variable}"
    )]
    TlsIncomplete { what: &'static str, flag: &'static str, variable: &'static str },
    /// TLS is switched off and configured.
    #[error(
        "{switch} switches TLS off but {variable} configures it; unset {variable}, or switch TLS on"
    )]
    TlsOffButConfigured { switch: &'static str, variable: String },
}

/// What flags and environment say, before it is a [`Config`].
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where to listen.
    pub listen: Option<String>,
    /// The package id.
    pub chaincode_id: Option<String>,
    /// The server's private key.
    pub tls_key: Option<Pem>,
    /// The server's certificate chain.
    pub tls_certificate: Option<Pem>,
    /// Authorities of peers.
    pub client_ca: Option<Pem>,
    /// Whether to refuse to serve without TLS.
    pub tls_demanded: bool,
}

impl Settings {
    /// Fills what is not set yet from the environment.
    ///
    /// TLS is on when a switch or a file says so. Files that are already set count as such, so that
    /// a flag wins over the environment.
    ///
    /// # Errors
    /// [`SettingsError`] for variables that contradict each other.
    pub fn or_environment(
        mut self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let environment = Environment(&variable);
        if self.listen.is_none() {
            self.listen = environment.one_of(LISTEN)?.map(|(_, value)| value);
        }
        if self.chaincode_id.is_none() {
            self.chaincode_id = environment.one_of(CHAINCODE_ID)?.map(|(_, value)| value);
        }
        let configured = [&self.tls_key, &self.tls_certificate, &self.client_ca];
        if configured.iter().any(|file| file.is_some()) {
            self.tls_demanded = true;
        } else if let Some((switch, on)) = environment.tls_switch()? {
            if !on {
                return match environment.any_tls_file() {
                    None => Ok(self),
                    Some(variable) => Err(SettingsError::TlsOffButConfigured { switch, variable }),
                };
            }
            self.tls_demanded = true;
        }
        for (setting, names) in [
            (&mut self.tls_key, KEY),
            (&mut self.tls_certificate, CERTIFICATE),
            (&mut self.client_ca, CLIENT_CA),
        ] {
            if setting.is_none() {
                *setting = environment.file(&names)?;
            }
        }
        Ok(self)
    }

    /// The configuration, with default bounds.
    ///
    /// # Errors
    /// [`SettingsError`] for what is missing.
    pub fn config(self) -> Result<Config, SettingsError> {
        let missing = |what, flag, variable| SettingsError::Missing { what, flag, variable };
        let listen = self.listen.ok_or_else(|| {
            missing("the address to listen on", "--listen", "CHAINCODE_SERVER_ADDRESS")
        })?;
        let chaincode_id = self.chaincode_id.ok_or_else(|| {
            missing("the chaincode's package id", "--chaincode-id", "CHAINCODE_ID")
        })?;
        let incomplete = |names: &Names, flag| SettingsError::TlsIncomplete {
            what: names.what,
            flag,
            variable: names.files.first().copied().unwrap_or_default(),
        };
        let tls = match (self.tls_key, self.tls_certificate) {
            (Some(key), Some(certificate)) => {
                Some(Tls { key, certificate, client_ca: self.client_ca })
            }
            (None, None) if !self.tls_demanded && self.client_ca.is_none() => None,
            (None, _) => return Err(incomplete(&KEY, "--tls-key")),
            (Some(_), None) => return Err(incomplete(&CERTIFICATE, "--tls-cert")),
        };
        Ok(Config { tls, ..Config::new(listen, chaincode_id) })
    }
}

struct Environment<'a, F>(&'a F);

impl<F: Fn(&str) -> Option<String>> Environment<'_, F> {
    /// An empty variable is one that is not set.
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// The first of these variables that is set; the others must say the same or nothing.
    fn one_of(
        &self,
        names: &[&'static str],
    ) -> Result<Option<(&'static str, String)>, SettingsError> {
        let mut found: Option<(&'static str, String)> = None;
        for name in names {
            match (&found, self.get(name)) {
                (_, None) => {}
                (None, Some(value)) => found = Some((name, value)),
                (Some((_, first)), Some(value)) if *first == value => {}
                (Some((first, _)), Some(_)) => {
                    return Err(SettingsError::Conflict {
                        first: (*first).to_owned(),
                        second: (*name).to_owned(),
                    });
                }
            }
        }
        Ok(found)
    }

    fn file(&self, names: &Names) -> Result<Option<Pem>, SettingsError> {
        let plain = self.one_of(names.files)?;
        let base64 = self.one_of(names.base64_files)?;
        Ok(match (plain, base64) {
            (Some((_, path)), _) => Some(Pem::File(PathBuf::from(path))),
            (None, Some((_, path))) => Some(Pem::Base64File(PathBuf::from(path))),
            (None, None) => None,
        })
    }

    /// Which switch decides, and how.
    fn tls_switch(&self) -> Result<Option<(&'static str, bool)>, SettingsError> {
        let disabled = self.switch(TLS_DISABLED)?;
        let enabled = self.switch(TLS_ENABLED)?;
        match (disabled, enabled) {
            (Some(disabled), Some(enabled)) if disabled == enabled => {
                let (first, second) = (TLS_DISABLED.to_owned(), TLS_ENABLED.to_owned());
                Err(SettingsError::Conflict { first, second })
            }
            (Some(disabled), _) => Ok(Some((TLS_DISABLED, !disabled))),
            (None, Some(enabled)) => Ok(Some((TLS_ENABLED, enabled))),
            (None, None) => Ok(None),
        }
    }

    fn switch(&self, variable: &'static str) -> Result<Option<bool>, SettingsError> {
        let Some(value) = self.get(variable) else {
            return Ok(None);
        };
        match value.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Some(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Some(false)),
            _ => Err(SettingsError::NotASwitch { variable, value }),
        }
    }

    fn any_tls_file(&self) -> Option<String> {
        [KEY, CERTIFICATE, CLIENT_CA]
            .iter()
            .flat_map(|names| names.files.iter().chain(names.base64_files))
            .find(|name| self.get(name).is_some())
            .map(|name| (*name).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `NAME=value` words to the configuration's summary or the error.
    fn read(variables: &str, flags: Settings) -> String {
        let lookup = |name: &str| {
            let mut pairs = variables.split_whitespace().filter_map(|word| word.split_once('='));
            pairs.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
        };
        let config = match flags.or_environment(lookup).and_then(Settings::config) {
            Ok(config) => config,
            Err(error) => return error.to_string(),
        };
        let path = |pem: &Pem| match pem {
            Pem::File(path) => path.display().to_string(),
            Pem::Base64File(path) => format!("base64 {}", path.display()),
            Pem::Bytes(_) => "bytes".to_owned(),
        };
        let tls = config.tls.map_or_else(
            || "off".to_owned(),
            |tls| {
                let ca = tls.client_ca.as_ref().map_or_else(String::new, path);
                format!("{} {} {ca}", path(&tls.key), path(&tls.certificate)).trim_end().to_owned()
            },
        );
        format!("{} {} {tls}", config.listen, config.chaincode_id)
    }

    const NEEDED: &str = "CHAINCODE_SERVER_ADDRESS=a:1 CHAINCODE_ID=cc:1";

    fn check(variables: &str, expected: &str) {
        let got = read(variables, Settings::default());
        assert!(got.contains(expected), "{variables}: {got:?} does not hold {expected:?}");
    }

    fn check_tls(variables: &str, expected: &str) {
        check(&format!("{NEEDED} {variables}"), expected);
    }

    #[test]
    fn every_name_for_address_and_id() {
        for address in LISTEN {
            for id in CHAINCODE_ID {
                check(&format!("{address}=a:1 {id}=cc:1"), "a:1 cc:1 off");
            }
        }
    }

    #[test]
    fn agreeing_names_are_fine_and_others_are_not() {
        check(&format!("{NEEDED} CORE_CHAINCODE_ID_NAME=cc:1"), "a:1 cc:1 off");
        check(
            &format!("{NEEDED} CORE_CHAINCODE_ID_NAME=cc:2"),
            "CHAINCODE_ID and CORE_CHAINCODE_ID_NAME contradict",
        );
        check(
            &format!("{NEEDED} CORE_CHAINCODE_ADDRESS=b:1"),
            "CHAINCODE_SERVER_ADDRESS and CORE_CHAINCODE_ADDRESS contradict",
        );
    }

    #[test]
    fn what_is_missing_is_told_with_flag_and_variable() {
        check("", "pass --listen or set CHAINCODE_SERVER_ADDRESS");
        check("CHAINCODE_SERVER_ADDRESS=a:1", "pass --chaincode-id or set CHAINCODE_ID");
        check("CHAINCODE_SERVER_ADDRESS= CHAINCODE_ID=cc:1", "address to listen on");
    }

    #[test]
    fn every_name_for_tls_files() {
        for (key, certificate) in KEY.files.iter().zip(CERTIFICATE.files) {
            check_tls(&format!("{key}=k {certificate}=c"), "k c");
        }
        for (key, certificate) in KEY.base64_files.iter().zip(CERTIFICATE.base64_files) {
            check_tls(&format!("{key}=k {certificate}=c"), "base64 k base64 c");
        }
        for ca in CLIENT_CA.files {
            check_tls(&format!("CHAINCODE_TLS_KEY=k CHAINCODE_TLS_CERT=c {ca}=ca"), "k c ca");
        }
        check_tls(
            "CHAINCODE_TLS_KEY=k CHAINCODE_TLS_CERT=c CORE_CHAINCODE_TLS_CLIENT_CACERT_PATH=ca",
            "k c base64 ca",
        );
    }

    #[test]
    fn of_two_forms_of_one_file_pem_is_read() {
        // What a peer gives to the chaincode containers that it starts itself.
        check_tls(
            "CORE_PEER_TLS_ENABLED=true CORE_TLS_CLIENT_KEY_PATH=/etc/client.key \
             CORE_TLS_CLIENT_CERT_PATH=/etc/client.crt CORE_TLS_CLIENT_KEY_FILE=/etc/client_pem.key \
             CORE_TLS_CLIENT_CERT_FILE=/etc/client_pem.crt CORE_PEER_TLS_ROOTCERT_FILE=/etc/peer.crt",
            "/etc/client_pem.key /etc/client_pem.crt /etc/peer.crt",
        );
        check_tls(
            "CORE_TLS_CLIENT_KEY_PATH=k CORE_CHAINCODE_TLS_KEY_PATH=l CHAINCODE_TLS_CERT=c",
            "CORE_TLS_CLIENT_KEY_PATH and CORE_CHAINCODE_TLS_KEY_PATH contradict",
        );
    }

    #[test]
    fn switches_and_files() {
        let files = "CHAINCODE_TLS_KEY=k CHAINCODE_TLS_CERT=c";
        for on in ["CHAINCODE_TLS_DISABLED=false", "CORE_PEER_TLS_ENABLED=true"] {
            check_tls(&format!("{on} {files}"), "cc:1 k c");
            check_tls(on, "the TLS key is missing; pass --tls-key or set CHAINCODE_TLS_KEY");
        }
        for off in ["CHAINCODE_TLS_DISABLED=true", "CORE_PEER_TLS_ENABLED=0"] {
            check_tls(off, "cc:1 off");
            check_tls(&format!("{off} {files}"), "switches TLS off but CHAINCODE_TLS_KEY");
            check_tls(&format!("{off} CORE_PEER_TLS_ROOTCERT_FILE=ca"), "switches TLS off but");
        }
        check_tls("CHAINCODE_TLS_DISABLED=false CORE_PEER_TLS_ENABLED=false", "contradict");
        check_tls("CHAINCODE_TLS_DISABLED=true CORE_PEER_TLS_ENABLED=true", "contradict");
        check_tls("CHAINCODE_TLS_DISABLED=true CORE_PEER_TLS_ENABLED=false", "cc:1 off");
        check_tls("CHAINCODE_TLS_DISABLED=yes", "set it to true or false");
    }

    #[test]
    fn half_of_tls_is_told() {
        check_tls("CHAINCODE_TLS_KEY=k", "pass --tls-cert or set CHAINCODE_TLS_CERT");
        check_tls("CHAINCODE_TLS_CERT=c", "pass --tls-key or set CHAINCODE_TLS_KEY");
        check_tls("CHAINCODE_CLIENT_CA_CERT=ca", "pass --tls-key or set CHAINCODE_TLS_KEY");
    }

    #[test]
    fn flags_win() {
        let file = |name: &str| Some(Pem::File(name.into()));
        let flags = Settings {
            listen: Some("flag:1".into()),
            tls_key: file("k"),
            tls_certificate: file("c"),
            ..Settings::default()
        };
        let variables =
            format!("{NEEDED} CORE_CHAINCODE_ADDRESS=other:1 CHAINCODE_TLS_DISABLED=true");
        assert_eq!(read(&variables, flags), "flag:1 cc:1 k c");
    }
}
