use super::*;
use fabric_protos::protos::chaincode_message::Type;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use tokio::sync::mpsc;

fn key(tx_id: &str) -> TxKey {
    TxKey { channel_id: "ch".into(), tx_id: tx_id.into() }
}

fn reply() -> Reply {
    Reply::Response("r".into())
}

/// Leaves a request of this attempt out.
fn ask(begun: &Begun) {
    let mut request = pin!(begun.lane.request(Type::GetState, "k".into()));
    assert!(request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

fn outbound() -> (Outbound, impl Sized) {
    mpsc::channel(4 * UNANSWERED_MAX)
}

#[test]
fn reply_goes_to_the_one_who_asked_once() {
    let (out, _sent) = outbound();
    let mut transactions = Transactions::default();
    assert_eq!(transactions.deliver(&key("a"), reply()), Delivery::Stray, "unknown");
    let a = transactions.begin(key("a"), &out);
    let b = transactions.begin(key("b"), &out);
    assert!(!a.superseded && !b.superseded);
    ask(&a);
    assert_eq!(transactions.deliver(&key("b"), reply()), Delivery::Stray, "did not ask");
    assert_eq!(transactions.deliver(&key("a"), reply()), Delivery::Taken);
    assert_eq!(transactions.deliver(&key("a"), reply()), Delivery::Stray, "twice");
    assert_eq!(transactions.running(), 2);
}

#[test]
fn finished_is_forgotten_once_nothing_is_out() {
    let (out, _sent) = outbound();
    let mut transactions = Transactions::default();
    let quiet = transactions.begin(key("quiet"), &out);
    let asking = transactions.begin(key("asking"), &out);
    ask(&asking);
    transactions.finished(&key("quiet"), quiet.attempt).unwrap();
    transactions.finished(&key("asking"), asking.attempt).unwrap();
    assert_eq!((transactions.running(), transactions.entries.len()), (0, 1));
    assert_eq!(transactions.deliver(&key("asking"), reply()), Delivery::Stray);
    assert_eq!((transactions.running(), transactions.entries.len()), (0, 0));
}

#[test]
fn second_attempt_inherits_what_is_out() {
    let (out, _sent) = outbound();
    let mut transactions = Transactions::default();
    let first = transactions.begin(key("a"), &out);
    ask(&first);
    let second = transactions.begin(key("a"), &out);
    assert!(second.superseded && second.lane.awaited().is_some());
    // The end of the first attempt's task says nothing about the second.
    transactions.finished(&key("a"), first.attempt).unwrap();
    assert_eq!(transactions.running(), 1);
    assert_eq!(transactions.deliver(&key("a"), reply()), Delivery::Taken);
    assert_eq!(second.lane.awaited(), None);
    let third = transactions.begin(key("a"), &out);
    assert!(third.superseded && third.lane.awaited().is_none());
}

#[test]
fn attempt_after_a_finished_one_inherits_too_but_supersedes_nobody() {
    let (out, _sent) = outbound();
    let mut transactions = Transactions::default();
    let first = transactions.begin(key("a"), &out);
    ask(&first);
    transactions.finished(&key("a"), first.attempt).unwrap();
    let second = transactions.begin(key("a"), &out);
    assert!(!second.superseded && second.lane.awaited().is_some());
    assert_eq!(transactions.running(), 1);
}

#[test]
fn attempt_after_one_that_has_just_spoken_supersedes_nobody() {
    let (out, _sent) = outbound();
    let mut transactions = Transactions::default();
    let first = transactions.begin(key("a"), &out);
    let terminal = first.lane.key().message(Type::Completed, "done".into());
    assert!(
        pin!(first.lane.finish(terminal)).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    );
    // The stream's task learns only later that the first attempt's task has ended.
    assert!(!transactions.begin(key("a"), &out).superseded);
    transactions.finished(&key("a"), first.attempt).unwrap();
    assert_eq!(transactions.running(), 1);
}

#[test]
fn largest_answer_that_is_owed_counts_whoever_asked() {
    let (out, _sent) = outbound();
    let mut transactions = Transactions::default();
    assert_eq!(transactions.values_awaited(), 0);
    let ask_for = |begun: &Begun, values| {
        let kind = Type::GetStateMultiple;
        let mut request = pin!(begun.lane.request_values(kind, "k".into(), values));
        assert!(request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    };
    let few = transactions.begin(key("few"), &out);
    ask_for(&few, 3);
    let many = transactions.begin(key("many"), &out);
    ask_for(&many, 1000);
    // Neither the end of its transaction nor another attempt makes it owed less.
    transactions.finished(&key("many"), many.attempt).unwrap();
    assert_eq!(transactions.values_awaited(), 1000);
    transactions.begin(key("many"), &out);
    assert_eq!(transactions.values_awaited(), 1000);
    assert_eq!(transactions.deliver(&key("many"), reply()), Delivery::Taken);
    assert_eq!(transactions.values_awaited(), 3);
}

#[test]
fn peer_that_does_not_answer_is_noticed() {
    let (out, _sent) = outbound();
    let mut transactions = Transactions::default();
    for number in 0..=UNANSWERED_MAX {
        let tx_id = number.to_string();
        let begun = transactions.begin(key(&tx_id), &out);
        ask(&begun);
        let finished = transactions.finished(&key(&tx_id), begun.attempt);
        assert_eq!(finished.is_err(), number == UNANSWERED_MAX, "{number}");
    }
}

#[test]
fn end_of_the_stream_silences_everyone() {
    let (out, _sent) = outbound();
    let mut transactions = Transactions::default();
    let begun = transactions.begin(key("a"), &out);
    let mut request = pin!(begun.lane.request(Type::GetState, "k".into()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(request.as_mut().poll(&mut cx).is_pending());
    drop(transactions);
    assert!(request.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn only_the_running_are_asked_to_stop() {
    let (out, _sent) = outbound();
    let mut transactions = Transactions::default();
    let done = transactions.begin(key("done"), &out);
    ask(&done);
    transactions.finished(&key("done"), done.attempt).unwrap();
    let running = transactions.begin(key("running"), &out);
    transactions.stop_all(Stop::Draining);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(running.lane.stopped()).poll(&mut cx).is_ready());
    assert!(pin!(done.lane.stopped()).poll(&mut cx).is_pending());
}
