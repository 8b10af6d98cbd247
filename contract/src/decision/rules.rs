//! Directives, prepared for deciding.
//!
//! A matcher is an AND of elements, an element an OR of *atoms*: single questions about a request,
//! such as "is it for TREAT?". Many directives ask the same, so that each distinct atom and element is
//! answered once a request; what remains is a walk over small numbers in flat lists.

use super::outcome::{Element, Path};
use crate::consent::{
    ACTORS_MAX, Action, Actor, CODES_MAX, Directive, EXCEPTIONS_MAX, Effect, Matcher,
    PROVISIONS_MAX, PURPOSES_MAX, SENSITIVITIES_MAX,
};
use crate::ids::{CategoryCode, LoincCode, ParticipantId, PurposeCode, SensitivityCode};
use crate::policies::Policies;
use crate::record::Confidentiality;
use crate::time::Period;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// One question about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Atom<'a> {
    Actor(&'a Actor),
    Purpose(&'a PurposeCode),
    Action(Action),
    Code(LoincCode),
    Category(&'a CategoryCode),
    Device(ParticipantId),
    UpTo(Confidentiality),
    From(Confidentiality),
    Sensitivity(&'a SensitivityCode),
    /// Windows of at least so many seconds.
    AsCoarseAs(u32),
    FinerThan(u32),
    Within(Period),
    Overlapping(Period),
    During(Period),
}

/// A stretch of one of the flat lists.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The items it spans.
    pub(super) fn of<T>(self, items: &[T]) -> &[T] {
        items.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    fn since<T>(start: usize, items: &[T]) -> Self {
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: number(start), end: number(items.len()) }
    }
}

/// An element of a matcher: an OR of atoms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clause {
    pub(super) element: Element,
    pub(super) atoms: Span,
}

/// A matcher: an AND of clauses. Exceptions to it follow each other in their own list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Test {
    pub(super) clauses: Span,
    pub(super) exceptions: Span,
}

/// A directive, prepared.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    pub(super) directive: &'a Directive,
    pub(super) context: Test,
    pub(super) provisions: Span,
    /// What in it cannot be evaluated.
    pub(super) broken: Option<Path>,
}

/// A patient's directives, prepared to decide many requests.
///
/// A directive that is malformed, or names a purpose or label that the policies do not know, is kept
/// as such: while it is in force every decision is a denial, because what it says cannot be told.
#[derive(Debug)]
pub struct Rules<'a> {
    pub(super) policies: &'a Policies,
    pub(super) directives: Vec<Prepared<'a>>,
    /// Provisions, then the exceptions to each: whatever a [`Prepared`] or [`Test`] spans.
    pub(super) provisions: Vec<Test>,
    pub(super) exceptions: Vec<Test>,
    /// Each distinct element once.
    pub(super) clauses: Vec<Clause>,
    /// Positions in `clauses`: whatever a [`Test`] spans.
    pub(super) conjuncts: Vec<u32>,
    /// Positions in `atoms`.
    pub(super) choices: Vec<u32>,
    pub(super) atoms: Vec<Atom<'a>>,
    known: BTreeMap<Atom<'a>, u32>,
    known_clauses: BTreeMap<(Element, Vec<u32>), u32>,
}

/// A matcher that cannot be evaluated.
struct Broken;

impl<'a> Rules<'a> {
    /// Prepares `directives`. Their order has no meaning.
    pub fn prepare(policies: &'a Policies, directives: &'a [Directive]) -> Self {
        let mut rules = Self {
            policies,
            directives: Vec::with_capacity(directives.len()),
            provisions: Vec::new(),
            exceptions: Vec::new(),
            clauses: Vec::new(),
            conjuncts: Vec::new(),
            choices: Vec::new(),
            atoms: Vec::new(),
            known: BTreeMap::new(),
            known_clauses: BTreeMap::new(),
        };
        for directive in directives {
            let prepared = rules.directive(directive);
            rules.directives.push(prepared);
        }
        rules.known = BTreeMap::new();
        rules.known_clauses = BTreeMap::new();
        rules
    }

    fn directive(&mut self, directive: &'a Directive) -> Prepared<'a> {
        let nothing = Test { clauses: Span::default(), exceptions: Span::default() };
        let broken = |path| Prepared {
            directive,
            context: nothing,
            provisions: Span::default(),
            broken: Some(path),
        };
        if !directive.period.is_valid() || directive.provision.len() > PROVISIONS_MAX {
            return broken(Path::Context);
        }
        let Ok(context) = self.clauses(&directive.context, directive.decision) else {
            return broken(Path::Context);
        };
        let context = Test { clauses: context, ..nothing };
        let first = self.provisions.len();
        for (i, provision) in (0..).zip(&directive.provision) {
            let effect = directive.decision.reversed();
            let clauses = self.clauses(&provision.matcher, effect);
            let Ok(clauses) = clauses else { return broken(Path::Provision(i)) };
            if provision.provision.len() > EXCEPTIONS_MAX {
                return broken(Path::Provision(i));
            }
            let first = self.exceptions.len();
            for (j, exception) in (0..).zip(&provision.provision) {
                let clauses = self.clauses(&exception.matcher, directive.decision);
                let Ok(clauses) = clauses else { return broken(Path::Exception(i, j)) };
                self.exceptions.push(Test { clauses, ..nothing });
            }
            let exceptions = Span::since(first, &self.exceptions);
            self.provisions.push(Test { clauses, exceptions });
        }
        let provisions = Span::since(first, &self.provisions);
        Prepared { directive, context, provisions, broken: None }
    }

    /// Who asks and what for come first: they rule out most.
    fn clauses(&mut self, matcher: &'a Matcher, effect: Effect) -> Result<Span, Broken> {
        let Matcher {
            actors,
            purposes,
            actions,
            codes,
            categories,
            devices,
            confidentiality,
            sensitivity,
            min_grid_s,
            data_period,
            period,
        } = matcher;
        let permits = effect == Effect::Permit;
        let policies = self.policies;
        let first = self.conjuncts.len();
        self.set(Element::Actors, actors.as_ref(), ACTORS_MAX, |it| Some(Atom::Actor(it)))?;
        self.set(Element::Purposes, purposes.as_ref(), PURPOSES_MAX, |it| {
            policies.purposes().contains(it).then_some(Atom::Purpose(it))
        })?;
        self.set(Element::Actions, actions.as_ref(), usize::MAX, |it| Some(Atom::Action(*it)))?;
        let valid = |period: &Period| period.is_valid();
        self.one(Element::Period, period.as_ref(), valid, |it| Atom::During(*it))?;
        self.set(Element::Codes, codes.as_ref(), CODES_MAX, |it| Some(Atom::Code(*it)))?;
        self.set(Element::Categories, categories.as_ref(), SENSITIVITIES_MAX, |it| {
            policies.codes().knows_category(it).then_some(Atom::Category(it))
        })?;
        self.set(Element::Devices, devices.as_ref(), SENSITIVITIES_MAX, |it| {
            Some(Atom::Device(*it))
        })?;
        self.one(
            Element::Confidentiality,
            confidentiality.as_ref(),
            |_| true,
            |it| {
                if permits { Atom::UpTo(*it) } else { Atom::From(*it) }
            },
        )?;
        self.set(Element::Sensitivity, sensitivity.as_ref(), SENSITIVITIES_MAX, |it| {
            policies.labels().knows_sensitivity(it).then_some(Atom::Sensitivity(it))
        })?;
        self.one(
            Element::MinGridS,
            min_grid_s.as_ref(),
            |it| *it > 0,
            |it| {
                if permits { Atom::AsCoarseAs(*it) } else { Atom::FinerThan(*it) }
            },
        )?;
        self.one(Element::DataPeriod, data_period.as_ref(), valid, |it| {
            if permits { Atom::Within(*it) } else { Atom::Overlapping(*it) }
        })?;
        Ok(Span::since(first, &self.conjuncts))
    }

    fn set<T>(
        &mut self,
        element: Element,
        set: Option<&'a BTreeSet<T>>,
        max: usize,
        atom: impl Fn(&'a T) -> Option<Atom<'a>>,
    ) -> Result<(), Broken> {
        let Some(set) = set else { return Ok(()) };
        if set.is_empty() || set.len() > max {
            return Err(Broken);
        }
        let mut atoms = Vec::with_capacity(set.len());
        for item in set {
            atoms.push(self.intern(atom(item).ok_or(Broken)?));
        }
        self.conjunct(element, atoms);
        Ok(())
    }

    fn one<T>(
        &mut self,
        element: Element,
        value: Option<&'a T>,
        valid: impl Fn(&T) -> bool,
        atom: impl Fn(&'a T) -> Atom<'a>,
    ) -> Result<(), Broken> {
        let Some(value) = value else { return Ok(()) };
        if !valid(value) {
            return Err(Broken);
        }
        let atoms = vec![self.intern(atom(value))];
        self.conjunct(element, atoms);
        Ok(())
    }

    /// Adds an element to the matcher at hand; many matchers share one.
    fn conjunct(&mut self, element: Element, atoms: Vec<u32>) {
        let next = u32::try_from(self.clauses.len()).unwrap_or(u32::MAX);
        let first = self.choices.len();
        let number = match self.known_clauses.entry((element, atoms)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.choices.extend(&new.key().1);
                let atoms = Span::since(first, &self.choices);
                self.clauses.push(Clause { element, atoms });
                *new.insert(next)
            }
        };
        self.conjuncts.push(number);
    }

    fn intern(&mut self, atom: Atom<'a>) -> u32 {
        let next = u32::try_from(self.atoms.len()).unwrap_or(u32::MAX);
        let number = *self.known.entry(atom).or_insert(next);
        if number == next {
            self.atoms.push(atom);
        }
        number
    }
}
