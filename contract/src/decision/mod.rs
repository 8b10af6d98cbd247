//! Whether a patient's directives let a request be met.
//!
//! The engine is a pure function of the directives, the request and the time: it reads no state and
//! depends on no order. What is not permitted is denied, a deny wins over every permit, and what
//! cannot be evaluated is denied ([`Reason::PolicyError`]). Every decision names the directives that
//! decided it, with the [path](Path) inside each.
//!
//! Three things are never permitted here: breaking the glass, which is declared
//! ([`Reason::BreakGlassNotDeclared`]); what a directive permits under terms of use, which denies all
//! the same, because nobody can agree to terms yet ([`Reason::AgreementRequired`]); and what is permitted
//! to a project, because nobody asks as its member yet. Whether the patient shares at all, and whether
//! who asks may ask, is decided before.
//!
//! Before a record is known its attributes are left out of the request. The engine then decides in
//! Kleene's three-valued logic: [`Outcome::Permit`] and [`Outcome::Deny`] hold whatever the record
//! turns out to be; otherwise it is [`Outcome::Conditional`] with a [residual](Decision::residual).
//!
//! ```
//! use ioht_contract::decision::{Outcome, Request, decide};
//! use ioht_contract::{Directive, Policies};
//! use serde_json::{from_value, json};
//!
//! let directives: Vec<Directive> = from_value(json!([{
//!     "id": "ward",
//!     "decision": "permit",
//!     "context": {"actors": ["unit:ward@Org1MSP"], "purposes": ["TREAT"]},
//!     "provision": [{"match": {"sensitivity": ["PSY"]}}],
//! }])).unwrap();
//! let mut request: Request = from_value(json!({
//!     "actor": {
//!         "pid": "00112233445566778899aabbccddeeff", "org": "Org1MSP", "units": ["ward"],
//!     },
//!     "purpose": "ETREAT",
//!     "record": {"code": "8867-4", "sensitivity": null},
//! })).unwrap();
//! let policies = Policies::default();
//! let decision = decide(&policies, &directives, &request, 0);
//! assert_eq!(decision.outcome, Outcome::Conditional, "it may be psychiatric");
//! request.record.sensitivity = Some([].into());
//! let decision = decide(&policies, &directives, &request, 0);
//! assert_eq!(decision.outcome, Outcome::Permit);
//! assert_eq!(decision.determining[0].path.to_string(), "context");
//! ```

mod case;
mod evaluate;
mod outcome;
mod request;
mod rules;
mod truth;

pub use case::{CASE_BYTES_MAX, Case, CaseError, Decided, DecidedBy, Refused, Verdict};
pub use outcome::{
    Decision, Determining, Element, Explanation, NearMiss, Outcome, Path, PathError, Reason,
    Residual,
};
pub use request::{Question, RecordFacts, Request, Requester, Who, Window};
pub use rules::Rules;

use crate::consent::Directive;
use crate::policies::Policies;
use fabric_contract_rs::TimestampMs;

/// Decides one request. To decide many against the same directives, prepare [`Rules`] once.
pub fn decide(
    policies: &Policies,
    directives: &[Directive],
    request: &Request,
    at: TimestampMs,
) -> Decision {
    Rules::prepare(policies, directives).decide(request, at)
}
