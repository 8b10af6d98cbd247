use crate::probe::{COLLECTION, Get, GetMany, Hash, Scan, Turn, Weigh};
use crate::running::{Running, answer, call, fault};
use ccaas_server::testing::{Offer, ScriptedPeer};
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{GetStateByRange, GetStateMultipleResult, QueryMetadata};
use prost::Message;

fn get(key: &str, private: bool) -> Get {
    Get { key: key.into(), private }
}

fn many(count: usize, private: bool) -> GetMany {
    GetMany { keys: (0..count).map(|number| format!("k{number:04}")).collect(), private }
}

/// Keys k0000, k0002, …: every other one of `count`.
fn fill(peer: &mut ScriptedPeer, collection: &str, count: usize) {
    for number in (0..count).step_by(2) {
        peer.ledger.put(collection, &format!("k{number:04}"), number.to_string());
    }
}

#[tokio::test]
async fn single_reads() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    peer.ledger.put("", "a", "public");
    peer.ledger.put(COLLECTION, "a", "private");
    for (private, expected) in [(false, "\"public\""), (true, "\"private\"")] {
        let ending = peer.invoke(&call("t", "Get", &get("a", private))).await.unwrap();
        assert_eq!(answer(&ending), expected);
        let ending = peer.invoke(&call("t", "Get", &get("b", private))).await.unwrap();
        assert_eq!(answer(&ending), "null");
    }
    assert_eq!(peer.ledger.counts(), "GET_STATE 4\n");
}

#[tokio::test]
async fn private_hash_is_read_where_the_value_is_not() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    peer.ledger.put(COLLECTION, "a", "private");
    peer.ledger.withhold(COLLECTION, "a");
    let ending = peer.invoke(&call("t", "Hash", &Hash { key: "a".into() })).await.unwrap();
    let expected = hex::encode(ring::digest::digest(&ring::digest::SHA256, b"private"));
    assert_eq!(answer(&ending), format!("{expected:?}"));
    let ending = peer.invoke(&call("t", "Hash", &Hash { key: "b".into() })).await.unwrap();
    assert_eq!(answer(&ending), "null");
    assert_eq!(peer.ledger.counts(), "GET_PRIVATE_DATA_HASH 2\n");
}

#[tokio::test]
async fn many_reads_are_one_message_where_the_peer_offers_it() {
    let server = Running::start().await;
    let mut answers = Vec::new();
    for (offer, counts) in [
        (Offer::everything(), "GET_STATE_MULTIPLE 1\n"),
        (Offer::nothing().multi_get(10), "GET_STATE_MULTIPLE 3\n"), // raised to 100
        (Offer::nothing().write_batch(1000), "GET_STATE 250\n"),
        (Offer::nothing(), "GET_STATE 250\n"),
    ] {
        for (private, collection) in [(false, ""), (true, COLLECTION)] {
            let mut peer = server.peer(offer).await;
            fill(&mut peer, collection, 250);
            let ending = peer.invoke(&call("t", "GetMany", &many(250, private))).await.unwrap();
            answers.push(answer(&ending));
            assert_eq!(peer.ledger.counts(), counts);
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "the same however it travels");
    assert!(answers[0].starts_with(r#"["0",null,"2",null"#), "{}", answers[0]);
}

#[tokio::test]
async fn many_reads_are_split_by_bytes_too() {
    let server = Running::start_with(|config| config.limits.batch_bytes_max = 70).await;
    let mut peer = server.peer(Offer::everything()).await;
    fill(&mut peer, "", 25);
    // A key of five bytes takes seven: ten fit.
    let ending = peer.invoke(&call("t", "GetMany", &many(25, false))).await.unwrap();
    assert!(answer(&ending).ends_with(r#"null,"24"]"#));
    assert_eq!(peer.ledger.counts(), "GET_STATE_MULTIPLE 3\n");
}

#[tokio::test]
async fn no_keys_cost_nothing() {
    let server = Running::start().await;
    for offer in [Offer::everything(), Offer::nothing()] {
        let mut peer = server.peer(offer).await;
        let ending = peer.invoke(&call("t", "GetMany", &many(0, false))).await.unwrap();
        assert_eq!(answer(&ending), "[]");
        assert_eq!(peer.ledger.round_trips(), 0);
    }
}

#[tokio::test]
async fn multi_get_with_values_missing_is_a_fault() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    for count in [0, 1, 3] {
        let call = call("t", "GetMany", &many(2, false));
        peer.send(call.message()).await.unwrap();
        let request = peer.expect(Type::GetStateMultiple).await.unwrap();
        let values = GetStateMultipleResult { values: vec!["v".into(); count] };
        peer.respond(&request, Type::Response, values.encode_to_vec()).await.unwrap();
        let text = fault(&peer.ending(&call).await.unwrap(), "LEDGER_ERROR");
        assert!(text.contains(&format!("{count} values came for 2 keys")), "{text}");
    }
}

#[tokio::test]
async fn answers_that_cannot_be_decoded_are_faults() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    let many = call("t1", "GetMany", &many(2, false));
    let scan = call("t2", "Scan", &Scan { limit: 1, ..Scan::default() });
    for (call, kind) in [(many, Type::GetStateMultiple), (scan, Type::GetStateByRange)] {
        peer.send(call.message()).await.unwrap();
        let request = peer.expect(kind).await.unwrap();
        peer.respond(&request, Type::Response, vec![0xff; 3]).await.unwrap();
        fault(&peer.ending(&call).await.unwrap(), "LEDGER_ERROR");
    }
}

async fn scans(records: usize, limit: usize, expected: usize, counts: &str) {
    let server = Running::start().await;
    for (private, collection) in [(false, ""), (true, COLLECTION)] {
        let mut peer = server.peer(Offer::everything()).await;
        for number in 0..records {
            peer.ledger.put(collection, &format!("k{number:04}"), "v");
        }
        peer.ledger.put(collection, "\0composite\0key\0", "v");
        peer.ledger.put(collection, "z", "beyond");
        let scan = Scan { start: String::new(), end: "l".into(), limit, private };
        let ending = peer.invoke(&call("t", "Scan", &scan)).await.unwrap();
        let keys: Vec<String> = serde_json::from_str(&answer(&ending)).unwrap();
        let wanted: Vec<_> = (0..expected).map(|number| format!("k{number:04}")).collect();
        assert_eq!(keys, wanted);
        assert_eq!(peer.ledger.counts(), counts, "{records} records, limit {limit}");
    }
}

#[tokio::test]
async fn ranges_read_pages_until_the_limit_and_close_what_is_open() {
    scans(0, 10, 0, "GET_STATE_BY_RANGE 1\n").await;
    scans(5, 0, 0, "").await;
    scans(5, 10, 5, "GET_STATE_BY_RANGE 1\n").await;
    scans(5, 3, 3, "GET_STATE_BY_RANGE 1\n").await;
    scans(100, 100, 100, "GET_STATE_BY_RANGE 1\n").await;
    scans(101, 100, 100, "GET_STATE_BY_RANGE 1\nQUERY_STATE_CLOSE 1\n").await;
    scans(101, 101, 101, "GET_STATE_BY_RANGE 1\nQUERY_STATE_NEXT 1\n").await;
    scans(250, 1000, 250, "GET_STATE_BY_RANGE 1\nQUERY_STATE_NEXT 2\n").await;
    scans(350, 250, 250, "GET_STATE_BY_RANGE 1\nQUERY_STATE_NEXT 2\nQUERY_STATE_CLOSE 1\n").await;
    scans(250, usize::MAX, 250, "GET_STATE_BY_RANGE 1\nQUERY_STATE_NEXT 2\n").await;
}

#[tokio::test]
async fn what_the_peer_says_about_a_read() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    for (text, code) in [
        ("private data matching public hash version is not available", "PRIVATE_DATA_UNAVAILABLE"),
        ("tx creator does not have read access permission on x", "COLLECTION_ACCESS_DENIED"),
        ("txid [t]: unsuppored transaction. Queries on pvt data", "UNSUPPORTED_BY_PEER"),
        ("collection c could not be found", "LEDGER_ERROR"),
    ] {
        let get = call("t", "Get", &get("secret-key", true));
        peer.send(get.message()).await.unwrap();
        let request = peer.expect(Type::GetState).await.unwrap();
        peer.respond(&request, Type::Error, text).await.unwrap();
        let text = fault(&peer.ending(&get).await.unwrap(), code);
        assert!(!text.contains("secret-key"), "{text}");
    }
}

#[tokio::test]
async fn unreconciled_private_value_is_told_by_a_single_read_only() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    peer.ledger.put(COLLECTION, "k0000", "v");
    peer.ledger.withhold(COLLECTION, "k0000");
    let ending = peer.invoke(&call("t", "Get", &get("k0000", true))).await.unwrap();
    fault(&ending, "PRIVATE_DATA_UNAVAILABLE");
    let ending = peer.invoke(&call("t", "GetMany", &many(1, true))).await.unwrap();
    assert_eq!(answer(&ending), "[null]");
}

#[tokio::test]
async fn many_reads_are_split_where_values_are_large() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    fill(&mut peer, "", 250);
    peer.invoke(&call("t", "GetMany", &many(250, false))).await.unwrap();
    assert_eq!(peer.ledger.counts(), "GET_STATE_MULTIPLE 1\n");
    // 24 values of 4 MiB fit into a message of 100 MiB.
    peer.ledger.put("", "large", vec![b'v'; 4 * 1024 * 1024]);
    peer.invoke(&call("t", "Get", &get("large", false))).await.unwrap();
    peer.ledger.reset_counts();
    peer.invoke(&call("t", "GetMany", &many(250, false))).await.unwrap();
    assert_eq!(peer.ledger.counts(), "GET_STATE_MULTIPLE 11\n");
    let turn = Turn { size: 100, bookmark: None };
    let ending = peer.invoke(&call("t", "Turn", &turn)).await.unwrap();
    assert_eq!(answer(&ending), r#"[24,"k0048"]"#);
}

/// A peer whose values were all written before this server was started.
async fn peer_of_large_values(server: &Running) -> ScriptedPeer {
    let mut peer = server.peer(Offer::everything()).await;
    let value = bytes::Bytes::from(vec![b'v'; 110 * 1024]);
    for number in 0..1000 {
        peer.ledger.put("", &format!("k{number:04}"), value.clone());
    }
    peer
}

/// Waits until the server has cut off as many transactions together with their streams.
async fn cut_off(server: &Running, transactions: u64) {
    while server.stats.read().abandoned < transactions {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn answer_that_no_message_can_carry_comes_in_parts_the_next_time() {
    let server = Running::start().await;
    let weigh = call("t", "Weigh", &Weigh { count: 1000 });
    let mut peer = peer_of_large_values(&server).await;
    peer.invoke(&weigh).await.unwrap_err();
    cut_off(&server, 1).await;
    let mut peer = peer_of_large_values(&server).await;
    assert_eq!(answer(&peer.invoke(&weigh).await.unwrap()), (1000 * 110 * 1024).to_string());
    assert_eq!(peer.ledger.counts(), "GET_STATE_MULTIPLE 2\n");
}

#[tokio::test]
async fn page_under_which_the_stream_ended_is_halved() {
    let server = Running::start().await;
    for (streams, expected) in [(1, 1000), (2, 500), (3, 250)] {
        let mut peer = server.peer(Offer::everything()).await;
        let turn = Turn { size: 1000, bookmark: None };
        peer.send(call("t", "Turn", &turn).message()).await.unwrap();
        // One more that waits for something else says nothing about sizes.
        peer.send(call("t2", "Get", &get("a", false)).message()).await.unwrap();
        let mut asked = Vec::new();
        for _ in 0..2 {
            let request = peer.receive().await.unwrap();
            if request.r#type() == Type::GetStateByRange {
                let range = GetStateByRange::decode(request.payload).unwrap();
                asked.push(QueryMetadata::decode(range.metadata).unwrap().page_size);
            }
        }
        assert_eq!(asked, [expected]);
        drop(peer);
        cut_off(&server, 2 * streams).await;
    }
}

#[tokio::test]
async fn peer_that_restarts_under_a_few_values_changes_nothing() {
    let server = Running::start().await;
    for streams in 1..=3 {
        let mut peer = server.peer(Offer::everything()).await;
        peer.send(call("t", "GetMany", &many(3, false)).message()).await.unwrap();
        peer.send(call("t2", "GetMany", &many(2, false)).message()).await.unwrap();
        for _ in 0..2 {
            peer.expect(Type::GetStateMultiple).await.unwrap();
        }
        drop(peer);
        cut_off(&server, 2 * streams).await;
    }
    let mut peer = server.peer(Offer::everything()).await;
    peer.invoke(&call("t", "GetMany", &many(1000, false))).await.unwrap();
    assert_eq!(peer.ledger.counts(), "GET_STATE_MULTIPLE 1\n");
}

#[tokio::test]
async fn pages_are_one_message_each() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::nothing()).await;
    fill(&mut peer, "", 6);
    let turn = |size, bookmark: Option<&str>| Turn { size, bookmark: bookmark.map(str::to_owned) };
    for (turn, expected) in [
        (turn(2, None), r#"[2,"k0004"]"#),
        (turn(2, Some("k0004")), "[1,null]"),
        (turn(3, None), "[3,null]"),
        (turn(1000, Some("k0005")), "[0,null]"),
    ] {
        let ending = peer.invoke(&call("t", "Turn", &turn)).await.unwrap();
        assert_eq!(answer(&ending), expected);
    }
    assert_eq!(peer.ledger.counts(), "GET_STATE_BY_RANGE 4\n");
    for (turn, code) in [(turn(0, None), "BAD_PAGE_SIZE"), (turn(1, Some("")), "BAD_BOOKMARK")] {
        let ending = peer.invoke(&call("t", "Turn", &turn)).await.unwrap();
        fault(&ending, code);
    }
    assert_eq!(peer.ledger.counts(), "GET_STATE_BY_RANGE 4\n");
}
