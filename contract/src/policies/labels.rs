//! `labels.json`: how data is labelled, and what a permit may oblige to.

use super::PolicyError;
use super::hierarchy::Hierarchy;
use crate::ids::{ObligationCode, SensitivityCode};
use crate::record::Confidentiality;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;

pub(super) const FILE: &str = "labels.json";

/// What the patient is told by its clinician first.
const TABOO: &str = "TBOO";

/// Human approval: nobody is asked for it here, so that a permit that obliges to it would permit at once.
const HUMAN_APPROVAL: &str = "HUAPRV";

/// HL7's order, least to most confidential.
const CONFIDENTIALITY: [Confidentiality; 6] = [
    Confidentiality::U,
    Confidentiality::L,
    Confidentiality::M,
    Confidentiality::N,
    Confidentiality::R,
    Confidentiality::V,
];

/// Security labels and obligations.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LabelsDocument {
    /// Where an editor finds this schema.
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    /// HL7 confidentiality, least to most: U, L, M, N, R, V. Listed for reviewers; records hold their
    /// position, so that no document changes it.
    confidentiality: Vec<Confidentiality>,
    /// HL7 v3 ActCode sensitivities that a record may be labelled with.
    sensitivity: Vec<SensitivityEntry>,
    /// HL7 ObligationPolicy codes that a directive or terms may carry; not `HUAPRV`, which nobody
    /// is asked for.
    obligations: BTreeSet<ObligationCode>,
    /// HL7 RefrainPolicy codes likewise.
    refrains: BTreeSet<ObligationCode>,
}

/// One sensitivity.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SensitivityEntry {
    /// HL7 code.
    code: SensitivityCode,
    /// What it is; for people.
    #[serde(rename = "name")]
    _name: String,
    /// The sensitivity that it is a kind of: a directive on that is on this one too.
    #[serde(default)]
    parent: Option<SensitivityCode>,
}

/// How data is labelled, and what a permit may oblige to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    sensitivity: Hierarchy<SensitivityCode>,
    obligations: BTreeSet<ObligationCode>,
}

impl Labels {
    /// Every sensitivity that a record may be labelled with.
    pub fn sensitivities(&self) -> impl Iterator<Item = &SensitivityCode> {
        self.sensitivity.codes()
    }

    /// Whether a record may be labelled with it.
    pub fn knows_sensitivity(&self, label: &SensitivityCode) -> bool {
        self.sensitivity.contains(label)
    }

    /// The sensitivities that a directive may list to be on `label`: itself, what it is a kind of,
    /// and so on; nothing for an unknown one.
    pub fn covering<'a>(
        &'a self,
        label: &SensitivityCode,
    ) -> impl Iterator<Item = &'a SensitivityCode> {
        self.sensitivity.above(label)
    }

    /// Whether a record with these labels is not told to the patient yet.
    pub fn withhold_from_subject<'a>(
        &self,
        labels: impl IntoIterator<Item = &'a SensitivityCode>,
    ) -> bool {
        labels.into_iter().any(|it| self.covering(it).any(|above| above.as_str() == TABOO))
    }

    /// Whether it is an obligation or refrain.
    pub fn knows_obligation(&self, obligation: &ObligationCode) -> bool {
        self.obligations.contains(obligation)
    }
}

pub(super) fn parse(document: LabelsDocument) -> Result<Labels, PolicyError> {
    if document.confidentiality != CONFIDENTIALITY {
        return Err(PolicyError::new(FILE, "`confidentiality` is U, L, M, N, R, V in this order"));
    }
    let entries = document.sensitivity.into_iter().map(|entry| (entry.code, entry.parent));
    let mut obligations = document.obligations;
    obligations.extend(document.refrains);
    if obligations.iter().any(|it| it.as_str() == HUMAN_APPROVAL) {
        return Err(PolicyError::new(FILE, "`HUAPRV` is nothing that the contract waits for"));
    }
    let sensitivity = Hierarchy::<SensitivityCode>::parse(FILE, entries)?;
    // Records that bear it would no longer be withheld.
    if !sensitivity.codes().any(|it| it.as_str() == TABOO) {
        return Err(PolicyError::new(FILE, "`sensitivity` lists `TBOO`"));
    }
    Ok(Labels { sensitivity, obligations })
}
