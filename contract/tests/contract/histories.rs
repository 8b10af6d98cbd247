//! Random histories: transactions of random callers, some of them simulated against the same state
//! and put into one block, some dated back. What holds after each block:
//!
//! | invariant | where |
//! |---|---|
//! | whoever succeeds has a role that the policies list, its organisation and every unit above it active | [`Tried::by_role`] |
//! | each request, of each patient it names, and each opening that reaches a decision leaves exactly one entry, permitted or denied, and nothing else does | [`Tried::audited`] |
//! | a denied one writes what a permitted one writes; a refused one writes nothing | [`Tried::audited`], [`run`] |
//! | what is permitted is what the patient's directives permit at that moment, by a model of five lines: one that has ended, or was paused, never permits again | [`Tried::decided`], [`reading`] |
//! | what the patient is told of a request is what the request comes to, and who is listed as able to read is who is permitted | [`explained()`] |
//! | no access is used more often than it may be, and its uses are its permitted openings | [`State::is_sound`] |
//! | the journal tells each act of somebody else, once, and nothing else | [`Tried::journalled`] |
//! | a device is one patient's; a revoked one stays revoked; a key stays one participant's | [`State::is_sound`], [`State::follows`] |
//! | versions and times only grow, audit and old versions never change, nothing is deleted | [`State::follows`] |
//! | whatever is stored decodes, and stands in the space that its table declares | [`State::read`] |

use crate::acts::*;
use crate::consent;
use crate::consented::*;
use crate::explained;
use crate::invariants::State;
use crate::world::*;
use fabric_contract_rs::testing::{Endorsed, TxValidationCode};
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

impl Step {
    /// How many patients or accesses it names, if it asks or opens.
    fn named(&self) -> usize {
        if ACTS[self.act].0 == "RequestAccess" { pick(&SUBJECTS, self.how[0]).len() } else { 1 }
    }
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
    /// How many patients or accesses it named.
    named: usize,
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

    fn meant(head: &Head, (by, staff): (ParticipantId, &Staff), actor: &Actor) -> bool {
        let known = format!("pid:{by}");
        match actor.to_string().as_str() {
            "unit:ward@Org1MSP" => ["ward", "bay"].contains(&staff.unit.as_str()),
            "unit:bay@Org1MSP" => staff.unit.as_str() == "bay",
            "role:practitioner" => staff.roles.contains(&StaffRole::Practitioner),
            "care_team" => head.care_team.iter().any(|it| Self::meant(head, (by, staff), it)),
            other if other.starts_with("pid:") => other == known,
            other => unreachable!("{other} is not in the model"),
        }
    }

    /// Whether the patient's directives let this member of its hospital's staff treat now.
    fn permits(head: &Head, who: (ParticipantId, &Staff), at: i64) -> bool {
        let meant = |actor: &Actor| Self::meant(head, who, actor);
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
                Self::permits(head, (self.by.pid, staff), self.at)
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
                assert_eq!((requests, self.wrote.len()), (self.named, self.named));
                assert_eq!(self.entries("access"), self.answered);
                &["access"]
            }
            "OpenDisclosure" => {
                let named = self.named;
                assert_eq!((of("access"), of("disclosure"), requests), (named, named, 0));
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

/// Whoever holds a disclosure reads by it exactly what is permitted now. How many pages it read that have
/// something on them.
fn reading(world: &mut World, state: &State) -> usize {
    let (at, mut pages) = (world.ledger.now(), 0);
    for (key, disclosure) in
        state.disclosures.iter().filter(|(_, it)| it.recipient == pid(&doctor()))
    {
        let id = ticket_of(key);
        if let Ok(read) = world.ledger.evaluate(&read_by(&doctor(), id)) {
            let page: DisclosedPage = read.answer();
            assert!(!disclosure.verdict.is_denied() && at < disclosure.until, "{page:?}");
            let staff = state.staff_entry(pid(&doctor())).unwrap();
            let who = (pid(&doctor()), staff);
            assert!(Tried::permits(state.head(SID.parse().unwrap()), who, at), "{page:?}");
            pages += usize::from(!page.records.is_empty());
        }
    }
    pages
}

/// Whoever would ask now is answered as the patient is told, and listed when it is permitted.
fn explained(world: &World, state: &State, turn: usize) -> usize {
    // An explanation is of whoever holds the key that a participant is known by.
    let known = |name: &&str| match *name {
        "patient" => explained::patient(world),
        name => person(name),
    };
    let mut people: Vec<ClientIdentity> = PEOPLE.iter().map(known).collect();
    people.extend(["doctor@Org2MSP", "doctor@Org3MSP", "officer@RegMSP"].map(person));
    let others = [("COC", Action::Use), ("HRESCH", Action::Access), ("BTG", Action::Access)];
    let wishes =
        [("TREAT", Action::Access), ("PATRQT", Action::Access), others[turn / 4 % others.len()]];
    explained::all_agree(world, &people, &wishes, |by, actor| {
        let ours = |actor: &Actor| by.msp_id() == "Org1MSP" || matches!(actor, Actor::Role(_));
        let (staff, head) = (state.staff_entry(pid(by)), state.head(SID.parse().unwrap()));
        let meant = |staff| ours(actor) && Tried::meant(head, (pid(by), staff), actor);
        match actor {
            Actor::Participant(of) => *of == pid(by),
            _ => staff.is_some_and(meant),
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

/// What a history came to: how many transactions succeeded, how many openings were permitted, how many pages
/// were read, and how often access would have been permitted.
#[derive(Default)]
struct Seen {
    done: usize,
    permitted: usize,
    read: usize,
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
        let mut endorsed: Vec<(&'static str, Participant, i64, usize, Endorsed)> = Vec::new();
        for step in block {
            world.ledger.advance(step.wait);
            let (by, now) = (caller(step), world.ledger.now());
            let at = now - if step.back { 60_000 } else { 0 };
            let (name, _, _, make) = ACTS[step.act];
            let call = make(&before, &by, now, step.how).at(at);
            match world.ledger.endorse(&call) {
                Ok(it) => {
                    endorsed.push((name, Participant::of(&by).unwrap(), at, step.named(), it))
                }
                Err(error) => assert!(code(&error) != "INTERNAL", "{error}"),
            }
        }
        let digest = world.ledger.digest();
        let nothing = endorsed.is_empty();
        let (acts, transactions): (Vec<_>, Vec<_>) = endorsed
            .into_iter()
            .map(|(name, by, at, named, it)| {
                ((name, by, at, named, answered(name, &it), it.tx_id.clone()), it)
            })
            .unzip();
        let codes = world.ledger.commit(transactions);
        assert!(!nothing || world.ledger.digest() == digest, "what is refused writes nothing");
        let after = State::read(&world);
        let mut unexplained = after.changed(&before);
        for ((name, by, at, named, answered, tx), code) in acts.into_iter().zip(codes) {
            if code != TxValidationCode::Valid {
                assert_eq!(code, TxValidationCode::MvccReadConflict);
                continue;
            }
            let wrote: BTreeSet<&str> =
                unexplained.iter().copied().filter(|key| after.is_of(key, &tx)).collect();
            unexplained.retain(|key| !wrote.contains(key));
            let (before, after) = (&before, &after);
            let tried = Tried { name, by, at, before, after, wrote, answered, named };
            tried.by_role(listed);
            tried.audited();
            tried.decided();
            tried.journalled();
            seen.done += 1;
        }
        assert!(unexplained.is_empty(), "{unexplained:?} were written by nobody");
        after.follows(&before);
        after.is_sound();
        seen.read += reading(&mut world, &after);
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
    let (mut done, mut permitted, mut read, mut told) = (0, 0, 0, 0);
    for _ in 0..8 {
        let steps = prop::collection::vec(step(), 40).new_tree(&mut runner).unwrap().current();
        let seen = run(&steps, &listed());
        (done, permitted) = (done + seen.done, permitted + seen.permitted);
        (read, told) = (read + seen.read, told + seen.told);
    }
    assert!(read > 0, "nothing was read");
    assert!((80..300).contains(&done) && permitted > 3, "{done} done, {permitted} permitted");
    assert!(told > 20, "{told} told to be permitted");
}
