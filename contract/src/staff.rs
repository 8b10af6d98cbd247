//! Staff and their roles.

use crate::act::Act;
use crate::answer::{Receipt, announce};
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
/// `org_admin` only below it; itself nobody.
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
        check_post(&self.roles, &self.period, policies)?;
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
        check_place(&self.unit, &self.roles, &authority)?;
        if registered == caller.pid {
            return Err(ContractError::OutsideAuthority);
        }
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

/// Gives staff of the caller's organisation another unit, other roles or another period: all three
/// anew, as [`RegisterStaff`] did. Nobody changes itself, whom it does not manage, or into where it
/// does not. What somebody may do is looked up each time, so that it holds from the commit on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeStaff {
    /// Who; its entry is public.
    pub staff: ParticipantId,
    /// The unit it stands in from now on.
    pub unit: UnitId,
    /// 1 to 4 roles that `roles.json` lets one person hold together, in the place of those before.
    pub roles: BTreeSet<StaffRole>,
    /// When it may act.
    pub period: Period,
}

impl Submit for ChangeStaff {
    const NAME: &'static str = "ChangeStaff";
    const ROLES: &'static [&'static str] = &[Role::Staff(StaffRole::OrgAdmin).name()];
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
        private::none(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        check_post(&self.roles, &self.period, policies)?;
        let mut batch = Batch::new(Space::Public);
        let slots = StandingSlots::want(&mut batch, &act.caller)?;
        let present = batch.want(&STAFF, &(self.staff,))?;
        let loaded = batch.load(ledger).await?;
        let standing = slots.found(&loaded)?;
        let authority = standing.authority(&act.caller, &act.tx)?;
        let authority = act.staff(authority, Role::Staff(StaffRole::OrgAdmin))?;
        let mut entry = loaded.get(&present)?.ok_or(ContractError::StaffUnknown)?;
        let own = entry.msp == act.caller.msp && self.staff != act.caller.pid;
        if !own || !authority.manages(&entry.unit, &entry.roles) {
            return Err(ContractError::OutsideAuthority);
        }
        check_place(&self.unit, &self.roles, &authority)?;
        if entry.status == Status::Deactivated {
            return Err(ContractError::StatusConflict);
        }
        let before = (entry.unit.clone(), entry.roles.clone(), entry.period);
        if before != (self.unit.clone(), self.roles.clone(), self.period) {
            entry.meta.not_before(&act.tx)?;
            (entry.unit, entry.roles, entry.period) = (self.unit, self.roles, self.period);
            entry.meta.changed(&act.tx);
            STAFF.put(writes, &(self.staff,), &entry)?;
        }
        Ok(act.done::<Self>(writes))
    }
}

fn check_post(
    roles: &BTreeSet<StaffRole>,
    period: &Period,
    policies: &Policies,
) -> Result<(), ContractError> {
    if roles.is_empty() || roles.len() > STAFF_ROLES_MAX {
        return Err(ContractError::ArgumentInvalid("staff has 1 to 4 roles"));
    }
    if !policies.separated(roles) {
        return Err(ContractError::RolesIncompatible);
    }
    if !period.is_valid() {
        return Err(ContractError::ArgumentInvalid("a period ends after it starts"));
    }
    Ok(())
}

fn check_place(
    unit: &UnitId,
    roles: &BTreeSet<StaffRole>,
    authority: &Authority<'_>,
) -> Result<(), ContractError> {
    if authority.organization.unit(unit).is_none() {
        return Err(ContractError::UnitUnknown);
    }
    if authority.manages(unit, roles) { Ok(()) } else { Err(ContractError::OutsideAuthority) }
}

pub(crate) fn check_enrolment_id(id: &str) -> Result<(), ContractError> {
    if (1..=ENROLMENT_ID_BYTES_MAX).contains(&id.len()) {
        Ok(())
    } else {
        Err(ContractError::ArgumentInvalid("an enrolment id has 1 to 64 bytes"))
    }
}
