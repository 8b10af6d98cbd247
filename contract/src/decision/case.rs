//! Cases as text: what other programs check the engine with.

use super::{Decision, Outcome, Path, Reason, Request, decide};
use crate::consent::Directive;
use crate::ids::DirectiveId;
use crate::policies::Policies;
use fabric_contract_rs::TimestampMs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest line of a case: 64 directives of the size that a patient may keep, and the request.
pub const CASE_BYTES_MAX: usize = 1_048_576;

/// One case: directives, a request and a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The patient's directives, in any order.
    pub directives: Vec<Directive>,
    /// What is asked.
    pub request: Request,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at: TimestampMs,
}

/// What comes of a case: a decision, or why the case could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Verdict {
    /// The case was decided.
    Decided(Decided),
    /// It was not read.
    Refused(Refused),
}

/// A decision in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// Whether the request may be met.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// What decided, by directive.
    pub determining: Vec<DecidedBy>,
}

/// A directive that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecidedBy {
    /// Which.
    pub directive: DirectiveId,
    /// What in it.
    pub path: Path,
}

/// Why a case was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Stable code.
    pub error: CaseError,
    /// What to change.
    pub message: String,
}

/// What is wrong with a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CaseError {
    /// It is not one JSON object that fits the schema.
    CaseMalformed,
    /// It exceeds [`CASE_BYTES_MAX`].
    CaseTooLarge,
}

impl Verdict {
    /// Decides the case that one line of JSON holds.
    pub fn of_line(policies: &Policies, line: &[u8]) -> Self {
        if line.len() > CASE_BYTES_MAX {
            let message = format!("a case has at most {CASE_BYTES_MAX} bytes");
            return Self::Refused(Refused { error: CaseError::CaseTooLarge, message });
        }
        match serde_json::from_slice::<Case>(line) {
            Ok(case) => {
                let Case { directives, request, at } = &case;
                Self::Decided(decide(policies, directives, request, *at).into())
            }
            Err(error) => {
                let message = error.to_string();
                Self::Refused(Refused { error: CaseError::CaseMalformed, message })
            }
        }
    }
}

impl From<Decision> for Decided {
    fn from(decision: Decision) -> Self {
        let by = decision.determining.into_iter();
        let determining =
            by.map(|it| DecidedBy { directive: it.directive, path: it.path }).collect();
        Self { outcome: decision.outcome, reason: decision.reason, determining }
    }
}
