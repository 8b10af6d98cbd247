use bytes::Bytes;
use fabric_ledger::{Permission, Simulation, SimulationError};

use crate::harness::{Ledger, Sim, summary};

type Write = fn(&mut Tx<'_>) -> Result<(), SimulationError>;
type PrivateCall = fn(&mut Tx<'_>, &str) -> Result<(), SimulationError>;
type Tx<'a> = Sim<'a, fn(&str, &str) -> Option<Permission>>;

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[test]
fn a_simulation_reads_committed_state_and_never_its_own_writes() {
    let mut ledger = Ledger::default();
    ledger.put(&[("a", "1")]);
    let (_, results) = ledger.simulate(|tx| {
        tx.put_state("cc", "a", bytes("2")).unwrap();
        assert_eq!(tx.get_state("cc", "a").unwrap(), Some(bytes("1")));
        tx.delete_state("cc", "a").unwrap();
        assert_eq!(tx.get_state("cc", "a").unwrap(), Some(bytes("1")));
    });
    assert_eq!(summary(&results.rwset), "[cc] a@0.0 a=DEL");
}

#[test]
fn reads_and_writes_appear_once_sorted_by_bytes_last_write_wins() {
    let mut ledger = Ledger::default();
    ledger.put(&[("b", "1")]);
    let (_, results) = ledger.simulate(|tx| {
        for key in ["é", "b", "z", "b", "a", "\u{10000}", "\u{ffff}"] {
            tx.get_state("cc", key).unwrap();
        }
        tx.put_state("cc", "y", bytes("1")).unwrap();
        tx.put_state("cc", "x", bytes("2")).unwrap();
        tx.put_state("cc", "y", bytes("3")).unwrap();
        tx.put_state("cc", "w", Bytes::new()).unwrap();
        tx.put_state("aa", "k", bytes("other")).unwrap();
    });
    assert_eq!(
        summary(&results.rwset),
        "[aa] k=other [cc] a@- b@0.0 z@- é@- \u{ffff}@- \u{10000}@- w=DEL x=2 y=3",
        "UTF-16 order would put U+10000 before U+FFFF"
    );
    assert_eq!(results.private, None);
}

#[test]
fn a_multi_get_answers_in_the_order_of_its_keys() {
    let mut ledger = Ledger::default();
    ledger.put(&[("a", "1"), ("b", "2")]);
    let (values, results) =
        ledger.simulate(|tx| tx.get_state_multiple("cc", &["b", "x", "a", "b"]).unwrap());
    assert_eq!(values, [Some(bytes("2")), None, Some(bytes("1")), Some(bytes("2"))]);
    assert_eq!(summary(&results.rwset), "[cc] a@0.0 b@0.0 x@-");
}

#[test]
fn nothing_done_leaves_nothing() {
    let (_, results) = Ledger::default().simulate(|_| ());
    assert!(results.rwset.encode().is_empty() && results.private.is_none());
    assert!(!results.rwset.has_writes());
}

/// A refusal: what is done before it, the call that is refused, and the peer's text.
fn refused(
    before: impl FnOnce(&mut Tx<'_>),
    call: impl FnOnce(&mut Tx<'_>) -> Result<(), SimulationError>,
    text: &str,
) {
    let mut ledger = Ledger::default();
    ledger.run(|tx| tx.put_private_data("cc", "c", "k", bytes("v")).unwrap());
    let (err, _) = ledger.simulate(|tx| {
        before(tx);
        call(tx).unwrap_err()
    });
    assert_eq!(err.to_string(), text);
}

const PRIVATE_QUERY_LATE: &str = "txid [tx]: unsuppored transaction. Queries on pvt data is supported only in a read-only transaction";
const WRITE_AFTER_PRIVATE_QUERY: &str = "txid [tx]: unsuppored transaction. Transaction has already performed queries on pvt data. Writes are not allowed";
const PAGE_LATE: &str = "txid [tx]: unsuppored transaction. Paginated queries are supported only in a read-only transaction";
const WRITE_AFTER_PAGE: &str = "txid [tx]: unsuppored transaction. Transaction has already performed a paginated query. Writes are not allowed";

/// Each way to write, by name.
fn writes() -> Vec<(&'static str, Write)> {
    vec![
        ("put", |tx| tx.put_state("cc", "k", bytes("v"))),
        ("delete", |tx| tx.delete_state("cc", "k")),
        ("metadata", |tx| tx.put_state_metadata("cc", "k", Default::default())),
        ("private put", |tx| tx.put_private_data("cc", "c", "k", bytes("v"))),
        ("private delete", |tx| tx.delete_private_data("cc", "c", "k")),
        ("purge", |tx| tx.purge_private_data("cc", "c", "k")),
        ("private metadata", |tx| tx.put_private_data_metadata("cc", "c", "k", Default::default())),
    ]
}

#[test]
fn queries_that_are_not_validated_and_writes_exclude_each_other() {
    for (name, write) in writes() {
        println!("{name}");
        let private_query =
            |tx: &mut Tx<'_>| tx.get_private_data_by_range("cc", "c", "", "").map(drop);
        let page = |tx: &mut Tx<'_>| tx.get_state_by_range_page("cc", "", "", 10, "").map(drop);
        refused(|tx| write(tx).unwrap(), private_query, PRIVATE_QUERY_LATE);
        refused(|tx| private_query(tx).unwrap(), write, WRITE_AFTER_PRIVATE_QUERY);
        refused(|tx| write(tx).unwrap(), page, PAGE_LATE);
        refused(|tx| page(tx).unwrap(), write, WRITE_AFTER_PAGE);
    }
}

#[test]
fn ordinary_ranges_history_and_reads_mix_with_writes() {
    let (_, results) = Ledger::default().simulate(|tx| {
        tx.get_state_by_range("cc", "", "").unwrap();
        tx.put_state("cc", "a", bytes("1")).unwrap();
        tx.get_state_by_range("cc", "a", "b").unwrap();
        tx.get_history_for_key("cc", "a").unwrap();
        tx.get_private_data("cc", "c", "k").unwrap();
        tx.put_private_data("cc", "c", "k", bytes("v")).unwrap();
    });
    assert!(results.rwset.has_writes());
}

#[test]
fn a_refused_write_leaves_no_trace() {
    let ledger = Ledger::default();
    let (_, results) = ledger.simulate(|tx| {
        tx.get_state_by_range_page("cc", "", "", 10, "").unwrap();
        tx.put_state("cc", "a", bytes("1")).unwrap_err();
        tx.put_private_data("cc", "nowhere", "a", bytes("1")).unwrap_err();
    });
    assert!(!results.rwset.has_writes() && results.private.is_none());
}

/// Each private call, by name, with whether it looks at read or write permission.
fn private_calls() -> Vec<(&'static str, PrivateCall)> {
    vec![
        ("read", |tx, c| tx.get_private_data("cc", c, "k").map(drop)),
        ("read", |tx, c| tx.get_private_data_multiple("cc", c, &["k"]).map(drop)),
        ("read", |tx, c| tx.get_private_data_metadata("cc", c, "k").map(drop)),
        ("read", |tx, c| tx.get_private_data_by_range("cc", c, "", "").map(drop)),
        ("write", |tx, c| tx.put_private_data("cc", c, "k", bytes("v"))),
        ("write", |tx, c| tx.delete_private_data("cc", c, "k")),
        ("write", |tx, c| tx.purge_private_data("cc", c, "k")),
        ("write", |tx, c| tx.put_private_data_metadata("cc", c, "k", Default::default())),
    ]
}

#[test]
fn an_undefined_collection_is_refused() {
    for (_, call) in private_calls() {
        refused(|_| (), |tx| call(tx, "zz"), "collection mychannel/cc/zz could not be found");
    }
    refused(
        |_| (),
        |tx| tx.get_private_data_hash("cc", "zz", "k").map(drop),
        "collection [zz] not defined in the collection config for chaincode [cc]",
    );
    refused(|_| (), |tx| tx.purge_private_data("cc", "", "k"), "only applicable for private data");
}

#[test]
fn member_only_collections_refuse_others_but_show_hashes() {
    let mut ledger = Ledger::default();
    ledger.run(|tx| tx.put_private_data("cc", "c", "k", bytes("v")).unwrap());
    for (kind, call) in private_calls() {
        let access: fn(&str, &str) -> Option<Permission> = match kind {
            "read" => |_, _| Some(Permission { read: false, write: true }),
            _ => |_, _| Some(Permission { read: true, write: false }),
        };
        let simulation = Simulation::new("mychannel", "tx");
        let (err, _) = ledger.simulate_with(simulation, access, |tx| {
            assert!(tx.get_private_data_hash("cc", "c", "k").unwrap().is_some());
            call(tx, "c").unwrap_err()
        });
        assert_eq!(
            err.to_string(),
            format!(
                "tx creator does not have {kind} access permission on privatedata in chaincodeName:cc collectionName: c"
            )
        );
    }
}

#[test]
fn private_data_is_out_of_reach_while_a_chaincode_is_initialised() {
    let ledger = Ledger::default();
    let text = "private data APIs are not allowed in chaincode Init()";
    let access: fn(&str, &str) -> _ = crate::harness::open_access;
    let init =
        || Simulation { initializing: Some("cc".to_owned()), ..Simulation::new("mychannel", "tx") };
    for (_, call) in private_calls() {
        let (err, _) = ledger.simulate_with(init(), access, |tx| call(tx, "c").unwrap_err());
        assert_eq!(err.to_string(), text);
    }
    ledger.simulate_with(init(), access, |tx| {
        assert_eq!(tx.get_private_data_hash("cc", "c", "k").unwrap_err().to_string(), text);
        tx.put_state("cc", "a", bytes("public state is fine")).unwrap();
        tx.get_private_data("called", "c", "k").unwrap();
    });
}

/// The bytes were computed by a separate protobuf encoder from the rules of the format.
#[test]
fn results_are_fabric_bytes() {
    let mut ledger = Ledger { height: 5, ..Ledger::default() };
    ledger.put(&[("k1", "v1"), ("k2", "v2")]);
    ledger.run(|tx| tx.put_private_data("cc", "c", "p2", bytes("secret2")).unwrap());
    let (_, results) = ledger.simulate(|tx| {
        tx.get_state("_lifecycle", "namespaces/fields/cc/Sequence").unwrap();
        tx.get_state("cc", "none").unwrap();
        tx.get_state("cc", "k1").unwrap();
        tx.get_state_by_range("cc", "k", "k3").unwrap();
        tx.put_state("cc", "k1", bytes("new")).unwrap();
        tx.delete_state("cc", "k2").unwrap();
        tx.get_private_data("cc", "c", "p2").unwrap();
        tx.get_private_data("cc", "c", "p1").unwrap();
        tx.put_private_data("cc", "c", "p1", bytes("secret1")).unwrap();
        tx.purge_private_data("cc", "c", "p3").unwrap();
        tx.delete_private_data("cc", "c", "p2").unwrap();
        let policy = [("VALIDATION_PARAMETER".to_owned(), bytes("policy"))];
        tx.put_private_data_metadata("cc", "c", "p1", policy.clone().into()).unwrap();
        tx.put_state_metadata("cc", "k1", policy.into()).unwrap();
    });
    assert_eq!(hex::encode(results.rwset.encode()), include_str!("vectors/public.hex").trim());
    let private = prost::Message::encode_to_vec(&results.private.unwrap());
    assert_eq!(hex::encode(private), include_str!("vectors/private.hex").trim());
}
