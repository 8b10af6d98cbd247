//! A patient's consent as a whole: sharing above the directives.

use super::Sharing;
use crate::decision::{Decision, Explanation, Question, Reason, Request, Rules};
use crate::head::Head;
use crate::ids::PurposeCode;
use crate::policies::Policies;
use fabric_contract_rs::TimestampMs;

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
