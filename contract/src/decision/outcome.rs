//! What comes out: the decision and why.

use crate::ids::{DirectiveId, ObligationCode};
use crate::text::{Text, json_text};
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decode, Decoder, Encode, Encoder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Whether the request may be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cbor(index_only)]
pub enum Outcome {
    /// It may, for every record that the request can be about.
    #[n(0)]
    Permit,
    /// It must not, whatever the record.
    #[n(1)]
    Deny,
    /// That depends on attributes of the record that are not known.
    #[n(2)]
    Conditional,
}

/// Why, as a stable code: of a decision, and of whatever a request or an opening comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cbor(index_only)]
pub enum Reason {
    /// A directive permits and none denies.
    #[n(0)]
    ConsentPermit,
    /// A directive permits some of it; each record decides.
    #[n(1)]
    ConsentConditional,
    /// A delegate with the power to view asks.
    #[n(2)]
    Delegate,
    /// A directive denies.
    #[n(3)]
    ConsentDeny,
    /// No directive permits.
    #[n(4)]
    NoApplicableConsent,
    /// A directive cannot be evaluated, or the request, or what a directive asks of a record whose code or
    /// label the policies do not know.
    #[n(5)]
    PolicyError,
    /// The patient has paused all sharing.
    #[n(6)]
    SharingPaused,
    /// The patient shares in emergencies only.
    #[n(7)]
    EmergencyOnly,
    /// What permits it asks for an agreement to terms of use.
    #[n(8)]
    AgreementRequired,
    /// Breaking the glass is declared, not requested.
    #[n(9)]
    BreakGlassNotDeclared,
    /// The patient is not active.
    #[n(10)]
    PatientInactive,
    /// The transaction is dated before what it rests on.
    #[n(11)]
    BackDated,
    /// The access itself was denied.
    #[n(12)]
    AccessDenied,
    /// The access has expired.
    #[n(13)]
    AccessExpired,
    /// The access was used as often as it may be.
    #[n(14)]
    UsesExhausted,
    /// Who asks may not ask for this purpose, or not any more.
    #[n(15)]
    PurposeNotAssertable,
    /// Who asks is in no role that may: no staff, no delegate, or not in such a role. A request is
    /// refused.
    #[n(16)]
    RoleNotPermitted,
    /// Who asks is staff, and not active. A request is refused.
    #[n(17)]
    Inactive,
    /// The record is labelled as not to be told to the patient yet, nor to a delegate.
    #[n(18)]
    WithheldFromSubject,
}

/// What was decided and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Whether the request may be met.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// The directives that decided, by id: those that deny, or else all that permit, or else those that
    /// would under terms of use; when the outcome is conditional those that permit whatever the record; of an
    /// error those that cannot be evaluated.
    pub determining: Vec<Determining>,
    /// When the outcome is conditional: the directives that the record makes permit or deny.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub residual: Vec<Residual>,
    /// What whoever is permitted is obliged to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub obligations: BTreeSet<ObligationCode>,
}

impl Decision {
    /// A denial for a reason that lies outside the directives.
    pub(crate) fn denied(reason: Reason) -> Self {
        Self::plain(Outcome::Deny, reason)
    }

    pub(crate) fn plain(outcome: Outcome, reason: Reason) -> Self {
        Self {
            outcome,
            reason,
            determining: Vec::new(),
            residual: Vec::new(),
            obligations: BTreeSet::new(),
        }
    }
}

/// A directive that decided.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Determining {
    /// Which.
    #[n(0)]
    pub directive: DirectiveId,
    /// Its version.
    #[n(1)]
    pub version: u32,
    /// What in it.
    #[n(2)]
    pub path: Path,
}

/// A directive whose say depends on the record.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Residual {
    /// Which.
    #[n(0)]
    pub directive: DirectiveId,
    /// Its version.
    #[n(1)]
    pub version: u32,
    /// Whether it can come to permit.
    #[n(2)]
    pub permits: bool,
    /// Whether it can come to deny.
    #[n(3)]
    pub denies: bool,
    /// The elements that could not be evaluated.
    #[n(4)]
    pub open: BTreeSet<Element>,
}

/// A decision with what nearly decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// What of active directives is not about the request because of a single element: contexts, such as
    /// that of one that has expired; where the context matches, provisions; where such a one does, its
    /// exceptions. The first 256.
    pub near_misses: Vec<NearMiss>,
}

/// A matcher that fails in one element only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NearMiss {
    /// The directive.
    pub directive: DirectiveId,
    /// Its version.
    pub version: u32,
    /// The matcher.
    pub path: Path,
    /// What does not match.
    pub failed: Element,
}

/// An element of a matcher.
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
pub enum Element {
    /// Who asks.
    #[n(0)]
    Actors,
    /// What for.
    #[n(1)]
    Purposes,
    /// What is done.
    #[n(2)]
    Actions,
    /// What was measured.
    #[n(3)]
    Codes,
    /// What kind of thing.
    #[n(4)]
    Categories,
    /// By which device.
    #[n(5)]
    Devices,
    /// How confidential.
    #[n(6)]
    Confidentiality,
    /// How sensitive.
    #[n(7)]
    Sensitivity,
    /// How coarse.
    #[n(8)]
    MinGridS,
    /// About which time.
    #[n(9)]
    DataPeriod,
    /// When.
    #[n(10)]
    Period,
}

/// A place in a directive: `context`, `provision[i]` or `provision[i].provision[j]`, from 0.
///
/// ```
/// use ioht_contract::decision::Path;
///
/// let path: Path = "provision[2].provision[0]".parse().unwrap();
/// assert_eq!(path, Path::Exception(2, 0));
/// assert_eq!(path.to_string(), "provision[2].provision[0]");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// The context: the directive's own decision.
    Context,
    /// An exception to it.
    Provision(u16),
    /// An exception to an exception.
    Exception(u16, u16),
}

/// A text that is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a path is `context`, `provision[i]` or `provision[i].provision[j]`")]
pub struct PathError;

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        fn index(text: &str) -> Result<u16, PathError> {
            let digits = text.strip_prefix("provision[").and_then(|it| it.strip_suffix(']'));
            let digits = digits.ok_or(PathError)?;
            let index: u16 = digits.parse().map_err(|_| PathError)?;
            if index.to_string() == digits { Ok(index) } else { Err(PathError) }
        }
        match text.split_once('.') {
            None if text == "context" => Ok(Self::Context),
            None => index(text).map(Self::Provision),
            Some((outer, inner)) => Ok(Self::Exception(index(outer)?, index(inner)?)),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Context => f.write_str("context"),
            Self::Provision(i) => write!(f, "provision[{i}]"),
            Self::Exception(i, j) => write!(f, "provision[{i}].provision[{j}]"),
        }
    }
}

impl Text for Path {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

json_text!(
    Path,
    "^(context|provision\\[[0-9]+\\](\\.provision\\[[0-9]+\\])?)$",
    "a place in a directive"
);

impl<C> Encode<C> for Path {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.str(&self.to_string())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Path {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        d.str()?.parse().map_err(|_| DecodeError::message("not a path"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_are_written() {
        for path in [Path::Context, Path::Provision(15), Path::Exception(0, 7)] {
            assert_eq!(path.to_string().parse(), Ok(path));
            let bytes = minicbor::to_vec(path).unwrap();
            assert_eq!(minicbor::decode::<Path>(&bytes).unwrap(), path);
        }
        for bad in ["", "provision", "provision[01]", "provision[-1]", "provision[0].", "context.x"]
        {
            assert_eq!(bad.parse::<Path>(), Err(PathError), "{bad}");
        }
    }

    #[test]
    fn codes_are_those_of_the_documents() {
        let code = |reason: Reason| serde_json::to_value(reason).unwrap();
        assert_eq!(code(Reason::NoApplicableConsent), "NO_APPLICABLE_CONSENT");
        assert_eq!(code(Reason::BreakGlassNotDeclared), "BREAK_GLASS_NOT_DECLARED");
        assert_eq!(serde_json::to_value(Outcome::Permit).unwrap(), "PERMIT");
    }
}
