//! Stands between peers and a chaincode's server, and records what they say.

use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf as _, BufMut as _, Bytes};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{NamedService, StreamingService};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

use crate::JudgeError;
use crate::recording::{Kind, Record, write};

/// Messages that wait on their way.
const WAITING_MAX: usize = 16;
/// The service's one method.
const CONNECT: &str = "/protos.Chaincode/Connect";
/// Bytes of a message: peers send and take as much.
const MESSAGE_BYTES_MAX: usize = 100 * 1024 * 1024;

/// Passes streams on to the server at `upstream` until `end`, then writes each into a file of its
/// own in `folder`: `0.session` is the one that was opened first.
pub async fn record(
    listener: TcpListener,
    upstream: String,
    folder: &Path,
    end: impl Future<Output = ()>,
) -> Result<(), JudgeError> {
    let recorder = Recorder { upstream, sessions: Arc::default() };
    let sessions = Arc::clone(&recorder.sessions);
    let serving = tonic::transport::Server::builder()
        .add_service(recorder)
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::select! {
        served = serving => served.map_err(|err| JudgeError::Network(err.to_string()))?,
        () = end => {}
    }
    for (number, session) in lock(&sessions).iter().enumerate() {
        let path = folder.join(format!("{number}.session"));
        std::fs::write(&path, write(&lock(session))?)
            .map_err(|error| JudgeError::File { path, error })?;
    }
    Ok(())
}

type Session = Arc<Mutex<Vec<Record>>>;

/// A message as the bytes that it came in. What this project's decoder would not keep of it is
/// passed on and recorded like everything else.
#[derive(Clone, Copy, Debug)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length)))
    }
}

/// Opens a stream of messages to a chaincode's server.
async fn connect(
    channel: Channel,
    messages: mpsc::Receiver<Bytes>,
) -> Result<Streaming<Bytes>, Status> {
    let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
    client.ready().await.map_err(|err| Status::unavailable(err.to_string()))?;
    let request = Request::new(ReceiverStream::new(messages));
    let answers = client.streaming(request, PathAndQuery::from_static(CONNECT), Raw).await?;
    Ok(answers.into_inner())
}

#[derive(Clone, Debug)]
struct Recorder {
    upstream: String,
    sessions: Arc<Mutex<Vec<Session>>>,
}

impl NamedService for Recorder {
    const NAME: &'static str = "protos.Chaincode";
}

impl Service<http::Request<Body>> for Recorder {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let recorder = self.clone();
        Box::pin(async move {
            if request.uri().path() != CONNECT {
                return Ok(Status::unimplemented("there is Connect only").into_http());
            }
            let mut server =
                tonic::server::Grpc::new(Raw).max_decoding_message_size(MESSAGE_BYTES_MAX);
            Ok(server.streaming(recorder, request).await)
        })
    }
}

impl StreamingService<Bytes> for Recorder {
    type Response = Bytes;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let recorder = self.clone();
        Box::pin(async move { recorder.pass_on(request.into_inner()).await })
    }
}

impl Recorder {
    async fn pass_on(
        &self,
        mut from_peer: Streaming<Bytes>,
    ) -> Result<Response<<Self as StreamingService<Bytes>>::ResponseStream>, Status> {
        let session = Session::default();
        lock(&self.sessions).push(Arc::clone(&session));
        let unavailable = |err: tonic::transport::Error| Status::unavailable(err.to_string());
        let channel = Endpoint::from_shared(format!("http://{}", self.upstream))
            .map_err(unavailable)?
            .connect()
            .await
            .map_err(unavailable)?;
        let (to_chaincode, messages) = mpsc::channel(WAITING_MAX);
        let recorded = Arc::clone(&session);
        tokio::spawn(async move {
            while let Some(Ok(message)) = from_peer.next().await {
                keep(&recorded, Kind::FromPeer, &message);
                if to_chaincode.send(message).await.is_err() {
                    break;
                }
            }
        });
        let answers = connect(channel, messages).await?.map(move |message| {
            if let Ok(message) = &message {
                keep(&session, Kind::FromChaincode, message);
            }
            message
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

/// Before a message is passed on: what it brings about comes behind it.
fn keep(session: &Session, kind: Kind, message: &Bytes) {
    lock(session).push(Record { kind, bytes: message.clone() });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use fabric_protos::protos::ChaincodeMessage;
    use fabric_protos::protos::chaincode_message::Type;
    use prost::Message as _;
    use tokio::sync::oneshot;

    use super::*;
    use crate::chaincode::{listen, serve};
    use crate::recording::read;

    /// A field that no message has: number 1000, the text "new".
    const UNKNOWN: &[u8] = &[0xc2, 0x3e, 3, b'n', b'e', b'w'];

    #[tokio::test]
    async fn messages_are_kept_as_they_came() {
        let (upstream, upstream_address) = listen("127.0.0.1:0").await.unwrap();
        tokio::spawn(serve(upstream, "judge:1".to_owned()));
        let (listener, address) = listen("127.0.0.1:0").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (end, ended) = oneshot::channel();
        let peer = async {
            let channel = Endpoint::from_shared(format!("http://{address}")).unwrap();
            let (peer, messages) = mpsc::channel(1);
            let mut answers = connect(channel.connect().await.unwrap(), messages).await.unwrap();
            let register = answers.next().await.unwrap().unwrap();
            let known = ChaincodeMessage { r#type: Type::Keepalive.into(), ..Default::default() };
            let known = known.encode_to_vec();
            peer.send([&known, UNKNOWN].concat().into()).await.unwrap();
            let echo = answers.next().await.unwrap().unwrap();
            end.send(()).unwrap();
            (register, known, echo)
        };
        let end = async { ended.await.unwrap() };
        let recording = record(listener, upstream_address.to_string(), folder.path(), end);
        let (recorded, (register, known, echo)) = tokio::join!(recording, peer);
        recorded.unwrap();
        // The chaincode is built on this project's decoder, which loses what it does not know.
        assert_eq!(echo, known);
        let of = |kind, bytes| Record { kind, bytes };
        assert_eq!(
            read(&std::fs::read(folder.path().join("0.session")).unwrap()).unwrap(),
            [
                of(Kind::FromChaincode, register),
                of(Kind::FromPeer, [&known, UNKNOWN].concat().into()),
                of(Kind::FromChaincode, echo),
            ]
        );
    }
}
