//! Staff and their roles.

use crate::act::Act;
use crate::answer::announce;
use crate::error::ContractError;
use crate::ids::{MspId, ParticipantId, PolicyDigest, UnitId};
use crate::meta::Meta;
use crate::participant::{Authority, StandingSlots};
use crate::policies::Policies;
use crate::private;
use crate::role::{Role, StaffRole};
use crate::state::STAFF;
use crate::status::Status;
use crate::time::Period;
use fabric_contract_rs::{Batch, Reader, Space, Submit, TxContext, Writes};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Roles of one person; more point to a shared account.
pub const STAFF_ROLES_MAX: usize = 4;
/// The longest enrolment id: the X.520 bound of a common name.
pub const ENROLMENT_ID_BYTES_MAX: usize = 64;

/// A person, or a machine, that acts for an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Staff {
    /// Its history.
    #[n(0)]
    pub meta: Meta<1>,
    /// The organisation.
    #[n(1)]
    pub msp: MspId,
    /// Where it stands in the organisation's tree.
    #[n(2)]
    pub unit: UnitId,
    /// What it may do.
    #[n(3)]
    pub roles: BTreeSet<StaffRole>,
    /// When it may.
    #[n(4)]
    pub period: Period,
    /// Whether it may.
    #[n(5)]
    pub status: Status,
}

/// Registers staff of the caller's own organisation, in the caller's unit or below. Another
/// `org_admin` only below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterStaff {
    /// The unit it joins.
    pub unit: UnitId,
    /// 1 to 4 roles that `roles.json` lets one person hold together.
    pub roles: BTreeSet<StaffRole>,
    /// When it may act.
    pub period: Period,
}

/// The private part of [`RegisterStaff`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterStaffPrivate {
    /// Under which the organisation's certificate authority enrols it.
    pub enrolment_id: String,
}

/// The answer of [`RegisterStaff`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaffReceipt {
    /// The participant registered.
    pub staff: ParticipantId,
    /// Digest of the policies.
    pub policy: PolicyDigest,
}

impl Submit for RegisterStaff {
    const NAME: &'static str = "RegisterStaff";
    const ROLES: &'static [&'static str] = &[Role::Staff(StaffRole::OrgAdmin).name()];
    type State = Policies;
    type Output = StaffReceipt;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<StaffReceipt, ContractError> {
        let RegisterStaffPrivate { enrolment_id } = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        self.check(policies)?;
        check_enrolment_id(&enrolment_id)?;
        let caller = &act.caller;
        // Nobody registers into another organisation: the id is computed with the caller's own.
        let registered = ParticipantId::of(caller.msp.as_str(), &enrolment_id);
        let mut batch = Batch::new(Space::Public);
        let slots = StandingSlots::want(&mut batch, caller)?;
        let existing = batch.want(&STAFF, &(registered,))?;
        let loaded = batch.load(ledger).await?;
        let standing = slots.found(&loaded)?;
        let authority = standing.authority(caller, &act.tx)?;
        let authority = act.staff(authority, Role::Staff(StaffRole::OrgAdmin))?;
        self.check_place(&authority)?;
        if loaded.get(&existing)?.is_some() {
            return Err(ContractError::StaffExists);
        }
        let entry = Staff {
            meta: Meta::created(&act.tx),
            msp: caller.msp.clone(),
            unit: self.unit,
            roles: self.roles,
            period: self.period,
            status: Status::Active,
        };
        STAFF.put(writes, &(registered,), &entry)?;
        announce::<Self>(writes, &act.tx);
        Ok(StaffReceipt { staff: registered, policy: policies.digest() })
    }
}

impl RegisterStaff {
    fn check(&self, policies: &Policies) -> Result<(), ContractError> {
        if self.roles.is_empty() || self.roles.len() > STAFF_ROLES_MAX {
            return Err(ContractError::ArgumentInvalid("staff has 1 to 4 roles"));
        }
        if !policies.separated(&self.roles) {
            return Err(ContractError::RolesIncompatible);
        }
        if !self.period.is_valid() {
            return Err(ContractError::ArgumentInvalid("a period ends after it starts"));
        }
        Ok(())
    }

    fn check_place(&self, authority: &Authority<'_>) -> Result<(), ContractError> {
        if authority.organization.unit(&self.unit).is_none() {
            return Err(ContractError::UnitUnknown);
        }
        let administers = self.roles.contains(&StaffRole::OrgAdmin);
        let allowed =
            if administers { authority.is_above(&self.unit) } else { authority.covers(&self.unit) };
        if allowed { Ok(()) } else { Err(ContractError::OutsideAuthority) }
    }
}

pub(crate) fn check_enrolment_id(id: &str) -> Result<(), ContractError> {
    if (1..=ENROLMENT_ID_BYTES_MAX).contains(&id.len()) {
        Ok(())
    } else {
        Err(ContractError::ArgumentInvalid("an enrolment id has 1 to 64 bytes"))
    }
}
