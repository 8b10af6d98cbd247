//! What a directory was set up for, so that later commands and starts agree with it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::ca::{self, CaError, EnrollRequest, Enrolled, OrganizationFiles};
use crate::config::Config;
use crate::files::{self, Access, FileError};

/// The file in a devnet's directory that names its channel and organisations.
const FILE: &str = "network.json";

/// Channel and organisations of a directory; they cannot change once there is a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Topology {
    channel: String,
    organizations: Vec<Member>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    msp_id: String,
    domain: String,
    custodian: bool,
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
        "{path} was set up for channel and organisations `{there}`, not `{asked}`: use another \
         directory, or the same settings as before"
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
        Self { channel: config.channel.clone(), organizations }
    }

    /// Sets up a new directory, or makes sure an old one fits.
    pub(crate) fn agree(config: &Config) -> Result<(), TopologyError> {
        let asked = Self::of(config);
        let path = config.dir.join(FILE);
        if !path.exists() {
            let text = serde_json::to_string_pretty(&asked).unwrap_or_default();
            return Ok(files::write(&path, text.as_bytes(), Access::Anyone)?);
        }
        let there = Self::load(&config.dir)?;
        if there == asked {
            return Ok(());
        }
        Err(TopologyError::Different {
            path: path.display().to_string(),
            there: there.to_string(),
            asked: asked.to_string(),
        })
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

    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    pub(crate) fn msp_ids(&self) -> impl Iterator<Item = &str> {
        self.organizations.iter().map(|member| member.msp_id.as_str())
    }
}

impl std::fmt::Display for Topology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.channel)?;
        for member in &self.organizations {
            let kind = if member.custodian { " (custodian)" } else { "" };
            write!(f, " {}={}{kind}", member.msp_id, member.domain)?;
        }
        Ok(())
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
