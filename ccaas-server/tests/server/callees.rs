//! Calls of other chaincodes.

use crate::probe::CallOther;
use crate::running::{Running, answer, call, fault};
use ccaas_server::testing::Offer;
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{ChaincodeMessage, Response};
use prost::Message;

fn last(kind: Type, payload: Vec<u8>) -> ChaincodeMessage {
    ChaincodeMessage { r#type: kind.into(), payload: payload.into(), ..Default::default() }
}

fn completed(status: i32) -> ChaincodeMessage {
    let response = Response { status, message: "said".into(), payload: "answered".into() };
    last(Type::Completed, response.encode_to_vec())
}

fn of(chaincode: &str, channel: &str) -> CallOther {
    CallOther { chaincode: chaincode.to_owned(), channel: channel.to_owned() }
}

#[tokio::test]
async fn a_callees_response_is_passed_on() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    for (status, told) in [(200, 200), (399, 399), (404, 404), (500, 500), (0, 0), (-1, 500)] {
        peer.ledger.callee("other", completed(status));
        let ending = peer.invoke(&call("t", "CallOther", &of("other", ""))).await.unwrap();
        assert_eq!(answer(&ending), format!(r#"[{told},"said","answered"]"#));
    }
    peer.ledger.callee("other/elsewhere", completed(201));
    let ending = peer.invoke(&call("t", "CallOther", &of("other", "elsewhere"))).await.unwrap();
    assert_eq!(answer(&ending), r#"[201,"said","answered"]"#);
    assert_eq!(peer.ledger.counts(), "INVOKE_CHAINCODE 7\n");
}

#[tokio::test]
async fn a_callee_that_fails_or_cannot_be_called_fails_its_caller() {
    let server = Running::start().await;
    let mut peer = server.peer(Offer::everything()).await;
    peer.ledger.callee("faulty", last(Type::Error, b"ITS_CODE: its sentence".to_vec()));
    peer.ledger.callee("odd", last(Type::Keepalive, Vec::new()));
    peer.ledger.callee("broken", last(Type::Completed, vec![0xff]));
    let not_callable = "CHAINCODE_NOT_CALLABLE";
    for (chaincode, channel, code, text) in [
        ("faulty", "", "CALLEE_FAILED", "the called chaincode failed: ITS_CODE: its sentence"),
        ("odd", "", "CALLEE_FAILED", "the called chaincode failed: "),
        ("broken", "", "LEDGER_ERROR", "the peer refused: an answer that cannot be decoded"),
        (
            "nobody",
            "",
            not_callable,
            "the chaincode cannot be called: execute failed: chaincode nobody not found",
        ),
        ("faulty", "ch", not_callable, "that is not another channel"),
        ("faulty/there", "", not_callable, "that is not the name of a chaincode"),
        ("faulty:1", "there", not_callable, "that is not the name of a chaincode"),
    ] {
        let ending = peer.invoke(&call("t", "CallOther", &of(chaincode, channel))).await.unwrap();
        let found = fault(&ending, code);
        assert!(found.contains(text), "{found}");
    }
}
