//! Round trips: what each transaction asks of its peer.

use crate::consented::*;
use crate::every::{rows, world};
use crate::world::*;
use fabric_contract_rs::testing::{Call, CallError, RoundTrips, SpaceTrips};
use fabric_contract_rs::{ClientIdentity, Space};
use ioht_contract::access::*;
use ioht_contract::state::HEALTH;
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

/// Bulk: the most that one transaction takes.
fn bulk(world: &mut World) -> Vec<(&'static str, Call)> {
    let fifty: Vec<TicketId> =
        (0..50).map(|_| world.ticket(&request(&doctor(), scope()))).collect();
    let accesses = fifty.into_iter().map(of_access).collect();
    let opening = OpenDisclosurePrivate { accesses, minutes: None };
    let records = (1..=100).map(heart_rate).collect();
    vec![
        ("OpenDisclosure (50)", private(&doctor(), &OpenDisclosure {}, &opening)),
        ("SubmitSummaries (100)", summaries(&client("Org1MSP", "watch"), records)),
    ]
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
