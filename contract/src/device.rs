//! Devices and the gateways that speak for them. Registering them is in `device_registration.rs`.

use crate::consent::Actor;
use crate::control::Authorisation;
use crate::error::{ContractError, Inactive};
use crate::ids::{KeyHash, ParticipantId, ProfileId, Salt, SubjectId};
use crate::meta::Meta;
use crate::participant::Participant;
use crate::private::absent;
use crate::role::{Role, RoleSet};
use crate::state::DEVICES;
use crate::status::{Holder, NewStatus, Status};
use fabric_contract_rs::{Reader, TimestampMs};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A patient's device.
///
/// It is there once the device itself has confirmed.
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
    /// Raised by each transfer: what was allowed and ordered under another epoch has ended.
    #[n(9)]
    pub epoch: u32,
    /// To whom it is offered.
    #[n(10)]
    pub offer: Option<Offer>,
    /// Who may command it.
    #[n(11)]
    pub authorisations: Vec<Authorisation>,
}

/// An offer of a device to another patient.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Offer {
    /// To whom.
    #[n(0)]
    pub to: SubjectId,
    /// The first moment at which it has lapsed.
    #[n(1)]
    pub until: TimestampMs,
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

/// A patient's own device, out of what was found. One that is not there, and one of somebody else,
/// are refused alike: whose a device is, is told to nobody else.
pub(crate) async fn owned(
    (pid, found): (ParticipantId, Option<Device>),
    owner: SubjectId,
    ledger: &impl Reader,
) -> Result<Device, ContractError> {
    match found {
        Some(device) if device.owner == owner => Ok(device),
        Some(_) => Err(ContractError::DeviceUnknown),
        None => Err(absent(&DEVICES, ledger, &(pid,), ContractError::DeviceUnknown).await),
    }
}

impl Device {
    /// Makes it another patient's, as from `at`: whoever spoke for it or commanded it before does not
    /// any more.
    pub(crate) fn hand_over(&mut self, owner: SubjectId, at: TimestampMs) {
        self.owner = owner;
        self.active_from = self.active_from.max(at);
        self.epoch = self.epoch.saturating_add(1);
        self.offer = None;
        self.gateway = None;
        self.authorisations.clear();
    }

    /// What a grantee is allowed.
    pub(crate) fn authorisation(&self, grantee: &Actor) -> Option<&Authorisation> {
        self.authorisations.iter().find(|it| it.grantee == *grantee)
    }

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
