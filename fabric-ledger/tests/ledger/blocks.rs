use bytes::Bytes;
use fabric_ledger::validation::{ValidatedBlock, validate_block};
use fabric_ledger::{
    KeyModification, MemoryStore, Space, Store, TxRecord, TxValidationCode as Code, Version,
};

use crate::identities::Draft;
use crate::validation::{check, endorsed};

/// Validates a block of transactions, given by nonce and script, on this state.
fn block(transactions: &[(&str, &str)], store: &MemoryStore) -> ValidatedBlock {
    let everybody = ["Org1.peer.p0", "Org2.peer.p0", "Org3.peer.p0"];
    let verdicts: Vec<_> = transactions
        .iter()
        .map(|(nonce, script)| {
            let endorsers = if script.starts_with('-') { &everybody[..1] } else { &everybody[..] };
            check(endorsed(nonce, script.trim_start_matches('-'), endorsers), store)
        })
        .collect();
    validate_block(7, &verdicts, store).unwrap()
}

fn codes(transactions: &[(&str, &str)], expected: &[Code]) {
    let found = block(transactions, &MemoryStore::default()).codes;
    assert_eq!(found, expected, "{transactions:?}");
}

#[test]
fn ids_are_unique_in_a_block_among_what_passed_its_own_checks() {
    use Code::{DuplicateTxid, EndorsementPolicyFailure, MvccReadConflict, Valid};
    codes(&[("a", "cc:x=1"), ("a", "cc:x=1")], &[Valid, DuplicateTxid]);
    codes(&[("a", "cc:x=1"), ("b", "cc:x=1"), ("a", "")], &[Valid, Valid, DuplicateTxid]);
    // A conflict makes a later one of the same id a duplicate, a wrong endorsement does not.
    codes(
        &[("a", "cc:x=1"), ("b", "cc?x"), ("b", "cc:y=1")],
        &[Valid, MvccReadConflict, DuplicateTxid],
    );
    codes(&[("a", "-cc:x=1"), ("a", "cc:x=1")], &[EndorsementPolicyFailure, Valid]);
    // A duplicate writes nothing.
    codes(&[("a", "cc:x=1"), ("a", "cc:y=1"), ("b", "cc?y")], &[Valid, DuplicateTxid, Valid]);
}

#[test]
fn a_policy_changed_in_the_block_refuses_later_writers_of_the_key() {
    use Code::{DuplicateTxid, EndorsementPolicyFailure as Policy, MvccReadConflict, Valid};
    codes(&[("a", "cc!x"), ("b", "cc:x=1")], &[Valid, Policy]);
    codes(&[("a", "cc!x"), ("b", "cc!x")], &[Valid, Policy]);
    codes(&[("a", "cc!x"), ("b", "cc:y=1")], &[Valid, Valid]);
    codes(&[("a", "cc!x"), ("b", "cc/c:x=1")], &[Valid, Valid]);
    codes(&[("a", "cc/c!x"), ("b", "cc/c:x=1")], &[Valid, Policy]);
    codes(&[("a", "cc/c!x"), ("b", "cc/own:x=1")], &[Valid, Valid]);
    codes(&[("a", "cc/c!x"), ("b", "cc/c!x")], &[Valid, Policy]);
    codes(&[("a", "cc!x"), ("b", "other:x=1")], &[Valid, Valid]);
    // One that failed its own checks changes nothing; one in conflict or doubled still counts.
    codes(&[("a", "-cc!x"), ("b", "cc:x=1")], &[Policy, Valid]);
    codes(
        &[("a", "cc:y=1"), ("b", "cc?y cc!x"), ("c", "cc:x=1")],
        &[Valid, MvccReadConflict, Policy],
    );
    codes(&[("a", "cc:y=1"), ("a", "cc!x"), ("c", "cc:x=1")], &[Valid, DuplicateTxid, Policy]);
    // One refused for it does not count for the next.
    codes(&[("a", "cc!x"), ("b", "cc:x=1 cc!z"), ("c", "cc:z=1")], &[Valid, Policy, Valid]);
}

#[test]
fn a_block_gives_updates_history_and_index() {
    let transactions =
        [("a", "cc:x=1 cc!x cc/c:p=1"), ("b", "cc?x cc:y=1"), ("c", "cc:z"), ("c", "cc:w=1")];
    let block = block(&transactions, &MemoryStore::default());
    let id = |nonce: &str| Draft::new(nonce).channel.tx_id;

    let keys: Vec<_> =
        block.state.updates.iter().map(|(space, key, _)| (space, key.clone())).collect();
    let (public, hashed) =
        (Space::Public { namespace: "cc" }, Space::Hashed { namespace: "cc", collection: "c" });
    let hash = Bytes::copy_from_slice(&fabric_ledger::sha256(b"p"));
    assert_eq!(keys, [(public, "x".into()), (public, "z".into()), (hashed, hash)]);

    let rows: Vec<_> = block
        .history
        .iter()
        .map(|row| (row.namespace.as_str(), row.key.as_str(), row.row.clone()))
        .collect();
    let row = |tx, nonce: &str, value: Option<&'static str>| KeyModification {
        version: Version::new(7, tx),
        tx_id: id(nonce),
        timestamp: None,
        value: value.map(Bytes::from),
    };
    assert_eq!(rows, [("cc", "x", row(0, "a", Some("1"))), ("cc", "z", row(2, "c", None))]);

    let record = |tx, code| TxRecord { version: Version::new(7, tx), code };
    assert_eq!(
        block.transactions,
        [(id("a"), record(0, 0)), (id("b"), record(1, 11)), (id("c"), record(2, 0))]
    );
    assert_eq!(fabric_ledger::block::filter(&block.codes)[..], [0, 11, 0, 9]);
}

#[test]
fn stored_transactions_answer_their_record() {
    let mut store = MemoryStore::default();
    let validated = block(&[("a", "cc:x=1")], &store);
    for (id, record) in validated.transactions {
        store.record_transaction(id, record);
    }
    let record = store.transaction(&Draft::new("a").channel.tx_id).unwrap().unwrap();
    assert_eq!((record.version, record.code), (Version::new(7, 0), 0));
}
