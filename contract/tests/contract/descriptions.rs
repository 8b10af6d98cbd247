//! What clients in other languages build on: schemas, and that what is sent and answered fits them.

use crate::consent;
use crate::consented::*;
use crate::world::*;
use fabric_contract_rs::testing::{Call as MockCall, MockReader};
use fabric_contract_rs::{Contract, Kind};
use ioht_contract::access::*;
use ioht_contract::client::{Description, Invocation, StatusPrivate, descriptions};
use ioht_contract::*;
use serde_json::{Value, json};
use std::fmt::Write;

#[test]
fn schemas_are_as_reviewed() {
    let text = serde_json::to_string_pretty(&descriptions()).unwrap();
    golden("transactions.json", &format!("{text}\n"));
}

/// The same for people: what to send, where, and what comes back.
#[test]
fn the_reference_is_as_reviewed() {
    let mut text = String::from(
        "Generated from the contract; what is private travels in the transient entry `private`.\n",
    );
    for it in descriptions() {
        writeln!(text, "\n## {}\n", it.function).unwrap();
        let about = it.arguments.get("description").and_then(Value::as_str);
        if let Some(about) = about {
            writeln!(
                text,
                "{}\n",
                about.replace("](Self::", "](").replace("[`", "`").replace("`]", "`")
            )
            .unwrap();
        }
        let verb = if it.kind == "submit" { "submitted" } else { "evaluated, never submitted" };
        writeln!(text, "{verb}; serves {}\n", it.roles.join(", ")).unwrap();
        for (title, schema) in
            [("arguments", &it.arguments), ("private", &it.private), ("answer", &it.answer)]
        {
            fields(&mut text, title, schema.as_value());
        }
    }
    golden("transactions.md", &text);
}

fn fields(text: &mut String, title: &str, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in properties {
        let optional = if required.contains(&name.as_str()) { "" } else { " (optional)" };
        let about = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        writeln!(text, "- {title} `{name}`{optional}: {about}").unwrap();
    }
}

#[test]
fn descriptions_are_those_of_the_routes() {
    let described = descriptions();
    let routes = IohtContract::routes::<MockReader>();
    assert_eq!(described.len(), routes.len());
    for (route, description) in routes.iter().zip(described) {
        assert_eq!((route.name(), route.roles()), (description.function, description.roles));
        let kind = if route.kind() == Kind::Submit { "submit" } else { "evaluate" };
        assert_eq!(kind, description.kind);
        assert_eq!(route.never_endorse(), route.kind() == Kind::Evaluate, "{}", route.name());
    }
}

fn fits(schema: &schemars::Schema, value: &Value) -> bool {
    jsonschema::validator_for(schema.as_value()).unwrap().is_valid(value)
}

fn described(function: &str) -> Description {
    descriptions().into_iter().find(|it| it.function == function).unwrap()
}

#[track_caller]
fn check(world: &mut World, by: &str, invocation: &Invocation) {
    let function = invocation.function.strip_prefix("ioht:").unwrap();
    let description = described(function);
    let mut arguments: Value = serde_json::from_str(&invocation.arguments).unwrap();
    assert!(fits(&description.arguments, &arguments), "{function} {arguments}");
    arguments["heart_rate"] = json!(72);
    assert!(!fits(&description.arguments, &arguments), "{function} {arguments}");
    let by = if by == "admin" { msp_admin("Org1MSP") } else { client("Org1MSP", by) };
    let parts = vec![invocation.function.clone().into(), invocation.arguments.clone().into()];
    let mut call = MockCall::of_args(&by, parts);
    if let Some(private) = invocation.transient.get(PRIVATE) {
        let mut value: Value = serde_json::from_slice(private).unwrap();
        assert!(fits(&description.private, &value), "{function} {value}");
        value["heart_rate"] = json!(72);
        assert!(!fits(&description.private, &value), "{function} {value}");
        call = call.transient(PRIVATE, private.clone());
    } else if description.kind == "submit" && function != "SetStatus" {
        assert!(!fits(&description.private, &json!({})), "{function} has no private part");
    }
    let answer: Value = match description.kind {
        "submit" => world.ledger.submit(&call).unwrap().answer(),
        _ => world.ledger.evaluate(&call).unwrap().answer(),
    };
    assert!(fits(&description.answer, &answer), "{function} {answer}");
}

#[test]
fn what_is_sent_and_answered_fits_its_schema() {
    let mut world = World::empty();
    let world = &mut world;
    let of = Invocation::new::<RegisterOrganization>;
    check(world, "admin", &of(&RegisterOrganization { kind: OrganizationKind::Custodian }));
    check(world, "admin", &Invocation::new(&unit("ward", "root")));
    let add = RegisterStaff {
        unit: "ward".parse().unwrap(),
        roles: [StaffRole::Registrar].into(),
        period: Period { start: 0, end: None },
    };
    let part_of_staff = RegisterStaffPrivate { enrolment_id: "registrar-MARKER".to_owned() };
    check(world, "admin", &Invocation::with_private(&add, &part_of_staff));
    let changed = ChangeStaff {
        staff: pid(&client("Org1MSP", "registrar")),
        unit: UnitId::root(),
        roles: [StaffRole::Registrar].into(),
        period: Period { start: 0, end: None },
    };
    check(world, "admin", &Invocation::new(&changed));
    let patient = RegisterPatientPrivate {
        sid: SID.parse().unwrap(),
        secret: FIRST_SECRET.parse().unwrap(),
        enrolment_id: "patient-MARKER".to_owned(),
        key_hash: key_hash(&client("Org1MSP", "patient")),
    };
    check(world, "registrar", &Invocation::with_private(&RegisterPatient {}, &patient));
    let confirmed = ConfirmRegistrationPrivate {
        sid: SID.parse().unwrap(),
        rk: RK.parse().unwrap(),
        secret: SECRET.parse().unwrap(),
    };
    check(world, "patient", &Invocation::with_private(&ConfirmRegistration {}, &confirmed));
    let watch = device_part(SID, "watch");
    check(world, "patient", &Invocation::with_private(&RegisterDevice {}, &watch));
    let sid = SID.parse().unwrap();
    check(
        world,
        "watch",
        &Invocation::with_private(&ConfirmDevice {}, &ConfirmDevicePrivate { sid }),
    );
    let gateway = PutGatewayPrivate { sid, device: watch.device, gateway: watch.gateway };
    check(world, "patient", &Invocation::with_private(&PutGateway {}, &gateway));
    let on = SetCollectionPrivate { sid, collection: Collection::On };
    check(world, "patient", &Invocation::with_private(&SetCollection {}, &on));
    let asked = ReadJournalPrivate { sid: Some(sid), from: 1, until: 2, limit: None, after: None };
    check(world, "patient", &Invocation::with_private(&ReadJournal {}, &asked));
    let team = PutCareTeamPrivate { sid, add: Default::default(), remove: Default::default() };
    check(world, "patient", &Invocation::with_private(&PutCareTeam {}, &team));
    let aunt = proposal("aunt", DelegationKind::Proxy, &[Power::View]);
    check(world, "patient", &Invocation::with_private(&ProposeDelegation {}, &aunt));
    let own = AcceptDelegationPrivate { sid, guardian: None };
    check(world, "aunt", &Invocation::with_private(&AcceptDelegation {}, &own));
    let list = OfPatientPrivate { sid: None };
    check(world, "patient", &Invocation::with_private(&ListDelegations {}, &list));
    let own = EndDelegationPrivate { sid, delegate: None };
    check(world, "aunt", &Invocation::with_private(&EndDelegation {}, &own));
    let key_hash = key_hash(&client("Org1MSP", "new"));
    let key = RebindKeyPrivate { sid, key_hash };
    check(world, "registrar", &Invocation::with_private(&RebindKey {}, &key));
    accesses(world);
    let allow = PutControlPrivate {
        sid,
        device: watch.device,
        change: ControlChange::Allow(Authorisation {
            grantee: Actor::Participant(watch.device),
            ..authorisation()
        }),
    };
    check(world, "patient", &Invocation::with_private(&PutControl {}, &allow));
    let identify = command_part("watch", 1, "identify");
    check(world, "patient", &Invocation::with_private(&IssueCommand {}, &identify));
    let taken =
        UpdateCommandPrivate { reference: identify.reference, status: CommandStatus::Accepted };
    check(world, "watch", &Invocation::with_private(&UpdateCommand {}, &taken));
    let asked = ListCommandsPrivate {
        sid,
        device: watch.device,
        from: 0,
        until: TIME_MS_MAX,
        limit: None,
        after: None,
    };
    check(world, "watch", &Invocation::with_private(&ListCommands {}, &asked));
    check(
        world,
        "patient",
        &Invocation::with_private(&ListDevices {}, &OfPatientPrivate { sid: None }),
    );
    let give = OfferDevicePrivate { sid, device: watch.device, to: None };
    check(world, "patient", &Invocation::with_private(&OfferDevice {}, &give));
    let records = part(vec![heart_rate(0), heart_rate(1)]);
    check(world, "watch", &Invocation::with_private(&SubmitSummaries {}, &records));
    let corrected = correction(0, 1, "73.5");
    check(world, "patient", &Invocation::with_private(&CorrectSummary {}, &corrected));
    let VerifyRawPrivate { code, grid_s, start, device, .. } = verify(0);
    let versions = ReadVersionsPrivate { code, grid_s, start, device };
    check(world, "patient", &Invocation::with_private(&ReadVersions {}, &versions));
    let asked =
        ReadOwnSummariesPrivate { limit: Some(1), ..read("8867-4", START, START + 600_000) };
    check(world, "patient", &Invocation::with_private(&ReadOwnSummaries {}, &asked));
    check(world, "watch", &Invocation::with_private(&VerifyRaw {}, &verify(0)));
    consent_fits(world);
    for by in ["admin", "registrar", "patient", "watch", "stranger"] {
        check(world, by, &Invocation::new(&WhoAmI {}));
    }
    let asked = WhoAmIPrivate { devices: vec![watch.device], patients: vec![sid] };
    check(world, "phone", &Invocation::with_private(&WhoAmI {}, &asked));
    let unit = SetStatus::Unit { unit: "ward".parse().unwrap(), status: NewStatus::Active };
    check(world, "admin", &Invocation::new(&unit));
    let device = StatusPrivate::Device(DeviceStatusPrivate {
        sid: Some(SID.parse().unwrap()),
        device: watch.device,
        status: DeviceStatus::Suspended,
    });
    check(world, "patient", &Invocation::with_private(&SetStatus::Device {}, &device));
}

fn consent_fits(world: &mut World) {
    let (sid, rk) = (SID.parse().unwrap(), RK.parse().unwrap());
    let draft = || consent::draft("ward", json!({"provision": [{"match": {"codes": ["8867-4"]}}]}));
    let put = PutConsentPrivate { sid, rk, expected_version: 0, draft: draft() };
    check(world, "patient", &Invocation::with_private(&PutConsent {}, &put));
    let chosen = json!({"sid": SID, "preset": "join-project", "project": "p-1",
        "terms": {"offer": "o-1", "version": 1}, "until": 9_000_000_000_000_i64,
        "text": {"digest": SECRET, "language": "vi"}});
    let chosen: ChoosePresetPrivate = serde_json::from_value(chosen).unwrap();
    check(world, "patient", &Invocation::with_private(&ChoosePreset {}, &chosen));
    let versions = Some("ward".parse().unwrap());
    let asked = GetConsentPrivate { sid: None, versions_of: versions, after_version: 0 };
    check(world, "patient", &Invocation::with_private(&GetConsent {}, &asked));
    let draft = ValidateConsentPrivate { sid: None, draft: draft() };
    check(world, "patient", &Invocation::with_private(&ValidateConsent {}, &draft));
    let asking = consent::anybody;
    let simulated = SimulateConsentPrivate {
        sid: None,
        change: Change::Sharing(Sharing::Paused),
        asking: vec![asking()],
    };
    check(world, "patient", &Invocation::with_private(&SimulateConsent {}, &simulated));
    let code = WhoCanAccessPrivate { sid: None, code: "8867-4".parse().unwrap() };
    check(world, "patient", &Invocation::with_private(&WhoCanAccess {}, &code));
    let explained = ExplainDecisionPrivate { sid: None, asking: asking() };
    check(world, "patient", &Invocation::with_private(&ExplainDecision {}, &explained));
    let export = ExportConsent { release: FhirRelease::R4 };
    check(world, "patient", &Invocation::new(&export));
    let sharing = SetSharingPrivate { sid, sharing: Sharing::Paused };
    check(world, "patient", &Invocation::with_private(&SetSharing {}, &sharing));
    let ended = EndConsentPrivate { sid, directives: None, ending: Ending::EnteredInError };
    check(world, "patient", &Invocation::with_private(&EndConsent {}, &ended));
}

fn accesses(world: &mut World) {
    world.ok(&staff(&msp_admin("Org1MSP"), "doctor", "ward", &[StaffRole::Practitioner]));
    let mut shared = ward();
    shared["id"] = json!("shared");
    consents(world, json!([shared]));
    let asked = RequestAccessPrivate {
        justification: Some("77".repeat(32).parse().unwrap()),
        until: Some(world.ledger.now() + DAY),
        ..request_part(&[SID], Scope { min_grid_s: Some(300), ..scope() })
    };
    check(world, "doctor", &Invocation::with_private(&RequestAccess {}, &asked));
    let (access, disclosure) = world.opened(&doctor(), scope());
    let opening = OpenDisclosurePrivate { accesses: vec![of_access(access)], minutes: Some(5) };
    check(world, "doctor", &Invocation::with_private(&OpenDisclosure {}, &opening));
    let asked = GetAccessPrivate { accesses: vec![of_access(access)] };
    check(world, "doctor", &Invocation::with_private(&GetAccess {}, &asked));
    let asked = ReadSummariesPrivate { limit: Some(1), ..read_part(disclosure) };
    check(world, "doctor", &Invocation::with_private(&ReadSummaries {}, &asked));
    let until = world.ledger.now() + 1;
    let asked = GetAccountingOfDisclosuresPrivate {
        sid: Some(SID.parse().unwrap()),
        from: until - DAY,
        until,
        limit: Some(1),
        bookmark: None,
    };
    check(world, "patient", &Invocation::with_private(&GetAccountingOfDisclosures {}, &asked));
}
