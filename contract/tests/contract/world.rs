//! A channel with two custodians, a provider and a regulator, and the people on it.

use fabric_contract_rs::testing::{
    Call as MockCall, CallError, Committed, MOCK_EPOCH_MS, MockCollection, MockLedger, TestIdentity,
};
use fabric_contract_rs::{ClientIdentity, NodeOu, Space, Writes};
use ioht_contract::client::{Call, Invocation};
use ioht_contract::policies::ParameterRange;
use ioht_contract::state::HEALTH;
use ioht_contract::*;
use std::collections::BTreeSet;

/// What must never stand in an answer, an event, a message or public state.
pub(crate) const MARKERS: [&str; 9] = [
    "MARKER", // part of every enrolment id but the MSP administrators', and of locators
    SID,
    RK,
    SECRET,
    FIRST_SECRET,
    OTHER_SID,
    OTHER_RK,
    "abad1dea", // part of every raw digest
    "72.4",
];

pub(crate) const SID: &str = "5151515151515151515151515151515a";
pub(crate) const RK: &str = "4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4a";
pub(crate) const OTHER_SID: &str = "5252525252525252525252525252525a";
pub(crate) const OTHER_RK: &str = "4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4a";
pub(crate) const SECRET: &str = "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5a";
pub(crate) const FIRST_SECRET: &str =
    "1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1a";

pub(crate) const START: i64 = MOCK_EPOCH_MS - 86_400_000;

pub(crate) struct World {
    pub(crate) ledger: MockLedger<IohtContract>,
}

/// Default policies with a regulator, `RegMSP`.
pub(crate) fn documents() -> std::collections::BTreeMap<String, String> {
    let mut documents = Policies::default_documents();
    let listed = r#"{ "msp": "Org3MSP", "kind": "provider" }"#;
    let compact = r#"{"msp": "Org3MSP", "kind": "provider"}"#;
    let organizations = documents.get_mut("organizations.json").unwrap();
    let with = format!(r#"{compact}, {{"msp": "RegMSP", "kind": "regulator"}}"#);
    *organizations = organizations.replace(listed, compact).replace(compact, &with);
    documents
}

pub(crate) fn client(msp: &str, name: &str) -> ClientIdentity {
    TestIdentity::new(msp, &format!("{name}-MARKER")).client()
}

/// The same enrolment id with another key: what a dishonest certificate authority could issue.
pub(crate) fn forged(msp: &str, name: &str) -> ClientIdentity {
    TestIdentity::new(msp, &format!("{name}-MARKER")).key("forged").client()
}

pub(crate) fn msp_admin(msp: &str) -> ClientIdentity {
    TestIdentity::new(msp, "admin").node_ou(NodeOu::Admin).client()
}

pub(crate) fn pid(client: &ClientIdentity) -> ParticipantId {
    Participant::of(client).unwrap().pid
}

pub(crate) fn key_hash(client: &ClientIdentity) -> KeyHash {
    KeyHash::new(client.public_key_hash())
}

pub(crate) fn call<C: Call>(by: &ClientIdentity, arguments: &C) -> MockCall {
    mock_call(by, &Invocation::new(arguments))
}

pub(crate) fn private<C: Call>(by: &ClientIdentity, arguments: &C, part: &C::Private) -> MockCall {
    mock_call(by, &Invocation::with_private(arguments, part))
}

fn mock_call(by: &ClientIdentity, invocation: &Invocation) -> MockCall {
    let Invocation { function, arguments, transient } = invocation.clone();
    let call = MockCall::of_args(by, vec![function.into(), arguments.into()]);
    transient.into_iter().fold(call, |call, (name, value)| call.transient(&name, value))
}

/// A call with a private part of the test's own making.
pub(crate) fn raw_private(
    by: &ClientIdentity,
    function: &str,
    private: impl Into<String>,
) -> MockCall {
    MockCall::new(by, function, serde_json::json!({})).transient("private", private.into())
}

impl World {
    /// Nothing registered yet.
    pub(crate) fn empty() -> Self {
        Self::with(Policies::from_documents(&documents()).unwrap())
    }

    pub(crate) fn with(policies: Policies) -> Self {
        let ledger = MockLedger::new(IohtContract::new(policies))
            .organisations(&["Org1MSP", "Org2MSP", "Org3MSP", "RegMSP"])
            .collection(MockCollection::of("health", &["Org1MSP", "Org2MSP"]));
        Self { ledger }
    }

    /// A copy of the ledger, under these policies.
    pub(crate) fn under(&self, policies: Policies) -> Self {
        let mut next = Self::with(policies);
        let mut writes = Writes::new();
        for space in [Space::Public, Space::Private(HEALTH)] {
            for (key, value) in self.ledger.entries(space) {
                writes.put(space, key, value).unwrap();
            }
        }
        next.ledger.seed(writes);
        next.ledger.set_now(self.ledger.now());
        next
    }

    /// Populated, with one endorser and another custodian whose peer has no private data yet.
    pub(crate) fn with_data_withheld_from(msp: &str) -> Self {
        let mut world = Self::empty();
        world.ledger = world.ledger.endorsed_by(&["Org1MSP"]);
        world.ledger.withhold_private_data(msp);
        world.and_staff().and_patients()
    }

    /// Organisations with staff: `registrar`, `officer`, `doctor` and `manager` (an `org_admin` of
    /// the unit `ward`) each.
    pub(crate) fn staffed() -> Self {
        Self::empty().and_staff()
    }

    pub(crate) fn and_staff(mut self) -> Self {
        use OrganizationKind::{Custodian, Provider, Regulator};
        for (msp, kind) in [
            ("Org1MSP", Custodian),
            ("Org2MSP", Custodian),
            ("Org3MSP", Provider),
            ("RegMSP", Regulator),
        ] {
            self.ok(&call(&msp_admin(msp), &RegisterOrganization { kind }));
            self.ok(&call(&msp_admin(msp), &unit("ward", "root")));
            self.ok(&call(&msp_admin(msp), &unit("bay", "ward")));
            for (name, unit, role) in [
                ("registrar", "root", StaffRole::Registrar),
                ("officer", "root", StaffRole::PrivacyOfficer),
                ("doctor", "bay", StaffRole::Practitioner),
                ("manager", "ward", StaffRole::OrgAdmin),
            ] {
                self.ok(&staff(&msp_admin(msp), name, unit, &[role]));
            }
        }
        self
    }

    /// Two confirmed patients, the first with `watch`, whose gateway is `phone`.
    pub(crate) fn populated() -> Self {
        Self::staffed().and_patients()
    }

    pub(crate) fn and_patients(mut self) -> Self {
        self.ok(&register("patient", SID));
        self.ok(&confirm("patient", SID, RK));
        self.ok(&register("other", OTHER_SID));
        self.ok(&confirm("other", OTHER_SID, OTHER_RK));
        self.add_device("patient", SID, "watch");
        self
    }

    /// A device, registered by its patient and confirmed by itself.
    #[track_caller]
    pub(crate) fn add_device(&mut self, owner: &str, sid: &str, name: &str) {
        self.ok(&device(owner, sid, name));
        self.ok(&confirm_device(&client("Org1MSP", name), sid));
    }

    /// A caregiver of the first patient with these powers.
    #[track_caller]
    pub(crate) fn add_delegate(&mut self, name: &str, powers: &[Power]) {
        let part = proposal(name, DelegationKind::Caregiver, powers);
        self.ok(&propose(&client("Org1MSP", "patient"), &part));
        self.ok(&accept(&client("Org1MSP", name), SID));
    }

    #[track_caller]
    pub(crate) fn ok(&mut self, call: &MockCall) -> Committed {
        let committed = self.ledger.submit(call).unwrap();
        assert_clean(&String::from_utf8_lossy(&committed.response.payload));
        let event = committed.event.as_ref().unwrap();
        assert_clean(&event.name);
        let announced: Announcement = serde_json::from_slice(&event.payload).unwrap();
        assert_eq!(announced.id.to_string(), committed.tx_id);
        committed
    }

    /// The code of a refusal. Nothing has changed then.
    #[track_caller]
    pub(crate) fn refused(&mut self, call: &MockCall) -> String {
        let before = self.ledger.digest();
        let error = self.ledger.submit(call).unwrap_err();
        assert_eq!(self.ledger.digest(), before);
        code(&error)
    }

    #[track_caller]
    pub(crate) fn ask<C: Call>(&mut self, call: &MockCall, _: &C) -> C::Answer {
        self.ledger.evaluate(call).unwrap().answer()
    }

    #[track_caller]
    pub(crate) fn denied(&mut self, call: &MockCall) -> String {
        code(&self.ledger.evaluate(call).unwrap_err())
    }

    pub(crate) fn whoami(&mut self, by: &ClientIdentity) -> Myself {
        self.ask(&call(by, &WhoAmI {}), &WhoAmI {})
    }

    pub(crate) fn submit(&mut self, records: Vec<Summary>) -> SummariesReceipt {
        self.ok(&summaries(&client("Org1MSP", "watch"), records)).answer()
    }
}

#[track_caller]
pub(crate) fn code(error: &CallError) -> String {
    assert_clean(&error.to_string());
    error.code().unwrap().to_owned()
}

#[track_caller]
pub(crate) fn assert_clean(text: &str) {
    for marker in MARKERS {
        assert!(!text.contains(marker), "{marker} in {text}");
    }
}

pub(crate) fn unit(unit: &str, parent: &str) -> PutUnit {
    PutUnit {
        unit: unit.parse().unwrap(),
        parent: parent.parse().unwrap(),
        name: format!("The {unit}"),
    }
}

pub(crate) fn staff(by: &ClientIdentity, name: &str, unit: &str, roles: &[StaffRole]) -> MockCall {
    let roles: BTreeSet<StaffRole> = roles.iter().copied().collect();
    let period = Period { start: 0, end: None };
    private(
        by,
        &RegisterStaff { unit: unit.parse().unwrap(), roles, period },
        &RegisterStaffPrivate { enrolment_id: format!("{name}-MARKER") },
    )
}

pub(crate) fn change_staff(
    by: &ClientIdentity,
    who: &ClientIdentity,
    unit: &str,
    roles: &[StaffRole],
) -> MockCall {
    let (roles, period) = (roles.iter().copied().collect(), Period { start: 0, end: None });
    call(by, &ChangeStaff { staff: pid(who), unit: unit.parse().unwrap(), roles, period })
}

/// A registrar of `Org1MSP` registers a patient.
pub(crate) fn register(name: &str, sid: &str) -> MockCall {
    register_by(&client("Org1MSP", "registrar"), name, sid)
}

pub(crate) fn register_by(by: &ClientIdentity, name: &str, sid: &str) -> MockCall {
    let part = RegisterPatientPrivate {
        sid: sid.parse().unwrap(),
        secret: FIRST_SECRET.parse().unwrap(),
        enrolment_id: format!("{name}-MARKER"),
        key_hash: key_hash(&client(by.msp_id(), name)),
    };
    private(by, &RegisterPatient {}, &part)
}

pub(crate) fn confirm(name: &str, sid: &str, rk: &str) -> MockCall {
    confirm_by(&client("Org1MSP", name), sid, rk)
}

pub(crate) fn confirm_by(by: &ClientIdentity, sid: &str, rk: &str) -> MockCall {
    let part = ConfirmRegistrationPrivate {
        sid: sid.parse().unwrap(),
        rk: rk.parse().unwrap(),
        secret: SECRET.parse().unwrap(),
    };
    private(by, &ConfirmRegistration {}, &part)
}

pub(crate) fn device_part(sid: &str, name: &str) -> RegisterDevicePrivate {
    let (device, gateway) = (client("Org1MSP", name), client("Org1MSP", "phone"));
    RegisterDevicePrivate {
        sid: sid.parse().unwrap(),
        device: pid(&device),
        key_hash: key_hash(&device),
        profile: "pulse-watch".parse().unwrap(),
        gateway: Some(Gateway { pid: pid(&gateway), key_hash: key_hash(&gateway) }),
        active_from: Some(START),
    }
}

pub(crate) fn device(owner: &str, sid: &str, name: &str) -> MockCall {
    private(&client("Org1MSP", owner), &RegisterDevice {}, &device_part(sid, name))
}

pub(crate) fn confirm_device(by: &ClientIdentity, sid: &str) -> MockCall {
    private(by, &ConfirmDevice {}, &ConfirmDevicePrivate { sid: sid.parse().unwrap() })
}

pub(crate) fn set_gateway(
    by: &ClientIdentity,
    sid: &str,
    name: &str,
    gateway: Option<&str>,
) -> MockCall {
    let gateway = gateway.map(|name| client("Org1MSP", name));
    let part = PutGatewayPrivate {
        sid: sid.parse().unwrap(),
        device: pid(&client("Org1MSP", name)),
        gateway: gateway.map(|it| Gateway { pid: pid(&it), key_hash: key_hash(&it) }),
    };
    private(by, &PutGateway {}, &part)
}

pub(crate) fn set_collection(by: &ClientIdentity, sid: &str, to: Collection) -> MockCall {
    let part = SetCollectionPrivate { sid: sid.parse().unwrap(), collection: to };
    private(by, &SetCollection {}, &part)
}

pub(crate) fn care_team(by: &ClientIdentity, add: &[Actor], remove: &[Actor]) -> MockCall {
    let [add, remove] = [add, remove].map(|actors| actors.iter().cloned().collect());
    let part = PutCareTeamPrivate { sid: SID.parse().unwrap(), add, remove };
    private(by, &PutCareTeam {}, &part)
}

pub(crate) fn rebind(by: &ClientIdentity, sid: &str, key: &ClientIdentity) -> MockCall {
    let part = RebindKeyPrivate { sid: sid.parse().unwrap(), key_hash: key_hash(key) };
    private(by, &RebindKey {}, &part)
}

/// Of the first patient, to a participant of `Org1MSP`, until a year from the start.
pub(crate) fn proposal(
    name: &str,
    kind: DelegationKind,
    powers: &[Power],
) -> ProposeDelegationPrivate {
    let delegate = client("Org1MSP", name);
    ProposeDelegationPrivate {
        sid: SID.parse().unwrap(),
        delegate: pid(&delegate),
        key_hash: key_hash(&delegate),
        kind,
        powers: powers.iter().copied().collect(),
        period: Period { start: 0, end: Some(MOCK_EPOCH_MS + 31_536_000_000) },
        evidence: Some(DocumentDigest::new([7; 32])),
    }
}

pub(crate) fn propose(by: &ClientIdentity, part: &ProposeDelegationPrivate) -> MockCall {
    private(by, &ProposeDelegation {}, part)
}

pub(crate) fn accept(by: &ClientIdentity, sid: &str) -> MockCall {
    let part = AcceptDelegationPrivate { sid: sid.parse().unwrap(), guardian: None };
    private(by, &AcceptDelegation {}, &part)
}

/// What was proposed, as its countersigner read it.
pub(crate) fn guardianship(proposed: &ProposeDelegationPrivate) -> Guardianship {
    Guardianship {
        delegate: proposed.delegate,
        key_hash: proposed.key_hash,
        powers: proposed.powers.clone(),
        period: proposed.period,
        evidence: proposed.evidence.unwrap(),
    }
}

pub(crate) fn countersign(by: &ClientIdentity, guardian: Guardianship) -> MockCall {
    let part = AcceptDelegationPrivate { sid: SID.parse().unwrap(), guardian: Some(guardian) };
    private(by, &AcceptDelegation {}, &part)
}

pub(crate) fn end_delegation(by: &ClientIdentity, sid: &str, delegate: Option<&str>) -> MockCall {
    let delegate = delegate.map(|name| pid(&client("Org1MSP", name)));
    let part = EndDelegationPrivate { sid: sid.parse().unwrap(), delegate };
    private(by, &EndDelegation {}, &part)
}

pub(crate) fn offer(by: &ClientIdentity, sid: &str, name: &str, to: Option<&str>) -> MockCall {
    let part = OfferDevicePrivate {
        sid: sid.parse().unwrap(),
        device: pid(&client("Org1MSP", name)),
        to: to.map(|sid| sid.parse().unwrap()),
    };
    private(by, &OfferDevice {}, &part)
}

pub(crate) fn take_over(by: &ClientIdentity, sid: &str, from: &str, name: &str) -> MockCall {
    let part = AcceptDevicePrivate {
        sid: sid.parse().unwrap(),
        from: from.parse().unwrap(),
        device: pid(&client("Org1MSP", name)),
    };
    private(by, &AcceptDevice {}, &part)
}

/// For the doctor of `Org1MSP`: what the watch can be told, and the pump's basal rate.
pub(crate) fn authorisation() -> Authorisation {
    let allowed = |command: &str| AllowedCommand {
        command: command.parse().unwrap(),
        parameters: Vec::new(),
    };
    let interval = ParameterRange { parameter: "seconds".parse().unwrap(), min: 600, max: 3600 };
    Authorisation {
        grantee: Actor::Participant(pid(&client("Org1MSP", "doctor"))),
        commands: vec![
            allowed("identify"),
            AllowedCommand { parameters: vec![interval], ..allowed("set-reporting-interval") },
        ],
        period: Period { start: MOCK_EPOCH_MS, end: Some(MOCK_EPOCH_MS + 3_600_000) },
        per_hour: 3,
    }
}

pub(crate) fn control(by: &ClientIdentity, name: &str, change: ControlChange) -> MockCall {
    let device = pid(&client("Org1MSP", name));
    let part = PutControlPrivate { sid: SID.parse().unwrap(), device, change };
    private(by, &PutControl {}, &part)
}

/// The `n`th command to a device of the first patient, open for five minutes.
pub(crate) fn reference(name: &str, n: u8) -> CommandReference {
    CommandReference {
        sid: SID.parse().unwrap(),
        device: pid(&client("Org1MSP", name)),
        expires_at: MOCK_EPOCH_MS + 300_000,
        id: CommandId::new([n; 16]),
    }
}

pub(crate) fn command_part(name: &str, n: u8, command: &str) -> IssueCommandPrivate {
    IssueCommandPrivate {
        reference: reference(name, n),
        command: command.parse().unwrap(),
        parameters: Vec::new(),
        authorisation: None,
    }
}

pub(crate) fn parameter(name: &str, value: i64) -> Parameter {
    Parameter { parameter: name.parse().unwrap(), value }
}

pub(crate) fn issue(by: &ClientIdentity, part: &IssueCommandPrivate) -> MockCall {
    private(by, &IssueCommand {}, part)
}

/// By the doctor, under its authorisation.
pub(crate) fn order(name: &str, n: u8, command: &str, parameters: &[Parameter]) -> MockCall {
    let doctor = client("Org1MSP", "doctor");
    let part = IssueCommandPrivate {
        parameters: parameters.to_vec(),
        authorisation: Some(Actor::Participant(pid(&doctor))),
        ..command_part(name, n, command)
    };
    issue(&doctor, &part)
}

pub(crate) fn update(by: &ClientIdentity, name: &str, n: u8, status: CommandStatus) -> MockCall {
    let part = UpdateCommandPrivate { reference: reference(name, n), status };
    private(by, &UpdateCommand {}, &part)
}

pub(crate) fn list_commands(by: &ClientIdentity, name: &str) -> MockCall {
    let part = ListCommandsPrivate {
        sid: SID.parse().unwrap(),
        device: pid(&client("Org1MSP", name)),
        from: 0,
        until: TIME_MS_MAX,
        limit: None,
        after: None,
    };
    private(by, &ListCommands {}, &part)
}

/// What others did to the first patient or in its name, as it reads it.
pub(crate) fn journal(world: &mut World) -> Vec<(String, String)> {
    journalled(world).into_iter().map(|entry| (entry.name, entry.role)).collect()
}

pub(crate) fn journalled(world: &mut World) -> Vec<JournalEntry> {
    let until = world.ledger.now() + 1_000_000;
    let asked = ReadJournalPrivate { sid: None, from: 1, until, limit: None, after: None };
    let call = private(&client("Org1MSP", "patient"), &ReadJournal {}, &asked);
    world.ask(&call, &ReadJournal {}).entries
}

/// A heart rate of the `n`th five minutes since [`START`].
pub(crate) fn heart_rate(n: i64) -> Summary {
    let statistic = |stat, value: &str| Statistic { stat, value: value.parse().unwrap() };
    Summary {
        code: "8867-4".parse().unwrap(),
        grid_s: 300,
        start: START + n * 300_000,
        statistics: vec![
            statistic(Stat::Average, "72.4"),
            statistic(Stat::Minimum, "58.0"),
            statistic(Stat::Maximum, "96.0"),
        ],
        unit: "/min".to_owned(),
        count: 350,
        total_count: 360,
        components: Vec::new(),
        labels: Labels::default(),
        raw: Raw {
            alg: DigestAlgorithm::Sha256,
            digest: format!("abad1dea{n:056x}").parse().unwrap(),
            sample_count: 37_500,
            format: "ioht-raw/1".to_owned(),
            locator: format!("MARKER:{n}"),
        },
        modality: Modality::Sensed,
        status: RecordStatus::Final,
    }
}

pub(crate) fn part(records: Vec<Summary>) -> SubmitSummariesPrivate {
    SubmitSummariesPrivate {
        sid: SID.parse().unwrap(),
        rk: RK.parse().unwrap(),
        device: None,
        records,
    }
}

pub(crate) fn summaries(by: &ClientIdentity, records: Vec<Summary>) -> MockCall {
    private(by, &SubmitSummaries {}, &part(records))
}

/// Another average for the `n`th heart rate, as the correction of a version.
pub(crate) fn correction(n: i64, version: u32, average: &str) -> CorrectSummaryPrivate {
    let mut record = Summary { status: RecordStatus::Corrected, ..heart_rate(n) };
    record.statistics[0].value = average.parse().unwrap();
    CorrectSummaryPrivate {
        sid: SID.parse().unwrap(),
        rk: RK.parse().unwrap(),
        device: Some(pid(&client("Org1MSP", "watch"))),
        version,
        reason: CorrectionReason::CalculationError,
        record,
    }
}

pub(crate) fn correct(by: &ClientIdentity, part: &CorrectSummaryPrivate) -> MockCall {
    private(by, &CorrectSummary {}, part)
}

pub(crate) fn read(code: &str, from: i64, until: i64) -> ReadOwnSummariesPrivate {
    ReadOwnSummariesPrivate {
        code: code.parse().unwrap(),
        grid_s: 300,
        from,
        until,
        limit: None,
        bookmark: None,
    }
}

pub(crate) fn verify(n: i64) -> VerifyRawPrivate {
    let record = heart_rate(n);
    VerifyRawPrivate {
        code: record.code,
        grid_s: record.grid_s,
        start: record.start,
        device: pid(&client("Org1MSP", "watch")),
        digest: record.raw.digest,
    }
}

pub(crate) fn set_patient(by: &ClientIdentity, sid: &str, status: NewStatus) -> MockCall {
    let part = PatientStatusPrivate { sid: sid.parse().unwrap(), status };
    private(by, &SetStatus::Patient {}, &ioht_contract::client::StatusPrivate::Patient(part))
}

pub(crate) fn set_device(
    by: &ClientIdentity,
    sid: Option<&str>,
    name: &str,
    status: DeviceStatus,
) -> MockCall {
    let sid = sid.map(|sid| sid.parse().unwrap());
    let part = DeviceStatusPrivate { sid, device: pid(&client("Org1MSP", name)), status };
    private(by, &SetStatus::Device {}, &ioht_contract::client::StatusPrivate::Device(part))
}

/// Compares with a reviewed file; `UPDATE_GOLDEN=1` writes it anew.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "golden files are read from disk")]
pub(crate) fn golden(name: &str, text: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(reviewed, text, "review the change, then run with UPDATE_GOLDEN=1");
}
