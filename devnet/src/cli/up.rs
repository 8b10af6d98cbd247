use std::error::Error;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use fabric_devnet::{
    Chaincode, ChaincodeTls, Channel, Config, Devnet, IntegrityCheck, ReadyMode, SettingsFile,
};
use tokio::signal::unix::{SignalKind, signal};

use super::summary;

/// Options that belong to a chaincode take `VALUE` where there is one chaincode, and `NAME=VALUE`
/// where there are several.
#[derive(Debug, Args)]
pub(super) struct Up {
    /// Directory for identities and the ledger; made at the first start.
    #[arg(long)]
    dir: PathBuf,
    /// Configuration file (JSON); other options win over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A channel; can be repeated [default: mychannel].
    #[arg(long = "channel", value_name = "NAME")]
    channels: Vec<String>,
    /// A chaincode and the address of its server; can be repeated.
    #[arg(long = "chaincode", value_name = "NAME=HOST:PORT", value_parser = chaincode)]
    chaincodes: Vec<(String, String)>,
    /// Version of the chaincode [default: 1.0].
    #[arg(long, value_name = "VERSION")]
    chaincode_version: Vec<String>,
    /// Package id that the chaincode server registers with, its CHAINCODE_ID [default: made from
    /// name and version].
    #[arg(long, value_name = "ID")]
    package_id: Vec<String>,
    /// Private data collections, in the JSON of Fabric's command line.
    #[arg(long, value_name = "FILE")]
    collections: Vec<String>,
    /// Endorsement policy such as "AND('Org1MSP.peer','Org2MSP.peer')", or a file with one
    /// [default: a majority of the organisations].
    #[arg(long, value_name = "TEXT|FILE")]
    endorsement_policy: Vec<String>,
    /// Certificate authority (PEM) of the chaincode server; reaches it by TLS.
    #[arg(long, value_name = "FILE")]
    chaincode_root_cert: Vec<String>,
    /// Ports of the peers, in the order of the organisations; 0 lets the system choose
    /// [default: 7051,9051,11051].
    #[arg(long, value_name = "PORT,…", value_delimiter = ',')]
    ports: Vec<u16>,
    /// Port of the orderer; 0 lets the system choose [default: 7050; 0 with --ports].
    #[arg(long, value_name = "PORT")]
    orderer_port: Option<u16>,
    /// Address the peers and the orderer listen on [default: 127.0.0.1].
    #[arg(long, value_name = "IP")]
    listen: Option<IpAddr>,
    /// Time the first transaction of a block waits for others [default: 10].
    #[arg(long, value_name = "MS")]
    batch_timeout_ms: Option<u64>,
    /// Offer chaincode neither write batches nor multi-gets, like peers before 3.1.
    #[arg(long)]
    plain: bool,
    /// Keep plaintext of private data from this organisation's peer, as if it were not reconciled;
    /// can be repeated.
    #[arg(long, value_name = "MSP_ID")]
    withhold: Vec<String>,
    /// Check all blocks at the start, not only the newest.
    #[arg(long)]
    check_all_blocks: bool,
}

impl Up {
    pub(super) fn run(self) -> Result<(), Box<dyn Error>> {
        let config = self.build()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            // Before anything is started: an early interrupt must stop it in order, too.
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut terminate = signal(SignalKind::terminate())?;
            let devnet = Devnet::start(config).await?;
            for msp_id in &self.withhold {
                devnet.withhold_private_data(msp_id, true);
            }
            summary::print(&devnet)?;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            devnet.shutdown().await;
            Ok(())
        })
    }

    fn build(&self) -> Result<Config, Box<dyn Error>> {
        let mut config = Config::new(&self.dir);
        if let Some(file) = &self.config {
            let dir = file.parent().unwrap_or(Path::new("."));
            SettingsFile::load(file)?.apply(dir, &mut config)?;
        }
        if !self.channels.is_empty() {
            // What the file says of a channel stays.
            let known = std::mem::take(&mut config.channels);
            let of = |name: &String| known.iter().find(|one| one.name == *name).cloned();
            config.channels = (self.channels.iter())
                .map(|name| of(name).unwrap_or_else(|| Channel::new(name)))
                .collect();
        }
        for (name, address) in &self.chaincodes {
            match config.chaincodes.iter_mut().find(|one| one.name == *name) {
                Some(known) => known.address.clone_from(address),
                None => config.chaincodes.push(Chaincode::new(name, address)),
            }
        }
        self.apply_to_chaincodes(&mut config.chaincodes)?;
        if !self.ports.is_empty() {
            let (ports, organizations) = (self.ports.len(), config.organizations.len());
            if ports != organizations {
                let text = format!("--ports names {ports} ports for {organizations} organisations");
                return Err(text.into());
            }
            for (organization, port) in config.organizations.iter_mut().zip(&self.ports) {
                organization.gateway_port = *port;
            }
            // Who chooses ports has others in use, most likely the usual one of the orderer, too.
            config.orderer_port = 0;
        }
        config.orderer_port = self.orderer_port.unwrap_or(config.orderer_port);
        config.listen = self.listen.unwrap_or(config.listen);
        if let Some(millis) = self.batch_timeout_ms {
            config.batch.timeout = Duration::from_millis(millis);
        }
        if self.plain {
            config.ready = ReadyMode::Plain;
        }
        if self.check_all_blocks {
            config.integrity = IntegrityCheck::Full;
        }
        for msp_id in &self.withhold {
            if !config.organizations.iter().any(|one| one.msp_id == *msp_id) {
                return Err(format!("--withhold: there is no organisation `{msp_id}`").into());
            }
        }
        Ok(config)
    }

    fn apply_to_chaincodes(&self, chaincodes: &mut [Chaincode]) -> Result<(), Box<dyn Error>> {
        for text in &self.chaincode_version {
            let (chaincode, version) = addressed(chaincodes, "--chaincode-version", text)?;
            let derived = Chaincode::derived_package_id(&chaincode.name, &chaincode.version);
            if chaincode.package_id == derived {
                chaincode.package_id = Chaincode::derived_package_id(&chaincode.name, version);
            }
            version.clone_into(&mut chaincode.version);
        }
        for text in &self.package_id {
            let (chaincode, id) = addressed(chaincodes, "--package-id", text)?;
            id.clone_into(&mut chaincode.package_id);
        }
        for text in &self.collections {
            let (chaincode, file) = addressed(chaincodes, "--collections", text)?;
            chaincode.collections = Some(super::read(&file.into())?);
        }
        for text in &self.endorsement_policy {
            let (chaincode, policy) = addressed(chaincodes, "--endorsement-policy", text)?;
            let policy = if Path::new(policy).is_file() {
                super::read(&policy.into())?.trim().to_owned()
            } else {
                policy.to_owned()
            };
            chaincode.endorsement_policy = Some(policy);
        }
        for text in &self.chaincode_root_cert {
            let (chaincode, file) = addressed(chaincodes, "--chaincode-root-cert", text)?;
            let root_cert = super::read(&file.into())?;
            chaincode.tls = Some(ChaincodeTls { root_cert, domain: None, client: None });
        }
        Ok(())
    }
}

fn chaincode(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, address)) if !name.is_empty() && !address.is_empty() => {
            Ok((name.to_owned(), address.to_owned()))
        }
        _ => Err("not NAME=HOST:PORT".to_owned()),
    }
}

/// The chaincode an option is about, and the option's value.
fn addressed<'c, 't>(
    chaincodes: &'c mut [Chaincode],
    option: &str,
    text: &'t str,
) -> Result<(&'c mut Chaincode, &'t str), String> {
    let named = text.split_once('=').and_then(|(name, value)| {
        Some((chaincodes.iter().position(|one| one.name == name)?, value))
    });
    let (index, value) = match named {
        Some(named) => named,
        None if chaincodes.len() == 1 => (0, text),
        None => {
            return Err(format!(
                "{option}: there are {} chaincodes: say which one is meant, as NAME=VALUE",
                chaincodes.len()
            ));
        }
    };
    let chaincode = chaincodes.get_mut(index).ok_or("no such chaincode")?;
    Ok((chaincode, value))
}
