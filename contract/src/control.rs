//! Control of devices: whom a patient lets command them, and how far.

use crate::act::Act;
use crate::answer::Receipt;
use crate::consent::Actor;
use crate::delegation::Power;
use crate::device::Device;
use crate::error::ContractError;
use crate::ids::{CommandName, ParameterName, ParticipantId, SubjectId};
use crate::meta::Salts;
use crate::policies::{CommandRule, ParameterRange, Policies};
use crate::private;
use crate::role::Role;
use crate::state::DEVICES;
use crate::time::Period;
use fabric_contract_rs::{Reader, Submit, TimestampMs, TxContext, Writes};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Authorisations of one device.
pub const AUTHORISATIONS_MAX: usize = 16;
/// The longest authorisation in milliseconds: a year, so that each is looked at again.
pub const AUTHORISATION_MS_MAX: i64 = 31_536_000_000;
/// The most commands an hour: one a minute, more is remote control.
pub const COMMANDS_PER_HOUR_MAX: u16 = 60;

/// Lets a participant, or the staff of a unit, command a device.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Authorisation {
    /// Who: a participant or a unit.
    #[n(0)]
    pub grantee: Actor,
    /// What, each once.
    #[n(1)]
    pub commands: Vec<AllowedCommand>,
    /// When; at most a year.
    #[n(2)]
    pub period: Period,
    /// The most commands an hour of all that it lets.
    #[n(3)]
    pub per_hour: u16,
}

/// A command that an authorisation allows.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct AllowedCommand {
    /// Its name in the device's profile.
    #[n(0)]
    pub command: CommandName,
    /// Parameters that are kept narrower than the profile does.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<ParameterRange>,
}

/// The value of a command's parameter.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Parameter {
    /// Its name.
    #[n(0)]
    pub parameter: ParameterName,
    /// Its value.
    #[n(1)]
    pub value: i64,
}

impl Authorisation {
    /// Whether it lets `command` be given with these parameters now.
    pub fn allows(&self, command: &CommandName, given: &[Parameter], at: TimestampMs) -> bool {
        let allowed = self.commands.iter().find(|it| it.command == *command);
        self.period.contains(at) && allowed.is_some_and(|it| within(&it.parameters, given))
    }
}

/// Whether no given parameter leaves its range.
fn within(ranges: &[ParameterRange], given: &[Parameter]) -> bool {
    given.iter().all(|it| {
        let mut of_it = ranges.iter().filter(|range| range.parameter == it.parameter);
        of_it.all(|range| (range.min..=range.max).contains(&it.value))
    })
}

impl CommandRule {
    /// Whether these are the command's parameters, each in its range.
    pub(crate) fn takes(&self, given: &[Parameter]) -> bool {
        let names = self.parameters.iter().map(|it| &it.parameter);
        names.eq(given.iter().map(|it| &it.parameter)) && within(&self.parameters, given)
    }
}

/// Lets somebody command a device, changes that, or ends it. Ending is never refused for its time or
/// the patient's status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutControl {}

/// The private part of [`PutControl`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutControlPrivate {
    /// The patient's subject id.
    pub sid: SubjectId,
    /// The device.
    pub device: ParticipantId,
    /// What holds from now on for its grantee.
    pub change: ControlChange,
}

/// A change of who controls a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ControlChange {
    /// In the place of an earlier authorisation of the same grantee.
    Allow(Authorisation),
    /// The grantee has none any more.
    End(Actor),
}

impl Submit for PutControl {
    const NAME: &'static str = "PutControl";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), Role::Delegate.name()];
    type State = Policies;
    type Output = Receipt;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<Receipt, ContractError> {
        let private: PutControlPrivate = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        let names = (private.sid, private.device);
        let (patient, mut device) = act.device(names, Power::Control, ledger).await?;
        let before = device.authorisations.clone();
        match private.change {
            ControlChange::End(grantee) => {
                device.authorisations.retain(|it| it.grantee != grantee);
            }
            ControlChange::Allow(authorisation) => {
                patient.widening(&act.tx)?;
                device.active()?;
                device.meta.not_before(&act.tx)?;
                allow(&act, &mut device, authorisation)?;
            }
        }
        if device.authorisations != before {
            device.salt = Salts::of_subject(&patient.head.secret, cx).at(0);
            device.meta.changed(&act.tx);
            act.note(&patient.head, patient.roles, Some(private.device), writes)?;
            DEVICES.put(writes, &(private.device,), &device)?;
        }
        Ok(act.done::<Self>(writes))
    }
}

fn allow(
    act: &Act<'_>,
    device: &mut Device,
    authorisation: Authorisation,
) -> Result<(), ContractError> {
    authorisation.check(act)?;
    for allowed in &authorisation.commands {
        let rule = act.policies.profiles().command(&device.profile, &allowed.command);
        let rule = rule.ok_or(ContractError::CommandNotInProfile)?;
        let narrower =
            |it: &ParameterRange| rule.parameters.iter().any(|range| it.is_within(range));
        if !allowed.parameters.iter().all(narrower) {
            return Err(ContractError::CommandNotInProfile);
        }
    }
    let now = act.tx.at;
    device.authorisations.retain(|it| {
        it.grantee != authorisation.grantee && it.period.end.is_none_or(|end| now < end)
    });
    if device.authorisations.len() >= AUTHORISATIONS_MAX {
        return Err(ContractError::AuthorisationsFull);
    }
    device.authorisations.push(authorisation);
    Ok(())
}

impl Authorisation {
    fn check(&self, act: &Act<'_>) -> Result<(), ContractError> {
        if !matches!(self.grantee, Actor::Participant(_) | Actor::Unit { .. }) {
            return Err(ContractError::ArgumentInvalid("a grantee is a participant or a unit"));
        }
        let longest = self.period.start.saturating_add(AUTHORISATION_MS_MAX);
        let ends = self.period.end.is_some_and(|end| act.tx.at < end && end <= longest);
        if !self.period.is_valid() || !ends {
            return Err(ContractError::ArgumentInvalid(
                "an authorisation ends in the future, within a year of its start",
            ));
        }
        if !(1..=COMMANDS_PER_HOUR_MAX).contains(&self.per_hour) {
            return Err(ContractError::ArgumentInvalid("allow 1 to 60 commands an hour"));
        }
        let commands = self.commands.iter().enumerate();
        let twice = |(at, it): (usize, &AllowedCommand)| {
            self.commands.iter().take(at).any(|before| before.command == it.command)
        };
        // Of known commands each at most once there are at most as many as a profile has.
        if self.commands.is_empty() || commands.into_iter().any(twice) {
            return Err(ContractError::ArgumentInvalid("allow at least one command, each once"));
        }
        Ok(())
    }
}
