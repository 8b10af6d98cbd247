//! Round trips: what each transaction asks of its peer.

use crate::consented::*;
use crate::every::{rows, world};
use crate::world::*;
use fabric_contract_rs::testing::{
    Call, CallError, MockCollection, MockLedger, RoundTrips, SpaceTrips,
};
use fabric_contract_rs::{
    ClientIdentity, Contract, QueryReader, Reader, Route, Space, Submit, TxContext, TxError,
    Writes, submit,
};
use ioht_contract::access::*;
use ioht_contract::state::{HEADS, HEALTH};
use ioht_contract::*;
use schemars::JsonSchema;
use serde::Deserialize;
use std::fmt::Write;

/// Who calls: for each row the first of these that succeeds.
fn callers() -> Vec<ClientIdentity> {
    let own = |name| client("Org1MSP", name);
    let mut callers = vec![msp_admin("Org1MSP"), msp_admin("LateMSP")];
    callers.extend(["patient", "other", "pending", "delegate", "named_delegate"].map(own));
    callers.extend(["watch", "ring", "registrar", "doctor", "researcher", "robot"].map(own));
    callers
        .extend([("Org2MSP", "officer"), ("RegMSP", "officer")].map(|(msp, it)| client(msp, it)));
    callers
}

fn trips(world: &mut World, call: &Call) -> Option<(&'static str, RoundTrips)> {
    match world.ledger.endorse(call) {
        Ok(endorsed) => Some(("submit", endorsed.trips)),
        Err(CallError::NeverEndorsed) => {
            world.ledger.evaluate(call).ok().map(|answer| ("evaluate", answer.trips))
        }
        Err(_) => None,
    }
}

/// Fifty patients as the first one is.
fn fifty(world: &mut World) -> Vec<SubjectId> {
    let head: Head = world.ledger.value(&HEADS, &(SID.parse().unwrap(),)).unwrap();
    let mut writes = Writes::new();
    let subjects: Vec<SubjectId> = (0..50).map(|n: u128| SubjectId::new(n.to_be_bytes())).collect();
    for (sid, n) in subjects.iter().zip(0_u128..) {
        let own = Head { rk: Some(RecordsKey::new(n.to_be_bytes())), ..head.clone() };
        HEADS.put(&mut writes, &(*sid,), &own).unwrap();
    }
    world.ledger.seed(writes);
    subjects
}

/// Bulk: the most that one transaction takes.
fn bulk(world: &mut World) -> Vec<(&'static str, Call)> {
    let open = |accesses| {
        let part = OpenDisclosurePrivate { accesses, minutes: None };
        private(&doctor(), &OpenDisclosure {}, &part)
    };
    let ones = (0..50).map(|_| of_access(world.ticket(&request(&doctor(), scope())))).collect();
    let subjects = fifty(world);
    let part = RequestAccessPrivate { subjects: subjects.clone(), ..request_part(&[], scope()) };
    let requesting = private(&doctor(), &RequestAccess {}, &part);
    let receipt: TicketsReceipt = world.ok(&requesting).answer();
    let each = subjects.into_iter().zip(receipt.ids);
    let each = each.map(|(sid, access)| AccessReference { sid, access }).collect();
    let records = (1..=100).map(heart_rate).collect();
    vec![
        ("RequestAccess (50 patients)", requesting),
        ("OpenDisclosure (50 patients)", open(each)),
        ("OpenDisclosure (50 of one)", open(ones)),
        ("SubmitSummaries (100)", summaries(&client("Org1MSP", "watch"), records)),
    ]
}

/// A transaction whose refusal is its answer: what it read is told, and what it would have written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
struct Refused<T>(T);

impl<T: Submit<State = Policies, Error = ContractError>> Submit for Refused<T> {
    const NAME: &'static str = T::NAME;
    const ROLES: &'static [&'static str] = T::ROLES;
    type State = Policies;
    type Output = String;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<String, ContractError> {
        let refusal = self.0.run(policies, cx, ledger, writes).await.err().map(TxError::from);
        Ok(refusal.map_or("not refused", |error| error.code()).to_owned())
    }
}

struct RefusedContract(Policies);

impl Contract for RefusedContract {
    const NAME: &'static str = IohtContract::NAME;
    const VERSION: &'static str = IohtContract::VERSION;
    type State = Policies;

    fn state(&self) -> &Policies {
        &self.0
    }

    fn routes<R: QueryReader + 'static>() -> &'static [Route<Policies, R>] {
        const {
            &[
                submit::<Refused<RequestAccess>, R>(),
                submit::<Refused<OpenDisclosure>, R>(),
                submit::<Refused<SubmitSummaries>, R>(),
            ]
        }
    }
}

/// What a refusal asks beside: whether the one value that is missing has only not been received.
#[test]
fn a_refusal_asks_once_more_for_what_is_missing() {
    let (world, _) = world();
    let contract = RefusedContract(Policies::from_documents(&documents()).unwrap());
    let mut ledger = MockLedger::new(contract)
        .organisations(&["Org1MSP", "Org2MSP", "Org3MSP", "RegMSP"])
        .collection(MockCollection::of("health", &["Org1MSP", "Org2MSP"]));
    let mut writes = Writes::new();
    for space in [Space::Public, Space::Private(HEALTH)] {
        for (key, value) in world.ledger.entries(space) {
            writes.put(space, key, value).unwrap();
        }
    }
    ledger.seed(writes);
    ledger.set_now(world.ledger.now());
    let nobody = request_part(&["0000000000000000000000000000000a"], scope());
    let nothing = "0000000000001.00112233445566778899aabbccddeeff".parse().unwrap();
    for (call, refusal) in [
        (private(&doctor(), &RequestAccess {}, &nobody), "SUBJECT_UNKNOWN"),
        (open(&doctor(), nothing), "TICKET_NOT_VISIBLE"),
        (summaries(&client("Org1MSP", "stranger"), vec![heart_rate(0)]), "ROLE_NOT_PERMITTED"),
    ] {
        let endorsed = ledger.endorse(&call).unwrap();
        assert_eq!(endorsed.answer::<String>(), refusal);
        let SpaceTrips { gets, multi_gets, hashes, ranges, .. } =
            endorsed.trips.space(Space::Private(HEALTH));
        assert_eq!((gets, multi_gets, hashes, ranges), (1, 1, 0, 0), "{refusal}");
        assert_eq!(endorsed.trips.write_batches(), 0, "{refusal}");
        assert!(endorsed.trips.total() <= 3, "{refusal} {:?}", endorsed.trips);
    }
}

/// A submit reads each space at most once, by a get or a multi-get, and writes one batch. No range:
/// what somebody else adds to one would invalidate it. One that refuses because something is missing
/// asks for that by one more get, and writes nothing.
#[track_caller]
fn within_budget(name: &str, trips: &RoundTrips) {
    let more = usize::from(name == BY_DEVICE);
    for space in [Space::Public, Space::Private(HEALTH)] {
        let SpaceTrips { gets, multi_gets, hashes, ranges, .. } = trips.space(space);
        assert!(gets + multi_gets <= 1 + more && hashes + ranges == 0, "{name}: {trips:?}");
    }
    assert!(trips.write_batches() == 1 && trips.total() <= 3 + more, "{name}: {trips:?}");
}

/// A regulator is told no subject id: whose journal tells of its act, only the device says.
const BY_DEVICE: &str = "SetStatus device (regulator)";

#[test]
fn round_trips_are_as_reviewed() {
    let (mut world, tickets) = world();
    let mut table = String::from(
        "| transaction | kind | space | gets | multi-gets | keys | ranges | write batches |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let mut rows: Vec<(&str, Vec<Call>)> = rows()
        .into_iter()
        .map(|(name, make)| (name, callers().iter().map(|by| make(&tickets, by)).collect()))
        .collect();
    rows.extend(bulk(&mut world).into_iter().map(|(name, call)| (name, vec![call])));
    for (name, calls) in rows {
        let first = calls.iter().find_map(|call| trips(&mut world, call));
        let (kind, trips) = first.unwrap_or_else(|| panic!("{name} is refused to all callers"));
        if kind == "submit" {
            within_budget(name, &trips);
        }
        for space in [Space::Public, Space::Private(HEALTH)] {
            let SpaceTrips { gets, multi_gets, ranges, keys, .. } = trips.space(space);
            let (place, batches) = match space {
                Space::Public => ("public", trips.write_batches()),
                Space::Private(name) => (name, trips.write_batches()),
            };
            if gets + multi_gets + ranges > 0 {
                writeln!(
                    table,
                    "| {name} | {kind} | {place} | {gets} | {multi_gets} | {keys} | {ranges} | {batches} |"
                )
                .unwrap();
            }
        }
    }
    golden("budget.md", &table);
}
