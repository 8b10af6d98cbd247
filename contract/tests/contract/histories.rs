//! Random histories: transactions of random callers, some of them simulated against the same state
//! and put into one block, some dated back. What holds after each block:
//!
//! | invariant | where |
//! |---|---|
//! | whoever succeeds has a role that the policies list, its organisation and every unit above it active | [`Tried::by_role`] |
//! | each request and each opening that reaches a decision leaves exactly one entry, permitted or denied, and nothing else does | [`Tried::audited`] |
//! | a denied one writes what a permitted one writes; a refused one writes nothing | [`Tried::audited`], [`run`] |
//! | what is permitted is what the patient's directives permit at that moment, by a model of five lines: one that has ended, or was paused, never permits again | [`Tried::decided`], [`reading`] |
//! | what the patient is told of a request is what the request comes to, and who is listed as able to read is who is permitted | [`explained()`] |
//! | no access is used more often than it may be, and its uses are its permitted openings | [`State::is_sound`] |
//! | the journal tells each act of somebody else, once, and nothing else | [`Tried::journalled`] |
//! | a device is one patient's; a revoked one stays revoked; a key stays one participant's | [`State::is_sound`], [`State::follows`] |
//! | versions and times only grow, audit and old versions never change, nothing is deleted | [`State::follows`] |
//! | whatever is stored decodes, and stands in the space that its table declares | [`State::read`] |

use crate::consent;
use crate::consented::*;
use crate::explained;
use crate::invariants::State;
use crate::world::*;
use fabric_contract_rs::testing::{Call, Endorsed, MOCK_EPOCH_MS, TxValidationCode};
use fabric_contract_rs::{ClientIdentity, StateKey, Writes};
use ioht_contract::access::*;
use ioht_contract::decision::Outcome;
use ioht_contract::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What is done, by whom, how; `together` with the next one, against the same state.
#[derive(Debug, Clone)]
struct Step {
    act: usize,
    by: u8,
    how: [u8; 2],
    wait: i64,
    back: bool,
    together: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![4 => Just(0_i64), 3 => Just(1_000), 1 => Just(1_200_000)];
    let acts = ACTS.iter().enumerate().flat_map(|(at, (_, weight, _, _))| vec![at; *weight]);
    let act = prop::sample::select(acts.collect::<Vec<_>>());
    let rarely = || prop::bool::weighted(0.05);
    (act, any::<u8>(), any::<[u8; 2]>(), wait, rarely(), prop::bool::weighted(0.2)).prop_map(
        |(act, by, how, wait, back, together)| Step { act, by, how, wait, back, together },
    )
}

const PEOPLE: [&str; 15] = [
    "patient",
    "other",
    "delegate",
    "aunt",
    "doctor",
    "nurse",
    "researcher",
    "robot",
    "manager",
    "registrar",
    "officer",
    "watch",
    "ring",
    "phone",
    "stranger",
];

/// Somebody of `Org1MSP`, or who is written `name@MSP`; `forged` is the patient by another key.
fn person(name: &str) -> ClientIdentity {
    match name.split_once('@') {
        Some(("admin", msp)) => msp_admin(msp),
        Some((name, msp)) => client(msp, name),
        None if name == "forged" => forged("Org1MSP", "patient"),
        None => client("Org1MSP", name),
    }
}

/// Mostly whom the act is for.
fn caller(step: &Step) -> ClientIdentity {
    let (_, _, usual, _) = ACTS[step.act];
    let at = usize::from(step.by / 2);
    if step.by % 8 < 6 {
        person(usual[at % usual.len()])
    } else {
        person(PEOPLE[at % PEOPLE.len()])
    }
}

type Make = fn(&State, &ClientIdentity, i64, [u8; 2]) -> Call;

fn pick<T: Copy>(from: &[T], by: u8) -> T {
    from[usize::from(by) % from.len()]
}

/// The patient that the caller is, else the first.
fn sid_of(by: &ClientIdentity) -> &'static str {
    if pid(by) == pid(&client("Org1MSP", "other")) { OTHER_SID } else { SID }
}

fn device_of(by: u8) -> &'static str {
    pick(&["watch", "watch", "ring"], by)
}

fn directive(by: u8) -> String {
    format!("c{}", by % 6)
}

/// Practitioners of the ward are permitted to treat, or everybody is denied.
fn content(by: u8, now: i64) -> Value {
    match by % 8 {
        0..=4 => json!({}),
        5 => json!({"context": {"actors": ["role:practitioner"], "purposes": ["TREAT", "COC"]}}),
        6 => json!({"period": {"start": now, "end": now + 600_000}}),
        _ => {
            json!({"decision": "deny", "context": {}, "period": {"start": now, "end": now + 1_000_000}})
        }
    }
}

fn command(n: u8) -> CommandReference {
    CommandReference { expires_at: MOCK_EPOCH_MS + 80_000_000, ..reference("watch", n % 4) }
}

/// The purpose that this caller can ask for.
fn asked(by: &ClientIdentity) -> Scope {
    let is = |name| pid(by) == pid(&client("Org1MSP", name));
    let purpose = match () {
        () if is("delegate") || is("aunt") => "PATRQT",
        () if is("researcher") => "HRESCH",
        () => "TREAT",
    };
    Scope { purpose: purpose.parse().unwrap(), ..scope() }
}

/// Mostly one of the caller's own accesses.
fn ticket(state: &State, by: &ClientIdentity, how: u8) -> TicketId {
    let own = |it: &&Access| it.requester == pid(by) || how % 8 == 7;
    let named = state.accesses.iter().filter(|(_, it)| own(it));
    let named: Vec<TicketId> = named.map(|(key, _)| ticket_of(key)).collect();
    let nobodys = || "0000000000001.00112233445566778899aabbccddeeff".parse().unwrap();
    // Mostly one of the newest, which stand first.
    let newest = if how.is_multiple_of(4) { named.len() } else { named.len().min(3) };
    if named.is_empty() { nobodys() } else { pick(&named[..newest], how) }
}

fn submitted(state: &State, by: &ClientIdentity, how: [u8; 2]) -> Call {
    let gateway = pid(by) == pid(&client("Org1MSP", "phone"));
    let device = if gateway { pid(&client("Org1MSP", "watch")) } else { pid(by) };
    let owner = state.device(device).map(|it| it.owner);
    let others = owner == Some(OTHER_SID.parse().unwrap());
    let (sid, rk) = if others { (OTHER_SID, OTHER_RK) } else { (SID, RK) };
    let mut record = heart_rate(i64::from(how[0] % 4));
    record.count += u64::from(how[1] % 8 / 7);
    let part = SubmitSummariesPrivate {
        sid: sid.parse().unwrap(),
        rk: rk.parse().unwrap(),
        device: gateway.then_some(device),
        ..part(vec![record])
    };
    private(by, &SubmitSummaries {}, &part)
}

fn corrected(state: &State, by: &ClientIdentity, how: [u8; 2]) -> Call {
    let n = i64::from(how[0] % 4);
    let start = START + n * 300_000;
    let key = state::RECORDS.key(&(
        RK.parse().unwrap(),
        "8867-4".parse().unwrap(),
        KeyGrid(300),
        KeyTime(start),
        pid(&client("Org1MSP", "watch")),
    ));
    let present = state.records.get(key.unwrap().as_str());
    let version = present.map_or(1, |it| it.meta.version);
    let mut part = correction(n, version, pick(&["73.5", "74.5", "75.5"], how[1]));
    if let Some(record) = present.filter(|_| how[1].is_multiple_of(4)) {
        let body = record.body.clone();
        let summary = body.into_summary(part.record.code, 300, start);
        part.record = Summary { status: RecordStatus::EnteredInError, ..summary };
    }
    correct(by, &part)
}

/// Each with how often it comes and whom it is for, as it mostly succeeds for them.
const ACTS: &[(&str, usize, &[&str], Make)] = &[
    ("PutConsent", 4, &["patient", "delegate"], |state, by, now, how| {
        let id = directive(how[0]);
        let held =
            state.head(SID.parse().unwrap()).directives.iter().find(|it| it.id.as_str() == id);
        let draft = consent::draft(&id, content(how[1], now));
        consent::put_by(by, draft, held.map_or(0, |it| it.version))
    }),
    ("EndConsent", 1, &["patient", "delegate"], |_, by, _, how| {
        let (all, id) = (how[1].is_multiple_of(8), directive(how[0]));
        let one = [id.as_str()];
        consent::end_by(by, (!all).then_some(&one[..]))
    }),
    ("RevokeConsent", 1, &["officer@RegMSP"], |_, by, _, how| {
        consent::revoke(by, &directive(how[0]))
    }),
    ("SetSharing", 1, &["patient", "delegate"], |_, by, _, how| {
        use Sharing::{EmergencyOnly, On, Paused};
        consent::share_by(by, pick(&[On, On, On, On, Paused, EmergencyOnly], how[0]))
    }),
    ("ChoosePreset", 1, &["patient", "delegate"], |_, by, _, how| {
        consent::choose_by(by, pick(&["resume", "resume", "pause-all"], how[0]), None)
    }),
    ("RequestAccess", 5, &["doctor", "nurse", "delegate", "doctor"], |_, by, _, _| {
        request(by, asked(by))
    }),
    ("RequestAccess", 5, &["doctor", "nurse", "aunt"], |_, by, _, how| {
        let subjects =
            pick(&[&[SID, OTHER_SID][..], &[SID, "0000000000000000000000000000000a"]], how[0]);
        private(by, &RequestAccess {}, &request_part(subjects, asked(by)))
    }),
    ("OpenDisclosure", 6, &["doctor", "nurse", "delegate", "doctor"], |state, by, _, how| {
        open(by, ticket(state, by, how[0]))
    }),
    ("OpenDisclosure", 6, &["doctor", "nurse", "doctor"], |state, by, _, how| {
        open(by, ticket(state, by, how[0]))
    }),
    ("SubmitSummaries", 3, &["watch", "ring", "phone"], |state, by, _, how| {
        submitted(state, by, how)
    }),
    ("CorrectSummary", 3, &["patient", "watch", "phone"], |state, by, _, how| {
        corrected(state, by, how)
    }),
    ("RegisterDevice", 1, &["patient", "other", "delegate"], |_, by, _, how| {
        private(by, &RegisterDevice {}, &device_part(sid_of(by), device_of(how[0])))
    }),
    ("ConfirmDevice", 1, &["ring", "watch"], |_, by, _, how| {
        confirm_device(by, pick(&[SID, OTHER_SID], how[0]))
    }),
    ("OfferDevice", 1, &["patient", "other"], |_, by, _, how| {
        let to = if sid_of(by) == SID { OTHER_SID } else { SID };
        offer(by, sid_of(by), device_of(how[0]), Some(to))
    }),
    ("AcceptDevice", 1, &["other", "patient"], |_, by, _, how| {
        let from = if sid_of(by) == SID { OTHER_SID } else { SID };
        take_over(by, sid_of(by), from, device_of(how[0]))
    }),
    ("SetStatus", 1, &["patient", "other", "delegate"], |_, by, _, how| {
        use DeviceStatus::{Active, Revoked, Suspended};
        let status = pick(&[Active, Active, Suspended, Active, Suspended, Revoked], how[1]);
        set_device(by, Some(sid_of(by)), device_of(how[0]), status)
    }),
    ("SetStatus", 1, &["officer@RegMSP"], |_, by, _, how| {
        let status = pick(&[DeviceStatus::Active, DeviceStatus::Suspended], how[1]);
        set_device(by, None, device_of(how[0]), status)
    }),
    ("PutGateway", 1, &["patient", "delegate"], |_, by, _, how| {
        set_gateway(by, SID, "watch", pick(&[None, Some("phone"), Some("phone")], how[0]))
    }),
    ("SetCollection", 1, &["patient", "delegate"], |_, by, _, how| {
        set_collection(by, SID, pick(&[Collection::On, Collection::On, Collection::Paused], how[0]))
    }),
    ("PutControl", 1, &["patient", "delegate"], |_, by, now, how| {
        let period = Period { start: now, end: Some(now + 3_600_000) };
        let allow = Authorisation { period, ..authorisation() };
        let end = ControlChange::End(allow.grantee.clone());
        control(by, "watch", if how[0] % 3 == 0 { end } else { ControlChange::Allow(allow) })
    }),
    ("IssueCommand", 2, &["doctor", "patient", "delegate"], |_, by, _, how| {
        let doctor = Actor::Participant(pid(&doctor()));
        let authorisation = (pid(by) == pid(&self::doctor())).then_some(doctor);
        let part = command_part("watch", 0, "identify");
        issue(by, &IssueCommandPrivate { reference: command(how[0]), authorisation, ..part })
    }),
    ("UpdateCommand", 2, &["watch", "phone", "patient", "doctor"], |_, by, _, how| {
        use CommandStatus::{Accepted, Cancelled, Completed, Failed, Rejected};
        let status = pick(&[Accepted, Completed, Cancelled, Rejected, Failed], how[1]);
        private(by, &UpdateCommand {}, &UpdateCommandPrivate { reference: command(how[0]), status })
    }),
    ("ProposeDelegation", 1, &["patient", "registrar"], |_, by, _, _| {
        let guardian = pid(by) == pid(&client("Org1MSP", "registrar"));
        let kind = if guardian { DelegationKind::Guardian } else { DelegationKind::Proxy };
        propose(by, &proposal("aunt", kind, &[Power::View, Power::Consent]))
    }),
    ("AcceptDelegation", 1, &["aunt", "aunt", "officer@Org2MSP"], |_, by, _, _| {
        let powers = [Power::View, Power::Consent];
        let proposed = proposal("aunt", DelegationKind::Guardian, &powers);
        match pid(by) == pid(&client("Org1MSP", "aunt")) {
            true => accept(by, SID),
            false => countersign(by, guardianship(&proposed)),
        }
    }),
    ("EndDelegation", 1, &["patient", "aunt", "registrar", "officer@Org2MSP"], |_, by, _, _| {
        let own = pid(by) == pid(&client("Org1MSP", "aunt"));
        end_delegation(by, SID, (!own).then_some("aunt"))
    }),
    ("SetStatus", 1, &["admin@Org1MSP", "manager"], |_, by, _, how| {
        let staff = pid(&client("Org1MSP", pick(&["doctor", "nurse"], how[0])));
        call(by, &SetStatus::Staff { staff, status: lifted(how[1]) })
    }),
    ("ChangeStaff", 1, &["admin@Org1MSP", "manager"], |_, by, _, how| {
        let role = pick(&[StaffRole::Practitioner, StaffRole::Service], how[0]);
        let unit = pick(&["bay", "ward", "ward", "root"], how[1]);
        change_staff(by, &client("Org1MSP", "nurse"), unit, &[role])
    }),
    ("SetStatus", 1, &["admin@Org1MSP"], |_, by, _, how| {
        let unit = pick(&["bay", "ward"], how[0]).parse().unwrap();
        call(by, &SetStatus::Unit { unit, status: lifted(how[1]) })
    }),
    ("SetStatus", 1, &["admin@Org1MSP", "officer@Org2MSP"], |_, by, _, how| {
        let msp = "Org1MSP".parse().unwrap();
        call(by, &SetStatus::Organization { msp, status: lifted(how[1]) })
    }),
    ("SetStatus", 1, &["registrar"], |_, by, _, how| set_patient(by, SID, lifted(how[1]))),
    (
        "RebindKey",
        1,
        &["registrar", "officer@Org2MSP", "patient", "officer@Org2MSP"],
        |_, by, _, _| rebind(by, SID, &forged("Org1MSP", "patient")),
    ),
    ("EndConsent", 1, &["forged"], |_, by, _, _| consent::end_by(by, None)),
];

/// Suspended only now and then, so that most of a history happens.
fn lifted(how: u8) -> NewStatus {
    if how.is_multiple_of(5) { NewStatus::Suspended } else { NewStatus::Active }
}

fn start() -> World {
    let mut world = World::populated();
    world.ok(&staff(&msp_admin("Org1MSP"), "nurse", "bay", &[StaffRole::Practitioner]));
    for (name, role) in [("researcher", StaffRole::Researcher), ("robot", StaffRole::Service)] {
        world.ok(&staff(&msp_admin("Org1MSP"), name, "root", &[role]));
    }
    world.add_delegate("delegate", &[Power::View, Power::Consent, Power::Devices, Power::Control]);
    world.ok(&consent::put("c0", json!({}), 0));
    world.submit(vec![heart_rate(0)]);
    for name in ["doctor", "nurse", "delegate"] {
        let by = client("Org1MSP", name);
        world.ok(&request(&by, asked(&by)));
    }
    let started = State::read(&world);
    few_uses(&mut world, started.accesses.into_iter().collect());
    world
}

/// One transaction, between the states around its block.
struct Tried<'a> {
    name: &'static str,
    by: Participant,
    at: i64,
    before: &'a State,
    after: &'a State,
    /// The keys that it wrote.
    wrote: BTreeSet<&'a str>,
    /// The names that a request or an opening answered.
    answered: BTreeSet<String>,
}

/// The name that the key of an access or a disclosure ends with.
fn ticket_of(key: &str) -> TicketId {
    key.trim_end_matches('\0').rsplit('\0').next().unwrap().parse().unwrap()
}

fn table(key: &str) -> &str {
    key.split('\0').nth(1).unwrap()
}

impl Tried<'_> {
    fn by_role(&self, listed: &Value) {
        let listed = listed["transactions"][self.name].as_array().unwrap();
        let held = self.before.roles(&self.by, self.at);
        let serves = listed.iter().any(|role| held.contains(role.as_str().unwrap()));
        assert!(serves, "{} by {held:?}", self.name);
    }

    fn tables(&self) -> BTreeSet<&str> {
        self.wrote.iter().map(|key| table(key)).collect()
    }

    fn meant(staff: &Staff, actor: &Actor) -> bool {
        match actor.to_string().as_str() {
            "unit:ward@Org1MSP" => ["ward", "bay"].contains(&staff.unit.as_str()),
            "role:practitioner" => staff.roles.contains(&StaffRole::Practitioner),
            other => unreachable!("{other} is not in the model"),
        }
    }

    /// Whether the patient's directives let this member of its hospital's staff treat now.
    fn permits(head: &Head, staff: &Staff, at: i64) -> bool {
        let meant = |actor: &Actor| Self::meant(staff, actor);
        let applies = |it: &&Directive| {
            let actors = it.context.actors.as_ref();
            it.period.contains(at) && actors.is_none_or(|actors| actors.iter().any(meant))
        };
        let says = |effect| head.directives.iter().filter(applies).any(|it| it.decision == effect);
        let consented = says(Effect::Permit) && !says(Effect::Deny);
        consented && head.sharing == Sharing::On && Self::current(head, at)
    }

    fn current(head: &Head, at: i64) -> bool {
        head.status == Status::Active && at >= head.meta.updated_at
    }

    fn expected(&self, sid: SubjectId, scope: &Scope) -> bool {
        let head = self.before.head(sid);
        match scope.purpose.as_str() {
            "TREAT" => {
                let staff = self.before.staff_entry(self.by.pid).unwrap();
                Self::permits(head, staff, self.at)
            }
            "PATRQT" => Self::current(head, self.at),
            _ => false,
        }
    }

    /// The names of what it wrote into a table of entries.
    fn entries(&self, name: &str) -> BTreeSet<String> {
        let own = self.wrote.iter().filter(|key| table(key) == name);
        own.map(|key| ticket_of(key).to_string()).collect()
    }

    fn audited(&self) {
        let of = |name| self.wrote.iter().filter(|key| table(key) == name).count();
        let fresh = |key: &&&str| !self.before.accesses.contains_key(**key);
        let requests = self.wrote.iter().filter(|key| table(key) == "access").filter(fresh).count();
        let written: &[&str] = match self.name {
            "RequestAccess" => {
                assert!(requests >= 1 && requests == self.wrote.len());
                assert_eq!(self.entries("access"), self.answered);
                &["access"]
            }
            "OpenDisclosure" => {
                assert_eq!((of("access"), of("disclosure"), requests), (1, 1, 0));
                assert_eq!(self.entries("disclosure"), self.answered);
                &["access", "disclosure"]
            }
            "SubmitSummaries" => &["record"],
            "CorrectSummary" => &["record", "record_old"],
            _ => {
                assert_eq!((of("access"), of("disclosure")), (0, 0), "{}", self.name);
                return;
            }
        };
        assert!(self.tables().is_subset(&written.iter().copied().collect()), "{:?}", self.wrote);
    }

    fn decided(&self) {
        for key in self.wrote.iter().copied().filter(|key| table(key) == "access") {
            let access = &self.after.accesses[key];
            let sid: SubjectId = key.split('\0').nth(2).unwrap().parse().unwrap();
            let Some(was) = self.before.accesses.get(key) else {
                let permitted = access.verdict.outcome == Outcome::Permit;
                assert_eq!(permitted, self.expected(sid, &access.scope), "{access:?}");
                State::rests_on(self.before.head(sid), &access.verdict, self.at);
                continue;
            };
            let id = |it: &&Disclosure| it.meta.last_tx == access.meta.last_tx;
            let opened = self.after.disclosures.values().find(id).unwrap();
            let usable = !was.verdict.is_denied()
                && (was.meta.updated_at..was.until).contains(&self.at)
                && was.uses < was.max_uses;
            let permitted = opened.verdict.outcome == Outcome::Permit;
            assert_eq!(permitted, usable && self.expected(sid, &was.scope), "{opened:?}");
            assert_eq!(access.uses - was.uses, u32::from(permitted));
            State::rests_on(self.before.head(sid), &opened.verdict, self.at);
        }
    }

    /// The patient's own acts, its devices' and what the accounting tells stand elsewhere. Who takes over
    /// a device is somebody else to its old patient.
    fn journalled(&self) {
        let told = self.wrote.iter().copied().filter(|key| table(key) == "journal");
        let told: Vec<&Entry> = told.map(|key| &self.after.journal[key]).collect();
        let elsewhere = [
            "SubmitSummaries",
            "CorrectSummary",
            "ConfirmDevice",
            "RequestAccess",
            "OpenDisclosure",
        ];
        let patients = self.tables().iter().any(|it| !["org", "staff", "journal"].contains(it));
        let people = ["patient", "other", "watch", "ring", "phone"]
            .map(|name| pid(&client("Org1MSP", name)));
        let by_others =
            patients && !elsewhere.contains(&self.name) && !people.contains(&self.by.pid);
        let taken_over = patients && self.name == "AcceptDevice";
        let expected = usize::from(by_others) + usize::from(taken_over);
        assert_eq!(told.len(), expected, "{} {:?}", self.name, self.wrote);
        for entry in told {
            assert_eq!(
                (entry.name.as_str(), entry.by, &entry.msp),
                (self.name, self.by.pid, &self.by.msp)
            );
            let devices = [
                "IssueCommand",
                "UpdateCommand",
                "PutControl",
                "RegisterDevice",
                "PutGateway",
                "OfferDevice",
                "AcceptDevice",
            ];
            let delegates = ["ProposeDelegation", "AcceptDelegation", "EndDelegation"];
            let named = devices.contains(&self.name) || delegates.contains(&self.name);
            assert!(entry.about.is_some() == named || self.name == "SetStatus", "{entry:?}");
        }
    }
}

/// Whoever holds a disclosure reads by it exactly what is permitted now.
fn reading(world: &mut World, state: &State) {
    let at = world.ledger.now();
    for (key, disclosure) in
        state.disclosures.iter().filter(|(_, it)| it.recipient == pid(&doctor()))
    {
        let id = ticket_of(key);
        if let Ok(read) = world.ledger.evaluate(&read_by(&doctor(), id)) {
            let page: DisclosedPage = read.answer();
            assert!(!disclosure.verdict.is_denied() && at < disclosure.until, "{page:?}");
            let staff = state.staff_entry(pid(&doctor())).unwrap();
            assert!(Tried::permits(state.head(SID.parse().unwrap()), staff, at), "{page:?}");
        }
    }
}

/// Whoever would ask now is answered as the patient is told, and listed when it is permitted.
fn explained(world: &World, state: &State, turn: usize) -> usize {
    let mut people: Vec<ClientIdentity> = PEOPLE.iter().map(|name| person(name)).collect();
    people.extend(["doctor@Org2MSP", "doctor@Org3MSP", "officer@RegMSP"].map(person));
    let others = [("COC", Action::Use), ("HRESCH", Action::Access), ("BTG", Action::Access)];
    let wishes =
        [("TREAT", Action::Access), ("PATRQT", Action::Access), others[turn / 4 % others.len()]];
    explained::all_agree(world, &people, &wishes, |by, actor| {
        let ours = |actor: &Actor| by.msp_id() == "Org1MSP" || matches!(actor, Actor::Role(_));
        let staff = state.staff_entry(pid(by));
        match actor {
            Actor::Participant(of) => *of == pid(by),
            actor => staff.is_some_and(|staff| ours(actor) && Tried::meant(staff, actor)),
        }
    })
}

/// So that accesses are used up in a short history.
fn few_uses(world: &mut World, fresh: Vec<(String, Access)>) {
    let mut writes = Writes::new();
    for (key, access) in fresh {
        let key = state::ACCESSES.parse_key(&StateKey::from_ledger(key)).unwrap();
        let few = Access { max_uses: 2, ..access };
        state::ACCESSES.put(&mut writes, &key, &few).unwrap();
    }
    world.ledger.seed(writes);
}

/// What a history came to: how often each transaction succeeded, how often access was permitted, and how
/// often it would have been.
#[derive(Default)]
struct Seen {
    done: usize,
    permitted: usize,
    told: usize,
}

/// The names that a request or an opening answers.
fn answered(name: &str, endorsed: &Endorsed) -> BTreeSet<String> {
    if !["RequestAccess", "OpenDisclosure"].contains(&name) {
        return BTreeSet::new();
    }
    let receipt: TicketsReceipt = endorsed.answer();
    receipt.ids.iter().map(ToString::to_string).collect()
}

fn run(steps: &[Step], listed: &Value) -> Seen {
    let mut world = start();
    let (mut seen, mut blocks) = (Seen::default(), 0);
    let mut before = State::read(&world);
    for block in steps.chunk_by(|step, _| step.together) {
        let mut endorsed: Vec<(&'static str, Participant, i64, Endorsed)> = Vec::new();
        for step in block {
            world.ledger.advance(step.wait);
            let (by, now) = (caller(step), world.ledger.now());
            let at = now - if step.back { 60_000 } else { 0 };
            let (name, _, _, make) = ACTS[step.act];
            let call = make(&before, &by, now, step.how).at(at);
            match world.ledger.endorse(&call) {
                Ok(it) => endorsed.push((name, Participant::of(&by).unwrap(), at, it)),
                Err(error) => assert!(code(&error) != "INTERNAL", "{error}"),
            }
        }
        let digest = world.ledger.digest();
        let nothing = endorsed.is_empty();
        let (acts, transactions): (Vec<_>, Vec<_>) = endorsed
            .into_iter()
            .map(|(name, by, at, it)| ((name, by, at, answered(name, &it), it.tx_id.clone()), it))
            .unzip();
        let codes = world.ledger.commit(transactions);
        assert!(!nothing || world.ledger.digest() == digest, "what is refused writes nothing");
        let after = State::read(&world);
        let mut unexplained = after.changed(&before);
        for ((name, by, at, answered, tx), code) in acts.into_iter().zip(codes) {
            if code != TxValidationCode::Valid {
                assert_eq!(code, TxValidationCode::MvccReadConflict);
                continue;
            }
            let wrote: BTreeSet<&str> =
                unexplained.iter().copied().filter(|key| after.is_of(key, &tx)).collect();
            unexplained.retain(|key| !wrote.contains(key));
            let tried = Tried { name, by, at, before: &before, after: &after, wrote, answered };
            tried.by_role(listed);
            tried.audited();
            tried.decided();
            tried.journalled();
            seen.done += 1;
        }
        assert!(unexplained.is_empty(), "{unexplained:?} were written by nobody");
        after.follows(&before);
        after.is_sound();
        reading(&mut world, &after);
        blocks += 1;
        if blocks % 20 == 0 {
            seen.told += explained(&world, &after, blocks);
        }
        let fresh = after.accesses.iter().filter(|(key, _)| !before.accesses.contains_key(*key));
        let fresh: Vec<_> = fresh.map(|(key, it)| (key.clone(), it.clone())).collect();
        before = if fresh.is_empty() {
            after
        } else {
            few_uses(&mut world, fresh);
            State::read(&world)
        };
    }
    seen.told += explained(&world, &before, steps.len());
    seen.permitted = before.disclosures.values().filter(|it| !it.verdict.is_denied()).count();
    seen
}

fn listed() -> Value {
    serde_json::from_str(&Policies::default_documents()["roles.json"]).unwrap()
}

/// The same histories each time; `HISTORIES=2000` tries that many new ones.
#[expect(clippy::disallowed_methods, reason = "whoever runs the test says how long")]
fn config() -> ProptestConfig {
    let more = std::env::var("HISTORIES").ok().and_then(|it| it.parse().ok());
    let rng_seed = if more.is_some() { RngSeed::Random } else { RngSeed::Fixed(5) };
    let cases = more.unwrap_or(24);
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_happens_the_ledger_stays_sound(steps in prop::collection::vec(step(), 40)) {
        run(&steps, &listed());
    }
}

/// The generator is worth something: histories do much and refuse much, and what is permitted is read.
#[test]
fn random_histories_come_to_something() {
    let mut runner = TestRunner::deterministic();
    let (mut done, mut permitted, mut told) = (0, 0, 0);
    for _ in 0..8 {
        let steps = prop::collection::vec(step(), 40).new_tree(&mut runner).unwrap().current();
        let seen = run(&steps, &listed());
        (done, permitted) = (done + seen.done, permitted + seen.permitted);
        told += seen.told;
    }
    assert!((80..300).contains(&done) && permitted > 3, "{done} done, {permitted} permitted");
    assert!(told > 20, "{told} told to be permitted");
}
