//! What is asked.

use super::truth::Truth;
use crate::consent::{Action, Actor, excludes, implies};
use crate::ids::{LoincCode, MspId, ParticipantId, PurposeCode, SensitivityCode, UnitId};
use crate::record::{Confidentiality, Labels};
use crate::role::StaffRole;
use fabric_contract_rs::TimestampMs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is asked: by whom, what for, what is done, and with which record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Who asks.
    pub actor: Requester,
    /// What for; one purpose, as specific as it is.
    pub purpose: PurposeCode,
    /// What is done with the data.
    #[serde(default)]
    pub action: Action,
    /// The record.
    #[serde(default)]
    pub record: RecordFacts,
}

/// A request, or one of a kind of requests.
#[derive(Debug, Clone, Copy)]
pub struct Question<'r> {
    /// Who asks.
    pub who: Who<'r>,
    /// What for.
    pub purpose: &'r PurposeCode,
    /// What is done with the data.
    pub action: Action,
    /// The record.
    pub record: &'r RecordFacts,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum Who<'r> {
    /// Somebody, of whom everything is known.
    Requester(&'r Requester),
    /// Whoever is this: what else it is, is unknown.
    Any(&'r Actor),
}

impl Who<'_> {
    /// Whether a directive about `actor` is about it.
    pub(super) fn is(self, actor: &Actor) -> Truth {
        match self {
            Self::Requester(requester) => requester.is(actor).into(),
            Self::Any(_) if matches!(actor, Actor::Project(_)) => Truth::False,
            Self::Any(known) if implies(known, actor) => Truth::True,
            Self::Any(known) if excludes(known, actor) => Truth::False,
            Self::Any(_) => Truth::Unknown,
        }
    }
}

impl<'r> From<&'r Request> for Question<'r> {
    fn from(request: &'r Request) -> Self {
        let Request { actor, purpose, action, record } = request;
        Self { who: Who::Requester(actor), purpose, action: *action, record }
    }
}

/// Who asks, after the ledger has been looked up: all of it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Requester {
    /// Its pseudonym.
    pub pid: ParticipantId,
    /// Its organisation.
    pub org: MspId,
    /// Its unit and those above it.
    #[serde(default)]
    pub units: BTreeSet<UnitId>,
    /// Its roles in force.
    #[serde(default)]
    pub roles: BTreeSet<StaffRole>,
    /// Whether it belongs to the patient's care team.
    #[serde(default)]
    pub care_team: bool,
}

impl Requester {
    /// Whether a directive about `actor` is about it.
    fn is(&self, actor: &Actor) -> bool {
        match actor {
            Actor::Participant(pid) => self.pid == *pid,
            Actor::Unit { unit, msp } => self.org == *msp && self.units.contains(unit),
            Actor::Organization(msp) => self.org == *msp,
            Actor::Role(role) => self.roles.contains(role),
            // Nobody asks as a member of a project yet.
            Actor::Project(_) => false,
            Actor::CareTeam => self.care_team,
        }
    }
}

/// A record's attributes. What is left out or null is unknown, because the record is not chosen yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecordFacts {
    /// What was measured.
    pub code: Option<LoincCode>,
    /// Which device measured.
    pub device: Option<ParticipantId>,
    /// How confidential it is.
    pub confidentiality: Option<Confidentiality>,
    /// Its sensitivity labels; known to have none when empty.
    pub sensitivity: Option<BTreeSet<SensitivityCode>>,
    /// The length of its window in seconds.
    pub grid_s: Option<u32>,
    /// Its window.
    pub window: Option<Window>,
}

impl RecordFacts {
    /// All attributes of one record.
    pub fn of(
        code: LoincCode,
        device: ParticipantId,
        labels: &Labels,
        grid_s: u32,
        start: TimestampMs,
    ) -> Self {
        let end = start.saturating_add(i64::from(grid_s).saturating_mul(1000));
        Self {
            code: Some(code),
            device: Some(device),
            confidentiality: Some(labels.confidentiality),
            sensitivity: Some(labels.sensitivity.iter().cloned().collect()),
            grid_s: Some(grid_s),
            window: Some(Window { start, end }),
        }
    }
}

/// The time that a record is about: half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Its first millisecond.
    pub start: TimestampMs,
    /// The first millisecond after it.
    pub end: TimestampMs,
}
