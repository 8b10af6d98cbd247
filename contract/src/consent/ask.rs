//! Questions of a patient about its own consent: what if, who can, and why.

use super::read::with_draft;
use super::{Action, Actor, Consent, Directive, Draft, Effect, Matcher, Sharing};
use crate::act::View;
use crate::decision::{
    Decision, Determining, Explanation, Outcome, Question, Reason, RecordFacts, Requester, Who,
};
use crate::delegation::Power;
use crate::error::ContractError;
use crate::head::Head;
use crate::ids::{LoincCode, ParticipantId, ProjectId, PurposeCode, SubjectId};
use crate::meta::Tx;
use crate::organization::Organization;
use crate::participant::staff_is_active;
use crate::policies::Policies;
use crate::private;
use crate::role::Role;
use crate::staff::Staff;
use crate::state::{ORGANIZATIONS, STAFF};
use fabric_contract_rs::{Evaluate, QueryReader, TxContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most questions of one simulation.
pub const QUESTIONS_MAX: usize = 32;
/// Most lines of the answer to who can access.
pub const ACCESSES_MAX: usize = 500;
/// Pairs of an actor and a purpose that one [`WhoCanAccess`] looks at: some ten milliseconds of a peer.
const PAIRS_MAX: usize = 4_096;

/// Somebody asks for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asking {
    /// Who.
    pub who: Asker,
    /// What for.
    pub purpose: PurposeCode,
    /// What is done with the data.
    #[serde(default)]
    pub action: Action,
    /// The record; what is left out is unknown.
    #[serde(default)]
    pub record: RecordFacts,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Asker {
    /// A member of staff, as the ledger knows it now, perhaps as a member of a project.
    Staff(StaffAsker),
    /// Whoever is this.
    Any(Actor),
}

/// A member of staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaffAsker {
    /// Who.
    pub pid: ParticipantId,
    /// The project as whose member it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
}

impl Requester {
    /// A member of staff, active or not, as the engine sees it.
    pub(crate) fn of_staff(
        pid: ParticipantId,
        organization: &Organization,
        staff: &Staff,
        project: Option<ProjectId>,
        care_team: &BTreeSet<Actor>,
    ) -> Self {
        let units: BTreeSet<_> =
            organization.path(&staff.unit).map(|unit| unit.id.clone()).collect();
        let in_team = |it: &Actor| match it {
            Actor::Participant(member) => *member == pid,
            Actor::Unit { unit, msp } => *msp == staff.msp && units.contains(unit),
            _ => false,
        };
        let care_team = care_team.iter().any(in_team);
        let (org, roles) = (staff.msp.clone(), staff.roles.clone());
        Self { pid, org, units, roles, project, care_team }
    }
}

/// One who asks, as found on the ledger.
enum Found<'a> {
    Active(Requester),
    Inactive,
    Any(&'a Actor),
}

async fn find<'a>(
    asker: &'a Asker,
    head: &Head,
    tx: &Tx,
    ledger: &impl QueryReader,
) -> Result<Found<'a>, ContractError> {
    let asker = match asker {
        Asker::Any(actor) => return Ok(Found::Any(actor)),
        Asker::Staff(asker) => asker,
    };
    let staff = STAFF.get(ledger, &(asker.pid,)).await?.ok_or(ContractError::StaffUnknown)?;
    let organization = ORGANIZATIONS.get(ledger, &(staff.msp.clone(),)).await?;
    let organization = organization.ok_or(ContractError::OrganizationUnknown)?;
    if staff_is_active(&organization, &staff, tx).is_err() {
        return Ok(Found::Inactive);
    }
    let project = asker.project.clone();
    let requester = Requester::of_staff(asker.pid, &organization, &staff, project, &head.care_team);
    Ok(Found::Active(requester))
}

fn explain(consent: &Consent<'_>, asking: &Asking, found: &Found<'_>, tx: &Tx) -> Explanation {
    let who = match found {
        Found::Active(requester) => Who::Requester(requester),
        Found::Any(actor) => Who::Any(actor),
        Found::Inactive => {
            let decision = Decision::denied(Reason::Inactive);
            return Explanation { decision, near_misses: Vec::new() };
        }
    };
    let Asking { purpose, action, record, .. } = asking;
    consent.explain(Question { who, purpose, action: *action, record }, tx.at)
}

/// Why a request would be decided as it would: all directives that decide it, and those that nearly
/// apply. Only the patient and its delegates learn this; who asks gets a coarse code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainDecision {}

/// The private part of [`ExplainDecision`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainDecisionPrivate {
    /// The patient, when the caller is its delegate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SubjectId>,
    /// The request.
    pub asking: Asking,
}

impl Evaluate for ExplainDecision {
    const NAME: &'static str = "ExplainDecision";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), Role::Delegate.name()];
    type State = Policies;
    type Output = Explanation;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Explanation, ContractError> {
        let ExplainDecisionPrivate { sid, asking } = private::take(cx)?;
        let View { head } = View::of::<Self>(policies, cx, sid, Power::Consent, ledger).await?;
        let tx = Tx::of(cx)?;
        let found = find(&asking.who, &head, &tx, ledger).await?;
        Ok(explain(&Consent::of(policies, &head), &asking, &found, &tx))
    }
}

/// What a change would do: requests decided as things are, and as they would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulateConsent {}

/// The private part of [`SimulateConsent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulateConsentPrivate {
    /// The patient, when the caller is its delegate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SubjectId>,
    /// The change.
    pub change: Change,
    /// The requests; 1 to 32.
    pub asking: Vec<Asking>,
}

/// A change of consent to try out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Write a directive.
    Put(Box<Draft>),
    /// Withdraw one.
    End(crate::ids::DirectiveId),
    /// Set sharing.
    Sharing(Sharing),
}

/// The answer of [`SimulateConsent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Simulation {
    /// For each request, in order.
    pub outcomes: Vec<Simulated>,
}

/// One request before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Simulated {
    /// As things are.
    pub before: Explanation,
    /// As they would be.
    pub after: Explanation,
}

impl Evaluate for SimulateConsent {
    const NAME: &'static str = "SimulateConsent";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), Role::Delegate.name()];
    type State = Policies;
    type Output = Simulation;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Simulation, ContractError> {
        let SimulateConsentPrivate { sid, change, asking } = private::take(cx)?;
        if !(1..=QUESTIONS_MAX).contains(&asking.len()) {
            return Err(ContractError::ArgumentInvalid("simulate 1 to 32 requests"));
        }
        let View { head } = View::of::<Self>(policies, cx, sid, Power::Consent, ledger).await?;
        let tx = Tx::of(cx)?;
        let changed = changed(policies, &head, change, &tx)?;
        let before = Consent::of(policies, &head);
        let after = Consent::of(policies, &changed);
        let mut outcomes = Vec::with_capacity(asking.len());
        for asking in &asking {
            let found = find(&asking.who, &head, &tx, ledger).await?;
            outcomes.push(Simulated {
                before: explain(&before, asking, &found, &tx),
                after: explain(&after, asking, &found, &tx),
            });
        }
        Ok(Simulation { outcomes })
    }
}

fn changed(
    policies: &Policies,
    head: &Head,
    change: Change,
    tx: &Tx,
) -> Result<Head, ContractError> {
    let mut changed = head.clone();
    match change {
        Change::Put(draft) => {
            let (directive, directives) = with_draft(head, *draft, tx);
            if let Some(finding) = directive.errors(policies).first() {
                return Err(ContractError::ConsentInvalid(*finding));
            }
            changed.directives = directives;
        }
        Change::End(id) => changed.directives.retain(|it| it.id != id),
        Change::Sharing(sharing) => changed.sharing = sharing,
    }
    Ok(changed)
}

/// Who can access data of a code, and what for: everyone that a directive names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhoCanAccess {}

/// The private part of [`WhoCanAccess`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhoCanAccessPrivate {
    /// The patient, when the caller is its delegate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SubjectId>,
    /// What was measured.
    pub code: LoincCode,
}

/// The answer of [`WhoCanAccess`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accesses {
    /// Who can, by actor and purpose.
    pub accesses: Vec<PermittedAccess>,
    /// Whether there are more than the 500 that an answer holds, or the directives name more pairs than
    /// the 4,096 that one question looks at.
    pub more: bool,
}

/// Somebody can access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PermittedAccess {
    /// Who.
    pub actor: Actor,
    /// What for.
    pub purpose: PurposeCode,
    /// `PERMIT`: all of them, to every record of the code. `CONDITIONAL`: it depends on what else they
    /// are, or on the record.
    pub outcome: Outcome,
    /// The directives that permit whatever else.
    pub determining: Vec<Determining>,
}

impl Evaluate for WhoCanAccess {
    const NAME: &'static str = "WhoCanAccess";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), Role::Delegate.name()];
    type State = Policies;
    type Output = Accesses;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Accesses, ContractError> {
        let WhoCanAccessPrivate { sid, code } = private::take(cx)?;
        let View { head } = View::of::<Self>(policies, cx, sid, Power::Consent, ledger).await?;
        let tx = Tx::of(cx)?;
        let consent = Consent::of(policies, &head);
        let record = RecordFacts { code: Some(code), ..RecordFacts::default() };
        let in_force = head.directives.iter().filter(|it| it.is_in_force(tx.at));
        let named: BTreeSet<(&Actor, &PurposeCode)> = in_force.flat_map(named).collect();
        let unseen = named.len() > PAIRS_MAX;
        let mut accesses = named.into_iter().take(PAIRS_MAX).filter_map(|(actor, purpose)| {
            let who = Who::Any(actor);
            let question = Question { who, purpose, action: Action::Access, record: &record };
            let decision = consent.answer(question, tx.at);
            (decision.outcome != Outcome::Deny).then(|| PermittedAccess {
                actor: actor.clone(),
                purpose: purpose.clone(),
                outcome: decision.outcome,
                determining: decision.determining,
            })
        });
        let listed = accesses.by_ref().take(ACCESSES_MAX).collect();
        Ok(Accesses { accesses: listed, more: unseen || accesses.next().is_some() })
    }
}

/// The actors and purposes that a directive's permits name together.
fn named(directive: &Directive) -> Vec<(&Actor, &PurposeCode)> {
    let context = &directive.context;
    let permitting: Vec<&Matcher> = match directive.decision {
        Effect::Permit => vec![context],
        Effect::Deny => directive.provision.iter().map(|it| &it.matcher).collect(),
    };
    permitting.into_iter().flat_map(|matcher| pairs(matcher, context)).collect()
}

fn pairs<'a>(matcher: &'a Matcher, context: &'a Matcher) -> Vec<(&'a Actor, &'a PurposeCode)> {
    let actors = matcher.actors.as_ref().or(context.actors.as_ref());
    let purposes = matcher.purposes.as_ref().or(context.purposes.as_ref());
    let actors = actors.into_iter().flatten();
    actors.flat_map(|actor| purposes.into_iter().flatten().map(move |it| (actor, it))).collect()
}
