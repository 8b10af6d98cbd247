use bytes::Bytes;
use fabric_ledger::{
    BlockStateValidator, MemoryStore, MissingPrivateData, PrivateTx, PrivateUpdates, Simulation,
    SimulationResults, Simulator, Store, TxValidationCode, UpdateBatch, Version, private_updates,
    sha256,
};

use crate::harness::{HASHED, Ledger, PRIVATE, open_access};

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[test]
fn hashes_go_public_and_plaintext_stays_private() {
    let mut ledger = Ledger::default();
    let (_, results) =
        ledger.simulate(|tx| tx.put_private_data("cc", "c", "k", bytes("secret")).unwrap());
    let public = results.rwset.encode();
    assert!(!public.windows(6).any(|part| part == b"secret"));
    let private = results.private.clone().unwrap();
    let plain = &private.ns_pvt_rwset[0].collection_pvt_rwset[0].rwset;
    let collection = results.rwset.collection("cc", "c").unwrap();
    assert_eq!(collection.pvt_rwset_hash[..], sha256(plain));

    ledger.commit(&[results]);
    let hash = ledger.state.get(HASHED, &sha256(b"k")).unwrap().unwrap();
    assert_eq!(hash.value[..], sha256(b"secret"));
    assert_eq!(ledger.value(PRIVATE, b"k").as_deref(), Some("secret"));
}

#[test]
fn reads_are_recorded_by_hash_in_the_order_of_the_raw_keys() {
    let mut ledger = Ledger::default();
    ledger.run(|tx| tx.put_private_data("cc", "c", "b", bytes("v")).unwrap());
    let keys = ["b", "a", "d", "c"];
    let (_, results) = ledger.simulate(|tx| {
        for key in keys {
            tx.get_private_data("cc", "c", key).unwrap();
        }
    });
    let collection = results.rwset.collection("cc", "c").unwrap();
    let hashes: Vec<_> =
        collection.hashed.hashed_reads.iter().map(|read| &read.key_hash[..]).collect();
    assert_eq!(hashes, ["a", "b", "c", "d"].map(|key| sha256(key.as_bytes())));
    let versions: Vec<_> =
        collection.hashed.hashed_reads.iter().map(|read| read.version.is_some()).collect();
    assert_eq!(versions, [false, true, false, false]);
    assert!(collection.pvt_rwset_hash.is_empty(), "only read");
    assert_eq!(results.private, None);
    assert!(results.private_reads.contains(&("cc".to_owned(), "c".to_owned())));
}

/// A peer that never got the plaintext of what is committed.
#[test]
fn what_is_not_reconciled_fails_single_reads_and_reads_as_absent_in_bulk() {
    let mut ledger = Ledger::default();
    ledger.run(|tx| tx.put_private_data("cc", "c", "k", bytes("v")).unwrap());
    let nothing = MemoryStore::default();
    let simulation = Simulation::new("mychannel", "tx");
    let mut tx = Simulator::new(simulation, &ledger.state, &nothing, open_access);
    assert_eq!(
        tx.get_private_data("cc", "c", "k").unwrap_err().to_string(),
        "private data matching public hash version is not available. \
         Public hash version = {BlockNum: 0, TxNum: 0}, Private data version = <nil>"
    );
    assert!(tx.get_private_data_hash("cc", "c", "k").unwrap().is_some());
    assert_eq!(tx.get_private_data_multiple("cc", "c", &["k", "x"]).unwrap(), [None, None]);
    let results = tx.finish();
    assert_eq!(
        ledger.commit(&[results]),
        [TxValidationCode::MvccReadConflict],
        "the bulk read claims that there is nothing"
    );
}

#[test]
fn plaintext_of_another_version_than_the_hash_is_not_shown() {
    let mut ledger = Ledger::default();
    ledger.run(|tx| tx.put_private_data("cc", "c", "k", bytes("old")).unwrap());
    let stale = ledger.private.clone();
    ledger.run(|tx| tx.put_private_data("cc", "c", "k", bytes("new")).unwrap());
    let simulation = Simulation::new("mychannel", "tx");
    let mut tx = Simulator::new(simulation, &ledger.state, &stale, open_access);
    let err = tx.get_private_data("cc", "c", "k").unwrap_err().to_string();
    assert!(
        err.ends_with(
            "hash version = {BlockNum: 1, TxNum: 0}, Private data version = {BlockNum: 0, TxNum: 0}"
        ),
        "{err}"
    );
}

/// The private updates of a block whose only transaction is `results`, with this plaintext.
fn commit_private(
    ledger: &Ledger,
    results: &SimulationResults,
    plaintext: Option<&SimulationResults>,
    member: bool,
) -> PrivateUpdates {
    let mut block = BlockStateValidator::new(&ledger.state, 9);
    assert_eq!(block.add(3, &results.rwset).unwrap(), TxValidationCode::Valid);
    let tx = PrivateTx {
        tx: 3,
        rwset: &results.rwset,
        plaintext: plaintext.and_then(|one| one.private.as_ref()),
    };
    private_updates(&ledger.private, 9, [tx], &block.finish().updates, |namespace, collection| {
        assert_eq!((namespace, collection), ("cc", "c"));
        member
    })
    .unwrap()
}

#[test]
fn a_member_takes_what_matches_the_hash_and_notes_what_is_missing() {
    let ledger = Ledger::default();
    let simulate =
        |value| ledger.simulate(|tx| tx.put_private_data("cc", "c", "k", bytes(value)).unwrap()).1;
    let (results, other) = (simulate("v"), simulate("forged"));
    let missing = vec![MissingPrivateData {
        version: Version::new(9, 3),
        namespace: "cc".to_owned(),
        collection: "c".to_owned(),
    }];
    let check = |plaintext, member, keys: usize, missing: &[MissingPrivateData]| {
        let updates = commit_private(&ledger, &results, plaintext, member);
        assert_eq!((updates.updates.len(), updates.missing.as_slice()), (keys, missing));
    };
    check(Some(&results), true, 1, &[]);
    check(None, true, 0, &missing);
    check(Some(&other), true, 0, &missing);
    check(Some(&results), false, 0, &[]);
    check(None, false, 0, &[]);
}

#[test]
fn a_collection_that_was_only_read_misses_nothing() {
    let ledger = Ledger::default();
    let results = ledger.simulate(|tx| drop(tx.get_private_data("cc", "c", "k").unwrap())).1;
    assert_eq!(commit_private(&ledger, &results, None, true), PrivateUpdates::default());
}

#[test]
fn plaintext_follows_a_metadata_write_if_it_is_still_the_hashed_value() {
    let mut ledger = Ledger::default();
    ledger.run(|tx| tx.put_private_data("cc", "c", "k", bytes("v")).unwrap());
    let policy = || [("VALIDATION_PARAMETER".to_owned(), bytes("p"))].into();
    ledger.run(|tx| tx.put_private_data_metadata("cc", "c", "k", policy()).unwrap());
    let version = |store: &MemoryStore, space, key: &[u8]| store.version(space, key).unwrap();
    assert_eq!(version(&ledger.state, HASHED, &sha256(b"k")), Some(Version::new(1, 0)));
    assert_eq!(version(&ledger.private, PRIVATE, b"k"), Some(Version::new(1, 0)));
    ledger.run(|tx| {
        assert_eq!(tx.get_private_data("cc", "c", "k").unwrap(), Some(bytes("v")));
        assert_eq!(tx.get_private_data_metadata("cc", "c", "k").unwrap(), policy());
    });

    // A peer with an older value keeps that value's version.
    let results =
        ledger.simulate(|tx| tx.put_private_data_metadata("cc", "c", "k", policy()).unwrap()).1;
    ledger.private = MemoryStore::default();
    let mut outdated = UpdateBatch::default();
    let old = fabric_ledger::Versioned::new("old", Version::new(0, 0));
    outdated.insert(PRIVATE, bytes("k"), fabric_ledger::Update::Put(old));
    ledger.private.apply(outdated);
    let updates = commit_private(&ledger, &results, Some(&results), true);
    assert!(updates.updates.is_empty());
}

#[test]
fn deletes_and_purges_remove_hash_and_plaintext() {
    for purge in [false, true] {
        let mut ledger = Ledger::default();
        ledger.run(|tx| tx.put_private_data("cc", "c", "k", bytes("v")).unwrap());
        ledger.run(|tx| {
            if purge {
                tx.purge_private_data("cc", "c", "k").unwrap();
            } else {
                tx.delete_private_data("cc", "c", "k").unwrap();
            }
        });
        assert_eq!(ledger.value(HASHED, &sha256(b"k")), None);
        assert_eq!(ledger.value(PRIVATE, b"k"), None);
        ledger.run(|tx| assert_eq!(tx.get_private_data("cc", "c", "k").unwrap(), None));
    }
}
