//! Delegation: who acts for a patient. How it comes about is in `delegating.rs`.

use crate::ids::{DocumentDigest, KeyHash, ParticipantId};
use crate::time::Period;
use fabric_contract_rs::TimestampMs;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Delegations of one patient: a family and its lawyer, not a crowd.
pub const DELEGATIONS_MAX: usize = 8;

/// What a delegate may do in the patient's name.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Power {
    /// Read, each reading audited.
    #[n(0)]
    View,
    /// Share, pause and withdraw.
    #[n(1)]
    Consent,
    /// Register, transfer, suspend and revoke devices.
    #[n(2)]
    Devices,
    /// Say who controls devices, command them and confirm commands.
    #[n(3)]
    Control,
    /// Ask for erasure.
    #[n(4)]
    Erasure,
}

/// Why somebody acts for a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum DelegationKind {
    /// By law, for a minor or a ward.
    #[n(0)]
    Guardian,
    /// Cares for the patient day by day.
    #[n(1)]
    Caregiver,
    /// Whomever the patient sends.
    #[n(2)]
    Proxy,
    /// By a power of attorney for health care.
    #[n(3)]
    HealthcarePoa,
}

/// How far a delegation has come. One that ended is no longer there; each step waits seven days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum DelegationStatus {
    /// A guardian's, not yet countersigned outside the patient's organisation.
    #[n(0)]
    Unsigned,
    /// Waits for the delegate's own word.
    #[n(1)]
    Proposed,
    /// In force in its period.
    #[n(2)]
    Active,
}

/// One person's powers for one patient.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Delegation {
    /// Who.
    #[n(0)]
    pub delegate: ParticipantId,
    /// The key it is pinned to.
    #[n(1)]
    pub key_hash: KeyHash,
    /// Why.
    #[n(2)]
    pub kind: DelegationKind,
    /// What for. Delegating is no power: nobody passes one on.
    #[n(3)]
    pub powers: BTreeSet<Power>,
    /// When; it always ends.
    #[n(4)]
    pub period: Period,
    /// Digest of what it rests on.
    #[n(5)]
    pub evidence: Option<DocumentDigest>,
    /// How far it has come.
    #[n(6)]
    pub status: DelegationStatus,
    /// Who proposed it.
    #[n(7)]
    pub proposed_by: ParticipantId,
    /// The first moment at which it has lapsed; nothing once it is in force.
    #[n(8)]
    pub offered_until: Option<TimestampMs>,
}

impl Delegation {
    /// Whether nothing comes of it any more: its period is over, or nobody took it up in time.
    pub fn is_over(&self, at: TimestampMs) -> bool {
        let ended = self.period.end.is_some_and(|end| end <= at);
        ended || self.is_pending() && self.offered_until.is_none_or(|until| until <= at)
    }

    /// Whether it waits for somebody's word.
    pub fn is_pending(&self) -> bool {
        self.status != DelegationStatus::Active
    }

    /// Whether it gives `power` at this moment.
    pub fn gives(&self, power: Power, at: TimestampMs) -> bool {
        self.status == DelegationStatus::Active
            && self.powers.contains(&power)
            && self.period.contains(at)
    }
}
