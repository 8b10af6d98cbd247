use bytes::Bytes;
use fabric_ledger::metadata::VALIDATION_PARAMETER;
use fabric_ledger::policy::SignaturePolicy;
use fabric_ledger::{Permission, Simulation};
use prost::Message as _;

use crate::harness::{Ledger, Sim};

type Tx<'a> = Sim<'a, fn(&str, &str) -> Option<Permission>>;

fn any(_: &str, _: &str) -> Option<Permission> {
    Some(Permission::FULL)
}

/// In the ledger, key `own` of public state and of collection `c` has a policy of its own; `freed`
/// had one that was removed.
fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    let policy = SignaturePolicy::parse_envelope("OR('Org3.peer')").unwrap();
    let entries = || [(VALIDATION_PARAMETER.to_owned(), policy.encode_to_vec().into())].into();
    ledger.run(|tx| {
        tx.put_state("cc", "own", "v".into()).unwrap();
        tx.put_state_metadata("cc", "own", entries()).unwrap();
        tx.put_private_data("cc", "c", "own", "v".into()).unwrap();
        tx.put_private_data_metadata("cc", "c", "own", entries()).unwrap();
        let empty = || [(VALIDATION_PARAMETER.to_owned(), Bytes::new())].into();
        tx.put_state("cc", "freed", "v".into()).unwrap();
        tx.put_state_metadata("cc", "freed", empty()).unwrap();
        tx.put_private_data("cc", "c", "freed", "v".into()).unwrap();
        tx.put_private_data_metadata("cc", "c", "freed", empty()).unwrap();
    });
    ledger
}

/// Calls as `chaincode[/collection]`, then `k` for a key policy, `!` when the chaincode's policy
/// does not matter, `r` when plaintext was read.
fn check(run: fn(&mut Tx<'_>), expected: &str) {
    let ledger = ledger();
    let simulation = Simulation::new("mychannel", "tx");
    let access = any as fn(&str, &str) -> _;
    let (interest, _) = ledger.simulate_with(simulation, access, |tx| {
        run(tx);
        tx.interest().unwrap()
    });
    let calls: Vec<String> = interest
        .chaincodes
        .iter()
        .map(|call| {
            let mut out = call.name.clone();
            for name in &call.collection_names {
                out.push_str(&format!("/{name}"));
            }
            out.push_str(&"k".repeat(call.key_policies.len()));
            out.push_str(if call.disregard_namespace_policy { "!" } else { "" });
            let read = !call.no_private_reads && !call.collection_names.is_empty();
            out.push_str(if read { "r" } else { "" });
            out
        })
        .collect();
    assert_eq!(calls.join(" "), expected);
}

fn value() -> Bytes {
    "v".into()
}

#[test]
fn an_interest_says_whose_policies_count() {
    check(|_| (), "");
    check(|tx| drop(tx.get_state("cc", "a").unwrap()), "cc");
    check(|tx| drop(tx.get_state_by_range("cc", "", "").unwrap()), "cc");
    check(|tx| tx.put_state("cc", "a", value()).unwrap(), "cc");
    check(|tx| tx.put_state_metadata("cc", "a", Default::default()).unwrap(), "cc");
    check(|tx| tx.put_state("cc", "own", value()).unwrap(), "cck!");
    check(
        |tx| {
            tx.put_state("cc", "own", value()).unwrap();
            tx.put_state("cc", "a", value()).unwrap();
        },
        "cck",
    );
    check(
        |tx| {
            tx.put_state("bb", "a", value()).unwrap();
            tx.get_state("cc", "a").unwrap();
        },
        "bb cc",
    );
    check(|tx| drop(tx.get_state("_lifecycle", "a").unwrap()), "");
}

#[test]
fn a_removed_policy_is_told_as_an_empty_one() {
    check(|tx| tx.put_state("cc", "freed", value()).unwrap(), "cck!");
    check(|tx| tx.put_private_data("cc", "c", "freed", value()).unwrap(), "cck!");
    check(|tx| tx.put_state_metadata("cc", "freed", Default::default()).unwrap(), "cck!");
}

#[test]
fn collections_count_by_themselves_and_tell_who_was_read() {
    check(|tx| tx.put_private_data("cc", "c", "a", value()).unwrap(), "cc/c");
    check(|tx| tx.put_private_data("cc", "c", "own", value()).unwrap(), "cck!");
    check(|tx| drop(tx.get_private_data("cc", "c", "a").unwrap()), "cc cc/cr");
    check(|tx| drop(tx.get_private_data_multiple("cc", "c", &["a"]).unwrap()), "cc cc/cr");
    check(|tx| drop(tx.get_private_data_hash("cc", "c", "a").unwrap()), "cc");
    check(
        |tx| {
            tx.get_private_data("cc", "c", "a").unwrap();
            tx.put_private_data("cc", "c", "a", value()).unwrap();
            tx.put_private_data("cc", "b", "a", value()).unwrap();
        },
        "cc/b cc/cr",
    );
    check(
        |tx| {
            tx.put_private_data("cc", "c", "a", value()).unwrap();
            tx.put_state("cc", "a", value()).unwrap();
        },
        "cc cc/c",
    );
}
