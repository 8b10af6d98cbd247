//! `profiles.json`: what devices can be told to do.

use super::PolicyError;
use crate::ids::{CommandName, ParameterName, ProfileId};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const FILE: &str = "profiles.json";

/// Commands of one profile: what a patient can review before it lets others control a device.
pub const PROFILE_COMMANDS_MAX: usize = 32;
/// Parameters of one command.
pub const PARAMETERS_MAX: usize = 8;

/// The profiles of devices.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfilesDocument {
    /// Where an editor finds this schema.
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    /// A device of a profile that is not listed takes no commands.
    profiles: Vec<ProfileEntry>,
}

/// One profile.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProfileEntry {
    /// Its id, as devices are registered with.
    profile: ProfileId,
    /// Its commands, at most 32.
    commands: Vec<CommandEntry>,
}

/// One command.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CommandEntry {
    /// Its name within the profile.
    command: CommandName,
    /// What it does to the patient.
    class: CommandClass,
    /// Its parameters, at most 8: each is given, in this order.
    #[serde(default)]
    parameters: Vec<ParameterRange>,
}

/// What a command does to the patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum CommandClass {
    /// Tells or shows something.
    #[n(0)]
    Observe,
    /// Changes how the device measures.
    #[n(1)]
    Configure,
    /// Changes the treatment: a practitioner orders it, and the patient confirms.
    #[n(2)]
    Therapeutic,
}

/// A whole-numbered parameter and what it may be, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct ParameterRange {
    /// Its name.
    #[n(0)]
    pub parameter: ParameterName,
    /// The least.
    #[n(1)]
    pub min: i64,
    /// The most.
    #[n(2)]
    pub max: i64,
}

impl ParameterRange {
    /// Whether it is a narrower range, or the same one, of the same parameter.
    pub fn is_within(&self, other: &Self) -> bool {
        self.parameter == other.parameter
            && other.min <= self.min
            && self.min <= self.max
            && self.max <= other.max
    }
}

/// What a profile's command is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRule {
    /// What it does to the patient.
    pub class: CommandClass,
    /// Its parameters, in order.
    pub parameters: Vec<ParameterRange>,
}

/// The commands in force, by profile and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profiles(BTreeMap<ProfileId, BTreeMap<CommandName, CommandRule>>);

impl Profiles {
    /// What a command of a profile is.
    pub fn command(&self, profile: &ProfileId, command: &CommandName) -> Option<&CommandRule> {
        self.0.get(profile)?.get(command)
    }
}

pub(super) fn parse(document: ProfilesDocument) -> Result<Profiles, PolicyError> {
    let mut profiles = BTreeMap::new();
    for entry in document.profiles {
        let id = entry.profile;
        let fail = |reason: &str| PolicyError::new(FILE, format!("`{id}`: {reason}"));
        if entry.commands.len() > PROFILE_COMMANDS_MAX {
            return Err(fail("at most 32 commands"));
        }
        let mut commands = BTreeMap::new();
        for CommandEntry { command, class, parameters } in entry.commands {
            let names: BTreeSet<_> = parameters.iter().map(|it| &it.parameter).collect();
            if parameters.len() > PARAMETERS_MAX || names.len() < parameters.len() {
                return Err(fail(&format!("`{command}` has at most 8 parameters, each once")));
            }
            if parameters.iter().any(|it| it.min > it.max) {
                return Err(fail(&format!("`{command}` has a range that holds nothing")));
            }
            let rule = CommandRule { class, parameters };
            if commands.insert(command.clone(), rule).is_some() {
                return Err(fail(&format!("`{command}` is listed twice")));
            }
        }
        if profiles.contains_key(&id) {
            return Err(fail("the profile is listed twice"));
        }
        profiles.insert(id, commands);
    }
    Ok(Profiles(profiles))
}
