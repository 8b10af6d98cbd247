//! Access and disclosure: how somebody else than the patient comes to read.
//!
//! ```text
//! RequestAccess -> (commit) -> GetAccess -> OpenDisclosure -> (commit) -> ReadSummaries
//!    an Access each                          a Disclosure each            live, record by record
//! ```
//!
//! A patient asks what would be decided (`ExplainDecision`, `SimulateConsent`, `WhoCanAccess`), and is
//! answered by the same code that decides.
//!
//! What was decided is never part of a submitted transaction's answer, and a refusal is written as
//! a permission is: whoever evaluates such a transaction, or reads the chain, learns nothing.

mod accounting;
pub(crate) mod ask;
mod asker;
mod directory;
mod get;
mod open;
mod read;
mod request;
mod ticket;
mod weighing;
pub(crate) mod who_can;

pub use crate::record_page::EXAMINED_MAX;
pub use accounting::{
    ACCOUNTING_MS_MAX, ACCOUNTING_PAGE_MAX, AccountingEntry, AccountingPage,
    GetAccountingOfDisclosures, GetAccountingOfDisclosuresPrivate, Occasion,
};
pub use get::{AccessView, Accesses, GetAccess, GetAccessPrivate};
pub use open::{OpenDisclosure, OpenDisclosurePrivate, TICKET_MINUTES, TICKET_MINUTES_MAX};
pub use read::{DisclosedPage, ErroneousRecord, ReadSummaries, ReadSummariesPrivate};
pub use request::{ACCESS_MS_MAX, REQUEST_CODES_MAX, RequestAccess, RequestAccessPrivate};
pub use ticket::{TicketId, TicketIdError};

use crate::consent::Action;
use crate::decision::{Determining, Outcome, Reason, Residual};
use crate::ids::{
    DocumentDigest, LoincCode, MspId, ObligationCode, ParticipantId, PolicyDigest, PurposeCode,
    Salt, SubjectId,
};
use crate::meta::Meta;
use crate::policies::Policies;
use crate::time::Period;
use fabric_contract_rs::TimestampMs;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Patients of one transaction: a project's, or a ward's.
pub const SUBJECTS_MAX: usize = 50;

/// Disclosures of one access, until terms of use set their own number.
pub const USES_MAX: u32 = 1000;

/// As what a reader asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Capacity {
    /// For its organisation.
    #[n(0)]
    Staff,
    /// For the patient, under a delegation.
    #[n(1)]
    Delegate,
}

/// What the requester is told of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ToldReason {
    /// It is permitted, wholly or record by record.
    Permitted,
    /// It is not.
    NotPermitted,
    /// An agreement to terms of use is needed first.
    AgreementRequired,
    /// The access has expired: request another.
    AccessExpired,
    /// The access was used as often as it may be: request another.
    UsesExhausted,
}

impl From<Reason> for ToldReason {
    /// Anything finer would tell what the patient chose.
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::ConsentPermit | Reason::ConsentConditional | Reason::Delegate => {
                Self::Permitted
            }
            Reason::AgreementRequired => Self::AgreementRequired,
            Reason::AccessExpired => Self::AccessExpired,
            Reason::UsesExhausted => Self::UsesExhausted,
            Reason::ConsentDeny
            | Reason::NoApplicableConsent
            | Reason::PolicyError
            | Reason::SharingPaused
            | Reason::EmergencyOnly
            | Reason::BreakGlassNotDeclared
            | Reason::PatientInactive
            | Reason::BackDated
            | Reason::AccessDenied
            | Reason::PurposeNotAssertable
            | Reason::RoleNotPermitted
            | Reason::Inactive
            | Reason::WithheldFromSubject => Self::NotPermitted,
        }
    }
}

/// What was decided and why.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct AccessVerdict {
    /// Whether data may be read: all of it, none, or as each record decides.
    #[n(0)]
    pub outcome: Outcome,
    /// Why.
    #[n(1)]
    pub reason: Reason,
    /// The codes that may be read; none when denied.
    #[n(2)]
    pub codes: BTreeSet<LoincCode>,
    /// The directives that decided.
    #[n(3)]
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub determining: BTreeSet<Determining>,
    /// The directives that each record makes permit or deny.
    #[n(4)]
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub residual: BTreeSet<Residual>,
    /// What the reader is obliged to.
    #[n(5)]
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub obligations: BTreeSet<ObligationCode>,
}

impl AccessVerdict {
    pub(crate) fn denied(reason: Reason) -> Self {
        Self {
            outcome: Outcome::Deny,
            reason,
            codes: BTreeSet::new(),
            determining: BTreeSet::new(),
            residual: BTreeSet::new(),
            obligations: BTreeSet::new(),
        }
    }

    /// Whether nothing may be read.
    pub fn is_denied(&self) -> bool {
        self.outcome == Outcome::Deny
    }
}

/// What is asked for, in a request and in everything that follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Scope {
    /// What for.
    #[n(0)]
    pub purpose: PurposeCode,
    /// What is done with the data.
    #[n(1)]
    #[serde(default)]
    pub action: Action,
    /// What was measured: 1 to 32 codes.
    #[n(2)]
    pub codes: BTreeSet<LoincCode>,
    /// The time that the data is about; windows that lie in it.
    #[n(3)]
    pub data_period: Period,
    /// The shortest windows that are asked for, in seconds; all unless given.
    #[n(4)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_grid_s: Option<u32>,
}

/// A request with its decision: the audit entry of the request and the grant in one.
///
/// Numbers 12 to 15 are kept for project, agreement and human approval.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Access {
    /// Its history.
    #[n(0)]
    pub meta: Meta<1>,
    /// Makes the value's hash unguessable.
    #[n(1)]
    pub salt: Salt,
    /// Who asks.
    #[n(2)]
    pub requester: ParticipantId,
    /// Its organisation.
    #[n(3)]
    pub msp: MspId,
    /// As what it asks.
    #[n(4)]
    pub capacity: Capacity,
    /// What it asks for.
    #[n(5)]
    pub scope: Scope,
    /// Digest of why.
    #[n(6)]
    pub justification: Option<DocumentDigest>,
    /// What was decided.
    #[n(7)]
    pub verdict: AccessVerdict,
    /// Under which policies.
    #[n(8)]
    pub policy: PolicyDigest,
    /// The first moment at which it has expired.
    #[n(9)]
    pub until: TimestampMs,
    /// Disclosures that it led to.
    #[n(10)]
    pub uses: u32,
    /// How many it may.
    #[n(11)]
    pub max_uses: u32,
}

/// An opening with its decision: the audit entry and, for some minutes, the ticket to read.
///
/// Numbers 11 to 15 are kept for agreement and break-glass.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Disclosure {
    /// Its history: it never changes.
    #[n(0)]
    pub meta: Meta<1>,
    /// Makes the value's hash unguessable.
    #[n(1)]
    pub salt: Salt,
    /// The access that was opened.
    #[n(2)]
    pub access: TicketId,
    /// Who reads.
    #[n(3)]
    pub recipient: ParticipantId,
    /// Its organisation.
    #[n(4)]
    pub msp: MspId,
    /// As what it reads.
    #[n(5)]
    pub capacity: Capacity,
    /// What it asked for.
    #[n(6)]
    pub scope: Scope,
    /// What was decided, now.
    #[n(7)]
    pub verdict: AccessVerdict,
    /// Whether 45 CFR 164.528 asks to account for it.
    #[n(8)]
    pub accountable_164_528: bool,
    /// Under which policies.
    #[n(9)]
    pub policy: PolicyDigest,
    /// The first moment at which it has expired.
    #[n(10)]
    pub until: TimestampMs,
}

/// An access of a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessReference {
    /// The patient.
    pub sid: SubjectId,
    /// The access, as `RequestAccess` answered.
    pub access: TicketId,
}

/// The answer of [`RequestAccess`] and of [`OpenDisclosure`]. It stands on the chain in clear and
/// tells nothing of what was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketsReceipt {
    /// One for each patient or access asked for, in that order.
    pub ids: Vec<TicketId>,
    /// Digest of the policies.
    pub policy: PolicyDigest,
}

impl TicketsReceipt {
    pub(crate) fn new(ids: Vec<TicketId>, policies: &Policies) -> Self {
        Self { ids, policy: policies.digest() }
    }
}
