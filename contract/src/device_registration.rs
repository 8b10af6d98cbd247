//! Registering devices: the patient names one, the device confirms; and the gateways that speak for
//! them.

use crate::act::Act;
use crate::answer::Receipt;
use crate::delegation::Power;
use crate::device::{Device, DeviceStatus, Gateway};
use crate::error::ContractError;
use crate::head::{Collection, DeviceClaim, OFFER_MS};
use crate::ids::{KeyHash, ParticipantId, ProfileId, SubjectId};
use crate::key_binding::bind;
use crate::meta::{Meta, Salts};
use crate::policies::Policies;
use crate::private::{self, SPACE, absent};
use crate::role::{Role, RoleSet};
use crate::state::{DEVICES, HEADS, KEYS};
use crate::time::is_time;
use fabric_contract_rs::{Batch, Reader, Submit, TimestampMs, TxContext, Writes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names a device of the patient. It is the patient's once the device itself has confirmed, within
/// seven days.
///
/// For a device that the patient has already, the claim changes its key: it is then another one that
/// the same device was enrolled with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterDevice {}

/// The private part of [`RegisterDevice`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterDevicePrivate {
    /// The patient's subject id.
    pub sid: SubjectId,
    /// The device: [`ParticipantId::of`] its organisation and enrolment id.
    pub device: ParticipantId,
    /// SHA-256 of the device's public key in its SubjectPublicKeyInfo DER form.
    pub key_hash: KeyHash,
    /// What kind of device it is.
    pub profile: ProfileId,
    /// Who else may submit for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Gateway>,
    /// Since when its data is the patient's: the transaction's time, unless an earlier one is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_from: Option<TimestampMs>,
}

impl Submit for RegisterDevice {
    const NAME: &'static str = "RegisterDevice";
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
        let private: RegisterDevicePrivate = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        let active_from = private.active_from.unwrap_or(act.tx.at);
        if !is_time(active_from) || active_from > act.tx.at {
            return Err(ContractError::ArgumentInvalid("`active_from` lies in the past"));
        }
        check_gateway(private.gateway.as_ref(), private.device)?;
        let key = (private.sid,);
        let head = HEADS.get(ledger, &key).await?;
        let patient = act.patient((private.sid, head), Power::Devices, ledger).await?;
        patient.widening(&act.tx)?;
        let mut head = patient.head;
        let claim = DeviceClaim {
            device: private.device,
            key_hash: private.key_hash,
            profile: private.profile,
            gateway: private.gateway,
            active_from,
            until: act.tx.at.saturating_add(OFFER_MS),
        };
        head.claim(claim, &act.tx)?;
        head.meta.changed(&act.tx);
        act.note(&head, patient.roles, Some(private.device), writes)?;
        HEADS.put(writes, &key, &head)?;
        Ok(act.done::<Self>(writes))
    }
}

fn check_gateway(gateway: Option<&Gateway>, device: ParticipantId) -> Result<(), ContractError> {
    if gateway.is_some_and(|gateway| gateway.pid == device) {
        return Err(ContractError::ArgumentInvalid("a device is not its own gateway"));
    }
    Ok(())
}

/// The device's own word that it is this patient's, by the key that the patient named: proof that
/// it holds the key, and that it was set up for this patient.
///
/// It names the patient by the subject id that it was set up with. The ledger tells it none before,
/// so that a device is not led to somebody who merely named it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmDevice {}

/// The private part of [`ConfirmDevice`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmDevicePrivate {
    /// The patient, as the device was told when it was set up.
    pub sid: SubjectId,
}

impl Submit for ConfirmDevice {
    const NAME: &'static str = "ConfirmDevice";
    const ROLES: &'static [&'static str] = &[Role::Device.name()];
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
        let private: ConfirmDevicePrivate = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        let (head_key, key) = ((private.sid,), (act.caller.pid,));
        let mut batch = Batch::new(SPACE);
        let head = batch.want(&HEADS, &head_key)?;
        let device = batch.want(&DEVICES, &key)?;
        let bound = batch.want(&KEYS, &(act.caller.key_hash,))?;
        let loaded = batch.load(ledger).await?;
        let Some(mut head) = loaded.get(&head)? else {
            return Err(absent(&HEADS, ledger, &head_key, act.refusal()).await);
        };
        let claim = head.claims.iter().find(|it| it.device == act.caller.pid);
        let claim = claim.ok_or_else(|| act.refusal())?.clone();
        if claim.key_hash != act.caller.key_hash {
            return Err(ContractError::KeyNotBound);
        }
        act.require(RoleSet::NONE.with(Role::Device))?;
        head.active()?;
        head.meta.not_before(&act.tx)?;
        if act.tx.at >= claim.until {
            return Err(ContractError::OfferLapsed);
        }
        let salts = Salts::of_subject(&head.secret, cx);
        let bound = loaded.get(&bound)?;
        bind(&act.caller, bound.as_ref(), salts.at(1), &act.tx, writes)?;
        let device = match loaded.get(&device)? {
            // The same device with a new key: whatever else holds for it, a suspension too, stays.
            Some(mut device) if device.owner == private.sid => {
                device.key_hash = claim.key_hash;
                device.salt = salts.at(0);
                device.meta.changed(&act.tx);
                device
            }
            Some(_) => return Err(ContractError::DeviceExists),
            None => Device {
                meta: Meta::created(&act.tx),
                owner: private.sid,
                key_hash: claim.key_hash,
                profile: claim.profile,
                gateway: claim.gateway,
                active_from: claim.active_from,
                status: DeviceStatus::Active,
                holder: None,
                salt: salts.at(0),
                epoch: 1,
                offer: None,
                authorisations: Vec::new(),
            },
        };
        if device.status == DeviceStatus::Revoked {
            return Err(ContractError::StatusConflict);
        }
        head.claims.retain(|it| it.device != act.caller.pid);
        head.devices.insert(act.caller.pid);
        head.meta.changed(&act.tx);
        DEVICES.put(writes, &key, &device)?;
        HEADS.put(writes, &head_key, &head)?;
        Ok(act.done::<Self>(writes))
    }
}

/// Names the gateway that may submit for a device, or takes it away: that in whatever status the
/// patient is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutGateway {}

/// The private part of [`PutGateway`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutGatewayPrivate {
    /// The patient's subject id.
    pub sid: SubjectId,
    /// The device.
    pub device: ParticipantId,
    /// Who else may submit for it; nobody, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Gateway>,
}

impl Submit for PutGateway {
    const NAME: &'static str = "PutGateway";
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
        let private: PutGatewayPrivate = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        check_gateway(private.gateway.as_ref(), private.device)?;
        let names = (private.sid, private.device);
        let (patient, mut device) = act.device(names, Power::Devices, ledger).await?;
        if device.gateway != private.gateway {
            if private.gateway.is_some() {
                patient.widening(&act.tx)?;
                device.meta.not_before(&act.tx)?;
            }
            device.gateway = private.gateway;
            device.salt = Salts::of_subject(&patient.head.secret, cx).at(0);
            device.meta.changed(&act.tx);
            act.note(&patient.head, patient.roles, Some(private.device), writes)?;
            DEVICES.put(writes, &(private.device,), &device)?;
        }
        Ok(act.done::<Self>(writes))
    }
}

/// Pauses or resumes the collection of a patient's data: while it is paused no device submits. Pausing
/// is never refused for its time or the patient's status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetCollection {}

/// The private part of [`SetCollection`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetCollectionPrivate {
    /// The patient's subject id.
    pub sid: SubjectId,
    /// What it becomes.
    pub collection: Collection,
}

impl Submit for SetCollection {
    const NAME: &'static str = "SetCollection";
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
        let private: SetCollectionPrivate = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        let key = (private.sid,);
        let head = HEADS.get(ledger, &key).await?;
        let patient = act.patient((private.sid, head), Power::Devices, ledger).await?;
        if patient.head.collection != private.collection {
            if private.collection == Collection::On {
                patient.widening(&act.tx)?;
            }
            let mut head = patient.head;
            head.collection = private.collection;
            head.meta.changed(&act.tx);
            act.note(&head, patient.roles, None, writes)?;
            HEADS.put(writes, &key, &head)?;
        }
        Ok(act.done::<Self>(writes))
    }
}
