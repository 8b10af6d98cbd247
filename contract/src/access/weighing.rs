//! One patient's consent, weighed for who asks: the one way to a decision. Requests, openings and
//! readings go it, and what a patient is told of them.

use super::asker::{Asker, Seen, refused};
use super::{AccessVerdict, Capacity, Scope};
use crate::consent::{Action, Directive, Effect, Sharing};
use crate::decision::{Decision, Explanation, Outcome, Question, Reason, RecordFacts, Rules, Who};
use crate::head::Head;
use crate::ids::{DirectiveId, ObligationCode, PurposeCode};
use crate::policies::Policies;
use crate::status::Status;
use fabric_contract_rs::TimestampMs;
use std::collections::BTreeSet;

/// What a patient has decided, prepared for many requests.
pub(super) struct Consent<'a> {
    head: &'a Head,
    rules: Rules<'a>,
}

/// A patient's consent and who asks, at the transaction's time.
pub(super) struct Weighing<'a> {
    consent: &'a Consent<'a>,
    asker: &'a Asker<'a>,
    capacity: Capacity,
    seen: Option<Seen<'a>>,
}

impl<'a> Consent<'a> {
    pub(super) fn of(policies: &'a Policies, head: &'a Head) -> Self {
        Self { head, rules: Rules::prepare(policies, &head.directives) }
    }

    pub(super) fn weigh(&'a self, asker: &'a Asker<'a>, capacity: Capacity) -> Weighing<'a> {
        Weighing { consent: self, asker, capacity, seen: asker.seen(self.head) }
    }

    /// What comes of a request, for the patient: where it would be refused, a denial that says why.
    pub(super) fn decide(
        &self,
        asker: &Asker<'_>,
        (purpose, action): (&PurposeCode, Action),
        record: &RecordFacts,
    ) -> Decision {
        match asker.asks(purpose, self.head) {
            Ok(capacity) => self.weigh(asker, capacity).decide((purpose, action), record),
            Err(error) => Decision::denied(refused(&error)),
        }
    }

    /// The same with what nearly decided.
    pub(super) fn explain(
        &self,
        asker: &Asker<'_>,
        asked: (&PurposeCode, Action),
        record: &RecordFacts,
    ) -> Explanation {
        let (purpose, action) = asked;
        let near_misses = match asker.seen(self.head) {
            Some(seen) => {
                let question = Question { who: seen.who(), purpose, action, record };
                self.rules.explain(question, asker.tx.at).near_misses
            }
            None => Vec::new(),
        };
        Explanation { decision: self.decide(asker, asked, record), near_misses }
    }
}

impl Seen<'_> {
    fn who(&self) -> Who<'_> {
        match self {
            Self::One(requester) => Who::Requester(requester),
            Self::Any(actor) => Who::Any(actor),
        }
    }
}

impl Weighing<'_> {
    /// What is decided for a scope, before records are known: the codes that are not denied. If all are, it
    /// names what denies any of them, and the reason that says most.
    pub(super) fn scope(&self, scope: &Scope) -> AccessVerdict {
        if let Some(reason) = self.outright(&scope.purpose) {
            return AccessVerdict::denied(reason);
        }
        let mut granted = AccessVerdict::denied(Reason::NoApplicableConsent);
        let mut denied: Option<AccessVerdict> = None;
        for code in &scope.codes {
            let record = RecordFacts { code: Some(*code), ..RecordFacts::default() };
            let decision = self.consented((&scope.purpose, scope.action), &record);
            if decision.outcome == Outcome::Deny {
                let reason = decision.reason;
                let denied = denied.get_or_insert_with(|| AccessVerdict::denied(reason));
                denied.reason = weightier(denied.reason, reason);
                denied.determining.extend(decision.determining);
                continue;
            }
            if granted.outcome != Outcome::Conditional {
                (granted.outcome, granted.reason) = (decision.outcome, decision.reason);
            }
            granted.codes.insert(*code);
            granted.determining.extend(decision.determining);
            granted.residual.extend(decision.residual);
            granted.obligations.extend(decision.obligations);
        }
        match denied {
            Some(denied) if granted.codes.is_empty() => denied,
            Some(_) => AccessVerdict {
                outcome: Outcome::Conditional,
                reason: Reason::ConsentConditional,
                ..granted
            },
            None => granted,
        }
    }

    fn decide(&self, asked: (&PurposeCode, Action), record: &RecordFacts) -> Decision {
        let outright = self.outright(asked.0).map(Decision::denied);
        outright.unwrap_or_else(|| self.consented(asked, record))
    }

    /// Whether one record may be read, and what that obliges to.
    pub(super) fn record(
        &self,
        scope: &Scope,
        facts: &RecordFacts,
    ) -> Option<BTreeSet<ObligationCode>> {
        let decision = self.consented((&scope.purpose, scope.action), facts);
        (decision.outcome == Outcome::Permit).then_some(decision.obligations)
    }

    /// Whatever the record: why nothing is permitted.
    fn outright(&self, purpose: &PurposeCode) -> Option<Reason> {
        let head = self.consent.head;
        if self.asker.capacity(purpose) != Ok(self.capacity) {
            Some(Reason::PurposeNotAssertable)
        } else if head.status != Status::Active {
            Some(Reason::PatientInactive)
        } else if self.asker.tx.at < head.meta.updated_at {
            Some(Reason::BackDated)
        } else if self.capacity == Capacity::Delegate {
            None
        } else {
            match head.sharing {
                Sharing::On => None,
                Sharing::Paused => Some(Reason::SharingPaused),
                Sharing::EmergencyOnly => Some(Reason::EmergencyOnly),
            }
        }
    }

    /// What the directives say to staff. Delegates need none: they are told whatever the patient is,
    /// and as that not yet what its clinician tells it first.
    fn consented(
        &self,
        (purpose, action): (&PurposeCode, Action),
        record: &RecordFacts,
    ) -> Decision {
        match (self.capacity, &self.seen) {
            (Capacity::Delegate, _) => {
                let labels = self.asker.policies.labels();
                let taboo = |of: &BTreeSet<_>| labels.withhold_from_subject(of);
                if record.sensitivity.as_ref().is_some_and(taboo) {
                    Decision::denied(Reason::WithheldFromSubject)
                } else {
                    Decision::plain(Outcome::Permit, Reason::Delegate)
                }
            }
            (Capacity::Staff, Some(seen)) => {
                let question = Question { who: seen.who(), purpose, action, record };
                self.consent.rules.answer(question, self.asker.tx.at)
            }
            (Capacity::Staff, None) => Decision::denied(Reason::RoleNotPermitted),
        }
    }

    /// When what permits it ends. When what denies it does, the requester is not told: of a denial only
    /// its own limits count.
    pub(super) fn until(&self, verdict: &AccessVerdict) -> Option<TimestampMs> {
        let head = self.consent.head;
        let permitted = !verdict.is_denied();
        let determining: BTreeSet<&DirectiveId> =
            verdict.determining.iter().map(|it| &it.directive).collect();
        let open: BTreeSet<&DirectiveId> =
            verdict.residual.iter().filter(|it| it.permits).map(|it| &it.directive).collect();
        let permits = |it: &&Directive| {
            let may = it.decision == Effect::Permit && open.contains(&it.id);
            may || determining.contains(&it.id)
        };
        // A deny counts by its exceptions where nothing else permits; or else its end is its own.
        let by_exceptions = !head.directives.iter().any(|it| permits(&it));
        let rests_on = |it: &&Directive| {
            permitted && (permits(it) || (by_exceptions && open.contains(&it.id)))
        };
        let ends = head.directives.iter().filter(rests_on).filter_map(|it| it.period.end);
        ends.chain(self.asker.until(self.capacity, head)).min()
    }
}

/// Of the reasons of two codes the one for both: an error before a deny, and that before what an agreement
/// would settle, so that nobody is sent for one in vain.
fn weightier(one: Reason, other: Reason) -> Reason {
    let weight = |reason: Reason| match reason {
        Reason::PolicyError => 4,
        Reason::ConsentDeny => 3,
        Reason::AgreementRequired => 2,
        Reason::NoApplicableConsent => 0,
        _ => 1,
    };
    if weight(other) > weight(one) { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::weightier;
    use crate::decision::Reason::*;

    #[test]
    fn the_reason_for_several_codes_is_the_one_that_says_most() {
        let ordered =
            [PolicyError, ConsentDeny, AgreementRequired, RoleNotPermitted, NoApplicableConsent];
        for (at, one) in ordered.into_iter().enumerate() {
            for other in ordered.into_iter().skip(at) {
                assert_eq!((weightier(one, other), weightier(other, one)), (one, one));
            }
        }
    }
}
