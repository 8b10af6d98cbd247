//! A chaincode that does what its arguments say, and a client that can do everything wrong.

pub(crate) mod blocks;
mod chaincode;
mod client;

use std::sync::Arc;

use fabric_devnet::{Chaincode, Config, Devnet, EnrollRequest};
use fabric_protos::protos::TxValidationCode;
use tempfile::TempDir;

pub(crate) use self::chaincode::ScriptedChaincode;
pub(crate) use self::client::{Client, Draft, details, signed_status_request};

pub(crate) const CHANNEL: &str = "mychannel";
pub(crate) const CHAINCODE: &str = "script";
pub(crate) const ORGS: [&str; 3] = ["Org1MSP", "Org2MSP", "Org3MSP"];

/// Org1 and Org2 hold `health` and endorse; Org3 is not a member.
pub(crate) const COLLECTIONS: &str = r#"[
    {"name": "health", "policy": "OR('Org1MSP.member','Org2MSP.member')",
     "endorsementPolicy": {"signaturePolicy": "AND('Org1MSP.peer','Org2MSP.peer')"}},
    {"name": "guarded", "policy": "OR('Org1MSP.member','Org2MSP.member')",
     "memberOnlyRead": true, "memberOnlyWrite": true},
    {"name": "brief", "policy": "OR('Org1MSP.member','Org2MSP.member')", "blockToLive": 1}
]"#;

pub(crate) struct Setup {
    pub(crate) devnet: Devnet,
    pub(crate) chaincode: ScriptedChaincode,
    pub(crate) config: Config,
    pub(crate) dir: Arc<TempDir>,
}

/// A devnet of the default organisations with the scripted chaincode, which two of them endorse.
pub(crate) async fn setup() -> Setup {
    setup_with(|config| config).await
}

pub(crate) async fn setup_with(change: impl FnOnce(Config) -> Config) -> Setup {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let id = Chaincode::derived_package_id(CHAINCODE, "1.0");
    let chaincode = ScriptedChaincode::start(&id).await;
    let definition = Chaincode::new(CHAINCODE, chaincode.address())
        .endorsement_policy("AND('Org1MSP.peer','Org2MSP.peer')")
        .collections(COLLECTIONS);
    let config = change(Config::new(dir.path()).any_ports().chaincode(definition));
    let devnet = Devnet::start(config.clone()).await.unwrap();
    Setup { devnet, chaincode, config, dir }
}

impl Setup {
    /// A client of `User1` of an organisation, at the organisation's own gateway.
    pub(crate) async fn client(&self, msp_id: &str) -> Client {
        Client::user(&self.devnet, msp_id, "User1").await
    }

    /// A client of an organisation's administrator, at the organisation's own gateway.
    pub(crate) async fn admin(&self, msp_id: &str) -> Client {
        Client::user(&self.devnet, msp_id, "Admin").await
    }

    /// A client of `User1` of an organisation, at the peer of another one.
    pub(crate) async fn client_at(&self, msp_id: &str, peer: &str) -> Client {
        let (own, there) = (self.client(msp_id).await, self.client(peer).await);
        Client { channel: there.channel, gateway: there.gateway, ..own }
    }

    pub(crate) async fn enrolled(&self, request: &EnrollRequest) -> Client {
        let enrolled = self.devnet.enroll(request).unwrap();
        let key = enrolled.private_key_pem.unwrap();
        Client::connect(&self.devnet, &request.msp_id, &enrolled.certificate_pem, &key).await
    }

    /// Stops the devnet and starts it again with the same configuration.
    pub(crate) async fn restart(self) -> Self {
        let Self { devnet, chaincode, config, dir } = self;
        devnet.shutdown().await;
        let devnet = Devnet::start(config.clone()).await.unwrap();
        Self { devnet, chaincode, config, dir }
    }
}

pub(crate) fn code(code: i32) -> TxValidationCode {
    TxValidationCode::try_from(code).unwrap()
}
