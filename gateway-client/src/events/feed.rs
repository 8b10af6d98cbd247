//! A call whose answers stream in.

use std::future::Future;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tonic::{Response, Status, Streaming};

use super::EventError;

/// Messages that wait until they are read. One, since a block can be as large as a message may be; the peer is held up by
/// a reader that is slower.
const WAITING_MAX: usize = 1;

/// The messages of a call that runs in a task of its own, until this is dropped.
///
/// The task sends the request at once. Nobody could wait for the peer to have accepted it: peers answer with the first
/// message only.
#[derive(Debug)]
pub(super) struct Feed<M> {
    messages: mpsc::Receiver<Result<M, Status>>,
    over: bool,
}

impl<M: Send + 'static> Feed<M> {
    pub(super) fn start(
        call: impl Future<Output = Result<Response<Streaming<M>>, Status>> + Send + 'static,
    ) -> Self {
        let (sender, messages) = mpsc::channel(WAITING_MAX);
        tokio::spawn(async move {
            tokio::select! {
                () = pass_on(call, &sender) => {}
                () = sender.closed() => {}
            }
        });
        Self { messages, over: false }
    }

    /// The next message; an error is the last.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<M, EventError>>> {
        if self.over {
            return Poll::Ready(None);
        }
        self.messages.poll_recv(cx).map(|received| match received {
            Some(Ok(message)) => Some(Ok(message)),
            Some(Err(status)) => Some(Err(self.fail(status.into()))),
            None => Some(Err(self.fail(EventError::Ended))),
        })
    }

    /// Nothing follows an error.
    pub(super) fn fail(&mut self, error: EventError) -> EventError {
        self.over = true;
        self.messages.close();
        error
    }
}

/// Ends with the call, or with an error.
async fn pass_on<M>(
    call: impl Future<Output = Result<Response<Streaming<M>>, Status>>,
    sender: &mpsc::Sender<Result<M, Status>>,
) {
    let mut stream = match call.await {
        Ok(answer) => answer.into_inner(),
        Err(status) => {
            // Fails only when nobody reads any more.
            let _ = sender.send(Err(status)).await;
            return;
        }
    };
    while let Some(message) = stream.message().await.transpose() {
        let failed = message.is_err();
        if sender.send(message).await.is_err() || failed {
            return;
        }
    }
}
