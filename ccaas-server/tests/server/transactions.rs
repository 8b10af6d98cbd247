use crate::probe::{Both, DropLast, DropRead, Get, Hang};
use crate::running::{Running, answer, call, key_of, success};
use bytes::Bytes;
use ccaas_server::testing::{Call, Offer, PeerError};
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{ChaincodeMessage, Response};
use prost::Message;

fn reply(key: &ChaincodeMessage) -> Bytes {
    format!("{} on {}", key_of(key), key.channel_id).into()
}

fn get(tx_id: &str, key: &str) -> Call {
    call(tx_id, "Get", &Get { key: key.into(), private: false })
}

#[tokio::test]
async fn transactions_run_side_by_side() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::nothing()).await;
    for number in 0..50 {
        peer.send(get(&format!("t{number}"), &format!("k{number}")).message()).await.unwrap();
    }
    // All ask before one is answered, and the answers come in another order.
    let mut requests = Vec::new();
    for _ in 0..50 {
        requests.push(peer.expect(Type::GetState).await.unwrap());
    }
    for request in requests.iter().rev() {
        peer.respond(request, Type::Response, reply(request)).await.unwrap();
    }
    for _ in 0..50 {
        let done = peer.expect(Type::Completed).await.unwrap();
        let number = done.txid.strip_prefix('t').unwrap();
        let response = Response::decode(done.payload).unwrap();
        assert_eq!(response.payload, format!("\"k{number} on ch\""));
    }
}

#[tokio::test]
async fn one_transaction_id_on_two_channels_is_two_transactions() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::nothing()).await;
    peer.send(get("t", "a").channel("one").message()).await.unwrap();
    let one = peer.expect(Type::GetState).await.unwrap();
    peer.send(get("t", "a").channel("two").message()).await.unwrap();
    let two = peer.expect(Type::GetState).await.unwrap();
    for (request, expected) in [(two, "\"a on two\""), (one, "\"a on one\"")] {
        peer.respond(&request, Type::Response, reply(&request)).await.unwrap();
        let done = peer.expect(Type::Completed).await.unwrap();
        assert_eq!(done.channel_id, request.channel_id);
        assert_eq!(Response::decode(done.payload).unwrap().payload, expected);
    }
    assert_eq!(server.stats.read().abandoned, 0);
}

#[tokio::test]
async fn one_transaction_id_from_two_peers_is_two_transactions() {
    let server = Running::start().await;
    let mut first = server.peer(Offer::nothing()).await;
    let mut second = server.peer(Offer::nothing()).await;
    first.send(get("t", "a").message()).await.unwrap();
    second.send(get("t", "a").message()).await.unwrap();
    let ask_first = first.expect(Type::GetState).await.unwrap();
    let ask_second = second.expect(Type::GetState).await.unwrap();
    second.respond(&ask_second, Type::Response, "two").await.unwrap();
    first.respond(&ask_first, Type::Response, "one").await.unwrap();
    for (peer, expected) in [(&mut first, "\"one\""), (&mut second, "\"two\"")] {
        let done = peer.expect(Type::Completed).await.unwrap();
        assert_eq!(Response::decode(done.payload).unwrap().payload, expected);
    }
}

#[tokio::test]
async fn second_attempt_silences_the_first_and_takes_its_late_reply() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::nothing()).await;
    peer.send(get("t", "first").message()).await.unwrap();
    let first = peer.expect(Type::GetState).await.unwrap();
    peer.send(get("t", "second").message()).await.unwrap();
    // The second attempt asks only after the first one's reply has come.
    peer.send_type(Type::Keepalive).await.unwrap();
    peer.expect(Type::Keepalive).await.unwrap();
    peer.respond(&first, Type::Response, "late").await.unwrap();
    let second = peer.expect(Type::GetState).await.unwrap();
    assert_eq!(key_of(&second), "second");
    peer.respond(&second, Type::Response, "fresh").await.unwrap();
    let done = peer.expect(Type::Completed).await.unwrap();
    assert_eq!(Response::decode(done.payload).unwrap().payload, "\"fresh\"");
    let stats = server.stats.read();
    assert_eq!((stats.started, stats.succeeded, stats.abandoned), (2, 1, 1));
    assert_eq!(stats.stray_replies, 0);
}

#[tokio::test]
async fn second_attempt_outlives_the_end_of_the_first_ones_context() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::nothing()).await;
    peer.send(get("t", "first").message()).await.unwrap();
    let first = peer.expect(Type::GetState).await.unwrap();
    peer.send(get("t", "second").message()).await.unwrap();
    peer.respond(&first, Type::Error, "GET_STATE failed: no ledger context").await.unwrap();
    let second = peer.expect(Type::GetState).await.unwrap();
    peer.respond(&second, Type::Response, "fresh").await.unwrap();
    peer.expect(Type::Completed).await.unwrap();
}

#[tokio::test]
async fn second_attempt_ends_a_first_one_that_hangs() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::nothing()).await;
    let hang = call("t", "Hang", &Hang { read: Some("a".into()) });
    peer.send(hang.message()).await.unwrap();
    let request = peer.expect(Type::GetState).await.unwrap();
    peer.respond(&request, Type::Response, "").await.unwrap();
    let ending = peer.invoke(&get("t", "b")).await.unwrap();
    assert_eq!(answer(&ending), "null");
    // The stream's task has seen the first attempt end before it takes another message.
    peer.invoke(&get("t2", "b")).await.unwrap();
    assert_eq!(server.dropped.count(), 1);
}

#[tokio::test]
async fn a_dropped_read_is_waited_for_before_the_next() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::nothing()).await;
    let drop_read = DropRead { dropped: "left".into(), read: "wanted".into() };
    peer.send(call("t", "DropRead", &drop_read).message()).await.unwrap();
    let left = peer.expect(Type::GetState).await.unwrap();
    assert_eq!(key_of(&left), "left");
    peer.send_type(Type::Keepalive).await.unwrap();
    peer.expect(Type::Keepalive).await.unwrap();
    peer.respond(&left, Type::Response, "left's").await.unwrap();
    let wanted = peer.expect(Type::GetState).await.unwrap();
    assert_eq!(key_of(&wanted), "wanted");
    peer.respond(&wanted, Type::Response, "wanted's").await.unwrap();
    let done = peer.expect(Type::Completed).await.unwrap();
    assert_eq!(Response::decode(done.payload).unwrap().payload, "\"wanted's\"");
}

#[tokio::test]
async fn a_dropped_read_is_waited_for_before_the_end() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::nothing()).await;
    for status in [0, 409] {
        let drop_last = DropLast { dropped: "left".into(), status };
        peer.send(call("t", "DropLast", &drop_last).message()).await.unwrap();
        let left = peer.expect(Type::GetState).await.unwrap();
        peer.send_type(Type::Keepalive).await.unwrap();
        peer.expect(Type::Keepalive).await.unwrap();
        peer.respond(&left, Type::Response, "left's").await.unwrap();
        peer.expect(Type::Completed).await.unwrap();
    }
    assert_eq!(server.stats.read().stray_replies, 0);
}

#[tokio::test]
async fn requests_of_one_transaction_queue_in_order() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::nothing()).await;
    let both = Both { first: "a".into(), second: "b".into() };
    peer.send(call("t", "Both", &both).message()).await.unwrap();
    let first = peer.expect(Type::GetState).await.unwrap();
    assert_eq!(key_of(&first), "a");
    peer.send_type(Type::Keepalive).await.unwrap();
    peer.expect(Type::Keepalive).await.unwrap();
    peer.respond(&first, Type::Response, "1").await.unwrap();
    let second = peer.expect(Type::GetState).await.unwrap();
    assert_eq!(key_of(&second), "b");
    peer.respond(&second, Type::Response, "2").await.unwrap();
    let done = peer.expect(Type::Completed).await.unwrap();
    assert_eq!(Response::decode(done.payload).unwrap().payload, r#"["1","2"]"#);
}

#[tokio::test]
async fn stray_replies_harm_nobody() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::nothing()).await;
    peer.send(get("t", "a").message()).await.unwrap();
    let request = peer.expect(Type::GetState).await.unwrap();
    let unknown = ChaincodeMessage { txid: "other".into(), ..request.clone() };
    let elsewhere = ChaincodeMessage { channel_id: "other".into(), ..request.clone() };
    for stray in [&unknown, &elsewhere] {
        peer.respond(stray, Type::Response, "wrong").await.unwrap();
        peer.respond(stray, Type::Error, "wrong").await.unwrap();
    }
    peer.respond(&request, Type::Response, "right").await.unwrap();
    peer.respond(&request, Type::Response, "twice").await.unwrap();
    let done = peer.expect(Type::Completed).await.unwrap();
    assert_eq!(Response::decode(done.payload).unwrap().payload, "\"right\"");
    peer.invoke(&get("t2", "a")).await.unwrap();
    assert_eq!(server.stats.read().stray_replies, 5);
}

#[tokio::test]
async fn end_of_the_stream_ends_its_transactions_only() {
    let server = Running::start().await;
    let mut leaving = server.peer(Offer::nothing()).await;
    let mut staying = server.peer(Offer::nothing()).await;
    leaving.send(call("t", "Hang", &Hang { read: None }).message()).await.unwrap();
    leaving.send(get("waits", "a").message()).await.unwrap();
    leaving.expect(Type::GetState).await.unwrap();
    staying.send(get("t", "a").message()).await.unwrap();
    let request = staying.expect(Type::GetState).await.unwrap();
    drop(leaving);
    while server.stats.read().abandoned < 2 {
        tokio::task::yield_now().await;
    }
    while server.dropped.count() < 1 {
        tokio::task::yield_now().await;
    }
    staying.respond(&request, Type::Response, "a").await.unwrap();
    staying.expect(Type::Completed).await.unwrap();
}

#[tokio::test]
async fn context_comes_from_the_proposal() {
    let server = Running::start_with(|config| config.limits.clock_skew_max = None).await;
    let mut peer = server.peer(Offer::nothing()).await;
    let doctor = fabric_contract_rs::testing::TestIdentity::new("Org2MSP", "doctor");
    let who = Call::new("1f", "Who", "")
        .creator(&doctor)
        .channel("health-channel")
        .at(1_700_000_000_123)
        .transient("b", "2")
        .transient("a", "1");
    for _ in 0..2 {
        // The second time the certificate is not read again.
        let ending = peer.invoke(&who).await.unwrap();
        let expected = "\"health-channel 1f 1700000000123 Org2MSP/doctor a=1,b=2\"";
        assert_eq!(answer(&ending), expected);
        assert_eq!(success(&ending).message, "");
    }
}

#[tokio::test]
async fn the_proposal_is_never_sent_back() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::nothing()).await;
    peer.send(get("t", "a").transient("secret", "s").message()).await.unwrap();
    let request = peer.expect(Type::GetState).await.unwrap();
    assert_eq!(request.proposal, None);
    peer.respond(&request, Type::Response, "").await.unwrap();
    assert_eq!(peer.expect(Type::Completed).await.unwrap().proposal, None);
}

#[tokio::test]
async fn nothing_is_said_after_the_end() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::nothing()).await;
    peer.invoke(&get("t", "a")).await.unwrap();
    peer.send_type(Type::Keepalive).await.unwrap();
    peer.expect(Type::Keepalive).await.unwrap();
    drop(server);
    match peer.receive().await {
        Err(PeerError::Ended | PeerError::Status(_)) => {}
        other => panic!("{other:?}"),
    }
}
