use super::{Node, Policy, Principal, SignaturePolicy};

/// Organisations a plan chooses from, at most: every combination of them is tried.
pub const PLAN_ORGANISATIONS_MAX: usize = 16;

/// The smallest sets of organisations whose endorsements satisfy all of some policies, when each
/// organisation contributes one endorsement.
///
/// `organisations` is the order of preference: sets are given by size, then by that order, and no
/// set contains another one. `satisfies` says whether an organisation's endorsement counts for a
/// principal. Without any set the policies cannot be satisfied by these organisations.
///
/// ```
/// use fabric_ledger::policy::{Principal, Role, parse, plan};
///
/// let policy = parse("AND('Org1MSP.peer', OR('Org2MSP.peer', 'Org3MSP.peer'))")?.into();
/// let peer_of = |msp: &&str, principal: &Principal| {
///     matches!(principal, Principal::Role { msp_id, role: Role::Peer } if msp_id == msp)
/// };
/// let plan = plan(&[&policy], &["Org1MSP", "Org2MSP", "Org3MSP"], &peer_of)?;
/// assert_eq!(plan, [[&"Org1MSP", &"Org2MSP"], [&"Org1MSP", &"Org3MSP"]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plan<'a, O>(
    policies: &[&Policy],
    organisations: &'a [O],
    satisfies: &impl Fn(&O, &Principal) -> bool,
) -> Result<Vec<Vec<&'a O>>, PlanError> {
    // Organisations that no principal counts would only multiply the combinations.
    let useful: Vec<&O> = organisations
        .iter()
        .filter(|organisation| {
            policies.iter().any(|policy| {
                policy.principals().iter().any(|principal| satisfies(organisation, principal))
            })
        })
        .collect();
    if useful.len() > PLAN_ORGANISATIONS_MAX {
        return Err(PlanError { organisations: useful.len() });
    }
    let policies: Vec<Compiled<'_>> =
        policies.iter().map(|policy| Compiled::new(policy, &useful, satisfies)).collect();
    // By combination: whether it contains one that is enough. Smaller ones have smaller numbers.
    let mut enough: Vec<bool> = Vec::new();
    let mut found: Vec<u32> = Vec::new();
    for mask in 0..1_u32 << useful.len() {
        let contains = bits(mask).any(|bit| {
            usize::try_from(mask ^ bit).is_ok_and(|smaller| enough.get(smaller) == Some(&true))
        });
        let is_minimal = !contains && policies.iter().all(|policy| policy.evaluate(mask));
        if is_minimal {
            found.push(mask);
        }
        enough.push(contains || is_minimal);
    }
    // Reversed bits put the first organisation first among sets of one size.
    found.sort_by_key(|mask| (mask.count_ones(), std::cmp::Reverse(mask.reverse_bits())));
    let set = |mask: u32| {
        let places = (0_u32..).zip(&useful);
        places.filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, one)| *one).collect()
    };
    Ok(found.into_iter().map(set).collect())
}

/// The bits of a mask, one by one, the lowest first.
fn bits(mask: u32) -> impl Iterator<Item = u32> {
    let mut left = mask;
    std::iter::from_fn(move || {
        let bit = left & left.wrapping_neg();
        left ^= bit;
        (bit != 0).then_some(bit)
    })
}

/// A policy over numbered organisations, a bit each, so that many sets of them can be tried.
enum Compiled<'p> {
    /// The organisations that count for each principal.
    Signature(&'p Node, Vec<u32>),
    Meta(usize, Vec<Compiled<'p>>),
}

impl<'p> Compiled<'p> {
    fn new<O>(
        policy: &'p Policy,
        organisations: &[&O],
        satisfies: &impl Fn(&O, &Principal) -> bool,
    ) -> Self {
        match policy {
            Policy::Signature(SignaturePolicy { root, principals }) => {
                let who = |principal| {
                    (0_u32..)
                        .zip(organisations)
                        .filter(|(_, organisation)| satisfies(organisation, principal))
                        .fold(0, |mask, (bit, _)| mask | 1 << bit)
                };
                Self::Signature(root, principals.iter().map(who).collect())
            }
            Policy::Meta { threshold, policies } => {
                let policies = policies.iter();
                let parts = policies.map(|policy| Self::new(policy, organisations, satisfies));
                Self::Meta(*threshold, parts.collect())
            }
        }
    }

    /// As [`Policy::evaluate`] over the organisations of the mask.
    fn evaluate(&self, mask: u32) -> bool {
        match self {
            Self::Signature(root, who) => fill(root, &mut { mask }, who),
            Self::Meta(threshold, parts) => {
                let satisfied = parts.iter().filter(|part| part.evaluate(mask));
                satisfied.take(*threshold).count() == *threshold
            }
        }
    }
}

/// `free` are the organisations that do not count yet; what a failed rule took stays free.
fn fill(node: &Node, free: &mut u32, who: &[u32]) -> bool {
    match node {
        Node::SignedBy(principal) => {
            let fit = *free & who.get(*principal).copied().unwrap_or(0);
            *free ^= fit & fit.wrapping_neg();
            fit != 0
        }
        Node::OutOf(n, rules) => {
            let mut verified = 0;
            for rule in rules {
                let mut tried = *free;
                if fill(rule, &mut tried, who) {
                    verified += 1;
                    *free = tried;
                }
            }
            verified >= *n
        }
    }
}

/// More organisations could endorse than combinations of them can be tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{organisations} organisations could endorse, but at most {PLAN_ORGANISATIONS_MAX} can be \
     planned for: name the endorsing organisations in the request"
)]
pub struct PlanError {
    organisations: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Role, parse};

    fn peer_of(org: &String, principal: &Principal) -> bool {
        matches!(principal, Principal::Role { msp_id, role: Role::Peer | Role::Member } if msp_id == org)
    }

    fn check(policies: &[&str], orgs: &str, expected: &str) {
        let policies: Vec<Policy> =
            policies.iter().map(|text| parse(text).unwrap().into()).collect();
        let orgs: Vec<String> = orgs.split_whitespace().map(str::to_owned).collect();
        let sets = plan(&policies.iter().collect::<Vec<_>>(), &orgs, &peer_of).unwrap();
        let sets: Vec<String> = sets
            .iter()
            .map(|set| match set.as_slice() {
                [] => "nobody".to_owned(),
                set => set.iter().map(|org| org.as_str()).collect::<Vec<_>>().join("+"),
            })
            .collect();
        assert_eq!(sets.join(" "), expected);
    }

    #[test]
    fn plans_are_minimal_and_in_order_of_preference() {
        check(&["OR('A.peer', 'B.peer')"], "B A C", "B A");
        check(&["AND('A.peer', 'B.peer')"], "C B A", "B+A");
        check(&["OutOf(2, 'A.peer', 'B.peer', 'C.peer')"], "C A B", "C+A C+B A+B");
        check(&["OR('A.peer', AND('B.peer', 'C.peer'))"], "B C A", "A B+C");
        check(&["OutOf(0, 'A.peer')"], "A", "nobody");
    }

    #[test]
    fn all_policies_have_to_hold() {
        check(&["OR('A.peer', 'B.peer')", "OR('B.peer', 'C.peer')"], "A B C", "B A+C");
        check(&["OR('A.peer')", "OR('B.peer')"], "A B C", "A+B");
    }

    #[test]
    fn what_no_organisation_can_satisfy_has_no_plan() {
        check(&["AND('A.peer', 'B.peer')"], "A", "");
        check(&["OR('A.admin')"], "A", "");
        // One endorsement an organisation cannot be two.
        check(&["AND('A.peer', 'A.member')"], "A", "");
        assert_eq!(plan::<String>(&[], &[], &peer_of).unwrap(), [Vec::<&String>::new()]);
    }

    #[test]
    fn plans_agree_with_evaluation_of_every_set() {
        let orgs = ["A", "B", "C", "D"].map(str::to_owned);
        let policies = [
            "AND('A.peer', 'B.peer')",
            "AND(OR('A.peer', 'B.peer'), 'B.peer')",
            "AND(OR('A.peer', 'B.peer'), OR('B.peer', 'C.peer'), OR('A.member', 'D.peer'))",
            "OutOf(1, AND('A.peer', 'B.peer'), 'A.peer')",
            "OutOf(2, AND('A.peer', 'B.peer'), 'C.peer', OutOf(2, 'A.peer', 'C.peer', 'D.peer'))",
            "OutOf(0, 'A.peer')",
        ];
        let mut policies: Vec<Policy> =
            policies.iter().map(|text| parse(text).unwrap().into()).collect();
        policies.push(Policy::majority_of_peers(["A", "C", "D"]));
        for policy in &policies {
            let sets = plan(&[policy], &orgs, &peer_of).unwrap();
            let planned = |set: &[&String]| {
                sets.iter().any(|planned| planned.iter().all(|org| set.contains(org)))
            };
            for mask in 0_u32..16 {
                let set: Vec<&String> = (orgs.iter().enumerate())
                    .filter(|(index, _)| mask & (1 << index) != 0)
                    .map(|(_, org)| org)
                    .collect();
                let holds = policy.evaluate(&set, &|org, principal| peer_of(org, principal));
                assert!(!holds || planned(&set), "{policy:?} {set:?}");
                assert!(holds || !sets.contains(&set), "{policy:?} {set:?}");
            }
        }
    }

    #[test]
    fn whom_an_organisation_counts_for_is_asked_once_however_many_sets_there_are() {
        let orgs: Vec<String> = (0..PLAN_ORGANISATIONS_MAX).map(|n| format!("O{n}")).collect();
        let policy = Policy::majority_of_peers(orgs.iter().map(String::as_str));
        let asked = std::cell::Cell::new(0);
        let counted = |org: &String, principal: &Principal| {
            asked.set(asked.get() + 1);
            peer_of(org, principal)
        };
        let sets = plan(&[&policy], &orgs, &counted).unwrap();
        // 9 out of 16, in the order of preference.
        assert_eq!(sets.len(), 11_440);
        assert_eq!(sets[0], orgs[..9].iter().collect::<Vec<_>>());
        assert!(asked.get() <= 2 * orgs.len() * orgs.len(), "{}", asked.get());
    }

    #[test]
    fn too_many_organisations_are_refused() {
        let orgs: Vec<String> = (0..17).map(|n| format!("O{n}")).collect();
        let policy = Policy::majority_of_peers(orgs.iter().map(String::as_str));
        let err = plan(&[&policy], &orgs, &peer_of).unwrap_err();
        assert!(err.to_string().starts_with("17 organisations could endorse"));
        let unrelated = parse("OR('O1.peer')").unwrap().into();
        assert_eq!(plan(&[&unrelated], &orgs, &peer_of).unwrap().len(), 1);
    }
}
