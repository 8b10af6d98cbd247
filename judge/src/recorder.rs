//! Stands between peers and a chaincode's server, and records what they say.

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fabric_protos::protos::ChaincodeMessage;
use fabric_protos::protos::chaincode_client::ChaincodeClient;
use fabric_protos::protos::chaincode_server::{Chaincode, ChaincodeServer};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::JudgeError;
use crate::recording::{Kind, Record, write};

/// Messages that wait on their way.
const WAITING_MAX: usize = 16;

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
        .add_service(ChaincodeServer::new(recorder))
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

#[derive(Debug)]
struct Recorder {
    upstream: String,
    sessions: Arc<Mutex<Vec<Session>>>,
}

#[tonic::async_trait]
impl Chaincode for Recorder {
    type ConnectStream = Pin<Box<dyn Stream<Item = Result<ChaincodeMessage, Status>> + Send>>;

    async fn connect(
        &self,
        request: Request<Streaming<ChaincodeMessage>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let session = Session::default();
        lock(&self.sessions).push(Arc::clone(&session));
        let unavailable = |err: tonic::transport::Error| Status::unavailable(err.to_string());
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", self.upstream))
            .map_err(unavailable)?
            .connect()
            .await
            .map_err(unavailable)?;
        let (to_chaincode, messages) = mpsc::channel(WAITING_MAX);
        let mut from_peer = request.into_inner();
        let recorded = Arc::clone(&session);
        tokio::spawn(async move {
            while let Some(Ok(message)) = from_peer.next().await {
                keep(&recorded, Kind::FromPeer, &message);
                if to_chaincode.send(message).await.is_err() {
                    break;
                }
            }
        });
        let answers = ChaincodeClient::new(channel).connect(ReceiverStream::new(messages)).await?;
        let answers = answers.into_inner().map(move |message| {
            if let Ok(message) = &message {
                keep(&session, Kind::FromChaincode, message);
            }
            message
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

/// Before a message is passed on: what it brings about comes behind it.
fn keep(session: &Session, kind: Kind, message: &ChaincodeMessage) {
    lock(session).push(Record { kind, bytes: message.encode_to_vec().into() });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
