//! Devnet and the chaincode server as processes of their own.

use crate::process::{Cost, Usage};
use fabric_devnet::{EnrollRequest, Role, enroll};
use fabric_gateway_client::{ConnectOptions, Connection, Identity, SigningKey};
use ioht::{Actor, Place};
use ioht_contract::Policies;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

pub(crate) struct Network {
    folder: TempDir,
    devnet: Child,
    server: Child,
    connections: BTreeMap<String, Connection>,
}

impl Network {
    pub(crate) async fn start() -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        for (name, text) in Policies::default_documents() {
            fs::write(folder.path().join(name), text)?;
        }
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut devnet = Command::new(beside("fabric-devnet")?)
            .args(["up", "--ports", "0,0,0"])
            .args(["--chaincode", &format!("ioht={address}")])
            .arg("--dir")
            .arg(folder.path().join("devnet"))
            .arg("--collections")
            .arg(folder.path().join("collections.json"))
            .arg("--endorsement-policy")
            .arg(folder.path().join("endorsement-policy.txt"))
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let told = read_summary(&mut devnet).await?;
        let server = Command::new(beside("ccaas-server")?)
            .env("CHAINCODE_SERVER_ADDRESS", address.to_string())
            .env("CHAINCODE_ID", told.package_id)
            .env("RUST_LOG", "error")
            .kill_on_drop(true)
            .spawn()?;
        let mut connections = BTreeMap::new();
        for (msp_id, gateway) in told.gateways {
            let roots = fs::read_to_string(gateway.tls_root)?;
            let options =
                ConnectOptions::tls(gateway.address, roots).server_name(gateway.host_name);
            connections.insert(msp_id, Connection::connect(&options).await?);
        }
        Ok(Self { folder, devnet, server, connections })
    }

    /// Enrols someone with an organisation and connects it to that organisation's gateway.
    pub(crate) fn actor(
        &self,
        msp_id: &str,
        name: &str,
        role: Role,
    ) -> Result<Actor, Box<dyn Error>> {
        let mut request = EnrollRequest::client(msp_id, name);
        request.role = role;
        let enrolled = enroll(&self.folder.path().join("devnet"), &request)?;
        let key = SigningKey::from_pkcs8_pem(&enrolled.private_key_pem.unwrap_or_default())?;
        let identity =
            Identity { msp_id: msp_id.to_owned(), certificate_pem: enrolled.certificate_pem };
        let connection = self.connections.get(msp_id).ok_or("no such organisation")?.clone();
        Ok(Actor::new(connection, identity, Arc::new(key), &Place::default())?)
    }

    pub(crate) fn usage(&self) -> Result<Usage, Box<dyn Error>> {
        let pid = |child: &Child| child.id().ok_or("a process has ended");
        Ok(Usage(vec![
            Cost::of("devnet", pid(&self.devnet)?)?,
            Cost::of("chaincode server", pid(&self.server)?)?,
            Cost::of("client", std::process::id())?,
        ]))
    }

    pub(crate) async fn stop(&mut self) -> Result<(), Box<dyn Error>> {
        self.devnet.kill().await?;
        self.server.kill().await?;
        Ok(())
    }
}

/// A program that was built together with this one.
fn beside(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!(
            "{} is missing: cargo build --release -p fabric-devnet -p ccaas-server -p bench",
            path.display()
        )
        .into())
    }
}

#[derive(Default)]
struct Told {
    gateways: BTreeMap<String, ToldGateway>,
    package_id: String,
}

#[derive(Default)]
struct ToldGateway {
    address: String,
    host_name: String,
    tls_root: String,
}

/// Reads what devnet prints until it is ready.
async fn read_summary(devnet: &mut Child) -> Result<Told, Box<dyn Error>> {
    let output = devnet.stdout.take().ok_or("devnet has no output")?;
    let mut lines = BufReader::new(output).lines();
    let mut told = Told::default();
    let mut msp_id = String::new();
    while let Some(line) = lines.next_line().await? {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["devnet", "is", "ready"] => return Ok(told),
            [name] if name.ends_with("MSP") => msp_id = (*name).to_owned(),
            ["gateway", address, "(TLS,", host_name] => {
                let gateway = told.gateways.entry(msp_id.clone()).or_default();
                gateway.address = (*address).to_owned();
                gateway.host_name = host_name.trim_end_matches(')').to_owned();
            }
            ["TLS", "root", path] => {
                told.gateways.entry(msp_id.clone()).or_default().tls_root = (*path).to_owned();
            }
            [setting] => {
                if let Some(id) = setting.strip_prefix("CHAINCODE_ID=") {
                    told.package_id = id.to_owned();
                }
            }
            _ => {}
        }
    }
    Err("devnet ended before it was ready".into())
}
