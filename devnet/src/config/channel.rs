use super::{Chaincode, Config, ConfigError, Organization, check_name, is_channel_name};

/// A channel: which organisations have joined it, and which chaincodes are defined on it.
///
/// ```
/// use fabric_devnet::Channel;
///
/// let shared = Channel::new("mychannel");
/// let own = Channel::new("research").organizations(["Org1MSP"]).chaincodes(["studies"]);
/// assert_eq!((shared.organizations, shared.chaincodes), (None, None));
/// assert_eq!(own.organizations, Some(vec!["Org1MSP".to_owned()]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// MSP ids of its organisations; all of the network's if absent.
    pub organizations: Option<Vec<String>>,
    /// Names of its chaincodes; all of the network's if absent.
    pub chaincodes: Option<Vec<String>>,
}

impl Channel {
    /// A channel of all organisations, with all chaincodes.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), organizations: None, chaincodes: None }
    }

    /// Sets the MSP ids of its organisations.
    #[must_use]
    pub fn organizations<S: Into<String>>(mut self, msp_ids: impl IntoIterator<Item = S>) -> Self {
        self.organizations = Some(msp_ids.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the names of its chaincodes.
    #[must_use]
    pub fn chaincodes<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.chaincodes = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Whether an organisation has joined it.
    pub(crate) fn has(&self, msp_id: &str) -> bool {
        contains(self.organizations.as_deref(), msp_id)
    }

    /// Its organisations, in the order of the network's.
    pub(crate) fn members<'a>(
        &'a self,
        config: &'a Config,
    ) -> impl Iterator<Item = &'a Organization> + Clone {
        config.organizations.iter().filter(|one| self.has(&one.msp_id))
    }

    /// The chaincodes that are defined on it.
    pub(crate) fn defined<'a>(&'a self, config: &'a Config) -> impl Iterator<Item = &'a Chaincode> {
        let is_defined = |name: &str| contains(self.chaincodes.as_deref(), name);
        config.chaincodes.iter().filter(move |one| is_defined(&one.name))
    }

    /// Refuses what the network does not have.
    fn check(&self, config: &Config) -> Result<(), ConfigError> {
        check_name("channel", &self.name, is_channel_name)?;
        let unknown = |what, name: &String| ConfigError::Unknown {
            channel: self.name.clone(),
            what,
            name: name.clone(),
        };
        for msp_id in self.organizations.iter().flatten() {
            if !config.organizations.iter().any(|one| one.msp_id == *msp_id) {
                return Err(unknown("organisation", msp_id));
            }
        }
        for name in self.chaincodes.iter().flatten() {
            if !config.chaincodes.iter().any(|one| one.name == *name) {
                return Err(unknown("chaincode", name));
            }
        }
        if !self.members(config).any(|one| one.custodian) {
            return Err(ConfigError::NoCustodian(self.name.clone()));
        }
        Ok(())
    }
}

impl Config {
    pub(super) fn check_channels(&self) -> Result<(), ConfigError> {
        if self.channels.is_empty() {
            return Err(ConfigError::NoChannel);
        }
        for (i, channel) in self.channels.iter().enumerate() {
            channel.check(self)?;
            if self.channels.iter().take(i).any(|one| one.name == channel.name) {
                return Err(ConfigError::Twice("channel", channel.name.clone()));
            }
        }
        Ok(())
    }
}

/// Whether a list that means everything where it is absent has a name.
fn contains(list: Option<&[String]>, name: &str) -> bool {
    list.is_none_or(|list| list.iter().any(|one| one == name))
}
