//! How two matchers lie to each other.

use super::{Actor, Effect, Matcher};
use crate::policies::Policies;
use std::collections::BTreeSet;

/// Whether nothing can match both an outer matcher and an inner one, each with the effect it is read
/// by. When in doubt they can.
pub(super) fn disjoint(
    policies: &Policies,
    (outer, outer_effect): (&Matcher, Effect),
    (inner, inner_effect): (&Matcher, Effect),
) -> bool {
    let purposes = policies.purposes();
    apart(&outer.actors, &inner.actors, can_be_both)
        || apart(&outer.purposes, &inner.purposes, |a, b| {
            purposes.is_a(a, b) || purposes.is_a(b, a)
        })
        || apart(&outer.actions, &inner.actions, PartialEq::eq)
        || apart(&outer.codes, &inner.codes, PartialEq::eq)
        || apart(&outer.categories, &inner.categories, PartialEq::eq)
        || apart(&outer.devices, &inner.devices, PartialEq::eq)
        || both(outer.period, inner.period).is_some_and(|(a, b)| !a.overlaps(&b))
        || both(outer.data_period, inner.data_period).is_some_and(|(a, b)| !a.overlaps(&b))
        || both(outer.confidentiality, inner.confidentiality).is_some_and(|(a, b)| {
            match (outer_effect, inner_effect) {
                (Effect::Permit, Effect::Deny) => b > a,
                (Effect::Deny, Effect::Permit) => b < a,
                _ => false,
            }
        })
        || both(outer.min_grid_s, inner.min_grid_s).is_some_and(|(a, b)| {
            match (outer_effect, inner_effect) {
                (Effect::Permit, Effect::Deny) => b <= a,
                (Effect::Deny, Effect::Permit) => b >= a,
                _ => false,
            }
        })
}

/// Whether a deny of `outer` denies everything that a permit of `inner` permits. When in doubt it
/// does not.
pub(super) fn covers(policies: &Policies, outer: &Matcher, inner: &Matcher) -> bool {
    let purposes = policies.purposes();
    let labels_open = outer.sensitivity.is_none();
    // A permit up to a label reaches below any label that a deny starts from, and to windows of any
    // length above its own.
    let record_open = outer.confidentiality.is_none() && outer.min_grid_s.is_none();
    labels_open
        && record_open
        && within(&outer.actors, &inner.actors, |a, b| implies(b, a))
        && within(&outer.purposes, &inner.purposes, |a, b| purposes.is_a(b, a))
        && within(&outer.actions, &inner.actions, PartialEq::eq)
        && within(&outer.codes, &inner.codes, PartialEq::eq)
        && within(&outer.categories, &inner.categories, PartialEq::eq)
        && within(&outer.devices, &inner.devices, PartialEq::eq)
        && outer.period.is_none_or(|a| inner.period.is_some_and(|b| a.includes(&b)))
        && outer.data_period.is_none_or(|a| inner.data_period.is_some_and(|b| a.includes(&b)))
}

fn both<T>(a: Option<T>, b: Option<T>) -> Option<(T, T)> {
    a.zip(b)
}

fn apart<T>(
    outer: &Option<BTreeSet<T>>,
    inner: &Option<BTreeSet<T>>,
    meet: impl Fn(&T, &T) -> bool,
) -> bool {
    match (outer, inner) {
        (Some(outer), Some(inner)) => !outer.iter().any(|a| inner.iter().any(|b| meet(a, b))),
        _ => false,
    }
}

/// Whether every inner item lies in some outer one.
fn within<T>(
    outer: &Option<BTreeSet<T>>,
    inner: &Option<BTreeSet<T>>,
    lies_in: impl Fn(&T, &T) -> bool,
) -> bool {
    match (outer, inner) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(outer), Some(inner)) => inner.iter().all(|b| outer.iter().any(|a| lies_in(a, b))),
    }
}

/// Whether somebody can be both.
fn can_be_both(a: &Actor, b: &Actor) -> bool {
    use Actor::{Organization, Participant, Project, Unit};
    match (a, b) {
        (Participant(a), Participant(b)) => a == b,
        // One asks as a member of one project.
        (Project(a), Project(b)) => a == b,
        (Organization(a) | Unit { msp: a, .. }, Organization(b) | Unit { msp: b, .. }) => a == b,
        _ => true,
    }
}

/// Whether everybody who is `a` is also `b`.
pub(crate) fn implies(a: &Actor, b: &Actor) -> bool {
    match (a, b) {
        (Actor::Unit { msp, .. }, Actor::Organization(organization)) => msp == organization,
        _ => a == b,
    }
}

/// Whether nobody who is `a` is also `b`.
pub(crate) fn excludes(a: &Actor, b: &Actor) -> bool {
    !can_be_both(a, b)
}
