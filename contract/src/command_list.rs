//! What a patient's devices are, and what they were told.

use crate::act::View;
use crate::command::{Command, CommandReference, CommandStatus};
use crate::consent::Actor;
use crate::control::{Authorisation, Parameter};
use crate::delegating::OfPatientPrivate;
use crate::delegation::Power;
use crate::device::{Device, DeviceStatus};
use crate::error::ContractError;
use crate::ids::{CommandId, CommandName, ParticipantId, ProfileId, SubjectId};
use crate::meta::Tx;
use crate::page;
use crate::participant::{Participant, Standing};
use crate::policies::{CommandClass, Policies};
use crate::private::{self, SPACE};
use crate::role::{Role, RoleSet, StaffRole};
use crate::state::{COMMANDS, DEVICES, HEADS};
use crate::time::{KeyTime, is_time};
use fabric_contract_rs::{Batch, Evaluate, QueryReader, TimestampMs, TxContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Commands of one page.
pub const COMMANDS_PAGE_MAX: u16 = 100;

/// The patient's devices, those that have not confirmed too: for the patient, and for a delegate with
/// `devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListDevices {}

/// The answer of [`ListDevices`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Devices {
    /// Those that have confirmed, but for those that the patient revoked.
    pub devices: Vec<DeviceView>,
    /// Those that have not, or that are to change their key.
    pub claims: Vec<ClaimView>,
}

/// A device as its patient reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceView {
    /// The device.
    pub device: ParticipantId,
    /// Its status.
    pub status: DeviceStatus,
    /// What kind of device it is.
    pub profile: ProfileId,
    /// Who else may submit for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<ParticipantId>,
    /// Its records begin at or after this.
    pub active_from: TimestampMs,
    /// Until when it is offered to somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered_until: Option<TimestampMs>,
    /// Who may command it.
    pub authorisations: Vec<Authorisation>,
}

/// A device that has not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimView {
    /// The device.
    pub device: ParticipantId,
    /// What kind of device it is.
    pub profile: ProfileId,
    /// Until when it can confirm.
    pub until: TimestampMs,
}

impl Evaluate for ListDevices {
    const NAME: &'static str = "ListDevices";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), Role::Delegate.name()];
    type State = Policies;
    type Output = Devices;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Devices, ContractError> {
        let OfPatientPrivate { sid } = private::take_if_given(cx)?;
        let view = View::of::<Self>(policies, cx, sid, Power::Devices, ledger).await?;
        let mut batch = Batch::new(SPACE);
        let wanted: Result<Vec<_>, _> =
            view.head.devices.iter().map(|pid| batch.want(&DEVICES, &(*pid,))).collect();
        let loaded = batch.load(ledger).await?;
        let mut devices = Vec::with_capacity(view.head.devices.len());
        for (pid, slot) in view.head.devices.iter().zip(wanted?) {
            let device = match loaded.get(&slot)? {
                Some(device) => Some(device),
                // Told apart from one that this peer has not received yet.
                None => DEVICES.get(ledger, &(*pid,)).await?,
            };
            devices.extend(device.map(|device| device_view(*pid, device)));
        }
        let claims = view.head.claims.into_iter();
        let claims =
            claims.map(|it| ClaimView { device: it.device, profile: it.profile, until: it.until });
        Ok(Devices { devices, claims: claims.collect() })
    }
}

fn device_view(pid: ParticipantId, device: Device) -> DeviceView {
    DeviceView {
        device: pid,
        status: device.status,
        profile: device.profile,
        gateway: device.gateway.map(|gateway| gateway.pid),
        active_from: device.active_from,
        offered_until: device.offer.map(|offer| offer.until),
        authorisations: device.authorisations,
    }
}

/// One page of the commands to one device, by the time they expire: for the patient and a delegate
/// with `control`, for the device and its gateway while the device is active. From now on are those that
/// are open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListCommands {}

/// The private part of [`ListCommands`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListCommandsPrivate {
    /// The patient's subject id.
    pub sid: SubjectId,
    /// The device.
    pub device: ParticipantId,
    /// Those that expire at this moment or later.
    pub from: TimestampMs,
    /// And before this.
    pub until: TimestampMs,
    /// 1 to 100 commands; 100 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u16>,
    /// The last command of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<CommandPlace>,
}

/// Where a command stands among those of its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandPlace {
    /// When it expires.
    pub expires_at: TimestampMs,
    /// Its id.
    pub id: CommandId,
}

/// A page of commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandPage {
    /// The commands.
    pub commands: Vec<CommandView>,
    /// Whether there are more: ask for those after the last.
    pub more: bool,
}

/// A command as those it concerns read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandView {
    /// When it expires, and its id.
    pub place: CommandPlace,
    /// Who gave it.
    pub by: ParticipantId,
    /// Under which authorisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorisation: Option<Actor>,
    /// Which command of the device's profile.
    pub command: CommandName,
    /// What that does to the patient.
    pub class: CommandClass,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// How far it has come.
    pub status: CommandStatus,
    /// Whether that was for another patient's time with the device: nothing comes of it.
    pub ended: bool,
}

fn command_view(place: CommandPlace, command: Command, device: Option<&Device>) -> CommandView {
    CommandView {
        place,
        ended: device.is_none_or(|device| device.epoch != command.epoch),
        by: command.by,
        authorisation: command.authorisation,
        command: command.command,
        class: command.class,
        parameters: command.parameters,
        status: command.status,
    }
}

impl Evaluate for ListCommands {
    const NAME: &'static str = "ListCommands";
    const ROLES: &'static [&'static str] =
        &[Role::Subject.name(), Role::Delegate.name(), Role::Device.name(), Role::Gateway.name()];
    type State = Policies;
    type Output = CommandPage;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<CommandPage, ContractError> {
        let private: ListCommandsPrivate = private::take(cx)?;
        let limit = private.check()?;
        let device = DEVICES.get(ledger, &(private.device,)).await?;
        let caller = Participant::calling(cx)?;
        let own = device.as_ref().filter(|device| device.owner == private.sid);
        let by_device = match own {
            Some(device) => device.roles_of(private.device, &caller)?,
            None => RoleSet::NONE,
        };
        match own.filter(|_| !by_device.is_empty()) {
            Some(device) => {
                policies.require(Self::NAME, by_device)?;
                device.active()?;
            }
            None => {
                let sid = Some(private.sid);
                View::of::<Self>(policies, cx, sid, Power::Control, ledger).await?;
            }
        }
        let prefix = (private.sid, private.device);
        let (from, until) = (KeyTime(private.from), KeyTime(private.until));
        let mut range = COMMANDS.between(&prefix, &from, &until)?;
        if let Some(CommandPlace { expires_at, id }) = private.after {
            let key = (private.sid, private.device, KeyTime(expires_at), id);
            range = range.after(&COMMANDS.key(&key)?);
        }
        let mut found = COMMANDS.scan(ledger, &range, page::to_scan(limit)).await?;
        let more = page::cut(&mut found, limit);
        let commands = found.into_iter().map(|((_, _, expires_at, id), command)| {
            command_view(CommandPlace { expires_at: expires_at.0, id }, command, device.as_ref())
        });
        Ok(CommandPage { commands: commands.collect(), more })
    }
}

impl ListCommandsPrivate {
    fn check(&self) -> Result<usize, ContractError> {
        page::check_window(self.from, self.until)?;
        let within = |place: &CommandPlace| (self.from..self.until).contains(&place.expires_at);
        if !self.after.as_ref().is_none_or(within) {
            return Err(ContractError::ArgumentInvalid("`after` is of another range"));
        }
        page::limit(self.limit, COMMANDS_PAGE_MAX, "a page has 1 to 100 commands")
    }
}

/// What became of a command that the caller gave as staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetCommand {}

impl Evaluate for GetCommand {
    const NAME: &'static str = "GetCommand";
    const ROLES: &'static [&'static str] =
        &[Role::Staff(StaffRole::Practitioner).name(), Role::Staff(StaffRole::Service).name()];
    type State = Policies;
    type Output = CommandView;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<CommandView, ContractError> {
        let reference: CommandReference = private::take(cx)?;
        if !is_time(reference.expires_at) {
            return Err(ContractError::ArgumentInvalid("`expires_at` is no time"));
        }
        let (caller, tx) = (Participant::calling(cx)?, Tx::of(cx)?);
        let standing = Standing::load(&caller, ledger).await?;
        let authority = standing.authority(&caller, &tx)?.organization_active()?;
        policies.require(Self::NAME, authority.roles)?;
        // The head first: on a peer that has it the rest is there or is said not to be.
        let unknown = ContractError::CommandUnknown;
        HEADS.get(ledger, &(reference.sid,)).await?.ok_or(unknown.clone())?;
        let command = COMMANDS.get(ledger, &reference.key()).await?;
        let command = command.filter(|it| it.by == caller.pid).ok_or(unknown)?;
        let device = DEVICES.get(ledger, &(reference.device,)).await?;
        let place = CommandPlace { expires_at: reference.expires_at, id: reference.id };
        Ok(command_view(place, command, device.as_ref()))
    }
}
