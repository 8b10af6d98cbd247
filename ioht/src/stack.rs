//! An embedded Fabric and the chaincode server, in this process.

use crate::actor::{Actor, Place};
use crate::error::ClientError;
use ccaas_server::{Config as ServerConfig, Server};
use fabric_devnet::{Chaincode, Config as DevnetConfig, Devnet, EnrollRequest, Role};
use fabric_gateway_client::{ConnectOptions, Connection, Identity, SigningKey};
use ioht_contract::{IohtContract, Policies, PolicyError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The chaincode's version in its definition.
const CHAINCODE_VERSION: &str = "1.0";

/// How to set the stack up.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// Where identities and the ledger are kept.
    pub dir: PathBuf,
    /// Whether the system chooses all ports, so that several stacks can run at a time.
    pub any_ports: bool,
    /// What the contract and the network are given, by file name as in the folder `policies`.
    pub policies: BTreeMap<String, String>,
}

impl StackOptions {
    /// The default policies on ports of the system's choice.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), any_ports: true, policies: Policies::default_documents() }
    }
}

/// Why the stack did not start or an identity could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The policies.
    #[error(transparent)]
    Policies(#[from] PolicyError),
    /// The chaincode server.
    #[error(transparent)]
    Server(#[from] ccaas_server::ConfigError),
    /// The embedded Fabric.
    #[error(transparent)]
    Devnet(#[from] fabric_devnet::StartError),
    /// An identity.
    #[error(transparent)]
    Enroll(#[from] fabric_devnet::TopologyError),
    /// A key that was just made cannot be used.
    #[error(transparent)]
    Key(#[from] fabric_gateway_client::KeyError),
    /// The gateway of an organisation.
    #[error(transparent)]
    Connect(#[from] fabric_gateway_client::ConnectError),
    /// An organisation that the network does not have.
    #[error("the network has no organisation {0}")]
    UnknownOrganization(String),
    /// A participant's certificate.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// An embedded Fabric and the chaincode server, in this process.
#[derive(Debug)]
pub struct Stack {
    dir: PathBuf,
    place: Place,
    devnet: Devnet,
    server: JoinHandle<()>,
    stop_server: oneshot::Sender<()>,
}

impl Stack {
    /// Starts both; the ledger is reopened if there is one.
    ///
    /// # Errors
    /// [`StackError`].
    pub async fn start(options: StackOptions) -> Result<Self, StackError> {
        let policies = Policies::from_documents(&options.policies)?;
        let document = |name| options.policies.get(name).cloned().unwrap_or_default();
        let place = Place::default();
        let package_id = Chaincode::derived_package_id(&place.chaincode, CHAINCODE_VERSION);
        let server = Server::bind(ServerConfig::new("127.0.0.1:0", &package_id)).await?;
        let chaincode = Chaincode::new(&place.chaincode, server.local_addr().to_string())
            .endorsement_policy(document("endorsement-policy.txt"))
            .collections(document("collections.json"));
        let (stop_server, stopped) = oneshot::channel();
        let contract = IohtContract::new(policies);
        let server = tokio::spawn(async move {
            let served = server.serve(contract, async { stopped.await.unwrap_or(()) }).await;
            if let Err(error) = served {
                tracing::error!(%error, "the chaincode server stopped");
            }
        });
        let mut config = DevnetConfig::new(&options.dir).chaincode(chaincode);
        if options.any_ports {
            config = config.any_ports();
        }
        let devnet = Devnet::start(config).await?;
        Ok(Self { dir: options.dir, place, devnet, server, stop_server })
    }

    /// Where identities and the ledger are kept.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the contract is found.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The embedded Fabric.
    pub fn devnet(&self) -> &Devnet {
        &self.devnet
    }

    /// Enrols a client of an organisation and connects it to its organisation's gateway.
    ///
    /// # Errors
    /// [`StackError`].
    pub async fn client(&self, msp_id: &str, enrolment_id: &str) -> Result<Actor, StackError> {
        self.enroll(EnrollRequest::client(msp_id, enrolment_id), msp_id).await
    }

    /// Enrols an administrator of an organisation and connects it to its gateway.
    ///
    /// # Errors
    /// [`StackError`].
    pub async fn admin(&self, msp_id: &str, enrolment_id: &str) -> Result<Actor, StackError> {
        let mut request = EnrollRequest::client(msp_id, enrolment_id);
        request.role = Role::Admin;
        self.enroll(request, msp_id).await
    }

    /// Enrols as asked and connects to the gateway of `gateway_msp`.
    ///
    /// # Errors
    /// [`StackError`].
    pub async fn enroll(
        &self,
        request: EnrollRequest,
        gateway_msp: &str,
    ) -> Result<Actor, StackError> {
        let msp_id = request.msp_id.clone();
        let enrolled = self.devnet.enroll(&request)?;
        let key =
            SigningKey::from_pkcs8_pem(enrolled.private_key_pem.as_deref().unwrap_or_default())?;
        let identity = Identity { msp_id, certificate_pem: enrolled.certificate_pem };
        let connection = self.connect(gateway_msp).await?;
        Ok(Actor::new(connection, identity, Arc::new(key), &self.place)?)
    }

    /// Opens a connection to an organisation's gateway.
    ///
    /// # Errors
    /// [`StackError`].
    pub async fn connect(&self, msp_id: &str) -> Result<Connection, StackError> {
        let gateway = self
            .devnet
            .gateway(msp_id)
            .ok_or_else(|| StackError::UnknownOrganization(msp_id.to_owned()))?;
        let options = ConnectOptions::tls(gateway.address.to_string(), &gateway.tls_root_pem)
            .server_name(&gateway.host_name);
        Ok(Connection::connect(&options).await?)
    }

    /// Stops both, the network first.
    pub async fn shutdown(self) {
        self.devnet.shutdown().await;
        // The server may have stopped by itself.
        let _ = self.stop_server.send(());
        let _ = self.server.await;
    }
}
