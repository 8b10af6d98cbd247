//! Ending directives: the patient withdraws, a regulator revokes.

use super::write::{Changes, DIRECTIVES_MAX, RevocationReason, ending_widens};
use super::{Directive, DirectiveStatus, Effect};
use crate::act::Act;
use crate::answer::Receipt;
use crate::delegation::Power;
use crate::error::ContractError;
use crate::ids::{DirectiveId, SubjectId};
use crate::participant::Standing;
use crate::policies::{OrganizationKind, Policies};
use crate::private;
use crate::role::{Role, RoleSet, StaffRole};
use crate::state::HEADS;
use fabric_contract_rs::{Reader, Submit, TxContext, Writes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Withdraws directives of the patient: some, or all in one call.
///
/// It is as easy as it can be: neither the patient's status nor a clock that runs fast stands in the
/// way of withdrawing everything, or permits without provisions, and what is not in force has ended
/// already. Ending a deny, or a permit whose provisions deny, while a permit stays is refused like
/// whatever else widens. It ends reading; what was released before is a matter of the terms it was
/// released under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndConsent {}

/// The private part of [`EndConsent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndConsentPrivate {
    /// The patient's subject id.
    pub sid: SubjectId,
    /// Which directives, at most 64; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directives: Option<BTreeSet<DirectiveId>>,
    /// Why.
    #[serde(default)]
    pub ending: Ending,
}

/// Why a patient ends a directive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It no longer wants it.
    #[default]
    Withdrawn,
    /// It never meant it.
    EnteredInError,
}

impl Submit for EndConsent {
    const NAME: &'static str = "EndConsent";
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
        let EndConsentPrivate { sid, directives, ending } = private::take(cx)?;
        if directives.as_ref().is_some_and(|it| it.is_empty() || it.len() > DIRECTIVES_MAX) {
            return Err(ContractError::ArgumentInvalid("name 1 to 64 directives, or none for all"));
        }
        let act = Act::of::<Self>(policies, cx)?;
        let head = HEADS.get(ledger, &(sid,)).await?;
        let patient = act.patient((sid, head), Power::Consent, ledger).await?;
        let status = match ending {
            Ending::Withdrawn => DirectiveStatus::Withdrawn,
            Ending::EnteredInError => DirectiveStatus::EnteredInError,
        };
        let named = |it: &Directive| directives.as_ref().is_none_or(|ids| ids.contains(&it.id));
        if ending_widens(&patient.head.directives, named) {
            patient.widening(&act.tx)?;
        }
        let mut changes = Changes::of(&act, patient.head, patient.roles);
        changes.end(status, None, named, writes)?;
        changes.save(sid, writes)?;
        Ok(act.done::<Self>(writes))
    }
}

/// Revokes a permit: a privacy officer of a regulator's root unit, for a reason that the patient
/// reads. It takes away and never gives: a deny, and a permit whose provisions hold back another one,
/// are not a regulator's to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeConsent {}

/// The private part of [`RevokeConsent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeConsentPrivate {
    /// The patient's subject id.
    pub sid: SubjectId,
    /// Which permit.
    pub directive: DirectiveId,
    /// Why.
    pub reason: RevocationReason,
}

impl Submit for RevokeConsent {
    const NAME: &'static str = "RevokeConsent";
    const ROLES: &'static [&'static str] = &[Role::Staff(StaffRole::PrivacyOfficer).name()];
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
        let RevokeConsentPrivate { sid, directive, reason } = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        let standing = Standing::load(&act.caller, ledger).await?;
        let authority = standing.authority(&act.caller, &act.tx)?.organization_active()?;
        let officer = Role::Staff(StaffRole::PrivacyOfficer);
        act.require_one(authority.roles, officer)?;
        if !authority.is_of_root(&act, OrganizationKind::Regulator) {
            return Err(ContractError::OutsideAuthority);
        }
        let head = HEADS.get(ledger, &(sid,)).await?.ok_or(ContractError::SubjectUnknown)?;
        let named = |it: &Directive| it.id == directive;
        let denies = |it: &Directive| named(it) && it.decision == Effect::Deny;
        if head.directives.iter().any(denies) || ending_widens(&head.directives, named) {
            return Err(ContractError::OutsideAuthority);
        }
        let mut changes = Changes::of(&act, head, RoleSet::NONE.with(officer));
        changes.end(DirectiveStatus::Revoked, Some(reason), named, writes)?;
        changes.save(sid, writes)?;
        Ok(act.done::<Self>(writes))
    }
}
