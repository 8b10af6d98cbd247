use bytes::Bytes;
use fabric_ledger::lifetime::{Expiry, expired, expiries, purged, reconciled, scrub};
use fabric_ledger::{
    BlockStateValidator, MemoryStore, MissingPrivateData, PrivateTx, Purge, SimulationResults,
    TxValidationCode, Update, UpdateBatch, Version, Versioned, private_updates, sha256,
};
use fabric_protos::kvrwset::KvrwSet;
use prost::Message as _;

use crate::harness::{HASHED, Ledger, PRIVATE, PUBLIC};

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn put(value: &str, block: u64) -> Update {
    Update::Put(Versioned::new(bytes(value), Version::new(block, 0)))
}

fn batch(block: u64) -> UpdateBatch {
    let mut updates = UpdateBatch::default();
    updates.insert(PUBLIC, bytes("k"), put("public", block));
    updates.insert(HASHED, bytes("hash of k"), put("hash of v", block));
    updates.insert(HASHED, bytes("gone"), Update::Delete(Version::new(block, 0)));
    updates.insert(PRIVATE, bytes("k"), put("v", block));
    updates
}

#[test]
fn a_value_of_block_12_with_3_blocks_to_live_goes_with_block_16() {
    let entries: Vec<Expiry> = expiries(&batch(12), |namespace, collection| {
        assert_eq!((namespace, collection), ("cc", "c"));
        3
    })
    .collect();
    let shape: Vec<_> =
        entries.iter().map(|one| (one.at, one.hashed, &one.key[..], one.written)).collect();
    assert_eq!(shape, [(16, true, &b"hash of k"[..], 12), (16, false, b"k", 12)]);
    assert_eq!(expiries(&batch(12), |_, _| 0).count(), 0);
    let updates = batch(12);
    let never = expiries(&updates, |_, _| u64::MAX).map(|one| one.at);
    assert_eq!(never.collect::<Vec<_>>(), [u64::MAX, u64::MAX]);
}

#[test]
fn what_was_written_again_stays() {
    let entries: Vec<Expiry> = expiries(&batch(12), |_, _| 3).collect();
    let check = |held: UpdateBatch, updates: UpdateBatch, expected: usize| {
        let mut store = MemoryStore::default();
        store.apply(held);
        let deletes = expired(16, &entries, &store, &updates).unwrap();
        assert_eq!(deletes.len(), expected);
        for (_, _, update) in deletes.iter() {
            assert_eq!(*update, Update::Delete(Version::new(16, u64::MAX)));
        }
    };
    check(batch(12), UpdateBatch::default(), 2);
    check(batch(14), UpdateBatch::default(), 0); // in a later block
    check(batch(12), batch(16), 0); // in this one
    check(UpdateBatch::default(), UpdateBatch::default(), 0); // deleted already
}

/// Block 9 has this one transaction. What a peer makes of it that has `private` and is handed the
/// plaintext or not.
fn commit(
    ledger: &Ledger,
    results: &SimulationResults,
    handed: bool,
) -> (Vec<MissingPrivateData>, UpdateBatch) {
    let mut block = BlockStateValidator::new(&ledger.state, 9);
    assert_eq!(block.add(0, &results.rwset).unwrap(), TxValidationCode::Valid);
    let state = block.finish();
    let plaintext = results.private.as_ref().filter(|_| handed);
    let tx = PrivateTx { tx: 0, rwset: &results.rwset, plaintext };
    let private = private_updates(&ledger.private, 9, [tx], &state.updates, |_, _| true).unwrap();
    let deletes = purged(&state.purges, &ledger.private, &private).unwrap();
    (private.missing, deletes)
}

#[test]
fn a_purge_without_its_plaintext_finds_the_key_by_its_hash() {
    let mut ledger = Ledger::default();
    ledger.run(|tx| {
        tx.put_private_data("cc", "c", "k", bytes("v")).unwrap();
        tx.put_private_data("cc", "c", "other", bytes("v")).unwrap();
    });
    let (_, purge) = ledger.simulate(|tx| tx.purge_private_data("cc", "c", "k").unwrap());
    let (_, delete) = ledger.simulate(|tx| tx.delete_private_data("cc", "c", "k").unwrap());

    let (missing, deletes) = commit(&ledger, &purge, false);
    assert_eq!(missing.len(), 1);
    let keys: Vec<_> = deletes.iter().map(|(_, key, _)| key.clone()).collect();
    assert_eq!(keys, ["k"]);
    // With the plaintext it is a delete like any other, and a delete leaves nothing to look for.
    assert!(commit(&ledger, &purge, true).1.is_empty());
    assert!(commit(&ledger, &delete, false).1.is_empty());
}

#[test]
fn a_purge_reaches_what_the_same_block_wrote_before_it_but_not_after() {
    let ledger = Ledger::default();
    let put = ledger.simulate(|tx| tx.put_private_data("cc", "c", "k", bytes("v")).unwrap()).1;
    let purge = ledger.simulate(|tx| tx.purge_private_data("cc", "c", "k").unwrap()).1;
    let check = |order: [(&SimulationResults, bool); 2], expected: usize| {
        let mut block = BlockStateValidator::new(&ledger.state, 9);
        let mut txs = Vec::new();
        for (tx, (results, handed)) in (0..).zip(order) {
            assert_eq!(block.add(tx, &results.rwset).unwrap(), TxValidationCode::Valid);
            let plaintext = results.private.as_ref().filter(|_| handed);
            txs.push(PrivateTx { tx, rwset: &results.rwset, plaintext });
        }
        let state = block.finish();
        let private =
            private_updates(&ledger.private, 9, txs, &state.updates, |_, _| true).unwrap();
        let deletes = purged(&state.purges, &ledger.private, &private).unwrap();
        assert_eq!(deletes.len(), expected);
    };
    check([(&put, true), (&purge, false)], 1);
    check([(&purge, false), (&put, true)], 0);
}

#[test]
fn old_plaintext_is_shown_without_what_was_purged_later() {
    let ledger = Ledger::default();
    let (_, results) = ledger.simulate(|tx| {
        for key in ["a", "b", "c"] {
            tx.put_private_data("cc", "c", key, bytes("v")).unwrap();
        }
        tx.put_private_data_metadata("cc", "c", "b", Default::default()).unwrap();
    });
    let plaintext = results.private.unwrap();
    let rwset = &plaintext.ns_pvt_rwset[0].collection_pvt_rwset[0].rwset;
    let purge = |namespace: &str, collection: &str, key: &str, block: u64| Purge {
        namespace: namespace.to_owned(),
        collection: collection.to_owned(),
        key_hash: sha256(key.as_bytes()).to_vec().into(),
        version: Version::new(block, 0),
    };
    let shown = |purges: &[Purge]| {
        let left = scrub(rwset, Version::new(5, 0), ("cc", "c"), purges).unwrap();
        left.map(|left| {
            let left = KvrwSet::decode(left).unwrap();
            let metadata = left.metadata_writes.into_iter().map(|write| write.key);
            let keys = left.writes.into_iter().map(|write| write.key);
            keys.chain(metadata.map(|key| format!("{key}!"))).collect::<Vec<_>>()
        })
    };
    assert_eq!(shown(&[]), None);
    assert_eq!(shown(&[purge("cc", "c", "b", 4)]), None, "written after the purge");
    assert_eq!(shown(&[purge("cc", "c", "d", 6)]), None);
    assert_eq!(shown(&[purge("cc", "d", "b", 6), purge("dd", "c", "b", 6)]), None);
    for block in [5, 6] {
        assert_eq!(shown(&[purge("cc", "c", "b", block)]).unwrap(), ["a", "c"]);
    }
    let all = ["a", "b", "c"].map(|key| purge("cc", "c", key, 6));
    assert_eq!(scrub(rwset, Version::new(5, 0), ("cc", "c"), &all).unwrap(), Some(Bytes::new()));
}

/// A peer that missed block 0 and gets its plaintext after `later` was committed.
fn late(
    write: impl Fn(&mut crate::harness::Sim<'_, fn(&str, &str) -> Option<fabric_ledger::Permission>>),
    later: impl Fn(&mut Ledger),
    held: &[(&str, &str, u64)],
) -> Vec<String> {
    let mut ledger = Ledger::default();
    let (_, results) = ledger.simulate(write);
    ledger.commit(std::slice::from_ref(&results));
    later(&mut ledger);
    let mut private = MemoryStore::default();
    let mut updates = UpdateBatch::default();
    for (key, value, block) in held {
        updates.insert(PRIVATE, bytes(key), put(value, *block));
    }
    private.apply(updates);
    let missing = MissingPrivateData {
        version: Version::new(0, 0),
        namespace: "cc".to_owned(),
        collection: "c".to_owned(),
    };
    let hash = &results.rwset.collection("cc", "c").unwrap().pvt_rwset_hash;
    let plaintext = results.private.unwrap();
    let rwset = &plaintext.ns_pvt_rwset[0].collection_pvt_rwset[0].rwset;
    let forged = Bytes::from([&rwset[..], &[0]].concat());
    assert_eq!(reconciled(&ledger.state, &private, &missing, hash, &forged).unwrap(), None);
    let updates = reconciled(&ledger.state, &private, &missing, hash, rwset).unwrap().unwrap();
    updates
        .iter()
        .map(|(space, key, update)| {
            assert_eq!((space, update.version()), (PRIVATE, Version::new(0, 0)));
            let value = update.versioned().map_or("DEL".into(), |one| one.value.clone());
            format!("{}={}", String::from_utf8_lossy(key), String::from_utf8_lossy(&value))
        })
        .collect()
}

#[test]
fn late_plaintext_is_taken_in_where_it_is_still_current() {
    let put = |value: &'static str| {
        move |ledger: &mut Ledger| {
            ledger.run(|tx| tx.put_private_data("cc", "c", "k", bytes(value)).unwrap());
        }
    };
    let two = |tx: &mut crate::harness::Sim<'_, fn(&str, &str) -> _>| {
        tx.put_private_data("cc", "c", "k", bytes("v")).unwrap();
        tx.put_private_data("cc", "c", "l", bytes("w")).unwrap();
    };
    assert_eq!(late(two, |_| (), &[]), ["k=v", "l=w"]);
    assert_eq!(late(two, put("again"), &[]), ["l=w"]);
    assert_eq!(late(two, put("again"), &[("k", "again", 1)]), ["l=w"]);
}

#[test]
fn a_late_delete_removes_what_is_older() {
    let delete = |tx: &mut crate::harness::Sim<'_, fn(&str, &str) -> _>| {
        tx.delete_private_data("cc", "c", "k").unwrap();
    };
    assert!(late(delete, |_| (), &[]).is_empty());
    assert!(late(delete, |_| (), &[("k", "newer", 1)]).is_empty());
    let mut ledger = Ledger { height: 3, ..Ledger::default() };
    let (_, results) = ledger.simulate(delete);
    ledger.commit(std::slice::from_ref(&results));
    let mut held = UpdateBatch::default();
    held.insert(PRIVATE, bytes("k"), put("old", 2));
    ledger.private.apply(held);
    let missing = MissingPrivateData {
        version: Version::new(3, 0),
        namespace: "cc".to_owned(),
        collection: "c".to_owned(),
    };
    let rwset = &results.private.unwrap().ns_pvt_rwset[0].collection_pvt_rwset[0].rwset.clone();
    let updates = reconciled(&ledger.state, &ledger.private, &missing, &sha256(rwset), rwset);
    let updates = updates.unwrap().unwrap();
    assert_eq!(updates.get(PRIVATE, b"k"), Some(&Update::Delete(Version::new(3, 0))));
}

#[test]
fn a_late_metadata_write_renews_the_version_of_the_value_it_was_for() {
    let run = |held: &str| {
        let mut ledger = Ledger::default();
        ledger.run(|tx| tx.put_private_data("cc", "c", "k", bytes("v")).unwrap());
        let (_, results) = ledger.simulate(|tx| {
            tx.put_private_data_metadata("cc", "c", "k", Default::default()).unwrap();
        });
        ledger.commit(std::slice::from_ref(&results));
        let mut private = MemoryStore::default();
        let mut updates = UpdateBatch::default();
        updates.insert(PRIVATE, bytes("k"), put(held, 0));
        private.apply(updates);
        let missing = MissingPrivateData {
            version: Version::new(1, 0),
            namespace: "cc".to_owned(),
            collection: "c".to_owned(),
        };
        let rwset = &results.private.unwrap().ns_pvt_rwset[0].collection_pvt_rwset[0].rwset.clone();
        let found = reconciled(&ledger.state, &private, &missing, &sha256(rwset), rwset);
        found.unwrap().unwrap().get(PRIVATE, b"k").map(Update::version)
    };
    assert_eq!(run("v"), Some(Version::new(1, 0)));
    assert_eq!(run("another value"), None);
}
