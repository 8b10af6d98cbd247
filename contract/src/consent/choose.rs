//! Whole choices: sharing altogether, and presets.

use super::write::{Changes, ending_widens};
use super::{Actor, Directive, DirectiveStatus, Matcher, Sharing, ShownText, TermsReference};
use crate::act::Act;
use crate::answer::Receipt;
use crate::delegation::Power;
use crate::error::ContractError;
use crate::head::Head;
use crate::ids::{PresetId, ProjectId, SubjectId};
use crate::meta::Salts;
use crate::policies::{Policies, Preset, PresetDirective};
use crate::private;
use crate::role::Role;
use crate::state::HEADS;
use crate::time::Period;
use fabric_contract_rs::{Reader, Submit, TimestampMs, TxContext, Writes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pauses all sharing, limits it to emergencies, or resumes it. The directives stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSharing {}

/// The private part of [`SetSharing`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSharingPrivate {
    /// The patient's subject id.
    pub sid: SubjectId,
    /// What it becomes.
    pub sharing: Sharing,
}

impl Submit for SetSharing {
    const NAME: &'static str = "SetSharing";
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
        let SetSharingPrivate { sid, sharing } = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        let head = HEADS.get(ledger, &(sid,)).await?;
        let patient = act.patient((sid, head), Power::Consent, ledger).await?;
        if sharing > patient.head.sharing {
            patient.widening(&act.tx)?;
        }
        let mut changes = Changes::of(&act, patient.head, patient.roles);
        changes.head.sharing = sharing;
        changes.save(sid, writes)?;
        Ok(act.done::<Self>(writes))
    }
}

/// Makes one of the choices of `presets.json`, in one step. It becomes plain directives, and sets
/// sharing where the preset says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChoosePreset {}

/// The private part of [`ChoosePreset`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChoosePresetPrivate {
    /// The patient's subject id.
    pub sid: SubjectId,
    /// Which choice.
    pub preset: PresetId,
    /// For a preset about a project: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// For a preset about a project: the terms that its permits depend on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<TermsReference>,
    /// The first moment at which its directives are no longer in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<TimestampMs>,
    /// The text that the patient was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<ShownText>,
}

impl ChoosePresetPrivate {
    fn check<'a>(&self, policies: &'a Policies) -> Result<&'a Preset, ContractError> {
        let preset = policies.preset(&self.preset).ok_or(ContractError::PresetUnknown)?;
        if preset.project != self.project.is_some() {
            return Err(ContractError::ArgumentInvalid(
                "`project` is given for a preset about a project, and for no other",
            ));
        }
        if self.terms.is_some() && !preset.project {
            return Err(ContractError::ArgumentInvalid("`terms` are a project's"));
        }
        Ok(preset)
    }

    /// Whether a directive of a preset about a project is about this one.
    fn is_about(&self, context: &Matcher) -> bool {
        self.project.as_ref().is_none_or(|project| {
            let actor = Actor::Project(project.clone());
            context.actors.as_ref().is_some_and(|it| it.contains(&actor))
        })
    }
}

/// Digits of the ids of the directives it makes: 96 bits out of the patient's secret, so that whoever
/// knows the records key, as devices do, cannot find out by key hashes which preset was chosen.
const SUFFIX_DIGITS: usize = 24;

/// The place of that secret among the salts of a transaction's values.
const SUFFIX_AT: u32 = u32::MAX - 1;

fn suffix(head: &Head, cx: &TxContext) -> String {
    let salt = Salts::of_subject(&head.secret, cx).at(SUFFIX_AT);
    salt.to_hex().chars().take(SUFFIX_DIGITS).collect()
}

impl Submit for ChoosePreset {
    const NAME: &'static str = "ChoosePreset";
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
        let private: ChoosePresetPrivate = private::take(cx)?;
        let preset = private.check(policies)?;
        let act = Act::of::<Self>(policies, cx)?;
        let period = Period { start: act.tx.at, end: private.until };
        if !period.is_valid() {
            return Err(ContractError::ArgumentInvalid("`until` lies ahead"));
        }
        let head = HEADS.get(ledger, &(private.sid,)).await?;
        let patient = act.patient((private.sid, head), Power::Consent, ledger).await?;
        let ended = |it: &Directive| replaced(&private, preset, it);
        let widens = preset.directives.iter().any(PresetDirective::can_permit)
            || ending_widens(&patient.head.directives, ended)
            || preset.sharing.is_some_and(|it| it > patient.head.sharing);
        if widens {
            patient.widening(&act.tx)?;
        }
        let suffix = suffix(&patient.head, cx);
        let mut changes = Changes::of(&act, patient.head, patient.roles);
        let status = DirectiveStatus::Superseded;
        let status = if preset.directives.is_empty() { DirectiveStatus::Withdrawn } else { status };
        changes.end(status, None, ended, writes)?;
        let project = private.project.as_ref();
        for directive in preset.directives(project, period, &suffix) {
            let mut directive = directive.ok_or(ContractError::PresetUnknown)?;
            (directive.terms, directive.text) = (private.terms.clone(), private.text.clone());
            changes.put(directive, writes)?;
        }
        if let Some(sharing) = preset.sharing {
            changes.head.sharing = sharing;
        }
        changes.within_bounds()?.save(private.sid, writes)?;
        Ok(act.done::<Self>(writes))
    }
}

/// Whether choosing the preset ends this directive: one of an earlier choice of it, or of a choice
/// that it undoes.
fn replaced(private: &ChoosePresetPrivate, preset: &Preset, directive: &Directive) -> bool {
    let Some(made_by) = &directive.preset else { return false };
    let about_project =
        directive.context.actors.iter().flatten().any(|it| matches!(it, Actor::Project(_)));
    (*made_by == preset.id || preset.ends.contains(made_by))
        && (!about_project || private.is_about(&directive.context))
}
