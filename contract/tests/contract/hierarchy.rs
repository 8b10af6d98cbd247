//! Effective status: whoever stands in a tree can act exactly while everything above it, and it
//! itself, is active. Random trees, against a model of three lines.

use crate::world::*;
use ioht_contract::*;
use proptest::prelude::*;

/// A tree: each unit names an earlier one as its parent, the root is the first.
#[derive(Debug, Clone)]
struct Tree {
    parents: Vec<usize>,
    suspended: Vec<bool>,
    place: usize,
    organization: bool,
    staff: bool,
    period: Period,
}

const NOW: i64 = fabric_contract_rs::testing::MOCK_EPOCH_MS;

fn tree() -> impl Strategy<Value = Tree> {
    // Six below the root: a chain of them leaves one level for what the test adds.
    let shape = (1_usize..=6).prop_flat_map(|units| {
        let parents: Vec<_> = (0..units).map(|unit| 0..=unit).collect();
        let suspended = prop::collection::vec(prop::bool::weighted(0.2), units);
        (parents, suspended, 0..=units)
    });
    let period = (NOW - 2..=NOW + 1, 1_i64..4)
        .prop_map(|(start, length)| Period { start, end: Some(start + length) });
    let flag = || prop::bool::weighted(0.1);
    (shape, flag(), flag(), period).prop_map(
        |((parents, suspended, place), organization, staff, period)| Tree {
            parents,
            suspended,
            place,
            organization,
            staff,
            period,
        },
    )
}

impl Tree {
    fn path(&self) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(self.place), |unit| {
            unit.checked_sub(1).map(|below_root| self.parents[below_root])
        })
    }

    /// The model: the organisation, every unit on the way to the root, the entry, and its period.
    fn acts(&self) -> bool {
        let units = self.path().all(|unit| unit == 0 || !self.suspended[unit - 1]);
        let period = self.period.start <= NOW && self.period.end.is_none_or(|end| NOW < end);
        units && period && !self.organization && !self.staff
    }
}

fn name(unit: usize) -> String {
    if unit == 0 { "root".to_owned() } else { format!("u{unit}") }
}

fn grown(tree: &Tree) -> World {
    let mut world = World::empty();
    let admin = msp_admin("Org3MSP");
    world.ok(&call(&admin, &RegisterOrganization { kind: OrganizationKind::Provider }));
    for (at, parent) in tree.parents.iter().enumerate() {
        world.ok(&call(&admin, &unit(&name(at + 1), &name(*parent))));
    }
    let register = RegisterStaff {
        unit: name(tree.place).parse().unwrap(),
        roles: [StaffRole::OrgAdmin].into(),
        period: tree.period,
    };
    let part = RegisterStaffPrivate { enrolment_id: "person-MARKER".to_owned() };
    world.ok(&private(&admin, &register, &part));
    let status = NewStatus::Suspended;
    for (at, _) in tree.suspended.iter().enumerate().filter(|(_, suspended)| **suspended) {
        let unit = name(at + 1).parse().unwrap();
        world.ok(&call(&admin, &SetStatus::Unit { unit, status }));
    }
    if tree.staff {
        let staff = pid(&client("Org3MSP", "person"));
        world.ok(&call(&admin, &SetStatus::Staff { staff, status }));
    }
    if tree.organization {
        let msp = "Org3MSP".parse().unwrap();
        world.ok(&call(&admin, &SetStatus::Organization { msp, status }));
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_stands_in_a_tree_acts_while_all_above_it_is_active(tree in tree()) {
        let mut world = grown(&tree);
        let person = client("Org3MSP", "person");
        prop_assert_eq!(world.whoami(&person).staff.unwrap().active, tree.acts());
        let act = call(&person, &unit("new", &name(tree.place)));
        let outcome = world.ledger.submit(&act).map(|_| ()).map_err(|error| code(&error));
        let expected = if tree.acts() { Ok(()) } else { Err("INACTIVE".to_owned()) };
        prop_assert_eq!(outcome, expected);
    }

    /// It reaches its own unit and those below, and nothing beside or above.
    #[test]
    fn an_administrator_reaches_its_own_subtree(tree in tree(), target in 0_usize..=6) {
        let target = target.min(tree.parents.len());
        let tree = Tree {
            suspended: vec![false; tree.parents.len()],
            organization: false,
            staff: false,
            period: Period { start: 0, end: None },
            ..tree
        };
        let mut world = grown(&tree);
        let below = Tree { place: target, ..tree.clone() }.path().any(|unit| unit == tree.place);
        let act = call(&client("Org3MSP", "person"), &unit("new", &name(target)));
        let outcome = world.ledger.submit(&act).map(|_| ()).map_err(|error| code(&error));
        let expected = if below { Ok(()) } else { Err("OUTSIDE_AUTHORITY".to_owned()) };
        prop_assert_eq!(outcome, expected);
        let suspend = SetStatus::Unit {
            unit: name(target).parse().unwrap(),
            status: NewStatus::Suspended,
        };
        let outcome = world.ledger.submit(&call(&client("Org3MSP", "person"), &suspend));
        // Its own unit is its superior's to suspend.
        prop_assert_eq!(outcome.is_ok(), below && target != tree.place);
    }
}
