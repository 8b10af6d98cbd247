use crate::MESSAGE_BYTES_MAX;
use crate::testing::{Call, ScriptedLedger};
use fabric_protos::protos::chaincode_client::ChaincodeClient;
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{
    ChaincodeAdditionalParams, ChaincodeEvent, ChaincodeId, ChaincodeMessage, Response,
};
use prost::Message;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

/// Messages to the chaincode that may wait for the network.
const QUEUE: usize = 1024;

/// What went otherwise than the script has it.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The server could not be reached.
    #[error("cannot connect: {0}")]
    Connect(#[from] tonic::transport::Error),
    /// The server ended the stream with this status.
    #[error("the stream broke: {0}")]
    Status(#[from] Status),
    /// The server ended the stream as it should when it stops.
    #[error("the stream has ended")]
    Ended,
    /// Another message than the one expected.
    #[error("{got} came instead of {expected}")]
    Unexpected {
        /// The type of the message that came.
        got: &'static str,
        /// The type the script has.
        expected: &'static str,
    },
    /// A message that cannot be read.
    #[error("cannot decode: {0}")]
    Decode(#[from] prost::DecodeError),
}

/// What the peer says in READY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer(ChaincodeAdditionalParams);

impl Offer {
    /// Nothing, as peers before 3.1 do.
    pub fn nothing() -> Self {
        Self(ChaincodeAdditionalParams::default())
    }

    /// Write batches and multi-gets of up to 1000, as 3.1 peers do.
    pub fn everything() -> Self {
        Self::nothing().write_batch(1000).multi_get(1000)
    }

    /// Offers write batches.
    #[must_use]
    pub fn write_batch(mut self, count_max: u32) -> Self {
        self.0.use_write_batch = true;
        self.0.max_size_write_batch = count_max;
        self
    }

    /// Offers multi-gets.
    #[must_use]
    pub fn multi_get(mut self, count_max: u32) -> Self {
        self.0.use_get_multiple_keys = true;
        self.0.max_size_get_multiple_keys = count_max;
        self
    }
}

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// COMPLETED: the response and the event.
    Completed(Response, Option<ChaincodeEvent>),
    /// ERROR, with its text.
    Error(String),
}

impl Ending {
    /// What the contract answered, unless the transaction ended with ERROR.
    pub fn response(&self) -> Option<&Response> {
        match self {
            Self::Completed(response, _) => Some(response),
            Self::Error(_) => None,
        }
    }

    /// The text of ERROR.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Completed(..) => None,
            Self::Error(text) => Some(text),
        }
    }

    fn of(message: ChaincodeMessage) -> Result<Self, PeerError> {
        if message.r#type() == Type::Completed {
            Ok(Self::Completed(Response::decode(message.payload)?, message.chaincode_event))
        } else {
            Ok(Self::Error(String::from_utf8_lossy(&message.payload).into_owned()))
        }
    }
}

/// The peer's end of one stream.
#[derive(Debug)]
pub struct ScriptedPeer {
    /// What the peer answers from.
    pub ledger: ScriptedLedger,
    out: mpsc::Sender<ChaincodeMessage>,
    inbound: Streaming<ChaincodeMessage>,
}

impl ScriptedPeer {
    /// Dials a server without TLS and opens a stream.
    ///
    /// # Errors
    /// [`PeerError::Connect`], or the status with which the stream was refused.
    pub async fn dial(address: SocketAddr) -> Result<Self, PeerError> {
        let endpoint = Endpoint::try_from(format!("http://{address}"))?;
        Self::over(endpoint.tcp_nodelay(true).connect().await?).await
    }

    /// Opens a stream over a connection.
    ///
    /// # Errors
    /// The status with which the stream was refused.
    pub async fn over(channel: Channel) -> Result<Self, PeerError> {
        let (out, outbound) = mpsc::channel(QUEUE);
        let inbound = ChaincodeClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
            .connect(ReceiverStream::new(outbound))
            .await?
            .into_inner();
        Ok(Self { ledger: ScriptedLedger::default(), out, inbound })
    }

    /// Takes REGISTER, accepts whatever id it names and says READY. Returns the id.
    ///
    /// # Errors
    /// [`PeerError::Unexpected`] when the server does not begin with REGISTER.
    pub async fn handshake(&mut self, offer: Offer) -> Result<String, PeerError> {
        let register = self.expect(Type::Register).await?;
        self.send_type(Type::Registered).await?;
        let payload = offer.0.encode_to_vec().into();
        self.send(ChaincodeMessage { payload, ..of_type(Type::Ready) }).await?;
        Ok(ChaincodeId::decode(register.payload)?.name)
    }

    /// Sends one message.
    ///
    /// # Errors
    /// [`PeerError::Ended`].
    pub async fn send(&self, message: ChaincodeMessage) -> Result<(), PeerError> {
        self.out.send(message).await.map_err(|_| PeerError::Ended)
    }

    /// Sends a message that has a type and nothing else.
    ///
    /// # Errors
    /// [`PeerError::Ended`].
    pub async fn send_type(&self, kind: Type) -> Result<(), PeerError> {
        self.send(of_type(kind)).await
    }

    /// Answers a request with these bytes.
    ///
    /// # Errors
    /// [`PeerError::Ended`].
    pub async fn respond(
        &self,
        request: &ChaincodeMessage,
        kind: Type,
        payload: impl Into<bytes::Bytes>,
    ) -> Result<(), PeerError> {
        self.send(ChaincodeMessage {
            payload: payload.into(),
            txid: request.txid.clone(),
            channel_id: request.channel_id.clone(),
            ..of_type(kind)
        })
        .await
    }

    /// Receives the next message.
    ///
    /// # Errors
    /// [`PeerError::Ended`] or [`PeerError::Status`].
    pub async fn receive(&mut self) -> Result<ChaincodeMessage, PeerError> {
        self.inbound.message().await?.ok_or(PeerError::Ended)
    }

    /// Receives the next message, which must be of this type.
    ///
    /// # Errors
    /// [`PeerError::Unexpected`].
    pub async fn expect(&mut self, kind: Type) -> Result<ChaincodeMessage, PeerError> {
        let message = self.receive().await?;
        if message.r#type() == kind {
            return Ok(message);
        }
        let (got, expected) = (message.r#type().as_str_name(), kind.as_str_name());
        Err(PeerError::Unexpected { got, expected })
    }

    /// Runs one transaction to its end, answering from the ledger.
    ///
    /// # Errors
    /// Whatever ends the stream.
    pub async fn invoke(&mut self, call: &Call) -> Result<Ending, PeerError> {
        self.send(call.message()).await?;
        self.ending(call).await
    }

    /// Answers requests from the ledger until this transaction has ended.
    ///
    /// # Errors
    /// Whatever ends the stream.
    pub async fn ending(&mut self, call: &Call) -> Result<Ending, PeerError> {
        let mut endings = self.endings(std::slice::from_ref(call)).await?;
        endings.pop().ok_or(PeerError::Ended)
    }

    /// Runs transactions at once, answering from the ledger; their endings in the order given.
    ///
    /// # Errors
    /// Whatever ends the stream.
    pub async fn invoke_all(&mut self, calls: &[Call]) -> Result<Vec<Ending>, PeerError> {
        for call in calls {
            self.send(call.message()).await?;
        }
        self.endings(calls).await
    }

    async fn endings(&mut self, calls: &[Call]) -> Result<Vec<Ending>, PeerError> {
        let mut endings = BTreeMap::new();
        let place = |message: &ChaincodeMessage| {
            calls.iter().position(|call| {
                call.tx_id() == message.txid && call.channel_id() == message.channel_id
            })
        };
        while endings.len() < calls.len() {
            let message = self.receive().await?;
            if !matches!(message.r#type(), Type::Completed | Type::Error) {
                let answer = self.ledger.answer(&message);
                self.send(answer).await?;
                continue;
            }
            let at = place(&message);
            let (channel_id, tx_id) = (message.channel_id.clone(), message.txid.clone());
            let ending = Ending::of(message)?;
            let commit = ending.response().is_some_and(|response| response.status < 400);
            self.ledger.end(&channel_id, &tx_id, commit);
            if let Some(at) = at {
                endings.insert(at, ending);
            }
        }
        Ok(endings.into_values().collect())
    }
}

fn of_type(kind: Type) -> ChaincodeMessage {
    ChaincodeMessage { r#type: kind.into(), ..Default::default() }
}
