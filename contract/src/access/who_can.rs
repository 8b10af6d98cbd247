//! Who can read what: a patient's question.

use super::asker::Asker;
use super::directory::Directory;
use super::weighing::Consent;
use crate::act::View;
use crate::consent::{Action, Actor, Directive, Effect, Matcher};
use crate::decision::{Determining, Outcome, Reason, RecordFacts};
use crate::delegation::Power;
use crate::error::ContractError;
use crate::head::Head;
use crate::ids::{LoincCode, PurposeCode, SubjectId};
use crate::meta::Tx;
use crate::policies::Policies;
use crate::private;
use crate::role::Role;
use fabric_contract_rs::{Evaluate, QueryReader, TxContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most lines of the answer to who can access.
pub const ACCESSES_MAX: usize = 500;
/// Requests that one [`WhoCanAccess`] looks at, each of an actor for a purpose and an action: some fifty
/// milliseconds of a peer.
const REQUESTS_MAX: usize = 4_096;

/// Who can read data of a code, what for and to do what: delegates with the power to view, all but what
/// is withheld from the patient too, and everyone that a directive names. What is permitted under terms
/// of use is not among it until somebody can agree to them, nor what a project is permitted until
/// somebody can ask as its member.
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
    /// Who: of a kind those who may ask for the purpose at all.
    pub actor: Actor,
    /// What for.
    pub purpose: PurposeCode,
    /// To do what.
    pub actions: BTreeSet<Action>,
    /// `PERMIT`: all of them, to every record of the code. `CONDITIONAL`: it depends on what else they
    /// are, or on the record.
    pub outcome: Outcome,
    /// Why: `DELEGATE`, or what the directives say.
    pub reason: Reason,
    /// The directives that permit whatever else.
    pub determining: Vec<Determining>,
}

impl PermittedAccess {
    /// Whether it differs from the other in what is done alone.
    fn is_as(&self, other: &Self) -> bool {
        let Self { actor, purpose, actions: _, outcome, reason, determining } = self;
        let same = (actor, purpose) == (&other.actor, &other.purpose);
        same && (*outcome, *reason) == (other.outcome, other.reason)
            && *determining == other.determining
    }
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
        let delegates = head.delegations.iter().map(|it| Actor::Participant(it.delegate)).collect();
        let (requests, more) = requests(policies, &head, &delegates, &tx);
        let directory = Directory::of(requests.iter().map(|it| it.0), ledger).await?;
        let consent = Consent::of(policies, &head);
        let record = RecordFacts { code: Some(code), ..RecordFacts::default() };
        let mut told = Accesses { accesses: Vec::new(), more };
        let mut asker: Option<(&Actor, Asker<'_>)> = None;
        for (actor, purpose, action) in requests {
            let known = asker.take().filter(|(of, _)| *of == actor).map(|(_, it)| it);
            let known =
                known.unwrap_or_else(|| Asker::supposed((policies, &tx), actor, &directory, &head));
            let decision = consent.decide(&known, (purpose, action), &record);
            asker = Some((actor, known));
            if decision.outcome == Outcome::Deny {
                continue;
            }
            let more = told.add(PermittedAccess {
                actor: actor.clone(),
                purpose: purpose.clone(),
                actions: [action].into(),
                outcome: decision.outcome,
                reason: decision.reason,
                determining: decision.determining,
            });
            if more {
                break;
            }
        }
        Ok(told)
    }
}

impl Accesses {
    /// Adds it, to a line that is the same but for what is done, or else as a line; not when there is no
    /// room.
    fn add(&mut self, access: PermittedAccess) -> bool {
        // An actor's lines for a purpose follow each other: a line an action, at most.
        let mut last = self.accesses.iter_mut().rev().take(Action::ALL.len());
        if let Some(line) = last.find(|it| it.is_as(&access)) {
            line.actions.extend(access.actions);
        } else if self.accesses.len() < ACCESSES_MAX {
            self.accesses.push(access);
        } else {
            self.more = true;
        }
        self.more && self.accesses.len() >= ACCESSES_MAX
    }
}

type Asked<'a> = (&'a Actor, &'a PurposeCode, Action);

/// The requests that delegates, and those whom directives in force permit anything, can come to make; and
/// whether there are more than are looked at. Delegates come first: no directive names them.
fn requests<'a>(
    policies: &'a Policies,
    head: &'a Head,
    delegates: &'a BTreeSet<Actor>,
    tx: &Tx,
) -> (BTreeSet<Asked<'a>>, bool) {
    let own = policies.purposes().patient_request();
    let by_delegates = delegates.iter().flat_map(|it| own.map(|own| (it, own)));
    let by_delegates = by_delegates.flat_map(|(it, own)| Action::ALL.map(|done| (it, own, done)));
    // Whom terms of use bind, they permit nothing yet.
    let free = head.directives.iter().filter(|it| it.terms.is_none());
    let in_force = free.filter(|it| it.is_in_force(tx.at));
    let named =
        in_force.flat_map(permitting).flat_map(|(it, context)| asked(policies, it, context));
    let mut requests = BTreeSet::new();
    for request in by_delegates.chain(named) {
        if requests.len() >= REQUESTS_MAX && !requests.contains(&request) {
            return (requests, true);
        }
        requests.insert(request);
    }
    (requests, false)
}

/// The matchers of a directive that permit, each with the context that it is below.
fn permitting(directive: &Directive) -> Vec<(&Matcher, &Matcher)> {
    let context = &directive.context;
    match directive.decision {
        Effect::Permit => vec![(context, context)],
        Effect::Deny => directive.provision.iter().map(|it| (&it.matcher, context)).collect(),
    }
}

/// The requests that a matcher names; for a purpose of which staff may ask for parts alone, those parts.
fn asked<'a>(policies: &'a Policies, matcher: &'a Matcher, context: &'a Matcher) -> Vec<Asked<'a>> {
    let actors = matcher.actors.as_ref().or(context.actors.as_ref());
    let purposes = matcher.purposes.as_ref().or(context.purposes.as_ref());
    let actions = matcher.actions.as_ref().or(context.actions.as_ref());
    let actions = actions.map_or(Action::ALL.to_vec(), |it| it.iter().copied().collect());
    let part = |of: &PurposeCode, it: &PurposeCode| policies.purposes().is_a(it, of);
    let named = purposes.into_iter().flatten().flat_map(|of| {
        let parts = policies.assertions().listed().filter(move |it| part(of, it));
        std::iter::once(of).chain(parts)
    });
    let purposes: BTreeSet<&PurposeCode> = named.collect();
    let (purposes, actions) = (&purposes, &actions);
    let each = actors.into_iter().flatten().flat_map(move |actor| {
        purposes.iter().flat_map(move |it| actions.iter().map(move |done| (actor, *it, *done)))
    });
    each.collect()
}
