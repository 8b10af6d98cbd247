//! What is wrong, or not meant, in a directive before it is written.

use super::directive::{
    ACTORS_MAX, CODES_MAX, EXCEPTIONS_MAX, OBLIGATIONS_MAX, PROVISIONS_MAX, PURPOSES_MAX,
    SENSITIVITIES_MAX,
};
use super::overlap::{covers, disjoint};
use super::{Actor, Directive, Effect, Matcher};
use crate::decision::Path;
use crate::policies::Policies;
use crate::time::Period;
use fabric_contract_rs::TimestampMs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A directive that ends sooner than this, in milliseconds, is hardly meant to: one day.
pub const EXPIRES_SOON_MS: i64 = 86_400_000;

/// Something about a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What.
    pub code: FindingCode,
    /// Where.
    pub path: Path,
}

/// What can be found. The last three are warnings: the directive is written all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FindingCode {
    /// A set without items: it would match nothing.
    EmptySet,
    /// A set with too many items, or too many provisions, exceptions or obligations.
    TooMany,
    /// A provision or exception without any element: it would reverse everything above it.
    EmptyMatcher,
    /// A period that ends when it starts or before.
    EmptyPeriod,
    /// A grid of no length.
    EmptyGrid,
    /// A code, purpose, label, category or obligation that the policies do not know.
    UnknownCode,
    /// A provision that its parent never lets apply.
    Disjoint,
    /// A permit that does not say to whom.
    PermitWithoutActor,
    /// A permit that does not say what for.
    PermitWithoutPurpose,
    /// A purpose that is agreed to alone or not at all, among others.
    PurposeNotAlone,
    /// A permit that a deny in force makes void.
    Shadowed,
    /// It ends within a day.
    ExpiresSoon,
    /// A permit to a whole organisation or role, for all data.
    BroadPermit,
}

impl FindingCode {
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::EmptySet => "a set is empty",
            Self::TooMany => "there are too many of something",
            Self::EmptyMatcher => "a provision or exception matches everything",
            Self::EmptyPeriod => "a period ends before it starts",
            Self::EmptyGrid => "a grid has no length",
            Self::UnknownCode => "the policies do not know a code",
            Self::Disjoint => "it can never apply where its parent does",
            Self::PermitWithoutActor => "a permit says to whom",
            Self::PermitWithoutPurpose => "a permit says what for",
            Self::PurposeNotAlone => "a purpose has to be agreed to alone",
            Self::Shadowed => "a deny in force makes it void",
            Self::ExpiresSoon => "it ends within a day",
            Self::BroadPermit => "it is a permit to many for everything",
        }
    }
}

/// What keeps a directive from being written.
pub(crate) fn find_errors(policies: &Policies, directive: &Directive) -> Vec<Finding> {
    let mut search = Search { policies, findings: Vec::new() };
    search.directive(directive);
    search.findings
}

/// What a patient should know before it writes `directive` beside those `in_force`.
pub(crate) fn find_warnings(
    policies: &Policies,
    directive: &Directive,
    in_force: &[Directive],
    at: TimestampMs,
) -> Vec<Finding> {
    let mut codes = Vec::new();
    let permits = directive.decision == Effect::Permit;
    let shadows = |it: &Directive| {
        it.decision == Effect::Deny
            && it.id != directive.id
            && it.is_in_force(at)
            && it.provision.is_empty()
            && it.period.includes(&directive.period)
            && covers(policies, &it.context, &directive.context)
    };
    if permits && in_force.iter().any(shadows) {
        codes.push(FindingCode::Shadowed);
    }
    if directive.period.end.is_some_and(|end| end < at.saturating_add(EXPIRES_SOON_MS)) {
        codes.push(FindingCode::ExpiresSoon);
    }
    if permits && is_broad(&directive.context) {
        codes.push(FindingCode::BroadPermit);
    }
    codes.into_iter().map(|code| Finding { code, path: Path::Context }).collect()
}

fn is_broad(context: &Matcher) -> bool {
    let many = |actor: &Actor| matches!(actor, Actor::Role(_) | Actor::Organization(_));
    let limited = context.codes.is_some()
        || context.categories.is_some()
        || context.devices.is_some()
        || context.confidentiality.is_some()
        || context.sensitivity.is_some()
        || context.min_grid_s.is_some()
        || context.data_period.is_some();
    !limited && context.actors.iter().flatten().any(many)
}

struct Search<'a> {
    policies: &'a Policies,
    findings: Vec<Finding>,
}

impl Search<'_> {
    fn found(&mut self, wrong: bool, code: FindingCode, path: Path) {
        if wrong {
            self.findings.push(Finding { code, path });
        }
    }

    fn directive(&mut self, directive: &Directive) {
        let (decision, reversed) = (directive.decision, directive.decision.reversed());
        let Directive { context, provision, obligations, .. } = directive;
        let top = Path::Context;
        self.found(provision.len() > PROVISIONS_MAX, FindingCode::TooMany, top);
        self.found(obligations.len() > OBLIGATIONS_MAX, FindingCode::TooMany, top);
        let known = |it| self.policies.labels().knows_obligation(it);
        let unknown = !obligations.iter().all(known);
        self.found(unknown, FindingCode::UnknownCode, top);
        self.period(Some(&directive.period), top);
        self.matcher(context, top);
        if decision == Effect::Permit {
            self.permit(&[context], top);
        }
        for (i, provision) in (0..).zip(provision.iter().take(PROVISIONS_MAX)) {
            let (path, matcher) = (Path::Provision(i), &provision.matcher);
            self.found(*matcher == Matcher::default(), FindingCode::EmptyMatcher, path);
            self.matcher(matcher, path);
            if reversed == Effect::Permit {
                self.permit(&[context, matcher], path);
            }
            let apart = disjoint(self.policies, (context, decision), (matcher, reversed));
            self.found(apart, FindingCode::Disjoint, path);
            self.found(provision.provision.len() > EXCEPTIONS_MAX, FindingCode::TooMany, path);
            for (j, exception) in (0..).zip(provision.provision.iter().take(EXCEPTIONS_MAX)) {
                let (path, inner) = (Path::Exception(i, j), &exception.matcher);
                self.found(*inner == Matcher::default(), FindingCode::EmptyMatcher, path);
                self.matcher(inner, path);
                let apart = disjoint(self.policies, (matcher, reversed), (inner, decision))
                    || disjoint(self.policies, (context, decision), (inner, decision));
                self.found(apart, FindingCode::Disjoint, path);
            }
        }
    }

    /// A permit names whom and what for, itself or by what it is part of.
    fn permit(&mut self, levels: &[&Matcher], path: Path) {
        let named = |is: fn(&Matcher) -> bool| levels.iter().any(|it| is(it));
        let actors = named(|it| it.actors.is_some());
        let purposes = named(|it| it.purposes.is_some());
        self.found(!actors, FindingCode::PermitWithoutActor, path);
        self.found(!purposes, FindingCode::PermitWithoutPurpose, path);
        let policies = self.policies;
        // What it is for is said by the innermost level that says it.
        let purposes = levels.iter().rev().find_map(|it| it.purposes.as_ref());
        let alone = |it| policies.purposes().stands_alone(it);
        let mixed = purposes.is_some_and(|it| it.len() > 1 && it.iter().any(alone));
        self.found(mixed, FindingCode::PurposeNotAlone, path);
    }

    fn matcher(&mut self, matcher: &Matcher, path: Path) {
        let policies = self.policies;
        let any = |_: &_| true;
        self.set(matcher.actors.as_ref(), ACTORS_MAX, any, path);
        let purpose = |it: &_| policies.purposes().contains(it);
        self.set(matcher.purposes.as_ref(), PURPOSES_MAX, purpose, path);
        self.set(matcher.actions.as_ref(), usize::MAX, |_| true, path);
        let code = |it: &_| policies.codes().rule(*it).is_some();
        self.set(matcher.codes.as_ref(), CODES_MAX, code, path);
        let category = |it: &_| policies.codes().knows_category(it);
        self.set(matcher.categories.as_ref(), SENSITIVITIES_MAX, category, path);
        self.set(matcher.devices.as_ref(), SENSITIVITIES_MAX, |_| true, path);
        let label = |it: &_| policies.labels().knows_sensitivity(it);
        self.set(matcher.sensitivity.as_ref(), SENSITIVITIES_MAX, label, path);
        self.found(matcher.min_grid_s == Some(0), FindingCode::EmptyGrid, path);
        self.period(matcher.period.as_ref(), path);
        self.period(matcher.data_period.as_ref(), path);
    }

    fn period(&mut self, period: Option<&Period>, path: Path) {
        let empty = period.is_some_and(|it| !it.is_valid());
        self.found(empty, FindingCode::EmptyPeriod, path);
    }

    fn set<T>(
        &mut self,
        set: Option<&BTreeSet<T>>,
        max: usize,
        known: impl Fn(&T) -> bool,
        path: Path,
    ) {
        let Some(set) = set else { return };
        self.found(set.is_empty(), FindingCode::EmptySet, path);
        self.found(set.len() > max, FindingCode::TooMany, path);
        self.found(!set.iter().all(known), FindingCode::UnknownCode, path);
    }
}
