use bytes::Bytes;
use fabric_ledger::{Permission, SimulationResults, Store, TxValidationCode, Version, sha256};
use fabric_protos::kvrwset::range_query_info::ReadsInfo;

use crate::harness::{HASHED, Ledger, PUBLIC, Sim};

type Tx<'a> = Sim<'a, fn(&str, &str) -> Option<Permission>>;

/// One step of a transaction: `get a`, `put a v`, `del a`, `meta a v`, `range a b`, and with a
/// `p` before it the same on private data.
fn step(tx: &mut Tx<'_>, text: &str) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let entries = |text: &str| [("VALIDATION_PARAMETER".to_owned(), bytes(text))].into();
    match words[..] {
        ["get", key] => drop(tx.get_state("cc", key).unwrap()),
        ["put", key, value] => tx.put_state("cc", key, bytes(value)).unwrap(),
        ["del", key] => tx.delete_state("cc", key).unwrap(),
        ["meta", key, value] => tx.put_state_metadata("cc", key, entries(value)).unwrap(),
        ["unmeta", key] => tx.put_state_metadata("cc", key, Default::default()).unwrap(),
        ["getmeta", key] => drop(tx.get_state_metadata("cc", key).unwrap()),
        ["range", start, end] => drop(tx.get_state_by_range("cc", start, end).unwrap()),
        ["page", start, size] => {
            let size = size.parse().unwrap();
            drop(tx.get_state_by_range_page("cc", start, "", size, "").unwrap());
        }
        ["pget", key] => drop(tx.get_private_data("cc", "c", key).unwrap()),
        ["phash", key] => drop(tx.get_private_data_hash("cc", "c", key).unwrap()),
        ["pput", key, value] => tx.put_private_data("cc", "c", key, bytes(value)).unwrap(),
        ["pdel", key] => tx.delete_private_data("cc", "c", key).unwrap(),
        ["ppurge", key] => tx.purge_private_data("cc", "c", key).unwrap(),
        ["pmeta", key, value] => {
            tx.put_private_data_metadata("cc", "c", key, entries(value)).unwrap();
        }
        _ => panic!("no step: {text}"),
    }
}

fn simulate(ledger: &Ledger, steps: &str) -> SimulationResults {
    ledger.simulate(|tx| steps.split(';').for_each(|text| step(tx, text))).1
}

fn base() -> Ledger {
    let mut ledger = Ledger::default();
    for steps in ["put a 1; put c 1; put e 1; meta c owner", "pput a 1; pput c 1"] {
        let results = simulate(&ledger, steps);
        assert_eq!(ledger.commit(&[results]), [TxValidationCode::Valid]);
    }
    ledger
}

fn short(code: TxValidationCode) -> &'static str {
    match code {
        TxValidationCode::Valid => "valid",
        TxValidationCode::MvccReadConflict => "mvcc",
        TxValidationCode::PhantomReadConflict => "phantom",
        other => panic!("{other:?}"),
    }
}

/// Both transactions simulate on the same state. In one block the second is validated against the
/// first's writes; in two blocks against committed state. Both must decide alike.
fn check(first: &str, second: &str, expected: &str) {
    for blocks in [1, 2] {
        let mut ledger = base();
        let results = [simulate(&ledger, first), simulate(&ledger, second)];
        let codes = if blocks == 1 {
            ledger.commit(&results)
        } else {
            results.iter().flat_map(|one| ledger.commit(std::slice::from_ref(one))).collect()
        };
        assert_eq!(
            codes.into_iter().map(short).collect::<Vec<_>>(),
            ["valid", expected],
            "`{first}` then `{second}` in {blocks} block(s)"
        );
    }
}

#[test]
fn a_read_fails_once_its_key_is_written() {
    check("put a 2", "get a; put z 1", "mvcc");
    check("put a 2", "put a 3", "valid");
    check("put a 2", "get c; put a 3", "valid");
    check("put a 1", "get a", "mvcc"); // the same value again
    check("del a", "get a", "mvcc");
    check("put new 1", "get new", "mvcc");
    check("get a", "get a", "valid");
    check("meta a x", "get a", "mvcc");
    check("put a 2", "getmeta a", "mvcc");
    check("put a 2", "meta a x", "valid");
    check("meta nokey x", "get nokey", "valid");
}

#[test]
fn deleting_an_absent_key_conflicts_inside_a_block_only() {
    for (blocks, expected) in [(1, "mvcc"), (2, "valid")] {
        let mut ledger = base();
        let results = [simulate(&ledger, "del nokey"), simulate(&ledger, "get nokey")];
        let codes = if blocks == 1 {
            ledger.commit(&results)
        } else {
            results.iter().flat_map(|one| ledger.commit(std::slice::from_ref(one))).collect()
        };
        assert_eq!(short(codes[1]), expected);
    }
}

#[test]
fn a_private_read_fails_once_its_hash_is_written() {
    check("pput a 2", "pget a", "mvcc");
    check("pput a 2", "phash a", "mvcc");
    check("pdel a", "pget a", "mvcc");
    check("ppurge a", "pget a", "mvcc");
    check("pput new 1", "pget new", "mvcc");
    check("pmeta a x", "pget a", "mvcc");
    check("pput a 2", "pput a 3", "valid");
    check("put a 2", "pget a", "valid");
    check("pput a 2", "get a", "valid");
    check("pput a 2", "pget c", "valid");
}

#[test]
fn a_range_fails_once_a_row_appears_changes_or_goes() {
    check("put b 1", "range a d", "phantom");
    check("put a 2", "range a d", "phantom");
    check("del c", "range a d", "phantom");
    check("meta c x", "range a d", "phantom");
    check("put d 1", "range a d", "valid"); // the end is excluded
    check("put z 1", "range a d", "valid");
    check("del b", "range a d", "valid"); // no such row
    check("put b 1", "range x y", "valid");
    check("put xx 1", "range x y", "phantom"); // was empty
    check("put a 2", "get a; range a d", "mvcc"); // reads are looked at first
    // A page that was full ends with its last row, included.
    check("put d 1", "page a 2", "valid");
    check("put b 1", "page a 2", "phantom");
    check("put c 2", "page a 2", "phantom");
    check("del c", "page a 2", "phantom");
    check("put z 1", "page a 5", "phantom");
}

#[test]
fn long_ranges_are_compared_by_their_hashes() {
    let fill = |ledger: &mut Ledger| {
        let results = ledger.simulate(|tx| {
            for n in 0..120 {
                tx.put_state("cc", &format!("k{n:03}"), Bytes::from("v")).unwrap();
            }
        });
        ledger.commit(&[results.1]);
    };
    let check = |first: &str, expected: &str| {
        let mut ledger = base();
        fill(&mut ledger);
        let results = [simulate(&ledger, first), simulate(&ledger, "range k l")];
        let codes = ledger.commit(&results);
        assert_eq!(short(codes[1]), expected, "{first}");
    };
    // Only the first batch and a row ahead were read: k000 to k100.
    check("put k110 2", "valid");
    check("put k1000 2", "valid");
    check("put k100 2", "phantom");
    check("put k0990 2", "phantom");
    check("del k000", "phantom");
    check("put j 1", "valid");
}

#[test]
fn a_tree_no_simulation_makes_is_a_conflict() {
    let mut ledger = Ledger::default();
    for n in 0..60 {
        ledger.put(&[(&format!("k{n}"), "v")]);
    }
    let mut results = simulate(&ledger, "range k l");
    let info = &mut results.rwset.namespaces[0].public.range_queries_info[0];
    let Some(ReadsInfo::ReadsMerkleHashes(tree)) = &mut info.reads_info else { panic!("a tree") };
    tree.max_degree = 1;
    assert_eq!(ledger.commit(&[results]), [TxValidationCode::PhantomReadConflict]);
}

#[test]
fn an_invalid_transaction_leaves_nothing() {
    let mut ledger = base();
    let results = [
        simulate(&ledger, "put a 2"),
        simulate(&ledger, "get a; put x 1; pput x 1"),
        simulate(&ledger, "get x; phash x"),
    ];
    let codes: Vec<_> = ledger.commit(&results).into_iter().map(short).collect();
    assert_eq!(codes, ["valid", "mvcc", "valid"]);
    assert_eq!(ledger.value(PUBLIC, b"x"), None);
    assert_eq!(ledger.value(HASHED, &sha256(b"x")), None);
}

/// After the steps, one block each line, what `key` is: value, metadata and version.
fn state_after(key: &str, blocks: &[&[&str]], expected: &str) {
    let mut ledger = base();
    for block in blocks {
        let results: Vec<_> = block.iter().map(|steps| simulate(&ledger, steps)).collect();
        for code in ledger.commit(&results) {
            assert_eq!(code, TxValidationCode::Valid);
        }
    }
    let found = ledger.state.get(PUBLIC, key.as_bytes()).unwrap().map(|found| {
        let metadata = fabric_ledger::metadata::decode(found.metadata).unwrap();
        let policy = metadata.get("VALIDATION_PARAMETER").cloned().unwrap_or_default();
        let Version { block, tx } = found.version;
        format!("{:?} {policy:?} {block}.{tx}", found.value)
    });
    assert_eq!(found.unwrap_or("absent".to_owned()), expected, "{blocks:?}");
}

#[test]
fn values_and_metadata_are_merged_as_fabric_does() {
    // Block 0 wrote a, c and e, and metadata of c; block 1 was private.
    state_after("c", &[], r#"b"1" b"owner" 0.0"#);
    state_after("c", &[&["put c 2"]], r#"b"2" b"owner" 2.0"#);
    state_after("c", &[&["meta c me"]], r#"b"1" b"me" 2.0"#);
    state_after("c", &[&["put c 2; meta c me"]], r#"b"2" b"me" 2.0"#);
    state_after("c", &[&["unmeta c"]], r#"b"1" b"" 2.0"#);
    state_after("c", &[&["put c 2; unmeta c"]], r#"b"2" b"" 2.0"#);
    state_after("c", &[&["del c"]], "absent");
    state_after("c", &[&["del c; meta c me"]], "absent");
    state_after("c", &[&["del c"], &["put c 3"]], r#"b"3" b"" 3.0"#);
    state_after("nokey", &[&["meta nokey x"]], "absent");
    // Inside one block each sees what the ones before it left.
    state_after("c", &[&["put c 2", "put c 3"]], r#"b"3" b"owner" 2.1"#);
    state_after("c", &[&["meta c me", "put c 3"]], r#"b"3" b"me" 2.1"#);
    state_after("c", &[&["put c 2", "meta c me"]], r#"b"2" b"me" 2.1"#);
    state_after("c", &[&["del c", "put c 3"]], r#"b"3" b"" 2.1"#);
    state_after("c", &[&["put c 3", "del c"]], "absent");
    // A real peer stops at this one; nothing can be left of the key.
    state_after("c", &[&["del c", "meta c me"]], "absent");
}

#[test]
fn purges_are_listed_for_valid_transactions_only() {
    let ledger = base();
    let valid = simulate(&ledger, "ppurge a; pdel c");
    let stale = simulate(&ledger, "pget a; ppurge c");
    let mut block = fabric_ledger::BlockStateValidator::new(&ledger.state, 7);
    assert_eq!(short(block.add(0, &valid.rwset).unwrap()), "valid");
    assert_eq!(short(block.add(1, &stale.rwset).unwrap()), "mvcc");
    let purges = block.finish().purges;
    assert_eq!(purges.len(), 1);
    assert_eq!(purges[0].key_hash[..], sha256(b"a"));
    assert_eq!(purges[0].version, Version::new(7, 0));
}
