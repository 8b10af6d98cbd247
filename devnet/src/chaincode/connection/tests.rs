use super::*;

/// Turns that a task gets which is awake: more than it needs to end.
const TURNS: usize = 100;

/// On one thread: whoever is awake has a turn before this test goes on.
#[tokio::test]
async fn the_stream_of_a_chaincode_that_does_not_read_ends_at_once() {
    let (outgoing, _unread) = mpsc::channel(1);
    let connection =
        Arc::new(Connection::new("cc".into(), ReadyMode::Batched, Weak::new(), outgoing));
    let (_running, stop) = watch::channel(false);
    let receiving = tokio::spawn(Arc::clone(&connection).receive(tokio_stream::pending(), stop));
    tokio::task::yield_now().await;
    connection.send(ChaincodeMessage::default());
    assert!(!connection.is_closed());
    connection.send(ChaincodeMessage::default());
    assert!(connection.is_closed());
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
    assert!(receiving.is_finished(), "nobody told the reader");
}
