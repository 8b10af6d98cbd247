//! Questions of a patient about its own consent: why, and what if.

use super::asker::Asker;
use super::directory::Directory;
use super::weighing::Consent;
use crate::act::View;
use crate::consent::{Action, Actor, Draft, Sharing, with_draft};
use crate::decision::{Explanation, RecordFacts};
use crate::delegation::Power;
use crate::error::ContractError;
use crate::head::Head;
use crate::ids::{DirectiveId, PurposeCode, SubjectId};
use crate::meta::Tx;
use crate::policies::Policies;
use crate::private;
use crate::role::Role;
use fabric_contract_rs::{Evaluate, QueryReader, TxContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most questions of one simulation.
pub const QUESTIONS_MAX: usize = 32;

/// Somebody asks for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asking {
    /// Who: one participant (`pid:…`) as the ledger knows it now, staff or delegate, by the key that it
    /// is known by; or whoever is of a unit, an organisation, a role or the care team and may ask for this
    /// purpose at all.
    pub who: Actor,
    /// What for.
    pub purpose: PurposeCode,
    /// What is done with the data.
    #[serde(default)]
    pub action: Action,
    /// The record; what is left out is unknown. With its code alone the answer is what `RequestAccess`
    /// would decide for that code, with all of it what `ReadSummaries` would.
    #[serde(default)]
    pub record: RecordFacts,
}

/// What `RequestAccess` would decide now.
fn explain(
    consent: &Consent<'_>,
    (asking, head): (&Asking, &Head),
    directory: &Directory,
    (policies, tx): (&Policies, &Tx),
) -> Explanation {
    let Asking { who, purpose, action, record } = asking;
    let asker = Asker::supposed((policies, tx), who, directory, head);
    consent.explain(&asker, (purpose, *action), record)
}

/// What `RequestAccess` would decide for somebody now, and why: all directives that decide it, and those
/// that nearly apply. A request that would be refused is a denial with the reason of the refusal. Only the
/// patient and its delegates learn this; who asks gets a coarse code.
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
        let directory = Directory::of([&asking.who].into_iter(), ledger).await?;
        let consent = Consent::of(policies, &head);
        Ok(explain(&consent, (&asking, &head), &directory, (policies, &tx)))
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
    End(DirectiveId),
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
        let directory = Directory::of(asking.iter().map(|it| &it.who), ledger).await?;
        let before = Consent::of(policies, &head);
        let after = Consent::of(policies, &changed);
        let under = (policies, &tx);
        let outcomes = asking.iter().map(|asking| Simulated {
            before: explain(&before, (asking, &head), &directory, under),
            after: explain(&after, (asking, &changed), &directory, under),
        });
        Ok(Simulation { outcomes: outcomes.collect() })
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
