//! What becomes of a command.

use crate::act::Act;
use crate::answer::Receipt;
use crate::command::{Command, CommandReference, CommandStatus};
use crate::delegation::Power;
use crate::device::Device;
use crate::error::ContractError;
use crate::head::Head;
use crate::meta::Salts;
use crate::participant::{Participant, Standing};
use crate::policies::{CommandClass, Policies};
use crate::private::{self, SPACE, absent};
use crate::role::{Role, RoleSet, StaffRole};
use crate::state::{COMMANDS, DEVICES, HEADS};
use fabric_contract_rs::{Batch, Reader, Submit, TxContext, Writes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Moves a command on.
///
/// | to | from | by |
/// |---|---|---|
/// | `confirmed` | `requested`, if therapeutic | the patient, or a delegate with `control`, but not who gave it |
/// | `cancelled` | `requested`, `confirmed` | the patient, or a delegate with `control`; who gave it |
/// | `accepted`, `rejected` | `requested`, if not therapeutic; `confirmed` | the device or its gateway |
/// | `completed`, `failed` | `accepted` | the device or its gateway |
///
/// It is confirmed and accepted only before it expires, and while what it rests on holds: the
/// authorisation, the device's epoch, device and patient active. Asking for the present status
/// changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateCommand {}

/// The private part of [`UpdateCommand`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateCommandPrivate {
    /// Which command.
    pub reference: CommandReference,
    /// What it becomes.
    pub status: CommandStatus,
}

impl Submit for UpdateCommand {
    const NAME: &'static str = "UpdateCommand";
    const ROLES: &'static [&'static str] = &[
        Role::Subject.name(),
        Role::Delegate.name(),
        Role::Device.name(),
        Role::Gateway.name(),
        Role::Staff(StaffRole::Practitioner).name(),
        Role::Staff(StaffRole::Service).name(),
    ];
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
        let UpdateCommandPrivate { reference, status } = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        let found = Found::load(reference, ledger).await?;
        let decided = match found.permitted(&act, status, ledger).await {
            Ok(roles) => found.follows(&act, status).map(|(head, it)| (roles, head, it.clone())),
            Err(refusal) => Err(refusal),
        };
        let (roles, head, mut command) = match decided {
            Ok(decided) => decided,
            Err(refusal) => return Err(found.refused(refusal, ledger).await),
        };
        if command.status != status {
            command.status = status;
            command.salt = Salts::of_subject(&head.secret, cx).at(0);
            command.meta.changed(&act.tx);
            COMMANDS.put(writes, &reference.key(), &command)?;
            // What the patient's own device says is no act of somebody else.
            if !roles.contains(Role::Device) && !roles.contains(Role::Gateway) {
                act.note(head, roles, Some(reference.device), writes)?;
            }
        }
        Ok(act.done::<Self>(writes))
    }
}

/// What moving a command on reads.
struct Found {
    reference: CommandReference,
    head: Option<Head>,
    device: Option<Device>,
    command: Option<Command>,
}

impl Found {
    async fn load(
        reference: CommandReference,
        ledger: &impl Reader,
    ) -> Result<Self, ContractError> {
        let mut batch = Batch::new(SPACE);
        let head = batch.want(&HEADS, &(reference.sid,))?;
        let device = batch.want(&DEVICES, &(reference.device,))?;
        let command = batch.want(&COMMANDS, &reference.key())?;
        let loaded = batch.load(ledger).await?;
        let (head, device) = (loaded.get(&head)?, loaded.get(&device)?);
        Ok(Self { reference, head, device, command: loaded.get(&command)? })
    }

    /// The device, if it is this patient's. One of somebody else is as none: whose a device is, is
    /// told to nobody else.
    fn own_device(&self) -> Option<&Device> {
        self.device.as_ref().filter(|device| device.owner == self.reference.sid)
    }

    fn is_by(&self, caller: &Participant) -> bool {
        self.command.as_ref().is_some_and(|command| command.by == caller.pid)
    }

    /// As what the caller may ask for this status. It comes before all that is told of the command,
    /// and says the same for a patient that is there and for one that is not.
    async fn permitted(
        &self,
        act: &Act<'_>,
        status: CommandStatus,
        ledger: &impl Reader,
    ) -> Result<RoleSet, ContractError> {
        use CommandStatus::{
            Accepted, Cancelled, Completed, Confirmed, Failed, Rejected, Requested,
        };
        let by_device = |it: &Device| it.roles_of(self.reference.device, &act.caller);
        let by_patient = |it: &Head| it.roles_with(Power::Control, &act.caller, &act.tx);
        match status {
            Requested => {
                Err(ContractError::ArgumentInvalid("a command is requested by issuing it"))
            }
            Accepted | Rejected | Completed | Failed => {
                act.require(self.own_device().map(by_device).transpose()?.unwrap_or_default())
            }
            Confirmed => {
                let roles = self.head.as_ref().map(by_patient).transpose()?.unwrap_or_default();
                let roles = act.require(roles)?;
                // Two people change a treatment, also where one is practitioner and patient.
                if self.is_by(&act.caller) { Err(act.refusal()) } else { Ok(roles) }
            }
            Cancelled => {
                let roles = self.head.as_ref().map(by_patient).transpose()?.unwrap_or_default();
                if !roles.is_empty() {
                    return act.require(roles);
                }
                if !self.is_by(&act.caller) {
                    return Err(act.refusal());
                }
                let standing = Standing::load(&act.caller, ledger).await?;
                let authority = standing.authority(&act.caller, &act.tx)?.organization_active()?;
                act.require(authority.roles)
            }
        }
    }

    /// The patient and the command, if it has this status or may take it on now.
    fn follows(
        &self,
        act: &Act<'_>,
        to: CommandStatus,
    ) -> Result<(&Head, &Command), ContractError> {
        use CommandStatus::{
            Accepted, Cancelled, Completed, Confirmed, Failed, Rejected, Requested,
        };
        let (Some(head), Some(command)) = (&self.head, &self.command) else {
            return Err(ContractError::CommandUnknown);
        };
        let therapeutic = command.class == CommandClass::Therapeutic;
        let ready = match command.status {
            Requested => !therapeutic,
            Confirmed => true,
            _ => false,
        };
        let follows = match to {
            Requested => false,
            Confirmed => therapeutic && command.status == Requested,
            Cancelled => matches!(command.status, Requested | Confirmed),
            Accepted | Rejected => ready,
            Completed | Failed => command.status == Accepted,
        };
        if command.status == to {
            return Ok((head, command));
        }
        if !follows {
            return Err(ContractError::StatusConflict);
        }
        if matches!(to, Confirmed | Accepted) {
            self.holds(act, head, command)?;
        }
        Ok((head, command))
    }

    /// Whether the command still rests on something. The patient's own, and its delegates', rests on
    /// the patient's word.
    fn holds(&self, act: &Act<'_>, head: &Head, command: &Command) -> Result<(), ContractError> {
        let now = act.tx.at;
        head.active()?;
        let device = self.own_device().ok_or(ContractError::CommandEnded)?;
        device.active()?;
        command.meta.not_before(&act.tx)?;
        let authorised = command.authorisation.as_ref().is_none_or(|grantee| {
            let authorisation = device.authorisation(grantee);
            authorisation.is_some_and(|it| it.allows(&command.command, &command.parameters, now))
        });
        if authorised && command.epoch == device.epoch && now < self.reference.expires_at {
            Ok(())
        } else {
            Err(ContractError::CommandEnded)
        }
    }

    /// `refusal`, unless something that was not found is what this peer has not received.
    async fn refused(&self, refusal: ContractError, ledger: &impl Reader) -> ContractError {
        let CommandReference { sid, device, .. } = self.reference;
        if self.head.is_none() {
            absent(&HEADS, ledger, &(sid,), refusal).await
        } else if self.device.is_none() {
            absent(&DEVICES, ledger, &(device,), refusal).await
        } else if self.command.is_none() {
            absent(&COMMANDS, ledger, &self.reference.key(), refusal).await
        } else {
            refusal
        }
    }
}
