use super::{Policy, Principal};

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
    let satisfies = |organisation: &&O, principal: &Principal| satisfies(organisation, principal);
    let mut masks: Vec<u32> = (0..1_u32 << useful.len()).collect();
    // Reversed bits put the first organisation first among sets of one size.
    masks.sort_by_key(|mask| (mask.count_ones(), std::cmp::Reverse(mask.reverse_bits())));
    let mut found: Vec<u32> = Vec::new();
    let mut sets = Vec::new();
    for mask in masks {
        if found.iter().any(|smaller| smaller & mask == *smaller) {
            continue;
        }
        let set: Vec<&O> = useful
            .iter()
            .enumerate()
            .filter(|(index, _)| mask & (1 << index) != 0)
            .map(|(_, organisation)| *organisation)
            .collect();
        if policies.iter().all(|policy| policy.evaluate(&set, &satisfies)) {
            found.push(mask);
            sets.push(set);
        }
    }
    Ok(sets)
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
    fn too_many_organisations_are_refused() {
        let orgs: Vec<String> = (0..17).map(|n| format!("O{n}")).collect();
        let policy = Policy::majority_of_peers(orgs.iter().map(String::as_str));
        let err = plan(&[&policy], &orgs, &peer_of).unwrap_err();
        assert!(err.to_string().starts_with("17 organisations could endorse"));
        let unrelated = parse("OR('O1.peer')").unwrap().into();
        assert_eq!(plan(&[&unrelated], &orgs, &peer_of).unwrap().len(), 1);
    }
}
