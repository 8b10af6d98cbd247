//! What a devnet is started with.

mod channel;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::channel::Channel;

/// Port of the first organisation's gateway, as in Fabric's test network; each further one is
/// [`PORT_STEP`] higher.
pub const FIRST_GATEWAY_PORT: u16 = 7051;
/// Port of the orderer, as in Fabric's test network.
pub const ORDERER_PORT: u16 = 7050;
/// Distance between the gateways' default ports.
pub const PORT_STEP: u16 = 2000;
/// Time a block waits for company after its first transaction.
///
/// Fabric's sample configurations wait two seconds, so a lone transaction takes that long. Here
/// transactions that arrive while a block is being written share the next one anyway, so the wait
/// only needs to cover those that arrive together.
pub const BATCH_TIMEOUT: Duration = Duration::from_millis(10);
/// Transactions a block has at most, as in Fabric's sample configuration.
pub const MAX_MESSAGE_COUNT: u32 = 500;
/// Bytes a transaction has at most, as in Fabric's sample configuration.
pub const ABSOLUTE_MAX_BYTES: u32 = 10 * 1024 * 1024;
/// Bytes above which a block is cut, as in Fabric's sample configuration.
pub const PREFERRED_MAX_BYTES: u32 = 2 * 1024 * 1024;
/// Time a chaincode has for one transaction: `chaincode.executetimeout` of a peer.
pub const EXECUTE_TIMEOUT: Duration = Duration::from_secs(30);
/// How far a proposal's timestamp may be from the clock:
/// `peer.authentication.timewindow` of a 3.x peer.
pub const TIME_WINDOW: Duration = Duration::from_mins(15);
/// Calls a gateway serves at a time: `peer.limits.concurrency.gatewayService`.
pub const GATEWAY_CONCURRENCY: usize = 500;
/// Proposals a peer's Endorser service serves at a time:
/// `peer.limits.concurrency.endorserService`.
pub(crate) const ENDORSER_CONCURRENCY: usize = 2500;
/// Streams of blocks a peer or the orderer serves at a time: `peer.limits.concurrency.deliverService`.
pub(crate) const DELIVER_CONCURRENCY: usize = 2500;
/// Organisations, counted from the first, that are custodians unless something else is said.
const CUSTODIANS_FIRST: u16 = 2;
/// Memory the databases may keep of their files. The whole process has to stay below 100 MB.
pub const CACHE_BYTES: usize = 24 * 1024 * 1024;

/// Where in a devnet's directory the ledger of its first channel is.
const LEDGER_FILE: &str = "ledger/ledger.redb";
/// Where those of further channels are, each in a file of the channel's name.
const CHANNELS_DIR: &str = "ledger/channels";

/// What a devnet consists of. [`Config::new`] gives the default: one channel of three
/// organisations, no chaincode.
///
/// ```
/// use fabric_devnet::{Chaincode, Config};
///
/// let config = Config::new("/var/lib/devnet").chaincode(Chaincode::new("ioht", "127.0.0.1:9999"));
/// assert_eq!(config.channels[0].name, "mychannel");
/// assert_eq!(config.organizations[2].msp_id, "Org3MSP");
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// Where identities and the ledger are kept.
    pub dir: PathBuf,
    /// The channels. One that a directory has stays, in its place; others can follow.
    pub channels: Vec<Channel>,
    /// The peer organisations.
    pub organizations: Vec<Organization>,
    /// The committed chaincode definitions and where their servers are.
    pub chaincodes: Vec<Chaincode>,
    /// Address the peers and the orderer listen on.
    pub listen: IpAddr,
    /// Port of the orderer; 0 lets the system choose.
    pub orderer_port: u16,
    /// When blocks are cut.
    pub batch: Batch,
    /// What the READY message of the chaincode stream offers.
    pub ready: ReadyMode,
    /// Time a chaincode has for one transaction.
    pub execute_timeout: Duration,
    /// How far a proposal's timestamp may be from the clock, before or after; `None` does not
    /// look, like a peer of version 2.5.
    pub time_window: Option<Duration>,
    /// Calls each gateway serves at a time.
    pub gateway_concurrency: usize,
    /// Memory the channels' databases together may keep of their files, in bytes.
    pub cache_bytes: usize,
    /// How much of the chain is walked at the start.
    pub integrity: IntegrityCheck,
}

impl Config {
    /// The defaults, with everything under `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            channels: vec![Channel::new("mychannel")],
            organizations: (1..=3).map(Organization::numbered).collect(),
            chaincodes: Vec::new(),
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            orderer_port: ORDERER_PORT,
            batch: Batch::default(),
            ready: ReadyMode::default(),
            execute_timeout: EXECUTE_TIMEOUT,
            time_window: Some(TIME_WINDOW),
            gateway_concurrency: GATEWAY_CONCURRENCY,
            cache_bytes: CACHE_BYTES,
            integrity: IntegrityCheck::default(),
        }
    }

    /// Adds a channel.
    #[must_use]
    pub fn channel(mut self, channel: Channel) -> Self {
        self.channels.push(channel);
        self
    }

    /// Adds a chaincode.
    #[must_use]
    pub fn chaincode(mut self, chaincode: Chaincode) -> Self {
        self.chaincodes.push(chaincode);
        self
    }

    /// Lets the system choose all ports: for tests, several of which run at a time.
    #[must_use]
    pub fn any_ports(mut self) -> Self {
        for organization in &mut self.organizations {
            organization.gateway_port = 0;
        }
        self.orderer_port = 0;
        self
    }

    /// Refuses what cannot be started.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.organizations.is_empty() {
            return Err(ConfigError::NoOrganization);
        }
        for (i, organization) in self.organizations.iter().enumerate() {
            check_name("MSP id", &organization.msp_id, is_msp_id)?;
            check_name("domain", &organization.domain, is_domain)?;
            let before = self.organizations.iter().take(i);
            if before.clone().any(|one| one.msp_id == organization.msp_id) {
                return Err(ConfigError::Twice("MSP id", organization.msp_id.clone()));
            }
            if before.clone().any(|one| one.domain == organization.domain) {
                return Err(ConfigError::Twice("domain", organization.domain.clone()));
            }
        }
        for (i, chaincode) in self.chaincodes.iter().enumerate() {
            check_name("chaincode name", &chaincode.name, is_chaincode_name)?;
            check_name("chaincode version", &chaincode.version, is_chaincode_version)?;
            if self.chaincodes.iter().take(i).any(|one| one.name == chaincode.name) {
                return Err(ConfigError::Twice("chaincode name", chaincode.name.clone()));
            }
        }
        self.check_channels()?;
        if self.batch.max_message_count == 0 {
            return Err(ConfigError::Zero("batch.max_message_count"));
        }
        if self.batch.preferred_max_bytes == 0 || self.batch.absolute_max_bytes == 0 {
            return Err(ConfigError::Zero("batch.preferred_max_bytes and absolute_max_bytes"));
        }
        if self.gateway_concurrency == 0 {
            return Err(ConfigError::Zero("gateway_concurrency"));
        }
        Ok(())
    }
}

/// A peer organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// MSP id.
    pub msp_id: String,
    /// Domain its nodes are named after.
    pub domain: String,
    /// Port of its peer, on which the gateway answers; 0 lets the system choose.
    pub gateway_port: u16,
    /// Whether its peers and administrators may read whole blocks, with private data, from a peer. All
    /// others follow the channel by filtered blocks and chaincode events.
    pub custodian: bool,
}

impl Organization {
    /// Organisation `number`, from 1, as the test network names it. The first two are custodians.
    pub fn numbered(number: u16) -> Self {
        let step = PORT_STEP.saturating_mul(number.saturating_sub(1));
        Self {
            msp_id: format!("Org{number}MSP"),
            domain: format!("org{number}.example.com"),
            gateway_port: FIRST_GATEWAY_PORT.saturating_add(step),
            custodian: number <= CUSTODIANS_FIRST,
        }
    }
}

/// A committed chaincode definition and where the chaincode's server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chaincode {
    /// Name by which it is invoked.
    pub name: String,
    /// Version in the definition.
    pub version: String,
    /// Package id the server has to register with, its `CHAINCODE_ID`.
    pub package_id: String,
    /// `host:port` of the server. All logical peers dial it.
    pub address: String,
    /// How to reach it: plain text if absent.
    pub tls: Option<ChaincodeTls>,
    /// Endorsement policy in Fabric's notation, such as `AND('Org1MSP.peer','Org2MSP.peer')`. If
    /// absent, a majority of the organisations.
    pub endorsement_policy: Option<String>,
    /// Private data collections in the JSON that Fabric's command line takes.
    pub collections: Option<String>,
    /// Whether the chaincode has to be initialised before anything else (`--init-required`).
    pub init_required: bool,
}

impl Chaincode {
    /// A chaincode of version 1.0 with the default policy and no collections, reached in plain
    /// text. Its package id is made from its name and version.
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        let name = name.into();
        let version = "1.0".to_owned();
        Self {
            package_id: Self::derived_package_id(&name, &version),
            name,
            version,
            address: address.into(),
            tls: None,
            endorsement_policy: None,
            collections: None,
            init_required: false,
        }
    }

    /// A package id of Fabric's form, `label:sha256`, that depends on name and version alone.
    pub fn derived_package_id(name: &str, version: &str) -> String {
        let label = format!("{name}_{version}");
        let digest = fabric_ledger::sha256(label.as_bytes());
        format!("{label}:{}", hex::encode(digest))
    }

    /// Sets the endorsement policy.
    #[must_use]
    pub fn endorsement_policy(mut self, text: impl Into<String>) -> Self {
        self.endorsement_policy = Some(text.into());
        self
    }

    /// Has every version of the chaincode initialised once, by an invocation as init, before
    /// anything else.
    #[must_use]
    pub const fn init_required(mut self) -> Self {
        self.init_required = true;
        self
    }

    /// Sets the collections, in the JSON that Fabric's command line takes.
    #[must_use]
    pub fn collections(mut self, json: impl Into<String>) -> Self {
        self.collections = Some(json.into());
        self
    }
}

/// TLS towards a chaincode server: the fields of a package's `connection.json`.
#[derive(Clone, PartialEq, Eq)]
pub struct ChaincodeTls {
    /// Certificate authorities the server's certificate must come from, as PEM.
    pub root_cert: String,
    /// Host name to expect in the server's certificate, if not that of the address.
    pub domain: Option<String>,
    /// Certificate and PKCS#8 key, as PEM, to show to the server.
    pub client: Option<(String, String)>,
}

impl std::fmt::Debug for ChaincodeTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChaincodeTls").field("domain", &self.domain).finish_non_exhaustive()
    }
}

/// When blocks are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Time the first transaction of a block waits for others.
    pub timeout: Duration,
    /// Transactions a block has at most.
    pub max_message_count: u32,
    /// Bytes a transaction has at most.
    pub absolute_max_bytes: u32,
    /// Bytes above which a block is cut.
    pub preferred_max_bytes: u32,
}

impl Batch {
    pub(crate) fn for_cutter(self) -> fabric_ledger::block::BatchConfig {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        fabric_ledger::block::BatchConfig {
            timeout: self.timeout,
            max_message_count: size(self.max_message_count),
            preferred_max_bytes: size(self.preferred_max_bytes),
            absolute_max_bytes: size(self.absolute_max_bytes),
        }
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            timeout: BATCH_TIMEOUT,
            max_message_count: MAX_MESSAGE_COUNT,
            absolute_max_bytes: ABSOLUTE_MAX_BYTES,
            preferred_max_bytes: PREFERRED_MAX_BYTES,
        }
    }
}

/// Which of the stream's newer messages the peers offer to chaincode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadyMode {
    /// Write batches and multi-gets, up to 1000 each: peers from 3.1 with sample configuration.
    #[default]
    Batched,
    /// Neither, and an empty READY: peers before 3.1.
    Plain,
}

/// How much of the chain is walked at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegrityCheck {
    /// All blocks.
    Full,
    /// The newest blocks, at most so many.
    Newest(u64),
}

impl Default for IntegrityCheck {
    /// Enough to notice an interrupted or mixed-up file within a moment.
    fn default() -> Self {
        Self::Newest(1000)
    }
}

/// A configuration that cannot be started.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No organisation at all.
    #[error("there is no organisation: configure at least one")]
    NoOrganization,
    /// No channel at all.
    #[error("there is no channel: configure at least one")]
    NoChannel,
    /// Nobody may read a channel's whole blocks.
    #[error("channel {0} has no custodian: say of one of its organisations that it is one")]
    NoCustodian(String),
    /// A channel has what the network has not.
    #[error("channel {channel}: there is no {what} `{name}`")]
    Unknown {
        /// The channel.
        channel: String,
        /// Whether an organisation or a chaincode.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A name Fabric would not take either.
    #[error("`{value}` is not a valid {what}")]
    Name {
        /// What kind of name.
        what: &'static str,
        /// The name.
        value: String,
    },
    /// Something that has to be unique is not.
    #[error("{0} `{1}` is configured twice")]
    Twice(&'static str, String),
    /// Something that has to be positive is not.
    #[error("{0} must not be zero")]
    Zero(&'static str),
    /// A port option that cannot be understood or does not fit the organisations.
    #[error("ports: {0}")]
    Ports(String),
    /// A chaincode's policy cannot be used.
    #[error("endorsement policy of chaincode `{chaincode}`: {reason}")]
    Policy {
        /// The chaincode.
        chaincode: String,
        /// Why.
        reason: String,
    },
    /// A chaincode's collections cannot be used.
    #[error("collections of chaincode `{chaincode}`: {reason}")]
    Collections {
        /// The chaincode.
        chaincode: String,
        /// Why.
        reason: String,
    },
    /// A chaincode server cannot be reached this way.
    #[error("connection of chaincode `{chaincode}`: {reason}")]
    Connection {
        /// The chaincode.
        chaincode: String,
        /// Why.
        reason: String,
    },
}

/// The file of a channel's ledger in a devnet's directory, by the channel's place.
pub(crate) fn ledger_file(dir: &Path, place: usize, channel: &str) -> PathBuf {
    match place {
        0 => dir.join(LEDGER_FILE),
        _ => dir.join(CHANNELS_DIR).join(format!("{channel}.redb")),
    }
}

fn check_name(
    what: &'static str,
    value: &str,
    valid: impl Fn(&str) -> bool,
) -> Result<(), ConfigError> {
    if valid(value) { Ok(()) } else { Err(ConfigError::Name { what, value: value.to_owned() }) }
}

fn only(value: &str, allowed: impl Fn(u8) -> bool) -> bool {
    value.bytes().all(allowed)
}

fn is_channel_name(value: &str) -> bool {
    value.len() < 250
        && value.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && only(value, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
}

fn is_msp_id(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= 64
        && only(value, |b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
}

fn is_domain(value: &str) -> bool {
    value.len() <= 48
        && value.split('.').all(|label| !label.is_empty() && !label.starts_with('-'))
        && only(value, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
}

/// Letters and digits in groups, joined by single `_` or `-`.
fn is_chaincode_name(value: &str) -> bool {
    value
        .split(['_', '-'])
        .all(|group| !group.is_empty() && only(group, |byte| byte.is_ascii_alphanumeric()))
}

fn is_chaincode_version(value: &str) -> bool {
    !value.is_empty()
        && only(value, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'+' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::new("dir").chaincode(Chaincode::new("basic", "localhost:9999"));
        assert_eq!(config.check(), Ok(()));
        change(&mut config);
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_started_is_refused() {
        let check = |change: fn(&mut Config), expected: &str| {
            assert_eq!(refused(change), expected);
        };
        check(|c| c.channels[0].name = "MyChannel".into(), "`MyChannel` is not a valid channel");
        check(|c| c.channels.clear(), "there is no channel: configure at least one");
        check(
            |c| c.channels.push(Channel::new("mychannel")),
            "channel `mychannel` is configured twice",
        );
        check(
            |c| c.channels.push(Channel::new("b").organizations(["Org9MSP"])),
            "channel b: there is no organisation `Org9MSP`",
        );
        check(
            |c| c.channels.push(Channel::new("b").chaincodes(["other"])),
            "channel b: there is no chaincode `other`",
        );
        check(
            |c| c.channels.push(Channel::new("b").organizations(["Org3MSP"])),
            "channel b has no custodian: say of one of its organisations that it is one",
        );
        check(|c| c.organizations.clear(), "there is no organisation: configure at least one");
        check(
            |c| c.organizations.iter_mut().for_each(|one| one.custodian = false),
            "channel mychannel has no custodian: say of one of its organisations that it is one",
        );
        check(|c| c.organizations[0].msp_id = "a/b".into(), "`a/b` is not a valid MSP id");
        check(|c| c.organizations[0].domain = "../x".into(), "`../x` is not a valid domain");
        check(
            |c| c.organizations[1].msp_id = "Org1MSP".into(),
            "MSP id `Org1MSP` is configured twice",
        );
        check(
            |c| c.organizations[1].domain = "org1.example.com".into(),
            "domain `org1.example.com` is configured twice",
        );
        check(|c| c.chaincodes[0].name = "a__b".into(), "`a__b` is not a valid chaincode name");
        check(|c| c.chaincodes[0].version = String::new(), "`` is not a valid chaincode version");
        check(
            |c| c.chaincodes.push(Chaincode::new("basic", "x:1")),
            "chaincode name `basic` is configured twice",
        );
        check(|c| c.batch.max_message_count = 0, "batch.max_message_count must not be zero");
        check(|c| c.gateway_concurrency = 0, "gateway_concurrency must not be zero");
    }

    #[test]
    fn default_ports_are_the_test_networks() {
        let ports: Vec<_> =
            Config::new("dir").organizations.iter().map(|one| one.gateway_port).collect();
        assert_eq!(ports, [7051, 9051, 11051]);
        assert_eq!(Config::new("dir").orderer_port, 7050);
    }
}
