use bytes::Bytes;
use fabric_ledger::rwset::TxRwSet;
use fabric_ledger::{QUERY_BATCH, QueryBatch, QueryRows, Simulation};
use fabric_protos::kvrwset::RangeQueryInfo;
use fabric_protos::kvrwset::range_query_info::ReadsInfo;

use crate::harness::{Ledger, open_access};

fn ledger(rows: usize) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.run(|tx| {
        for row in 0..rows {
            tx.put_state("cc", &format!("k{row:04}"), Bytes::from("v")).unwrap();
            tx.put_private_data("cc", "c", &format!("k{row:04}"), Bytes::from("v")).unwrap();
            tx.put_state("cc10", &format!("k{row:04}"), Bytes::from("other")).unwrap();
        }
    });
    ledger
}

/// First key, last key and number of rows.
fn shape(batch: &QueryBatch) -> String {
    let QueryRows::Keys(rows) = &batch.rows else { panic!("keys expected") };
    let (first, last) = (rows.first(), rows.last());
    match (first, last) {
        (Some(first), Some(last)) => format!("{}..{} {}", first.key, last.key, rows.len()),
        _ => "none".to_owned(),
    }
}

fn ranges(rwset: &TxRwSet) -> &[RangeQueryInfo] {
    &rwset.namespaces[0].public.range_queries_info
}

/// `start..end`, whether exhausted, and the form of the reads.
fn recorded(rwset: &TxRwSet) -> Vec<String> {
    ranges(rwset)
        .iter()
        .map(|info| {
            let reads = match &info.reads_info {
                None => "nothing".to_owned(),
                Some(ReadsInfo::RawReads(raw)) => format!("{} raw", raw.kv_reads.len()),
                Some(ReadsInfo::ReadsMerkleHashes(tree)) => {
                    format!("level {} {} hashes", tree.max_level, tree.max_level_hashes.len())
                }
            };
            let end = if info.itr_exhausted { "exhausted" } else { "open" };
            format!("{}..{} {end} {reads}", info.start_key, info.end_key)
        })
        .collect()
}

fn check(rows: usize, start: &str, end: &str, first: &str, has_more: bool, record: &str) {
    let (batch, results) =
        ledger(rows).simulate(|tx| tx.get_state_by_range("cc", start, end).unwrap());
    assert_eq!((shape(&batch).as_str(), batch.has_more), (first, has_more), "{rows} rows");
    assert_eq!(recorded(&results.rwset), [record], "{rows} rows");
}

#[test]
fn the_first_batch_reads_one_row_ahead() {
    check(0, "", "", "none", false, ".. exhausted nothing");
    check(3, "", "", "k0000..k0002 3", false, ".. exhausted 3 raw");
    check(3, "k0001", "k0002", "k0001..k0001 1", false, "k0001..k0002 exhausted 1 raw");
    check(3, "k0002", "k0001", "none", false, "k0002..k0001 exhausted nothing");
    check(50, "", "", "k0000..k0049 50", false, ".. exhausted 50 raw");
    check(51, "", "", "k0000..k0050 51", false, ".. exhausted level 1 1 hashes");
    check(100, "", "", "k0000..k0099 100", false, ".. exhausted level 1 2 hashes");
    check(101, "", "", "k0000..k0099 100", true, "..k0100 open level 1 2 hashes");
    check(250, "", "", "k0000..k0099 100", true, "..k0100 open level 1 2 hashes");
}

#[test]
fn batches_go_on_where_they_stopped() {
    let (shapes, results) = ledger(201).simulate(|tx| {
        let mut batch = tx.get_state_by_range("cc", "", "").unwrap();
        let mut shapes = vec![shape(&batch)];
        while batch.has_more {
            batch = tx.next_batch(batch.id).unwrap();
            shapes.push(shape(&batch));
        }
        let err = tx.next_batch(batch.id).unwrap_err();
        assert_eq!(err.to_string(), "query iterator not found");
        shapes
    });
    assert_eq!(shapes, ["k0000..k0099 100", "k0100..k0199 100", "k0200..k0200 1"]);
    assert_eq!(recorded(&results.rwset), [".. exhausted level 1 4 hashes"]);
}

#[test]
fn closing_keeps_what_was_seen() {
    let (_, results) = ledger(150).simulate(|tx| {
        let batch = tx.get_state_by_range("cc", "", "").unwrap();
        tx.close_query(batch.id);
        tx.close_query(batch.id);
        assert!(tx.next_batch(batch.id).is_err());
    });
    assert_eq!(recorded(&results.rwset), ["..k0100 open level 1 2 hashes"]);
}

#[test]
fn equal_ranges_are_recorded_once_in_the_order_of_their_first_use() {
    let (_, results) = ledger(3).simulate(|tx| {
        for (start, end) in [("k0001", ""), ("", ""), ("k0001", ""), ("", "k0001")] {
            tx.get_state_by_range("cc", start, end).unwrap();
        }
    });
    assert_eq!(
        recorded(&results.rwset),
        ["k0001.. exhausted 2 raw", ".. exhausted 3 raw", "..k0001 exhausted 1 raw"]
    );
}

#[test]
fn the_total_limit_cuts_off_silently() {
    let check = |limit, rows: usize, batches: &[&str], record: &str| {
        let simulation =
            Simulation { total_query_limit: limit, ..Simulation::new("mychannel", "tx") };
        let (shapes, results) = ledger(rows).simulate_with(simulation, open_access, |tx| {
            let mut batch = tx.get_state_by_range("cc", "", "").unwrap();
            let mut shapes = vec![shape(&batch)];
            while batch.has_more {
                batch = tx.next_batch(batch.id).unwrap();
                shapes.push(shape(&batch));
            }
            shapes
        });
        assert_eq!(shapes, batches, "limit {limit}");
        assert_eq!(recorded(&results.rwset), [record], "limit {limit}");
    };
    check(2, 5, &["k0000..k0001 2"], "..k0001 open 2 raw");
    check(5, 5, &["k0000..k0004 5"], "..k0004 open 5 raw");
    check(100, 200, &["k0000..k0099 100"], "..k0099 open level 1 2 hashes");
    // The limit falls on the row ahead, which then is a batch of its own.
    check(101, 200, &["k0000..k0099 100", "k0100..k0100 1"], "..k0100 open level 1 2 hashes");
    check(0, 5, &["none"], ".. open nothing");
}

#[test]
fn pages_are_one_message_with_a_bookmark() {
    let check = |size, bookmark: &str, rows: &str, next: &str, record: &str| {
        let (batch, results) = ledger(250)
            .simulate(|tx| tx.get_state_by_range_page("cc", "", "k0200", size, bookmark).unwrap());
        assert_eq!(shape(&batch), rows);
        assert_eq!((batch.bookmark.as_deref(), batch.has_more), (Some(next), false));
        assert_eq!(recorded(&results.rwset), [record]);
    };
    check(3, "", "k0000..k0002 3", "k0003", "..k0002 open 3 raw");
    check(3, "k0003", "k0003..k0005 3", "k0006", "k0003..k0005 open 3 raw");
    check(150, "", "k0000..k0149 150", "k0150", "..k0149 open level 1 3 hashes");
    check(3, "k0198", "k0198..k0199 2", "", "k0198..k0200 exhausted 2 raw");
    // A page that ends with the range does not know it.
    check(2, "k0198", "k0198..k0199 2", "", "k0198..k0199 open 2 raw");
    // No size, or a negative one, means everything.
    check(0, "k0100", "k0100..k0199 100", "", "k0100..k0200 exhausted level 1 2 hashes");
    check(-1, "", "k0000..k0199 200", "", "..k0200 exhausted level 1 4 hashes");
}

#[test]
fn private_ranges_come_in_batches_and_leave_no_trace() {
    let (shapes, results) = ledger(120).simulate(|tx| {
        let first = tx.get_private_data_by_range("cc", "c", "k0001", "").unwrap();
        let last = tx.next_batch(first.id).unwrap();
        assert!(first.has_more && !last.has_more);
        [shape(&first), shape(&last)]
    });
    assert_eq!(shapes, ["k0001..k0100 100", "k0101..k0119 19"]);
    assert!(results.rwset.encode().is_empty());
    assert!(results.private_reads.is_empty());
}

#[test]
fn history_is_newest_first_in_batches_and_leaves_no_trace() {
    let mut ledger = Ledger::default();
    for n in 0..QUERY_BATCH + 20 {
        ledger.put(&[("a", &n.to_string()), ("b", "x")]);
    }
    ledger.run(|tx| tx.delete_state("cc", "a").unwrap());
    let (values, results) = ledger.simulate(|tx| {
        let mut values = Vec::new();
        let mut batch = tx.get_history_for_key("cc", "a").unwrap();
        loop {
            let QueryRows::History(rows) = batch.rows else { panic!("history expected") };
            values.push(rows.into_iter().map(|row| row.value).collect::<Vec<_>>());
            if !batch.has_more {
                return values;
            }
            batch = tx.next_batch(batch.id).unwrap();
        }
    });
    assert_eq!(values.iter().map(Vec::len).collect::<Vec<_>>(), [100, 21]);
    assert_eq!(values[0][..2], [None, Some(Bytes::from("119"))]);
    assert_eq!(values[1].last(), Some(&Some(Bytes::from("0"))));
    assert!(results.rwset.encode().is_empty());
}
