use crate::world::{
    SID, World, call, change_staff, client, msp_admin, pid, private, register, staff, unit,
};
use fabric_contract_rs::NodeOu;
use fabric_contract_rs::testing::{Call, TestIdentity};
use ioht_contract::state::{ORGANIZATIONS, STAFF};
use ioht_contract::*;
use serde_json::json;

const CUSTODIAN: RegisterOrganization = RegisterOrganization { kind: OrganizationKind::Custodian };

fn organization(world: &World, msp: &str) -> Organization {
    world.ledger.value(&ORGANIZATIONS, &(msp.parse().unwrap(),)).unwrap()
}

#[test]
fn an_organisation_registers_itself_with_a_root() {
    let mut world = World::empty();
    let receipt: Receipt = world.ok(&call(&msp_admin("Org1MSP"), &CUSTODIAN)).answer();
    assert_eq!(
        receipt.policy,
        Policies::from_documents(&crate::world::documents()).unwrap().digest()
    );
    let registered = organization(&world, "Org1MSP");
    assert_eq!(registered.kind, OrganizationKind::Custodian);
    assert_eq!(registered.status, Status::Active);
    assert_eq!(registered.units.len(), 1);
    assert!(registered.units[0].id.is_root());
    assert_eq!(world.refused(&call(&msp_admin("Org1MSP"), &CUSTODIAN)), "ORGANIZATION_EXISTS");
}

#[test]
fn only_an_msp_administrator_registers_an_organisation() {
    let mut world = World::empty();
    let both = TestIdentity::new("Org1MSP", "admin").node_ou(NodeOu::Admin).ou("client").client();
    let peer = TestIdentity::new("Org1MSP", "peer0").node_ou(NodeOu::Peer).client();
    for by in [client("Org1MSP", "doctor"), both, peer] {
        assert_eq!(world.refused(&call(&by, &CUSTODIAN)), "ROLE_NOT_PERMITTED");
    }
}

#[test]
fn an_organisation_is_of_the_kind_that_policies_give_it() {
    let mut world = World::empty();
    let provider = RegisterOrganization { kind: OrganizationKind::Provider };
    assert_eq!(world.refused(&call(&msp_admin("Org3MSP"), &CUSTODIAN)), "KIND_NOT_ALLOWED");
    assert_eq!(world.refused(&call(&msp_admin("Org1MSP"), &provider)), "KIND_NOT_ALLOWED");
    assert_eq!(world.refused(&call(&msp_admin("NewMSP"), &CUSTODIAN)), "KIND_NOT_ALLOWED");
    world.ok(&call(&msp_admin("NewMSP"), &provider));
}

#[test]
fn arguments_are_closed() {
    let mut world = World::staffed();
    let admin = msp_admin("Org1MSP");
    for (function, arguments) in [
        ("RegisterOrganization", json!({"kind": "custodian", "heart_rate": 72})),
        ("RegisterOrganization", json!({"kind": "hospital"})),
        ("RegisterOrganization", json!({})),
        ("PutUnit", json!({"unit": "a b", "parent": "root", "name": "x"})),
        ("RegisterStaff", json!({"unit": "root", "roles": ["root"], "period": {"start": 0}})),
        ("SetStatus", json!({"target": "organization", "msp": "Org1MSP", "status": "pending"})),
        ("SetStatus", json!({"target": "patient", "sid": crate::world::SID})),
        ("SetStatus", json!({"target": "hospital"})),
        ("SetStatus", json!([])),
        ("WhoAmI", json!({"heart_rate": 72})),
    ] {
        let call = Call::new(&admin, function, &arguments);
        assert_eq!(world.refused(&call), "BAD_ARGUMENTS", "{function} {arguments}");
    }
    let call = call(&admin, &unit("new", "root")).transient("private", "{}");
    assert_eq!(world.refused(&call), "PRIVATE_MALFORMED");
}

#[test]
fn units_form_a_bounded_tree() {
    let mut world = World::staffed();
    let admin = msp_admin("Org1MSP");
    world.ok(&call(&admin, &PutUnit { name: "Renamed".to_owned(), ..unit("bay", "ward") }));
    let renamed = organization(&world, "Org1MSP");
    assert_eq!(renamed.unit(&"bay".parse().unwrap()).unwrap().name, "Renamed");
    assert_eq!(renamed.meta.version, 4);
    assert_eq!(world.refused(&call(&admin, &unit("bay", "root"))), "UNIT_EXISTS");
    assert_eq!(world.refused(&call(&admin, &unit("root", "ward"))), "UNIT_EXISTS");
    assert_eq!(world.refused(&call(&admin, &unit("new", "nowhere"))), "UNIT_UNKNOWN");
    for name in ["", "line\nbreak", &"x".repeat(129)] {
        let put = PutUnit { name: name.to_owned(), ..unit("new", "root") };
        assert_eq!(world.refused(&call(&admin, &put)), "ARGUMENT_INVALID");
    }
    // root, ward and bay are three of eight levels.
    let mut parent = "bay".to_owned();
    for level in 4..=8 {
        let id = format!("level-{level}");
        world.ok(&call(&admin, &unit(&id, &parent)));
        parent = id;
    }
    assert_eq!(world.refused(&call(&admin, &unit("level-9", &parent))), "UNIT_TREE_FULL");
    for n in 8..UNITS_MAX {
        world.ok(&call(&admin, &unit(&format!("unit-{n}"), "root")));
    }
    assert_eq!(organization(&world, "Org1MSP").units.len(), UNITS_MAX);
    assert_eq!(world.refused(&call(&admin, &unit("one-more", "root"))), "UNIT_TREE_FULL");
}

#[test]
fn an_org_admin_manages_below_its_own_unit() {
    let mut world = World::staffed();
    let manager = client("Org1MSP", "manager");
    world.ok(&call(&manager, &unit("new", "ward")));
    world.ok(&call(&manager, &unit("newer", "bay")));
    assert_eq!(world.refused(&call(&manager, &unit("new-ward", "root"))), "OUTSIDE_AUTHORITY");
    world.ok(&staff(&manager, "nurse", "ward", &[StaffRole::Practitioner]));
    world.ok(&staff(&manager, "under", "bay", &[StaffRole::OrgAdmin]));
    let beside = staff(&manager, "beside", "ward", &[StaffRole::OrgAdmin]);
    assert_eq!(world.refused(&beside), "OUTSIDE_AUTHORITY");
    let above = staff(&manager, "above", "root", &[StaffRole::Service]);
    assert_eq!(world.refused(&above), "OUTSIDE_AUTHORITY");
    let nowhere = staff(&manager, "lost", "nowhere", &[StaffRole::Service]);
    assert_eq!(world.refused(&nowhere), "UNIT_UNKNOWN");
}

#[test]
fn staff_is_registered_once_with_roles_that_go_together() {
    let mut world = World::staffed();
    let admin = msp_admin("Org1MSP");
    let add = staff(&admin, "new", "bay", &[StaffRole::Practitioner, StaffRole::Researcher]);
    let receipt: StaffReceipt = world.ok(&add).answer();
    let new = client("Org1MSP", "new");
    assert_eq!(receipt.staff, pid(&new));
    let entry = world.ledger.value(&STAFF, &(pid(&new),)).unwrap();
    assert_eq!(entry.unit.as_str(), "bay");
    assert_eq!(entry.roles.len(), 2);
    assert!(world.whoami(&new).staff.unwrap().active);
    assert_eq!(world.refused(&add), "STAFF_EXISTS");
    let mixed = staff(&admin, "mixed", "bay", &[StaffRole::Auditor, StaffRole::Practitioner]);
    assert_eq!(world.refused(&mixed), "ROLES_INCOMPATIBLE");
    assert_eq!(world.refused(&staff(&admin, "none", "bay", &[])), "ARGUMENT_INVALID");
    use StaffRole::{OrgAdmin, Practitioner, Registrar, Researcher, Service};
    let five = [OrgAdmin, Practitioner, Registrar, Researcher, Service];
    assert_eq!(world.refused(&staff(&admin, "five", "bay", &five)), "ARGUMENT_INVALID");
    let long = staff(&admin, &"x".repeat(64), "bay", &[Service]);
    assert_eq!(world.refused(&long), "ARGUMENT_INVALID");
}

#[test]
fn staff_acts_within_its_period() {
    let mut world = World::staffed();
    let now = world.ledger.now();
    let add = |name: &str, period| {
        let add =
            RegisterStaff { unit: UnitId::root(), roles: [StaffRole::OrgAdmin].into(), period };
        let part = RegisterStaffPrivate { enrolment_id: format!("{name}-MARKER") };
        crate::world::private(&msp_admin("Org1MSP"), &add, &part)
    };
    let reversed = add("never", Period { start: 5, end: Some(5) });
    assert_eq!(world.refused(&reversed), "ARGUMENT_INVALID");
    world.ok(&add("later", Period { start: now + 10, end: Some(now + 20) }));
    let later = client("Org1MSP", "later");
    let act = call(&later, &unit("new", "root"));
    assert_eq!(world.refused(&act), "INACTIVE");
    assert!(!world.whoami(&later).staff.unwrap().active);
    world.ledger.set_now(now + 20);
    assert_eq!(world.refused(&act), "INACTIVE");
    world.ledger.set_now(now + 10);
    world.ok(&act);
}

#[test]
fn strangers_are_nobody() {
    let mut world = World::staffed();
    let stranger = client("Org1MSP", "stranger");
    assert_eq!(world.refused(&call(&stranger, &unit("new", "root"))), "IDENTITY_UNKNOWN");
    let elsewhere = msp_admin("NewMSP");
    assert_eq!(world.refused(&call(&elsewhere, &unit("new", "root"))), "IDENTITY_UNKNOWN");
    let myself = world.whoami(&stranger);
    assert_eq!(myself.pid, pid(&stranger));
    assert!(myself.organization.is_some() && myself.staff.is_none());
    assert!(myself.patient.is_none() && myself.devices.is_empty());
}

#[test]
fn what_widens_is_not_back_dated() {
    let mut world = World::staffed();
    world.ledger.advance(60_000);
    let (admin, manager) = (msp_admin("Org1MSP"), client("Org1MSP", "manager"));
    let set =
        |unit: &str, status| call(&admin, &SetStatus::Unit { unit: unit.parse().unwrap(), status });
    for status in [NewStatus::Suspended, NewStatus::Active] {
        world.ok(&set("ward", status));
    }
    let before = world.ledger.now() - 1;
    let below = call(&manager, &unit("newer", "bay"));
    assert_eq!(world.refused(&below.clone().at(before)), "BACK_DATED");
    let add = staff(&manager, "new", "bay", &[StaffRole::Service]);
    assert_eq!(world.refused(&add.at(before)), "BACK_DATED");
    world.ok(&below);
    // The ward's status is nothing to whoever stands above it or beside it.
    world.ok(&call(&admin, &unit("new", "root")).at(before));
    world.ok(&register("patient", SID).at(before));
    for status in [NewStatus::Suspended, NewStatus::Active] {
        let msp = "Org1MSP".parse().unwrap();
        world.ok(&call(&admin, &SetStatus::Organization { msp, status }));
    }
    assert_eq!(world.refused(&call(&admin, &unit("last", "root")).at(before)), "BACK_DATED");
}

/// A clock that runs fast must not stop an organisation: only changes of status date its authority.
#[test]
fn what_is_dated_ahead_holds_nobody_up() {
    let mut world = World::staffed();
    let ahead = world.ledger.now() + 840_000;
    let admin = msp_admin("Org1MSP");
    world.ok(&call(&admin, &PutUnit { name: "Renamed".to_owned(), ..unit("bay", "ward") }).at(ahead));
    world.ok(&call(&admin, &unit("new", "ward")).at(ahead));
    world.ok(&register("patient", SID));
    world.ok(&staff(&client("Org1MSP", "manager"), "nurse", "bay", &[StaffRole::Practitioner]));
    // The new unit's own people wait for its beginning.
    world.ok(&staff(&admin, "head", "new", &[StaffRole::OrgAdmin]));
    let act = call(&client("Org1MSP", "head"), &unit("newer", "new"));
    assert_eq!(world.refused(&act), "BACK_DATED");
    world.ok(&act.at(ahead));
}

#[test]
fn staff_is_changed_from_above_and_never_by_itself() {
    use StaffRole::{Auditor, OrgAdmin, Practitioner, Registrar, Researcher};
    let mut world = World::staffed();
    let own = |name| client("Org1MSP", name);
    let (admin, manager, nurse) = (msp_admin("Org1MSP"), own("manager"), own("nurse"));
    world.ok(&staff(&manager, "nurse", "bay", &[Practitioner]));
    let change = |unit: &str, roles: &[StaffRole]| change_staff(&manager, &nurse, unit, roles);
    world.ok(&change("ward", &[Practitioner, Researcher]));
    let entry = world.ledger.value(&STAFF, &(pid(&nurse),)).unwrap();
    assert_eq!((entry.unit.as_str(), entry.meta.version), ("ward", 2));
    assert_eq!(entry.roles, [Practitioner, Researcher].into());
    // The same again writes nothing.
    let before = world.ledger.digest();
    world.ok(&change("ward", &[Practitioner, Researcher]));
    assert_eq!(world.ledger.digest(), before);
    for (call, code) in [
        (change("root", &[Practitioner]), "OUTSIDE_AUTHORITY"),
        (change("ward", &[OrgAdmin]), "OUTSIDE_AUTHORITY"),
        (change("nowhere", &[Practitioner]), "UNIT_UNKNOWN"),
        (change("ward", &[]), "ARGUMENT_INVALID"),
        (change("ward", &[Practitioner, Auditor]), "ROLES_INCOMPATIBLE"),
        (change("bay", &[Practitioner]).at(world.ledger.now() - 1), "BACK_DATED"),
        (change_staff(&manager, &own("stranger"), "bay", &[Practitioner]), "STAFF_UNKNOWN"),
        (change_staff(&manager, &own("registrar"), "ward", &[Registrar]), "OUTSIDE_AUTHORITY"),
        (change_staff(&manager, &manager, "ward", &[OrgAdmin, Practitioner]), "OUTSIDE_AUTHORITY"),
        (change_staff(&nurse, &nurse, "ward", &[OrgAdmin]), "ROLE_NOT_PERMITTED"),
        (
            change_staff(&admin, &client("Org2MSP", "doctor"), "ward", &[Registrar]),
            "OUTSIDE_AUTHORITY",
        ),
    ] {
        assert_eq!(world.refused(&call), code, "{call:?}");
    }
    // An administrator of a unit below is made and unmade from above it.
    world.ok(&change("bay", &[OrgAdmin]));
    world.ok(&change("bay", &[Registrar]));
    world.ok(&change_staff(&admin, &nurse, "root", &[OrgAdmin]));
    assert_eq!(world.refused(&change("bay", &[Registrar])), "OUTSIDE_AUTHORITY");
    // Nor does the organisation's administrator change an entry of its own.
    let part = RegisterStaffPrivate { enrolment_id: "admin".to_owned() };
    let entry = RegisterStaff {
        unit: "bay".parse().unwrap(),
        roles: [StaffRole::Service].into(),
        period: Period { start: 0, end: None },
    };
    assert_eq!(world.refused(&private(&admin, &entry, &part)), "OUTSIDE_AUTHORITY");
    world.ok(&private(&manager, &entry, &part));
    let itself = change_staff(&admin, &admin, "bay", &[Practitioner]);
    assert_eq!(world.refused(&itself), "OUTSIDE_AUTHORITY");
    let status = NewStatus::Deactivated;
    world.ok(&call(&admin, &SetStatus::Staff { staff: pid(&nurse), status }));
    let ended = change_staff(&admin, &nurse, "bay", &[Practitioner]);
    assert_eq!(world.refused(&ended), "STATUS_CONFLICT");
}
