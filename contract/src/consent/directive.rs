//! Directives: the form clients send, the ledger keeps and the decision engine reads.

use super::validate::{find_errors, find_warnings};
use super::{Actor, Finding};
use crate::ids::{
    CategoryCode, DirectiveId, DocumentDigest, LoincCode, ObligationCode, OfferId, ParticipantId,
    PresetId, PurposeCode, SensitivityCode,
};
use crate::policies::Policies;
use crate::record::Confidentiality;
use crate::text::{Text, json_text};
use crate::time::Period;
use fabric_contract_rs::TimestampMs;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Most actors of one matcher: a care team; larger groups are units or organisations.
pub const ACTORS_MAX: usize = 32;
/// Most purposes of one matcher; their parents cover more.
pub const PURPOSES_MAX: usize = 16;
/// Most codes of one matcher; categories cover more.
pub const CODES_MAX: usize = 64;
/// Most devices, categories or sensitivities of one matcher.
pub const SENSITIVITIES_MAX: usize = 16;
/// Most provisions of a directive: more is a second directive.
pub const PROVISIONS_MAX: usize = 16;
/// Most exceptions of a provision.
pub const EXCEPTIONS_MAX: usize = 8;
/// Most obligations of a directive: as many as HL7 has that are of use here.
pub const OBLIGATIONS_MAX: usize = 16;

/// What a directive, or an exception to it, says.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Effect {
    /// The request may be met.
    #[n(0)]
    Permit,
    /// It must not, whatever else permits it.
    #[n(1)]
    Deny,
}

impl Effect {
    /// What an exception to it says.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Permit => Self::Deny,
            Self::Deny => Self::Permit,
        }
    }
}

/// What is done with data: HL7 consent actions.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Action {
    /// Gather it.
    #[n(0)]
    Collect,
    /// Read it.
    #[default]
    #[n(1)]
    Access,
    /// Work with it.
    #[n(2)]
    Use,
    /// Pass it on.
    #[n(3)]
    Disclose,
    /// Put it right.
    #[n(4)]
    Correct,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 5] =
        [Self::Collect, Self::Access, Self::Use, Self::Disclose, Self::Correct];
}

/// What a directive says of breaking the glass.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum BreakGlass {
    /// It is allowed.
    #[n(0)]
    Permit,
    /// It is not.
    #[n(1)]
    Deny,
    /// As everywhere in the domain.
    #[default]
    #[n(2)]
    Domain,
}

/// Whether a directive is in force. That it has expired is derived from its period.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[cbor(index_only)]
pub enum DirectiveStatus {
    /// Prepared, not in force.
    #[n(0)]
    Draft,
    /// In force during its period.
    #[default]
    #[n(1)]
    Active,
    /// Replaced by a later version.
    #[n(2)]
    Superseded,
    /// Ended by the patient or for it.
    #[n(3)]
    Withdrawn,
    /// Ended by a regulator.
    #[n(4)]
    Revoked,
    /// Never meant.
    #[n(5)]
    EnteredInError,
}

/// What a directive is about. Elements that are given all have to match (AND); of a set, one has to
/// (OR); an element left out matches everything. An empty set is malformed.
///
/// Of `confidentiality`, `min_grid_s` and `data_period` a permit and a deny mean opposite ends, so
/// that neither covers more than it says.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Matcher {
    /// Who asks; at most 32.
    #[n(0)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actors: Option<BTreeSet<Actor>>,
    /// What for: each with the purposes that are part of it, except those that are exact; at most 16.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purposes: Option<BTreeSet<PurposeCode>>,
    /// What is done.
    #[n(2)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<BTreeSet<Action>>,
    /// What was measured; at most 64.
    #[n(3)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codes: Option<BTreeSet<LoincCode>>,
    /// What kind of thing was measured; at most 16.
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<BTreeSet<CategoryCode>>,
    /// Which device measured; at most 16.
    #[n(5)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<BTreeSet<ParticipantId>>,
    /// In a permit records up to this; in a deny records from this upwards.
    #[n(6)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidentiality: Option<Confidentiality>,
    /// Records with a label that is one of these, or a kind of one; at most 16.
    #[n(7)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<BTreeSet<SensitivityCode>>,
    /// In a permit records whose window is at least so long, in seconds; in a deny shorter ones.
    #[n(8)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_grid_s: Option<u32>,
    /// In a permit records whose window lies in it; in a deny those whose window overlaps it.
    #[n(9)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_period: Option<Period>,
    /// When it is asked.
    #[n(10)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
}

/// An exception to a directive's decision. It fires when it matches and none of its own exceptions
/// does.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Provision {
    /// What it is about.
    #[n(0)]
    #[serde(rename = "match")]
    pub matcher: Matcher,
    /// Where it does not hold after all; at most 8.
    #[n(1)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provision: Vec<Exception>,
}

/// An exception to an exception: the directive's decision again.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Exception {
    /// What it is about.
    #[n(0)]
    #[serde(rename = "match")]
    pub matcher: Matcher,
}

/// The offer of usage terms that a permit depends on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct TermsReference {
    /// The offer.
    #[n(0)]
    pub offer: OfferId,
    /// Its version.
    #[n(1)]
    pub version: u32,
}

/// The text that the patient was shown: what was agreed to can be proved later.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct ShownText {
    /// SHA-256 of the text.
    #[n(0)]
    pub digest: DocumentDigest,
    /// Its language.
    #[n(1)]
    pub language: Language,
}

/// A language tag, such as `vi` or `pt-BR`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Language(#[n(0)] String);

/// A text that is no language tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a language is a tag such as `vi` or `pt-BR`")]
pub struct LanguageError;

impl FromStr for Language {
    type Err = LanguageError;

    fn from_str(text: &str) -> Result<Self, LanguageError> {
        let mut parts = text.split('-');
        let primary = parts.next().is_some_and(|part| {
            (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase())
        });
        let further = parts.all(|part| {
            (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        let short = text.len() <= 35;
        if primary && further && short { Ok(Self(text.to_owned())) } else { Err(LanguageError) }
    }
}

impl Text for Language {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

json_text!(Language, "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", "a language tag");

/// What a patient has decided, in one version that never changes.
///
/// ```
/// use ioht_contract::{Directive, Effect};
///
/// let directive: Directive = serde_json::from_value(serde_json::json!({
///     "id": "ward",
///     "decision": "permit",
///     "context": {"actors": ["unit:ward@Org1MSP"], "purposes": ["TREAT"]},
///     "provision": [{"match": {"sensitivity": ["PSY"]}}],
/// })).unwrap();
/// assert_eq!((directive.decision, directive.version), (Effect::Permit, 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Directive {
    /// Its name among the patient's directives.
    #[n(0)]
    pub id: DirectiveId,
    /// 1, one more for each change.
    #[n(1)]
    #[serde(default = "first_version")]
    pub version: u32,
    /// Whether it is in force.
    #[n(2)]
    #[serde(default)]
    pub status: DirectiveStatus,
    /// What holds where the context matches and no provision fires.
    #[n(3)]
    pub decision: Effect,
    /// When it is in force.
    #[n(4)]
    #[serde(default = "always")]
    pub period: Period,
    /// What it is about.
    #[n(5)]
    #[serde(default)]
    pub context: Matcher,
    /// Its exceptions; at most 16.
    #[n(6)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provision: Vec<Provision>,
    /// What whoever is permitted by it is obliged to; at most 16.
    #[n(7)]
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub obligations: BTreeSet<ObligationCode>,
    /// The terms that a permit depends on.
    #[n(8)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<TermsReference>,
    /// What it says of breaking the glass.
    #[n(9)]
    #[serde(default)]
    pub btg: BreakGlass,
    /// The text that the patient was shown.
    #[n(10)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<ShownText>,
    /// SHA-256 of the document it was made from, such as a signed form.
    #[n(11)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<DocumentDigest>,
    /// Who wrote this version; nobody yet of a draft.
    #[n(12)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<ParticipantId>,
    /// The patient, when a delegate wrote it.
    #[n(13)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting_for: Option<ParticipantId>,
    /// The preset it was made by; it decides as any other.
    #[n(14)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<PresetId>,
}

fn first_version() -> u32 {
    1
}

fn always() -> Period {
    Period { start: 0, end: None }
}

impl Directive {
    /// Whether it counts at that time: active, and its period is open.
    pub fn is_in_force(&self, at: TimestampMs) -> bool {
        self.status == DirectiveStatus::Active && self.period.contains(at)
    }

    /// Whether it can have this effect: by itself, or by a provision or an exception.
    pub(crate) fn can(&self, effect: Effect) -> bool {
        self.decision == effect || !self.provision.is_empty()
    }

    /// What keeps it from being written.
    pub fn errors(&self, policies: &Policies) -> Vec<Finding> {
        find_errors(policies, self)
    }

    /// What a patient should know before it is written beside those `present`.
    pub fn warnings(&self, policies: &Policies, present: &[Self], at: TimestampMs) -> Vec<Finding> {
        find_warnings(policies, self, present, at)
    }
}
