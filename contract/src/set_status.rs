//! Suspending, reactivating and ending.

use crate::act::Act;
use crate::answer::Receipt;
use crate::delegation::Power;
use crate::device::{Device, DeviceStatus, owned};
use crate::error::ContractError;
use crate::head::Head;
use crate::ids::{MspId, ParticipantId, SubjectId, UnitId};
use crate::meta::{Salts, Tx};
use crate::participant::{Authority, Standing, StandingSlots};
use crate::policies::{OrganizationKind, Policies};
use crate::private::{self, SPACE};
use crate::role::{Role, RoleSet, StaffRole};
use crate::state::{DEVICES, HEADS, ORGANIZATIONS, STAFF};
use crate::status::{Holder, NewStatus, Refusal, Status, change};
use fabric_contract_rs::{Batch, Reader, Space, Submit, TimestampMs, TxContext, Writes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Suspends, reactivates or ends something.
///
/// | target | by whom |
/// |---|---|
/// | organisation | its own administrator; a privacy officer of another custodian's root unit, as supervisor |
/// | unit, staff | an `org_admin` of a unit above |
/// | patient | a registrar of the organisation that registered it: ends it before its confirmation only |
/// | device | its owner, or a delegate with `devices`; a privacy officer of a regulator's root unit, as supervisor |
///
/// A patient suspends and revokes its devices in whatever status it is itself; revoking one that has
/// not confirmed withdraws its registration. A supervisor's suspension is only a supervisor's to lift. It is of the root unit because whoever
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
    /// The owner's subject id; a regulator gives none.
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
        Role::Delegate.name(),
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
        let act = Act::of::<Self>(policies, cx)?;
        match self {
            Self::Organization { msp, status } => {
                private::none(cx)?;
                organization(&act, msp, status, ledger, writes).await?;
            }
            Self::Unit { unit, status } => {
                private::none(cx)?;
                unit_below(&act, &unit, status, ledger, writes).await?;
            }
            Self::Staff { staff, status } => {
                private::none(cx)?;
                staff_below(&act, staff, status, ledger, writes).await?;
            }
            Self::Patient {} => patient(&act, private::take(cx)?, ledger, writes).await?,
            Self::Device {} => device(&act, private::take(cx)?, ledger, writes).await?,
        }
        Ok(act.done::<Self>(writes))
    }
}

const ORG_ADMIN: Role = Role::Staff(StaffRole::OrgAdmin);

fn refused(refusal: Refusal) -> ContractError {
    match refusal {
        Refusal::Conflict => ContractError::StatusConflict,
        Refusal::Held => ContractError::SuspensionHeld,
    }
}

async fn organization(
    act: &Act<'_>,
    msp: MspId,
    status: NewStatus,
    ledger: &impl Reader,
    writes: &mut Writes,
) -> Result<(), ContractError> {
    let key = (msp,);
    let mut batch = Batch::new(Space::Public);
    let slots = StandingSlots::want(&mut batch, &act.caller)?;
    let target = batch.want(&ORGANIZATIONS, &key)?;
    let loaded = batch.load(ledger).await?;
    let standing = slots.found(&loaded)?;
    let authority = standing.authority(&act.caller, &act.tx)?;
    let by = if key.0 == act.caller.msp {
        // Also of a suspended organisation: its own suspension is its own to lift.
        act.require_one(authority.roles, ORG_ADMIN)?;
        if !authority.is_msp_admin {
            return Err(ContractError::OutsideAuthority);
        }
        Holder::Manager
    } else {
        supervisor(act, authority, OrganizationKind::Custodian)?;
        // Nobody ends another organisation for good.
        if status == NewStatus::Deactivated {
            return Err(ContractError::OutsideAuthority);
        }
        Holder::Supervisor
    };
    let mut target = loaded.get(&target)?.ok_or(ContractError::OrganizationUnknown)?;
    let changed = change(target.status, target.holder, status, by).map_err(refused)?;
    let Some((changed, holder)) = changed else { return Ok(()) };
    not_before(changed, target.since, &act.tx)?;
    (target.status, target.holder) = (changed, holder);
    target.since = target.since.max(act.tx.at);
    target.meta.changed(&act.tx);
    Ok(ORGANIZATIONS.put(writes, &key, &target)?)
}

async fn unit_below(
    act: &Act<'_>,
    unit: &UnitId,
    status: NewStatus,
    ledger: &impl Reader,
    writes: &mut Writes,
) -> Result<(), ContractError> {
    let standing = Standing::load(&act.caller, ledger).await?;
    let authority = standing.authority(&act.caller, &act.tx)?.organization_active()?;
    act.require_one(authority.roles, ORG_ADMIN)?;
    let present = authority.organization.unit(unit).ok_or(ContractError::UnitUnknown)?;
    if unit.is_root() || !authority.is_above(unit) {
        return Err(ContractError::OutsideAuthority);
    }
    let Some(changed) = managed(present.status, status)? else { return Ok(()) };
    not_before(changed, present.since, &act.tx)?;
    let mut organization = authority.organization.clone();
    if let Some(unit) = organization.units.iter_mut().find(|it| it.id == *unit) {
        unit.status = changed;
        unit.since = unit.since.max(act.tx.at);
    }
    organization.meta.changed(&act.tx);
    Ok(ORGANIZATIONS.put(writes, &(act.caller.msp.clone(),), &organization)?)
}

async fn staff_below(
    act: &Act<'_>,
    pid: ParticipantId,
    status: NewStatus,
    ledger: &impl Reader,
    writes: &mut Writes,
) -> Result<(), ContractError> {
    let mut batch = Batch::new(Space::Public);
    let slots = StandingSlots::want(&mut batch, &act.caller)?;
    let target = batch.want(&STAFF, &(pid,))?;
    let loaded = batch.load(ledger).await?;
    let standing = slots.found(&loaded)?;
    let authority = standing.authority(&act.caller, &act.tx)?.organization_active()?;
    act.require_one(authority.roles, ORG_ADMIN)?;
    let mut target = loaded.get(&target)?.ok_or(ContractError::StaffUnknown)?;
    let below = authority.manages(&target.unit, &target.roles);
    if target.msp != act.caller.msp || pid == act.caller.pid || !below {
        return Err(ContractError::OutsideAuthority);
    }
    let Some(changed) = managed(target.status, status)? else { return Ok(()) };
    not_before(changed, target.meta.updated_at, &act.tx)?;
    target.status = changed;
    target.meta.changed(&act.tx);
    Ok(STAFF.put(writes, &(pid,), &target)?)
}

async fn patient(
    act: &Act<'_>,
    private: PatientStatusPrivate,
    ledger: &impl Reader,
    writes: &mut Writes,
) -> Result<(), ContractError> {
    let registrar = Role::Staff(StaffRole::Registrar);
    let standing = Standing::load(&act.caller, ledger).await?;
    let authority = standing.authority(&act.caller, &act.tx)?.organization_active()?;
    act.require_one(authority.roles, registrar)?;
    let key = (private.sid,);
    let head = HEADS.get(ledger, &key).await?.filter(|head| head.home == act.caller.msp);
    // Another organisation's patient is as unknown as none.
    let mut head = head.ok_or(ContractError::SubjectUnknown)?;
    // A registration in error is ended before its confirmation; afterwards it is the patient's.
    let confirmed = matches!(head.status, Status::Active | Status::Suspended);
    if confirmed && private.status == NewStatus::Deactivated {
        return Err(ContractError::OutsideAuthority);
    }
    let Some(changed) = managed(head.status, private.status)? else { return Ok(()) };
    not_before(changed, head.meta.updated_at, &act.tx)?;
    head.status = changed;
    head.meta.changed(&act.tx);
    act.note(&head, RoleSet::NONE.with(registrar), None, writes)?;
    Ok(HEADS.put(writes, &key, &head)?)
}

async fn device(
    act: &Act<'_>,
    private: DeviceStatusPrivate,
    ledger: &impl Reader,
    writes: &mut Writes,
) -> Result<(), ContractError> {
    match private.sid {
        Some(sid) => own_device(act, sid, private, ledger, writes).await,
        None => regulated_device(act, private, ledger, writes).await,
    }
}

/// By a regulator, whom no subject id is told: whose it is, the device says. The patient reads of it in
/// its journal; a device that was revoked stays in its sight until it revokes it too.
async fn regulated_device(
    act: &Act<'_>,
    private: DeviceStatusPrivate,
    ledger: &impl Reader,
    writes: &mut Writes,
) -> Result<(), ContractError> {
    let standing = Standing::load(&act.caller, ledger).await?;
    let authority = standing.authority(&act.caller, &act.tx)?;
    supervisor(act, authority, OrganizationKind::Regulator)?;
    let key = (private.device,);
    let device = DEVICES.get(ledger, &key).await?;
    let mut device = device.ok_or(ContractError::DeviceUnknown)?;
    let head = HEADS.get(ledger, &(device.owner,)).await?;
    let head = head.ok_or(ContractError::SubjectUnknown)?;
    if !put_device(act, &mut device, private.status, Holder::Supervisor)? {
        return Ok(());
    }
    device.salt = Salts::of_subject(&head.secret, act.cx).at(0);
    DEVICES.put(writes, &key, &device)?;
    let officer = RoleSet::NONE.with(Role::Staff(StaffRole::PrivacyOfficer));
    act.note(&head, officer, Some(private.device), writes)
}

async fn own_device(
    act: &Act<'_>,
    sid: SubjectId,
    private: DeviceStatusPrivate,
    ledger: &impl Reader,
    writes: &mut Writes,
) -> Result<(), ContractError> {
    let (head_key, key) = ((sid,), (private.device,));
    let mut batch = Batch::new(SPACE);
    let head = batch.want(&HEADS, &head_key)?;
    let device = batch.want(&DEVICES, &key)?;
    let loaded = batch.load(ledger).await?;
    let patient = act.patient((sid, loaded.get(&head)?), Power::Devices, ledger).await?;
    let (mut head, revoked) = (patient.head, private.status == DeviceStatus::Revoked);
    let left = forget(&mut head, private.device, revoked);
    let found = loaded.get(&device)?;
    let own = found.as_ref().is_some_and(|device| device.owner == sid);
    // What never confirmed is withdrawn, whether it is somebody else's device or none.
    let changed = match own || !left {
        true => {
            let mut device = owned((private.device, found), sid, ledger).await?;
            if private.status == DeviceStatus::Active {
                head.active()?;
            }
            let changed = put_device(act, &mut device, private.status, Holder::Manager)?;
            if changed {
                device.salt = Salts::of_subject(&head.secret, act.cx).at(0);
                DEVICES.put(writes, &key, &device)?;
            }
            changed
        }
        false => false,
    };
    if left {
        head.meta.changed(&act.tx);
        HEADS.put(writes, &head_key, &head)?;
    }
    if changed || left {
        act.note(&head, patient.roles, Some(private.device), writes)?;
    }
    Ok(())
}

/// Gives the place of a revoked device free, and ends what it has not confirmed.
fn forget(head: &mut Head, device: ParticipantId, revoked: bool) -> bool {
    if !revoked {
        return false;
    }
    let claims = head.claims.len();
    head.claims.retain(|claim| claim.device != device);
    head.devices.remove(&device) || head.claims.len() < claims
}

/// A privacy officer of the whole of an organisation of this kind.
fn supervisor(
    act: &Act<'_>,
    authority: Authority<'_>,
    kind: OrganizationKind,
) -> Result<(), ContractError> {
    let authority = authority.organization_active()?;
    act.require_one(authority.roles, Role::Staff(StaffRole::PrivacyOfficer))?;
    if authority.is_of_root(act, kind) { Ok(()) } else { Err(ContractError::OutsideAuthority) }
}

/// Whether the device has changed.
fn put_device(
    act: &Act<'_>,
    device: &mut Device,
    status: DeviceStatus,
    by: Holder,
) -> Result<bool, ContractError> {
    let changed = change(device.status.into(), device.holder, status.into(), by);
    let Some((changed, holder)) = changed.map_err(refused)? else { return Ok(false) };
    not_before(changed, device.meta.updated_at, &act.tx)?;
    (device.status, device.holder) = (status, holder);
    device.meta.changed(&act.tx);
    Ok(true)
}

/// Only reviving can come too early: suspending and ending are never refused for their time.
fn not_before(changed: Status, since: TimestampMs, tx: &Tx) -> Result<(), ContractError> {
    if changed == Status::Active && tx.at < since { Err(ContractError::BackDated) } else { Ok(()) }
}

/// The change of something that has no supervisor.
fn managed(status: Status, new: NewStatus) -> Result<Option<Status>, ContractError> {
    let by = Holder::Manager;
    let changed = change(status, Some(by), new, by).map_err(refused)?;
    Ok(changed.map(|(status, _)| status))
}
