//! The head of a patient: the one value that every decision about it reads.

use crate::consent::{Actor, Directive, Sharing};
use crate::delegation::{Delegation, Power};
use crate::device::Gateway;
use crate::error::{ContractError, Inactive};
use crate::ids::{KeyHash, MspId, ParticipantId, ProfileId, RecordsKey, Secret};
use crate::meta::{Meta, Tx};
use crate::participant::Participant;
use crate::role::{Role, RoleSet, StaffRole};
use crate::status::Status;
use fabric_contract_rs::TimestampMs;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Devices of one patient, those that have not confirmed yet included. A home has tens and a ward
/// patient more; each takes 17 bytes of the head, which is read by every decision.
pub const DEVICES_MAX: usize = 256;

/// Devices of one patient that have not confirmed yet, or are to change their key, at a time. A claim
/// takes some hundred and fifty bytes of the head.
pub const CLAIMS_MAX: usize = 32;

/// How long an offer waits for its answer, in milliseconds: seven days, time enough to carry a device,
/// or papers, from one person to another.
pub const OFFER_MS: i64 = 604_800_000;

/// A patient: the one key that every decision about it reads, so that a change committed first
/// invalidates every transaction simulated against the old one.
///
/// It needs no salt, because it holds the secret that salts are derived from.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Head {
    /// Its history.
    #[n(0)]
    pub meta: Meta<1>,
    /// The patient's pseudonym.
    #[n(1)]
    pub pid: ParticipantId,
    /// The key that the patient is pinned to, so that its hospital's certificate authority cannot
    /// mint it.
    #[n(2)]
    pub key_hash: KeyHash,
    /// The organisation that registered the patient.
    #[n(3)]
    pub home: MspId,
    /// The registrar.
    #[n(4)]
    pub registered_by: ParticipantId,
    /// Pending until the patient's own confirmation.
    #[n(5)]
    pub status: Status,
    /// What salts are derived from: the registrar's until the patient sets its own.
    #[n(6)]
    pub secret: Secret,
    /// What record keys start with; set by the patient.
    #[n(7)]
    pub rk: Option<RecordsKey>,
    /// Whether devices may submit.
    #[n(8)]
    pub collection: Collection,
    /// Whether the patient shares at all.
    #[n(9)]
    pub sharing: Sharing,
    /// Raised by each re-binding of the patient's key: what was proposed before it has lapsed.
    #[n(10)]
    pub epoch: u32,
    /// Whom the patient calls its care team: participants and units.
    #[n(11)]
    pub care_team: BTreeSet<Actor>,
    /// Who acts for the patient, or was asked to.
    #[n(12)]
    pub delegations: Vec<Delegation>,
    /// Its active directives, by id.
    #[n(13)]
    pub directives: Vec<Directive>,
    /// A new key that waits for its second person.
    #[n(14)]
    pub pending_rebind: Option<Rebind>,
    /// Its devices, but for those it revoked.
    #[n(15)]
    pub devices: BTreeSet<ParticipantId>,
    /// Devices that have not confirmed yet, and keys that devices are to change to.
    #[n(16)]
    pub claims: Vec<DeviceClaim>,
}

/// Whether a patient's devices may submit.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Collection {
    /// They may.
    #[default]
    #[n(0)]
    On,
    /// Not until the patient says so.
    #[n(1)]
    Paused,
}

/// A new key for a patient that lost its own.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Rebind {
    /// The new key.
    #[n(0)]
    pub key_hash: KeyHash,
    /// The registrar who asked.
    #[n(1)]
    pub by: ParticipantId,
    /// The first moment at which it has lapsed.
    #[n(2)]
    pub until: TimestampMs,
}

/// What a patient says of a device until the device says it too.
///
/// It stands in the patient's head, so that naming somebody else's device tells and blocks nothing.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DeviceClaim {
    /// The device.
    #[n(0)]
    pub device: ParticipantId,
    /// The key that it has to confirm with.
    #[n(1)]
    pub key_hash: KeyHash,
    /// What kind of device it is.
    #[n(2)]
    pub profile: ProfileId,
    /// Who else may submit for it.
    #[n(3)]
    pub gateway: Option<Gateway>,
    /// Its records begin at or after this.
    #[n(4)]
    pub active_from: TimestampMs,
    /// The first moment at which the claim has lapsed.
    #[n(5)]
    pub until: TimestampMs,
}

impl Head {
    /// A patient that waits for its own confirmation.
    pub(crate) fn registered(
        pid: ParticipantId,
        key_hash: KeyHash,
        registrar: &Participant,
        secret: Secret,
        tx: &Tx,
    ) -> Self {
        Self {
            meta: Meta::created(tx),
            pid,
            key_hash,
            home: registrar.msp.clone(),
            registered_by: registrar.pid,
            status: Status::Pending,
            secret,
            rk: None,
            collection: Collection::On,
            sharing: Sharing::On,
            epoch: 1,
            care_team: BTreeSet::new(),
            delegations: Vec::new(),
            directives: Vec::new(),
            pending_rebind: None,
            devices: BTreeSet::new(),
            claims: Vec::new(),
        }
    }

    /// Whether the caller is this patient, by the key registered for it.
    pub(crate) fn is_bound_to(&self, caller: &Participant) -> Result<bool, ContractError> {
        if self.pid != caller.pid {
            return Ok(false);
        }
        if self.key_hash == caller.key_hash { Ok(true) } else { Err(ContractError::KeyNotBound) }
    }

    /// The role `subject`, if the caller has it.
    pub(crate) fn roles_of(&self, caller: &Participant) -> Result<RoleSet, ContractError> {
        let subject = RoleSet::NONE.with(Role::Subject);
        Ok(if self.is_bound_to(caller)? { subject } else { RoleSet::NONE })
    }

    /// The role `subject`, or `delegate` for who holds this power for the patient now.
    pub(crate) fn roles_with(
        &self,
        power: Power,
        caller: &Participant,
        tx: &Tx,
    ) -> Result<RoleSet, ContractError> {
        let own = self.roles_of(caller)?;
        if !own.is_empty() {
            return Ok(own);
        }
        let in_force = |it: &&Delegation| it.delegate == caller.pid && it.gives(power, tx.at);
        match self.delegations.iter().find(in_force) {
            Some(it) if it.key_hash != caller.key_hash => Err(ContractError::KeyNotBound),
            Some(_) => Ok(RoleSet::NONE.with(Role::Delegate)),
            None => Ok(RoleSet::NONE),
        }
    }

    /// Notes a change by somebody of these roles. What a registrar asks for decides nothing before
    /// somebody else agrees, and its clock holds nothing up.
    pub(crate) fn changed_as(&mut self, roles: RoleSet, tx: &Tx) {
        if roles.contains(Role::Staff(StaffRole::Registrar)) {
            self.meta.counted(tx);
        } else {
            self.meta.changed(tx);
        }
    }

    /// The records key of an active patient: what devices submit under, and what a change that widens
    /// needs.
    pub(crate) fn active(&self) -> Result<RecordsKey, ContractError> {
        if self.status == Status::Active { self.readable() } else { Err(INACTIVE) }
    }

    /// The records key of a confirmed patient in whatever status: the subject reads its own record,
    /// and narrows what others may, also while it is suspended.
    pub(crate) fn readable(&self) -> Result<RecordsKey, ContractError> {
        self.rk.ok_or(INACTIVE)
    }

    /// Refuses a device that the patient has no room for.
    pub(crate) fn room_for_device(&self) -> Result<(), ContractError> {
        if self.devices.len().saturating_add(self.claims.len()) < DEVICES_MAX {
            Ok(())
        } else {
            Err(ContractError::DevicesFull)
        }
    }

    /// Puts a claim in the place of an earlier one for the same device; lapsed ones go.
    pub(crate) fn claim(&mut self, claim: DeviceClaim, tx: &Tx) -> Result<(), ContractError> {
        self.claims.retain(|it| it.device != claim.device && tx.at < it.until);
        if self.claims.len() >= CLAIMS_MAX {
            return Err(ContractError::ClaimsFull);
        }
        if !self.devices.contains(&claim.device) {
            self.room_for_device()?;
        }
        self.claims.push(claim);
        Ok(())
    }
}

const INACTIVE: ContractError = ContractError::Inactive(Inactive::Patient);
