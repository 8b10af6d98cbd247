//! The workload on a devnet in this process.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use fabric_devnet::{Batch, Config, Devnet, EnrollRequest, ReadyMode};

use crate::JudgeError;
use crate::chaincode::{listen, serve};
use crate::network::Network;
use crate::plan::MSP_IDS;
use crate::verdict::chaincode;

/// Time a batch waits for company: full ones do not wait.
const BATCH_TIMEOUT: Duration = Duration::from_secs(60);

/// A devnet with the workload's chaincode.
#[derive(Debug)]
pub struct Running {
    devnet: Devnet,
    /// The way to its peers.
    pub network: Network,
}

impl Running {
    /// Starts one in an empty folder; its blocks have `batch` transactions.
    pub async fn start(folder: &Path, batch: u32, ready: ReadyMode) -> Result<Self, JudgeError> {
        let failed = |err: &dyn std::fmt::Display| JudgeError::Network(err.to_string());
        let (listener, address) = listen("127.0.0.1:0").await?;
        let chaincode = chaincode(&address.to_string());
        tokio::spawn(serve(listener, chaincode.package_id.clone()));
        let mut config = Config::new(folder).any_ports().chaincode(chaincode);
        config.organizations.truncate(MSP_IDS.len());
        config.batch =
            Batch { timeout: BATCH_TIMEOUT, max_message_count: batch, ..Batch::default() };
        config.ready = ready;
        let devnet = Devnet::start(config).await.map_err(|err| failed(&err))?;
        for msp_id in MSP_IDS {
            if devnet.user_msp_dir(msp_id, "User1").is_none_or(|folder| !folder.exists()) {
                let request = EnrollRequest::client(msp_id, "User1");
                devnet.enroll(&request).map_err(|err| failed(&err))?;
            }
        }
        let addresses: Vec<String> =
            devnet.gateways().map(|gateway| gateway.address.to_string()).collect();
        let network = Network::connect(&folder.join("organizations"), &addresses).await?;
        Ok(Self { devnet, network })
    }

    /// All blocks so far.
    pub fn blocks(&self) -> Result<Vec<Bytes>, JudgeError> {
        let block = |number| {
            let found = self.devnet.block(number);
            found.map_err(|err| JudgeError::Network(err.to_string()))
        };
        (0..self.devnet.height()).filter_map(|number| block(number).transpose()).collect()
    }

    /// Ends it.
    pub async fn stop(self) {
        drop(self.network);
        self.devnet.shutdown().await;
    }
}
