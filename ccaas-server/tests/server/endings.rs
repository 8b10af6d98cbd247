use crate::probe::{DropLast, Fail, Hang, Large, Panic, Write};
use crate::running::{Running, answer, call, fault, success};
use bytes::Bytes;
use ccaas_server::MESSAGE_BYTES_MAX;
use ccaas_server::testing::{Call, Ending, Offer, PeerError};
use fabric_protos::protos::chaincode_message::Type;
use std::time::Duration;

#[tokio::test]
async fn refusals_are_answers_and_faults_are_errors() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    for status in [400, 403, 404, 409, 499] {
        let ending = peer.invoke(&call("t", "Fail", &Fail { status, text_len: 0 })).await.unwrap();
        let response = ending.response().unwrap();
        assert_eq!(response.status, i32::from(status));
        assert_eq!(response.message, "AS_ASKED: the test wants it so");
        assert!(response.payload.is_empty());
    }
    for status in [500, 503, 599] {
        let ending = peer.invoke(&call("t", "Fail", &Fail { status, text_len: 0 })).await.unwrap();
        fault(&ending, "AS_ASKED");
    }
    assert_eq!(peer.ledger.round_trips(), 0, "a failure writes nothing");
    let stats = server.stats.read();
    assert_eq!((stats.refused, stats.failed, stats.succeeded), (5, 3, 0));
}

#[tokio::test]
async fn a_fault_of_any_length_is_told_in_a_message_that_travels() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    let fail = Fail { status: 500, text_len: MESSAGE_BYTES_MAX / 2 };
    let text = fault(&peer.invoke(&call("t", "Fail", &fail)).await.unwrap(), "AS_ASKED");
    assert!(text.starts_with("AS_ASKED: the test wants it so\u{e9}"));
    assert!((4000..=4096).contains(&text.len()), "{}", text.len());
    success(&peer.invoke(&Call::new("after", "Who", "")).await.unwrap());
}

#[tokio::test]
async fn peer_that_does_not_read_holds_up_nobody_and_loses_its_stream() {
    let server = Running::start_with(|config| {
        config.limits.concurrent_transactions_max = 4;
        config.limits.deadline = Duration::from_millis(20);
    })
    .await;
    let mut deaf = server.peer(Offer::everything()).await;
    let mut other = server.peer(Offer::everything()).await;
    let noticed = async {
        while server.stats.read().unread == 0 {
            tokio::task::yield_now().await;
        }
    };
    let talks_on = async {
        let large = Large { bytes: 64 * 1024, count: 0, answer: true, event: false };
        let message = |number| call(&format!("t{number}"), "Large", &large).message();
        for number in 0..u32::MAX {
            if deaf.send(message(number)).await.is_err() {
                break;
            }
        }
        std::future::pending().await
    };
    tokio::select! {
        () = noticed => {}
        () = talks_on => {}
    }
    // None of the places is left to what the peer does not read: each transaction gets one.
    for number in 0..4 {
        let hang = call(&format!("hang{number}"), "Hang", &Hang { read: Some("a".into()) });
        other.send(hang.message()).await.unwrap();
    }
    let mut asked = 0;
    while asked < 4 {
        let message = other.receive().await.unwrap();
        asked += u32::from(message.r#type() == Type::GetState);
        // The deadline may come before others have begun.
        assert!(!message.payload.starts_with(b"OVERLOADED"), "{asked} of 4 have a place");
    }
    // What was on its way is all that comes.
    let ended = loop {
        if let Err(ended) = deaf.receive().await {
            break ended;
        }
    };
    assert!(matches!(ended, PeerError::Ended), "{ended:?}");
}

#[tokio::test]
async fn panic_ends_its_own_transaction_and_tells_nothing() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    let calls = [
        call("bad", "Panic", &Panic { secret: "patient X".into() }),
        call("good", "Get", &crate::probe::Get { key: "a".into(), private: false }),
    ];
    let endings = peer.invoke_all(&calls).await.unwrap();
    let text = fault(&endings[0], "CONTRACT_PANICKED");
    assert!(!text.contains("patient"), "{text}");
    success(&endings[1]);
    assert_eq!(server.stats.read().panics, 1);
    success(&peer.invoke(&Call::new("after", "Who", "")).await.unwrap());
}

#[tokio::test]
async fn deadline_ends_a_transaction_that_hangs() {
    let server =
        Running::start_with(|config| config.limits.deadline = Duration::from_millis(20)).await;
    let mut peer = server.peer(Offer::everything()).await;
    let ending = peer.invoke(&call("t", "Hang", &Hang { read: None })).await.unwrap();
    fault(&ending, "DEADLINE_EXCEEDED");
    let stats = server.stats.read();
    assert_eq!((stats.deadlines, stats.failed), (1, 1));
    assert_eq!(server.dropped.count(), 1);
}

#[tokio::test]
async fn reply_after_the_deadline_is_stray_and_does_not_reach_a_second_attempt() {
    let server =
        Running::start_with(|config| config.limits.deadline = Duration::from_secs(1)).await;
    let mut peer = server.peer(Offer::everything()).await;
    let get = call("t", "Get", &crate::probe::Get { key: "a".into(), private: false });
    peer.send(get.message()).await.unwrap();
    let late = peer.expect(Type::GetState).await.unwrap();
    peer.expect(Type::Error).await.unwrap();
    peer.respond(&late, Type::Response, "late").await.unwrap();
    peer.ledger.put("", "a", "fresh");
    assert_eq!(answer(&peer.invoke(&get).await.unwrap()), "\"fresh\"");
    let stats = server.stats.read();
    assert_eq!((stats.stray_replies, stats.succeeded), (1, 1));
}

#[tokio::test]
async fn dropped_read_that_is_never_answered_is_bounded_by_the_deadline() {
    let server =
        Running::start_with(|config| config.limits.deadline = Duration::from_millis(20)).await;
    let mut peer = server.peer(Offer::everything()).await;
    let drop_last = DropLast { dropped: "left".into(), status: 0 };
    peer.send(call("t", "DropLast", &drop_last).message()).await.unwrap();
    peer.expect(Type::GetState).await.unwrap();
    let error = peer.expect(Type::Error).await.unwrap();
    assert!(error.payload.starts_with(b"DEADLINE_EXCEEDED: "));
}

#[tokio::test]
async fn peer_that_gave_the_transaction_up_is_told_nothing() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    let get = call("t", "Get", &crate::probe::Get { key: "a".into(), private: false });
    peer.send(get.message()).await.unwrap();
    let request = peer.expect(Type::GetState).await.unwrap();
    peer.respond(&request, Type::Error, "GET_STATE failed: no ledger context").await.unwrap();
    // Whatever else is said comes after what the given-up transaction would have said.
    success(&peer.invoke(&Call::new("t2", "Who", "")).await.unwrap());
    let stats = server.stats.read();
    assert_eq!((stats.abandoned, stats.failed, stats.succeeded), (1, 0, 1));
}

#[tokio::test]
async fn one_transaction_too_many_is_sent_elsewhere() {
    let server = Running::start_with(|config| config.limits.concurrent_transactions_max = 2).await;
    let mut peer = server.peer(Offer::everything()).await;
    let mut requests = Vec::new();
    for tx_id in ["t1", "t2"] {
        let get = call(tx_id, "Get", &crate::probe::Get { key: "a".into(), private: false });
        peer.send(get.message()).await.unwrap();
        requests.push(peer.expect(Type::GetState).await.unwrap());
    }
    // The bound is the server's, not the stream's.
    let mut other = server.peer(Offer::everything()).await;
    for peer in [&mut peer, &mut other] {
        let ending = peer.invoke(&Call::new("t3", "Who", "")).await.unwrap();
        fault(&ending, "OVERLOADED");
    }
    for request in &requests {
        peer.respond(request, Type::Response, "").await.unwrap();
        peer.expect(Type::Completed).await.unwrap();
    }
    // A place is free before the transaction's last message is on its way.
    success(&peer.invoke(&Call::new("t3", "Who", "")).await.unwrap());
    assert_eq!(server.stats.read().overloads, 2);
}

#[tokio::test]
async fn init_without_function_succeeds_and_writes_nothing() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    for args in [vec![], vec![Bytes::new()]] {
        let init = Call::new("t", "", "").args(args).init();
        success(&peer.invoke(&init).await.unwrap());
    }
    let ending = peer.invoke(&Call::new("t", "", "")).await.unwrap();
    assert_eq!(ending.response().unwrap().status, 404, "only INIT may leave the function out");
    assert_eq!(peer.ledger.round_trips(), 0);
}

#[tokio::test]
async fn init_with_a_function_runs_it_without_private_data() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    let mut write = Write { put: [("a".into(), "1".into())].into(), ..Write::default() };
    success(&peer.invoke(&call("t1", "Write", &write).init()).await.unwrap());
    assert_eq!(peer.ledger.get("", "a").unwrap(), "1");
    write.private = true;
    let ending = peer.invoke(&call("t2", "Write", &write).init()).await.unwrap();
    fault(&ending, "UNSUPPORTED_BY_PEER");
    for (function, argument) in [
        ("Get", r#"{"key":"a","private":true}"#),
        ("GetMany", r#"{"keys":["a"],"private":true}"#),
        ("Scan", r#"{"private":true,"limit":1}"#),
        ("Hash", r#"{"key":"a"}"#),
    ] {
        let ending = peer.invoke(&Call::new("t3", function, argument).init()).await.unwrap();
        fault(&ending, "UNSUPPORTED_BY_PEER");
    }
    assert_eq!(peer.ledger.round_trips(), 1);
}

#[tokio::test]
async fn never_endorsed_answers_differ_each_time() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    let get = call("t", "Get", &crate::probe::Get { key: "a".into(), private: false });
    let mut nonces = Vec::new();
    for _ in 0..2 {
        let ending = peer.invoke(&get).await.unwrap();
        let nonce = success(&ending).message.clone();
        assert_eq!(nonce.len(), 32);
        assert!(nonce.bytes().all(|byte| byte.is_ascii_hexdigit()), "{nonce}");
        nonces.push(nonce);
    }
    assert_ne!(nonces[0], nonces[1]);
    let mut write = Vec::new();
    for _ in 0..2 {
        write.push(peer.invoke(&call("t", "Write", &Write::default())).await.unwrap());
    }
    assert_eq!(write[0], write[1], "a submit answers the same everywhere");
}

#[tokio::test]
async fn clocks_far_apart_are_refused() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    let hour = 3_600_000;
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    for timestamp in [now - hour, now + hour] {
        let ending = peer.invoke(&Call::new("t", "Who", "").at(timestamp)).await.unwrap();
        let response = ending.response().unwrap();
        assert_eq!(response.status, 400);
        assert!(response.message.starts_with("TIMESTAMP_OUT_OF_WINDOW: "), "{response:?}");
    }
    success(&peer.invoke(&Call::new("t", "Who", "").at(now)).await.unwrap());
    let lenient = Running::start_with(|config| config.limits.clock_skew_max = None).await;
    let mut peer = lenient.peer(Offer::everything()).await;
    success(&peer.invoke(&Call::new("t", "Who", "").at(now - hour)).await.unwrap());
}

#[tokio::test]
async fn proposals_that_cannot_be_read_end_their_own_transaction_only() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    let mut message = Call::new("t1", "Who", "").message();
    message.proposal = None;
    peer.send(message).await.unwrap();
    let ending = peer.ending(&Call::new("t1", "", "")).await.unwrap();
    fault(&ending, "BAD_PROPOSAL");
    let mut message = Call::new("t2", "Who", "").message();
    message.payload = vec![0xff].into();
    peer.send(message).await.unwrap();
    let ending = peer.ending(&Call::new("t2", "", "")).await.unwrap();
    fault(&ending, "BAD_INPUT");
    let stranger = Call::new("t3", "Who", "").creator_pem("Org1MSP", "not a certificate");
    let ending = peer.invoke(&stranger).await.unwrap();
    let response = ending.response().unwrap();
    assert_eq!(response.status, 403);
    assert!(response.message.starts_with("BAD_CREATOR: "), "{response:?}");
    success(&peer.invoke(&Call::new("t4", "Who", "")).await.unwrap());
}

#[tokio::test]
async fn invocations_larger_than_allowed_are_refused() {
    let server = Running::start_with(|config| config.limits.invocation_bytes_max = 10_000).await;
    let mut peer = server.peer(Offer::everything()).await;
    let ending = peer.invoke(&Call::new("t", "Who", vec![b' '; 10_000])).await.unwrap();
    let response = ending.response().unwrap();
    assert_eq!(response.status, 413);
    assert!(response.message.starts_with("INVOCATION_TOO_LARGE: "), "{response:?}");
}

#[tokio::test]
async fn answers_that_no_message_can_carry_fail_here() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    for (answer, event) in [(true, false), (false, true)] {
        let large = Large { bytes: MESSAGE_BYTES_MAX, count: 0, answer, event };
        let ending = peer.invoke(&call("t", "Large", &large)).await.unwrap();
        fault(&ending, "MESSAGE_TOO_LARGE");
    }
    // The stream is as good as before.
    success(&peer.invoke(&Call::new("t", "Who", "")).await.unwrap());
}

#[tokio::test]
async fn draining_finishes_what_runs_and_refuses_what_comes() {
    let mut server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    let mut idle = server.peer(Offer::everything()).await;
    let get = call("t", "Get", &crate::probe::Get { key: "a".into(), private: false });
    peer.send(get.message()).await.unwrap();
    let request = peer.expect(Type::GetState).await.unwrap();
    server.stop();
    assert!(matches!(idle.receive().await, Err(PeerError::Ended)), "idle streams end at once");
    let late = peer.invoke(&Call::new("late", "Who", "")).await.unwrap();
    fault(&late, "DRAINING");
    peer.respond(&request, Type::Response, "a").await.unwrap();
    peer.expect(Type::Completed).await.unwrap();
    assert!(matches!(peer.receive().await, Err(PeerError::Ended)));
    server.stopped().await;
}

#[tokio::test]
async fn draining_does_not_wait_for_ever() {
    let mut server =
        Running::start_with(|config| config.limits.drain_timeout = Duration::from_millis(20)).await;
    let mut peer = server.peer(Offer::everything()).await;
    let hang = call("t", "Hang", &Hang { read: Some("a".into()) });
    peer.send(hang.message()).await.unwrap();
    let request = peer.expect(Type::GetState).await.unwrap();
    peer.respond(&request, Type::Response, "").await.unwrap();
    server.stop();
    let ending = peer.ending(&hang).await.unwrap();
    fault(&ending, "DRAINING");
    assert!(matches!(peer.receive().await, Err(PeerError::Ended)));
    server.stopped().await;
}

#[tokio::test]
async fn server_that_is_dropped_ends_its_streams() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    server.abort();
    assert!(matches!(peer.receive().await, Err(PeerError::Ended)));
}

#[tokio::test]
async fn draining_ends_a_handshake() {
    let mut server = Running::start().await;
    let mut peer = server.dial().await;
    peer.expect(Type::Register).await.unwrap();
    server.stop();
    assert!(matches!(peer.receive().await, Err(PeerError::Ended)));
    server.stopped().await;
}

#[tokio::test]
async fn endings_are_the_peers_only_view_of_unknown_functions() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    let ending = peer.invoke(&Call::new("t", "Nothing", "")).await.unwrap();
    assert!(matches!(ending, Ending::Completed(response, None) if response.status == 404));
}
