//! Devices and the gateways that speak for them.

use crate::answer::{Receipt, announce};
use crate::error::{ContractError, Inactive};
use crate::ids::{KeyHash, ParticipantId, ProfileId, Salt, SubjectId};
use crate::meta::{Meta, Salts, Tx};
use crate::participant::Participant;
use crate::policies::Policies;
use crate::private::{self, SPACE, absent};
use crate::role::{Role, RoleSet};
use crate::state::{DEVICES, HEADS};
use crate::status::{Holder, NewStatus, Status};
use crate::time::is_time;
use fabric_contract_rs::{Batch, Reader, Submit, TimestampMs, TxContext, Writes};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A patient's device.
///
/// Numbers 9 to 15 are kept for epoch, offers and authorisations.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Device {
    /// Its history.
    #[n(0)]
    pub meta: Meta<1>,
    /// The patient it belongs to.
    #[n(1)]
    pub owner: SubjectId,
    /// The key that the device is pinned to.
    #[n(2)]
    pub key_hash: KeyHash,
    /// What kind of device it is.
    #[n(3)]
    pub profile: ProfileId,
    /// Who else may submit for it.
    #[n(4)]
    pub gateway: Option<Gateway>,
    /// Its records begin at or after this.
    #[n(5)]
    pub active_from: TimestampMs,
    /// Whether it may submit.
    #[n(6)]
    pub status: DeviceStatus,
    /// Who suspended it.
    #[n(7)]
    pub holder: Option<Holder>,
    /// Makes the value's hash unguessable.
    #[n(8)]
    pub salt: Salt,
}

/// A participant that may submit for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Gateway {
    /// Who.
    #[n(0)]
    pub pid: ParticipantId,
    /// The key it is pinned to.
    #[n(1)]
    pub key_hash: KeyHash,
}

/// Whether a device may submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum DeviceStatus {
    /// It may.
    #[n(0)]
    Active,
    /// Not for now.
    #[n(1)]
    Suspended,
    /// Never again.
    #[n(2)]
    Revoked,
}

impl From<DeviceStatus> for Status {
    fn from(status: DeviceStatus) -> Self {
        match status {
            DeviceStatus::Active => Self::Active,
            DeviceStatus::Suspended => Self::Suspended,
            DeviceStatus::Revoked => Self::Deactivated,
        }
    }
}

impl From<DeviceStatus> for NewStatus {
    fn from(status: DeviceStatus) -> Self {
        match status {
            DeviceStatus::Active => Self::Active,
            DeviceStatus::Suspended => Self::Suspended,
            DeviceStatus::Revoked => Self::Deactivated,
        }
    }
}

impl Device {
    /// The role `device` or `gateway` that the caller has for the device `pid`.
    pub(crate) fn roles_of(
        &self,
        pid: ParticipantId,
        caller: &Participant,
    ) -> Result<RoleSet, ContractError> {
        let (role, key_hash) = match &self.gateway {
            _ if caller.pid == pid => (Role::Device, self.key_hash),
            Some(gateway) if gateway.pid == caller.pid => (Role::Gateway, gateway.key_hash),
            _ => return Ok(RoleSet::NONE),
        };
        if key_hash == caller.key_hash {
            Ok(RoleSet::NONE.with(role))
        } else {
            Err(ContractError::KeyNotBound)
        }
    }

    pub(crate) fn active(&self) -> Result<(), ContractError> {
        match self.status {
            DeviceStatus::Active => Ok(()),
            _ => Err(ContractError::Inactive(Inactive::Device)),
        }
    }
}

/// Registers a device of the calling patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterDevice {}

/// The private part of [`RegisterDevice`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterDevicePrivate {
    /// The caller's subject id.
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
    const ROLES: &'static [&'static str] = &[Role::Subject.name()];
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
        let tx = Tx::of(cx)?;
        let active_from = private.active_from.unwrap_or(tx.at);
        if !is_time(active_from) || active_from > tx.at {
            return Err(ContractError::ArgumentInvalid("`active_from` lies in the past"));
        }
        if private.gateway.is_some_and(|gateway| gateway.pid == private.device) {
            return Err(ContractError::ArgumentInvalid("a device is not its own gateway"));
        }
        let caller = Participant::calling(cx)?;
        let (head_key, device_key) = ((private.sid,), (private.device,));
        let mut batch = Batch::new(SPACE);
        let head = batch.want(&HEADS, &head_key)?;
        let device = batch.want(&DEVICES, &device_key)?;
        let loaded = batch.load(ledger).await?;
        let Some(head) = loaded.get(&head)? else {
            return Err(absent(&HEADS, ledger, &head_key, ContractError::SubjectUnknown).await);
        };
        policies.require(Self::NAME, head.roles_of(&caller)?)?;
        head.active()?;
        if loaded.get(&device)?.is_some() {
            return Err(ContractError::DeviceExists);
        }
        head.meta.not_before(&tx)?;
        let device = Device {
            meta: Meta::created(&tx),
            owner: private.sid,
            key_hash: private.key_hash,
            profile: private.profile,
            gateway: private.gateway,
            active_from,
            status: DeviceStatus::Active,
            holder: None,
            salt: Salts::of_subject(&head.secret, cx).at(0),
        };
        DEVICES.put(writes, &device_key, &device)?;
        announce::<Self>(writes, &tx);
        Ok(Receipt::new(policies))
    }
}
