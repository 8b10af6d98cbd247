use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use fabric_devnet::{EnrollKey, EnrollRequest, Role, enroll};

#[derive(Debug, Args)]
pub(super) struct Enroll {
    /// Directory of the network.
    #[arg(long)]
    dir: PathBuf,
    /// MSP id of the organisation.
    #[arg(long, value_name = "MSP_ID")]
    org: String,
    /// Enrolment id.
    #[arg(long)]
    name: String,
    /// Attribute for the certificate; can be repeated.
    #[arg(long = "attr", value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, String)>,
    /// Enrol an administrator of the organisation instead of a client.
    #[arg(long)]
    admin: bool,
    /// Certify this public key (PEM) instead of making a key: the private key stays where it is.
    #[arg(long, value_name = "FILE", conflicts_with = "csr")]
    public_key: Option<PathBuf>,
    /// Certify the key of this certificate request (PKCS#10, PEM).
    #[arg(long, value_name = "FILE")]
    csr: Option<PathBuf>,
    /// Replace the certificate of an identity that is enrolled already.
    #[arg(long)]
    replace: bool,
}

impl Enroll {
    pub(super) fn run(self) -> Result<(), Box<dyn Error>> {
        let key = match (&self.public_key, &self.csr) {
            (Some(file), _) => EnrollKey::PublicKey(super::read(file)?),
            (None, Some(file)) => EnrollKey::CertificateRequest(super::read(file)?),
            (None, None) => EnrollKey::Generate,
        };
        let request = EnrollRequest {
            role: if self.admin { Role::Admin } else { Role::Client },
            attributes: self.attributes.into_iter().collect(),
            key,
            replace: self.replace,
            ..EnrollRequest::client(self.org, self.name)
        };
        let enrolled = enroll(&self.dir, &request)?;
        let dir = enrolled.msp_dir.display();
        let mut out = std::io::stdout().lock();
        writeln!(out, "certificate: {dir}/signcerts/cert.pem")?;
        if enrolled.private_key_pem.is_some() {
            writeln!(out, "private key: {dir}/keystore/priv_sk")?;
        }
        Ok(())
    }
}

fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("not NAME=VALUE".to_owned()),
    }
}
