//! Who can do what: every transaction by every kind of caller, compared with a reviewed grid.

use crate::consent;
use crate::consented::*;
use crate::world::*;
use fabric_contract_rs::ClientIdentity;
use fabric_contract_rs::testing::{Call, CallError};
use ioht_contract::access::{GetAccountingOfDisclosures, GetAccountingOfDisclosuresPrivate};
use ioht_contract::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;

fn actors() -> Vec<(&'static str, ClientIdentity)> {
    vec![
        ("msp_admin", msp_admin("Org1MSP")),
        ("org_admin", client("Org1MSP", "manager")),
        ("registrar", client("Org1MSP", "registrar")),
        ("privacy_officer", client("Org1MSP", "officer")),
        ("practitioner", client("Org1MSP", "doctor")),
        ("auditor", client("Org1MSP", "auditor")),
        ("researcher", client("Org1MSP", "researcher")),
        ("service", client("Org1MSP", "robot")),
        ("suspended", client("Org1MSP", "suspended")),
        ("provider_admin", msp_admin("Org3MSP")),
        ("provider_registrar", client("Org3MSP", "registrar")),
        ("regulator", client("RegMSP", "officer")),
        ("patient", client("Org1MSP", "patient")),
        ("patient_forged", forged("Org1MSP", "patient")),
        ("other_patient", client("Org1MSP", "other")),
        ("delegate", client("Org1MSP", "delegate")),
        ("delegate_forged", forged("Org1MSP", "delegate")),
        ("delegate_of_another_power", client("Org1MSP", "powerless")),
        ("named_delegate", client("Org1MSP", "named_delegate")),
        ("custodians_officer", client("Org2MSP", "officer")),
        ("pending_patient", client("Org1MSP", "pending")),
        ("device", client("Org1MSP", "watch")),
        ("device_forged", forged("Org1MSP", "watch")),
        ("named_device", client("Org1MSP", "ring")),
        ("gateway", client("Org1MSP", "phone")),
        ("stranger", client("Org1MSP", "stranger")),
    ]
}

const NOBODYS: &str = "0000000000001.00112233445566778899aabbccddeeff";
const PENDING_SID: &str = "5353535353535353535353535353535a";
const PENDING_RK: &str = "4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4a";

fn world() -> World {
    let mut world = World::populated();
    let admin = msp_admin("Org1MSP");
    for (name, role) in [
        ("auditor", StaffRole::Auditor),
        ("researcher", StaffRole::Researcher),
        ("robot", StaffRole::Service),
        ("suspended", StaffRole::Registrar),
    ] {
        world.ok(&staff(&admin, name, "root", &[role]));
    }
    let suspended = pid(&client("Org1MSP", "suspended"));
    let status = NewStatus::Suspended;
    world.ok(&call(&admin, &SetStatus::Staff { staff: suspended, status }));
    world.ok(&register("pending", PENDING_SID));
    world.ok(&device("patient", SID, "ring"));
    for (name, powers) in [
        ("delegate", &[Power::View, Power::Consent, Power::Devices, Power::Control][..]),
        ("powerless", &[Power::Erasure]),
    ] {
        world.add_delegate(name, powers);
    }
    world.add_device("patient", SID, "scale");
    let patient = client("Org1MSP", "patient");
    world.ok(&offer(&patient, SID, "scale", Some(OTHER_SID)));
    let pump = RegisterDevicePrivate {
        profile: "insulin-pump".parse().unwrap(),
        ..device_part(SID, "pump")
    };
    world.ok(&private(&patient, &RegisterDevice {}, &pump));
    world.ok(&confirm_device(&client("Org1MSP", "pump"), SID));
    let doctor = Authorisation { ..authorisation() };
    world.ok(&control(&patient, "watch", ControlChange::Allow(doctor.clone())));
    let unit = Authorisation { grantee: "unit:root@Org1MSP".parse().unwrap(), ..doctor.clone() };
    world.ok(&control(&patient, "watch", ControlChange::Allow(unit)));
    let basal =
        AllowedCommand { command: "set-basal-rate".parse().unwrap(), parameters: Vec::new() };
    let basal = Authorisation { commands: vec![basal], ..doctor };
    world.ok(&control(&patient, "pump", ControlChange::Allow(basal)));
    world.ok(&order("watch", 1, "identify", &[]));
    let rate = parameter("milliunits-per-hour", 800);
    world.ok(&order("pump", 1, "set-basal-rate", &[rate]));
    let proposed = proposal("named_delegate", DelegationKind::Proxy, &[Power::View]);
    world.ok(&propose(&client("Org1MSP", "patient"), &proposed));
    let guardian = proposal("guardian", DelegationKind::Guardian, &[Power::View]);
    world.ok(&propose(&client("Org1MSP", "registrar"), &guardian));
    world.ok(&rebind(&client("Org1MSP", "registrar"), SID, &client("Org1MSP", "new")));
    world.submit(vec![heart_rate(0)]);
    world
}

type Make = fn(&ClientIdentity) -> Call;

/// Each as it would succeed for whom it is meant.
fn rows() -> Vec<(&'static str, Make)> {
    fn device_of(by: &ClientIdentity) -> Option<ParticipantId> {
        let watch = client("Org1MSP", "watch");
        (pid(by) != pid(&watch)).then(|| pid(&watch))
    }
    use NewStatus::Suspended;
    vec![
        ("WhoAmI", |by| call(by, &WhoAmI {})),
        ("RegisterOrganization", |by| {
            call(by, &RegisterOrganization { kind: OrganizationKind::Custodian })
        }),
        ("PutUnit", |by| call(by, &unit("new", "ward"))),
        ("RegisterStaff", |by| staff(by, "new", "bay", &[StaffRole::Service])),
        ("RegisterPatient", |by| register_by(by, "new", "5454545454545454545454545454545a")),
        ("ConfirmRegistration", |by| confirm_by(by, PENDING_SID, PENDING_RK)),
        ("RegisterDevice", |by| private(by, &RegisterDevice {}, &device_part(SID, "scale"))),
        ("ConfirmDevice", |by| confirm_device(by, SID)),
        ("PutGateway", |by| set_gateway(by, SID, "watch", None)),
        ("SetCollection", |by| set_collection(by, SID, Collection::Paused)),
        ("OfferDevice", |by| offer(by, SID, "watch", Some(OTHER_SID))),
        ("AcceptDevice", |by| take_over(by, OTHER_SID, SID, "scale")),
        ("ListDevices", |by| {
            let sid = Some(SID.parse().unwrap());
            private(by, &ListDevices {}, &OfPatientPrivate { sid })
        }),
        ("PutControl", |by| control(by, "watch", ControlChange::Allow(authorisation()))),
        ("IssueCommand (own)", |by| issue(by, &command_part("watch", 2, "identify"))),
        ("IssueCommand (authorised)", |by| {
            let authorisation = Some("unit:root@Org1MSP".parse().unwrap());
            issue(
                by,
                &IssueCommandPrivate { authorisation, ..command_part("watch", 2, "identify") },
            )
        }),
        ("UpdateCommand (confirm)", |by| update(by, "pump", 1, CommandStatus::Confirmed)),
        ("UpdateCommand (accept)", |by| update(by, "watch", 1, CommandStatus::Accepted)),
        ("UpdateCommand (cancel)", |by| update(by, "watch", 1, CommandStatus::Cancelled)),
        ("ListCommands", |by| list_commands(by, "watch")),
        ("GetCommand", |by| private(by, &GetCommand {}, &reference("watch", 1))),
        ("PutCareTeam", |by| care_team(by, &[], &["unit:ward@Org1MSP".parse().unwrap()])),
        ("RebindKey (ask)", |by| rebind(by, OTHER_SID, &client("Org1MSP", "new"))),
        ("RebindKey (agree or refuse)", |by| rebind(by, SID, &client("Org1MSP", "new"))),
        ("ProposeDelegation (proxy)", |by| {
            propose(by, &proposal("new", DelegationKind::Proxy, &[Power::View]))
        }),
        ("ProposeDelegation (guardian)", |by| {
            propose(by, &proposal("new", DelegationKind::Guardian, &[Power::View]))
        }),
        ("AcceptDelegation", |by| accept(by, SID, None)),
        ("AcceptDelegation (countersign)", |by| accept(by, SID, Some("guardian"))),
        ("EndDelegation (delegate's)", |by| end_delegation(by, SID, Some("delegate"))),
        ("EndDelegation (guardian's)", |by| end_delegation(by, SID, Some("guardian"))),
        ("ListDelegations", |by| {
            let sid = Some(SID.parse().unwrap());
            private(by, &ListDelegations {}, &OfPatientPrivate { sid })
        }),
        ("SetStatus organization", |by| {
            let msp = "Org3MSP".parse().unwrap();
            call(by, &SetStatus::Organization { msp, status: Suspended })
        }),
        ("SetStatus unit", |by| {
            call(by, &SetStatus::Unit { unit: "bay".parse().unwrap(), status: Suspended })
        }),
        ("SetStatus staff", |by| {
            let staff = pid(&client("Org1MSP", "doctor"));
            call(by, &SetStatus::Staff { staff, status: Suspended })
        }),
        ("SetStatus patient", |by| set_patient(by, SID, Suspended)),
        ("SetStatus device (owner)", |by| {
            set_device(by, Some(SID), "watch", DeviceStatus::Suspended)
        }),
        ("SetStatus device (regulator)", |by| {
            set_device(by, None, "watch", DeviceStatus::Suspended)
        }),
        ("SubmitSummaries", |by| {
            let part =
                SubmitSummariesPrivate { device: device_of(by), ..part(vec![heart_rate(1)]) };
            private(by, &SubmitSummaries {}, &part)
        }),
        ("ReadOwnSummaries", |by| {
            private(by, &ReadOwnSummaries {}, &read("8867-4", START, START + 1))
        }),
        ("CorrectSummary", |by| correct(by, &correction(0, 1, "73.5"))),
        ("ReadVersions", |by| {
            let VerifyRawPrivate { code, grid_s, start, device, .. } = verify(0);
            private(by, &ReadVersions {}, &ReadVersionsPrivate { code, grid_s, start, device })
        }),
        ("ReadJournal", |by| {
            let asked =
                ReadJournalPrivate { sid: None, from: 1, until: 2, limit: None, after: None };
            private(by, &ReadJournal {}, &asked)
        }),
        ("VerifyRaw", |by| private(by, &VerifyRaw {}, &verify(0))),
        ("PutConsent", |by| consent::put_by(by, consent::draft("d", json!({})), 0)),
        ("EndConsent", |by| consent::end_by(by, None)),
        ("RevokeConsent", |by| consent::revoke(by, "d")),
        ("SetSharing", |by| consent::share_by(by, Sharing::Paused)),
        ("ChoosePreset", |by| consent::choose_by(by, "care-team", None)),
        ("GetConsent", |by| {
            private(by, &GetConsent {}, &GetConsentPrivate { sid: sid(), ..Default::default() })
        }),
        ("ValidateConsent", |by| {
            let draft = consent::draft("d", json!({}));
            private(by, &ValidateConsent {}, &ValidateConsentPrivate { sid: sid(), draft })
        }),
        ("SimulateConsent", |by| {
            let (change, asking) = (Change::Sharing(Sharing::On), vec![consent::anybody()]);
            private(by, &SimulateConsent {}, &SimulateConsentPrivate { sid: sid(), change, asking })
        }),
        ("WhoCanAccess", |by| {
            let code = "8867-4".parse().unwrap();
            private(by, &WhoCanAccess {}, &WhoCanAccessPrivate { sid: sid(), code })
        }),
        ("ExplainDecision", |by| {
            let asking = consent::anybody();
            private(by, &ExplainDecision {}, &ExplainDecisionPrivate { sid: sid(), asking })
        }),
        ("ExportConsent", |by| {
            let export = ExportConsent { release: FhirRelease::R5 };
            private(by, &export, &ExportConsentPrivate { sid: sid() })
        }),
        ("RequestAccess", |by| request(by, scope())),
        // Nobody's: whom the transaction serves is told that it does not see it.
        ("GetAccess", |by| get(by, NOBODYS.parse().unwrap())),
        ("OpenDisclosure", |by| open(by, NOBODYS.parse().unwrap())),
        ("ReadSummaries", |by| read_by(by, NOBODYS.parse().unwrap())),
        ("GetAccountingOfDisclosures", |by| {
            let asked = GetAccountingOfDisclosuresPrivate {
                sid: None,
                from: 1,
                until: 2,
                limit: None,
                bookmark: None,
            };
            private(by, &GetAccountingOfDisclosures {}, &asked)
        }),
    ]
}

fn sid() -> Option<SubjectId> {
    Some(SID.parse().unwrap())
}

fn outcome(world: &mut World, call: &Call) -> String {
    let refused = match world.ledger.endorse(call) {
        Ok(_) => None,
        Err(CallError::NeverEndorsed) => world.ledger.evaluate(call).err(),
        Err(error) => Some(error),
    };
    refused.map_or_else(|| "yes".to_owned(), |error| code(&error))
}

#[test]
fn every_caller_can_do_what_was_reviewed() {
    let mut world = world();
    let mut grid = String::from(
        "Every transaction, as it would succeed for whom it is meant, by every kind of caller.\n",
    );
    for (name, make) in rows() {
        let mut outcomes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (actor, by) in actors() {
            outcomes.entry(outcome(&mut world, &make(&by))).or_default().push(actor);
        }
        writeln!(grid, "\n{name}").unwrap();
        for (outcome, actors) in outcomes.iter().rev() {
            writeln!(grid, "  {outcome}: {}", actors.join(", ")).unwrap();
        }
    }
    golden("authorization.txt", &grid);
}

#[test]
fn the_grid_has_every_transaction() {
    use fabric_contract_rs::Contract;
    use fabric_contract_rs::testing::MockReader;
    let names: Vec<&str> = rows().iter().map(|(name, _)| *name).collect();
    for route in IohtContract::routes::<MockReader>() {
        let tried = names.iter().any(|name| name.split(' ').next() == Some(route.name()));
        assert!(tried, "{} is missing", route.name());
    }
}
