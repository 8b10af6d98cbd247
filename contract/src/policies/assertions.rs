//! `assertions.json`: who may ask for which purpose.

use super::organizations::OrganizationKind;
use super::{PolicyError, Purposes};
use crate::ids::PurposeCode;
use crate::role::StaffRole;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const FILE: &str = "assertions.json";

/// Who may ask for which purpose. A purpose covers those that are part of it, except exact ones.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AssertionsDocument {
    /// Where an editor finds this schema.
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    /// What an organisation of each kind may ask for.
    kinds: KindAssertions,
    /// What staff in each role may ask for; a role that is left out asks for nothing. Delegates ask
    /// for `PATRQT`, nobody else does; `BTG` is declared, not asked for.
    roles: BTreeMap<StaffRole, BTreeSet<PurposeCode>>,
}

/// What an organisation of each kind may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct KindAssertions {
    /// Keeps the data.
    custodian: BTreeSet<PurposeCode>,
    /// Treats or researches.
    provider: BTreeSet<PurposeCode>,
    /// Supervises.
    regulator: BTreeSet<PurposeCode>,
}

/// Who may ask for which purpose: a caller for what both a role of it and its kind of organisation
/// may.
///
/// Asserting a purpose is not being permitted: that is the patient's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertions {
    kinds: KindAssertions,
    roles: BTreeMap<StaffRole, BTreeSet<PurposeCode>>,
}

impl Assertions {
    /// The purposes that somebody may ask for, each with its parts.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &PurposeCode> {
        let KindAssertions { custodian, provider, regulator } = &self.kinds;
        [custodian, provider, regulator].into_iter().chain(self.roles.values()).flatten()
    }

    /// Whether staff in one of `roles` of an organisation of this kind may ask for `purpose`.
    pub fn allow(
        &self,
        purposes: &Purposes,
        purpose: &PurposeCode,
        kind: OrganizationKind,
        roles: &BTreeSet<StaffRole>,
    ) -> bool {
        let within =
            |listed: &BTreeSet<PurposeCode>| listed.iter().any(|it| purposes.is_a(purpose, it));
        let kinds = match kind {
            OrganizationKind::Custodian => &self.kinds.custodian,
            OrganizationKind::Provider => &self.kinds.provider,
            OrganizationKind::Regulator => &self.kinds.regulator,
        };
        within(kinds) && roles.iter().filter_map(|role| self.roles.get(role)).any(within)
    }
}

pub(super) fn parse(
    document: AssertionsDocument,
    purposes: &Purposes,
) -> Result<Assertions, PolicyError> {
    let assertions = Assertions { kinds: document.kinds, roles: document.roles };
    for purpose in assertions.listed() {
        let fault = if !purposes.contains(purpose) {
            "is no purpose of `purposes.json`"
        } else if purposes.is_patient_request(purpose) {
            "is asked for by delegates only"
        } else if purposes.is_break_glass(purpose) {
            "is declared, not asked for"
        } else {
            continue;
        };
        return Err(PolicyError::new(FILE, format!("`{purpose}` {fault}")));
    }
    Ok(assertions)
}
