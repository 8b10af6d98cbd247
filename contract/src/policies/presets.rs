//! `presets.json`: whole choices that a patient makes in one step.

use super::{Policies, PolicyError};
use crate::consent::{
    Actor, BreakGlass, Directive, DirectiveStatus, Effect, Matcher, Provision, Sharing,
};
use crate::ids::{ObligationCode, PresetId, ProjectId};
use crate::time::Period;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const FILE: &str = "presets.json";

/// Most directives of one preset: a preset is one choice.
const PRESET_DIRECTIVES_MAX: usize = 8;

/// The presets.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PresetsDocument {
    /// Where an editor finds this schema.
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    /// Each becomes plain directives: nothing that a patient could not write itself.
    presets: Vec<Preset>,
}

/// A whole choice that a patient makes in one step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Its name.
    pub id: PresetId,
    /// What it says; for people.
    pub name: String,
    /// Whether it is about one project, which the patient names: its directives are then about the
    /// members of that project, and it ends those about the same project only.
    #[serde(default)]
    pub project: bool,
    /// What becomes of sharing altogether.
    #[serde(default)]
    pub sharing: Option<Sharing>,
    /// Presets whose directives it ends, besides its own earlier ones.
    #[serde(default)]
    pub ends: BTreeSet<PresetId>,
    /// The directives it puts in force.
    #[serde(default)]
    pub directives: Vec<PresetDirective>,
}

/// A directive of a preset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PresetDirective {
    /// What holds where the context matches and no provision fires.
    pub decision: Effect,
    /// What it is about. A preset about a project leaves out the actors.
    #[serde(default)]
    pub context: Matcher,
    /// Its exceptions.
    #[serde(default)]
    pub provision: Vec<Provision>,
    /// What whoever is permitted by it is obliged to.
    #[serde(default)]
    pub obligations: BTreeSet<ObligationCode>,
    /// What it says of breaking the glass.
    #[serde(default)]
    pub btg: BreakGlass,
}

impl PresetDirective {
    /// Whether it can permit anything: by itself, or by an exception.
    pub(crate) fn can_permit(&self) -> bool {
        self.decision == Effect::Permit || !self.provision.is_empty()
    }
}

pub(super) type Presets = BTreeMap<PresetId, Preset>;

impl Preset {
    /// Its directives, in force during `period`; the ids are made of the preset's, `suffix` and the
    /// position.
    pub(crate) fn directives(
        &self,
        project: Option<&ProjectId>,
        period: Period,
        suffix: &str,
    ) -> impl Iterator<Item = Option<Directive>> {
        self.directives.iter().enumerate().map(move |(position, it)| {
            let mut context = it.context.clone();
            if let Some(project) = project {
                context.actors = Some([Actor::Project(project.clone())].into());
            }
            let id = format!("{}.{suffix}.{position}", self.id).parse().ok()?;
            Some(Directive {
                id,
                version: 1,
                status: DirectiveStatus::Active,
                decision: it.decision,
                period,
                context,
                provision: it.provision.clone(),
                obligations: it.obligations.clone(),
                terms: None,
                btg: it.btg,
                text: None,
                source: None,
                author: None,
                acting_for: None,
                preset: Some(self.id.clone()),
            })
        })
    }
}

pub(super) fn parse(document: PresetsDocument) -> Result<Presets, PolicyError> {
    let mut presets = Presets::new();
    for preset in document.presets {
        let id = preset.id.clone();
        if presets.insert(id.clone(), preset).is_some() {
            return Err(PolicyError::new(FILE, format!("`{id}` is listed twice")));
        }
    }
    let known = |id: &&PresetId| presets.contains_key(*id);
    for Preset { id, ends, .. } in presets.values() {
        if let Some(unknown) = ends.iter().find(|it| !known(it)) {
            return Err(PolicyError::new(FILE, format!("`{id}` ends the unknown `{unknown}`")));
        }
    }
    Ok(presets)
}

/// Every directive of a preset is one that a patient could write.
pub(super) fn check(policies: &Policies, presets: &Presets) -> Result<(), PolicyError> {
    // Any project will do: what is checked does not depend on which.
    let sample: Option<ProjectId> = "sample".parse().ok();
    for preset in presets.values() {
        let fail = |reason: String| PolicyError::new(FILE, format!("`{}`: {reason}", preset.id));
        if preset.directives.len() > PRESET_DIRECTIVES_MAX {
            return Err(fail(format!("a preset has at most {PRESET_DIRECTIVES_MAX} directives")));
        }
        if preset.project && preset.directives.iter().any(|it| it.context.actors.is_some()) {
            return Err(fail("its actors are the project's members: leave them out".to_owned()));
        }
        let project = sample.as_ref().filter(|_| preset.project);
        let always = Period { start: 0, end: None };
        // As long as the id that a transaction would give.
        for directive in preset.directives(project, always, "000000000000000000000000") {
            let directive = directive.ok_or_else(|| fail("its id is too long".to_owned()))?;
            if let Some(finding) = directive.errors(policies).first() {
                return Err(fail(format!("{} at {}", finding.code.sentence(), finding.path)));
            }
        }
    }
    Ok(())
}
