//! The connection to a peer and the calls on it.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use fabric_protos::gateway::gateway_client::GatewayClient;
use fabric_protos::protos::deliver_client::DeliverClient;
use tonic::transport::Channel;
use tonic::{IntoRequest, Request, Response, Status};

use crate::options::{ConnectError, ConnectOptions};

/// Size of a message in either direction: a peer's own limit.
const MESSAGE_BYTES_MAX: usize = 100 * 1024 * 1024;

/// A connection to a peer, which any number of identities and calls may share.
///
/// One HTTP/2 connection carries all calls at the same time. When it breaks, the calls on it fail, and the next call
/// connects again. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Connection {
    client: GatewayClient<Channel>,
    blocks: DeliverClient<Channel>,
    /// SHA-256 of the certificate in the TLS handshake; empty without one.
    client_certificate_hash: Bytes,
}

impl Connection {
    /// Connects to a peer.
    ///
    /// # Errors
    /// When the options cannot be used or no connection is established.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let channel = options.endpoint()?.connect().await;
        let channel = channel.map_err(|source| options.transport_error(source))?;
        Ok(Self::from_channel(channel).with_client_certificate_hash(options.certificate_hash()))
    }

    /// Connects at the first call, so that a client can start while its peer cannot be reached.
    ///
    /// # Errors
    /// When the options cannot be used.
    pub fn connect_lazily(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let channel = options.endpoint()?.connect_lazy();
        Ok(Self::from_channel(channel).with_client_certificate_hash(options.certificate_hash()))
    }

    /// Uses a channel made by the caller, for transports that [`ConnectOptions`] does not offer. Its security, windows
    /// and pings are the caller's.
    #[must_use]
    pub fn from_channel(channel: Channel) -> Self {
        let client = GatewayClient::new(channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let blocks = DeliverClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        Self { client, blocks, client_certificate_hash: Bytes::new() }
    }

    /// Tells which certificate the channel presents in its TLS handshake, as the SHA-256 of its DER form. Peers with mutual
    /// TLS compare it with requests for blocks; [`ConnectOptions::client_certificate`] needs nothing more.
    #[must_use]
    pub fn with_client_certificate_hash(mut self, hash: impl Into<Bytes>) -> Self {
        self.client_certificate_hash = hash.into();
        self
    }

    /// A client of its own for one call.
    pub(crate) fn client(&self) -> GatewayClient<Channel> {
        self.client.clone()
    }

    pub(crate) fn deliver_client(&self) -> DeliverClient<Channel> {
        self.blocks.clone()
    }

    pub(crate) fn client_certificate_hash(&self) -> Bytes {
        self.client_certificate_hash.clone()
    }
}

/// A request that tells the peer how long this side waits.
pub(crate) fn request<M>(message: M, limit: Duration) -> Request<M> {
    let mut request = message.into_request();
    request.set_timeout(limit);
    request
}

/// Waits for an answer, connecting included, up to a limit.
pub(crate) async fn within<M>(
    limit: Duration,
    call: impl Future<Output = Result<Response<M>, Status>>,
) -> Result<M, Status> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map(Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded(format!("no answer within {limit:?}"))),
    }
}
