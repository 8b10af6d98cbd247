use crate::running::{ID, Running};
use ccaas_server::testing::{Call, Offer, PeerError, ScriptedPeer};
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{ChaincodeId, ChaincodeMessage};
use prost::Message;
use std::time::Duration;
use tonic::Code;

async fn ended_with(peer: &mut ScriptedPeer) -> Code {
    match peer.receive().await {
        Err(PeerError::Status(status)) => status.code(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn registers_first_and_is_silent_until_ready() {
    let server = Running::start().await;
    let mut peer = server.dial().await;
    let register = peer.expect(Type::Register).await.unwrap();
    let id = ChaincodeId::decode(register.payload).unwrap();
    assert_eq!((id.name.as_str(), id.path.as_str(), id.version.as_str()), (ID, "", ""));
    peer.send_type(Type::Registered).await.unwrap();
    // The next thing said is the echo: nothing came between REGISTERED and READY.
    peer.send_type(Type::Keepalive).await.unwrap();
    peer.expect(Type::Keepalive).await.unwrap();
    peer.send_type(Type::Ready).await.unwrap();
    let ending = peer.invoke(&Call::new("t", "Who", "")).await.unwrap();
    assert!(ending.response().is_some(), "{ending:?}");
}

#[tokio::test]
async fn keepalive_is_echoed_as_it_is_in_every_state() {
    let server = Running::start().await;
    let mut peer = server.dial().await;
    peer.expect(Type::Register).await.unwrap();
    let keepalive = |number: u8| ChaincodeMessage {
        r#type: Type::Keepalive.into(),
        payload: vec![number].into(),
        txid: "any".into(),
        ..Default::default()
    };
    for (number, next) in [(1, Type::Registered), (2, Type::Ready), (3, Type::Keepalive)] {
        peer.send(keepalive(number)).await.unwrap();
        assert_eq!(peer.receive().await.unwrap(), keepalive(number));
        peer.send_type(next).await.unwrap();
    }
}

#[tokio::test]
async fn what_does_not_belong_ends_the_stream() {
    let server = Running::start().await;
    let mut violations = 0;
    let mut check = async |before: &[Type], wrong: i32| {
        let mut peer = server.dial().await;
        peer.expect(Type::Register).await.unwrap();
        for kind in before {
            peer.send_type(*kind).await.unwrap();
        }
        peer.send(ChaincodeMessage { r#type: wrong, ..Default::default() }).await.unwrap();
        assert_eq!(ended_with(&mut peer).await, Code::FailedPrecondition);
        violations += 1;
        assert_eq!(server.stats.read().violations, violations);
    };
    check(&[], Type::Ready.into()).await;
    check(&[], Type::Transaction.into()).await;
    check(&[Type::Registered], Type::Transaction.into()).await;
    check(&[Type::Registered], Type::Registered.into()).await;
    check(&[Type::Registered, Type::Ready], Type::Registered.into()).await;
    check(&[Type::Registered, Type::Ready], Type::GetState.into()).await;
    check(&[Type::Registered, Type::Ready], 77).await;
}

#[tokio::test]
async fn peer_that_stays_silent_is_left() {
    let server =
        Running::start_with(|config| config.limits.handshake_timeout = Duration::from_millis(20))
            .await;
    for answered in [false, true] {
        let mut peer = server.dial().await;
        peer.expect(Type::Register).await.unwrap();
        if answered {
            peer.send_type(Type::Registered).await.unwrap();
        }
        assert_eq!(ended_with(&mut peer).await, Code::DeadlineExceeded);
    }
    assert_eq!(server.stats.read().handshake_timeouts, 2);
    assert_eq!(server.stats.read().violations, 0);
}

#[tokio::test]
async fn undecodable_offer_is_no_offer() {
    let server = Running::start().await;
    let mut peer = server.dial().await;
    peer.expect(Type::Register).await.unwrap();
    peer.send_type(Type::Registered).await.unwrap();
    let ready = ChaincodeMessage {
        r#type: Type::Ready.into(),
        payload: vec![0xff; 9].into(),
        ..Default::default()
    };
    peer.send(ready).await.unwrap();
    let ending = peer.invoke(&Call::new("t", "GetMany", r#"{"keys":["a","b"]}"#)).await.unwrap();
    assert!(ending.response().is_some(), "{ending:?}");
    assert_eq!(peer.ledger.counts(), "GET_STATE 2\n");
}

#[tokio::test]
async fn every_peer_has_a_stream_of_its_own() {
    let server = Running::start().await;
    let mut first = server.peer(Offer::everything()).await;
    let mut second = server.peer(Offer::nothing()).await;
    let call = Call::new("t", "GetMany", r#"{"keys":["a","b"]}"#);
    first.invoke(&call).await.unwrap();
    second.invoke(&call).await.unwrap();
    assert_eq!(first.ledger.counts(), "GET_STATE_MULTIPLE 1\n");
    assert_eq!(second.ledger.counts(), "GET_STATE 2\n");
    assert_eq!(server.stats.read().streams, 2);
}
