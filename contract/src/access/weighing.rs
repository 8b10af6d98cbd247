//! One patient's consent, weighed for one caller.

use super::asker::Asker;
use super::{AccessReason, AccessVerdict, Capacity, Scope};
use crate::consent::{Directive, Sharing};
use crate::decision::{Decision, Outcome, RecordFacts, Request, Rules};
use crate::head::Head;
use crate::ids::{ObligationCode, SensitivityCode};
use crate::status::Status;
use fabric_contract_rs::TimestampMs;
use std::collections::BTreeSet;

/// A patient's head and who asks, at the transaction's time.
pub(super) struct Weighing<'a> {
    asker: &'a Asker<'a>,
    head: &'a Head,
    capacity: Capacity,
}

/// Directives that hold without terms of use; nothing when there are no others.
pub(super) fn without_terms(head: &Head) -> Option<Vec<Directive>> {
    let bound = |it: &&Directive| it.terms.is_some();
    head.directives
        .iter()
        .any(|it| bound(&it))
        .then(|| head.directives.iter().filter(|it| !bound(it)).cloned().collect())
}

impl<'a> Weighing<'a> {
    pub(super) fn new(asker: &'a Asker<'a>, head: &'a Head, capacity: Capacity) -> Self {
        Self { asker, head, capacity }
    }

    /// What is decided for a scope, before records are known: the codes that are not denied.
    pub(super) fn scope(&self, scope: &Scope) -> AccessVerdict {
        if let Some(reason) = self.outright(scope) {
            return AccessVerdict::denied(reason);
        }
        if self.capacity == Capacity::Delegate {
            let codes = scope.codes.clone();
            let granted = AccessVerdict::denied(AccessReason::Delegate);
            return AccessVerdict { outcome: Outcome::Permit, codes, ..granted };
        }
        let free = without_terms(self.head);
        let rules = Deciding::new(self, free.as_deref());
        let mut granted = AccessVerdict::denied(AccessReason::NoApplicableConsent);
        let mut conditional = false;
        let mut denied: Option<(AccessReason, Decision)> = None;
        for code in &scope.codes {
            let record = RecordFacts { code: Some(*code), ..RecordFacts::default() };
            let (reason, decision) = rules.decide(scope, record);
            if decision.outcome == Outcome::Deny {
                denied.get_or_insert((reason, decision));
                continue;
            }
            conditional |= decision.outcome == Outcome::Conditional;
            granted.codes.insert(*code);
            granted.determining.extend(decision.determining);
            granted.residual.extend(decision.residual);
            granted.obligations.extend(decision.obligations);
        }
        if granted.codes.is_empty() {
            let Some((reason, decision)) = denied else { return granted };
            let determining = decision.determining.into_iter().collect();
            return AccessVerdict { determining, ..AccessVerdict::denied(reason) };
        }
        let (outcome, reason) = if conditional || denied.is_some() {
            (Outcome::Conditional, AccessReason::ConsentConditional)
        } else {
            (Outcome::Permit, AccessReason::ConsentPermit)
        };
        AccessVerdict { outcome, reason, ..granted }
    }

    /// Whatever the scope's codes: why nothing is permitted.
    fn outright(&self, scope: &Scope) -> Option<AccessReason> {
        let head = self.head;
        if self.asker.policies.purposes().is_break_glass(&scope.purpose) {
            Some(AccessReason::BreakGlassNotDeclared)
        } else if self.asker.capacity(&scope.purpose) != Ok(self.capacity) {
            Some(AccessReason::PurposeNotAssertable)
        } else if head.status != Status::Active {
            Some(AccessReason::PatientInactive)
        } else if self.asker.tx.at < head.meta.updated_at {
            Some(AccessReason::BackDated)
        } else if self.capacity == Capacity::Delegate {
            None
        } else {
            match head.sharing {
                Sharing::On => None,
                Sharing::Paused => Some(AccessReason::SharingPaused),
                Sharing::EmergencyOnly => Some(AccessReason::EmergencyOnly),
            }
        }
    }

    /// When what permits it ends. When what denies it does, the requester is not told: of a denial only
    /// its own limits count.
    pub(super) fn until(&self, verdict: &AccessVerdict) -> Option<TimestampMs> {
        let permitted = !verdict.is_denied();
        let determined = |it: &&Directive| {
            permitted && verdict.determining.iter().any(|by| by.directive == it.id)
        };
        let ends = self.head.directives.iter().filter(determined).filter_map(|it| it.period.end);
        ends.chain(self.asker.until(self.capacity, self.head)).min()
    }
}

/// Decides many records of one patient.
pub(super) struct Deciding<'a> {
    asker: &'a Asker<'a>,
    capacity: Capacity,
    requester: crate::decision::Requester,
    all: Rules<'a>,
    /// Where some directives ask for terms: the others.
    free: Option<Rules<'a>>,
}

impl<'a> Deciding<'a> {
    /// `free` is what [`without_terms`] found.
    pub(super) fn new(weighing: &Weighing<'a>, free: Option<&'a [Directive]>) -> Self {
        let policies = weighing.asker.policies;
        Self {
            asker: weighing.asker,
            capacity: weighing.capacity,
            requester: weighing.asker.requester(weighing.head),
            all: Rules::prepare(policies, &weighing.head.directives),
            free: free.map(|free| Rules::prepare(policies, free)),
        }
    }

    /// Whether one record may be read, and what that obliges to.
    pub(super) fn record(
        &self,
        scope: &Scope,
        facts: RecordFacts,
    ) -> Option<BTreeSet<ObligationCode>> {
        if self.capacity == Capacity::Delegate {
            let hidden = self.is_taboo(facts.sensitivity.as_ref());
            return if hidden { None } else { Some(BTreeSet::new()) };
        }
        let (_, decision) = self.decide(scope, facts);
        (decision.outcome == Outcome::Permit).then_some(decision.obligations)
    }

    /// What the patient is not to be told yet, whoever stands for it is not told either.
    fn is_taboo(&self, labels: Option<&BTreeSet<SensitivityCode>>) -> bool {
        let known = self.asker.policies.labels();
        labels.is_none_or(|labels| known.withhold_from_subject(labels))
    }

    /// A directive with terms may deny, but permits nothing by itself: without an agreement what it
    /// permits needs one.
    fn decide(&self, scope: &Scope, record: RecordFacts) -> (AccessReason, Decision) {
        let Scope { purpose, action, .. } = scope;
        let actor = self.requester.clone();
        let request = Request { actor, purpose: purpose.clone(), action: *action, record };
        let at = self.asker.tx.at;
        let decision = self.all.decide(&request, at);
        let (Some(free), true) = (&self.free, decision.outcome != Outcome::Deny) else {
            return (decision.reason.into(), decision);
        };
        let mut without = free.decide(&request, at);
        if without.outcome == Outcome::Deny {
            let denied = Decision { outcome: Outcome::Deny, ..decision };
            return (AccessReason::AgreementRequired, denied);
        }
        // What a directive with terms may still deny stays open.
        if decision.outcome == Outcome::Conditional {
            without.outcome = Outcome::Conditional;
            without.residual = decision.residual;
        }
        (AccessReason::ConsentConditional, without)
    }
}
