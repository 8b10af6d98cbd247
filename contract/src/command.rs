//! Commands to devices.

use crate::act::Act;
use crate::answer::Receipt;
use crate::consent::Actor;
use crate::control::Parameter;
use crate::delegation::Power;
use crate::device::Device;
use crate::error::ContractError;
use crate::head::Head;
use crate::ids::{CommandId, CommandName, ParticipantId, Salt, SubjectId};
use crate::meta::{Meta, Salts};
use crate::participant::{Standing, StandingSlots};
use crate::policies::{CommandClass, Policies};
use crate::private::{self, SPACE, absent};
use crate::role::{Role, RoleSet, StaffRole};
use crate::state::{COMMANDS, CommandKey, DEVICES, HEADS, RATES, RateKey};
use crate::time::{KeyTime, is_time};
use fabric_contract_rs::{
    Batch, Loaded, Reader, Slot, Space, Submit, TimestampMs, TxContext, Writes,
};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest that a command waits, in milliseconds: a day. Five minutes are usual.
pub const COMMAND_MS_MAX: i64 = 86_400_000;
/// Commands that a patient and its delegates give one device in an hour, each of them.
pub const OWN_PER_HOUR_MAX: u16 = 60;
/// What is counted together.
const HOUR_MS: i64 = 3_600_000;

/// A command to a device. It ends by itself: at `expires_at`, and with the device's epoch.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Command {
    /// Its history.
    #[n(0)]
    pub meta: Meta<1>,
    /// Makes the value's hash unguessable.
    #[n(1)]
    pub salt: Salt,
    /// Who gave it.
    #[n(2)]
    pub by: ParticipantId,
    /// Under which authorisation; the patient and its delegates need none.
    #[n(3)]
    pub authorisation: Option<Actor>,
    /// Which command of the device's profile.
    #[n(4)]
    pub command: CommandName,
    /// What that does to the patient.
    #[n(5)]
    pub class: CommandClass,
    /// Its parameters.
    #[n(6)]
    pub parameters: Vec<Parameter>,
    /// The device's epoch.
    #[n(7)]
    pub epoch: u32,
    /// How far it has come.
    #[n(8)]
    pub status: CommandStatus,
}

/// How far a command has come: requested → (confirmed) → accepted → completed or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum CommandStatus {
    /// Given.
    #[n(0)]
    Requested,
    /// A therapeutic one, confirmed by the patient.
    #[n(1)]
    Confirmed,
    /// Taken back.
    #[n(2)]
    Cancelled,
    /// The device will do it.
    #[n(3)]
    Accepted,
    /// The device will not.
    #[n(4)]
    Rejected,
    /// The device has done it.
    #[n(5)]
    Completed,
    /// The device could not.
    #[n(6)]
    Failed,
}

/// How often an hour one device was commanded under one authorisation.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Rate {
    /// Its history.
    #[n(0)]
    pub meta: Meta<1>,
    /// Makes the value's hash unguessable.
    #[n(1)]
    pub salt: Salt,
    /// How often.
    #[n(2)]
    pub count: u16,
}

/// Which command: its key says until when it waits, so that a device finds the open ones without the
/// old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandReference {
    /// The patient's subject id.
    pub sid: SubjectId,
    /// The device.
    pub device: ParticipantId,
    /// The first moment at which it is not accepted any more.
    pub expires_at: TimestampMs,
    /// 128 random bits.
    pub id: CommandId,
}

impl CommandReference {
    pub(crate) fn key(&self) -> CommandKey {
        (self.sid, self.device, KeyTime(self.expires_at), self.id)
    }
}

/// Commands a device: the patient or a delegate with `control`; staff that the patient has authorised.
/// What changes the treatment is ordered by an authorised practitioner, and the patient confirms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueCommand {}

/// The private part of [`IssueCommand`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueCommandPrivate {
    /// To which device, until when; a new id.
    pub reference: CommandReference,
    /// A command of the device's profile.
    pub command: CommandName,
    /// Its parameters, all of them, in the profile's order.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// The grantee of the authorisation that the caller acts under; the patient and its delegates give
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation: Option<Actor>,
}

const PRACTITIONER: Role = Role::Staff(StaffRole::Practitioner);
const SERVICE: Role = Role::Staff(StaffRole::Service);

impl Submit for IssueCommand {
    const NAME: &'static str = "IssueCommand";
    const ROLES: &'static [&'static str] =
        &[Role::Subject.name(), Role::Delegate.name(), PRACTITIONER.name(), SERVICE.name()];
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
        let private: IssueCommandPrivate = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        private.check(&act)?;
        let issue = Issue::load(&act, private, ledger).await?;
        let (head, device, roles, per_hour) = issue.permitted(&act, ledger).await?;
        head.active()?;
        device.active()?;
        let class = issue.class(&act, &device, roles)?;
        if issue.existing.is_some() {
            return Err(ContractError::CommandExists);
        }
        let salts = Salts::of_subject(&head.secret, cx);
        issue.count(&act, per_hour, salts.at(1), writes)?;
        let key = issue.private.reference.key();
        let command = Command {
            meta: Meta::created(&act.tx),
            salt: salts.at(0),
            by: act.caller.pid,
            authorisation: issue.private.authorisation,
            command: issue.private.command,
            class,
            parameters: issue.private.parameters,
            epoch: device.epoch,
            status: CommandStatus::Requested,
        };
        COMMANDS.put(writes, &key, &command)?;
        act.note(&head, roles, Some(issue.private.reference.device), writes)?;
        Ok(act.done::<Self>(writes))
    }
}

impl IssueCommandPrivate {
    fn check(&self, act: &Act<'_>) -> Result<(), ContractError> {
        let expires_at = self.reference.expires_at;
        let latest = act.tx.at.saturating_add(COMMAND_MS_MAX);
        if !is_time(expires_at) || expires_at <= act.tx.at || expires_at > latest {
            return Err(ContractError::ArgumentInvalid("a command expires within a day"));
        }
        Ok(())
    }
}

/// What issuing a command reads.
struct Issue {
    private: IssueCommandPrivate,
    standing: Standing,
    head: Option<Head>,
    device: Option<Device>,
    existing: Option<Command>,
    rate_key: RateKey,
    rate: Option<Rate>,
}

impl Issue {
    async fn load(
        act: &Act<'_>,
        private: IssueCommandPrivate,
        ledger: &impl Reader,
    ) -> Result<Self, ContractError> {
        let mut public = Batch::new(Space::Public);
        let slots = StandingSlots::want(&mut public, &act.caller)?;
        let standing = slots.found(&public.load(ledger).await?)?;
        let CommandReference { sid, device, .. } = private.reference;
        let counted = private.authorisation.clone();
        let counted = counted.unwrap_or(Actor::Participant(act.caller.pid)).to_string();
        let hour = act.tx.at.checked_div(HOUR_MS).unwrap_or_default();
        let rate_key = (sid, device, counted, KeyTime(hour));
        let mut batch = Batch::new(SPACE);
        let head = batch.want(&HEADS, &(sid,))?;
        let found: Slot<Device> = batch.want(&DEVICES, &(device,))?;
        let existing = batch.want(&COMMANDS, &private.reference.key())?;
        let rate = batch.want(&RATES, &rate_key)?;
        let loaded: Loaded = batch.load(ledger).await?;
        Ok(Self {
            private,
            standing,
            head: loaded.get(&head)?,
            device: loaded.get(&found)?,
            existing: loaded.get(&existing)?,
            rate_key,
            rate: loaded.get(&rate)?,
        })
    }

    /// Whether the caller may command this device at all, and how often: the patient's own word needs
    /// no authorisation. Whatever is missing is refused like a missing authorisation.
    async fn permitted(
        &self,
        act: &Act<'_>,
        ledger: &impl Reader,
    ) -> Result<(Head, Device, RoleSet, u16), ContractError> {
        let CommandReference { sid, device: pid, .. } = self.private.reference;
        let device = self.device.clone().filter(|device| device.owner == sid);
        let Some(grantee) = &self.private.authorisation else {
            let patient = act.patient((sid, self.head.clone()), Power::Control, ledger).await?;
            let found = (pid, self.device.clone());
            let device = crate::device::owned(found, sid, ledger).await?;
            return Ok((patient.head, device, patient.roles, OWN_PER_HOUR_MAX));
        };
        let authority = self.standing.authority(&act.caller, &act.tx)?.organization_active()?;
        let roles = act.require(authority.roles)?;
        authority.not_before(&act.tx)?;
        let refusal = ContractError::NotAuthorised;
        let Some(device) = device else {
            return Err(match self.device {
                Some(_) => refusal,
                None => absent(&DEVICES, ledger, &(pid,), refusal).await,
            });
        };
        let Some(head) = self.head.clone() else {
            return Err(absent(&HEADS, ledger, &(sid,), refusal).await);
        };
        let IssueCommandPrivate { command, parameters, .. } = &self.private;
        let authorisation = device.authorisation(grantee).filter(|it| {
            authority.is(&act.caller, grantee) && it.allows(command, parameters, act.tx.at)
        });
        let per_hour = authorisation.ok_or(refusal)?.per_hour;
        Ok((head, device, roles, per_hour))
    }

    fn class(
        &self,
        act: &Act<'_>,
        device: &Device,
        roles: RoleSet,
    ) -> Result<CommandClass, ContractError> {
        let rule = act.policies.profiles().command(&device.profile, &self.private.command);
        let rule = rule.filter(|rule| rule.takes(&self.private.parameters));
        let class = rule.ok_or(ContractError::CommandNotInProfile)?.class;
        if class == CommandClass::Therapeutic && !roles.contains(PRACTITIONER) {
            return Err(ContractError::NotAuthorised);
        }
        Ok(class)
    }

    /// Counts the command. That two at once conflict is the limit at work.
    fn count(
        &self,
        act: &Act<'_>,
        per_hour: u16,
        salt: Salt,
        writes: &mut Writes,
    ) -> Result<(), ContractError> {
        let mut rate =
            self.rate.clone().unwrap_or(Rate { meta: Meta::created(&act.tx), salt, count: 0 });
        if rate.count >= per_hour {
            return Err(ContractError::RateExceeded);
        }
        if rate.count > 0 {
            rate.meta.changed(&act.tx);
        }
        rate.count = rate.count.saturating_add(1);
        rate.salt = salt;
        Ok(RATES.put(writes, &self.rate_key, &rate)?)
    }
}
