//! What a patient sends: a directive without what the contract adds.

use super::{
    BreakGlass, Directive, DirectiveStatus, Effect, Matcher, Provision, ShownText, TermsReference,
};
use crate::ids::{DirectiveId, DocumentDigest, ObligationCode};
use crate::time::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A directive to be written: version, status and author are the contract's to set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Its name among the patient's directives, best drawn at random: devices, which know the records
    /// key, can test guesses of it. One that was ended is not used again.
    pub id: DirectiveId,
    /// What holds where the context matches and no provision fires.
    pub decision: Effect,
    /// When it is in force: from now on, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// What it is about. A permit names actors and purposes.
    #[serde(default)]
    pub context: Matcher,
    /// Its exceptions; at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provision: Vec<Provision>,
    /// What whoever is permitted by it is obliged to; at most 16.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub obligations: BTreeSet<ObligationCode>,
    /// The terms that a permit depends on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<TermsReference>,
    /// What it says of breaking the glass.
    #[serde(default)]
    pub btg: BreakGlass,
    /// The text that the patient was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<ShownText>,
    /// SHA-256 of the document it was made from, such as a signed form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<DocumentDigest>,
}

impl Draft {
    /// The directive that it becomes, in force from `now` on unless it says otherwise.
    pub(crate) fn into_directive(self, version: u32, now: Period) -> Directive {
        Directive {
            id: self.id,
            version,
            status: DirectiveStatus::Active,
            decision: self.decision,
            period: self.period.unwrap_or(now),
            context: self.context,
            provision: self.provision,
            obligations: self.obligations,
            terms: self.terms,
            btg: self.btg,
            text: self.text,
            source: self.source,
            author: None,
            acting_for: None,
            preset: None,
        }
    }
}
