use crate::probe::{COLLECTION, Large, Write};
use crate::running::{Running, call, fault, success};
use ccaas_server::MESSAGE_BYTES_MAX;
use ccaas_server::testing::{Call, Ending, Offer};
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{WriteBatchState, write_record};
use prost::Message;

fn puts(count: usize) -> Write {
    let put = (0..count).map(|number| (format!("k{number:04}"), number.to_string())).collect();
    Write { put, ..Write::default() }
}

#[tokio::test]
async fn writes_are_one_message_where_the_peer_offers_it() {
    let server = Running::start().await;
    let mut states = Vec::new();
    for (offer, counts) in [
        (Offer::everything(), "WRITE_BATCH_STATE 1\n"),
        (Offer::nothing().write_batch(1), "WRITE_BATCH_STATE 3\n"), // raised to 100
        (Offer::nothing().multi_get(1000), "PUT_STATE 250\n"),
        (Offer::nothing(), "PUT_STATE 250\n"),
    ] {
        let mut peer = server.peer(offer).await;
        success(&peer.invoke(&call("t", "Write", &puts(250))).await.unwrap());
        assert_eq!(peer.ledger.counts(), counts);
        let state: Vec<_> =
            peer.ledger.entries().map(|(_, key, value)| (key.to_owned(), value.clone())).collect();
        assert_eq!(state.len(), 250);
        states.push(state);
    }
    assert!(states.iter().all(|state| *state == states[0]), "the same however it travels");
}

#[tokio::test]
async fn every_kind_of_write_in_key_order() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    let write = Write {
        private: true,
        put: [("c".into(), "v".into()), ("a".into(), "v".into())].into(),
        delete: vec!["b".into()],
        purge: vec!["d".into()],
        event: None,
    };
    let call = call("t", "Write", &write);
    peer.send(call.message()).await.unwrap();
    let request = peer.expect(Type::WriteBatchState).await.unwrap();
    let batch = WriteBatchState::decode(request.payload.clone()).unwrap();
    let records: Vec<_> =
        batch.rec.iter().map(|it| (it.key.as_str(), it.r#type(), &*it.collection)).collect();
    assert_eq!(
        records,
        [
            ("a", write_record::Type::PutState, COLLECTION),
            ("b", write_record::Type::DelState, COLLECTION),
            ("c", write_record::Type::PutState, COLLECTION),
            ("d", write_record::Type::PurgePrivateData, COLLECTION),
        ]
    );
    peer.respond(&request, Type::Response, "").await.unwrap();
    success(&peer.ending(&call).await.unwrap());

    let mut peer = server.peer(Offer::nothing()).await;
    success(&peer.invoke(&call).await.unwrap());
    assert_eq!(peer.ledger.counts(), "PUT_STATE 2\nDEL_STATE 1\nPURGE_PRIVATE_DATA 1\n");
}

#[tokio::test]
async fn batches_are_split_by_bytes_too() {
    let server = Running::start_with(|config| config.limits.batch_bytes_max = 1000).await;
    let mut peer = server.peer(Offer::everything()).await;
    // One value of 400 bytes and its key take less than 500, one of 2000 stands alone.
    let large = |bytes| Large { bytes, count: 5, answer: false, event: false };
    success(&peer.invoke(&call("t1", "Large", &large(400))).await.unwrap());
    assert_eq!(peer.ledger.counts(), "WRITE_BATCH_STATE 3\n");
    peer.ledger.reset_counts();
    success(&peer.invoke(&call("t2", "Large", &large(2000))).await.unwrap());
    assert_eq!(peer.ledger.counts(), "WRITE_BATCH_STATE 5\n");
}

#[tokio::test]
async fn nothing_to_write_costs_nothing() {
    let server = Running::start().await;
    for offer in [Offer::everything(), Offer::nothing()] {
        let mut peer = server.peer(offer).await;
        success(&peer.invoke(&call("t", "Write", &puts(0))).await.unwrap());
        assert_eq!(peer.ledger.round_trips(), 0);
    }
}

#[tokio::test]
async fn write_that_no_message_can_carry_fails_before_any_is_sent() {
    let server = Running::start().await;
    let large = Large { bytes: MESSAGE_BYTES_MAX, count: 2, answer: false, event: false };
    for offer in [Offer::everything(), Offer::nothing()] {
        let mut peer = server.peer(offer).await;
        let ending = peer.invoke(&call("t", "Large", &large)).await.unwrap();
        fault(&ending, "MESSAGE_TOO_LARGE");
        assert_eq!(peer.ledger.round_trips(), 0);
        success(&peer.invoke(&Call::new("t", "Who", "")).await.unwrap());
    }
}

#[tokio::test]
async fn refused_write_fails_the_transaction() {
    let server = Running::start().await;
    for (offer, kind) in
        [(Offer::everything(), Type::WriteBatchState), (Offer::nothing(), Type::PutState)]
    {
        let mut peer = server.peer(offer).await;
        let call = call("t", "Write", &puts(3));
        peer.send(call.message()).await.unwrap();
        let request = peer.expect(kind).await.unwrap();
        let text = "tx creator does not have write access permission on x";
        peer.respond(&request, Type::Error, text).await.unwrap();
        fault(&peer.ending(&call).await.unwrap(), "COLLECTION_ACCESS_DENIED");
        assert_eq!(peer.ledger.round_trips(), 0, "the rest is not sent");
    }
}

#[tokio::test]
async fn event_travels_with_the_end() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    let write = Write { event: Some("written".into()), ..puts(1) };
    let ending = peer.invoke(&call("t", "Write", &write)).await.unwrap();
    let Ending::Completed(_, Some(event)) = ending else { panic!("{ending:?}") };
    assert_eq!((&*event.event_name, &event.payload[..]), ("written", &b"payload"[..]));
    assert_eq!((&*event.chaincode_id, &*event.tx_id), ("", ""), "the peer fills these in");
}

#[tokio::test]
async fn event_without_a_name_writes_nothing() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    let write = Write { event: Some(String::new()), ..puts(1) };
    let ending = peer.invoke(&call("t", "Write", &write)).await.unwrap();
    fault(&ending, "EVENT_WITHOUT_NAME");
    assert_eq!(peer.ledger.round_trips(), 0);
}
