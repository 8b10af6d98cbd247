//! What a directory was set up for, so that later commands and starts agree with it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ca::{self, CaError, EnrollRequest, Enrolled, OrganizationFiles};
use crate::config::Config;
use crate::files::{self, Access, FileError};

/// The file in a devnet's directory that names its channels and organisations.
const FILE: &str = "network.json";

/// Organisations and channels of a directory. What is there cannot change; channels can be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub(crate) struct Topology {
    organizations: Vec<Member>,
    channels: Vec<Joined>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    msp_id: String,
    domain: String,
    custodian: bool,
}

/// A channel with its organisations' MSP ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Joined {
    name: String,
    organizations: Vec<String>,
}

/// The file as it is now, and as it was when there was one channel, which had all organisations.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    channel: Option<String>,
    organizations: Vec<Member>,
    #[serde(default)]
    channels: Vec<Joined>,
}

impl From<Stored> for Topology {
    fn from(stored: Stored) -> Self {
        let Stored { channel, organizations, channels } = stored;
        let all = || organizations.iter().map(|member| member.msp_id.clone()).collect();
        let only = channel.map(|name| Joined { name, organizations: all() });
        let channels = only.into_iter().chain(channels).collect();
        Self { organizations, channels }
    }
}

/// A directory does not fit what is asked of it.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// No devnet was ever started there.
    #[error("there is no devnet in {0}: start one with `fabric-devnet up --dir` first")]
    Absent(String),
    /// A user that was never enrolled.
    #[error("{msp_id} has no user `{user}`: enrol it with `fabric-devnet enroll` first")]
    NoUser {
        /// The organisation.
        msp_id: String,
        /// The user.
        user: String,
    },
    /// The file that describes the directory is damaged.
    #[error("{path} cannot be understood: {reason}")]
    Damaged {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The directory belongs to another network.
    #[error(
        "{path} was set up for organisations and channels `{there}`, not `{asked}`: use another \
         directory, or the same settings as before (channels can be added)"
    )]
    Different {
        /// The file.
        path: String,
        /// What the directory has.
        there: String,
        /// What was configured.
        asked: String,
    },
    /// Identities could not be made.
    #[error(transparent)]
    Ca(#[from] CaError),
}

impl Topology {
    fn of(config: &Config) -> Self {
        let organizations = (config.organizations.iter())
            .map(|one| Member {
                msp_id: one.msp_id.clone(),
                domain: one.domain.clone(),
                custodian: one.custodian,
            })
            .collect();
        let channels = (config.channels.iter())
            .map(|channel| Joined {
                name: channel.name.clone(),
                organizations: channel.members(config).map(|one| one.msp_id.clone()).collect(),
            })
            .collect();
        Self { organizations, channels }
    }

    /// What a directory is to be set up for, if it fits what it has been set up for before.
    pub(crate) fn agreed(config: &Config) -> Result<Self, TopologyError> {
        let asked = Self::of(config);
        let path = config.dir.join(FILE);
        if !path.exists() {
            return Ok(asked);
        }
        let there = Self::load(&config.dir)?;
        if there.organizations == asked.organizations && asked.channels.starts_with(&there.channels)
        {
            return Ok(asked);
        }
        Err(TopologyError::Different {
            path: path.display().to_string(),
            there: there.to_string(),
            asked: asked.to_string(),
        })
    }

    /// Keeps it in the directory.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), FileError> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        files::write(&dir.join(FILE), text.as_bytes(), Access::Anyone)
    }

    pub(crate) fn load(dir: &Path) -> Result<Self, TopologyError> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Err(TopologyError::Absent(dir.display().to_string()));
        }
        serde_json::from_str(&files::read(&path)?).map_err(|err| TopologyError::Damaged {
            path: path.display().to_string(),
            reason: err.to_string(),
        })
    }

    /// Names of the channels, the first one first.
    pub(crate) fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().map(|channel| channel.name.as_str())
    }

    /// MSP ids of a channel's organisations.
    pub(crate) fn members(&self, channel: &str) -> Vec<String> {
        let found = self.channels.iter().find(|one| one.name == channel);
        found.map(|one| one.organizations.clone()).unwrap_or_default()
    }
}

impl std::fmt::Display for Topology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let organizations = self.organizations.iter().map(|member| {
            let kind = if member.custodian { " (custodian)" } else { "" };
            format!("{}={}{kind}", member.msp_id, member.domain)
        });
        let channels = (self.channels.iter())
            .map(|one| format!("{}: {}", one.name, one.organizations.join(" ")));
        let parts: Vec<String> = organizations.chain(channels).collect();
        write!(f, "{}", parts.join(", "))
    }
}

/// Enrols an identity with an organisation of the devnet in `dir`, running or not.
pub fn enroll(dir: &Path, request: &EnrollRequest) -> Result<Enrolled, TopologyError> {
    let topology = Topology::load(dir)?;
    let Some(member) = topology.organizations.iter().find(|one| one.msp_id == request.msp_id)
    else {
        let known: Vec<_> = topology.organizations.iter().map(|one| one.msp_id.as_str()).collect();
        let known = known.join(", ");
        return Err(CaError::UnknownOrganization { msp_id: request.msp_id.clone(), known }.into());
    };
    let files = OrganizationFiles::create(dir, &member.domain)?;
    Ok(ca::enroll_with(&files, request)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Channel;

    fn agrees(there: &str, change: impl FnOnce(&mut Config)) -> Result<Topology, TopologyError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), there).unwrap();
        let mut config = Config::new(dir.path());
        config.organizations.truncate(2);
        change(&mut config);
        Topology::agreed(&config)
    }

    const OLD: &str = r#"{"channel": "mychannel", "organizations": [
        {"msp_id": "Org1MSP", "domain": "org1.example.com", "custodian": true},
        {"msp_id": "Org2MSP", "domain": "org2.example.com", "custodian": true}]}"#;

    #[test]
    fn channels_can_be_added_to_a_directory_of_one() {
        let one = agrees(OLD, |_| {}).unwrap();
        assert_eq!(one.channels().collect::<Vec<_>>(), ["mychannel"]);
        let other = Channel::new("other").organizations(["Org2MSP"]);
        let two = agrees(OLD, |config| config.channels.push(other.clone())).unwrap();
        assert_eq!(
            (two.members("mychannel").len(), two.members("other")),
            (2, vec!["Org2MSP".to_owned()])
        );

        let new = serde_json::to_string(&two).unwrap();
        agrees(&new, |config| config.channels.push(other.clone())).unwrap();
        let check = |change: &dyn Fn(&mut Config)| {
            let refused = agrees(&new, |config| change(config)).unwrap_err().to_string();
            let there = "set up for organisations and channels `Org1MSP=org1.example.com \
                         (custodian), Org2MSP=org2.example.com (custodian), mychannel: Org1MSP \
                         Org2MSP, other: Org2MSP`, not `";
            assert!(refused.contains(there), "{refused}");
        };
        check(&|_| {});
        check(&|config| config.channels.push(Channel::new("other")));
        check(&|config| config.channels.insert(0, other.clone()));
    }
}
