//! Every transaction with valid arguments, on a ledger where it can succeed.

use crate::consent;
use crate::consented::*;
use crate::world::*;
use fabric_contract_rs::ClientIdentity;
use fabric_contract_rs::testing::{Call, MOCK_EPOCH_MS};
use ioht_contract::access::*;
use ioht_contract::*;
use serde_json::json;
use std::collections::BTreeMap;

const PENDING_SID: &str = "5353535353535353535353535353535a";
const PENDING_RK: &str = "4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4a";

/// What each reader holds: an access and a disclosure.
pub(crate) struct Tickets(BTreeMap<ParticipantId, (TicketId, TicketId)>);

impl Tickets {
    /// The caller's own, else the doctor's.
    fn of(&self, by: &ClientIdentity) -> (TicketId, TicketId) {
        *self.0.get(&pid(by)).unwrap_or(&self.0[&pid(&doctor())])
    }
}

/// One patient with everything that can be done to it, and every kind of caller.
pub(crate) fn world() -> (World, Tickets) {
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
    let others = ProposeDelegationPrivate {
        sid: OTHER_SID.parse().unwrap(),
        ..proposal("others_delegate", DelegationKind::Caregiver, &[Power::Devices])
    };
    world.ok(&propose(&client("Org1MSP", "other"), &others));
    world.ok(&accept(&client("Org1MSP", "others_delegate"), OTHER_SID));
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
    let authorisation = Some("unit:root@Org1MSP".parse().unwrap());
    let robots = IssueCommandPrivate { authorisation, ..command_part("watch", 3, "identify") };
    world.ok(&issue(&client("Org1MSP", "robot"), &robots));
    let rate = parameter("milliunits-per-hour", 800);
    world.ok(&order("pump", 1, "set-basal-rate", &[rate]));
    let proposed = proposal("named_delegate", DelegationKind::Proxy, &[Power::View]);
    world.ok(&propose(&client("Org1MSP", "patient"), &proposed));
    let guardian = proposal("guardian", DelegationKind::Guardian, &[Power::View]);
    world.ok(&propose(&client("Org1MSP", "registrar"), &guardian));
    world.ok(&rebind(&client("Org1MSP", "registrar"), SID, &client("Org1MSP", "new")));
    world.submit(vec![heart_rate(0)]);
    out_of_force(&mut world);
    let tickets = tickets(&mut world);
    (world, tickets)
}

/// Whoever had a role and cannot use it now.
fn out_of_force(world: &mut World) {
    let (admin, late) = (msp_admin("Org1MSP"), msp_admin("NewMSP"));
    let status = NewStatus::Suspended;
    world.ok(&call(&admin, &unit("closed", "root")));
    world.ok(&staff(&admin, "shut", "closed", &[StaffRole::Practitioner]));
    world.ok(&call(&admin, &SetStatus::Unit { unit: "closed".parse().unwrap(), status }));
    let former = RegisterStaff {
        unit: "bay".parse().unwrap(),
        roles: [StaffRole::Practitioner].into(),
        period: Period { start: 0, end: Some(MOCK_EPOCH_MS) },
    };
    let part = RegisterStaffPrivate { enrolment_id: "former-MARKER".to_owned() };
    world.ok(&private(&admin, &former, &part));
    world.ok(&call(&late, &RegisterOrganization { kind: OrganizationKind::Provider }));
    world.ok(&staff(&late, "doctor", "root", &[StaffRole::Practitioner]));
    let msp = "NewMSP".parse().unwrap();
    world.ok(&call(&late, &SetStatus::Organization { msp, status }));
    let uncle = client("Org1MSP", "uncle");
    change_head(world, SID, |head| {
        head.delegations.push(Delegation {
            delegate: pid(&uncle),
            key_hash: key_hash(&uncle),
            kind: DelegationKind::Caregiver,
            powers: [Power::View, Power::Consent, Power::Devices, Power::Control].into(),
            period: Period { start: 0, end: Some(MOCK_EPOCH_MS) },
            evidence: None,
            status: DelegationStatus::Active,
            proposed_by: head.pid,
            offered_until: None,
        });
    });
}

/// Consent for whoever reads, and what each has asked for and opened.
fn tickets(world: &mut World) -> Tickets {
    let permits =
        |actor: &str, purpose: &str| json!({"context": {"actors": [actor], "purposes": [purpose]}});
    world.ok(&consent::put("d", json!({}), 0));
    world.ok(&consent::put("research", permits("role:researcher", "HRESCH"), 0));
    world.ok(&consent::put("robots", permits("role:service", "TREAT"), 0));
    let readers = [
        (doctor(), "TREAT"),
        (client("Org1MSP", "researcher"), "HRESCH"),
        (client("Org1MSP", "robot"), "TREAT"),
        (client("Org1MSP", "delegate"), "PATRQT"),
        // Nobody permits it anything.
        (client("Org3MSP", "doctor"), "TREAT"),
    ];
    let held = readers.map(|(by, asked)| (pid(&by), world.opened(&by, purpose(asked))));
    Tickets(held.into())
}

fn purpose(purpose: &str) -> Scope {
    Scope { purpose: purpose.parse().unwrap(), ..scope() }
}

/// A call of the transaction by whoever is given.
pub(crate) type Make = fn(&Tickets, &ClientIdentity) -> Call;

/// Each as it would succeed for whom it is meant.
pub(crate) fn rows() -> Vec<(&'static str, Make)> {
    fn device_of(by: &ClientIdentity) -> Option<ParticipantId> {
        let watch = client("Org1MSP", "watch");
        (pid(by) != pid(&watch)).then(|| pid(&watch))
    }
    use NewStatus::Suspended;
    vec![
        ("WhoAmI", |_, by| call(by, &WhoAmI {})),
        ("RegisterOrganization", |_, by| {
            call(by, &RegisterOrganization { kind: OrganizationKind::Provider })
        }),
        ("PutUnit", |_, by| call(by, &unit("new", "ward"))),
        ("RegisterStaff", |_, by| staff(by, "new", "bay", &[StaffRole::Service])),
        ("ChangeStaff", |_, by| {
            let roles = [StaffRole::Practitioner, StaffRole::Researcher];
            change_staff(by, &client("Org1MSP", "doctor"), "ward", &roles)
        }),
        ("RegisterPatient", |_, by| register_by(by, "new", "5454545454545454545454545454545a")),
        ("ConfirmRegistration", |_, by| confirm_by(by, PENDING_SID, PENDING_RK)),
        ("RegisterDevice", |_, by| private(by, &RegisterDevice {}, &device_part(SID, "scale"))),
        ("ConfirmDevice", |_, by| confirm_device(by, SID)),
        ("PutGateway", |_, by| set_gateway(by, SID, "watch", None)),
        ("SetCollection", |_, by| set_collection(by, SID, Collection::Paused)),
        ("OfferDevice", |_, by| offer(by, SID, "watch", Some(OTHER_SID))),
        ("AcceptDevice", |_, by| take_over(by, OTHER_SID, SID, "scale")),
        ("ListDevices", |_, by| {
            let sid = Some(SID.parse().unwrap());
            private(by, &ListDevices {}, &OfPatientPrivate { sid })
        }),
        ("PutControl", |_, by| control(by, "watch", ControlChange::Allow(authorisation()))),
        ("IssueCommand (own)", |_, by| issue(by, &command_part("watch", 2, "identify"))),
        ("IssueCommand (authorised)", |_, by| {
            let authorisation = Some("unit:root@Org1MSP".parse().unwrap());
            issue(
                by,
                &IssueCommandPrivate { authorisation, ..command_part("watch", 2, "identify") },
            )
        }),
        ("UpdateCommand (confirm)", |_, by| update(by, "pump", 1, CommandStatus::Confirmed)),
        ("UpdateCommand (accept)", |_, by| update(by, "watch", 1, CommandStatus::Accepted)),
        ("UpdateCommand (cancel)", |_, by| update(by, "watch", 1, CommandStatus::Cancelled)),
        ("UpdateCommand (cancel the service's)", |_, by| {
            update(by, "watch", 3, CommandStatus::Cancelled)
        }),
        ("ListCommands", |_, by| list_commands(by, "watch")),
        ("GetCommand", |_, by| private(by, &GetCommand {}, &reference("watch", 1))),
        ("GetCommand (the service's)", |_, by| private(by, &GetCommand {}, &reference("watch", 3))),
        ("PutCareTeam", |_, by| care_team(by, &["unit:ward@Org1MSP".parse().unwrap()], &[])),
        ("RebindKey (ask)", |_, by| rebind(by, OTHER_SID, &client("Org1MSP", "new"))),
        ("RebindKey (agree or refuse)", |_, by| rebind(by, SID, &client("Org1MSP", "new"))),
        ("ProposeDelegation (proxy)", |_, by| {
            propose(by, &proposal("new", DelegationKind::Proxy, &[Power::View]))
        }),
        ("ProposeDelegation (guardian)", |_, by| {
            propose(by, &proposal("guardian", DelegationKind::Guardian, &[Power::View]))
        }),
        ("AcceptDelegation", |_, by| accept(by, SID)),
        ("AcceptDelegation (countersign)", |_, by| {
            let proposed = proposal("guardian", DelegationKind::Guardian, &[Power::View]);
            countersign(by, guardianship(&proposed))
        }),
        ("EndDelegation (delegate's)", |_, by| end_delegation(by, SID, Some("delegate"))),
        ("EndDelegation (guardian's)", |_, by| end_delegation(by, SID, Some("guardian"))),
        ("ListDelegations", |_, by| {
            let sid = Some(SID.parse().unwrap());
            private(by, &ListDelegations {}, &OfPatientPrivate { sid })
        }),
        ("SetStatus organization", |_, by| {
            let msp = "Org3MSP".parse().unwrap();
            call(by, &SetStatus::Organization { msp, status: Suspended })
        }),
        ("SetStatus unit", |_, by| {
            call(by, &SetStatus::Unit { unit: "bay".parse().unwrap(), status: Suspended })
        }),
        ("SetStatus staff", |_, by| {
            let staff = pid(&client("Org1MSP", "doctor"));
            call(by, &SetStatus::Staff { staff, status: Suspended })
        }),
        ("SetStatus patient", |_, by| set_patient(by, SID, Suspended)),
        ("SetStatus device (owner)", |_, by| {
            set_device(by, Some(SID), "watch", DeviceStatus::Suspended)
        }),
        ("SetStatus device (regulator)", |_, by| {
            set_device(by, None, "watch", DeviceStatus::Suspended)
        }),
        ("SubmitSummaries", |_, by| {
            let part =
                SubmitSummariesPrivate { device: device_of(by), ..part(vec![heart_rate(1)]) };
            private(by, &SubmitSummaries {}, &part)
        }),
        ("ReadOwnSummaries", |_, by| {
            private(by, &ReadOwnSummaries {}, &read("8867-4", START, START + 1))
        }),
        ("CorrectSummary", |_, by| correct(by, &correction(0, 1, "73.5"))),
        ("ReadVersions", |_, by| {
            let VerifyRawPrivate { code, grid_s, start, device, .. } = verify(0);
            private(by, &ReadVersions {}, &ReadVersionsPrivate { code, grid_s, start, device })
        }),
        ("ReadJournal", |_, by| {
            let asked =
                ReadJournalPrivate { sid: sid(), from: 1, until: 2, limit: None, after: None };
            private(by, &ReadJournal {}, &asked)
        }),
        ("VerifyRaw", |_, by| private(by, &VerifyRaw {}, &verify(0))),
        ("PutConsent", |_, by| consent::put_by(by, consent::draft("new", json!({})), 0)),
        ("EndConsent", |_, by| consent::end_by(by, None)),
        ("RevokeConsent", |_, by| consent::revoke(by, "d")),
        ("SetSharing", |_, by| consent::share_by(by, Sharing::Paused)),
        ("ChoosePreset", |_, by| consent::choose_by(by, "care-team", None)),
        ("GetConsent", |_, by| {
            private(by, &GetConsent {}, &GetConsentPrivate { sid: sid(), ..Default::default() })
        }),
        ("ValidateConsent", |_, by| {
            let draft = consent::draft("d", json!({}));
            private(by, &ValidateConsent {}, &ValidateConsentPrivate { sid: sid(), draft })
        }),
        ("SimulateConsent", |_, by| {
            let (change, asking) = (Change::Sharing(Sharing::On), vec![consent::anybody()]);
            private(by, &SimulateConsent {}, &SimulateConsentPrivate { sid: sid(), change, asking })
        }),
        ("WhoCanAccess", |_, by| {
            let code = "8867-4".parse().unwrap();
            private(by, &WhoCanAccess {}, &WhoCanAccessPrivate { sid: sid(), code })
        }),
        ("ExplainDecision", |_, by| {
            let asking = consent::anybody();
            private(by, &ExplainDecision {}, &ExplainDecisionPrivate { sid: sid(), asking })
        }),
        ("ExportConsent", |_, by| {
            let export = ExportConsent { release: FhirRelease::R5 };
            private(by, &export, &ExportConsentPrivate { sid: sid() })
        }),
        ("RequestAccess (treatment)", |_, by| request(by, scope())),
        ("RequestAccess (research)", |_, by| request(by, purpose("HRESCH"))),
        ("RequestAccess (the patient's own)", |_, by| request(by, purpose("PATRQT"))),
        ("GetAccess", |tickets, by| get(by, tickets.of(by).0)),
        ("OpenDisclosure", |tickets, by| open(by, tickets.of(by).0)),
        ("ReadSummaries", |tickets, by| read_by(by, tickets.of(by).1)),
        ("GetAccountingOfDisclosures", |_, by| {
            let asked = GetAccountingOfDisclosuresPrivate {
                sid: sid(),
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
