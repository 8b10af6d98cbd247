//! `purposes.json`: what data may be used for.

use super::PolicyError;
use super::hierarchy::Hierarchy;
use crate::ids::PurposeCode;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;

pub(super) const FILE: &str = "purposes.json";

/// What the contract itself distinguishes; each document lists them.
const TREATMENT: &str = "TREAT";
const PAYMENT: &str = "HPAYMT";
const OPERATIONS: &str = "HOPERAT";
const PATIENT_REQUEST: &str = "PATRQT";
const BREAK_GLASS: &str = "BTG";

/// The purposes of use.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PurposesDocument {
    /// Where an editor finds this schema.
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    /// HL7 v3 PurposeOfUse. `TREAT`, `HPAYMT`, `HOPERAT`, `PATRQT` and `BTG` are among them.
    purposes: Vec<PurposeEntry>,
}

/// One purpose.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PurposeEntry {
    /// HL7 code.
    code: PurposeCode,
    /// What it is; for people.
    #[serde(rename = "name")]
    _name: String,
    /// The purpose that it is part of: a consent to that covers this one.
    #[serde(default)]
    parent: Option<PurposeCode>,
    /// Only a consent that names this very purpose covers it, whatever its parent. `BTG` is exact:
    /// a consent to treatment would otherwise allow to break the glass.
    #[serde(default)]
    exact: bool,
    /// A permit for it names no other purpose, so that nobody agrees to it in passing.
    #[serde(default)]
    alone: bool,
}

/// The purposes that data may be used for, and which is part of which.
///
/// ```
/// use ioht_contract::Policies;
///
/// let policies = Policies::default();
/// let is_a = |purpose: &str, listed: &str| {
///     policies.purposes().is_a(&purpose.parse().unwrap(), &listed.parse().unwrap())
/// };
/// assert!(is_a("ERTREAT", "TREAT") && !is_a("TREAT", "ERTREAT"));
/// assert!(is_a("BTG", "BTG") && !is_a("BTG", "TREAT"), "breaking the glass is exact");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purposes {
    hierarchy: Hierarchy<PurposeCode>,
    exact: BTreeSet<PurposeCode>,
    alone: BTreeSet<PurposeCode>,
}

impl Purposes {
    /// Whether this is a purpose at all.
    pub fn contains(&self, purpose: &PurposeCode) -> bool {
        self.hierarchy.contains(purpose)
    }

    /// Whether a consent to `listed` covers `purpose`: it is the same, or part of it.
    pub fn is_a(&self, purpose: &PurposeCode, listed: &PurposeCode) -> bool {
        self.covering(purpose).any(|above| above == listed)
    }

    /// The purposes that a directive may list to cover `purpose`; nothing for an unknown one.
    pub fn covering<'a>(&'a self, purpose: &PurposeCode) -> impl Iterator<Item = &'a PurposeCode> {
        let levels = if self.exact.contains(purpose) { 1 } else { usize::MAX };
        self.hierarchy.above(purpose).take(levels)
    }

    /// Whether a permit for it names no other purpose.
    pub fn stands_alone(&self, purpose: &PurposeCode) -> bool {
        self.alone.contains(purpose)
    }

    /// Whether it is breaking the glass, which no ordinary consent covers.
    pub fn is_break_glass(&self, purpose: &PurposeCode) -> bool {
        purpose.as_str() == BREAK_GLASS
    }

    /// Whether the patient itself asks for it, or whoever stands for it.
    pub fn is_patient_request(&self, purpose: &PurposeCode) -> bool {
        self.is_part_of(purpose, &[PATIENT_REQUEST])
    }

    /// What whoever stands for the patient asks for.
    pub(crate) fn patient_request(&self) -> Option<&PurposeCode> {
        self.hierarchy.codes().find(|it| it.as_str() == PATIENT_REQUEST)
    }

    /// Whether only the minimum necessary is disclosed for it: all but treatment and what the
    /// patient asks for itself.
    pub fn needs_minimum(&self, purpose: &PurposeCode) -> bool {
        !self.is_part_of(purpose, &[TREATMENT, PATIENT_REQUEST])
    }

    /// Whether 45 CFR 164.528 asks to account for disclosures for it: for all but treatment, payment,
    /// operations and what the patient asks for itself.
    pub fn is_accountable(&self, purpose: &PurposeCode) -> bool {
        !self.is_part_of(purpose, &[TREATMENT, PAYMENT, OPERATIONS, PATIENT_REQUEST])
    }

    fn is_part_of(&self, purpose: &PurposeCode, listed: &[&str]) -> bool {
        self.hierarchy.above(purpose).any(|above| listed.contains(&above.as_str()))
    }
}

pub(super) fn parse(document: PurposesDocument) -> Result<Purposes, PolicyError> {
    let entries = &document.purposes;
    let parents = entries.iter().map(|entry| (entry.code.clone(), entry.parent.clone()));
    let hierarchy = Hierarchy::parse(FILE, parents)?;
    let flagged = |flag: fn(&PurposeEntry) -> bool| -> BTreeSet<PurposeCode> {
        entries.iter().filter(|entry| flag(entry)).map(|entry| entry.code.clone()).collect()
    };
    let exact = flagged(|entry| entry.exact);
    for needed in [TREATMENT, PAYMENT, OPERATIONS, PATIENT_REQUEST, BREAK_GLASS] {
        if !hierarchy.codes().any(|code| code.as_str() == needed) {
            return Err(PolicyError::new(FILE, format!("`{needed}` is missing")));
        }
    }
    if !exact.iter().any(|code| code.as_str() == BREAK_GLASS) {
        return Err(PolicyError::new(FILE, format!("`{BREAK_GLASS}` is `exact`")));
    }
    // A child of an exact purpose would be covered by it without being named.
    let below =
        entries.iter().find(|entry| entry.parent.as_ref().is_some_and(|it| exact.contains(it)));
    if let Some(PurposeEntry { code, .. }) = below {
        return Err(PolicyError::new(FILE, format!("the parent of `{code}` is exact")));
    }
    Ok(Purposes { hierarchy, exact, alone: flagged(|entry| entry.alone) })
}
