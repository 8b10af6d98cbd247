//! The scripted peer's streams.

use std::pin::Pin;

use fabric_protos::common::{ChannelHeader, Envelope, Payload, SignatureHeader};
use fabric_protos::gateway::{
    ChaincodeEventsRequest, ChaincodeEventsResponse, SignedChaincodeEventsRequest,
};
use fabric_protos::msp::SerializedIdentity;
use fabric_protos::orderer::SeekInfo;
use fabric_protos::orderer::seek_position::Type as Position;
use fabric_protos::protos::{DeliverResponse, deliver_server};
use prost::Message;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use crate::peer::{CERTIFICATE, CHANNEL, MSP_ID, Peer, Seen, Stage};

/// What to send on a stream.
pub(crate) struct Play<M> {
    messages: Vec<Result<M, Status>>,
    /// Instead of waiting for what is never committed.
    ends: bool,
}

impl<M> Play<M> {
    pub(crate) fn open(messages: impl IntoIterator<Item = M>) -> Self {
        Self { messages: messages.into_iter().map(Ok).collect(), ends: false }
    }

    pub(crate) fn ended(messages: impl IntoIterator<Item = M>) -> Self {
        Self { ends: true, ..Self::open(messages) }
    }

    pub(crate) fn broken(messages: impl IntoIterator<Item = M>, status: Status) -> Self {
        let mut play = Self::open(messages);
        play.messages.push(Err(status));
        play
    }
}

pub(crate) type Played<M> = Pin<Box<dyn Stream<Item = Result<M, Status>> + Send>>;

fn played<M: Send + 'static>(play: Option<Play<M>>) -> Played<M> {
    let Play { messages, ends } = play.unwrap_or(Play { messages: Vec::new(), ends: false });
    let messages = tokio_stream::iter(messages);
    if ends { Box::pin(messages) } else { Box::pin(messages.chain(tokio_stream::pending())) }
}

impl Stage {
    /// The start of each stream that was asked for, in order.
    pub(crate) fn starts(&self) -> Vec<Position> {
        let start = |seen| match seen {
            Seen::Events(request) => request.start_position,
            Seen::Deliver(_, _, seek) => seek.start,
            _ => None,
        };
        self.seen().into_iter().filter_map(start).filter_map(|start| start.r#type).collect()
    }
}

impl Peer {
    fn reader(&self, creator: &[u8]) -> Result<(), Status> {
        let creator = SerializedIdentity::decode(creator).unwrap();
        let known = creator.mspid == MSP_ID && creator.id_bytes == CERTIFICATE.as_bytes();
        if known { Ok(()) } else { Err(Status::permission_denied("no reader")) }
    }

    pub(crate) fn play_events(
        &self,
        signed: &SignedChaincodeEventsRequest,
    ) -> Result<Played<ChaincodeEventsResponse>, Status> {
        self.verify(&signed.request, &signed.signature)?;
        let request = ChaincodeEventsRequest::decode(signed.request.clone()).unwrap();
        self.reader(&request.identity)?;
        self.0.seen.lock().unwrap().push(Seen::Events(request));
        Ok(played(self.0.script.lock().unwrap().events.pop_front()))
    }

    async fn play_blocks(
        &self,
        call: &'static str,
        mut requests: Streaming<Envelope>,
    ) -> Result<Response<Played<DeliverResponse>>, Status> {
        let envelope = requests.message().await?.unwrap();
        self.verify(&envelope.payload, &envelope.signature)?;
        let payload = Payload::decode(envelope.payload).unwrap();
        let header = payload.header.unwrap();
        let creation = SignatureHeader::decode(header.signature_header).unwrap();
        self.reader(&creation.creator)?;
        let channel = ChannelHeader::decode(header.channel_header).unwrap();
        assert_eq!(channel.channel_id, CHANNEL);
        let seek = SeekInfo::decode(payload.data).unwrap();
        self.0.seen.lock().unwrap().push(Seen::Deliver(call, channel, seek));
        let play = self.0.script.lock().unwrap().blocks.pop_front();
        if play.as_ref().is_some_and(|play| play.ends) {
            return Ok(Response::new(played(play)));
        }
        // One request, and the end of requests never: a peer may take it for the end of the interest.
        let more = requests.map(|_| ()).chain(tokio_stream::once(()));
        let more = more.map(|()| Err(Status::cancelled("more requests, or no more")));
        Ok(Response::new(Box::pin(played(play).merge(more))))
    }
}

#[tonic::async_trait]
impl deliver_server::Deliver for Peer {
    type DeliverStream = Played<DeliverResponse>;
    type DeliverFilteredStream = Played<DeliverResponse>;
    type DeliverWithPrivateDataStream = Played<DeliverResponse>;

    async fn deliver(
        &self,
        requests: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        self.play_blocks("full", requests.into_inner()).await
    }

    async fn deliver_filtered(
        &self,
        requests: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverFilteredStream>, Status> {
        self.play_blocks("filtered", requests.into_inner()).await
    }

    async fn deliver_with_private_data(
        &self,
        requests: Request<Streaming<Envelope>>,
    ) -> Result<Response<Self::DeliverWithPrivateDataStream>, Status> {
        self.play_blocks("private", requests.into_inner()).await
    }
}
