//! Whom a directive is about.

use crate::ids::{MspId, ParticipantId, ProjectId, UnitId};
use crate::role::{Role, StaffRole};
use crate::text::{Text, json_text};
use minicbor::{Decode, Encode};
use std::fmt;
use std::str::FromStr;

/// Whom a directive is about: one of the things that a requester can be.
///
/// In JSON it is a text:
///
/// | text | who |
/// |---|---|
/// | `pid:` and 32 hexadecimal digits | one participant |
/// | `unit:ward@Org1MSP` | staff of a unit, or of a unit below it |
/// | `org:Org1MSP` | staff of an organisation |
/// | `role:practitioner` | staff in a role, of any organisation |
/// | `project:p-1` | whoever asks as a member of a project |
/// | `care_team` | the patient's care team as it is at the time |
///
/// ```
/// use ioht_contract::Actor;
///
/// let ward: Actor = "unit:ward@Org1MSP".parse().unwrap();
/// assert_eq!(serde_json::to_string(&ward).unwrap(), "\"unit:ward@Org1MSP\"");
/// assert!("unit:ward".parse::<Actor>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum Actor {
    /// One participant.
    #[n(0)]
    Participant(#[n(0)] ParticipantId),
    /// Staff of a unit, or of a unit below it.
    #[n(1)]
    Unit {
        /// The unit.
        #[n(0)]
        unit: UnitId,
        /// Its organisation.
        #[n(1)]
        msp: MspId,
    },
    /// Staff of an organisation.
    #[n(2)]
    Organization(#[n(0)] MspId),
    /// Staff in a role.
    #[n(3)]
    Role(#[n(0)] StaffRole),
    /// Whoever asks as a member of a project.
    #[n(4)]
    Project(#[n(0)] ProjectId),
    /// The patient's care team.
    #[n(5)]
    CareTeam,
}

/// A text that names no actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an actor is `pid:…`, `unit:…@…`, `org:…`, `role:…`, `project:…` or `care_team`, each with its id"
)]
pub struct ActorError;

impl FromStr for Actor {
    type Err = ActorError;

    fn from_str(text: &str) -> Result<Self, ActorError> {
        fn id<T: FromStr>(text: &str) -> Result<T, ActorError> {
            text.parse().map_err(|_| ActorError)
        }
        if text == CARE_TEAM {
            return Ok(Self::CareTeam);
        }
        match text.split_once(':').ok_or(ActorError)? {
            ("pid", text) => id(text).map(Self::Participant),
            ("unit", text) => {
                let (unit, msp) = text.split_once('@').ok_or(ActorError)?;
                Ok(Self::Unit { unit: id(unit)?, msp: id(msp)? })
            }
            ("org", text) => id(text).map(Self::Organization),
            ("role", text) => match Role::from_name(text) {
                Some(Role::Staff(role)) => Ok(Self::Role(role)),
                _ => Err(ActorError),
            },
            ("project", text) => id(text).map(Self::Project),
            _ => Err(ActorError),
        }
    }
}

const CARE_TEAM: &str = "care_team";

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Participant(pid) => write!(f, "pid:{pid}"),
            Self::Unit { unit, msp } => write!(f, "unit:{unit}@{msp}"),
            Self::Organization(msp) => write!(f, "org:{msp}"),
            Self::Role(role) => write!(f, "role:{}", Role::Staff(*role).name()),
            Self::Project(project) => write!(f, "project:{project}"),
            Self::CareTeam => f.write_str(CARE_TEAM),
        }
    }
}

impl Text for Actor {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

json_text!(
    Actor,
    "^(pid:[0-9a-f]{32}|unit:[A-Za-z0-9][A-Za-z0-9._-]{0,63}@[A-Za-z0-9][A-Za-z0-9._-]{0,63}|org:[A-Za-z0-9][A-Za-z0-9._-]{0,63}|role:[a-z_]+|project:[A-Za-z0-9][A-Za-z0-9._-]{0,63}|care_team)$",
    "an actor: `pid:…`, `unit:…@…`, `org:…`, `role:…`, `project:…` or `care_team`"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_are_read_as_they_are_written() {
        for text in [
            "pid:00112233445566778899aabbccddeeff",
            "unit:ward@Org1MSP",
            "org:Org1MSP",
            "role:practitioner",
            "project:p-1",
            "care_team",
        ] {
            let actor: Actor = text.parse().unwrap();
            assert_eq!(actor.to_string(), text);
            let bytes = minicbor::to_vec(&actor).unwrap();
            assert_eq!(minicbor::decode::<Actor>(&bytes).unwrap(), actor);
        }
        for bad in
            ["", "care_team:", "pid:00", "unit:ward", "org:", "role:subject", "role:root", "x:y"]
        {
            assert_eq!(bad.parse::<Actor>(), Err(ActorError), "{bad}");
        }
    }
}
