//! Every code, provoked on a ledger, and the list of them that clients can rely on.

use crate::consent;
use crate::consented::*;
use crate::world::*;
use fabric_contract_rs::testing::{Call, CallError, TestIdentity};
use fabric_contract_rs::{LedgerError, Space, TxError, Writes};
use ioht_contract::access::Scope;
use ioht_contract::decision::Path;
use ioht_contract::no_raw::RawRule;
use ioht_contract::state::{HEADS, HEALTH};
use ioht_contract::*;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write;

/// One of each, in the order in which the contract reports them.
fn every_refusal() -> Vec<ContractError> {
    use ContractError::*;
    // A new variant does not compile until it is listed below.
    let listed = |error: &ContractError| match error {
        ProposalUnusable
        | IdentityUnusable(_)
        | PrivateMissing
        | PrivateMalformed(_)
        | PrivateTooLarge
        | ArgumentInvalid(_)
        | BatchSize
        | BatchDuplicate { .. }
        | RawDataRejected { .. }
        | RolesIncompatible
        | RoleNotPermitted { .. }
        | IdentityUnknown
        | KeyNotBound
        | Inactive(_)
        | KindNotAllowed
        | OutsideAuthority
        | DeviceNotOfSubject
        | SuspensionHeld
        | OrganizationUnknown
        | UnitUnknown
        | StaffUnknown
        | SubjectUnknown
        | SubjectUnknownAt { .. }
        | PurposeNotAssertable
        | NotDisclosed
        | TicketNotVisible
        | TicketExpired
        | DeviceUnknown
        | RecordUnknown
        | OrganizationExists
        | UnitExists
        | UnitTreeFull
        | StaffExists
        | PatientExists
        | NotPending
        | DeviceExists
        | OfferLapsed
        | NotProposed
        | NotAuthorised
        | CommandNotInProfile
        | CommandUnknown
        | CommandExists
        | CommandEnded
        | RateExceeded
        | AuthorisationsFull
        | CareTeamFull
        | DelegationsFull
        | DelegationExists
        | DevicesFull
        | ClaimsFull
        | KeyTaken
        | RecordsKeyTaken
        | RecordsKeyMismatch
        | RecordConflict { .. }
        | RecordVersion
        | RecordVersionsFull
        | StatusConflict
        | BackDated
        | ConsentInvalid(_)
        | ConsentConflict
        | ConsentTooLarge(_)
        | PresetUnknown
        | Ledger(_) => (),
    };
    let all = vec![
        ProposalUnusable,
        IdentityUnusable(String::new()),
        PrivateMissing,
        PrivateMalformed(String::new()),
        PrivateTooLarge,
        ArgumentInvalid(""),
        BatchSize,
        BatchDuplicate { first: 0, second: 1 },
        RawDataRejected { position: 0, rule: RawRule::Schema },
        RolesIncompatible,
        RoleNotPermitted { transaction: "" },
        IdentityUnknown,
        KeyNotBound,
        Inactive(ioht_contract::Inactive::Patient),
        KindNotAllowed,
        OutsideAuthority,
        DeviceNotOfSubject,
        SuspensionHeld,
        OrganizationUnknown,
        UnitUnknown,
        StaffUnknown,
        SubjectUnknown,
        SubjectUnknownAt { position: 0 },
        PurposeNotAssertable,
        NotDisclosed,
        TicketNotVisible,
        TicketExpired,
        DeviceUnknown,
        RecordUnknown,
        OrganizationExists,
        UnitExists,
        UnitTreeFull,
        StaffExists,
        PatientExists,
        NotPending,
        DeviceExists,
        OfferLapsed,
        NotProposed,
        NotAuthorised,
        CommandNotInProfile,
        CommandUnknown,
        CommandExists,
        CommandEnded,
        RateExceeded,
        AuthorisationsFull,
        CareTeamFull,
        DelegationsFull,
        DelegationExists,
        DevicesFull,
        ClaimsFull,
        KeyTaken,
        RecordsKeyTaken,
        RecordsKeyMismatch,
        RecordConflict { position: 0 },
        RecordVersion,
        RecordVersionsFull,
        StatusConflict,
        BackDated,
        ConsentInvalid(Finding { code: FindingCode::EmptySet, path: Path::Context }),
        ConsentConflict,
        ConsentTooLarge(ConsentBound::Bytes),
        PresetUnknown,
        Ledger(LedgerError::PrivateDataUnavailable),
    ];
    all.iter().for_each(listed);
    all
}

/// A call that is refused with each code, on a ledger with two patients.
fn provocations(world: &mut World) -> Vec<Call> {
    let admin = msp_admin("Org1MSP");
    let (registrar, patient) = (client("Org1MSP", "registrar"), client("Org1MSP", "patient"));
    let (watch, officer) = (client("Org1MSP", "watch"), client("Org1MSP", "officer"));
    let two_names =
        TestIdentity::new("Org1MSP", "patient").attribute("hf.EnrollmentID", "other").client();
    let now = world.ledger.now();
    world.submit(vec![heart_rate(0)]);
    let mut other_content = heart_rate(0);
    other_content.count += 1;
    world.ok(&set_device(&client("RegMSP", "officer"), None, "watch", DeviceStatus::Suspended));
    let held = set_device(&patient, Some(SID), "watch", DeviceStatus::Active);
    world.add_device("patient", SID, "scale");
    let scale = client("Org1MSP", "scale");
    let send = |by, records| summaries(by, records);
    let hinted = |sid: &str, rk: &str| {
        let (sid, rk) = (sid.parse().unwrap(), rk.parse().unwrap());
        private(
            &scale,
            &SubmitSummaries {},
            &SubmitSummariesPrivate { sid, rk, ..part(vec![heart_rate(0)]) },
        )
    };
    const PENDING_SID: &str = "5353535353535353535353535353535a";
    world.ok(&register("pending", PENDING_SID));
    let custodian = RegisterOrganization { kind: OrganizationKind::Custodian };
    let twin = TestIdentity::new("Org1MSP", "twin-MARKER").key("Org1MSP/watch-MARKER").client();
    let named = RegisterDevicePrivate {
        device: pid(&twin),
        key_hash: key_hash(&twin),
        ..device_part(SID, "twin")
    };
    world.ok(&private(&patient, &RegisterDevice {}, &named));
    world.ok(&device("other", OTHER_SID, "watch"));
    for n in 1..CLAIMS_MAX {
        world.ok(&device("other", OTHER_SID, &format!("device-{n}")));
    }
    const FULL_SID: &str = "5656565656565656565656565656565a";
    world.ok(&register("full", FULL_SID));
    world.ok(&confirm("full", FULL_SID, "4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4a"));
    fill_with_devices(world, FULL_SID);
    for n in 1..DELEGATIONS_MAX {
        let part = proposal(&format!("d{n}"), DelegationKind::Proxy, &[Power::View]);
        world.ok(&propose(&patient, &part));
    }
    world.add_delegate("aunt", &[Power::View]);
    let many: Vec<Actor> =
        (0..=CARE_TEAM_MAX).map(|n| format!("unit:u{n}@Org1MSP").parse().unwrap()).collect();
    // On `scale`: the doctor may tell it to identify itself, once an hour.
    let once = Authorisation { per_hour: 1, ..authorisation() };
    world.ok(&control(&patient, "scale", ControlChange::Allow(once)));
    world.ok(&order("scale", 1, "identify", &[]));
    for n in 1..AUTHORISATIONS_MAX {
        let grantee = format!("unit:u{n}@Org1MSP").parse().unwrap();
        let more = Authorisation { grantee, ..authorisation() };
        world.ok(&control(&patient, "scale", ControlChange::Allow(more)));
    }
    let full: Actor = "unit:full@Org1MSP".parse().unwrap();
    let full = ControlChange::Allow(Authorisation { grantee: full, ..authorisation() });
    for level in 1..=5 {
        let parent = if level == 1 { "bay".to_owned() } else { format!("l{}", level - 1) };
        world.ok(&call(&admin, &unit(&format!("l{level}"), &parent)));
    }
    vec![
        Call::new(&admin, "Nothing", json!({})),
        Call::new(&admin, "WhoAmI", json!({"unknown": 1})),
        call(&admin, &custodian).at(-1),
        call(&two_names, &custodian),
        call(&registrar, &RegisterPatient {}),
        raw_private(&registrar, "RegisterPatient", "{}"),
        raw_private(&registrar, "RegisterPatient", " ".repeat(PRIVATE_BYTES_MAX + 1)),
        staff(&admin, "new", "bay", &[]),
        send(&watch, Vec::new()),
        send(&watch, vec![heart_rate(0), heart_rate(0)]),
        send(&watch, vec![Summary { grid_s: 1, ..heart_rate(0) }]),
        staff(&admin, "new", "bay", &[StaffRole::Auditor, StaffRole::Registrar]),
        call(&client("Org1MSP", "doctor"), &custodian),
        register_by(&client("Org1MSP", "stranger"), "new", SID),
        confirm_by(&forged("Org1MSP", "patient"), SID, RK),
        send(&watch, vec![heart_rate(0)]),
        call(&msp_admin("NewMSP"), &custodian),
        call(&admin, &SetStatus::Unit { unit: UnitId::root(), status: NewStatus::Suspended }),
        hinted(OTHER_SID, OTHER_RK),
        held,
        call(
            &officer,
            &SetStatus::Organization {
                msp: "NewMSP".parse().unwrap(),
                status: NewStatus::Suspended,
            },
        ),
        call(&admin, &unit("new", "nowhere")),
        call(&admin, &SetStatus::Staff { staff: pid(&patient), status: NewStatus::Suspended }),
        set_patient(&registrar, "00000000000000000000000000000000", NewStatus::Suspended),
        set_device(&patient, Some(SID), "ring", DeviceStatus::Suspended),
        private(&patient, &VerifyRaw {}, &verify(7)),
        request(&doctor(), Scope { purpose: "HMARKT".parse().unwrap(), ..scope() }),
        open(&doctor(), "0000000000001.00112233445566778899aabbccddeeff".parse().unwrap()),
        call(&admin, &custodian),
        call(&admin, &unit("bay", "root")),
        call(&admin, &unit("l6", "l5")),
        staff(&admin, "doctor", "bay", &[StaffRole::Practitioner]),
        register("patient", SID),
        confirm("patient", SID, RK),
        confirm_device(&watch, OTHER_SID),
        confirm_device(&twin, SID).at(now + OFFER_MS),
        order("scale", 1, "report-now", &[]),
        issue(&patient, &command_part("scale", 2, "explode")),
        update(&scale, "scale", 2, CommandStatus::Accepted),
        issue(&patient, &command_part("scale", 1, "identify")),
        update(&scale, "scale", 1, CommandStatus::Accepted).at(now + 300_000),
        order("scale", 2, "identify", &[]),
        control(&patient, "scale", full),
        accept(&client("Org1MSP", "aunt"), SID),
        care_team(&patient, &many, &[]),
        propose(&patient, &proposal("d0", DelegationKind::Proxy, &[Power::View])),
        propose(&patient, &proposal("aunt", DelegationKind::Proxy, &[Power::View])),
        device("full", FULL_SID, "one-more"),
        device("other", OTHER_SID, "one-more"),
        confirm_device(&twin, SID),
        confirm("pending", PENDING_SID, RK),
        hinted(SID, OTHER_RK),
        conflicting(world, other_content),
        correct(&patient, &correction(0, 7, "73.5")),
        {
            for version in 1..RECORD_VERSIONS_MAX {
                let average = format!("7{}.5", version % 10);
                world.ok(&correct(&patient, &correction(0, version, &average)));
            }
            correct(&patient, &correction(0, RECORD_VERSIONS_MAX, "79.5"))
        },
        set_patient(&registrar, PENDING_SID, NewStatus::Active),
        register("new", "5454545454545454545454545454545a").at(now - 1),
        consent::put("x", json!({"context": {"actors": [], "purposes": ["TREAT"]}}), 0),
        consent::put("x", json!({}), 1),
        too_much_consent(world),
        consent::choose("none", None),
    ]
}

/// One directive more than a patient can have.
fn too_much_consent(world: &mut World) -> Call {
    for n in 0..DIRECTIVES_MAX {
        world.ok(&consent::put(&format!("d{n}"), json!({}), 0));
    }
    consent::put("more", json!({}), 0)
}

/// Readings by disclosures: one that refuses, one that has expired.
fn queries(world: &mut World) -> Vec<Call> {
    consents(world, json!([]));
    let (_, refused) = world.opened(&doctor(), scope());
    consents(world, json!([ward()]));
    let (_, disclosure) = world.opened(&doctor(), scope());
    let later = disclosure.at() + 15 * 60_000;
    vec![read_by(&doctor(), refused), read_by(&doctor(), disclosure).at(later)]
}

/// Other content for a record of `scale`, which is active.
fn conflicting(world: &mut World, changed: Summary) -> Call {
    let scale = client("Org1MSP", "scale");
    world.ok(&summaries(&scale, vec![heart_rate(0)]));
    summaries(&scale, vec![changed])
}

/// Faults of the platform under the contract, as far as it can provoke them.
fn faults() -> Vec<CallError> {
    let mut world = World::with_data_withheld_from("Org2MSP");
    let unavailable = world.ledger.evaluate_at("Org2MSP", &confirm("patient", SID, RK));
    let mut writes = Writes::new();
    let key = HEADS.key(&(SID.parse().unwrap(),)).unwrap();
    writes.put(Space::Private(HEALTH), key, "MARKER".into()).unwrap();
    world.ledger.seed(writes);
    let corrupt = world.ledger.submit(&confirm("patient", SID, RK));
    vec![unavailable.unwrap_err(), corrupt.unwrap_err()]
}

#[test]
fn every_code_is_provoked_and_listed() {
    let mut world = World::populated();
    let calls = provocations(&mut world);
    let mut list =
        String::from("| code | status | sentence | what a client does |\n|---|---|---|---|\n");
    let mut provoked = BTreeSet::new();
    let refusals = calls.iter().map(|call| {
        let error = world.ledger.endorse(call).map(|_| ()).unwrap_err();
        assert_ne!(error, CallError::NeverEndorsed, "{call:?}");
        error
    });
    let refusals: Vec<_> = refusals.collect();
    let queries = queries(&mut world);
    let queries = queries.iter().map(|call| world.ledger.evaluate(call).unwrap_err());
    let queries: Vec<_> = queries.collect();
    for error in refusals.into_iter().chain(queries).chain(faults()) {
        let CallError::Refused { response, .. } = &error else {
            panic!("no refusal: {error}");
        };
        assert_clean(&response.message);
        let (code, sentence) = response.message.split_once(": ").unwrap();
        assert!(provoked.insert(code.to_owned()), "{code} twice");
        let status = response.status;
        let rule = Retry::of(code, status).sentence();
        writeln!(list, "| `{code}` | {status} | {sentence} | {rule} |").unwrap();
    }
    for refusal in every_refusal() {
        let error = TxError::from(refusal);
        assert!(provoked.contains(error.code()), "{} is not provoked", error.code());
    }
    golden("errors.md", &list);
}

#[test]
fn refusals_are_never_taken_for_faults_of_the_peer() {
    for refusal in every_refusal() {
        let fault = matches!(refusal, ContractError::Ledger(_));
        assert_eq!(TxError::from(refusal).is_fault(), fault);
    }
}
