//! What becomes of a command.

use crate::act::Act;
use crate::answer::Receipt;
use crate::command::{Command, CommandReference, CommandStatus};
use crate::delegation::Power;
use crate::device::Device;
use crate::error::ContractError;
use crate::head::Head;
use crate::meta::Salts;
use crate::participant::Standing;
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
/// | `confirmed` | `requested`, if therapeutic | the patient, or a delegate with `control` |
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
        let key = reference.key();
        let mut batch = Batch::new(SPACE);
        let head = batch.want(&HEADS, &(reference.sid,))?;
        let device = batch.want(&DEVICES, &(reference.device,))?;
        let command = batch.want(&COMMANDS, &key)?;
        let loaded = batch.load(ledger).await?;
        let (head, device, command) =
            (loaded.get(&head)?, loaded.get(&device)?, loaded.get(&command)?);
        let Some(head) = head else {
            return Err(absent(&HEADS, ledger, &(reference.sid,), act.refusal()).await);
        };
        let Some(device) = device else {
            return Err(absent(&DEVICES, ledger, &(reference.device,), act.refusal()).await);
        };
        let roles =
            permitted(&act, (&head, &device, command.as_ref()), &reference, status, ledger).await?;
        let Some(mut command) = command else {
            return Err(absent(&COMMANDS, ledger, &key, ContractError::CommandUnknown).await);
        };
        if command.status != status {
            let update = Update { act: &act, head: &head, device: &device, reference: &reference };
            update.check(&command, status)?;
            command.status = status;
            command.salt = Salts::of_subject(&head.secret, cx).at(0);
            command.meta.changed(&act.tx);
            COMMANDS.put(writes, &key, &command)?;
            // What the patient's own device says is no act of somebody else.
            if !roles.contains(Role::Device) && !roles.contains(Role::Gateway) {
                act.note(&head, roles, writes)?;
            }
        }
        Ok(act.done::<Self>(writes))
    }
}

/// As what the caller may ask for this status.
async fn permitted(
    act: &Act<'_>,
    (head, device, command): (&Head, &Device, Option<&Command>),
    reference: &CommandReference,
    status: CommandStatus,
    ledger: &impl Reader,
) -> Result<RoleSet, ContractError> {
    use CommandStatus::{Accepted, Cancelled, Completed, Confirmed, Failed, Rejected, Requested};
    match status {
        Requested => Err(ContractError::ArgumentInvalid("a command is requested by issuing it")),
        Accepted | Rejected | Completed | Failed => {
            let own = device.owner == reference.sid;
            let roles = device.roles_of(reference.device, &act.caller)?;
            act.require(if own { roles } else { RoleSet::NONE })
        }
        Confirmed => act.require(head.roles_with(Power::Control, &act.caller, &act.tx)?),
        Cancelled => {
            let roles = head.roles_with(Power::Control, &act.caller, &act.tx)?;
            if !roles.is_empty() {
                return act.require(roles);
            }
            // Whoever did not give it hears what it would hear of a patient that is not there.
            if command.is_none_or(|it| it.by != act.caller.pid) {
                return Err(act.refusal());
            }
            let standing = Standing::load(&act.caller, ledger).await?;
            let authority = standing.authority(&act.caller, &act.tx)?.organization_active()?;
            act.require(authority.roles)
        }
    }
}

struct Update<'a> {
    act: &'a Act<'a>,
    head: &'a Head,
    device: &'a Device,
    reference: &'a CommandReference,
}

impl Update<'_> {
    fn check(&self, command: &Command, to: CommandStatus) -> Result<(), ContractError> {
        use CommandStatus::{
            Accepted, Cancelled, Completed, Confirmed, Failed, Rejected, Requested,
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
        if !follows {
            return Err(ContractError::StatusConflict);
        }
        if matches!(to, Confirmed | Accepted) { self.holds(command) } else { Ok(()) }
    }

    /// Whether the command still rests on something. The patient's own, and its delegates', rests on
    /// the patient's word.
    fn holds(&self, command: &Command) -> Result<(), ContractError> {
        let now = self.act.tx.at;
        self.head.active()?;
        self.device.active()?;
        command.meta.not_before(&self.act.tx)?;
        let authorised = command.authorisation.as_ref().is_none_or(|grantee| {
            let authorisation = self.device.authorisation(grantee);
            authorisation.is_some_and(|it| it.allows(&command.command, &command.parameters, now))
        });
        let same_owner = self.device.owner == self.reference.sid;
        if same_owner
            && authorised
            && command.epoch == self.device.epoch
            && now < self.reference.expires_at
        {
            Ok(())
        } else {
            Err(ContractError::CommandEnded)
        }
    }
}
