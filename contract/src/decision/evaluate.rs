//! One request against prepared directives.

use super::outcome::{
    Decision, Determining, Element, Explanation, NearMiss, Outcome, Path, Reason, Residual,
};
use super::request::{Question, Request};
use super::rules::{Atom, Clause, Prepared, Rules, Span, Test};
use super::truth::Truth;
use crate::consent::{Directive, DirectiveStatus, Effect};
use crate::ids::{ObligationCode, PurposeCode, SensitivityCode};
use crate::time::Period;
use fabric_contract_rs::TimestampMs;
use std::cell::Cell;
use std::collections::BTreeSet;

/// HL7's code for what only needs the minimum.
const MINIMUM_NECESSARY: &str = "MINEC";

/// What a directive can come to say, as far as the request is known.
#[derive(Debug, Clone, Copy, Default)]
struct Say {
    nothing: bool,
    permit: bool,
    deny: bool,
}

impl Say {
    /// Of a directive that asks for terms: what it permits is not permitted by it alone.
    fn without_permit(self) -> Self {
        Self { nothing: self.nothing || self.permit, permit: false, deny: self.deny }
    }

    fn with(mut self, effect: Effect) -> Self {
        match effect {
            Effect::Permit => self.permit = true,
            Effect::Deny => self.deny = true,
        }
        self
    }

    /// What it says whatever the record.
    fn definitely(self, effect: Effect) -> bool {
        let (this, other) = match effect {
            Effect::Permit => (self.permit, self.deny),
            Effect::Deny => (self.deny, self.permit),
        };
        this && !other && !self.nothing
    }
}

/// The answers to every atom, for one request.
struct Answers<'r, 'a> {
    rules: &'r Rules<'a>,
    truths: Vec<Truth>,
    /// The elements evaluated so far.
    elements: Vec<Cell<Option<Truth>>>,
}

impl Rules<'_> {
    /// Decides a request at a time.
    pub fn decide(&self, request: &Request, at: TimestampMs) -> Decision {
        self.answer(Question::from(request), at)
    }

    /// Decides a question at a time. For a kind of requesters the outcome is definite when it is the
    /// same for every one of them.
    pub fn answer(&self, question: Question<'_>, at: TimestampMs) -> Decision {
        // It is declared: no directive permits it, and none needs to deny it.
        if self.policies.purposes().is_break_glass(question.purpose) {
            return Decision::denied(Reason::BreakGlassNotDeclared);
        }
        self.answers(question, at).map_or_else(
            || Decision::denied(Reason::PolicyError),
            |answers| answers.decide(question.purpose, at),
        )
    }

    /// Decides a question and tells what nearly decided it. For the patient and its delegates only: a
    /// requester would learn from it what the patient chose.
    pub fn explain(&self, question: Question<'_>, at: TimestampMs) -> Explanation {
        let decision = self.answer(question, at);
        let answers = self.answers(question, at);
        let mut near_misses: Vec<NearMiss> =
            answers.map(|answers| answers.near_misses(at).collect()).unwrap_or_default();
        near_misses.sort_unstable();
        Explanation { decision, near_misses }
    }

    /// Nothing when the question cannot be evaluated.
    fn answers(&self, question: Question<'_>, at: TimestampMs) -> Option<Answers<'_, '_>> {
        let asked = Asked::of(self, question, at)?;
        let truths = self.atoms.iter().map(|atom| asked.truth(atom)).collect::<Option<_>>()?;
        let elements = vec![Cell::new(None); self.clauses.len()];
        Some(Answers { rules: self, truths, elements })
    }
}

/// A request with what its codes are part of.
struct Asked<'r> {
    rules: &'r Rules<'r>,
    question: Question<'r>,
    at: TimestampMs,
    purposes: Vec<&'r PurposeCode>,
    /// Every sensitivity the record has, and what each is a kind of.
    sensitivities: Option<BTreeSet<&'r SensitivityCode>>,
    /// Whether all of the record's labels are known to the policies.
    labels_known: bool,
    window: Option<Period>,
}

impl<'r> Asked<'r> {
    fn of(rules: &'r Rules<'_>, question: Question<'r>, at: TimestampMs) -> Option<Self> {
        let policies = rules.policies;
        let purposes: Vec<_> = policies.purposes().covering(question.purpose).collect();
        let record = question.record;
        let window = record.window.map(|it| Period { start: it.start, end: Some(it.end) });
        if purposes.is_empty() || !window.is_none_or(|it| it.is_valid()) {
            return None;
        }
        let labels = record.sensitivity.as_ref();
        let labels_known =
            labels.is_none_or(|it| it.iter().all(|it| policies.labels().knows_sensitivity(it)));
        let sensitivities =
            labels.map(|it| it.iter().flat_map(|it| policies.labels().covering(it)).collect());
        Some(Self { rules, question, at, purposes, sensitivities, labels_known, window })
    }

    /// Nothing when the question has no answer under the policies.
    fn truth(&self, atom: &Atom<'_>) -> Option<Truth> {
        fn known<T>(value: Option<T>, is: impl FnOnce(T) -> bool) -> Truth {
            value.map_or(Truth::Unknown, |value| is(value).into())
        }
        let record = self.question.record;
        Some(match *atom {
            Atom::Actor(actor) => self.question.who.is(actor),
            Atom::Purpose(purpose) => self.purposes.contains(&purpose).into(),
            Atom::Action(action) => (self.question.action == action).into(),
            Atom::Code(code) => known(record.code, |it| it == code),
            Atom::Category(category) => match record.code {
                None => Truth::Unknown,
                Some(code) => {
                    (self.rules.policies.codes().rule(code)?.category == *category).into()
                }
            },
            Atom::Device(device) => known(record.device, |it| it == device),
            Atom::UpTo(label) => known(record.confidentiality, |it| it <= label),
            Atom::From(label) => known(record.confidentiality, |it| it >= label),
            Atom::Sensitivity(_) if !self.labels_known => return None,
            Atom::Sensitivity(label) => known(self.sensitivities.as_ref(), |it| it.contains(label)),
            Atom::AsCoarseAs(grid_s) => known(record.grid_s, |it| it >= grid_s),
            Atom::FinerThan(grid_s) => known(record.grid_s, |it| it < grid_s),
            Atom::Within(period) => known(self.window, |it| period.includes(&it)),
            Atom::Overlapping(period) => known(self.window, |it| period.overlaps(&it)),
            Atom::During(period) => period.contains(self.at).into(),
        })
    }
}

impl Answers<'_, '_> {
    fn decide(&self, purpose: &PurposeCode, at: TimestampMs) -> Decision {
        let mut permits = Vec::new();
        let mut denies = Vec::new();
        let mut broken = Vec::new();
        let mut residual = Vec::new();
        let (mut can_permit, mut can_deny) = (false, false);
        let (mut bound, mut can_agree) = (Vec::new(), false);
        let mut obligations = BTreeSet::new();
        for prepared in &self.rules.directives {
            let directive = prepared.directive;
            if let Some(path) = prepared.broken {
                if directive.status == DirectiveStatus::Active
                    && (directive.period.contains(at) || !directive.period.is_valid())
                {
                    broken.push(determining(directive, path));
                }
                continue;
            }
            if !directive.is_in_force(at) {
                continue;
            }
            let (mut say, path) = self.say(prepared);
            if directive.terms.is_some() {
                if say.definitely(Effect::Permit) {
                    bound.push(determining(directive, path));
                }
                can_agree |= say.permit;
                say = say.without_permit();
            }
            can_permit |= say.permit;
            can_deny |= say.deny;
            if say.permit {
                obligations.extend(directive.obligations.iter().cloned());
            }
            if say.definitely(Effect::Deny) {
                denies.push(determining(directive, path));
            } else if say.definitely(Effect::Permit) {
                permits.push(determining(directive, path));
            } else if say.permit || say.deny {
                residual.push(self.residual(prepared, say));
            }
        }
        let (outcome, reason, mut determining) = if !broken.is_empty() {
            (Outcome::Deny, Reason::PolicyError, broken)
        } else if !denies.is_empty() {
            (Outcome::Deny, Reason::ConsentDeny, denies)
        } else if !can_permit && can_agree {
            (Outcome::Deny, Reason::AgreementRequired, bound)
        } else if !can_permit {
            (Outcome::Deny, Reason::NoApplicableConsent, Vec::new())
        } else if !permits.is_empty() && !can_deny {
            (Outcome::Permit, Reason::ConsentPermit, permits)
        } else {
            (Outcome::Conditional, Reason::ConsentConditional, permits)
        };
        determining.sort_unstable();
        residual.sort_unstable();
        let conditional = outcome == Outcome::Conditional;
        if outcome == Outcome::Deny {
            obligations = BTreeSet::new();
        } else {
            obligations.extend(self.minimum_necessary(purpose));
        }
        let residual = if conditional { residual } else { Vec::new() };
        Decision { outcome, reason, determining, residual, obligations }
    }

    fn minimum_necessary(&self, purpose: &PurposeCode) -> Option<ObligationCode> {
        let needed = self.rules.policies.purposes().needs_minimum(purpose);
        if needed { MINIMUM_NECESSARY.parse().ok() } else { None }
    }

    /// What the directive can come to say, and where; the place has no meaning while that is open.
    fn say(&self, prepared: &Prepared<'_>) -> (Say, Path) {
        let decision = prepared.directive.decision;
        let nothing = Say { nothing: true, ..Say::default() };
        let context = self.test(prepared.context.clauses);
        if context == Truth::False {
            return (nothing, Path::Context);
        }
        let mut path = Path::Context;
        let mut fires = Truth::False;
        for (i, provision) in (0..).zip(prepared.provisions.of(&self.rules.provisions)) {
            let matches = self.test(provision.clauses);
            if matches == Truth::False {
                continue;
            }
            let (excepted, j) = self.exception(provision.exceptions);
            let fired = matches.min(excepted.not());
            if fired == Truth::True {
                (fires, path) = (fired, Path::Provision(i));
                break;
            }
            fires = fires.max(fired);
            if matches.min(excepted) == Truth::True && path == Path::Context {
                path = Path::Exception(i, j);
            }
        }
        let say = if context == Truth::Unknown { nothing } else { Say::default() };
        let say = match fires {
            Truth::True => say.with(decision.reversed()),
            Truth::False => say.with(decision),
            Truth::Unknown => say.with(decision).with(decision.reversed()),
        };
        (say, path)
    }

    /// Whether some exception matches, and which does first.
    fn exception(&self, exceptions: Span) -> (Truth, u16) {
        let mut best = (Truth::False, 0);
        for (j, exception) in (0..).zip(exceptions.of(&self.rules.exceptions)) {
            let matches = self.test(exception.clauses);
            if matches > best.0 {
                best = (matches, j);
            }
            if matches == Truth::True {
                break;
            }
        }
        best
    }

    fn test(&self, clauses: Span) -> Truth {
        let mut all = Truth::True;
        for number in clauses.of(&self.rules.conjuncts) {
            all = all.min(self.element(*number));
            if all == Truth::False {
                break;
            }
        }
        all
    }

    fn element(&self, number: u32) -> Truth {
        let Some(known) = self.elements.get(number as usize) else { return Truth::Unknown };
        known.get().unwrap_or_else(|| {
            let clause = self.rules.clauses.get(number as usize);
            let truth = clause.map_or(Truth::Unknown, |clause| self.clause(clause));
            known.set(Some(truth));
            truth
        })
    }

    /// The elements of a matcher.
    fn clauses(&self, span: Span) -> impl Iterator<Item = &Clause> {
        let numbers = span.of(&self.rules.conjuncts).iter();
        numbers.filter_map(|number| self.rules.clauses.get(*number as usize))
    }

    fn clause(&self, clause: &Clause) -> Truth {
        let mut any = Truth::False;
        for atom in clause.atoms.of(&self.rules.choices) {
            any = any.max(self.truths.get(*atom as usize).copied().unwrap_or(Truth::Unknown));
            if any == Truth::True {
                break;
            }
        }
        any
    }

    fn residual(&self, prepared: &Prepared<'_>, say: Say) -> Residual {
        let provisions = prepared.provisions.of(&self.rules.provisions);
        let nested = |test: &Test| test.exceptions.of(&self.rules.exceptions);
        let tests = provisions.iter().flat_map(|test| std::iter::once(test).chain(nested(test)));
        let tests = std::iter::once(&prepared.context).chain(tests);
        let clauses = tests
            .filter(|test| self.test(test.clauses) == Truth::Unknown)
            .flat_map(|test| self.clauses(test.clauses));
        let open = clauses.filter(|clause| self.clause(clause) == Truth::Unknown);
        Residual {
            directive: prepared.directive.id.clone(),
            version: prepared.directive.version,
            permits: say.permit,
            denies: say.deny,
            open: open.map(|clause| clause.element).collect(),
        }
    }

    fn near_misses(&self, at: TimestampMs) -> impl Iterator<Item = NearMiss> {
        let usable = |it: &&Prepared<'_>| {
            it.broken.is_none() && it.directive.status == DirectiveStatus::Active
        };
        self.rules.directives.iter().filter(usable).filter_map(move |prepared| {
            let clauses = self.clauses(prepared.context.clauses);
            let failed = clauses.filter(|clause| self.clause(clause) == Truth::False);
            let expired = (!prepared.directive.period.contains(at)).then_some(Element::Period);
            let mut failed = failed.map(|clause| clause.element).chain(expired);
            match (failed.next(), failed.next()) {
                (Some(element), None) => Some(NearMiss {
                    directive: prepared.directive.id.clone(),
                    version: prepared.directive.version,
                    path: Path::Context,
                    failed: element,
                }),
                _ => None,
            }
        })
    }
}

fn determining(directive: &Directive, path: Path) -> Determining {
    Determining { directive: directive.id.clone(), version: directive.version, path }
}
