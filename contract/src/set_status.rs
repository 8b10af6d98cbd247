//! Suspending, reactivating and ending.

use crate::answer::{Receipt, announce};
use crate::device::{Device, DeviceStatus};
use crate::error::ContractError;
use crate::ids::{MspId, ParticipantId, SubjectId, UnitId};
use crate::meta::{Salts, Tx};
use crate::organization::Organization;
use crate::participant::{Authority, Participant};
use crate::patient::Head;
use crate::policies::{OrganizationKind, Policies};
use crate::private::{self, SPACE, absent};
use crate::role::{Role, RoleSet, StaffRole};
use crate::staff::Staff;
use crate::state::{DEVICES, HEADS, ORGANIZATIONS, STAFF};
use crate::status::{Holder, NewStatus, Refusal, Status, change};
use fabric_contract_rs::{Batch, Reader, Space, Submit, TxContext, Writes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Suspends, reactivates or ends something.
///
/// | target | by whom |
/// |---|---|
/// | organisation | its own administrator; a privacy officer of another custodian's root unit, as supervisor |
/// | unit, staff | an `org_admin` of a unit above |
/// | patient | a registrar of the organisation that registered it: ends it before its confirmation only |
/// | device | its owner; a privacy officer of a regulator's root unit, as supervisor |
///
/// A supervisor's suspension is only a supervisor's to lift. It is of the root unit because whoever
/// administers a unit below appoints privacy officers there. Suspending and ending are never refused
/// for their time. What is public is named in the arguments; patients and devices in the private
/// part only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "target", rename_all = "snake_case", deny_unknown_fields)]
pub enum SetStatus {
    /// An organisation.
    Organization {
        /// Which.
        msp: MspId,
        /// What it becomes.
        status: NewStatus,
    },
    /// A unit of the caller's organisation and with it everyone below.
    Unit {
        /// Which; the root shares the organisation's status.
        unit: UnitId,
        /// What it becomes.
        status: NewStatus,
    },
    /// Staff of the caller's organisation.
    Staff {
        /// Who; its entry is public.
        staff: ParticipantId,
        /// What it becomes.
        status: NewStatus,
    },
    /// A patient, with [`PatientStatusPrivate`].
    Patient {},
    /// A device, with [`DeviceStatusPrivate`].
    Device {},
}

/// The private part of [`SetStatus::Patient`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatientStatusPrivate {
    /// Who.
    pub sid: SubjectId,
    /// What it becomes.
    pub status: NewStatus,
}

/// The private part of [`SetStatus::Device`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceStatusPrivate {
    /// The owner's own subject id; a regulator gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SubjectId>,
    /// Which.
    pub device: ParticipantId,
    /// What it becomes.
    pub status: DeviceStatus,
}

impl Submit for SetStatus {
    const NAME: &'static str = "SetStatus";
    const ROLES: &'static [&'static str] = &[
        Role::Subject.name(),
        Role::Staff(StaffRole::OrgAdmin).name(),
        Role::Staff(StaffRole::PrivacyOfficer).name(),
        Role::Staff(StaffRole::Registrar).name(),
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
        let caller = Participant::calling(cx)?;
        let act = Act { policies, cx, tx: Tx::of(cx)?, caller };
        match self {
            Self::Organization { msp, status } => {
                private::none(cx)?;
                act.organization(msp, status, ledger, writes).await?;
            }
            Self::Unit { unit, status } => {
                private::none(cx)?;
                act.unit(&unit, status, ledger, writes).await?;
            }
            Self::Staff { staff, status } => {
                private::none(cx)?;
                act.staff(staff, status, ledger, writes).await?;
            }
            Self::Patient {} => act.patient(private::take(cx)?, ledger, writes).await?,
            Self::Device {} => act.device(private::take(cx)?, ledger, writes).await?,
        }
        announce::<Self>(writes, &act.tx);
        Ok(Receipt::new(policies))
    }
}

/// One change of status.
struct Act<'a> {
    policies: &'a Policies,
    cx: &'a TxContext,
    tx: Tx,
    caller: Participant,
}

/// What the ledger knows of the caller's standing.
struct Standing {
    organization: Option<Organization>,
    staff: Option<Staff>,
}

impl Standing {
    fn authority<'a>(&'a self, act: &Act<'_>) -> Result<Authority<'a>, ContractError> {
        Authority::of(&act.caller, self.organization.as_ref(), self.staff.as_ref(), &act.tx)
    }
}

fn refused(refusal: Refusal) -> ContractError {
    match refusal {
        Refusal::Conflict => ContractError::StatusConflict,
        Refusal::Held => ContractError::SuspensionHeld,
    }
}

impl Act<'_> {
    /// Requires one role, out of those held and those that the policies leave.
    fn require(&self, held: RoleSet, role: Role) -> Result<(), ContractError> {
        self.policies.require(SetStatus::NAME, held.and(RoleSet::NONE.with(role))).map(|_| ())
    }

    /// The caller's standing, read together with one other public value.
    async fn organization(
        &self,
        msp: MspId,
        status: NewStatus,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<(), ContractError> {
        let key = (msp,);
        let mut batch = Batch::new(Space::Public);
        let own = batch.want(&ORGANIZATIONS, &(self.caller.msp.clone(),))?;
        let staff = batch.want(&STAFF, &(self.caller.pid,))?;
        let target = batch.want(&ORGANIZATIONS, &key)?;
        let loaded = batch.load(ledger).await?;
        let standing = Standing { organization: loaded.get(&own)?, staff: loaded.get(&staff)? };
        let authority = standing.authority(self)?;
        let by = if key.0 == self.caller.msp {
            // Also of a suspended organisation: its own suspension is its own to lift.
            self.require(authority.roles, Role::Staff(StaffRole::OrgAdmin))?;
            if !authority.is_msp_admin {
                return Err(ContractError::OutsideAuthority);
            }
            Holder::Manager
        } else {
            self.supervisor(authority, OrganizationKind::Custodian)?;
            // Nobody ends another organisation for good.
            if status == NewStatus::Deactivated {
                return Err(ContractError::OutsideAuthority);
            }
            Holder::Supervisor
        };
        let mut target = loaded.get(&target)?.ok_or(ContractError::OrganizationUnknown)?;
        let changed = change(target.status, target.holder, status, by).map_err(refused)?;
        let Some((changed, holder)) = changed else { return Ok(()) };
        if changed == Status::Active {
            target.meta.not_before(&self.tx)?;
        }
        (target.status, target.holder) = (changed, holder);
        target.meta.changed(&self.tx);
        Ok(ORGANIZATIONS.put(writes, &key, &target)?)
    }

    async fn unit(
        &self,
        unit: &UnitId,
        status: NewStatus,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<(), ContractError> {
        let key = (self.caller.msp.clone(),);
        let mut batch = Batch::new(Space::Public);
        let own = batch.want(&ORGANIZATIONS, &key)?;
        let staff = batch.want(&STAFF, &(self.caller.pid,))?;
        let loaded = batch.load(ledger).await?;
        let standing = Standing { organization: loaded.get(&own)?, staff: loaded.get(&staff)? };
        let authority = standing.authority(self)?.organization_active()?;
        self.require(authority.roles, Role::Staff(StaffRole::OrgAdmin))?;
        let present = authority.organization.unit(unit).ok_or(ContractError::UnitUnknown)?;
        if unit.is_root() || !authority.is_above(unit) {
            return Err(ContractError::OutsideAuthority);
        }
        let Some(changed) = managed(present.status, status)? else { return Ok(()) };
        let mut organization = authority.organization.clone();
        if changed == Status::Active {
            organization.meta.not_before(&self.tx)?;
        }
        if let Some(unit) = organization.units.iter_mut().find(|it| it.id == *unit) {
            unit.status = changed;
        }
        organization.meta.changed(&self.tx);
        Ok(ORGANIZATIONS.put(writes, &key, &organization)?)
    }

    async fn staff(
        &self,
        pid: ParticipantId,
        status: NewStatus,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<(), ContractError> {
        let mut batch = Batch::new(Space::Public);
        let own = batch.want(&ORGANIZATIONS, &(self.caller.msp.clone(),))?;
        let staff = batch.want(&STAFF, &(self.caller.pid,))?;
        let target = batch.want(&STAFF, &(pid,))?;
        let loaded = batch.load(ledger).await?;
        let standing = Standing { organization: loaded.get(&own)?, staff: loaded.get(&staff)? };
        let authority = standing.authority(self)?.organization_active()?;
        self.require(authority.roles, Role::Staff(StaffRole::OrgAdmin))?;
        let mut target = loaded.get(&target)?.ok_or(ContractError::StaffUnknown)?;
        let administers = target.roles.contains(&StaffRole::OrgAdmin);
        let below = if administers {
            authority.is_above(&target.unit)
        } else {
            authority.covers(&target.unit)
        };
        if target.msp != self.caller.msp || pid == self.caller.pid || !below {
            return Err(ContractError::OutsideAuthority);
        }
        let Some(changed) = managed(target.status, status)? else { return Ok(()) };
        if changed == Status::Active {
            target.meta.not_before(&self.tx)?;
        }
        target.status = changed;
        target.meta.changed(&self.tx);
        Ok(STAFF.put(writes, &(pid,), &target)?)
    }

    async fn patient(
        &self,
        private: PatientStatusPrivate,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<(), ContractError> {
        let standing = self.standing(ledger).await?;
        let authority = standing.authority(self)?.organization_active()?;
        self.require(authority.roles, Role::Staff(StaffRole::Registrar))?;
        let key = (private.sid,);
        let mut head = HEADS.get(ledger, &key).await?.ok_or(ContractError::SubjectUnknown)?;
        if head.home != self.caller.msp {
            return Err(ContractError::OutsideAuthority);
        }
        // A registration in error is ended before its confirmation; afterwards it is the patient's.
        let confirmed = matches!(head.status, Status::Active | Status::Suspended);
        if confirmed && private.status == NewStatus::Deactivated {
            return Err(ContractError::OutsideAuthority);
        }
        let Some(changed) = managed(head.status, private.status)? else { return Ok(()) };
        if changed == Status::Active {
            head.meta.not_before(&self.tx)?;
        }
        head.status = changed;
        head.meta.changed(&self.tx);
        Ok(HEADS.put(writes, &key, &head)?)
    }

    async fn device(
        &self,
        private: DeviceStatusPrivate,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<(), ContractError> {
        let key = (private.device,);
        let mut batch = Batch::new(SPACE);
        let device = batch.want(&DEVICES, &key)?;
        let head = match private.sid {
            Some(sid) => Some(((sid,), batch.want(&HEADS, &(sid,))?)),
            None => None,
        };
        let loaded = batch.load(ledger).await?;
        let (by, salts) = match head {
            Some((head_key, slot)) => {
                let Some(head) = loaded.get(&slot)? else {
                    let refusal = ContractError::SubjectUnknown;
                    return Err(absent(&HEADS, ledger, &head_key, refusal).await);
                };
                self.owner(&head)?;
                (Holder::Manager, Some(Salts::of_subject(&head.secret, self.cx)))
            }
            None => {
                self.regulator(ledger).await?;
                (Holder::Supervisor, None)
            }
        };
        let Some(mut device) = loaded.get(&device)? else {
            return Err(absent(&DEVICES, ledger, &key, ContractError::DeviceUnknown).await);
        };
        if private.sid.is_some_and(|sid| sid != device.owner) {
            // As for one that is not there: whose a device is, is told to nobody else.
            return Err(ContractError::DeviceUnknown);
        }
        let salts = salts.unwrap_or_else(|| Salts::of_value(&device.salt, self.cx));
        if self.put_device(&mut device, private.status, by)? {
            device.salt = salts.at(0);
            DEVICES.put(writes, &key, &device)?;
        }
        Ok(())
    }

    /// The device's owner: depends on the patient alone, never on an organisation.
    fn owner(&self, head: &Head) -> Result<(), ContractError> {
        self.require(head.roles_of(&self.caller)?, Role::Subject)?;
        head.active().map(|_| ())
    }

    async fn regulator(&self, ledger: &impl Reader) -> Result<(), ContractError> {
        let standing = self.standing(ledger).await?;
        self.supervisor(standing.authority(self)?, OrganizationKind::Regulator)
    }

    /// A privacy officer of the whole of an organisation of this kind.
    fn supervisor(
        &self,
        authority: Authority<'_>,
        kind: OrganizationKind,
    ) -> Result<(), ContractError> {
        let authority = authority.organization_active()?;
        self.require(authority.roles, Role::Staff(StaffRole::PrivacyOfficer))?;
        if authority.organization.kind == kind && authority.unit.is_root() {
            Ok(())
        } else {
            Err(ContractError::OutsideAuthority)
        }
    }

    async fn standing(&self, ledger: &impl Reader) -> Result<Standing, ContractError> {
        let mut batch = Batch::new(Space::Public);
        let own = batch.want(&ORGANIZATIONS, &(self.caller.msp.clone(),))?;
        let staff = batch.want(&STAFF, &(self.caller.pid,))?;
        let loaded = batch.load(ledger).await?;
        Ok(Standing { organization: loaded.get(&own)?, staff: loaded.get(&staff)? })
    }

    /// Whether the device has changed.
    fn put_device(
        &self,
        device: &mut Device,
        status: DeviceStatus,
        by: Holder,
    ) -> Result<bool, ContractError> {
        let changed = change(device.status.into(), device.holder, status.into(), by);
        let Some((_, holder)) = changed.map_err(refused)? else { return Ok(false) };
        if status == DeviceStatus::Active {
            device.meta.not_before(&self.tx)?;
        }
        (device.status, device.holder) = (status, holder);
        device.meta.changed(&self.tx);
        Ok(true)
    }
}

/// The change of something that has no supervisor.
fn managed(status: Status, new: NewStatus) -> Result<Option<Status>, ContractError> {
    let by = Holder::Manager;
    let changed = change(status, Some(by), new, by).map_err(refused)?;
    Ok(changed.map(|(status, _)| status))
}
