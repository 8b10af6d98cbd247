//! Writing a directive.

use super::write::{Changes, KeyVersion};
use super::{Directive, Draft, Effect};
use crate::act::Act;
use crate::answer::Receipt;
use crate::delegation::Power;
use crate::error::ContractError;
use crate::ids::{RecordsKey, SubjectId};
use crate::policies::Policies;
use crate::private::{self, SPACE};
use crate::role::Role;
use crate::state::{DIRECTIVES, HEADS};
use crate::time::Period;
use fabric_contract_rs::{Batch, Reader, Submit, TxContext, Writes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Writes a directive of the patient, or a new version of one in force. Each version is kept; the
/// newest is in force at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutConsent {}

/// The private part of [`PutConsent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutConsentPrivate {
    /// The patient's subject id.
    pub sid: SubjectId,
    /// The patient's records key, as `WhoAmI` or `GetConsent` told it.
    pub rk: RecordsKey,
    /// The version that the draft was made from; 0 for a directive that was not there. Another one
    /// in force means that somebody else has changed it since.
    pub expected_version: u32,
    /// The directive.
    pub draft: Draft,
}

impl Submit for PutConsent {
    const NAME: &'static str = "PutConsent";
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
        let PutConsentPrivate { sid, rk, expected_version, draft } = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        let mut batch = Batch::new(SPACE);
        let head = batch.want(&HEADS, &(sid,))?;
        let first = batch.want(&DIRECTIVES, &(rk, draft.id.clone(), KeyVersion(1)))?;
        let loaded = batch.load(ledger).await?;
        let patient = act.patient((sid, loaded.get(&head)?), Power::Consent, ledger).await?;
        if patient.head.readable()? != rk {
            return Err(ContractError::RecordsKeyMismatch);
        }
        let now = Period { start: act.tx.at, end: None };
        let directive = draft.into_directive(expected_version.saturating_add(1), now);
        if !narrows(&directive, expected_version) {
            patient.widening(&act.tx)?;
        }
        let present = patient.head.directives.iter().find(|it| it.id == directive.id);
        if present.map_or(0, |it| it.version) != expected_version {
            return Err(ContractError::ConsentConflict);
        }
        // One that was ended is not in the head, but its versions are kept.
        if expected_version == 0 && loaded.get(&first)?.is_some() {
            return Err(ContractError::ConsentConflict);
        }
        if let Some(finding) = directive.errors(policies).first() {
            return Err(ContractError::ConsentInvalid(*finding));
        }
        let mut changes = Changes::of(&act, patient.head, patient.roles);
        changes.put(directive, writes)?;
        changes.within_bounds()?.save(sid, writes)?;
        Ok(act.done::<Self>(writes))
    }
}

/// Whether it can only take away: a further deny, which a fast clock must not stand in the way of.
fn narrows(directive: &Directive, expected_version: u32) -> bool {
    expected_version == 0 && directive.decision == Effect::Deny && directive.provision.is_empty()
}
