//! Who can do what: every transaction, tried by every kind of caller, compared with a reviewed grid
//! and with the roles that the policies give it.

use crate::every::{rows, world};
use crate::world::*;
use fabric_contract_rs::testing::{Call, CallError, MockReader};
use fabric_contract_rs::{ClientIdentity, Contract};
use ioht_contract::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::LazyLock;

/// Each kind of caller, with the role that it can use.
fn actors() -> Vec<(&'static str, &'static str, ClientIdentity)> {
    let own = |name| client("Org1MSP", name);
    vec![
        ("msp_admin", "org_admin", msp_admin("Org1MSP")),
        ("org_admin", "org_admin", own("manager")),
        ("registrar", "registrar", own("registrar")),
        ("privacy_officer", "privacy_officer", own("officer")),
        ("practitioner", "practitioner", own("doctor")),
        ("auditor", "auditor", own("auditor")),
        ("researcher", "researcher", own("researcher")),
        ("service", "service", own("robot")),
        ("suspended", "", own("suspended")),
        ("in_suspended_unit", "", own("shut")),
        ("period_over", "", own("former")),
        ("in_suspended_organization", "", client("NewMSP", "doctor")),
        ("suspended_organizations_admin", "", msp_admin("NewMSP")),
        ("unregistered_organizations_admin", "org_admin", msp_admin("LateMSP")),
        ("provider_admin", "org_admin", msp_admin("Org3MSP")),
        ("provider_registrar", "registrar", client("Org3MSP", "registrar")),
        ("provider_practitioner", "practitioner", client("Org3MSP", "doctor")),
        ("regulator", "privacy_officer", client("RegMSP", "officer")),
        ("patient", "subject", own("patient")),
        ("patient_forged", "", forged("Org1MSP", "patient")),
        ("other_patient", "subject", own("other")),
        ("delegate", "delegate", own("delegate")),
        ("other_patients_delegate", "delegate", own("others_delegate")),
        ("delegate_forged", "", forged("Org1MSP", "delegate")),
        ("delegate_of_another_power", "", own("powerless")),
        ("delegate_whose_period_is_over", "", own("uncle")),
        ("named_delegate", "delegate", own("named_delegate")),
        ("custodians_officer", "privacy_officer", client("Org2MSP", "officer")),
        ("pending_patient", "subject", own("pending")),
        ("device", "device", own("watch")),
        ("device_forged", "", forged("Org1MSP", "watch")),
        ("named_device", "device", own("ring")),
        ("gateway", "gateway", own("phone")),
        ("gateway_forged", "", forged("Org1MSP", "phone")),
        ("stranger", "", own("stranger")),
        ("organization_unknown", "", client("NowhereMSP", "doctor")),
    ]
}

fn outcome(world: &mut World, call: &Call) -> String {
    let refused = match world.ledger.endorse(call) {
        Ok(_) => None,
        Err(CallError::NeverEndorsed) => world.ledger.evaluate(call).err(),
        Err(error) => Some(error),
    };
    refused.map_or_else(|| "yes".to_owned(), |error| code(&error))
}

/// Row by row: the transaction, and by outcome the callers, as places in [`actors`].
type Tried = Vec<(&'static str, BTreeMap<String, Vec<usize>>)>;

static TRIED: LazyLock<Tried> = LazyLock::new(|| {
    let (mut world, tickets) = world();
    let tried = rows().into_iter().map(|(name, make)| {
        let mut outcomes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, (_, _, by)) in actors().iter().enumerate() {
            outcomes.entry(outcome(&mut world, &make(&tickets, by))).or_default().push(place);
        }
        (name, outcomes)
    });
    tried.collect()
});

/// The name of the transaction, without what tells its rows apart.
fn transaction(row: &str) -> &str {
    row.split(' ').next().unwrap()
}

#[test]
fn every_caller_can_do_what_was_reviewed() {
    let mut grid = String::from(
        "Every transaction, as it would succeed for whom it is meant, by every kind of caller.\n",
    );
    let actors = actors();
    for (name, outcomes) in TRIED.iter() {
        writeln!(grid, "\n{name}").unwrap();
        for (outcome, places) in outcomes.iter().rev() {
            let names: Vec<&str> = places.iter().map(|place| actors[*place].0).collect();
            writeln!(grid, "  {outcome}: {}", names.join(", ")).unwrap();
        }
    }
    golden("authorization.txt", &grid);
}

#[test]
fn the_grid_has_every_transaction() {
    let names: BTreeSet<&str> = TRIED.iter().map(|(name, _)| transaction(name)).collect();
    let routes = IohtContract::routes::<MockReader>();
    let routes: BTreeSet<&str> = routes.iter().map(|route| route.name()).collect();
    assert_eq!(names, routes);
}

/// So that no row is refused to all for another reason than who asks: for each transaction somebody of
/// each role that the policies list succeeds, and nobody else does.
#[test]
fn each_role_of_the_policies_succeeds_and_no_other() {
    let documents = Policies::default_documents();
    let listed: serde_json::Value = serde_json::from_str(&documents["roles.json"]).unwrap();
    let actors = actors();
    for (name, listed) in listed["transactions"].as_object().unwrap() {
        let listed: BTreeSet<&str> =
            listed.as_array().unwrap().iter().map(|role| role.as_str().unwrap()).collect();
        let rows = TRIED.iter().filter(|(row, _)| transaction(row) == name);
        let succeed: BTreeSet<usize> =
            rows.filter_map(|(_, outcomes)| outcomes.get("yes")).flatten().copied().collect();
        if listed.contains("anyone") {
            assert_eq!(succeed.len(), actors.len(), "{name}");
            continue;
        }
        let roles: BTreeSet<&str> = succeed.iter().map(|place| actors[*place].1).collect();
        assert_eq!(roles, listed, "{name}");
    }
    for (row, outcomes) in TRIED.iter() {
        assert!(
            outcomes.contains_key("yes"),
            "{row} succeeds for nobody: its arguments are not valid"
        );
    }
}
