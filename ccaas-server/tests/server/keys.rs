//! Endorsement policies and history of keys.

use crate::probe::{COLLECTION, History, Policy, Write};
use crate::running::{Running, answer, call, fault, success};
use ccaas_server::testing::{Offer, ScriptedPeer};
use fabric_protos::protos::StateMetadataResult;
use fabric_protos::protos::chaincode_message::Type;
use prost::Message;

async fn policy(peer: &mut ScriptedPeer, tx_id: &str, private: bool, msp_ids: &[&str]) -> String {
    let msp_ids = msp_ids.iter().map(|&msp_id| msp_id.to_owned()).collect();
    let call = call(tx_id, "Policy", &Policy { private, key: "k".into(), msp_ids });
    answer(&peer.invoke(&call).await.unwrap())
}

#[tokio::test]
async fn policies_are_written_and_read_back_however_they_travel() {
    let server = Running::start().await;
    for (offer, write) in
        [(Offer::everything(), Type::WriteBatchState), (Offer::nothing(), Type::PutStateMetadata)]
    {
        for private in [false, true] {
            let mut peer = server.peer(offer).await;
            peer.ledger.put(if private { COLLECTION } else { "" }, "k", "v");
            assert_eq!(policy(&mut peer, "t1", private, &["Org1MSP"]).await, "null");
            let first = policy(&mut peer, "t2", private, &["Org1MSP", "Org2MSP"]).await;
            // The envelope of one peer of Org1MSP.
            let expected = "120812060801120208001a0d120b0a074f7267314d53501003";
            assert_eq!(first, format!("{expected:?}"));
            let second = policy(&mut peer, "t3", private, &[]).await;
            assert!(second.len() > first.len());
            assert_eq!(policy(&mut peer, "t4", private, &[]).await, "null");
            assert_eq!(
                (peer.ledger.count(Type::GetStateMetadata), peer.ledger.count(write)),
                (4, 4)
            );
            let collection = if private { COLLECTION } else { "" };
            assert_eq!(peer.ledger.get(collection, "k").unwrap(), "v", "the value stays");
        }
    }
}

#[tokio::test]
async fn other_metadata_is_no_policy() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    let read = call("t", "Policy", &Policy { key: "k".into(), ..Policy::default() });
    peer.send(read.message()).await.unwrap();
    let request = peer.expect(Type::GetStateMetadata).await.unwrap();
    let other = fabric_protos::protos::StateMetadata {
        metakey: "VALIDATION_PARAMETER_V2".to_owned(),
        value: "x".into(),
    };
    let entries = StateMetadataResult { entries: vec![other] };
    peer.respond(&request, Type::Response, entries.encode_to_vec()).await.unwrap();
    assert_eq!(answer(&peer.ending(&read).await.unwrap()), "null");
}

async fn write(peer: &mut ScriptedPeer, tx_id: &str, value: Option<String>) {
    let mut write = Write::default();
    match value {
        Some(value) => drop(write.put.insert("k".into(), value)),
        None => write.delete.push("k".into()),
    }
    success(&peer.invoke(&call(tx_id, "Write", &write)).await.unwrap());
}

#[tokio::test]
async fn history_is_newest_first_in_pages() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    for number in 0..250 {
        write(&mut peer, &format!("t{number}"), Some(number.to_string())).await;
    }
    write(&mut peer, "gone", None).await;
    for (limit, shown, counts) in [
        (0, 0, ""),
        (2, 2, "QUERY_STATE_CLOSE 1\nGET_HISTORY_FOR_KEY 1\n"),
        (150, 150, "QUERY_STATE_NEXT 1\nQUERY_STATE_CLOSE 1\nGET_HISTORY_FOR_KEY 1\n"),
        (1000, 251, "QUERY_STATE_NEXT 2\nGET_HISTORY_FOR_KEY 1\n"),
    ] {
        peer.ledger.reset_counts();
        let history = History { key: "k".into(), limit };
        let ending = peer.invoke(&call("h", "History", &history)).await.unwrap();
        let rows: Vec<(String, i64, Option<String>)> =
            serde_json::from_str(&answer(&ending)).unwrap();
        assert_eq!(rows.len(), shown);
        assert_eq!(peer.ledger.counts(), counts, "limit {limit}");
        let first = [("gone".to_owned(), 1002, None), ("t249".into(), 1002, Some("249".into()))];
        assert_eq!(rows.get(..2.min(shown)), first.get(..2.min(shown)));
    }
}

#[tokio::test]
async fn a_peer_without_history_says_so() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    let call = call("t", "History", &History { key: "k".into(), limit: 1 });
    peer.send(call.message()).await.unwrap();
    let request = peer.expect(Type::GetHistoryForKey).await.unwrap();
    peer.respond(&request, Type::Error, "history database is not enabled").await.unwrap();
    let text = fault(&peer.ending(&call).await.unwrap(), "LEDGER_ERROR");
    assert!(text.contains("history database is not enabled"), "{text}");
}
