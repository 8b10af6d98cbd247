//! One request against prepared directives.

use super::outcome::{
    Decision, Determining, Element, Explanation, NearMiss, Outcome, Path, Reason, Residual,
};
use super::request::{Question, RecordFacts, Request};
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

/// Near misses of one explanation: more than anybody reads, and an answer stays small whatever the
/// directives are.
const NEAR_MISSES_MAX: usize = 256;

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

    /// Whether it depends on what is not known.
    fn is_open(self) -> bool {
        (self.permit || self.deny)
            && !self.definitely(Effect::Permit)
            && !self.definitely(Effect::Deny)
    }
}

/// The answers to every atom, for one request.
struct Answers<'r> {
    rules: &'r Rules<'r>,
    record: &'r RecordFacts,
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
        let near_misses = answers.map(|it| it.near_misses(at)).unwrap_or_default();
        Explanation { decision, near_misses }
    }

    /// Nothing when the question cannot be evaluated.
    fn answers<'r>(&'r self, question: Question<'r>, at: TimestampMs) -> Option<Answers<'r>> {
        let asked = Asked::of(self, question, at)?;
        let truths = self.atoms.iter().map(|atom| asked.truth(atom)).collect();
        let elements = vec![Cell::new(None); self.clauses.len()];
        Some(Answers { rules: self, record: question.record, truths, elements })
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

    /// Unknown also when the policies do not know the record's code or label that it is about.
    fn truth(&self, atom: &Atom<'_>) -> Truth {
        fn known<T>(value: Option<T>, is: impl FnOnce(T) -> bool) -> Truth {
            value.map_or(Truth::Unknown, |value| is(value).into())
        }
        let record = self.question.record;
        match *atom {
            Atom::Actor(actor) => self.question.who.is(actor),
            Atom::Purpose(purpose) => self.purposes.contains(&purpose).into(),
            Atom::Action(action) => (self.question.action == action).into(),
            Atom::Code(code) => known(record.code, |it| it == code),
            Atom::Category(category) => {
                let rule = record.code.and_then(|code| self.rules.policies.codes().rule(code));
                known(rule, |it| it.category == *category)
            }
            Atom::Device(device) => known(record.device, |it| it == device),
            Atom::UpTo(label) => known(record.confidentiality, |it| it <= label),
            Atom::From(label) => known(record.confidentiality, |it| it >= label),
            Atom::Sensitivity(label) => match &self.sensitivities {
                Some(labels) if labels.contains(label) => Truth::True,
                labels => known(labels.as_ref().filter(|_| self.labels_known), |_| false),
            },
            Atom::AsCoarseAs(grid_s) => known(record.grid_s, |it| it >= grid_s),
            Atom::FinerThan(grid_s) => known(record.grid_s, |it| it < grid_s),
            Atom::Within(period) => known(self.window, |it| period.includes(&it)),
            Atom::Overlapping(period) => known(self.window, |it| period.overlaps(&it)),
            Atom::During(period) => period.contains(self.at).into(),
        }
    }
}

/// What the directives in force come to say.
#[derive(Default)]
struct Said {
    /// Those that are malformed.
    broken: Vec<Determining>,
    denies: Vec<Determining>,
    /// Those that deny or not, as the policies no longer tell.
    may_deny: Vec<Determining>,
    permits: Vec<Determining>,
    /// Those that permit or not, as the policies no longer tell.
    may_permit: Vec<Determining>,
    /// Those that would permit under terms of use, and whether one may.
    bound: Vec<Determining>,
    can_agree: bool,
    /// Those that the record decides.
    residual: Vec<Residual>,
    obligations: BTreeSet<ObligationCode>,
}

impl Said {
    /// A deny wins. What cannot be evaluated denies where it could come to deny, and permits nothing.
    fn decision(self) -> Decision {
        let Self { broken, denies, may_deny, permits, may_permit, bound, .. } = self;
        let (mut residual, mut obligations) = (self.residual, self.obligations);
        let can_permit = !permits.is_empty() || residual.iter().any(|it| it.permits);
        let can_deny = residual.iter().any(|it| it.denies);
        let (outcome, reason, mut determining) = if !broken.is_empty() {
            (Outcome::Deny, Reason::PolicyError, broken)
        } else if !denies.is_empty() {
            (Outcome::Deny, Reason::ConsentDeny, denies)
        } else if !may_deny.is_empty() {
            (Outcome::Deny, Reason::PolicyError, may_deny)
        } else if !can_permit && self.can_agree {
            (Outcome::Deny, Reason::AgreementRequired, bound)
        } else if !can_permit && !may_permit.is_empty() {
            (Outcome::Deny, Reason::PolicyError, may_permit)
        } else if !can_permit {
            (Outcome::Deny, Reason::NoApplicableConsent, Vec::new())
        } else if !permits.is_empty() && !can_deny {
            (Outcome::Permit, Reason::ConsentPermit, permits)
        } else {
            (Outcome::Conditional, Reason::ConsentConditional, permits)
        };
        determining.sort_unstable();
        residual.sort_unstable();
        if outcome != Outcome::Conditional {
            residual.clear();
        }
        if outcome == Outcome::Deny {
            obligations.clear();
        }
        Decision { outcome, reason, determining, residual, obligations }
    }
}

impl Answers<'_> {
    fn decide(&self, purpose: &PurposeCode, at: TimestampMs) -> Decision {
        let mut said = Said::default();
        for prepared in &self.rules.directives {
            let directive = prepared.directive;
            if let Some(path) = prepared.broken {
                if directive.status == DirectiveStatus::Active
                    && (directive.period.contains(at) || !directive.period.is_valid())
                {
                    said.broken.push(determining(directive, path));
                }
            } else if directive.is_in_force(at) {
                self.hear(prepared, &mut said);
            }
        }
        let mut decision = said.decision();
        if decision.outcome != Outcome::Deny {
            decision.obligations.extend(self.minimum_necessary(purpose));
        }
        decision
    }

    /// Adds what one directive comes to say.
    fn hear(&self, prepared: &Prepared<'_>, said: &mut Said) {
        let directive = prepared.directive;
        let (mut say, path) = self.say(prepared);
        let this = || determining(directive, path);
        let open = if say.is_open() { self.open(prepared) } else { BTreeSet::new() };
        if say.permit && directive.terms.is_none() {
            said.obligations.extend(directive.obligations.iter().cloned());
        }
        if say.is_open() && open.iter().all(|element| self.is_told(*element)) {
            let may = if say.deny { &mut said.may_deny } else { &mut said.may_permit };
            may.push(this());
            return;
        }
        if directive.terms.is_some() {
            if say.definitely(Effect::Permit) {
                said.bound.push(this());
            }
            said.can_agree |= say.permit;
            say = say.without_permit();
        }
        if say.definitely(Effect::Deny) {
            said.denies.push(this());
        } else if say.definitely(Effect::Permit) {
            said.permits.push(this());
        } else if say.is_open() {
            said.residual.push(Residual {
                directive: directive.id.clone(),
                version: directive.version,
                permits: say.permit,
                denies: say.deny,
                open,
            });
        }
    }

    /// Whether the record tells what this element is about: if it is open, the policies do not know the
    /// record's code, or a label of it.
    fn is_told(&self, element: Element) -> bool {
        match element {
            Element::Categories => self.record.code.is_some(),
            Element::Sensitivity => self.record.sensitivity.is_some(),
            _ => false,
        }
    }

    fn minimum_necessary(&self, purpose: &PurposeCode) -> Option<ObligationCode> {
        let needed = self.rules.policies.purposes().needs_minimum(purpose);
        if needed { MINIMUM_NECESSARY.parse().ok() } else { None }
    }

    /// What the directive can come to say, and where: what says so, or else what is open first.
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
            let restored = matches.min(excepted) == Truth::True && path == Path::Context;
            if restored || fired > fires {
                let inner = restored || matches == Truth::True;
                path = if inner { Path::Exception(i, j) } else { Path::Provision(i) };
            }
            fires = fires.max(fired);
        }
        if context == Truth::Unknown {
            path = Path::Context;
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

    /// The elements that are open where a matcher is.
    fn open(&self, prepared: &Prepared<'_>) -> BTreeSet<Element> {
        let provisions = prepared.provisions.of(&self.rules.provisions);
        let nested = |test: &Test| test.exceptions.of(&self.rules.exceptions);
        let tests = provisions.iter().flat_map(|test| std::iter::once(test).chain(nested(test)));
        let tests = std::iter::once(&prepared.context).chain(tests);
        let clauses = tests
            .filter(|test| self.test(test.clauses) == Truth::Unknown)
            .flat_map(|test| self.clauses(test.clauses));
        let open = clauses.filter(|clause| self.clause(clause) == Truth::Unknown);
        open.map(|clause| clause.element).collect()
    }

    /// Contexts that fail in one element, and provisions and exceptions that do where what they are
    /// exceptions to matches.
    fn near_misses(&self, at: TimestampMs) -> Vec<NearMiss> {
        let mut near = Vec::new();
        let usable = |it: &&Prepared<'_>| {
            it.broken.is_none() && it.directive.status == DirectiveStatus::Active
        };
        for prepared in self.rules.directives.iter().filter(usable) {
            let directive = prepared.directive;
            let mut note = |path, failed: Failed| {
                if let Failed::Only(failed) = failed {
                    let (directive, version) = (directive.id.clone(), directive.version);
                    near.push(NearMiss { directive, version, path, failed });
                }
                failed == Failed::Nothing
            };
            let expired = (!directive.period.contains(at)).then_some(Element::Period);
            if !note(Path::Context, self.failed(prepared.context.clauses, expired)) {
                continue;
            }
            for (i, provision) in (0..).zip(prepared.provisions.of(&self.rules.provisions)) {
                if !note(Path::Provision(i), self.failed(provision.clauses, None)) {
                    continue;
                }
                let exceptions = provision.exceptions.of(&self.rules.exceptions);
                for (j, exception) in (0..).zip(exceptions) {
                    note(Path::Exception(i, j), self.failed(exception.clauses, None));
                }
            }
        }
        near.sort_unstable();
        near.truncate(NEAR_MISSES_MAX);
        near
    }

    /// What of a matcher does not match, and what else does not.
    fn failed(&self, clauses: Span, else_failed: Option<Element>) -> Failed {
        let clauses = self.clauses(clauses);
        let failed = clauses.filter(|clause| self.clause(clause) == Truth::False);
        let mut failed = failed.map(|clause| clause.element).chain(else_failed);
        match (failed.next(), failed.next()) {
            (None, _) => Failed::Nothing,
            (Some(element), None) => Failed::Only(element),
            _ => Failed::More,
        }
    }
}

/// How near a matcher is to matching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failed {
    Nothing,
    Only(Element),
    More,
}

fn determining(directive: &Directive, path: Path) -> Determining {
    Determining { directive: directive.id.clone(), version: directive.version, path }
}
