//! The events that transactions of a chaincode set.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use fabric_protos::gateway::{self, ChaincodeEventsResponse, SignedChaincodeEventsRequest};
use prost::Message;
use tokio_stream::Stream;

use super::feed::Feed;
use super::{Checkpoint, EventError, Start};
use crate::gateway::{Contract, Gateway, signature_or_sign};
use crate::signed::signed_elsewhere;

/// An event that a valid transaction set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChaincodeEvent {
    /// The block of the transaction.
    pub block_number: u64,
    /// The transaction, which sets one event at most.
    pub transaction_id: String,
    /// The chaincode.
    pub chaincode: String,
    /// The event's name.
    pub name: String,
    /// What the chaincode put into it.
    pub payload: Bytes,
}

/// A request for the events of a chaincode; made by [`Contract::events`].
///
/// Without a start it begins with the first block that is committed after the peer has got it, which nobody can wait for:
/// whoever must not miss an event says where to start.
///
/// Without a signer it is sent off to be signed: [`bytes`](Self::bytes) or [`digest`](Self::digest) there,
/// [`sign_with`](Self::sign_with) back.
#[derive(Debug, Clone)]
pub struct ChaincodeEventsRequest {
    gateway: Gateway,
    channel: String,
    chaincode: String,
    start: Start,
    /// Empty while not supplied.
    signature: Bytes,
}

impl Contract {
    /// The events of this chaincode, in the order of the ledger, each once. Only valid transactions have events.
    ///
    /// ```no_run
    /// # use fabric_gateway_client::{Checkpointer, Contract, FileCheckpointer};
    /// # async fn example(contract: Contract) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut done = FileCheckpointer::open("events.json")?;
    /// // The first time from block 0 on, afterwards where the last run has ended.
    /// let mut events = contract.events().start_block(0).checkpoint(done.checkpoint()).open()?;
    /// while let Some(event) = events.next().await {
    ///     let event = event?;
    ///     println!("{} in block {}", event.name, event.block_number);
    ///     done.event_done(&event)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn events(&self) -> ChaincodeEventsRequest {
        ChaincodeEventsRequest {
            gateway: self.gateway().clone(),
            channel: self.channel().to_string(),
            chaincode: self.chaincode().to_owned(),
            start: Start::default(),
            signature: Bytes::new(),
        }
    }
}

impl ChaincodeEventsRequest {
    /// Begins with this block, which may still have to come.
    #[must_use]
    pub fn start_block(mut self, number: u64) -> Self {
        self.start.block = Some(number);
        self
    }

    /// Begins right after what a checkpoint says is done. An empty one says nothing, and
    /// [`start_block`](Self::start_block) counts.
    ///
    /// A checkpoint's transaction must be one that set an event of this chaincode; else the stream ends with
    /// [`EventError::CheckpointUnknown`].
    #[must_use]
    pub fn checkpoint(mut self, checkpoint: &Checkpoint) -> Self {
        self.start.checkpoint = checkpoint.clone();
        self
    }

    /// The bytes that the signature covers.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        let request = gateway::ChaincodeEventsRequest {
            channel_id: self.channel.clone(),
            chaincode_id: self.chaincode.clone(),
            identity: self.gateway.creator().clone(),
            start_position: Some(self.start.position()),
            // A peer that does not know the transaction would be silent for ever. The block is enough.
            after_transaction_id: String::new(),
        };
        request.encode_to_vec().into()
    }

    signed_elsewhere!();

    /// Sends the request. What becomes of it is the first item of the stream.
    ///
    /// # Errors
    /// [`EventError::Sign`].
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn open(&self) -> Result<ChaincodeEvents, EventError> {
        let request = self.bytes();
        let signature = signature_or_sign(&self.gateway, &self.signature, &request)?;
        let mut client = self.gateway.connection().client();
        let message = SignedChaincodeEventsRequest { request, signature };
        Ok(ChaincodeEvents {
            feed: Feed::start(async move { client.chaincode_events(message).await }),
            ready: VecDeque::new(),
            expected: self.start.first_block().unwrap_or_default(),
            done: Some(self.start.checkpoint.clone())
                .filter(|done| done.transaction_id().is_some()),
        })
    }
}

/// The events of a chaincode as they are committed; ends with an error, and never otherwise.
///
/// Dropping it ends the call.
#[derive(Debug)]
pub struct ChaincodeEvents {
    feed: Feed<ChaincodeEventsResponse>,
    ready: VecDeque<ChaincodeEvent>,
    /// The first block that can come.
    expected: u64,
    /// Events of the first block up to and with this one are done.
    done: Option<Checkpoint>,
}

impl ChaincodeEvents {
    /// The next event, as soon as there is one. Giving up waiting loses nothing.
    pub async fn next(&mut self) -> Option<Result<ChaincodeEvent, EventError>> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ChaincodeEvent, EventError>>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            let outcome = match std::task::ready!(self.feed.poll(cx)) {
                Some(Ok(answer)) => self.take(answer).map_err(|error| self.feed.fail(error)),
                Some(Err(error)) => Err(error),
                None => return Poll::Ready(None),
            };
            if let Err(error) = outcome {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }

    /// Takes the events of a block, less those that are done.
    fn take(&mut self, answer: ChaincodeEventsResponse) -> Result<(), EventError> {
        let block_number = answer.block_number;
        if block_number < self.expected {
            return Err(EventError::Order { expected: self.expected, found: block_number });
        }
        let transactions = answer.events.iter().map(|event| event.tx_id.as_str());
        let done = match self.done.take() {
            Some(checkpoint) => checkpoint.done_among(block_number, transactions)?,
            None => 0,
        };
        self.expected = block_number.saturating_add(1);
        self.ready = answer
            .events
            .into_iter()
            .skip(done)
            .map(|event| ChaincodeEvent {
                block_number,
                transaction_id: event.tx_id,
                chaincode: event.chaincode_id,
                name: event.event_name,
                payload: event.payload,
            })
            .collect();
        Ok(())
    }
}

impl Stream for ChaincodeEvents {
    type Item = Result<ChaincodeEvent, EventError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(cx)
    }
}
