//! A patient's consent as a whole: sharing above the directives.

use super::Sharing;
use crate::decision::{
    Decision, Explanation, Outcome, Question, Reason, RecordFacts, Request, Rules,
};
use crate::head::Head;
use crate::ids::PurposeCode;
use crate::policies::Policies;
use fabric_contract_rs::TimestampMs;

/// Who reads a patient's data without a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnReader {
    /// The patient.
    Subject,
    /// Its delegate with the power to.
    Delegate,
}

/// What one patient has decided, prepared to decide many requests of others.
///
/// Whoever asks was looked up before: it is active, its role allows the action and its organisation
/// may assert the purpose. Breaking the glass is no request: it is never permitted here, because it is
/// declared.
#[derive(Debug)]
pub struct Consent<'a> {
    policies: &'a Policies,
    sharing: Sharing,
    rules: Rules<'a>,
}

impl<'a> Consent<'a> {
    /// A patient's consent as its head has it.
    pub fn of(policies: &'a Policies, head: &'a Head) -> Self {
        Self { policies, sharing: head.sharing, rules: Rules::prepare(policies, &head.directives) }
    }

    /// Another sharing, as if the patient had set it.
    #[must_use]
    pub fn sharing(self, sharing: Sharing) -> Self {
        Self { sharing, ..self }
    }

    /// Decides a request.
    pub fn decide(&self, request: &Request, at: TimestampMs) -> Decision {
        self.answer(Question::from(request), at)
    }

    /// Decides what the patient itself reads, or a delegate in its name: everything but what its
    /// clinician tells it first.
    pub fn own(&self, by: OwnReader, record: &RecordFacts) -> Decision {
        let reason = match by {
            OwnReader::Subject => Reason::Myself,
            OwnReader::Delegate => Reason::Delegate,
        };
        let labels = record.sensitivity.as_ref();
        match labels.map(|it| self.policies.labels().withhold_from_subject(it)) {
            Some(true) => Decision::denied(Reason::WithheldFromSubject),
            Some(false) => Decision::plain(Outcome::Permit, reason),
            None => Decision::plain(Outcome::Conditional, reason),
        }
    }

    /// Decides a question: a request, or a kind of requests.
    pub fn answer(&self, question: Question<'_>, at: TimestampMs) -> Decision {
        match self.refusal(question.purpose) {
            Some(reason) => Decision::denied(reason),
            None => self.rules.answer(question, at),
        }
    }

    /// Decides a request and tells what nearly decided it: for the patient and its auditors only.
    pub fn explain(&self, question: Question<'_>, at: TimestampMs) -> Explanation {
        let mut explanation = self.rules.explain(question, at);
        if let Some(reason) = self.refusal(question.purpose) {
            explanation.decision = Decision::denied(reason);
        }
        explanation
    }

    fn refusal(&self, purpose: &PurposeCode) -> Option<Reason> {
        if self.policies.purposes().is_break_glass(purpose) {
            return Some(Reason::BreakGlassOnly);
        }
        match self.sharing {
            Sharing::On => None,
            Sharing::EmergencyOnly => Some(Reason::EmergencyOnly),
            Sharing::Paused => Some(Reason::SharingPaused),
        }
    }
}
