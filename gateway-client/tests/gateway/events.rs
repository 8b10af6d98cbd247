//! Chaincode events: the requests, what is made of the answers, and going on.

use fabric_gateway_client::{
    ChaincodeEvent, ChaincodeEvents, Checkpoint, Checkpointer, Code, EventError, Gateway,
    MemoryCheckpointer,
};
use fabric_protos::gateway::ChaincodeEventsResponse;
use fabric_protos::orderer::seek_position::Type as Position;
use fabric_protos::orderer::{SeekNextCommit, SeekSpecified};
use fabric_protos::protos;
use tokio_stream::StreamExt as _;
use tonic::Status;

use crate::peer::{CHAINCODE, CHANNEL, Seen, Stage, identity};
use crate::streams::Play;

/// The events of a block, by the ids of their transactions.
fn block(block_number: u64, ids: &[&str]) -> ChaincodeEventsResponse {
    let event = |id: &&str| protos::ChaincodeEvent {
        chaincode_id: CHAINCODE.to_owned(),
        tx_id: (*id).to_owned(),
        event_name: format!("Made {id}"),
        payload: format!("of {id}").into(),
    };
    ChaincodeEventsResponse { events: ids.iter().map(event).collect(), block_number }
}

fn from(number: u64) -> Position {
    Position::Specified(SeekSpecified { number })
}

async fn stage(play: Play<ChaincodeEventsResponse>) -> Stage {
    let stage = Stage::new().await;
    stage.script(|script| script.events.push_back(play));
    stage
}

/// The next events as `block:transaction`, up to the error at the end.
async fn all(events: &mut ChaincodeEvents) -> (String, EventError) {
    let mut seen = Vec::new();
    loop {
        match events.next().await.unwrap() {
            Ok(event) => seen.push(format!("{}:{}", event.block_number, event.transaction_id)),
            Err(error) => return (seen.join(" "), error),
        }
    }
}

#[tokio::test]
async fn events_come_one_by_one_in_the_ledgers_order() {
    let stage = stage(Play::open([block(3, &["a", "b"]), block(5, &["c"])])).await;
    let mut events = stage.contract().events().start_block(2).open().unwrap();
    let first = ChaincodeEvent {
        block_number: 3,
        transaction_id: "a".to_owned(),
        chaincode: CHAINCODE.to_owned(),
        name: "Made a".to_owned(),
        payload: "of a".into(),
    };
    assert_eq!(events.next().await.unwrap().unwrap(), first);
    let rest: Vec<_> =
        (&mut events).take(2).map(|event| event.unwrap().transaction_id).collect().await;
    assert_eq!(rest, ["b", "c"]);
    let seen = stage.seen();
    let [Seen::Events(request)] = &seen[..] else { panic!("{}", stage.calls()) };
    assert_eq!((request.channel_id.as_str(), request.chaincode_id.as_str()), (CHANNEL, CHAINCODE));
    assert_eq!(request.after_transaction_id, "");
    assert_eq!(stage.starts(), [from(2)]);
}

#[tokio::test]
async fn without_a_start_the_next_commit_is_asked_for() {
    let stage = stage(Play::open([block(9, &["a"])])).await;
    let empty = Checkpoint::default();
    let mut events = stage.contract().events().checkpoint(&empty).open().unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().block_number, 9);
    assert_eq!(stage.starts(), [Position::NextCommit(SeekNextCommit {})]);
}

/// A connection that breaks after each event, and a follower that is told of each event once.
#[tokio::test]
async fn going_on_after_each_event_loses_and_doubles_nothing() {
    let ledger = [block(1, &["a", "b", "c"]), block(4, &["d"]), block(5, &["e", "f"])];
    let stage = Stage::new().await;
    let mut done = MemoryCheckpointer::default();
    let mut seen = Vec::new();
    for _ in 0..6 {
        stage.script(|script| {
            let start = done.checkpoint().block_number().unwrap_or(0);
            let rest = ledger.iter().filter(|block| block.block_number >= start).cloned();
            script.events.push_back(Play::broken(rest, Status::unavailable("gone")));
        });
        let request = stage.contract().events().start_block(0).checkpoint(done.checkpoint());
        let mut events = request.open().unwrap();
        let event = events.next().await.unwrap().unwrap();
        done.event_done(&event).unwrap();
        seen.push(event.transaction_id);
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(*done.checkpoint(), Checkpoint::after_transaction(5, "f"));
    assert_eq!(stage.starts(), [from(0), from(1), from(1), from(1), from(4), from(5)]);
}

#[tokio::test]
async fn after_a_whole_block_the_next_one_is_asked_for() {
    let stage = stage(Play::ended([block(8, &["a"])])).await;
    let done = Checkpoint::after_block(7);
    let mut events = stage.contract().events().start_block(0).checkpoint(&done).open().unwrap();
    let (seen, error) = all(&mut events).await;
    assert_eq!(seen, "8:a");
    assert!(matches!(error, EventError::Ended) && error.is_retryable());
    assert_eq!(stage.starts(), [from(8)]);
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_checkpoint_of_another_stream_is_refused() {
    for answer in [block(7, &["b", "c"]), block(8, &["a"])] {
        let stage = stage(Play::open([answer])).await;
        let done = Checkpoint::after_transaction(7, "a");
        let mut events = stage.contract().events().checkpoint(&done).open().unwrap();
        let (seen, error) = all(&mut events).await;
        assert_eq!(seen, "");
        let EventError::CheckpointUnknown { block_number, transaction_id } = &error else {
            panic!("{error}")
        };
        assert_eq!((*block_number, transaction_id.as_str()), (7, "a"));
        assert!(!error.is_retryable());
        assert!(events.next().await.is_none());
    }
}

#[tokio::test]
async fn blocks_that_come_again_or_out_of_order_are_refused() {
    for (start, second) in [(2, 3), (2, 1), (4, 3)] {
        let stage = stage(Play::open([block(3, &["a"]), block(second, &["b"])])).await;
        let mut events = stage.contract().events().start_block(start).open().unwrap();
        let (_, error) = all(&mut events).await;
        let EventError::Order { expected, found } = error else { panic!("{error}") };
        assert_eq!((expected, found), if start == 4 { (4, 3) } else { (4, second) });
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn failures_are_typed_and_end_the_stream() {
    let overload = "too many requests for /gateway.Gateway, exceeding concurrency limit (500)";
    let rows = [
        (Status::unavailable("the peer is stopping"), Code::Unavailable, true),
        (Status::aborted("the ledger cannot be read"), Code::Aborted, true),
        (Status::unknown(overload), Code::Unknown, true),
        (Status::permission_denied("no reader"), Code::PermissionDenied, false),
        (Status::invalid_argument("bad position"), Code::InvalidArgument, false),
    ];
    for (status, expected, retryable) in rows {
        let stage = stage(Play::broken([block(1, &["a"])], status)).await;
        let mut events = stage.contract().events().start_block(1).open().unwrap();
        let (seen, error) = all(&mut events).await;
        assert_eq!(seen, "1:a");
        assert!(matches!(error, EventError::Call { code, .. } if code == expected), "{error}");
        assert_eq!(error.is_retryable(), retryable, "{error}");
        assert!(events.next().await.is_none());
    }
}

#[tokio::test]
async fn giving_up_waiting_loses_nothing() {
    let stage = stage(Play::open([block(1, &["a"])])).await;
    let mut events = stage.contract().events().start_block(1).open().unwrap();
    let waiting = tokio::time::timeout(std::time::Duration::ZERO, events.next());
    let seen = match waiting.await {
        Ok(event) => event,
        Err(_) => events.next().await,
    };
    assert_eq!(seen.unwrap().unwrap().transaction_id, "a");
}

#[tokio::test]
async fn requests_are_signed_elsewhere() {
    let stage = stage(Play::open([block(1, &["a"])])).await;
    let gateway = Gateway::without_signer(stage.connection.clone(), &identity());
    let request = gateway.network(CHANNEL).contract(CHAINCODE).events().start_block(1);
    assert!(matches!(request.open(), Err(EventError::Sign(_))));
    let signature = stage.key.sign(&request.bytes()).unwrap();
    assert_eq!(
        request.digest().as_slice(),
        ring::digest::digest(&ring::digest::SHA256, &request.bytes()).as_ref()
    );
    let mut events = request.clone().sign_with(signature.clone()).open().unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().transaction_id, "a");

    // A signature is for one start.
    let mut other = request.start_block(2).sign_with(signature).open().unwrap();
    let (_, error) = all(&mut other).await;
    assert!(matches!(error, EventError::Call { code: Code::PermissionDenied, .. }), "{error}");
}
