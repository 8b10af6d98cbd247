use super::*;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

type Sent = mpsc::Receiver<Result<ChaincodeMessage, Status>>;

fn lane(awaiting: bool) -> (Lane, Sent) {
    let (out, sent) = mpsc::channel(8);
    let key = Arc::new(TxKey { channel_id: "ch".into(), tx_id: "tx".into() });
    (Lane::new(key, out, awaiting.then_some(1)), sent)
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn ready<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("still waiting"),
    }
}

/// What the stream's task does with a reply.
fn arrive(lane: &Lane, reply: Reply) {
    assert!(lane.arrive(reply), "nothing was asked");
}

fn response(text: &'static str) -> Reply {
    Reply::Response(text.into())
}

fn sent(sent: &mut Sent) -> Option<(Type, Bytes)> {
    let message = sent.try_recv().ok()?.unwrap();
    assert_eq!((&*message.channel_id, &*message.txid), ("ch", "tx"));
    Some((message.r#type(), message.payload))
}

fn get(lane: &Lane, name: &'static str) -> impl Future<Output = Result<Bytes, LedgerError>> {
    lane.request(Type::GetState, name.into())
}

#[test]
fn waiters_take_turns_in_order() {
    let (lane, mut out) = lane(false);
    let (mut a, mut b, mut c) =
        (pin!(get(&lane, "a")), pin!(get(&lane, "b")), pin!(get(&lane, "c")));
    assert!(poll(a.as_mut()).is_pending());
    assert!(poll(b.as_mut()).is_pending());
    assert!(poll(c.as_mut()).is_pending());
    assert_eq!(sent(&mut out), Some((Type::GetState, "a".into())));
    assert_eq!(sent(&mut out), None, "one at a time");
    arrive(&lane, response("A"));
    assert_eq!(poll(a.as_mut()), Poll::Ready(Ok("A".into())));
    assert!(poll(c.as_mut()).is_pending());
    assert_eq!(sent(&mut out), None, "c is not next");
    assert!(poll(b.as_mut()).is_pending());
    assert_eq!(sent(&mut out), Some((Type::GetState, "b".into())));
    arrive(&lane, response("B"));
    assert_eq!(poll(b.as_mut()), Poll::Ready(Ok("B".into())));
    assert!(poll(c.as_mut()).is_pending());
    assert_eq!(sent(&mut out), Some((Type::GetState, "c".into())));
}

#[test]
fn waiter_that_is_dropped_before_its_turn_sends_nothing() {
    let (lane, mut out) = lane(false);
    let mut a = pin!(get(&lane, "a"));
    assert!(poll(a.as_mut()).is_pending());
    {
        let mut b = pin!(get(&lane, "b"));
        assert!(poll(b.as_mut()).is_pending());
    }
    arrive(&lane, response("A"));
    assert_eq!(poll(a.as_mut()), Poll::Ready(Ok("A".into())));
    assert_eq!(sent(&mut out), Some((Type::GetState, "a".into())));
    assert_eq!(sent(&mut out), None);
    assert_eq!(ready(lane.settle()), Ok(()));
}

#[test]
fn dropped_request_is_drained_before_the_next() {
    let (lane, mut out) = lane(false);
    {
        let mut dropped = pin!(get(&lane, "dropped"));
        assert!(poll(dropped.as_mut()).is_pending());
    }
    assert!(sent(&mut out).is_some());
    let mut next = pin!(get(&lane, "next"));
    assert!(poll(next.as_mut()).is_pending());
    assert_eq!(sent(&mut out), None, "the dropped one is still out");
    arrive(&lane, response("dropped's"));
    assert!(poll(next.as_mut()).is_pending());
    assert_eq!(sent(&mut out), Some((Type::GetState, "next".into())));
    arrive(&lane, response("next's"));
    assert_eq!(poll(next.as_mut()), Poll::Ready(Ok("next's".into())));
}

#[test]
fn reply_that_came_before_the_drop_is_drained_too() {
    let (lane, mut out) = lane(false);
    {
        let mut dropped = pin!(get(&lane, "dropped"));
        assert!(poll(dropped.as_mut()).is_pending());
        arrive(&lane, response("dropped's"));
    }
    assert!(sent(&mut out).is_some());
    let mut next = pin!(get(&lane, "next"));
    assert!(poll(next.as_mut()).is_pending());
    assert_eq!(sent(&mut out), Some((Type::GetState, "next".into())));
}

#[test]
fn dropped_request_is_drained_before_the_end() {
    let (lane, _out) = lane(false);
    {
        let mut dropped = pin!(get(&lane, "dropped"));
        assert!(poll(dropped.as_mut()).is_pending());
    }
    let mut settled = pin!(lane.settle());
    assert!(poll(settled.as_mut()).is_pending());
    arrive(&lane, Reply::Error("whatever".into()));
    assert_eq!(poll(settled.as_mut()), Poll::Ready(Ok(())));
}

#[test]
fn reply_left_by_an_earlier_attempt_tells_nothing() {
    for left in [response("old"), Reply::Error("no ledger context".into())] {
        let (lane, mut out) = lane(true);
        let mut own = pin!(get(&lane, "own"));
        assert!(poll(own.as_mut()).is_pending());
        assert_eq!(sent(&mut out), None);
        arrive(&lane, left);
        assert!(poll(own.as_mut()).is_pending());
        assert_eq!(sent(&mut out), Some((Type::GetState, "own".into())));
        arrive(&lane, response("own's"));
        assert_eq!(poll(own.as_mut()), Poll::Ready(Ok("own's".into())));
    }
}

#[test]
fn every_waiter_fails_when_the_stream_ends() {
    let (lane, _out) = lane(false);
    let (mut a, mut b) = (pin!(get(&lane, "a")), pin!(get(&lane, "b")));
    assert!(poll(a.as_mut()).is_pending());
    assert!(poll(b.as_mut()).is_pending());
    lane.end();
    assert_eq!(poll(a.as_mut()), Poll::Ready(Err(LedgerError::TransactionEnded)));
    assert_eq!(poll(b.as_mut()), Poll::Ready(Err(LedgerError::TransactionEnded)));
    assert_eq!(ready(get(&lane, "c")), Err(LedgerError::TransactionEnded));
}

#[test]
fn nothing_is_sent_when_the_peer_is_gone() {
    let (lane, out) = lane(false);
    drop(out);
    assert_eq!(ready(get(&lane, "a")), Err(LedgerError::TransactionEnded));
    assert!(!ready(lane.finish(lane.key().message(Type::Completed, Bytes::new()))));
}

#[test]
fn one_terminal_message_and_nothing_after_it() {
    let (lane, mut out) = lane(false);
    let terminal = |kind| lane.key().message(kind, Bytes::new());
    assert!(ready(lane.finish(terminal(Type::Completed))));
    assert!(!ready(lane.finish(terminal(Type::Error))));
    assert_eq!(ready(get(&lane, "late")), Err(LedgerError::TransactionEnded));
    assert_eq!(sent(&mut out), Some((Type::Completed, Bytes::new())));
    assert_eq!(sent(&mut out), None);
}

#[test]
fn fenced_attempt_is_silent() {
    let (lane, mut out) = lane(false);
    assert_eq!(lane.fence(), Fenced { unfinished: true, awaited: None });
    assert_eq!(ready(get(&lane, "a")), Err(LedgerError::TransactionEnded));
    assert!(!ready(lane.finish(lane.key().message(Type::Completed, Bytes::new()))));
    assert_eq!(sent(&mut out), None);
}

#[test]
fn fence_tells_whether_a_reply_is_still_to_come() {
    let (lane, _out) = lane(false);
    let mut a = pin!(lane.request_values(Type::GetStateMultiple, "a".into(), 7));
    assert!(poll(a.as_mut()).is_pending());
    assert_eq!(lane.fence(), Fenced { unfinished: true, awaited: Some(7) });
    arrive(&lane, response("A"));
    assert_eq!(lane.fence(), Fenced { unfinished: false, awaited: None });
    assert!(!lane.arrive(response("twice")));
}

#[test]
fn peer_that_gave_up_is_told_nothing_more() {
    let (lane, mut out) = lane(false);
    let mut a = pin!(get(&lane, "a"));
    let mut stopped = pin!(lane.stopped());
    assert!(poll(a.as_mut()).is_pending());
    assert!(poll(stopped.as_mut()).is_pending());
    arrive(&lane, Reply::Error("GET_STATE failed: no ledger context".into()));
    assert_eq!(poll(a.as_mut()), Poll::Ready(Err(LedgerError::TransactionEnded)));
    assert_eq!(poll(stopped.as_mut()), Poll::Ready(Stop::PeerGaveUp));
    assert!(sent(&mut out).is_some());
    assert!(!ready(lane.finish(lane.key().message(Type::Error, Bytes::new()))));
    assert_eq!(sent(&mut out), None);
}

#[test]
fn draining_stops_and_lets_the_end_be_told() {
    let (lane, mut out) = lane(false);
    lane.stop(Stop::Draining);
    assert_eq!(ready(lane.stopped()), Stop::Draining);
    assert!(ready(lane.finish(lane.key().message(Type::Error, Bytes::new()))));
    assert!(sent(&mut out).is_some());
}

#[test]
fn other_errors_of_the_peer_are_the_requests_own() {
    let (lane, mut out) = lane(false);
    let mut a = pin!(get(&lane, "a"));
    assert!(poll(a.as_mut()).is_pending());
    arrive(&lane, Reply::Error("database is down".into()));
    let error = LedgerError::Peer("database is down".into());
    assert_eq!(poll(a.as_mut()), Poll::Ready(Err(error)));
    assert!(poll(pin!(get(&lane, "b")).as_mut()).is_pending());
    assert_eq!((sent(&mut out).is_some(), sent(&mut out).is_some()), (true, true));
}

#[test]
fn too_large_a_request_stays_here() {
    let (lane, mut out) = lane(false);
    let size = PAYLOAD_BYTES_MAX + 1;
    let request = lane.request(Type::PutState, vec![0; size].into());
    assert_eq!(ready(request), Err(LedgerError::TooLarge { size, max: PAYLOAD_BYTES_MAX }));
    assert_eq!(sent(&mut out), None);
}

#[test]
fn full_queue_makes_a_request_wait_and_not_lose_its_turn() {
    let (out, mut sent_messages) = mpsc::channel(1);
    let key = Arc::new(TxKey { channel_id: "ch".into(), tx_id: "tx".into() });
    out.try_send(Ok(key.message(Type::Keepalive, Bytes::new()))).unwrap();
    let lane = Lane::new(key, out, None);
    let mut a = pin!(get(&lane, "a"));
    assert!(poll(a.as_mut()).is_pending());
    assert_eq!(lane.awaited(), None, "nothing is out yet");
    assert_eq!(sent(&mut sent_messages).map(|it| it.0), Some(Type::Keepalive));
    assert!(poll(a.as_mut()).is_pending());
    assert_eq!(sent(&mut sent_messages).map(|it| it.0), Some(Type::GetState));
}
