//! What the ledger knows of the caller.

use crate::delegating::DelegationView;
use crate::device::{Device, DeviceStatus};
use crate::error::ContractError;
use crate::head::{Collection, Head};
use crate::ids::{KeyHash, MspId, ParticipantId, ProfileId, RecordsKey, SubjectId, UnitId};
use crate::meta::Tx;
use crate::participant::{Participant, staff_is_active};
use crate::policies::{OrganizationKind, Policies};
use crate::private;
use crate::role::{Role, RoleSet, StaffRole};
use crate::state::{DEVICES, HEADS, ORGANIZATIONS, PATIENTS, STAFF};
use crate::status::Status;
use crate::time::Period;
use fabric_contract_rs::{Evaluate, QueryReader, Reader, TimestampMs, TxContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Devices, and patients, that one query asks about; each costs two reads.
pub const GATEWAY_DEVICES_MAX: usize = 16;

/// Tells the caller who it is and, for patients, devices and their gateways, what the keys of their
/// state start with.
///
/// Every submit needs its keys before it reads: `sid` and `rk` come from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhoAmI {}

/// The private part of [`WhoAmI`]; it can be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhoAmIPrivate {
    /// Devices that the caller is the gateway of, at most 16.
    #[serde(default)]
    pub devices: Vec<ParticipantId>,
    /// Patients that the caller is, or is to be, a delegate of, at most 16.
    #[serde(default)]
    pub patients: Vec<SubjectId>,
}

/// The answer of [`WhoAmI`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Myself {
    /// The caller's pseudonym.
    pub pid: ParticipantId,
    /// Its organisation.
    pub msp: MspId,
    /// Whether its certificate makes it an administrator of its organisation.
    pub msp_admin: bool,
    /// Its organisation, if registered.
    pub organization: Option<OrganizationSelf>,
    /// Its staff entry, if there is one.
    pub staff: Option<StaffSelf>,
    /// Its registration as a patient, if there is one.
    pub patient: Option<PatientSelf>,
    /// Its registration as a device, if there is one, then those of the devices asked about that it
    /// is the gateway of.
    pub devices: Vec<DeviceSelf>,
    /// What it is to those of the patients asked about that name it as a delegate.
    pub delegations: Vec<DelegationSelf>,
}

/// The caller as a patient's delegate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegationSelf {
    /// The patient.
    pub sid: SubjectId,
    /// Whether the caller's key is the one it was named with; nothing more is told otherwise.
    pub key_bound: bool,
    /// What it may do, and how far it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation: Option<DelegationView>,
}

/// The caller's organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationSelf {
    /// What it is to the ledger: a provider, when the policies do not let it be what it registered as
    /// any more.
    pub kind: OrganizationKind,
    /// Whether it takes part.
    pub status: Status,
}

/// The caller's staff entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaffSelf {
    /// Where it stands.
    pub unit: UnitId,
    /// What it may do.
    pub roles: BTreeSet<StaffRole>,
    /// When it may.
    pub period: Period,
    /// Its own status.
    pub status: Status,
    /// Whether it can act now: organisation, units above, its own status and period together.
    pub active: bool,
}

/// The caller as a patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatientSelf {
    /// Its status.
    pub status: Status,
    /// Whether the caller's key is the registered one; nothing more is told otherwise.
    pub key_bound: bool,
    /// Its subject id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SubjectId>,
    /// Its records key, once confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rk: Option<RecordsKey>,
    /// Whether devices may submit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<Collection>,
    /// A new key for the patient that waits for its second person: whoever still has the old key can
    /// refuse it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_key: Option<KeyHash>,
}

/// The caller as a device, or as the gateway of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceSelf {
    /// The device.
    pub device: ParticipantId,
    /// Its status.
    pub status: DeviceStatus,
    /// Whether the caller's key is the registered one; nothing more is told otherwise.
    pub key_bound: bool,
    /// The rest, while device and patient are active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submits: Option<Submission>,
}

/// What a device needs to submit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The patient's subject id.
    pub sid: SubjectId,
    /// The patient's records key.
    pub rk: RecordsKey,
    /// What kind of device it is.
    pub profile: ProfileId,
    /// Its records begin at or after this.
    pub active_from: TimestampMs,
}

impl Evaluate for WhoAmI {
    const NAME: &'static str = "WhoAmI";
    const ROLES: &'static [&'static str] = &[Role::Anyone.name()];
    type State = Policies;
    type Output = Myself;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Myself, ContractError> {
        let asked: WhoAmIPrivate = private::take_if_given(cx)?;
        if asked.devices.len().max(asked.patients.len()) > GATEWAY_DEVICES_MAX {
            return Err(ContractError::ArgumentInvalid(
                "ask about at most 16 devices and patients",
            ));
        }
        policies.require(Self::NAME, RoleSet::NONE.with(Role::Anyone))?;
        let tx = Tx::of(cx)?;
        let caller = Participant::calling(cx)?;
        let organization = ORGANIZATIONS.get(ledger, &(caller.msp.clone(),)).await?;
        let staff = STAFF.get(ledger, &(caller.pid,)).await?;
        let staff = staff.map(|staff| StaffSelf {
            active: organization
                .as_ref()
                .is_some_and(|it| staff_is_active(it, &staff, &tx).is_ok()),
            unit: staff.unit,
            roles: staff.roles,
            period: staff.period,
            status: staff.status,
        });
        let patient = patient(&caller, ledger).await?;
        let mut devices = Vec::new();
        for pid in std::iter::once(caller.pid).chain(asked.devices) {
            devices.extend(device(pid, &caller, ledger).await?);
        }
        let mut delegations = Vec::new();
        for sid in asked.patients {
            delegations.extend(delegation(sid, &caller, ledger).await?);
        }
        Ok(Myself {
            delegations,
            pid: caller.pid,
            msp_admin: caller.is_msp_admin,
            organization: organization.map(|it| OrganizationSelf {
                kind: policies.kind_of(&caller.msp, it.kind),
                status: it.status,
            }),
            msp: caller.msp,
            staff,
            patient,
            devices,
        })
    }
}

/// Whether the caller's key is the registered one.
fn key_bound<T>(checked: &Result<T, ContractError>) -> bool {
    !matches!(checked, Err(ContractError::KeyNotBound))
}

async fn patient(
    caller: &Participant,
    ledger: &impl Reader,
) -> Result<Option<PatientSelf>, ContractError> {
    let Some(patient) = PATIENTS.get(ledger, &(caller.pid,)).await? else { return Ok(None) };
    let head = HEADS.get(ledger, &(patient.sid,)).await?.ok_or(ContractError::SubjectUnknown)?;
    let key_bound = key_bound(&head.is_bound_to(caller));
    // In whatever status: the patient always finds its own record.
    Ok(Some(PatientSelf {
        status: head.status,
        key_bound,
        sid: key_bound.then_some(patient.sid),
        rk: head.rk.filter(|_| key_bound),
        collection: key_bound.then_some(head.collection),
        pending_key: head.pending_rebind.filter(|_| key_bound).map(|rebind| rebind.key_hash),
    }))
}

/// Nothing where the caller is not named, whether there is such a patient or not.
async fn delegation(
    sid: SubjectId,
    caller: &Participant,
    ledger: &impl Reader,
) -> Result<Option<DelegationSelf>, ContractError> {
    let Some(head) = HEADS.get(ledger, &(sid,)).await? else { return Ok(None) };
    let found = head.delegations.iter().find(|it| it.delegate == caller.pid);
    Ok(found.map(|it| {
        let key_bound = it.key_hash == caller.key_hash;
        DelegationSelf { sid, key_bound, delegation: key_bound.then(|| it.into()) }
    }))
}

async fn device(
    pid: ParticipantId,
    caller: &Participant,
    ledger: &impl Reader,
) -> Result<Option<DeviceSelf>, ContractError> {
    let Some(device) = DEVICES.get(ledger, &(pid,)).await? else { return Ok(None) };
    let roles = device.roles_of(pid, caller);
    if roles.as_ref().is_ok_and(|roles| roles.is_empty()) {
        return Ok(None);
    }
    let key_bound = key_bound(&roles);
    let head = match device.status {
        DeviceStatus::Active if key_bound => HEADS.get(ledger, &(device.owner,)).await?,
        _ => None,
    };
    Ok(Some(DeviceSelf {
        device: pid,
        status: device.status,
        key_bound,
        submits: head.and_then(|head| submission(device, &head)),
    }))
}

fn submission(device: Device, head: &Head) -> Option<Submission> {
    let rk = head.active().ok()?;
    let Device { owner, profile, active_from, .. } = device;
    Some(Submission { sid: owner, rk, profile, active_from })
}
